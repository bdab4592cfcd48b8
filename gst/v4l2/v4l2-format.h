/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>
#include <linux/videodev2.h>

G_BEGIN_DECLS

/* The greatest number of planes, and of dma-bufs, of one frame. */
#define V4L2_MAX_PLANES 4

/*
 * The three names of one pixel format. V4L2 has two names for a planar format:
 * with its planes adjacent in one buffer (NV12), or in separate buffers
 * (NV12M).
 */
typedef struct
{
  guint32 v4l2; /* V4L2_PIX_FMT_… */
  guint32 drm;  /* DRM_FORMAT_…, 0 for a format without one */
  GstVideoFormat format;
  guint n_buffers; /* Dma-bufs of one frame */
} V4l2FormatInfo;

/*
 * The driver's layout of a frame.
 */
typedef struct
{
  const V4l2FormatInfo *info;
  guint width;
  guint height;
  GstVideoInterlaceMode interlace_mode;
  GstVideoFieldOrder field_order;
  GstVideoColorimetry colorimetry;

  guint n_buffers;
  gsize sizes[V4L2_MAX_PLANES]; /* Of each dma-buf, without padding */

  /* As in GstVideoMeta: offsets count from the start of the first dma-buf, as
   * if the others followed it directly. */
  guint n_planes;
  gsize offsets[V4L2_MAX_PLANES];
  gint strides[V4L2_MAX_PLANES];
} V4l2Layout;

/* The whole table, preferred formats first. */
const V4l2FormatInfo *v4l2_format_table (guint *n_formats);

/* NULL for a format outside the table. */
const V4l2FormatInfo *v4l2_format_info_from_v4l2 (guint32 fourcc);

/* Whether @info matches DMA_DRM caps with @drm, or plain caps with @format if
 * @drm is 0. */
gboolean v4l2_format_info_matches (
    const V4l2FormatInfo *info, GstVideoFormat format, guint32 drm);

/* Reads a format that the driver returned. FALSE with DMABUF_ERROR if the
 * element does not support it. */
gboolean v4l2_layout_from_format (
    V4l2Layout *layout, const struct v4l2_format *format, GError **error);

/* Whether plane @i still fits into its buffer in a frame that begins
 * @data_offset bytes later. */
gboolean
v4l2_layout_plane_fits (const V4l2Layout *layout, guint i, guint32 data_offset);

/* Whether a consumer without GstVideoMeta finds the planes. If not, @reason
 * (optional, transfer full) names the first plane that differs. */
gboolean v4l2_layout_is_default (const V4l2Layout *layout, char **reason);

/* Accessors of the fields that pix and pix_mp share. */
void
v4l2_format_set_size (struct v4l2_format *format, guint width, guint height);
void v4l2_format_set_pixelformat (struct v4l2_format *format, guint32 fourcc);
void v4l2_format_set_field (struct v4l2_format *format, enum v4l2_field field);
guint32 v4l2_format_get_pixelformat (const struct v4l2_format *format);
void v4l2_format_get_size (
    const struct v4l2_format *format, guint *width, guint *height);

G_END_DECLS
