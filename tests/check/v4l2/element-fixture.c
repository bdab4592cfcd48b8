/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "element-fixture.h"
#include "../lib/stats.h"
#include "gst/v4l2/gstdmabufv4l2src.h"

#include <gst/video/video.h>

GstElement *pipeline;
GstElement *src;
gboolean answer_video_meta;
gboolean answer_sync_meta;
guint answer_min_buffers;

static GList *warnings; /* Popped messages, kept until the pipeline is gone */

static struct
{
  GMutex lock;
  GCond cond;
  guint n;
} progress;

void
note_progress (void)
{
  g_mutex_lock (&progress.lock);
  progress.n++;
  g_cond_broadcast (&progress.cond);
  g_mutex_unlock (&progress.lock);
}

guint
get_progress (void)
{
  guint n;

  g_mutex_lock (&progress.lock);
  n = progress.n;
  g_mutex_unlock (&progress.lock);
  return n;
}

guint
wait_progress (guint seen)
{
  guint n;

  g_mutex_lock (&progress.lock);
  while (progress.n == seen)
    g_cond_wait (&progress.cond, &progress.lock);
  n = progress.n;
  g_mutex_unlock (&progress.lock);
  return n;
}

static GstPadProbeReturn
on_push (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  note_progress ();
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
on_allocation_query (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);

  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION
      || !(info->type & GST_PAD_PROBE_TYPE_PUSH))
    return GST_PAD_PROBE_OK;

  if (answer_video_meta)
    gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  if (answer_sync_meta)
    gst_query_add_allocation_meta (
        query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);
  if (answer_min_buffers)
    gst_query_add_allocation_pool (query, NULL, 0, answer_min_buffers, 0);
  return GST_PAD_PROBE_HANDLED;
}

void
start_pipeline (const char *rest)
{
  char *description =
      g_strdup_printf ("dmabufv4l2src name=src %s fakesink name=sink", rest);
  GError *error = NULL;
  GstPad *pad;

  GST_ELEMENT_REGISTER (dmabufv4l2src, NULL);
  mock_driver.sensor_interval = 1000;
  pipeline = gst_parse_launch (description, &error);
  assert_no_error (error);
  g_free (description);
  src = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  pad = gst_element_get_static_pad (src, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
      on_allocation_query, NULL, NULL);
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_push,
      NULL, NULL);
  gst_object_unref (pad);
}

void
end_pipeline (void)
{
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_list_free_full (
      g_steal_pointer (&warnings), (GDestroyNotify) gst_message_unref);
  gst_object_unref (src);
  gst_object_unref (pipeline);
  answer_video_meta = answer_sync_meta = FALSE;
  answer_min_buffers = 0;
}

GstMessage *
wait_message (GstMessageType types)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message =
      gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, types);

  gst_object_unref (bus);
  fail_unless (message != NULL, "no message in time");
  return message;
}

void
run_to_eos (void)
{
  GstMessage *message;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = wait_message (GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    GError *error = NULL;

    gst_message_parse_error (message, &error, NULL);
    fail ("%s", error->message);
  }
  gst_message_unref (message);
}

void
assert_fails (GQuark domain, gint code, const char *word, const char *other)
{
  GstMessage *message;
  GError *error = NULL;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = wait_message (GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  fail_unless (GST_MESSAGE_SRC (message) == GST_OBJECT (src));
  fail_unless (strstr (error->message, word), "%s", error->message);
  fail_unless (strstr (error->message, other), "%s", error->message);
  fail_unless (g_error_matches (error, domain, code), "%s", error->message);
  g_clear_error (&error);
  gst_message_unref (message);
}

guint64
get_stat (const char *name)
{
  return element_get_stat (src, name);
}

GstCaps *
get_caps (void)
{
  GstPad *pad = gst_element_get_static_pad (src, "src");
  GstCaps *caps = gst_pad_get_current_caps (pad);

  gst_object_unref (pad);
  return caps;
}

void
assert_caps (const char *expected)
{
  GstCaps *caps = get_caps ();
  GstCaps *wanted = gst_caps_from_string (expected);

  fail_unless (gst_caps_is_subset (caps, wanted));
  gst_caps_unref (wanted);
  gst_caps_unref (caps);
}

void
assert_warning (const char *words)
{
  GstMessage *message = wait_message (GST_MESSAGE_WARNING | GST_MESSAGE_ERROR);
  GError *error = NULL;
  char *debug = NULL;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, &debug);
  else
    gst_message_parse_warning (message, &error, &debug);
  fail_unless (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING
          && strstr (error->message, words),
      "%s: %s (%s)", GST_MESSAGE_TYPE_NAME (message), error->message, debug);
  g_clear_error (&error);
  g_free (debug);
  warnings = g_list_prepend (warnings, message);
}

static gboolean
has_caps (GstCaps *wanted)
{
  GstCaps *caps = get_caps ();
  gboolean has = caps && gst_caps_is_subset (caps, wanted);

  gst_clear_caps (&caps);
  return has;
}

void
wait_for_caps (const char *expected)
{
  GstCaps *wanted = gst_caps_from_string (expected);

  WAIT_UNTIL (has_caps (wanted));
  gst_caps_unref (wanted);
}

void
wait_until_frames (guint64 n)
{
  WAIT_UNTIL (get_stat ("frames") >= n);
}

void
wait_for_frames (guint n)
{
  wait_until_frames (get_stat ("frames") + n);
}
