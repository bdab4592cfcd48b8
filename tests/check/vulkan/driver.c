/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Answers of GPU drivers that no test machine has, and the calls that have to
 * follow: rules of Vulkan that never apply with lavapipe.
 */

#include <gst/check/gstcheck.h>
#include <drm/drm_fourcc.h>
#include <errno.h>

#include "driver-double.h"
#include "gpu-exporter.h"
#include "gpu-image.h"
#include "gpu-queue.h"
#include "gpu-record.h"

#define X_TILED I915_FORMAT_MOD_X_TILED
#define CCS I915_FORMAT_MOD_Y_TILED_CCS
#define SIZE 65536

static DmabufBuffer *buffer;
static guint n_fds;

static guint
count_fds (void)
{
  GDir *dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir))
    n++;
  g_dir_close (dir);

  return n;
}

static void
setup (void)
{
  DmabufExporter *exporter = dmabuf_memfd_exporter_new ();
  GError *error = NULL;

  driver_double_init ();
  buffer = dmabuf_exporter_allocate (exporter, SIZE, &error);
  g_assert_no_error (error);
  g_object_unref (exporter);
  n_fds = count_fds ();
}

static void
teardown (void)
{
  /* Imported file descriptors belong to the driver; all others are closed. */
  g_assert_cmpuint (count_fds (), ==, n_fds);
  dmabuf_buffer_unref (buffer);
  driver_double_clear ();
}

static DmabufLayout
get_layout (guint32 fourcc, guint64 modifier, guint n_planes)
{
  DmabufLayout layout = {
    .format = fourcc,
    .modifier = modifier,
    .width = 64,
    .height = 32,
    .n_planes = n_planes,
  };
  guint i;

  for (i = 0; i < n_planes; i++)
    layout.planes[i] = (DmabufPlane) { buffer, 16384 * i, 256 };

  return layout;
}

/* @code: the expected error; 0 for success */
static void
try_import (const DmabufLayout *layout, GpuImportMode mode, int code)
{
  GError *error = NULL;
  GpuFrame *frame = gpu_frame_import (&driver.context, layout, mode, &error);

  if (code) {
    g_assert_null (frame);
    g_assert_error (error, DMABUF_ERROR, code);
    g_clear_error (&error);
  } else {
    g_assert_no_error (error);
    gpu_frame_free (&driver.context, frame);
  }
}

/* --- import ------------------------------------------------------------------
 */

/* VUID-VkMemoryDedicatedAllocateInfo-image-02964, -buffer-02965 */
GST_START_TEST (dedicated_memory_has_the_size_of_its_only_user)
{
  DmabufLayout layout = get_layout (DRM_FORMAT_ABGR8888, X_TILED, 1);

  driver_double_add (VK_FORMAT_R8G8B8A8_UNORM, X_TILED, 1, 0);
  driver.image_needs.size = 12288;

  try_import (&layout, GPU_IMPORT_AUTO, 0);
  g_assert_false (driver.is_dedicated);
  g_assert_cmpuint (driver.memory.allocationSize, ==, SIZE);

  driver.wants_dedicated = TRUE;
  try_import (&layout, GPU_IMPORT_AUTO, 0);
  g_assert_true (driver.is_dedicated && driver.dedicated.image);
  g_assert_cmpuint (driver.memory.allocationSize, ==, 12288);

  driver.wants_dedicated = FALSE;
  driver.image_features |= VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT;
  try_import (&layout, GPU_IMPORT_AUTO, 0);
  g_assert_true (driver.is_dedicated && driver.dedicated.image);
  g_assert_cmpuint (driver.memory.allocationSize, ==, 12288);

  layout = get_layout (DRM_FORMAT_ABGR8888, 0, 1);
  try_import (&layout, GPU_IMPORT_BUFFER, 0);
  g_assert_false (driver.is_dedicated);
  driver.wants_dedicated = TRUE;
  try_import (&layout, GPU_IMPORT_BUFFER, 0);
  g_assert_true (driver.is_dedicated && driver.dedicated.buffer);
  g_assert_cmpuint (driver.memory.allocationSize, ==, SIZE);
}
GST_END_TEST

GST_START_TEST (what_is_larger_than_the_modifier_takes_is_refused)
{
  DmabufLayout layout = get_layout (DRM_FORMAT_ABGR8888, X_TILED, 1);

  driver_double_add (VK_FORMAT_R8G8B8A8_UNORM, X_TILED, 1, 0);
  driver.max_extent = (VkExtent3D) { 64, 32, 1 };
  try_import (&layout, GPU_IMPORT_AUTO, 0);
  layout.width = 65;
  try_import (&layout, GPU_IMPORT_AUTO, EINVAL);

  /* The image needs more memory than the dma-buf has. */
  layout.width = 64;
  driver.image_needs.size = SIZE + 1;
  try_import (&layout, GPU_IMPORT_AUTO, EINVAL);
}
GST_END_TEST

GST_START_TEST (memory_planes_are_imported_with_their_offsets)
{
  DmabufLayout layout = get_layout (DRM_FORMAT_XRGB8888, CCS, 2);

  driver_double_add (VK_FORMAT_B8G8R8A8_UNORM, CCS, 2, 0);
  try_import (&layout, GPU_IMPORT_AUTO, 0);
  g_assert_cmpint (driver.image.format, ==, VK_FORMAT_B8G8R8A8_UNORM);
  g_assert_cmpint (
      driver.image.tiling, ==, VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT);
  g_assert_cmpint (driver.image.initialLayout, ==, VK_IMAGE_LAYOUT_UNDEFINED);
  g_assert_cmpuint (driver.planes[1].offset, ==, 16384);
  g_assert_cmpuint (driver.planes[1].rowPitch, ==, 256);

  layout.n_planes = 1;
  try_import (&layout, GPU_IMPORT_AUTO, EINVAL);
}
GST_END_TEST

/* VUID-VkImageCreateInfo-usage-requiredbitmask: an image needs a usage. */
GST_START_TEST (linear_images_that_are_only_read_are_read)
{
  DmabufLayout layout = get_layout (DRM_FORMAT_XRGB8888, 0, 1);
  GpuFrame *frame;

  driver_double_add (
      VK_FORMAT_B8G8R8A8_UNORM, 0, 1, VK_FORMAT_FEATURE_2_SAMPLED_IMAGE_BIT);
  frame = gpu_frame_import (&driver.context, &layout, GPU_IMPORT_IMAGE, NULL);
  g_assert_nonnull (frame);
  g_assert_cmpint (driver.image.format, ==, VK_FORMAT_B8G8R8A8_UNORM);
  g_assert_cmpuint (driver.image.usage, ==, VK_IMAGE_USAGE_SAMPLED_BIT);
  g_assert_true (frame->readable && !frame->writable);
  gpu_frame_free (&driver.context, frame);

  /* A format in byte order that is writable as well is preferred. */
  driver_double_add (VK_FORMAT_R8G8B8A8_UNORM, 0, 1, 0);
  frame = gpu_frame_import (&driver.context, &layout, GPU_IMPORT_IMAGE, NULL);
  g_assert_nonnull (frame);
  g_assert_cmpint (driver.image.format, ==, VK_FORMAT_R8G8B8A8_UNORM);
  g_assert_true (frame->readable && frame->writable && !frame->words);
  gpu_frame_free (&driver.context, frame);
}
GST_END_TEST

GST_START_TEST (memory_that_the_gpu_cannot_reach_is_refused)
{
  DmabufLayout layout = get_layout (DRM_FORMAT_ABGR8888, 0, 1);

  driver.memory_bits = 0;
  try_import (&layout, GPU_IMPORT_BUFFER, EINVAL);
  driver.memory_bits = 1;
  driver.allocate_result = VK_ERROR_INVALID_EXTERNAL_HANDLE;
  try_import (&layout, GPU_IMPORT_BUFFER, EINVAL);
  driver.allocate_result = VK_SUCCESS;
  driver.buffer_features = 0;
  try_import (&layout, GPU_IMPORT_BUFFER, ENOTSUP);
}
GST_END_TEST

/* VUID-VkMemoryAllocateInfo-memoryTypeIndex-01872,
 * VUID-vkAllocateMemory-deviceCoherentMemory-02790: such types need a device
 * feature, which is not enabled. */
GST_START_TEST (memory_types_that_need_a_feature_are_passed_over)
{
  static const VkMemoryPropertyFlags special[] = {
    VK_MEMORY_PROPERTY_PROTECTED_BIT,
    VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT,
    VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD,
    VK_MEMORY_PROPERTY_RDMA_CAPABLE_BIT_NV,
  };
  GpuContext *context = &driver.context;
  guint i;

  context->memory.memoryTypeCount = 2;
  context->memory.memoryTypes[1].propertyFlags =
      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
  for (i = 0; i < G_N_ELEMENTS (special); i++) {
    context->memory.memoryTypes[0].propertyFlags =
        VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | special[i];
    g_assert_cmpuint (gpu_context_find_memory (
                          context, 3, 0, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT),
        ==, 1);
    g_assert_cmpuint (
        gpu_context_find_memory (context, 1, 0, 0), ==, VK_MAX_MEMORY_TYPES);
  }
}
GST_END_TEST

/* --- modifiers ---------------------------------------------------------------
 */

static guint
get_modifiers (guint32 fourcc, VkImageUsageFlags usage)
{
  guint64 modifiers[GPU_MAX_MODIFIERS];

  return gpu_image_get_modifiers (&driver.context, gpu_format_get (fourcc),
      usage, modifiers, G_N_ELEMENTS (modifiers));
}

/* Compression depends on the format: R16 cannot stand for RGB565. */
GST_START_TEST (compressed_images_have_the_frames_own_format)
{
  static const guint64 compressed[] = { CCS,
    AMD_FMT_MOD | AMD_FMT_MOD_SET (DCC, 1),
    DRM_FORMAT_MOD_NVIDIA_BLOCK_LINEAR_2D (1, 1, 2, 6, 4),
    DRM_FORMAT_MOD_QCOM_COMPRESSED,
    DRM_FORMAT_MOD_ARM_AFBC (AFBC_FORMAT_MOD_BLOCK_SIZE_16x16) };
  static const guint64 plain[] = { 0, X_TILED, I915_FORMAT_MOD_4_TILED,
    AMD_FMT_MOD | AMD_FMT_MOD_SET (TILE_VERSION, 2),
    DRM_FORMAT_MOD_NVIDIA_BLOCK_LINEAR_2D (0, 1, 2, 6, 4),
    DRM_FORMAT_MOD_BROADCOM_UIF };
  static const struct
  {
    guint32 fourcc;
    VkFormat format;
    gboolean exact;
  } cases[] = {
    { DRM_FORMAT_XRGB8888, VK_FORMAT_B8G8R8A8_UNORM, TRUE },
    { DRM_FORMAT_ABGR8888, VK_FORMAT_R8G8B8A8_UNORM, TRUE },
    { DRM_FORMAT_RGBA8888, VK_FORMAT_R8G8B8A8_UNORM, FALSE },
    { DRM_FORMAT_RGB565, VK_FORMAT_R16_UNORM, FALSE },
    { DRM_FORMAT_YUYV, VK_FORMAT_R8G8B8A8_UNORM, FALSE },
  };
  guint i, j;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    for (j = 0; j < G_N_ELEMENTS (compressed); j++) {
      memset (driver.modifiers, 0, sizeof (driver.modifiers));
      driver_double_add (cases[i].format, compressed[j], 1, 0);
      g_assert_cmpuint (
          get_modifiers (cases[i].fourcc, VK_IMAGE_USAGE_SAMPLED_BIT), ==,
          cases[i].exact);
    }
    for (j = 0; j < G_N_ELEMENTS (plain); j++) {
      memset (driver.modifiers, 0, sizeof (driver.modifiers));
      driver_double_add (cases[i].format, plain[j], 1, 0);
      g_assert_cmpuint (
          get_modifiers (cases[i].fourcc, VK_IMAGE_USAGE_SAMPLED_BIT), ==, 1);
    }
  }
}
GST_END_TEST

/* VUID-vkCmdDispatch-OpTypeImage-07027 */
GST_START_TEST (images_are_written_where_that_needs_no_format)
{
  const VkFormatFeatureFlags2 features = VK_FORMAT_FEATURE_2_STORAGE_IMAGE_BIT;

  driver_double_add (VK_FORMAT_R8G8B8A8_UNORM, X_TILED, 1, features);
  g_assert_cmpuint (
      get_modifiers (DRM_FORMAT_ABGR8888, VK_IMAGE_USAGE_STORAGE_BIT), ==, 0);
  /* Older drivers report it for all formats at once. */
  driver.fills_list2 = FALSE;
  g_assert_cmpuint (
      get_modifiers (DRM_FORMAT_ABGR8888, VK_IMAGE_USAGE_STORAGE_BIT), ==, 1);
  driver.context.has_features2 = FALSE;
  g_assert_cmpuint (
      get_modifiers (DRM_FORMAT_ABGR8888, VK_IMAGE_USAGE_STORAGE_BIT), ==, 1);
  driver.context.has_raw_images = FALSE;
  g_assert_cmpuint (
      get_modifiers (DRM_FORMAT_ABGR8888, VK_IMAGE_USAGE_STORAGE_BIT), ==, 0);
}
GST_END_TEST

/* Each plane of YUV is an image of its own, which can have one memory plane. */
GST_START_TEST (planes_of_yuv_have_one_plane_in_memory)
{
  driver_double_add (VK_FORMAT_R8_UNORM, X_TILED, 1, 0);
  g_assert_cmpuint (
      get_modifiers (DRM_FORMAT_NV12, VK_IMAGE_USAGE_SAMPLED_BIT), ==, 0);
  driver_double_add (VK_FORMAT_R8G8_UNORM, X_TILED, 1, 0);
  g_assert_cmpuint (
      get_modifiers (DRM_FORMAT_NV12, VK_IMAGE_USAGE_SAMPLED_BIT), ==, 1);
  driver.modifiers[1].n_memory_planes = 2;
  g_assert_cmpuint (
      get_modifiers (DRM_FORMAT_NV12, VK_IMAGE_USAGE_SAMPLED_BIT), ==, 0);
}
GST_END_TEST

/* --- ownership ---------------------------------------------------------------
 */

/* The input keeps its content when it is acquired. The output, which is written
 * completely, is acquired as UNDEFINED, so that the driver initialises its
 * compression data. */
GST_START_TEST (the_input_is_kept_and_the_output_discarded)
{
  DmabufLayout layout = get_layout (DRM_FORMAT_ABGR8888, CCS, 2);
  const VkImageMemoryBarrier *b = driver.barriers;
  GpuContext *context = &driver.context;
  GpuRecord record = { 0 };
  guint i;

  driver_double_add (VK_FORMAT_R8G8B8A8_UNORM, CCS, 2, 0);
  record.in = gpu_frame_import (context, &layout, GPU_IMPORT_AUTO, NULL);
  record.out = gpu_frame_import (context, &layout, GPU_IMPORT_AUTO, NULL);
  g_assert_true (record.in && record.out);
  g_assert_cmpint (gpu_record_commands (context, &record), ==, VK_SUCCESS);

  /* Acquire input, output; release input, output. */
  g_assert_cmpuint (driver.n_barriers, ==, 4);
  g_assert_cmpint (b[0].oldLayout, ==, VK_IMAGE_LAYOUT_GENERAL);
  g_assert_cmpint (b[1].oldLayout, ==, VK_IMAGE_LAYOUT_UNDEFINED);
  for (i = 0; i < 4; i++) {
    guint32 from = i < 2 ? context->foreign : context->family;
    guint32 to = i < 2 ? context->family : context->foreign;

    g_assert_cmpint (b[i].newLayout, ==, VK_IMAGE_LAYOUT_GENERAL);
    g_assert_cmpuint (b[i].srcQueueFamilyIndex, ==, from);
    g_assert_cmpuint (b[i].dstQueueFamilyIndex, ==, to);
  }
  g_assert_cmpint (b[2].oldLayout, ==, VK_IMAGE_LAYOUT_GENERAL);
  g_assert_cmpint (b[3].oldLayout, ==, VK_IMAGE_LAYOUT_GENERAL);
  g_assert_cmpuint (b[0].dstAccessMask, ==, VK_ACCESS_SHADER_READ_BIT);
  g_assert_cmpuint (b[3].srcAccessMask, ==, VK_ACCESS_SHADER_WRITE_BIT);

  gpu_frame_free (context, record.in);
  gpu_frame_free (context, record.out);
}
GST_END_TEST

/* --- work --------------------------------------------------------------------
 */

/* A failed export leaves no fence that other users of the buffers could wait
 * for. So the CPU waits for the GPU and counts the wait; the frame is made. */
GST_START_TEST (work_whose_fence_cannot_be_exported_is_waited_for)
{
  DmabufLayout layout = get_layout (DRM_FORMAT_ABGR8888, 0, 1);
  GpuContext *context = &driver.context;
  DmabufFence *fence = NULL;
  GError *error = NULL;
  GpuParams params = { 0 };
  GpuJob job = { .shader = GPU_SHADER_PATTERN, .params = &params };
  GpuQueue queue;
  guint i;

  context->has_sync_fd = TRUE;
  job.out = gpu_frame_import (context, &layout, GPU_IMPORT_AUTO, &error);
  g_assert_no_error (error);
  g_assert_true (gpu_queue_init (&queue, context, 4, &error));
  for (i = 0; i < 3; i++) {
    driver.export_result = i == 1 ? VK_ERROR_TOO_MANY_OBJECTS : VK_SUCCESS;
    g_assert_true (gpu_queue_prepare (&queue, &job, NULL, &error));
    g_assert_true (gpu_queue_submit (&queue, &job, 0, NULL, &fence, &error));
    g_assert_no_error (error);
    g_assert_null (fence);
    g_assert_cmpuint (queue.n_cpu_waits, ==, i > 0);
    g_assert_cmpuint (driver.n_waits, ==, i > 0);
  }
  gpu_queue_clear (&queue);
  gpu_frame_free (context, job.out);
}
GST_END_TEST

/* --- export ------------------------------------------------------------------
 */

GST_START_TEST (whole_pages_are_cleared_and_exported)
{
  GError *error = NULL;
  DmabufExporter *exporter = gpu_exporter_new (&driver.context, &error);
  DmabufBuffer *exported;

  g_assert_no_error (error);
  exported = dmabuf_exporter_allocate (exporter, 1000, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (driver.buffer.size % sysconf (_SC_PAGESIZE), ==, 0);
  g_assert_cmpuint (driver.buffer.size, >=, dmabuf_buffer_get_size (exported));
  g_assert_cmpuint (driver.n_fills, ==, 1);
  g_assert_false (driver.is_dedicated);
  dmabuf_buffer_unref (exported);

  driver.buffer_features |= VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT;
  exported = dmabuf_exporter_allocate (exporter, 1000, &error);
  g_assert_no_error (error);
  g_assert_true (driver.is_dedicated && driver.dedicated.buffer);
  g_assert_cmpuint (driver.memory.allocationSize, ==, driver.buffer.size);
  dmabuf_buffer_unref (exported);
  g_object_unref (exporter);

  driver.buffer_features = VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
  g_assert_null (gpu_exporter_new (&driver.context, &error));
  g_assert_error (error, DMABUF_ERROR, ENOTSUP);
  g_clear_error (&error);
}
GST_END_TEST

GST_START_TEST (frames_are_exported_if_the_driver_exports_them)
{
  guint64 same[2 * GPU_MAX_MODIFIERS];
  DmabufExporter *exporter;
  GError *error = NULL;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (same); i++)
    same[i] = X_TILED;
  driver_double_add (VK_FORMAT_R8G8B8A8_UNORM, X_TILED, 1, 0);
  exporter = gpu_exporter_new_for_frames (&driver.context, DRM_FORMAT_ABGR8888,
      64, 32, same, G_N_ELEMENTS (same), &error);
  g_assert_no_error (error);
  g_object_unref (exporter);

  g_assert_null (gpu_exporter_new_for_frames (
      &driver.context, DRM_FORMAT_ABGR8888, 16385, 32, same, 1, &error));
  g_assert_error (error, DMABUF_ERROR, ENOTSUP);
  g_clear_error (&error);

  driver.image_features = VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
  g_assert_null (gpu_exporter_new_for_frames (
      &driver.context, DRM_FORMAT_ABGR8888, 64, 32, same, 1, &error));
  g_assert_error (error, DMABUF_ERROR, ENOTSUP);
  g_clear_error (&error);
}
GST_END_TEST

/* --- choice ------------------------------------------------------------------
 */

#define DMA_BUFS \
  { VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME, \
    VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME }

/* @wanted: index */
static void
check_choice (const char *device, guint wanted)
{
  VkPhysicalDevice chosen;
  GError *error = NULL;

  gpu_choose_device (&driver.context.api, NULL, device, &chosen, &error);
  g_assert_no_error (error);
  g_assert_true (chosen == (VkPhysicalDevice) &driver.devices[wanted]);
}

GST_START_TEST (a_gpu_that_can_be_used_is_preferred)
{
  driver.devices[0] = (DriverDevice) { "a CPU", VK_PHYSICAL_DEVICE_TYPE_CPU,
    VK_API_VERSION_1_3, DMA_BUFS };
  driver.devices[1] = (DriverDevice) { "large, old",
    VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU, VK_API_VERSION_1_1, DMA_BUFS };
  /* The GPU, not the CPU: the application is to learn what the GPU lacks. */
  check_choice (NULL, 1);
  driver.devices[2] = (DriverDevice) { "large, without",
    VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU, VK_API_VERSION_1_3, { NULL } };
  driver.devices[3] = (DriverDevice) { "small",
    VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU, VK_API_VERSION_1_2, DMA_BUFS };
  check_choice (NULL, 3);
  /* A device that is asked for is always chosen. */
  check_choice ("large", 1);
  check_choice ("2", 2);
  check_choice ("A CPU", 0);
}
GST_END_TEST

static Suite *
driver_suite (void)
{
  Suite *suite = suite_create ("vulkan-driver");
  TCase *tcase = tcase_create ("general");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, dedicated_memory_has_the_size_of_its_only_user);
  tcase_add_test (tcase, what_is_larger_than_the_modifier_takes_is_refused);
  tcase_add_test (tcase, memory_planes_are_imported_with_their_offsets);
  tcase_add_test (tcase, linear_images_that_are_only_read_are_read);
  tcase_add_test (tcase, memory_that_the_gpu_cannot_reach_is_refused);
  tcase_add_test (tcase, memory_types_that_need_a_feature_are_passed_over);
  tcase_add_test (tcase, compressed_images_have_the_frames_own_format);
  tcase_add_test (tcase, images_are_written_where_that_needs_no_format);
  tcase_add_test (tcase, planes_of_yuv_have_one_plane_in_memory);
  tcase_add_test (tcase, the_input_is_kept_and_the_output_discarded);
  tcase_add_test (tcase, work_whose_fence_cannot_be_exported_is_waited_for);
  tcase_add_test (tcase, whole_pages_are_cleared_and_exported);
  tcase_add_test (tcase, frames_are_exported_if_the_driver_exports_them);
  tcase_add_test (tcase, a_gpu_that_can_be_used_is_preferred);
  suite_add_tcase (suite, tcase);

  return suite;
}

GST_CHECK_MAIN (driver)
