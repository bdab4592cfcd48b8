/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-dmabufv4l2src
 * @title: dmabufv4l2src
 * @short_description: captures from a V4L2 device into dma-bufs
 *
 * Hands out the dma-bufs into which the driver captures, and never copies: if
 * the consumers hold all of them the driver has nowhere to capture to, drops
 * frames, and the property #GstDmabufV4l2Src:stats says how many.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 dmabufv4l2src ! dmabufkmssink
 * ]| The first camera on the display.
 *
 * Threads: the streaming thread owns everything below but what the comments say
 * otherwise. Buffers come back on any thread, and then only meet the V4l2Pool.
 */

#include "gstdmabufv4l2src.h"
#include "v4l2-controls.h"
#include "v4l2-debug.h"
#include "v4l2-pool.h"
#include "v4l2-setup.h"

#include "gst/lib/gstdmabufcore.h"

#include <errno.h>

/* More would only make a picture older. */
#define MAX_DMABUFS 8
/* What a consumer that does not answer the ALLOCATION query may hold: the frame
 * that it shows, and the next one. */
#define DEFAULT_CONSUMER_BUFFERS 2
/* A driver's timestamp that is further away than this is of another clock. */
#define MAX_AGE (10 * GST_SECOND)

enum
{
  PROP_0,
  PROP_DEVICE,
  PROP_EXTRA_CONTROLS,
  PROP_STATS,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

struct _GstDmabufV4l2Src
{
  GstPushSrc parent;

  /* Under the object lock. */
  char *device_path;
  GstStructure *extra_controls;
  V4l2Device *device; /* from start to stop; changed by nobody else */
  V4l2Pool *pool;
  guint n_buffers; /* of the pool */
  guint64 n_exports;
  guint64 n_requeued;      /* of the pools before this one */
  guint64 n_fences_waited; /* likewise */
  GstClockTime duration;   /* of a frame; NONE if the driver does not say */

  GstDmabufCoreStats stats; /* atomic */
  gint n_starved;           /* atomic */
  guint64 cpu_maps_before;  /* what the process had counted at the start */

  V4l2Caps caps;
  V4l2Setup setup;
  V4l2Queue *queue;
  gboolean ignore_kernel_fences;
  gboolean streaming;

  gboolean had_frame; /* since streaming began */
  guint32 last_sequence;
  guint64 offset; /* of the next frame, over all formats */
  GstClockTime last_pts;
};

#define gst_dmabuf_v4l2_src_parent_class parent_class
G_DEFINE_FINAL_TYPE (GstDmabufV4l2Src, gst_dmabuf_v4l2_src, GST_TYPE_PUSH_SRC)
GST_ELEMENT_REGISTER_DEFINE (
    dmabufv4l2src, "dmabufv4l2src", GST_RANK_NONE, GST_TYPE_DMABUF_V4L2_SRC);

/* Posts @error, which it takes, as the element's error. */
static void
post_error (GstDmabufV4l2Src *self, GError *error, GstResourceError fallback)
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
      code = GST_RESOURCE_ERROR_NO_SPACE_LEFT;
      break;
    }
  }

  gst_element_message_full (GST_ELEMENT (self), GST_MESSAGE_ERROR,
      GST_RESOURCE_ERROR, code, g_strdup (error->message), NULL, __FILE__,
      GST_FUNCTION, __LINE__);
  g_error_free (error);
}

/* --- buffers -------------------------------------------------------------- */

/* Stops capturing and gives the buffers back. Those that consumers hold live
 * on; on a kernel that cannot orphan them they are asked for. */
static gboolean
teardown (GstDmabufV4l2Src *self, GError **error)
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
  self->n_buffers = v4l2_queue_get_n_buffers (self->queue);
  self->n_exports += v4l2_queue_get_n_exports (self->queue);
  GST_OBJECT_UNLOCK (self);

  return TRUE;
}

/* --- negotiation ---------------------------------------------------------- */

static GstCaps *
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

/* Who takes anything may be somebody who has never heard of DMA_DRM. */
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

/* In the peer's order; what the peer leaves open, in the device's. */
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

  if (gst_caps_is_empty (caps)) {
    char *wanted = gst_caps_to_string (peer);

    g_set_error (error, DMABUF_ERROR, EINVAL,
        "%s (%s): has nothing of what is wanted: %s; v4l2-ctl -d %s "
        "--list-formats-ext shows what it has",
        self->device->path, self->device->card, wanted, self->device->path);
    g_free (wanted);
    gst_clear_caps (&caps);
  }

  gst_caps_unref (ours);
  gst_clear_caps (&peer);
  return caps;
}

static gboolean
gst_dmabuf_v4l2_src_negotiate (GstBaseSrc *base)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (base);
  GError *error = NULL;
  V4l2Request request;
  V4l2Setup setup;
  GstCaps *caps;
  gboolean ok;

  caps = intersect_with_peer (self, &error);
  if (!caps)
    goto failed;

  caps = v4l2_caps_fixate (&self->caps, caps);
  if (!v4l2_caps_parse (&self->caps, caps, &request, &error)
      || !v4l2_setup_try (self->device, &request, &setup, &error))
    goto failed;
  v4l2_setup_complete_caps (&setup, caps);

  GST_INFO_OBJECT (self, "chose %" GST_PTR_FORMAT, caps);
  ok = gst_base_src_set_caps (base, caps);
  gst_caps_unref (caps);

  return ok;

  /* ERRORS */
failed:
  gst_clear_caps (&caps);
  post_error (self, error, GST_RESOURCE_ERROR_SETTINGS);
  return FALSE;
}

static gboolean
gst_dmabuf_v4l2_src_set_caps (GstBaseSrc *base, GstCaps *caps)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (base);
  GError *error = NULL;
  V4l2Request request;

  /* S_FMT is refused while there are buffers of the old format. */
  if (!v4l2_caps_parse (&self->caps, caps, &request, &error)
      || !teardown (self, &error)
      || !v4l2_setup_apply (self->device, &request, &self->setup, &error))
    goto failed;

  GST_OBJECT_LOCK (self);
  self->duration = self->setup.fps_n > 0 ? gst_util_uint64_scale_int (
                       GST_SECOND, self->setup.fps_d, self->setup.fps_n)
                                         : GST_CLOCK_TIME_NONE;
  GST_OBJECT_UNLOCK (self);

  return TRUE;

  /* ERRORS */
failed:
  post_error (self, error, GST_RESOURCE_ERROR_SETTINGS);
  return FALSE;
}

/* What the driver needs, what the consumers hold, and two on the way. */
static guint
choose_n_buffers (GstDmabufV4l2Src *self, GstQuery *query)
{
  guint driver = v4l2_queue_get_min_buffers (self->device);
  guint most = MAX_DMABUFS / self->setup.layout.n_buffers;
  guint consumers = DEFAULT_CONSUMER_BUFFERS;

  if (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_parse_nth_allocation_pool (
        query, 0, NULL, NULL, &consumers, NULL);

  GST_DEBUG_OBJECT (
      self, "driver needs %u buffers, consumers %u", driver, consumers);
  return CLAMP (driver + consumers + 2, MIN (driver + 2, most), most);
}

static gboolean
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

  /* The buffers are the driver's: no other pool is wanted, and the base class
   * must not start one. */
  while (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_remove_nth_allocation_pool (query, 0);

  if (!has_video_meta && !v4l2_layout_is_default (&self->setup.layout, &reason))
    goto needs_video_meta;

  /* A consumer that names the sync meta leaves no fence that the mapping does
   * not know, and one without video meta imports nothing. Of all others the
   * kernel is asked, which costs a system call for each frame. */
  ignore_kernel_fences = has_sync_meta || !has_video_meta;

  if (self->pool && ignore_kernel_fences == self->ignore_kernel_fences
      && v4l2_queue_get_n_buffers (self->queue) >= n_buffers)
    return TRUE;

  self->ignore_kernel_fences = ignore_kernel_fences;
  if (!teardown (self, &error)
      || !setup_buffers (self, caps, n_buffers, &error))
    goto failed;

  GST_INFO_OBJECT (self, "%u buffers of %u dma-bufs%s", self->n_buffers,
      self->setup.layout.n_buffers,
      ignore_kernel_fences ? "" : ", kernel asked for fences");
  return TRUE;

  /* ERRORS */
needs_video_meta:
  g_set_error (&error, DMABUF_ERROR, EINVAL,
      "%s (%s): the next element does not take GstVideoMeta, but of this "
      "device's frames %s; put videoconvert in between, or choose another "
      "width",
      self->device->path, self->device->card, reason);
  g_free (reason);
failed:
  post_error (self, error, GST_RESOURCE_ERROR_SETTINGS);
  return FALSE;
}

/* --- streaming ------------------------------------------------------------ */

/* The running time at which a frame was captured, NONE if it is not known. */
static GstClockTime
capture_time (GstDmabufV4l2Src *self, const V4l2Frame *frame)
{
  GstClock *clock = gst_element_get_clock (GST_ELEMENT (self));
  GstClockTimeDiff age, pts;
  GstClockTime now;

  if (!clock)
    return GST_CLOCK_TIME_NONE;

  now = gst_clock_get_time (clock);
  age = g_get_monotonic_time () * GST_USECOND - frame->timestamp;
  gst_object_unref (clock);

  if ((frame->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK)
          != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC
      || age < 0 || age > MAX_AGE)
    age = GST_CLOCK_TIME_IS_VALID (self->duration) ? self->duration : 0;

  pts = GST_CLOCK_DIFF (gst_element_get_base_time (GST_ELEMENT (self)), now)
      - age;
  return pts >= 0 ? (GstClockTime) pts : GST_CLOCK_TIME_NONE;
}

/* The driver counts frames that it had no buffer for. */
static guint
count_lost (GstDmabufV4l2Src *self, const V4l2Frame *frame)
{
  guint lost = 0;

  if (self->had_frame)
    lost = frame->sequence - self->last_sequence - 1;
  /* A driver that begins anew, or does not count at all. */
  if (lost > G_MAXINT32)
    lost = 0;

  self->had_frame = TRUE;
  self->last_sequence = frame->sequence;
  self->offset += lost;
  gst_dmabuf_core_stats_add (
      &self->stats, GST_DMABUF_CORE_COUNTER_DROPPED, lost);

  return lost;
}

static void
post_qos (GstDmabufV4l2Src *self, GstBuffer *buffer, guint lost)
{
  GstMessage *message;

  GST_INFO_OBJECT (self,
      "the driver dropped %u frames before %" G_GUINT64_FORMAT
      ", consumers hold too many buffers",
      lost, GST_BUFFER_OFFSET (buffer));
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

static GstFlowReturn
gst_dmabuf_v4l2_src_create (GstPushSrc *push, GstBuffer **out)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (push);
  GError *error = NULL;
  GstBuffer *buffer;
  V4l2Frame frame;
  GstFlowReturn ret;
  GstClockTime pts;
  guint lost = 0;

  /* Not before PLAYING, or the first frames would be old ones. */
  if (!self->streaming) {
    if (!v4l2_queue_start (self->queue, &error))
      goto failed;
    self->streaming = TRUE;
    self->had_frame = FALSE;
  }

  for (;;) {
    ret = v4l2_pool_acquire (self->pool, &buffer, &frame, &error);
    if (ret == GST_FLOW_FLUSHING)
      return ret;
    if (ret != GST_FLOW_OK)
      goto failed;

    lost += count_lost (self, &frame);
    if (frame.starved)
      g_atomic_int_inc (&self->n_starved);

    /* Captured before PLAYING, or before the pause that just ended: in the past
     * of what went downstream. */
    pts = capture_time (self, &frame);
    if (GST_CLOCK_TIME_IS_VALID (pts)
        && (!GST_CLOCK_TIME_IS_VALID (self->last_pts) || pts > self->last_pts))
      break;
    GST_DEBUG_OBJECT (self, "frame %u is stale", frame.sequence);
    self->offset++;
    gst_buffer_unref (buffer);
  }

  GST_BUFFER_PTS (buffer) = self->last_pts = pts;
  GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (buffer) = self->duration;
  GST_BUFFER_OFFSET (buffer) = self->offset++;
  GST_BUFFER_OFFSET_END (buffer) = self->offset;
  set_flags (self, buffer, &frame);

  gst_dmabuf_core_stats_add (&self->stats, GST_DMABUF_CORE_COUNTER_FRAMES, 1);
  if (lost > 0) {
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
    post_qos (self, buffer, lost);
  }
  GST_LOG_OBJECT (self, "frame %u in buffer %u", frame.sequence, frame.index);

  *out = buffer;
  return GST_FLOW_OK;

  /* ERRORS */
failed:
  post_error (self, error, GST_RESOURCE_ERROR_READ);
  return GST_FLOW_ERROR;
}

static gboolean
gst_dmabuf_v4l2_src_query (GstBaseSrc *base, GstQuery *query)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (base);
  GstClockTime duration;
  guint n_buffers;

  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return GST_BASE_SRC_CLASS (parent_class)->query (base, query);

  GST_OBJECT_LOCK (self);
  duration = self->duration;
  n_buffers = self->n_buffers;
  GST_OBJECT_UNLOCK (self);

  /* A frame is ready when the next one begins. As long as there are buffers
   * left, the driver goes on capturing. */
  if (GST_CLOCK_TIME_IS_VALID (duration) && n_buffers > 1)
    gst_query_set_latency (query, TRUE, duration, duration * (n_buffers - 1));
  else
    gst_query_set_latency (query, TRUE, 0, GST_CLOCK_TIME_NONE);

  return TRUE;
}

/* --- states --------------------------------------------------------------- */

/* What cannot be set is no reason not to show a picture. */
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
  if (!v4l2_caps_probe (&caps, device, &error)) {
    v4l2_device_unref (device);
    goto failed;
  }

  gst_dmabuf_core_stats_reset (&self->stats);
  g_atomic_int_set (&self->n_starved, 0);
  self->offset = 0;
  self->last_pts = GST_CLOCK_TIME_NONE;

  GST_OBJECT_LOCK (self);
  self->device = device;
  self->caps = caps;
  self->n_buffers = 0;
  self->n_exports = self->n_requeued = self->n_fences_waited = 0;
  self->cpu_maps_before = gst_dmabuf_core_memory_get_cpu_maps ();
  GST_OBJECT_UNLOCK (self);

  apply_controls (self);

  return TRUE;

  /* ERRORS */
failed:
  post_error (self, error, GST_RESOURCE_ERROR_OPEN_READ_WRITE);
  return FALSE;
}

static gboolean
gst_dmabuf_v4l2_src_stop (GstBaseSrc *base)
{
  GstDmabufV4l2Src *self = GST_DMABUF_V4L2_SRC (base);
  V4l2Device *device;
  GError *error = NULL;

  if (!teardown (self, &error)) {
    GST_INFO_OBJECT (self, "%s", error->message);
    g_clear_error (&error);
  }

  GST_OBJECT_LOCK (self);
  v4l2_caps_clear (&self->caps);
  self->duration = GST_CLOCK_TIME_NONE;
  device = g_steal_pointer (&self->device);
  GST_OBJECT_UNLOCK (self);
  v4l2_device_unref (device);

  return TRUE;
}

static gboolean
gst_dmabuf_v4l2_src_unlock (GstBaseSrc *base)
{
  v4l2_device_wake (GST_DMABUF_V4L2_SRC (base)->device);
  return TRUE;
}

static gboolean
gst_dmabuf_v4l2_src_unlock_stop (GstBaseSrc *base)
{
  v4l2_device_clear_wake (GST_DMABUF_V4L2_SRC (base)->device);
  return TRUE;
}

/* --- object --------------------------------------------------------------- */

static GstStructure *
create_stats (GstDmabufV4l2Src *self)
{
  GstStructure *stats = gst_dmabuf_core_stats_to_structure (
      &self->stats, "application/x-dmabufv4l2src-stats");

  GST_OBJECT_LOCK (self);
  gst_structure_set (stats, "buffers", G_TYPE_UINT64,
      (guint64) self->n_buffers * self->setup.layout.n_buffers, "exports",
      G_TYPE_UINT64, self->n_exports, "cpu-maps", G_TYPE_UINT64,
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

  base_class->get_caps = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_get_caps);
  base_class->negotiate = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_negotiate);
  base_class->set_caps = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_set_caps);
  base_class->decide_allocation =
      GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_decide_allocation);
  base_class->query = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_query);
  base_class->start = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_start);
  base_class->stop = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_stop);
  base_class->unlock = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_unlock);
  base_class->unlock_stop = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_unlock_stop);
  push_class->create = GST_DEBUG_FUNCPTR (gst_dmabuf_v4l2_src_create);

  /**
   * GstDmabufV4l2Src:device:
   *
   * The device node; NULL for the first capture device, which the log names.
   */
  properties[PROP_DEVICE] = g_param_spec_string ("device", "Device",
      "Device node, for example /dev/video0 (NULL = first capture device)",
      NULL,
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);

  /**
   * GstDmabufV4l2Src:extra-controls:
   *
   * V4L2 controls by their names, for example `c,brightness=128`. What cannot
   * be set is reported by a warning message.
   */
  properties[PROP_EXTRA_CONTROLS] = g_param_spec_boxed ("extra-controls",
      "Extra controls", "V4L2 controls to set, for example c,brightness=128",
      GST_TYPE_STRUCTURE,
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);

  /**
   * GstDmabufV4l2Src:stats:
   *
   * Since the start, all uint64: frames, dropped (by the driver, for want of a
   * buffer), buffers (dma-bufs there are), exports (dma-bufs there ever were),
   * copies (always 0), cpu-maps (of dma-bufs in this process), requeued,
   * fences-waited (before a buffer could be requeued), starved (how often the
   * driver had no buffer left).
   */
  properties[PROP_STATS] = g_param_spec_boxed ("stats", "Statistics",
      "What happened since the start", GST_TYPE_STRUCTURE,
      G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
gst_dmabuf_v4l2_src_init (GstDmabufV4l2Src *self)
{
  GstBaseSrc *base = GST_BASE_SRC (self);

  self->duration = GST_CLOCK_TIME_NONE;
  gst_base_src_set_format (base, GST_FORMAT_TIME);
  gst_base_src_set_live (base, TRUE);
}
