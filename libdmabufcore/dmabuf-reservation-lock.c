/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The lock of a reservation. A thread can take several in any order, by the
 * wait-die rule of the kernel's ww_mutex (WW-1, WW-2).
 *
 * owner is 0 or names the holder: a context, or a thread that takes this lock
 * alone. Without contention lock and unlock are one compare-and-swap each. With
 * the flag WAITERS the unlock takes wait_lock and hands the lock to the oldest
 * waiter. So while a thread holds wait_lock, a context that owns a lock with
 * WAITERS stays valid, and its age can be read.
 */

#include "dmabuf-annotation-private.h"
#include "dmabuf-kernel-private.h"
#include "dmabuf-reservation-private.h"
#include "dmabuf-thread-private.h"

#include <errno.h>

struct _DmabufLockWaiter
{
  GCond cond;
  DmabufReservation *reservation;
  DmabufAcquireContext *context;
  guintptr self;
  guint64 stamp;
  gboolean granted;
  gboolean killed;
  gboolean cancelled;
  DmabufLockWaiter *next;
};

/* The fast path requires that none is set. */
enum
{
  CONTEXT_DONE = 1 << 0,
  CONTEXT_CONTENDED = 1 << 1, /* A lock returned EDEADLK */
  CONTEXT_OTHER_CLASS = 1 << 2,
};

const DmabufLockClass dmabuf_reservation_class = { "dmabuf_reservation" };

/* The locks that this thread holds; its address names the thread. */
typedef struct
{
  DmabufAcquireContext *context;
  guint n_plain; /* Locks without a context */
} ThreadState;

static __thread ThreadState thread
    __attribute__ ((tls_model ("initial-exec"), aligned (8)));

static guint64
next_stamp (void)
{
  static guint64 last = 0;

  return __atomic_add_fetch (&last, 1, __ATOMIC_RELAXED);
}

static inline guintptr
load_owner (DmabufReservation *reservation)
{
  return __atomic_load_n (&reservation->owner, __ATOMIC_ACQUIRE);
}

static inline gboolean
swap_owner (DmabufReservation *reservation, guintptr from, guintptr to)
{
  return __atomic_compare_exchange_n (&reservation->owner, &from, to, FALSE,
      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static inline guintptr
self_as_owner (DmabufAcquireContext *context)
{
  return context ? (guintptr) context : (guintptr) &thread | DMABUF_OWNER_PLAIN;
}

/* --- Contexts ---------------------------------------------------------- */

void
dmabuf_acquire_context_init_class (
    DmabufAcquireContext *context, const DmabufLockClass *klass)
{
  g_return_if_fail (context != NULL);

  if (thread.context)
    g_critical ("second acquire context in one thread; lock everything in one"
                " (WW-3)");

  *context = (DmabufAcquireContext) {
    .klass = klass,
    .stamp = next_stamp (),
    .flags = klass == &dmabuf_reservation_class ? 0 : CONTEXT_OTHER_CLASS,
    .outer = thread.context,
    .thread = &thread,
  };
  thread.context = context;
}

void
dmabuf_acquire_context_init (DmabufAcquireContext *context)
{
  dmabuf_acquire_context_init_class (context, &dmabuf_reservation_class);
}

/* Whether @context is one of this thread, and still in use. */
static gboolean
context_is_live (DmabufAcquireContext *context)
{
  DmabufAcquireContext *live;

  for (live = thread.context; live; live = live->outer) {
    if (live == context)
      return TRUE;
  }
  return FALSE;
}

void
dmabuf_acquire_context_done (DmabufAcquireContext *context)
{
  if (!context_is_live (context))
    g_critical ("acquire context is not in use by this thread");
  else if (context->flags & CONTEXT_DONE)
    g_critical ("acquire context is done already");
  else
    context->flags |= CONTEXT_DONE;
}

void
dmabuf_acquire_context_fini (DmabufAcquireContext *context)
{
  DmabufAcquireContext **link;

  if (!context_is_live (context)) {
    g_critical ("acquire context has ended already");
    return;
  }
  if (context->n_acquired > 0) {
    g_critical ("end of an acquire context that holds %u locks; unlock first",
        context->n_acquired);
    return;
  }

  for (link = &thread.context; *link != context; link = &(*link)->outer)
    ;
  *link = context->outer;
  context->klass = NULL;
}

/* --- Misuse (WW-3) ----------------------------------------------------- */

static int
misuse (const char *what)
{
  g_critical ("reservation lock: %s", what);
  return -EINVAL;
}

static gboolean
thread_holds_any (void)
{
  DmabufAcquireContext *context;

  for (context = thread.context; context; context = context->outer) {
    if (context->n_acquired > 0)
      return TRUE;
  }
  return thread.n_plain > 0;
}

/* Refuses contexts in which no lock may be taken. */
static int
check_context (DmabufAcquireContext *context)
{
  if (!context_is_live (context))
    return misuse ("stale context: it has ended, or belongs to another thread");
  if (context->flags & CONTEXT_OTHER_CLASS)
    return misuse ("context of another class");
  if (context->flags & CONTEXT_DONE)
    return misuse ("lock after the context was done");
  return 0;
}

/* Refuses a blocking lock that could deadlock. */
static int
check_lock (DmabufReservation *reservation, DmabufAcquireContext *context)
{
  if (!context) {
    if (!thread_holds_any ())
      return 0;
    return misuse ("a lock without a context while this thread holds another"
                   " one; use a context for both");
  }

  if (check_context (context) < 0)
    return -EINVAL;
  if (thread.n_plain > 0)
    return misuse ("this thread holds locks outside of the context");

  /* After EDEADLK the next lock is the contended one, when all others are
   * unlocked. */
  if (context->contended && context->n_acquired > 0)
    return misuse ("lock after EDEADLK; unlock everything first");
  if (context->contended && context->contended != reservation)
    return misuse ("after EDEADLK, lock the contended reservation first");
  return 0;
}

/* --- Contention -------------------------------------------------------- */

/* WW-2: the younger dies, if it holds a lock that the older could wait for. */
static gboolean
must_die (DmabufAcquireContext *context, DmabufAcquireContext *holder)
{
  return context && context->n_acquired > 0 && holder
      && holder->stamp < context->stamp;
}

static DmabufAcquireContext *
context_of_owner (guintptr owner)
{
  if (owner & DMABUF_OWNER_PLAIN)
    return NULL;
  return (DmabufAcquireContext *) (owner & ~DMABUF_OWNER_FLAGS);
}

static void
waiters_remove (DmabufReservation *reservation, DmabufLockWaiter *waiter)
{
  DmabufLockWaiter **link = &reservation->first_waiter;

  while (*link && *link != waiter)
    link = &(*link)->next;
  if (*link)
    *link = waiter->next;
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  DmabufLockWaiter *waiter = user_data;

  g_mutex_lock (&waiter->reservation->wait_lock);
  waiter->cancelled = TRUE;
  g_cond_signal (&waiter->cond);
  g_mutex_unlock (&waiter->reservation->wait_lock);
}

/* Under wait_lock: takes the lock and returns 0, or flags WAITERS and returns
 * the owner. */
static guintptr
take_or_flag (DmabufReservation *reservation, guintptr self)
{
  for (;;) {
    guintptr owner = load_owner (reservation);

    if (owner == 0) {
      if (swap_owner (reservation, 0, self))
        return 0;
    } else if (owner & DMABUF_OWNER_WAITERS
        || swap_owner (reservation, owner, owner | DMABUF_OWNER_WAITERS)) {
      return owner | DMABUF_OWNER_WAITERS;
    }
  }
}

static int
lock_contended (DmabufReservation *reservation, DmabufAcquireContext *context,
    GCancellable *cancellable)
{
  DmabufLockWaiter waiter = {
    .reservation = reservation,
    .context = context,
    .self = self_as_owner (context),
  };
  gulong handler = 0;
  guintptr owner;
  int ret = 0;

  if (cancellable)
    handler = g_cancellable_connect (
        cancellable, G_CALLBACK (on_cancelled), &waiter, NULL);

  g_mutex_lock (&reservation->wait_lock);

  owner = take_or_flag (reservation, waiter.self);
  if (owner == 0)
    goto out;

  if ((owner & ~DMABUF_OWNER_WAITERS) == waiter.self) {
    ret = -EALREADY;
    goto out;
  }
  if (context_is_live (context_of_owner (owner))) {
    ret = misuse ("this thread holds it in another context, and would wait for"
                  " itself");
    goto out;
  }
  if (must_die (context, context_of_owner (owner))) {
    ret = -EDEADLK;
    goto out;
  }

  waiter.stamp = context ? context->stamp : next_stamp ();
  waiter.next = reservation->first_waiter;
  reservation->first_waiter = &waiter;

  while (!waiter.granted && !waiter.killed && !waiter.cancelled)
    g_cond_wait (&waiter.cond, &reservation->wait_lock);

  if (!waiter.granted) {
    waiters_remove (reservation, &waiter);
    ret = waiter.killed ? -EDEADLK : -ECANCELED;
  }

out:
  g_mutex_unlock (&reservation->wait_lock);
  if (handler)
    g_cancellable_disconnect (cancellable, handler);
  g_cond_clear (&waiter.cond);

  if (ret == -EDEADLK) {
    context->contended = reservation;
    context->flags |= CONTEXT_CONTENDED;
  }
  return ret;
}

/* Hands the lock to the oldest waiter. Younger waiters that hold other locks
 * die, as they would now wait for an older holder. */
static void
unlock_contended (DmabufReservation *reservation)
{
  DmabufLockWaiter *waiter, *oldest;

  g_mutex_lock (&reservation->wait_lock);

  oldest = reservation->first_waiter;
  for (waiter = oldest; waiter; waiter = waiter->next) {
    if (waiter->stamp < oldest->stamp)
      oldest = waiter;
  }

  if (!oldest) {
    __atomic_store_n (&reservation->owner, 0, __ATOMIC_RELEASE);
  } else {
    waiters_remove (reservation, oldest);
    __atomic_store_n (&reservation->owner,
        oldest->self | (reservation->first_waiter ? DMABUF_OWNER_WAITERS : 0),
        __ATOMIC_RELEASE);
    oldest->granted = TRUE;
    g_cond_signal (&oldest->cond);

    for (waiter = reservation->first_waiter; waiter; waiter = waiter->next) {
      if (must_die (waiter->context, oldest->context)) {
        waiter->killed = TRUE;
        g_cond_signal (&waiter->cond);
      }
    }
  }

  g_mutex_unlock (&reservation->wait_lock);
}

/* --- Lock -------------------------------------------------------------- */

static inline void
account (DmabufAcquireContext *context)
{
  if (context)
    context->n_acquired++;
  else
    thread.n_plain++;
}

static inline int
lock_checked (DmabufReservation *reservation, DmabufAcquireContext *context,
    GCancellable *cancellable)
{
  int ret;

  if (dmabuf_annotation_active ())
    dmabuf_annotation_lock (DMABUF_LOCK_RESERVATION, "dmabuf_reservation_lock");

  if (G_UNLIKELY (!swap_owner (reservation, 0, self_as_owner (context)))) {
    ret = lock_contended (reservation, context, cancellable);
    if (ret < 0) {
      if (dmabuf_annotation_active ())
        dmabuf_annotation_unlock (DMABUF_LOCK_RESERVATION);
      return ret;
    }
  }

  account (context);
  return 0;
}

int
dmabuf_reservation_lock_status (DmabufReservation *reservation,
    DmabufAcquireContext *context, GCancellable *cancellable)
{
  int ret = check_lock (reservation, context);

  if (G_UNLIKELY (ret < 0))
    return ret;
  /* check_lock () passed, so a lock after EDEADLK is the contended one. */
  if (context) {
    context->contended = NULL;
    context->flags &= ~CONTEXT_CONTENDED;
  }
  return lock_checked (reservation, context, cancellable);
}

gboolean
dmabuf_reservation_set_lock_error (int status, GError **error)
{
  switch (status) {
  case -EDEADLK:
    dmabuf_set_error (error, EDEADLK,
        "reservation: an older context has the lock; unlock everything and lock"
        " this one first");
    break;
  case -EALREADY:
    dmabuf_set_error (
        error, EALREADY, "reservation: locked in this context already");
    break;
  case -ECANCELED:
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
        "the wait for a reservation's lock was cancelled");
    break;
  default:
    dmabuf_set_error (error, -status,
        "reservation: the lock is used wrongly (see the critical message)");
    break;
  }
  return FALSE;
}

static gboolean __attribute__ ((noinline))
lock_carefully (DmabufReservation *reservation, DmabufAcquireContext *context,
    GError **error)
{
  int ret;

  g_return_val_if_fail (reservation != NULL, FALSE);

  ret = dmabuf_reservation_lock_status (reservation, context, NULL);
  return G_LIKELY (ret == 0) ? TRUE
                             : dmabuf_reservation_set_lock_error (ret, error);
}

/* If the lock is free this is one compare-and-swap, without a stack frame. */
gboolean
dmabuf_reservation_lock (DmabufReservation *reservation,
    DmabufAcquireContext *context, GError **error)
{
  if (G_LIKELY (context && reservation && context == thread.context
          && context->flags == 0 && thread.n_plain == 0
          && !dmabuf_annotation_active ()
          && swap_owner (reservation, 0, (guintptr) context))) {
    context->n_acquired++;
    return TRUE;
  }

  return lock_carefully (reservation, context, error);
}

gboolean
dmabuf_reservation_lock_interruptible (DmabufReservation *reservation,
    DmabufAcquireContext *context, GCancellable *cancellable, GError **error)
{
  int ret;

  g_return_val_if_fail (reservation != NULL, FALSE);

  ret = dmabuf_reservation_lock_status (reservation, context, cancellable);
  return ret == 0 ? TRUE : dmabuf_reservation_set_lock_error (ret, error);
}

gboolean
dmabuf_reservation_lock_slow (DmabufReservation *reservation,
    DmabufAcquireContext *context, GCancellable *cancellable, GError **error)
{
  int ret;

  g_return_val_if_fail (reservation != NULL && context != NULL, FALSE);

  if (!context->contended) {
    ret = misuse ("slow lock without EDEADLK");
    return dmabuf_reservation_set_lock_error (ret, error);
  }

  ret = dmabuf_reservation_lock_status (reservation, context, cancellable);
  return ret == 0 ? TRUE : dmabuf_reservation_set_lock_error (ret, error);
}

gboolean
dmabuf_reservation_trylock (
    DmabufReservation *reservation, DmabufAcquireContext *context)
{
  g_return_val_if_fail (reservation != NULL, FALSE);

  if (context && G_UNLIKELY (check_context (context) < 0))
    return FALSE;
  if (!swap_owner (reservation, 0, self_as_owner (context)))
    return FALSE;

  if (dmabuf_annotation_active ())
    dmabuf_annotation_trylock (
        DMABUF_LOCK_RESERVATION, "dmabuf_reservation_trylock");
  account (context);
  return TRUE;
}

/* --- Unlock ------------------------------------------------------------ */

/* Whether this thread holds the lock, and in which context. */
static inline gboolean
owned_by_thread (DmabufReservation *reservation, guintptr *owner,
    DmabufAcquireContext **context)
{
  *owner = load_owner (reservation) & ~DMABUF_OWNER_WAITERS;
  *context = NULL;

  if (*owner == 0)
    return FALSE;
  if (*owner == self_as_owner (NULL))
    return TRUE;
  if (*owner & DMABUF_OWNER_PLAIN)
    return FALSE;
  *context = (DmabufAcquireContext *) *owner;
  return *context == thread.context || context_is_live (*context);
}

static void __attribute__ ((noinline))
unlock_carefully (DmabufReservation *reservation)
{
  DmabufAcquireContext *context;
  guintptr owner;

  g_return_if_fail (reservation != NULL);

  if (G_UNLIKELY (!owned_by_thread (reservation, &owner, &context))) {
    misuse ("unlock of a lock that this thread does not hold");
    return;
  }
  if (G_UNLIKELY (context && context->n_acquired == 0)) {
    misuse ("more unlocks than locks in a context");
    return;
  }

  reservation->n_reserved = reservation->n_fences;
  if (context)
    context->n_acquired--;
  else
    thread.n_plain--;
  if (dmabuf_annotation_active ())
    dmabuf_annotation_unlock (DMABUF_LOCK_RESERVATION);

  if (G_UNLIKELY (!swap_owner (reservation, owner, 0)))
    unlock_contended (reservation);
}

void
dmabuf_reservation_unlock (DmabufReservation *reservation)
{
  DmabufAcquireContext *context = thread.context;

  if (G_LIKELY (reservation && context
          && load_owner (reservation) == (guintptr) context
          && context->n_acquired > 0
          && reservation->n_reserved == reservation->n_fences
          && !dmabuf_annotation_active ())) {
    context->n_acquired--;
    if (G_UNLIKELY (!swap_owner (reservation, (guintptr) context, 0)))
      unlock_contended (reservation);
    return;
  }

  unlock_carefully (reservation);
}

gboolean
dmabuf_reservation_is_locked (DmabufReservation *reservation)
{
  DmabufAcquireContext *context;
  guintptr owner;

  return owned_by_thread (reservation, &owner, &context);
}

gboolean
dmabuf_reservation_thread_holds_any (void)
{
  return thread_holds_any ();
}

void
dmabuf_reservation_lock_clear (DmabufReservation *reservation)
{
  if (load_owner (reservation) != 0)
    misuse ("last reference of a reservation that is locked");
  g_mutex_clear (&reservation->wait_lock);
}
