/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-dmabufkmssink
 * @title: dmabufkmssink
 *
 * Shows dma-bufs on a display with atomic KMS, without copying them: each
 * dma-buf is imported as a framebuffer once, and each frame is one non-blocking
 * commit. The display, not the CPU, waits for the fence of a frame.
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
#include "gstdmabufkmssettings.h"
#include "kms-writeback.h"
#include "kms-debug.h"

#include <errno.h>
#include <gst/lib/gstdmabufcore.h>

/* One on screen, one pending, one that upstream fills. */
#define MIN_BUFFERS 3

/* Long enough for a virtual display on a busy machine. */
#define CAPTURE_TIMEOUT_US (20 * G_USEC_PER_SEC)

enum
{
  SIGNAL_CAPTURE_FRAME,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

struct _GstDmabufKmsSink
{
  GstVideoSink parent;

  /* Protected by the object lock. */
  GstDmabufKmsSettings settings;

  /* Ends every wait of the streaming thread. */
  GCancellable *cancellable;
  /* The property mode, as parsed at the start. */
  KmsModeRequest mode_request;
  gboolean has_mode_request;
  GstCaps *caps;
  /* Caps that upstream offered and the display cannot show; object lock. */
  GstCaps *refused;

  /* Held by capture-frame, and where the session begins and ends, so that the
   * display stays open for capture-frame. Taken before session_lock. */
  GMutex capture_lock;
  /* Held where the session begins and ends, and to read its statistics. */
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

/* --- start and stop ---------------------------------------------------- */

static KmsCard *
open_card (GstDmabufKmsSink *sink, GError **error)
{
  KmsCardRequest request;
  char *device, *driver;
  KmsCard *card;

  GST_OBJECT_LOCK (sink);
  device = g_strdup (sink->settings.device);
  driver = g_strdup (sink->settings.driver_name);
  request = (KmsCardRequest) { device, driver, sink->settings.fd };
  GST_OBJECT_UNLOCK (sink);

  card = kms_card_open (&request, error);
  g_free (device);
  g_free (driver);
  if (!card)
    return NULL;

  if (kms_card_acquire_master (card, error))
    return card;

  /* The master may be a stopped sink of this process: it keeps the display
   * until the fence of its last frame has signalled. */
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
  sink->has_mode_request = sink->settings.mode && *sink->settings.mode;
  if (sink->has_mode_request)
    ret = kms_mode_parse (sink->settings.mode, &sink->mode_request, error);
  GST_OBJECT_UNLOCK (sink);

  return ret;
}

static void
read_settings (GstDmabufKmsSink *sink, guint32 *connector_id, guint32 *plane_id,
    gboolean *mailbox)
{
  GST_OBJECT_LOCK (sink);
  *connector_id = MAX (sink->settings.connector_id, 0);
  *plane_id = MAX (sink->settings.plane_id, 0);
  *mailbox = sink->settings.present_mode == GST_DMABUF_KMS_PRESENT_MODE_MAILBOX;
  sink->session.fence_timeout_us = sink->settings.fence_timeout / 1000;
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
  if (sink->has_mode_request
      && !kms_output_has_mode (output, &sink->mode_request, &error))
    goto failed;

  name = kms_output_describe (output);
  GST_INFO_OBJECT (sink, "showing on %s", name);
  g_free (name);

  GST_OBJECT_LOCK (sink);
  sink->caps = gst_dmabuf_kms_caps_new (
      output, sink->has_mode_request ? &sink->mode_request : NULL);
  GST_OBJECT_UNLOCK (sink);
  g_mutex_lock (&sink->capture_lock);
  g_mutex_lock (&sink->session_lock);
  gst_dmabuf_kms_session_begin (
      &sink->session, base, output, mailbox, sink->cancellable);
  g_mutex_unlock (&sink->session_lock);
  g_mutex_unlock (&sink->capture_lock);

  return TRUE;

  /* ERRORS */
failed: {
  gst_dmabuf_kms_post_error (GST_ELEMENT (sink), error);
  g_clear_error (&error);
  g_clear_pointer (&output, kms_output_free);
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
  gst_clear_caps (&sink->refused);
  restore = sink->settings.restore_crtc;
  GST_OBJECT_UNLOCK (sink);

  /* Ends the wait of a capture-frame, which holds capture_lock. */
  if (sink->session.presenter)
    kms_presenter_interrupt (sink->session.presenter);
  g_mutex_lock (&sink->capture_lock);
  g_mutex_lock (&sink->session_lock);
  gst_dmabuf_kms_session_end (&sink->session, restore);
  g_mutex_unlock (&sink->session_lock);
  g_mutex_unlock (&sink->capture_lock);

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
    gst_caps_replace (&sink->refused, filter);
    GST_OBJECT_UNLOCK (sink);
    GST_INFO_OBJECT (sink, "cannot show any of %" GST_PTR_FORMAT, filter);
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
        ("The video format has no DRM fourcc."), ("%" GST_PTR_FORMAT, caps));
    return FALSE;
  }
  GST_VIDEO_SINK_WIDTH (sink) = GST_VIDEO_INFO_WIDTH (&info.vinfo);
  GST_VIDEO_SINK_HEIGHT (sink) = GST_VIDEO_INFO_HEIGHT (&info.vinfo);

  ret = gst_dmabuf_kms_session_configure (&sink->session, caps, &info,
      sink->has_mode_request ? &sink->mode_request : NULL, &error);
  if (!ret && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    gst_dmabuf_kms_post_error (GST_ELEMENT (sink), error);
  g_clear_error (&error);
  if (!ret)
    return FALSE;

  GST_OBJECT_LOCK (sink);
  gst_clear_caps (&sink->refused);
  GST_OBJECT_UNLOCK (sink);

  return GST_BASE_SINK_CLASS (gst_dmabuf_kms_sink_parent_class)
      ->set_caps (base, caps);
}

/* --- allocation -------------------------------------------------------- */

/* Gives back all of upstream's buffers. Queries come without the preroll lock.
 * It is taken here, so that unlock_stop () cannot reset the cancellable before
 * our wait has seen that it was cancelled. */
static void
drain (GstDmabufKmsSink *sink)
{
  GstBaseSink *base = GST_BASE_SINK (sink);

  GST_BASE_SINK_PREROLL_LOCK (base);
  if (!GST_PAD_IS_FLUSHING (base->sinkpad)) {
    gst_dmabuf_kms_session_drain (&sink->session);
    /* Drop the last sample. GstBaseSink's own drain would replace it by a copy,
     * which is not counted and waits for the fence of the sample. */
    if (gst_base_sink_is_last_sample_enabled (base)) {
      gst_base_sink_set_last_sample_enabled (base, FALSE);
      gst_base_sink_set_last_sample_enabled (base, TRUE);
    }
  }
  GST_BASE_SINK_PREROLL_UNLOCK (base);
}

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
  if (!caps || !sink->session.presenter
      || !gst_dmabuf_core_video_info_from_caps (&info, caps))
    return FALSE;

  /* Upstream is about to change its buffers and needs all of them back. */
  drain (sink);

  if (need_pool && info.drm_modifier == 0) {
    pool = gst_dmabuf_kms_pool_new (sink->session.card);
    if (!gst_dmabuf_kms_pool_configure (pool, caps, MIN_BUFFERS, 0, &size))
      gst_clear_object (&pool);
  }
  if (size == 0)
    size = GST_VIDEO_INFO_SIZE (&info.vinfo);
  gst_query_add_allocation_pool (query, pool, size, MIN_BUFFERS, 0);
  gst_clear_object (&pool);

  /* Adds the video meta as well. */
  gst_query_add_dmabuf_core_device (query, sink->session.device, TRUE);
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
    drain (sink);
    return TRUE;
  }

  return GST_BASE_SINK_CLASS (gst_dmabuf_kms_sink_parent_class)
      ->query (base, query);
}

/* --- data -------------------------------------------------------------- */

/* Upstream found no common caps: posts an error with the reason. */
static void
report_refused (GstDmabufKmsSink *sink)
{
  GstCaps *refused, *possible, *formats;
  const char *what, *help;
  char *name;
  guint i;

  GST_OBJECT_LOCK (sink);
  refused = g_steal_pointer (&sink->refused);
  possible = gst_caps_ref (sink->caps);
  GST_OBJECT_UNLOCK (sink);
  if (!refused)
    goto out;

  formats = gst_caps_copy (possible);
  for (i = 0; i < gst_caps_get_size (formats); i++)
    gst_structure_remove_fields (
        gst_caps_get_structure (formats, i), "width", "height", NULL);
  if (gst_caps_can_intersect (refused, formats)) {
    what = "has no mode, scaler or plane for the offered size";
    help = "videoscale";
  } else {
    what = "shows none of the offered formats";
    help = "videoconvert";
  }
  gst_caps_unref (formats);

  name =
      kms_output_describe (kms_presenter_get_output (sink->session.presenter));
  GST_ELEMENT_ERROR (sink, STREAM, FORMAT,
      ("%s %s; put %s in between.", name, what, help),
      ("offered: %" GST_PTR_FORMAT "; possible: %" GST_PTR_FORMAT, refused,
          possible));
  g_free (name);
  gst_caps_unref (refused);

out:
  gst_caps_unref (possible);
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
gst_dmabuf_kms_sink_preroll (GstBaseSink *base, GstBuffer *buffer)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (base);
  GstFlowReturn flow;

  gst_dmabuf_kms_session_begin_preroll (&sink->session);
  flow = GST_BASE_SINK_CLASS (gst_dmabuf_kms_sink_parent_class)
             ->preroll (base, buffer);
  gst_dmabuf_kms_session_end_preroll (&sink->session);

  return flow;
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

  g_mutex_lock (&sink->capture_lock);
  if (sink->session.presenter)
    sample = kms_writeback_capture (sink->session.presenter,
        g_get_monotonic_time () + CAPTURE_TIMEOUT_US, &error);
  else
    kms_set_error (&error, ENOENT, "the display is only open from READY on");
  g_mutex_unlock (&sink->capture_lock);

  if (!sample)
    GST_WARNING_OBJECT (sink, "capture-frame: %s", error->message);
  g_clear_error (&error);

  return sample;
}

/* --- class ------------------------------------------------------------- */

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
gst_dmabuf_kms_sink_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (object);

  GST_OBJECT_LOCK (sink);
  if (!gst_dmabuf_kms_settings_set (&sink->settings, id, value)
      && !gst_dmabuf_core_stats_set_property (
          &sink->session.stats, value, pspec))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (sink);
}

static void
gst_dmabuf_kms_sink_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (object);

  if (id == GST_DMABUF_KMS_PROP_STATS) {
    g_value_take_boxed (value, get_stats (sink));
    return;
  }

  GST_OBJECT_LOCK (sink);
  if (!gst_dmabuf_kms_settings_get (&sink->settings, id, value)
      && !gst_dmabuf_core_stats_get_property (
          &sink->session.stats, value, pspec))
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
  GST_OBJECT_UNLOCK (sink);
}

static void
gst_dmabuf_kms_sink_finalize (GObject *object)
{
  GstDmabufKmsSink *sink = GST_DMABUF_KMS_SINK (object);

  gst_dmabuf_kms_settings_clear (&sink->settings);
  gst_clear_caps (&sink->refused);
  gst_clear_caps (&sink->caps);
  g_object_unref (sink->cancellable);
  gst_dmabuf_kms_session_finish (&sink->session);
  g_mutex_clear (&sink->session_lock);
  g_mutex_clear (&sink->capture_lock);

  G_OBJECT_CLASS (gst_dmabuf_kms_sink_parent_class)->finalize (object);
}

static void
gst_dmabuf_kms_sink_class_init (GstDmabufKmsSinkClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseSinkClass *base_class = GST_BASE_SINK_CLASS (klass);
  GstVideoSinkClass *video_class = GST_VIDEO_SINK_CLASS (klass);

  gst_element_class_set_static_metadata (element_class, "dma-buf KMS sink",
      "Sink/Video/Hardware", "Shows dma-bufs on a display with atomic KMS",
      "gst-dmabuf");
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
  base_class->preroll = GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_preroll);
  base_class->event = GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_event);
  video_class->show_frame = GST_DEBUG_FUNCPTR (gst_dmabuf_kms_sink_show_frame);

  gst_dmabuf_kms_settings_install (object_class);

  /**
   * GstDmabufKmsSink::capture-frame:
   * @sink: the sink
   *
   * Reads back what the display shows now, through a writeback connector.
   *
   * Returns: (transfer full) (nullable): a sample of video/x-raw, BGRx, of the
   *   size of the mode; its info has the shown buffer in the field "frame".
   *   %NULL, with a warning in the log, without a writeback connector or before
   *   the first frame
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
  gst_dmabuf_kms_settings_init (&sink->settings);
  sink->cancellable = g_cancellable_new ();
  g_mutex_init (&sink->capture_lock);
  g_mutex_init (&sink->session_lock);
  gst_dmabuf_kms_session_init (&sink->session);
}
