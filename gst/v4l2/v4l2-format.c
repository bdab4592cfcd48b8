/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "v4l2-format.h"
#include "v4l2-colorimetry.h"

#include <libdmabufcore/dmabufcore.h>

#include <errno.h>

#define DRM(a, b, c, d) GST_MAKE_FOURCC (a, b, c, d)
#define PLANAR(v4l2, drm, format, n_planes) \
  { V4L2_PIX_FMT_##v4l2, drm, GST_VIDEO_FORMAT_##format, n_planes }
#define PACKED(v4l2, drm, format) PLANAR (v4l2, drm, format, 1)

/*
 * The names of 32-bit RGB formats differ: V4L2_PIX_FMT_XBGR32, DRM's XRGB8888
 * (a little-endian word) and GStreamer's BGRx are all B, G, R, X in memory. A
 * contiguous planar format stands before the one with separate planes: more
 * importers take one dma-buf than two or three.
 */
static const V4l2FormatInfo formats[] = {
  PACKED (NV12, DRM ('N', 'V', '1', '2'), NV12),
  PLANAR (NV12M, DRM ('N', 'V', '1', '2'), NV12, 2),
  PACKED (YUYV, DRM ('Y', 'U', 'Y', 'V'), YUY2),
  PACKED (UYVY, DRM ('U', 'Y', 'V', 'Y'), UYVY),
  PACKED (YUV420, DRM ('Y', 'U', '1', '2'), I420),
  PLANAR (YUV420M, DRM ('Y', 'U', '1', '2'), I420, 3),
  PACKED (XBGR32, DRM ('X', 'R', '2', '4'), BGRx),
  PACKED (RGBX32, DRM ('X', 'B', '2', '4'), RGBx),
  PACKED (ABGR32, DRM ('A', 'R', '2', '4'), BGRA),
  PACKED (RGBA32, DRM ('A', 'B', '2', '4'), RGBA),
  PACKED (BGRX32, DRM ('R', 'X', '2', '4'), xBGR),
  PACKED (XRGB32, DRM ('B', 'X', '2', '4'), xRGB),
  PACKED (BGRA32, DRM ('R', 'A', '2', '4'), ABGR),
  PACKED (ARGB32, DRM ('B', 'A', '2', '4'), ARGB),
  PACKED (BGR24, DRM ('R', 'G', '2', '4'), BGR),
  PACKED (RGB24, DRM ('B', 'G', '2', '4'), RGB),
  PACKED (RGB565, DRM ('R', 'G', '1', '6'), RGB16),
  PACKED (XRGB555, DRM ('X', 'R', '1', '5'), RGB15),
  PACKED (YVYU, DRM ('Y', 'V', 'Y', 'U'), YVYU),
  PACKED (VYUY, DRM ('V', 'Y', 'U', 'Y'), VYUY),
  PACKED (NV21, DRM ('N', 'V', '2', '1'), NV21),
  PLANAR (NV21M, DRM ('N', 'V', '2', '1'), NV21, 2),
  PACKED (NV16, DRM ('N', 'V', '1', '6'), NV16),
  PLANAR (NV16M, DRM ('N', 'V', '1', '6'), NV16, 2),
  PACKED (NV61, DRM ('N', 'V', '6', '1'), NV61),
  PLANAR (NV61M, DRM ('N', 'V', '6', '1'), NV61, 2),
  PACKED (NV24, DRM ('N', 'V', '2', '4'), NV24),
  PACKED (YVU420, DRM ('Y', 'V', '1', '2'), YV12),
  PLANAR (YVU420M, DRM ('Y', 'V', '1', '2'), YV12, 3),
  PACKED (YUV422P, DRM ('Y', 'U', '1', '6'), Y42B),
  PLANAR (YUV422M, DRM ('Y', 'U', '1', '6'), Y42B, 3),
  PLANAR (YUV444M, DRM ('Y', 'U', '2', '4'), Y444, 3),
  PACKED (P010, DRM ('P', '0', '1', '0'), P010_10LE),
  PACKED (VUYA32, DRM ('A', 'Y', 'U', 'V'), VUYA),
  PACKED (AYUV32, 0, AYUV),
  PACKED (GREY, DRM ('R', '8', ' ', ' '), GRAY8),
  PACKED (Y16, DRM ('R', '1', '6', ' '), GRAY16_LE),
};

const V4l2FormatInfo *
v4l2_format_table (guint *n_formats)
{
  *n_formats = G_N_ELEMENTS (formats);
  return formats;
}

const V4l2FormatInfo *
v4l2_format_info_from_v4l2 (guint32 fourcc)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (formats); i++) {
    if (formats[i].v4l2 == fourcc)
      return &formats[i];
  }

  return NULL;
}

gboolean
v4l2_format_info_matches (
    const V4l2FormatInfo *info, GstVideoFormat format, guint32 drm)
{
  return drm != 0 ? info->drm == drm : info->format == format;
}

/* --- single- and multi-planar alike ------------------------------------- */

void
v4l2_format_set_size (struct v4l2_format *format, guint width, guint height)
{
  if (V4L2_TYPE_IS_MULTIPLANAR (format->type)) {
    format->fmt.pix_mp.width = width;
    format->fmt.pix_mp.height = height;
  } else {
    format->fmt.pix.width = width;
    format->fmt.pix.height = height;
  }
}

void
v4l2_format_get_size (
    const struct v4l2_format *format, guint *width, guint *height)
{
  if (V4L2_TYPE_IS_MULTIPLANAR (format->type)) {
    *width = format->fmt.pix_mp.width;
    *height = format->fmt.pix_mp.height;
  } else {
    *width = format->fmt.pix.width;
    *height = format->fmt.pix.height;
  }
}

void
v4l2_format_set_pixelformat (struct v4l2_format *format, guint32 fourcc)
{
  if (V4L2_TYPE_IS_MULTIPLANAR (format->type))
    format->fmt.pix_mp.pixelformat = fourcc;
  else
    format->fmt.pix.pixelformat = fourcc;
}

guint32
v4l2_format_get_pixelformat (const struct v4l2_format *format)
{
  return V4L2_TYPE_IS_MULTIPLANAR (format->type)
      ? format->fmt.pix_mp.pixelformat
      : format->fmt.pix.pixelformat;
}

void
v4l2_format_set_field (struct v4l2_format *format, enum v4l2_field field)
{
  if (V4L2_TYPE_IS_MULTIPLANAR (format->type))
    format->fmt.pix_mp.field = field;
  else
    format->fmt.pix.field = field;
}

/* --- layout ------------------------------------------------------------- */

static gboolean
layout_set_field (V4l2Layout *layout, guint32 field, GError **error)
{
  layout->field_order = GST_VIDEO_FIELD_ORDER_UNKNOWN;

  switch (field) {
  case V4L2_FIELD_ANY: /* Some drivers return it against the specification. */
  case V4L2_FIELD_NONE:
    layout->interlace_mode = GST_VIDEO_INTERLACE_MODE_PROGRESSIVE;
    return TRUE;
  case V4L2_FIELD_INTERLACED_TB:
    layout->field_order = GST_VIDEO_FIELD_ORDER_TOP_FIELD_FIRST;
    break;
  case V4L2_FIELD_INTERLACED_BT:
    layout->field_order = GST_VIDEO_FIELD_ORDER_BOTTOM_FIELD_FIRST;
    break;
  case V4L2_FIELD_INTERLACED:
    break;
  default:
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "the driver delivers single fields (field %u), which the element does "
        "not weave; choose a progressive mode of the device",
        field);
    return FALSE;
  }

  layout->interlace_mode = GST_VIDEO_INTERLACE_MODE_INTERLEAVED;
  return TRUE;
}

/* The planes of a contiguous format follow each other, and the padding of the
 * first one's rows scales with the subsampling (V4L2 specification, "Planar YUV
 * formats"). */
static void
layout_set_contiguous (V4l2Layout *layout, guint32 bytesperline, guint32 size)
{
  const GstVideoFormatInfo *info =
      gst_video_format_get_info (layout->info->format);
  gsize offset = 0;
  guint i;

  for (i = 0; i < layout->n_planes; i++) {
    gint component[GST_VIDEO_MAX_COMPONENTS];

    gst_video_format_info_component (info, i, component);
    layout->strides[i] =
        gst_video_format_info_extrapolate_stride (info, i, bytesperline);
    layout->offsets[i] = offset;
    offset += (gsize) layout->strides[i]
        * GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT (
            info, component[0], layout->height);
  }

  layout->n_buffers = 1;
  layout->sizes[0] = size;
}

static void
layout_set_separate (
    V4l2Layout *layout, const struct v4l2_pix_format_mplane *pix)
{
  gsize offset = 0;
  guint i;

  for (i = 0; i < layout->n_planes; i++) {
    layout->strides[i] = pix->plane_fmt[i].bytesperline;
    layout->offsets[i] = offset;
    layout->sizes[i] = pix->plane_fmt[i].sizeimage;
    offset += layout->sizes[i];
  }

  layout->n_buffers = layout->n_planes;
}

/* Whether plane @i, moved by @data_offset, lies in its buffer. */
static gboolean
plane_fits (const V4l2Layout *layout, guint i, guint32 data_offset)
{
  const GstVideoFormatInfo *info =
      gst_video_format_get_info (layout->info->format);
  guint buffer = layout->n_buffers == 1 ? 0 : i;
  guint64 start = layout->n_buffers == 1 ? layout->offsets[i] : 0;
  gint component[GST_VIDEO_MAX_COMPONENTS];
  guint64 row_bytes, rows;

  gst_video_format_info_component (info, i, component);
  row_bytes = (guint64) GST_VIDEO_FORMAT_INFO_SCALE_WIDTH (
                  info, component[0], layout->width)
      * GST_VIDEO_FORMAT_INFO_PSTRIDE (info, component[0]);
  rows =
      GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT (info, component[0], layout->height);

  return layout->strides[i] > 0 && row_bytes <= (guint64) layout->strides[i]
      && data_offset + start + (guint64) layout->strides[i] * (rows - 1)
          + row_bytes
      <= layout->sizes[buffer];
}

gboolean
v4l2_layout_plane_fits (const V4l2Layout *layout, guint i, guint32 data_offset)
{
  return data_offset == 0 || plane_fits (layout, i, data_offset);
}

/* Refuses a layout with planes larger than their buffers: consumers would read
 * past the end of a buffer (SEC-7). */
static gboolean
layout_check (const V4l2Layout *layout, GError **error)
{
  guint i;

  for (i = 0; i < layout->n_planes; i++) {
    guint buffer = layout->n_buffers == 1 ? 0 : i;

    if (!plane_fits (layout, i, 0)) {
      g_set_error (error, DMABUF_ERROR, EINVAL,
          "the driver's layout of %s %ux%u is impossible: plane %u has rows of "
          "%d bytes in a buffer of %" G_GSIZE_FORMAT,
          gst_video_format_to_string (layout->info->format), layout->width,
          layout->height, i, layout->strides[i], layout->sizes[buffer]);
      return FALSE;
    }
  }

  return TRUE;
}

gboolean
v4l2_layout_from_format (
    V4l2Layout *layout, const struct v4l2_format *format, GError **error)
{
  guint32 fourcc = v4l2_format_get_pixelformat (format);
  const GstVideoFormatInfo *info;
  V4l2Colorimetry colorimetry;
  guint32 field;

  *layout = (V4l2Layout) { .info = v4l2_format_info_from_v4l2 (fourcc) };
  if (!layout->info) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "pixel format %" GST_FOURCC_FORMAT " is no raw video format that the "
        "element knows",
        GST_FOURCC_ARGS (fourcc));
    return FALSE;
  }

  info = gst_video_format_get_info (layout->info->format);
  layout->n_planes = GST_VIDEO_FORMAT_INFO_N_PLANES (info);
  v4l2_format_get_size (format, &layout->width, &layout->height);
  if (layout->width == 0 || layout->height == 0) {
    g_set_error (error, DMABUF_ERROR, EINVAL, "the driver reports a size of 0");
    return FALSE;
  }

  v4l2_colorimetry_get (format, &colorimetry);
  v4l2_colorimetry_to_gst (
      &colorimetry, GST_VIDEO_FORMAT_INFO_IS_RGB (info), &layout->colorimetry);

  if (V4L2_TYPE_IS_MULTIPLANAR (format->type)) {
    const struct v4l2_pix_format_mplane *pix = &format->fmt.pix_mp;

    if (pix->num_planes != layout->info->n_buffers) {
      g_set_error (error, DMABUF_ERROR, EINVAL,
          "the driver has %u buffers for a frame of %" GST_FOURCC_FORMAT
          ", which has %u",
          pix->num_planes, GST_FOURCC_ARGS (fourcc), layout->info->n_buffers);
      return FALSE;
    }
    if (layout->info->n_buffers > 1)
      layout_set_separate (layout, pix);
    else
      layout_set_contiguous (
          layout, pix->plane_fmt[0].bytesperline, pix->plane_fmt[0].sizeimage);
    field = pix->field;
  } else {
    layout_set_contiguous (
        layout, format->fmt.pix.bytesperline, format->fmt.pix.sizeimage);
    field = format->fmt.pix.field;
  }

  return layout_set_field (layout, field, error)
      && layout_check (layout, error);
}

gboolean
v4l2_layout_is_default (const V4l2Layout *layout, char **reason)
{
  GstVideoInfo info;
  guint i;

  if (!gst_video_info_set_format (
          &info, layout->info->format, layout->width, layout->height))
    return FALSE;

  for (i = 0; i < layout->n_planes; i++) {
    if (layout->strides[i] == GST_VIDEO_INFO_PLANE_STRIDE (&info, i)
        && layout->offsets[i] == GST_VIDEO_INFO_PLANE_OFFSET (&info, i))
      continue;

    if (reason)
      *reason = g_strdup_printf ("plane %u begins at byte %" G_GSIZE_FORMAT
                                 " with rows of %d bytes "
                                 "instead of %" G_GSIZE_FORMAT " and %d",
          i, layout->offsets[i], layout->strides[i],
          GST_VIDEO_INFO_PLANE_OFFSET (&info, i),
          GST_VIDEO_INFO_PLANE_STRIDE (&info, i));
    return FALSE;
  }

  return TRUE;
}
