/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-dmabufkmssink
 * @title: dmabufkmssink
 *
 * Shows dma-bufs on a display with atomic KMS, without copying them: each
 * becomes a framebuffer once, and each frame is one non-blocking commit. A
 * frame's fence goes to the display, not to the CPU.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 dmabufv4l2src ! dmabufkmssink
 * ]|
 * The first camera on the first display.
 */

#include "gstdmabufkmssink.h"
#include "gstdmabufkmscaps.h"
#include "gstdmabufkmspool.h"
#include "gstdmabufkmssession.h"
#include "kms-writeback.h"
#include "kms-debug.h"

#include <errno.h>
#include <gst/lib/gstdmabufcore.h>

/* one on screen, one on the way there, one that upstream fills */
#define MIN_BUFFERS 3

/* bound of capture-frame */
#define CAPTURE_TIMEOUT_US (2 * G_USEC_PER_SEC)

#define DEFAULT_ID -1
#define DEFAULT_FD -1
#define DEFAULT_PRESENT_MODE GST_DMABUF_KMS_PRESENT_MODE_FIFO
#define DEFAULT_RESTORE_CRTC TRUE
#define DEFAULT_COPY_POLICY GST_DMABUF_CORE_COPY_POLICY_WARN
#define DEFAULT_FENCE_TIMEOUT (5 * GST_SECOND)

enum
{
  PROP_0,
  PROP_DEVICE,
  PROP_DRIVER_NAME,
  PROP_FD,
  PROP_CONNECTOR_ID,
  PROP_PLANE_ID,
  PROP_MODE,
  PROP_PRESENT_MODE,
  PROP_RESTORE_CRTC,
  PROP_COPY_POLICY,
  PROP_FENCE_TIMEOUT,
  PROP_STATS,
  N_PROPERTIES,
};

enum
{
  SIGNAL_CAPTURE_FRAME,
  N_SIGNALS,
};

static GParamSpec *properties[N_PROPERTIES];
static guint signals[N_SIGNALS];

struct _GstDmabufKmsSink
{
  GstVideoSink parent;

  /* properties, protected by the object lock */
  char *device;
  char *driver_name;
  int fd;
  int connector_id;
  int plane_id;
  char *mode;
  GstDmabufKmsPresentMode present_mode;
  gboolean restore_crtc;
  GstDmabufCoreCopyPolicy copy_policy;
  guint64 fence_timeout;

  /* Ends every wait of the streaming thread. */
  GCancellable *cancellable;
  /* what the user asked for at the start; NULL for nothing */
  KmsModeRequest mode_request;
  gboolean has_mode_request;
  GstCaps *caps;
  /* what upstream offered, and the display does not show; streaming thread */
  char *refused;

  /* Held where the session begins, ends or changes its mode, and by
   * capture-frame, so that the display it reads is there. */
  GMutex session_lock;
  GstDmabufKmsSession session;
};

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
        GST_STATIC_CAPS (GST_VIDEO_DMA_DRM_CAPS_MAKE
            "; " GST_VIDEO_CAPS_MAKE (GST_VIDEO_FORMATS_ALL)));

G_DEFINE_FINAL_TYPE (GstDmabufKmsSink, gst_dmabuf_kms_sink, GST_TYPE_VIDEO_SINK)

GST_ELEMENT_REGISTER_DEFINE (
    dmabufkmssink, "dmabufkmssink", GST_RANK_NONE, GST_TYPE_DMABUF_KMS_SINK)

GType
gst_dmabuf_kms_present_mode_get_type (void)
{
  static const GEnumValue values[] = {
    { GST_DMABUF_KMS_PRESENT_MODE_FIFO,
        "Each frame is shown for one refresh at least", "fifo" },
    { GST_DMABUF_KMS_PRESENT_MODE_MAILBOX,
        "A frame that comes too soon replaces the one before it", "mailbox" },
    { 0, NULL, NULL },
  };
  static gsize type = 0;

  if (g_once_init_enter (&type)) {
    GType new = g_enum_register_static ("GstDmabufKmsPresentMode", values);

    g_once_init_leave (&type, new);
  }

  return type;
}

/* --- start and stop ---------------------------------------------------- */

static KmsCard *
open_card (GstDmabufKmsSink *sink, GError **error)
{
  KmsCardRequest request;
  char *device, *driver;
  KmsCard *card;

  GST_OBJECT_LOCK (sink);
  device = g_strdup (sink->device);
  driver = g_strdup (sink->driver_name);
  request = (KmsCardRequest) { device, driver, sink->fd };
  GST_OBJECT_UNLOCK (sink);

  card = kms_card_open (&request, error);
  g_free (device);
  g_free (driver);
  if (!card)
    return NULL;

  if (kms_card_acquire_master (card, error))
    return card;

  /* It may be ourselves: a stopped sink whose last frame still waits for its
   * fence holds the display until then. */
  if (kms_presenter_wait_ends (gst_dmabuf_kms_session_deadline (&sink->session))
      && (g_clear_error (error), kms_card_acquire_master (card, error)))
    return card;

  kms_card_unref (card);

  return NULL;
}

static gboolean
read_mode_request (GstDmabufKmsSink *sink, GError **error)
{
  gboolean ret = TRUE;

  GST_OBJECT_LOCK (sink);
  sink->has_mode_request = sink->mode && *sink->mode;
  if (sink->has_mode_request)
    ret = kms_mode_parse (sink->mode, &sink->mode_request, error);
  GST_OBJECT_UNLOCK (sink);

  return ret;
}

static void
read_settings (GstDmabufKmsSink *sink, guint32 *connector_id, guint32 *plane_id,
    gboolean *mailbox)
{
  GST_OBJECT_LOCK (sink);
  *connector_id = MAX (sink->connector_id, 0);
  *plane_id = MAX (sink->plane_id, 0);
  *mailbox = sink->present_mode == GST_DMABUF_KMS_PRESENT_MODE_MAILBOX;
  sink->session.copy_policy = sink->copy_policy;
  sink->session.fence_timeout_us = sink->fence_timeout / 1000;
  GST_OBJECT_UNLOCK (sink);
}

static gboolean
gst_dmabuf_kms_sink_start (GstBaseSink *base)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (base);
  guint32 connector_id, plane_id;
  KmsOutput *output = NULL;
  GError *error = NULL;
  KmsCard *card;
  gboolean mailbox;
  char *name;

  read_settings (sink, &connector_id, &plane_id, &mailbox);
  if (!read_mode_request (sink, &error))
    goto failed;
  card = open_card (sink, &error);
  if (!card)
    goto failed;
  output = kms_output_new (card, connector_id, plane_id, &error);
  kms_card_unref (card);
  if (!output)
    goto failed;

  name = kms_output_describe (output);
  GST_INFO_OBJECT (sink, "showing on %s", name);
  g_free (name);

  GST_OBJECT_LOCK (sink);
  sink->caps = gst_dmabuf_kms_caps_new (
      output, sink->has_mode_request ? &sink->mode_request : NULL);
  GST_OBJECT_UNLOCK (sink);
  g_mutex_lock (&sink->session_lock);
  gst_dmabuf_kms_session_begin (
      &sink->session, base, output, mailbox, sink->cancellable);
  g_mutex_unlock (&sink->session_lock);

  return TRUE;

  /* ERRORS */
failed: {
  gst_dmabuf_kms_post_error (GST_ELEMENT (sink), error);
  g_clear_error (&error);
  return FALSE;
}
}

static gboolean
gst_dmabuf_kms_sink_stop (GstBaseSink *base)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (base);
  gboolean restore;

  GST_OBJECT_LOCK (sink);
  gst_clear_caps (&sink->caps);
  restore = sink->restore_crtc;
  GST_OBJECT_UNLOCK (sink);

  g_mutex_lock (&sink->session_lock);
  gst_dmabuf_kms_session_end (&sink->session, restore);
  g_mutex_unlock (&sink->session_lock);
  g_clear_pointer (&sink->refused, g_free);

  return TRUE;
}

static gboolean
gst_dmabuf_kms_sink_unlock (GstBaseSink *base)
{
  g_cancellable_cancel (GST_DMABUF_KMS_SINK (base)->cancellable);

  return TRUE;
}

static gboolean
gst_dmabuf_kms_sink_unlock_stop (GstBaseSink *base)
{
  g_cancellable_reset (GST_DMABUF_KMS_SINK (base)->cancellable);

  return TRUE;
}

/* --- caps -------------------------------------------------------------- */

static GstCaps *
gst_dmabuf_kms_sink_get_caps (GstBaseSink *base, GstCaps *filter)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (base);
  GstCaps *caps = NULL, *both;

  GST_OBJECT_LOCK (sink);
  if (sink->caps)
    caps = gst_caps_ref (sink->caps);
  GST_OBJECT_UNLOCK (sink);
  if (!caps)
    return NULL;
  if (!filter)
    return caps;

  both = gst_caps_intersect_full (filter, caps, GST_CAPS_INTERSECT_FIRST);
  if (gst_caps_is_empty (both) && !gst_caps_is_empty (filter)) {
    GST_OBJECT_LOCK (sink);
    g_free (sink->refused);
    sink->refused = gst_caps_to_string (filter);
    GST_OBJECT_UNLOCK (sink);
    GST_INFO_OBJECT (sink, "nothing of %" GST_PTR_FORMAT, filter);
  }
  gst_caps_unref (caps);

  return both;
}

static gboolean
gst_dmabuf_kms_sink_set_caps (GstBaseSink *base, GstCaps *caps)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (base);
  GstVideoInfoDmaDrm info;
  GError *error = NULL;
  gboolean ret;

  if (!gst_dmabuf_core_video_info_from_caps (&info, caps)) {
    GST_ELEMENT_ERROR (sink, STREAM, FORMAT,
        ("The video format is not one of DRM."), ("%" GST_PTR_FORMAT, caps));
    return FALSE;
  }
  GST_VIDEO_SINK_WIDTH (sink) = GST_VIDEO_INFO_WIDTH (&info.vinfo);
  GST_VIDEO_SINK_HEIGHT (sink) = GST_VIDEO_INFO_HEIGHT (&info.vinfo);

  g_mutex_lock (&sink->session_lock);
  ret = gst_dmabuf_kms_session_configure (&sink->session, caps, &info,
      sink->has_mode_request ? &sink->mode_request : NULL, &error);
  g_mutex_unlock (&sink->session_lock);
  if (!ret && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    gst_dmabuf_kms_post_error (GST_ELEMENT (sink), error);
  g_clear_error (&error);
  if (!ret)
    return FALSE;

  GST_OBJECT_LOCK (sink);
  g_clear_pointer (&sink->refused, g_free);
  GST_OBJECT_UNLOCK (sink);

  return GST_BASE_SINK_CLASS (gst_dmabuf_kms_sink_parent_class)
      ->set_caps (base, caps);
}

/* --- allocation -------------------------------------------------------- */

static gboolean
gst_dmabuf_kms_sink_propose_allocation (GstBaseSink *base, GstQuery *query)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (base);
  GstBufferPool *pool = NULL;
  GstVideoInfoDmaDrm info;
  GstCaps *caps;
  gboolean need_pool;
  guint size = 0;

  gst_query_parse_allocation (query, &caps, &need_pool);
  if (!caps || !gst_dmabuf_core_video_info_from_caps (&info, caps))
    return FALSE;

  /* upstream is about to change its buffers, and wants them all back */
  gst_dmabuf_kms_session_drain (&sink->session);

  if (need_pool && info.drm_modifier == 0) {
    pool = gst_dmabuf_kms_pool_new (sink->session.card);
    if (!gst_dmabuf_kms_pool_configure (pool, caps, MIN_BUFFERS, 0, &size))
      gst_clear_object (&pool);
  }
  if (size == 0)
    size = GST_VIDEO_INFO_SIZE (&info.vinfo);
  gst_query_add_allocation_pool (query, pool, size, MIN_BUFFERS, 0);
  gst_clear_object (&pool);

  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  gst_query_add_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, NULL);
  gst_query_add_allocation_meta (
      query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);

  return TRUE;
}

static gboolean
gst_dmabuf_kms_sink_query (GstBaseSink *base, GstQuery *query)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (base);

  if (GST_QUERY_TYPE (query) == GST_QUERY_DRAIN) {
    gst_dmabuf_kms_session_drain (&sink->session);
    return TRUE;
  }

  return GST_BASE_SINK_CLASS (gst_dmabuf_kms_sink_parent_class)
      ->query (base, query);
}

/* --- data -------------------------------------------------------------- */

/* Upstream gave up for want of common caps: say whose fault it was. */
static void
report_refused (GstDmabufKmsSink *sink)
{
  char *refused, *name;

  GST_OBJECT_LOCK (sink);
  refused = g_steal_pointer (&sink->refused);
  GST_OBJECT_UNLOCK (sink);
  if (!refused)
    return;

  name =
      kms_output_describe (kms_presenter_get_output (sink->session.presenter));
  GST_ELEMENT_ERROR (sink, STREAM, FORMAT,
      ("%s cannot show any format or size that was offered; put "
       "videoconvert ! videoscale in between.",
          name),
      ("offered: %s; possible: %" GST_PTR_FORMAT, refused, sink->caps));
  g_free (name);
  g_free (refused);
}

static gboolean
gst_dmabuf_kms_sink_event (GstBaseSink *base, GstEvent *event)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (base);

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_EOS:
    if (!gst_pad_has_current_caps (base->sinkpad))
      report_refused (sink);
    gst_dmabuf_kms_session_wait (&sink->session);
    break;
  case GST_EVENT_FLUSH_STOP:
    gst_dmabuf_kms_session_flush (&sink->session);
    break;
  default:
    break;
  }

  return GST_BASE_SINK_CLASS (gst_dmabuf_kms_sink_parent_class)
      ->event (base, event);
}

static GstFlowReturn
gst_dmabuf_kms_sink_show_frame (GstVideoSink *video_sink, GstBuffer *buffer)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (video_sink);

  return gst_dmabuf_kms_session_show (&sink->session, buffer);
}

static GstSample *
gst_dmabuf_kms_sink_capture_frame (GstDmabufKmsSink *sink)
{
  GstSample *sample = NULL;
  GError *error = NULL;

  g_mutex_lock (&sink->session_lock);
  if (sink->session.presenter)
    sample = kms_writeback_capture (sink->session.presenter,
        g_get_monotonic_time () + CAPTURE_TIMEOUT_US, &error);
  else
    kms_set_error (&error, ENOENT, "the display is open from PAUSED on");
  g_mutex_unlock (&sink->session_lock);

  if (!sample)
    GST_WARNING_OBJECT (sink, "capture-frame: %s", error->message);
  g_clear_error (&error);

  return sample;
}

/* --- properties -------------------------------------------------------- */

static void
gst_dmabuf_kms_sink_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (object);

  GST_OBJECT_LOCK (sink);
  switch (id) {
  case PROP_DEVICE:
    g_free (sink->device);
    sink->device = g_value_dup_string (value);
    break;
  case PROP_DRIVER_NAME:
    g_free (sink->driver_name);
    sink->driver_name = g_value_dup_string (value);
    break;
  case PROP_FD:
    sink->fd = g_value_get_int (value);
    break;
  case PROP_CONNECTOR_ID:
    sink->connector_id = g_value_get_int (value);
    break;
  case PROP_PLANE_ID:
    sink->plane_id = g_value_get_int (value);
    break;
  case PROP_MODE:
    g_free (sink->mode);
    sink->mode = g_value_dup_string (value);
    break;
  case PROP_PRESENT_MODE:
    sink->present_mode = g_value_get_enum (value);
    break;
  case PROP_RESTORE_CRTC:
    sink->restore_crtc = g_value_get_boolean (value);
    break;
  case PROP_COPY_POLICY:
    sink->copy_policy = g_value_get_enum (value);
    break;
  case PROP_FENCE_TIMEOUT:
    sink->fence_timeout = g_value_get_uint64 (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK (sink);
}

static GstStructure *
get_stats (GstDmabufKmsSink *sink)
{
  GstStructure *base = gst_base_sink_get_stats (GST_BASE_SINK (sink));
  guint64 late = 0;
  GstStructure *stats;

  gst_structure_get_uint64 (base, "dropped", &late);
  gst_structure_free (base);
  g_mutex_lock (&sink->session_lock);
  stats = gst_dmabuf_kms_session_get_stats (&sink->session, late);
  g_mutex_unlock (&sink->session_lock);

  return stats;
}

static void
gst_dmabuf_kms_sink_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (object);

  if (id == PROP_STATS) {
    g_value_take_boxed (value, get_stats (sink));
    return;
  }

  GST_OBJECT_LOCK (sink);
  switch (id) {
  case PROP_DEVICE:
    g_value_set_string (value, sink->device);
    break;
  case PROP_DRIVER_NAME:
    g_value_set_string (value, sink->driver_name);
    break;
  case PROP_FD:
    g_value_set_int (value, sink->fd);
    break;
  case PROP_CONNECTOR_ID:
    g_value_set_int (value, sink->connector_id);
    break;
  case PROP_PLANE_ID:
    g_value_set_int (value, sink->plane_id);
    break;
  case PROP_MODE:
    g_value_set_string (value, sink->mode);
    break;
  case PROP_PRESENT_MODE:
    g_value_set_enum (value, sink->present_mode);
    break;
  case PROP_RESTORE_CRTC:
    g_value_set_boolean (value, sink->restore_crtc);
    break;
  case PROP_COPY_POLICY:
    g_value_set_enum (value, sink->copy_policy);
    break;
  case PROP_FENCE_TIMEOUT:
    g_value_set_uint64 (value, sink->fence_timeout);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK (sink);
}

static void
gst_dmabuf_kms_sink_finalize (GObject *object)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (object);

  g_free (sink->device);
  g_free (sink->driver_name);
  g_free (sink->mode);
  g_free (sink->refused);
  gst_clear_caps (&sink->caps);
  g_object_unref (sink->cancellable);
  gst_dmabuf_kms_session_finish (&sink->session);
  g_mutex_clear (&sink->session_lock);

  G_OBJECT_CLASS (gst_dmabuf_kms_sink_parent_class)->finalize (object);
}

#define PROPERTY_FLAGS \
  (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)

static void
install_properties (GObjectClass *klass)
{
  properties[PROP_DEVICE] = g_param_spec_string ("device", "Device",
      "The card, for example /dev/dri/card0; unset: the first with a display",
      NULL, PROPERTY_FLAGS);
  properties[PROP_DRIVER_NAME] = g_param_spec_string ("driver-name",
      "Driver name", "Only a card of this kernel driver, for example vkms",
      NULL, PROPERTY_FLAGS);
  properties[PROP_FD] = g_param_spec_int ("fd", "File descriptor",
      "An open card or DRM lease to use instead, duplicated; -1: open one", -1,
      G_MAXINT, DEFAULT_FD, PROPERTY_FLAGS);
  properties[PROP_CONNECTOR_ID] = g_param_spec_int ("connector-id", "Connector",
      "KMS id of the connector; -1: the first with a display", -1, G_MAXINT,
      DEFAULT_ID, PROPERTY_FLAGS);
  properties[PROP_PLANE_ID] = g_param_spec_int ("plane-id", "Plane",
      "KMS id of the plane; -1: one that shows the format", -1, G_MAXINT,
      DEFAULT_ID, PROPERTY_FLAGS);
  properties[PROP_MODE] = g_param_spec_string ("mode", "Mode",
      "WIDTHxHEIGHT or WIDTHxHEIGHT@HZ to set, for example 1280x720@60; "
      "unset: by the size and rate of the video",
      NULL, PROPERTY_FLAGS);
  properties[PROP_PRESENT_MODE] = g_param_spec_enum ("present-mode",
      "Present mode",
      "What happens to frames that come faster than the display",
      GST_TYPE_DMABUF_KMS_PRESENT_MODE, DEFAULT_PRESENT_MODE, PROPERTY_FLAGS);
  properties[PROP_RESTORE_CRTC] = g_param_spec_boolean ("restore-crtc",
      "Restore CRTC", "Put back at the end what the display showed before",
      DEFAULT_RESTORE_CRTC, PROPERTY_FLAGS);
  properties[PROP_COPY_POLICY] = g_param_spec_enum ("copy-policy",
      "Copy policy", "What happens to frames that can only be shown as a copy",
      GST_TYPE_DMABUF_CORE_COPY_POLICY, DEFAULT_COPY_POLICY, PROPERTY_FLAGS);
  properties[PROP_FENCE_TIMEOUT] =
      g_param_spec_uint64 ("fence-timeout", "Fence timeout",
          "Nanoseconds that a frame may take to be complete and on screen", 0,
          G_MAXINT64, DEFAULT_FENCE_TIMEOUT, PROPERTY_FLAGS);
  properties[PROP_STATS] = g_param_spec_boxed ("stats", "Statistics",
      "Counters of frames, copies, imports and fences, and latencies in "
      "nanoseconds",
      GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (klass, N_PROPERTIES, properties);
}

static void
gst_dmabuf_kms_sink_class_init (GstDmabufKmsSinkClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseSinkClass *base_class = GST_BASE_SINK_CLASS (klass);
  GstVideoSinkClass *video_class = GST_VIDEO_SINK_CLASS (klass);

  gst_element_class_set_static_metadata (element_class, "dma-buf KMS sink",
      "Sink/Video", "Shows dma-bufs on a display with atomic KMS",
      "The gst-dmabuf authors");
  gst_element_class_add_static_pad_template (element_class, &sink_template);

  object_class->set_property = gst_dmabuf_kms_sink_set_property;
  object_class->get_property = gst_dmabuf_kms_sink_get_property;
  object_class->finalize = gst_dmabuf_kms_sink_finalize;

  base_class->start = GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_start);
  base_class->stop = GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_stop);
  base_class->unlock = GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_unlock);
  base_class->unlock_stop = GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_unlock_stop);
  base_class->get_caps = GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_get_caps);
  base_class->set_caps = GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_set_caps);
  base_class->propose_allocation =
      GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_propose_allocation);
  base_class->query = GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_query);
  base_class->event = GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_event);
  video_class->show_frame = GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_show_frame);

  install_properties (object_class);

  /**
   * GstDmabufKmsSink::capture-frame:
   * @sink: the sink
   *
   * What the display shows now, read back through a writeback connector.
   *
   * Returns: (transfer full) (nullable): a sample of video/x-raw, BGRx, as
   *   large as the mode; its info has the buffer that is shown in the field
   *   "frame". %NULL, with a warning in the log, where the card has no
   *   writeback connector or nothing is shown
   */
  signals[SIGNAL_CAPTURE_FRAME] = g_signal_new_class_handler ("capture-frame",
      G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION,
      G_CALLBACK (gst_dmabuf_kms_sink_capture_frame), NULL, NULL, NULL,
      GST_TYPE_SAMPLE, 0);

  gst_type_mark_as_plugin_api (GST_TYPE_DMABUF_KMS_PRESENT_MODE, 0);
}

static void
gst_dmabuf_kms_sink_init (GstDmabufKmsSink *sink)
{
  sink->fd = DEFAULT_FD;
  sink->connector_id = DEFAULT_ID;
  sink->plane_id = DEFAULT_ID;
  sink->present_mode = DEFAULT_PRESENT_MODE;
  sink->restore_crtc = DEFAULT_RESTORE_CRTC;
  sink->copy_policy = DEFAULT_COPY_POLICY;
  sink->fence_timeout = DEFAULT_FENCE_TIMEOUT;
  sink->cancellable = g_cancellable_new ();
  g_mutex_init (&sink->session_lock);
  gst_dmabuf_kms_session_init (&sink->session);
}
