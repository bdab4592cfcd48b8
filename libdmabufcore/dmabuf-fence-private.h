/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-fence.h>

G_BEGIN_DECLS

/*
 * The inside of a fence.
 *
 * Two steps make a fence signalled, and they may be done by two threads:
 *
 *   settle     in one short section (dmabuf_fence_lock_flags()): sets error and
 *              time, then the flag (FEN-4). Any thread that notices the signal
 *              may do it, in is_signaled or a wait.
 *   dispatch   calls the callbacks, under no lock. Only the fence's own source
 *              does it: the thread that signals, or the poller. So testing
 *              whether a fence has signalled never runs foreign code.
 *
 * The fence's lock is for its callbacks only. The thread that adds the first
 * callback sets ENABLED before anything else, under this lock, which dispatch
 * takes as well. So a thread that settles and sees ENABLED unset may skip the
 * dispatch with its two locks (the fence's and the poller's).
 *
 * Lock order: fence of a container, fence of a member, poller; flags last.
 */

typedef struct _DmabufFenceOps DmabufFenceOps;
typedef struct _DmabufFenceCallback DmabufFenceCallback;

typedef enum
{
  /* Never cleared; from then on error and timestamp are constant */
  DMABUF_FENCE_FLAG_SIGNALED = 1 << 0,
  /* Error and timestamp have yet to be read with ops->get_info */
  DMABUF_FENCE_FLAG_INFO_PENDING = 1 << 1,
  /* There are callbacks, and ops->enable was called (FEN-6) */
  DMABUF_FENCE_FLAG_ENABLED = 1 << 2,
  /* Sequence numbers have 64 bits and do not wrap (FEN-3) */
  DMABUF_FENCE_FLAG_SEQNO64 = 1 << 3,
  /* The lock of flags, error and timestamp */
  DMABUF_FENCE_FLAG_BUSY = 1 << 4,
} DmabufFenceFlags;

/* All but kind, names and release may be NULL. */
struct _DmabufFenceOps
{
  DmabufFenceKind kind;

  const char *(*get_driver_name) (DmabufFence *fence);
  const char *(*get_timeline_name) (DmabufFence *fence);

  /* The first callback is added, the last one was removed; under the fence's
   * lock. 1: will be dispatched; 0: has signalled (FEN-6); -errno: cannot be
   * watched, the caller waits instead. */
  int (*enable) (DmabufFence *fence);
  void (*disable) (DmabufFence *fence);

  /* Tests whether the fence has signalled, without the lock (FEN-8). Sets error
   * and time if it knows them. */
  gboolean (*signaled) (DmabufFence *fence, int *error, gint64 *timestamp);

  /* The same later, for DMABUF_FENCE_FLAG_INFO_PENDING; without the lock */
  void (*get_info) (DmabufFence *fence, int *error, gint64 *timestamp);

  /* Blocks: 1 signalled, 0 at the deadline, -ECANCELED, -errno. If missing, a
   * wait adds a callback. */
  int (*wait) (DmabufFence *fence, gint64 deadline, GCancellable *cancellable);

  /* A new sync_file, or -1 */
  int (*export_sync_file) (DmabufFence *fence, GError **error);

  /* A hint (FEN-14), in microseconds; only ever earlier than before */
  void (*set_deadline) (DmabufFence *fence, gint64 deadline);

  /* Continues what a callback deferred (dmabuf_fence_defer()) */
  void (*deferred) (DmabufFence *fence);

  /* Frees what the kind has added, and the fence */
  void (*release) (DmabufFence *fence);
};

struct _DmabufFence
{
  const DmabufFenceOps *ops;
  gint ref_count;
  gint flags;
  guint64 context;
  guint64 seqno;
  gint64 timestamp; /* Nanoseconds */
  gint64 deadline;  /* The earliest hint, microseconds */
  gint error;       /* 0 or a negative errno (FEN-10) */
  DmabufFenceTrust trust;

  GMutex lock;
  GCond callback_done;
  DmabufFenceCallback *first; /* In order of registration (FEN-4) */
  DmabufFenceCallback *last;
  guint last_id;
  guint running_id; /* Of the callback that is running */
  guint n_removers; /* Threads that wait for its end */
  GThread *running_thread;

  gint is_deferred; /* In the deferred list of a thread */
  DmabufFence *next_deferred;
};

/* Initialises the common part of a zeroed fence: one reference (FEN-1). GLib's
 * locks need neither init nor clear, as they begin as zeros and end unlocked.
 */
static inline void
dmabuf_fence_init (DmabufFence *fence, const DmabufFenceOps *ops,
    guint64 context, guint64 seqno)
{
  fence->ops = ops;
  fence->ref_count = 1;
  fence->context = context;
  fence->seqno = seqno;
  fence->deadline = DMABUF_DEADLINE_NEVER;
}

/* The contended path of dmabuf_fence_lock_flags() */
gint dmabuf_fence_lock_flags_slowly (DmabufFence *fence);

/* Locks and returns the flags; dmabuf_fence_unlock_flags() stores them within a
 * few instructions. Reading the flags, and what SIGNALED publishes, needs no
 * lock. */
static inline gint
dmabuf_fence_lock_flags (DmabufFence *fence)
{
  gint flags = __atomic_load_n (&fence->flags, __ATOMIC_RELAXED)
      & ~DMABUF_FENCE_FLAG_BUSY;

  if (G_LIKELY (__atomic_compare_exchange_n (&fence->flags, &flags,
          flags | DMABUF_FENCE_FLAG_BUSY, FALSE, __ATOMIC_ACQUIRE,
          __ATOMIC_RELAXED)))
    return flags;
  return dmabuf_fence_lock_flags_slowly (fence);
}

static inline void
dmabuf_fence_unlock_flags (DmabufFence *fence, gint flags)
{
  __atomic_store_n (&fence->flags, flags, __ATOMIC_RELEASE);
}

/* First step. @timestamp in nanoseconds, 0 for now, -1 for ops->get_info ()
 * later. FALSE if the fence had signalled before. */
gboolean dmabuf_fence_settle (DmabufFence *fence, int error, gint64 timestamp);

/* Second step, for the fence's own source only. */
void dmabuf_fence_dispatch (DmabufFence *fence);

/* Runs ops->deferred when this thread has left all callbacks: a container
 * completes there instead of inside a member's callback (ARR-3), so that the
 * stack stays small for containers of any depth. A container that is queued
 * already, on this thread or another, is not queued again: it looks at all of
 * its members when its turn comes. */
void dmabuf_fence_defer (DmabufFence *fence);

/* Takes a reference, unless the last one is gone (FEN-18). */
DMABUF_CORE_API
gboolean dmabuf_fence_try_ref (DmabufFence *fence);

/* A fence on an fd that the kernel has just made, so its type is not checked.
 * Takes @fd. */
DmabufFence *dmabuf_fence_new_known_sync_file (int fd);

/* The fd of a sync_file fence, which stays the fence's; -1 for others. */
DMABUF_CORE_API
int dmabuf_fence_peek_sync_file (DmabufFence *fence);

/* Polling period, in microseconds, of waiters without notification */
#define DMABUF_FENCE_LOOK_PERIOD 1000

/* dmabuf_fence_wait() without a message: 1, 0 at the deadline, -ECANCELED or
 * -errno */
int dmabuf_fence_wait_status (
    DmabufFence *fence, gint64 deadline, GCancellable *cancellable);

/* Sets the error of a wait that ended with @status. */
void
dmabuf_fence_set_wait_error (DmabufFence *fence, int status, GError **error);

static inline gboolean
dmabuf_fence_has_settled (DmabufFence *fence)
{
  return (g_atomic_int_get (&fence->flags) & DMABUF_FENCE_FLAG_SIGNALED) != 0;
}

/* Nanoseconds of CLOCK_MONOTONIC */
DMABUF_CORE_API
gint64 dmabuf_fence_now (void);

G_END_DECLS
