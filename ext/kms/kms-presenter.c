/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-presenter-private.h"
#include "kms-debug.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Delay after EBUSY without a pending commit of ours: the kernel still finishes
 * another one. */
#define BUSY_RETRY_US (2 * 1000)

#define EVENT_BUFFER_SIZE 1024

void
kms_presenter_lock (KmsPresenter *presenter)
{
  g_mutex_lock (&presenter->lock);
}

void
kms_presenter_unlock (KmsPresenter *presenter)
{
  KmsFrame retired[KMS_MAX_RETIRED];
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
  g_return_if_fail (presenter->n_retired < KMS_MAX_RETIRED);
  presenter->retired[presenter->n_retired++] = kms_frame_take (frame);
}

/* --- commits and events, with the lock held ---------------------------- */

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
  if (ret < 0) {
    /* Another program may have changed the plane: set all properties again. */
    output->needs_placing = TRUE;
    return ret;
  }

  output->needs_modeset = FALSE;
  output->needs_placing = FALSE;
  output->placed = frame->source;
  if (frame->fence_fd >= 0) {
    kms_api->close (frame->fence_fd);
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
  /* After EBUSY the mailbox's thread tries again. */
  if (ret == 0 || ret == -EBUSY)
    return;
  presenter->result = ret;
  retire_locked (presenter, &presenter->next);
  kms_presenter_wake_locked (presenter);
}

void
kms_presenter_wake_locked (KmsPresenter *presenter)
{
  guint64 one = 1;
  guint i;

  for (i = 0; i < KMS_MAX_WAITERS; i++) {
    /* Cannot fail: the counter is far below its maximum. */
    if (presenter->waiting[i]
        && write (presenter->wake_fds[i], &one, sizeof (one)) < 0)
      GST_WARNING ("cannot wake: %s", g_strerror (errno));
  }
}

/* Registers a waiter, which is woken from here on; returns the index of its
 * eventfd. */
static guint
begin_wait_locked (KmsPresenter *presenter)
{
  guint i;

  for (i = 0; i < KMS_MAX_WAITERS - 1 && presenter->waiting[i]; i++)
    continue;
  g_warn_if_fail (!presenter->waiting[i]);
  presenter->waiting[i] = TRUE;

  return i;
}

static void
end_wait_locked (KmsPresenter *presenter, guint waiter)
{
  guint64 woken;

  presenter->waiting[waiter] = FALSE;
  if (read (presenter->wake_fds[waiter], &woken, sizeof (woken)) < 0)
    GST_TRACE ("the wait ended without a wake-up");
}

static void
flip_locked (KmsPresenter *presenter, const struct drm_event_vblank *event)
{
  KmsFrame *pending = &presenter->pending;
  GstClockTime now = event->tv_sec * GST_SECOND + event->tv_usec * GST_USECOND;

  if (!pending->buffer || event->user_data != pending->serial)
    return;
  /* A commit that takes a plane from another CRTC has an event for each CRTC,
   * with the same user_data. On old kernels crtc_id is 0. */
  if (event->crtc_id && event->crtc_id != presenter->output->crtc_id)
    return;

  presenter->stats.shown++;
  if (GST_CLOCK_TIME_IS_VALID (pending->captured) && now > pending->captured)
    gst_dmabuf_core_durations_add (
        &presenter->stats.latency, now - pending->captured);

  retire_locked (presenter, &presenter->current);
  presenter->current = kms_frame_take (pending);
  commit_next_locked (presenter);
  kms_presenter_wake_locked (presenter);
}

/* Reads the available events, without waiting. */
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

static gboolean
conditions_met_locked (KmsPresenter *presenter, KmsWaitFlags flags)
{
  return !(presenter->pending.buffer && (flags & KMS_WAIT_PENDING))
      && !(presenter->next.buffer && (flags & KMS_WAIT_NEXT))
      && !(presenter->exclusive && (flags & KMS_WAIT_SHARED));
}

gboolean
kms_presenter_wait_for (KmsPresenter *presenter, KmsWaitFlags flags,
    gint64 deadline, GError **error)
{
  KmsCard *card = presenter->card;
  struct pollfd fds[3] = {
    { .fd = card->fd, .events = POLLIN },
    { .events = POLLIN },
    { .fd = presenter->cancel_fd, .events = POLLIN },
  };
  guint n_fds = flags & KMS_WAIT_CANCELLABLE ? 3 : 2;
  guint waiter;
  int ret = 1;

  for (;;) {
    kms_presenter_lock (presenter);
    /* An unread event would make poll () return at once. */
    if (presenter->pending.buffer || (fds[0].revents & POLLIN))
      read_events_locked (presenter);
    if (conditions_met_locked (presenter, flags))
      return TRUE;
    if (ret == 0)
      goto late;
    if (presenter->quit && (flags & KMS_WAIT_UNTIL_END))
      goto cancelled;
    waiter = begin_wait_locked (presenter);
    fds[1].fd = presenter->wake_fds[waiter];
    kms_presenter_unlock (presenter);

    ret = kms_poll (fds, n_fds, deadline);

    kms_presenter_lock (presenter);
    end_wait_locked (presenter, waiter);
    if (ret < 0)
      goto failed;
    if (ret > 0 && (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL)))
      goto gone;
    if (n_fds == 3 && g_cancellable_is_cancelled (presenter->cancellable))
      goto cancelled;
    kms_presenter_unlock (presenter);
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
  gboolean ret = kms_presenter_wait_for (
      presenter, KMS_WAIT_IDLE | KMS_WAIT_CANCELLABLE, deadline, error);

  kms_presenter_unlock (presenter);

  return ret;
}

/* --- showing ----------------------------------------------------------- */

/* Waits for the flip of the pending commit, then commits @frame. */
static gboolean
show_fifo (
    KmsPresenter *presenter, KmsFrame *frame, gint64 deadline, GError **error)
{
  int ret;

  for (;;) {
    struct pollfd cancel = { .fd = presenter->cancel_fd, .events = POLLIN };
    gint64 retry;

    if (!kms_presenter_wait_for (presenter,
            KMS_WAIT_IDLE | KMS_WAIT_SHARED | KMS_WAIT_CANCELLABLE, deadline,
            error)) {
      kms_presenter_unlock (presenter);
      return FALSE;
    }
    ret = commit_locked (presenter, frame);
    kms_presenter_unlock (presenter);
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

  kms_presenter_lock (presenter);
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
    /* The commit got EBUSY: the mailbox's thread tries again. */
    if (presenter->next.buffer && !presenter->pending.buffer)
      kms_presenter_wake_locked (presenter);
  }
  kms_presenter_unlock (presenter);

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
  kms_presenter_lock (presenter);
  retire_locked (presenter, &presenter->next);
  kms_presenter_wake_locked (presenter);
  kms_presenter_unlock (presenter);
}

gpointer
kms_presenter_run_mailbox (gpointer data)
{
  KmsPresenter *presenter = data;

  for (;;) {
    struct pollfd fds[2] = {
      { .fd = presenter->card->fd, .events = POLLIN },
      { .events = POLLIN },
    };
    gint64 deadline = G_MAXINT64;
    gboolean quit;
    guint waiter;

    kms_presenter_lock (presenter);
    read_events_locked (presenter);
    commit_next_locked (presenter);
    quit = presenter->quit;
    /* The end of an exclusive access wakes this thread. */
    if (presenter->next.buffer && !presenter->pending.buffer
        && !presenter->exclusive)
      deadline = g_get_monotonic_time () + BUSY_RETRY_US;
    waiter = begin_wait_locked (presenter);
    fds[1].fd = presenter->wake_fds[waiter];
    kms_presenter_unlock (presenter);

    if (!quit)
      kms_poll (fds, 2, deadline);

    kms_presenter_lock (presenter);
    end_wait_locked (presenter, waiter);
    /* The file of a device that is gone stays readable. */
    quit |= (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
    kms_presenter_unlock (presenter);
    if (quit)
      return NULL;
  }
}

/* --- the shown frames -------------------------------------------------- */

KmsOutput *
kms_presenter_get_output (KmsPresenter *presenter)
{
  return presenter->output;
}

GstBuffer *
kms_presenter_get_newest (KmsPresenter *presenter)
{
  GstBuffer *buffer;

  kms_presenter_lock (presenter);
  buffer = presenter->next.buffer;
  if (!buffer)
    buffer = presenter->pending.buffer;
  if (!buffer)
    buffer = presenter->current.buffer;
  if (buffer)
    gst_buffer_ref (buffer);
  kms_presenter_unlock (presenter);

  return buffer;
}

static gboolean
begin_exclusive (KmsPresenter *presenter, KmsWaitFlags end, gint64 deadline,
    GstBuffer **shown, GError **error)
{
  gboolean ret;

  ret = kms_presenter_wait_for (
      presenter, KMS_WAIT_SHARED | end, deadline, error);
  if (ret)
    presenter->exclusive = TRUE;
  kms_presenter_unlock (presenter);
  if (!ret)
    return FALSE;

  /* From here on there is no new commit: with a mailbox that is always full,
   * one would always be pending. */
  ret = kms_presenter_wait_for (
      presenter, KMS_WAIT_PENDING | end, deadline, error);
  if (ret && shown && presenter->current.buffer)
    *shown = gst_buffer_ref (presenter->current.buffer);
  kms_presenter_unlock (presenter);
  if (!ret)
    kms_presenter_end_exclusive (presenter);

  return ret;
}

gboolean
kms_presenter_begin_exclusive (
    KmsPresenter *presenter, gint64 deadline, GstBuffer **shown, GError **error)
{
  *shown = NULL;

  return begin_exclusive (
      presenter, KMS_WAIT_UNTIL_END, deadline, shown, error);
}

gboolean
kms_presenter_begin_change (
    KmsPresenter *presenter, gint64 deadline, GError **error)
{
  /* The frame in the mailbox is for the old configuration: show it first. */
  return kms_presenter_wait (presenter, deadline, error)
      && begin_exclusive (
          presenter, KMS_WAIT_CANCELLABLE, deadline, NULL, error);
}

void
kms_presenter_end_exclusive (KmsPresenter *presenter)
{
  kms_presenter_lock (presenter);
  presenter->exclusive = FALSE;
  kms_presenter_wake_locked (presenter);
  kms_presenter_unlock (presenter);
}

void
kms_presenter_set_writeback (
    KmsPresenter *presenter, guint32 connector_id, const KmsProperty *crtc_id)
{
  kms_presenter_lock (presenter);
  presenter->writeback_id = connector_id;
  presenter->writeback_crtc_id = *crtc_id;
  kms_presenter_unlock (presenter);
}

gboolean
kms_presenter_hide (KmsPresenter *presenter, GError **error)
{
  KmsCommit commit;
  int ret = 0;

  kms_presenter_lock (presenter);
  if (presenter->pending.buffer) {
    /* The kernel would block until the fence of that frame has signalled. */
    ret = -EBUSY;
  } else if (presenter->current.buffer) {
    kms_commit_init (&commit);
    kms_plane_hide (presenter->output->plane, &commit);
    presenter->output->needs_placing = TRUE;
    ret = kms_commit_submit (&commit, presenter->card, 0, 0);
    if (ret == 0)
      retire_locked (presenter, &presenter->current);
  }
  kms_presenter_unlock (presenter);
  if (ret < 0)
    kms_card_set_commit_error (presenter->card, ret, "hiding a frame", error);

  return ret == 0;
}

void
kms_presenter_get_stats (KmsPresenter *presenter, KmsPresenterStats *stats)
{
  kms_presenter_lock (presenter);
  *stats = presenter->stats;
  kms_presenter_unlock (presenter);
}
