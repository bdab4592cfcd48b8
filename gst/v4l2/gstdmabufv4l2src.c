/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-dmabufv4l2src
 * @title: dmabufv4l2src
 * @short_description: captures from a V4L2 device into dma-bufs
 *
 * Pushes the dma-bufs into which the driver captures, and never copies. While
 * the consumers hold all of them the driver drops frames, which
 * #GstDmabufV4l2Src:stats counts.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 dmabufv4l2src ! dmabufkmssink
 * ]| The first camera on the display.
 */

#include "gstdmabufv4l2src-private.h"
#include "v4l2-controls.h"
#include "v4l2-debug.h"

#include <errno.h>

enum
{
  PROP_0,
  PROP_DEVICE,
  PROP_EXTRA_CONTROLS,
  PROP_STATS,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

#define gst_dmabuf_v4l2_src_parent_class parent_class
G_DEFINE_FINAL_TYPE (GstDmabufV4l2Src, gst_dmabuf_v4l2_src, GST_TYPE_PUSH_SRC)
GST_ELEMENT_REGISTER_DEFINE (
    dmabufv4l2src, "dmabufv4l2src", GST_RANK_NONE, GST_TYPE_DMABUF_V4L2_SRC);

void
gst_dmabuf_v4l2_src_post_error (
    GstDmabufV4l2Src *self, GError *error, GstResourceError fallback)
{
  GstResourceError code = fallback;

  if (error->domain == DMABUF_ERROR) {
    switch (error->code) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      code = GST_RESOURCE_ERROR_NOT_FOUND;
      break;
    case EACCES:
    case EPERM:
      code = GST_RESOURCE_ERROR_NOT_AUTHORIZED;
      break;
    case EBUSY:
      code = GST_RESOURCE_ERROR_BUSY;
      break;
    case ENOMEM:
    case ENOSPC:
      code = GST_RESOURCE_ERROR_NO_SPACE_LEFT;
      break;
    }
  }

  gst_element_message_full (GST_ELEMENT (self), GST_MESSAGE_ERROR,
      GST_RESOURCE_ERROR, code, g_strdup (error->message), NULL, __FILE__,
      GST_FUNCTION, __LINE__);
  g_error_free (error);
}

/* --- streaming ------------------------------------------------------------ */

static void
read_clocks (GstDmabufV4l2Src *self, V4l2Now *now)
{
  GstClock *clock = gst_element_get_clock (GST_ELEMENT (self));

  now->clock = clock ? gst_clock_get_time (clock) : GST_CLOCK_TIME_NONE;
  now->base_time = gst_element_get_base_time (GST_ELEMENT (self));
  now->monotonic = g_get_monotonic_time () * GST_USECOND;
  gst_clear_object (&clock);
}

static void
post_qos (GstDmabufV4l2Src *self, GstBuffer *buffer, guint lost)
{
  GstMessage *message;

  GST_INFO_OBJECT (self,
      "the driver dropped %u frames before %" G_GUINT64_FORMAT "%s", lost,
      GST_BUFFER_OFFSET (buffer),
      g_atomic_int_get (&self->n_starved) > 0
          ? ", consumers hold too many buffers"
          : "");
  message = gst_message_new_qos (GST_OBJECT (self), TRUE,
      GST_BUFFER_PTS (buffer), GST_BUFFER_PTS (buffer), GST_BUFFER_PTS (buffer),
      GST_BUFFER_DURATION (buffer));
  gst_message_set_qos_stats (message, GST_FORMAT_BUFFERS,
      gst_dmabuf_core_stats_get (&self->stats, GST_DMABUF_CORE_COUNTER_FRAMES),
      gst_dmabuf_core_stats_get (
          &self->stats, GST_DMABUF_CORE_COUNTER_DROPPED));
  gst_element_post_message (GST_ELEMENT (self), message);
}

static void
set_flags (GstDmabufV4l2Src *self, GstBuffer *buffer, const V4l2Frame *frame)
{
  const V4l2Layout *layout = &self->setup.layout;

  if (frame->flags & V4L2_BUF_FLAG_ERROR)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);
  if (layout->interlace_mode != GST_VIDEO_INTERLACE_MODE_PROGRESSIVE)
    GST_BUFFER_FLAG_SET (buffer, GST_VIDEO_BUFFER_FLAG_INTERLACED);
  if (layout->field_order == GST_VIDEO_FIELD_ORDER_TOP_FIELD_FIRST)
    GST_BUFFER_FLAG_SET (buffer, GST_VIDEO_BUFFER_FLAG_TFF);
}

static void
report_latency (GstDmabufV4l2Src *self)
{
  GST_INFO_OBJECT (self, "frames come %" GST_TIME_FORMAT " after their capture",
      GST_TIME_ARGS (self->timeline.latency));
  GST_OBJECT_LOCK (self);
  self->latency = self->timeline.latency;
  GST_OBJECT_UNLOCK (self);
  gst_element_post_message (
      GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
}

/* Called after v4l2_device_wake(). The reason for it may have gone: FLUSHING
 * only if create() has to return now, OK to go on. */
static GstFlowReturn
wait_until_running (GstDmabufV4l2Src *self)
{
  GstBaseSrc *base = GST_BASE_SRC (self);

  v4l2_device_clear_wake (self->device);

  /* GstBaseSrc signals live_cond for PLAYING, a flush and a stop. */
  g_mutex_lock (&base->live_lock);
  while (g_atomic_int_get (&self->paused)
      && !gst_dmabuf_core_interrupt_is_set (&self->interrupt, base))
    g_cond_wait (&base->live_cond, &base->live_lock);
  g_mutex_unlock (&base->live_lock);

  return gst_dmabuf_core_interrupt_is_set (&self->interrupt, base)
      ? GST_FLOW_FLUSHING
      : GST_FLOW_OK;
}

static GstFlowReturn
gst_dmabuf_v4l2_src_create (GstPushSrc *push, GstBuffer **out)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (push);
  GError *error = NULL;
  GstBuffer *buffer;
  V4l2Frame frame;
  GstFlowReturn ret = GST_FLOW_OK;
  GstClockTime pts;
  guint64 offset;
  guint lost, n_lost = 0;
  V4l2Now now;

  for (;;) {
    if (ret == GST_FLOW_FLUSHING)
      ret = wait_until_running (self);
    if (ret != GST_FLOW_OK)
      return ret;

    if (self->signal_changed) {
      ret = gst_dmabuf_v4l2_src_follow_signal (self);
      if (ret != GST_FLOW_OK)
        continue;
    }

    /* Start here, in PLAYING: frames captured in PAUSED would be old. */
    if (!self->streaming) {
      if (!v4l2_queue_start (self->queue, &error))
        goto failed;
      self->streaming = TRUE;
      v4l2_timeline_restart (&self->timeline, self->duration);
    }

    ret = v4l2_pool_acquire (self->pool, &buffer, &frame, &error);
    if (ret == GST_FLOW_FLUSHING)
      continue;
    if (ret == V4L2_POOL_FLOW_NO_FRAME) {
      GST_ELEMENT_WARNING (self, RESOURCE, READ,
          ("%s (%s): no frame for %.1f s, although it has %u buffers; check "
           "that its signal or sensor is on (v4l2-ctl -d %s --all, "
           "media-ctl -p), and the messages of dmesg",
              self->device->path, self->device->card, V4L2_TIMEOUT_MS / 1000.0,
              v4l2_queue_get_n_queued (self->queue), self->device->path),
          (NULL));
      ret = GST_FLOW_OK;
      continue;
    }
    if (ret == V4L2_POOL_FLOW_EVENT) {
      self->signal_changed = v4l2_input_has_changed (self->device);
      ret = GST_FLOW_OK;
      continue;
    }
    if (ret != GST_FLOW_OK)
      goto failed;

    lost = v4l2_timeline_count_lost (&self->timeline, &frame);
    n_lost += lost;
    gst_dmabuf_core_stats_add (
        &self->stats, GST_DMABUF_CORE_COUNTER_DROPPED, lost);
    if (frame.starved)
      g_atomic_int_inc (&self->n_starved);

    read_clocks (self, &now);
    if (v4l2_timeline_note_latency (&self->timeline, &frame, &now))
      report_latency (self);
    if (v4l2_timeline_stamp (
            &self->timeline, &frame, &now, self->duration, &pts, &offset))
      break;
    GST_DEBUG_OBJECT (self, "frame %u is stale", frame.sequence);
    gst_buffer_unref (buffer);
  }

  GST_BUFFER_PTS (buffer) = pts;
  GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (buffer) = self->duration;
  GST_BUFFER_OFFSET (buffer) = offset;
  GST_BUFFER_OFFSET_END (buffer) = offset + 1;
  set_flags (self, buffer, &frame);

  gst_dmabuf_core_stats_add (&self->stats, GST_DMABUF_CORE_COUNTER_FRAMES, 1);
  if (n_lost > 0) {
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
    post_qos (self, buffer, n_lost);
  }
  GST_LOG_OBJECT (self, "frame %u in buffer %u", frame.sequence, frame.index);

  *out = buffer;
  return GST_FLOW_OK;

  /* ERRORS */
failed:
  gst_dmabuf_v4l2_src_post_error (self, error, GST_RESOURCE_ERROR_READ);
  return GST_FLOW_ERROR;
}

static gboolean
gst_dmabuf_v4l2_src_query (GstBaseSrc *base, GstQuery *query)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (base);
  GstClockTime duration, min;
  guint n_frames;

  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return GST_BASE_SRC_CLASS (parent_class)->query (base, query);

  GST_OBJECT_LOCK (self);
  duration = self->duration;
  min = self->latency;
  n_frames = self->n_frames;
  GST_OBJECT_UNLOCK (self);

  /* Minimum: a frame is complete when the next one begins, or later. Maximum:
   * the driver goes on capturing while it has buffers. */
  if (GST_CLOCK_TIME_IS_VALID (duration) && n_frames > 1) {
    min = MAX (min, duration);
    gst_query_set_latency (
        query, TRUE, min, MAX (min, duration * (n_frames - 1)));
  } else {
    gst_query_set_latency (query, TRUE, min, GST_CLOCK_TIME_NONE);
  }

  return TRUE;
}

/* --- states --------------------------------------------------------------- */

/* A control that cannot be set is a warning: capturing works without it. */
static void
apply_controls (GstDmabufV4l2Src *self)
{
  GstStructure *controls = NULL;
  V4l2Device *device = NULL;
  GError *error = NULL;

  GST_OBJECT_LOCK (self);
  if (self->extra_controls && self->device) {
    controls = gst_structure_copy (self->extra_controls);
    device = v4l2_device_ref (self->device);
  }
  GST_OBJECT_UNLOCK (self);

  if (!controls)
    return;
  if (!v4l2_controls_set (device, controls, &error)) {
    GST_ELEMENT_WARNING (
        self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
    g_clear_error (&error);
  }
  gst_structure_free (controls);
  v4l2_device_unref (device);
}

static gboolean
gst_dmabuf_v4l2_src_start (GstBaseSrc *base)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (base);
  GError *error = NULL;
  V4l2Device *device;
  V4l2Caps caps;
  char *path;

  GST_OBJECT_LOCK (self);
  path = g_strdup (self->device_path);
  GST_OBJECT_UNLOCK (self);
  device = v4l2_device_open (v4l2_api, path, &error);
  g_free (path);
  if (!device)
    goto failed;
  if (!v4l2_input_prepare (device, &error)) {
    GST_ELEMENT_WARNING (self, RESOURCE, READ, ("%s", error->message), (NULL));
    g_clear_error (&error);
  }
  if (!v4l2_caps_probe (&caps, device, &error)) {
    v4l2_device_unref (device);
    goto failed;
  }

  gst_dmabuf_core_stats_reset (&self->stats);
  g_atomic_int_set (&self->n_starved, 0);
  v4l2_timeline_reset (&self->timeline);
  self->signal_changed = self->no_signal_reported = FALSE;
  g_atomic_int_set (&self->paused, FALSE);

  GST_OBJECT_LOCK (self);
  self->device = device;
  self->caps = caps;
  self->n_buffers = self->n_frames = 0;
  self->n_exports = self->n_requeued = self->n_fences_waited = 0;
  self->cpu_maps_before = gst_dmabuf_core_memory_get_cpu_maps ();
  GST_OBJECT_UNLOCK (self);

  apply_controls (self);

  return TRUE;

  /* ERRORS */
failed:
  gst_dmabuf_v4l2_src_post_error (
      self, error, GST_RESOURCE_ERROR_OPEN_READ_WRITE);
  return FALSE;
}

static gboolean
gst_dmabuf_v4l2_src_stop (GstBaseSrc *base)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (base);
  V4l2Device *device;
  GError *error = NULL;

  if (!gst_dmabuf_v4l2_src_teardown (self, &error)) {
    GST_INFO_OBJECT (self, "%s", error->message);
    g_clear_error (&error);
  }
  gst_clear_caps (&self->applied);

  GST_OBJECT_LOCK (self);
  v4l2_caps_clear (&self->caps);
  self->duration = GST_CLOCK_TIME_NONE;
  self->latency = 0;
  device = g_steal_pointer (&self->device);
  GST_OBJECT_UNLOCK (self);
  v4l2_device_unref (device);

  return TRUE;
}

/* May be called while no device is open. There is no unlock_stop(): the woken
 * thread clears the wake in wait_until_running(). */
static gboolean
gst_dmabuf_v4l2_src_unlock (GstBaseSrc *base)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (base);

  GST_OBJECT_LOCK (self);
  if (self->device)
    v4l2_device_wake (self->device);
  GST_OBJECT_UNLOCK (self);

  return TRUE;
}

static gboolean
gst_dmabuf_v4l2_src_send_event (GstElement *element, GstEvent *event)
{
  return gst_dmabuf_core_interrupt_send_event (
      &GST_DMABUF_V4L2_SRC (element)->interrupt, parent_class, element, event);
}

static GstStateChangeReturn
gst_dmabuf_v4l2_src_change_state (
    GstElement *element, GstStateChange transition)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (element);

  /* Set before the base class calls unlock() or signals live_cond: the woken
   * thread reads it. */
  if (transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED)
    g_atomic_int_set (&self->paused, TRUE);
  else if (transition == GST_STATE_CHANGE_PAUSED_TO_PLAYING)
    g_atomic_int_set (&self->paused, FALSE);

  return GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
}

/* --- object --------------------------------------------------------------- */

static GstStructure *
create_stats (GstDmabufV4l2Src *self)
{
  GstStructure *stats = gst_dmabuf_core_stats_to_structure (
      &self->stats, "application/x-dmabufv4l2src-stats");

  GST_OBJECT_LOCK (self);
  gst_structure_set (stats, "buffers", G_TYPE_UINT64, (guint64) self->n_buffers,
      "exports", G_TYPE_UINT64, self->n_exports, "cpu-maps", G_TYPE_UINT64,
      gst_dmabuf_core_memory_get_cpu_maps () - self->cpu_maps_before,
      "requeued", G_TYPE_UINT64,
      self->n_requeued
          + (self->pool ? v4l2_pool_get_n_requeued (self->pool) : 0),
      "fences-waited", G_TYPE_UINT64,
      self->n_fences_waited
          + (self->pool ? v4l2_pool_get_n_fences_waited (self->pool) : 0),
      "starved", G_TYPE_UINT64, (guint64) g_atomic_int_get (&self->n_starved),
      NULL);
  GST_OBJECT_UNLOCK (self);

  return stats;
}

static void
gst_dmabuf_v4l2_src_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (object);

  switch (id) {
  case PROP_DEVICE:
    GST_OBJECT_LOCK (self);
    g_free (self->device_path);
    self->device_path = g_value_dup_string (value);
    GST_OBJECT_UNLOCK (self);
    break;
  case PROP_EXTRA_CONTROLS:
    GST_OBJECT_LOCK (self);
    g_clear_pointer (&self->extra_controls, gst_structure_free);
    self->extra_controls = g_value_dup_boxed (value);
    GST_OBJECT_UNLOCK (self);
    apply_controls (self);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
}

static void
gst_dmabuf_v4l2_src_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (object);

  switch (id) {
  case PROP_DEVICE:
    GST_OBJECT_LOCK (self);
    g_value_set_string (value, self->device_path);
    GST_OBJECT_UNLOCK (self);
    break;
  case PROP_EXTRA_CONTROLS:
    GST_OBJECT_LOCK (self);
    g_value_set_boxed (value, self->extra_controls);
    GST_OBJECT_UNLOCK (self);
    break;
  case PROP_STATS:
    g_value_take_boxed (value, create_stats (self));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
}

static void
gst_dmabuf_v4l2_src_finalize (GObject *object)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (object);

  g_free (self->device_path);
  g_clear_pointer (&self->extra_controls, gst_structure_free);

  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_dmabuf_v4l2_src_class_init (GstDmabufV4l2SrcClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseSrcClass *base_class = GST_BASE_SRC_CLASS (klass);
  GstPushSrcClass *push_class = GST_PUSH_SRC_CLASS (klass);
  GstCaps *caps = v4l2_caps_get_template ();

  gst_element_class_set_static_metadata (element_class,
      "V4L2 source on dma-bufs", "Source/Video/Hardware",
      "Captures from a V4L2 device into dma-bufs, without a copy",
      "gst-dmabuf");
  gst_element_class_add_pad_template (element_class,
      gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref (caps);

  object_class->set_property = gst_dmabuf_v4l2_src_set_property;
  object_class->get_property = gst_dmabuf_v4l2_src_get_property;
  object_class->finalize = gst_dmabuf_v4l2_src_finalize;

  element_class->change_state =
      GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_change_state);
  element_class->send_event =
      GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_send_event);
  base_class->get_caps = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_get_caps);
  base_class->negotiate = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_negotiate);
  base_class->decide_allocation =
      GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_decide_allocation);
  base_class->query = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_query);
  base_class->start = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_start);
  base_class->stop = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_stop);
  base_class->unlock = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_unlock);
  push_class->create = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_create);

  /**
   * GstDmabufV4l2Src:device:
   *
   * The device node; NULL for the first capture device with raw video, whose
   * name is logged.
   */
  properties[PROP_DEVICE] = g_param_spec_string ("device", "Device",
      "Device node, for example /dev/video0 (NULL = first capture device)",
      NULL,
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);

  /**
   * GstDmabufV4l2Src:extra-controls:
   *
   * V4L2 controls by their names, for example `c,brightness=128`. A control
   * that cannot be set is a warning message on the bus.
   */
  properties[PROP_EXTRA_CONTROLS] = g_param_spec_boxed ("extra-controls",
      "Extra controls", "V4L2 controls to set, for example c,brightness=128",
      GST_TYPE_STRUCTURE,
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);

  /**
   * GstDmabufV4l2Src:stats:
   *
   * Counted since the start, all uint64: the common fields (frames; dropped,
   * frames lost by the driver; copies, always 0; ...), buffers (dma-bufs of the
   * current format), exports (dma-bufs exported), cpu-maps (CPU maps of
   * dma-bufs in this process), requeued (buffers given back to the driver),
   * fences-waited (how often requeuing had to wait for a fence), starved (how
   * often the driver had no buffer left).
   */
  properties[PROP_STATS] = gst_dmabuf_core_param_spec_stats (
      "buffers, exports, cpu-maps, requeued, fences-waited, starved");

  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
gst_dmabuf_v4l2_src_init (GstDmabufV4l2Src *self)
{
  GstBaseSrc *base = GST_BASE_SRC (self);

  gst_dmabuf_core_stats_init (&self->stats);
  self->duration = GST_CLOCK_TIME_NONE;
  gst_base_src_set_format (base, GST_FORMAT_TIME);
  gst_base_src_set_live (base, TRUE);
}
