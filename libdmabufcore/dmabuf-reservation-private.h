/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dmabuf-reservation.h"

G_BEGIN_DECLS

typedef struct
{
  DmabufFence *fence;
  DmabufUsage usage;
} DmabufReservationSlot;

/* A thread that waits for a lock (dmabuf-reservation-lock.c) */
typedef struct _DmabufLockWaiter DmabufLockWaiter;

/*
 * Two locks. The reservation's own (owner, waiters) is held by callers that
 * change the list. The list's is internal and held briefly: readers come
 * without the reservation's lock (RSV-5).
 */
struct _DmabufReservation
{
  gint ref_count;

  /* dmabuf-reservation-lock.c: owner is the context or thread that holds the
   * lock, with the flags below in the low bits */
  guintptr owner;
  GMutex wait_lock;
  DmabufLockWaiter *first_waiter;

  /* dmabuf-reservation.c */
  gint list_lock;   /* See dmabuf-spin-private.h */
  guint generation; /* Counts how often slots were moved */
  guint n_fences;
  guint n_reserved; /* n_fences and the slots that reserve () promised */
  guint size;
  DmabufReservationSlot *slots;
};

/* Flags of owner: there are waiters; it is a thread without a context */
#define DMABUF_OWNER_WAITERS ((guintptr) 1)
#define DMABUF_OWNER_PLAIN ((guintptr) 2)
#define DMABUF_OWNER_FLAGS (DMABUF_OWNER_WAITERS | DMABUF_OWNER_PLAIN)

/* Locks without setting an error: 0, -EDEADLK, -EALREADY, -ECANCELED, -EINVAL
 */
int dmabuf_reservation_lock_status (DmabufReservation *reservation,
    DmabufAcquireContext *context, GCancellable *cancellable);

/* Sets @error for a negative @status; returns FALSE. */
gboolean dmabuf_reservation_set_lock_error (int status, GError **error);

/* Whether this thread holds the lock of any reservation */
gboolean dmabuf_reservation_thread_holds_any (void);

/* RSV-8: ends the lock of a reservation, which must be free. */
void dmabuf_reservation_lock_clear (DmabufReservation *reservation);

G_END_DECLS
