/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-presenter.h"
#include "kms-debug.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* How long the end waits for the last flip before it becomes a thread's: a few
 * frames, and well below what a user notices. */
#define SHORT_WAIT_US (60 * 1000)

/* EBUSY without a commit of ours: the kernel still finishes another one */
#define BUSY_RETRY_US (2 * 1000)

#define EVENT_BUFFER_SIZE 1024

/* Frames that one hold of the lock can make superfluous: each event retires
 * two at most, and a commit has one event. */
#define MAX_RETIRED 8

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
  KmsFrame retired[MAX_RETIRED];
};

static void
lock (KmsPresenter *presenter)
{
  g_mutex_lock (&presenter->lock);
}

/* Unlocks, and gives back the frames that nobody shows any more: that may call
 * into upstream. */
static void
unlock (KmsPresenter *presenter)
{
  KmsFrame retired[MAX_RETIRED];
  guint i, n = presenter->n_retired;

  for (i = 0; i < n; i++)
    retired[i] = kms_frame_take (&presenter->retired[i]);
  presenter->n_retired = 0;
  g_mutex_unlock (&presenter->lock);

  for (i = 0; i < n; i++)
    kms_frame_clear (&retired[i]);
}

static void
retire_locked (KmsPresenter *presenter, KmsFrame *frame)
{
  if (!frame->buffer)
    return;
  g_return_if_fail (presenter->n_retired < MAX_RETIRED);
  presenter->retired[presenter->n_retired++] = kms_frame_take (frame);
}

/* --- commits and events, all under the lock ---------------------------- */

static int
commit_locked (KmsPresenter *presenter, KmsFrame *frame)
{
  KmsOutput *output = presenter->output;
  guint32 flags = DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT;
  KmsCommit commit;
  int ret;

  kms_commit_init (&commit);
  kms_output_show (output, &commit, frame->fb_id, &frame->source);
  if (frame->fence_fd >= 0)
    kms_commit_set (&commit, output->plane->id,
        &output->plane->properties[KMS_PLANE_IN_FENCE_FD], frame->fence_fd);
  if (output->needs_modeset)
    flags |= DRM_MODE_ATOMIC_ALLOW_MODESET;

  frame->serial = ++presenter->serial;
  ret = kms_commit_submit (&commit, presenter->card, flags, frame->serial);
  if (ret < 0)
    return ret;

  output->needs_modeset = FALSE;
  if (frame->fence_fd >= 0) {
    close (frame->fence_fd);
    frame->fence_fd = -1;
  }
  presenter->pending = kms_frame_take (frame);

  return 0;
}

static void
commit_next_locked (KmsPresenter *presenter)
{
  int ret;

  if (!presenter->next.buffer || presenter->pending.buffer
      || presenter->exclusive)
    return;
  ret = commit_locked (presenter, &presenter->next);
  /* the mailbox's thread tries again */
  if (ret == 0 || ret == -EBUSY)
    return;
  presenter->result = ret;
  retire_locked (presenter, &presenter->next);
}

static void
wake_locked (KmsPresenter *presenter)
{
  guint64 n = presenter->n_waiters;

  /* cannot fail: the counter is far from full */
  if (n > 0 && write (presenter->wake_fd, &n, sizeof (n)) < 0)
    GST_WARNING ("cannot wake: %s", g_strerror (errno));
}

static void
flip_locked (KmsPresenter *presenter, const struct drm_event_vblank *event)
{
  KmsFrame *pending = &presenter->pending;
  GstClockTime now = event->tv_sec * GST_SECOND + event->tv_usec * GST_USECOND;

  if (!pending->buffer || event->user_data != pending->serial)
    return;

  presenter->stats.shown++;
  if (GST_CLOCK_TIME_IS_VALID (pending->captured) && now > pending->captured)
    gst_dmabuf_core_durations_add (
        &presenter->stats.latency, now - pending->captured);

  retire_locked (presenter, &presenter->current);
  presenter->current = kms_frame_take (pending);
  commit_next_locked (presenter);
  wake_locked (presenter);
}

/* Takes the events that are there, without waiting. */
static void
read_events_locked (KmsPresenter *presenter)
{
  KmsCard *card = presenter->card;
  guint64 buffer[EVENT_BUFFER_SIZE / sizeof (guint64)];
  const guint8 *bytes = (const guint8 *) buffer;
  gssize size, at;

  if (!card->nonblocking) {
    struct pollfd poll_fd = { .fd = card->fd, .events = POLLIN };

    if (kms_poll (&poll_fd, 1, 0) <= 0)
      return;
  }

  size = kms_api->read (card->fd, buffer, sizeof (buffer));
  for (at = 0; at + (gssize) sizeof (struct drm_event) <= size;) {
    struct drm_event header;
    struct drm_event_vblank event;

    memcpy (&header, bytes + at, sizeof (header));
    if (header.length < sizeof (header) || header.length > size - at)
      break;
    if (header.type == DRM_EVENT_FLIP_COMPLETE
        && header.length >= sizeof (event)) {
      memcpy (&event, bytes + at, sizeof (event));
      flip_locked (presenter, &event);
    }
    at += header.length;
  }
}

/* --- waiting ----------------------------------------------------------- */

/* What wait_idle () waits for, besides that nothing is pending */
typedef enum
{
  WAIT_NONE = 0,
  /* give up when the cancellable is cancelled */
  WAIT_CANCELLABLE = 1 << 0,
  /* nobody else has the screen for himself */
  WAIT_SHARED = 1 << 1,
} WaitFlags;

/* Returns with the lock held, and TRUE if nothing is pending. */
static gboolean
wait_idle (
    KmsPresenter *presenter, WaitFlags flags, gint64 deadline, GError **error)
{
  KmsCard *card = presenter->card;
  struct pollfd fds[3] = {
    { .fd = card->fd, .events = POLLIN },
    { .fd = presenter->wake_fd, .events = POLLIN },
    { .fd = presenter->cancel_fd, .events = POLLIN },
  };
  guint n_fds = flags & WAIT_CANCELLABLE ? 3 : 2;
  guint64 woken;
  int ret = 1;

  for (;;) {
    lock (presenter);
    if (presenter->pending.buffer)
      read_events_locked (presenter);
    if (!presenter->pending.buffer && !presenter->next.buffer
        && !(presenter->exclusive && (flags & WAIT_SHARED)))
      return TRUE;
    if (ret == 0)
      goto late;
    presenter->n_waiters++;
    unlock (presenter);

    ret = kms_poll (fds, n_fds, deadline);

    lock (presenter);
    presenter->n_waiters--;
    if (ret < 0)
      goto failed;
    if (ret > 0 && (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL)))
      goto gone;
    if (n_fds == 3 && g_cancellable_is_cancelled (presenter->cancellable))
      goto cancelled;
    unlock (presenter);

    if (ret > 0 && fds[1].revents
        && read (presenter->wake_fd, &woken, sizeof (woken)) < 0)
      GST_TRACE ("somebody else took the wake-up");
  }

  /* ERRORS */
late: {
  kms_set_error (error, ETIME,
      "%s: the last frame is still not on screen; the fence of its producer "
      "has not signalled, or the display has stopped",
      card->name);
  return FALSE;
}
failed: {
  kms_set_error (error, -ret, "%s: poll: %s", card->name, g_strerror (-ret));
  return FALSE;
}
gone: {
  kms_set_error (error, ENODEV, "%s: the device is gone", card->name);
  return FALSE;
}
cancelled: {
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
  return FALSE;
}
}

gboolean
kms_presenter_wait (KmsPresenter *presenter, gint64 deadline, GError **error)
{
  gboolean ret = wait_idle (presenter, WAIT_CANCELLABLE, deadline, error);

  unlock (presenter);

  return ret;
}

/* --- showing ----------------------------------------------------------- */

/* fifo: one commit in the kernel, one frame waiting here for it */
static gboolean
show_fifo (
    KmsPresenter *presenter, KmsFrame *frame, gint64 deadline, GError **error)
{
  int ret;

  for (;;) {
    struct pollfd cancel = { .fd = presenter->cancel_fd, .events = POLLIN };
    gint64 retry;

    if (!wait_idle (
            presenter, WAIT_CANCELLABLE | WAIT_SHARED, deadline, error)) {
      unlock (presenter);
      return FALSE;
    }
    ret = commit_locked (presenter, frame);
    unlock (presenter);
    if (ret == 0)
      return TRUE;
    retry = g_get_monotonic_time () + BUSY_RETRY_US;
    if (ret != -EBUSY || retry > deadline)
      break;

    if (kms_poll (&cancel, 1, retry) > 0) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled");
      return FALSE;
    }
  }

  kms_card_set_commit_error (presenter->card, ret, "showing a frame", error);

  return FALSE;
}

static gboolean
show_mailbox (KmsPresenter *presenter, KmsFrame *frame, GError **error)
{
  int ret;

  lock (presenter);
  ret = presenter->result;
  presenter->result = 0;
  if (ret == 0) {
    if (presenter->next.buffer)
      presenter->stats.dropped++;
    retire_locked (presenter, &presenter->next);
    presenter->next = kms_frame_take (frame);
    commit_next_locked (presenter);
    ret = presenter->result;
    presenter->result = 0;
    /* not in the kernel: the thread has to look after it */
    if (presenter->next.buffer && !presenter->pending.buffer)
      wake_locked (presenter);
  }
  unlock (presenter);

  if (ret < 0)
    kms_card_set_commit_error (presenter->card, ret, "showing a frame", error);

  return ret == 0;
}

gboolean
kms_presenter_show (
    KmsPresenter *presenter, KmsFrame *frame, gint64 deadline, GError **error)
{
  if (presenter->mailbox)
    return show_mailbox (presenter, frame, error);

  return show_fifo (presenter, frame, deadline, error);
}

void
kms_presenter_flush (KmsPresenter *presenter)
{

  lock (presenter);
  retire_locked (presenter, &presenter->next);
  unlock (presenter);
}

/* The mailbox's: takes the events that no caller of ours waits for. */
static gpointer
run_mailbox (gpointer data)
{
  KmsPresenter *presenter = data;

  for (;;) {
    struct pollfd fds[2] = {
      { .fd = presenter->card->fd, .events = POLLIN },
      { .fd = presenter->wake_fd, .events = POLLIN },
    };
    gint64 deadline = G_MAXINT64;
    guint64 woken;
    gboolean quit;

    lock (presenter);
    read_events_locked (presenter);
    commit_next_locked (presenter);
    quit = presenter->quit;
    if (presenter->next.buffer && !presenter->pending.buffer)
      deadline = g_get_monotonic_time () + BUSY_RETRY_US;
    presenter->n_waiters++;
    unlock (presenter);

    if (!quit && kms_poll (fds, 2, deadline) > 0 && fds[1].revents
        && read (presenter->wake_fd, &woken, sizeof (woken)) < 0)
      GST_TRACE ("somebody else took the wake-up");

    lock (presenter);
    presenter->n_waiters--;
    /* a device that is gone would be readable for ever */
    quit |= (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
    unlock (presenter);
    if (quit)
      return NULL;
  }
}

/* --- what is shown ----------------------------------------------------- */

KmsOutput *
kms_presenter_get_output (KmsPresenter *presenter)
{
  return presenter->output;
}

GstBuffer *
kms_presenter_get_newest (KmsPresenter *presenter)
{
  GstBuffer *buffer;

  lock (presenter);
  buffer = presenter->next.buffer;
  if (!buffer)
    buffer = presenter->pending.buffer;
  if (!buffer)
    buffer = presenter->current.buffer;
  if (buffer)
    gst_buffer_ref (buffer);
  unlock (presenter);

  return buffer;
}

gboolean
kms_presenter_begin_exclusive (
    KmsPresenter *presenter, gint64 deadline, GstBuffer **shown, GError **error)
{
  gboolean ret = wait_idle (presenter, WAIT_SHARED, deadline, error);

  if (ret) {
    presenter->exclusive = TRUE;
    *shown = presenter->current.buffer
        ? gst_buffer_ref (presenter->current.buffer)
        : NULL;
  }
  unlock (presenter);

  return ret;
}

void
kms_presenter_end_exclusive (KmsPresenter *presenter)
{
  lock (presenter);
  presenter->exclusive = FALSE;
  wake_locked (presenter);
  unlock (presenter);
}

void
kms_presenter_set_writeback (
    KmsPresenter *presenter, guint32 connector_id, const KmsProperty *crtc_id)
{
  lock (presenter);
  presenter->writeback_id = connector_id;
  presenter->writeback_crtc_id = *crtc_id;
  unlock (presenter);
}

gboolean
kms_presenter_hide (KmsPresenter *presenter, GError **error)
{
  KmsCommit commit;
  int ret = 0;

  lock (presenter);
  if (presenter->current.buffer) {
    kms_commit_init (&commit);
    kms_plane_hide (presenter->output->plane, &commit);
    ret = kms_commit_submit (&commit, presenter->card, 0, 0);
    if (ret == 0)
      retire_locked (presenter, &presenter->current);
  }
  unlock (presenter);
  if (ret < 0)
    kms_card_set_commit_error (presenter->card, ret, "hiding a frame", error);

  return ret == 0;
}

void
kms_presenter_get_stats (KmsPresenter *presenter, KmsPresenterStats *stats)
{
  lock (presenter);
  *stats = presenter->stats;
  unlock (presenter);
}

/* --- beginning and end ------------------------------------------------- */

KmsPresenter *
kms_presenter_new (KmsOutput *output, DmabufDevice *device, gboolean mailbox,
    GCancellable *cancellable)
{
  KmsPresenter *presenter = g_new0 (KmsPresenter, 1);

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
  presenter->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
  presenter->next = (KmsFrame) KMS_FRAME_INIT;
  presenter->pending = (KmsFrame) KMS_FRAME_INIT;
  presenter->current = (KmsFrame) KMS_FRAME_INIT;
  if (mailbox)
    presenter->thread = g_thread_new ("kms-mailbox", run_mailbox, presenter);

  return presenter;
}

static GMutex ends_lock;
static GCond ends_cond;
static guint n_ends;

static void
finish (KmsPresenter *presenter, gboolean restore)
{
  KmsCommit commit;
  int ret;

  kms_commit_init (&commit);
  if (presenter->writeback_id)
    kms_commit_set (
        &commit, presenter->writeback_id, &presenter->writeback_crtc_id, 0);
  /* what never changed needs no restoring */
  if (restore && presenter->serial > 0) {
    ret = kms_snapshot_restore (presenter->snapshot, &commit);
    if (ret < 0)
      GST_WARNING ("%s: cannot restore what the screen showed: %s",
          presenter->card->name, g_strerror (-ret));
  }

  kms_frame_clear (&presenter->next);
  kms_frame_clear (&presenter->pending);
  kms_frame_clear (&presenter->current);
  dmabuf_device_trim (presenter->device);
  g_object_unref (presenter->device);
  kms_snapshot_free (presenter->snapshot);
  kms_output_free (presenter->output);
  kms_card_unref (presenter->card);
  close (presenter->wake_fd);
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

  wait_idle (end->presenter, WAIT_NONE, end->deadline, NULL);
  unlock (end->presenter);
  finish (end->presenter, end->restore);
  g_free (end);

  g_mutex_lock (&ends_lock);
  n_ends--;
  g_cond_broadcast (&ends_cond);
  g_mutex_unlock (&ends_lock);

  return NULL;
}

void
kms_presenter_stop (KmsPresenter *presenter, gboolean restore, gint64 deadline)
{
  LateEnd *end;
  gboolean idle;

  lock (presenter);
  presenter->quit = TRUE;
  wake_locked (presenter);
  unlock (presenter);
  g_clear_pointer (&presenter->thread, g_thread_join);
  kms_presenter_flush (presenter);

  g_cancellable_release_fd (presenter->cancellable);
  g_clear_object (&presenter->cancellable);
  presenter->cancel_fd = -1;

  idle = wait_idle (
      presenter, WAIT_NONE, g_get_monotonic_time () + SHORT_WAIT_US, NULL);
  unlock (presenter);
  if (idle) {
    finish (presenter, restore);
    return;
  }

  /* A commit cannot be taken back, and the next one, even that of close (),
   * would wait in the kernel. */
  GST_INFO ("%s: the last frame's fence is pending, ending later",
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
