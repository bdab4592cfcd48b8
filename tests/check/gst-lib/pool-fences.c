/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The pool hands out a buffer again after its fences have signalled; stops and
 * flushes with pending fences. */

#include "pool-fixture.h"
#include "../lib/sync.h"

#include <linux/dma-buf.h>

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

/* Below its maximum the pool makes another buffer instead of waiting. */
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
advance (gpointer unused)
{
  dmabuf_timeline_advance (timeline, 1);
  return NULL;
}

GST_START_TEST (test_a_dry_pool_wakes_with_the_fence)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool);
  DmabufFence *fence = new_fence ();
  Sleeper *sleeper;

  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  gst_buffer_unref (buffer);
  sleeper = when_i_sleep (advance, NULL);
  gst_buffer_unref (acquire (pool));
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless (dmabuf_fence_is_signaled (fence));
  fail_unless_equals_uint64 (get_stat (pool, "starved"), 1);
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

/* Flushing and stopping end a wait and leave nothing behind, also no callback
 * of the fence (the fixture counts fds, maps and buffers). */
GST_START_TEST (test_flushing_ends_a_wait)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool);
  DmabufFence *fence = new_fence ();
  Sleeper *sleeper;

  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  gst_buffer_unref (buffer);
  sleeper = sleeper_new (acquire_thread, pool);
  fail_unless (sleeper_wait (sleeper));

  if (__i__ == 0)
    gst_buffer_pool_set_flushing (pool, TRUE);
  else
    gst_buffer_pool_set_active (pool, FALSE);
  fail_unless_equals_int (
      GPOINTER_TO_INT (sleeper_join (sleeper)), GST_FLOW_FLUSHING);
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

/* Also for threads that wait before the buffer comes back. */
GST_START_TEST (test_sec13_a_hung_fence_wakes_the_waiters)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool);
  DmabufFence *fence = new_fence ();
  Sleeper *sleepers[2];
  guint i;

  gst_dmabuf_core_pool_set_fence_timeout (
      GST_DMABUF_CORE_POOL (pool), 10 * GST_MSECOND);
  for (i = 0; i < G_N_ELEMENTS (sleepers); i++)
    sleepers[i] = sleeper_new (acquire_thread, pool);
  for (i = 0; i < G_N_ELEMENTS (sleepers); i++)
    fail_unless (sleeper_wait (sleepers[i]));
  fail_unless (gst_buffer_add_dmabuf_core_release_fence (buffer, fence));
  gst_buffer_unref (buffer);
  for (i = 0; i < G_N_ELEMENTS (sleepers); i++)
    fail_unless_equals_int (
        GPOINTER_TO_INT (sleeper_join (sleepers[i])), GST_FLOW_OK);
  fail_if (dmabuf_fence_is_signaled (fence));
  fail_unless_equals_uint64 (get_stat (pool, "discarded"), 1);
  dmabuf_fence_unref (fence);
  free_pool (pool);
}
GST_END_TEST;

/* After a tee one reader adds a release fence, another one only a kernel fence.
 */
GST_START_TEST (test_poll1_the_kernel_is_asked_after_the_metas_fences)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool), *again;
  DmabufFence *read = new_fence ();
  int sw = timeline_open ();
  DmabufFence *kernel = timeline_new_fence (sw, 1);

  fail_unless (gst_buffer_add_dmabuf_core_release_fence (buffer, read));
  fail_unless (dmabuf_buffer_add_fence (
      frame_get_dmabuf (buffer), DMABUF_ACCESS_READ, kernel, NULL));
  gst_buffer_unref (buffer);

  fail_unless_equals_int (try_acquire (pool, &again), GST_FLOW_EOS);
  dmabuf_timeline_advance (timeline, 1);
  fail_unless_equals_int (try_acquire (pool, &again), GST_FLOW_EOS);
  timeline_inc (sw, 1);
  again = acquire (pool);
  fail_unless (again == buffer);

  gst_buffer_unref (again);
  dmabuf_fence_unref (kernel);
  dmabuf_fence_unref (read);
  dmabuf_kernel->close (sw);
  free_pool (pool);
}
GST_END_TEST;

/* Copies that share the memory keep the buffer from coming back; a buffer that
 * was changed, or whose memory an element still holds, is not used again. */
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

/* Changes of a buffer by elements are undone for its next user. */
#define FRAME_SIZE (100 * 50 * 3 / 2)

static const struct
{
  gsize offset, size; /* Resized to this, also into the rest of the page */
  gboolean meta;
} used[] = { { 0, FRAME_SIZE, FALSE }, { 100, 200, FALSE },
  { 16, FRAME_SIZE, FALSE }, { 0, FRAME_SIZE, TRUE }, { 100, 200, TRUE } };

GST_START_TEST (test_a_buffer_goes_out_as_it_was_made)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool), *again;
  gsize offset;

  GST_BUFFER_PTS (buffer) = GST_BUFFER_DTS (buffer) = GST_SECOND;
  GST_BUFFER_DURATION (buffer) = GST_SECOND;
  GST_BUFFER_OFFSET (buffer) = GST_BUFFER_OFFSET_END (buffer) = 7;
  GST_BUFFER_FLAG_SET (
      buffer, GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_CORRUPTED);
  gst_buffer_resize (buffer, used[__i__].offset, used[__i__].size);
  if (used[__i__].meta)
    gst_buffer_add_video_crop_meta (buffer);
  gst_buffer_unref (buffer);

  again = acquire (pool);
  fail_unless (again == buffer);
  fail_unless_equals_uint64 (GST_BUFFER_PTS (again), GST_CLOCK_TIME_NONE);
  fail_unless_equals_uint64 (GST_BUFFER_DTS (again), GST_CLOCK_TIME_NONE);
  fail_unless_equals_uint64 (GST_BUFFER_DURATION (again), GST_CLOCK_TIME_NONE);
  fail_unless_equals_uint64 (GST_BUFFER_OFFSET (again), GST_BUFFER_OFFSET_NONE);
  fail_unless_equals_uint64 (
      GST_BUFFER_OFFSET_END (again), GST_BUFFER_OFFSET_NONE);
  fail_unless_equals_int (
      GST_BUFFER_FLAGS (again) & ~GST_MINI_OBJECT_FLAG_LOCKABLE, 0);
  fail_unless_equals_uint64 (
      gst_buffer_get_sizes (again, &offset, NULL), FRAME_SIZE);
  fail_unless_equals_uint64 (offset, 0);
  fail_unless (gst_buffer_get_video_crop_meta (again) == NULL);
  fail_unless (gst_buffer_get_video_meta (again) != NULL);
  gst_buffer_unref (again);
  free_pool (pool);
}
GST_END_TEST;

/* --- stop, flush and resize ----------------------------------------------- */

typedef struct
{
  GstBufferPool *pool;
  gint stop;
  gint n_used;
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
    count_add (&race->n_used, 1);
  }
  return NULL;
}

/* The last buffer's return stops the pool, on another thread. Between both,
 * GstBufferPool accepts a configuration. */
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

/* A refused configuration leaves the accepted one unchanged. */
GST_START_TEST (test_a_refused_configuration_leaves_the_last_one)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE };
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);
  GstDmabufCoreConstraints constraints;
  GstStructure *refused;
  GstCaps *caps = gst_caps_from_string (
      "video/x-raw,format=BGRx,width=640,height=480,framerate=30/1");
  GstBuffer *buffer;

  fail_unless (configure (pool, &config));
  gst_dmabuf_core_constraints_init (&constraints, "a small one");
  constraints.max_pitch = 1024;
  constraints.size_align = 65536;
  gst_dmabuf_core_pool_set_constraints (
      GST_DMABUF_CORE_POOL (pool), &constraints);
  refused = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_set_params (refused, caps, 0, 1, 1);
  gst_buffer_pool_config_add_option (
      refused, GST_BUFFER_POOL_OPTION_DMABUF_CORE_PER_PLANE);
  fail_if (gst_buffer_pool_set_config (pool, refused));

  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  buffer = acquire (pool);
  fail_unless_equals_int (gst_buffer_n_memory (buffer), 1);
  fail_unless_equals_uint64 (gst_buffer_get_size (buffer), FRAME_SIZE);
  fail_unless_equals_uint64 (
      dmabuf_buffer_get_size (frame_get_dmabuf (buffer)), 8192);
  fail_unless_equals_int (gst_buffer_get_video_meta (buffer)->width, 100);
  gst_buffer_unref (buffer);
  free_pool (pool);
  gst_caps_unref (caps);
}
GST_END_TEST;

/* The pool is stopped, flushed, resized and starved with pending fences, while
 * two threads use it. DMABUF_TEST_ROUNDS: for the long lane. */
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
    until_at_least (&race.n_used,
        g_atomic_int_get (&race.n_used) + g_random_int_range (0, 4));
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
      /* Fails while a buffer is out. */
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

/* Without EXPORT_SYNC_FILE the caller has to wait for the kernel: with DONTWAIT
 * it gets EOS. */
GST_START_TEST (test_poll1_dontwait_is_eos_without_a_fence)
{
  static const Config config = { CAPS_NV12, 1, 1, TRUE };
  GstBufferPool *pool = new_pool (&config);
  GstBuffer *buffer = acquire (pool), *again;
  int vgem = vgem_open ();
  guint32 fence;

  fake_kernel_break_ioctl (DMA_BUF_IOCTL_EXPORT_SYNC_FILE, ENOTTY);
  fail_unless_equals_int (
      vgem_attach (vgem, dmabuf_buffer_get_fd (frame_get_dmabuf (buffer)),
          VGEM_FENCE_WRITE, &fence),
      0);
  gst_buffer_unref (buffer);

  fail_unless_equals_int (try_acquire (pool, &again), GST_FLOW_EOS);
  fail_unless_equals_uint64 (get_stat (pool, "starved"), 0);
  fail_unless_equals_uint64 (get_stat (pool, "discarded"), 0);
  fail_unless_equals_int (vgem_signal (vgem, fence), 0);
  fail_unless_equals_int (try_acquire (pool, &again), GST_FLOW_OK);
  fail_unless (again == buffer);

  gst_buffer_unref (again);
  dmabuf_kernel->close (vgem);
  fake_kernel_break_ioctl (DMA_BUF_IOCTL_EXPORT_SYNC_FILE, 0);
  free_pool (pool);
}
GST_END_TEST;

static Suite *
pool_fences_suite (void)
{
  Suite *suite = suite_create ("pool-fences");
  TCase *tc = tcase_create ("pool-fences");

  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, fixture_setup, fixture_teardown);
  tcase_add_test (tc, test_buffer_comes_back_when_its_fences_have_signaled);
  tcase_add_test (tc, test_a_pool_that_may_grow_does_not_wait);
  tcase_add_test (tc, test_a_dry_pool_wakes_with_the_fence);
  tcase_add_test (tc, test_poll1_dontwait_is_eos_without_a_fence);
  tcase_add_loop_test (tc, test_flushing_ends_a_wait, 0, 2);
  tcase_add_test (tc, test_sec13_a_hung_fence_costs_one_buffer);
  tcase_add_test (tc, test_sec13_a_hung_fence_wakes_the_waiters);
  tcase_add_test (tc, test_poll1_the_kernel_is_asked_after_the_metas_fences);
  tcase_add_test (tc, test_shared_memory_does_not_come_back);
  tcase_add_loop_test (
      tc, test_a_buffer_goes_out_as_it_was_made, 0, G_N_ELEMENTS (used));
  tcase_add_test (tc, test_no_configuration_before_the_stop);
  tcase_add_test (tc, test_a_refused_configuration_leaves_the_last_one);
  tcase_add_test (tc, test_ends_of_all_sorts);

  return suite;
}

GST_CHECK_MAIN (pool_fences)
