/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "v4l2-colorimetry.h"

typedef struct
{
  guint32 v4l2;
  gint gst;
} Pair;

/* Several V4L2 values map to one GStreamer value; the first of them is used to
 * ask a driver for it. */

static const Pair primaries[] = {
  { V4L2_COLORSPACE_REC709, GST_VIDEO_COLOR_PRIMARIES_BT709 },
  { V4L2_COLORSPACE_SRGB, GST_VIDEO_COLOR_PRIMARIES_BT709 },
  { V4L2_COLORSPACE_JPEG, GST_VIDEO_COLOR_PRIMARIES_BT709 },
  { V4L2_COLORSPACE_SMPTE170M, GST_VIDEO_COLOR_PRIMARIES_SMPTE170M },
  { V4L2_COLORSPACE_SMPTE240M, GST_VIDEO_COLOR_PRIMARIES_SMPTE240M },
  { V4L2_COLORSPACE_470_SYSTEM_M, GST_VIDEO_COLOR_PRIMARIES_BT470M },
  { V4L2_COLORSPACE_470_SYSTEM_BG, GST_VIDEO_COLOR_PRIMARIES_BT470BG },
  { V4L2_COLORSPACE_BT2020, GST_VIDEO_COLOR_PRIMARIES_BT2020 },
  { V4L2_COLORSPACE_OPRGB, GST_VIDEO_COLOR_PRIMARIES_ADOBERGB },
  { V4L2_COLORSPACE_DCI_P3, GST_VIDEO_COLOR_PRIMARIES_SMPTERP431 },
};

static const Pair matrices[] = {
  { V4L2_YCBCR_ENC_601, GST_VIDEO_COLOR_MATRIX_BT601 },
  { V4L2_YCBCR_ENC_XV601, GST_VIDEO_COLOR_MATRIX_BT601 },
  { V4L2_YCBCR_ENC_SYCC, GST_VIDEO_COLOR_MATRIX_BT601 },
  { V4L2_YCBCR_ENC_709, GST_VIDEO_COLOR_MATRIX_BT709 },
  { V4L2_YCBCR_ENC_XV709, GST_VIDEO_COLOR_MATRIX_BT709 },
  { V4L2_YCBCR_ENC_BT2020, GST_VIDEO_COLOR_MATRIX_BT2020 },
  { V4L2_YCBCR_ENC_SMPTE240M, GST_VIDEO_COLOR_MATRIX_SMPTE240M },
};

static const Pair ranges[] = {
  { V4L2_QUANTIZATION_FULL_RANGE, GST_VIDEO_COLOR_RANGE_0_255 },
  { V4L2_QUANTIZATION_LIM_RANGE, GST_VIDEO_COLOR_RANGE_16_235 },
};

static const Pair transfers[] = {
  { V4L2_XFER_FUNC_709, GST_VIDEO_TRANSFER_BT709 },
  { V4L2_XFER_FUNC_709, GST_VIDEO_TRANSFER_BT601 },
  { V4L2_XFER_FUNC_709, GST_VIDEO_TRANSFER_BT2020_12 },
  { V4L2_XFER_FUNC_709, GST_VIDEO_TRANSFER_BT2020_10 },
  { V4L2_XFER_FUNC_SRGB, GST_VIDEO_TRANSFER_SRGB },
  { V4L2_XFER_FUNC_OPRGB, GST_VIDEO_TRANSFER_ADOBERGB },
  { V4L2_XFER_FUNC_SMPTE240M, GST_VIDEO_TRANSFER_SMPTE240M },
  { V4L2_XFER_FUNC_NONE, GST_VIDEO_TRANSFER_GAMMA10 },
  { V4L2_XFER_FUNC_SMPTE2084, GST_VIDEO_TRANSFER_SMPTE2084 },
};

/* 0 is unknown for GStreamer and DEFAULT for V4L2. */
static gint
pairs_to_gst (const Pair *pairs, guint n_pairs, guint32 v4l2)
{
  guint i;

  for (i = 0; i < n_pairs; i++) {
    if (pairs[i].v4l2 == v4l2)
      return pairs[i].gst;
  }

  return 0;
}

static guint32
pairs_to_v4l2 (const Pair *pairs, guint n_pairs, gint gst)
{
  guint i;

  for (i = 0; i < n_pairs; i++) {
    if (pairs[i].gst == gst)
      return pairs[i].v4l2;
  }

  return 0;
}

#define TO_GST(table, value) pairs_to_gst (table, G_N_ELEMENTS (table), value)
#define TO_V4L2(table, value) pairs_to_v4l2 (table, G_N_ELEMENTS (table), value)

void
v4l2_colorimetry_to_gst (const V4l2Colorimetry *v4l2, gboolean is_rgb,
    GstVideoColorimetry *colorimetry)
{
  guint32 xfer_func = v4l2->xfer_func;
  guint32 ycbcr_enc = v4l2->ycbcr_enc;
  guint32 quantization = v4l2->quantization;

  *colorimetry = (GstVideoColorimetry) { 0 };

  /* RAW is sensor data, whose colours are undefined. */
  if (v4l2->colorspace == V4L2_COLORSPACE_DEFAULT
      || v4l2->colorspace == V4L2_COLORSPACE_RAW)
    return;

  if (xfer_func == V4L2_XFER_FUNC_DEFAULT)
    xfer_func = V4L2_MAP_XFER_FUNC_DEFAULT (v4l2->colorspace);
  if (ycbcr_enc == V4L2_YCBCR_ENC_DEFAULT)
    ycbcr_enc = V4L2_MAP_YCBCR_ENC_DEFAULT (v4l2->colorspace);
  if (quantization == V4L2_QUANTIZATION_DEFAULT)
    quantization =
        V4L2_MAP_QUANTIZATION_DEFAULT (is_rgb, v4l2->colorspace, ycbcr_enc);

  colorimetry->primaries = TO_GST (primaries, v4l2->colorspace);
  colorimetry->range = TO_GST (ranges, quantization);
  colorimetry->matrix =
      is_rgb ? GST_VIDEO_COLOR_MATRIX_RGB : TO_GST (matrices, ycbcr_enc);
  colorimetry->transfer = TO_GST (transfers, xfer_func);

  /* BT.601, BT.709 and BT.2020 share one transfer function, which V4L2 calls
   * 709; GStreamer has a name for each standard. */
  if (xfer_func == V4L2_XFER_FUNC_709) {
    if (v4l2->colorspace == V4L2_COLORSPACE_SMPTE170M)
      colorimetry->transfer = GST_VIDEO_TRANSFER_BT601;
    else if (v4l2->colorspace == V4L2_COLORSPACE_BT2020)
      colorimetry->transfer = GST_VIDEO_TRANSFER_BT2020_12;
  }
}

void
v4l2_colorimetry_from_gst (
    const GstVideoColorimetry *colorimetry, V4l2Colorimetry *v4l2)
{
  v4l2->colorspace = TO_V4L2 (primaries, colorimetry->primaries);
  v4l2->ycbcr_enc = TO_V4L2 (matrices, colorimetry->matrix);
  v4l2->quantization = TO_V4L2 (ranges, colorimetry->range);
  v4l2->xfer_func = TO_V4L2 (transfers, colorimetry->transfer);

  /* V4L2 has a colorspace of its own for sRGB, which GStreamer describes as the
   * primaries of BT.709 with another transfer function. */
  if (v4l2->colorspace == V4L2_COLORSPACE_REC709
      && v4l2->xfer_func == V4L2_XFER_FUNC_SRGB)
    v4l2->colorspace = V4L2_COLORSPACE_SRGB;
}

void
v4l2_colorimetry_get (const struct v4l2_format *format, V4l2Colorimetry *v4l2)
{
  if (V4L2_TYPE_IS_MULTIPLANAR (format->type)) {
    const struct v4l2_pix_format_mplane *pix = &format->fmt.pix_mp;

    *v4l2 = (V4l2Colorimetry) { pix->colorspace, pix->ycbcr_enc,
      pix->quantization, pix->xfer_func };
  } else {
    const struct v4l2_pix_format *pix = &format->fmt.pix;

    *v4l2 = (V4l2Colorimetry) { pix->colorspace, pix->ycbcr_enc,
      pix->quantization, pix->xfer_func };
  }
}

void
v4l2_colorimetry_set (struct v4l2_format *format, const V4l2Colorimetry *v4l2)
{
  if (V4L2_TYPE_IS_MULTIPLANAR (format->type)) {
    struct v4l2_pix_format_mplane *pix = &format->fmt.pix_mp;

    pix->colorspace = v4l2->colorspace;
    pix->ycbcr_enc = v4l2->ycbcr_enc;
    pix->quantization = v4l2->quantization;
    pix->xfer_func = v4l2->xfer_func;
    pix->flags |= V4L2_PIX_FMT_FLAG_SET_CSC;
  } else {
    struct v4l2_pix_format *pix = &format->fmt.pix;

    pix->colorspace = v4l2->colorspace;
    pix->ycbcr_enc = v4l2->ycbcr_enc;
    pix->quantization = v4l2->quantization;
    pix->xfer_func = v4l2->xfer_func;
    pix->priv = V4L2_PIX_FMT_PRIV_MAGIC;
    pix->flags |= V4L2_PIX_FMT_FLAG_SET_CSC;
  }
}
