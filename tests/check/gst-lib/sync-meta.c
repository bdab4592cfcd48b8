/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fences of a buffer: through copies, regions and drops; every buffer that
 * is sent comes back. */

#include "../lib/fixture.h"

typedef struct
{
  guint n_calls;
  gboolean pending;
} Released;

static void
released (DmabufFence *fence, gpointer user_data)
{
  Released *seen = user_data;

  seen->n_calls++;
  seen->pending = fence != NULL;
}

static GstBuffer *
new_buffer (DmabufFence *acquire, Released *seen)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 4096, NULL);

  fail_unless (gst_buffer_add_dmabuf_core_sync_meta (buffer, acquire) != NULL);
  fail_unless (
      gst_buffer_set_dmabuf_core_release_func (buffer, released, seen, NULL));
  return buffer;
}

GST_START_TEST (test_a_dropped_buffer_is_released)
{
  DmabufFence *acquire = new_fence ();
  Released seen = { 0 };
  GstBuffer *buffer = new_buffer (acquire, &seen);

  fail_unless (gst_buffer_get_dmabuf_core_fence (buffer) == acquire);
  fail_unless_equals_int (seen.n_calls, 0);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (seen.n_calls, 1);
  fail_if (seen.pending);
  dmabuf_fence_unref (acquire);
}
GST_END_TEST;

/* The buffer, a copy and a region of it are released once, after the last of
 * them, with the fences of all. */
GST_START_TEST (test_copies_share_fences_and_hold_the_buffer)
{
  DmabufFence *acquire = new_fence ();
  DmabufFence *reads[2] = { new_fence (), new_fence () };
  Released seen = { 0 };
  GstBuffer *buffer = new_buffer (acquire, &seen);
  GstBuffer *copy = gst_buffer_copy (buffer);
  GstBuffer *part =
      gst_buffer_copy_region (copy, GST_BUFFER_COPY_ALL, 100, 1000);
  DmabufFence *both;

  fail_unless (gst_buffer_get_dmabuf_core_fence (copy) == acquire);
  fail_unless (gst_buffer_get_dmabuf_core_fence (part) == acquire);

  fail_unless (gst_buffer_add_dmabuf_core_release_fence (copy, reads[0]));
  fail_unless (gst_buffer_add_dmabuf_core_release_fence (part, reads[1]));
  both = gst_buffer_get_dmabuf_core_release_fence (buffer);
  fail_unless (both != NULL);
  dmabuf_timeline_advance (timeline, 2);
  fail_if (dmabuf_fence_is_signaled (both));
  dmabuf_fence_unref (both);

  gst_buffer_unref (buffer);
  gst_buffer_unref (copy);
  fail_unless_equals_int (seen.n_calls, 0);
  gst_buffer_unref (part);
  fail_unless_equals_int (seen.n_calls, 1);
  fail_unless (seen.pending);

  dmabuf_timeline_advance (timeline, 1);
  dmabuf_fence_unref (reads[0]);
  dmabuf_fence_unref (reads[1]);
  dmabuf_fence_unref (acquire);
}
GST_END_TEST;

/* A deep copy has memory of its own, and the CPU has waited for the fences to
 * make it. */
GST_START_TEST (test_a_deep_copy_is_free_of_fences)
{
  DmabufFence *acquire = new_fence ();
  Released seen = { 0 };
  GstBuffer *buffer = new_buffer (acquire, &seen);
  GstBuffer *copy = gst_buffer_copy_deep (buffer);
  GstBuffer *frame = gst_buffer_new_allocate (NULL, 4096, NULL);

  fail_unless (gst_buffer_get_dmabuf_core_sync_meta (copy) == NULL);
  gst_buffer_copy_into (frame, buffer, GST_BUFFER_COPY_METADATA, 0, -1);
  fail_unless (gst_buffer_get_dmabuf_core_sync_meta (frame) == NULL);

  gst_buffer_unref (buffer);
  fail_unless_equals_int (seen.n_calls, 1);
  gst_buffer_unref (frame);
  gst_buffer_unref (copy);
  dmabuf_fence_unref (acquire);
}
GST_END_TEST;

GST_START_TEST (test_a_buffer_without_the_meta_takes_no_release_fence)
{
  DmabufFence *fence = new_fence ();
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 4096, NULL);

  fail_if (gst_buffer_add_dmabuf_core_release_fence (buffer, fence));
  fail_unless (gst_buffer_get_dmabuf_core_release_fence (buffer) == NULL);
  fail_unless (gst_buffer_finish_dmabuf_core_sync (buffer) == NULL);
  gst_buffer_unref (buffer);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* A pool that does not know the meta removes it, with its fences: for example
 * from a camera's frame to which dmabuffencesync has added it. So a release
 * fence is refused, for copies as well. */
GST_START_TEST (test_a_release_fence_is_taken_if_it_is_waited_for)
{
  DmabufFence *fence = new_fence ();
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 4096, NULL), *copy;
  Released seen = { 0 };

  gst_buffer_add_dmabuf_core_sync_meta (buffer, NULL);
  copy = gst_buffer_copy (buffer);
  fail_if (gst_buffer_add_dmabuf_core_release_fence (buffer, fence));
  fail_if (gst_buffer_add_dmabuf_core_release_fence (copy, fence));
  fail_unless (gst_buffer_get_dmabuf_core_release_fence (buffer) == NULL);
  gst_buffer_unref (copy);

  gst_buffer_set_dmabuf_core_release_func (buffer, released, &seen, NULL);
  copy = gst_buffer_copy (buffer);
  fail_unless (gst_buffer_add_dmabuf_core_release_fence (copy, fence));
  gst_buffer_unref (buffer);
  gst_buffer_unref (copy);
  fail_unless (seen.pending);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* A pool that keeps the meta takes release fences, also of copies, and before
 * the producer has set an acquire fence. */
GST_START_TEST (test_a_pool_takes_the_release_fences_of_copies)
{
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstCaps *caps = gst_caps_from_string (
      "video/x-raw,format=GRAY8,width=64,height=64,framerate=30/1");
  DmabufFence *fence = new_fence (), *pending;
  GstBuffer *buffer, *copy;

  gst_buffer_pool_config_set_params (config, caps, 4096, 1, 1);
  fail_unless (gst_buffer_pool_set_config (pool, config));
  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  fail_unless_equals_int (
      gst_buffer_pool_acquire_buffer (pool, &buffer, NULL), GST_FLOW_OK);
  copy = gst_buffer_copy (buffer);
  fail_unless (gst_buffer_add_dmabuf_core_release_fence (copy, fence));
  pending = gst_buffer_get_dmabuf_core_release_fence (buffer);
  fail_unless (pending != NULL);

  dmabuf_timeline_advance (timeline, 1);
  dmabuf_fence_unref (pending);
  gst_buffer_unref (copy);
  gst_buffer_unref (buffer);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
  gst_caps_unref (caps);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* When a buffer comes back, the pool gets all its pending fences, and the meta
 * is empty for the next use. */
GST_START_TEST (test_finish_gives_what_is_pending_and_empties_the_meta)
{
  DmabufFence *acquire = new_fence (), *read = new_fence ();
  DmabufFence *fence;
  Released seen = { 0 };
  GstBuffer *buffer = new_buffer (acquire, &seen);
  GstDmabufCoreSyncMeta *meta = gst_buffer_get_dmabuf_core_sync_meta (buffer);

  fail_unless (gst_buffer_add_dmabuf_core_release_fence (buffer, read));
  fence = gst_buffer_finish_dmabuf_core_sync (buffer);
  fail_unless (fence != NULL);
  fail_unless_equals_int (seen.n_calls, 1);
  dmabuf_timeline_advance (timeline, 1);
  fail_if (dmabuf_fence_is_signaled (fence));
  dmabuf_timeline_advance (timeline, 1);
  fail_unless (dmabuf_fence_is_signaled (fence));
  dmabuf_fence_unref (fence);

  fail_unless (gst_buffer_get_dmabuf_core_fence (buffer) == NULL);
  fail_unless (gst_buffer_finish_dmabuf_core_sync (buffer) == NULL);
  fail_unless (gst_buffer_add_dmabuf_core_sync_meta (buffer, NULL) == meta);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (seen.n_calls, 1);
  dmabuf_fence_unref (read);
  dmabuf_fence_unref (acquire);
}
GST_END_TEST;

/* The readers after a tee release their copies on several threads at once. */
static gpointer
read_thread (gpointer user_data)
{
  GstBuffer *buffer = user_data;
  guint i;

  for (i = 0; i < 100; i++) {
    DmabufFence *fence = dmabuf_timeline_create_fence (
        timeline, 2 + g_random_int_range (0, 1000), FAR_AWAY, NULL);

    fail_unless (gst_buffer_add_dmabuf_core_release_fence (buffer, fence));
    dmabuf_fence_unref (fence);
  }
  gst_buffer_unref (buffer);
  return NULL;
}

GST_START_TEST (test_readers_add_fences_from_many_threads)
{
  Released seen = { 0 };
  GstBuffer *buffer = new_buffer (NULL, &seen);
  GThread *threads[4];
  guint i;

  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("reader", read_thread, gst_buffer_ref (buffer));
  gst_buffer_unref (buffer);
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  fail_unless_equals_int (seen.n_calls, 1);
  fail_unless (seen.pending);
  dmabuf_timeline_advance (timeline, 1000);
}
GST_END_TEST;

/* Two branches of a tee each set a fence on their copy of a buffer that has
 * none: it is counted as sent once. (TSan reports the race in each run.) */
#define N_BRANCHES 2

static gint n_ready; /* Atomic */

static gpointer
add_thread (gpointer user_data)
{
  g_atomic_int_inc (&n_ready);
  while (g_atomic_int_get (&n_ready) < N_BRANCHES)
    ;
  gst_buffer_add_dmabuf_core_sync_meta (user_data, NULL);
  return NULL;
}

GST_START_TEST (test_copies_go_out_once)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 4096, NULL);
  GstBuffer *copies[N_BRANCHES];
  GThread *threads[N_BRANCHES];
  guint64 handed[2];
  guint i;

  gst_buffer_add_meta (buffer, GST_DMABUF_CORE_SYNC_META_INFO, NULL);
  gst_dmabuf_core_sync_meta_get_counts (&handed[0], NULL);
  for (i = 0; i < N_BRANCHES; i++)
    copies[i] = gst_buffer_copy (buffer);
  for (i = 0; i < N_BRANCHES; i++)
    threads[i] = g_thread_new ("add", add_thread, copies[i]);
  for (i = 0; i < N_BRANCHES; i++) {
    g_thread_join (threads[i]);
    gst_buffer_unref (copies[i]);
  }
  gst_dmabuf_core_sync_meta_get_counts (&handed[1], NULL);
  fail_unless_equals_uint64 (handed[1] - handed[0], 1);
  gst_buffer_unref (buffer);
}
GST_END_TEST;

static Suite *
sync_meta_suite (void)
{
  Suite *suite = suite_create ("sync-meta");
  TCase *tc = tcase_create ("sync-meta");

  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, fixture_setup, fixture_teardown);
  tcase_add_test (tc, test_a_dropped_buffer_is_released);
  tcase_add_test (tc, test_copies_share_fences_and_hold_the_buffer);
  tcase_add_test (tc, test_a_deep_copy_is_free_of_fences);
  tcase_add_test (tc, test_a_buffer_without_the_meta_takes_no_release_fence);
  tcase_add_test (tc, test_finish_gives_what_is_pending_and_empties_the_meta);
  tcase_add_test (tc, test_a_release_fence_is_taken_if_it_is_waited_for);
  tcase_add_test (tc, test_a_pool_takes_the_release_fences_of_copies);
  tcase_add_test (tc, test_readers_add_fences_from_many_threads);
  tcase_add_test (tc, test_copies_go_out_once);

  return suite;
}

GST_CHECK_MAIN (sync_meta)
