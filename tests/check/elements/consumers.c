/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dmabufalloc before several consumers with different constraints, a display
 * among them: all get one storage, also after another consumer was linked or
 * the caps have changed, or a clear message if no storage suits all. */

#include <gst/check/gstcheck.h>
#include <gst/lib/gstdmabufcore.h>
#include <string.h>

#include "../lib/stats.h"
#include "tests/examples/compare-frames.h"

#define FRAME "video/x-raw,format=BGRx,width=800,height=600,framerate=30/1"
#define PITCH (800 * 4)

/* PITCH is not a multiple of this. */
#define ALIGN 512
#define ALIGNED_PITCH 3584

/* --- pipelines ----------------------------------------------------------- */

static GstElement *
start (const char *description)
{
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (description, &error);

  fail_unless (error == NULL, "%s", error ? error->message : "");
  return pipeline;
}

static void
stop (GstElement *pipeline)
{
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

static GstElement *
get (GstElement *pipeline, const char *name)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);

  fail_unless (element != NULL, "%s", name);
  gst_object_unref (element); /* The pipeline holds it */
  return element;
}

static guint64
get_stat (GstElement *pipeline, const char *name, const char *field)
{
  return element_get_stat (get (pipeline, name), field);
}

static void
fail_with (GstMessage *message)
{
  GError *error;
  char *debug;

  gst_message_parse_error (message, &error, &debug);
  ck_abort_msg ("%s: %s (%s)", GST_OBJECT_NAME (message->src), error->message,
      debug ? debug : "");
}

static void
run (GstElement *pipeline)
{
  GstMessage *message;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (pipeline),
      GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    fail_with (message);
  gst_message_unref (message);
}

static GstSample *
get_last_sample (GstElement *pipeline, const char *name)
{
  GstSample *sample;

  g_object_get (get (pipeline, name), "last-sample", &sample, NULL);
  return sample;
}

static int
buffer_get_pitch (GstBuffer *buffer)
{
  GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);

  return meta ? meta->stride[0] : PITCH;
}

/* The pitch of the last sample of @name. */
static int
get_pitch (GstElement *pipeline, const char *name)
{
  GstSample *sample = get_last_sample (pipeline, name);
  int pitch = buffer_get_pitch (gst_sample_get_buffer (sample));

  gst_sample_unref (sample);
  return pitch;
}

/* --- frames as they come ------------------------------------------------- */

static GMutex lock;
static GCond changed;
static gboolean has_failed;

typedef struct
{
  int pitch; /* To wait for; 0 for any */
  guint n;   /* Buffers of this pitch still to come */
} Arrival;

static GstPadProbeReturn
note_arrival (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Arrival *arrival = user_data;
  int pitch = buffer_get_pitch (GST_PAD_PROBE_INFO_BUFFER (info));

  g_mutex_lock (&lock);
  if (arrival->n > 0 && (arrival->pitch == 0 || arrival->pitch == pitch))
    arrival->n--;
  g_cond_signal (&changed);
  g_mutex_unlock (&lock);
  return GST_PAD_PROBE_OK;
}

/* After an error no frames come: end the wait for them. */
static GstBusSyncReply
note_error (GstBus *bus, GstMessage *message, gpointer user_data)
{
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    g_mutex_lock (&lock);
    has_failed = TRUE;
    g_cond_signal (&changed);
    g_mutex_unlock (&lock);
  }
  return GST_BUS_PASS;
}

/* Waits until @n buffers with @pitch, 0 for any, have come to the pad @pad_name
 * of @name. */
static void
wait_for_buffers (GstElement *pipeline, const char *name, const char *pad_name,
    int pitch, guint n)
{
  GstPad *pad = gst_element_get_static_pad (get (pipeline, name), pad_name);
  Arrival *arrival = g_atomic_rc_box_new0 (Arrival);
  GstBus *bus = GST_ELEMENT_BUS (pipeline);
  GstMessage *message;
  gulong probe;

  arrival->pitch = pitch;
  arrival->n = n;
  gst_bus_set_sync_handler (bus, note_error, NULL, NULL);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  if (message)
    fail_with (message);
  probe = gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, note_arrival,
      g_atomic_rc_box_acquire (arrival), g_atomic_rc_box_release);

  g_mutex_lock (&lock);
  while (arrival->n > 0 && !has_failed)
    g_cond_wait (&changed, &lock);
  g_mutex_unlock (&lock);
  if (has_failed)
    fail_with (gst_bus_timed_pop_filtered (
        bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_ERROR));

  gst_pad_remove_probe (pad, probe);
  gst_bus_set_sync_handler (bus, NULL, NULL, NULL);
  g_atomic_rc_box_release (arrival);
  gst_object_unref (pad);
}

/* Waits until @name has shown @n more frames; late frames are not shown. */
static void
wait_for_frames (GstElement *pipeline, const char *name, guint64 n)
{
  guint64 wanted = get_stat (pipeline, name, "frames") + n;

  while (get_stat (pipeline, name, "frames") < wanted)
    wait_for_buffers (pipeline, name, "sink", 0, 1);
}

/* --- pixels -------------------------------------------------------------- */

static void
assert_equal_pixels (GstSample *sent, GstSample *shown)
{
  FrameComparison result;
  GError *error = NULL;

  fail_unless (compare_frames (sent, shown, 0, &result, &error), "%s",
      error ? error->message : "");
  fail_unless (result.n_different == 0, "%" G_GUINT64_FORMAT " pixels differ",
      result.n_different);
}

/* Captures the display: NULL if it shows no frame, or has another width. */
static GstSample *
capture (GstElement *pipeline, int width)
{
  GstSample *shown = NULL;
  int mode_width;

  g_signal_emit_by_name (get (pipeline, "display"), "capture-frame", &shown);
  if (!shown)
    return NULL;
  fail_unless (gst_structure_get_int (
      gst_caps_get_structure (gst_sample_get_caps (shown), 0), "width",
      &mode_width));
  if (mode_width != width)
    g_clear_pointer (&shown, gst_sample_unref);
  return shown;
}

/* Waits until the display shows a frame, which is some time after it came. */
static void
wait_for_picture (GstElement *pipeline, int width)
{
  GstSample *shown;

  while (!(shown = capture (pipeline, width)))
    wait_for_buffers (pipeline, "display", "sink", 0, 1);
  gst_sample_unref (shown);
}

/* The display shows the last frame sent to it, in a mode of the same size. */
static void
assert_display_shows (GstElement *pipeline, int width)
{
  GstSample *shown = capture (pipeline, width), *sent;
  GstCaps *caps;
  GstPad *pad;

  fail_unless (shown != NULL, "no picture %d wide", width);

  pad = gst_element_get_static_pad (get (pipeline, "display"), "sink");
  caps = gst_pad_get_current_caps (pad);
  sent = gst_sample_new (gst_value_get_buffer (gst_structure_get_value (
                             gst_sample_get_info (shown), "frame")),
      caps, NULL, NULL);
  assert_equal_pixels (sent, shown);

  gst_sample_unref (sent);
  gst_sample_unref (shown);
  gst_caps_unref (caps);
  gst_object_unref (pad);
}

/* --- consumers ----------------------------------------------------------- */

static GstPadProbeReturn
answer (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);

  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return GST_PAD_PROBE_OK;
  gst_query_add_dmabuf_core_constraints (query, user_data);
  return GST_PAD_PROBE_HANDLED;
}

/* Sets the constraints that the sink @element answers from now on. */
static void
demand (GstElement *element, const char *device, guint pitch_align,
    const char *exporters)
{
  GstDmabufCoreConstraints *asked = g_new (GstDmabufCoreConstraints, 1);
  GstPad *pad = gst_element_get_static_pad (element, "sink");

  gst_dmabuf_core_constraints_init (asked, device);
  asked->pitch_align = pitch_align;
  g_strlcpy (asked->exporters, exporters, sizeof (asked->exporters));
  gst_pad_add_probe (
      pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, answer, asked, g_free);
  gst_object_unref (pad);
}

/* Links another sink while frames flow. */
static void
add_consumer (GstElement *pipeline, const char *device, guint pitch_align,
    const char *exporters)
{
  GstElement *queue = gst_element_factory_make ("queue", NULL);
  GstElement *sink = gst_element_factory_make ("fakesink", "new");

  g_object_set (sink, "enable-last-sample", TRUE, "async", FALSE, NULL);
  demand (sink, device, pitch_align, exporters);
  gst_bin_add_many (GST_BIN (pipeline), queue, sink, NULL);
  fail_unless (gst_element_link (queue, sink));
  gst_element_sync_state_with_parent (sink);
  gst_element_sync_state_with_parent (queue);
  fail_unless (gst_element_link (get (pipeline, "t"), queue));
}

/* --- tests --------------------------------------------------------------- */

GST_START_TEST (test_branches_have_one_storage)
{
  GstElement *pipeline =
      start ("videotestsrc pattern=ball num-buffers=6 ! " FRAME
             " ! dmabufalloc name=alloc copy-policy=forbid ! tee name=t "
             "t. ! queue ! dmabufkmssink name=display sync=false "
             "t. ! queue ! fakesink name=other enable-last-sample=true");
  GstElement *alone = start ("videotestsrc pattern=ball num-buffers=6 ! " FRAME
                             " ! fakesink name=sink enable-last-sample=true");
  GstSample *display, *other, *reference;

  demand (get (pipeline, "other"), "encoder", ALIGN, "");
  run (pipeline);
  fail_unless_equals_uint64 (get_stat (pipeline, "alloc", "frames"), 6);
  fail_unless_equals_uint64 (get_stat (pipeline, "alloc", "copies"), 0);
  fail_unless_equals_uint64 (get_stat (pipeline, "display", "frames"), 6);
  fail_unless_equals_uint64 (get_stat (pipeline, "display", "copies"), 0);
  fail_unless_equals_int (get_pitch (pipeline, "other"), ALIGNED_PITCH);

  display = get_last_sample (pipeline, "display");
  other = get_last_sample (pipeline, "other");
  fail_unless (gst_buffer_peek_memory (gst_sample_get_buffer (display), 0)
      == gst_buffer_peek_memory (gst_sample_get_buffer (other), 0));
  assert_display_shows (pipeline, 800);

  run (alone);
  reference = get_last_sample (alone, "sink");
  assert_equal_pixels (other, reference);

  gst_sample_unref (display);
  gst_sample_unref (other);
  gst_sample_unref (reference);
  stop (alone);
  stop (pipeline);
}
GST_END_TEST;

GST_START_TEST (test_caps_change_while_playing)
{
  static const int widths[] = { 800, 1024, 640 };
  static const int heights[] = { 600, 768, 480 };
  GstElement *pipeline =
      start ("videotestsrc pattern=ball is-live=true ! capsfilter name=caps ! "
             "dmabufalloc name=alloc copy-policy=forbid ! "
             "dmabufkmssink name=display copy-policy=forbid");
  guint i;

  for (i = 0; i < G_N_ELEMENTS (widths); i++) {
    GstCaps *caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING,
        "BGRx", "width", G_TYPE_INT, widths[i], "height", G_TYPE_INT,
        heights[i], "framerate", GST_TYPE_FRACTION, 30, 1, NULL);

    g_object_set (get (pipeline, "caps"), "caps", caps, NULL);
    gst_caps_unref (caps);
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    wait_for_buffers (pipeline, "display", "sink", widths[i] * 4, 1);
    wait_for_picture (pipeline, widths[i]);
    wait_for_frames (pipeline, "display", 3);
    assert_display_shows (pipeline, widths[i]);
  }
  fail_unless_equals_uint64 (get_stat (pipeline, "alloc", "copies"), 0);
  fail_unless_equals_uint64 (get_stat (pipeline, "display", "copies"), 0);
  stop (pipeline);
}
GST_END_TEST;

#define LIVE(policy) \
  "videotestsrc pattern=ball is-live=true ! " FRAME \
  " ! dmabufalloc name=alloc copy-policy=" policy \
  " ! tee name=t ! queue ! fakesink name=old enable-last-sample=true"

/* Both consumers get the new storage; frames that are under way in the old one
 * are copied and counted. */
GST_START_TEST (test_storage_moves_for_a_new_consumer)
{
  GstElement *pipeline = start (LIVE ("allow"));
  guint64 copies;

  /* A tee takes a branch without an answer for one without GstVideoMeta. */
  demand (get (pipeline, "old"), "camera", 1, "");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_for_buffers (pipeline, "old", "sink", PITCH, 1);
  add_consumer (pipeline, "encoder", ALIGN, "");
  wait_for_buffers (pipeline, "new", "sink", ALIGNED_PITCH, 3);
  wait_for_buffers (pipeline, "old", "sink", ALIGNED_PITCH, 1);

  copies = get_stat (pipeline, "alloc", "copies");
  wait_for_buffers (pipeline, "new", "sink", ALIGNED_PITCH, 10);
  fail_unless_equals_uint64 (get_stat (pipeline, "alloc", "copies"), copies);
  fail_unless_equals_int (get_pitch (pipeline, "new"), ALIGNED_PITCH);
  stop (pipeline);
}
GST_END_TEST;

static const struct
{
  const char *launch;
  GstMessageType type;
} refusals[] = {
  { LIVE ("forbid"), GST_MESSAGE_ERROR },
  { LIVE ("warn"), GST_MESSAGE_WARNING },
};

/* No memory is reached by both consumers. */
GST_START_TEST (test_a_new_consumer_that_nothing_suits_is_refused)
{
  GstElement *pipeline = start (refusals[__i__].launch);
  GstMessage *message;
  GError *error;
  char *debug;

  demand (get (pipeline, "old"), "camera", 1, "heap:system");
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  wait_for_buffers (pipeline, "alloc", "src", 0, 3);
  add_consumer (pipeline, "encoder", 1, "udmabuf");

  message = gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (pipeline),
      GST_CLOCK_TIME_NONE, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
  fail_unless_equals_int (GST_MESSAGE_TYPE (message), refusals[__i__].type);
  fail_unless (
      GST_MESSAGE_SRC (message) == GST_OBJECT (get (pipeline, "alloc")));
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, &debug);
  } else {
    gst_message_parse_warning (message, &error, &debug);
    wait_for_buffers (pipeline, "alloc", "src", 0, 5);
  }
  fail_unless (
      strstr (error->message, "memory of camera is heap:system") != NULL, "%s",
      error->message);
  fail_unless (strstr (error->message, "memory of encoder is udmabuf") != NULL,
      "%s", error->message);
  g_error_free (error);
  g_free (debug);
  gst_message_unref (message);
  stop (pipeline);
}
GST_END_TEST;

static Suite *
consumers_suite (void)
{
  Suite *suite = suite_create ("consumers");
  TCase *tc = tcase_create ("consumers");

  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_branches_have_one_storage);
  tcase_add_test (tc, test_caps_change_while_playing);
  tcase_add_test (tc, test_storage_moves_for_a_new_consumer);
  tcase_add_loop_test (tc, test_a_new_consumer_that_nothing_suits_is_refused, 0,
      G_N_ELEMENTS (refusals));

  return suite;
}

GST_CHECK_MAIN (consumers);
