/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dmabufv4l2src on an HDMI receiver, whose signal comes, changes and goes. */

#include "element-fixture.h"

#include <gst/base/gstpushsrc.h>

static void
start_receiver (guint width, guint height, guint rate)
{
  mock_driver.is_receiver = TRUE;
  mock_driver.timings = (MockSignal) { 640, 480, 60 };
  mock_driver.signal = (MockSignal) { width, height, rate };
  start_pipeline ("!");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
}

/* The timings of the signal are set, and the caps have its rate. */
GST_START_TEST (test_signal)
{
  start_receiver (1920, 1080, 50);
  wait_for_frames (5);
  assert_caps ("video/x-raw,width=1920,height=1080,framerate=50/1");
  end_pipeline ();
}
GST_END_TEST;

/* A new signal while streaming is negotiated. */
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

/* The signal changes between poll() and DQBUF, which then fails. */
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

/* Also if the driver goes on sending frames of the old size. */
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

/* Without a signal there is a warning, and frames come with the signal; a state
 * change does not wait for it. */
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
  mock_driver_wait_asleep ();
  mock_driver_change_signal (1920, 1080, 25);
  wait_for_caps ("video/x-raw,width=1920");
  wait_for_frames (5);

  mock_driver_change_signal (0, 0, 0);
  assert_warning ("no signal at the input HDMI 1");
  end_pipeline ();
}
GST_END_TEST;

/* A new signal that the peer does not take is an error, not a hang. */
GST_START_TEST (test_signal_that_the_peer_refuses)
{
  mock_driver.is_receiver = TRUE;
  mock_driver.signal = mock_driver.timings = (MockSignal) { 640, 480, 60 };
  start_pipeline ("! video/x-raw,width=640 !");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_for_frames (5);
  mock_driver_change_signal (1280, 720, 60);
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
      "has no format for the wanted caps", "width=(int)640");
  end_pipeline ();
}
GST_END_TEST;

static gpointer
pause_pipeline (gpointer data)
{
  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  return NULL;
}

static GstBusSyncReply
pause_at_error (GstBus *bus, GstMessage *message, gpointer data)
{
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    g_thread_join (g_thread_new ("pauser", pause_pipeline, NULL));
  return GST_BUS_PASS;
}

static GstFlowReturn (*create) (GstPushSrc *push_src, GstBuffer **buffer);
static gint n_failed; /* Atomic */

static GstFlowReturn
create_and_count (GstPushSrc *push_src, GstBuffer **buffer)
{
  GstFlowReturn ret = create (push_src, buffer);

  if (ret != GST_FLOW_OK) {
    g_atomic_int_inc (&n_failed);
    note_progress ();
  }
  return ret;
}

/* A pause begins while create() returns an error. After it the base class calls
 * create() again, which fails again; if the pause is over before the base class
 * has noticed it, the first error is the one that counts. */
GST_START_TEST (test_pause_while_the_peer_refuses)
{
  GstPushSrcClass *klass;
  GstBus *bus;

  mock_driver.is_receiver = TRUE;
  mock_driver.signal = mock_driver.timings = (MockSignal) { 640, 480, 60 };
  start_pipeline ("! video/x-raw,width=640 !");
  klass = GST_PUSH_SRC_GET_CLASS (src);
  create = klass->create;
  klass->create = create_and_count;
  n_failed = 0;
  bus = gst_element_get_bus (pipeline);
  gst_bus_set_sync_handler (bus, pause_at_error, NULL, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_for_frames (5);
  mock_driver_change_signal (1280, 720, 60);
  gst_message_unref (wait_message (GST_MESSAGE_ERROR));
  gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
  WAIT_UNTIL (g_atomic_int_get (&n_failed) > 0);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_message_unref (wait_message (GST_MESSAGE_ERROR));
  gst_object_unref (bus);
  end_pipeline ();
  klass->create = create;
}
GST_END_TEST;

static gpointer
start_flush (gpointer data)
{
  fail_unless (gst_element_send_event (src, gst_event_new_flush_start ()));
  return NULL;
}

static GstPadProbeReturn
flush_at_caps_query (GstPad *pad, GstPadProbeInfo *info, gpointer flushed)
{
  if (GST_QUERY_TYPE (GST_PAD_PROBE_INFO_QUERY (info)) != GST_QUERY_CAPS
      || !(info->type & GST_PAD_PROBE_TYPE_PUSH))
    return GST_PAD_PROBE_OK;

  g_thread_join (g_thread_new ("flusher", start_flush, NULL));
  g_atomic_int_set ((gint *) flushed, TRUE);
  note_progress ();
  return GST_PAD_PROBE_REMOVE;
}

/* A flush during the negotiation of a new signal is no error, and the
 * negotiation is repeated. */
GST_START_TEST (test_flush_while_signal_is_negotiated)
{
  GstBus *bus;
  GstPad *pad;
  gint flushed = FALSE;

  start_receiver (1920, 1080, 50);
  wait_for_frames (5);
  pad = gst_element_get_static_pad (src, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
      flush_at_caps_query, &flushed, NULL);
  mock_driver_change_signal (1280, 720, 60);
  WAIT_UNTIL (g_atomic_int_get (&flushed));
  fail_unless (gst_element_send_event (src, gst_event_new_flush_stop (TRUE)));
  wait_for_caps ("video/x-raw,width=1280");
  wait_for_frames (5);

  bus = gst_element_get_bus (pipeline);
  fail_unless (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR) == NULL);
  gst_object_unref (bus);
  gst_object_unref (pad);
  end_pipeline ();
}
GST_END_TEST;

/* An impossible pixel clock gives no rate. */
GST_START_TEST (test_impossible_clock)
{
  static const guint64 clocks[] = { 1, G_MAXUINT64 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (clocks); i++) {
    mock_driver.pixelclock = clocks[i];
    start_receiver (800, 600, 60);
    wait_for_frames (5);
    assert_caps ("video/x-raw,width=800,framerate=30/1");
    end_pipeline ();
  }
}
GST_END_TEST;

static Suite *
receiver_suite (void)
{
  Suite *suite = suite_create ("v4l2-receiver");
  TCase *tc = mock_driver_add_case (suite, "general");

  tcase_add_test (tc, test_signal);
  tcase_add_test (tc, test_signal_changes);
  tcase_add_test (tc, test_signal_changes_after_poll);
  tcase_add_test (tc, test_signal_changes_under_frames);
  tcase_add_test (tc, test_no_signal);
  tcase_add_test (tc, test_signal_that_the_peer_refuses);
  tcase_add_test (tc, test_pause_while_the_peer_refuses);
  tcase_add_test (tc, test_flush_while_signal_is_negotiated);
  tcase_add_test (tc, test_impossible_clock);

  return suite;
}

GST_CHECK_MAIN (receiver);
