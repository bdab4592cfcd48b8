/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The numbered rules for elements with dma-bufs, tested on dmabufalloc and,
 * where it takes part, dmabuffencesync. tests/check/kms/sink.c tests the rules
 * for sinks on dmabufkmssink. */

#include "../lib/fixture.h"
#include "../lib/stats.h"

#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <string.h>
#include "gstdmabufalloc.h"
#include "gstdmabuffencesync.h"

#define PLAIN "video/x-raw,format=NV12,width=64,height=64,framerate=30/1"
#define DRM \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12,width=64," \
  "height=64,framerate=30/1"
#define TILE "NV12:0x0100000000000002"
#define TILED \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=(string)" TILE \
  ",width=64,height=64,framerate=30/1"
#define LIST \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=(string){NV12,XR24," \
  "NV12:0x0100000000000002}"

static GstHarness *harness;

static void
open_harness (const char *launch, const char *peer)
{
  harness = gst_harness_new_parse (launch);
  if (peer)
    gst_harness_set_sink_caps_str (harness, peer);
}

static gboolean
caps_can_be (GstCaps *caps, const char *text)
{
  GstCaps *other = gst_caps_from_string (text);
  gboolean can = gst_caps_can_intersect (caps, other);

  gst_caps_unref (other);
  return can;
}

static void
assert_out_caps (const char *text)
{
  GstCaps *caps = gst_pad_get_current_caps (harness->sinkpad);
  GstCaps *expected = gst_caps_from_string (text);

  fail_unless (caps != NULL);
  fail_unless (
      gst_caps_is_subset (caps, expected), "%s", gst_caps_to_string (caps));
  gst_caps_unref (caps);
  gst_caps_unref (expected);
}

static guint64
get_stat (const char *field)
{
  GstElement *element = gst_harness_find_element (harness, "dmabufalloc");
  guint64 value = element_get_stat (element, field);

  gst_object_unref (element);
  return value;
}

/* Sends caps and then an ALLOCATION query from upstream. */
static GstQuery *
ask (const char *caps_text)
{
  GstCaps *caps = gst_caps_from_string (caps_text);
  GstQuery *query = gst_query_new_allocation (caps, TRUE);

  gst_harness_set_src_caps_str (harness, caps_text);
  fail_unless (gst_pad_peer_query (harness->srcpad, query));
  gst_caps_unref (caps);
  return query;
}

static GstBufferPool *
take_pool (GstQuery *query, guint *min)
{
  GstBufferPool *pool = NULL;

  if (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_parse_nth_allocation_pool (query, 0, &pool, NULL, min, NULL);
  gst_query_unref (query);
  return pool;
}

static void
free_pool (GstBufferPool *pool)
{
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
}

static void
add_video_meta (GstBuffer *buffer, GstVideoFormat format, gint stride)
{
  gsize offsets[GST_VIDEO_MAX_PLANES] = { 0, stride * 64 };
  gint strides[GST_VIDEO_MAX_PLANES] = { stride, stride };

  gst_buffer_add_video_meta_full (
      buffer, GST_VIDEO_FRAME_FLAG_NONE, format, 64, 64, 2, offsets, strides);
}

/* --- caps ------------------------------------------------------------------
 */

static GstCaps *
get_template_caps (const char *name)
{
  GstElement *element = gst_element_factory_make ("dmabufalloc", NULL);
  GstCaps *caps =
      gst_pad_template_get_caps (gst_element_class_get_pad_template (
          GST_ELEMENT_GET_CLASS (element), name));

  gst_object_unref (element);
  return caps;
}

/* The template leaves drm-format open. The answer to a CAPS query has exactly
 * the formats of the consumer, and RECONFIGURE makes the element ask again. */
static void
rule_1 (void)
{
  GstCaps *caps = get_template_caps ("sink");

  fail_unless (caps_can_be (caps, TILED));
  gst_caps_unref (caps);

  open_harness ("dmabufalloc copy-policy=allow", LIST);
  caps = gst_pad_peer_query_caps (harness->srcpad, NULL);
  fail_unless (caps_can_be (caps, "video/x-raw,format=NV12"));
  fail_unless (caps_can_be (caps, "video/x-raw,format=BGRx"));
  fail_unless (caps_can_be (caps, TILED));
  fail_if (caps_can_be (caps, "video/x-raw,format=I420"));
  fail_if (caps_can_be (caps,
      "video/x-raw(memory:DMABuf),format=DMA_DRM,"
      "drm-format=(string)XR24:0x0100000000000002"));
  gst_caps_unref (caps);

  gst_harness_set_src_caps_str (harness, PLAIN);
  assert_out_caps (DRM);
  gst_harness_set_sink_caps_str (harness, "video/x-raw,format=NV12");
  gst_harness_push_upstream_event (harness, gst_event_new_reconfigure ());
  fail_unless_equals_int (
      gst_harness_push (harness, gst_buffer_new_allocate (NULL, 64 * 96, NULL)),
      GST_FLOW_OK);
  assert_out_caps (PLAIN);
}

static void
assert_not_mixed (GstCaps *caps)
{
  guint i;

  for (i = 0; i < gst_caps_get_size (caps); i++) {
    GstStructure *structure = gst_caps_get_structure (caps, i);
    const char *format = gst_structure_get_string (structure, "format");
    gboolean dma_drm = format && g_str_equal (format, "DMA_DRM");

    if (gst_structure_has_field (structure, "drm-format"))
      fail_unless (dma_drm, "%s", gst_caps_to_string (caps));
    fail_unless_equals_int (
        gst_caps_features_contains (
            gst_caps_get_features (caps, i), GST_CAPS_FEATURE_MEMORY_DMABUF),
        dma_drm);
  }
}

/* The feature memory:DMABuf is first, so that a peer that takes both gets it.
 * drm-format exists with DMA_DRM only. */
static void
rule_2 (void)
{
  static const char *const peers[] = { "video/x-raw;" LIST, LIST,
    "video/x-raw" };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (peers); i++) {
    GstCaps *caps;

    if (harness)
      gst_harness_teardown (harness);
    open_harness ("dmabufalloc", peers[i]);
    caps = get_template_caps ("src");
    fail_unless (gst_caps_features_contains (
        gst_caps_get_features (caps, 0), GST_CAPS_FEATURE_MEMORY_DMABUF));
    gst_caps_unref (caps);
    caps = gst_pad_peer_query_caps (harness->srcpad, NULL);
    assert_not_mixed (caps);
    gst_caps_unref (caps);
    caps = gst_pad_peer_query_caps (harness->sinkpad, NULL);
    assert_not_mixed (caps);
    gst_caps_unref (caps);
    gst_harness_set_src_caps_str (harness, PLAIN);
    assert_out_caps (i < 2 ? DRM : PLAIN);
  }
}

/* Linear dma-bufs may come without the caps feature: the memory decides. */
static void
rule_3 (void)
{
  GstBuffer *buffer = new_frame (64 * 96);

  open_harness ("dmabufalloc copy-policy=forbid", "video/x-raw");
  gst_harness_set_src_caps_str (harness, PLAIN);
  assert_out_caps (PLAIN);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless (gst_harness_pull (harness) == buffer);
  gst_buffer_unref (buffer);
  /* The same caps with other memory. */
  fail_unless_equals_int (
      gst_harness_push (harness, gst_buffer_new_allocate (NULL, 64 * 96, NULL)),
      GST_FLOW_ERROR);
}

/* A peer with ANY caps gets plain caps; the memory is a dma-buf all the same.
 */
static void
rule_4 (void)
{
  GstBuffer *buffer;

  open_harness ("dmabufalloc copy-policy=allow", NULL);
  gst_harness_set_src_caps_str (harness, PLAIN);
  assert_out_caps (PLAIN);
  gst_harness_push (harness, gst_buffer_new_allocate (NULL, 64 * 96, NULL));
  buffer = gst_harness_pull (harness);
  fail_unless (gst_dmabuf_core_buffer_is_dmabuf (buffer));
  gst_buffer_unref (buffer);
}

/* One fd is one memory; planes in several memories are found by their offsets.
 */
static void
rule_5 (void)
{
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstCaps *caps = gst_caps_from_string (PLAIN);
  GstVideoInfoDmaDrm info;
  DmabufLayout layout;
  GError *error = NULL;
  GstBuffer *buffer;

  gst_buffer_pool_config_set_params (config, caps, 0, 1, 1);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  gst_buffer_pool_config_add_option (
      config, GST_BUFFER_POOL_OPTION_DMABUF_CORE_PER_PLANE);
  fail_unless (gst_buffer_pool_set_config (pool, config));
  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  gst_buffer_pool_acquire_buffer (pool, &buffer, NULL);
  fail_unless_equals_int (gst_buffer_n_memory (buffer), 2);

  open_harness ("dmabufalloc copy-policy=forbid", LIST);
  gst_harness_set_src_caps_str (harness, PLAIN);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless (gst_harness_pull (harness) == buffer);
  fail_unless (gst_dmabuf_core_video_info_from_caps (&info, caps));
  fail_unless (
      gst_dmabuf_core_buffer_get_layout (buffer, &info, &layout, &error));
  assert_no_error (error);
  fail_if (layout.planes[0].buffer == layout.planes[1].buffer);
  fail_unless_equals_int (layout.planes[1].offset, 0);
  gst_buffer_unref (buffer);
  gst_caps_unref (caps);
  free_pool (pool);
}

/* A tiled frame keeps its meta with the format DMA_DRM, so that mapping it
 * fails. It passes or is refused, but is never copied. */
static void
rule_6 (void)
{
  GstBuffer *buffer = new_frame (64 * 96);
  GstVideoFrame frame;
  GstVideoInfo info;
  GstVideoMeta *meta;

  add_video_meta (buffer, GST_VIDEO_FORMAT_DMA_DRM, 64);
  open_harness ("dmabufalloc copy-policy=allow", LIST);
  gst_harness_set_src_caps_str (harness, TILED);
  assert_out_caps (TILED);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless (gst_harness_pull (harness) == buffer);
  meta = gst_buffer_get_video_meta (buffer);
  fail_unless_equals_int (meta->format, GST_VIDEO_FORMAT_DMA_DRM);
  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_NV12, 64, 64);
  g_test_expect_message ("GStreamer-Video", G_LOG_LEVEL_CRITICAL, "*format*");
  fail_if (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ));
  g_test_assert_expected_messages ();
  gst_buffer_unref (buffer);

  fail_unless_equals_int (
      gst_harness_push (harness, gst_buffer_new_allocate (NULL, 64 * 96, NULL)),
      GST_FLOW_ERROR);
  fail_unless_equals_uint64 (get_stat ("copies"), 0);
}

/* --- ALLOCATION ------------------------------------------------------------
 */

/* The video meta is taken with any peer; the crop meta only if downstream takes
 * it. */
static void
rule_7 (void)
{
  guint crops;

  for (crops = 0; crops < 2; crops++) {
    GstQuery *query;

    if (harness)
      gst_harness_teardown (harness);
    open_harness ("dmabufalloc ! dmabuffencesync", NULL);
    if (crops)
      gst_harness_add_propose_allocation_meta (
          harness, GST_VIDEO_CROP_META_API_TYPE, NULL);
    query = ask (PLAIN);
    fail_unless (
        gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL));
    fail_unless_equals_int (gst_query_find_allocation_meta (
                                query, GST_VIDEO_CROP_META_API_TYPE, NULL),
        crops);
    gst_query_unref (query);
  }
}

/* A consumer's layout, as parameters of the video meta, is used by the pool,
 * and is in the answer to a producer with a pool of its own. */
static void
rule_8 (void)
{
  GstStructure *params = gst_structure_new ("video-meta", "padding-top",
      G_TYPE_UINT, 2, "padding-bottom", G_TYPE_UINT, 6, "padding-left",
      G_TYPE_UINT, 0, "padding-right", G_TYPE_UINT, 0, "stride-align0",
      G_TYPE_UINT, 255, "stride-align1", G_TYPE_UINT, 255, "stride-align2",
      G_TYPE_UINT, 255, "stride-align3", G_TYPE_UINT, 255, NULL);
  const GstStructure *answer = NULL;
  GstVideoAlignment alignment;
  GstBufferPool *pool;
  GstVideoMeta *meta;
  GstBuffer *buffer;
  GstQuery *query;
  guint index, min;

  open_harness ("dmabufalloc ! dmabuffencesync", NULL);
  gst_harness_add_propose_allocation_meta (
      harness, GST_VIDEO_META_API_TYPE, params);
  query = ask (PLAIN);
  fail_unless (
      gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, &index));
  gst_query_parse_nth_allocation_meta (query, index, &answer);
  fail_unless (answer != NULL);
  gst_buffer_pool_config_get_video_alignment (answer, &alignment);
  fail_unless_equals_int (alignment.stride_align[1], 255);
  fail_unless_equals_int (alignment.padding_bottom, 6);

  pool = take_pool (query, &min);
  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  gst_buffer_pool_acquire_buffer (pool, &buffer, NULL);
  meta = gst_buffer_get_video_meta (buffer);
  fail_unless_equals_int (meta->stride[0], 256);
  fail_unless_equals_uint64 (meta->offset[0], 2 * 256);
  fail_unless_equals_int (meta->alignment.padding_bottom, 6);
  gst_buffer_unref (buffer);
  free_pool (pool);
  gst_structure_free (params);
}

/* A pool of at least two buffers is offered for plain caps. None is offered for
 * tiled formats and for producers of DMA_DRM. */
static void
rule_9 (void)
{
  GstBufferPool *pool;
  guint min = 0;

  open_harness ("dmabufalloc", LIST);
  pool = take_pool (ask (PLAIN), &min);
  fail_unless (GST_IS_DMABUF_CORE_POOL (pool));
  fail_unless (min >= 2);
  free_pool (pool);
  fail_unless (take_pool (ask (TILED), &min) == NULL);
  fail_unless (take_pool (ask (DRM), &min) == NULL);
}

/* The pool corrects the configuration of a producer, which can read it back. */
static void
rule_10 (void)
{
  GstBufferPool *pool;
  GstStructure *config;
  GstAllocator *allocator;
  GstBuffer *buffer;
  GstCaps *caps;
  guint size, min, max;

  open_harness ("dmabufalloc", LIST);
  pool = take_pool (ask (PLAIN), &min);
  config = gst_buffer_pool_get_config (pool);
  caps = gst_caps_from_string (PLAIN);
  allocator = gst_allocator_find (GST_ALLOCATOR_SYSMEM);
  gst_buffer_pool_config_set_params (config, caps, 17, 3, 5);
  gst_buffer_pool_config_set_allocator (config, allocator, NULL);
  gst_object_unref (allocator);
  if (!gst_buffer_pool_set_config (pool, config)) {
    config = gst_buffer_pool_get_config (pool);
    fail_unless (
        gst_buffer_pool_config_validate_params (config, caps, 17, 3, 5));
    fail_unless (gst_buffer_pool_set_config (pool, config));
  }
  config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_get_params (config, NULL, &size, &min, &max);
  gst_buffer_pool_config_get_allocator (config, &allocator, NULL);
  fail_unless (size >= 64 * 96);
  fail_unless (min == 3 && max == 5);
  fail_unless (GST_IS_DMABUF_CORE_ALLOCATOR (allocator));
  gst_structure_free (config);

  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  gst_buffer_pool_acquire_buffer (pool, &buffer, NULL);
  fail_unless_equals_uint64 (gst_buffer_get_size (buffer), size);
  gst_buffer_unref (buffer);
  gst_caps_unref (caps);
  free_pool (pool);
}

/* A frame in another layout than the default of its caps is copied, or refused,
 * before a consumer without video meta. */
static void
rule_11 (void)
{
  guint takes, forbid;

  for (takes = 0; takes < 2; takes++) {
    for (forbid = 0; forbid < 2; forbid++) {
      GstBuffer *buffer = new_frame (96 * 96), *out;

      if (harness)
        gst_harness_teardown (harness);
      add_video_meta (buffer, GST_VIDEO_FORMAT_NV12, 96);
      open_harness (forbid ? "dmabufalloc copy-policy=forbid"
                           : "dmabufalloc copy-policy=allow",
          "video/x-raw");
      if (takes)
        gst_harness_add_propose_allocation_meta (
            harness, GST_VIDEO_META_API_TYPE, NULL);
      gst_harness_set_src_caps_str (harness, PLAIN);
      fail_unless_equals_int (gst_harness_push (harness, buffer),
          takes || !forbid ? GST_FLOW_OK : GST_FLOW_ERROR);
      if (!takes && forbid)
        continue;
      out = gst_harness_pull (harness);
      fail_unless_equals_int (out == buffer, takes);
      if (!takes) {
        GstVideoMeta *meta = gst_buffer_get_video_meta (out);

        fail_unless_equals_int (meta->stride[0], 64);
        fail_unless_equals_uint64 (meta->offset[1], 64 * 64);
      }
      gst_buffer_unref (out);
    }
  }
}

typedef struct
{
  guint n_drains;
  guint n_buffers; /* Buffers that came before the first query */
} Drains;

static GstPadProbeReturn
count_drains (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Drains *drains = user_data;

  if (GST_QUERY_TYPE (GST_PAD_PROBE_INFO_QUERY (info)) != GST_QUERY_DRAIN)
    return GST_PAD_PROBE_OK;
  if (drains->n_drains++ == 0)
    drains->n_buffers = gst_harness_buffers_received (harness);
  return GST_PAD_PROBE_HANDLED;
}

/* A DRAIN query reaches the consumer after the buffers that wait inside, so
 * that it gives all of them back. */
static void
rule_12 (void)
{
  GstQuery *query = gst_query_new_drain ();
  DmabufFence *fence = new_fence ();
  GstBuffer *buffer = new_frame (64 * 96);
  Drains drains = { 0 };

  open_harness ("dmabufalloc ! dmabuffencesync mode=wait max-pending=4", NULL);
  gst_pad_add_probe (harness->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
      count_drains, &drains, NULL);
  gst_harness_set_src_caps_str (harness, PLAIN);
  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless_equals_int (gst_harness_buffers_received (harness), 0);
  dmabuf_timeline_advance (timeline, 1);
  fail_unless (gst_pad_peer_query (harness->srcpad, query));
  fail_unless_equals_int (drains.n_drains, 1);
  fail_unless_equals_int (drains.n_buffers, 1);

  gst_query_unref (query);
  dmabuf_fence_unref (fence);
}

static const struct
{
  guint number;
  const char *rule;
  void (*check) (void);
} rules[] = {
  { 1, "templates are open, answers exact, changes reconfigure", rule_1 },
  { 2, "DMABuf first, drm-format with DMA_DRM only", rule_2 },
  { 3, "linear dma-bufs also travel without the feature", rule_3 },
  { 4, "a peer with ANY caps gets system memory caps", rule_4 },
  { 5, "one fd is one memory, planes are found by offset", rule_5 },
  { 6, "a tiled frame has a meta of DMA_DRM", rule_6 },
  { 7, "video meta always, crop meta if it is cropped", rule_7 },
  { 8, "layouts travel as parameters of the video meta", rule_8 },
  { 9, "a pool of two at least, for what can be allocated", rule_9 },
  { 10, "a changed configuration is read again", rule_10 },
  { 11, "only the default layout for a peer without video meta", rule_11 },
  { 12, "DRAIN gives up buffers", rule_12 },
};

GST_START_TEST (test_rule)
{
  GST_INFO ("rule %u: %s", rules[__i__].number, rules[__i__].rule);
  fail_unless_equals_int (rules[__i__].number, __i__ + 1);
  harness = NULL;
  rules[__i__].check ();
  g_clear_pointer (&harness, gst_harness_teardown);
}
GST_END_TEST;

static Suite *
negotiation_suite (void)
{
  Suite *suite = suite_create ("negotiation");
  TCase *tc = tcase_create ("negotiation");

  GST_ELEMENT_REGISTER (dmabufalloc, NULL);
  GST_ELEMENT_REGISTER (dmabuffencesync, NULL);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, fixture_setup, fixture_teardown);
  tcase_add_loop_test (tc, test_rule, 0, G_N_ELEMENTS (rules));

  return suite;
}

/* The elements are linked in: hide the plugin that also has them. */
int
main (int argc, char **argv)
{
  g_unsetenv ("GST_PLUGIN_PATH");
  gst_check_init (&argc, &argv);
  return gst_check_run_suite (negotiation_suite (), "negotiation", __FILE__);
}
