/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What kms-presenter.c, frame by frame, and kms-presenter-life.c, from the
 * beginning to the end, share. */

#include "kms-presenter.h"

/* Frames that one hold of the lock can make superfluous: each event retires
 * two at most, and a commit has one event. */
#define KMS_MAX_RETIRED 8

/* The streaming thread, the mailbox's, and one that reads the screen back or
 * ends it all. */
#define KMS_MAX_WAITERS 4

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
  /* An eventfd for each that waits, so that nobody takes the wake-up of
   * another: one that looked first would sleep on with what it waits for. */
  int wake_fds[KMS_MAX_WAITERS];

  GMutex lock;
  /* below: protected by lock */
  KmsFrame next;
  KmsFrame pending;
  KmsFrame current;
  guint64 serial;
  gboolean waiting[KMS_MAX_WAITERS];
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

/* What kms_presenter_wait_for () waits for, and what ends it */
typedef enum
{
  /* nothing is with the kernel */
  KMS_WAIT_PENDING = 1 << 0,
  /* nothing waits in the mailbox */
  KMS_WAIT_NEXT = 1 << 1,
  KMS_WAIT_IDLE = KMS_WAIT_PENDING | KMS_WAIT_NEXT,
  /* nobody else has the screen for himself */
  KMS_WAIT_SHARED = 1 << 2,
  /* give up when the cancellable is cancelled */
  KMS_WAIT_CANCELLABLE = 1 << 3,
  /* give up when the end begins */
  KMS_WAIT_UNTIL_END = 1 << 4,
} KmsWaitFlags;

void kms_presenter_lock (KmsPresenter *presenter);

/* Unlocks, and gives back the frames that nobody shows any more: that may call
 * into upstream. */
void kms_presenter_unlock (KmsPresenter *presenter);

void kms_presenter_wake_locked (KmsPresenter *presenter);

/* Returns with the lock held, and TRUE if all of @flags is so. */
gboolean kms_presenter_wait_for (KmsPresenter *presenter, KmsWaitFlags flags,
    gint64 deadline, GError **error);

/* The mailbox's thread: takes the events that no caller waits for. */
gpointer kms_presenter_run_mailbox (gpointer data);
