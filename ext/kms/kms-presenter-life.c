/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Start and stop of a presenter. */

#include "kms-presenter-private.h"
#include "kms-debug.h"

#include <sys/eventfd.h>
#include <unistd.h>

/* How long kms_presenter_stop () waits for the last flip before it leaves the
 * rest to a thread: a few frames, too short for a user to notice. */
#define SHORT_WAIT_US (60 * 1000)

KmsPresenter *
kms_presenter_new (KmsOutput *output, DmabufDevice *device, gboolean mailbox,
    GCancellable *cancellable)
{
  KmsPresenter *presenter = g_new0 (KmsPresenter, 1);
  guint i;

  g_mutex_init (&presenter->lock);
  presenter->card = kms_card_ref (output->card);
  presenter->output = output;
  presenter->device = g_object_ref (device);
  presenter->snapshot =
      kms_snapshot_new (output->card, output->connector->connector_id,
          output->connector_properties, output->crtc_id, output->crtc_index,
          output->crtc_properties, output->planes);
  presenter->mailbox = mailbox;
  presenter->cancellable = g_object_ref (cancellable);
  presenter->cancel_fd = g_cancellable_get_fd (cancellable);
  for (i = 0; i < KMS_MAX_WAITERS; i++)
    presenter->wake_fds[i] = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  presenter->next = (KmsFrame) KMS_FRAME_INIT;
  presenter->pending = (KmsFrame) KMS_FRAME_INIT;
  presenter->current = (KmsFrame) KMS_FRAME_INIT;
  if (mailbox)
    presenter->thread =
        g_thread_new ("kms-mailbox", kms_presenter_run_mailbox, presenter);

  return presenter;
}

static GMutex ends_lock;
static GCond ends_cond;
static guint n_ends;

static void
finish (KmsPresenter *presenter, gboolean restore)
{
  KmsCommit commit;
  guint i;
  int ret;

  kms_commit_init (&commit);
  if (presenter->writeback_id)
    kms_commit_set (
        &commit, presenter->writeback_id, &presenter->writeback_crtc_id, 0);
  /* Without a commit nothing has changed. */
  if (restore && presenter->serial > 0) {
    ret = kms_snapshot_restore (presenter->snapshot, &commit);
    if (ret < 0)
      GST_WARNING ("%s: cannot restore the state of the screen: %s",
          presenter->card->name, g_strerror (-ret));
  }

  kms_frame_clear (&presenter->next);
  kms_frame_clear (&presenter->pending);
  kms_frame_clear (&presenter->current);
  dmabuf_device_trim (presenter->device);
  kms_card_drop_master (presenter->card);
  g_object_unref (presenter->device);
  kms_snapshot_free (presenter->snapshot);
  kms_output_free (presenter->output);
  kms_card_unref (presenter->card);
  for (i = 0; i < KMS_MAX_WAITERS; i++)
    close (presenter->wake_fds[i]);
  g_mutex_clear (&presenter->lock);
  g_free (presenter);
}

typedef struct
{
  KmsPresenter *presenter;
  gboolean restore;
  gint64 deadline;
} LateEnd;

static gpointer
run_late_end (gpointer data)
{
  LateEnd *end = data;

  kms_presenter_wait_for (end->presenter, KMS_WAIT_IDLE, end->deadline, NULL);
  kms_presenter_unlock (end->presenter);
  finish (end->presenter, end->restore);
  g_free (end);

  g_mutex_lock (&ends_lock);
  n_ends--;
  g_cond_broadcast (&ends_cond);
  g_mutex_unlock (&ends_lock);

  return NULL;
}

void
kms_presenter_interrupt (KmsPresenter *presenter)
{
  kms_presenter_lock (presenter);
  presenter->quit = TRUE;
  kms_presenter_wake_locked (presenter);
  kms_presenter_unlock (presenter);
}

void
kms_presenter_stop (KmsPresenter *presenter, gboolean restore, gint64 deadline)
{
  LateEnd *end;
  gboolean idle;

  kms_presenter_interrupt (presenter);
  g_clear_pointer (&presenter->thread, g_thread_join);
  kms_presenter_flush (presenter);

  g_cancellable_release_fd (presenter->cancellable);
  g_clear_object (&presenter->cancellable);
  presenter->cancel_fd = -1;

  idle = kms_presenter_wait_for (
      presenter, KMS_WAIT_IDLE, g_get_monotonic_time () + SHORT_WAIT_US, NULL);
  kms_presenter_unlock (presenter);
  if (idle) {
    finish (presenter, restore);
    return;
  }

  /* A commit cannot be cancelled, and until its fence has signalled the kernel
   * blocks the next one, even the one that close () makes. */
  GST_INFO ("%s: the last frame's fence is pending, a thread waits for it",
      presenter->card->name);
  end = g_new0 (LateEnd, 1);
  end->presenter = presenter;
  end->restore = restore;
  end->deadline = deadline;
  g_mutex_lock (&ends_lock);
  n_ends++;
  g_mutex_unlock (&ends_lock);
  g_thread_unref (g_thread_new ("kms-end", run_late_end, end));
}

gboolean
kms_presenter_wait_ends (gint64 deadline)
{
  gboolean ret = TRUE;

  g_mutex_lock (&ends_lock);
  while (n_ends > 0 && ret)
    ret = g_cond_wait_until (&ends_cond, &ends_lock, deadline);
  g_mutex_unlock (&ends_lock);

  return ret;
}
