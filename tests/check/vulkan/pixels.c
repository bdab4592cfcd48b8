/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the shaders make of pixels, against the reference in double precision:
 * every format to every other, matrices, ranges, siting of chroma, scaling,
 * rotation, crop, borders, odd and extreme sizes, any pitch and offset. The
 * table says how far they are apart.
 *
 * A CPU that plays GPU compiles a shader for long. So the short lane has each
 * format once on each side, and what it varies it varies on few pairs.
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

/* --- the table: every format to every other ----------------------------- */

static gboolean
is_short (guint32 fourcc)
{
  return fourcc == DRM_FORMAT_NV12 || fourcc == DRM_FORMAT_XRGB8888;
}

/* In a list of formats: the short lane leaves out the pairs whose shaders
 * differ only in how bytes are fetched. */
static gboolean
is_left_out (guint32 in, guint32 out)
{
  return !case_is_long () && !(is_short (in) && is_short (out));
}

/* In the whole table: each format is once the input and once the output. */
static gboolean
is_one_of_each (guint i, guint j)
{
  return j == (i + gpu_n_formats / 2) % gpu_n_formats;
}

typedef enum
{
  SHORT_PAIRS = 1 << 0,
  SHORT_ONE_OF_EACH = 1 << 1,
} Short;

static gboolean
is_shown (guint i, guint j, Short list)
{
  return (list & SHORT_ONE_OF_EACH && is_one_of_each (i, j))
      || !is_left_out (gpu_formats[i].fourcc, gpu_formats[j].fourcc);
}

static void
run_pairs (gboolean in_image, gboolean out_image, gboolean nearest, Short list)
{
  guint i, j;

  g_print ("\n%s -> %s, greatest difference in codes, %s\n      ",
      in_image ? "images" : "buffers", out_image ? "images" : "buffers",
      nearest ? "nearest, same size" : "bilinear, scaled");
  for (j = 0; j < gpu_n_formats; j++)
    g_print (" %.4s", (const char *) &gpu_formats[j].fourcc);
  for (i = 0; i < gpu_n_formats; i++) {
    g_print ("\n %.4s ", (const char *) &gpu_formats[i].fourcc);
    for (j = 0; j < gpu_n_formats; j++) {
      Case c = case_get_usual (gpu_formats[i].fourcc, gpu_formats[j].fourcc);
      double difference;

      if (!is_shown (i, j, list)) {
        g_print ("     ");
        continue;
      }
      c.in_image = in_image;
      c.out_image = out_image;
      if (i == j || is_one_of_each (i, j)) {
        c.padding = 3;
        c.offset = 5;
      }
      c.bilinear = !nearest;
      if (!nearest) {
        c.out_width = 53;
        c.out_height = 19;
      }
      difference = case_run (&c, "pair");
      if (difference < 0)
        g_print ("    -");
      else
        g_print (" %4.2f", difference);
    }
  }
  g_print ("\n%u conversions, greatest difference %.2f codes, %u pipelines\n",
      case_n_tried, case_greatest_difference, case_get_n_pipelines ());
}

GST_START_TEST (every_format_to_every_other_nearest)
{
  run_pairs (FALSE, FALSE, TRUE, SHORT_PAIRS);
}
GST_END_TEST

GST_START_TEST (every_format_to_every_other_bilinear)
{
  run_pairs (FALSE, FALSE, FALSE, SHORT_PAIRS | SHORT_ONE_OF_EACH);
}
GST_END_TEST

GST_START_TEST (every_format_in_images_is_what_it_is_in_buffers)
{
  run_pairs (TRUE, TRUE, FALSE, SHORT_PAIRS);
}
GST_END_TEST

/* --- colour -------------------------------------------------------------- */

GST_START_TEST (every_matrix_and_range_to_every_other)
{
  static const GstVideoColorMatrix matrices[] = {
    GST_VIDEO_COLOR_MATRIX_BT601,
    GST_VIDEO_COLOR_MATRIX_BT709,
    GST_VIDEO_COLOR_MATRIX_BT2020,
  };
  /* the short lane has the first ones */
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

GST_START_TEST (chroma_lies_where_it_is_said_to_lie)
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
      if (is_left_out (formats[i], formats[j]))
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
  /* the short lane has the first two */
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
      if (is_left_out (formats[i], formats[j]))
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

static Suite *
pixels_suite (void)
{
  Suite *suite = suite_create ("pixels");
  TCase *tcase = tcase_create ("reference");

  tcase_add_unchecked_fixture (tcase, case_open_gpu, case_close_gpu);
  tcase_add_checked_fixture (tcase, case_reset_counts, NULL);
  tcase_add_test (tcase, every_format_to_every_other_nearest);
  tcase_add_test (tcase, every_format_to_every_other_bilinear);
  tcase_add_test (tcase, every_format_in_images_is_what_it_is_in_buffers);
  tcase_add_test (tcase, every_matrix_and_range_to_every_other);
  tcase_add_test (tcase, chroma_lies_where_it_is_said_to_lie);
  tcase_add_test (tcase, every_orientation_scale_and_crop);
  tcase_add_test (tcase, extreme_sizes);
  pixels_add_upstream_tests (tcase);
  suite_add_tcase (suite, tcase);

  return suite;
}

int
main (int argc, char **argv)
{
  Suite *suite;

  /* The tests share a GPU, whose threads would not come along. */
  g_setenv ("CK_FORK", "no", TRUE);
  gst_check_init (&argc, &argv);
  suite = pixels_suite ();

  return gst_check_run_suite (suite, "pixels", __FILE__);
}
