/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fences for event loops: a GSource, a GTask, an fd. */

#include "dmabuf-fence-private.h"
#include "dmabuf-kernel-private.h"

#include <errno.h>
#include <sys/eventfd.h>

/* --- Source ------------------------------------------------------------ */

typedef struct
{
  GSource source;
  DmabufFence *fence;
  guint callback;
} FenceSource;

static void
on_signaled (DmabufFence *fence, gpointer source)
{
  g_source_set_ready_time (source, 0);
}

static void
source_drop_callback (FenceSource *self)
{
  guint id = self->callback;

  self->callback = 0;
  if (id)
    dmabuf_fence_remove_callback (self->fence, id);
}

static gboolean
source_dispatch (GSource *source, GSourceFunc func, gpointer user_data)
{
  g_source_set_ready_time (source, -1);
  if (func && func (user_data) == G_SOURCE_CONTINUE)
    return G_SOURCE_CONTINUE;

  source_drop_callback ((FenceSource *) source);
  return G_SOURCE_REMOVE;
}

static void
source_finalize (GSource *source)
{
  dmabuf_fence_unref (((FenceSource *) source)->fence);
}

static GSourceFuncs source_funcs = {
  .dispatch = source_dispatch,
  .finalize = source_finalize,
};

static GSource *
fence_source_new (DmabufFence *fence, gint64 deadline)
{
  GSource *source;
  FenceSource *self;

  source = g_source_new (&source_funcs, sizeof (FenceSource));
  g_source_set_static_name (source, "dmabuf-fence");
  self = (FenceSource *) source;
  self->fence = dmabuf_fence_ref (fence);
  if (deadline != DMABUF_DEADLINE_NEVER)
    g_source_set_ready_time (source, MAX (deadline, 0));

  /* The callback holds a reference, as the source may be destroyed at any time;
   * then the last reference is dropped when the fence signals. */
  self->callback = dmabuf_fence_add_callback (fence, on_signaled,
      g_source_ref (source), (GDestroyNotify) g_source_unref);
  if (self->callback == 0)
    g_source_set_ready_time (source, 0);

  return source;
}

GSource *
dmabuf_fence_source_new (DmabufFence *fence)
{
  g_return_val_if_fail (fence != NULL, NULL);

  return fence_source_new (fence, DMABUF_DEADLINE_NEVER);
}

/* --- Task -------------------------------------------------------------- */

static gboolean
on_wait_over (gpointer user_data)
{
  GTask *task = user_data;
  DmabufFence *fence = g_task_get_task_data (task);

  if (g_task_get_completed (task))
    return G_SOURCE_REMOVE;

  if (dmabuf_fence_is_signaled (fence)) {
    g_task_return_boolean (task, TRUE);
  } else if (!g_task_return_error_if_cancelled (task)) {
    GError *error = NULL;

    dmabuf_fence_set_wait_error (fence, 0, &error);
    g_task_return_error (task, error);
  }

  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

void
dmabuf_fence_wait_async (DmabufFence *fence, gint64 deadline,
    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task;
  GSource *source;

  g_return_if_fail (fence != NULL);

  task = g_task_new (NULL, cancellable, callback, user_data);
  g_task_set_source_tag (task, dmabuf_fence_wait_async);
  g_task_set_task_data (
      task, dmabuf_fence_ref (fence), (GDestroyNotify) dmabuf_fence_unref);
  /* A fence that has signalled is a success even if cancelled meanwhile. */
  g_task_set_check_cancellable (task, FALSE);

  /* One source for three events: the deadline is its ready time, the fence's
   * callback sets the ready time to now, the cancellable is a child source. */
  source = fence_source_new (fence, deadline);
  if (cancellable) {
    GSource *child = g_cancellable_source_new (cancellable);

    g_source_set_callback (child, G_SOURCE_FUNC (on_cancelled), NULL, NULL);
    g_source_add_child_source (source, child);
    g_source_unref (child);
  }
  g_task_attach_source (task, source, on_wait_over);
  g_source_unref (source);
  g_object_unref (task);
}

gboolean
dmabuf_fence_wait_finish (
    DmabufFence *fence, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- Fd ---------------------------------------------------------------- */

/* Holds the fence, as the owner of the fd need not. */
typedef struct
{
  DmabufFence *fence;
  int fd;
} PollFd;

static void
on_signaled_write (DmabufFence *fence, gpointer user_data)
{
  PollFd *poll_fd = user_data;
  guint64 one = 1;

  dmabuf_kernel->write (poll_fd->fd, &one, sizeof one);
}

static void
poll_fd_free (gpointer user_data)
{
  PollFd *poll_fd = user_data;

  dmabuf_kernel->close (poll_fd->fd);
  dmabuf_fence_unref (poll_fd->fence);
  g_free (poll_fd);
}

int
dmabuf_fence_open_poll_fd (DmabufFence *fence, GError **error)
{
  PollFd *poll_fd;
  int fd, own, code;

  g_return_val_if_fail (fence != NULL, -1);

  if (dmabuf_fence_get_kind (fence) == DMABUF_FENCE_KIND_KERNEL)
    return dmabuf_fence_export_sync_file (fence, error);

  /* An eventfd stays readable until it is read. The callback has an fd of its
   * own, as the caller may close the other at any time. */
  fd = dmabuf_kernel->eventfd (
      dmabuf_fence_is_signaled (fence) ? 1 : 0, EFD_NONBLOCK);
  if (fd < 0)
    goto err_fd;
  own = dmabuf_kernel->dup (fd);
  if (own < 0)
    goto err_dup;

  poll_fd = g_new (PollFd, 1);
  poll_fd->fence = dmabuf_fence_ref (fence);
  poll_fd->fd = own;
  if (dmabuf_fence_add_callback (
          fence, on_signaled_write, poll_fd, poll_fd_free)
      == 0) {
    guint64 one = 1;

    dmabuf_kernel->write (fd, &one, sizeof one);
  }
  return fd;

  /* ERRORS */
err_fd:
  code = errno;
  dmabuf_set_error (
      error, code, "eventfd: %s; raise RLIMIT_NOFILE", g_strerror (code));
  return -1;
err_dup:
  code = errno;
  dmabuf_kernel->close (fd);
  dmabuf_set_error (
      error, code, "eventfd: %s; raise RLIMIT_NOFILE", g_strerror (code));
  return -1;
}
