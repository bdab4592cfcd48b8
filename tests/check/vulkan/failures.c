/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Every Vulkan call that can fail fails once. The error names the result, every
 * object is destroyed (the validation layers count the others), and the next
 * frame is made.
 */

#include <gst/check/gstcheck.h>
#include <drm/drm_fourcc.h>

#include "fault-loader.h"
#include "gpu-cache.h"
#include "gpu-device.h"
#include "gpu-queue.h"
#include "gstdmabufvkconvert.h"
#include "gstdmabufvksrc.h"
#include "host-frame.h"
#include "vkconvert-caps.h"

static guint n_messages;

static void
on_log (const char *domain, GLogLevelFlags level, const char *message,
    gpointer user_data)
{
  g_print ("%s\n", message);
  n_messages++;
}

static void
setup (void)
{
  fault_loader_install ();
  n_messages = 0;
  g_log_set_handler ("gst-dmabuf-vulkan", G_LOG_LEVEL_WARNING, on_log, NULL);
}

static void
teardown (void)
{
  fault_loader_remove ();
  g_assert_cmpuint (n_messages, ==, 0);
}

static gboolean
convert (GpuContext *context, GpuQueue *queue, GError **error)
{
  HostFrame *in, *out;
  GpuConversion conversion = {
    .in.format = gpu_format_get (DRM_FORMAT_ARGB8888),
    .out.format = gpu_format_get (DRM_FORMAT_ABGR8888),
    .crop = { 0, 0, 8, 8 },
    .rect = { 0, 0, 8, 8 },
    .width = 8,
    .height = 8,
  };
  GpuParams params;
  GpuJob job = { .shader = GPU_SHADER_CONVERT, .params = &params };
  DmabufFence *fence = NULL;
  gboolean ret;

  in = host_frame_new (context, DRM_FORMAT_ARGB8888, 8, 8, 0, 0);
  out = host_frame_new (context, DRM_FORMAT_ABGR8888, 8, 8, 0, 0);
  in->data[0] = 77;
  job.in = in->frame;
  job.out = out->frame;
  gpu_params_init (&params, &conversion);
  ret = gpu_queue_prepare (queue, &job, NULL, error)
      && gpu_queue_submit (queue, &job, 0, NULL, &fence, error);
  if (fence)
    dmabuf_fence_unref (fence);
  g_assert_true (gpu_queue_drain (queue));
  if (ret)
    g_assert_cmpuint (out->data[2], ==, 77);
  host_frame_free (context, in);
  host_frame_free (context, out);

  return ret;
}

GST_START_TEST (every_call_that_opens_a_device_fails_once)
{
  GError *error = NULL;
  GpuContext *context;
  guint n, i;

  context = gpu_context_get (NULL, TRUE, &error);
  g_assert_no_error (error);
  gpu_context_unref (context);
  n = fault_loader_get_calls ();
  g_assert_cmpuint (n, >=, 3);

  for (i = 1; i <= n; i++) {
    fault_loader_reset ();
    fault_loader_fail_nth (i, VK_ERROR_OUT_OF_HOST_MEMORY);
    context = gpu_context_get (NULL, TRUE, &error);
    g_assert_null (context);
    g_assert_error (error, DMABUF_ERROR, ENOMEM);
    g_assert_nonnull (strstr (error->message, "VK_ERROR_OUT_OF_HOST_MEMORY"));
    g_clear_error (&error);
  }
}
GST_END_TEST

GST_START_TEST (every_call_for_a_queue_fails_once)
{
  GError *error = NULL;
  GpuContext *context;
  GpuQueue queue;
  guint n, i;

  context = gpu_context_get (NULL, TRUE, &error);
  g_assert_no_error (error);
  fault_loader_reset ();
  g_assert_true (gpu_queue_init (&queue, context, 2, &error));
  n = fault_loader_get_calls ();
  gpu_queue_clear (&queue);
  g_assert_cmpuint (n, >=, 8);

  for (i = 1; i <= n; i++) {
    fault_loader_reset ();
    fault_loader_fail_nth (i, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    g_assert_false (gpu_queue_init (&queue, context, 2, &error));
    g_assert_error (error, DMABUF_ERROR, ENOMEM);
    g_clear_error (&error);
  }
  gpu_context_unref (context);
}
GST_END_TEST

GST_START_TEST (every_call_of_a_frame_fails_once_and_the_next_frame_is_made)
{
  static const char *const calls[] = { "vkCreateDescriptorSetLayout",
    "vkCreatePipelineLayout", "vkCreateShaderModule",
    "vkCreateComputePipelines", "vkAllocateDescriptorSets",
    "vkResetCommandPool", "vkBeginCommandBuffer", "vkQueueSubmit" };
  GError *error = NULL;
  GpuContext *context;
  GpuQueue queue;
  guint i;

  context = gpu_context_get (NULL, TRUE, &error);
  g_assert_no_error (error);
  for (i = 0; i < G_N_ELEMENTS (calls); i++) {
    fault_loader_reset ();
    g_assert_true (gpu_queue_init (&queue, context, 2, &error));
    fault_loader_fail (calls[i], VK_ERROR_OUT_OF_DEVICE_MEMORY);
    g_assert_false (convert (context, &queue, &error));
    g_assert_error (error, DMABUF_ERROR, ENOMEM);
    g_assert_cmpstr (fault_loader_get_failed (), ==, calls[i]);
    g_clear_error (&error);
    fault_loader_reset ();
    g_assert_true (convert (context, &queue, &error));
    g_assert_no_error (error);
    gpu_queue_clear (&queue);
  }
  g_assert_false (g_atomic_int_get (&context->lost));
  gpu_context_unref (context);
}
GST_END_TEST

GST_START_TEST (a_lost_device_is_noticed_and_the_next_context_is_a_new_one)
{
  GpuContext *context, *next;
  GError *error = NULL;
  GpuQueue queue;

  context = gpu_context_get (NULL, FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (gpu_queue_init (&queue, context, 2, &error));
  fault_loader_fail ("vkQueueSubmit", VK_ERROR_DEVICE_LOST);
  g_assert_false (convert (context, &queue, &error));
  g_assert_error (error, DMABUF_ERROR, ENODEV);
  g_clear_error (&error);
  g_assert_true (g_atomic_int_get (&context->lost));

  fault_loader_reset ();
  next = gpu_context_get (NULL, FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (next != context);
  gpu_queue_clear (&queue);
  gpu_context_unref (context);
  g_assert_true (gpu_queue_init (&queue, next, 2, &error));
  g_assert_true (convert (next, &queue, &error));
  gpu_queue_clear (&queue);
  gpu_context_unref (next);
}
GST_END_TEST

/* --- devices ------------------------------------------------------------- */

GST_START_TEST (a_device_is_chosen_by_index_name_and_uuid)
{
  GpuContext *context, *same;
  GError *error = NULL;
  char uuid[2 * VK_UUID_SIZE + 1];
  guint i;

  context = gpu_context_get ("0", FALSE, &error);
  g_assert_no_error (error);
  same = gpu_context_get (context->name, FALSE, &error);
  g_assert_no_error (error);
  gpu_context_unref (same);
  for (i = 0; i < VK_UUID_SIZE; i++)
    g_snprintf (uuid + 2 * i, 3, "%02X", context->uuid[i]);
  same = gpu_context_get (uuid, FALSE, &error);
  g_assert_no_error (error);
  gpu_context_unref (same);

  g_assert_null (gpu_context_get ("no such GPU", FALSE, &error));
  g_assert_error (error, DMABUF_ERROR, ENODEV);
  /* The message lists the devices. */
  g_assert_nonnull (strstr (error->message, context->name));
  g_clear_error (&error);
  g_assert_null (gpu_context_get ("drm:/dev/dri/none", FALSE, &error));
  g_assert_error (error, DMABUF_ERROR, ENOENT);
  g_clear_error (&error);
  gpu_context_unref (context);
}
GST_END_TEST

GST_START_TEST (contexts_of_one_device_are_one)
{
  GpuContext *a = gpu_context_get (NULL, FALSE, NULL);
  GpuContext *b = gpu_context_get (NULL, FALSE, NULL);

  g_assert_true (a == b);
  gpu_context_unref (a);
  gpu_context_unref (b);
}
GST_END_TEST

GST_START_TEST (without_dma_bufs_the_missing_extension_is_named)
{
  GError *error = NULL;
  GpuContext *context;

  fault_loader_hide_extension ("dma_buf");
  context = gpu_context_get (NULL, FALSE, &error);
  g_assert_no_error (error);
  g_assert_null (gpu_device_get (context, GPU_IMPORT_AUTO, &error));
  g_assert_error (error, DMABUF_ERROR, ENOTSUP);
  g_assert_nonnull (strstr (error->message, "VK_EXT_external_memory_dma_buf"));
  g_clear_error (&error);
  gpu_context_unref (context);
}
GST_END_TEST

static char *
get_start_error (const char *launch)
{
  GstElement *pipeline = gst_parse_launch (launch, NULL);
  GstMessage *message;
  GError *error = NULL;
  char *text;

  g_assert_nonnull (pipeline);
  g_assert_cmpint (gst_element_set_state (pipeline, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_FAILURE);
  message = gst_bus_timed_pop_filtered (
      GST_ELEMENT_BUS (pipeline), 0, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (
      error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ_WRITE);
  text = g_strdup (error->message);
  g_clear_error (&error);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);

  return text;
}

GST_START_TEST (elements_without_a_gpu_say_what_to_do)
{
  static const char *const launches[] = {
    "dmabufvksrc ! fakesink",
    "videotestsrc ! dmabufvkconvert ! fakesink",
  };
  char *text;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (launches); i++) {
    fault_loader_reset ();
    fault_loader_hide_devices ();
    text = get_start_error (launches[i]);
    g_assert_nonnull (strstr (text, "no Vulkan device"));
    g_assert_nonnull (strstr (text, "install a driver"));
    g_free (text);

    fault_loader_reset ();
    fault_loader_hide_extension ("dma_buf");
    text = get_start_error (launches[i]);
    g_assert_nonnull (strstr (text, "VK_EXT_external_memory_dma_buf"));
    g_free (text);
  }
}
GST_END_TEST

/* --- the cache on disk -----------------------------------------------------
 */

GST_START_TEST (a_damaged_pipeline_cache_is_left_out)
{
  GError *error = NULL;
  GpuContext *context;
  VkPipelineCache cache;
  char *path, *data;
  gsize size;

  context = gpu_context_get (NULL, TRUE, &error);
  g_assert_no_error (error);
  path = gpu_cache_get_path (context);
  g_assert_true (g_str_has_prefix (path, g_get_user_cache_dir ()));
  gpu_cache_save (context, gpu_cache_load (context));
  g_assert_true (g_file_get_contents (path, &data, &size, &error));
  g_assert_no_error (error);

  data[size - 1] ^= 1;
  g_assert_true (g_file_set_contents (path, data, size, &error));
  cache = gpu_cache_load (context);
  g_assert_true (cache != VK_NULL_HANDLE);
  gpu_cache_save (context, cache);
  g_free (data);

  g_assert_true (g_file_set_contents (path, "short", 5, &error));
  cache = gpu_cache_load (context);
  g_assert_true (cache != VK_NULL_HANDLE);
  gpu_cache_save (context, cache);
  g_free (path);
  gpu_context_unref (context);
}
GST_END_TEST

/* --- negotiation ------------------------------------------------------------
 */

static char *
fixate (const char *from, const char *to, gboolean transpose)
{
  GstCaps *caps = gst_caps_from_string (from), *result;
  char *text;

  result =
      vkconvert_caps_fixate (caps, gst_caps_from_string (to), transpose, 0, 0);
  text = gst_caps_to_string (result);
  gst_caps_unref (result);
  gst_caps_unref (caps);

  return text;
}

GST_START_TEST (what_is_left_open_stays_as_it_is)
{
  char *text;

  text = fixate ("video/x-raw,format=NV12,width=320,height=240",
      "video/x-raw,format={BGRx,NV12},width=[1,1000],height=[1,1000]", FALSE);
  g_assert_nonnull (strstr (text, "NV12"));
  g_assert_nonnull (strstr (text, "width=(int)320, height=(int)240"));
  g_free (text);

  /* Turned */
  text = fixate ("video/x-raw,format=NV12,width=320,height=240",
      "video/x-raw,format={BGRx,NV12},width=[1,1000],height=[1,1000]", TRUE);
  g_assert_nonnull (strstr (text, "width=(int)240, height=(int)320"));
  g_free (text);

  /* The nearest kind of format */
  text = fixate ("video/x-raw,format=YUY2,width=320,height=240",
      "video/x-raw,format={BGRx,I420},width=[1,100],height=[1,1000]", FALSE);
  g_assert_nonnull (strstr (text, "I420"));
  g_assert_nonnull (strstr (text, "width=(int)100"));
  g_free (text);

  text = fixate ("video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12,"
                 "width=32,height=24",
      "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format={XR24,NV12},"
      "width=[1,100],height=[1,1000]",
      FALSE);
  g_assert_nonnull (strstr (text, "drm-format=(string)NV12"));
  g_free (text);

  /* The format counts first, then linear before tiled. */
#define FROM_DRM(drm) \
  "video/" \
  "x-raw(memory:DMABuf),format=DMA_DRM,width=32,height=24,drm-format=" drm
#define TO_DRM(drm) \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,width=[1,100],height=[1,100]," \
  "drm-format={" drm "}"
  text = fixate (FROM_DRM ("NV12:0x0100000000000002"),
      TO_DRM ("XR24,NV12:0x0100000000000002,NV12"), FALSE);
  g_assert_nonnull (strstr (text, "(string)NV12"));
  g_assert_null (strstr (text, "NV12:"));
  g_free (text);
  text = fixate (
      FROM_DRM ("NV12"), TO_DRM ("XR24,YUYV,NV12:0x0100000000000002"), FALSE);
  g_assert_nonnull (strstr (text, "(string)NV12:0x0100000000000002"));
  g_free (text);
}
GST_END_TEST

/* Without passthrough the input's caps may be missing among the output's: size
 * and format are free. */
GST_START_TEST (turned_frames_may_get_any_output_format)
{
  GstCaps *caps = gst_caps_from_string (
      "video/x-raw,format=NV12,width=32,height=24,framerate=30/1");
  GstCaps *formats = gst_caps_from_string (
      "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12,"
      "width=[1,100],height=[1,100];"
      "video/x-raw,format=NV12,width=[1,100],height=[1,100]");
  GstCaps *result;

  result = vkconvert_caps_transform (caps, formats, TRUE);
  g_assert_true (gst_caps_is_subset (caps, result));
  gst_caps_unref (result);

  result = vkconvert_caps_transform (caps, formats, FALSE);
  g_assert_cmpuint (gst_caps_get_size (result), ==, 2);
  g_assert_false (gst_caps_is_fixed (result));
  /* Input without memory:DMABuf prefers output without it. */
  g_assert_false (gst_caps_features_contains (
      gst_caps_get_features (result, 0), "memory:DMABuf"));
  gst_caps_unref (result);
  gst_caps_unref (formats);
  gst_caps_unref (caps);
}
GST_END_TEST

GST_START_TEST (borders_keep_the_aspect)
{
  GstVideoInfo in, out;
  GpuRect crop = { 0, 0, 320, 240 }, rect;

  gst_video_info_set_format (&in, GST_VIDEO_FORMAT_NV12, 320, 240);
  gst_video_info_set_format (&out, GST_VIDEO_FORMAT_NV12, 640, 240);
  rect = vkconvert_place (&in, &crop, &out, FALSE, TRUE);
  g_assert_cmpint (rect.x, ==, 160);
  g_assert_cmpint (rect.width, ==, 320);
  g_assert_cmpint (rect.height, ==, 240);
  rect = vkconvert_place (&in, &crop, &out, FALSE, FALSE);
  g_assert_cmpint (rect.width, ==, 640);
  /* Turned: 240:320 in 240 rows are 180 columns. */
  rect = vkconvert_place (&in, &crop, &out, TRUE, TRUE);
  g_assert_cmpint (rect.width, ==, 180);
  g_assert_cmpint (rect.x, ==, 230);
}
GST_END_TEST

static Suite *
failures_suite (void)
{
  Suite *suite = suite_create ("vulkan-failures");
  TCase *tcase = tcase_create ("general");

  GST_ELEMENT_REGISTER (dmabufvkconvert, NULL);
  GST_ELEMENT_REGISTER (dmabufvksrc, NULL);

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, every_call_that_opens_a_device_fails_once);
  tcase_add_test (tcase, every_call_for_a_queue_fails_once);
  tcase_add_test (
      tcase, every_call_of_a_frame_fails_once_and_the_next_frame_is_made);
  tcase_add_test (
      tcase, a_lost_device_is_noticed_and_the_next_context_is_a_new_one);
  tcase_add_test (tcase, a_device_is_chosen_by_index_name_and_uuid);
  tcase_add_test (tcase, contexts_of_one_device_are_one);
  tcase_add_test (tcase, without_dma_bufs_the_missing_extension_is_named);
  tcase_add_test (tcase, elements_without_a_gpu_say_what_to_do);
  tcase_add_test (tcase, a_damaged_pipeline_cache_is_left_out);
  tcase_add_test (tcase, what_is_left_open_stays_as_it_is);
  tcase_add_test (tcase, turned_frames_may_get_any_output_format);
  tcase_add_test (tcase, borders_keep_the_aspect);
  suite_add_tcase (suite, tcase);

  return suite;
}

GST_CHECK_MAIN (failures)
