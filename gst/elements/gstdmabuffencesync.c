/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-dmabuffencesync
 * @title: dmabuffencesync
 * @short_description: lets elements with and without fences work together
 *
 * Stands where two worlds meet: elements that send a buffer before its content
 * is there, under a fence, and those that do not know what that is. What it
 * does is chosen by #GstDmabufFenceSync:mode; with auto it asks downstream and
 * does the cheapest thing that is correct, nothing where both sides understand
 * each other.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 dmabufvksrc ! dmabuffencesync mode=wait ! v4l2sink
 * io-mode=dmabuf-import
 * ]| V4L2 knows no fences, so a frame goes on when the GPU has drawn it.
 */

/*
 * Where a buffer waits. With max-pending of 1 in the chain function itself.
 * With more, in a queue, from which a task of the source pad pushes; it is
 * started for the first buffer that has to wait. While the queue is empty and
 * the task idle, the chain function pushes by itself: only the chain function
 * adds to the queue, so nothing can overtake.
 *
 *   chain ──ready, queue empty──────────────────────► push
 *     └────pending──► queue (≤ max-pending) ──task──► wait ──► push
 *
 * What keeps the order with the buffers, serialized events, takes the same way.
 * A serialized query waits until the queue is empty.
 */

#include "gstdmabuffencesync.h"
#include "fencesync-action.h"

#include <errno.h>

#include "libdmabufcore/dmabuf-thread-private.h"

GST_DEBUG_CATEGORY_STATIC (dmabuffencesync_debug);
#define GST_CAT_DEFAULT dmabuffencesync_debug

typedef enum
{
  ON_TIMEOUT_ERROR,
  ON_TIMEOUT_DROP,
  ON_TIMEOUT_PASS,
} OnTimeout;

#define DEFAULT_MODE GST_DMABUF_FENCE_SYNC_MODE_AUTO
#define DEFAULT_ACCESS DMABUF_ACCESS_READ
#define DEFAULT_TIMEOUT (5 * GST_SECOND)
#define DEFAULT_ON_TIMEOUT ON_TIMEOUT_ERROR
#define DEFAULT_MAX_PENDING 1

enum
{
  PROP_0,
  PROP_MODE,
  PROP_ACCESS,
  PROP_TIMEOUT,
  PROP_ON_TIMEOUT,
  PROP_MAX_PENDING,
  PROP_STATS,
  N_PROPERTIES
};

struct _GstDmabufFenceSync
{
  GstElement parent;

  GstPad *sinkpad;
  GstPad *srcpad;

  /* Properties, under the object lock. */
  GstDmabufFenceSyncMode mode;
  DmabufAccess access;
  GstClockTime timeout;
  OnTimeout on_timeout;
  guint max_pending;

  /* The sink pad's streaming thread. */
  gboolean undecided;
  FenceSyncAction action;

  GMutex lock;
  GCond changed;
  GQueue queue;    /* GstBuffer and GstEvent */
  guint n_buffers; /* in the queue and with the task */
  gboolean busy;   /* the task has something in hand */
  gboolean flushing;
  gboolean started; /* the task */
  gboolean discont;
  GstFlowReturn result;
  GCancellable *cancellable;
  GstClockTime latency; /* that was reported */
  GstClockTime frame_duration;
  GstDmabufCoreDurations waits;
  guint64 n_waited, n_passed;

  GstDmabufCoreStats stats;
};

static GParamSpec *properties[N_PROPERTIES];

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

#define gst_dmabuf_fence_sync_parent_class parent_class
G_DEFINE_FINAL_TYPE_WITH_CODE (GstDmabufFenceSync, gst_dmabuf_fence_sync,
    GST_TYPE_ELEMENT,
    GST_DEBUG_CATEGORY_INIT (
        dmabuffencesync_debug, "dmabuffencesync", 0, "fences between elements"))
GST_ELEMENT_REGISTER_DEFINE (dmabuffencesync, "dmabuffencesync", GST_RANK_NONE,
    GST_TYPE_DMABUF_FENCE_SYNC);

static GType
mode_get_type (void)
{
  static const GEnumValue values[] = {
    { GST_DMABUF_FENCE_SYNC_MODE_AUTO,
        "Ask downstream and do the cheapest correct thing", "auto" },
    { GST_DMABUF_FENCE_SYNC_MODE_WAIT,
        "Hold each buffer until its fences have signalled", "wait" },
    { GST_DMABUF_FENCE_SYNC_MODE_EXPORT,
        "Make the kernel's fences the acquire fence of the sync meta",
        "export" },
    { GST_DMABUF_FENCE_SYNC_MODE_IMPORT,
        "Put the acquire fence of the sync meta into the kernel's reservation",
        "import" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstDmabufFenceSyncMode", values));
  return type;
}

static GType
access_get_type (void)
{
  static const GEnumValue values[] = {
    { DMABUF_ACCESS_READ, "The next element reads: wait for writers", "read" },
    { DMABUF_ACCESS_WRITE, "The next element writes: wait for everybody",
        "write" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstDmabufFenceSyncAccess", values));
  return type;
}

static GType
on_timeout_get_type (void)
{
  static const GEnumValue values[] = {
    { ON_TIMEOUT_ERROR, "Fail with an element error", "error" },
    { ON_TIMEOUT_DROP, "Drop the buffer", "drop" },
    { ON_TIMEOUT_PASS, "Pass the buffer on, with a warning", "pass" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstDmabufFenceSyncOnTimeout", values));
  return type;
}

/* --- waiting ------------------------------------------------------------ */

/* The time that a buffer waits delays it: what was seen is reported, in whole
 * frames where the rate is known, so that a sink waits for it too. */
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

/* Waits for what stands against @buffer. OK: push it; CUSTOM_SUCCESS: drop it.
 */
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
        ("A buffer was not ready in time: %s", error->message),
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

static GstFlowReturn
wait_and_push (GstDmabufFenceSync *self, GstBuffer *buffer)
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

/* Lock held. */
static void
clear_queue (GstDmabufFenceSync *self)
{
  GstMiniObject *object;

  while ((object = g_queue_pop_head (&self->queue))) {
    if (GST_IS_BUFFER (object))
      self->n_buffers--;
    gst_mini_object_unref (object);
  }
  g_cond_broadcast (&self->changed);
}

/* Lock held. */
static gboolean
is_drained (GstDmabufFenceSync *self)
{
  return g_queue_is_empty (&self->queue) && !self->busy;
}

/* After the last buffer nobody returns an error upstream. */
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

static void
task_function (gpointer user_data)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (user_data);
  GstFlowReturn ret = GST_FLOW_OK;
  GstMiniObject *object;
  gboolean is_buffer, orphan = FALSE;

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
    ret = wait_and_push (self, GST_BUFFER_CAST (object));
  else
    gst_pad_push_event (self->srcpad, GST_EVENT_CAST (object));

  g_mutex_lock (&self->lock);
  self->busy = FALSE;
  if (is_buffer)
    self->n_buffers--;
  g_cond_broadcast (&self->changed);
  if (ret != GST_FLOW_OK) {
    orphan = queue_has_eos (self);
    self->result = ret;
    clear_queue (self);
    goto pause;
  }
  g_mutex_unlock (&self->lock);
  return;

pause:
  self->started = FALSE;
  gst_pad_pause_task (self->srcpad);
  g_mutex_unlock (&self->lock);
  if (orphan && (ret == GST_FLOW_NOT_LINKED || ret < GST_FLOW_EOS)) {
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

static GstFlowReturn
chain_queued (GstDmabufFenceSync *self, GstBuffer *buffer, guint max_pending)
{
  DmabufAccess access;
  GstFlowReturn ret;
  gboolean drained;

  GST_OBJECT_LOCK (self);
  access = self->access;
  GST_OBJECT_UNLOCK (self);

  g_mutex_lock (&self->lock);
  ret = self->flushing ? GST_FLOW_FLUSHING : self->result;
  drained = is_drained (self);
  g_mutex_unlock (&self->lock);
  if (ret != GST_FLOW_OK)
    goto out;

  if (drained && fence_sync_is_ready (buffer, access))
    return wait_and_push (self, buffer);

  g_mutex_lock (&self->lock);
  while (!self->flushing && self->result == GST_FLOW_OK
      && self->n_buffers >= max_pending)
    g_cond_wait (&self->changed, &self->lock);
  ret = self->flushing ? GST_FLOW_FLUSHING : self->result;
  if (ret == GST_FLOW_OK) {
    enqueue (self, GST_MINI_OBJECT_CAST (buffer));
    buffer = NULL;
  }
  g_mutex_unlock (&self->lock);

out:
  gst_clear_buffer (&buffer);
  return ret;
}

static void
wait_until_drained (GstDmabufFenceSync *self)
{
  g_mutex_lock (&self->lock);
  while (!self->flushing && self->result == GST_FLOW_OK && !is_drained (self))
    g_cond_wait (&self->changed, &self->lock);
  g_mutex_unlock (&self->lock);
}

/* --- streaming ---------------------------------------------------------- */

static void
decide (GstDmabufFenceSync *self)
{
  GstDmabufFenceSyncMode mode;
  GstQuery *query = NULL;
  GstCaps *caps;

  GST_OBJECT_LOCK (self);
  mode = self->mode;
  GST_OBJECT_UNLOCK (self);

  self->undecided = FALSE;
  if (mode == GST_DMABUF_FENCE_SYNC_MODE_AUTO) {
    wait_until_drained (self);
    caps = gst_pad_get_current_caps (self->sinkpad);
    if (caps) {
      query = gst_query_new_allocation (caps, FALSE);
      if (!gst_pad_peer_query (self->srcpad, query))
        g_clear_pointer (&query, gst_query_unref);
      gst_caps_unref (caps);
    }
  }

  self->action = fence_sync_choose (mode, query);
  GST_INFO_OBJECT (self, "%s",
      self->action == FENCE_SYNC_NOTHING      ? "nothing to do"
          : self->action == FENCE_SYNC_WAIT   ? "waiting for fences"
          : self->action == FENCE_SYNC_EXPORT ? "exporting fences"
                                              : "importing fences");
  g_clear_pointer (&query, gst_query_unref);
}

static GstFlowReturn
chain_import (GstDmabufFenceSync *self, GstBuffer *buffer)
{
  GError *error = NULL;
  guint n_fences;

  if (!fence_sync_import (buffer, &n_fences, &error)) {
    GST_INFO_OBJECT (self, "the kernel does not take the fence: %s",
        error ? error->message : "this process signals it");
    g_clear_error (&error);
    return wait_and_push (self, buffer);
  }
  gst_dmabuf_core_stats_add (
      &self->stats, GST_DMABUF_CORE_COUNTER_FENCES_ARMED, n_fences);
  return gst_pad_push (self->srcpad, buffer);
}

static GstFlowReturn
chain_export (GstDmabufFenceSync *self, GstBuffer *buffer)
{
  DmabufAccess access;
  guint n_fences;

  GST_OBJECT_LOCK (self);
  access = self->access;
  GST_OBJECT_UNLOCK (self);

  buffer = fence_sync_export (buffer, access, &n_fences);
  gst_dmabuf_core_stats_add (
      &self->stats, GST_DMABUF_CORE_COUNTER_FENCES_ARMED, n_fences);
  return gst_pad_push (self->srcpad, buffer);
}

static GstFlowReturn
gst_dmabuf_fence_sync_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (parent);
  guint max_pending;

  if (G_UNLIKELY (gst_pad_check_reconfigure (self->srcpad)))
    self->undecided = TRUE;
  if (G_UNLIKELY (self->undecided))
    decide (self);

  gst_dmabuf_core_stats_add (&self->stats, GST_DMABUF_CORE_COUNTER_FRAMES, 1);

  switch (self->action) {
  case FENCE_SYNC_NOTHING:
    break;
  case FENCE_SYNC_EXPORT:
    return chain_export (self, buffer);
  case FENCE_SYNC_IMPORT:
    return chain_import (self, buffer);
  case FENCE_SYNC_WAIT:
    GST_OBJECT_LOCK (self);
    max_pending = self->max_pending;
    GST_OBJECT_UNLOCK (self);
    return max_pending > 1 ? chain_queued (self, buffer, max_pending)
                           : wait_and_push (self, buffer);
  }
  return gst_pad_push (self->srcpad, buffer);
}

static void
set_flushing (GstDmabufFenceSync *self, gboolean flushing)
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

/* It does not run, and may have been stopped between two buffers. */
static void
forget_task (GstDmabufFenceSync *self)
{
  g_mutex_lock (&self->lock);
  self->started = FALSE;
  g_mutex_unlock (&self->lock);
}

static void
set_caps (GstDmabufFenceSync *self, GstCaps *caps)
{
  GstStructure *structure = gst_caps_get_structure (caps, 0);
  gint n, d;

  self->undecided = TRUE;
  g_mutex_lock (&self->lock);
  self->frame_duration = 0;
  if (gst_structure_get_fraction (structure, "framerate", &n, &d) && n > 0)
    self->frame_duration = gst_util_uint64_scale_int (GST_SECOND, d, n);
  g_mutex_unlock (&self->lock);
}

static gboolean
gst_dmabuf_fence_sync_sink_event (
    GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (parent);
  GstCaps *caps;
  gboolean ret;

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START:
    /* Downstream first, so that a push of the task returns. */
    ret = gst_pad_push_event (self->srcpad, event);
    set_flushing (self, TRUE);
    gst_pad_pause_task (self->srcpad);
    forget_task (self);
    return ret;
  case GST_EVENT_FLUSH_STOP:
    ret = gst_pad_push_event (self->srcpad, event);
    set_flushing (self, FALSE);
    return ret;
  case GST_EVENT_CAPS:
    gst_event_parse_caps (event, &caps);
    set_caps (self, caps);
    break;
  case GST_EVENT_STREAM_START:
    g_mutex_lock (&self->lock);
    if (self->result == GST_FLOW_EOS)
      self->result = GST_FLOW_OK;
    g_mutex_unlock (&self->lock);
    break;
  default:
    break;
  }

  if (!GST_EVENT_IS_SERIALIZED (event))
    return gst_pad_event_default (pad, parent, event);

  g_mutex_lock (&self->lock);
  if (self->flushing || self->result != GST_FLOW_OK) {
    /* Sticky ones stay on the pad and come again. */
    g_mutex_unlock (&self->lock);
    gst_event_unref (event);
    return FALSE;
  }
  if (!is_drained (self)) {
    enqueue (self, GST_MINI_OBJECT_CAST (event));
    g_mutex_unlock (&self->lock);
    return TRUE;
  }
  g_mutex_unlock (&self->lock);
  return gst_pad_event_default (pad, parent, event);
}

static gboolean
gst_dmabuf_fence_sync_sink_query (
    GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (parent);
  GstDmabufFenceSyncMode mode;
  gboolean ret;

  if (GST_QUERY_IS_SERIALIZED (query))
    wait_until_drained (self);
  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return gst_pad_query_default (pad, parent, query);

  ret = gst_pad_peer_query (self->srcpad, query);

  /* Whoever comes before may send buffers under fences: they are dealt with
   * here. */
  GST_OBJECT_LOCK (self);
  mode = self->mode;
  GST_OBJECT_UNLOCK (self);
  if (mode != GST_DMABUF_FENCE_SYNC_MODE_EXPORT
      && !gst_query_find_allocation_meta (
          query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL)) {
    gst_query_add_allocation_meta (
        query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);
    ret = TRUE;
  }
  return ret;
}

static gboolean
gst_dmabuf_fence_sync_src_query (
    GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (parent);
  GstClockTime min, max, own, frame;
  gboolean live;
  guint n;

  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return gst_pad_query_default (pad, parent, query);
  if (!gst_pad_peer_query (self->sinkpad, query))
    return FALSE;

  GST_OBJECT_LOCK (self);
  n = self->max_pending;
  GST_OBJECT_UNLOCK (self);
  g_mutex_lock (&self->lock);
  own = self->latency;
  frame = self->frame_duration;
  g_mutex_unlock (&self->lock);

  /* It delays by what it waits, and can hold what fits into the queue. */
  gst_query_parse_latency (query, &live, &min, &max);
  min += own;
  if (max != GST_CLOCK_TIME_NONE)
    max += MAX (own, n > 1 ? n * frame : 0);
  gst_query_set_latency (query, live, min, max);
  return TRUE;
}

/* --- states ------------------------------------------------------------- */

static gboolean
gst_dmabuf_fence_sync_sink_activate_mode (
    GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  set_flushing (GST_DMABUF_FENCE_SYNC (parent), !active);
  return TRUE;
}

static gboolean
gst_dmabuf_fence_sync_src_activate_mode (
    GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (parent);

  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  set_flushing (self, !active);
  if (!active) {
    gst_pad_stop_task (pad);
    forget_task (self);
  }
  return TRUE;
}

static GstStateChangeReturn
gst_dmabuf_fence_sync_change_state (
    GstElement *element, GstStateChange transition)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (element);

  switch (transition) {
  case GST_STATE_CHANGE_READY_TO_PAUSED:
    gst_dmabuf_core_stats_reset (&self->stats);
    g_mutex_lock (&self->lock);
    self->waits = (GstDmabufCoreDurations) { 0 };
    self->n_waited = self->n_passed = 0;
    self->latency = 0;
    self->frame_duration = 0;
    g_mutex_unlock (&self->lock);
    self->undecided = TRUE;
    break;
  case GST_STATE_CHANGE_PAUSED_TO_READY:
    /* Before the pads wait for their threads. */
    set_flushing (self, TRUE);
    break;
  default:
    break;
  }
  return GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
}

/* --- properties --------------------------------------------------------- */

static GstStructure *
get_stats (GstDmabufFenceSync *self)
{
  GstStructure *stats = gst_dmabuf_core_stats_to_structure (
      &self->stats, "dmabuffencesync-stats");

  g_mutex_lock (&self->lock);
  gst_structure_set (stats, "waited", G_TYPE_UINT64, self->n_waited, "passed",
      G_TYPE_UINT64, self->n_passed, "pending", G_TYPE_UINT, self->n_buffers,
      NULL);
  gst_dmabuf_core_durations_to_structure (&self->waits, stats, "wait");
  g_mutex_unlock (&self->lock);
  return stats;
}

static void
gst_dmabuf_fence_sync_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_MODE:
    self->mode = g_value_get_enum (value);
    break;
  case PROP_ACCESS:
    self->access = g_value_get_enum (value);
    break;
  case PROP_TIMEOUT:
    self->timeout = g_value_get_uint64 (value);
    break;
  case PROP_ON_TIMEOUT:
    self->on_timeout = g_value_get_enum (value);
    break;
  case PROP_MAX_PENDING:
    self->max_pending = g_value_get_uint (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_dmabuf_fence_sync_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (object);

  if (id == PROP_STATS) {
    g_value_take_boxed (value, get_stats (self));
    return;
  }

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_MODE:
    g_value_set_enum (value, self->mode);
    break;
  case PROP_ACCESS:
    g_value_set_enum (value, self->access);
    break;
  case PROP_TIMEOUT:
    g_value_set_uint64 (value, self->timeout);
    break;
  case PROP_ON_TIMEOUT:
    g_value_set_enum (value, self->on_timeout);
    break;
  case PROP_MAX_PENDING:
    g_value_set_uint (value, self->max_pending);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_dmabuf_fence_sync_finalize (GObject *object)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (object);

  clear_queue (self);
  g_object_unref (self->cancellable);
  g_cond_clear (&self->changed);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_dmabuf_fence_sync_class_init (GstDmabufFenceSyncClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  const GParamFlags flags =
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;
  const GParamFlags live_flags =
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

  gst_element_class_set_static_metadata (element_class, "dma-buf fence sync",
      "Generic/Video",
      "Waits for, exports or imports the fences of dma-bufs between elements",
      "gst-dmabuf");
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);

  object_class->set_property = gst_dmabuf_fence_sync_set_property;
  object_class->get_property = gst_dmabuf_fence_sync_get_property;
  object_class->finalize = gst_dmabuf_fence_sync_finalize;
  element_class->change_state =
      GST_DEBUG_FUNCPTR (gst_dmabuf_fence_sync_change_state);

  /**
   * GstDmabufFenceSync:mode:
   *
   * What is done with the fences of a buffer.
   */
  properties[PROP_MODE] = g_param_spec_enum ("mode", "Mode",
      "What is done with the fences of a buffer", mode_get_type (),
      DEFAULT_MODE, flags);

  /**
   * GstDmabufFenceSync:access:
   *
   * What the next element does with a buffer: a reader waits for writers, a
   * writer for everybody.
   */
  properties[PROP_ACCESS] = g_param_spec_enum ("access", "Access",
      "What the next element does with a buffer, and so which fences stand "
      "against it",
      access_get_type (), DEFAULT_ACCESS, live_flags);

  /**
   * GstDmabufFenceSync:timeout:
   *
   * How long a buffer waits for its fences, in nanoseconds; -1 for ever.
   */
  properties[PROP_TIMEOUT] = g_param_spec_uint64 ("timeout", "Timeout",
      "How long a buffer waits for its fences, in nanoseconds (-1 = for ever)",
      0, G_MAXUINT64, DEFAULT_TIMEOUT, live_flags);

  /**
   * GstDmabufFenceSync:on-timeout:
   *
   * What becomes of a buffer whose fences have not signalled in time.
   */
  properties[PROP_ON_TIMEOUT] = g_param_spec_enum ("on-timeout", "On timeout",
      "What becomes of a buffer whose fences have not signalled in time",
      on_timeout_get_type (), DEFAULT_ON_TIMEOUT, live_flags);

  /**
   * GstDmabufFenceSync:max-pending:
   *
   * How many buffers may wait inside, in order. With 1 the upstream thread
   * waits itself.
   */
  properties[PROP_MAX_PENDING] = g_param_spec_uint ("max-pending",
      "Most that are pending",
      "How many buffers may wait inside, in order; with 1 the upstream thread "
      "waits itself",
      1, 64, DEFAULT_MAX_PENDING, flags);

  /**
   * GstDmabufFenceSync:stats:
   *
   * The common fields (frames, dropped, copies, imports, imports-reused,
   * fences-armed, cpu-waits), waited (buffers whose fences signalled while they
   * waited), passed (that went on after the timeout), pending (that wait now),
   * and the waiting times wait-p50, wait-p99 and wait-max in nanoseconds.
   */
  properties[PROP_STATS] = g_param_spec_boxed ("stats", "Statistics",
      "Frames, fences and waiting times", GST_TYPE_STRUCTURE,
      G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
  gst_type_mark_as_plugin_api (mode_get_type (), 0);
  gst_type_mark_as_plugin_api (access_get_type (), 0);
  gst_type_mark_as_plugin_api (on_timeout_get_type (), 0);
}

static void
gst_dmabuf_fence_sync_init (GstDmabufFenceSync *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->cancellable = g_cancellable_new ();
  self->flushing = TRUE;
  self->mode = DEFAULT_MODE;
  self->access = DEFAULT_ACCESS;
  self->timeout = DEFAULT_TIMEOUT;
  self->on_timeout = DEFAULT_ON_TIMEOUT;
  self->max_pending = DEFAULT_MAX_PENDING;
  self->undecided = TRUE;

  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  gst_pad_set_chain_function (
      self->sinkpad, GST_DEBUG_FUNCPTR (gst_dmabuf_fence_sync_chain));
  gst_pad_set_event_function (
      self->sinkpad, GST_DEBUG_FUNCPTR (gst_dmabuf_fence_sync_sink_event));
  gst_pad_set_query_function (
      self->sinkpad, GST_DEBUG_FUNCPTR (gst_dmabuf_fence_sync_sink_query));
  gst_pad_set_activatemode_function (self->sinkpad,
      GST_DEBUG_FUNCPTR (gst_dmabuf_fence_sync_sink_activate_mode));
  GST_PAD_SET_PROXY_CAPS (self->sinkpad);
  GST_PAD_SET_PROXY_SCHEDULING (self->sinkpad);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_set_query_function (
      self->srcpad, GST_DEBUG_FUNCPTR (gst_dmabuf_fence_sync_src_query));
  gst_pad_set_activatemode_function (self->srcpad,
      GST_DEBUG_FUNCPTR (gst_dmabuf_fence_sync_src_activate_mode));
  GST_PAD_SET_PROXY_CAPS (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}
