/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Negotiation of dmabufv4l2src: caps, and the buffers that follow from them.
 */

#include "gstdmabufv4l2src-private.h"
#include "v4l2-debug.h"

#include <gst/allocators/gstdmabuf.h>

#include <errno.h>

/* More buffers would only add latency. */
#define MAX_DMABUFS 8
/* Buffers that a consumer holds by default: the frame that it shows, and the
 * next one. */
#define MIN_CONSUMER_BUFFERS 2
/* Relative; less than the difference between 30 and 30000/1001. */
#define MAX_RATE_ERROR 0.0005

/* --- buffers -------------------------------------------------------------- */

gboolean
gst_dmabuf_v4l2_src_teardown (GstDmabufV4l2Src *self, GError **error)
{
  V4l2Pool *pool;
  GError *local_error = NULL;
  gboolean ok = TRUE;

  if (!self->queue)
    return TRUE;

  GST_OBJECT_LOCK (self);
  pool = g_steal_pointer (&self->pool);
  if (pool) {
    self->n_requeued += v4l2_pool_get_n_requeued (pool);
    self->n_fences_waited += v4l2_pool_get_n_fences_waited (pool);
  }
  GST_OBJECT_UNLOCK (self);

  if (pool) {
    v4l2_pool_shutdown (pool);
    gst_object_unref (pool);
  }

  v4l2_queue_stop (self->queue);
  if (!v4l2_queue_release (self->queue, &local_error)
      && g_error_matches (local_error, DMABUF_ERROR, EBUSY)) {
    GstQuery *query = gst_query_new_drain ();

    g_clear_error (&local_error);
    gst_pad_peer_query (GST_BASE_SRC_PAD (self), query);
    gst_query_unref (query);
    v4l2_queue_release (self->queue, &local_error);
  }
  if (local_error) {
    g_propagate_error (error, local_error);
    ok = FALSE;
  }

  g_clear_pointer (&self->queue, v4l2_queue_unref);
  self->streaming = FALSE;

  return ok;
}

static gboolean
setup_buffers (
    GstDmabufV4l2Src *self, GstCaps *caps, guint n_buffers, GError **error)
{
  V4l2Pool *pool;

  self->queue = v4l2_queue_new (self->device, &self->setup.layout, n_buffers,
      self->ignore_kernel_fences, error);
  if (!self->queue)
    return FALSE;

  pool = v4l2_pool_new (self->queue, &self->setup.layout, caps, error);
  if (!pool) {
    v4l2_queue_release (self->queue, NULL);
    g_clear_pointer (&self->queue, v4l2_queue_unref);
    return FALSE;
  }

  GST_OBJECT_LOCK (self);
  self->pool = pool;
  self->n_frames = v4l2_queue_get_n_buffers (self->queue);
  self->n_buffers = self->n_frames * self->setup.layout.n_buffers;
  self->n_exports += v4l2_queue_get_n_exports (self->queue);
  GST_OBJECT_UNLOCK (self);

  return TRUE;
}

/* --- negotiation ---------------------------------------------------------- */

GstCaps *
gst_dmabuf_v4l2_src_get_caps (GstBaseSrc *base, GstCaps *filter)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (base);
  GstCaps *caps, *result;

  GST_OBJECT_LOCK (self);
  caps = self->caps.caps ? gst_caps_ref (self->caps.caps) : NULL;
  GST_OBJECT_UNLOCK (self);
  if (!caps)
    caps = gst_pad_get_pad_template_caps (GST_BASE_SRC_PAD (base));

  if (!filter)
    return caps;

  result = gst_caps_intersect_full (filter, caps, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref (caps);
  return result;
}

/* A peer with ANY caps may not know DMA_DRM: offer it plain caps. */
static GstCaps *
drop_dma_drm (GstCaps *caps)
{
  guint i;

  caps = gst_caps_make_writable (caps);
  for (i = gst_caps_get_size (caps); i > 0; i--) {
    if (gst_caps_features_contains (gst_caps_get_features (caps, i - 1),
            GST_CAPS_FEATURE_MEMORY_DMABUF))
      gst_caps_remove_structure (caps, i - 1);
  }

  return caps;
}

/* Intersects in the peer's order; within one of its structures, in the device's
 * order. */
static GstCaps *
intersect_with_peer (GstDmabufV4l2Src *self, GError **error)
{
  GstPad *pad = GST_BASE_SRC_PAD (self);
  GstCaps *ours = gst_pad_query_caps (pad, NULL);
  GstCaps *peer = gst_pad_peer_query_caps (pad, NULL);
  GstCaps *caps;

  if (!peer || gst_caps_is_any (peer))
    caps = drop_dma_drm (gst_caps_ref (ours));
  else
    caps = gst_caps_intersect_full (peer, ours, GST_CAPS_INTERSECT_FIRST);

  if (peer && gst_caps_is_empty (peer)) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "%s (%s): no caps suit all elements downstream: a caps filter there "
        "asks for a format that the element after it cannot take",
        self->device->path, self->device->card);
    gst_clear_caps (&caps);
  } else if (gst_caps_is_empty (caps)) {
    char *wanted = gst_caps_to_string (peer);

    /* Most webcams have their large sizes compressed only. */
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "%s (%s): has no format for the wanted caps %s; v4l2-ctl -d %s "
        "--list-formats-ext lists its formats%s%s",
        self->device->path, self->device->card, wanted, self->device->path,
        self->caps.compressed ? ", of which v4l2src ! decodebin ! dmabufalloc "
                                "decodes "
                              : "",
        self->caps.compressed ? self->caps.compressed : "");
    g_free (wanted);
    gst_clear_caps (&caps);
  }

  gst_caps_unref (ours);
  gst_clear_caps (&peer);
  return caps;
}

/* Returns @caps with the rate that the driver chose, if the peer accepts it. */
static GstCaps *
caps_with_rate (GstDmabufV4l2Src *self, GstCaps *caps)
{
  const V4l2Setup *setup = &self->setup;
  gint wanted_n, wanted_d;
  GstCaps *actual, *accepted;

  if (setup->fps_n == 0
      || !gst_structure_get_fraction (
          gst_caps_get_structure (caps, 0), "framerate", &wanted_n, &wanted_d)
      || wanted_n == 0)
    return gst_caps_ref (caps);

  /* A driver rounds the interval: 30/1 may come back as 10000000/333333. */
  if (ABS ((gdouble) setup->fps_n * wanted_d
              / ((gdouble) setup->fps_d * wanted_n)
          - 1)
      < MAX_RATE_ERROR)
    return gst_caps_ref (caps);

  actual = gst_caps_copy (caps);
  gst_caps_set_simple (
      actual, "framerate", GST_TYPE_FRACTION, setup->fps_n, setup->fps_d, NULL);
  accepted = gst_pad_peer_query_caps (GST_BASE_SRC_PAD (self), actual);
  if (gst_caps_is_empty (accepted)) {
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
        ("%s (%s): asked for %d/%d frames per second, the driver gives %u/%u; "
         "v4l2-ctl -d %s --list-formats-ext lists its rates",
            self->device->path, self->device->card, wanted_n, wanted_d,
            setup->fps_n, setup->fps_d, self->device->path),
        (NULL));
    gst_caps_replace (&actual, caps);
  }
  gst_caps_unref (accepted);

  return actual;
}

/* Sets the device up for @caps and sends the caps event. FALSE without an error
 * if the pad is flushing. */
static gboolean
apply_caps (GstDmabufV4l2Src *self, GstCaps *caps, GError **error)
{
  V4l2Request request;
  GstCaps *actual;
  gboolean ok;

  /* S_FMT is refused while there are buffers of the old format. */
  gst_clear_caps (&self->applied);
  if (!v4l2_caps_parse (&self->caps, caps, &request, error)
      || !gst_dmabuf_v4l2_src_teardown (self, error)
      || !v4l2_setup_apply (self->device, &request, &self->setup, error))
    return FALSE;

  GST_OBJECT_LOCK (self);
  self->duration = self->setup.fps_n > 0
      ? gst_util_uint64_scale_int (
            GST_SECOND, self->setup.fps_d, self->setup.fps_n)
      : GST_CLOCK_TIME_NONE;
  self->latency = 0;
  GST_OBJECT_UNLOCK (self);

  actual = caps_with_rate (self, caps);
  GST_INFO_OBJECT (self, "chose %" GST_PTR_FORMAT, actual);
  ok = gst_base_src_set_caps (GST_BASE_SRC (self), actual);
  gst_caps_unref (actual);
  if (ok)
    self->applied = gst_caps_ref (caps);

  return ok;
}

gboolean
gst_dmabuf_v4l2_src_negotiate (GstBaseSrc *base)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (base);
  GstStructure *open = NULL;
  GError *error = NULL;
  V4l2Request request;
  V4l2Setup setup;
  GstCaps *caps;

  caps = intersect_with_peer (self, &error);
  if (!caps)
    goto failed;

  caps = v4l2_caps_fixate (&self->caps, caps, &open);
  if (!v4l2_caps_parse (&self->caps, caps, &request, &error)
      || !v4l2_setup_try (self->device, &request, &setup, &error))
    goto failed;
  v4l2_setup_complete_caps (&setup, caps, open);

  /* A RECONFIGURE that ends in the same caps does not interrupt the camera. */
  if ((!self->applied || !gst_caps_is_equal (caps, self->applied))
      && !apply_caps (self, caps, &error))
    goto failed;

  gst_caps_unref (caps);
  gst_structure_free (open);
  return TRUE;

  /* ERRORS */
failed:
  gst_clear_caps (&caps);
  g_clear_pointer (&open, gst_structure_free);
  if (error)
    gst_dmabuf_v4l2_src_post_error (self, error, GST_RESOURCE_ERROR_SETTINGS);
  return FALSE;
}

/* Waits for a signal at the input. unlock() ends the wait, and the next call of
 * create() begins it again. */
static GstFlowReturn
wait_for_signal (GstDmabufV4l2Src *self, GError **error)
{
  GError *problem = NULL;

  while (!v4l2_input_prepare (self->device, &problem)) {
    if (!self->no_signal_reported)
      GST_ELEMENT_WARNING (
          self, RESOURCE, READ, ("%s", problem->message), (NULL));
    self->no_signal_reported = TRUE;
    g_clear_error (&problem);

    do {
      switch (v4l2_device_wait_event (self->device, error)) {
      case V4L2_WAIT_EVENT:
        break;
      case V4L2_WAIT_WOKEN:
        return GST_FLOW_FLUSHING;
      case V4L2_WAIT_FAILED:
        return GST_FLOW_ERROR;
      default:
        v4l2_device_set_error (
            self->device, error, ENODEV, "no event from the device");
        return GST_FLOW_ERROR;
      }
    } while (!v4l2_input_has_changed (self->device));
  }

  return GST_FLOW_OK;
}

GstFlowReturn
gst_dmabuf_v4l2_src_follow_signal (GstDmabufV4l2Src *self)
{
  GError *error = NULL;
  V4l2Caps caps, before;
  GstFlowReturn ret;

  /* S_DV_TIMINGS is refused while buffers of the old timings exist. */
  gst_clear_caps (&self->applied);
  if (!gst_dmabuf_v4l2_src_teardown (self, &error))
    goto failed;
  ret = wait_for_signal (self, &error);
  if (ret == GST_FLOW_FLUSHING)
    return ret;
  if (ret != GST_FLOW_OK || !v4l2_caps_probe (&caps, self->device, &error))
    goto failed;

  GST_OBJECT_LOCK (self);
  before = self->caps;
  self->caps = caps;
  GST_OBJECT_UNLOCK (self);
  v4l2_caps_clear (&before);

  self->no_signal_reported = FALSE;
  /* Until this has succeeded there are no buffers: signal_changed stays set, so
   * that create() begins here again after a flush or a pause. */
  if (!gst_base_src_negotiate (GST_BASE_SRC (self)))
    return GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (self))
        ? GST_FLOW_FLUSHING
        : GST_FLOW_NOT_NEGOTIATED;

  self->signal_changed = FALSE;
  return GST_FLOW_OK;

  /* ERRORS */
failed:
  gst_dmabuf_v4l2_src_post_error (self, error, GST_RESOURCE_ERROR_READ);
  return GST_FLOW_ERROR;
}

/* The driver's minimum, the consumers' minimum, and two buffers in between; at
 * most MAX_DMABUFS dma-bufs, or more if the driver's minimum demands it. */
static guint
choose_n_buffers (GstDmabufV4l2Src *self, GstQuery *query)
{
  guint driver = v4l2_queue_get_min_buffers (self->device);
  guint most = MAX_DMABUFS / self->setup.layout.n_buffers;
  guint consumers = 0;

  if (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_parse_nth_allocation_pool (
        query, 0, NULL, NULL, &consumers, NULL);
  consumers = MAX (consumers, MIN_CONSUMER_BUFFERS);

  GST_DEBUG_OBJECT (
      self, "driver needs %u buffers, consumers %u", driver, consumers);
  return MAX (MIN (driver + consumers + 2, most), driver + 2);
}

gboolean
gst_dmabuf_v4l2_src_decide_allocation (GstBaseSrc *base, GstQuery *query)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (base);
  gboolean has_video_meta, has_sync_meta, ignore_kernel_fences;
  GError *error = NULL;
  char *reason = NULL;
  GstCaps *caps;
  guint n_buffers;

  gst_query_parse_allocation (query, &caps, NULL);
  has_video_meta =
      gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  has_sync_meta = gst_query_find_allocation_meta (
      query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);
  n_buffers = choose_n_buffers (self, query);

  /* The driver allocates the buffers: remove all pools, so that the base class
   * does not activate one. */
  while (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_remove_nth_allocation_pool (query, 0);

  if (!has_video_meta && !v4l2_layout_is_default (&self->setup.layout, &reason))
    goto needs_video_meta;

  /* Asking the kernel for fences costs a system call for each frame. That is
   * left out for a consumer with the sync meta, all of whose fences the mapping
   * knows, and for one without GstVideoMeta, which imports nothing. */
  ignore_kernel_fences = has_sync_meta || !has_video_meta;

  if (self->pool && ignore_kernel_fences == self->ignore_kernel_fences
      && self->n_wanted >= n_buffers)
    return TRUE;

  self->ignore_kernel_fences = ignore_kernel_fences;
  self->n_wanted = n_buffers;
  if (!gst_dmabuf_v4l2_src_teardown (self, &error)
      || !setup_buffers (self, caps, n_buffers, &error))
    goto failed;

  GST_INFO_OBJECT (self, "%u buffers of %u dma-bufs%s", self->n_frames,
      self->setup.layout.n_buffers,
      ignore_kernel_fences ? "" : ", kernel asked for fences");
  gst_element_post_message (
      GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
  return TRUE;

  /* ERRORS */
needs_video_meta:
  /* While the pad flushes, the query has no answer. */
  if (GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (self))) {
    g_free (reason);
    return FALSE;
  }
  g_set_error (&error, DMABUF_ERROR, EINVAL,
      "%s (%s): the next element does not take GstVideoMeta, which the frames "
      "of this device need: %s; put videoconvert in between, or choose another "
      "width",
      self->device->path, self->device->card, reason);
  g_free (reason);
failed:
  gst_dmabuf_v4l2_src_post_error (self, error, GST_RESOURCE_ERROR_SETTINGS);
  return FALSE;
}
