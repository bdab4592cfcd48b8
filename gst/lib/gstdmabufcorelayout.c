/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufcorelayout.h"
#include "gstdmabufcoreallocator.h"

gboolean
gst_dmabuf_core_video_info_from_caps (GstVideoInfoDmaDrm *info, GstCaps *caps)
{
  GstVideoInfo plain;

  if (gst_video_is_dma_drm_caps (caps))
    return gst_video_info_dma_drm_from_caps (info, caps);

  return gst_video_info_from_caps (&plain, caps)
      && gst_video_info_dma_drm_from_video_info (info, &plain, 0);
}

gboolean
gst_dmabuf_core_buffer_is_dmabuf (GstBuffer *buffer)
{
  guint i, n = gst_buffer_n_memory (buffer);

  for (i = 0; i < n; i++) {
    if (!gst_is_dmabuf_memory (gst_buffer_peek_memory (buffer, i)))
      return FALSE;
  }

  return n > 0;
}

gboolean
gst_dmabuf_core_buffer_get_layout (GstBuffer *buffer,
    const GstVideoInfoDmaDrm *info, DmabufLayout *layout, GError **error)
{
  const GstVideoInfo *vinfo = &info->vinfo;
  GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  guint i, n_planes;

  n_planes = meta ? meta->n_planes : GST_VIDEO_INFO_N_PLANES (vinfo);
  if (n_planes == 0 || n_planes > DMABUF_CORE_MAX_PLANES) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "the frame has %u planes, it needs 1 to %u; a tiled format must come "
        "with a video meta",
        n_planes, DMABUF_CORE_MAX_PLANES);
    return FALSE;
  }

  *layout = (DmabufLayout) {
    .format = info->drm_fourcc,
    .modifier = info->drm_modifier,
    .width = GST_VIDEO_INFO_WIDTH (vinfo),
    .height = GST_VIDEO_INFO_HEIGHT (vinfo),
    .n_planes = n_planes,
  };

  for (i = 0; i < n_planes; i++) {
    gsize offset =
        meta ? meta->offset[i] : GST_VIDEO_INFO_PLANE_OFFSET (vinfo, i);
    gint stride =
        meta ? meta->stride[i] : GST_VIDEO_INFO_PLANE_STRIDE (vinfo, i);
    DmabufPlane *plane = &layout->planes[i];
    guint index, length;
    GstMemory *memory;
    gsize skip;

    if (!gst_buffer_find_memory (buffer, offset, 1, &index, &length, &skip)) {
      g_set_error (error, DMABUF_ERROR, EINVAL,
          "plane %u begins at byte %" G_GSIZE_FORMAT
          " of a frame that has %" G_GSIZE_FORMAT,
          i, offset, gst_buffer_get_size (buffer));
      return FALSE;
    }
    if (stride <= 0) {
      g_set_error (error, DMABUF_ERROR, EINVAL,
          "plane %u has a stride of %d bytes; only positive strides can be "
          "imported",
          i, stride);
      return FALSE;
    }

    memory = gst_buffer_peek_memory (buffer, index);
    plane->buffer = gst_dmabuf_core_memory_get_buffer (memory, error);
    if (!plane->buffer)
      return FALSE;
    plane->offset = memory->offset + skip;
    plane->pitch = stride;
  }

  return dmabuf_layout_validate (layout, error);
}
