/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-fence-composite.h"
#include "dmabuf-fence-private.h"
#include "dmabuf-kernel-private.h"
#include "dmabuf-thread-private.h"

#include <errno.h>
#include <time.h>

G_DEFINE_BOXED_TYPE (
    DmabufFence, dmabuf_fence, dmabuf_fence_ref, dmabuf_fence_unref)

gint64
dmabuf_fence_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/* FEN-2: from 1, as 0 is the stub's. */
guint64
dmabuf_fence_context_alloc (guint n)
{
  static guint64 last = 0;

  return __atomic_fetch_add (&last, n, __ATOMIC_RELAXED) + 1;
}

/* --- Life -------------------------------------------------------------- */

static inline gint
fence_flags (DmabufFence *fence)
{
  return __atomic_load_n (&fence->flags, __ATOMIC_ACQUIRE);
}

/* Whether the caller's reference is the only one and stays so: the poller takes
 * references only with ENABLED. */
static inline gboolean
fence_is_alone (DmabufFence *fence)
{
  return __atomic_load_n (&fence->ref_count, __ATOMIC_ACQUIRE) == 1
      && !(fence_flags (fence) & DMABUF_FENCE_FLAG_ENABLED);
}

gint
dmabuf_fence_lock_flags_slowly (DmabufFence *fence)
{
  guint tries = 0;

  for (;;) {
    gint flags = __atomic_load_n (&fence->flags, __ATOMIC_RELAXED)
        & ~DMABUF_FENCE_FLAG_BUSY;

    if (__atomic_compare_exchange_n (&fence->flags, &flags,
            flags | DMABUF_FENCE_FLAG_BUSY, FALSE, __ATOMIC_ACQUIRE,
            __ATOMIC_RELAXED))
      return flags;
    /* As in dmabuf_spin_lock() */
    if (++tries % 64 == 0)
      g_usleep (20);
  }
}

static void
fence_clear_flag (DmabufFence *fence, gint flag)
{
  gint flags = dmabuf_fence_lock_flags (fence);

  dmabuf_fence_unlock_flags (fence, flags & ~flag);
}

DmabufFence *
dmabuf_fence_ref (DmabufFence *fence)
{
  g_return_val_if_fail (fence != NULL, NULL);

  g_atomic_int_inc (&fence->ref_count);
  return fence;
}

gboolean
dmabuf_fence_try_ref (DmabufFence *fence)
{
  gint count = g_atomic_int_get (&fence->ref_count);

  while (count > 0) {
    if (g_atomic_int_compare_and_exchange (&fence->ref_count, count, count + 1))
      return TRUE;
    count = g_atomic_int_get (&fence->ref_count);
  }

  return FALSE;
}

/* FEN-15: a fence that is released with callbacks will never signal, so they
 * are called with -EDEADLK. It has a reference again while they run. */
static gboolean
fence_revive_abandoned (DmabufFence *fence)
{
  if (!fence->first)
    return FALSE;

  g_atomic_int_set (&fence->ref_count, 1);
  if (dmabuf_fence_settle (fence, -EDEADLK, 0))
    g_critical ("fence %" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT
                " released with a callback pending; hold a reference until its"
                " callbacks are called or removed",
        fence->context, fence->seqno);
  dmabuf_fence_dispatch (fence);

  return !g_atomic_int_dec_and_test (&fence->ref_count);
}

void
dmabuf_fence_unref (DmabufFence *fence)
{
  g_return_if_fail (fence != NULL);

  if (!fence_is_alone (fence) && !g_atomic_int_dec_and_test (&fence->ref_count))
    return;

  if (G_UNLIKELY (fence->first != NULL) && fence_revive_abandoned (fence))
    return;

  fence->ops->release (fence);
}

/* --- Signalling -------------------------------------------------------- */

gboolean
dmabuf_fence_settle (DmabufFence *fence, int error, gint64 timestamp)
{
  gint flags;

  if (dmabuf_fence_has_settled (fence))
    return FALSE;

  /* An invalid timestamp of the signaller or a backend counts as none. */
  if (timestamp == 0 || (timestamp < 0 && !fence->ops->get_info))
    timestamp = dmabuf_fence_now ();

  flags = dmabuf_fence_lock_flags (fence);
  if (G_UNLIKELY (flags & DMABUF_FENCE_FLAG_SIGNALED)) {
    dmabuf_fence_unlock_flags (fence, flags);
    return FALSE;
  }

  if (timestamp < 0)
    flags |= DMABUF_FENCE_FLAG_INFO_PENDING;
  else
    fence->timestamp = timestamp;
  if (error)
    fence->error = error;
  dmabuf_fence_unlock_flags (fence, flags | DMABUF_FENCE_FLAG_SIGNALED);

  return TRUE;
}

struct _DmabufFenceCallback
{
  DmabufFenceCallback *previous;
  DmabufFenceCallback *next;
  DmabufFenceFunc func;
  gpointer user_data;
  GDestroyNotify notify;
  guint id;
};

static void
fence_unlink (DmabufFence *fence, DmabufFenceCallback *callback)
{
  if (callback->previous)
    callback->previous->next = callback->next;
  else
    fence->first = callback->next;

  if (callback->next)
    callback->next->previous = callback->previous;
  else
    fence->last = callback->previous;
}

static void
callback_free (DmabufFenceCallback *callback)
{
  if (callback->notify)
    callback->notify (callback->user_data);
  g_free (callback);
}

/* Containers that this thread completes after the callbacks that it is in. */
static __thread guint dispatch_depth;
static __thread DmabufFence *deferred;

void
dmabuf_fence_defer (DmabufFence *fence)
{
  /* Two fences of a chain may call this, if the chain was armed again. */
  if (__atomic_exchange_n (&fence->is_deferred, TRUE, __ATOMIC_ACQ_REL))
    return;

  dmabuf_fence_ref (fence);
  fence->next_deferred = deferred;
  deferred = fence;
}

void
dmabuf_fence_dispatch (DmabufFence *fence)
{
  DmabufFenceCallback *callback;

  dispatch_depth++;

  /* FEN-4: in order, each unlinked before it is called. The lock is taken anew
   * for each, so that one can still be removed while another runs. */
  g_mutex_lock (&fence->lock);
  while (!fence->running_id && (callback = fence->first)) {
    fence_unlink (fence, callback);
    fence->running_id = callback->id;
    fence->running_thread = g_thread_self ();
    g_mutex_unlock (&fence->lock);

    callback->func (fence, callback->user_data);
    callback_free (callback);

    g_mutex_lock (&fence->lock);
    fence->running_id = 0;
    fence->running_thread = NULL;
    /* A broadcast is a system call even without waiters. */
    if (fence->n_removers > 0)
      g_cond_broadcast (&fence->callback_done);
  }
  g_mutex_unlock (&fence->lock);

  while (dispatch_depth == 1 && deferred) {
    DmabufFence *next = deferred;

    deferred = next->next_deferred;
    /* Cleared before the container looks at its members: a member that signals
     * afterwards queues it again; one that signalled before has settled. */
    __atomic_exchange_n (&next->is_deferred, FALSE, __ATOMIC_ACQ_REL);
    next->ops->deferred (next);
    dmabuf_fence_unref (next);
  }

  dispatch_depth--;
}

/* --- Names -------------------------------------------------------------- */

DmabufFenceKind
dmabuf_fence_get_kind (DmabufFence *fence)
{
  g_return_val_if_fail (fence != NULL, DMABUF_FENCE_KIND_STUB);

  return fence->ops->kind;
}

DmabufFenceTrust
dmabuf_fence_get_trust (DmabufFence *fence)
{
  g_return_val_if_fail (fence != NULL, DMABUF_FENCE_TRUST_NONE);

  return fence->trust;
}

guint64
dmabuf_fence_get_context (DmabufFence *fence)
{
  g_return_val_if_fail (fence != NULL, 0);

  return fence->context;
}

guint64
dmabuf_fence_get_seqno (DmabufFence *fence)
{
  g_return_val_if_fail (fence != NULL, 0);

  return fence->seqno;
}

gboolean
dmabuf_fence_is_later (DmabufFence *a, DmabufFence *b)
{
  g_return_val_if_fail (a != NULL && b != NULL, FALSE);

  if (a->context != b->context)
    return FALSE;

  if (g_atomic_int_get (&a->flags) & DMABUF_FENCE_FLAG_SEQNO64)
    return a->seqno > b->seqno;
  return (gint32) ((guint32) a->seqno - (guint32) b->seqno) > 0;
}

/* FEN-17: the driver of a fence that has signalled may be gone. */
const char *
dmabuf_fence_get_driver_name (DmabufFence *fence)
{
  g_return_val_if_fail (fence != NULL, NULL);

  if (dmabuf_fence_has_settled (fence)
      && fence->ops->kind != DMABUF_FENCE_KIND_STUB)
    return "detached-driver";
  return fence->ops->get_driver_name (fence);
}

const char *
dmabuf_fence_get_timeline_name (DmabufFence *fence)
{
  g_return_val_if_fail (fence != NULL, NULL);

  if (dmabuf_fence_has_settled (fence)
      && fence->ops->kind != DMABUF_FENCE_KIND_STUB)
    return "signaled-timeline";
  return fence->ops->get_timeline_name (fence);
}

/* --- Queries ----------------------------------------------------------- */

static gboolean
fence_look (DmabufFence *fence)
{
  int error = 0;
  gint64 timestamp = 0;

  if (!fence->ops->signaled
      || !fence->ops->signaled (fence, &error, &timestamp))
    return FALSE;

  dmabuf_fence_settle (fence, error, timestamp);
  return TRUE;
}

gboolean
dmabuf_fence_is_signaled (DmabufFence *fence)
{
  g_return_val_if_fail (fence != NULL, TRUE);

  if (G_LIKELY (dmabuf_fence_has_settled (fence)))
    return TRUE;

  return fence_look (fence);
}

static void
fence_fetch_info (DmabufFence *fence)
{
  int error = 0;
  gint64 timestamp = 0;
  gint flags;

  if (!(fence_flags (fence) & DMABUF_FENCE_FLAG_INFO_PENDING))
    return;

  fence->ops->get_info (fence, &error, &timestamp);
  if (timestamp == 0)
    timestamp = dmabuf_fence_now ();

  flags = dmabuf_fence_lock_flags (fence);
  if (flags & DMABUF_FENCE_FLAG_INFO_PENDING) {
    fence->error = error;
    fence->timestamp = timestamp;
  }
  dmabuf_fence_unlock_flags (fence, flags & ~DMABUF_FENCE_FLAG_INFO_PENDING);
}

int
dmabuf_fence_get_status (DmabufFence *fence)
{
  g_return_val_if_fail (fence != NULL, -EINVAL);

  if (!dmabuf_fence_is_signaled (fence))
    return 0;

  fence_fetch_info (fence);
  return fence->error ? fence->error : 1;
}

gint64
dmabuf_fence_get_timestamp (DmabufFence *fence)
{
  g_return_val_if_fail (fence != NULL, 0);

  if (!dmabuf_fence_is_signaled (fence))
    return 0;

  fence_fetch_info (fence);
  return fence->timestamp;
}

void
dmabuf_fence_set_deadline (DmabufFence *fence, gint64 deadline)
{
  gboolean earlier;

  g_return_if_fail (fence != NULL);

  if (dmabuf_fence_has_settled (fence))
    return;

  g_mutex_lock (&fence->lock);
  earlier = deadline < fence->deadline;
  if (earlier)
    fence->deadline = deadline;
  g_mutex_unlock (&fence->lock);

  if (earlier && fence->ops->set_deadline)
    fence->ops->set_deadline (fence, deadline);
}

gboolean
dmabuf_fence_is_kernel_backed (DmabufFence *fence)
{
  DmabufFenceUnwrap cursor;
  DmabufFence *leaf;

  g_return_val_if_fail (fence != NULL, FALSE);

  if (fence->ops->kind != DMABUF_FENCE_KIND_COMPOSITE)
    return fence->ops->kind == DMABUF_FENCE_KIND_KERNEL;

  for (leaf = dmabuf_fence_unwrap_first (fence, &cursor); leaf;
      leaf = dmabuf_fence_unwrap_next (&cursor)) {
    if (leaf->ops->kind != DMABUF_FENCE_KIND_KERNEL
        && !dmabuf_fence_is_signaled (leaf)) {
      dmabuf_fence_unwrap_end (&cursor);
      return FALSE;
    }
  }
  return TRUE;
}

int
dmabuf_fence_export_sync_file (DmabufFence *fence, GError **error)
{
  g_return_val_if_fail (fence != NULL, -1);

  if (!fence->ops->export_sync_file) {
    dmabuf_set_error (error, EINVAL,
        "%s fence: no kernel driver signals it, so it has no sync_file; wait"
        " for it on the CPU",
        fence->ops->get_driver_name (fence));
    return -1;
  }

  return fence->ops->export_sync_file (fence, error);
}

/* --- Callbacks --------------------------------------------------------- */

/* Waits on the CPU where no fd or memory is left to watch the fence
 * (EMFILE ...). The wait ends: a software fence has a deadline, the kernel's
 * end in time (XDC-1), and one with a bad fd settles with that error. */
static void
fence_wait_unwatched (DmabufFence *fence, int code)
{
  int ret = 0;

  g_warning ("fence cannot be watched (%s): waiting for it on the CPU",
      g_strerror (code));
  if (fence->ops->wait)
    ret = fence->ops->wait (fence, DMABUF_DEADLINE_NEVER, NULL);
  if (ret == -EBADF)
    dmabuf_fence_settle (fence, ret, 0);
  while (!dmabuf_fence_is_signaled (fence))
    g_usleep (DMABUF_FENCE_LOOK_PERIOD);
}

guint
dmabuf_fence_add_callback (DmabufFence *fence, DmabufFenceFunc func,
    gpointer user_data, GDestroyNotify notify)
{
  DmabufFenceCallback *callback;
  guint id;
  gint flags;
  int ret = 1;

  g_return_val_if_fail (fence != NULL, 0);
  g_return_val_if_fail (func != NULL, 0);

  callback = g_new (DmabufFenceCallback, 1);
  *callback = (DmabufFenceCallback) {
    .func = func,
    .user_data = user_data,
    .notify = notify,
  };

  g_mutex_lock (&fence->lock);

  flags = dmabuf_fence_lock_flags (fence);
  if (flags & DMABUF_FENCE_FLAG_SIGNALED) {
    dmabuf_fence_unlock_flags (fence, flags);
    g_mutex_unlock (&fence->lock);
    goto signaled;
  }
  dmabuf_fence_unlock_flags (fence, flags | DMABUF_FENCE_FLAG_ENABLED);

  if (!(flags & DMABUF_FENCE_FLAG_ENABLED) && fence->ops->enable)
    ret = fence->ops->enable (fence);
  if (ret <= 0) {
    fence_clear_flag (fence, DMABUF_FENCE_FLAG_ENABLED);
    g_mutex_unlock (&fence->lock);
    goto not_enabled;
  }

  if (++fence->last_id == 0)
    fence->last_id = 1;
  id = callback->id = fence->last_id;
  callback->previous = fence->last;
  if (fence->last)
    fence->last->next = callback;
  else
    fence->first = callback;
  fence->last = callback;

  g_mutex_unlock (&fence->lock);
  return id;

  /* ERRORS */
not_enabled:
  if (ret < 0)
    fence_wait_unwatched (fence, -ret);
  fence_look (fence);
signaled:
  callback_free (callback);
  return 0;
}

gboolean
dmabuf_fence_remove_callback (DmabufFence *fence, guint id)
{
  DmabufFenceCallback *callback;

  g_return_val_if_fail (fence != NULL, FALSE);

  if (id == 0)
    return FALSE;

  g_mutex_lock (&fence->lock);

  for (callback = fence->last; callback; callback = callback->previous) {
    if (callback->id == id)
      break;
  }

  if (!callback) {
    /* A callback that removes itself must not wait for its own end. */
    fence->n_removers++;
    while (fence->running_id == id && fence->running_thread != g_thread_self ())
      g_cond_wait (&fence->callback_done, &fence->lock);
    fence->n_removers--;
    g_mutex_unlock (&fence->lock);
    return FALSE;
  }

  fence_unlink (fence, callback);
  if (!fence->first && !dmabuf_fence_has_settled (fence)
      && fence->ops->disable) {
    fence->ops->disable (fence);
    fence_clear_flag (fence, DMABUF_FENCE_FLAG_ENABLED);
  }
  g_mutex_unlock (&fence->lock);

  callback_free (callback);
  return TRUE;
}
