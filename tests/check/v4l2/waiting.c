/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dmabufv4l2src while it waits for a frame: events that end the wait, and
 * others.
 */

#include "element-fixture.h"

#include <gst/base/gstbasesrc.h>
#include <gst/check/gsttestclock.h>

/* Captures @n frames, each one after the source waits for it. */
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

/* A camera that sends no frames is one warning, and frames go on when they
 * come. */
GST_START_TEST (test_no_frames)
{
  mock_driver.impatient = TRUE;
  start_pipeline ("!");
  mock_driver.sensor_interval = 0;
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  assert_warning ("/dev/video0 (mock): no frame for 5.0 s, although it has 6 "
                  "buffers");
  /* Any further wait with a time-out would have posted a warning by now. */
  mock_driver_wait_asleep ();
  capture_frames (3);
  mock_driver_wait_asleep ();
  assert_no_warning ();
  end_pipeline ();
}
GST_END_TEST;

/* A waiting source stops at once, although the sensor makes no frame. */
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

/* GstBaseSrc calls unlock() for an event, and unlock_stop() when its thread
 * begins to wait after PLAYING, in any order: here the event always comes
 * first. */
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

/* Takes @event, and returns when it was sent, just before the source waits for
 * the first frame. The sensor makes none. */
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
  /* The running time goes on: reset to 0, it would make frames stale, for which
   * the sensor makes no others. */
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

/* EOS without a frame, and in a pause, where it is kept until PLAYING. */
GST_START_TEST (test_eos_while_waiting)
{
  guint i;

  for (i = 0; i < 4; i++) {
    start_pipeline ("!");
    mock_driver.sensor_interval = 0;
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    if (i & 1) {
      /* Only one frame, and wait for PLAYING: while the sink holds a frame for
       * preroll, the base class cannot push EOS. */
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

/* Pauses that are over before the source has noticed them. */
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

static guint64 last_pts; /* Atomic */

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

/* After a flush that resets the running time frames come at once, before the
 * running time is where it was. The test moves the clock, one step for each
 * frame; the driver's timestamps are unknown. */
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
  /* One frame of the old running time prerolls the sink. */
  gst_test_clock_advance_time (test_clock, GST_SECOND);
  gst_element_get_state (pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
  gst_test_clock_advance_time (test_clock, GST_SECOND);
  /* The new running time begins at one of these two steps, by GStreamer
   * version. */
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
static gint flushed; /* Atomic */

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

/* An ALLOCATION query without an answer, because of a flush, is not taken for a
 * peer without GstVideoMeta. */
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

  /* The lock is free when the negotiating thread has returned. */
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

/* A flush while no device is open does nothing. */
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
