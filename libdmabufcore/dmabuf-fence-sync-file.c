/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kernel-backed fences on a sync_file. */

#include "dmabuf-fence-private.h"
#include "dmabuf-kernel-private.h"
#include "dmabuf-poller-private.h"
#include "dmabuf-spin-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* SEC-15: a peer can merge thousands of fences into one sync_file. Above this
 * number of leaves only the status of the whole is read. */
#define MAX_LEAVES 1024

typedef struct _SyncFile SyncFile;

struct _SyncFile
{
  DmabufFence fence;
  DmabufPollerSource source; /* Its fd is the sync_file */
  SyncFile *next;            /* In the list of spares */
};

/* Released fences are kept for reuse: a driver makes one for each frame, and a
 * frame should allocate nothing. Enough for the frames in flight of some
 * pipelines. None under ASan, which would miss a use after free. */
#ifdef __SANITIZE_ADDRESS__
#define MAX_SPARES 0
#else
#define MAX_SPARES 32
#endif

static gint spares_lock; /* Held for a few instructions */
static SyncFile *spares;
static gint n_spares;

static gboolean
source_ref (DmabufPollerSource *source)
{
  SyncFile *self =
      (SyncFile *) ((char *) source - G_STRUCT_OFFSET (SyncFile, source));

  return dmabuf_fence_try_ref (&self->fence);
}

static void
source_dispatch (DmabufPollerSource *source, guint32 events)
{
  SyncFile *self =
      (SyncFile *) ((char *) source - G_STRUCT_OFFSET (SyncFile, source));

  dmabuf_fence_settle (&self->fence, 0, -1);
  dmabuf_fence_dispatch (&self->fence);
  dmabuf_fence_unref (&self->fence);
}

static int
sync_file_enable (DmabufFence *fence)
{
  SyncFile *self = (SyncFile *) fence;
  int ret;

  ret = dmabuf_poller_add (&self->source, EPOLLIN);
  return ret < 0 ? ret : 1;
}

static void
sync_file_disable (DmabufFence *fence)
{
  SyncFile *self = (SyncFile *) fence;

  dmabuf_poller_remove (&self->source);
}

static gboolean
sync_file_signaled (DmabufFence *fence, int *error, gint64 *timestamp)
{
  SyncFile *self = (SyncFile *) fence;

  *timestamp = -1;
  return dmabuf_kernel_poll (self->source.fd, POLLIN, 0, NULL) > 0;
}

/* The status of the whole may hide an error (ARR-5, SF-3), so the leaves are
 * read: the first error, and the latest time. */
static void
sync_file_get_info (DmabufFence *fence, int *error, gint64 *timestamp)
{
  SyncFile *self = (SyncFile *) fence;
  struct sync_fence_info few[4];
  struct sync_fence_info *leaves = few;
  struct sync_file_info info;
  guint n = G_N_ELEMENTS (few);
  guint i;
  int ret;

  memset (few, 0, sizeof few);
  ret = dmabuf_kernel_file_info (self->source.fd, &info, leaves, n);
  if (ret == -EINVAL) {
    /* SF-3: there are more leaves; 0 asks for their number. */
    ret = dmabuf_kernel_file_info (self->source.fd, &info, NULL, 0);
    n = MIN (info.num_fences, MAX_LEAVES);
    if (ret == 0 && n == info.num_fences) {
      leaves = g_new0 (struct sync_fence_info, n);
      ret = dmabuf_kernel_file_info (self->source.fd, &info, leaves, n);
    } else {
      n = 0;
    }
  }

  if (ret == 0 && info.status < 0)
    *error = info.status;

  /* The number of leaves may have shrunk between the two calls (SF-4). */
  for (i = 0; ret == 0 && i < MIN (n, info.num_fences); i++) {
    if (leaves[i].status < 0 && *error == 0)
      *error = leaves[i].status;
    *timestamp = MAX (*timestamp, (gint64) leaves[i].timestamp_ns);
  }

  if (leaves != few)
    g_free (leaves);
}

static int
sync_file_wait (DmabufFence *fence, gint64 deadline, GCancellable *cancellable)
{
  SyncFile *self = (SyncFile *) fence;
  int ret;

  ret = dmabuf_kernel_poll (self->source.fd, POLLIN, deadline, cancellable);
  if (ret > 0)
    dmabuf_fence_settle (fence, 0, -1);
  return ret;
}

static int
sync_file_export (DmabufFence *fence, GError **error)
{
  SyncFile *self = (SyncFile *) fence;
  int fd = dmabuf_kernel->dup (self->source.fd);

  if (fd < 0) {
    int code = errno;

    dmabuf_set_error (error, code, "sync_file: cannot be duplicated: %s%s",
        g_strerror (code), code == EMFILE ? "; raise RLIMIT_NOFILE" : "");
  }
  return fd;
}

static void
sync_file_set_deadline (DmabufFence *fence, gint64 deadline)
{
  SyncFile *self = (SyncFile *) fence;

  /* A hint, so the errors of kernels without the ioctl are ignored (SF-6). */
  dmabuf_kernel_set_deadline (self->source.fd,
      CLAMP (deadline, 0, G_MAXINT64 / 1000) * G_GUINT64_CONSTANT (1000));
}

static const char *
sync_file_get_driver_name (DmabufFence *fence)
{
  return "sync_file";
}

/* The kernel's names would cost a system call and may be any text of a peer's
 * (SF-5, SEC-15). */
static const char *
sync_file_get_timeline_name (DmabufFence *fence)
{
  return "kernel";
}

static void
sync_file_release (DmabufFence *fence)
{
  SyncFile *self = (SyncFile *) fence;

  /* Most were never watched, and save the poller's lock. */
  if (g_atomic_int_get (&fence->flags) & DMABUF_FENCE_FLAG_ENABLED)
    dmabuf_poller_remove (&self->source);
  dmabuf_kernel->close (self->source.fd);

  dmabuf_spin_lock (&spares_lock);
  if (n_spares < MAX_SPARES) {
    self->next = spares;
    spares = self;
    n_spares++;
    self = NULL;
  }
  dmabuf_spin_unlock (&spares_lock);
  g_free (self);
}

static const DmabufFenceOps sync_file_ops = {
  .kind = DMABUF_FENCE_KIND_KERNEL,
  .get_driver_name = sync_file_get_driver_name,
  .get_timeline_name = sync_file_get_timeline_name,
  .enable = sync_file_enable,
  .disable = sync_file_disable,
  .signaled = sync_file_signaled,
  .get_info = sync_file_get_info,
  .wait = sync_file_wait,
  .export_sync_file = sync_file_export,
  .set_deadline = sync_file_set_deadline,
  .release = sync_file_release,
};

static DmabufFence *
sync_file_new (int fd, DmabufFenceTrust trust)
{
  SyncFile *self;

  dmabuf_spin_lock (&spares_lock);
  self = spares;
  if (self) {
    spares = self->next;
    n_spares--;
  }
  dmabuf_spin_unlock (&spares_lock);
  if (self)
    memset (self, 0, sizeof (*self));
  else
    self = g_new0 (SyncFile, 1);

  /* The kernel does not tell the context, so each fence gets its own. */
  dmabuf_fence_init (
      &self->fence, &sync_file_ops, dmabuf_fence_context_alloc (1), 1);
  self->fence.trust = trust;
  self->source.fd = fd;
  self->source.ref = source_ref;
  self->source.dispatch = source_dispatch;

  return &self->fence;
}

DmabufFence *
dmabuf_fence_new_known_sync_file (int fd)
{
  return sync_file_new (fd, DMABUF_FENCE_TRUST_FULL);
}

int
dmabuf_fence_peek_sync_file (DmabufFence *fence)
{
  return fence->ops == &sync_file_ops ? ((SyncFile *) fence)->source.fd : -1;
}

DmabufFence *
dmabuf_fence_new_sync_file (int fd, DmabufFenceTrust trust, GError **error)
{
  struct sync_file_info info;
  DmabufFence *fence;
  char target[64];
  ssize_t length;
  int ret = -EINVAL;

  /* SEC-4: the link's text first, as other calls may block on a file that a
   * peer serves (FUSE). Then FILE_INFO is the proof (SEC-15). */
  length = dmabuf_kernel->read_link (fd, target, sizeof target - 1);
  if (length < 0) {
    ret = -errno;
    /* Either the fd is not open, or /proc is missing. */
    if (dmabuf_kernel->fcntl (fd, F_GETFD, 0) < 0)
      ret = -EBADF;
    goto err_link;
  }
  target[length] = '\0';
  if (strcmp (target, "anon_inode:sync_file") != 0)
    goto err_type;

  ret = dmabuf_kernel_file_info (fd, &info, NULL, 0);
  if (ret < 0)
    goto err_type;

  fence = sync_file_new (fd, trust);
  if (info.status != 0)
    dmabuf_fence_settle (fence, 0, -1);

  return fence;

  /* ERRORS */
err_link:
  if (ret == -EBADF) {
    dmabuf_set_error (error, EBADF, "fd %d: not open", fd);
    return NULL;
  }
  dmabuf_set_error (error, -ret,
      "cannot tell what fd %d is: %s; is /proc there?", fd, g_strerror (-ret));
  dmabuf_kernel->close (fd);
  return NULL;
err_type:
  if (ret == -ENOTTY)
    ret = -EINVAL;
  dmabuf_set_error (error, -ret,
      "fd %d: not a sync_file; give the fd of a fence (EXPORT_SYNC_FILE,"
      " OUT_FENCE_PTR, vkGetSemaphoreFdKHR)",
      fd);
  dmabuf_kernel->close (fd);
  return NULL;
}
