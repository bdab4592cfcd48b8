/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames with a modifier whose layout only the driver knows: negotiation,
 * output, input. */

#include <string.h>

#include "converter-fixture.h"
#include "tiled-loader.h"

#define TILED "XB24:0x0100000000000001"
#define DRM_CAPS(drm) \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=" drm \
  ",width=8,height=4,framerate=30/1"

static void
check_format (GstHarness *h, const char *wanted)
{
  GstCaps *caps = gst_pad_get_current_caps (h->sinkpad);

  g_assert_nonnull (caps);
  g_assert_cmpstr (
      gst_structure_get_string (gst_caps_get_structure (caps, 0), "drm-format"),
      ==, wanted);
  gst_caps_unref (caps);
}

static void
finish (void)
{
  guint n_made;

  check_nothing_is_left ();
  g_assert_cmpuint (tiled_loader_get_images (&n_made), ==, 0);
  g_assert_cmpuint (n_made, >, 0);
  tiled_loader_remove ();
}

/* The frames are in GPU memory, laid out by the driver; caps and video meta
 * describe them. */
GST_START_TEST (tiled_frames_are_made_for_a_peer_without_linear)
{
  GstBufferPool *pool;
  GstStructure *stats;
  guint64 imports = 0;
  GstVideoMeta *meta;
  GstBuffer *out;
  GstHarness *h;
  guint i;

  tiled_loader_install ();
  h = new_converter (NULL, DRM_CAPS (TILED), FALSE);
  pool = new_pool (2);
  for (i = 0; i < 12; i++) {
    g_assert_cmpint (
        gst_harness_push (h, new_frame (pool, i & 3)), ==, GST_FLOW_OK);
    out = gst_harness_pull (h);
    check_content (out, i & 3);
    meta = gst_buffer_get_video_meta (out);
    g_assert_cmpint (meta->format, ==, GST_VIDEO_FORMAT_DMA_DRM);
    g_assert_cmpuint (meta->n_planes, ==, 1);
    if (i == 0) {
      stats = gst_dmabuf_core_pool_get_stats (GST_DMABUF_CORE_POOL (out->pool));
      g_assert_cmpstr (
          gst_structure_get_string (stats, "exporter"), ==, "vulkan");
      gst_structure_free (stats);
    }
    gst_buffer_unref (out);
    if (i == 8)
      imports = get_stat (h, "imports");
  }
  check_format (h, TILED);
  g_assert_cmpuint (get_stat (h, "imports"), ==, imports);

  free_converter (h);
  free_pool (pool);
  finish ();
}
GST_END_TEST

GST_START_TEST (linear_frames_are_made_for_a_peer_with_both)
{
  GstBufferPool *pool = new_pool (1);
  GstHarness *h;

  tiled_loader_install ();
  h = new_converter (NULL, DRM_CAPS ("{" TILED ",XB24}"), FALSE);
  check_format (h, "XB24");
  free_converter (h);

  /* System memory cannot be tiled. */
  h = new_converter ("memory=system", DRM_CAPS (TILED), FALSE);
  g_assert_cmpint (
      gst_harness_push (h, new_frame (pool, 1)), ==, GST_FLOW_NOT_NEGOTIATED);
  free_converter (h);

  free_pool (pool);
  check_nothing_is_left ();
  tiled_loader_remove ();
}
GST_END_TEST

/* Some drivers have dozens of modifiers for each format: each question is slow.
 */
GST_START_TEST (a_driver_is_asked_for_its_modifiers_once)
{
  guint n_questions = 0, i;
  GstHarness *h;

  tiled_loader_install ();
  h = new_converter (NULL, DRM_CAPS ("XB24"), FALSE);
  for (i = 0; i < 3; i++) {
    gst_caps_unref (gst_pad_query_caps (h->srcpad, NULL));
    gst_caps_unref (gst_pad_peer_query_caps (h->srcpad, NULL));
    gst_caps_unref (gst_pad_peer_query_caps (h->sinkpad, NULL));
    if (i == 0)
      n_questions = tiled_loader_get_questions ();
  }
  g_assert_cmpuint (n_questions, >, 0);
  g_assert_cmpuint (tiled_loader_get_questions (), ==, n_questions);
  free_converter (h);
  tiled_loader_remove ();
}
GST_END_TEST

/* Tiled frames are in GPU memory, which a device with constraints may be unable
 * to reach. */
GST_START_TEST (tiled_frames_that_downstream_does_not_reach_are_refused)
{
  GstDmabufCoreConstraints constraints;
  GstStructure *structure;
  GstMessage *message;
  GError *error = NULL;
  GstBufferPool *pool;
  GstHarness *h;
  GstBus *bus;

  tiled_loader_install ();
  h = gst_harness_new ("dmabufvkconvert");
  pool = new_pool (2);
  bus = gst_bus_new ();
  gst_dmabuf_core_constraints_init (&constraints, "a display");
  constraints.contiguous = TRUE;
  structure = gst_dmabuf_core_constraints_to_structure (&constraints);
  gst_harness_add_propose_allocation_meta (
      h, GST_DMABUF_CORE_CONSTRAINTS_API_TYPE, structure);
  gst_structure_free (structure);
  gst_element_set_bus (h->element, bus);
  gst_harness_set_sink_caps_str (h, DRM_CAPS (TILED));
  gst_harness_set_src_caps_str (h, CAPS ("BGRx", 8, 4));
  g_assert_cmpint (gst_harness_push (h, new_frame (pool, 1)), !=, GST_FLOW_OK);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_assert_nonnull (strstr (error->message, "a display"));
  g_assert_nonnull (strstr (error->message, "contiguous"));
  g_clear_error (&error);
  gst_message_unref (message);

  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
  gst_harness_teardown (h);
  free_pool (pool);
  finish ();
}
GST_END_TEST

/* Tiled input is turned by 180 degrees into tiled output. */
GST_START_TEST (tiled_frames_are_read)
{
  GstHarness *first, *second;
  GstBufferPool *pool;
  GstBuffer *out;
  gint x, y;

  tiled_loader_install ();
  first = new_converter (NULL, DRM_CAPS (TILED), FALSE);
  second = new_converter ("video-direction=180", DRM_CAPS (TILED), FALSE);
  pool = new_pool (2);
  gst_harness_set_src_caps_str (second, DRM_CAPS (TILED));
  g_assert_cmpint (
      gst_harness_push (first, new_frame (pool, 1)), ==, GST_FLOW_OK);
  g_assert_cmpint (
      gst_harness_push (second, gst_harness_pull (first)), ==, GST_FLOW_OK);
  check_format (second, TILED);
  out = gst_harness_pull (second);
  for (y = 0; y < HEIGHT; y++) {
    for (x = 0; x < WIDTH; x++)
      g_assert_cmpuint (
          read_blue (out, x, y), ==, blue (WIDTH - 1 - x, HEIGHT - 1 - y, 1));
  }
  gst_buffer_unref (out);

  free_converter (second);
  free_converter (first);
  free_pool (pool);
  finish ();
}
GST_END_TEST

static void
draw (const char *caps, const char *format)
{
  GstHarness *h = gst_harness_new ("dmabufvksrc");
  GstBuffer *out;

  gst_util_set_object_arg (G_OBJECT (h->element), "pattern", "solid");
  g_object_set (h->element, "color", 0xff0000c8, NULL);
  gst_harness_set_sink_caps_str (h, caps);
  gst_harness_play (h);
  out = gst_harness_pull (h);
  g_assert_nonnull (out);
  check_format (h, format);
  g_assert_cmpuint (read_blue (out, 7, 3), ==, 0xc8);
  gst_buffer_unref (out);
  free_converter (h);
}

GST_START_TEST (tiled_frames_are_drawn)
{
  tiled_loader_install ();
  draw (DRM_CAPS (TILED), TILED);
  draw (DRM_CAPS ("{" TILED ",XB24}"), "XB24");
  finish ();
}
GST_END_TEST

int
main (int argc, char **argv)
{
  Suite *suite = suite_create ("vulkan-tiled");
  TCase *tcase = tcase_create ("tiled");

  converter_tests_init (&argc, &argv);
  tcase_add_test (tcase, tiled_frames_are_made_for_a_peer_without_linear);
  tcase_add_test (tcase, linear_frames_are_made_for_a_peer_with_both);
  tcase_add_test (tcase, a_driver_is_asked_for_its_modifiers_once);
  tcase_add_test (
      tcase, tiled_frames_that_downstream_does_not_reach_are_refused);
  tcase_add_test (tcase, tiled_frames_are_read);
  tcase_add_test (tcase, tiled_frames_are_drawn);
  suite_add_tcase (suite, tcase);

  return gst_check_run_suite (suite, "vulkan-tiled", __FILE__);
}
