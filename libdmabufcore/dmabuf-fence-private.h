/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-fence.h>

G_BEGIN_DECLS

/*
 * The inside of a fence.
 *
 * Two steps make a fence signalled, and they may be done by two threads:
 *
 *   settle     in one short section (dmabuf_fence_lock_flags()): error and time
 *              are set, then the flag (FEN-4). Whoever notices may do it:
 *              is_signaled, a wait.
 *   dispatch   calls the callbacks, under no lock. Only the fence's own source
 *              does it: the thread that signals, or the poller. So asking
 *              whether a fence has signalled never runs foreign code.
 *
 * The fence's lock is for its callbacks only. Who adds the first one sets
 * ENABLED before anything else, under the lock that dispatch needs: so whoever
 * settles and sees it unset may leave out dispatch, and so both of its locks.
 *
 * Lock order: fence of a container, fence of a member, poller; flags last.
 */

typedef struct _DmabufFenceOps DmabufFenceOps;
typedef struct _DmabufFenceCallback DmabufFenceCallback;

typedef enum
{
  /* Only ever set; with it error and timestamp stand still */
  DMABUF_FENCE_FLAG_SIGNALED = 1 << 0,
  /* Error and timestamp have to be asked from the fence's ops first */
  DMABUF_FENCE_FLAG_INFO_PENDING = 1 << 1,
  /* Somebody waits: the ops told so (FEN-6) */
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

  /* A first callback was added, the last one removed; under the fence's lock.
   * 1: will be dispatched; 0: has signalled (FEN-6); -errno: cannot be watched,
   * the caller waits instead. */
  int (*enable) (DmabufFence *fence);
  void (*disable) (DmabufFence *fence);

  /* Looks whether it has signalled, without the lock (FEN-8). Tells the error
   * and the time if it knows them. */
  gboolean (*signaled) (DmabufFence *fence, int *error, gint64 *timestamp);

  /* The same later, for DMABUF_FENCE_FLAG_INFO_PENDING; without the lock */
  void (*get_info) (DmabufFence *fence, int *error, gint64 *timestamp);

  /* Blocks: 1 signalled, 0 at the deadline, -ECANCELED, -errno. Without it a
   * wait is a callback. */
  int (*wait) (DmabufFence *fence, gint64 deadline, GCancellable *cancellable);

  /* A new sync_file, or -1 */
  int (*export_sync_file) (DmabufFence *fence, GError **error);

  /* A hint (FEN-14), in microseconds; only ever earlier than before */
  void (*set_deadline) (DmabufFence *fence, gint64 deadline);

  /* Continues what a callback deferred (dmabuf_fence_defer()) */
  void (*deferred) (DmabufFence *fence);

  /* Frees what the kind added, and the fence with g_free() */
  void (*release) (DmabufFence *fence);
};

struct _DmabufFence
{
  const DmabufFenceOps *ops;
  gint ref_count;
  gint flags;
  guint64 context;
  guint64 seqno;
  gint64 timestamp; /* nanoseconds */
  gint64 deadline;  /* the earliest hint, microseconds */
  gint error;       /* 0 or a negative errno (FEN-10) */
  DmabufFenceTrust trust;

  GMutex lock;
  GCond callback_done;
  DmabufFenceCallback *first; /* in order of registration (FEN-4) */
  DmabufFenceCallback *last;
  guint last_id;
  guint running_id; /* of the callback that runs now */
  guint n_removers; /* who wait for that one's end */
  GThread *running_thread;

  gint is_deferred; /* in some thread's list */
  DmabufFence *next_deferred;
};

/* Initialises the common part of a zeroed fence: one reference (FEN-1). GLib's
 * locks need no call where the memory is zero and ends unlocked. */
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

/* Of dmabuf_fence_lock_flags(): not at the first attempt */
gint dmabuf_fence_lock_flags_slowly (DmabufFence *fence);

/* The flags, to be given back, changed or not, within a few instructions.
 * Reading them and what they publish needs no lock. */
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

/* First step. @timestamp in nanoseconds, 0 for now, -1 for "ask the ops".
 * FALSE if it was signalled. */
gboolean dmabuf_fence_settle (DmabufFence *fence, int error, gint64 timestamp);

/* Second step, for the fence's own source only. */
void dmabuf_fence_dispatch (DmabufFence *fence);

/* Runs ops->deferred once no callback of this thread runs any more: a
 * container completes there and not inside a member's callback (ARR-3), so
 * that containers of any depth need no stack. One that waits for that already,
 * here or on another thread, is not entered twice: it looks at all of its
 * members when its turn comes. */
void dmabuf_fence_defer (DmabufFence *fence);

/* A reference, unless the last one has gone (FEN-18). */
DMABUF_CORE_API
gboolean dmabuf_fence_try_ref (DmabufFence *fence);

/* Of an fd that the kernel has just made: nothing to check. Takes @fd. */
DmabufFence *dmabuf_fence_new_known_sync_file (int fd);

/* The sync_file of a fence that is one, -1 for every other; stays its own. */
DMABUF_CORE_API
int dmabuf_fence_peek_sync_file (DmabufFence *fence);

/* How often, in microseconds, whoever nobody tells looks himself */
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
