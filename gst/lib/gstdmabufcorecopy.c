/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufcorecopy.h"

#include <errno.h>
#include <libdmabufcore/dmabufcore.h>

#define PALETTE_BYTES (256 * 4)

/* The bytes from the first of a plane to its last: FALSE if the stride is less
 * than a row. A tiled plane's stride is its tiles in both directions. */
static gboolean
get_span (const GstVideoMeta *meta, guint plane, guint64 *span)
{
  const GstVideoFormatInfo *finfo = gst_video_format_get_info (meta->format);
  gint components[GST_VIDEO_MAX_COMPONENTS];
  gint stride = meta->stride[plane];
  guint64 rows, row_bytes;
  gint component;

  if (stride <= 0)
    return FALSE;

  if (GST_VIDEO_FORMAT_INFO_HAS_PALETTE (finfo) && plane == 1) {
    *span = PALETTE_BYTES;
    return TRUE;
  }
  if (GST_VIDEO_FORMAT_INFO_IS_TILED (finfo)) {
    *span = (guint64) GST_VIDEO_TILE_X_TILES (stride)
        * GST_VIDEO_TILE_Y_TILES (stride)
        * GST_VIDEO_FORMAT_INFO_TILE_SIZE (finfo, plane);
    return TRUE;
  }

  gst_video_format_info_component (finfo, plane, components);
  component = components[0];
  rows = GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT (finfo, component, meta->height);
  row_bytes = (guint64) GST_VIDEO_FORMAT_INFO_SCALE_WIDTH (
                  finfo, component, meta->width)
      * GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, component);
  /* packed in a way of its own */
  if (row_bytes == 0)
    row_bytes = stride;
  *span = (rows - 1) * stride + row_bytes;

  return row_bytes <= (guint64) stride;
}

static gboolean
plane_fits (
    GstBuffer *buffer, const GstVideoMeta *meta, guint plane, GError **error)
{
  gsize offset = meta->offset[plane];
  guint index, length;
  guint64 span;
  gsize skip, size;

  if (!get_span (meta, plane, &span)) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "plane %u of the frame has a stride of %d bytes, less than a row",
        plane, meta->stride[plane]);
    return FALSE;
  }
  if (!gst_buffer_find_memory (buffer, offset, 1, &index, &length, &skip)) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "plane %u begins at byte %" G_GSIZE_FORMAT
        " of a frame that has %" G_GSIZE_FORMAT,
        plane, offset, gst_buffer_get_size (buffer));
    return FALSE;
  }
  size =
      gst_memory_get_sizes (gst_buffer_peek_memory (buffer, index), NULL, NULL);
  if (span > size - skip) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "plane %u of the frame needs %" G_GUINT64_FORMAT
        " bytes, and there are %" G_GSIZE_FORMAT " up to the end of its memory",
        plane, span, size - skip);
    return FALSE;
  }

  return TRUE;
}

static gboolean
meta_fits (GstBuffer *buffer, const GstVideoMeta *meta,
    const GstVideoInfo *info, GError **error)
{
  guint i;

  if (meta->format != GST_VIDEO_INFO_FORMAT (info)
      || meta->n_planes != GST_VIDEO_INFO_N_PLANES (info)
      || meta->width < (guint) GST_VIDEO_INFO_WIDTH (info)
      || meta->height < (guint) GST_VIDEO_INFO_HEIGHT (info)
      || meta->width > G_MAXINT || meta->height > G_MAXINT) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "the frame is %ux%u %s with %u planes, and its caps say %dx%d %s",
        meta->width, meta->height, gst_video_format_to_string (meta->format),
        meta->n_planes, GST_VIDEO_INFO_WIDTH (info),
        GST_VIDEO_INFO_HEIGHT (info), GST_VIDEO_INFO_NAME (info));
    return FALSE;
  }

  for (i = 0; i < meta->n_planes; i++) {
    if (!plane_fits (buffer, meta, i, error))
      return FALSE;
  }

  return TRUE;
}

gboolean
gst_dmabuf_core_buffer_copy_frame (
    GstBuffer *to, GstBuffer *from, const GstVideoInfo *info, GError **error)
{
  const GstVideoMeta *meta = gst_buffer_get_video_meta (from);
  GstVideoFrame source, target;
  gboolean copied;

  if (meta) {
    if (!meta_fits (from, meta, info, error))
      return FALSE;
  } else if (gst_buffer_get_size (from) < GST_VIDEO_INFO_SIZE (info)) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "the frame has %" G_GSIZE_FORMAT
        " bytes, its caps ask for %" G_GSIZE_FORMAT,
        gst_buffer_get_size (from), GST_VIDEO_INFO_SIZE (info));
    return FALSE;
  }

  if (!gst_video_frame_map (&source, info, from, GST_MAP_READ))
    goto no_read;
  if (!gst_video_frame_map (&target, info, to, GST_MAP_WRITE))
    goto no_write;
  copied = gst_video_frame_copy (&target, &source);
  gst_video_frame_unmap (&target);
  gst_video_frame_unmap (&source);
  if (!copied)
    goto no_copy;

  return TRUE;

  /* ERRORS */
no_read: {
  g_set_error (error, DMABUF_ERROR, EIO, "the CPU cannot read the frame");
  return FALSE;
}
no_write: {
  gst_video_frame_unmap (&source);
  g_set_error (
      error, DMABUF_ERROR, EIO, "the CPU cannot write the frame's copy");
  return FALSE;
}
no_copy: {
  g_set_error (error, DMABUF_ERROR, EINVAL,
      "the frame and its copy have different formats");
  return FALSE;
}
}
