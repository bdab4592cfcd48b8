/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What kms-presenter.c, frame by frame, and kms-presenter-life.c, from the
 * beginning to the end, share. */

#include "kms-presenter.h"

/* Frames that one hold of the lock can make superfluous: each event retires
 * two at most, and a commit has one event. */
#define KMS_MAX_RETIRED 8

struct _KmsPresenter
{
  KmsCard *card;
  KmsOutput *output;
  DmabufDevice *device;
  KmsSnapshot *snapshot;
  gboolean mailbox;
  GCancellable *cancellable;
  int cancel_fd;
  GThread *thread;
  /* counts the waiters that have to look again */
  int wake_fd;

  GMutex lock;
  /* below: protected by lock */
  KmsFrame next;
  KmsFrame pending;
  KmsFrame current;
  guint64 serial;
  guint n_waiters;
  gboolean exclusive;
  gboolean quit;
  /* of a commit that no caller of show () was there to hear about */
  int result;
  guint32 writeback_id;
  KmsProperty writeback_crtc_id;
  KmsPresenterStats stats;
  /* to be given back by unlock () */
  guint n_retired;
  KmsFrame retired[KMS_MAX_RETIRED];
};

/* What kms_presenter_wait_idle () waits for, besides that nothing is pending */
typedef enum
{
  KMS_WAIT_NONE = 0,
  /* give up when the cancellable is cancelled */
  KMS_WAIT_CANCELLABLE = 1 << 0,
  /* nobody else has the screen for himself */
  KMS_WAIT_SHARED = 1 << 1,
} KmsWaitFlags;

void kms_presenter_lock (KmsPresenter *presenter);

/* Unlocks, and gives back the frames that nobody shows any more: that may call
 * into upstream. */
void kms_presenter_unlock (KmsPresenter *presenter);

void kms_presenter_wake_locked (KmsPresenter *presenter);

/* Returns with the lock held, and TRUE if nothing is pending. */
gboolean kms_presenter_wait_idle (KmsPresenter *presenter, KmsWaitFlags flags,
    gint64 deadline, GError **error);

/* The mailbox's thread: takes the events that no caller waits for. */
gpointer kms_presenter_run_mailbox (gpointer data);
