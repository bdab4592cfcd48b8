/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* compare_frames () must find every wrong pixel, and report no others. */

#include <gst/check/gstcheck.h>

#include "../../examples/compare-frames.h"

#define WIDTH 16
#define HEIGHT 8

static GstSample *
sample_new (const char *format, const char *colorimetry)
{
  GstCaps *caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING,
      format, "width", G_TYPE_INT, WIDTH, "height", G_TYPE_INT, HEIGHT,
      "framerate", GST_TYPE_FRACTION, 30, 1, NULL);
  GstBuffer *buffer;
  GstSample *sample;
  GstVideoInfo info;

  if (colorimetry)
    gst_caps_set_simple (caps, "colorimetry", G_TYPE_STRING, colorimetry, NULL);
  fail_unless (gst_video_info_from_caps (&info, caps));
  buffer = gst_buffer_new_and_alloc (GST_VIDEO_INFO_SIZE (&info));
  gst_buffer_memset (buffer, 0, 0, -1);
  sample = gst_sample_new (buffer, caps, NULL, NULL);
  gst_buffer_unref (buffer);
  gst_caps_unref (caps);

  return sample;
}

/* Sets one byte. */
static void
poke (GstSample *sample, gsize offset, guint8 value)
{
  gst_buffer_fill (gst_sample_get_buffer (sample), offset, &value, 1);
}

static void
fill_rgb (GstSample *sample, guint8 red, guint8 green, guint8 blue)
{
  guint i;

  for (i = 0; i < WIDTH * HEIGHT; i++) {
    poke (sample, i * 4, blue);
    poke (sample, i * 4 + 1, green);
    poke (sample, i * 4 + 2, red);
  }
}

static void
fill_nv12 (GstSample *sample, guint8 luma, guint8 cb, guint8 cr)
{
  guint i;

  gst_buffer_memset (gst_sample_get_buffer (sample), 0, luma, WIDTH * HEIGHT);
  for (i = 0; i < WIDTH * HEIGHT / 4; i++) {
    poke (sample, WIDTH * HEIGHT + i * 2, cb);
    poke (sample, WIDTH * HEIGHT + i * 2 + 1, cr);
  }
}

static void
compare (
    GstSample *sent, GstSample *shown, int tolerance, FrameComparison *result)
{
  GError *error = NULL;

  fail_unless (compare_frames (sent, shown, tolerance, result, &error), "%s",
      error ? error->message : "");
  fail_unless_equals_int (result->n_pixels, WIDTH * HEIGHT);
}

GST_START_TEST (test_equal_rgb_is_equal)
{
  GstSample *sent = sample_new ("BGRx", NULL);
  GstSample *shown = sample_new ("BGRx", NULL);
  FrameComparison result;

  fill_rgb (sent, 1, 2, 3);
  fill_rgb (shown, 1, 2, 3);
  compare (sent, shown, 0, &result);
  fail_unless_equals_int (result.n_different, 0);
  fail_unless_equals_int (result.greatest, 0);

  gst_sample_unref (sent);
  gst_sample_unref (shown);
}

GST_END_TEST;

GST_START_TEST (test_one_wrong_pixel_is_found)
{
  GstSample *sent = sample_new ("BGRx", NULL);
  GstSample *shown = sample_new ("BGRx", NULL);
  FrameComparison result;

  fill_rgb (sent, 1, 2, 3);
  fill_rgb (shown, 1, 2, 3);
  poke (shown, (5 * WIDTH + 7) * 4 + 1, 3);
  compare (sent, shown, 0, &result);
  fail_unless_equals_int (result.n_different, 1);
  fail_unless_equals_int (result.x, 7);
  fail_unless_equals_int (result.y, 5);
  fail_unless_equals_int (result.expected[1], 2);
  fail_unless_equals_int (result.shown[1], 3);

  compare (sent, shown, 1, &result);
  fail_unless_equals_int (result.n_different, 0);
  fail_unless_equals_int (result.greatest, 1);

  gst_sample_unref (sent);
  gst_sample_unref (shown);
}

GST_END_TEST;

GST_START_TEST (test_the_unused_byte_does_not_count)
{
  GstSample *sent = sample_new ("BGRx", NULL);
  GstSample *shown = sample_new ("BGRx", NULL);
  FrameComparison result;

  poke (shown, 3, 255);
  compare (sent, shown, 0, &result);
  fail_unless_equals_int (result.n_different, 0);

  gst_sample_unref (sent);
  gst_sample_unref (shown);
}

GST_END_TEST;

/* Values of ITU-R BT.601 and BT.709 in the limited range; the third is a red
 * bar of 75 %. */
static const struct
{
  const char *colorimetry;
  guint8 luma, cb, cr;
  guint8 red, green, blue;
} colours[] = {
  { "bt601", 16, 128, 128, 0, 0, 0 },
  { "bt601", 235, 128, 128, 255, 255, 255 },
  { "bt601", 65, 100, 212, 191, 0, 0 },
  { "bt601", 81, 90, 240, 255, 0, 0 },
  { "bt709", 63, 102, 240, 255, 0, 0 },
  { "bt709", 173, 42, 26, 0, 255, 0 },
  { "bt709", 32, 240, 118, 0, 0, 255 },
};

GST_START_TEST (test_yuv_is_converted_by_its_matrix)
{
  GstSample *sent = sample_new ("NV12", colours[__i__].colorimetry);
  GstSample *shown = sample_new ("BGRx", NULL);
  FrameComparison result;

  fill_nv12 (sent, colours[__i__].luma, colours[__i__].cb, colours[__i__].cr);
  fill_rgb (
      shown, colours[__i__].red, colours[__i__].green, colours[__i__].blue);
  compare (sent, shown, 2, &result);
  fail_unless (result.n_different == 0, "expected %d,%d,%d", result.expected[0],
      result.expected[1], result.expected[2]);

  gst_sample_unref (sent);
  gst_sample_unref (shown);
}

GST_END_TEST;

GST_START_TEST (test_the_wrong_matrix_is_found)
{
  GstSample *sent = sample_new ("NV12", "bt709");
  GstSample *shown = sample_new ("BGRx", NULL);
  FrameComparison result;

  /* Red in BT.601 */
  fill_nv12 (sent, 81, 90, 240);
  fill_rgb (shown, 255, 0, 0);
  compare (sent, shown, 3, &result);
  fail_unless_equals_int (result.n_different, WIDTH * HEIGHT);

  gst_sample_unref (sent);
  gst_sample_unref (shown);
}

GST_END_TEST;

GST_START_TEST (test_an_unsupported_format_is_an_error)
{
  GstSample *sent = sample_new ("GRAY8", NULL);
  GstSample *shown = sample_new ("BGRx", NULL);
  FrameComparison result;
  GError *error = NULL;

  fail_if (compare_frames (sent, shown, 0, &result, &error));
  fail_unless (error != NULL);
  g_clear_error (&error);

  gst_sample_unref (sent);
  gst_sample_unref (shown);
}

GST_END_TEST;

static Suite *
compare_frames_suite (void)
{
  Suite *suite = suite_create ("compare-frames");
  TCase *tcase = tcase_create ("general");

  suite_add_tcase (suite, tcase);
  tcase_add_test (tcase, test_equal_rgb_is_equal);
  tcase_add_test (tcase, test_one_wrong_pixel_is_found);
  tcase_add_test (tcase, test_the_unused_byte_does_not_count);
  tcase_add_loop_test (
      tcase, test_yuv_is_converted_by_its_matrix, 0, G_N_ELEMENTS (colours));
  tcase_add_test (tcase, test_the_wrong_matrix_is_found);
  tcase_add_test (tcase, test_an_unsupported_format_is_an_error);

  return suite;
}

GST_CHECK_MAIN (compare_frames);
