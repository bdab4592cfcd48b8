/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The output of the shaders, compared with the reference in double precision:
 * every format to every other. The table shows the greatest differences.
 *
 * A CPU driver takes long to compile a shader. So the short lane has each
 * format once on each side, and under a sanitizer, which doubles that time,
 * only the formats of the other tests.
 */

#include <gst/check/gstcheck.h>
#include <drm/drm_fourcc.h>

#include "conversion-case.h"

/* Selects pairs of the table so that each format is once the input and once the
 * output. */
static gboolean
is_one_of_each (guint i, guint j)
{
  return j == (i + gpu_n_formats / 2) % gpu_n_formats;
}

typedef enum
{
  SHORT_PAIRS = 1 << 0,
#ifdef __SANITIZE_ADDRESS__
  SHORT_ONE_OF_EACH = 0,
#else
  SHORT_ONE_OF_EACH = 1 << 1,
#endif
} Short;

static gboolean
is_shown (guint i, guint j, Short list)
{
  return (list & SHORT_ONE_OF_EACH && is_one_of_each (i, j))
      || !case_is_left_out (gpu_formats[i].fourcc, gpu_formats[j].fourcc);
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

int
main (int argc, char **argv)
{
  Suite *suite = suite_create ("vulkan-formats");
  TCase *tcase = tcase_create ("reference");

  case_init (&argc, &argv);
  tcase_add_unchecked_fixture (tcase, case_open_gpu, case_close_gpu);
  tcase_add_checked_fixture (tcase, case_reset_counts, NULL);
  tcase_add_test (tcase, every_format_to_every_other_nearest);
  tcase_add_test (tcase, every_format_to_every_other_bilinear);
  tcase_add_test (tcase, every_format_in_images_is_what_it_is_in_buffers);
  suite_add_tcase (suite, tcase);

  return gst_check_run_suite (suite, "vulkan-formats", __FILE__);
}
