/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The elements and the GPU as a device: frames in its memory, a failed
 * allocation, a lost device.
 */

#include <string.h>

#include "converter-fixture.h"
#include "fault-loader.h"
#include "gstdmabufvksrc.h"

/* --- memory -----------------------------------------------------------------
 */

static void
check_memory (const char *out_caps, const char *wanted)
{
  GstHarness *h = new_converter (NULL, out_caps, FALSE);
  GstBufferPool *pool = new_pool (2);
  GstStructure *stats;
  GstBuffer *out;

  g_assert_cmpint (gst_harness_push (h, new_frame (pool, 1)), ==, GST_FLOW_OK);
  out = gst_harness_pull (h);
  check_content (out, 1);
  stats = gst_dmabuf_core_pool_get_stats (GST_DMABUF_CORE_POOL (out->pool));
  g_assert_cmpstr (gst_structure_get_string (stats, "exporter"), ==, wanted);
  gst_structure_free (stats);
  gst_buffer_unref (out);

  free_converter (h);
  free_pool (pool);
}

/* Only a peer that negotiates memory:DMABuf gets GPU memory: the CPU reads it
 * slowly. */
GST_START_TEST (a_gpu_with_memory_gives_it_to_devices)
{
  GpuContext *gpu = gpu_context_get (NULL, FALSE, NULL);
  const char *drm = "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=XB24,"
                    "width=8,height=4,framerate=30/1";

  g_assert_nonnull (gpu);
  gpu->is_discrete = TRUE;
  check_memory (drm, "vulkan");
  check_memory (CAPS ("RGBx", 8, 4), "heap:system");
  gpu->is_discrete = FALSE;
  gpu_context_unref (gpu);
  check_nothing_is_left ();
}
GST_END_TEST

static GstPadProbeReturn
on_allocation_query (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  if (GST_QUERY_TYPE (GST_PAD_PROBE_INFO_QUERY (info)) == GST_QUERY_ALLOCATION)
    fault_loader_fail ("vkAllocateMemory", VK_ERROR_OUT_OF_DEVICE_MEMORY);
  return GST_PAD_PROBE_OK;
}

/* The base classes report only that the pool failed to start: the element has
 * to post the reason. */
GST_START_TEST (a_pool_without_memory_says_so)
{
  static const char *const launches[] = {
    "dmabufvksrc memory=gpu num-buffers=1 ! fakesink name=sink",
    "videotestsrc num-buffers=1 ! dmabufvkconvert memory=gpu "
    "video-direction=180 ! fakesink name=sink",
  };
  GstElement *pipeline, *sink;
  GstMessage *message;
  GError *error;
  GstPad *pad;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (launches); i++) {
    fault_loader_install ();
    pipeline = gst_parse_launch (launches[i], NULL);
    sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
    pad = gst_element_get_static_pad (sink, "sink");
    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
        on_allocation_query, NULL, NULL);
    gst_object_unref (pad);
    gst_object_unref (sink);
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    message = gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (pipeline),
        GST_CLOCK_TIME_NONE, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_ERROR);
    gst_message_parse_error (message, &error, NULL);
    g_assert_error (
        error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT);
    g_assert_nonnull (strstr (error->message, "OUT_OF_DEVICE_MEMORY"));
    g_error_free (error);
    gst_message_unref (message);
    gst_element_set_state (pipeline, GST_STATE_NULL);
    gst_object_unref (pipeline);
    fault_loader_remove ();
  }
}
GST_END_TEST

/* --- a lost device
 * ------------------------------------------------------------
 */

static GstMessage *
pop (GstBus *bus, GstMessageType type)
{
  return gst_bus_timed_pop_filtered (bus, 0, type);
}

GST_START_TEST (a_lost_device_is_opened_anew)
{
  GstBufferPool *pool = new_pool (2), *first_pool = NULL;
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GstBuffer *out;
  GstHarness *h;
  guint i;

  fault_loader_install ();
  h = new_converter (NULL, CAPS ("RGBx", 8, 4), FALSE);
  gst_element_set_bus (h->element, bus);
  for (i = 0; i < 3; i++) {
    if (i == 1)
      fault_loader_fail_once ("vkQueueSubmit", VK_ERROR_DEVICE_LOST);
    g_assert_cmpint (
        gst_harness_push (h, new_frame (pool, i)), ==, GST_FLOW_OK);
    out = gst_harness_pull (h);
    check_content (out, i);
    if (!first_pool)
      first_pool = gst_object_ref (out->pool);
    /* The memory of the old pool may belong to the lost device. */
    g_assert_true ((out->pool == first_pool) == (i < 2));
    gst_buffer_unref (out);
    message = pop (bus, GST_MESSAGE_WARNING);
    g_assert_true ((message != NULL) == (i == 1));
    if (message) {
      GError *error = NULL;

      gst_message_parse_warning (message, &error, NULL);
      g_assert_nonnull (strstr (error->message, "VK_ERROR_DEVICE_LOST"));
      g_clear_error (&error);
      gst_message_unref (message);
    }
  }
  g_assert_null (pop (bus, GST_MESSAGE_ERROR));
  gst_object_unref (first_pool);

  /* If the new device is lost as well, the element posts an error. */
  fault_loader_fail ("vkQueueSubmit", VK_ERROR_DEVICE_LOST);
  g_assert_cmpint (
      gst_harness_push (h, new_frame (pool, 1)), ==, GST_FLOW_ERROR);
  message = pop (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_unref (message);
  fault_loader_reset ();

  gst_element_set_bus (h->element, NULL);
  free_converter (h);
  fault_loader_remove ();
  gst_object_unref (bus);
  free_pool (pool);
  check_nothing_is_left ();
}
GST_END_TEST

int
main (int argc, char **argv)
{
  Suite *suite = suite_create ("vulkan-device");
  TCase *tcase = tcase_create ("as the driver is");

  converter_tests_init (&argc, &argv);
  tcase_add_test (tcase, a_gpu_with_memory_gives_it_to_devices);
  tcase_add_test (tcase, a_pool_without_memory_says_so);
  tcase_add_test (tcase, a_lost_device_is_opened_anew);
  suite_add_tcase (suite, tcase);

  return gst_check_run_suite (suite, "vulkan-device", __FILE__);
}
