/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dmabufv4l2src in pipelines: caps, frames, buffers, errors, formats. */

#include "element-fixture.h"

#include <errno.h>
#include <gst/video/video.h>

/* Frames pass without a copy, and buffers are exported once. */
GST_START_TEST (test_frames)
{
  start_pipeline ("num-buffers=200 !");
  run_to_eos ();
  fail_unless_equals_uint64 (get_stat ("frames"), 200);
  fail_unless_equals_uint64 (get_stat ("copies"), 0);
  fail_unless_equals_uint64 (get_stat ("cpu-maps"), 0);
  fail_unless_equals_uint64 (get_stat ("buffers"), get_stat ("exports"));
  fail_unless (get_stat ("buffers") <= 8);
  /* The sink keeps its last sample. */
  fail_unless (get_stat ("requeued") >= 199);
  end_pipeline ();
}
GST_END_TEST;

/* A peer with ANY caps gets plain caps, one that asks for DMA_DRM gets that. */
GST_START_TEST (test_caps)
{
  start_pipeline ("num-buffers=3 !");
  run_to_eos ();
  assert_caps ("video/x-raw,format=YUY2,width=640,framerate=30/1,"
               "interlace-mode=progressive");
  end_pipeline ();

  start_pipeline ("num-buffers=3 ! video/x-raw(memory:DMABuf),format=DMA_DRM,"
                  "drm-format={XR24,NV12},width=1280 !");
  run_to_eos ();
  assert_caps ("video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12,"
               "height=720,framerate=30/1");
  end_pipeline ();
}
GST_END_TEST;

/* If the peer takes several colorimetries and interlace modes, the driver's own
 * are chosen instead of the first ones. */
GST_START_TEST (test_lists_of_the_peer)
{
  mock_driver.colorspace = V4L2_COLORSPACE_REC709;
  start_pipeline ("num-buffers=3 ! video/x-raw,colorimetry={bt601,bt709},"
                  "interlace-mode={interleaved,progressive} !");
  run_to_eos ();
  assert_caps ("video/x-raw,colorimetry=bt709,interlace-mode=progressive");
  end_pipeline ();

  mock_driver.field = V4L2_FIELD_INTERLACED;
  start_pipeline ("num-buffers=3 ! video/x-raw,"
                  "interlace-mode={progressive,interleaved} !");
  run_to_eos ();
  assert_caps ("video/x-raw,colorimetry=bt709,interlace-mode=interleaved");
  end_pipeline ();

  start_pipeline ("! video/x-raw,colorimetry={bt601,bt2020} !");
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
      "asked for colorimetry bt601", "the driver gives bt709");
  end_pipeline ();
}
GST_END_TEST;

/* The video standard decides the order of interleaved fields. */
GST_START_TEST (test_field_order)
{
  mock_driver.field = V4L2_FIELD_INTERLACED;
  start_pipeline ("num-buffers=3 !");
  run_to_eos ();
  assert_caps ("video/x-raw,field-order=top-field-first");
  end_pipeline ();

  mock_driver.standard = V4L2_STD_NTSC_M;
  start_pipeline ("num-buffers=3 !");
  run_to_eos ();
  assert_caps ("video/x-raw,field-order=bottom-field-first");
  end_pipeline ();
}
GST_END_TEST;

/* The caps have the rate that the driver chose. If the peer only accepts
 * another one, there is a warning. */
GST_START_TEST (test_rate_of_the_driver)
{
  mock_driver.fixed_rate = 12;
  start_pipeline ("num-buffers=3 !");
  run_to_eos ();
  assert_caps ("video/x-raw,framerate=12/1");
  end_pipeline ();

  start_pipeline ("! video/x-raw,framerate=30/1 !");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  assert_warning ("asked for 30/1 frames per second, the driver gives 12/1");
  wait_until_frames (3);
  assert_caps ("video/x-raw,framerate=30/1");
  end_pipeline ();
}
GST_END_TEST;

/* A RECONFIGURE that ends in the same caps does not interrupt the camera, also
 * if the driver gave fewer buffers than requested. */
GST_START_TEST (test_same_again)
{
  GstPad *pad;
  guint64 exports;
  guint i;

  mock_driver.fixed_rate = 12;
  mock_driver.max_buffers = 4;
  start_pipeline ("! video/x-raw,interlace-mode={interleaved,progressive} !");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_until_frames (3);
  exports = get_stat ("exports");
  pad = gst_element_get_static_pad (src, "src");
  for (i = 0; i < 5; i++) {
    gst_pad_send_event (pad, gst_event_new_reconfigure ());
    wait_for_frames (3);
  }
  gst_object_unref (pad);
  fail_unless_equals_uint64 (get_stat ("exports"), exports);
  end_pipeline ();
}
GST_END_TEST;

typedef struct
{
  gint n_frames;      /* Atomic */
  GstClockTime last;  /* PTS of the last frame */
  GstClockTime since; /* No frame is older, from ... */
  gint from;          /* ... this one on */
} Times;

static void
on_handoff (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer data)
{
  Times *times = data;
  GstClockTime pts = GST_BUFFER_PTS (buffer);
  gint n = g_atomic_int_get (&times->n_frames);

  fail_unless (GST_CLOCK_TIME_IS_VALID (pts));
  fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer), GST_SECOND / 30);
  fail_unless (pts <= gst_element_get_current_running_time (src));
  fail_unless (n == 0 || pts > times->last);
  fail_unless (n < times->from || pts >= times->since,
      "frame %d of the pause: %" GST_TIME_FORMAT " is before %" GST_TIME_FORMAT,
      n, GST_TIME_ARGS (pts), GST_TIME_ARGS (times->since));
  times->last = pts;
  g_atomic_int_inc (&times->n_frames);
}

/* Timestamps grow from the start, also over a pause, after which no old frame
 * comes. */
GST_START_TEST (test_timestamps)
{
  Times times = { .from = G_MAXINT };
  GstElement *sink;

  start_pipeline ("!");
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_object_set (sink, "signal-handoffs", TRUE, NULL);
  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), &times);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_until_frames (50);
  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  /* The driver goes on and fills all its buffers. */
  mock_driver_wait_n_queued (0);
  /* The sink may hold an older frame for preroll, which it shows first. */
  times.since = gst_element_get_start_time (pipeline);
  times.from = g_atomic_int_get (&times.n_frames) + 2;
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_for_frames (50);
  end_pipeline ();

  fail_unless (times.n_frames > times.from);
  gst_object_unref (sink);
}
GST_END_TEST;

/* The source is live. Minimum latency: a frame comes when its capture ends.
 * Maximum: the driver goes on while it has buffers. */
GST_START_TEST (test_latency)
{
  GstQuery *query = gst_query_new_latency ();
  GstClockTime min, max;
  gboolean live;

  start_pipeline ("num-buffers=3 !");
  run_to_eos ();
  fail_unless (gst_element_query (src, query));
  gst_query_parse_latency (query, &live, &min, &max);
  fail_unless (live);
  fail_unless_equals_uint64 (min, GST_SECOND / 30);
  fail_unless_equals_uint64 (max, (get_stat ("buffers") - 1) * min);
  gst_query_unref (query);
  end_pipeline ();
}
GST_END_TEST;

/* Frames that come later, after a long exposure or transfer, raise the reported
 * latency: otherwise sinks would drop each of them as late. */
GST_START_TEST (test_latency_of_late_frames)
{
  GstQuery *query = gst_query_new_latency ();
  GstClockTime min = 0, max;

  mock_driver.age = 80 * GST_MSECOND;
  start_pipeline ("!");
  mock_driver.sensor_interval = 5000;
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (min < 80 * GST_MSECOND) {
    gst_message_unref (wait_message (GST_MESSAGE_LATENCY));
    fail_unless (gst_element_query (src, query));
    gst_query_parse_latency (query, NULL, &min, &max);
  }
  fail_unless (max >= min);
  gst_query_unref (query);
  end_pipeline ();
}
GST_END_TEST;

/* The driver's minimum, the peer's, and two; at most eight, or more if the
 * driver's minimum demands it. */
GST_START_TEST (test_number_of_buffers)
{
  static const struct
  {
    guint driver, peer, expected;
  } cases[] = { { 0, 0, 6 }, { 1, 0, 5 }, { 0, 3, 7 }, { 3, 3, 8 },
    { 20, 20, 22 } };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    mock_driver.min_buffers = cases[i].driver;
    answer_min_buffers = cases[i].peer;
    start_pipeline ("num-buffers=3 !");
    answer_min_buffers = cases[i].peer;
    run_to_eos ();
    fail_unless_equals_uint64 (get_stat ("buffers"), cases[i].expected);
    end_pipeline ();
  }
}
GST_END_TEST;

/* Padded rows need a peer that takes GstVideoMeta. */
GST_START_TEST (test_padded_rows_need_video_meta)
{
  mock_driver.alignment = 2048;
  start_pipeline ("!");
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
      "/dev/video0 (mock): the next element does not take GstVideoMeta",
      "rows of 2048 bytes instead of 0 and 1280");
  end_pipeline ();

  answer_video_meta = TRUE;
  start_pipeline ("num-buffers=3 !");
  run_to_eos ();
  end_pipeline ();
}
GST_END_TEST;

/* The kernel is asked for fences only if the consumer may leave some there: it
 * imports frames (video meta), and does not take the sync meta. */
GST_START_TEST (test_kernel_is_asked_for_fences_if_needed)
{
  guint i;

  for (i = 0; i < 4; i++) {
    guint calls;

    answer_video_meta = i & 1;
    answer_sync_meta = i & 2;
    start_pipeline ("!");
    answer_video_meta = i & 1;
    answer_sync_meta = i & 2;
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    wait_until_frames (20);
    fake_kernel_reset_calls ();
    wait_for_frames (20);
    calls = fake_kernel_get_calls (FAKE_N_CALLS);
    if (i == 1)
      fail_unless (calls >= 10);
    else
      fail_unless_equals_int (calls, 0);
    end_pipeline ();
  }
}
GST_END_TEST;

GST_START_TEST (test_errors)
{
  /* Errors of streaming ioctls, and words of the user's remedy. */
  static const struct
  {
    unsigned long request;
    int code;
    gint expected;
    const char *words;
  } stream_errors[] = {
    { VIDIOC_STREAMON, ENOSPC, GST_RESOURCE_ERROR_NO_SPACE_LEFT, "bandwidth" },
    { VIDIOC_STREAMON, EPIPE, GST_RESOURCE_ERROR_READ, "media-ctl" },
    { VIDIOC_STREAMON, ENOLINK, GST_RESOURCE_ERROR_READ, "media-ctl" },
    { VIDIOC_DQBUF, EIO, GST_RESOURCE_ERROR_READ, "dmesg" },
    { VIDIOC_EXPBUF, ENOTTY, GST_RESOURCE_ERROR_SETTINGS,
        "v4l2src ! dmabufalloc" },
    { VIDIOC_EXPBUF, EINVAL, GST_RESOURCE_ERROR_SETTINGS,
        "v4l2src ! dmabufalloc" },
  };
  GstElement *other;
  guint i;

  start_pipeline ("device=/dev/video9 !");
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "/dev/video9",
      "no such device");
  end_pipeline ();

  start_pipeline ("device=/dev/video0 !");
  mock_driver.fail_nth = 1;
  mock_driver.fail_code = EACCES;
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_AUTHORIZED,
      "/dev/video0", "permission denied");
  end_pipeline ();

  start_pipeline ("!");
  mock_driver.fail_nth = 1;
  mock_driver.fail_code = EBUSY;
  mock_driver.fail_request = VIDIOC_REQBUFS;
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_BUSY,
      "/dev/video0 (mock)", "in use by another program");
  end_pipeline ();

  start_pipeline ("! video/x-raw,width=12345 !");
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
      "/dev/video0 (mock): has no format for the wanted caps", "12345");
  end_pipeline ();

  /* Two elements downstream exclude each other. */
  start_pipeline ("! video/x-raw,width=640 ! capsfilter name=other !");
  other = gst_bin_get_by_name (GST_BIN (pipeline), "other");
  gst_util_set_object_arg (G_OBJECT (other), "caps", "video/x-raw,width=320");
  gst_object_unref (other);
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
      "/dev/video0 (mock)", "no caps suit all elements downstream");
  end_pipeline ();

  /* Most webcams have their large sizes compressed only. */
  start_pipeline ("! video/x-raw,width=12345 !");
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
      "v4l2src ! decodebin ! dmabufalloc", "decodes MJPG");
  end_pipeline ();

  for (i = 0; i < G_N_ELEMENTS (stream_errors); i++) {
    start_pipeline ("!");
    mock_driver.fail_nth = 1;
    mock_driver.fail_code = stream_errors[i].code;
    mock_driver.fail_request = stream_errors[i].request;
    assert_fails (GST_RESOURCE_ERROR, stream_errors[i].expected,
        "/dev/video0 (mock)", stream_errors[i].words);
    end_pipeline ();
  }

  mock_driver.capabilities = V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING;
  start_pipeline ("device=/dev/video0 !");
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ_WRITE,
      "/dev/video0", "not a capture device");
  end_pipeline ();
}
GST_END_TEST;

/* Unplugged while streaming: an error, and a stop without a hang. */
GST_START_TEST (test_unplugged)
{
  start_pipeline ("!");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_until_frames (10);
  mock_driver_unplug ();
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
      "/dev/video0 (mock)", "the device is gone");
  end_pipeline ();
}
GST_END_TEST;

/* If any call fails, nothing crashes, hangs or is left behind. */
GST_START_TEST (test_nth_call_fails)
{
  GstMessage *message;
  guint nth;
  gboolean fired;

  /* For fewer calls. */
  mock_driver.n_sizes = mock_driver.n_formats = 1;
  for (nth = 1; nth < 100; nth++) {
    start_pipeline ("num-buffers=3 ! video/x-raw,width=640,height=480 !");
    mock_driver.fail_nth = nth;
    mock_driver.fail_code = EIO;
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    message = wait_message (GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    gst_message_unref (message);
    fired = mock_driver.fail_nth == 0;
    mock_driver.fail_nth = 0;
    end_pipeline ();
    fail_unless_equals_int (mock_driver.n_open, 0);
    if (!fired)
      break;
  }
}
GST_END_TEST;

/* Sets new formats in PLAYING, while consumers may hold buffers of the old one.
 */
static void
renegotiate (guint rounds)
{
  static const char *const formats[] = {
    "video/x-raw,format=NV12,width=1280,height=720",
    "video/x-raw,format=BGRx,width=640,height=480",
    ("video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=YUYV,width=640,"
     "height=480"),
  };
  GstElement *filter;
  guint i;

  start_pipeline ("! capsfilter name=filter ! queue !");
  filter = gst_bin_get_by_name (GST_BIN (pipeline), "filter");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (i = 0; i < rounds; i++) {
    const char *caps = formats[i % G_N_ELEMENTS (formats)];

    gst_util_set_object_arg (G_OBJECT (filter), "caps", caps);
    wait_for_caps (caps);
    wait_for_frames (5);
  }
  gst_object_unref (filter);
  end_pipeline ();
}

GST_START_TEST (test_renegotiation)
{
  renegotiate (20);
}
GST_END_TEST;

/* On a kernel without orphaning the consumers are drained first. */
GST_START_TEST (test_renegotiation_without_orphaning)
{
  mock_driver.buffer_capabilities = 0;
  renegotiate (6);
}
GST_END_TEST;

GST_START_TEST (test_many_starts)
{
  guint i;

  start_pipeline ("!");
  for (i = 0; i < 50; i++) {
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    if (i % 3 == 0)
      wait_until_frames (3);
    gst_element_set_state (pipeline, GST_STATE_NULL);
    fail_unless_equals_int (mock_driver.n_open, 0);
  }
  end_pipeline ();
}
GST_END_TEST;

static MockControl controls[] = {
  { V4L2_CID_BRIGHTNESS, V4L2_CTRL_TYPE_INTEGER, "Brightness", 0, 255, 128 },
};

/* Controls are set at the start and while running; a failure is a warning. */
GST_START_TEST (test_extra_controls)
{
  GstStructure *structure;

  mock_driver.controls = controls;
  mock_driver.n_controls = 1;
  start_pipeline ("extra-controls=\"c,brightness=5,nonsense=1\" !");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  gst_message_unref (wait_message (GST_MESSAGE_WARNING));
  fail_unless_equals_int64 (controls[0].value, 5);

  structure = gst_structure_from_string ("c,brightness=6", NULL);
  g_object_set (src, "extra-controls", structure, NULL);
  gst_structure_free (structure);
  fail_unless_equals_int64 (controls[0].value, 6);
  end_pipeline ();
}
GST_END_TEST;

static Suite *
element_suite (void)
{
  Suite *suite = suite_create ("v4l2-element");
  TCase *tc = mock_driver_add_case (suite, "general");

  tcase_add_test (tc, test_frames);
  tcase_add_test (tc, test_caps);
  tcase_add_test (tc, test_lists_of_the_peer);
  tcase_add_test (tc, test_field_order);
  tcase_add_test (tc, test_rate_of_the_driver);
  tcase_add_test (tc, test_same_again);
  tcase_add_test (tc, test_timestamps);
  tcase_add_test (tc, test_latency);
  tcase_add_test (tc, test_latency_of_late_frames);
  tcase_add_test (tc, test_number_of_buffers);
  tcase_add_test (tc, test_padded_rows_need_video_meta);
  tcase_add_test (tc, test_kernel_is_asked_for_fences_if_needed);
  tcase_add_test (tc, test_errors);
  tcase_add_test (tc, test_unplugged);
  tcase_add_test (tc, test_nth_call_fails);
  tcase_add_test (tc, test_renegotiation);
  tcase_add_test (tc, test_renegotiation_without_orphaning);
  tcase_add_test (tc, test_many_starts);
  tcase_add_test (tc, test_extra_controls);

  return suite;
}

GST_CHECK_MAIN (element);
