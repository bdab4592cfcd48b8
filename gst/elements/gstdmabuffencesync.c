/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-dmabuffencesync
 * @title: dmabuffencesync
 * @short_description: lets elements with and without fences work together
 *
 * Connects elements that send a buffer before its content is written, with a
 * fence, to elements that do not know fences. #GstDmabufFenceSync:mode chooses
 * the action; with auto the element asks downstream and takes the cheapest
 * action that is correct, none if downstream handles fences itself.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 dmabufvksrc ! dmabuffencesync mode=wait ! v4l2sink
 * io-mode=dmabuf-import
 * ]| V4L2 has no fences, so each frame is held until the GPU has drawn it.
 */

#include "fencesync-private.h"

#include "gst/lib/gstdmabufcoreenum-private.h"

GST_DEBUG_CATEGORY (gst_dmabuf_fence_sync_debug);
#define GST_CAT_DEFAULT gst_dmabuf_fence_sync_debug

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

static GParamSpec *properties[N_PROPERTIES];

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

#define gst_dmabuf_fence_sync_parent_class parent_class
G_DEFINE_FINAL_TYPE_WITH_CODE (GstDmabufFenceSync, gst_dmabuf_fence_sync,
    GST_TYPE_ELEMENT,
    GST_DEBUG_CATEGORY_INIT (gst_dmabuf_fence_sync_debug, "dmabuffencesync", 0,
        "fences between elements"))
GST_ELEMENT_REGISTER_DEFINE (dmabuffencesync, "dmabuffencesync", GST_RANK_NONE,
    GST_TYPE_DMABUF_FENCE_SYNC);

GST_DMABUF_CORE_DEFINE_STATIC_ENUM (GstDmabufFenceSyncMode, mode,
    { GST_DMABUF_FENCE_SYNC_MODE_AUTO,
        "Ask downstream and do the cheapest correct thing", "auto" },
    { GST_DMABUF_FENCE_SYNC_MODE_WAIT,
        "Hold each buffer until its fences have signalled", "wait" },
    { GST_DMABUF_FENCE_SYNC_MODE_EXPORT,
        "Make the kernel's fences the acquire fence of the sync meta",
        "export" },
    { GST_DMABUF_FENCE_SYNC_MODE_IMPORT,
        "Put the acquire fence of the sync meta into the kernel's reservation",
        "import" })

GST_DMABUF_CORE_DEFINE_STATIC_ENUM (GstDmabufFenceSyncAccess, access,
    { DMABUF_ACCESS_READ, "The next element reads: wait for writers", "read" },
    { DMABUF_ACCESS_WRITE,
        "The next element writes: wait for readers and writers", "write" })

GST_DMABUF_CORE_DEFINE_STATIC_ENUM (GstDmabufFenceSyncOnTimeout, on_timeout,
    { ON_TIMEOUT_ERROR, "Fail with an element error", "error" },
    { ON_TIMEOUT_DROP, "Drop the buffer", "drop" },
    { ON_TIMEOUT_PASS, "Pass the buffer on, with a warning", "pass" })

/* --- states ------------------------------------------------------------- */

static gboolean
gst_dmabuf_fence_sync_sink_activate_mode (
    GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  fence_sync_set_flushing (GST_DMABUF_FENCE_SYNC (parent), !active);
  return TRUE;
}

static gboolean
gst_dmabuf_fence_sync_src_activate_mode (
    GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (parent);

  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  fence_sync_set_flushing (self, !active);
  if (!active) {
    gst_pad_stop_task (pad);
    fence_sync_forget_task (self);
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
    fence_sync_set_flushing (self, TRUE);
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

  /* The pads were deactivated in READY: no thread waits. */
  g_queue_clear_full (&self->queue, (GDestroyNotify) gst_mini_object_unref);
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
   * How the fences of a buffer are handled.
   */
  properties[PROP_MODE] = g_param_spec_enum ("mode", "Mode",
      "How the fences of a buffer are handled", mode_get_type (), DEFAULT_MODE,
      flags);

  /**
   * GstDmabufFenceSync:access:
   *
   * What the next element does with a buffer: a reader waits for writers, a
   * writer for readers and writers.
   */
  properties[PROP_ACCESS] = g_param_spec_enum ("access", "Access",
      "What the next element does with a buffer, which decides the fences to "
      "wait for",
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
   * How many buffers may wait in the element, in order. With 1 the upstream
   * thread waits itself.
   */
  properties[PROP_MAX_PENDING] = g_param_spec_uint ("max-pending",
      "Greatest number of pending buffers",
      "How many buffers may wait in the element, in order; with 1 the upstream "
      "thread waits itself",
      1, 64, DEFAULT_MAX_PENDING, flags);

  /**
   * GstDmabufFenceSync:stats:
   *
   * The common fields (frames, dropped, copies, imports, imports-reused,
   * fences-armed, cpu-waits), waited (buffers whose fences signalled while they
   * waited), passed (buffers that were pushed after the timeout), pending
   * (buffers that wait now), and the waiting times wait-p50, wait-p99 and
   * wait-max in nanoseconds.
   */
  properties[PROP_STATS] = gst_dmabuf_core_param_spec_stats (
      "waited, passed, pending; wait-p50, wait-p99 and wait-max in "
      "nanoseconds");

  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
  gst_type_mark_as_plugin_api (mode_get_type (), 0);
  gst_type_mark_as_plugin_api (access_get_type (), 0);
  gst_type_mark_as_plugin_api (on_timeout_get_type (), 0);
}

static void
gst_dmabuf_fence_sync_init (GstDmabufFenceSync *self)
{
  gst_dmabuf_core_stats_init (&self->stats);
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
      self->sinkpad, GST_DEBUG_FUNCPTR (fence_sync_chain));
  gst_pad_set_event_function (
      self->sinkpad, GST_DEBUG_FUNCPTR (fence_sync_sink_event));
  gst_pad_set_query_function (
      self->sinkpad, GST_DEBUG_FUNCPTR (fence_sync_sink_query));
  gst_pad_set_activatemode_function (self->sinkpad,
      GST_DEBUG_FUNCPTR (gst_dmabuf_fence_sync_sink_activate_mode));
  GST_PAD_SET_PROXY_CAPS (self->sinkpad);
  GST_PAD_SET_PROXY_SCHEDULING (self->sinkpad);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);

  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_pad_set_event_function (
      self->srcpad, GST_DEBUG_FUNCPTR (fence_sync_src_event));
  gst_pad_set_query_function (
      self->srcpad, GST_DEBUG_FUNCPTR (fence_sync_src_query));
  gst_pad_set_activatemode_function (self->srcpad,
      GST_DEBUG_FUNCPTR (gst_dmabuf_fence_sync_src_activate_mode));
  GST_PAD_SET_PROXY_CAPS (self->srcpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}
