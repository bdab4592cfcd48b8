/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Locks many reservations in one call (WW-1). */

#include "dmabuf-reservation-private.h"

#include <errno.h>

static void
unlock_until (
    DmabufReservation **reservations, guint end, DmabufReservation *contended)
{
  guint i;

  for (i = 0; i < end; i++) {
    /* A reservation that is there twice is unlocked the first time. */
    if (dmabuf_reservation_is_locked (reservations[i]))
      dmabuf_reservation_unlock (reservations[i]);
  }
  if (contended && dmabuf_reservation_is_locked (contended))
    dmabuf_reservation_unlock (contended);
}

gboolean
dmabuf_reservation_lock_many (DmabufReservation **reservations,
    guint n_reservations, DmabufAcquireContext *context,
    GCancellable *cancellable, GError **error)
{
  DmabufReservation *contended = NULL;
  int ret;
  guint i;

retry:
  for (i = 0; i < n_reservations; i++) {
    if (reservations[i] == contended)
      continue;

    ret =
        dmabuf_reservation_lock_status (reservations[i], context, cancellable);
    if (ret == 0 || ret == -EALREADY)
      continue;

    unlock_until (reservations, i, contended);
    if (ret != -EDEADLK)
      return dmabuf_reservation_set_lock_error (ret, error);

    contended = reservations[i];
    ret = dmabuf_reservation_lock_status (contended, context, cancellable);
    if (ret < 0)
      return dmabuf_reservation_set_lock_error (ret, error);
    goto retry;
  }

  return TRUE;
}

void
dmabuf_reservation_unlock_many (
    DmabufReservation **reservations, guint n_reservations)
{
  unlock_until (reservations, n_reservations, NULL);
}
