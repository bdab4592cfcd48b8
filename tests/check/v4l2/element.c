/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The element in pipelines, on a camera of 1000 frames per second. */

#include "mock-driver.h"
#include "../lib/stats.h"
#include "gst/lib/gstdmabufcore.h"
#include "gst/v4l2/gstdmabufv4l2src.h"

#include <errno.h>
#include <gst/video/video.h>

static GstElement *pipeline;
static GstElement *src;
static GList *warnings; /* that were read, until nobody else frees them */

/* What the sink's pad answers to the ALLOCATION query. */
static gboolean answer_video_meta;
static gboolean answer_sync_meta;
static guint answer_min_buffers;

static GstPadProbeReturn
on_allocation_query (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);

  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION
      || !(info->type & GST_PAD_PROBE_TYPE_PUSH))
    return GST_PAD_PROBE_OK;

  if (answer_video_meta)
    gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  if (answer_sync_meta)
    gst_query_add_allocation_meta (
        query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);
  if (answer_min_buffers)
    gst_query_add_allocation_pool (query, NULL, 0, answer_min_buffers, 0);
  return GST_PAD_PROBE_HANDLED;
}

/* @rest stands between the source and a sink called "sink". */
static void
start_pipeline (const char *rest)
{
  char *description =
      g_strdup_printf ("dmabufv4l2src name=src %s fakesink name=sink", rest);
  GError *error = NULL;
  GstPad *pad;

  GST_ELEMENT_REGISTER (dmabufv4l2src, NULL);
  mock_driver.sensor_interval = 1000;
  pipeline = gst_parse_launch (description, &error);
  assert_no_error (error);
  g_free (description);
  src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  pad = gst_element_get_static_pad (src, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
      on_allocation_query, NULL, NULL);
  gst_object_unref (pad);
}

static void
end_pipeline (void)
{
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_list_free_full (
      g_steal_pointer (&warnings), (GDestroyNotify) gst_message_unref);
  gst_object_unref (src);
  gst_object_unref (pipeline);
  answer_video_meta = answer_sync_meta = FALSE;
  answer_min_buffers = 0;
}

static GstMessage *
wait_message (GstMessageType types)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message =
      gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, types);

  gst_object_unref (bus);
  fail_unless (message != NULL, "no message in time");
  return message;
}

static void
run_to_eos (void)
{
  GstMessage *message;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = wait_message (GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    GError *error = NULL;

    gst_message_parse_error (message, &error, NULL);
    fail ("%s", error->message);
  }
  gst_message_unref (message);
}

/* The pipeline fails with an error of the element that has all these words. */
static void
assert_fails (GQuark domain, gint code, const char *word, const char *other)
{
  GstMessage *message;
  GError *error = NULL;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = wait_message (GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  fail_unless (GST_MESSAGE_SRC (message) == GST_OBJECT (src));
  fail_unless (strstr (error->message, word), "%s", error->message);
  fail_unless (strstr (error->message, other), "%s", error->message);
  fail_unless (g_error_matches (error, domain, code), "%s", error->message);
  g_clear_error (&error);
  gst_message_unref (message);
}

static guint64
get_stat (const char *name)
{
  return element_get_stat (src, name);
}

static GstCaps *
get_caps (void)
{
  GstPad *pad = gst_element_get_static_pad (src, "src");
  GstCaps *caps = gst_pad_get_current_caps (pad);

  gst_object_unref (pad);
  return caps;
}

static void
assert_caps (const char *expected)
{
  GstCaps *caps = get_caps ();
  GstCaps *wanted = gst_caps_from_string (expected);

  fail_unless (gst_caps_is_subset (caps, wanted));
  gst_caps_unref (wanted);
  gst_caps_unref (caps);
}

/* Frames go through, nothing is copied, buffers are exported once. */
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

/* Who takes anything gets plain caps; who asks for DMA_DRM gets them. */
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

/* A peer that takes several colorimetries and both kinds of video gets what the
 * driver delivers anyway, not the first that it names. */
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

/* The order of woven fields is that of the video standard. */
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

/* The next message that is no information is a warning with these words. */
static void
assert_warning (const char *words)
{
  GstMessage *message = wait_message (GST_MESSAGE_WARNING | GST_MESSAGE_ERROR);
  GError *error = NULL;
  char *debug = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, &debug);
  else
    gst_message_parse_warning (message, &error, &debug);
  fail_unless (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING
          && strstr (error->message, words),
      "%s: %s (%s)", GST_MESSAGE_TYPE_NAME (message), error->message, debug);
  g_clear_error (&error);
  g_free (debug);
  warnings = g_list_prepend (warnings, message);
}

/* The caps tell the rate that the driver took, unless the peer insists on
 * another: then there is a warning. */
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
  while (get_stat ("frames") < 3)
    g_usleep (1000);
  assert_caps ("video/x-raw,framerate=30/1");
  end_pipeline ();
}
GST_END_TEST;

/* A peer that asks anew and gets the same does not interrupt the camera. */
GST_START_TEST (test_same_again)
{
  GstPad *pad;
  guint64 exports, frames;
  guint i;

  mock_driver.fixed_rate = 12;
  start_pipeline ("! video/x-raw,interlace-mode={interleaved,progressive} !");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (get_stat ("frames") < 3)
    g_usleep (1000);
  exports = get_stat ("exports");
  pad = gst_element_get_static_pad (src, "src");
  for (i = 0; i < 5; i++) {
    gst_pad_send_event (pad, gst_event_new_reconfigure ());
    frames = get_stat ("frames");
    while (get_stat ("frames") < frames + 3)
      g_usleep (1000);
  }
  gst_object_unref (pad);
  fail_unless_equals_uint64 (get_stat ("exports"), exports);
  end_pipeline ();
}
GST_END_TEST;

static void
on_handoff (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer data)
{
  GArray *times = data;
  GstClockTime pts = GST_BUFFER_PTS (buffer);
  guint64 previous = 0;

  fail_unless (GST_CLOCK_TIME_IS_VALID (pts));
  fail_unless_equals_uint64 (GST_BUFFER_DURATION (buffer), GST_SECOND / 30);
  if (times->len > 0)
    previous = g_array_index (times, guint64, times->len - 1);
  fail_unless (times->len == 0 || pts > previous);
  g_array_append_val (times, pts);
}

/* Running time grows from the start, also over a pause, after which no old
 * frame comes. */
GST_START_TEST (test_timestamps)
{
  GArray *times = g_array_new (FALSE, FALSE, sizeof (guint64));
  GstElement *sink;
  guint before;

  start_pipeline ("!");
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_object_set (sink, "signal-handoffs", TRUE, NULL);
  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), times);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (get_stat ("frames") < 50)
    g_usleep (1000);
  gst_element_set_state (pipeline, GST_STATE_PAUSED);
  before = get_stat ("frames");
  g_usleep (50000);
  fail_unless (get_stat ("frames") <= before + 1);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (get_stat ("frames") < before + 50)
    g_usleep (1000);
  end_pipeline ();

  fail_unless (g_array_index (times, guint64, 0) < 10 * GST_SECOND);
  gst_object_unref (sink);
  g_array_unref (times);
}
GST_END_TEST;

/* Live: a frame is there when it is over, and the driver goes on while there
 * are buffers. */
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

/* A frame that is older when it is there, because its exposure is long or its
 * way is: sinks would drop each of them as late if they did not know. */
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

/* The driver's need, the peer's, and two; at most eight, but what the driver
 * cannot do without. */
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

/* Rows that the caps do not tell of need a peer that takes GstVideoMeta. */
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

/* The kernel is asked for fences only where a consumer may have left some: it
 * imports (video meta), but does not say how it synchronises (sync meta). */
GST_START_TEST (test_who_is_asked_for_fences)
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
    while (get_stat ("frames") < 20)
      g_usleep (1000);
    fake_kernel_reset_calls ();
    while (get_stat ("frames") < 40)
      g_usleep (1000);
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
  /* What drivers refuse to stream with, and what their users can do. */
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
      "/dev/video0 (mock): has nothing of what is wanted", "12345");
  end_pipeline ();

  /* No fault of the device. */
  start_pipeline ("! video/x-raw,width=640 ! capsfilter name=other !");
  other = gst_bin_get_by_name (GST_BIN (pipeline), "other");
  gst_util_set_object_arg (G_OBJECT (other), "caps", "video/x-raw,width=320");
  gst_object_unref (other);
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
      "/dev/video0 (mock)", "nothing suits all elements downstream");
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

/* Pulled while streaming: an error, and NULL without a hang. */
GST_START_TEST (test_unplugged)
{
  start_pipeline ("!");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (get_stat ("frames") < 10)
    g_usleep (1000);
  mock_driver_unplug ();
  assert_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
      "/dev/video0 (mock)", "the device is gone");
  end_pipeline ();
}
GST_END_TEST;

/* Any call fails: no crash, no hang, nothing left. */
GST_START_TEST (test_nth_call_fails)
{
  GstMessage *message;
  guint nth;
  gboolean fired;

  /* Fewer calls. */
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

static void
wait_for_caps (const char *expected)
{
  GstCaps *wanted = gst_caps_from_string (expected);
  GstCaps *caps = NULL;

  while (!caps || !gst_caps_is_subset (caps, wanted)) {
    gst_clear_caps (&caps);
    g_usleep (1000);
    caps = get_caps ();
  }
  gst_caps_unref (caps);
  gst_caps_unref (wanted);
}

static void
wait_for_frames (guint n)
{
  guint64 frames = get_stat ("frames");

  while (get_stat ("frames") < frames + n)
    g_usleep (1000);
}

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

/* A new format while PLAYING, also while consumers hold buffers of the old. */
static void
renegotiate (guint rounds)
{
  static const char *const formats[] = {
    "video/x-raw,format=NV12,width=1280,height=720",
    "video/x-raw,format=BGRx,width=640,height=480",
    "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=YUYV,width=640,"
    "height=480",
  };
  GstElement *filter;
  guint i;

  start_pipeline ("! capsfilter name=filter ! queue !");
  filter = gst_bin_get_by_name (GST_BIN (pipeline), "filter");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (i = 0; i < rounds; i++) {
    GstCaps *caps = gst_caps_from_string (formats[i % G_N_ELEMENTS (formats)]);
    guint frames;
    GstCaps *current;
    gboolean done;

    g_object_set (filter, "caps", caps, NULL);
    do {
      g_usleep (1000);
      current = get_caps ();
      done = current && gst_caps_is_subset (current, caps);
      gst_clear_caps (&current);
    } while (!done);
    frames = get_stat ("frames");
    while (get_stat ("frames") < frames + 5)
      g_usleep (1000);
    gst_caps_unref (caps);
  }
  gst_object_unref (filter);
  end_pipeline ();
}

GST_START_TEST (test_renegotiation)
{
  renegotiate (20);
}
GST_END_TEST;

/* A kernel without orphaning: the consumers are drained first. */
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
    while (i % 3 == 0 && get_stat ("frames") < 3)
      g_usleep (1000);
    gst_element_set_state (pipeline, GST_STATE_NULL);
    fail_unless_equals_int (mock_driver.n_open, 0);
  }
  end_pipeline ();
}
GST_END_TEST;

static MockControl controls[] = {
  { V4L2_CID_BRIGHTNESS, V4L2_CTRL_TYPE_INTEGER, "Brightness", 0, 255, 128 },
};

/* At the start and while it runs; what cannot be set is a warning. */
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

  tcase_set_timeout (tc, 100);
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
  tcase_add_test (tc, test_who_is_asked_for_fences);
  tcase_add_test (tc, test_errors);
  tcase_add_test (tc, test_unplugged);
  tcase_add_test (tc, test_nth_call_fails);
  tcase_add_test (tc, test_signal);
  tcase_add_test (tc, test_signal_changes);
  tcase_add_test (tc, test_signal_changes_after_poll);
  tcase_add_test (tc, test_signal_changes_under_frames);
  tcase_add_test (tc, test_no_signal);
  tcase_add_test (tc, test_signal_that_the_peer_refuses);
  tcase_add_test (tc, test_no_frames);
  tcase_add_test (tc, test_flush_and_stop_while_waiting);
  tcase_add_test (tc, test_flush_before_first_wait);
  tcase_add_test (tc, test_eos_before_first_wait);
  tcase_add_test (tc, test_eos_while_waiting);
  tcase_add_test (tc, test_short_pauses);
  tcase_add_test (tc, test_flush_before_start);
  tcase_add_test (tc, test_renegotiation);
  tcase_add_test (tc, test_renegotiation_without_orphaning);
  tcase_add_test (tc, test_many_starts);
  tcase_add_test (tc, test_extra_controls);

  return suite;
}

GST_CHECK_MAIN (element);
