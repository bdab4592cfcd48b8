/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by kms-presenter.c, which shows frames, and kms-presenter-life.c,
 * which starts and stops. */

#include "kms-presenter.h"

/* Frames that can be retired while the lock is held once: each event retires
 * two at most, and a commit has one event. */
#define KMS_MAX_RETIRED 8

/* The streaming thread, the mailbox's thread, and one that captures the screen
 * or stops the presenter; one to spare. */
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
  /* An eventfd for each waiter: the first waiter to read a shared one would
   * take the wake-up of the others. */
  int wake_fds[KMS_MAX_WAITERS];

  GMutex lock;
  /* Below: protected by lock */
  KmsFrame next;
  KmsFrame pending;
  KmsFrame current;
  guint64 serial;
  gboolean waiting[KMS_MAX_WAITERS];
  gboolean exclusive;
  gboolean quit;
  /* Error of a commit of the mailbox's thread, for the next show () */
  int result;
  guint32 writeback_id;
  KmsProperty writeback_crtc_id;
  KmsPresenterStats stats;
  /* To be released by unlock () */
  guint n_retired;
  KmsFrame retired[KMS_MAX_RETIRED];
};

/* The conditions of kms_presenter_wait_for (), and the events that end it */
typedef enum
{
  /* Condition: no commit is pending in the kernel */
  KMS_WAIT_PENDING = 1 << 0,
  /* Condition: the mailbox is empty */
  KMS_WAIT_NEXT = 1 << 1,
  KMS_WAIT_IDLE = KMS_WAIT_PENDING | KMS_WAIT_NEXT,
  /* Condition: no other thread has exclusive access to the screen */
  KMS_WAIT_SHARED = 1 << 2,
  /* Give up when the cancellable is cancelled */
  KMS_WAIT_CANCELLABLE = 1 << 3,
  /* Give up when kms_presenter_interrupt () is called */
  KMS_WAIT_UNTIL_END = 1 << 4,
} KmsWaitFlags;

void kms_presenter_lock (KmsPresenter *presenter);

/* Unlocks, and releases the retired frames, which may call into upstream. */
void kms_presenter_unlock (KmsPresenter *presenter);

void kms_presenter_wake_locked (KmsPresenter *presenter);

/* Returns with the lock held. TRUE if all conditions in @flags are met. */
gboolean kms_presenter_wait_for (KmsPresenter *presenter, KmsWaitFlags flags,
    gint64 deadline, GError **error);

/* The mailbox's thread: reads events, and commits the frame in the mailbox. */
gpointer kms_presenter_run_mailbox (gpointer data);
