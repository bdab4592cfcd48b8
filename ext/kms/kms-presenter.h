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
 * fifo: show () waits until the frame before it is on screen, so that each is
 * seen. mailbox: show () never waits; a frame that comes while one is pending
 * replaces the one that waits behind it, and a thread commits it at the flip.
 *
 * Whoever waits polls the card's file, under no lock; whoever finds the event
 * there takes it for all.
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
 * Shows @frame, which is taken in every case. FALSE with G_IO_ERROR_CANCELLED,
 * then @frame is left to the caller to try again; ETIME if the display has not
 * moved until @deadline; EBUSY if it is no longer ours; the commit's errno.
 */
gboolean kms_presenter_show (
    KmsPresenter *presenter, KmsFrame *frame, gint64 deadline, GError **error);

/* Waits until the last frame is on screen. */
gboolean
kms_presenter_wait (KmsPresenter *presenter, gint64 deadline, GError **error);

/* Forgets the frame that a mailbox has not committed yet (flush). */
void kms_presenter_flush (KmsPresenter *presenter);

/* The buffer shown last, or about to be; (transfer full), or %NULL. */
GstBuffer *kms_presenter_get_newest (KmsPresenter *presenter);

/*
 * Keeps everybody from committing until kms_presenter_end_exclusive (), once
 * the last frame is on screen. @shown: (transfer full) its buffer, or %NULL.
 */
gboolean kms_presenter_begin_exclusive (KmsPresenter *presenter,
    gint64 deadline, GstBuffer **shown, GError **error);
void kms_presenter_end_exclusive (KmsPresenter *presenter);

/* The same for the thread that shows, which wants to change the output: once
 * all of its frames are on screen. G_IO_ERROR_CANCELLED as in show (). */
gboolean kms_presenter_begin_change (
    KmsPresenter *presenter, gint64 deadline, GError **error);

/* Removes everything from the screen, frames included. */
gboolean kms_presenter_hide (KmsPresenter *presenter, GError **error);

void
kms_presenter_get_stats (KmsPresenter *presenter, KmsPresenterStats *stats);

/* Announces kms_presenter_stop (): who waits for the screen to himself gives up
 * with G_IO_ERROR_CANCELLED. */
void kms_presenter_interrupt (KmsPresenter *presenter);

/*
 * Ends it: puts back what the screen showed before, if @restore, and closes the
 * card. If a frame is still held back by its fence this returns soon
 * nevertheless, and the end comes on a thread of its own when the fence has
 * signalled, or at @deadline.
 */
void
kms_presenter_stop (KmsPresenter *presenter, gboolean restore, gint64 deadline);

/* A connector to be detached at the end. */
void kms_presenter_set_writeback (
    KmsPresenter *presenter, guint32 connector_id, const KmsProperty *crtc_id);

/* Waits for the ends that are still to come. FALSE at @deadline. */
gboolean kms_presenter_wait_ends (gint64 deadline);
