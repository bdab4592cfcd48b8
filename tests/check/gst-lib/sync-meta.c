/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fences under which a buffer travels: what copies, parts and drops do to
 * them, and that whatever goes out comes back. */

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

/* tee, a queue and a part of the frame: one release, after the last of them,
 * with the fences of all. */
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

/* A deep copy was read by the CPU, which waited; it has its own memory. */
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

/* A pool's buffer: the end of a journey gives everything that is pending, and
 * the next journey begins with nothing. */
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

/* Readers behind a tee let go from several threads at once. */
static gpointer
read_thread (gpointer user_data)
{
  GstBuffer *buffer = user_data;
  guint i;

  for (i = 0; i < 100; i++) {
    DmabufFence *fence = dmabuf_timeline_create_fence (timeline,
        2 + g_random_int_range (0, 1000),
        g_get_monotonic_time () + 60 * G_USEC_PER_SEC, NULL);

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
  tcase_add_test (tc, test_readers_add_fences_from_many_threads);

  return suite;
}

GST_CHECK_MAIN (sync_meta)
