/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-dmabufalloc
 * @title: dmabufalloc
 * @short_description: puts any producer of raw video on dma-bufs
 *
 * Offers its upstream a pool of dma-bufs that suits everything downstream. A
 * producer that takes the pool writes into the dma-bufs, and this element only
 * passes the frames on. The frames of one that does not are copied, one copy
 * each, as #GstDmabufAlloc:copy-policy says.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 videotestsrc ! dmabufalloc ! dmabufkmssink
 * ]| The test picture on the display, drawn where the display reads it.
 */

#include "gstdmabufalloc.h"

#include <errno.h>
#include <string.h>

GST_DEBUG_CATEGORY_STATIC (dmabufalloc_debug);
#define GST_CAT_DEFAULT dmabufalloc_debug

#define DEFAULT_EXPORTER "auto"
#define DEFAULT_MIN_BUFFERS 2
#define DEFAULT_MAX_BUFFERS 0
#define DEFAULT_COPY_POLICY GST_DMABUF_CORE_COPY_POLICY_WARN
#define DEFAULT_FENCE_TIMEOUT (5 * GST_SECOND)

enum
{
  PROP_0,
  PROP_EXPORTER,
  PROP_MIN_BUFFERS,
  PROP_MAX_BUFFERS,
  PROP_NAME_PREFIX,
  PROP_COPY_POLICY,
  PROP_FENCE_TIMEOUT,
  PROP_STATS,
  N_PROPERTIES
};

struct _GstDmabufAlloc
{
  GstBaseTransform parent;

  /* Properties, under the object lock. */
  char *exporter_name;
  guint min_buffers;
  guint max_buffers;
  char *name_prefix;
  GstDmabufCoreCopyPolicy copy_policy;
  GstClockTime fence_timeout;

  /* From start to stop. */
  DmabufExporter *exporter; /* NULL for the pool's choice */
  gboolean honest_memfd;    /* it makes no dma-bufs, and the caps say so */

  /* The streaming thread's; the pools under the object lock as well. */
  GstVideoInfo in_info; /* of plain frames */
  GstVideoInfoDmaDrm out_drm;
  gboolean out_has_drm;
  gboolean in_is_plain;
  GstDmabufCoreConstraints constraints;
  GstVideoAlignment alignment;
  gboolean video_meta; /* downstream takes it */
  guint downstream_min;
  GstBufferPool *offered; /* to upstream */
  GstBufferPool *own;     /* for frames that are copied, made for the first */

  GCancellable *cancellable; /* under the object lock */
  GstDmabufCoreStats stats;
};

static GParamSpec *properties[N_PROPERTIES];

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
        GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE (
            GST_VIDEO_FORMATS_ALL) "; " GST_VIDEO_DMA_DRM_CAPS_MAKE));

static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS,
        GST_STATIC_CAPS (GST_VIDEO_DMA_DRM_CAPS_MAKE
            "; " GST_VIDEO_CAPS_MAKE (GST_VIDEO_FORMATS_ALL)));

#define gst_dmabuf_alloc_parent_class parent_class
G_DEFINE_FINAL_TYPE_WITH_CODE (GstDmabufAlloc, gst_dmabuf_alloc,
    GST_TYPE_BASE_TRANSFORM,
    GST_DEBUG_CATEGORY_INIT (
        dmabufalloc_debug, "dmabufalloc", 0, "dma-bufs for any producer"))
GST_ELEMENT_REGISTER_DEFINE (
    dmabufalloc, "dmabufalloc", GST_RANK_NONE, GST_TYPE_DMABUF_ALLOC);

/* --- caps --------------------------------------------------------------- */

static GstCaps *
filter_caps (GstCaps *caps, GstCaps *filter)
{
  GstCaps *filtered;

  if (!filter)
    return caps;
  filtered = gst_caps_intersect_full (filter, caps, GST_CAPS_INTERSECT_FIRST);
  gst_caps_unref (caps);
  return filtered;
}

/* What comes in plain goes out as DMA_DRM or plain; what is DMA_DRM already,
 * perhaps tiled, passes. */
static GstCaps *
gst_dmabuf_alloc_transform_caps (GstBaseTransform *base,
    GstPadDirection direction, GstCaps *caps, GstCaps *filter)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);
  GstCaps *drm = gst_dmabuf_core_caps_to_dma_drm (caps);
  GstCaps *plain = gst_dmabuf_core_caps_to_plain (caps);
  GstCaps *result, *same;
  guint i;

  if (self->honest_memfd) {
    gst_caps_unref (drm);
    return filter_caps (plain, filter);
  }

  if (direction == GST_PAD_SINK) {
    /* DMA_DRM first (rule 2); what came as DMA_DRM may leave plain, too, if it
     * is linear (rule 3). */
    result = gst_caps_merge (drm, plain);
  } else {
    result = gst_caps_merge (plain, drm);
  }

  /* Tiled formats pass as they are. */
  same = gst_caps_copy (caps);
  for (i = gst_caps_get_size (same); i-- > 0;) {
    if (!gst_caps_features_contains (
            gst_caps_get_features (same, i), GST_CAPS_FEATURE_MEMORY_DMABUF))
      gst_caps_remove_structure (same, i);
  }
  result = gst_caps_merge (result, same);

  result = filter_caps (result, filter);
  GST_LOG_OBJECT (
      base, "%" GST_PTR_FORMAT " can be %" GST_PTR_FORMAT, caps, result);
  return result;
}

static gboolean
gst_dmabuf_alloc_set_caps (
    GstBaseTransform *base, GstCaps *in_caps, GstCaps *out_caps)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);
  GstVideoInfoDmaDrm in_drm;

  self->in_is_plain = !gst_video_is_dma_drm_caps (in_caps)
      && gst_video_info_from_caps (&self->in_info, in_caps);
  if (!self->in_is_plain
      && !gst_dmabuf_core_video_info_from_caps (&in_drm, in_caps))
    return FALSE;

  /* Plain raw video may have a format that DRM does not know. */
  self->out_has_drm =
      gst_dmabuf_core_video_info_from_caps (&self->out_drm, out_caps);
  return TRUE;
}

/* --- pools -------------------------------------------------------------- */

static void
set_pool (GstDmabufAlloc *self, GstBufferPool **where, GstBufferPool *pool)
{
  GstBufferPool *old;

  GST_OBJECT_LOCK (self);
  old = *where;
  *where = pool;
  GST_OBJECT_UNLOCK (self);

  if (old) {
    if (where == &self->own)
      gst_buffer_pool_set_active (old, FALSE);
    gst_object_unref (old);
  }
}

static GstBufferPool *
new_pool (GstDmabufAlloc *self)
{
  GstBufferPool *pool = gst_dmabuf_core_pool_new (self->exporter);
  GstDmabufCorePool *core = GST_DMABUF_CORE_POOL (pool);

  GST_OBJECT_LOCK (self);
  gst_dmabuf_core_pool_set_name_prefix (core, self->name_prefix);
  gst_dmabuf_core_pool_set_fence_timeout (core, self->fence_timeout);
  GST_OBJECT_UNLOCK (self);
  gst_dmabuf_core_pool_set_constraints (core, &self->constraints);

  return pool;
}

/* Configures @pool for @caps and whoever knows video meta. */
static gboolean
configure_pool (GstDmabufAlloc *self, GstBufferPool *pool, GstCaps *caps,
    guint *size, guint *min, guint *max)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);

  GST_OBJECT_LOCK (self);
  *min = MAX (self->min_buffers, self->downstream_min);
  *max = self->max_buffers > 0 ? MAX (self->max_buffers, *min) : 0;
  GST_OBJECT_UNLOCK (self);

  gst_buffer_pool_config_set_params (config, caps, 0, *min, *max);
  if (self->video_meta) {
    gst_buffer_pool_config_add_option (
        config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    gst_buffer_pool_config_add_option (
        config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
    gst_buffer_pool_config_set_video_alignment (config, &self->alignment);
  }
  if (!gst_buffer_pool_set_config (pool, config))
    return FALSE;

  config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_get_params (config, NULL, size, NULL, NULL);
  gst_structure_free (config);
  return TRUE;
}

static void
post_pool_error (GstDmabufAlloc *self, GstBufferPool *pool)
{
  GError *error = gst_dmabuf_core_pool_get_error (GST_DMABUF_CORE_POOL (pool));

  GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT,
      ("No dma-bufs could be allocated: %s",
          error ? error->message : "the pool could not be started"),
      (NULL));
  g_clear_error (&error);
}

/* Whether the memory that the user chose is memory that the consumers reach. */
static gboolean
check_reach (GstDmabufAlloc *self)
{
  const char *list = self->constraints.exporters;
  const char *name;
  char **names;
  gboolean found;

  if (!self->exporter || !*list)
    return TRUE;

  name = dmabuf_exporter_get_name (self->exporter);
  names = g_strsplit (list, ",", -1);
  found = g_strv_contains ((const char *const *) names, name);
  g_strfreev (names);
  if (!found)
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
        ("%s does not reach memory of %s; it reaches %s. Set the property "
         "exporter to auto or to one of these.",
            self->constraints.devices, name, list),
        (NULL));
  return found;
}

/* What downstream needs, now. */
static void
read_answer (GstDmabufAlloc *self, GstQuery *query)
{
  self->video_meta = gst_query_get_dmabuf_core_constraints (
      query, &self->constraints, &self->alignment);
  self->downstream_min = 0;
  if (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_parse_nth_allocation_pool (
        query, 0, NULL, NULL, &self->downstream_min, NULL);
}

/* Pools of downstream are not used: a tee has none, and one storage has to suit
 * all its branches. */
static gboolean
gst_dmabuf_alloc_decide_allocation (GstBaseTransform *base, GstQuery *query)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);

  read_answer (self, query);
  set_pool (self, &self->own, NULL);
  while (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_remove_nth_allocation_pool (query, 0);

  return check_reach (self);
}

static gboolean
gst_dmabuf_alloc_propose_allocation (
    GstBaseTransform *base, GstQuery *decide_query, GstQuery *query)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);
  GstQuery *downstream;
  GstCaps *caps, *out_caps;
  gboolean need_pool;
  guint i, size, min, max;
  GstBufferPool *pool;

  gst_query_parse_allocation (query, &caps, &need_pool);
  if (!caps)
    return FALSE;

  /* Upstream asks again after a new consumer has come, before this element
   * would. */
  out_caps = gst_pad_get_current_caps (GST_BASE_TRANSFORM_SRC_PAD (base));
  if (out_caps) {
    downstream = gst_query_new_allocation (out_caps, FALSE);
    if (!gst_pad_peer_query (GST_BASE_TRANSFORM_SRC_PAD (base), downstream))
      GST_DEBUG_OBJECT (self, "nobody downstream answers");
    read_answer (self, downstream);

    /* The frames pass as they are, so do their metas. */
    for (i = 0; i < gst_query_get_n_allocation_metas (downstream); i++) {
      const GstStructure *params;
      GType api = gst_query_parse_nth_allocation_meta (downstream, i, &params);

      if (api != GST_VIDEO_META_API_TYPE)
        gst_query_add_allocation_meta (query, api, params);
    }
    gst_query_unref (downstream);
    gst_caps_unref (out_caps);
  }
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);

  /* Who sends dma-bufs has its own pool. */
  if (!gst_video_is_dma_drm_caps (caps)) {
    pool = new_pool (self);
    if (!configure_pool (self, pool, caps, &size, &min, &max)) {
      post_pool_error (self, pool);
      gst_object_unref (pool);
      return FALSE;
    }
    gst_query_add_allocation_pool (
        query, need_pool ? pool : NULL, size, min, max);
    set_pool (self, &self->offered, pool);
  }

  return TRUE;
}

/* --- frames ------------------------------------------------------------- */

static GstFlowReturn
acquire_own (GstDmabufAlloc *self, GstBuffer **buffer)
{
  GstBufferPool *pool = self->own;
  guint size, min, max;
  GstCaps *caps;
  gboolean ready;

  if (!pool) {
    pool = new_pool (self);
    caps = gst_pad_get_current_caps (GST_BASE_TRANSFORM_SRC_PAD (self));
    ready = configure_pool (self, pool, caps, &size, &min, &max)
        && gst_buffer_pool_set_active (pool, TRUE);
    gst_caps_unref (caps);
    if (!ready) {
      post_pool_error (self, pool);
      gst_object_unref (pool);
      return GST_FLOW_ERROR;
    }
    set_pool (self, &self->own, pool);
  }

  return gst_buffer_pool_acquire_buffer (pool, buffer, NULL);
}

/* Whether it lies in memory of this pack, a dma-buf or not. */
static gboolean
buffer_is_ours (GstBuffer *buffer)
{
  guint i;

  for (i = 0; i < gst_buffer_n_memory (buffer); i++) {
    if (!gst_dmabuf_core_is_memory (gst_buffer_peek_memory (buffer, i)))
      return FALSE;
  }
  return gst_buffer_n_memory (buffer) > 0;
}

/* Why @buffer cannot be passed on as it is, or NULL. */
static char *
reason_to_copy (GstDmabufAlloc *self, GstBuffer *buffer)
{
  GError *error = NULL;
  char *reason = NULL;

  if (self->honest_memfd && buffer_is_ours (buffer))
    return NULL;

  if (!gst_dmabuf_core_buffer_is_dmabuf (buffer)) {
    GstMemory *memory = gst_buffer_n_memory (buffer) > 0
        ? gst_buffer_peek_memory (buffer, 0)
        : NULL;

    return g_strdup_printf (
        "the producer writes into memory of type %s instead of the pool that "
        "it is offered",
        memory && memory->allocator ? memory->allocator->mem_type : "unknown");
  }

  if (self->out_has_drm
      && !gst_dmabuf_core_buffer_check_constraints (
          buffer, &self->out_drm, &self->constraints, &error)) {
    reason = g_strdup (error->message);
    g_clear_error (&error);
  }
  return reason;
}

static GstFlowReturn
gst_dmabuf_alloc_prepare_output_buffer (
    GstBaseTransform *base, GstBuffer *in, GstBuffer **out)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);
  char *reason = reason_to_copy (self, in);
  GstDmabufCoreCopyPolicy policy;
  GstFlowReturn ret;
  gboolean may_copy;

  gst_dmabuf_core_stats_add (&self->stats, GST_DMABUF_CORE_COUNTER_FRAMES, 1);
  if (!reason) {
    *out = in;
    return GST_FLOW_OK;
  }

  if (!self->in_is_plain) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT,
        ("This frame does not suit the consumers, and it cannot be copied: %s",
            reason),
        (NULL));
    g_free (reason);
    return GST_FLOW_ERROR;
  }

  GST_OBJECT_LOCK (self);
  policy = self->copy_policy;
  GST_OBJECT_UNLOCK (self);
  may_copy = gst_dmabuf_core_stats_count_copy (
      &self->stats, GST_ELEMENT (self), policy, reason);
  g_free (reason);
  if (!may_copy)
    return GST_FLOW_ERROR;

  ret = acquire_own (self, out);
  if (ret != GST_FLOW_OK)
    return ret;
  if (!GST_BASE_TRANSFORM_CLASS (parent_class)->copy_metadata (base, in, *out))
    GST_WARNING_OBJECT (self, "some metadata of the frame is lost");
  return GST_FLOW_OK;
}

/* A frame that comes under a fence is read when it is there. */
static gboolean
wait_for_content (GstDmabufAlloc *self, GstBuffer *buffer)
{
  DmabufFence *fence = gst_buffer_get_dmabuf_core_fence (buffer);
  GCancellable *cancellable;
  GError *error = NULL;
  gint64 deadline;
  gboolean ret;

  if (!fence || dmabuf_fence_is_signaled (fence))
    return TRUE;

  GST_OBJECT_LOCK (self);
  cancellable = g_object_ref (self->cancellable);
  deadline = self->fence_timeout == GST_CLOCK_TIME_NONE
      ? DMABUF_DEADLINE_NEVER
      : g_get_monotonic_time () + (gint64) (self->fence_timeout / GST_USECOND);
  GST_OBJECT_UNLOCK (self);

  gst_dmabuf_core_stats_add (
      &self->stats, GST_DMABUF_CORE_COUNTER_CPU_WAITS, 1);
  ret = dmabuf_fence_wait (fence, deadline, cancellable, &error);
  if (!ret && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    GST_ELEMENT_ERROR (self, RESOURCE, READ,
        ("The frame was not ready in time: %s", error->message), (NULL));
  g_clear_error (&error);
  g_object_unref (cancellable);
  return ret;
}

static GstFlowReturn
gst_dmabuf_alloc_transform (
    GstBaseTransform *base, GstBuffer *in, GstBuffer *out)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);
  GstVideoFrame from, to;
  gboolean copied;

  if (in == out)
    return GST_FLOW_OK;

  if (!wait_for_content (self, in)) {
    GST_OBJECT_LOCK (self);
    copied = g_cancellable_is_cancelled (self->cancellable);
    GST_OBJECT_UNLOCK (self);
    return copied ? GST_FLOW_FLUSHING : GST_FLOW_ERROR;
  }

  if (!gst_video_frame_map (&from, &self->in_info, in, GST_MAP_READ))
    goto map_failed;
  if (!gst_video_frame_map (&to, &self->in_info, out, GST_MAP_WRITE)) {
    gst_video_frame_unmap (&from);
    goto map_failed;
  }
  copied = gst_video_frame_copy (&to, &from);
  gst_video_frame_unmap (&to);
  gst_video_frame_unmap (&from);
  if (!copied)
    goto map_failed;

  return GST_FLOW_OK;

  /* ERRORS */
map_failed:
  GST_ELEMENT_ERROR (self, RESOURCE, READ,
      ("The frame could not be copied into a dma-buf."),
      ("in %" GST_PTR_FORMAT ", out %" GST_PTR_FORMAT, in, out));
  return GST_FLOW_ERROR;
}

/* --- states and flushing ------------------------------------------------ */

static void
set_flushing (GstDmabufAlloc *self, gboolean flushing)
{
  GstBufferPool *own;

  GST_OBJECT_LOCK (self);
  if (flushing) {
    g_cancellable_cancel (self->cancellable);
  } else {
    g_object_unref (self->cancellable);
    self->cancellable = g_cancellable_new ();
  }
  own = self->own ? gst_object_ref (self->own) : NULL;
  GST_OBJECT_UNLOCK (self);

  if (own) {
    gst_buffer_pool_set_flushing (own, flushing);
    gst_object_unref (own);
  }
}

static gboolean
gst_dmabuf_alloc_sink_event (GstBaseTransform *base, GstEvent *event)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);

  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START)
    set_flushing (self, TRUE);
  else if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    set_flushing (self, FALSE);

  return GST_BASE_TRANSFORM_CLASS (parent_class)->sink_event (base, event);
}

static GstStateChangeReturn
gst_dmabuf_alloc_change_state (GstElement *element, GstStateChange transition)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (element);

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    set_flushing (self, FALSE);
  else if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    set_flushing (self, TRUE);

  return GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
}

static gboolean
gst_dmabuf_alloc_start (GstBaseTransform *base)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);
  GError *error = NULL;
  char *name;

  GST_OBJECT_LOCK (self);
  name = g_strdup (self->exporter_name);
  GST_OBJECT_UNLOCK (self);

  gst_dmabuf_core_stats_reset (&self->stats);
  if (g_str_has_prefix (name, "heap:"))
    self->exporter = dmabuf_heap_exporter_new (name + strlen ("heap:"), &error);
  else if (g_str_equal (name, "udmabuf"))
    self->exporter = dmabuf_udmabuf_exporter_new (&error);
  else if (g_str_equal (name, "memfd"))
    self->exporter = dmabuf_memfd_exporter_new ();
  else if (!g_str_equal (name, "auto"))
    g_set_error (&error, DMABUF_ERROR, EINVAL,
        "\"%s\" is no exporter; there are auto, heap:NAME, udmabuf and "
        "memfd",
        name);
  self->honest_memfd = g_str_equal (name, "memfd");
  g_free (name);

  if (error) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
        ("The exporter cannot be used: %s", error->message), (NULL));
    g_error_free (error);
    return FALSE;
  }
  return TRUE;
}

static gboolean
gst_dmabuf_alloc_stop (GstBaseTransform *base)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);

  set_pool (self, &self->own, NULL);
  set_pool (self, &self->offered, NULL);
  g_clear_object (&self->exporter);
  return TRUE;
}

/* --- properties --------------------------------------------------------- */

static void
add_pool_stats (GstStructure *stats, GstBufferPool *pool, const char *prefix)
{
  static const char *const fields[] = { "allocated", "discarded", "parked",
    "starved" };
  GstStructure *pool_stats =
      gst_dmabuf_core_pool_get_stats (GST_DMABUF_CORE_POOL (pool));
  const char *exporter = gst_structure_get_string (pool_stats, "exporter");
  guint i;

  for (i = 0; i < G_N_ELEMENTS (fields); i++) {
    char *name = g_strdup_printf ("%s-%s", prefix, fields[i]);
    guint64 value = 0;

    gst_structure_get_uint64 (pool_stats, fields[i], &value);
    gst_structure_set (stats, name, G_TYPE_UINT64, value, NULL);
    g_free (name);
  }
  if (exporter)
    gst_structure_set (stats, "exporter", G_TYPE_STRING, exporter, NULL);
  gst_structure_free (pool_stats);
}

static GstStructure *
get_stats (GstDmabufAlloc *self)
{
  GstStructure *stats =
      gst_dmabuf_core_stats_to_structure (&self->stats, "dmabufalloc-stats");
  GstBufferPool *offered, *own;

  GST_OBJECT_LOCK (self);
  offered = self->offered ? gst_object_ref (self->offered) : NULL;
  own = self->own ? gst_object_ref (self->own) : NULL;
  GST_OBJECT_UNLOCK (self);

  if (offered)
    add_pool_stats (stats, offered, "pool");
  if (own)
    add_pool_stats (stats, own, "copy-pool");
  gst_clear_object (&offered);
  gst_clear_object (&own);
  return stats;
}

static void
gst_dmabuf_alloc_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_EXPORTER:
    g_free (self->exporter_name);
    self->exporter_name = g_value_dup_string (value);
    if (!self->exporter_name)
      self->exporter_name = g_strdup (DEFAULT_EXPORTER);
    break;
  case PROP_MIN_BUFFERS:
    self->min_buffers = g_value_get_uint (value);
    break;
  case PROP_MAX_BUFFERS:
    self->max_buffers = g_value_get_uint (value);
    break;
  case PROP_NAME_PREFIX:
    g_free (self->name_prefix);
    self->name_prefix = g_value_dup_string (value);
    break;
  case PROP_COPY_POLICY:
    self->copy_policy = g_value_get_enum (value);
    break;
  case PROP_FENCE_TIMEOUT:
    self->fence_timeout = g_value_get_uint64 (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_dmabuf_alloc_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (object);

  if (id == PROP_STATS) {
    g_value_take_boxed (value, get_stats (self));
    return;
  }

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_EXPORTER:
    g_value_set_string (value, self->exporter_name);
    break;
  case PROP_MIN_BUFFERS:
    g_value_set_uint (value, self->min_buffers);
    break;
  case PROP_MAX_BUFFERS:
    g_value_set_uint (value, self->max_buffers);
    break;
  case PROP_NAME_PREFIX:
    g_value_set_string (value, self->name_prefix);
    break;
  case PROP_COPY_POLICY:
    g_value_set_enum (value, self->copy_policy);
    break;
  case PROP_FENCE_TIMEOUT:
    g_value_set_uint64 (value, self->fence_timeout);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_dmabuf_alloc_finalize (GObject *object)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (object);

  g_free (self->exporter_name);
  g_free (self->name_prefix);
  g_object_unref (self->cancellable);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_dmabuf_alloc_class_init (GstDmabufAllocClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *base_class = GST_BASE_TRANSFORM_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  gst_element_class_set_static_metadata (element_class, "dma-buf allocator",
      "Filter/Video/Allocator",
      "Lets any producer of raw video write into dma-bufs", "gst-dmabuf");
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);

  object_class->set_property = gst_dmabuf_alloc_set_property;
  object_class->get_property = gst_dmabuf_alloc_get_property;
  object_class->finalize = gst_dmabuf_alloc_finalize;
  element_class->change_state =
      GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_change_state);

  base_class->passthrough_on_same_caps = FALSE;
  base_class->transform_caps =
      GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_transform_caps);
  base_class->set_caps = GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_set_caps);
  base_class->decide_allocation =
      GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_decide_allocation);
  base_class->propose_allocation =
      GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_propose_allocation);
  base_class->prepare_output_buffer =
      GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_prepare_output_buffer);
  base_class->transform = GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_transform);
  base_class->sink_event = GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_sink_event);
  base_class->start = GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_start);
  base_class->stop = GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_stop);

  /**
   * GstDmabufAlloc:exporter:
   *
   * Where the memory comes from: auto, the first of the system heap and udmabuf
   * that this process may use and all consumers reach; heap:NAME, a heap of
   * /dev/dma_heap; udmabuf; or memfd, for a machine without any of these:
   * shared memory that is no dma-buf and is not announced as one.
   */
  properties[PROP_EXPORTER] = g_param_spec_string ("exporter", "Exporter",
      "Where the memory comes from: auto, heap:NAME, udmabuf or memfd",
      DEFAULT_EXPORTER, flags | GST_PARAM_MUTABLE_READY);

  /**
   * GstDmabufAlloc:min-buffers:
   *
   * Buffers that are made before the first frame; more if downstream asks for
   * more.
   */
  properties[PROP_MIN_BUFFERS] = g_param_spec_uint ("min-buffers",
      "Least number of buffers",
      "Buffers that are made before the first frame; more if downstream asks "
      "for more",
      0, G_MAXINT, DEFAULT_MIN_BUFFERS, flags | GST_PARAM_MUTABLE_READY);

  /**
   * GstDmabufAlloc:max-buffers:
   *
   * Buffers that may exist at once; when all are under way the producer waits.
   * 0 for no limit.
   */
  properties[PROP_MAX_BUFFERS] = g_param_spec_uint ("max-buffers",
      "Greatest number of buffers",
      "Buffers that may exist at once, then the producer waits (0 = no limit)",
      0, G_MAXINT, DEFAULT_MAX_BUFFERS, flags | GST_PARAM_MUTABLE_READY);

  /**
   * GstDmabufAlloc:name-prefix:
   *
   * Beginning of the names of the dma-bufs, as the kernel's statistics show
   * them.
   */
  properties[PROP_NAME_PREFIX] =
      g_param_spec_string ("name-prefix", "Prefix of the names",
          "Beginning of the names of the dma-bufs in the kernel's statistics "
          "(bufinfo, fdinfo)",
          NULL, flags | GST_PARAM_MUTABLE_READY);

  /**
   * GstDmabufAlloc:copy-policy:
   *
   * What to do with the frames of a producer that does not write into the pool
   * that it is offered.
   */
  properties[PROP_COPY_POLICY] =
      g_param_spec_enum ("copy-policy", "Policy of copying",
          "What to do with frames that can only be passed on by copying them",
          GST_TYPE_DMABUF_CORE_COPY_POLICY, DEFAULT_COPY_POLICY,
          flags | GST_PARAM_MUTABLE_PLAYING);

  /**
   * GstDmabufAlloc:fence-timeout:
   *
   * How long a fence may be pending, in nanoseconds: then a buffer that came
   * back is given up, and a frame that has to be copied is an error. -1 for
   * ever.
   */
  properties[PROP_FENCE_TIMEOUT] = g_param_spec_uint64 ("fence-timeout",
      "Timeout of fences",
      "How long a fence may be pending before its buffer is given up, in "
      "nanoseconds (-1 = for ever)",
      0, G_MAXUINT64, DEFAULT_FENCE_TIMEOUT, flags | GST_PARAM_MUTABLE_READY);

  /**
   * GstDmabufAlloc:stats:
   *
   * The common fields (frames, dropped, copies, imports, imports-reused,
   * fences-armed, cpu-waits), the exporter's name, and of the pool that
   * upstream is offered pool-allocated, pool-discarded, pool-parked,
   * pool-starved; the same with copy-pool if frames are copied.
   */
  properties[PROP_STATS] = g_param_spec_boxed ("stats", "Statistics",
      "Frames, copies and what became of the pool's buffers",
      GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
  gst_type_mark_as_plugin_api (GST_TYPE_DMABUF_CORE_COPY_POLICY, 0);
}

static void
gst_dmabuf_alloc_init (GstDmabufAlloc *self)
{
  self->exporter_name = g_strdup (DEFAULT_EXPORTER);
  self->min_buffers = DEFAULT_MIN_BUFFERS;
  self->max_buffers = DEFAULT_MAX_BUFFERS;
  self->copy_policy = DEFAULT_COPY_POLICY;
  self->fence_timeout = DEFAULT_FENCE_TIMEOUT;
  self->cancellable = g_cancellable_new ();
  gst_dmabuf_core_constraints_init (&self->constraints, NULL);
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (self), FALSE);
}
