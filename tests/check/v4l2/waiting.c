/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The element while it waits for a frame: what ends that, and what does not. */

#include "element-fixture.h"
#include "gst/v4l2/v4l2-device.h"

#include <gst/base/gstbasesrc.h>

/* Until there have been @n frames. */
static void
capture_frames (guint n)
{
  while (get_stat ("frames") < n) {
    mock_driver_capture ();
    g_usleep (1000);
  }
}

/* A camera that sends nothing is told of, once, and frames go on when it does.
 */
GST_START_TEST (test_no_frames)
{
  int patience = v4l2_patience_ms;

  v4l2_patience_ms = 20;
  start_pipeline ("!");
  mock_driver.sensor_interval = 0;
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  assert_warning ("/dev/video0 (mock): no frame for 0.0 s, although it has 6 "
                  "buffers");
  g_usleep (100000);
  capture_frames (3);
  end_pipeline ();
  v4l2_patience_ms = patience;
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
      g_usleep (5000);
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
  g_cond_signal (&early.cond);
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
    g_atomic_pointer_set (&early.sender,
        g_thread_new ("sender", send_event, g_steal_pointer (&early.event)));
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

  start_pipeline ("!");
  mock_driver.sensor_interval = 0;
  klass = GST_BASE_SRC_GET_CLASS (src);
  early.unlock = klass->unlock;
  early.unlock_stop = klass->unlock_stop;
  early.event = event;
  klass->unlock = note_unlock;
  klass->unlock_stop = send_before_unlock_stop;
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (!g_atomic_pointer_get (&early.sender))
    g_usleep (1000);
  g_thread_join (early.sender);
  early.sender = NULL;
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
  fail_unless (gst_element_send_event (src, gst_event_new_flush_stop (TRUE)));
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
      while (!mock_driver_capture ())
        g_usleep (1000);
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
  guint64 frames;
  guint i;

  start_pipeline ("!");
  for (i = 0; i < 300; i++) {
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    gst_element_set_state (pipeline, GST_STATE_PAUSED);
  }
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  frames = get_stat ("frames");
  while (get_stat ("frames") < frames + 5)
    g_usleep (1000);
  end_pipeline ();
}
GST_END_TEST;

static GstClockTime
get_last_pts (GstElement *sink)
{
  GstSample *sample = NULL;
  GstClockTime pts = 0;

  g_object_get (sink, "last-sample", &sample, NULL);
  if (sample) {
    pts = GST_BUFFER_PTS (gst_sample_get_buffer (sample));
    gst_sample_unref (sample);
  }
  return pts;
}

/* The running time begins anew, and so do the frames: not when it is again
 * where it was. */
GST_START_TEST (test_flush_resets_time)
{
  GstClockTime before;
  GstElement *sink;
  guint64 frames;

  start_pipeline ("!");
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while ((before = get_last_pts (sink)) < GST_SECOND)
    g_usleep (1000);
  frames = get_stat ("frames");
  gst_element_send_event (pipeline, gst_event_new_flush_start ());
  gst_element_send_event (pipeline, gst_event_new_flush_stop (TRUE));
  while (get_last_pts (sink) == 0 || get_last_pts (sink) >= before) {
    fail_unless (get_stat ("frames") < frames + 500);
    g_usleep (1000);
  }
  gst_object_unref (sink);
  end_pipeline ();
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
  while (!g_atomic_int_get (&flushed))
    g_usleep (1000);

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

  tcase_set_timeout (tc, 100);
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
