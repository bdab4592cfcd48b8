/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The thread on which a buffer waits. With max-pending of 1 the chain function
 * waits itself. With more, buffers wait in a queue, from which a task of the
 * source pad pushes; the first buffer that has to wait starts the task. While
 * the queue is empty and the task idle, the chain function pushes directly. The
 * order is kept because only the sink pad's streaming thread adds to the queue.
 *
 *   chain ──ready, queue empty──────────────────────► push
 *     └────pending──► queue (≤ max-pending) ──task──► wait ──► push
 *
 * Serialized events go through the queue as well. A serialized query waits
 * until the queue is empty.
 */

#include "fencesync-private.h"

#include "libdmabufcore/dmabuf-thread-private.h"

GST_DEBUG_CATEGORY_EXTERN (gst_dmabuf_fence_sync_debug);
#define GST_CAT_DEFAULT gst_dmabuf_fence_sync_debug

/* Waiting adds latency: the longest wait so far is reported, in whole frames if
 * the frame rate is known, so that sinks take it into account. */
static void
note_wait (GstDmabufFenceSync *self, GstClockTime duration)
{
  gboolean grown = FALSE;
  GstClockTime unit;

  g_mutex_lock (&self->lock);
  self->n_waited++;
  gst_dmabuf_core_durations_add (&self->waits, duration);
  if (duration > self->latency) {
    unit = self->frame_duration > 0 ? self->frame_duration : GST_MSECOND;
    self->latency = (duration + unit - 1) / unit * unit;
    grown = TRUE;
  }
  g_mutex_unlock (&self->lock);

  if (grown)
    gst_element_post_message (
        GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
}

/* Waits for the fences of @buffer. OK: push it; CUSTOM_SUCCESS: drop it. */
static GstFlowReturn
wait_for_buffer (GstDmabufFenceSync *self, GstBuffer *buffer)
{
  gint64 deadline = DMABUF_DEADLINE_NEVER, began;
  GstFlowReturn ret = GST_FLOW_OK;
  GCancellable *cancellable;
  OnTimeout on_timeout;
  DmabufAccess access;
  GError *error = NULL;

  GST_OBJECT_LOCK (self);
  access = self->access;
  on_timeout = self->on_timeout;
  began = g_get_monotonic_time ();
  if (self->timeout != GST_CLOCK_TIME_NONE)
    deadline = began + (gint64) (self->timeout / GST_USECOND);
  GST_OBJECT_UNLOCK (self);

  if (fence_sync_is_ready (buffer, access))
    return GST_FLOW_OK;

  g_mutex_lock (&self->lock);
  cancellable = g_object_ref (self->cancellable);
  g_mutex_unlock (&self->lock);

  GST_LOG_OBJECT (self, "%" GST_PTR_FORMAT " has to wait", buffer);
  gst_dmabuf_core_stats_add (
      &self->stats, GST_DMABUF_CORE_COUNTER_CPU_WAITS, 1);
  if (fence_sync_wait (buffer, access, deadline, cancellable, &error)) {
    note_wait (self, (g_get_monotonic_time () - began) * GST_USECOND);
    goto done;
  }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    ret = GST_FLOW_FLUSHING;
    goto done;
  }

  switch (on_timeout) {
  case ON_TIMEOUT_ERROR:
    GST_ELEMENT_ERROR (self, RESOURCE, READ,
        ("%s: %s",
            g_error_matches (error, DMABUF_ERROR, ETIME)
                ? "A buffer was not ready in time"
                : "It is not known whether a buffer is ready",
            error->message),
        ("set timeout or on-timeout to go on without it"));
    ret = GST_FLOW_ERROR;
    break;
  case ON_TIMEOUT_DROP:
    GST_WARNING_OBJECT (self, "buffer dropped: %s", error->message);
    gst_dmabuf_core_stats_add (
        &self->stats, GST_DMABUF_CORE_COUNTER_DROPPED, 1);
    ret = GST_FLOW_CUSTOM_SUCCESS;
    break;
  case ON_TIMEOUT_PASS:
    GST_ELEMENT_WARNING (self, RESOURCE, READ,
        ("A buffer goes on although it is not ready: %s", error->message),
        (NULL));
    g_mutex_lock (&self->lock);
    self->n_passed++;
    g_mutex_unlock (&self->lock);
    break;
  }

done:
  g_clear_error (&error);
  g_object_unref (cancellable);
  return ret;
}

GstFlowReturn
fence_sync_wait_and_push (GstDmabufFenceSync *self, GstBuffer *buffer)
{
  GstFlowReturn ret = wait_for_buffer (self, buffer);
  gboolean discont;

  if (ret != GST_FLOW_OK) {
    gst_buffer_unref (buffer);
    if (ret != GST_FLOW_CUSTOM_SUCCESS)
      return ret;
    g_mutex_lock (&self->lock);
    self->discont = TRUE;
    g_mutex_unlock (&self->lock);
    return GST_FLOW_OK;
  }

  g_mutex_lock (&self->lock);
  discont = self->discont;
  self->discont = FALSE;
  g_mutex_unlock (&self->lock);
  if (discont) {
    buffer = gst_buffer_make_writable (buffer);
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  }
  return gst_pad_push (self->srcpad, buffer);
}

/* --- the queue ---------------------------------------------------------- */

/* Lock held. Takes @object, which is not pushed any more. Upstream sends a
 * sticky event only once, so it is stored on the pad, except EOS and, in a
 * flush, SEGMENT: FLUSH_STOP clears both. */
static void
discard (GstDmabufFenceSync *self, GstMiniObject *object)
{
  GstEvent *event;

  if (GST_IS_BUFFER (object)) {
    self->n_buffers--;
  } else {
    event = GST_EVENT_CAST (object);
    if (GST_EVENT_IS_STICKY (event) && GST_EVENT_TYPE (event) != GST_EVENT_EOS
        && !(GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT && self->flushing))
      gst_pad_store_sticky_event (self->srcpad, event);
  }
  gst_mini_object_unref (object);
}

/* Lock held. */
static void
clear_queue (GstDmabufFenceSync *self)
{
  GstMiniObject *object;

  while ((object = g_queue_pop_head (&self->queue)))
    discard (self, object);
  g_cond_broadcast (&self->changed);
}

/* Lock held. */
static gboolean
is_drained (GstDmabufFenceSync *self)
{
  return g_queue_is_empty (&self->queue) && !self->busy;
}

/* Whether EOS waits in the queue: then no later buffer can return an error to
 * upstream. */
static gboolean
queue_has_eos (GstDmabufFenceSync *self)
{
  GList *walk;

  for (walk = self->queue.head; walk; walk = walk->next) {
    if (GST_IS_EVENT (walk->data)
        && GST_EVENT_TYPE (walk->data) == GST_EVENT_EOS)
      return TRUE;
  }
  return FALSE;
}

static gboolean
is_error (GstFlowReturn result)
{
  return result == GST_FLOW_NOT_LINKED || result < GST_FLOW_EOS;
}

/* Whether @event still goes on after downstream returned EOS for a segment. */
static gboolean
follows_on_eos (GstEvent *event)
{
  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_STREAM_START:
  case GST_EVENT_SEGMENT:
  case GST_EVENT_EOS:
    return TRUE;
  default:
    return FALSE;
  }
}

/* Lock held. Drops the rest of the segment from the queue. FALSE if the queue
 * is empty then. */
static gboolean
skip_segment (GstDmabufFenceSync *self)
{
  GstMiniObject *object;

  while ((object = g_queue_peek_head (&self->queue))) {
    if (GST_IS_EVENT (object) && follows_on_eos (GST_EVENT_CAST (object)))
      return TRUE;
    discard (self, g_queue_pop_head (&self->queue));
  }
  return FALSE;
}

static void
task_function (gpointer user_data)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (user_data);
  GstFlowReturn ret = GST_FLOW_OK;
  GstMiniObject *object;
  gboolean is_buffer, unreported = FALSE;

  g_mutex_lock (&self->lock);
  while (!self->flushing && g_queue_is_empty (&self->queue))
    g_cond_wait (&self->changed, &self->lock);
  if (self->flushing)
    goto pause;
  object = g_queue_pop_head (&self->queue);
  self->busy = TRUE;
  g_mutex_unlock (&self->lock);

  is_buffer = GST_IS_BUFFER (object);
  if (is_buffer)
    ret = fence_sync_wait_and_push (self, GST_BUFFER_CAST (object));
  else
    gst_pad_push_event (self->srcpad, GST_EVENT_CAST (object));

  g_mutex_lock (&self->lock);
  self->busy = FALSE;
  if (is_buffer)
    self->n_buffers--;
  g_cond_broadcast (&self->changed);
  if (ret != GST_FLOW_OK && !(ret == GST_FLOW_EOS && skip_segment (self))) {
    unreported = is_error (ret) && queue_has_eos (self);
    self->result = ret;
    self->result_reported = unreported;
    clear_queue (self);
    goto pause;
  }
  g_mutex_unlock (&self->lock);
  return;

pause:
  self->started = FALSE;
  gst_pad_pause_task (self->srcpad);
  g_mutex_unlock (&self->lock);
  if (unreported) {
    GST_ELEMENT_FLOW_ERROR (self, ret);
    gst_pad_push_event (self->srcpad, gst_event_new_eos ());
  }
}

/* Lock held; takes @object. */
static void
enqueue (GstDmabufFenceSync *self, GstMiniObject *object)
{
  if (GST_IS_BUFFER (object))
    self->n_buffers++;
  g_queue_push_tail (&self->queue, object);
  g_cond_broadcast (&self->changed);
  if (!self->started) {
    self->started = TRUE;
    gst_pad_start_task (self->srcpad, task_function, self, NULL);
  }
}

/* Lock held. OK if a buffer may come; the caller returns any other result to
 * upstream. */
static GstFlowReturn
get_result (GstDmabufFenceSync *self)
{
  if (self->flushing)
    return GST_FLOW_FLUSHING;
  if (self->result != GST_FLOW_OK)
    self->result_reported = TRUE;
  return self->result;
}

GstFlowReturn
fence_sync_queue_buffer (
    GstDmabufFenceSync *self, GstBuffer *buffer, guint max_pending)
{
  DmabufAccess access;
  GstFlowReturn ret;
  gboolean drained;

  GST_OBJECT_LOCK (self);
  access = self->access;
  GST_OBJECT_UNLOCK (self);

  g_mutex_lock (&self->lock);
  ret = get_result (self);
  drained = is_drained (self);
  g_mutex_unlock (&self->lock);
  if (ret != GST_FLOW_OK)
    goto out;

  if (drained && fence_sync_is_ready (buffer, access))
    return fence_sync_wait_and_push (self, buffer);

  g_mutex_lock (&self->lock);
  while (!self->flushing && self->result == GST_FLOW_OK
      && self->n_buffers >= max_pending)
    g_cond_wait (&self->changed, &self->lock);
  ret = get_result (self);
  if (ret == GST_FLOW_OK) {
    enqueue (self, GST_MINI_OBJECT_CAST (buffer));
    buffer = NULL;
  }
  g_mutex_unlock (&self->lock);

out:
  gst_clear_buffer (&buffer);
  return ret;
}

void
fence_sync_wait_until_drained (GstDmabufFenceSync *self)
{
  g_mutex_lock (&self->lock);
  while (!self->flushing && self->result == GST_FLOW_OK && !is_drained (self))
    g_cond_wait (&self->changed, &self->lock);
  g_mutex_unlock (&self->lock);
}

/* If the task has stopped, its queue is empty and @event passes. */
gboolean
fence_sync_queue_event (
    GstDmabufFenceSync *self, GstEvent *event, gboolean *refused)
{
  GstFlowReturn unreported = GST_FLOW_OK;
  gboolean queued = FALSE;

  g_mutex_lock (&self->lock);
  *refused = self->flushing;
  if (!*refused && self->result == GST_FLOW_EOS && follows_on_eos (event)
      && GST_EVENT_TYPE (event) != GST_EVENT_EOS)
    self->result = GST_FLOW_OK;
  if (!*refused && !is_drained (self)) {
    enqueue (self, GST_MINI_OBJECT_CAST (event));
    queued = TRUE;
  } else if (!*refused && GST_EVENT_TYPE (event) == GST_EVENT_EOS
      && is_error (self->result) && !self->result_reported) {
    unreported = self->result;
    self->result_reported = TRUE;
  }
  g_mutex_unlock (&self->lock);

  if (unreported != GST_FLOW_OK)
    GST_ELEMENT_FLOW_ERROR (self, unreported);
  return queued;
}

void
fence_sync_linked_again (GstDmabufFenceSync *self)
{
  g_mutex_lock (&self->lock);
  if (self->result == GST_FLOW_NOT_LINKED)
    self->result = GST_FLOW_OK;
  g_mutex_unlock (&self->lock);
}

void
fence_sync_set_flushing (GstDmabufFenceSync *self, gboolean flushing)
{
  g_mutex_lock (&self->lock);
  self->flushing = flushing;
  if (flushing) {
    g_cancellable_cancel (self->cancellable);
    clear_queue (self);
  } else {
    g_object_unref (self->cancellable);
    self->cancellable = g_cancellable_new ();
    self->result = GST_FLOW_OK;
    self->discont = FALSE;
  }
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

/* A task stopped from outside between two objects leaves @started set. */
void
fence_sync_forget_task (GstDmabufFenceSync *self)
{
  g_mutex_lock (&self->lock);
  self->started = FALSE;
  g_mutex_unlock (&self->lock);
}
