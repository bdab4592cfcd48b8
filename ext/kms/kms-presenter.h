/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-frame.h"
#include "kms-output.h"
#include "kms-snapshot.h"

#include <gst/lib/gstdmabufcorestats.h>

/*
 * Puts frames on the screen, one non-blocking commit each.
 *
 *   show () ──> [next] ──> pending ──(page-flip event)──> current ──> released
 *             mailbox only  in the kernel                 on screen
 *
 * fifo: show () waits until the last frame is on screen, so that each is seen.
 * mailbox: show () never waits; while a frame is pending the new one replaces
 * the one in the mailbox, and a thread commits that at the flip.
 *
 * A waiter polls the card's file without a lock. The first one to find an event
 * there reads it for all.
 */
typedef struct _KmsPresenter KmsPresenter;

typedef struct
{
  guint64 shown;
  guint64 dropped;
  GstDmabufCoreDurations latency;
} KmsPresenterStats;

/* @output: (transfer full), @device: referenced. @cancellable ends the waits of
 * show () and wait (). */
KmsPresenter *kms_presenter_new (KmsOutput *output, DmabufDevice *device,
    gboolean mailbox, GCancellable *cancellable);

KmsOutput *kms_presenter_get_output (KmsPresenter *presenter);

/*
 * Shows @frame. Ownership: taken on TRUE; kept by the caller, to try again, on
 * FALSE with G_IO_ERROR_CANCELLED. The caller clears @frame in any case.
 *
 * Errors: G_IO_ERROR_CANCELLED; ETIME no flip until @deadline; EBUSY the file
 * is no longer master; the commit's errno.
 */
gboolean kms_presenter_show (
    KmsPresenter *presenter, KmsFrame *frame, gint64 deadline, GError **error);

/* Waits until the last frame is on screen. */
gboolean
kms_presenter_wait (KmsPresenter *presenter, gint64 deadline, GError **error);

/* Drops the frame in the mailbox (flush). */
void kms_presenter_flush (KmsPresenter *presenter);

/* The buffer of the newest frame, shown or about to be: (transfer full), or
 * %NULL. */
GstBuffer *kms_presenter_get_newest (KmsPresenter *presenter);

/*
 * Waits until the pending frame is on screen, and keeps other threads from
 * committing until kms_presenter_end_exclusive (). @shown: (transfer full) the
 * buffer of that frame, or %NULL. kms_presenter_interrupt () ends the wait with
 * G_IO_ERROR_CANCELLED.
 */
gboolean kms_presenter_begin_exclusive (KmsPresenter *presenter,
    gint64 deadline, GstBuffer **shown, GError **error);
void kms_presenter_end_exclusive (KmsPresenter *presenter);

/* The same for the streaming thread before it configures the output: waits for
 * the frame in the mailbox as well. G_IO_ERROR_CANCELLED as in show (). */
gboolean kms_presenter_begin_change (
    KmsPresenter *presenter, gint64 deadline, GError **error);

/* Turns the plane off, and releases its frame. EBUSY while a frame is pending.
 */
gboolean kms_presenter_hide (KmsPresenter *presenter, GError **error);

void
kms_presenter_get_stats (KmsPresenter *presenter, KmsPresenterStats *stats);

/* Announces kms_presenter_stop (): ends the wait of a thread for exclusive
 * access. */
void kms_presenter_interrupt (KmsPresenter *presenter);

/*
 * Stops the presenter and frees it: restores the state of the screen if
 * @restore, and drops mastership. If the fence of a frame is pending, a thread
 * does so when the fence has signalled, or at @deadline; this function returns
 * soon.
 */
void
kms_presenter_stop (KmsPresenter *presenter, gboolean restore, gint64 deadline);

/* Names a writeback connector to be detached at the end. */
void kms_presenter_set_writeback (
    KmsPresenter *presenter, guint32 connector_id, const KmsProperty *crtc_id);

/* Waits for the threads that kms_presenter_stop () left behind. FALSE at
 * @deadline. */
gboolean kms_presenter_wait_ends (gint64 deadline);
