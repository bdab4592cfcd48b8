/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dmabuffencesync as one of many elements: no wait outlives a flush or a state
 * change, and events, queries and latency are right while buffers wait. */

#include "fencesync-harness.h"

/* --- nothing outlives a flush --------------------------------------------- */

static gpointer
push_one_thread (gpointer user_data)
{
  GstHarness *harness = user_data;
  GstBuffer *buffer = new_numbered (0);
  DmabufFence *fence = new_fence ();
  GstFlowReturn ret;

  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  dmabuf_fence_unref (fence);
  ret = gst_harness_push (harness, buffer);
  return GINT_TO_POINTER (ret);
}

static const char *const waits[] = { "mode=wait timeout=-1",
  "mode=wait timeout=-1 max-pending=8" };

GST_START_TEST (test_flush_ends_the_wait)
{
  GstHarness *harness = new_harness (waits[__i__]);
  GThread *thread = g_thread_new ("push", push_one_thread, harness);
  GstSegment segment;
  GstFlowReturn ret;
  gint64 began;

  while (get_stat (harness, "cpu-waits") == 0)
    g_usleep (1000);
  began = g_get_monotonic_time ();
  fail_unless (gst_harness_push_event (harness, gst_event_new_flush_start ()));
  ret = GPOINTER_TO_INT (g_thread_join (thread));
  fail_unless (ret == GST_FLOW_FLUSHING || __i__ == 1);
  fail_unless (g_get_monotonic_time () - began < LIMIT);
  fail_unless_equals_int (gst_harness_buffers_received (harness), 0);

  /* And it goes on afterwards, in its segment. */
  fail_unless (
      gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE)));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (
      gst_harness_push_event (harness, gst_event_new_segment (&segment)));
  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (7)), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (harness));
  gst_harness_teardown (harness);
}
GST_END_TEST;

GST_START_TEST (test_state_change_ends_the_wait)
{
  GstHarness *harness = new_harness (waits[__i__]);
  GstElement *element = gst_harness_find_element (harness, "dmabuffencesync");
  GThread *thread = g_thread_new ("push", push_one_thread, harness);
  gint64 began;

  while (get_stat (harness, "cpu-waits") == 0)
    g_usleep (1000);
  began = g_get_monotonic_time ();
  fail_unless_equals_int (gst_element_set_state (element, GST_STATE_NULL),
      GST_STATE_CHANGE_SUCCESS);
  g_thread_join (thread);
  fail_unless (g_get_monotonic_time () - began < LIMIT);
  gst_object_unref (element);
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* EOS and other events keep their place behind buffers that wait; a serialized
 * query waits until the buffers have gone. */
GST_START_TEST (test_events_keep_their_place)
{
  GstHarness *harness = new_harness ("mode=wait max-pending=8");
  DmabufFence *fence = new_fence ();
  GstBuffer *buffer = new_numbered (0);
  GstEvent *event;
  gboolean seen_buffer = FALSE, seen_eos = FALSE;

  while ((event = gst_harness_try_pull_event (harness)))
    gst_event_unref (event);

  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless (gst_harness_push_event (harness,
      gst_event_new_custom (
          GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty ("test"))));
  fail_unless (gst_harness_push_event (harness, gst_event_new_eos ()));
  g_usleep (10000);
  fail_unless_equals_int (gst_harness_events_in_queue (harness), 0);

  dmabuf_timeline_advance (timeline, 1);
  buffer = gst_harness_pull (harness);
  seen_buffer = buffer != NULL;
  gst_clear_buffer (&buffer);
  while (!seen_eos) {
    event = gst_harness_pull_event (harness);
    fail_unless (event != NULL);
    seen_eos = GST_EVENT_TYPE (event) == GST_EVENT_EOS;
    gst_event_unref (event);
  }
  fail_unless (seen_buffer);

  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* What a buffer waited is reported as latency, in whole frames. */
GST_START_TEST (test_latency_is_reported)
{
  GstHarness *harness = new_harness ("mode=wait max-pending=1");
  GstElement *element = gst_harness_find_element (harness, "dmabuffencesync");
  GThread *thread;
  GstBuffer *buffer = new_numbered (0);
  DmabufFence *fence = new_fence ();
  GstClockTime latency;

  gst_harness_set_upstream_latency (harness, 3 * FRAME);
  fail_unless_equals_uint64 (gst_harness_query_latency (harness), 3 * FRAME);
  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  thread = g_thread_new ("signal", signal_soon, NULL);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  g_thread_join (thread);
  latency = gst_harness_query_latency (harness);
  fail_unless (latency >= 4 * FRAME);
  fail_unless_equals_uint64 (latency % FRAME, 0);
  gst_object_unref (element);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* Upstream may send buffers under fences, except where this element only
 * exports. */
GST_START_TEST (test_upstream_is_told_that_fences_are_taken)
{
  static const struct
  {
    const char *mode;
    gboolean takes;
  } modes[] = { { "mode=auto", TRUE }, { "mode=wait", TRUE },
    { "mode=import", TRUE }, { "mode=export", FALSE } };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (modes); i++) {
    GstHarness *harness = new_harness (modes[i].mode);
    GstCaps *caps = gst_caps_from_string (CAPS);
    GstQuery *query = gst_query_new_allocation (caps, FALSE);

    gst_pad_peer_query (harness->srcpad, query);
    fail_unless_equals_int (gst_query_find_allocation_meta (query,
                                GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL),
        modes[i].takes);
    gst_query_unref (query);
    gst_caps_unref (caps);
    gst_harness_teardown (harness);
  }
}
GST_END_TEST;

static Suite *
dmabuffencesync_stream_suite (void)
{
  Suite *suite = suite_create ("dmabuffencesync-stream");
  TCase *tc = tcase_create ("dmabuffencesync-stream");

  GST_ELEMENT_REGISTER (dmabuffencesync, NULL);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, fixture_setup, fixture_teardown);
  tcase_add_loop_test (tc, test_flush_ends_the_wait, 0, G_N_ELEMENTS (waits));
  tcase_add_loop_test (
      tc, test_state_change_ends_the_wait, 0, G_N_ELEMENTS (waits));
  tcase_add_test (tc, test_events_keep_their_place);
  tcase_add_test (tc, test_latency_is_reported);
  tcase_add_test (tc, test_upstream_is_told_that_fences_are_taken);

  return suite;
}

/* The elements are linked in; the plugin that has them too stays out. */
int
main (int argc, char **argv)
{
  g_unsetenv ("GST_PLUGIN_PATH");
  gst_check_init (&argc, &argv);
  return gst_check_run_suite (
      dmabuffencesync_stream_suite (), "dmabuffencesync-stream", __FILE__);
}
