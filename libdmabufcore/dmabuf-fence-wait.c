/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-annotation-private.h"
#include "dmabuf-fence-private.h"
#include "dmabuf-fence-software.h"
#include "dmabuf-kernel-private.h"
#include "dmabuf-poller-private.h"
#include "dmabuf-thread-private.h"

#include <errno.h>
#include <sys/eventfd.h>

/* Lets one thread sleep until a fence or a cancellable wakes it. */
typedef struct
{
  GMutex lock;
  GCond cond;
  gboolean woken;
} Sleeper;

static void
sleeper_wake (Sleeper *sleeper)
{
  g_mutex_lock (&sleeper->lock);
  sleeper->woken = TRUE;
  g_cond_signal (&sleeper->cond);
  g_mutex_unlock (&sleeper->lock);
}

static void
on_signaled (DmabufFence *fence, gpointer sleeper)
{
  sleeper_wake (sleeper);
}

static void
on_cancelled (GCancellable *cancellable, gpointer sleeper)
{
  sleeper_wake (sleeper);
}

/* Sleeps until the deadline at most, which is absolute: signals do not prolong
 * it (FEN-11). */
static void
sleeper_sleep (Sleeper *sleeper, gint64 deadline)
{
  g_mutex_lock (&sleeper->lock);
  while (!sleeper->woken) {
    if (deadline == DMABUF_DEADLINE_NEVER)
      g_cond_wait (&sleeper->cond, &sleeper->lock);
    else if (!g_cond_wait_until (&sleeper->cond, &sleeper->lock, deadline))
      break;
  }
  g_mutex_unlock (&sleeper->lock);
}

static gboolean
find_signaled (DmabufFence **fences, guint n_fences, guint *first)
{
  guint i;

  for (i = 0; i < n_fences; i++) {
    if (dmabuf_fence_is_signaled (fences[i])) {
      *first = i;
      return TRUE;
    }
  }
  return FALSE;
}

/* Whether @cancel_fd, if there is one, is readable or its other end is gone:
 * then it can never become readable. */
static gboolean
cancel_has_come (int cancel_fd)
{
  return cancel_fd >= 0 && dmabuf_kernel_poll (cancel_fd, POLLIN, 0, NULL) != 0;
}

/* Polls the fences, as callbacks need an fd for the poller. */
static int
wait_by_looking (DmabufFence **fences, guint n_fences, gint64 deadline,
    GCancellable *cancellable, int cancel_fd)
{
  guint first;

  for (;;) {
    if (find_signaled (fences, n_fences, &first))
      return 1;
    if (g_cancellable_is_cancelled (cancellable) || cancel_has_come (cancel_fd))
      return -ECANCELED;
    if (deadline <= g_get_monotonic_time ())
      return 0;
    g_usleep (DMABUF_FENCE_LOOK_PERIOD);
  }
}

static int
wait_by_callback (
    DmabufFence *fence, gint64 deadline, GCancellable *cancellable)
{
  Sleeper sleeper = { 0 };
  gulong handler = 0;
  guint id;

  if (dmabuf_poller_ensure_started () < 0)
    return wait_by_looking (&fence, 1, deadline, cancellable, -1);

  id = dmabuf_fence_add_callback (fence, on_signaled, &sleeper, NULL);
  if (id == 0)
    return 1;

  if (cancellable)
    handler = g_cancellable_connect (
        cancellable, G_CALLBACK (on_cancelled), &sleeper, NULL);
  sleeper_sleep (&sleeper, deadline);
  if (handler)
    g_cancellable_disconnect (cancellable, handler);
  dmabuf_fence_remove_callback (fence, id);

  /* Once more: it may have signalled at the last instant (FEN-11). */
  if (dmabuf_fence_is_signaled (fence))
    return 1;
  return g_cancellable_is_cancelled (cancellable) ? -ECANCELED : 0;
}

int
dmabuf_fence_wait_status (
    DmabufFence *fence, gint64 deadline, GCancellable *cancellable)
{
  if (dmabuf_fence_is_signaled (fence))
    return 1;
  if (g_cancellable_is_cancelled (cancellable))
    return -ECANCELED;
  if (deadline <= g_get_monotonic_time ())
    return 0;

  if (fence->ops->wait)
    return fence->ops->wait (fence, deadline, cancellable);
  return wait_by_callback (fence, deadline, cancellable);
}

void
dmabuf_fence_set_wait_error (DmabufFence *fence, int status, GError **error)
{
  if (status == -ECANCELED)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
        "the wait for a fence was cancelled");
  else if (status == 0)
    dmabuf_set_error (error, ETIME,
        "%s fence has not signalled before the deadline; is its driver or"
        " device hung?",
        dmabuf_fence_get_driver_name (fence));
  else
    dmabuf_set_error (error, -status, "%s fence cannot be waited for: %s",
        dmabuf_fence_get_driver_name (fence), g_strerror (-status));
}

gboolean
dmabuf_fence_wait (DmabufFence *fence, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  int status;

  g_return_val_if_fail (fence != NULL, FALSE);

  dmabuf_annotation_might_wait ("dmabuf_fence_wait");

  status = dmabuf_fence_wait_status (fence, deadline, cancellable);
  if (status <= 0)
    dmabuf_fence_set_wait_error (fence, status, error);

  return status > 0;
}

/* --- Many -------------------------------------------------------------- */

/* Sleeps in ppoll, which @cancel_fd can end: 1 woken, 0 at the deadline,
 * -ECANCELED, -errno. */
static int
poll_two (int fd, int cancel_fd, gint64 deadline, GCancellable *cancellable)
{
  int epoll_fd, ret;
  struct epoll_event event = { .events = EPOLLIN };

  /* One epoll for both, as dmabuf_kernel_poll () waits for one fd. */
  epoll_fd = dmabuf_kernel->epoll_create ();
  if (epoll_fd < 0)
    return -errno;

  if (dmabuf_kernel->epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0
      || dmabuf_kernel->epoll_ctl (epoll_fd, EPOLL_CTL_ADD, cancel_fd, &event)
          < 0)
    ret = -errno;
  else
    ret = dmabuf_kernel_poll (epoll_fd, POLLIN, deadline, cancellable);
  dmabuf_kernel->close (epoll_fd);

  if (ret > 0 && cancel_has_come (cancel_fd))
    ret = -ECANCELED;
  return ret;
}

static void
on_signaled_write (DmabufFence *fence, gpointer fd)
{
  guint64 one = 1;

  dmabuf_kernel->write (GPOINTER_TO_INT (fd), &one, sizeof one);
}

static int
wait_with_fd (DmabufFence *fence, gint64 deadline, GCancellable *cancellable,
    int cancel_fd)
{
  int fd, ret;
  guint id;

  if (dmabuf_fence_is_signaled (fence))
    return 1;
  if (dmabuf_poller_ensure_started () < 0)
    return wait_by_looking (&fence, 1, deadline, cancellable, cancel_fd);

  fd = dmabuf_kernel->eventfd (0, EFD_NONBLOCK);
  if (fd < 0)
    return -errno;

  id = dmabuf_fence_add_callback (
      fence, on_signaled_write, GINT_TO_POINTER (fd), NULL);
  ret = id ? poll_two (fd, cancel_fd, deadline, cancellable) : 1;
  dmabuf_fence_remove_callback (fence, id);
  dmabuf_kernel->close (fd);

  return dmabuf_fence_is_signaled (fence) ? 1 : ret;
}

/* The n-th callback wakes the waiter; n is 1 for "any". */
typedef struct
{
  DmabufFence *done; /* A software fence that stands for all of them */
  gint n;
} Group;

static void
on_member (DmabufFence *fence, gpointer user_data)
{
  Group *group = user_data;

  if (g_atomic_int_add (&group->n, -1) == 1)
    dmabuf_fence_signal (group->done);
}

static int
wait_any (DmabufFence **fences, guint n_fences, gint64 deadline,
    GCancellable *cancellable, int cancel_fd, guint *first)
{
  Group group = { .n = 1 };
  guint *ids;
  guint i;
  int ret;

  if (dmabuf_poller_ensure_started () < 0) {
    ret = wait_by_looking (fences, n_fences, deadline, cancellable, cancel_fd);
    find_signaled (fences, n_fences, first);
    return ret;
  }

  ids = g_new0 (guint, n_fences);
  /* Its deadline is after the wait's, so only a member can signal it. */
  group.done = dmabuf_fence_new_software (
      dmabuf_fence_context_alloc (1), 1, DMABUF_DEADLINE_NEVER - 1, NULL);

  for (i = 0; i < n_fences; i++) {
    ids[i] = dmabuf_fence_add_callback (fences[i], on_member, &group, NULL);
    if (ids[i] == 0)
      break;
  }

  if (i < n_fences)
    ret = 1;
  else if (cancel_fd >= 0)
    ret = wait_with_fd (group.done, deadline, cancellable, cancel_fd);
  else
    ret = dmabuf_fence_wait_status (group.done, deadline, cancellable);

  for (i = 0; i < n_fences; i++)
    dmabuf_fence_remove_callback (fences[i], ids[i]);
  dmabuf_fence_unref (group.done);
  g_free (ids);

  return find_signaled (fences, n_fences, first) ? 1 : ret;
}

gboolean
dmabuf_fence_wait_many (DmabufFence **fences, guint n_fences, gboolean any,
    gint64 deadline, GCancellable *cancellable, int cancel_fd, guint *first,
    GError **error)
{
  guint index = 0;
  int ret = 1;
  guint i;

  if (n_fences == 0) {
    dmabuf_set_error (
        error, EINVAL, "no fence to wait for; pass at least one (FEN-12)");
    return FALSE;
  }

  dmabuf_annotation_might_wait ("dmabuf_fence_wait_many");

  if (any) {
    if (!find_signaled (fences, n_fences, &index)) {
      if (deadline <= g_get_monotonic_time ())
        ret = g_cancellable_is_cancelled (cancellable) ? -ECANCELED : 0;
      else
        ret = wait_any (
            fences, n_fences, deadline, cancellable, cancel_fd, &index);
    }
  } else {
    for (i = 0; i < n_fences && ret > 0; i++) {
      index = i;
      if (cancel_fd < 0)
        ret = dmabuf_fence_wait_status (fences[i], deadline, cancellable);
      else
        ret = wait_with_fd (fences[i], deadline, cancellable, cancel_fd);
    }
  }

  if (ret <= 0) {
    dmabuf_fence_set_wait_error (fences[index], ret, error);
    return FALSE;
  }

  if (first)
    *first = any ? index : 0;
  return TRUE;
}
