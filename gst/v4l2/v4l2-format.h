/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>
#include <linux/videodev2.h>

G_BEGIN_DECLS

/* The greatest number of planes, and of dma-bufs, of one frame. */
#define V4L2_MAX_PLANES 4

/*
 * One pixel format under its three names. V4L2 has two for a planar format: one
 * where the planes follow each other in a single buffer (NV12), and one where
 * each has its own (NV12M).
 */
typedef struct
{
  guint32 v4l2; /* V4L2_PIX_FMT_… */
  guint32 drm;  /* DRM_FORMAT_…, 0 if DRM does not have it */
  GstVideoFormat format;
  guint n_buffers; /* dma-bufs of one frame */
} V4l2FormatInfo;

/*
 * Where the pixels of a frame lie, as the driver decided it.
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
  gsize sizes[V4L2_MAX_PLANES]; /* of each dma-buf, its padding left out */

  /* As in GstVideoMeta: offsets from the start of the first dma-buf, if all lay
   * one behind the other. */
  guint n_planes;
  gsize offsets[V4L2_MAX_PLANES];
  gint strides[V4L2_MAX_PLANES];
} V4l2Layout;

/* The whole table, most wanted first. */
const V4l2FormatInfo *v4l2_format_table (guint *n_formats);

/* NULL for what is not in the table. */
const V4l2FormatInfo *v4l2_format_info_from_v4l2 (guint32 fourcc);

/* Whether @info is what caps with @format, or DMA_DRM caps with @drm (if that
 * is not 0) ask for. */
gboolean v4l2_format_info_matches (
    const V4l2FormatInfo *info, GstVideoFormat format, guint32 drm);

/* Reads a format that the driver returned. FALSE with an error of DMABUF_ERROR
 * if the element cannot express it. */
gboolean v4l2_layout_from_format (
    V4l2Layout *layout, const struct v4l2_format *format, GError **error);

/* Whether plane @i still lies in its buffer if a frame's begins @data_offset
 * bytes later. */
gboolean
v4l2_layout_plane_fits (const V4l2Layout *layout, guint i, guint32 data_offset);

/* Whether somebody who knows only the caps finds the pixels. If not, @reason
 * (optional, transfer full) says which plane lies elsewhere. */
gboolean v4l2_layout_is_default (const V4l2Layout *layout, char **reason);

/* The fields that both pix and pix_mp have. */
void
v4l2_format_set_size (struct v4l2_format *format, guint width, guint height);
void v4l2_format_set_pixelformat (struct v4l2_format *format, guint32 fourcc);
void v4l2_format_set_field (struct v4l2_format *format, enum v4l2_field field);
guint32 v4l2_format_get_pixelformat (const struct v4l2_format *format);
void v4l2_format_get_size (
    const struct v4l2_format *format, guint *width, guint *height);

G_END_DECLS
