/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sync.h"
#include "../fake-kernel/fake-sync.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* --- Software fences ----------------------------------------------------- */

DmabufFence *
mock_fence_at (guint64 context, guint64 seqno)
{
  GError *error = NULL;
  DmabufFence *fence;

  fence = dmabuf_fence_new_software (context, seqno, FAR_AWAY, &error);
  assert_no_error (error);
  return fence;
}

DmabufFence *
mock_fence (void)
{
  return mock_fence_at (dmabuf_fence_context_alloc (1), 1);
}

void
signal_and_unref (DmabufFence *fence)
{
  dmabuf_fence_signal (fence);
  dmabuf_fence_unref (fence);
}

void
count_call (DmabufFence *fence, gpointer calls)
{
  count_add (calls, 1);
}

gpointer
signal_fence (gpointer fence)
{
  dmabuf_fence_signal (fence);
  return NULL;
}

gpointer
step (gpointer timeline)
{
  timeline_inc (GPOINTER_TO_INT (timeline), 1);
  return NULL;
}

gpointer
cancel (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

gboolean
wait_ms (DmabufFence *fence, guint ms)
{
  GError *error = NULL;

  if (dmabuf_fence_wait (
          fence, g_get_monotonic_time () + ms * 1000, NULL, &error))
    return TRUE;
  assert_error (error, ETIME);
  return FALSE;
}

int
lock_code (DmabufReservation *resv, DmabufAcquireContext *context)
{
  GError *error = NULL;
  int code;

  if (dmabuf_reservation_lock (resv, context, &error))
    return 0;
  code = error->code;
  g_error_free (error);
  return code;
}

/* --- sync_files ---------------------------------------------------------- */

guint
file_n_fences (int fd)
{
  struct sync_file_info info;

  fail_unless (dmabuf_kernel_file_info (fd, &info, NULL, 0) == 0);
  return info.num_fences;
}

guint
file_n_with_status (int fd, int status)
{
  struct sync_file_info info;
  struct sync_fence_info *fences;
  guint n = file_n_fences (fd);
  guint i, found = 0;

  fences = g_new0 (struct sync_fence_info, n);
  fail_unless (dmabuf_kernel_file_info (fd, &info, fences, n) == 0);
  for (i = 0; i < MIN (n, info.num_fences); i++)
    found += fences[i].status == status;
  g_free (fences);
  return found;
}

int
file_status (int fd)
{
  struct sync_file_info info;

  fail_unless (dmabuf_kernel_file_info (fd, &info, NULL, 0) == 0);
  return info.status;
}

gboolean
is_ready_in (int fd, short events, guint ms)
{
  gint64 deadline = g_get_monotonic_time () + ms * 1000;

  return dmabuf_kernel_poll (fd, events, ms ? deadline : 0, NULL) > 0;
}

gboolean
is_ready (int fd, short events)
{
  return is_ready_in (fd, events, 0);
}

int
merge_fds (int a, int b)
{
  return dmabuf_kernel_merge ("merged", a, b);
}

void
close_fd (int fd)
{
  dmabuf_kernel->close (fd);
}

/* --- Buffers ------------------------------------------------------------- */

DmabufBuffer *
shared_buffer (void)
{
  DmabufExporter *exporter = backend_new_exporter (1);
  GError *error = NULL;
  DmabufBuffer *buffer;

  buffer = dmabuf_exporter_allocate (exporter, 4096, &error);
  assert_no_error (error);
  fail_unless (dmabuf_buffer_get_fd (buffer) >= 0);
  g_object_unref (exporter);
  return buffer;
}

/* The argument of DRM_IOCTL_VERSION (struct drm_version) */
struct version
{
  int major, minor, patch;
  size_t name_length;
  char *name;
  size_t date_length;
  char *date;
  size_t description_length;
  char *description;
};

static gboolean
is_vgem (int fd)
{
  char name[16] = "";
  struct version version = { .name_length = sizeof name, .name = name };

  return dmabuf_kernel_ioctl (fd, _IOWR ('d', 0, struct version), &version) == 0
      && strncmp (name, "vgem", 4) == 0;
}

int
vgem_find (void)
{
  char path[32];
  guint i;
  int fd;

  if (backend_is_fake ())
    return dmabuf_kernel->open (FAKE_VGEM_PATH, 2);

  for (i = 0; i < 16; i++) {
    g_snprintf (path, sizeof path, "/dev/dri/card%u", i);
    fd = dmabuf_kernel->open (path, 2);
    if (fd >= 0 && is_vgem (fd))
      return fd;
    if (fd >= 0)
      close (fd);
  }
  return -1;
}

int
vgem_open (void)
{
  int fd = vgem_find ();

  fail_unless (fd >= 0, "no vgem here");
  return fd;
}

/* A dumb buffer of vgem (struct drm_mode_create_dumb) */
struct create_dumb
{
  __u32 height, width, bpp, flags, handle, pitch;
  __u64 size;
};

int
vgem_import (int vgem, int dmabuf_fd, guint32 *handle)
{
  struct drm_prime_handle prime = { .fd = dmabuf_fd };
  int ret = dmabuf_kernel_ioctl (vgem, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);

  *handle = prime.handle;
  return -ret;
}

int
vgem_attach (int vgem, int dmabuf_fd, guint32 flags, guint32 *fence)
{
  struct drm_vgem_fence_attach args = { .flags = flags };
  int ret;

  ret = vgem_import (vgem, dmabuf_fd, &args.handle);
  fail_unless (ret == 0, "PRIME_FD_TO_HANDLE: %s", g_strerror (ret));
  ret = dmabuf_kernel_ioctl (vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &args);
  *fence = args.out_fence;
  return -ret;
}

int
vgem_signal (int vgem, guint32 fence)
{
  struct drm_vgem_fence_signal args = { .fence = fence };

  return -dmabuf_kernel_ioctl (vgem, DRM_IOCTL_VGEM_FENCE_SIGNAL, &args);
}

/* --- Misuse -------------------------------------------------------------- */

static gint n_criticals;
static GLogFunc old_handler;
static GLogLevelFlags old_fatal;

static void
count_critical (const gchar *domain, GLogLevelFlags level, const gchar *message,
    gpointer unused)
{
  g_atomic_int_inc (&n_criticals);
}

void
criticals_catch (void)
{
  g_atomic_int_set (&n_criticals, 0);
  old_fatal = g_log_set_always_fatal (G_LOG_LEVEL_ERROR);
  old_handler = g_log_set_default_handler (count_critical, NULL);
}

guint
criticals_count (void)
{
  g_log_set_default_handler (old_handler, NULL);
  g_log_set_always_fatal (old_fatal);
  return g_atomic_int_get (&n_criticals);
}

gboolean
test_is_long (void)
{
  return g_strcmp0 (g_getenv ("DMABUF_TEST_LONG"), "1") == 0;
}
