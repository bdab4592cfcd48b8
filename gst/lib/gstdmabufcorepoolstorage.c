/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The storage of the pool's buffers: configuring gives the layout, starting
 * chooses an exporter that the consumers reach, allocating makes a buffer. */

#include "gstdmabufcorepool-private.h"
#include "gstdmabufcoreallocator.h"
#include "gstdmabufcorelayout.h"

#include <errno.h>

GST_DEBUG_CATEGORY_EXTERN (gst_dmabuf_core_pool_debug);
#define GST_CAT_DEFAULT gst_dmabuf_core_pool_debug

/* --- configuration ------------------------------------------------------ */

/* Takes the layout of gst_dmabuf_core_pool_set_layout() if it is for @drm. */
static gboolean
frame_take_layout (PoolFrame *frame, const GstDmabufCorePool *self,
    const GstVideoInfoDmaDrm *drm)
{
  const DmabufLayout *layout = &self->exporters_layout;
  guint i;

  if (layout->n_planes == 0 || layout->format != drm->drm_fourcc
      || layout->modifier != drm->drm_modifier
      || layout->width != (guint) GST_VIDEO_INFO_WIDTH (&drm->vinfo)
      || layout->height != (guint) GST_VIDEO_INFO_HEIGHT (&drm->vinfo))
    return FALSE;

  frame->info = drm->vinfo;
  frame->info.size = self->exporters_size;
  frame->n_planes = layout->n_planes;
  for (i = 0; i < layout->n_planes; i++) {
    frame->info.offset[i] = layout->planes[i].offset;
    frame->info.stride[i] = layout->planes[i].pitch;
  }

  return TRUE;
}

static gboolean
frame_parse_caps (PoolFrame *frame, const GstDmabufCorePool *self,
    GstCaps *caps, gboolean *is_laid_out, GError **error)
{
  GstVideoInfoDmaDrm drm;

  *is_laid_out = FALSE;
  if (!caps)
    goto no_frames;
  if (!gst_video_is_dma_drm_caps (caps)) {
    if (!gst_video_info_from_caps (&frame->info, caps))
      goto no_frames;
  } else if (!gst_video_info_dma_drm_from_caps (&drm, caps)) {
    goto no_frames;
  } else if (drm.drm_modifier != 0 && frame_take_layout (frame, self, &drm)) {
    *is_laid_out = TRUE;
    return TRUE;
  } else if (drm.drm_modifier != 0
      || !gst_video_info_dma_drm_to_video_info (&drm, &frame->info)) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "only the producer of a tiled format can allocate it: %s",
        gst_structure_get_string (
            gst_caps_get_structure (caps, 0), "drm-format"));
    return FALSE;
  }
  frame->n_planes = GST_VIDEO_INFO_N_PLANES (&frame->info);
  return TRUE;

  /* ERRORS */
no_frames:
  g_set_error (error, DMABUF_ERROR, EINVAL, "the caps describe no raw video");
  return FALSE;
}

static gboolean
frame_lay_out (PoolFrame *frame, GstStructure *config, GError **error)
{
  gboolean free_layout = gst_buffer_pool_config_has_option (
      config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  GstDmabufCoreConstraints constraints;
  guint i;

  /* A producer without GstVideoMeta writes in the default layout of
   * GstVideoInfo: constraints and padding are left out. */
  gst_dmabuf_core_constraints_init (&constraints, NULL);
  gst_video_alignment_reset (&frame->alignment);
  if (free_layout) {
    constraints = frame->constraints;
    if (gst_buffer_pool_config_has_option (
            config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT))
      gst_buffer_pool_config_get_video_alignment (config, &frame->alignment);
  }

  frame->per_plane = gst_buffer_pool_config_has_option (
                         config, GST_BUFFER_POOL_OPTION_DMABUF_CORE_PER_PLANE)
      && free_layout && !constraints.one_buffer;
  if (frame->per_plane)
    constraints.offset_align = 1;

  if (!free_layout) {
    gst_video_info_align_full (
        &frame->info, &frame->alignment, frame->plane_sizes);
    return TRUE;
  }
  if (!gst_dmabuf_core_video_info_align (&frame->info, &frame->alignment,
          &constraints, frame->plane_sizes, error))
    return FALSE;

  for (i = 0; i < GST_VIDEO_MAX_PLANES; i++)
    frame->alignment.stride_align[i] = 0;
  return TRUE;
}

gboolean
pool_set_config (GstBufferPool *pool, GstStructure *config)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);
  guint size, min_buffers, max_buffers;
  PoolFrame frame = { 0 };
  gboolean is_laid_out;
  GError *error = NULL;
  GstCaps *caps;

  if (!gst_buffer_pool_config_get_params (
          config, &caps, &size, &min_buffers, &max_buffers))
    return FALSE;

  /* An inactive pool is stopped by the thread that releases the last buffer.
   * Until then GstBufferPool accepts a configuration, but would count the old
   * buffers as those of the new configuration. */
  if (self->started) {
    g_set_error (&error, DMABUF_ERROR, EBUSY,
        "the pool is still stopping: its last buffers are being released");
    goto failed;
  }

  g_mutex_lock (&self->lock);
  frame.constraints = self->wanted;
  g_mutex_unlock (&self->lock);
  if (!frame_parse_caps (&frame, self, caps, &is_laid_out, &error)
      || (!is_laid_out && !frame_lay_out (&frame, config, &error)))
    goto failed;
  frame.zero = gst_buffer_pool_config_has_option (
      config, GST_BUFFER_POOL_OPTION_DMABUF_CORE_ZERO);

  /* Size and allocator in @config are the producer's guess for its own memory:
   * replace them. */
  gst_buffer_pool_config_set_params (
      config, caps, frame.info.size, min_buffers, max_buffers);
  gst_buffer_pool_config_set_allocator (config, self->allocator, NULL);

  if (!pool_parent_class->set_config (pool, config))
    return FALSE;
  self->frame = frame;
  return TRUE;

  /* ERRORS */
failed:
  pool_take_error (self, error);
  return FALSE;
}

/* --- making and freeing ------------------------------------------------- */

static gboolean
pool_append_dmabuf (GstDmabufCorePool *self, Slot *slot, gsize size)
{
  gsize rounded = (size + self->frame.constraints.size_align - 1)
      / self->frame.constraints.size_align * self->frame.constraints.size_align;
  GError *error = NULL;
  DmabufBuffer *dmabuf;
  GstMemory *memory;
  char *name = NULL;

  dmabuf = dmabuf_exporter_allocate (self->exporter, rounded, &error);
  if (!dmabuf) {
    pool_take_error (self, error);
    return FALSE;
  }

  g_mutex_lock (&self->lock);
  if (self->name_prefix)
    name = g_strdup_printf ("%s-%u", self->name_prefix, self->n_named++);
  g_mutex_unlock (&self->lock);
  if (name && !dmabuf_buffer_set_name (dmabuf, name, &error)) {
    GST_INFO_OBJECT (self, "%s", error->message);
    g_clear_error (&error);
  }
  g_free (name);

  slot->dmabufs[slot->n_dmabufs++] = dmabuf;
  memory = gst_dmabuf_core_allocator_wrap (self->allocator, dmabuf);
  gst_memory_resize (memory, 0, size);
  gst_buffer_append_memory (slot->buffer, memory);
  return TRUE;
}

GstFlowReturn
pool_alloc_buffer (
    GstBufferPool *pool, GstBuffer **buffer, GstBufferPoolAcquireParams *params)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);
  GstVideoInfo *info = &self->frame.info;
  GstVideoMeta *meta;
  Slot *slot;
  guint i;

  slot = g_new0 (Slot, 1);
  slot->pool = self;
  slot->fresh = TRUE;
  slot->buffer = gst_buffer_new ();
  gst_mini_object_set_qdata (GST_MINI_OBJECT_CAST (slot->buffer),
      pool_slot_quark, slot, (GDestroyNotify) pool_slot_free);

  if (self->frame.per_plane) {
    for (i = 0; i < self->frame.n_planes; i++) {
      if (!pool_append_dmabuf (self, slot, self->frame.plane_sizes[i]))
        goto failed;
    }
  } else if (!pool_append_dmabuf (self, slot, info->size)) {
    goto failed;
  }

  meta = gst_buffer_add_video_meta_full (slot->buffer,
      GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT (info),
      GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info),
      self->frame.n_planes, info->offset, info->stride);
  if (meta && GST_VIDEO_INFO_FORMAT (info) != GST_VIDEO_FORMAT_DMA_DRM)
    gst_video_meta_set_alignment (meta, self->frame.alignment);
  slot->sync = (GstDmabufCoreSyncMeta *) gst_buffer_add_meta (
      slot->buffer, GST_DMABUF_CORE_SYNC_META_INFO, NULL);
  slot->sync->owner = slot;

  g_mutex_lock (&self->lock);
  self->n_allocated++;
  g_mutex_unlock (&self->lock);
  *buffer = slot->buffer;
  return GST_FLOW_OK;

  /* ERRORS */
failed:
  gst_buffer_unref (slot->buffer);
  return GST_FLOW_ERROR;
}

static DmabufExporter *
open_udmabuf (const char *heap, GError **error)
{
  return dmabuf_udmabuf_exporter_new (error);
}

/* The cheapest first. The names of the heaps of contiguous memory depend on the
 * kernel (HEAP-2). */
static const struct
{
  const char *name;
  DmabufExporter *(*open) (const char *heap, GError **error);
  const char *heap;
} candidates[] = {
  { "heap:system", dmabuf_heap_exporter_new, "system" },
  { "udmabuf", open_udmabuf, NULL },
  { "heap:default_cma_region", dmabuf_heap_exporter_new, "default_cma_region" },
  { "heap:linux,cma", dmabuf_heap_exporter_new, "linux,cma" },
  { "heap:reserved", dmabuf_heap_exporter_new, "reserved" },
};

static DmabufExporter *
pool_choose_exporter (GstDmabufCorePool *self, GError **error)
{
  DmabufConstraints *demanded =
      gst_dmabuf_core_constraints_to_core (&self->frame.constraints);
  GString *reasons = g_string_new (NULL);
  DmabufExporter *exporter = NULL;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (candidates) && !exporter; i++) {
    GError *reason = NULL;

    exporter = candidates[i].open (candidates[i].heap, &reason);
    if (exporter
        && !dmabuf_constraints_check_exporter (demanded, exporter, &reason))
      g_clear_object (&exporter);
    if (!exporter) {
      g_string_append_printf (
          reasons, "; %s: %s", candidates[i].name, reason->message);
      g_clear_error (&reason);
    }
  }

  if (exporter)
    GST_INFO_OBJECT (self, "memory from %s%s",
        dmabuf_exporter_get_name (exporter), reasons->str);
  else
    g_set_error (error, DMABUF_ERROR, ENODEV,
        "there is no memory for dma-bufs%s", reasons->str);
  g_string_free (reasons, TRUE);
  dmabuf_constraints_free (demanded);
  return exporter;
}

gboolean
pool_start (GstBufferPool *pool)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);
  GError *error = NULL;

  /* The consumers may reach other memory than those of the last start. */
  if (!self->exporter || self->exporter_chosen) {
    DmabufExporter *exporter = pool_choose_exporter (self, &error), *old;

    if (!exporter) {
      pool_take_error (self, error);
      return FALSE;
    }
    g_mutex_lock (&self->lock);
    old = self->exporter;
    self->exporter = exporter;
    self->exporter_chosen = TRUE;
    g_mutex_unlock (&self->lock);
    g_clear_object (&old);
  }

  if (!pool_parent_class->start (pool)) {
    /* Some of the minimum number of buffers may have been made. */
    pool_drain (self);
    pool_parent_class->stop (pool);
    return FALSE;
  }
  self->started = TRUE;
  return TRUE;
}
