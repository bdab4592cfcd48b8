/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dmabufalloc: caps by the rules of DMA_DRM, a pool for producers, copies by
 * copy-policy, and the constraints of consumers. */

#include "../lib/fixture.h"
#include "../lib/stats.h"
#include "../lib/sync.h"

#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <string.h>
#include "gstdmabufalloc.h"

#define PLAIN "video/x-raw,format=NV12,width=64,height=64,framerate=30/1"
#define DRM \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12,width=64," \
  "height=64,framerate=30/1"
#define TILED \
  "video/x-raw(memory:DMABuf),format=DMA_DRM," \
  "drm-format=(string)NV12:0x0100000000000002,width=64,height=64," \
  "framerate=30/1"

/* Sets the constraints that downstream of @harness answers. */
static void
propose_constraints (
    GstHarness *harness, const GstDmabufCoreConstraints *constraints)
{
  GstStructure *params = gst_dmabuf_core_constraints_to_structure (constraints);

  gst_harness_add_propose_allocation_meta (
      harness, GST_DMABUF_CORE_CONSTRAINTS_API_TYPE, params);
  gst_structure_free (params);
}

/* The element has posted a message of @type that contains both words. */
static void
assert_posted (
    GstBus *bus, GstMessageType type, const char *word, const char *other)
{
  GstMessage *message = gst_bus_pop_filtered (bus, type);
  GError *error;

  fail_unless (message != NULL);
  if (type == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else
    gst_message_parse_warning (message, &error, NULL);
  fail_unless (strstr (error->message, word), "%s", error->message);
  fail_unless (strstr (error->message, other), "%s", error->message);
  g_error_free (error);
  gst_message_unref (message);
}

/* --- caps ------------------------------------------------------------------
 */

static const struct
{
  const char *in, *peer;
  const char *out; /* NULL: not negotiated */
} negotiations[] = {
  /* A peer with ANY caps may not know DMA_DRM (rule 4). */
  { PLAIN, "ANY", PLAIN },
  { PLAIN, "video/x-raw(memory:DMABuf),format=DMA_DRM", DRM },
  { PLAIN, "video/x-raw", PLAIN },
  { PLAIN, "video/x-raw;video/x-raw(memory:DMABuf),format=DMA_DRM", DRM },
  /* A consumer with a list of formats and modifiers. */
  { PLAIN,
      "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=(string){"
      "XR24:0x0100000000000002,NV12:0x0100000000000002,NV12}",
      DRM },
  { PLAIN,
      "video/x-raw(memory:DMABuf),format=DMA_DRM,"
      "drm-format=(string)NV12:0x0100000000000002",
      NULL },
  { PLAIN, "video/x-raw,format=I420", NULL },
  /* DMA_DRM frames pass, tiled ones included; linear ones may leave as plain
   * raw video (rule 3). */
  { DRM, "ANY", DRM },
  { DRM, "video/x-raw,format=NV12", PLAIN },
  { TILED, "video/x-raw(memory:DMABuf),format=DMA_DRM", TILED },
  { TILED, "video/x-raw", NULL },
  /* A format without a DRM fourcc stays plain, in dma-bufs all the same. */
  { "video/x-raw,format=UYVP,width=64,height=64,framerate=30/1", "ANY",
      "video/x-raw,format=UYVP,width=64,height=64,framerate=30/1" },
};

GST_START_TEST (test_negotiation)
{
  GstHarness *harness = gst_harness_new ("dmabufalloc");
  GstCaps *caps, *expected;

  if (!g_str_equal (negotiations[__i__].peer, "ANY"))
    gst_harness_set_sink_caps_str (harness, negotiations[__i__].peer);
  gst_harness_set_src_caps_str (harness, negotiations[__i__].in);

  caps = gst_pad_get_current_caps (harness->sinkpad);
  if (negotiations[__i__].out) {
    expected = gst_caps_from_string (negotiations[__i__].out);
    fail_unless (caps != NULL);
    fail_unless (
        gst_caps_is_subset (caps, expected), "%s", gst_caps_to_string (caps));
    gst_caps_unref (expected);
  } else {
    fail_unless (caps == NULL
        || gst_caps_features_is_equal (gst_caps_get_features (caps, 0),
            GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY));
  }
  gst_clear_caps (&caps);
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* Rule 1: the answer to upstream's CAPS query has plain raw video for each
 * linear format of the consumer. */
GST_START_TEST (test_upstream_sees_plain_formats_of_the_consumer)
{
  GstHarness *harness = gst_harness_new ("dmabufalloc");
  GstCaps *caps, *expected;

  gst_harness_set_sink_caps_str (harness,
      "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=(string){"
      "NV12,XR24,NV12:0x0100000000000002}");
  caps = gst_pad_peer_query_caps (harness->srcpad, NULL);
  expected = gst_caps_from_string ("video/x-raw,format=(string){NV12,BGRx}");
  fail_unless (gst_caps_can_intersect (caps, expected));
  gst_caps_unref (expected);
  expected = gst_caps_from_string ("video/x-raw,format=I420");
  fail_if (gst_caps_can_intersect (caps, expected));
  gst_caps_unref (expected);
  gst_caps_unref (caps);
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* --- a producer that uses the pool -----------------------------------------
 */

/* videotestsrc draws into the dma-bufs: no copy, the same picture as without
 * dmabufalloc, and after the first frames only the system calls of CPU access.
 */
static const char *const sinks[] = { DRM, PLAIN };

GST_START_TEST (test_a_producer_writes_into_the_dmabufs)
{
  GstHarness *harness = gst_harness_new_parse (
      "videotestsrc num-buffers=20 pattern=smpte ! " PLAIN
      " ! dmabufalloc name=alloc name-prefix=test copy-policy=forbid");
  GstHarness *plain = gst_harness_new_parse (
      "videotestsrc num-buffers=20 pattern=smpte ! capsfilter caps=" PLAIN);
  GstElement *alloc = gst_harness_find_element (harness, "dmabufalloc");
  guint i;

  gst_harness_set_sink_caps_str (harness, sinks[__i__]);
  gst_harness_play (harness);
  gst_harness_play (plain);
  for (i = 0; i < 20; i++) {
    GstBuffer *buffer = gst_harness_pull (harness);
    GstBuffer *expected = gst_harness_pull (plain);
    GstMapInfo map;

    fail_unless (buffer && expected);
    fail_unless (gst_dmabuf_core_buffer_is_dmabuf (buffer));
    fail_unless (gst_buffer_get_video_meta (buffer) != NULL);
    gst_buffer_map (expected, &map, GST_MAP_READ);
    fail_unless (gst_buffer_memcmp (buffer, 0, map.data, map.size) == 0);
    gst_buffer_unmap (expected, &map);
    gst_buffer_unref (buffer);
    gst_buffer_unref (expected);
  }

  fail_unless_equals_uint64 (element_get_stat (alloc, "copies"), 0);
  fail_unless (element_get_stat (alloc, "frames") >= 20);
  fail_unless (element_get_stat (alloc, "pool-allocated") <= 20);
  gst_object_unref (alloc);
  gst_harness_teardown (harness);
  gst_harness_teardown (plain);
}
GST_END_TEST;

/* Rules 7, 8 and 10: the pool that is offered to upstream has the layout that
 * all consumers need. */
GST_START_TEST (test_pool_suits_the_consumer)
{
  GstHarness *harness = gst_harness_new ("dmabufalloc");
  GstDmabufCoreConstraints constraints;
  GstCaps *caps = gst_caps_from_string (PLAIN);
  GstBufferPool *pool = NULL;
  GstBuffer *buffer;
  GstVideoMeta *meta;
  GstQuery *query;
  guint size, min, max;

  gst_dmabuf_core_constraints_init (&constraints, "display");
  constraints.pitch_align = 256;
  constraints.offset_align = 4096;
  propose_constraints (harness, &constraints);
  gst_harness_add_propose_allocation_meta (
      harness, GST_VIDEO_META_API_TYPE, NULL);
  gst_harness_set_src_caps_str (harness, PLAIN);

  query = gst_query_new_allocation (caps, TRUE);
  fail_unless (gst_pad_peer_query (harness->srcpad, query));
  fail_unless (
      gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL));
  fail_unless_equals_int (gst_query_get_n_allocation_pools (query), 1);
  gst_query_parse_nth_allocation_pool (query, 0, &pool, &size, &min, &max);
  fail_unless (GST_IS_DMABUF_CORE_POOL (pool));
  fail_unless_equals_int (min, 2);
  fail_unless (size >= 256 * 64 + 256 * 32);

  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  fail_unless_equals_int (
      gst_buffer_pool_acquire_buffer (pool, &buffer, NULL), GST_FLOW_OK);
  meta = gst_buffer_get_video_meta (buffer);
  fail_unless_equals_int (meta->stride[0], 256);
  fail_unless_equals_uint64 (meta->offset[1] % 4096, 0);

  /* A buffer of the pool passes as it is. */
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless (gst_harness_pull (harness) == buffer);
  gst_buffer_unref (buffer);

  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
  gst_query_unref (query);
  gst_caps_unref (caps);
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* --- a producer that does not use it ---------------------------------------
 */

static GstBuffer *
new_plain_frame (guint8 value)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 64 * 96, NULL);

  gst_buffer_memset (buffer, 0, value, -1);
  GST_BUFFER_PTS (buffer) = value * GST_SECOND;
  GST_BUFFER_DURATION (buffer) = GST_SECOND;
  return buffer;
}

static const struct
{
  const char *policy;
  GstFlowReturn flow;
  guint n_warnings, n_errors;
} policies[] = {
  { "forbid", GST_FLOW_ERROR, 0, 1 },
  { "warn", GST_FLOW_OK, 1, 0 },
  { "allow", GST_FLOW_OK, 0, 0 },
};

GST_START_TEST (test_policy_of_copying)
{
  char *launch =
      g_strdup_printf ("dmabufalloc copy-policy=%s", policies[__i__].policy);
  GstHarness *harness = gst_harness_new_parse (launch);
  GstElement *alloc = gst_harness_find_element (harness, "dmabufalloc");
  GstBus *bus = gst_bus_new ();
  guint i, n_warnings = 0, n_errors = 0;
  GstMessage *message;

  gst_element_set_bus (alloc, bus);
  gst_harness_set_sink_caps_str (harness, DRM);
  gst_harness_set_src_caps_str (harness, PLAIN);
  for (i = 1; i <= 3; i++) {
    GstBuffer *out, *expected = new_plain_frame (i);
    GstMapInfo map;

    fail_unless_equals_int (
        gst_harness_push (harness, new_plain_frame (i)), policies[__i__].flow);
    if (policies[__i__].flow == GST_FLOW_OK) {
      out = gst_harness_pull (harness);
      fail_unless (gst_dmabuf_core_buffer_is_dmabuf (out));
      fail_unless_equals_uint64 (GST_BUFFER_PTS (out), i * GST_SECOND);
      gst_buffer_map (expected, &map, GST_MAP_READ);
      fail_unless (gst_buffer_memcmp (out, 0, map.data, map.size) == 0);
      gst_buffer_unmap (expected, &map);
      gst_buffer_unref (out);
      fail_unless_equals_uint64 (element_get_stat (alloc, "copies"), i);
    }
    gst_buffer_unref (expected);
    if (policies[__i__].n_errors)
      break;
  }

  while ((message = gst_bus_pop_filtered (
              bus, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR))) {
    n_warnings += GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING;
    n_errors += GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR;
    gst_message_unref (message);
  }
  fail_unless_equals_int (n_warnings, policies[__i__].n_warnings);
  fail_unless_equals_int (n_errors, policies[__i__].n_errors);

  gst_element_set_bus (alloc, NULL);
  gst_object_unref (bus);
  gst_object_unref (alloc);
  gst_harness_teardown (harness);
  g_free (launch);
}
GST_END_TEST;

/* A frame is copied after its acquire fence has signalled. */
GST_START_TEST (test_copy_waits_for_the_content)
{
  GstHarness *harness = gst_harness_new_parse ("dmabufalloc copy-policy=allow");
  GstElement *alloc = gst_harness_find_element (harness, "dmabufalloc");
  GstBuffer *buffer = new_plain_frame (1);
  DmabufFence *fence = new_fence ();
  Sleeper *sleeper;

  gst_harness_set_src_caps_str (harness, PLAIN);
  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  sleeper = when_i_sleep (signal_fence, fence);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless (dmabuf_fence_is_signaled (fence));
  fail_unless_equals_uint64 (element_get_stat (alloc, "cpu-waits"), 1);
  gst_object_unref (alloc);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* A flush ends the wait for a free buffer to copy into. */
static gpointer
push_thread (gpointer user_data)
{
  return GINT_TO_POINTER (gst_harness_push (user_data, new_plain_frame (9)));
}

GST_START_TEST (test_flush_ends_waiting_for_a_buffer)
{
  GstHarness *harness = gst_harness_new_parse (
      "dmabufalloc copy-policy=allow min-buffers=1 max-buffers=1");
  GstElement *alloc = gst_harness_find_element (harness, "dmabufalloc");
  Sleeper *pusher;

  gst_harness_set_src_caps_str (harness, PLAIN);
  fail_unless_equals_int (
      gst_harness_push (harness, new_plain_frame (1)), GST_FLOW_OK);
  pusher = sleeper_new (push_thread, harness);
  fail_unless (sleeper_wait (pusher));
  fail_unless_equals_uint64 (element_get_stat (alloc, "copy-pool-starved"), 1);
  gst_harness_push_event (harness, gst_event_new_flush_start ());
  fail_unless_equals_int (
      GPOINTER_TO_INT (sleeper_join (pusher)), GST_FLOW_FLUSHING);
  gst_object_unref (alloc);
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* A new consumer needs another layout: old frames are copied, and the reason
 * names the field and the consumer. */
GST_START_TEST (test_reason_names_the_consumer)
{
  GstHarness *harness = gst_harness_new_parse ("dmabufalloc copy-policy=warn");
  GstElement *alloc = gst_harness_find_element (harness, "dmabufalloc");
  GstBus *bus = gst_bus_new ();
  GstDmabufCoreConstraints constraints;
  GstBuffer *buffer;

  gst_dmabuf_core_constraints_init (&constraints, "the new display");
  constraints.pitch_align = 256;
  propose_constraints (harness, &constraints);
  gst_harness_add_propose_allocation_meta (
      harness, GST_VIDEO_META_API_TYPE, NULL);
  gst_element_set_bus (alloc, bus);
  gst_harness_set_src_caps_str (harness, PLAIN);

  fail_unless_equals_int (
      gst_harness_push (harness, new_frame (64 * 96)), GST_FLOW_OK);
  buffer = gst_harness_pull (harness);
  fail_unless_equals_int (gst_buffer_get_video_meta (buffer)->stride[0], 256);
  gst_buffer_unref (buffer);

  assert_posted (
      bus, GST_MESSAGE_WARNING, "the new display", "pitch-align is 256");
  gst_element_set_bus (alloc, NULL);
  gst_object_unref (bus);
  gst_object_unref (alloc);
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* --- exporters -------------------------------------------------------------
 */

static const struct
{
  const char *exporter;
  const char *name;    /* Of the exporter in use; NULL: an error */
  const char *message; /* In the error */
  gboolean dmabuf;
} exporters[] = {
  { "auto", "heap:system", NULL, TRUE },
  { "heap:system", "heap:system", NULL, TRUE },
  { "udmabuf", "udmabuf", NULL, TRUE },
  { "memfd", "memfd", NULL, FALSE },
  { "heap:nothing", NULL, "/dev/dma_heap/nothing", FALSE },
  { "floppy", NULL, "floppy", FALSE },
};

GST_START_TEST (test_exporter)
{
  GstElement *alloc = gst_element_factory_make ("dmabufalloc", NULL);
  GstBus *bus = gst_bus_new ();
  GstHarness *harness;
  GstStructure *stats;
  GstBuffer *buffer;

  g_object_set (alloc, "exporter", exporters[__i__].exporter, "copy-policy",
      GST_DMABUF_CORE_COPY_POLICY_ALLOW, NULL);
  gst_element_set_bus (alloc, bus);
  if (exporters[__i__].name) {
    harness = gst_harness_new_with_element (alloc, "sink", "src");
    gst_harness_set_src_caps_str (harness, PLAIN);
    fail_unless_equals_int (
        gst_harness_push (harness, new_plain_frame (1)), GST_FLOW_OK);
    buffer = gst_harness_pull (harness);
    fail_unless_equals_int (
        gst_dmabuf_core_buffer_is_dmabuf (buffer), exporters[__i__].dmabuf);
    gst_buffer_unref (buffer);
    g_object_get (alloc, "stats", &stats, NULL);
    fail_unless_equals_string (
        gst_structure_get_string (stats, "exporter"), exporters[__i__].name);
    gst_structure_free (stats);
    gst_element_set_bus (alloc, NULL);
    gst_harness_teardown (harness);
  } else {
    fail_unless_equals_int (gst_element_set_state (alloc, GST_STATE_PAUSED),
        GST_STATE_CHANGE_FAILURE);
    assert_posted (bus, GST_MESSAGE_ERROR, exporters[__i__].message, "");
    gst_element_set_bus (alloc, NULL);
    gst_element_set_state (alloc, GST_STATE_NULL);
  }

  gst_object_unref (bus);
  gst_object_unref (alloc);
}
GST_END_TEST;

/* A producer that cannot start the offered pool only reports that negotiation
 * failed: dmabufalloc posts the reason. */
GST_START_TEST (test_no_memory_is_told)
{
  GstElement *pipeline = gst_parse_launch ("videotestsrc num-buffers=1 ! "
                                           "dmabufalloc name=alloc ! fakesink",
      NULL);
  GstMessage *message = NULL;
  GError *error = NULL;

  if (!backend_is_fake ())
    goto done;
  fake_kernel_break_path ("/dev/dma_heap/system", EACCES);
  fake_kernel_break_path ("/dev/udmabuf", ENOENT);
  fake_kernel_break_path ("/dev/dma_heap/default_cma_region", ENOENT);
  fake_kernel_break_path ("/dev/dma_heap/linux,cma", ENOENT);
  fake_kernel_break_path ("/dev/dma_heap/reserved", ENOENT);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  do {
    gst_clear_message (&message);
    message = gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (pipeline),
        10 * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
    fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR,
        "dmabufalloc posts no error");
  } while (!g_str_equal (GST_OBJECT_NAME (message->src), "alloc"));
  /* Stop first: TSan cannot see that the posting thread has dropped its
   * reference of the message. */
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_message_parse_error (message, &error, NULL);
  gst_message_unref (message);
  fail_unless (strstr (error->message, "/dev/dma_heap/system"));
  fail_unless (strstr (error->message, "No dma-bufs could be allocated"));
  g_error_free (error);

done:
  gst_object_unref (pipeline);
}
GST_END_TEST;

/* An exporter whose memory the consumer cannot reach is refused by name. */
GST_START_TEST (test_unreachable_exporter_is_refused)
{
  GstHarness *harness = gst_harness_new_parse ("dmabufalloc exporter=udmabuf");
  GstElement *alloc = gst_harness_find_element (harness, "dmabufalloc");
  GstBus *bus = gst_bus_new ();
  GstDmabufCoreConstraints constraints;

  gst_dmabuf_core_constraints_init (&constraints, "the display");
  strcpy (constraints.exporters, "heap:system");
  propose_constraints (harness, &constraints);
  gst_element_set_bus (alloc, bus);
  gst_harness_set_src_caps_str (harness, PLAIN);
  gst_harness_push (harness, new_plain_frame (1));

  assert_posted (bus, GST_MESSAGE_ERROR, "the display", "udmabuf");
  gst_element_set_bus (alloc, NULL);
  gst_object_unref (bus);
  gst_object_unref (alloc);
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* --- as an element of a pipeline -------------------------------------------
 */

/* Events keep their order, segments and queries pass. */
GST_START_TEST (test_events_and_queries_pass)
{
  static const GstEventType expected[] = { GST_EVENT_STREAM_START,
    GST_EVENT_CAPS, GST_EVENT_SEGMENT, GST_EVENT_TAG, GST_EVENT_EOS };
  GstHarness *harness = gst_harness_new_parse ("dmabufalloc copy-policy=allow");
  GstSegment segment;
  GstEvent *event;
  guint i;

  gst_harness_set_upstream_latency (harness, GST_SECOND);
  gst_harness_set_src_caps_str (harness, PLAIN);
  fail_unless_equals_int (
      gst_harness_push (harness, new_plain_frame (1)), GST_FLOW_OK);
  fail_unless (gst_harness_push_event (harness,
      gst_event_new_tag (gst_tag_list_new (GST_TAG_TITLE, "test", NULL))));
  fail_unless_equals_uint64 (gst_harness_query_latency (harness), GST_SECOND);
  fail_unless (gst_harness_push_event (harness, gst_event_new_eos ()));

  for (i = 0; i < G_N_ELEMENTS (expected); i++) {
    event = gst_harness_try_pull_event (harness);
    fail_unless (event != NULL);
    fail_unless_equals_int (GST_EVENT_TYPE (event), expected[i]);
    if (expected[i] == GST_EVENT_SEGMENT) {
      gst_event_copy_segment (event, &segment);
      fail_unless_equals_int (segment.format, GST_FORMAT_TIME);
    }
    gst_event_unref (event);
  }
  gst_harness_teardown (harness);
}
GST_END_TEST;

GST_START_TEST (test_caps_change)
{
  GstHarness *harness = gst_harness_new_parse ("dmabufalloc copy-policy=allow");
  guint sizes[] = { 64, 32, 128 }, i;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    char *caps = g_strdup_printf (
        "video/x-raw,format=NV12,width=%u,height=64,framerate=30/1", sizes[i]);
    GstBuffer *buffer;

    gst_harness_set_src_caps_str (harness, caps);
    fail_unless_equals_int (
        gst_harness_push (
            harness, gst_buffer_new_allocate (NULL, sizes[i] * 96, NULL)),
        GST_FLOW_OK);
    buffer = gst_harness_pull (harness);
    fail_unless_equals_int (
        gst_buffer_get_video_meta (buffer)->width, sizes[i]);
    gst_buffer_unref (buffer);
    g_free (caps);
  }
  gst_harness_teardown (harness);
}
GST_END_TEST;

static Suite *
dmabufalloc_suite (void)
{
  Suite *suite = suite_create ("dmabufalloc");
  TCase *tc = tcase_create ("dmabufalloc");

  GST_ELEMENT_REGISTER (dmabufalloc, NULL);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, fixture_setup, fixture_teardown);
  tcase_add_loop_test (tc, test_negotiation, 0, G_N_ELEMENTS (negotiations));
  tcase_add_test (tc, test_upstream_sees_plain_formats_of_the_consumer);
  tcase_add_loop_test (
      tc, test_a_producer_writes_into_the_dmabufs, 0, G_N_ELEMENTS (sinks));
  tcase_add_test (tc, test_pool_suits_the_consumer);
  tcase_add_loop_test (tc, test_policy_of_copying, 0, G_N_ELEMENTS (policies));
  tcase_add_test (tc, test_copy_waits_for_the_content);
  tcase_add_test (tc, test_flush_ends_waiting_for_a_buffer);
  tcase_add_test (tc, test_reason_names_the_consumer);
  tcase_add_loop_test (tc, test_exporter, 0, G_N_ELEMENTS (exporters));
  tcase_add_test (tc, test_no_memory_is_told);
  tcase_add_test (tc, test_unreachable_exporter_is_refused);
  tcase_add_test (tc, test_events_and_queries_pass);
  tcase_add_test (tc, test_caps_change);

  return suite;
}

/* The elements are linked in: hide the plugin that also has them. */
int
main (int argc, char **argv)
{
  g_unsetenv ("GST_PLUGIN_PATH");
  gst_check_init (&argc, &argv);
  return gst_check_run_suite (dmabufalloc_suite (), "dmabufalloc", __FILE__);
}
