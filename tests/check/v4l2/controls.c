/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The property extra-controls. */

#include "mock-driver.h"
#include "gst/v4l2/v4l2-controls.h"

#include <errno.h>

static MockControl controls[] = {
  { V4L2_CTRL_CLASS_USER | 1, V4L2_CTRL_TYPE_CTRL_CLASS, "User Controls" },
  { V4L2_CID_BRIGHTNESS, V4L2_CTRL_TYPE_INTEGER, "Brightness", 0, 255, 128 },
  { V4L2_CID_AUTO_WHITE_BALANCE, V4L2_CTRL_TYPE_BOOLEAN,
      "White Balance, Automatic", 0, 1, 0 },
  { V4L2_CID_AUTO_WHITE_BALANCE + 1, V4L2_CTRL_TYPE_INTEGER64, "(Big) one",
      G_MININT64, G_MAXINT64, 0 },
  { V4L2_CID_AUTO_WHITE_BALANCE + 2, V4L2_CTRL_TYPE_STRING, "Text", 0, 31, 0 },
};

static gboolean
set (const char *text, GError **error)
{
  GstStructure *structure = gst_structure_from_string (text, NULL);
  GError *open_error = NULL;
  V4l2Device *device;
  gboolean ok;

  fail_unless (structure != NULL, "%s", text);
  mock_driver.controls = controls;
  mock_driver.n_controls = G_N_ELEMENTS (controls);
  device = v4l2_device_open (&mock_api, "/dev/video0", &open_error);
  assert_no_error (open_error);
  ok = v4l2_controls_set (device, structure, error);
  v4l2_device_unref (device);
  gst_structure_free (structure);
  return ok;
}

GST_START_TEST (test_kinds_of_controls)
{
  GError *error = NULL;

  fail_unless (set ("c,brightness=7,white_balance_automatic=true,"
                    "big_one=(gint64)5000000000,text=hello",
      &error));
  assert_no_error (error);
  fail_unless_equals_int64 (controls[1].value, 7);
  fail_unless_equals_int64 (controls[2].value, 1);
  fail_unless_equals_int64 (controls[3].value, 5000000000);
  fail_unless_equals_string (controls[4].text, "hello");

  /* The name as v4l2-ctl shows it. */
  fail_unless (set ("c,Brightness=9", &error));
  fail_unless_equals_int64 (controls[1].value, 9);
}
GST_END_TEST;

/* Each control that fails is named with the reason; the others are set. */
GST_START_TEST (test_failures_are_named)
{
  GError *error = NULL;

  fail_if (
      set ("c,brightness=999,foo=1,white_balance_automatic=1,text=5", &error));
  fail_unless (strstr (error->message, "/dev/video0 (mock)"));
  fail_unless (strstr (
      error->message, "brightness=999 (the control goes from 0 to 255)"));
  fail_unless (strstr (error->message, "foo=1 (there is no such control"));
  fail_unless (strstr (error->message, "text=5"));
  fail_if (strstr (error->message, "white"));
  assert_error (error, EINVAL);
  fail_unless_equals_int64 (controls[2].value, 1);
}
GST_END_TEST;

static Suite *
controls_suite (void)
{
  Suite *suite = suite_create ("v4l2-controls");
  TCase *tc = mock_driver_add_case (suite, "general");

  tcase_add_test (tc, test_kinds_of_controls);
  tcase_add_test (tc, test_failures_are_named);

  return suite;
}

GST_CHECK_MAIN (controls);
