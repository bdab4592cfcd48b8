/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-fence-private.h"
#include "dmabuf-kernel-private.h"
#include "dmabuf-thread-private.h"

#include <errno.h>

/* One thread that sleeps until a fence, or a cancellable, wakes it. */
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

/* Sleeps to the deadline at most; a signal that interrupts does not prolong
 * it, as the deadline is absolute (FEN-11). */
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

static int
wait_by_callback (
    DmabufFence *fence, gint64 deadline, GCancellable *cancellable)
{
  Sleeper sleeper = { 0 };
  gulong handler = 0;
  guint id;

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

gboolean
dmabuf_fence_wait (DmabufFence *fence, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  int ret;

  g_return_val_if_fail (fence != NULL, FALSE);

  if (dmabuf_fence_is_signaled (fence))
    return TRUE;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  if (deadline <= g_get_monotonic_time ())
    ret = 0;
  else if (fence->ops->wait)
    ret = fence->ops->wait (fence, deadline, cancellable);
  else
    ret = wait_by_callback (fence, deadline, cancellable);

  if (ret > 0)
    return TRUE;

  if (ret == -ECANCELED)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
        "the wait for a fence was cancelled");
  else if (ret == 0)
    dmabuf_set_error (error, ETIME,
        "%s fence has not signalled before the deadline",
        dmabuf_fence_get_driver_name (fence));
  else
    dmabuf_set_error (error, -ret, "%s fence cannot be waited for: %s",
        dmabuf_fence_get_driver_name (fence), g_strerror (-ret));
  return FALSE;
}
