/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The output of the shaders, compared with the reference in double precision:
 * matrices, ranges, siting of chroma, scaling, rotation, crop, borders, odd and
 * extreme sizes, any pitch and offset. Formats are in formats.c.
 *
 * A CPU driver takes long to compile a shader. So the short lane varies all
 * that on few pairs of formats.
 */

#include <gst/check/gstcheck.h>
#include <drm/drm_fourcc.h>

#include "conversion-case.h"
#include "pixels-upstream.h"

static gboolean
is_rgb (guint32 fourcc)
{
  return gpu_format_is_rgb (gpu_format_get (fourcc));
}

/* --- colour -------------------------------------------------------------- */

GST_START_TEST (every_matrix_and_range_to_every_other)
{
  static const GstVideoColorMatrix matrices[] = {
    GST_VIDEO_COLOR_MATRIX_BT601,
    GST_VIDEO_COLOR_MATRIX_BT709,
    GST_VIDEO_COLOR_MATRIX_BT2020,
  };
  /* The short lane has the first five. */
  static const guint32 pairs[][2] = {
    { DRM_FORMAT_NV12, DRM_FORMAT_XRGB8888 },
    { DRM_FORMAT_XRGB8888, DRM_FORMAT_NV12 },
    { DRM_FORMAT_NV12, DRM_FORMAT_NV12 },
    { DRM_FORMAT_P010, DRM_FORMAT_NV12 },
    { DRM_FORMAT_NV12, DRM_FORMAT_P010 },
    { DRM_FORMAT_NV12, DRM_FORMAT_YUYV },
    { DRM_FORMAT_P010, DRM_FORMAT_ARGB8888 },
  };
  guint n = case_is_long () ? G_N_ELEMENTS (pairs) : 5;
  guint i, a, b, r;

  for (i = 0; i < n; i++) {
    for (a = 0; a < G_N_ELEMENTS (matrices); a++) {
      for (b = 0; b < G_N_ELEMENTS (matrices); b++) {
        for (r = 0; r < 4; r++) {
          Case c = case_get_usual (pairs[i][0], pairs[i][1]);

          if (!is_rgb (c.in))
            c.in_color.matrix = matrices[a];
          if (!is_rgb (c.out))
            c.out_color.matrix = matrices[b];
          c.in_color.limited = r & 1;
          c.out_color.limited = r >> 1;
          c.bilinear = TRUE;
          case_run (&c, "colour");
        }
      }
    }
  }
  g_print ("colour: %u conversions, greatest difference %.2f codes\n",
      case_n_tried, case_greatest_difference);
}
GST_END_TEST

GST_START_TEST (every_siting_of_chroma)
{
  static const guint32 formats[] = {
    DRM_FORMAT_NV12,
    DRM_FORMAT_YUYV,
    DRM_FORMAT_XRGB8888,
    DRM_FORMAT_YUV420,
  };
  guint i, j, a, b, turn;

  for (i = 0; i < G_N_ELEMENTS (formats); i++) {
    for (j = 0; j < G_N_ELEMENTS (formats); j++) {
      if (case_is_left_out (formats[i], formats[j]))
        continue;
      for (a = 0; a < 4; a++) {
        for (b = 0; b < 4; b++) {
          for (turn = 0; turn < 2; turn++) {
            Case c = case_get_usual (formats[i], formats[j]);

            c.in_color.h_cosited = a & 1;
            c.in_color.v_cosited = a >> 1;
            c.out_color.h_cosited = b & 1;
            c.out_color.v_cosited = b >> 1;
            c.orientation = turn ? GST_VIDEO_ORIENTATION_90L
                                 : GST_VIDEO_ORIENTATION_IDENTITY;
            c.bilinear = TRUE;
            case_run (&c, "siting");
          }
        }
      }
    }
  }
  g_print ("siting: %u conversions, greatest difference %.2f codes\n",
      case_n_tried, case_greatest_difference);
}
GST_END_TEST

/* --- geometry ------------------------------------------------------------ */

GST_START_TEST (every_orientation_scale_and_crop)
{
  /* The short lane has the first two. */
  static const guint32 pairs[][2] = {
    { DRM_FORMAT_NV12, DRM_FORMAT_XRGB8888 },
    { DRM_FORMAT_XRGB8888, DRM_FORMAT_NV12 },
    { DRM_FORMAT_YUYV, DRM_FORMAT_P010 },
    { DRM_FORMAT_NV12, DRM_FORMAT_NV12 },
  };
  static const gint sizes[][2] = { { 37, 23 }, { 18, 11 }, { 64, 9 } };
  static const GstVideoRectangle crops[] = { { 0, 0, 0, 0 }, { 5, 3, 20, 11 },
    { 36, 22, 1, 1 }, { 8, 4, 16, 16 } };
  static const GstVideoRectangle rects[] = { { 0, 0, 0, 0 }, { 3, 2, 11, 5 } };
  guint n = case_is_long () ? G_N_ELEMENTS (pairs) : 2;
  guint n_crops = case_is_long () ? G_N_ELEMENTS (crops) : 3;
  guint i, s, k, r, o, f;

  for (i = 0; i < n; i++) {
    for (s = 0; s < G_N_ELEMENTS (sizes); s++) {
      for (k = 0; k < n_crops; k++) {
        for (r = 0; r < G_N_ELEMENTS (rects); r++) {
          for (o = 0; o < GST_VIDEO_ORIENTATION_AUTO; o++) {
            for (f = 0; f < 2; f++) {
              Case c = case_get_usual (pairs[i][0], pairs[i][1]);

              c.out_width = sizes[s][0];
              c.out_height = sizes[s][1];
              c.crop = crops[k];
              c.rect = rects[r];
              c.orientation = o;
              c.bilinear = f;
              c.border = 0xff406080;
              case_run (&c, "geometry");
            }
          }
        }
      }
    }
  }
  g_print ("geometry: %u conversions, greatest difference %.2f codes\n",
      case_n_tried, case_greatest_difference);
}
GST_END_TEST

GST_START_TEST (extreme_sizes)
{
  static const gint sizes[][2] = { { 1, 1 }, { 8192, 1 }, { 1, 8192 }, { 2, 2 },
    { 3, 1 }, { 1, 3 } };
  static const guint32 formats[] = { DRM_FORMAT_NV12, DRM_FORMAT_XRGB8888,
    DRM_FORMAT_YUYV, DRM_FORMAT_RGB565, DRM_FORMAT_P010 };
  guint i, j, s, f;

  for (i = 0; i < G_N_ELEMENTS (formats); i++) {
    for (j = 0; j < G_N_ELEMENTS (formats); j++) {
      if (case_is_left_out (formats[i], formats[j]))
        continue;
      for (s = 0; s < G_N_ELEMENTS (sizes); s++) {
        for (f = 0; f < 2; f++) {
          Case c = case_get_usual (formats[i], formats[j]);

          c.in_width = c.out_width = sizes[s][0];
          c.in_height = c.out_height = sizes[s][1];
          c.bilinear = f;
          c.padding = case_is_long ();
          case_run (&c, "size");
        }
      }
    }
  }
  g_print ("sizes: %u conversions, greatest difference %.2f codes\n",
      case_n_tried, case_greatest_difference);
}
GST_END_TEST

int
main (int argc, char **argv)
{
  Suite *suite = suite_create ("vulkan-pixels");
  TCase *tcase = tcase_create ("reference");

  case_init (&argc, &argv);
  tcase_add_unchecked_fixture (tcase, case_open_gpu, case_close_gpu);
  tcase_add_checked_fixture (tcase, case_reset_counts, NULL);
  tcase_add_test (tcase, every_matrix_and_range_to_every_other);
  tcase_add_test (tcase, every_siting_of_chroma);
  tcase_add_test (tcase, every_orientation_scale_and_crop);
  tcase_add_test (tcase, extreme_sizes);
  pixels_add_upstream_tests (tcase);
  suite_add_tcase (suite, tcase);

  return gst_check_run_suite (suite, "vulkan-pixels", __FILE__);
}
