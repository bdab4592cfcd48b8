/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fences of a buffer (struct dma_resv). */

#include "dmabuf-annotation-private.h"
#include "dmabuf-fence-composite.h"
#include "dmabuf-fence-private.h"
#include "dmabuf-spin-private.h"
#include "dmabuf-kernel-private.h"
#include "dmabuf-reservation-private.h"

#include <errno.h>
#include <string.h>

G_DEFINE_BOXED_TYPE (DmabufReservation, dmabuf_reservation,
    dmabuf_reservation_ref, dmabuf_reservation_unref)

DmabufUsage
dmabuf_usage_rw (gboolean write)
{
  return write ? DMABUF_USAGE_READ : DMABUF_USAGE_WRITE;
}

/* --- Life -------------------------------------------------------------- */

DmabufReservation *
dmabuf_reservation_new (void)
{
  DmabufReservation *reservation = g_new0 (DmabufReservation, 1);

  reservation->ref_count = 1;
  g_mutex_init (&reservation->wait_lock);
  return reservation;
}

DmabufReservation *
dmabuf_reservation_ref (DmabufReservation *reservation)
{
  g_return_val_if_fail (reservation != NULL, NULL);

  g_atomic_int_inc (&reservation->ref_count);
  return reservation;
}

static void
slots_free (DmabufReservationSlot *slots, guint n)
{
  guint i;

  for (i = 0; i < n; i++)
    dmabuf_fence_unref (slots[i].fence);
  g_free (slots);
}

void
dmabuf_reservation_unref (DmabufReservation *reservation)
{
  g_return_if_fail (reservation != NULL);

  if (!g_atomic_int_dec_and_test (&reservation->ref_count))
    return;

  dmabuf_reservation_lock_clear (reservation);
  slots_free (reservation->slots, reservation->n_fences);
  g_free (reservation);
}

static gboolean
check_locked (DmabufReservation *reservation, const char *what)
{
  if (G_LIKELY (dmabuf_reservation_is_locked (reservation)))
    return TRUE;

  g_critical (
      "%s: the reservation is not locked by this thread (LOCK-1)", what);
  return FALSE;
}

/* --- Adding ------------------------------------------------------------ */

/* Far beyond the needs of drivers; twice as much still fits 32 bits */
#define MAX_SLOTS (1u << 24)

/* Takes out the fences that have signalled. Returns them, to be released
 * without the list's lock. */
static GPtrArray *
drop_signaled (DmabufReservation *reservation)
{
  /* Room for all, so that nothing is allocated under the list's lock. */
  GPtrArray *dropped = g_ptr_array_new_full (
      reservation->n_fences, (GDestroyNotify) dmabuf_fence_unref);
  guint i, n = 0;

  /* Tested before the list's lock, as a test may be a system call. The list
   * stays the same: this thread holds the reservation's lock. */
  for (i = 0; i < reservation->n_fences; i++)
    dmabuf_fence_is_signaled (reservation->slots[i].fence);

  dmabuf_spin_lock (&reservation->list_lock);
  for (i = 0; i < reservation->n_fences; i++) {
    if (dmabuf_fence_has_settled (reservation->slots[i].fence))
      g_ptr_array_add (dropped, reservation->slots[i].fence);
    else
      reservation->slots[n++] = reservation->slots[i];
  }
  if (n < reservation->n_fences)
    reservation->generation++;
  reservation->n_fences = n;
  dmabuf_spin_unlock (&reservation->list_lock);

  return dropped;
}

gboolean
dmabuf_reservation_reserve (
    DmabufReservation *reservation, guint n, GError **error)
{
  DmabufReservationSlot *slots, *old;
  guint needed, size;

  g_return_val_if_fail (reservation != NULL, FALSE);

  dmabuf_annotation_might_allocate ("dmabuf_reservation_reserve");

  if (n == 0 || !check_locked (reservation, "dmabuf_reservation_reserve")) {
    dmabuf_set_error (error, EINVAL,
        n == 0 ? "reservation: 0 slots requested; request one for each fence"
                 " that will be added"
               : "reservation: not locked; lock it first");
    return FALSE;
  }

  if (n > MAX_SLOTS - reservation->n_fences)
    goto no_memory;

  if (reservation->n_fences + n > reservation->size)
    g_ptr_array_unref (drop_signaled (reservation));

  needed = reservation->n_fences + n;
  if (needed > reservation->size) {
    /* RSV-2: first at least 4, then at least twice as many. */
    size = MAX (4, reservation->size * 2);
    while (size < needed)
      size *= 2;

    slots = g_try_new (DmabufReservationSlot, size);
    if (!slots)
      goto no_memory;
    dmabuf_spin_lock (&reservation->list_lock);
    old = reservation->slots;
    if (old)
      memcpy (slots, old, reservation->n_fences * sizeof *slots);
    reservation->slots = slots;
    reservation->size = size;
    reservation->generation++;
    dmabuf_spin_unlock (&reservation->list_lock);
    g_free (old);
  }

  reservation->n_reserved = MAX (reservation->n_reserved, needed);
  return TRUE;

  /* ERRORS */
no_memory:
  dmabuf_set_error (error, ENOMEM,
      "reservation: no memory for %u more fences in addition to %u", n,
      reservation->n_fences);
  return FALSE;
}

static inline gboolean
check_plain (DmabufFence *fence)
{
  if (G_LIKELY (fence->ops->kind != DMABUF_FENCE_KIND_COMPOSITE))
    return TRUE;

  g_critical ("a container cannot be added to a reservation; unwrap it"
              " (RSV-3)");
  return FALSE;
}

/* RSV-3: the slot of a fence that @fence replaces; else of one that has
 * signalled; else NULL. In this order, as otherwise two fences of one context
 * would have to be waited for. */
static inline DmabufReservationSlot *
find_slot (
    DmabufReservation *reservation, DmabufFence *fence, DmabufUsage usage)
{
  DmabufReservationSlot *signaled = NULL;
  guint i;

  for (i = 0; i < reservation->n_fences; i++) {
    DmabufReservationSlot *slot = &reservation->slots[i];

    if (slot->fence->context == fence->context && slot->usage >= usage
        && !dmabuf_fence_is_later (slot->fence, fence))
      return slot;
    if (!signaled && dmabuf_fence_has_settled (slot->fence))
      signaled = slot;
  }
  return signaled;
}

gboolean
dmabuf_reservation_add (
    DmabufReservation *reservation, DmabufFence *fence, DmabufUsage usage)
{
  DmabufReservationSlot *slot;
  DmabufFence *old = NULL;

  g_return_val_if_fail (reservation != NULL && fence != NULL, FALSE);
  g_return_val_if_fail (usage <= DMABUF_USAGE_BOOKKEEP, FALSE);

  if (!check_locked (reservation, "dmabuf_reservation_add"))
    return FALSE;
  if (!check_plain (fence))
    return FALSE;

  slot = find_slot (reservation, fence, usage);
  if (!slot && G_UNLIKELY (reservation->n_fences >= reservation->n_reserved)) {
    g_critical ("no slot reserved for a fence; call"
                " dmabuf_reservation_reserve () under the same lock");
    return FALSE;
  }

  dmabuf_fence_ref (fence);
  dmabuf_spin_lock (&reservation->list_lock);
  if (slot)
    old = slot->fence;
  else
    slot = &reservation->slots[reservation->n_fences++];
  slot->fence = fence;
  slot->usage = usage;
  dmabuf_spin_unlock (&reservation->list_lock);

  if (old)
    dmabuf_fence_unref (old);
  return TRUE;
}

void
dmabuf_reservation_replace (DmabufReservation *reservation, guint64 context,
    DmabufFence *replacement, DmabufUsage usage)
{
  guint i;

  g_return_if_fail (reservation != NULL && replacement != NULL);

  if (!check_locked (reservation, "dmabuf_reservation_replace")
      || !check_plain (replacement))
    return;

  for (i = 0; i < reservation->n_fences; i++) {
    DmabufReservationSlot *slot = &reservation->slots[i];
    DmabufFence *old = slot->fence;

    if (old->context != context)
      continue;

    dmabuf_fence_ref (replacement);
    dmabuf_spin_lock (&reservation->list_lock);
    slot->fence = replacement;
    slot->usage = usage;
    dmabuf_spin_unlock (&reservation->list_lock);
    dmabuf_fence_unref (old);
  }
}

/* --- Iterating --------------------------------------------------------- */

void
dmabuf_reservation_iter_init (DmabufReservationIter *iter,
    DmabufReservation *reservation, DmabufUsage usage)
{
  check_locked (reservation, "dmabuf_reservation_iter_init");
  *iter = (DmabufReservationIter) {
    .reservation = reservation,
    .wanted = usage,
  };
}

void
dmabuf_reservation_iter_init_unlocked (DmabufReservationIter *iter,
    DmabufReservation *reservation, DmabufUsage usage)
{
  *iter = (DmabufReservationIter) {
    .reservation = reservation,
    .wanted = usage,
    .unlocked = TRUE,
    .is_restarted = TRUE,
  };

  dmabuf_spin_lock (&reservation->list_lock);
  iter->generation = reservation->generation;
  dmabuf_spin_unlock (&reservation->list_lock);
}

void
dmabuf_reservation_iter_end (DmabufReservationIter *iter)
{
  if (iter->unlocked && iter->fence)
    dmabuf_fence_unref (iter->fence);
  iter->fence = NULL;
}

/* Under the list's lock, or the reservation's. */
static gboolean
iter_find (DmabufReservationIter *iter)
{
  DmabufReservation *reservation = iter->reservation;

  while (iter->index < reservation->n_fences) {
    const DmabufReservationSlot *slot = &reservation->slots[iter->index++];

    if (slot->usage <= iter->wanted
        && !(iter->without_kernel
            && slot->fence->ops->kind == DMABUF_FENCE_KIND_KERNEL)) {
      iter->fence = slot->fence;
      iter->usage = slot->usage;
      return TRUE;
    }
  }
  return FALSE;
}

static gboolean
iter_next_unlocked (DmabufReservationIter *iter)
{
  DmabufReservation *reservation = iter->reservation;
  gboolean first = iter->fence == NULL && iter->index == 0;
  gboolean restarted = FALSE;
  gboolean found;

  do {
    dmabuf_reservation_iter_end (iter);

    dmabuf_spin_lock (&reservation->list_lock);
    if (iter->generation != reservation->generation) {
      iter->generation = reservation->generation;
      iter->index = 0;
      restarted = TRUE;
    }
    found = iter_find (iter);
    if (found)
      dmabuf_fence_ref (iter->fence);
    dmabuf_spin_unlock (&reservation->list_lock);

    /* Tested without the lock, as it may be a system call. */
  } while (found && dmabuf_fence_is_signaled (iter->fence));

  iter->is_restarted = first || restarted;
  return found;
}

gboolean
dmabuf_reservation_iter_next (DmabufReservationIter *iter)
{
  if (iter->unlocked)
    return iter_next_unlocked (iter);

  iter->fence = NULL;
  return iter_find (iter);
}

/* --- Queries ----------------------------------------------------------- */

DmabufFence **
dmabuf_reservation_get_fences (
    DmabufReservation *reservation, DmabufUsage usage, guint *n_fences)
{
  DmabufReservationIter iter;
  GPtrArray *fences = NULL;

  g_return_val_if_fail (reservation != NULL && n_fences != NULL, NULL);

  dmabuf_reservation_iter_init_unlocked (&iter, reservation, usage);
  while (dmabuf_reservation_iter_next (&iter)) {
    if (iter.is_restarted && fences)
      g_ptr_array_set_size (fences, 0);
    if (!fences)
      fences =
          g_ptr_array_new_with_free_func ((GDestroyNotify) dmabuf_fence_unref);
    g_ptr_array_add (fences, dmabuf_fence_ref (iter.fence));
  }

  *n_fences = fences ? fences->len : 0;
  if (!fences)
    return NULL;
  g_ptr_array_set_free_func (fences, NULL);
  return (DmabufFence **) g_ptr_array_free (fences, *n_fences == 0);
}

DmabufFence *
dmabuf_reservation_get_singleton (
    DmabufReservation *reservation, DmabufUsage usage)
{
  DmabufFence **fences;
  DmabufFence *single;
  guint n;

  fences = dmabuf_reservation_get_fences (reservation, usage, &n);
  if (n == 0)
    return NULL;
  if (n > 1)
    return dmabuf_fence_array_new (
        fences, n, dmabuf_fence_context_alloc (1), 1);

  single = fences[0];
  g_free (fences);
  return single;
}

void
dmabuf_reservation_copy (
    DmabufReservation *reservation, DmabufReservation *source)
{
  DmabufReservationIter iter;
  GArray *copied;
  DmabufReservationSlot *old;
  guint n_old;

  g_return_if_fail (reservation != NULL && source != NULL);

  if (!check_locked (reservation, "dmabuf_reservation_copy"))
    return;

  copied = g_array_new (FALSE, FALSE, sizeof (DmabufReservationSlot));
  dmabuf_reservation_iter_init_unlocked (&iter, source, DMABUF_USAGE_BOOKKEEP);
  while (dmabuf_reservation_iter_next (&iter)) {
    DmabufReservationSlot slot = { iter.fence, iter.usage };

    if (iter.is_restarted) {
      while (copied->len > 0) {
        dmabuf_fence_unref (
            g_array_index (copied, DmabufReservationSlot, copied->len - 1)
                .fence);
        g_array_set_size (copied, copied->len - 1);
      }
    }
    dmabuf_fence_ref (iter.fence);
    g_array_append_val (copied, slot);
  }

  dmabuf_spin_lock (&reservation->list_lock);
  old = reservation->slots;
  n_old = reservation->n_fences;
  reservation->n_fences = reservation->size = copied->len;
  reservation->n_reserved = copied->len;
  reservation->generation++;
  reservation->slots = (DmabufReservationSlot *) g_array_free (copied, FALSE);
  dmabuf_spin_unlock (&reservation->list_lock);

  slots_free (old, n_old);
}

gboolean
dmabuf_reservation_wait (DmabufReservation *reservation, DmabufUsage usage,
    gint64 deadline, GCancellable *cancellable, GError **error)
{
  DmabufReservationIter iter;

  g_return_val_if_fail (reservation != NULL, FALSE);

  dmabuf_annotation_might_wait ("dmabuf_reservation_wait");

  dmabuf_reservation_iter_init_unlocked (&iter, reservation, usage);
  while (dmabuf_reservation_iter_next (&iter)) {
    int status = dmabuf_fence_wait_status (iter.fence, deadline, cancellable);

    if (status <= 0) {
      dmabuf_fence_set_wait_error (iter.fence, status, error);
      dmabuf_reservation_iter_end (&iter);
      return FALSE;
    }
  }

  return TRUE;
}

gboolean
dmabuf_reservation_test_signaled (
    DmabufReservation *reservation, DmabufUsage usage)
{
  DmabufReservationIter iter;
  gboolean pending;

  g_return_val_if_fail (reservation != NULL, TRUE);

  dmabuf_reservation_iter_init_unlocked (&iter, reservation, usage);
  pending = dmabuf_reservation_iter_next (&iter);
  dmabuf_reservation_iter_end (&iter);

  return !pending;
}

void
dmabuf_reservation_set_deadline (
    DmabufReservation *reservation, DmabufUsage usage, gint64 deadline)
{
  DmabufReservationIter iter;

  g_return_if_fail (reservation != NULL);

  dmabuf_reservation_iter_init_unlocked (&iter, reservation, usage);
  while (dmabuf_reservation_iter_next (&iter))
    dmabuf_fence_set_deadline (iter.fence, deadline);
}

char *
dmabuf_reservation_describe (DmabufReservation *reservation)
{
  static const char *const names[] = { "kernel", "write", "read", "bookkeep" };
  DmabufReservationIter iter;
  GString *text = g_string_new (NULL);

  g_return_val_if_fail (reservation != NULL, NULL);

  dmabuf_reservation_iter_init_unlocked (
      &iter, reservation, DMABUF_USAGE_BOOKKEEP);
  while (dmabuf_reservation_iter_next (&iter)) {
    if (iter.is_restarted)
      g_string_truncate (text, 0);
    g_string_append_printf (text,
        "%s: %s %s %" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT "\n",
        names[iter.usage], dmabuf_fence_get_driver_name (iter.fence),
        dmabuf_fence_get_timeline_name (iter.fence), iter.fence->context,
        iter.fence->seqno);
  }

  return g_string_free (text, FALSE);
}
