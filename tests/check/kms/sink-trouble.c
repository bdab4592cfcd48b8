/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dmabufkmssink: copies, capture-frame, errors, and refused caps. */

#include "sink-fixture.h"
#include "gstdmabufkmssettings.h"
#include "gstdmabufkmssink.h"
#include "kms-presenter.h"
#undef GST_CAT_DEFAULT /* Defined by gstcheck.h as well */

#include <errno.h>
#include <gst/check/gstcheck.h>

/* --- copies ------------------------------------------------------------ */

GST_START_TEST (test_copy_policy)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, PITCH * HEIGHT, NULL);

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, PLAIN_CAPS);
  fail_unless_equals_int (push (buffer), GST_FLOW_OK);
  fail_unless_equals_int (push (buffer), GST_FLOW_OK);
  fail_unless_equals_uint64 (get_stat ("copies"), 2);
  fail_unless_equals_uint64 (get_stat ("shown") + 1 >= 2, 1);
  /* One warning, with the reason. */
  fail_unless (get_error (GST_MESSAGE_WARNING, GST_STREAM_ERROR,
      GST_STREAM_ERROR_FORMAT, "not in dma-bufs"));
  fail_if (gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING));
  close_sink ();

  open_sink ("copy-policy", GST_DMABUF_CORE_COPY_POLICY_ALLOW, NULL);
  gst_harness_set_src_caps_str (harness, PLAIN_CAPS);
  fail_unless_equals_int (push (buffer), GST_FLOW_OK);
  fail_unless_equals_uint64 (get_stat ("copies"), 1);
  fail_if (gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING));
  close_sink ();

  open_sink ("copy-policy", GST_DMABUF_CORE_COPY_POLICY_FORBID, NULL);
  gst_harness_set_src_caps_str (harness, PLAIN_CAPS);
  fail_unless_equals_int (push (buffer), GST_FLOW_ERROR);
  fail_unless_equals_uint64 (get_stat ("copies"), 0);
  fail_unless (get_error (GST_MESSAGE_ERROR, GST_STREAM_ERROR,
      GST_STREAM_ERROR_FORMAT, "copy-policy"));

  gst_buffer_unref (buffer);
}
GST_END_TEST;

/* A dma-buf that the display cannot import is copied. */
GST_START_TEST (test_failed_import_is_copied)
{
  GstBuffer *frame = new_frame ();

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display_fail (DRM_IOCTL_PRIME_FD_TO_HANDLE, 1, EINVAL);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless_equals_uint64 (get_stat ("copies"), 1);
  fail_unless (get_error (GST_MESSAGE_WARNING, GST_STREAM_ERROR,
      GST_STREAM_ERROR_FORMAT, "contiguous"));
  gst_buffer_unref (frame);
}
GST_END_TEST;

/* As virtio-gpu without blob resources: no imports, and only dumb buffers of 32
 * bits per pixel. */
GST_START_TEST (test_card_without_imports)
{
  GstBuffer *frame = new_frame ();
  guint i;

  fake_display.dumb_bpp = 32;
  fake_display.import_errno = ENODEV;
  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  for (i = 0; i < 3; i++)
    fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless_equals_uint64 (get_stat ("copies"), 3);
  fail_unless (get_error (GST_MESSAGE_WARNING, GST_STREAM_ERROR,
      GST_STREAM_ERROR_FORMAT, "of other devices"));
  fail_if (gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR));
  fail_unless_equals_int (fake_display.n_refused_imports, 1);
  close_sink ();

  open_sink ("copy-policy", GST_DMABUF_CORE_COPY_POLICY_FORBID, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fail_unless_equals_int (push (frame), GST_FLOW_ERROR);
  fail_unless (get_error (GST_MESSAGE_ERROR, GST_STREAM_ERROR,
      GST_STREAM_ERROR_FORMAT, "of other devices"));
  gst_buffer_unref (frame);
}
GST_END_TEST;

/* A card without dumb buffers can still show imported frames. Without a picture
 * for test commits only frames of the size of a mode are offered. */
GST_START_TEST (test_card_without_dumb_buffers)
{
  GstBuffer *frame = new_frame_of (600, 400);

  fake_display.dumb_bpp = 1;
  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness,
      "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=XR24,"
      "width=600,height=400,framerate=30/1");
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless_equals_uint64 (get_stat ("imports"), 1);
  fail_unless_equals_uint64 (get_stat ("copies"), 0);
  fail_if (gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING));
  gst_buffer_unref (frame);
}
GST_END_TEST;

GST_START_TEST (test_offered_pool_is_shown_without_a_copy)
{
  GstCaps *caps = gst_caps_from_string (PLAIN_CAPS);
  GstQuery *query = gst_query_new_allocation (caps, TRUE);
  GstDmabufCoreConstraints constraints;
  GstVideoAlignment alignment;
  GstBufferPool *pool;
  GstBuffer *buffer;
  guint size, min, max;

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, PLAIN_CAPS);
  fail_unless (gst_pad_peer_query (harness->srcpad, query));
  fail_unless (
      gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL));
  fail_unless (gst_query_find_allocation_meta (
      query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL));
  gst_query_get_dmabuf_core_constraints (query, &constraints, &alignment);
  fail_unless (constraints.implicit_sync);
  fail_unless (
      strstr (constraints.devices, "KMS") != NULL, "%s", constraints.devices);
  gst_query_parse_nth_allocation_pool (query, 0, &pool, &size, &min, &max);
  fail_unless (pool != NULL);
  fail_unless (min >= 2);
  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  fail_unless_equals_int (
      gst_buffer_pool_acquire_buffer (pool, &buffer, NULL), GST_FLOW_OK);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless_equals_uint64 (get_stat ("copies"), 0);
  fail_unless_equals_uint64 (get_stat ("imports"), 1);
  close_sink ();

  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
  gst_query_unref (query);
  gst_caps_unref (caps);
}
GST_END_TEST;

/* --- capture-frame ----------------------------------------------------- */

GST_START_TEST (test_capture_frame)
{
  GstBuffer *frame = new_frame ();
  GstBuffer *shown = NULL;
  GstSample *sample = NULL;
  GstStructure *structure;
  gint width, height;

  open_sink (NULL, NULL);
  g_signal_emit_by_name (sink, "capture-frame", &sample);
  fail_unless (sample == NULL);

  gst_harness_set_src_caps_str (harness, CAPS);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  g_signal_emit_by_name (sink, "capture-frame", &sample);
  fail_unless (sample != NULL);
  fail_unless_equals_int (fake_display.n_writebacks, 1);
  structure = gst_caps_get_structure (gst_sample_get_caps (sample), 0);
  gst_structure_get_int (structure, "width", &width);
  gst_structure_get_int (structure, "height", &height);
  fail_unless_equals_int (width, 1000);
  fail_unless_equals_int (height, 800);
  fail_unless_equals_int (
      gst_buffer_get_size (gst_sample_get_buffer (sample)), 1000 * 800 * 4);
  gst_structure_get (
      gst_sample_get_info (sample), "frame", GST_TYPE_BUFFER, &shown, NULL);
  fail_unless (shown == frame);
  gst_buffer_unref (shown);
  gst_sample_unref (sample);

  /* The connector stays attached for the next capture, until the end. */
  fail_unless (fake_display_get (FAKE_WRITEBACK, "CRTC_ID") == FAKE_CRTC);
  g_signal_emit_by_name (sink, "capture-frame", &sample);
  fail_unless (sample != NULL);
  gst_sample_unref (sample);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  close_sink ();
  fail_unless (fake_display_get (FAKE_WRITEBACK, "CRTC_ID") == 0);
  gst_buffer_unref (frame);
}
GST_END_TEST;

GST_START_TEST (test_capture_frame_without_writeback)
{
  GstBuffer *frame = new_frame ();
  GstSample *sample = NULL;

  fake_display.writeback = FALSE;
  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  g_signal_emit_by_name (sink, "capture-frame", &sample);
  fail_unless (sample == NULL);
  gst_buffer_unref (frame);
}
GST_END_TEST;

static gpointer
capture (gpointer data)
{
  GstSample *sample = NULL;

  g_signal_emit_by_name (sink, "capture-frame", &sample);

  return sample;
}

/* With a mailbox that is always full a commit is always pending. */
GST_START_TEST (test_capture_frame_between_frames_that_never_cease)
{
  GstBuffer *frames[3] = { new_frame (), new_frame (), new_frame () };
  GstSample *sample;
  GThread *thread;
  guint i;

  open_sink ("present-mode", GST_DMABUF_KMS_PRESENT_MODE_MAILBOX, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display.hold = TRUE;
  fail_unless_equals_int (push (frames[0]), GST_FLOW_OK);
  fail_unless_equals_int (push (frames[1]), GST_FLOW_OK);
  thread = g_thread_new ("capture", capture, NULL);
  /* The mailbox's thread and the capture. */
  sleepers_wait (2);
  fail_unless_equals_int (push (frames[2]), GST_FLOW_OK);
  /* Another frame is in the mailbox now, and stays until the capture is done.
   */
  fail_unless (fake_display_flip ());
  sample = g_thread_join (thread);
  fail_unless (sample != NULL);
  gst_sample_unref (sample);

  /* The frames go on afterwards. */
  fake_display_wait_pending ();
  fail_unless (fake_display_flip ());
  fail_unless_equals_int (push (frames[0]), GST_FLOW_OK);
  fake_display_wait_pending ();
  fake_display.hold = FALSE;
  fail_unless (fake_display_flip ());
  close_sink ();
  for (i = 0; i < 3; i++)
    gst_buffer_unref (frames[i]);
}
GST_END_TEST;

/* While a capture waits for the fence of a frame, statistics can be read and
 * the sink can be stopped. */
GST_START_TEST (test_capture_frame_does_not_hold_up_the_end)
{
  GstBuffer *frame = new_frame ();
  GThread *thread;

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display.hold = TRUE;
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  thread = g_thread_new ("capture", capture, NULL);
  sleepers_wait (1);

  fail_unless_equals_uint64 (get_stat ("frames"), 1);
  fail_unless_equals_int (
      gst_element_set_state (sink, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  fail_unless (g_thread_join (thread) == NULL);
  fail_unless (fake_display_flip ());
  close_sink ();
  gst_buffer_unref (frame);
}
GST_END_TEST;

/* --- errors ------------------------------------------------------------ */

static const char *mode = "600x400";

static void
assert_start_fails (GQuark domain, int code, const char *text)
{
  sink = g_object_new (
      GST_TYPE_DMABUF_KMS_SINK, "device", FAKE_CARD, "mode", mode, NULL);
  bus = gst_bus_new ();
  gst_element_set_bus (sink, bus);
  fail_unless_equals_int (
      gst_element_set_state (sink, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  fail_unless (get_error (GST_MESSAGE_ERROR, domain, code, text));
  gst_element_set_state (sink, GST_STATE_NULL);
  gst_element_set_bus (sink, NULL);
  gst_clear_object (&sink);
  gst_clear_object (&bus);
}

GST_START_TEST (test_start_errors)
{
  fake_display.open_errno = EACCES;
  assert_start_fails (
      GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ_WRITE, FAKE_CARD);
  fake_display.open_errno = ENOENT;
  assert_start_fails (
      GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, FAKE_CARD);
  fake_display.open_errno = 0;
  fake_display.other_master = TRUE;
  assert_start_fails (
      GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_BUSY, "another program");
  fake_display.other_master = FALSE;
  fake_display.kms = FALSE;
  assert_start_fails (
      GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "not a KMS device");
  fake_display.kms = TRUE;
  fake_display.connected = FALSE;
  assert_start_fails (
      GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "no display");
  fake_display.connected = TRUE;
  mode = "601x400";
  assert_start_fails (
      GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "601x400");
  mode = "large";
  assert_start_fails (GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "large");
}
GST_END_TEST;

GST_START_TEST (test_display_lost_while_showing)
{
  GstBuffer *frame = new_frame ();

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fake_display.other_master = TRUE;
  fail_unless_equals_int (push (frame), GST_FLOW_ERROR);
  fail_unless (get_error (GST_MESSAGE_ERROR, GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_BUSY, FAKE_CARD));
  close_sink ();
  fail_unless (is_free (frame));
  gst_buffer_unref (frame);
}
GST_END_TEST;

GST_START_TEST (test_display_that_stands_still)
{
  GstBuffer *frame = new_frame ();

  open_sink ("fence-timeout", 20 * GST_MSECOND, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display.hold = TRUE;
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless_equals_int (push (frame), GST_FLOW_ERROR);
  fail_unless (get_error (GST_MESSAGE_ERROR, GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_WRITE, "not on screen"));
  fail_unless (fake_display_flip ());
  gst_buffer_unref (frame);
}
GST_END_TEST;

GST_START_TEST (test_frame_before_caps_is_refused)
{
  GstBuffer *frame = new_frame ();
  GstSegment segment;

  open_sink (NULL, NULL);
  gst_harness_push_event (harness, gst_event_new_stream_start ("stream"));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (harness, gst_event_new_segment (&segment));
  fail_unless_equals_int (
      gst_pad_push (harness->srcpad, gst_buffer_ref (frame)),
      GST_FLOW_NOT_NEGOTIATED);
  fail_unless_equals_int (fake_display.n_commits, 0);
  close_sink ();
  gst_buffer_unref (frame);
}
GST_END_TEST;

/* --- crop -------------------------------------------------------------- */

static void
push_crop (guint x, guint y, guint width, guint height)
{
  gsize offsets[GST_VIDEO_MAX_PLANES] = { 0 };
  gint strides[GST_VIDEO_MAX_PLANES] = { PITCH };
  GstBuffer *frame = new_frame ();
  GstVideoCropMeta *crop;

  /* As videocrop: memory of the whole frame, caps of the cropped size. */
  gst_buffer_add_video_meta_full (frame, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_FORMAT_BGRx, WIDTH, HEIGHT, 1, offsets, strides);
  crop = gst_buffer_add_video_crop_meta (frame);
  crop->x = x;
  crop->y = y;
  crop->width = width;
  crop->height = height;
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  gst_buffer_unref (frame);
}

static gint
get_source (const char *property)
{
  return fake_display_get (FAKE_PRIMARY, property) >> 16;
}

GST_START_TEST (test_crop_is_of_the_memory_not_of_the_caps)
{
  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness,
      "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=XR24,"
      "width=100,height=80,framerate=30/1");
  push_crop (WIDTH - 100, HEIGHT - 80, 100, 80);
  fail_unless_equals_int (get_source ("SRC_X"), WIDTH - 100);
  fail_unless_equals_int (get_source ("SRC_Y"), HEIGHT - 80);
  fail_unless_equals_int (get_source ("SRC_W"), 100);
  fail_unless_equals_int (get_source ("SRC_H"), 80);
  fail_unless_equals_uint64 (get_stat ("copies"), 0);
}
GST_END_TEST;

/* SEC-7: an invalid crop meta is ignored. */
GST_START_TEST (test_crop_that_lies_is_ignored)
{
  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  push_crop (G_MAXUINT - 1, 0, 12, HEIGHT);
  fail_unless_equals_int (get_source ("SRC_X"), 0);
  fail_unless_equals_int (get_source ("SRC_W"), WIDTH);
  push_crop (1, 0, WIDTH, HEIGHT);
  fail_unless_equals_int (get_source ("SRC_X"), 0);
  push_crop (0, 0, 0, HEIGHT);
  fail_unless_equals_int (get_source ("SRC_W"), WIDTH);
  push_crop (0, 0, WIDTH, 0);
  fail_unless_equals_int (get_source ("SRC_H"), HEIGHT);
}
GST_END_TEST;

static gboolean
accepts (const char *description)
{
  GstCaps *caps = gst_caps_from_string (description);
  GstCaps *possible = gst_pad_peer_query_caps (harness->srcpad, caps);
  gboolean ret = !gst_caps_is_empty (possible);

  gst_caps_unref (possible);
  gst_caps_unref (caps);

  return ret;
}

/* SEC-7: a frame with an invalid video meta is refused, also for a copy. */
GST_START_TEST (test_a_meta_that_lies_is_an_error)
{
  gsize offsets[GST_VIDEO_MAX_PLANES] = { 0 };
  gint strides[GST_VIDEO_MAX_PLANES] = { PITCH * 1000 };
  GstBuffer *frame = new_frame ();

  gst_buffer_add_video_meta_full (frame, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_FORMAT_BGRx, WIDTH, HEIGHT, 1, offsets, strides);
  open_sink ("copy-policy", GST_DMABUF_CORE_COPY_POLICY_ALLOW, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fail_unless_equals_int (push (frame), GST_FLOW_ERROR);
  fail_unless (get_error (GST_MESSAGE_ERROR, GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_WRITE, "plane 0"));
  fail_unless_equals_int (fake_display.n_commits, 0);
  close_sink ();
  gst_buffer_unref (frame);
}
GST_END_TEST;

GST_START_TEST (test_caps_are_those_of_the_display)
{
  open_sink (NULL, NULL);
  fail_unless (accepts (CAPS));
  fail_unless (accepts (PLAIN_CAPS));
  fail_unless (accepts ("video/x-raw,format=I420,width=1200,height=700"));
  fail_if (accepts ("video/x-raw,format=YUY2"));
  fail_if (accepts ("video/x-raw(memory:DMABuf),format=DMA_DRM,"
                    "drm-format=NV12:0x0100000000000001"));
  fail_if (accepts ("video/x-raw,format=NV12,width=1300"));
  /* Smaller than the card's framebuffers may be. */
  fail_if (accepts ("video/x-raw,format=NV12,width=8,height=400"));
  close_sink ();

  /* Without placing and scaling only the sizes of the modes. */
  fake_display.can_place = FALSE;
  open_sink (NULL, NULL);
  fail_unless (accepts ("video/x-raw,format=NV12,width=600,height=400"));
  fail_if (accepts ("video/x-raw,format=NV12,width=600,height=700"));
  fail_if (accepts (CAPS));
  close_sink ();

  open_sink ("mode", "600x400", NULL);
  fail_unless (accepts ("video/x-raw,format=NV12,width=600,height=400"));
  fail_if (accepts ("video/x-raw,format=NV12,width=1200,height=700"));
}
GST_END_TEST;

/* Upstream's error has no reason; the sink posts one with the reason. */
GST_START_TEST (test_refused_caps_are_explained)
{
  open_sink (NULL, NULL);
  fail_if (accepts ("video/x-raw,format=YUY2"));
  gst_harness_push_event (harness, gst_event_new_eos ());
  fail_unless (get_error (GST_MESSAGE_ERROR, GST_STREAM_ERROR,
      GST_STREAM_ERROR_FORMAT, "videoconvert"));
  close_sink ();

  open_sink (NULL, NULL);
  fail_if (accepts ("video/x-raw,format=NV12,width=3000,height=2000"));
  gst_harness_push_event (harness, gst_event_new_eos ());
  fail_unless (get_error (GST_MESSAGE_ERROR, GST_STREAM_ERROR,
      GST_STREAM_ERROR_FORMAT, "videoscale"));
}
GST_END_TEST;

static Suite *
kms_sink_trouble_suite (void)
{
  Suite *suite = suite_create ("kms-sink-trouble");
  TCase *tcase = tcase_create ("sink");

  suite_add_tcase (suite, tcase);
  tcase_add_checked_fixture (tcase, sink_fixture_setup, sink_fixture_teardown);
  tcase_add_test (tcase, test_copy_policy);
  tcase_add_test (tcase, test_card_without_imports);
  tcase_add_test (tcase, test_card_without_dumb_buffers);
  tcase_add_test (tcase, test_failed_import_is_copied);
  tcase_add_test (tcase, test_offered_pool_is_shown_without_a_copy);
  tcase_add_test (tcase, test_capture_frame);
  tcase_add_test (tcase, test_capture_frame_without_writeback);
  tcase_add_test (tcase, test_capture_frame_between_frames_that_never_cease);
  tcase_add_test (tcase, test_capture_frame_does_not_hold_up_the_end);
  tcase_add_test (tcase, test_start_errors);
  tcase_add_test (tcase, test_display_lost_while_showing);
  tcase_add_test (tcase, test_display_that_stands_still);
  tcase_add_test (tcase, test_a_meta_that_lies_is_an_error);
  tcase_add_test (tcase, test_frame_before_caps_is_refused);
  tcase_add_test (tcase, test_crop_is_of_the_memory_not_of_the_caps);
  tcase_add_test (tcase, test_crop_that_lies_is_ignored);
  tcase_add_test (tcase, test_caps_are_those_of_the_display);
  tcase_add_test (tcase, test_refused_caps_are_explained);

  return suite;
}

GST_CHECK_MAIN (kms_sink_trouble);
