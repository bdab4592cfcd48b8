/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The output of the shaders, compared with GstVideoConverter, which upstream's
 * videoconvertscale uses. It resamples chroma with filters of its own, so the
 * pictures here consist of blocks of 2x2 pixels of one colour.
 */

#include "pixels-upstream.h"
#include "conversion-case.h"

#include <drm/drm_fourcc.h>

/* --- upstream ---------------------------------------------------------------
 */

static void
set_frame (GstVideoFrame *frame, const RefFrame *ref, const RefColor *color)
{
  guint i;

  memset (frame, 0, sizeof (*frame));
  gst_video_info_set_format (&frame->info,
      GST_VIDEO_FORMAT_INFO_FORMAT (ref->format), ref->width, ref->height);
  frame->info.colorimetry.matrix = color->matrix;
  frame->info.colorimetry.range = color->limited ? GST_VIDEO_COLOR_RANGE_16_235
                                                 : GST_VIDEO_COLOR_RANGE_0_255;
  for (i = 0; i < GST_VIDEO_FORMAT_INFO_N_PLANES (ref->format); i++) {
    frame->data[i] = ref->data[i];
    frame->info.stride[i] = ref->pitch[i];
  }
}

static void
upstream_convert (const Case *c, HostFrame *in, HostFrame *out)
{
  GstVideoConverter *converter;
  GstVideoFrame from, to;

  set_frame (&from, &in->ref, &c->in_color);
  set_frame (&to, &out->ref, &c->out_color);
  converter = gst_video_converter_new (&from.info, &to.info,
      gst_structure_new ("options", GST_VIDEO_CONVERTER_OPT_DITHER_METHOD,
          GST_TYPE_VIDEO_DITHER_METHOD, GST_VIDEO_DITHER_NONE,
          GST_VIDEO_CONVERTER_OPT_CHROMA_MODE, GST_TYPE_VIDEO_CHROMA_MODE,
          GST_VIDEO_CHROMA_MODE_NONE, GST_VIDEO_CONVERTER_OPT_RESAMPLER_METHOD,
          GST_TYPE_VIDEO_RESAMPLER_METHOD,
          c->bilinear ? GST_VIDEO_RESAMPLER_METHOD_LINEAR
                      : GST_VIDEO_RESAMPLER_METHOD_NEAREST,
          NULL));
  g_assert_nonnull (converter);
  gst_video_converter_frame (converter, &from, &to);
  gst_video_converter_free (converter);
}

/* --- pictures ---------------------------------------------------------------
 */

static void
paint_blocks (RefFrame *frame)
{
  gint x, y;
  guint i;

  for (i = 0; i < frame->format->n_components; i++) {
    for (y = 0; y < ref_frame_get_height (frame, i); y++) {
      for (x = 0; x < ref_frame_get_width (frame, i); x++) {
        gint column = x << frame->format->w_sub[i];
        gint row = y << frame->format->h_sub[i];

        /* All pixels of a block get the first one's code. */
        column = (column & ~1) >> frame->format->w_sub[i];
        row = (row & ~1) >> frame->format->h_sub[i];
        ref_frame_set (frame, i, x, y, ref_frame_get (frame, i, column, row));
      }
    }
  }
}

static double
get_difference (const RefFrame *a, const RefFrame *b)
{
  double greatest = 0;
  gint x, y;
  guint i;

  for (i = 0; i < a->format->n_components; i++) {
    for (y = 0; y < ref_frame_get_height (a, i); y++) {
      for (x = 0; x < ref_frame_get_width (a, i); x++)
        greatest = MAX (greatest,
            fabs ((double) ref_frame_get (a, i, x, y)
                - ref_frame_get (b, i, x, y)));
    }
  }

  return greatest;
}

/* YUV is made of RGB, so that every colour exists in both. */
static void
paint (const Case *c, HostFrame *in)
{
  Case back = case_get_usual (DRM_FORMAT_XRGB8888, c->in);
  HostFrame *rgb, *other;

  back.in_width = back.out_width = c->in_width;
  back.in_height = back.out_height = c->in_height;
  back.out_color = c->in_color;
  g_assert_true (case_make_frames (&back, &rgb, &other));
  paint_blocks (&rgb->ref);
  case_convert (&back, rgb, in);
  case_free_frames (rgb, other);
}

/* @tolerance: 0 for case_get_tolerance () */
static void
compare (const Case *c, double tolerance)
{
  HostFrame *in, *out, *own_in, *theirs;
  double difference;

  g_assert_true (case_make_frames (c, &in, &out));
  g_assert_true (case_make_frames (c, &own_in, &theirs));
  paint (c, in);
  case_convert (c, in, out);
  upstream_convert (c, in, theirs);
  difference = get_difference (&out->ref, &theirs->ref);
  if (tolerance == 0)
    tolerance = case_get_tolerance (out->ref.format);
  if (difference > tolerance)
    g_print ("%s %dx%d %d -> %s %dx%d %d, %s: %g codes from upstream\n",
        in->ref.format->name, c->in_width, c->in_height, c->in_color.limited,
        out->ref.format->name, c->out_width, c->out_height,
        c->out_color.limited, c->bilinear ? "bilinear" : "nearest", difference);
  g_assert_cmpfloat (difference, <=, tolerance);
  case_free_frames (in, out);
  case_free_frames (own_in, theirs);
  case_n_tried++;
  case_greatest_difference = MAX (case_greatest_difference, difference);
}

/* --- tests ------------------------------------------------------------------
 */

static gboolean
is_rgb (guint32 fourcc)
{
  return gpu_format_is_rgb (gpu_format_get (fourcc));
}

static gboolean
is_left_out (guint32 fourcc)
{
  return !case_is_long () && fourcc != DRM_FORMAT_NV12
      && fourcc != DRM_FORMAT_XRGB8888 && fourcc != DRM_FORMAT_P010;
}

GST_START_TEST (formats_are_what_upstream_makes_of_them)
{
  guint i, j;

  for (i = 0; i < gpu_n_formats; i++) {
    for (j = 0; j < gpu_n_formats; j++) {
      Case c = case_get_usual (gpu_formats[i].fourcc, gpu_formats[j].fourcc);

      if (is_left_out (c.in) || is_left_out (c.out))
        continue;
      c.in_width = c.out_width = 36;
      c.in_height = c.out_height = 22;
      /* Upstream computes RGB from 8-bit YUV with 8-bit products, and is that
       * far from the correct value. */
      if (!is_rgb (c.in) && c.in != DRM_FORMAT_P010 && is_rgb (c.out))
        compare (&c, gpu_formats[j].bits[0] == 8 ? 6 : 2);
      else
        compare (&c, 0);
    }
  }
  g_print ("upstream, formats: %u conversions, greatest difference %g codes\n",
      case_n_tried, case_greatest_difference);
}
GST_END_TEST

GST_START_TEST (colours_are_what_upstream_makes_of_them)
{
  static const GstVideoColorMatrix matrices[] = {
    GST_VIDEO_COLOR_MATRIX_BT601,
    GST_VIDEO_COLOR_MATRIX_BT709,
    GST_VIDEO_COLOR_MATRIX_BT2020,
  };
  static const guint32 pairs[][2] = {
    { DRM_FORMAT_P010, DRM_FORMAT_XRGB8888 },
    { DRM_FORMAT_XRGB8888, DRM_FORMAT_P010 },
    { DRM_FORMAT_XRGB8888, DRM_FORMAT_NV12 },
  };
  guint i, m, r;

  for (i = 0; i < G_N_ELEMENTS (pairs); i++) {
    for (m = 0; m < G_N_ELEMENTS (matrices); m++) {
      for (r = 0; r < 2; r++) {
        Case c = case_get_usual (pairs[i][0], pairs[i][1]);
        RefColor *color = is_rgb (c.in) ? &c.out_color : &c.in_color;

        color->matrix = matrices[m];
        color->limited = r;
        c.in_width = c.out_width = 36;
        c.in_height = c.out_height = 22;
        compare (&c, 0);
      }
    }
  }
  g_print ("upstream, colours: %u conversions, greatest difference %g codes\n",
      case_n_tried, case_greatest_difference);
}
GST_END_TEST

GST_START_TEST (sizes_are_what_upstream_makes_of_them)
{
  static const gint nearest[][2] = { { 72, 44 }, { 108, 22 }, { 36, 88 } };
  /* Horizontally, upstream starts at the edge of the first pixel instead of its
   * centre. */
  static const gint bilinear[][2] = { { 36, 44 }, { 36, 88 }, { 36, 66 } };
  static const guint32 formats[] = { DRM_FORMAT_XRGB8888, DRM_FORMAT_NV12 };
  guint i, s, f;

  for (i = 0; i < G_N_ELEMENTS (formats); i++) {
    for (f = 0; f < 2; f++) {
      for (s = 0; s < G_N_ELEMENTS (nearest); s++) {
        Case c = case_get_usual (formats[i], formats[i]);

        c.in_width = 36;
        c.in_height = 22;
        c.out_width = f ? bilinear[s][0] : nearest[s][0];
        c.out_height = f ? bilinear[s][1] : nearest[s][1];
        c.bilinear = f;
        /* Upstream scales the planes as if chroma lay between the pixels. */
        c.in_color.h_cosited = c.out_color.h_cosited = FALSE;
        compare (&c, 0);
      }
    }
  }
  g_print ("upstream, sizes: %u conversions, greatest difference %g codes\n",
      case_n_tried, case_greatest_difference);
}
GST_END_TEST

void
pixels_add_upstream_tests (TCase *tcase)
{
  tcase_add_test (tcase, formats_are_what_upstream_makes_of_them);
  tcase_add_test (tcase, colours_are_what_upstream_makes_of_them);
  tcase_add_test (tcase, sizes_are_what_upstream_makes_of_them);
}
