/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening a device, checking its abilities, and waiting for it. */

#include "mock-driver.h"

#include <errno.h>

static V4l2Device *
open_mock (void)
{
  GError *error = NULL;
  V4l2Device *device = v4l2_device_open (&mock_api, "/dev/video0", &error);

  assert_no_error (error);
  return device;
}

static void
assert_refused (const char *path, int code, const char *words)
{
  GError *error = NULL;

  fail_unless (v4l2_device_open (&mock_api, path, &error) == NULL);
  fail_unless (strstr (error->message, path ? path : "/dev/video"),
      "does not name the device: %s", error->message);
  fail_unless (
      strstr (error->message, words), "not \"%s\": %s", words, error->message);
  assert_error (error, code);
}

GST_START_TEST (test_open)
{
  V4l2Device *device = open_mock ();

  fail_unless_equals_string (device->path, "/dev/video0");
  fail_unless_equals_string (device->card, "mock");
  fail_if (v4l2_device_is_multi_planar (device));
  v4l2_device_unref (device);

  mock_driver.capabilities = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING;
  device = open_mock ();
  fail_unless (v4l2_device_is_multi_planar (device));
  v4l2_device_unref (device);
}
GST_END_TEST;

/* Every error names the device, the cause and the user's remedy. */
GST_START_TEST (test_open_refused)
{
  assert_refused ("/dev/video7", ENOENT, "no such device");

  mock_driver.fail_nth = 1;
  mock_driver.fail_code = EACCES;
  assert_refused ("/dev/video0", EACCES, "permission denied");

  mock_driver.fail_nth = 1;
  mock_driver.fail_code = EBUSY;
  assert_refused ("/dev/video0", EBUSY, "in use by another program");

  mock_driver.capabilities = 0;
  assert_refused ("/dev/video0", ENOTTY, "not a V4L2 device");

  mock_driver.capabilities = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING;
  assert_refused ("/dev/video0", EINVAL, "not a capture device");

  mock_driver.capabilities = V4L2_CAP_VIDEO_M2M | V4L2_CAP_STREAMING;
  assert_refused ("/dev/video0", EINVAL, "not a capture device");

  mock_driver.capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_READWRITE;
  assert_refused ("/dev/video0", EINVAL, "only supports read()");
}
GST_END_TEST;

GST_START_TEST (test_default_is_first_capture_device)
{
  GError *error = NULL;
  V4l2Device *device;

  mock_driver.path = "/dev/video3";
  device = v4l2_device_open (&mock_api, NULL, &error);
  assert_no_error (error);
  fail_unless_equals_string (device->path, "/dev/video3");
  v4l2_device_unref (device);

  /* The error is about the device that exists but cannot be used. */
  mock_driver.capabilities = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING;
  assert_refused (NULL, EINVAL, "not a capture device");

  mock_driver.path = "/dev/none";
  assert_refused (NULL, ENOENT, "no capture device found");
}
GST_END_TEST;

/* A node with only compressed or sensor formats is not chosen by default, but
 * can be opened by name, so that an error can list its formats. */
GST_START_TEST (test_default_has_raw_video)
{
  static const MockFormat formats[] = { { V4L2_PIX_FMT_MJPEG, 1 } };

  mock_driver.formats = formats;
  mock_driver.n_formats = 1;
  assert_refused (NULL, EINVAL, "no raw video format");
  v4l2_device_unref (open_mock ());
}
GST_END_TEST;

/* A signal may interrupt any call, which is then restarted. */
GST_START_TEST (test_interrupts_are_restarted)
{
  V4l2Device *device;

  mock_driver.interrupts = TRUE;
  device = open_mock ();
  v4l2_device_wake (device);
  fail_unless_equals_int (v4l2_device_wait (device, -1, NULL), V4L2_WAIT_WOKEN);
  v4l2_device_unref (device);
}
GST_END_TEST;

/* A wake before the wait ends it as well, and lasts until it is cleared. */
GST_START_TEST (test_wake)
{
  V4l2Device *device = open_mock ();

  v4l2_device_wake (device);
  v4l2_device_wake (device);
  fail_unless_equals_int (v4l2_device_wait (device, -1, NULL), V4L2_WAIT_WOKEN);
  fail_unless_equals_int (v4l2_device_wait (device, -1, NULL), V4L2_WAIT_WOKEN);
  v4l2_device_clear_wake (device);

  mock_driver_unplug ();
  fail_unless_equals_int (
      v4l2_device_wait (device, -1, NULL), V4L2_WAIT_BROKEN);
  v4l2_device_unref (device);
}
GST_END_TEST;

static gpointer
wake_sleeper (gpointer device)
{
  mock_driver_wait_asleep ();
  v4l2_device_wake (device);
  return NULL;
}

GST_START_TEST (test_wake_from_another_thread)
{
  V4l2Device *device = open_mock ();
  GThread *thread = g_thread_new ("wake", wake_sleeper, device);

  fail_unless_equals_int (v4l2_device_wait (device, -1, NULL), V4L2_WAIT_WOKEN);
  g_thread_join (thread);
  v4l2_device_unref (device);
}
GST_END_TEST;

static Suite *
device_suite (void)
{
  Suite *suite = suite_create ("v4l2-device");
  TCase *tc = mock_driver_add_case (suite, "general");

  tcase_add_test (tc, test_open);
  tcase_add_test (tc, test_open_refused);
  tcase_add_test (tc, test_default_is_first_capture_device);
  tcase_add_test (tc, test_default_has_raw_video);
  tcase_add_test (tc, test_interrupts_are_restarted);
  tcase_add_test (tc, test_wake);
  tcase_add_test (tc, test_wake_from_another_thread);

  return suite;
}

GST_CHECK_MAIN (device);
