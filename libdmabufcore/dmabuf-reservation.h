/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-fence.h>

G_BEGIN_DECLS

/**
 * DmabufReservation:
 *
 * The fences of a buffer, each with its usage (struct dma_resv), and the lock
 * that orders additions to them. Reference-counted, any thread.
 *
 * A thread locks several in one acquire context, in any order: the younger of
 * two contexts gets EDEADLK, unlocks all its reservations, waits for the
 * contended one and begins anew (WW-1). dmabuf_reservation_lock_many() does
 * that.
 *
 * Waiting for fences under the lock is allowed; signalling never takes it
 * (ANN-3).
 */
#define DMABUF_TYPE_RESERVATION (dmabuf_reservation_get_type ())
DMABUF_CORE_API
GType dmabuf_reservation_get_type (void);

/**
 * DmabufLockClass:
 * @name: for messages
 *
 * A kind of locks that are taken together. A context takes only locks of its
 * class.
 */
typedef struct
{
  const char *name;
} DmabufLockClass;

/**
 * dmabuf_reservation_class: (skip)
 *
 * The class of all reservations.
 */
DMABUF_CORE_API
const DmabufLockClass dmabuf_reservation_class;

/**
 * DmabufAcquireContext:
 *
 * One acquisition of many reservations, on the stack of the thread that makes
 * it (struct ww_acquire_ctx).
 */
typedef struct _DmabufAcquireContext DmabufAcquireContext;

struct _DmabufAcquireContext
{
  /*< private >*/
  const DmabufLockClass *klass;
  guint64 stamp;
  guint n_acquired;
  guint flags;
  DmabufReservation *contended;
  DmabufAcquireContext *outer;
  gpointer thread;
};

/**
 * dmabuf_acquire_context_init: (skip)
 * @context: a context
 *
 * Begins an acquisition. Its age counts from this call, even after backing off
 * (WW-2). One per thread at a time.
 */
DMABUF_CORE_API
void dmabuf_acquire_context_init (DmabufAcquireContext *context);

/**
 * dmabuf_acquire_context_init_class: (skip)
 * @context: a context
 * @klass: the class of its locks
 *
 * Like dmabuf_acquire_context_init(), for another class.
 */
DMABUF_CORE_API
void dmabuf_acquire_context_init_class (
    DmabufAcquireContext *context, const DmabufLockClass *klass);

/**
 * dmabuf_acquire_context_done: (skip)
 * @context: a context
 *
 * Declares that all locks are taken: further ones are refused. Optional.
 */
DMABUF_CORE_API
void dmabuf_acquire_context_done (DmabufAcquireContext *context);

/**
 * dmabuf_acquire_context_fini: (skip)
 * @context: a context
 *
 * Ends the acquisition, when everything is unlocked again.
 */
DMABUF_CORE_API
void dmabuf_acquire_context_fini (DmabufAcquireContext *context);

/**
 * dmabuf_reservation_new:
 *
 * Returns: (transfer full): a reservation without fences
 */
DMABUF_CORE_API
DmabufReservation *dmabuf_reservation_new (void);

/**
 * dmabuf_reservation_ref:
 * @reservation: a reservation
 *
 * Returns: (transfer full): @reservation
 */
DMABUF_CORE_API
DmabufReservation *dmabuf_reservation_ref (DmabufReservation *reservation);

/**
 * dmabuf_reservation_unref:
 * @reservation: (transfer full): a reservation
 *
 * The last reference drops all fences; the lock must be free then (RSV-8).
 */
DMABUF_CORE_API
void dmabuf_reservation_unref (DmabufReservation *reservation);

/**
 * dmabuf_reservation_lock: (skip)
 * @reservation: a reservation
 * @context: (nullable): the acquisition; %NULL for this lock alone
 * @error: return location for an error
 *
 * Locks @reservation.
 *
 * Returns: %FALSE with EDEADLK if an older context has it: unlock everything of
 *   @context, then call dmabuf_reservation_lock_slow() on @reservation;
 *   EALREADY if @context has it
 */
DMABUF_CORE_API
gboolean dmabuf_reservation_lock (DmabufReservation *reservation,
    DmabufAcquireContext *context, GError **error);

/**
 * dmabuf_reservation_lock_interruptible: (skip)
 * @reservation: a reservation
 * @context: (nullable): the acquisition
 * @cancellable: (nullable): ends the wait from another thread
 * @error: return location for an error
 *
 * Like dmabuf_reservation_lock(), but can be cancelled.
 *
 * Returns: %FALSE also with %G_IO_ERROR_CANCELLED
 */
DMABUF_CORE_API
gboolean dmabuf_reservation_lock_interruptible (DmabufReservation *reservation,
    DmabufAcquireContext *context, GCancellable *cancellable, GError **error);

/**
 * dmabuf_reservation_lock_slow: (skip)
 * @reservation: the one for which @context got EDEADLK
 * @context: an acquisition that holds nothing
 * @cancellable: (nullable): ends the wait from another thread
 * @error: return location for an error
 *
 * Waits for the contended lock after backing off. Never fails with EDEADLK.
 *
 * Returns: %FALSE with %G_IO_ERROR_CANCELLED, EINVAL for misuse
 */
DMABUF_CORE_API
gboolean dmabuf_reservation_lock_slow (DmabufReservation *reservation,
    DmabufAcquireContext *context, GCancellable *cancellable, GError **error);

/**
 * dmabuf_reservation_trylock: (skip)
 * @reservation: a reservation
 * @context: (nullable): the acquisition
 *
 * Locks if it is free; never waits.
 *
 * Returns: whether it is locked now
 */
DMABUF_CORE_API
gboolean dmabuf_reservation_trylock (
    DmabufReservation *reservation, DmabufAcquireContext *context);

/**
 * dmabuf_reservation_unlock: (skip)
 * @reservation: a reservation that this thread has locked
 *
 * Unlocks @reservation, and drops unused reserved slots (RSV-2).
 */
DMABUF_CORE_API
void dmabuf_reservation_unlock (DmabufReservation *reservation);

/**
 * dmabuf_reservation_is_locked: (skip)
 * @reservation: a reservation
 *
 * Returns: whether this thread has locked it
 */
DMABUF_CORE_API
gboolean dmabuf_reservation_is_locked (DmabufReservation *reservation);

/**
 * dmabuf_reservation_lock_many: (skip)
 * @reservations: (array length=n_reservations): reservations, in any order; one
 *   may be there twice
 * @n_reservations: how many
 * @context: an acquisition that holds nothing
 * @cancellable: (nullable): ends the wait from another thread
 * @error: return location for an error
 *
 * Locks all of them, backing off as often as needed.
 *
 * Returns: %FALSE with %G_IO_ERROR_CANCELLED, EINVAL for misuse; then nothing
 * is locked
 */
DMABUF_CORE_API
gboolean dmabuf_reservation_lock_many (DmabufReservation **reservations,
    guint n_reservations, DmabufAcquireContext *context,
    GCancellable *cancellable, GError **error);

/**
 * dmabuf_reservation_unlock_many: (skip)
 * @reservations: (array length=n_reservations): the locked reservations
 * @n_reservations: how many
 *
 * Undoes dmabuf_reservation_lock_many().
 */
DMABUF_CORE_API
void dmabuf_reservation_unlock_many (
    DmabufReservation **reservations, guint n_reservations);

/**
 * dmabuf_usage_rw:
 * @write: whether the caller is going to write
 *
 * Returns: the usage up to which the caller has to wait for fences: READ for a
 *   writer, WRITE for a reader (RSV-1)
 */
DMABUF_CORE_API
DmabufUsage dmabuf_usage_rw (gboolean write);

/**
 * dmabuf_reservation_reserve:
 * @reservation: a locked reservation
 * @n: number of fences, at least 1
 * @error: return location for an error
 *
 * Makes sure that the next @n dmabuf_reservation_add() cannot fail, until the
 * unlock (RSV-2).
 *
 * Returns: %FALSE with EINVAL for 0 or an unlocked reservation, ENOMEM for too
 *   many
 */
DMABUF_CORE_API
gboolean dmabuf_reservation_reserve (
    DmabufReservation *reservation, guint n, GError **error);

/**
 * dmabuf_reservation_add:
 * @reservation: a locked reservation with a reserved slot
 * @fence: a plain fence; unwrap containers
 * @usage: its usage
 *
 * Adds a fence. It replaces an earlier fence of its context with the same or a
 * higher usage (WRITE replaces READ, READ never replaces WRITE), or a fence
 * that has signalled (RSV-3).
 *
 * Returns: %FALSE, with a critical, without a slot or for a container
 */
DMABUF_CORE_API
gboolean dmabuf_reservation_add (
    DmabufReservation *reservation, DmabufFence *fence, DmabufUsage usage);

/**
 * dmabuf_reservation_replace:
 * @reservation: a locked reservation
 * @context: the context whose fences are obsolete
 * @replacement: a plain fence in their place
 * @usage: its usage
 *
 * Replaces every fence of @context (RSV-4). A container is refused with a
 * critical.
 */
DMABUF_CORE_API
void dmabuf_reservation_replace (DmabufReservation *reservation,
    guint64 context, DmabufFence *replacement, DmabufUsage usage);

/**
 * DmabufReservationIter:
 * @fence: (transfer none): the current fence
 * @usage: its usage
 * @is_restarted: without the lock: discard what was collected so far
 *
 * An iteration over the fences of a reservation (RSV-5).
 */
typedef struct
{
  DmabufFence *fence;
  DmabufUsage usage;
  gboolean is_restarted;

  /*< private >*/
  DmabufReservation *reservation;
  DmabufUsage wanted;
  guint index;
  guint generation;
  gboolean unlocked;
  gboolean without_kernel;
} DmabufReservationIter;

/**
 * dmabuf_reservation_iter_init: (skip)
 * @iter: (out caller-allocates): the iteration
 * @reservation: a locked reservation
 * @usage: with all lower usages
 *
 * Begins an iteration over all fences, including those that have signalled.
 */
DMABUF_CORE_API
void dmabuf_reservation_iter_init (DmabufReservationIter *iter,
    DmabufReservation *reservation, DmabufUsage usage);

/**
 * dmabuf_reservation_iter_init_unlocked: (skip)
 * @iter: (out caller-allocates): the iteration
 * @reservation: a reservation
 * @usage: with all lower usages
 *
 * Begins an iteration over the pending fences, without the lock. When the list
 * is changed meanwhile it restarts. @is_restarted is set at the first fence
 * after each start.
 */
DMABUF_CORE_API
void dmabuf_reservation_iter_init_unlocked (DmabufReservationIter *iter,
    DmabufReservation *reservation, DmabufUsage usage);

/**
 * dmabuf_reservation_iter_next: (skip)
 * @iter: the iteration
 *
 * Returns: whether there is one more fence; after %FALSE @iter needs no
 *   dmabuf_reservation_iter_end()
 */
DMABUF_CORE_API
gboolean dmabuf_reservation_iter_next (DmabufReservationIter *iter);

/**
 * dmabuf_reservation_iter_end: (skip)
 * @iter: the iteration
 *
 * Ends an iteration that is left early.
 */
DMABUF_CORE_API
void dmabuf_reservation_iter_end (DmabufReservationIter *iter);

/**
 * dmabuf_reservation_get_fences:
 * @reservation: a reservation
 * @usage: with all lower usages
 * @n_fences: (out): how many
 *
 * Returns: (array length=n_fences) (transfer full) (nullable): the pending
 *   fences, %NULL for none (RSV-6)
 */
DMABUF_CORE_API
DmabufFence **dmabuf_reservation_get_fences (
    DmabufReservation *reservation, DmabufUsage usage, guint *n_fences);

/**
 * dmabuf_reservation_get_singleton:
 * @reservation: a reservation
 * @usage: with all lower usages
 *
 * Returns: (transfer full) (nullable): one fence for all that are pending:
 *   %NULL, the only one, or an array, which cannot be added to a reservation
 *   again (RSV-6)
 */
DMABUF_CORE_API
DmabufFence *dmabuf_reservation_get_singleton (
    DmabufReservation *reservation, DmabufUsage usage);

/**
 * dmabuf_reservation_copy:
 * @reservation: a locked reservation
 * @source: another
 *
 * Replaces the fences by the pending ones of @source (RSV-6).
 */
DMABUF_CORE_API
void dmabuf_reservation_copy (
    DmabufReservation *reservation, DmabufReservation *source);

/**
 * dmabuf_reservation_wait:
 * @reservation: a reservation
 * @usage: with all lower usages
 * @deadline: absolute, microseconds of CLOCK_MONOTONIC
 * @cancellable: (nullable): ends the wait from another thread
 * @error: return location for an error
 *
 * Waits for its fences on the CPU (RSV-7). Fences that are added meanwhile may
 * be waited for too; the deadline stays the same (SEC-14).
 *
 * Returns: %FALSE with ETIME, %G_IO_ERROR_CANCELLED
 */
DMABUF_CORE_API
gboolean
dmabuf_reservation_wait (DmabufReservation *reservation, DmabufUsage usage,
    gint64 deadline, GCancellable *cancellable, GError **error);

/**
 * dmabuf_reservation_test_signaled:
 * @reservation: a reservation
 * @usage: with all lower usages
 *
 * Returns: whether all of its fences have signalled
 */
DMABUF_CORE_API
gboolean dmabuf_reservation_test_signaled (
    DmabufReservation *reservation, DmabufUsage usage);

/**
 * dmabuf_reservation_set_deadline:
 * @reservation: a reservation
 * @usage: with all lower usages
 * @deadline: when their signals are needed, microseconds of CLOCK_MONOTONIC
 *
 * Calls dmabuf_fence_set_deadline() for each fence.
 */
DMABUF_CORE_API
void dmabuf_reservation_set_deadline (
    DmabufReservation *reservation, DmabufUsage usage, gint64 deadline);

/**
 * dmabuf_reservation_describe:
 * @reservation: a reservation
 *
 * Returns: (transfer full): a line for each pending fence: usage, driver,
 *   timeline, point
 */
DMABUF_CORE_API
char *dmabuf_reservation_describe (DmabufReservation *reservation);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DmabufReservation, dmabuf_reservation_unref)

G_END_DECLS
