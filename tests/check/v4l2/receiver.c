/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The element on a receiver of HDMI, whose signal comes, changes and goes. */

#include "element-fixture.h"

static void
start_receiver (guint width, guint height, guint rate)
{
  mock_driver.is_receiver = TRUE;
  mock_driver.timings = (MockSignal) { 640, 480, 60 };
  mock_driver.signal = (MockSignal) { width, height, rate };
  start_pipeline ("!");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
}

/* An HDMI receiver is set to what it receives, and its caps tell the rate. */
GST_START_TEST (test_signal)
{
  start_receiver (1920, 1080, 50);
  wait_for_frames (5);
  assert_caps ("video/x-raw,width=1920,height=1080,framerate=50/1");
  end_pipeline ();
}
GST_END_TEST;

/* Another signal while it streams is negotiated anew. */
GST_START_TEST (test_signal_changes)
{
  start_receiver (1920, 1080, 50);
  wait_for_frames (5);
  mock_driver_change_signal (1280, 720, 60);
  wait_for_caps ("video/x-raw,width=1280,height=720,framerate=60/1");
  wait_for_frames (5);
  mock_driver_change_signal (1920, 1080, 25);
  wait_for_caps ("video/x-raw,width=1920,height=1080,framerate=25/1");
  wait_for_frames (5);
  end_pipeline ();
}
GST_END_TEST;

static void
change_to_720p (void)
{
  mock_driver_change_signal (1280, 720, 60);
}

/* poll() has told of a frame, which is no more when it is asked for. */
GST_START_TEST (test_signal_changes_after_poll)
{
  start_receiver (1920, 1080, 50);
  wait_for_frames (5);
  __atomic_store_n (
      &mock_driver.before_dqbuf, change_to_720p, __ATOMIC_RELEASE);
  wait_for_caps ("video/x-raw,width=1280,height=720,framerate=60/1");
  wait_for_frames (5);
  end_pipeline ();
}
GST_END_TEST;

/* Also if the driver goes on with frames of the old size, one after the other.
 */
GST_START_TEST (test_signal_changes_under_frames)
{
  mock_driver.is_receiver = mock_driver.goes_on = TRUE;
  mock_driver.signal = (MockSignal) { 1920, 1080, 50 };
  start_pipeline ("!");
  mock_driver.sensor_interval = 1;
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_for_frames (50);
  mock_driver_change_signal (1280, 720, 60);
  wait_for_caps ("video/x-raw,width=1280,height=720,framerate=60/1");
  wait_for_frames (5);
  end_pipeline ();
}
GST_END_TEST;

/* Without a signal there is a warning that says so, and frames when it comes;
 * a state change does not wait for that. */
GST_START_TEST (test_no_signal)
{
  start_receiver (0, 0, 0);
  assert_warning ("/dev/video0 (mock): no signal at the input HDMI 1");
  mock_driver_change_signal (1280, 720, 60);
  wait_for_caps ("video/x-raw,width=1280");
  wait_for_frames (5);

  mock_driver_change_signal (0, 0, 0);
  assert_warning ("no signal at the input HDMI 1");
  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_usleep (20000);
  mock_driver_change_signal (1920, 1080, 25);
  wait_for_caps ("video/x-raw,width=1920");
  wait_for_frames (5);

  mock_driver_change_signal (0, 0, 0);
  assert_warning ("no signal at the input HDMI 1");
  end_pipeline ();
}
GST_END_TEST;

/* What the peer does not take of a new signal is its error, not a hang. */
GST_START_TEST (test_signal_that_the_peer_refuses)
{
  mock_driver.is_receiver = TRUE;
  mock_driver.signal = mock_driver.timings = (MockSignal) { 640, 480, 60 };
  start_pipeline ("! video/x-raw,width=640 !");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_for_frames (5);
  mock_driver_change_signal (1280, 720, 60);
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
      "has nothing of what is wanted", "width=(int)640");
  end_pipeline ();
}
GST_END_TEST;

static Suite *
receiver_suite (void)
{
  Suite *suite = suite_create ("v4l2-receiver");
  TCase *tc = mock_driver_add_case (suite, "general");

  tcase_set_timeout (tc, 100);
  tcase_add_test (tc, test_signal);
  tcase_add_test (tc, test_signal_changes);
  tcase_add_test (tc, test_signal_changes_after_poll);
  tcase_add_test (tc, test_signal_changes_under_frames);
  tcase_add_test (tc, test_no_signal);
  tcase_add_test (tc, test_signal_that_the_peer_refuses);

  return suite;
}

GST_CHECK_MAIN (receiver);
