/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Buffers with fences, 10,000 in the long run, pass tee, leaky queues, valve
 * and drops: every fence is delivered or freed, and every buffer comes back. */

#include "../lib/fixture.h"
#include "../lib/sync.h"

#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>
#include "gstdmabuffencesync.h"

#define CAPS "video/x-raw,format=GRAY8,width=64,height=64,framerate=1000/1"

static const char *const pipelines[] = {
  "appsrc name=src ! tee name=t ! queue leaky=downstream max-size-buffers=2 ! "
  "fakesink sync=false t. ! queue leaky=upstream max-size-buffers=2 ! "
  "identity drop-probability=0.3 ! fakesink sync=false",
  "appsrc name=src ! identity drop-probability=0.5 ! valve name=valve ! "
  "dmabuffencesync mode=wait on-timeout=drop timeout=1000000 max-pending=8 ! "
  "fakesink sync=false",
  "appsrc name=src ! tee name=t ! valve drop=true drop-mode=1 ! fakesink "
  "async=false t. ! "
  "dmabuffencesync mode=wait ! queue max-size-buffers=3 ! fakesink sync=false",
};

typedef struct
{
  gint n_released, n_fences;
} Books;

static void
released (DmabufFence *fence, gpointer user_data)
{
  g_atomic_int_inc (&((Books *) user_data)->n_released);
}

/* A reader that drops the buffer before its device is done. */
static GstPadProbeReturn
read_late (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Books *books = user_data;
  DmabufFence *fence = dmabuf_fence_new_software (
      dmabuf_fence_context_alloc (1), 1, g_get_monotonic_time () + 2000, NULL);

  if (gst_buffer_add_dmabuf_core_release_fence (
          GST_PAD_PROBE_INFO_BUFFER (info), fence))
    g_atomic_int_inc (&books->n_fences);
  dmabuf_fence_unref (fence);
  return GST_PAD_PROBE_OK;
}

static void
add_readers (GstElement *pipeline, Books *books)
{
  GstIterator *sinks = gst_bin_iterate_sinks (GST_BIN (pipeline));
  GValue value = G_VALUE_INIT;

  while (gst_iterator_next (sinks, &value) == GST_ITERATOR_OK) {
    GstPad *pad =
        gst_element_get_static_pad (g_value_get_object (&value), "sink");

    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, read_late, books, NULL);
    gst_object_unref (pad);
    g_value_reset (&value);
  }
  g_value_unset (&value);
  gst_iterator_free (sinks);
}

static GstBufferPool *
new_pool (void)
{
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstCaps *caps = gst_caps_from_string (CAPS);

  gst_buffer_pool_config_set_params (config, caps, 4096, 4, 16);
  fail_unless (gst_buffer_pool_set_config (pool, config));
  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  gst_caps_unref (caps);
  return pool;
}

GST_START_TEST (test_handed_is_returned)
{
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (pipelines[__i__], &error);
  GstElement *source, *valve;
  GstBufferPool *pool = new_pool ();
  GstCaps *caps = gst_caps_from_string (CAPS);
  const guint n = test_is_long () ? 10000 : 1000;
  Books books = { 0 };
  GstMessage *message;
  guint i;

  assert_no_error (error);
  source = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  valve = gst_bin_get_by_name (GST_BIN (pipeline), "valve");
  g_object_set (source, "caps", caps, "format", GST_FORMAT_TIME, "block", TRUE,
      "max-buffers", (guint64) 4, NULL);
  gst_caps_unref (caps);
  add_readers (pipeline, &books);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);

  for (i = 0; i < n; i++) {
    GstBuffer *buffer;
    DmabufFence *fence =
        dmabuf_fence_new_software (dmabuf_fence_context_alloc (1), 1,
            g_get_monotonic_time () + g_random_int_range (0, 2000), NULL);

    fail_unless_equals_int (
        gst_buffer_pool_acquire_buffer (pool, &buffer, NULL), GST_FLOW_OK);
    gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
    gst_buffer_set_dmabuf_core_release_func (buffer, released, &books, NULL);
    GST_BUFFER_PTS (buffer) = i * GST_MSECOND;
    fail_unless_equals_int (
        gst_app_src_push_buffer (GST_APP_SRC (source), buffer), GST_FLOW_OK);
    if (g_random_int_range (0, 4) == 0)
      dmabuf_fence_signal (fence);
    dmabuf_fence_unref (fence);
    if (valve && i % 100 == 0)
      g_object_set (valve, "drop", i % 200 == 0, NULL);
  }
  if (valve)
    g_object_set (valve, "drop", FALSE, NULL);
  gst_app_src_end_of_stream (GST_APP_SRC (source));
  message = gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (pipeline),
      GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  fail_unless (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);

  fail_unless_equals_int (g_atomic_int_get (&books.n_released), n);
  fail_unless (g_atomic_int_get (&books.n_fences) > 0);
  fail_unless (gst_buffer_pool_set_active (pool, FALSE));
  gst_object_unref (pool);
  gst_clear_object (&valve);
  gst_object_unref (source);
  gst_object_unref (pipeline);
}
GST_END_TEST;

static Suite *
release_suite (void)
{
  Suite *suite = suite_create ("release");
  TCase *tc = tcase_create ("release");

  GST_ELEMENT_REGISTER (dmabuffencesync, NULL);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, fixture_setup, fixture_teardown);
  tcase_add_loop_test (
      tc, test_handed_is_returned, 0, G_N_ELEMENTS (pipelines));

  return suite;
}

/* The elements are linked in: hide the plugin that also has them. */
int
main (int argc, char **argv)
{
  g_unsetenv ("GST_PLUGIN_PATH");
  gst_check_init (&argc, &argv);
  return gst_check_run_suite (release_suite (), "release", __FILE__);
}
