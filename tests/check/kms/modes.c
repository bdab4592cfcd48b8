/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-mode.h"

#include <errno.h>
#include <gst/check/gstcheck.h>

/* The clock in kHz for a total of width × height pixels. */
#define MODE(w, h, millihertz, flags) \
  { .clock = (guint32) ((guint64) (w) * (h) * (millihertz) / 1000000), \
    .hdisplay = (w), \
    .htotal = (w), \
    .vdisplay = (h), \
    .vtotal = (h), \
    .vrefresh = (millihertz) / 1000, \
    .type = (flags) }

static const drmModeModeInfo modes[] = {
  MODE (1920, 1080, 60000, DRM_MODE_TYPE_PREFERRED),
  MODE (1920, 1080, 50000, 0),
  MODE (1920, 1080, 59940, 0),
  MODE (1920, 1080, 24000, 0),
  MODE (1280, 720, 50000, 0),
  MODE (1280, 720, 60000, 0),
  MODE (3840, 2160, 30000, 0),
};
#define N_MODES ((int) G_N_ELEMENTS (modes))

GST_START_TEST (test_parse)
{
  static const char *const wrong[] = { "", "x", "1280", "1280x", "x720",
    "1280x720@", "1280x720@x", "1280x720@0", "1280x720@-60", "1280 x720",
    "1280x720@60Hz", "0x720", "1280x0", "99999999999999999999x720",
    "1280x65536", "1280x720@1001", "-1x720", "1280x720@nan" };
  KmsModeRequest request = { 0 };
  GError *error = NULL;
  guint i;

  fail_unless (kms_mode_parse ("1280x720", &request, NULL));
  fail_unless_equals_int (request.width, 1280);
  fail_unless_equals_int (request.height, 720);
  fail_unless (request.refresh == 0);
  fail_unless (kms_mode_parse ("1920x1080@59.94", &request, NULL));
  fail_unless (request.refresh == 59.94);

  for (i = 0; i < G_N_ELEMENTS (wrong); i++) {
    fail_if (kms_mode_parse (wrong[i], &request, &error), "%s", wrong[i]);
    fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
    /* The message has the text, and an example. */
    fail_unless (strstr (error->message, wrong[i]) != NULL);
    fail_unless (strstr (error->message, "1280x720@60") != NULL);
    g_clear_error (&error);
  }
}
GST_END_TEST;

GST_START_TEST (test_refresh)
{
  drmModeModeInfo mode = MODE (1920, 1080, 59940, 0);
  char *text;

  fail_unless (ABS (kms_mode_get_refresh (&mode) - 59.94) < 0.001);
  text = kms_mode_to_string (&mode);
  fail_unless_equals_string (text, "1920x1080@59.94");
  g_free (text);

  mode.flags = DRM_MODE_FLAG_INTERLACE;
  fail_unless (ABS (kms_mode_get_refresh (&mode) - 119.88) < 0.001);
  mode.flags = DRM_MODE_FLAG_DBLSCAN;
  fail_unless (ABS (kms_mode_get_refresh (&mode) - 29.97) < 0.001);
  mode.flags = 0;
  mode.vscan = 2;
  fail_unless (ABS (kms_mode_get_refresh (&mode) - 29.97) < 0.001);
  mode.clock = 0;
  mode.vrefresh = 60;
  fail_unless (kms_mode_get_refresh (&mode) == 60);
}
GST_END_TEST;

static void
assert_found (const char *text, int index)
{
  KmsModeRequest request;

  fail_unless (kms_mode_parse (text, &request, NULL));
  fail_unless (kms_mode_find (modes, N_MODES, &request)
          == (index < 0 ? NULL : &modes[index]),
      "%s", text);
}

GST_START_TEST (test_find)
{
  assert_found ("1920x1080", 0);
  assert_found ("1920x1080@60", 0);
  assert_found ("1920x1080@59.94", 2);
  assert_found ("1920x1080@50", 1);
  assert_found ("1920x1080@55", -1);
  assert_found ("1280x720", 5);
  assert_found ("1280x721", -1);
}
GST_END_TEST;

static void
assert_chosen (guint width, guint height, int fps_n, int fps_d, int index)
{
  fail_unless (kms_mode_choose (modes, N_MODES, width, height, fps_n, fps_d)
          == (index < 0 ? NULL : &modes[index]),
      "%ux%u at %d/%d", width, height, fps_n, fps_d);
}

GST_START_TEST (test_choose_by_rate)
{
  assert_chosen (1920, 1080, 0, 1, 0);
  assert_chosen (1920, 1080, 60, 1, 0);
  assert_chosen (1920, 1080, 30, 1, 0);
  assert_chosen (1920, 1080, 25, 1, 1);
  assert_chosen (1920, 1080, 24, 1, 3);
  assert_chosen (1920, 1080, 30000, 1001, 2);
  /* Faster than every mode: the nearest one. */
  assert_chosen (1280, 720, 1000, 1, 5);
  assert_chosen (1280, 720, 25, 1, 4);
  assert_chosen (1281, 720, 25, 1, -1);
}
GST_END_TEST;

GST_START_TEST (test_choose_around)
{
  fail_unless (kms_mode_choose_around (modes, N_MODES, 0, 0) == &modes[0]);
  fail_unless (kms_mode_choose_around (modes, N_MODES, 640, 480) == &modes[0]);
  fail_unless (
      kms_mode_choose_around (modes, N_MODES, 2000, 1080) == &modes[6]);
  fail_unless (kms_mode_choose_around (modes, N_MODES, 4000, 1080) == NULL);
  /* Without a preferred mode, the smallest one that is large enough. */
  fail_unless (
      kms_mode_choose_around (modes + 1, N_MODES - 1, 640, 480) == &modes[4]);
  fail_unless (kms_mode_choose_around (NULL, 0, 0, 0) == NULL);
}
GST_END_TEST;

static Suite *
kms_modes_suite (void)
{
  Suite *suite = suite_create ("kms-modes");
  TCase *tcase = tcase_create ("modes");

  suite_add_tcase (suite, tcase);
  tcase_add_test (tcase, test_parse);
  tcase_add_test (tcase, test_refresh);
  tcase_add_test (tcase, test_find);
  tcase_add_test (tcase, test_choose_by_rate);
  tcase_add_test (tcase, test_choose_around);

  return suite;
}

GST_CHECK_MAIN (kms_modes);
