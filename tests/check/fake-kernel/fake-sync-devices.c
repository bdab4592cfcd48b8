/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sources of the fake kernel's fences: sw_sync and vgem. */

#include "fake-sync.h"
#include "../lib/sw-sync.h"
#include "../lib/vgem-uapi.h"

#include <errno.h>
#include <string.h>

static int
fail (int code)
{
  errno = code;
  return -1;
}

/* --- sw_sync: each open is a timeline (SWS-1) ----------------------------- */

typedef struct
{
  guint64 context;
  guint32 value;
  GPtrArray *fences; /* Of the timeline, pending */
} FakeTimeline;

typedef struct
{
  GPtrArray *fences;  /* By id - 1; NULL once signalled by the ioctl */
  GPtrArray *handles; /* FakeFile of dma-bufs, by handle - 1 */
} FakeVgem;

/* The open vgem devices */
static GPtrArray *vgems;

static FakeTimeline *
timeline_of (FakeFile *file)
{
  FakeTimeline *timeline = file->sync;

  if (!timeline) {
    timeline = file->sync = g_new0 (FakeTimeline, 1);
    timeline->context = fake_context_alloc ();
    timeline->fences =
        g_ptr_array_new_with_free_func ((GDestroyNotify) fake_fence_unref);
  }
  return timeline;
}

static void
timeline_signal (FakeTimeline *timeline, gboolean all, int status)
{
  guint i;

  for (i = timeline->fences->len; i > 0; i--) {
    FakeFence *fence = timeline->fences->pdata[i - 1];

    if (all || (gint32) (timeline->value - fence->seqno) >= 0) {
      fake_fence_signal (fence, status);
      g_ptr_array_remove_index_fast (timeline->fences, i - 1);
    }
  }
}

static int
timeline_create_fence (
    FakeTimeline *timeline, struct sw_sync_create_fence_data *args)
{
  FakeFence *fence = fake_fence_new (timeline->context, args->value, "sw_sync");
  int fd;

  args->name[sizeof args->name - 1] = '\0';
  g_strlcpy (fence->timeline, "sw_sync", sizeof fence->timeline);
  fd = fake_sync_file_install (fence, args->name);
  if (fd < 0) {
    fake_fence_unref (fence);
    return -1;
  }

  g_ptr_array_add (timeline->fences, fence);
  timeline_signal (timeline, FALSE, 1);
  args->fence = fd;
  return 0;
}

static int
timeline_get_deadline (struct sw_sync_get_deadline *args)
{
  FakeFile *file;
  FakeFence *fence;

  if (args->deadline_ns || args->pad)
    return fail (EINVAL);
  file = fake_file_lookup (args->fence_fd);
  fence = file && file->kind == FAKE_FILE_SYNC_FILE
      ? fake_sync_file_get_fence (file)
      : NULL;
  if (!fence || strcmp (fence->driver, "sw_sync") != 0)
    return fail (EINVAL);
  if (fence->deadline == 0)
    return fail (ENOENT);
  args->deadline_ns = fence->deadline;
  return 0;
}

static int
sw_sync_ioctl (FakeFile *file, unsigned long request, void *arg)
{
  FakeTimeline *timeline = timeline_of (file);

  switch (request) {
  case SW_SYNC_IOC_CREATE_FENCE:
    return timeline_create_fence (timeline, arg);
  case SW_SYNC_IOC_INC:
    timeline->value += *(guint32 *) arg;
    timeline_signal (timeline, FALSE, 1);
    return 0;
  case SW_SYNC_GET_DEADLINE:
    return timeline_get_deadline (arg);
  default:
    return fail (ENOTTY);
  }
}

/* --- vgem (VGEM-1) ------------------------------------------------------- */

static FakeVgem *
vgem_of (FakeFile *file)
{
  FakeVgem *vgem = file->sync;

  if (!vgem) {
    vgem = file->sync = g_new0 (FakeVgem, 1);
    vgem->fences = g_ptr_array_new ();
    vgem->handles = g_ptr_array_new ();
    if (!vgems)
      vgems = g_ptr_array_new ();
    g_ptr_array_add (vgems, vgem);
  }
  return vgem;
}

void
fake_vgem_expire (void)
{
  guint i, j;

  fake_lock ();
  for (i = 0; i < vgems->len; i++) {
    FakeVgem *vgem = vgems->pdata[i];

    for (j = 0; j < vgem->fences->len; j++) {
      FakeFence *fence = vgem->fences->pdata[j];

      if (fence && fence->status == 0)
        fake_fence_signal (fence, -ETIMEDOUT);
    }
  }
  fake_unlock ();
}

static int
vgem_attach (FakeVgem *vgem, struct drm_vgem_fence_attach *args)
{
  gboolean write = (args->flags & VGEM_FENCE_WRITE) != 0;
  FakeFile *file;
  FakeFence *fence;

  if (args->flags & ~VGEM_FENCE_WRITE || args->pad)
    return fail (EINVAL);
  if (args->handle == 0 || args->handle > vgem->handles->len)
    return fail (ENOENT);

  file = vgem->handles->pdata[args->handle - 1];
  if (!fake_resv_is_idle (file, write))
    return fail (EBUSY);

  fence = fake_fence_new (fake_context_alloc (), 1, "vgem");
  g_strlcpy (fence->timeline, "unbound", sizeof fence->timeline);
  fake_resv_add (file, fence, write);
  g_ptr_array_add (vgem->fences, fence);
  args->out_fence = vgem->fences->len;
  return 0;
}

static int
vgem_signal (FakeVgem *vgem, const struct drm_vgem_fence_signal *args)
{
  FakeFence *fence;
  int ret = 0;

  if (args->flags)
    return fail (EINVAL);
  if (args->fence == 0 || args->fence > vgem->fences->len
      || !vgem->fences->pdata[args->fence - 1])
    return fail (ENOENT);

  fence = vgem->fences->pdata[args->fence - 1];
  vgem->fences->pdata[args->fence - 1] = NULL;
  if (fence->status != 0)
    ret = fail (ETIMEDOUT);
  fake_fence_signal (fence, 1);
  fake_fence_unref (fence);
  return ret;
}

/* PRIME_FD_TO_HANDLE: a handle for a dma-buf of any exporter. */
static int
vgem_import (FakeVgem *vgem, struct drm_prime_handle *args)
{
  FakeFile *file = fake_file_lookup (args->fd);
  guint i;

  if (!file || file->kind != FAKE_FILE_DMABUF)
    return fail (file ? EINVAL : EBADF);

  for (i = 0; i < vgem->handles->len; i++) {
    if (vgem->handles->pdata[i] == file) {
      args->handle = i + 1;
      return 0;
    }
  }
  g_ptr_array_add (vgem->handles, fake_file_ref (file));
  args->handle = vgem->handles->len;
  return 0;
}

static int
vgem_ioctl (FakeFile *file, unsigned long request, void *arg)
{
  FakeVgem *vgem = vgem_of (file);

  switch (request) {
  case DRM_IOCTL_VGEM_FENCE_ATTACH:
    return vgem_attach (vgem, arg);
  case DRM_IOCTL_VGEM_FENCE_SIGNAL:
    return vgem_signal (vgem, arg);
  case DRM_IOCTL_PRIME_FD_TO_HANDLE:
    return vgem_import (vgem, arg);
  default:
    return fail (ENOTTY);
  }
}

/* --- Both ---------------------------------------------------------------- */

int
fake_device_ioctl (int fd, FakeFile *file, unsigned long request, void *arg)
{
  int ret;

  if (!arg)
    return fail (EFAULT);

  fake_lock ();
  ret = file->kind == FAKE_FILE_VGEM ? vgem_ioctl (file, request, arg)
                                     : sw_sync_ioctl (file, request, arg);
  fake_unlock ();
  return ret;
}

/* Closing signals the pending fences: of sw_sync with an error, of vgem
 * without. */
void
fake_device_free (FakeFile *file)
{
  guint i;

  if (file->kind == FAKE_FILE_SW_SYNC) {
    FakeTimeline *timeline = file->sync;

    timeline_signal (timeline, TRUE, -ENOENT);
    g_ptr_array_unref (timeline->fences);
    g_free (timeline);
    return;
  }

  {
    FakeVgem *vgem = file->sync;

    g_ptr_array_remove_fast (vgems, vgem);
    for (i = 0; i < vgem->fences->len; i++) {
      FakeFence *fence = vgem->fences->pdata[i];

      if (fence) {
        fake_fence_signal (fence, 1);
        fake_fence_unref (fence);
      }
    }
    for (i = 0; i < vgem->handles->len; i++)
      fake_file_unref (vgem->handles->pdata[i]);
    g_ptr_array_unref (vgem->fences);
    g_ptr_array_unref (vgem->handles);
    g_free (vgem);
  }
}
