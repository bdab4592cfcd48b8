/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The element while it waits for a frame: what ends that, and what does not. */

#include "element-fixture.h"

#include <gst/base/gstbasesrc.h>
#include <gst/check/gsttestclock.h>

/* @n frames, each of which the source waits for. */
static void
capture_frames (guint n)
{
  guint i;

  for (i = 0; i < n; i++) {
    guint64 frames = get_stat ("frames");

    mock_driver_wait_asleep ();
    fail_unless (mock_driver_capture ());
    wait_until_frames (frames + 1);
  }
}

static void
assert_no_warning (void)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);

  fail_unless (message == NULL);
  gst_object_unref (bus);
}

/* A camera that sends nothing is told of, once, and frames go on when it does.
 */
GST_START_TEST (test_no_frames)
{
  mock_driver.impatient = TRUE;
  start_pipeline ("!");
  mock_driver.sensor_interval = 0;
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  assert_warning ("/dev/video0 (mock): no frame for 5.0 s, although it has 6 "
                  "buffers");
  /* Each wait that had a time-out would have told of it by now. */
  mock_driver_wait_asleep ();
  capture_frames (3);
  mock_driver_wait_asleep ();
  assert_no_warning ();
  end_pipeline ();
}
GST_END_TEST;

/* A waiting source lets go at once: the sensor makes no frame at all. */
GST_START_TEST (test_flush_and_stop_while_waiting)
{
  guint i;

  for (i = 0; i < 20; i++) {
    start_pipeline ("!");
    mock_driver.sensor_interval = 0;
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    if (i & 1)
      mock_driver_wait_asleep ();
    if (i & 2) {
      gst_element_send_event (pipeline, gst_event_new_flush_start ());
      gst_element_send_event (pipeline, gst_event_new_flush_stop (TRUE));
    }
    end_pipeline ();
  }
}
GST_END_TEST;

/* The base class ends a wait on behalf of an event, and takes that back when
 * its thread begins to wait after PLAYING. Nothing orders the two: here the
 * event always comes first. */
static struct
{
  GMutex lock;
  GCond cond;
  GstEvent *event;
  GThread *sender;
  gboolean unlocked;
  gboolean (*unlock) (GstBaseSrc *base);
  gboolean (*unlock_stop) (GstBaseSrc *base);
} early;

static gboolean
note_unlock (GstBaseSrc *base)
{
  gboolean ret = early.unlock (base);

  g_mutex_lock (&early.lock);
  early.unlocked = TRUE;
  g_cond_broadcast (&early.cond);
  g_mutex_unlock (&early.lock);
  return ret;
}

static gpointer
send_event (gpointer event)
{
  fail_unless (gst_element_send_event (src, event));
  return NULL;
}

static gboolean
send_before_unlock_stop (GstBaseSrc *base)
{
  if (early.event) {
    g_mutex_lock (&early.lock);
    early.unlocked = FALSE;
    early.sender =
        g_thread_new ("sender", send_event, g_steal_pointer (&early.event));
    g_cond_broadcast (&early.cond);
    while (!early.unlocked)
      g_cond_wait (&early.cond, &early.lock);
    g_mutex_unlock (&early.lock);
  }

  return early.unlock_stop ? early.unlock_stop (base) : TRUE;
}

/* Takes @event; returns when it was sent, just before the first frame is waited
 * for, of which the sensor makes none. */
static void
start_with_event (GstEvent *event)
{
  GstBaseSrcClass *klass;
  GThread *sender;

  start_pipeline ("!");
  mock_driver.sensor_interval = 0;
  klass = GST_BASE_SRC_GET_CLASS (src);
  early.unlock = klass->unlock;
  early.unlock_stop = klass->unlock_stop;
  early.event = event;
  klass->unlock = note_unlock;
  klass->unlock_stop = send_before_unlock_stop;
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_mutex_lock (&early.lock);
  while (!early.sender)
    g_cond_wait (&early.cond, &early.lock);
  sender = g_steal_pointer (&early.sender);
  g_mutex_unlock (&early.lock);
  g_thread_join (sender);
  klass->unlock = early.unlock;
  klass->unlock_stop = early.unlock_stop;
}

static void
expect_eos (void)
{
  gst_message_unref (wait_message (GST_MESSAGE_EOS));
}

GST_START_TEST (test_flush_before_first_wait)
{
  start_with_event (gst_event_new_flush_start ());
  /* The running time goes on: from 0 again, frames until it has come to where
   * it was would be stale, and the sensor makes no more than are waited for. */
  fail_unless (gst_element_send_event (src, gst_event_new_flush_stop (FALSE)));
  capture_frames (3);
  end_pipeline ();
}
GST_END_TEST;

GST_START_TEST (test_eos_before_first_wait)
{
  start_with_event (gst_event_new_eos ());
  expect_eos ();
  end_pipeline ();
}
GST_END_TEST;

/* Without a frame, and in a pause, in which it is kept until PLAYING. */
GST_START_TEST (test_eos_while_waiting)
{
  guint i;

  for (i = 0; i < 4; i++) {
    start_pipeline ("!");
    mock_driver.sensor_interval = 0;
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    if (i & 1) {
      /* No more than one, and until PLAYING: while the sink keeps a frame back
       * for preroll, no EOS gets past the base class. */
      mock_driver_wait_asleep ();
      fail_unless (mock_driver_capture ());
      gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
    }
    if (i & 2)
      gst_element_set_state (pipeline, GST_STATE_PAUSED);
    fail_unless (gst_element_send_event (pipeline, gst_event_new_eos ()));
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    expect_eos ();
    end_pipeline ();
  }
}
GST_END_TEST;

/* A pause that is over before the source has noticed. */
GST_START_TEST (test_short_pauses)
{
  guint i;

  start_pipeline ("!");
  for (i = 0; i < 300; i++) {
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    gst_element_set_state (pipeline, GST_STATE_PAUSED);
  }
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_for_frames (5);
  end_pipeline ();
}
GST_END_TEST;

static guint64 last_pts; /* atomic */

static GstPadProbeReturn
note_pts (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  __atomic_store_n (&last_pts,
      GST_BUFFER_PTS (GST_PAD_PROBE_INFO_BUFFER (info)), __ATOMIC_SEQ_CST);
  note_progress ();
  return GST_PAD_PROBE_OK;
}

static guint64
get_last_pts (void)
{
  return __atomic_load_n (&last_pts, __ATOMIC_SEQ_CST);
}

/* The running time begins anew, and so do the frames: not when it is again
 * where it was. The clock is the test's own, and stands still in between, so
 * that each step is one frame; the driver knows no time. */
GST_START_TEST (test_flush_resets_time)
{
  GstClock *clock = gst_test_clock_new_with_start_time (100 * GST_SECOND);
  GstTestClock *test_clock = GST_TEST_CLOCK (clock);
  GstElement *sink;
  GstPad *pad;

  last_pts = 0;
  mock_driver.timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN;
  start_pipeline ("!");
  gst_pipeline_use_clock (GST_PIPELINE (pipeline), clock);
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, note_pts, NULL, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_test_clock_advance_time (test_clock, 60 * GST_SECOND);
  WAIT_UNTIL (get_last_pts () > 59 * GST_SECOND);

  gst_element_send_event (pipeline, gst_event_new_flush_start ());
  gst_element_send_event (pipeline, gst_event_new_flush_stop (TRUE));
  /* With one frame of the old time the sink is ready for the new. */
  gst_test_clock_advance_time (test_clock, GST_SECOND);
  gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  gst_test_clock_advance_time (test_clock, GST_SECOND);
  /* It began at one of these two steps: GStreamer's versions differ. */
  WAIT_UNTIL (get_last_pts () <= 2 * GST_SECOND);
  gst_object_unref (pad);
  gst_object_unref (sink);
  end_pipeline ();
  gst_object_unref (clock);
}
GST_END_TEST;

static gpointer
start_flush (gpointer data)
{
  fail_unless (gst_element_send_event (src, gst_event_new_flush_start ()));
  return NULL;
}

static gboolean (*decide_allocation) (GstBaseSrc *base, GstQuery *query);
static gint flushed; /* atomic */

static gboolean
flush_and_decide_allocation (GstBaseSrc *base, GstQuery *query)
{
  if (!g_atomic_int_get (&flushed)) {
    g_thread_join (g_thread_new ("flusher", start_flush, NULL));
    g_atomic_int_set (&flushed, TRUE);
    note_progress ();
  }
  return decide_allocation (base, query);
}

/* Nobody answers the ALLOCATION query while it flushes: that is not the answer
 * of a peer without GstVideoMeta. */
GST_START_TEST (test_flush_while_allocation_is_negotiated)
{
  GstBaseSrcClass *klass;
  GstBus *bus;

  mock_driver.alignment = 2048;
  start_pipeline ("!");
  bus = gst_element_get_bus (pipeline);
  klass = GST_BASE_SRC_GET_CLASS (src);
  decide_allocation = klass->decide_allocation;
  klass->decide_allocation = flush_and_decide_allocation;
  flushed = FALSE;
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  WAIT_UNTIL (g_atomic_int_get (&flushed));

  /* The pad flushes until the thread that negotiates has let go of it. */
  GST_PAD_STREAM_LOCK (GST_BASE_SRC_PAD (src));
  answer_video_meta = TRUE;
  GST_PAD_STREAM_UNLOCK (GST_BASE_SRC_PAD (src));
  fail_unless (gst_element_send_event (src, gst_event_new_flush_stop (TRUE)));
  wait_for_frames (5);
  fail_unless (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR) == NULL);
  gst_object_unref (bus);
  end_pipeline ();
  klass->decide_allocation = decide_allocation;
}
GST_END_TEST;

/* Nothing is open, and nothing is to be woken. */
GST_START_TEST (test_flush_before_start)
{
  start_pipeline ("num-buffers=3 !");
  gst_element_set_state (pipeline, GST_STATE_READY);
  gst_element_send_event (src, gst_event_new_flush_start ());
  gst_element_send_event (src, gst_event_new_flush_stop (TRUE));
  run_to_eos ();
  end_pipeline ();
}
GST_END_TEST;

static Suite *
waiting_suite (void)
{
  Suite *suite = suite_create ("v4l2-waiting");
  TCase *tc = mock_driver_add_case (suite, "general");

  tcase_add_test (tc, test_no_frames);
  tcase_add_test (tc, test_flush_and_stop_while_waiting);
  tcase_add_test (tc, test_flush_before_first_wait);
  tcase_add_test (tc, test_eos_before_first_wait);
  tcase_add_test (tc, test_eos_while_waiting);
  tcase_add_test (tc, test_short_pauses);
  tcase_add_test (tc, test_flush_resets_time);
  tcase_add_test (tc, test_flush_while_allocation_is_negotiated);
  tcase_add_test (tc, test_flush_before_start);

  return suite;
}

GST_CHECK_MAIN (waiting);
