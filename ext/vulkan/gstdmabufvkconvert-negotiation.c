/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Negotiation of the converter: caps and pools. */

#include "gstdmabufvkconvert-private.h"
#include "vkconvert-caps.h"

#define GST_CAT_DEFAULT dmabufvk_debug

/* --- caps ------------------------------------------------------------------
 */

GstCaps *
gst_dmabuf_vk_convert_transform_caps (GstBaseTransform *base,
    GstPadDirection direction, GstCaps *caps, GstCaps *filter)
{
  GstDmabufVkConvert *self = GST_DMABUF_VK_CONVERT (base);
  GstDmabufVkSettings settings = gst_dmabuf_vk_convert_get_settings (self);
  GstCaps *formats, *result, *filtered;

  /* In passthrough, formats that the device cannot convert are allowed, too. */
  formats =
      gst_dmabuf_vk_stage_get_caps (&self->stage, direction == GST_PAD_SINK);
  result = vkconvert_caps_transform (
      caps, formats, !gst_dmabuf_vk_convert_has_work (&settings));
  gst_caps_unref (formats);
  if (filter) {
    filtered =
        gst_caps_intersect_full (filter, result, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (result);
    result = filtered;
  }

  return result;
}

GstCaps *
gst_dmabuf_vk_convert_fixate_caps (GstBaseTransform *base,
    GstPadDirection direction, GstCaps *caps, GstCaps *othercaps)
{
  GstDmabufVkSettings settings =
      gst_dmabuf_vk_convert_get_settings (GST_DMABUF_VK_CONVERT (base));
  gboolean forward = direction == GST_PAD_SINK;

  return vkconvert_caps_fixate (caps, othercaps,
      gst_dmabuf_vk_orientation (settings.direction).transpose,
      forward ? settings.crop[0] + settings.crop[1] : 0,
      forward ? settings.crop[2] + settings.crop[3] : 0);
}

/* Whether an input frame is an output frame without a conversion. Also for
 * formats that the GPU cannot convert, which may pass through. */
static gboolean
is_same_format (GstDmabufVkConvert *self, GstCaps *in_caps, GstCaps *out_caps)
{
  const GstVideoInfo *in = &self->in_info.vinfo, *out = &self->out_info.vinfo;

  if (self->in_info.drm_fourcc != self->out_info.drm_fourcc
      || self->in_info.drm_modifier != self->out_info.drm_modifier
      || GST_VIDEO_INFO_WIDTH (in) != GST_VIDEO_INFO_WIDTH (out)
      || GST_VIDEO_INFO_HEIGHT (in) != GST_VIDEO_INFO_HEIGHT (out)
      || gst_video_is_dma_drm_caps (in_caps)
          != gst_video_is_dma_drm_caps (out_caps))
    return FALSE;

  if (self->is_convertible)
    return memcmp (&self->in_color, &self->out_color, sizeof (GpuColor)) == 0;

  return gst_video_colorimetry_is_equal (&GST_VIDEO_INFO_COLORIMETRY (in),
             &GST_VIDEO_INFO_COLORIMETRY (out))
      && GST_VIDEO_INFO_CHROMA_SITE (in) == GST_VIDEO_INFO_CHROMA_SITE (out);
}

gboolean
gst_dmabuf_vk_convert_set_caps (
    GstBaseTransform *base, GstCaps *in_caps, GstCaps *out_caps)
{
  GstDmabufVkConvert *self = GST_DMABUF_VK_CONVERT (base);
  GstDmabufVkSettings settings = gst_dmabuf_vk_convert_get_settings (self);
  guint32 in_fourcc, out_fourcc;

  if (!gst_dmabuf_core_video_info_from_caps (&self->in_info, in_caps)
      || !gst_dmabuf_core_video_info_from_caps (&self->out_info, out_caps))
    goto no_video;
  in_fourcc = self->in_info.drm_fourcc;
  out_fourcc = self->out_info.drm_fourcc;

  gst_dmabuf_vk_stage_drain (&self->stage);
  gst_caps_replace (&self->in_caps, in_caps);
  if (self->upload) {
    gst_buffer_pool_set_active (self->upload, FALSE);
    gst_clear_object (&self->upload);
  }

  self->is_convertible =
      gpu_format_get (in_fourcc) && gpu_format_get (out_fourcc);
  if (self->is_convertible) {
    gst_dmabuf_vk_color_init (&self->in_color, in_fourcc, &self->in_info.vinfo);
    gst_dmabuf_vk_color_init (
        &self->out_color, out_fourcc, &self->out_info.vinfo);
  }
  self->same_format = is_same_format (self, in_caps, out_caps);
  if (!self->is_convertible
      && (!self->same_format || gst_dmabuf_vk_convert_has_work (&settings)))
    goto no_format;
  self->wants_other_format = FALSE;
  gst_dmabuf_vk_convert_update_passthrough (self);

  return TRUE;

  /* ERRORS */
no_video: {
  GST_ERROR_OBJECT (self,
      "no conversion of %" GST_PTR_FORMAT " to "
      "%" GST_PTR_FORMAT,
      in_caps, out_caps);
  return FALSE;
}
no_format: {
  GST_ELEMENT_ERROR (self, STREAM, FORMAT,
      ("%.4s cannot be converted to %.4s; put videoconvert in front, or "
       "choose another format.",
          (const char *) &in_fourcc, (const char *) &out_fourcc),
      ("%" GST_PTR_FORMAT " to %" GST_PTR_FORMAT, in_caps, out_caps));
  return FALSE;
}
}

gboolean
gst_dmabuf_vk_convert_get_unit_size (
    GstBaseTransform *base, GstCaps *caps, gsize *size)
{
  GstVideoInfoDmaDrm info;

  if (!gst_dmabuf_core_video_info_from_caps (&info, caps))
    return FALSE;
  *size = GST_VIDEO_INFO_SIZE (&info.vinfo);

  return TRUE;
}

/* --- allocation ------------------------------------------------------------
 */

gboolean
gst_dmabuf_vk_convert_configure_pool (
    GstBufferPool *pool, GstCaps *caps, guint *size)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);

  gst_buffer_pool_config_set_params (config, caps, 0, 2, 0);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  if (!gst_buffer_pool_set_config (pool, config))
    return FALSE;
  config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_get_params (config, NULL, size, NULL, NULL);
  gst_structure_free (config);

  return TRUE;
}

gboolean
gst_dmabuf_vk_convert_propose_allocation (
    GstBaseTransform *base, GstQuery *decide_query, GstQuery *query)
{
  GstDmabufVkConvert *self = GST_DMABUF_VK_CONVERT (base);
  GstVideoInfoDmaDrm info;
  GstBufferPool *pool;
  gboolean need_pool;
  GstCaps *caps;
  guint size;

  if (!decide_query) /* Passthrough: forward the query. */
    return GST_BASE_TRANSFORM_CLASS (
        g_type_class_peek (GST_TYPE_BASE_TRANSFORM))
        ->propose_allocation (base, decide_query, query);

  gst_query_parse_allocation (query, &caps, &need_pool);
  if (!caps || !gst_dmabuf_core_video_info_from_caps (&info, caps))
    return FALSE;

  /* Adds the video meta as well. */
  gst_query_add_dmabuf_core_device (query, self->stage.device, FALSE);
  gst_query_add_allocation_meta (query, GST_VIDEO_CROP_META_API_TYPE, NULL);
  gst_query_add_allocation_meta (
      query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);

  /* A producer that writes with the CPU can write into dma-bufs of this pool.
   */
  if (info.drm_modifier == 0) {
    pool = gst_dmabuf_core_pool_new (NULL);
    if (gst_dmabuf_vk_convert_configure_pool (pool, caps, &size))
      gst_query_add_allocation_pool (
          query, need_pool ? pool : NULL, size, 2, 0);
    else
      GST_DEBUG_OBJECT (self, "no pool for %" GST_PTR_FORMAT, caps);
    gst_object_unref (pool);
  }

  return TRUE;
}

gboolean
gst_dmabuf_vk_convert_decide_allocation (
    GstBaseTransform *base, GstQuery *query)
{
  return gst_dmabuf_vk_stage_decide_allocation (
      &GST_DMABUF_VK_CONVERT (base)->stage, query);
}
