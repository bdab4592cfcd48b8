/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dmabuf-reservation.h"

G_BEGIN_DECLS

typedef struct
{
  DmabufFence *fence;
  DmabufUsage usage;
} DmabufReservationSlot;

/* Who waits for a lock (dmabuf-reservation-lock.c) */
typedef struct _DmabufLockWaiter DmabufLockWaiter;

/*
 * Two locks. The reservation's own (owner, waiters) is what callers hold; it
 * orders them. The list's is internal and short: readers need no reservation
 * lock (RSV-5), so the slots need one of their own.
 */
struct _DmabufReservation
{
  gint ref_count;

  /* dmabuf-reservation-lock.c: the context or the thread that has it, with
   * the flags below in the low bits */
  guintptr owner;
  GMutex wait_lock;
  DmabufLockWaiter *first_waiter;

  /* dmabuf-reservation.c */
  gint list_lock;   /* see list_lock () */
  guint generation; /* of the list: slots were moved */
  guint n_fences;
  guint n_reserved; /* n_fences and what reserve () promised */
  guint size;
  DmabufReservationSlot *slots;
};

/* Of owner: somebody waits; a thread without a context */
#define DMABUF_OWNER_WAITERS ((guintptr) 1)
#define DMABUF_OWNER_PLAIN ((guintptr) 2)
#define DMABUF_OWNER_FLAGS (DMABUF_OWNER_WAITERS | DMABUF_OWNER_PLAIN)

/* Without a message: 0, -EDEADLK, -EALREADY, -ECANCELED, -EINVAL */
int dmabuf_reservation_lock_status (DmabufReservation *reservation,
    DmabufAcquireContext *context, GCancellable *cancellable);

/* Sets the error of such a negative status; FALSE. */
gboolean dmabuf_reservation_set_lock_error (int status, GError **error);

/* Whether this thread holds the lock of any reservation */
gboolean dmabuf_reservation_thread_holds_any (void);

/* The end of a reservation: nobody may have the lock. */
void dmabuf_reservation_lock_clear (DmabufReservation *reservation);

G_END_DECLS
