/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The filters in a pipeline: events, segments and buffers are unchanged and
 * keep their order, and queries reach the pad that answers them, in both
 * directions, also while buffers wait inside and after a flush. */

#include "../lib/fixture.h"

#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include "gstdmabufalloc.h"
#include "gstdmabuffencesync.h"

#define CAPS "video/x-raw,format=NV12,width=64,height=64,framerate=30/1"
#define CAPS_SMALL "video/x-raw,format=NV12,width=32,height=32,framerate=30/1"

static const char *const filters[] = {
  "dmabufalloc copy-policy=allow",
  "dmabuffencesync mode=auto",
  "dmabuffencesync mode=wait",
  "dmabuffencesync mode=wait max-pending=8",
  "dmabuffencesync mode=export",
  "dmabuffencesync mode=import",
  "dmabufalloc copy-policy=allow ! dmabuffencesync mode=wait max-pending=8",
};

/* The output in order: events by their names, buffers as "buffer". */
typedef struct
{
  GMutex lock;
  GCond changed;
  GString *text;
  GArray *seqnums;
  GstSegment segment;
} Record;

static GstPadProbeReturn
note (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Record *record = user_data;

  g_mutex_lock (&record->lock);
  if (GST_IS_BUFFER (info->data)) {
    g_string_append_printf (record->text, "buffer%" G_GUINT64_FORMAT " ",
        GST_BUFFER_PTS (info->data) / GST_SECOND);
  } else {
    guint32 seqnum = gst_event_get_seqnum (GST_PAD_PROBE_INFO_EVENT (info));

    g_string_append_printf (
        record->text, "%s ", GST_EVENT_TYPE_NAME (info->data));
    g_array_append_val (record->seqnums, seqnum);
    if (GST_EVENT_TYPE (info->data) == GST_EVENT_SEGMENT)
      gst_event_copy_segment (info->data, &record->segment);
  }
  g_cond_signal (&record->changed);
  g_mutex_unlock (&record->lock);
  return GST_PAD_PROBE_OK;
}

static GstHarness *
new_harness (const char *launch, Record *record)
{
  GstHarness *harness = gst_harness_new_parse (launch);

  g_mutex_init (&record->lock);
  g_cond_init (&record->changed);
  record->text = g_string_new (NULL);
  record->seqnums = g_array_new (FALSE, FALSE, sizeof (guint32));
  gst_pad_add_probe (harness->sinkpad,
      GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM | GST_PAD_PROBE_TYPE_EVENT_FLUSH
          | GST_PAD_PROBE_TYPE_BUFFER,
      note, record, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  return harness;
}

static void
free_harness (GstHarness *harness, Record *record)
{
  gst_harness_teardown (harness);
  g_string_free (record->text, TRUE);
  g_array_unref (record->seqnums);
  g_cond_clear (&record->changed);
  g_mutex_clear (&record->lock);
}

static guint
count_eos (const char *text)
{
  guint n = 0;

  while ((text = strstr (text, "eos "))) {
    text += 4;
    n++;
  }
  return n;
}

/* Waits for EOS, which comes last. */
static void
wait_for_text (Record *record, const char *expected)
{
  g_mutex_lock (&record->lock);
  while (count_eos (record->text->str) < count_eos (expected))
    g_cond_wait (&record->changed, &record->lock);
  fail_unless_equals_string (record->text->str, expected);
  g_mutex_unlock (&record->lock);
}

static GstBuffer *
new_numbered (guint n, gsize size, DmabufFence *fence)
{
  GstBuffer *buffer = new_frame (size);

  GST_BUFFER_PTS (buffer) = n * GST_SECOND;
  GST_BUFFER_DURATION (buffer) = GST_SECOND;
  if (fence)
    gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  return buffer;
}

/* --- downstream ------------------------------------------------------------
 */

/* A serialized query waits for the buffers before it: signal their fence. */
static GstPadProbeReturn
signal_for_query (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  if (GST_QUERY_IS_SERIALIZED (GST_PAD_PROBE_INFO_QUERY (info)))
    dmabuf_timeline_advance (timeline, 1);
  return GST_PAD_PROBE_OK;
}

/* Every kind of serialized event between buffers. The first buffer has a
 * pending fence in filters with a queue. */
GST_START_TEST (test_events_and_buffers_keep_their_order)
{
  static const char expected[] =
      "stream-start caps segment buffer1 segment tag buffer2 gap "
      "custom-downstream caps buffer3 stream-group-done eos ";
  gboolean queues = strstr (filters[__i__], "max-pending") != NULL;
  Record record = { 0 };
  GstHarness *harness = new_harness (filters[__i__], &record);
  DmabufFence *fence = queues ? new_fence () : NULL;
  GstCaps *caps = gst_caps_from_string (CAPS_SMALL);
  GstEvent *events[7];
  GstSegment segment;
  guint32 seqnums[7];
  guint i;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = 2.;
  segment.start = segment.time = segment.position = GST_SECOND;
  segment.base = 7 * GST_SECOND;
  segment.stop = 9 * GST_SECOND;
  segment.flags = GST_SEGMENT_FLAG_SKIP;

  events[0] = gst_event_new_segment (&segment);
  events[1] = gst_event_new_tag (gst_tag_list_new (GST_TAG_TITLE, "t", NULL));
  events[2] = gst_event_new_gap (2 * GST_SECOND, GST_SECOND);
  events[3] = gst_event_new_custom (
      GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty ("test"));
  events[4] = gst_event_new_caps (caps);
  events[5] = gst_event_new_stream_group_done (1);
  events[6] = gst_event_new_eos ();
  for (i = 0; i < G_N_ELEMENTS (events); i++)
    seqnums[i] = gst_event_get_seqnum (events[i]);

  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (1, 64 * 96, fence)),
      GST_FLOW_OK);
  fail_unless (gst_harness_push_event (harness, events[0]));
  fail_unless (gst_harness_push_event (harness, events[1]));
  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (2, 64 * 96, NULL)), GST_FLOW_OK);
  /* After new caps dmabufalloc sends a query, which waits for that buffer. */
  if (queues) {
    GstElement *sync = gst_harness_find_element (harness, "dmabuffencesync");
    GstPad *pad = gst_element_get_static_pad (sync, "sink");

    gst_pad_add_probe (
        pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, signal_for_query, NULL, NULL);
    gst_object_unref (pad);
    gst_object_unref (sync);
  }
  for (i = 2; i < 5; i++)
    fail_unless (gst_harness_push_event (harness, events[i]));
  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (3, 32 * 48, NULL)), GST_FLOW_OK);
  for (i = 5; i < G_N_ELEMENTS (events); i++)
    fail_unless (gst_harness_push_event (harness, events[i]));
  if (queues)
    dmabuf_timeline_advance (timeline, 1);

  wait_for_text (&record, expected);
  fail_unless (gst_segment_is_equal (&segment, &record.segment));
  /* The same events, by their seqnum, which applications compare. */
  for (i = 0; i < G_N_ELEMENTS (events); i++) {
    guint32 seqnum = g_array_index (record.seqnums, guint32, 3 + i);

    if (i != 4) /* GstBaseTransform makes a caps event of its own. */
      fail_unless_equals_int (seqnum, seqnums[i]);
  }

  gst_caps_unref (caps);
  free_harness (harness, &record);
  g_clear_pointer (&fence, dmabuf_fence_unref);
}
GST_END_TEST;

/* After EOS a flush allows buffers again, in the next segment. */
GST_START_TEST (test_flush_begins_anew)
{
  static const char expected[] =
      "stream-start caps segment buffer1 eos flush-start flush-stop segment "
      "buffer2 eos ";
  Record record = { 0 };
  GstHarness *harness = new_harness (filters[__i__], &record);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.start = segment.time = segment.position = GST_SECOND;
  gst_harness_push (harness, new_numbered (1, 64 * 96, NULL));
  fail_unless (gst_harness_push_event (harness, gst_event_new_eos ()));
  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (9, 64 * 96, NULL)),
      GST_FLOW_EOS);
  fail_unless (gst_harness_push_event (harness, gst_event_new_flush_start ()));
  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (9, 64 * 96, NULL)),
      GST_FLOW_FLUSHING);
  fail_unless (
      gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE)));
  fail_unless (
      gst_harness_push_event (harness, gst_event_new_segment (&segment)));
  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (2, 64 * 96, NULL)), GST_FLOW_OK);
  fail_unless (gst_harness_push_event (harness, gst_event_new_eos ()));
  wait_for_text (&record, expected);
  fail_unless (gst_segment_is_equal (&segment, &record.segment));
  free_harness (harness, &record);
}
GST_END_TEST;

/* --- upstream --------------------------------------------------------------
 */

GST_START_TEST (test_upstream_events_pass)
{
  Record record = { 0 };
  GstHarness *harness = new_harness (filters[__i__], &record);
  GstEvent *events[] = {
    gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW, 1.5, 10, GST_SECOND),
    gst_event_new_seek (1., GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
        GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_NONE, 0),
    gst_event_new_latency (GST_SECOND),
    gst_event_new_step (GST_FORMAT_BUFFERS, 1, 1., TRUE, FALSE),
    gst_event_new_navigation (gst_structure_new_empty ("test")),
    gst_event_new_custom (
        GST_EVENT_CUSTOM_UPSTREAM, gst_structure_new_empty ("test")),
    gst_event_new_reconfigure (),
  };
  GstEvent *event;
  guint i;

  gst_harness_push (harness, new_numbered (1, 64 * 96, NULL));
  while ((event = gst_harness_try_pull_upstream_event (harness)))
    gst_event_unref (event);
  for (i = 0; i < G_N_ELEMENTS (events); i++) {
    guint32 seqnum = gst_event_get_seqnum (events[i]);

    fail_unless (gst_harness_push_upstream_event (harness, events[i]));
    event = gst_harness_try_pull_upstream_event (harness);
    fail_unless (event != NULL, "event %u", i);
    fail_unless_equals_int (gst_event_get_seqnum (event), seqnum);
    gst_event_unref (event);
  }
  free_harness (harness, &record);
}
GST_END_TEST;

/* --- queries ---------------------------------------------------------------
 */

static GstPadProbeReturn
answer (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);
  guint *n = user_data;

  switch (GST_QUERY_TYPE (query)) {
  case GST_QUERY_DURATION:
    gst_query_set_duration (query, GST_FORMAT_TIME, 4);
    break;
  case GST_QUERY_SEEKING:
    gst_query_set_seeking (query, GST_FORMAT_TIME, TRUE, 0, 4);
    break;
  case GST_QUERY_CONVERT:
    gst_query_set_convert (query, GST_FORMAT_TIME, 1, GST_FORMAT_BYTES, 2);
    break;
  case GST_QUERY_URI:
    gst_query_set_uri (query, "test://");
    break;
  case GST_QUERY_CUSTOM:
  case GST_QUERY_CONTEXT:
  case GST_QUERY_DRAIN:
    break;
  default:
    return GST_PAD_PROBE_OK;
  }
  ++*n;
  return GST_PAD_PROBE_HANDLED;
}

GST_START_TEST (test_queries_reach_the_answering_pad)
{
  Record record = { 0 };
  GstHarness *harness = new_harness (filters[__i__], &record);
  /* Without the position, which GstBaseTransform answers itself. */
  GstQuery *upstream[] = {
    gst_query_new_duration (GST_FORMAT_TIME),
    gst_query_new_seeking (GST_FORMAT_TIME),
    gst_query_new_convert (GST_FORMAT_TIME, 1, GST_FORMAT_BYTES),
    gst_query_new_uri (),
    gst_query_new_custom (GST_QUERY_CUSTOM, gst_structure_new_empty ("test")),
  };
  GstQuery *downstream[] = {
    gst_query_new_custom (GST_QUERY_CUSTOM, gst_structure_new_empty ("test")),
    gst_query_new_context ("test"),
    gst_query_new_drain (),
  };
  guint i, n_upstream = 0, n_downstream = 0;
  GstClockTime latency;

  gst_pad_add_probe (harness->srcpad, GST_PAD_PROBE_TYPE_QUERY_UPSTREAM, answer,
      &n_upstream, NULL);
  gst_pad_add_probe (harness->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
      answer, &n_downstream, NULL);
  gst_harness_push (harness, new_numbered (1, 64 * 96, NULL));
  for (i = 0; i < G_N_ELEMENTS (upstream); i++) {
    fail_unless (gst_pad_peer_query (harness->sinkpad, upstream[i]), "%s",
        GST_QUERY_TYPE_NAME (upstream[i]));
    fail_unless_equals_int (n_upstream, i + 1);
    gst_query_unref (upstream[i]);
  }
  for (i = 0; i < G_N_ELEMENTS (downstream); i++) {
    fail_unless (gst_pad_peer_query (harness->srcpad, downstream[i]), "%s",
        GST_QUERY_TYPE_NAME (downstream[i]));
    fail_unless_equals_int (n_downstream, i + 1);
    gst_query_unref (downstream[i]);
  }

  gst_harness_set_upstream_latency (harness, 5 * GST_SECOND);
  latency = gst_harness_query_latency (harness);
  fail_unless (latency >= 5 * GST_SECOND);
  free_harness (harness, &record);
}
GST_END_TEST;

static Suite *
streaming_suite (void)
{
  Suite *suite = suite_create ("streaming");
  TCase *tc = tcase_create ("streaming");
  const guint n = G_N_ELEMENTS (filters);

  GST_ELEMENT_REGISTER (dmabufalloc, NULL);
  GST_ELEMENT_REGISTER (dmabuffencesync, NULL);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, fixture_setup, fixture_teardown);
  tcase_add_loop_test (tc, test_events_and_buffers_keep_their_order, 0, n);
  tcase_add_loop_test (tc, test_flush_begins_anew, 0, n);
  tcase_add_loop_test (tc, test_upstream_events_pass, 0, n);
  tcase_add_loop_test (tc, test_queries_reach_the_answering_pad, 0, n);

  return suite;
}

/* The elements are linked in: hide the plugin that also has them. */
int
main (int argc, char **argv)
{
  g_unsetenv ("GST_PLUGIN_PATH");
  gst_check_init (&argc, &argv);
  return gst_check_run_suite (streaming_suite (), "streaming", __FILE__);
}
