/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufcorelayout.h"
#include "gstdmabufcoreallocator.h"
#include "gstdmabufcorememory-private.h"

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

GstMemory *
gst_dmabuf_core_buffer_find_plane (
    GstBuffer *buffer, guint plane, gsize offset, gsize *skip, GError **error)
{
  guint index, length;

  if (gst_buffer_find_memory (buffer, offset, 1, &index, &length, skip))
    return gst_buffer_peek_memory (buffer, index);

  g_set_error (error, DMABUF_ERROR, EINVAL,
      "plane %u begins at byte %" G_GSIZE_FORMAT
      " of a frame that has %" G_GSIZE_FORMAT,
      plane, offset, gst_buffer_get_size (buffer));
  return NULL;
}

gboolean
gst_dmabuf_core_buffer_is_cropped (GstBuffer *buffer, const GstVideoInfo *info)
{
  const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta (buffer);

  return crop && gst_buffer_get_video_meta (buffer)
      && crop->width == (guint) GST_VIDEO_INFO_WIDTH (info)
      && crop->height == (guint) GST_VIDEO_INFO_HEIGHT (info);
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
  if (gst_dmabuf_core_buffer_is_cropped (buffer, vinfo)) {
    layout->width = meta->width;
    layout->height = meta->height;
  }

  for (i = 0; i < n_planes; i++) {
    gsize offset =
        meta ? meta->offset[i] : GST_VIDEO_INFO_PLANE_OFFSET (vinfo, i);
    gint stride =
        meta ? meta->stride[i] : GST_VIDEO_INFO_PLANE_STRIDE (vinfo, i);
    DmabufPlane *plane = &layout->planes[i];
    GstMemory *memory;
    gsize skip;

    memory =
        gst_dmabuf_core_buffer_find_plane (buffer, i, offset, &skip, error);
    if (!memory)
      return FALSE;
    if (stride <= 0) {
      g_set_error (error, DMABUF_ERROR, EINVAL,
          "plane %u has a stride of %d bytes; only positive strides can be "
          "imported",
          i, stride);
      return FALSE;
    }

    plane->buffer = gst_dmabuf_core_memory_get_buffer (memory, error);
    if (!plane->buffer)
      return FALSE;
    plane->offset = memory->offset + skip;
    plane->pitch = stride;
  }

  return TRUE;
}

static gsize
round_up (gsize value, guint multiple)
{
  return (value + multiple - 1) / multiple * multiple;
}

/* The offset of the first pixel: padding at the top and left lies before it. */
static gsize
first_pixel (const GstVideoFormatInfo *finfo, gint component,
    const GstVideoAlignment *alignment, gsize stride)
{
  gsize rows = GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT (
      finfo, component, alignment->padding_top);
  gsize columns = GST_VIDEO_FORMAT_INFO_SCALE_WIDTH (
      finfo, component, alignment->padding_left);

  return rows * stride
      + columns * GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, component);
}

gboolean
gst_dmabuf_core_video_info_align (GstVideoInfo *info,
    GstVideoAlignment *alignment, const GstDmabufCoreConstraints *constraints,
    gsize plane_sizes[GST_VIDEO_MAX_PLANES], GError **error)
{
  gsize offset = 0;
  guint i;

  if (!gst_video_info_align_full (info, alignment, plane_sizes)) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "%s at %dx%d cannot have a padding of %u, %u, %u, %u pixels",
        GST_VIDEO_INFO_NAME (info), GST_VIDEO_INFO_WIDTH (info),
        GST_VIDEO_INFO_HEIGHT (info), alignment->padding_top,
        alignment->padding_right, alignment->padding_bottom,
        alignment->padding_left);
    return FALSE;
  }

  if (GST_VIDEO_FORMAT_INFO_IS_TILED (info->finfo))
    return TRUE;

  for (i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++) {
    gsize stride = info->stride[i];
    gsize rows = stride > 0 ? plane_sizes[i] / stride : 0;
    gint component[GST_VIDEO_MAX_COMPONENTS];

    stride = round_up (stride, constraints->pitch_align);
    if (constraints->max_pitch > 0 && stride > constraints->max_pitch) {
      g_set_error (error, DMABUF_ERROR, EBUSY,
          "plane %u has a pitch of %" G_GSIZE_FORMAT
          " bytes, the greatest for %s is %u",
          i, stride, constraints->devices, constraints->max_pitch);
      return FALSE;
    }

    gst_video_format_info_component (info->finfo, i, component);
    offset = round_up (offset, constraints->offset_align);
    info->stride[i] = stride;
    info->offset[i] =
        offset + first_pixel (info->finfo, component[0], alignment, stride);
    plane_sizes[i] = stride * rows;
    offset += plane_sizes[i];
  }
  info->size = offset;

  return TRUE;
}

gboolean
gst_dmabuf_core_buffer_check_constraints (GstBuffer *buffer,
    const GstVideoInfoDmaDrm *info, const GstDmabufCoreConstraints *constraints,
    GError **error)
{
  DmabufLayout layout;
  guint i;

  if (!gst_dmabuf_core_buffer_get_layout (buffer, info, &layout, error)
      || !dmabuf_layout_validate (&layout, error))
    return FALSE;

  for (i = 0; i < layout.n_planes; i++) {
    const DmabufPlane *plane = &layout.planes[i];
    const char *what = NULL;
    guint64 is = 0;
    guint wanted = 0;

    if (plane->pitch % constraints->pitch_align != 0) {
      what = "pitch-align", is = plane->pitch,
      wanted = constraints->pitch_align;
    } else if (constraints->max_pitch > 0
        && plane->pitch > constraints->max_pitch) {
      what = "max-pitch", is = plane->pitch, wanted = constraints->max_pitch;
    } else if (plane->offset % constraints->offset_align != 0) {
      what = "offset-align", is = plane->offset;
      wanted = constraints->offset_align;
    } else if (dmabuf_buffer_get_size (plane->buffer) % constraints->size_align
        != 0) {
      what = "size-align", is = dmabuf_buffer_get_size (plane->buffer);
      wanted = constraints->size_align;
    } else if (constraints->one_buffer
        && plane->buffer != layout.planes[0].buffer) {
      what = "one-buffer", is = i, wanted = 1;
    }

    if (what) {
      g_set_error (error, DMABUF_ERROR, EBUSY,
          "plane %u does not suit %s: %s is %u, it has %" G_GUINT64_FORMAT, i,
          constraints->devices[0] ? constraints->devices : "the consumer", what,
          wanted, is);
      return FALSE;
    }
  }

  return TRUE;
}
