/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>
#include <linux/videodev2.h>

G_BEGIN_DECLS

/* The four fields of a V4L2 format that describe colours. */
typedef struct
{
  guint32 colorspace;   /* enum v4l2_colorspace */
  guint32 ycbcr_enc;    /* enum v4l2_ycbcr_encoding */
  guint32 quantization; /* enum v4l2_quantization */
  guint32 xfer_func;    /* enum v4l2_xfer_func */
} V4l2Colorimetry;

/* Converts the driver's values; DEFAULT is resolved as the V4L2 specification
 * defines it. Values without a GStreamer counterpart become UNKNOWN. */
void v4l2_colorimetry_to_gst (const V4l2Colorimetry *v4l2, gboolean is_rgb,
    GstVideoColorimetry *colorimetry);

/* Converts to V4L2; values without a V4L2 counterpart become DEFAULT. */
void v4l2_colorimetry_from_gst (
    const GstVideoColorimetry *colorimetry, V4l2Colorimetry *v4l2);

/* Reads the fields from a format. */
void
v4l2_colorimetry_get (const struct v4l2_format *format, V4l2Colorimetry *v4l2);

/* Sets the fields for S_FMT, with SET_CSC: a driver that can convert does,
 * another one answers with its own values. */
void
v4l2_colorimetry_set (struct v4l2_format *format, const V4l2Colorimetry *v4l2);

G_END_DECLS
