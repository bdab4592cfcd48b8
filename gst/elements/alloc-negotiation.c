/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Negotiation of dmabufalloc: caps, the consumers' constraints on the storage,
 * and the pools that follow from both. Rules have the numbers of
 * tests/check/elements/negotiation.c. */

#include "alloc-private.h"

GST_DEBUG_CATEGORY_EXTERN (gst_dmabuf_alloc_debug);
#define GST_CAT_DEFAULT gst_dmabuf_alloc_debug

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

/* Plain caps can leave as DMA_DRM or plain; DMA_DRM caps, tiled ones included,
 * pass. */
GstCaps *
dmabuf_alloc_transform_caps (GstBaseTransform *base, GstPadDirection direction,
    GstCaps *caps, GstCaps *filter)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);
  GstCaps *drm = gst_dmabuf_core_caps_to_dma_drm (caps);
  GstCaps *plain = gst_dmabuf_core_caps_to_plain (caps);
  GstCaps *result, *same;
  guint i;

  if (self->plain_memfd_caps) {
    gst_caps_unref (drm);
    return filter_caps (plain, filter);
  }

  if (direction == GST_PAD_SINK) {
    /* DMA_DRM is preferred (rule 2). Linear DMA_DRM frames may also leave as
     * plain raw video (rule 3). */
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

/* A peer with ANY caps may not know DMA_DRM: it gets plain caps (rule 4), and
 * linear dma-bufs all the same (rule 3). */
GstCaps *
dmabuf_alloc_fixate_caps (GstBaseTransform *base, GstPadDirection direction,
    GstCaps *caps, GstCaps *othercaps)
{
  GstCaps *peer, *plain;

  if (direction == GST_PAD_SINK && !gst_video_is_dma_drm_caps (caps)) {
    peer = gst_pad_peer_query_caps (GST_BASE_TRANSFORM_SRC_PAD (base), NULL);
    if (gst_caps_is_any (peer)) {
      plain = gst_caps_intersect (othercaps, caps);
      if (gst_caps_is_empty (plain))
        gst_caps_unref (plain);
      else
        gst_caps_take (&othercaps, plain);
    }
    gst_caps_unref (peer);
  }

  return gst_caps_fixate (othercaps);
}

gboolean
dmabuf_alloc_set_caps (
    GstBaseTransform *base, GstCaps *in_caps, GstCaps *out_caps)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);
  GstVideoInfoDmaDrm in_drm;

  if (!gst_video_is_dma_drm_caps (in_caps)) {
    self->can_copy = gst_video_info_from_caps (&self->in_info, in_caps);
    if (!self->can_copy)
      return FALSE;
  } else {
    if (!gst_video_info_dma_drm_from_caps (&in_drm, in_caps))
      return FALSE;
    self->can_copy = !gst_video_is_dma_drm_caps (out_caps)
        && gst_video_info_dma_drm_to_video_info (&in_drm, &self->in_info);
  }

  /* Plain raw video may have a format without a DRM fourcc. */
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

/* Configures @pool for @caps, with the consumers' alignment if they take
 * GstVideoMeta. */
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

/* Whether the consumers reach the memory of the exporter that the user chose.
 */
static gboolean
check_reach (GstDmabufAlloc *self)
{
  DmabufConstraints *demanded;
  GError *error = NULL;
  gboolean ret;

  if (!self->exporter)
    return TRUE;

  demanded = gst_dmabuf_core_constraints_to_core (&self->constraints);
  ret = dmabuf_constraints_check_exporter (demanded, self->exporter, &error);
  dmabuf_constraints_free (demanded);
  if (!ret) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
        ("%s. Set the property exporter to auto, or to one that suits.",
            error->message),
        (NULL));
    g_error_free (error);
  }
  return ret;
}

/* Whether one storage suits all consumers, or some may copy: copy-policy
 * decides on that. */
static gboolean
check_conflict (GstDmabufAlloc *self)
{
  const char *conflict = self->constraints.conflict;

  if (!*conflict)
    return TRUE;

  switch (gst_dmabuf_core_stats_get_copy_policy (&self->stats)) {
  case GST_DMABUF_CORE_COPY_POLICY_FORBID:
    GST_ELEMENT_ERROR (self, STREAM, FORMAT,
        ("The consumers cannot read the same frames: %s", conflict), (NULL));
    return FALSE;
  case GST_DMABUF_CORE_COPY_POLICY_WARN:
    GST_ELEMENT_WARNING (self, STREAM, FORMAT,
        ("Not all consumers can read the frames: %s", conflict), (NULL));
    return TRUE;
  default:
    GST_INFO_OBJECT (self, "%s", conflict);
    return TRUE;
  }
}

/* Stores what downstream answered to an ALLOCATION query. */
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

/* Pools of downstream are removed: one storage has to suit all branches of a
 * tee, and a pool suits the branch that made it. */
gboolean
dmabuf_alloc_decide_allocation (GstBaseTransform *base, GstQuery *query)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);

  read_answer (self, query);
  set_pool (self, &self->own, NULL);
  while (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_remove_nth_allocation_pool (query, 0);

  return check_reach (self) && check_conflict (self);
}

gboolean
dmabuf_alloc_propose_allocation (
    GstBaseTransform *base, GstQuery *decide_query, GstQuery *query)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);
  const GstStructure *video_params = NULL;
  GstQuery *downstream = NULL;
  GstCaps *caps, *out_caps;
  gboolean need_pool;
  guint i, size, min, max;
  GstBufferPool *pool;

  gst_query_parse_allocation (query, &caps, &need_pool);
  if (!caps)
    return FALSE;

  /* Ask downstream here as well: after a new consumer was linked, this query
   * comes before decide_allocation(). */
  out_caps = gst_pad_get_current_caps (GST_BASE_TRANSFORM_SRC_PAD (base));
  if (out_caps) {
    downstream = gst_query_new_allocation (out_caps, FALSE);
    if (!gst_pad_peer_query (GST_BASE_TRANSFORM_SRC_PAD (base), downstream))
      GST_DEBUG_OBJECT (self, "no element downstream answers");
    read_answer (self, downstream);

    /* Frames pass with their metas: offer upstream the metas of downstream. */
    for (i = 0; i < gst_query_get_n_allocation_metas (downstream); i++) {
      const GstStructure *params;
      GType api = gst_query_parse_nth_allocation_meta (downstream, i, &params);

      if (api == GST_VIDEO_META_API_TYPE)
        video_params = params;
      else
        gst_query_add_allocation_meta (query, api, params);
    }
    gst_caps_unref (out_caps);
  }
  /* GstVideoMeta is offered in any case: for a consumer without it, frames are
   * copied. Its parameters tell a producer with a pool of its own the layout
   * that downstream asks for (rule 8). */
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, video_params);
  g_clear_pointer (&downstream, gst_query_unref);

  /* A producer of DMA_DRM frames has a pool of its own. */
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

GstFlowReturn
dmabuf_alloc_acquire_own (GstDmabufAlloc *self, GstBuffer **buffer)
{
  GstBufferPool *pool = self->own;
  guint size, min, max;
  GstCaps *caps;
  gboolean ready;

  if (!pool) {
    /* Without caps the pad was deactivated meanwhile. */
    caps = gst_pad_get_current_caps (GST_BASE_TRANSFORM_SRC_PAD (self));
    if (!caps)
      return GST_FLOW_FLUSHING;
    pool = new_pool (self);
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

void
dmabuf_alloc_report_offered (GstDmabufAlloc *self)
{
  GstBufferPool *offered;
  GError *error = NULL;

  GST_OBJECT_LOCK (self);
  offered = self->offered ? gst_object_ref (self->offered) : NULL;
  GST_OBJECT_UNLOCK (self);

  if (offered)
    error = gst_dmabuf_core_pool_get_error (GST_DMABUF_CORE_POOL (offered));
  if (error)
    post_pool_error (self, offered);
  g_clear_error (&error);
  gst_clear_object (&offered);
}

void
dmabuf_alloc_drop_pools (GstDmabufAlloc *self)
{
  set_pool (self, &self->own, NULL);
  set_pool (self, &self->offered, NULL);
}
