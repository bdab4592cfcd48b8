/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Formats, layouts and colours: tables and arithmetic without a device. */

#include "gst/v4l2/v4l2-colorimetry.h"
#include "gst/v4l2/v4l2-format.h"
#include "../lib/backend.h"

#include <errno.h>

/* Each row is found by its V4L2 name, which is unique. */
GST_START_TEST (test_table_round_trip)
{
  const V4l2FormatInfo *table;
  guint i, n;

  table = v4l2_format_table (&n);
  fail_unless (n > 30);
  for (i = 0; i < n; i++) {
    fail_unless (v4l2_format_info_from_v4l2 (table[i].v4l2) == &table[i],
        "%" GST_FOURCC_FORMAT " is there twice",
        GST_FOURCC_ARGS (table[i].v4l2));
    fail_unless (v4l2_format_info_matches (&table[i], table[i].format, 0));
    fail_if (v4l2_format_info_matches (&table[i], GST_VIDEO_FORMAT_ENCODED, 0));
  }
  fail_unless (v4l2_format_info_from_v4l2 (V4L2_PIX_FMT_MJPEG) == NULL);
}
GST_END_TEST;

/* The DRM names agree with GStreamer's own table. */
GST_START_TEST (test_table_agrees_with_gstreamer)
{
  const V4l2FormatInfo *table;
  guint i, n;

  table = v4l2_format_table (&n);
  for (i = 0; i < n; i++) {
    guint32 theirs = gst_video_dma_drm_fourcc_from_format (table[i].format);

    /* GStreamer 1.24 lacks two names that 1.26 has. */
    if (theirs == 0 || theirs == GST_MAKE_FOURCC ('I', 'N', 'V', 'D'))
      continue;
    fail_unless (theirs == table[i].drm,
        "%s: %" GST_FOURCC_FORMAT ", for GStreamer %" GST_FOURCC_FORMAT,
        gst_video_format_to_string (table[i].format),
        GST_FOURCC_ARGS (table[i].drm), GST_FOURCC_ARGS (theirs));
  }
}
GST_END_TEST;

/* Formats with "M" have one buffer for each plane. */
GST_START_TEST (test_table_buffers)
{
  const V4l2FormatInfo *table;
  guint i, n;

  table = v4l2_format_table (&n);
  for (i = 0; i < n; i++) {
    const GstVideoFormatInfo *info =
        gst_video_format_get_info (table[i].format);

    fail_unless (table[i].n_buffers == 1
        || table[i].n_buffers == GST_VIDEO_FORMAT_INFO_N_PLANES (info));
  }
}
GST_END_TEST;

static struct v4l2_format
single_planar (
    guint32 fourcc, guint width, guint height, guint line, guint size)
{
  struct v4l2_format format = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };

  format.fmt.pix.pixelformat = fourcc;
  format.fmt.pix.width = width;
  format.fmt.pix.height = height;
  format.fmt.pix.bytesperline = line;
  format.fmt.pix.sizeimage = size;
  format.fmt.pix.field = V4L2_FIELD_NONE;
  format.fmt.pix.colorspace = V4L2_COLORSPACE_REC709;
  return format;
}

/* For frames without padding GStreamer's layout equals that of V4L2's rules. */
GST_START_TEST (test_layout_of_tight_frames)
{
  const V4l2FormatInfo *table;
  guint i, j, n;

  table = v4l2_format_table (&n);
  for (i = 0; i < n; i++) {
    struct v4l2_format format;
    GError *error = NULL;
    V4l2Layout layout;
    GstVideoInfo info;

    if (table[i].n_buffers > 1)
      continue;

    gst_video_info_set_format (&info, table[i].format, 320, 240);
    format = single_planar (table[i].v4l2, 320, 240,
        GST_VIDEO_INFO_PLANE_STRIDE (&info, 0), GST_VIDEO_INFO_SIZE (&info));
    v4l2_layout_from_format (&layout, &format, &error);
    assert_no_error (error);

    fail_unless_equals_int (layout.n_planes, GST_VIDEO_INFO_N_PLANES (&info));
    for (j = 0; j < layout.n_planes; j++) {
      fail_unless_equals_int (
          layout.strides[j], GST_VIDEO_INFO_PLANE_STRIDE (&info, j));
      fail_unless_equals_int (
          layout.offsets[j], GST_VIDEO_INFO_PLANE_OFFSET (&info, j));
    }
    fail_unless (v4l2_layout_is_default (&layout, NULL));
  }
}
GST_END_TEST;

/* With padded rows the padding of chroma follows from that of luma, and the
 * layout is not the default one. */
GST_START_TEST (test_layout_of_padded_frames)
{
  struct v4l2_format format =
      single_planar (V4L2_PIX_FMT_YUV420, 100, 50, 128, 128 * 50 + 2 * 64 * 25);
  GError *error = NULL;
  char *reason = NULL;
  V4l2Layout layout;

  v4l2_layout_from_format (&layout, &format, &error);
  assert_no_error (error);
  fail_unless_equals_int (layout.strides[0], 128);
  fail_unless_equals_int (layout.strides[1], 64);
  fail_unless_equals_int (layout.strides[2], 64);
  fail_unless_equals_int (layout.offsets[1], 128 * 50);
  fail_unless_equals_int (layout.offsets[2], 128 * 50 + 64 * 25);
  fail_if (v4l2_layout_is_default (&layout, &reason));
  fail_unless (strstr (reason, "rows of 128 bytes instead of 0 and 100"));
  g_free (reason);
}
GST_END_TEST;

GST_START_TEST (test_layout_of_separate_planes)
{
  struct v4l2_format format = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE };
  struct v4l2_pix_format_mplane *pix = &format.fmt.pix_mp;
  GError *error = NULL;
  V4l2Layout layout;

  pix->pixelformat = V4L2_PIX_FMT_NV12M;
  pix->width = 64;
  pix->height = 48;
  pix->num_planes = 2;
  pix->plane_fmt[0].bytesperline = pix->plane_fmt[1].bytesperline = 80;
  pix->plane_fmt[0].sizeimage = 80 * 48 + 100;
  pix->plane_fmt[1].sizeimage = 80 * 24;

  v4l2_layout_from_format (&layout, &format, &error);
  assert_no_error (error);
  fail_unless_equals_int (layout.n_buffers, 2);
  fail_unless_equals_int (layout.sizes[0], 80 * 48 + 100);
  fail_unless_equals_int (layout.sizes[1], 80 * 24);
  fail_unless_equals_int (layout.offsets[0], 0);
  fail_unless_equals_int (layout.offsets[1], layout.sizes[0]);

  /* One buffer instead of separate ones is an error. */
  pix->num_planes = 1;
  fail_if (v4l2_layout_from_format (&layout, &format, &error));
  assert_error (error, EINVAL);
}
GST_END_TEST;

/* SEC-7: the layout of a broken driver that reaches out of its buffer is
 * refused.
 */
GST_START_TEST (test_layout_that_is_impossible)
{
  static const struct
  {
    guint32 fourcc;
    guint width, height, line, size;
  } broken[] = {
    { V4L2_PIX_FMT_XBGR32, 64, 48, 255, 256 * 48 },
    { V4L2_PIX_FMT_XBGR32, 64, 48, 0, 256 * 48 },
    { V4L2_PIX_FMT_XBGR32, 64, 48, 256, 256 * 48 - 1 },
    { V4L2_PIX_FMT_XBGR32, 0, 48, 256, 256 * 48 },
    { V4L2_PIX_FMT_NV12, 64, 48, 64, 64 * 48 },
    { V4L2_PIX_FMT_NV12, 64, 48, 64, 64 * 72 - 1 },
    { V4L2_PIX_FMT_YUV420, 65535, 65535, 0xffffffff, 0xffffffff },
    { V4L2_PIX_FMT_MJPEG, 64, 48, 64, 64 * 48 },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (broken); i++) {
    struct v4l2_format format = single_planar (broken[i].fourcc,
        broken[i].width, broken[i].height, broken[i].line, broken[i].size);
    GError *error = NULL;
    V4l2Layout layout;

    fail_if (v4l2_layout_from_format (&layout, &format, &error),
        "line %u was believed", i);
    assert_error (error, EINVAL);
  }
}
GST_END_TEST;

GST_START_TEST (test_layout_of_fields)
{
  static const struct
  {
    guint32 field;
    gboolean ok;
    GstVideoInterlaceMode mode;
    GstVideoFieldOrder order;
  } fields[] = {
    { V4L2_FIELD_NONE, TRUE, GST_VIDEO_INTERLACE_MODE_PROGRESSIVE,
        GST_VIDEO_FIELD_ORDER_UNKNOWN },
    { V4L2_FIELD_INTERLACED, TRUE, GST_VIDEO_INTERLACE_MODE_INTERLEAVED,
        GST_VIDEO_FIELD_ORDER_UNKNOWN },
    { V4L2_FIELD_INTERLACED_TB, TRUE, GST_VIDEO_INTERLACE_MODE_INTERLEAVED,
        GST_VIDEO_FIELD_ORDER_TOP_FIELD_FIRST },
    { V4L2_FIELD_INTERLACED_BT, TRUE, GST_VIDEO_INTERLACE_MODE_INTERLEAVED,
        GST_VIDEO_FIELD_ORDER_BOTTOM_FIELD_FIRST },
    { V4L2_FIELD_ALTERNATE, FALSE },
    { V4L2_FIELD_TOP, FALSE },
    { V4L2_FIELD_SEQ_TB, FALSE },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (fields); i++) {
    struct v4l2_format format =
        single_planar (V4L2_PIX_FMT_YUYV, 64, 48, 128, 128 * 48);
    GError *error = NULL;
    V4l2Layout layout;

    format.fmt.pix.field = fields[i].field;
    if (!fields[i].ok) {
      fail_if (v4l2_layout_from_format (&layout, &format, &error));
      assert_error (error, EINVAL);
      continue;
    }
    v4l2_layout_from_format (&layout, &format, &error);
    assert_no_error (error);
    fail_unless_equals_int (layout.interlace_mode, fields[i].mode);
    fail_unless_equals_int (layout.field_order, fields[i].order);
  }
}
GST_END_TEST;

/* Well-known colorimetries get their names, and are converted back. */
GST_START_TEST (test_colorimetry_of_standards)
{
  static const struct
  {
    V4l2Colorimetry v4l2;
    gboolean is_rgb;
    const char *name;
  } standards[] = {
    { { V4L2_COLORSPACE_SMPTE170M }, FALSE, GST_VIDEO_COLORIMETRY_BT601 },
    { { V4L2_COLORSPACE_REC709 }, FALSE, GST_VIDEO_COLORIMETRY_BT709 },
    { { V4L2_COLORSPACE_SMPTE240M }, FALSE, GST_VIDEO_COLORIMETRY_SMPTE240M },
    { { V4L2_COLORSPACE_BT2020 }, FALSE, GST_VIDEO_COLORIMETRY_BT2020 },
    { { V4L2_COLORSPACE_SRGB, 0, V4L2_QUANTIZATION_FULL_RANGE }, TRUE,
        GST_VIDEO_COLORIMETRY_SRGB },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (standards); i++) {
    GstVideoColorimetry colorimetry, again;
    V4l2Colorimetry back;

    v4l2_colorimetry_to_gst (
        &standards[i].v4l2, standards[i].is_rgb, &colorimetry);
    fail_unless (
        gst_video_colorimetry_matches (&colorimetry, standards[i].name), "%s",
        standards[i].name);

    v4l2_colorimetry_from_gst (&colorimetry, &back);
    fail_unless_equals_int (back.colorspace, standards[i].v4l2.colorspace);
    v4l2_colorimetry_to_gst (&back, standards[i].is_rgb, &again);
    fail_unless (gst_video_colorimetry_is_equal (&colorimetry, &again));
  }
}
GST_END_TEST;

/* Any values of a driver survive the conversion to caps and back. */
GST_START_TEST (test_colorimetry_round_trip)
{
  guint space, matrix, range, transfer;

  for (space = 1; space <= V4L2_COLORSPACE_DCI_P3; space++)
    for (matrix = 1; matrix <= V4L2_YCBCR_ENC_SMPTE240M; matrix++)
      for (range = 1; range <= V4L2_QUANTIZATION_LIM_RANGE; range++)
        for (transfer = 1; transfer <= V4L2_XFER_FUNC_SMPTE2084; transfer++) {
          V4l2Colorimetry v4l2 = { space, matrix, range, transfer }, back;
          GstVideoColorimetry once, twice;

          v4l2_colorimetry_to_gst (&v4l2, FALSE, &once);
          if (once.primaries == GST_VIDEO_COLOR_PRIMARIES_UNKNOWN
              || once.matrix == GST_VIDEO_COLOR_MATRIX_UNKNOWN
              || once.transfer == GST_VIDEO_TRANSFER_UNKNOWN)
            continue;
          v4l2_colorimetry_from_gst (&once, &back);
          v4l2_colorimetry_to_gst (&back, FALSE, &twice);
          fail_unless (gst_video_colorimetry_is_equal (&once, &twice),
              "%u %u %u %u", space, matrix, range, transfer);
        }
}
GST_END_TEST;

GST_START_TEST (test_colorimetry_unknown)
{
  V4l2Colorimetry v4l2 = { V4L2_COLORSPACE_DEFAULT };
  GstVideoColorimetry colorimetry;

  v4l2_colorimetry_to_gst (&v4l2, FALSE, &colorimetry);
  fail_unless (gst_video_colorimetry_to_string (&colorimetry) == NULL);
}
GST_END_TEST;

static Suite *
format_suite (void)
{
  Suite *suite = suite_create ("v4l2-format");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_table_round_trip);
  tcase_add_test (tc, test_table_agrees_with_gstreamer);
  tcase_add_test (tc, test_table_buffers);
  tcase_add_test (tc, test_layout_of_tight_frames);
  tcase_add_test (tc, test_layout_of_padded_frames);
  tcase_add_test (tc, test_layout_of_separate_planes);
  tcase_add_test (tc, test_layout_that_is_impossible);
  tcase_add_test (tc, test_layout_of_fields);
  tcase_add_test (tc, test_colorimetry_of_standards);
  tcase_add_test (tc, test_colorimetry_round_trip);
  tcase_add_test (tc, test_colorimetry_unknown);

  return suite;
}

GST_CHECK_MAIN (format);
