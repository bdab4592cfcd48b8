/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dmabuffencesync in a pipeline: no wait outlives a flush or a state change,
 * and events, queries and latency are right while buffers wait. */

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

/* Only upstream's thread, when it waits itself, returns FLUSHING. */
static const struct
{
  const char *properties;
  gboolean in_task; /* Of the source pad */
  GstFlowReturn ended;
} waits[] = {
  { "mode=wait timeout=-1", FALSE, GST_FLOW_FLUSHING },
  { "mode=wait timeout=-1 max-pending=8", TRUE, GST_FLOW_OK },
};

typedef struct
{
  GstHarness *harness;
  GstElement *element;
  GstBus *bus;
  Sleeper *pusher, *task;
} Wait;

/* The task's thread posts STREAM_STATUS at its begin and end. */
static GstBusSyncReply
watch_task (GstBus *bus, GstMessage *message, gpointer task)
{
  GstStreamStatusType type;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_STREAM_STATUS) {
    gst_message_parse_stream_status (message, &type, NULL);
    if (type == GST_STREAM_STATUS_TYPE_ENTER)
      sleeper_enter (task);
    else if (type == GST_STREAM_STATUS_TYPE_LEAVE)
      sleeper_leave ();
  }
  return GST_BUS_PASS;
}

/* Pushes a buffer with a pending fence, and waits until a thread sleeps for it.
 */
static void
wait_begin (Wait *wait, guint i)
{
  wait->harness = new_harness (waits[i].properties);
  wait->element = gst_harness_find_element (wait->harness, "dmabuffencesync");
  wait->bus = gst_bus_new ();
  if (waits[i].in_task) {
    wait->task = sleeper_new (NULL, NULL);
    gst_bus_set_sync_handler (wait->bus, watch_task, wait->task, NULL);
  }
  gst_element_set_bus (wait->element, wait->bus);
  wait->pusher = sleeper_new (push_one_thread, wait->harness);
  fail_unless (sleeper_wait (wait->task ? wait->task : wait->pusher));
  fail_unless_equals_uint64 (get_stat (wait->harness, "cpu-waits"), 1);
}

static void
wait_end (Wait *wait)
{
  gst_harness_teardown (wait->harness);
  if (wait->task)
    sleeper_join (wait->task);
  gst_element_set_bus (wait->element, NULL);
  gst_object_unref (wait->bus);
  gst_object_unref (wait->element);
}

GST_START_TEST (test_flush_ends_the_wait)
{
  Wait wait = { NULL };
  GstHarness *harness;
  GstSegment segment;

  wait_begin (&wait, __i__);
  harness = wait.harness;
  fail_unless (gst_harness_push_event (harness, gst_event_new_flush_start ()));
  fail_unless_equals_int (
      GPOINTER_TO_INT (sleeper_join (wait.pusher)), waits[__i__].ended);
  fail_unless_equals_int (gst_harness_buffers_received (harness), 0);

  /* After the flush it works again, in a new segment. */
  fail_unless (
      gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE)));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (
      gst_harness_push_event (harness, gst_event_new_segment (&segment)));
  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (7)), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (harness));
  wait_end (&wait);
}
GST_END_TEST;

GST_START_TEST (test_state_change_ends_the_wait)
{
  Wait wait = { NULL };

  wait_begin (&wait, __i__);
  fail_unless_equals_int (gst_element_set_state (wait.element, GST_STATE_NULL),
      GST_STATE_CHANGE_SUCCESS);
  fail_unless_equals_int (
      GPOINTER_TO_INT (sleeper_join (wait.pusher)), waits[__i__].ended);
  fail_unless_equals_int (gst_harness_buffers_received (wait.harness), 0);
  wait_end (&wait);
}
GST_END_TEST;

typedef struct
{
  guint n_buffers;
  guint n_early, n_late; /* Events before and after the first buffer */
} Arrivals;

static GstPadProbeReturn
note_arrival (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Arrivals *arrivals = user_data;

  if (GST_IS_BUFFER (info->data))
    arrivals->n_buffers++;
  else if (arrivals->n_buffers == 0)
    arrivals->n_early++;
  else
    arrivals->n_late++;
  return GST_PAD_PROBE_OK;
}

/* EOS and other events keep their place behind buffers that wait; a serialized
 * query waits until these have been pushed. */
GST_START_TEST (test_events_keep_their_place)
{
  GstHarness *harness = new_harness ("mode=wait max-pending=8");
  DmabufFence *fence = new_fence ();
  GstBuffer *buffer = new_numbered (0);
  GstQuery *query = gst_query_new_drain ();
  Arrivals arrivals = { 0 };
  Sleeper *sleeper;

  gst_pad_add_probe (harness->sinkpad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
      note_arrival, &arrivals, NULL);
  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless (gst_harness_push_event (harness,
      gst_event_new_custom (
          GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty ("test"))));
  fail_unless (gst_harness_push_event (harness, gst_event_new_eos ()));

  sleeper = when_i_sleep (signal_fence, fence);
  gst_pad_peer_query (harness->srcpad, query);
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless (dmabuf_fence_is_signaled (fence));
  fail_unless_equals_int (arrivals.n_buffers, 1);
  fail_unless_equals_int (arrivals.n_early, 0);
  fail_unless_equals_int (arrivals.n_late, 2);

  gst_query_unref (query);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* --- downstream refuses a buffer -------------------------------------------
 */

#define MAX_PENDING 8
#define CAPS_OTHER "video/x-raw,format=GRAY8,width=32,height=32,framerate=100/1"

static GMutex chain_lock;
static GCond chained;
static GstFlowReturn flow;
static gint n_chained;

static void
set_flow (GstFlowReturn what)
{
  g_mutex_lock (&chain_lock);
  flow = what;
  g_mutex_unlock (&chain_lock);
}

static GstFlowReturn
chain_with_flow (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstFlowReturn ret;

  gst_buffer_unref (buffer);
  g_mutex_lock (&chain_lock);
  ret = flow;
  n_chained++;
  g_cond_signal (&chained);
  g_mutex_unlock (&chain_lock);
  return ret;
}

/* Makes the element with one buffer waiting, before a peer that returns @what.
 */
static GstHarness *
new_refused (GstFlowReturn what, DmabufFence **fence)
{
  GstHarness *harness =
      new_harness ("mode=wait max-pending=" G_STRINGIFY (MAX_PENDING));
  GstBuffer *buffer = new_numbered (0);

  set_flow (what);
  n_chained = 0;
  gst_pad_set_chain_function (harness->sinkpad, chain_with_flow);
  *fence = new_fence ();
  gst_buffer_add_dmabuf_core_sync_meta (buffer, *fence);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  return harness;
}

static void
wait_for_chained (gint n)
{
  g_mutex_lock (&chain_lock);
  while (n_chained < n)
    g_cond_wait (&chained, &chain_lock);
  g_mutex_unlock (&chain_lock);
}

/* Pushes buffers until the result of the refused one is returned; a full queue
 * makes the push wait for it. */
static void
push_until (GstHarness *harness, GstFlowReturn what)
{
  guint i;

  for (i = 0; gst_harness_push (harness, new_numbered (1)) != what; i++)
    fail_unless (i < MAX_PENDING);
}

/* A serialized query returns when the queue is empty or the task has stopped.
 */
static void
wait_until_stopped (GstHarness *harness)
{
  GstQuery *query = gst_query_new_drain ();

  gst_pad_peer_query (harness->srcpad, query);
  gst_query_unref (query);
}

static void
assert_event_comes (GstHarness *harness, GstEventType type)
{
  gboolean seen = FALSE;

  while (!seen) {
    GstEvent *event = gst_harness_pull_event (harness);

    fail_unless (event != NULL, "%s", gst_event_type_get_name (type));
    seen = GST_EVENT_TYPE (event) == type;
    gst_event_unref (event);
  }
}

/* A sink that returned EOS still waits for the event EOS, which may be in the
 * queue already, or come after the task has stopped. An error that no push can
 * return to upstream any more is posted by this element. */
static const struct
{
  GstFlowReturn flow;
  gboolean behind;
} ends[] = { { GST_FLOW_EOS, TRUE }, { GST_FLOW_EOS, FALSE },
  { GST_FLOW_NOT_NEGOTIATED, TRUE }, { GST_FLOW_NOT_NEGOTIATED, FALSE } };

GST_START_TEST (test_eos_comes_through_after_a_refusal)
{
  DmabufFence *fence;
  GstHarness *harness = new_refused (ends[__i__].flow, &fence);
  GstElement *element = gst_harness_find_element (harness, "dmabuffencesync");
  GstBus *bus = gst_bus_new ();
  GstMessage *message;

  gst_element_set_bus (element, bus);
  if (ends[__i__].behind)
    fail_unless (gst_harness_push_event (harness, gst_event_new_eos ()));
  dmabuf_timeline_advance (timeline, 1);
  wait_for_chained (1);
  if (!ends[__i__].behind) {
    wait_until_stopped (harness);
    fail_unless (gst_harness_push_event (harness, gst_event_new_eos ()));
  }
  assert_event_comes (harness, GST_EVENT_EOS);

  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  fail_unless_equals_int (message != NULL, ends[__i__].flow != GST_FLOW_EOS);
  gst_clear_message (&message);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* After EOS a new segment allows buffers again. */
GST_START_TEST (test_a_segment_follows_on_a_full_one)
{
  DmabufFence *fence;
  GstHarness *harness = new_refused (GST_FLOW_EOS, &fence);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  if (__i__ == 0)
    fail_unless (
        gst_harness_push_event (harness, gst_event_new_segment (&segment)));
  dmabuf_timeline_advance (timeline, 1);
  wait_for_chained (1);
  if (__i__ == 1) {
    push_until (harness, GST_FLOW_EOS);
    fail_unless (
        gst_harness_push_event (harness, gst_event_new_segment (&segment)));
  }
  set_flow (GST_FLOW_OK);
  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (2)), GST_FLOW_OK);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* After a new link it goes on, with the events that were queued before. */
GST_START_TEST (test_linked_again_it_goes_on)
{
  DmabufFence *fence;
  GstHarness *harness = new_refused (GST_FLOW_NOT_LINKED, &fence);
  GstCaps *caps = gst_caps_from_string (CAPS_OTHER), *current;

  fail_unless (gst_harness_push_event (harness, gst_event_new_caps (caps)));
  dmabuf_timeline_advance (timeline, 1);
  wait_for_chained (1);
  push_until (harness, GST_FLOW_NOT_LINKED);
  set_flow (GST_FLOW_OK);
  fail_unless (
      gst_harness_push_upstream_event (harness, gst_event_new_reconfigure ()));
  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (2)), GST_FLOW_OK);
  current = gst_pad_get_current_caps (harness->sinkpad);
  fail_unless (gst_caps_is_equal (current, caps));
  gst_caps_unref (current);
  gst_caps_unref (caps);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* A flush drops queued buffers, but keeps sticky events, which upstream sends
 * only once. */
GST_START_TEST (test_flush_keeps_what_stays)
{
  DmabufFence *fence;
  GstHarness *harness = new_refused (GST_FLOW_OK, &fence);
  GstCaps *caps = gst_caps_from_string (CAPS_OTHER), *current;
  GstSegment segment;

  fail_unless (gst_harness_push_event (harness, gst_event_new_caps (caps)));
  fail_unless (gst_harness_push_event (harness, gst_event_new_flush_start ()));
  fail_unless (
      gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE)));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  fail_unless (
      gst_harness_push_event (harness, gst_event_new_segment (&segment)));
  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (2)), GST_FLOW_OK);
  fail_unless_equals_int (n_chained, 1);
  current = gst_pad_get_current_caps (harness->sinkpad);
  fail_unless (gst_caps_is_equal (current, caps));
  gst_caps_unref (current);
  gst_caps_unref (caps);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* --- latency, allocation ---------------------------------------------------
 */

/* Lets time pass before the signal: without that the latency would be 0. */
static gpointer
signal_later (gpointer fence)
{
  clock_skip (1);
  return signal_fence (fence);
}

/* The waiting time of a buffer is reported as latency, in whole frames. */
GST_START_TEST (test_latency_is_reported)
{
  GstHarness *harness = new_harness ("mode=wait max-pending=1");
  GstElement *element = gst_harness_find_element (harness, "dmabuffencesync");
  Sleeper *sleeper;
  GstBuffer *buffer = new_numbered (0);
  DmabufFence *fence = new_fence ();
  GstClockTime latency;

  gst_harness_set_upstream_latency (harness, 3 * FRAME);
  fail_unless_equals_uint64 (gst_harness_query_latency (harness), 3 * FRAME);
  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  sleeper = when_i_sleep (signal_later, fence);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless (sleeper_woke_me (sleeper));
  latency = gst_harness_query_latency (harness);
  fail_unless (latency >= 4 * FRAME);
  fail_unless_equals_uint64 (latency % FRAME, 0);
  gst_object_unref (element);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* Upstream may send buffers with pending fences, except in mode export. */
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
  tcase_add_loop_test (
      tc, test_eos_comes_through_after_a_refusal, 0, G_N_ELEMENTS (ends));
  tcase_add_loop_test (tc, test_a_segment_follows_on_a_full_one, 0, 2);
  tcase_add_test (tc, test_linked_again_it_goes_on);
  tcase_add_test (tc, test_flush_keeps_what_stays);
  tcase_add_test (tc, test_latency_is_reported);
  tcase_add_test (tc, test_upstream_is_told_that_fences_are_taken);

  return suite;
}

/* The elements are linked in: hide the plugin that also has them. */
int
main (int argc, char **argv)
{
  g_unsetenv ("GST_PLUGIN_PATH");
  gst_check_init (&argc, &argv);
  return gst_check_run_suite (
      dmabuffencesync_stream_suite (), "dmabuffencesync-stream", __FILE__);
}
