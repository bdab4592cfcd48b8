/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Runs a pipeline to its end and prints, as one line of JSON, the rate at which
 * frames reached the element called "sink", how many of them that element says
 * that it showed, and the CPU time (user and system, all threads) of a frame,
 * both from the end of the warm-up to the last frame.
 */

#include <gst/gst.h>
#include <sys/resource.h>

/* Start-up is over, every buffer has been around. */
#define WARM_UP_FRAMES 30

/* Times in microseconds */
typedef struct
{
  guint64 n_frames;
  gint64 warm, last;
  gint64 warm_cpu, last_cpu;
} Meter;

static gint64
get_cpu_time (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC
      + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* The meter's own calls would count as the frame's: two are enough. */
static GstPadProbeReturn
on_data (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Meter *meter = user_data;

  if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER) {
    meter->last = g_get_monotonic_time ();
    if (++meter->n_frames == WARM_UP_FRAMES) {
      meter->warm = meter->last;
      meter->warm_cpu = get_cpu_time ();
    }
  } else if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info))
      == GST_EVENT_EOS) {
    meter->last_cpu = get_cpu_time ();
  }

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
  Meter meter = { 0 };
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
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_data,
      &meter, NULL);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  bus = gst_element_get_bus (pipeline);
  message = gst_bus_timed_pop_filtered (
      bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, NULL);
    g_printerr ("%s\n", error->message);
    g_clear_error (&error);
  } else if (meter.n_frames <= WARM_UP_FRAMES) {
    g_printerr ("only %" G_GUINT64_FORMAT " frames came; more than %d are "
                "needed\n",
        meter.n_frames, WARM_UP_FRAMES);
  } else {
    double frames = meter.n_frames - WARM_UP_FRAMES;
    guint64 shown = get_shown (sink, meter.n_frames);
    gint64 time = meter.last - meter.warm;

    g_print ("{\"frames\": %" G_GUINT64_FORMAT ", \"shown\": %" G_GUINT64_FORMAT
             ", \"rate\": %.3f, \"cpu_ms\": %.4f}\n",
        meter.n_frames, shown,
        frames * G_USEC_PER_SEC / time * shown / meter.n_frames,
        (meter.last_cpu - meter.warm_cpu) / 1e3 / frames);
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
