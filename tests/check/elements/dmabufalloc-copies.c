/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames that dmabufalloc copies: they keep their metas, a flush ends the wait
 * for their fences, and the consumer gets a layout that it can read. */

#include "../lib/fixture.h"
#include "../lib/stats.h"

#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include "gstdmabufalloc.h"

#define PLAIN "video/x-raw,format=NV12,width=64,height=64,framerate=30/1"
#define DRM \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12,width=64," \
  "height=64,framerate=30/1"
#define SIZE (64 * 96)

/* The copy is the same picture: it keeps all metas except those that describe
 * the memory. */
GST_START_TEST (test_metas_stay_on_a_copied_frame)
{
  GstHarness *harness = gst_harness_new_parse ("dmabufalloc copy-policy=allow");
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, SIZE, NULL), *out;
  GstCaps *reference = gst_caps_from_string ("timestamp/x-test");
  GstVideoRegionOfInterestMeta *region;
  GstVideoMeta *meta;

  gst_harness_set_src_caps_str (harness, PLAIN);
  gst_buffer_add_video_meta (
      buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_NV12, 64, 64);
  gst_buffer_add_video_region_of_interest_meta (buffer, "face", 1, 2, 3, 4);
  gst_buffer_add_video_time_code_meta_full (
      buffer, 30, 1, NULL, GST_VIDEO_TIME_CODE_FLAGS_NONE, 1, 2, 3, 4, 0);
  gst_buffer_add_reference_timestamp_meta (buffer, reference, 7, 0);
  gst_buffer_add_dmabuf_core_sync_meta (buffer, NULL);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);

  out = gst_harness_pull (harness);
  fail_unless (out != buffer);
  region = gst_buffer_get_video_region_of_interest_meta_id (out, 0);
  fail_unless (region && region->y == 2);
  fail_unless (gst_buffer_get_video_time_code_meta (out) != NULL);
  fail_unless (gst_buffer_get_reference_timestamp_meta (out, reference));
  fail_unless (gst_buffer_get_parent_buffer_meta (out) == NULL);
  fail_unless_equals_int (
      gst_buffer_get_n_meta (out, GST_VIDEO_META_API_TYPE), 1);
  fail_unless_equals_int (
      gst_buffer_get_n_meta (out, GST_DMABUF_CORE_SYNC_META_API_TYPE), 1);
  meta = gst_buffer_get_video_meta (out);
  fail_unless (GST_META_FLAG_IS_SET (&meta->meta, GST_META_FLAG_POOLED));

  gst_buffer_unref (out);
  gst_caps_unref (reference);
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* A frame whose caps have the cropped size is cropped by the copy; one whose
 * caps have the full size keeps its crop meta. */
GST_START_TEST (test_a_cropped_frame)
{
  GstHarness *harness = gst_harness_new_parse ("dmabufalloc copy-policy=allow");
  GstBuffer *buffer, *out;
  GstVideoCropMeta *crop;
  guint8 pixel = 0x5a;

  gst_harness_set_src_caps_str (harness, PLAIN);
  buffer = gst_buffer_new_allocate (NULL, 80 * 96, NULL);
  gst_buffer_memset (buffer, 8, 0x5a, 1);
  gst_buffer_add_video_meta (
      buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_NV12, 80, 64);
  crop = gst_buffer_add_video_crop_meta (buffer);
  crop->x = 8;
  crop->width = crop->height = 64;
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  out = gst_harness_pull (harness);
  fail_unless (gst_buffer_get_video_crop_meta (out) == NULL);
  fail_unless (gst_buffer_memcmp (out, 0, &pixel, 1) == 0);
  gst_buffer_unref (out);

  buffer = gst_buffer_new_allocate (NULL, SIZE, NULL);
  crop = gst_buffer_add_video_crop_meta (buffer);
  crop->x = 8;
  crop->width = crop->height = 32;
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  out = gst_harness_pull (harness);
  crop = gst_buffer_get_video_crop_meta (out);
  fail_unless (crop && crop->x == 8 && crop->width == 32);
  gst_buffer_unref (out);
  gst_harness_teardown (harness);
}
GST_END_TEST;

static gpointer
push_thread (gpointer user_data)
{
  gpointer *arguments = user_data;

  return GINT_TO_POINTER (gst_harness_push (arguments[0], arguments[1]));
}

/* A device still writes into the frame, and only the kernel has its fence. */
GST_START_TEST (test_flush_ends_waiting_for_the_kernels_fences)
{
  GstHarness *harness =
      gst_harness_new_parse ("dmabufalloc copy-policy=allow fence-timeout=-1");
  GstElement *alloc = gst_harness_find_element (harness, "dmabufalloc");
  GstDmabufCoreConstraints constraints;
  GstStructure *params;
  GstBuffer *buffer = new_frame (SIZE);
  gpointer arguments[] = { harness, buffer };
  int sw = timeline_open ();
  DmabufFence *fence = timeline_new_fence (sw, 1);
  Sleeper *pusher;

  gst_dmabuf_core_constraints_init (&constraints, "display");
  constraints.pitch_align = 256;
  params = gst_dmabuf_core_constraints_to_structure (&constraints);
  gst_harness_add_propose_allocation_meta (
      harness, GST_DMABUF_CORE_CONSTRAINTS_API_TYPE, params);
  gst_harness_add_propose_allocation_meta (
      harness, GST_VIDEO_META_API_TYPE, NULL);
  gst_harness_set_src_caps_str (harness, PLAIN);
  fail_unless (dmabuf_buffer_add_fence (
      frame_get_dmabuf (buffer), DMABUF_ACCESS_WRITE, fence, NULL));

  pusher = sleeper_new (push_thread, arguments);
  fail_unless (sleeper_wait (pusher));
  gst_harness_push_event (harness, gst_event_new_flush_start ());
  fail_unless_equals_int (
      GPOINTER_TO_INT (sleeper_join (pusher)), GST_FLOW_FLUSHING);
  fail_if (dmabuf_fence_is_signaled (fence));
  fail_unless_equals_uint64 (element_get_stat (alloc, "cpu-waits"), 1);

  timeline_inc (sw, 1);
  gst_structure_free (params);
  gst_object_unref (alloc);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
  dmabuf_kernel->close (sw);
}
GST_END_TEST;

/* Rule 11 is for dma-bufs, too: a consumer without video meta gets the default
 * layout of its plain caps, whatever the layout of the DMA_DRM frame is. */
GST_START_TEST (test_a_dmabuf_with_pitches_for_a_consumer_without)
{
  gsize offset[GST_VIDEO_MAX_PLANES] = { 0, 128 * 64 };
  gint stride[GST_VIDEO_MAX_PLANES] = { 128, 128 };
  GstHarness *harness = gst_harness_new_parse ("dmabufalloc copy-policy=allow");
  GstBuffer *buffer = new_frame (128 * 96), *out;
  GstVideoMeta *meta;
  guint8 row[64];

  gst_harness_set_sink_caps_str (harness, PLAIN);
  gst_harness_set_src_caps_str (harness, DRM);
  gst_buffer_memset (buffer, 128, 0x5a, 64);
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_FORMAT_NV12, 64, 64, 2, offset, stride);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);

  out = gst_harness_pull (harness);
  meta = gst_buffer_get_video_meta (out);
  fail_unless_equals_int (meta->stride[0], 64);
  fail_unless_equals_uint64 (meta->offset[1], 64 * 64);
  memset (row, 0x5a, sizeof (row));
  fail_unless (gst_buffer_memcmp (out, 64, row, sizeof (row)) == 0);
  gst_buffer_unref (out);

  /* In the default layout the frame passes. */
  buffer = new_frame (SIZE);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  out = gst_harness_pull (harness);
  fail_unless (out == buffer);
  gst_buffer_unref (out);
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* On a shutdown the source pad is deactivated first, and loses its caps: that
 * is no error for a frame under way. */
GST_START_TEST (test_a_frame_while_it_is_shut_down)
{
  GstHarness *harness = gst_harness_new_parse ("dmabufalloc copy-policy=allow");
  GstElement *alloc = gst_harness_find_element (harness, "dmabufalloc");
  GstPad *pad = gst_element_get_static_pad (alloc, "src");
  GstBus *bus = gst_bus_new ();

  gst_element_set_bus (alloc, bus);
  gst_harness_set_src_caps_str (harness, PLAIN);
  fail_unless_equals_int (
      gst_harness_push (harness, new_frame (SIZE)), GST_FLOW_OK);
  gst_pad_set_active (pad, FALSE);
  fail_unless_equals_int (
      gst_harness_push (harness, gst_buffer_new_allocate (NULL, SIZE, NULL)),
      GST_FLOW_FLUSHING);
  fail_unless (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR) == NULL);

  gst_element_set_bus (alloc, NULL);
  gst_object_unref (bus);
  gst_object_unref (pad);
  gst_object_unref (alloc);
  gst_harness_teardown (harness);
}
GST_END_TEST;

static Suite *
dmabufalloc_copies_suite (void)
{
  Suite *suite = suite_create ("dmabufalloc-copies");
  TCase *tc = tcase_create ("dmabufalloc-copies");

  GST_ELEMENT_REGISTER (dmabufalloc, NULL);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, fixture_setup, fixture_teardown);
  tcase_add_test (tc, test_metas_stay_on_a_copied_frame);
  tcase_add_test (tc, test_a_cropped_frame);
  tcase_add_test (tc, test_flush_ends_waiting_for_the_kernels_fences);
  tcase_add_test (tc, test_a_dmabuf_with_pitches_for_a_consumer_without);
  tcase_add_test (tc, test_a_frame_while_it_is_shut_down);

  return suite;
}

/* The elements are linked in: hide the plugin that also has them. */
int
main (int argc, char **argv)
{
  g_unsetenv ("GST_PLUGIN_PATH");
  gst_check_init (&argc, &argv);
  return gst_check_run_suite (
      dmabufalloc_copies_suite (), "dmabufalloc-copies", __FILE__);
}
