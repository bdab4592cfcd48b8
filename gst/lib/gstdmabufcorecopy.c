/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufcorecopy.h"
#include "gstdmabufcorelayout.h"
#include "gstdmabufcorememory-private.h"

#include <errno.h>
#include <libdmabufcore/dmabufcore.h>
#include <string.h>

#define PALETTE_BYTES (256 * 4)

static gboolean
is_in_rows (const GstVideoFormatInfo *finfo, guint plane)
{
  return !GST_VIDEO_FORMAT_INFO_IS_TILED (finfo)
      && !(GST_VIDEO_FORMAT_INFO_HAS_PALETTE (finfo) && plane == 1);
}

/* Gets the rows of a plane, and the bytes of pixels in a row: the whole @stride
 * for a format without a pixel stride, such as v210. */
static void
get_rows (const GstVideoFormatInfo *finfo, guint plane, guint width,
    guint height, gint stride, gsize *rows, gsize *row_bytes)
{
  gint components[GST_VIDEO_MAX_COMPONENTS];
  gint component;

  gst_video_format_info_component (finfo, plane, components);
  component = components[0];
  *rows = GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT (finfo, component, height);
  *row_bytes =
      (gsize) GST_VIDEO_FORMAT_INFO_SCALE_WIDTH (finfo, component, width)
      * GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, component);
  if (*row_bytes == 0)
    *row_bytes = stride;
}

/* Gets the bytes from the beginning of a plane to the end of its last row.
 * FALSE if the stride is less than a row. The stride of a tiled plane encodes
 * the number of tiles in both directions. */
static gboolean
get_span (const GstVideoMeta *meta, const GstVideoInfo *info, guint plane,
    guint64 *span)
{
  const GstVideoFormatInfo *finfo = info->finfo;
  gint stride = meta->stride[plane];
  gsize rows, row_bytes;

  if (stride <= 0)
    return FALSE;

  if (is_in_rows (finfo, plane)) {
    get_rows (
        finfo, plane, meta->width, meta->height, stride, &rows, &row_bytes);
    *span = (guint64) (rows - 1) * stride + row_bytes;
    return row_bytes <= (gsize) stride;
  }
  if (!GST_VIDEO_FORMAT_INFO_IS_TILED (finfo)) {
    *span = PALETTE_BYTES;
    return TRUE;
  }

  *span = (guint64) GST_VIDEO_TILE_X_TILES (stride)
      * GST_VIDEO_TILE_Y_TILES (stride)
      * GST_VIDEO_FORMAT_INFO_TILE_SIZE (finfo, plane);
  return GST_VIDEO_TILE_X_TILES (stride)
      >= GST_VIDEO_TILE_X_TILES (GST_VIDEO_INFO_PLANE_STRIDE (info, plane))
      && GST_VIDEO_TILE_Y_TILES (stride)
      >= GST_VIDEO_TILE_Y_TILES (GST_VIDEO_INFO_PLANE_STRIDE (info, plane));
}

static gboolean
plane_fits (GstBuffer *buffer, const GstVideoMeta *meta,
    const GstVideoInfo *info, guint plane, GError **error)
{
  gsize offset = meta->offset[plane];
  GstMemory *memory;
  guint64 span;
  gsize skip, size;

  if (!get_span (meta, info, plane, &span)) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "plane %u of the frame has a stride of %d bytes, less than a row",
        plane, meta->stride[plane]);
    return FALSE;
  }
  memory =
      gst_dmabuf_core_buffer_find_plane (buffer, plane, offset, &skip, error);
  if (!memory)
    return FALSE;
  size = gst_memory_get_sizes (memory, NULL, NULL);
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
    if (!plane_fits (buffer, meta, info, i, error))
      return FALSE;
  }

  return TRUE;
}

/* Gets the first pixel to copy: the corner of the crop rectangle, or 0, 0. */
static gboolean
get_origin (GstBuffer *buffer, const GstVideoMeta *meta,
    const GstVideoInfo *info, guint *x, guint *y, GError **error)
{
  const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta (buffer);

  *x = *y = 0;
  if (!gst_dmabuf_core_buffer_is_cropped (buffer, info))
    return TRUE;

  *x = crop->x;
  *y = crop->y;
  if (*x > meta->width - crop->width || *y > meta->height - crop->height) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "the frame is %ux%u, and cropped to %ux%u from %u, %u", meta->width,
        meta->height, crop->width, crop->height, *x, *y);
    return FALSE;
  }
  /* Without a pixel stride, and in tiles, a column has no byte offset. */
  if ((*x > 0 && GST_VIDEO_INFO_COMP_PSTRIDE (info, 0) == 0)
      || ((*x > 0 || *y > 0) && GST_VIDEO_FORMAT_INFO_IS_TILED (info->finfo))) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "a cropped frame of %s cannot be copied", GST_VIDEO_INFO_NAME (info));
    return FALSE;
  }

  return TRUE;
}

/* Unlike gst_video_frame_copy() it stops after the pixels of the last row: the
 * memory may end there. */
static gboolean
copy_plane (GstVideoFrame *to, const GstVideoFrame *from,
    const GstVideoInfo *info, guint plane, guint x, guint y)
{
  const GstVideoFormatInfo *finfo = info->finfo;
  gint to_stride = GST_VIDEO_FRAME_PLANE_STRIDE (to, plane);
  gint from_stride = GST_VIDEO_FRAME_PLANE_STRIDE (from, plane);
  guint8 *target = GST_VIDEO_FRAME_PLANE_DATA (to, plane);
  const guint8 *source = GST_VIDEO_FRAME_PLANE_DATA (from, plane);
  gint components[GST_VIDEO_MAX_COMPONENTS];
  gsize rows, row_bytes, i;

  if (!is_in_rows (finfo, plane))
    return gst_video_frame_copy_plane (to, from, plane);

  get_rows (finfo, plane, GST_VIDEO_INFO_WIDTH (info),
      GST_VIDEO_INFO_HEIGHT (info), MIN (to_stride, from_stride), &rows,
      &row_bytes);
  gst_video_format_info_component (finfo, plane, components);
  x >>= GST_VIDEO_FORMAT_INFO_W_SUB (finfo, components[0]);
  y >>= GST_VIDEO_FORMAT_INFO_H_SUB (finfo, components[0]);
  source += (gsize) y * from_stride
      + (gsize) x * GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, components[0]);

  if (to_stride == from_stride) {
    memcpy (target, source, (rows - 1) * from_stride + row_bytes);
    return TRUE;
  }
  for (i = 0; i < rows; i++)
    memcpy (target + i * to_stride, source + i * from_stride, row_bytes);
  return TRUE;
}

gboolean
gst_dmabuf_core_buffer_copy_frame (
    GstBuffer *to, GstBuffer *from, const GstVideoInfo *info, GError **error)
{
  const GstVideoMeta *meta = gst_buffer_get_video_meta (from);
  GstVideoFrame source, target;
  gboolean copied = TRUE;
  guint i, x, y;

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

  if (!get_origin (from, meta, info, &x, &y, error))
    return FALSE;

  if (!gst_video_frame_map (&source, info, from, GST_MAP_READ))
    goto no_read;
  if (!gst_video_frame_map (&target, info, to, GST_MAP_WRITE))
    goto no_write;
  for (i = 0; i < GST_VIDEO_INFO_N_PLANES (info) && copied; i++)
    copied = copy_plane (&target, &source, info, i, x, y);
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
