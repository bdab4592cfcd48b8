/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kernel-backed fences that are reached through a device: DRM syncobj points,
 * Vulkan semaphores. The core knows neither libdrm nor Vulkan; the owner of the
 * device implements DmabufFenceBackend. */

#include "dmabuf-fence-private.h"
#include "dmabuf-kernel-private.h"
#include "dmabuf-poller-private.h"
#include "dmabuf-thread-private.h"

#include <errno.h>

typedef struct
{
  DmabufFence fence;
  DmabufPollerSource source; /* Its fd is -1 until the first wait */
  const DmabufFenceBackend *backend;
  gpointer data;
} External;

static External *
external_of (DmabufPollerSource *source)
{
  return (External *) ((char *) source - G_STRUCT_OFFSET (External, source));
}

static gboolean
source_ref (DmabufPollerSource *source)
{
  return dmabuf_fence_try_ref (&external_of (source)->fence);
}

static gboolean
external_signaled (DmabufFence *fence, int *error, gint64 *timestamp)
{
  External *self = (External *) fence;

  return self->backend->is_signaled (self->data, error, timestamp);
}

/* The fd is ready; the backend may know error and timestamp. @gone: the fd's
 * other end is closed, so no signal will come, which ends the fence too
 * (XDC-1). */
static void
external_settle (DmabufFence *fence, gboolean gone)
{
  int error = 0;
  gint64 timestamp = 0;

  if (!external_signaled (fence, &error, &timestamp) && gone)
    error = -EIO;
  dmabuf_fence_settle (fence, error, timestamp);
}

static void
source_dispatch (DmabufPollerSource *source, guint32 events)
{
  DmabufFence *fence = &external_of (source)->fence;

  external_settle (fence, !(events & EPOLLIN));
  dmabuf_fence_dispatch (fence);
  dmabuf_fence_unref (fence);
}

/* Under the fence's lock. */
static int
external_open (External *self)
{
  if (self->source.fd < 0)
    self->source.fd = self->backend->open_poll_fd (self->data);
  return self->source.fd;
}

static int
external_enable (DmabufFence *fence)
{
  External *self = (External *) fence;
  int ret;

  if (external_open (self) < 0)
    return self->source.fd;
  ret = dmabuf_poller_add (&self->source, EPOLLIN);
  return ret < 0 ? ret : 1;
}

static void
external_disable (DmabufFence *fence)
{
  dmabuf_poller_remove (&((External *) fence)->source);
}

static int
external_wait (DmabufFence *fence, gint64 deadline, GCancellable *cancellable)
{
  External *self = (External *) fence;
  int fd, ret;

  g_mutex_lock (&fence->lock);
  fd = external_open (self);
  g_mutex_unlock (&fence->lock);
  if (fd < 0)
    return fd;

  ret = dmabuf_kernel_poll (fd, POLLIN, deadline, cancellable);
  if (ret <= 0 && ret != -EIO)
    return ret;

  /* FEN-11: a closed other end ends the wait too; the error is the fence's. */
  external_settle (fence, ret < 0);
  return 1;
}

static int
external_export (DmabufFence *fence, GError **error)
{
  External *self = (External *) fence;

  return self->backend->export_sync_file (self->data, error);
}

static void
external_set_deadline (DmabufFence *fence, gint64 deadline)
{
  External *self = (External *) fence;

  if (self->backend->set_deadline)
    self->backend->set_deadline (self->data, deadline);
}

static const char *
external_get_driver_name (DmabufFence *fence)
{
  return ((External *) fence)->backend->driver_name;
}

static const char *
external_get_timeline_name (DmabufFence *fence)
{
  return "external";
}

static void
external_release (DmabufFence *fence)
{
  External *self = (External *) fence;

  dmabuf_poller_remove (&self->source);
  if (self->source.fd >= 0)
    dmabuf_kernel->close (self->source.fd);
  if (self->backend->free)
    self->backend->free (self->data);
  g_free (self);
}

static const DmabufFenceOps external_ops = {
  .kind = DMABUF_FENCE_KIND_KERNEL,
  .get_driver_name = external_get_driver_name,
  .get_timeline_name = external_get_timeline_name,
  .enable = external_enable,
  .disable = external_disable,
  .signaled = external_signaled,
  .wait = external_wait,
  .export_sync_file = external_export,
  .set_deadline = external_set_deadline,
  .release = external_release,
};

DmabufFence *
dmabuf_fence_new_external (const DmabufFenceBackend *backend, gpointer data,
    guint64 context, guint64 seqno, DmabufFenceTrust trust)
{
  External *self;

  g_return_val_if_fail (backend != NULL, NULL);

  self = g_new0 (External, 1);
  dmabuf_fence_init (&self->fence, &external_ops, context, seqno);
  self->fence.flags = DMABUF_FENCE_FLAG_SEQNO64;
  self->fence.trust = trust;
  self->backend = backend;
  self->data = data;
  self->source.fd = -1;
  self->source.ref = source_ref;
  self->source.dispatch = source_dispatch;

  return &self->fence;
}
