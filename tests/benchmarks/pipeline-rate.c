/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Runs a pipeline to its end and prints, as one line of JSON, the rate at which
 * frames reached the element called "sink", from the first to the last one, and
 * how many of them that element says that it showed.
 */

#include <gst/gst.h>

typedef struct
{
  guint64 n_frames;
  gint64 first, last; /* microseconds of CLOCK_MONOTONIC */
} Rate;

static GstPadProbeReturn
on_frame (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Rate *rate = user_data;

  rate->last = g_get_monotonic_time ();
  if (rate->n_frames++ == 0)
    rate->first = rate->last;

  return GST_PAD_PROBE_OK;
}

static guint64
get_shown (GstElement *sink, guint64 n_frames)
{
  GstStructure *stats = NULL;
  guint64 shown = n_frames;

  if (g_object_class_find_property (G_OBJECT_GET_CLASS (sink), "stats"))
    g_object_get (sink, "stats", &stats, NULL);
  if (stats) {
    guint64 dropped;

    /* GstBaseSink's own statistics, or ours */
    if (!gst_structure_get_uint64 (stats, "shown", &shown)
        && gst_structure_get_uint64 (stats, "dropped", &dropped))
      shown = n_frames - dropped;
    gst_structure_free (stats);
  }

  return shown;
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  GstElement *pipeline, *sink;
  GstMessage *message;
  Rate rate = { 0 };
  GstBus *bus;
  GstPad *pad;
  int status = 1;

  gst_init (&argc, &argv);
  if (argc < 2) {
    g_printerr ("usage: %s PIPELINE..., with an element name=sink\n", argv[0]);
    return 2;
  }

  pipeline = gst_parse_launchv ((const char **) argv + 1, &error);
  if (!pipeline || error) {
    g_printerr ("%s\n", error->message);
    return 2;
  }
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  if (!sink) {
    g_printerr ("no element of the pipeline is called \"sink\"\n");
    return 2;
  }
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame, &rate, NULL);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  bus = gst_element_get_bus (pipeline);
  message = gst_bus_timed_pop_filtered (
      bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, NULL);
    g_printerr ("%s\n", error->message);
    g_clear_error (&error);
  } else if (rate.n_frames > 1) {
    double seconds = (rate.last - rate.first) / (double) G_USEC_PER_SEC;
    guint64 shown = get_shown (sink, rate.n_frames);

    g_print ("{\"frames\": %" G_GUINT64_FORMAT ", \"shown\": %" G_GUINT64_FORMAT
             ", \"rate\": %.3f}\n",
        rate.n_frames, shown,
        (rate.n_frames - 1) / seconds * shown / rate.n_frames);
    status = 0;
  }

  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pad);
  gst_object_unref (bus);
  gst_object_unref (sink);
  gst_object_unref (pipeline);

  return status;
}
