/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The pool's storage: layouts, memory, names, and the calls for a frame. */

#include "pool-fixture.h"

#include <drm/drm_fourcc.h>

/* --- layouts -------------------------------------------------------------- */

static const struct
{
  Config config;
  guint n_memory;
  gint stride[2];
  gsize offset[2];
  gsize size;
} layouts[] = {
  /* Without video meta: the default of GstVideoInfo; constraints are ignored.
   */
  { { CAPS_NV12, 0, 0, FALSE, NULL, 256, 4096, 0 }, 1, { 100, 100 },
      { 0, 5000 }, 7500 },
  { { CAPS_NV12, 0, 0, TRUE }, 1, { 100, 100 }, { 0, 5000 }, 7500 },
  { { CAPS_DRM, 0, 0, TRUE, NULL, 64, 1, 0 }, 1, { 128, 128 }, { 0, 6400 },
      9600 },
  /* An alignment that is no power of two. */
  { { CAPS_DRM, 0, 0, TRUE, NULL, 96, 4096, 0 }, 1, { 192, 192 }, { 0, 12288 },
      12288 + 192 * 25 },
  /* A padding of 16 pixels at the left and 16 lines at the top; half for
   * chroma. */
  { { CAPS_NV12, 0, 0, TRUE, NULL, 1, 1, 16 }, 1, { 116, 116 },
      { 16 * 116 + 16, 66 * 116 + 8 * 116 + 16 }, 66 * 116 + 33 * 116 },
  { { CAPS_NV12, 0, 0, TRUE, GST_BUFFER_POOL_OPTION_DMABUF_CORE_PER_PLANE, 64,
        4096, 0 },
      2, { 128, 128 }, { 0, 6400 }, 9600 },
};

GST_START_TEST (test_layouts)
{
  GstBufferPool *pool = new_pool (&layouts[__i__].config);
  GstBuffer *buffer = acquire (pool);
  GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  GstVideoInfoDmaDrm info;
  DmabufLayout layout;
  GError *error = NULL;
  GstCaps *caps;
  guint i;

  fail_unless_equals_int (
      gst_buffer_n_memory (buffer), layouts[__i__].n_memory);
  fail_unless_equals_uint64 (gst_buffer_get_size (buffer), layouts[__i__].size);
  fail_unless (meta != NULL);
  for (i = 0; i < 2; i++) {
    fail_unless_equals_int (meta->stride[i], layouts[__i__].stride[i]);
    fail_unless_equals_uint64 (meta->offset[i], layouts[__i__].offset[i]);
  }

  caps = gst_caps_from_string (layouts[__i__].config.caps);
  fail_unless (gst_dmabuf_core_video_info_from_caps (&info, caps));
  fail_unless (
      gst_dmabuf_core_buffer_get_layout (buffer, &info, &layout, &error));
  assert_no_error (error);
  fail_unless (gst_dmabuf_core_buffer_is_dmabuf (buffer));

  gst_caps_unref (caps);
  gst_buffer_unref (buffer);
  free_pool (pool);
}
GST_END_TEST;

/* videocrop sets the cropped size in the caps, and the position of the cropped
 * part in a meta: importers need the layout of the whole frame. */
GST_START_TEST (test_the_layout_of_a_cropped_frame_is_the_frames)
{
  static const Config config = { CAPS_DRM, 1, 1, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool);
  GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);
  GstCaps *caps = gst_caps_from_string (
      "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12,width=80,"
      "height=40,framerate=30/1");
  GstVideoInfoDmaDrm info;
  DmabufLayout layout;

  crop->x = 20;
  crop->y = 10;
  crop->width = 80;
  crop->height = 40;
  fail_unless (gst_dmabuf_core_video_info_from_caps (&info, caps));
  fail_unless (
      gst_dmabuf_core_buffer_get_layout (buffer, &info, &layout, NULL));
  fail_unless_equals_int (layout.width, 100);
  fail_unless_equals_int (layout.height, 50);
  fail_unless (dmabuf_layout_validate (&layout, NULL));

  /* A crop meta smaller than the caps is left to the reader. */
  crop->width = 40;
  fail_unless (
      gst_dmabuf_core_buffer_get_layout (buffer, &info, &layout, NULL));
  fail_unless_equals_int (layout.width, 80);
  gst_caps_unref (caps);
  gst_buffer_unref (buffer);
  free_pool (pool);
}
GST_END_TEST;

/* Rule 9: only the producer of a tiled format can allocate it. */
GST_START_TEST (test_tiled_is_refused_with_a_reason)
{
  static const Config config = { CAPS_TILED, 0, 0, TRUE };
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);
  GError *error;

  fail_if (configure (pool, &config));
  error = gst_dmabuf_core_pool_get_error (GST_DMABUF_CORE_POOL (pool));
  fail_unless (error != NULL);
  fail_unless (strstr (error->message, "tiled") != NULL);
  g_error_free (error);
  gst_object_unref (pool);
}
GST_END_TEST;

/* The exporter sets the layout; compression may have added planes. */
GST_START_TEST (test_tiled_is_laid_out_by_its_exporter)
{
  static const Config config = { CAPS_TILED, 1, 1, TRUE };
  static const Config linear = { CAPS_NV12, 1, 1, TRUE };
  DmabufExporter *exporter = dmabuf_heap_exporter_new (NULL, NULL);
  GstBufferPool *pool = gst_dmabuf_core_pool_new (exporter);
  DmabufLayout layout = {
    .format = DRM_FORMAT_NV12,
    .modifier = 0x0100000000000002,
    .width = 100,
    .height = 52,
    .n_planes = 3,
    .planes = { { NULL, 0, 128 }, { NULL, 8192, 128 }, { NULL, 16384, 64 } },
  };
  GstDmabufCorePool *core = GST_DMABUF_CORE_POOL (pool);
  GstVideoInfoDmaDrm info;
  DmabufLayout read;
  GstVideoMeta *meta;
  GstBuffer *buffer;
  GstCaps *caps;
  guint i;

  /* A layout of another size. */
  gst_dmabuf_core_pool_set_layout (core, &layout, 20000);
  fail_if (configure (pool, &config));
  layout.height = 50;
  gst_dmabuf_core_pool_set_layout (core, &layout, 20000);
  fail_unless (configure (pool, &config));
  fail_unless (gst_buffer_pool_set_active (pool, TRUE));

  buffer = acquire (pool);
  fail_unless_equals_int (gst_buffer_get_size (buffer), 20000);
  meta = gst_buffer_get_video_meta (buffer);
  fail_unless_equals_int (meta->format, GST_VIDEO_FORMAT_DMA_DRM);
  caps = gst_caps_from_string (CAPS_TILED);
  fail_unless (gst_dmabuf_core_video_info_from_caps (&info, caps));
  gst_caps_unref (caps);
  fail_unless (gst_dmabuf_core_buffer_get_layout (buffer, &info, &read, NULL));
  fail_unless_equals_int (read.n_planes, 3);
  for (i = 0; i < 3; i++) {
    fail_unless_equals_uint64 (read.planes[i].offset, layout.planes[i].offset);
    fail_unless_equals_int (read.planes[i].pitch, layout.planes[i].pitch);
  }

  /* The buffer comes back and is used again. */
  gst_buffer_unref (buffer);
  gst_buffer_unref (acquire (pool));
  fail_unless_equals_uint64 (get_stat (pool, "allocated"), 1);
  fail_unless (gst_buffer_pool_set_active (pool, FALSE));

  /* Linear frames still have the layout of the pool. */
  fail_unless (configure (pool, &linear));
  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  buffer = acquire (pool);
  fail_unless_equals_int (gst_buffer_get_video_meta (buffer)->n_planes, 2);
  gst_buffer_unref (buffer);
  free_pool (pool);
  g_object_unref (exporter);
}
GST_END_TEST;

GST_START_TEST (test_no_memory_is_refused_with_reasons)
{
  static const Config config = { CAPS_NV12, 1, 0, TRUE };
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);
  GError *error;

  fake_kernel_break_path ("/dev/dma_heap/system", EACCES);
  fake_kernel_break_path ("/dev/udmabuf", ENOENT);
  fake_kernel_break_path ("/dev/dma_heap/default_cma_region", ENOENT);
  fake_kernel_break_path ("/dev/dma_heap/linux,cma", ENOENT);
  fake_kernel_break_path ("/dev/dma_heap/reserved", ENOENT);
  fail_unless (configure (pool, &config));
  fail_if (gst_buffer_pool_set_active (pool, TRUE));
  error = gst_dmabuf_core_pool_get_error (GST_DMABUF_CORE_POOL (pool));
  fail_unless (error != NULL);
  fail_unless (strstr (error->message, "/dev/dma_heap/system") != NULL, "%s",
      error->message);
  fail_unless (strstr (error->message, "/dev/udmabuf") != NULL);
  g_error_free (error);
  gst_object_unref (pool);
}
GST_END_TEST;

/* DEF-1: configuring allocates nothing; starting makes the minimum; then a
 * frame costs one system call, to ask whether its buffer is idle. */
GST_START_TEST (test_storage_is_made_by_the_start)
{
  static const Config config = { CAPS_NV12, 3, 3, TRUE };
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);
  guint i;

  fail_unless (configure (pool, &config));
  fail_unless_equals_int (fake_kernel_get_n_buffers (), 0);
  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  fail_unless_equals_int (fake_kernel_get_n_buffers (), 3);

  fake_kernel_reset_calls ();
  for (i = 0; i < 30; i++)
    gst_buffer_unref (acquire (pool));
  fail_unless_equals_int (fake_kernel_get_n_buffers (), 3);
  fail_unless_equals_int (fake_kernel_get_calls (FAKE_CALL_IOCTL), 0);
  fail_unless (fake_kernel_get_calls (FAKE_N_CALLS) <= 30);
  fail_unless_equals_uint64 (get_stat (pool, "allocated"), 3);
  free_pool (pool);
}
GST_END_TEST;

/* If any system call fails, all of the minimum or nothing is made, and the next
 * start succeeds. */
GST_START_TEST (test_a_start_that_fails_leaves_nothing)
{
  static const Config config = { CAPS_NV12, 3, 3, TRUE };
  guint nth, n_failed = 0;

  for (nth = 1;; nth++) {
    GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);
    gboolean started, fired;

    fail_unless (configure (pool, &config));
    fake_kernel_fail_nth (nth, ENOMEM);
    started = gst_buffer_pool_set_active (pool, TRUE);
    fired = fake_kernel_fault_fired ();
    fake_kernel_fail_nth (0, 0);
    if (!started) {
      n_failed++;
      fail_unless_equals_int (fake_kernel_get_n_buffers (), 0);
      fail_unless (gst_buffer_pool_set_active (pool, TRUE));
    }
    fail_unless_equals_int (fake_kernel_get_n_buffers (), 3);
    free_pool (pool);
    if (!fired)
      break;
  }
  fail_unless (n_failed >= 3);
}
GST_END_TEST;

/* SEC-19: a buffer is zeroed before its next user gets it. */
GST_START_TEST (test_sec19_zeroed_between_owners)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE,
    GST_BUFFER_POOL_OPTION_DMABUF_CORE_ZERO };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool);

  gst_buffer_memset (buffer, 0, 0xaa, -1);
  gst_buffer_unref (buffer);
  buffer = acquire (pool);
  {
    static const guint8 zero[7500] = { 0 };

    fail_unless (gst_buffer_memcmp (buffer, 0, zero, sizeof (zero)) == 0);
  }
  gst_buffer_unref (buffer);
  free_pool (pool);
}
GST_END_TEST;

GST_START_TEST (test_names_show_in_the_kernels_statistics)
{
  static const Config config = { CAPS_NV12, 0, 0, TRUE };
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);

  gst_dmabuf_core_pool_set_name_prefix (GST_DMABUF_CORE_POOL (pool), "frames");
  fail_unless (configure (pool, &config));
  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  {
    GstBuffer *buffer = acquire (pool);
    FakeFile *file;

    fake_lock ();
    file = fake_file_lookup (
        gst_dmabuf_memory_get_fd (gst_buffer_peek_memory (buffer, 0)));
    fail_unless_equals_string (file->name, "frames-0");
    fake_unlock ();
    gst_buffer_unref (buffer);
  }
  free_pool (pool);
}
GST_END_TEST;

static Suite *
pool_suite (void)
{
  Suite *suite = suite_create ("pool");
  TCase *tc = tcase_create ("pool");

  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, fixture_setup, fixture_teardown);
  tcase_add_loop_test (tc, test_layouts, 0, G_N_ELEMENTS (layouts));
  tcase_add_test (tc, test_the_layout_of_a_cropped_frame_is_the_frames);
  tcase_add_test (tc, test_tiled_is_refused_with_a_reason);
  tcase_add_test (tc, test_tiled_is_laid_out_by_its_exporter);
  tcase_add_test (tc, test_no_memory_is_refused_with_reasons);
  tcase_add_test (tc, test_storage_is_made_by_the_start);
  tcase_add_test (tc, test_a_start_that_fails_leaves_nothing);
  tcase_add_test (tc, test_sec19_zeroed_between_owners);
  tcase_add_test (tc, test_names_show_in_the_kernels_statistics);

  return suite;
}

GST_CHECK_MAIN (pool)
