/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>
#include <linux/videodev2.h>

G_BEGIN_DECLS

/* The four fields with which V4L2 describes colours. */
typedef struct
{
  guint32 colorspace;   /* enum v4l2_colorspace */
  guint32 ycbcr_enc;    /* enum v4l2_ycbcr_encoding */
  guint32 quantization; /* enum v4l2_quantization */
  guint32 xfer_func;    /* enum v4l2_xfer_func */
} V4l2Colorimetry;

/* Reads what the driver says, its DEFAULT values resolved as the V4L2
 * specification defines them. Unknown fields stay unknown. */
void v4l2_colorimetry_to_gst (const V4l2Colorimetry *v4l2, gboolean is_rgb,
    GstVideoColorimetry *colorimetry);

/* What to ask of the driver; DEFAULT for what V4L2 has no name for. */
void v4l2_colorimetry_from_gst (
    const GstVideoColorimetry *colorimetry, V4l2Colorimetry *v4l2);

/* The fields inside of a format. */
void
v4l2_colorimetry_get (const struct v4l2_format *format, V4l2Colorimetry *v4l2);

/* Asks for these colours in S_FMT. Drivers that convert obey, others answer
 * with their own. */
void
v4l2_colorimetry_set (struct v4l2_format *format, const V4l2Colorimetry *v4l2);

G_END_DECLS
