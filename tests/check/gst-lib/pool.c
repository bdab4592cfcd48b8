/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The pool: layouts, coming back only after the fences, and ends of all sorts
 * with fences pending. */

#include "../lib/fixture.h"

#include <errno.h>
#include <string.h>

#define CAPS_NV12 "video/x-raw,format=NV12,width=100,height=50,framerate=30/1"
#define CAPS_DRM \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12,width=100," \
  "height=50,framerate=30/1"
#define CAPS_TILED \
  "video/x-raw(memory:DMABuf),format=DMA_DRM," \
  "drm-format=(string)NV12:0x0100000000000002,width=100,height=50," \
  "framerate=30/1"

typedef struct
{
  const char *caps;
  guint min, max;
  gboolean video_meta;
  const char *option;
  guint pitch_align, offset_align, padding;
} Config;

static gboolean
configure (GstBufferPool *pool, const Config *wanted)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstCaps *caps = gst_caps_from_string (wanted->caps);
  GstDmabufCoreConstraints constraints;
  GstVideoAlignment alignment;
  gboolean ret;

  gst_dmabuf_core_constraints_init (&constraints, "a test");
  constraints.pitch_align = MAX (wanted->pitch_align, 1);
  constraints.offset_align = MAX (wanted->offset_align, 1);
  gst_dmabuf_core_pool_set_constraints (
      GST_DMABUF_CORE_POOL (pool), &constraints);

  gst_buffer_pool_config_set_params (config, caps, 1, wanted->min, wanted->max);
  if (wanted->video_meta)
    gst_buffer_pool_config_add_option (
        config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  if (wanted->option)
    gst_buffer_pool_config_add_option (config, wanted->option);
  if (wanted->padding) {
    gst_video_alignment_reset (&alignment);
    alignment.padding_left = alignment.padding_top = wanted->padding;
    gst_buffer_pool_config_add_option (
        config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
    gst_buffer_pool_config_set_video_alignment (config, &alignment);
  }
  ret = gst_buffer_pool_set_config (pool, config);
  gst_caps_unref (caps);
  return ret;
}

static GstBufferPool *
new_pool (const Config *config)
{
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);

  fail_unless (configure (pool, config));
  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  return pool;
}

static void
free_pool (GstBufferPool *pool)
{
  fail_unless (gst_buffer_pool_set_active (pool, FALSE));
  gst_object_unref (pool);
}

static GstBuffer *
acquire (GstBufferPool *pool)
{
  GstBuffer *buffer = NULL;

  fail_unless_equals_int (
      gst_buffer_pool_acquire_buffer (pool, &buffer, NULL), GST_FLOW_OK);
  fail_unless (buffer != NULL);
  return buffer;
}

static GstFlowReturn
try_acquire (GstBufferPool *pool, GstBuffer **buffer)
{
  GstBufferPoolAcquireParams params = {
    .flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT
  };

  *buffer = NULL;
  return gst_buffer_pool_acquire_buffer (pool, buffer, &params);
}

static guint64
get_stat (GstBufferPool *pool, const char *field)
{
  GstStructure *stats =
      gst_dmabuf_core_pool_get_stats (GST_DMABUF_CORE_POOL (pool));
  guint64 value = 0;

  fail_unless (gst_structure_get_uint64 (stats, field, &value));
  gst_structure_free (stats);
  return value;
}

/* --- layouts -------------------------------------------------------------- */

static const struct
{
  Config config;
  guint n_memory;
  gint stride[2];
  gsize offset[2];
  gsize size;
} layouts[] = {
  /* Without video meta: as GstVideoInfo has it, whatever is asked for. */
  { { CAPS_NV12, 0, 0, FALSE, NULL, 256, 4096, 0 }, 1, { 100, 100 },
      { 0, 5000 }, 7500 },
  { { CAPS_NV12, 0, 0, TRUE }, 1, { 100, 100 }, { 0, 5000 }, 7500 },
  { { CAPS_DRM, 0, 0, TRUE, NULL, 64, 1, 0 }, 1, { 128, 128 }, { 0, 6400 },
      9600 },
  /* no power of two */
  { { CAPS_DRM, 0, 0, TRUE, NULL, 96, 4096, 0 }, 1, { 192, 192 }, { 0, 12288 },
      12288 + 192 * 25 },
  /* 16 pixels before each line, 16 lines above; chroma half of it */
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

/* Rule 9: nobody but the producer of a tiled format can allocate it. */
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

/* DEF-1: nothing is allocated by configuring; the minimum is there before the
 * first buffer is asked for, and a frame then costs no call but the question
 * whether it is done. */
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

/* Whichever call of the kernel fails: all of the minimum is made, or nothing,
 * and the next start succeeds. */
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

/* SEC-19 */
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

/* --- fences --------------------------------------------------------------- */

GST_START_TEST (test_buffer_comes_back_when_its_fences_have_signaled)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool), *again;
  DmabufFence *acquire_fence = new_fence (), *read = new_fence ();

  gst_buffer_add_dmabuf_core_sync_meta (buffer, acquire_fence);
  fail_unless (gst_buffer_add_dmabuf_core_release_fence (buffer, read));
  gst_buffer_unref (buffer);

  fail_unless_equals_int (try_acquire (pool, &again), GST_FLOW_EOS);
  dmabuf_timeline_advance (timeline, 1);
  fail_unless_equals_int (try_acquire (pool, &again), GST_FLOW_EOS);
  dmabuf_timeline_advance (timeline, 1);
  fail_unless_equals_int (try_acquire (pool, &again), GST_FLOW_OK);
  fail_unless (again == buffer);
  fail_unless (gst_buffer_get_dmabuf_core_fence (again) == NULL);
  fail_unless_equals_uint64 (get_stat (pool, "parked"), 1);

  gst_buffer_unref (again);
  dmabuf_fence_unref (read);
  dmabuf_fence_unref (acquire_fence);
  free_pool (pool);
}
GST_END_TEST;

/* Another buffer is made rather than waiting, while that is allowed. */
GST_START_TEST (test_a_pool_that_may_grow_does_not_wait)
{
  static const Config config = { CAPS_NV12, 1, 2, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool), *other;
  DmabufFence *fence = new_fence ();

  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  gst_buffer_unref (buffer);
  other = acquire (pool);
  fail_unless (other != buffer);
  fail_unless_equals_uint64 (get_stat (pool, "starved"), 0);
  gst_buffer_unref (other);
  dmabuf_timeline_advance (timeline, 1);
  dmabuf_fence_unref (fence);
  free_pool (pool);
}
GST_END_TEST;

static gpointer
advance_soon (gpointer user_data)
{
  g_usleep (20000);
  dmabuf_timeline_advance (timeline, 1);
  return NULL;
}

GST_START_TEST (test_a_dry_pool_wakes_with_the_fence)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool);
  DmabufFence *fence = new_fence ();
  GThread *thread;

  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  gst_buffer_unref (buffer);
  thread = g_thread_new ("signal", advance_soon, NULL);
  gst_buffer_unref (acquire (pool));
  fail_unless (dmabuf_fence_is_signaled (fence));
  fail_unless_equals_uint64 (get_stat (pool, "starved"), 1);
  g_thread_join (thread);
  dmabuf_fence_unref (fence);
  free_pool (pool);
}
GST_END_TEST;

static gpointer
acquire_thread (gpointer user_data)
{
  GstBuffer *buffer = NULL;
  GstFlowReturn ret = gst_buffer_pool_acquire_buffer (user_data, &buffer, NULL);

  gst_clear_buffer (&buffer);
  return GINT_TO_POINTER (ret);
}

/* Flushing and stopping end a wait; nothing is left, not even what the fence
 * would have called (the fixture counts fds, maps and buffers). */
GST_START_TEST (test_flushing_ends_a_wait)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool);
  DmabufFence *fence = new_fence ();
  GThread *thread;

  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  gst_buffer_unref (buffer);
  thread = g_thread_new ("acquire", acquire_thread, pool);
  while (get_stat (pool, "starved") == 0)
    g_usleep (1000);

  if (__i__ == 0)
    gst_buffer_pool_set_flushing (pool, TRUE);
  else
    gst_buffer_pool_set_active (pool, FALSE);
  fail_unless_equals_int (
      GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  free_pool (pool);
  dmabuf_timeline_advance (timeline, 1);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* SEC-13: a peer that hangs costs a buffer, not the pool. */
GST_START_TEST (test_sec13_a_hung_fence_costs_one_buffer)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool);
  DmabufFence *fence = new_fence ();

  gst_dmabuf_core_pool_set_fence_timeout (
      GST_DMABUF_CORE_POOL (pool), 10 * GST_MSECOND);
  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  gst_buffer_unref (buffer);
  gst_buffer_unref (acquire (pool));
  fail_if (dmabuf_fence_is_signaled (fence));
  fail_unless_equals_uint64 (get_stat (pool, "discarded"), 1);
  fail_unless_equals_uint64 (get_stat (pool, "allocated"), 2);
  dmabuf_fence_unref (fence);
  free_pool (pool);
}
GST_END_TEST;

/* Copies that share the memory keep the buffer away from the pool; a memory
 * that somebody keeps, or a changed buffer, is not used again. */
GST_START_TEST (test_shared_memory_does_not_come_back)
{
  static const Config config = { CAPS_NV12, 1, 2, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool), *copy, *other;

  copy = gst_buffer_copy (buffer);
  gst_buffer_unref (buffer);
  other = acquire (pool);
  fail_unless (other != buffer);
  gst_buffer_unref (copy);
  gst_buffer_unref (other);

  buffer = acquire (pool);
  other = gst_buffer_new ();
  gst_buffer_append_memory (other, gst_buffer_get_memory (buffer, 0));
  gst_buffer_unref (buffer);
  fail_unless_equals_uint64 (get_stat (pool, "discarded"), 1);
  gst_buffer_unref (other);

  buffer = acquire (pool);
  gst_buffer_remove_all_memory (buffer);
  gst_buffer_unref (buffer);
  fail_unless_equals_uint64 (get_stat (pool, "discarded"), 2);
  free_pool (pool);
}
GST_END_TEST;

/* --- ends of all sorts ---------------------------------------------------- */

typedef struct
{
  GstBufferPool *pool;
  gint stop;
} Race;

static gpointer
use_buffers (gpointer user_data)
{
  Race *race = user_data;

  while (!g_atomic_int_get (&race->stop)) {
    GstBuffer *buffer = NULL;
    DmabufFence *fence;

    if (gst_buffer_pool_acquire_buffer (race->pool, &buffer, NULL)
        != GST_FLOW_OK) {
      g_thread_yield ();
      continue;
    }
    fence = dmabuf_fence_new_software (dmabuf_fence_context_alloc (1), 1,
        g_get_monotonic_time () + g_random_int_range (0, 2000), NULL);
    gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
    if (g_random_boolean ())
      dmabuf_fence_signal (fence);
    gst_buffer_unref (buffer);
    dmabuf_fence_unref (fence);
  }
  return NULL;
}

/* Between the last buffer's return and the stop that this brings about, which
 * is on another thread, GstBufferPool lets a configuration through. */
GST_START_TEST (test_no_configuration_before_the_stop)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstStructure *again = gst_buffer_pool_get_config (pool);
  GError *error;

  fail_if (GST_BUFFER_POOL_GET_CLASS (pool)->set_config (pool, again));
  error = gst_dmabuf_core_pool_get_error (GST_DMABUF_CORE_POOL (pool));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EBUSY));
  g_error_free (error);
  fail_unless (gst_buffer_pool_set_active (pool, FALSE));
  fail_unless (configure (pool, &config));
  gst_structure_free (again);
  free_pool (pool);
}
GST_END_TEST;

/* Stopped, flushed, resized and starved, with fences pending, while two threads
 * use it. DMABUF_TEST_ROUNDS: the long lane. */
GST_START_TEST (test_ends_of_all_sorts)
{
  static const Config sizes[] = {
    { CAPS_NV12, 1, 2, TRUE }, { CAPS_NV12, 0, 3, TRUE },
    { "video/x-raw,format=BGRx,width=64,height=64,framerate=30/1", 2, 2, TRUE }
  };
  const char *text = g_getenv ("DMABUF_TEST_ROUNDS");
  guint i, n = text ? atoi (text) : 100;
  Race race = { new_pool (&sizes[0]), FALSE };
  GThread *threads[2];

  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("use", use_buffers, &race);

  for (i = 0; i < n; i++) {
    g_usleep (g_random_int_range (0, 2000));
    switch (i % 3) {
    case 0:
      gst_buffer_pool_set_flushing (race.pool, TRUE);
      gst_buffer_pool_set_flushing (race.pool, FALSE);
      break;
    case 1:
      fail_unless (gst_buffer_pool_set_active (race.pool, FALSE));
      fail_unless (gst_buffer_pool_set_active (race.pool, TRUE));
      break;
    case 2:
      fail_unless (gst_buffer_pool_set_active (race.pool, FALSE));
      /* may fail, while a buffer is out */
      configure (race.pool, &sizes[i / 3 % G_N_ELEMENTS (sizes)]);
      fail_unless (gst_buffer_pool_set_active (race.pool, TRUE));
      break;
    }
  }

  g_atomic_int_set (&race.stop, TRUE);
  gst_buffer_pool_set_active (race.pool, FALSE);
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  gst_object_unref (race.pool);
}
GST_END_TEST;

static Suite *
pool_suite (void)
{
  Suite *suite = suite_create ("pool");
  TCase *tc = tcase_create ("pool");

  suite_add_tcase (suite, tc);
  tcase_set_timeout (tc, 300);
  tcase_add_checked_fixture (tc, fixture_setup, fixture_teardown);
  tcase_add_loop_test (tc, test_layouts, 0, G_N_ELEMENTS (layouts));
  tcase_add_test (tc, test_tiled_is_refused_with_a_reason);
  tcase_add_test (tc, test_no_memory_is_refused_with_reasons);
  tcase_add_test (tc, test_storage_is_made_by_the_start);
  tcase_add_test (tc, test_a_start_that_fails_leaves_nothing);
  tcase_add_test (tc, test_sec19_zeroed_between_owners);
  tcase_add_test (tc, test_names_show_in_the_kernels_statistics);
  tcase_add_test (tc, test_buffer_comes_back_when_its_fences_have_signaled);
  tcase_add_test (tc, test_a_pool_that_may_grow_does_not_wait);
  tcase_add_test (tc, test_a_dry_pool_wakes_with_the_fence);
  tcase_add_loop_test (tc, test_flushing_ends_a_wait, 0, 2);
  tcase_add_test (tc, test_sec13_a_hung_fence_costs_one_buffer);
  tcase_add_test (tc, test_shared_memory_does_not_come_back);
  tcase_add_test (tc, test_no_configuration_before_the_stop);
  tcase_add_test (tc, test_ends_of_all_sorts);

  return suite;
}

GST_CHECK_MAIN (pool)
