/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An application that shows a V4L2 camera on a KMS display with the elements
 * dmabufv4l2src and dmabufkmssink, and checks by their statistics that no frame
 * was copied on the way.
 *
 * Exit status: 0 zero-copy, 1 not (the output says why), 2 the pipeline failed.
 */

#include <glib-unix.h>
#include <gst/lib/gstdmabufcore.h>
#include <gst/video/video.h>
#include <locale.h>

#include "compare-frames.h"

/* By then every buffer has gone through the pipeline once: no import may
 * follow.
 */
#define WARM_UP_FRAMES 30

/* YUV is rounded twice: by the display and by compare_frames (). */
#define YUV_TOLERANCE 3

/* Turned to portrait, then scaled to a common size of displays */
#define GPU_STAGE \
  " ! dmabufvkconvert name=gpu video-direction=90r" \
  " ! video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=XR24," \
  "width=640,height=480"

typedef struct
{
  gint frames;
  char *size;
  char *format;
  gint rate;
  char *camera;
  char *display;
  char *output;
  gboolean wrong_frame;
  gboolean gpu;

  GMainLoop *loop;
  GstElement *pipeline, *source, *gpu_stage, *sink;
  guint n_seen;
  guint64 warm_imports, warm_gpu_imports;
  gboolean failed;
} Demo;

static Demo demo = { .rate = 30 };

static const GOptionEntry options[] = {
  { "frames", 0, 0, G_OPTION_ARG_INT, &demo.frames,
      "Number of frames to show (150; 40 with --gpu)", "N" },
  { "size", 0, 0, G_OPTION_ARG_STRING, &demo.size,
      "Size of the picture (1280x720)", "WxH" },
  { "format", 0, 0, G_OPTION_ARG_STRING, &demo.format,
      "DRM fourcc of the frames (XR24)", "FOURCC" },
  { "rate", 0, 0, G_OPTION_ARG_INT, &demo.rate, "Frames per second (30)", "N" },
  { "camera", 0, 0, G_OPTION_ARG_FILENAME, &demo.camera,
      "Camera (the first one)", "/dev/videoN" },
  { "display", 0, 0, G_OPTION_ARG_FILENAME, &demo.display,
      "Display (the first one)", "/dev/dri/cardN" },
  { "gpu", 0, 0, G_OPTION_ARG_NONE, &demo.gpu,
      "Turn, scale and convert the frames on the GPU between the two", NULL },
  { "output", 0, 0, G_OPTION_ARG_FILENAME, &demo.output,
      "Where to write what the display shows (display.png)", "FILE" },
  { "wrong-frame", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE,
      &demo.wrong_frame,
      "Change a pixel before comparing: the comparison must fail", NULL },
  { NULL },
};

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  GError *error = NULL;
  char *debug = NULL;

  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_ERROR:
    gst_message_parse_error (message, &error, &debug);
    g_printerr ("%s: %s\n%s\n", GST_OBJECT_NAME (message->src), error->message,
        debug ? debug : "");
    demo.failed = TRUE;
    g_main_loop_quit (demo.loop);
    break;
  case GST_MESSAGE_WARNING:
    gst_message_parse_warning (message, &error, &debug);
    g_printerr (
        "%s: warning: %s\n", GST_OBJECT_NAME (message->src), error->message);
    break;
  case GST_MESSAGE_EOS:
    g_main_loop_quit (demo.loop);
    break;
  default:
    break;
  }

  g_clear_error (&error);
  g_free (debug);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_interrupt (gpointer user_data)
{
  gst_element_send_event (demo.pipeline, gst_event_new_eos ());
  return G_SOURCE_CONTINUE;
}

static guint64
get_stat (GstElement *element, const char *field)
{
  GstStructure *stats = NULL;
  guint64 value = 0;

  g_object_get (element, "stats", &stats, NULL);
  gst_structure_get_uint64 (stats, field, &value);
  gst_structure_free (stats);

  return value;
}

static GstPadProbeReturn
on_frame (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  if (++demo.n_seen == WARM_UP_FRAMES) {
    demo.warm_imports = get_stat (demo.sink, "imports");
    if (demo.gpu)
      demo.warm_gpu_imports = get_stat (demo.gpu_stage, "imports");
  }

  return GST_PAD_PROBE_OK;
}

static gboolean
build_pipeline (GError **error)
{
  GstPad *pad;
  gint width = 1280, height = 720;
  char *description;

  /* In the lab a CPU in an emulator does the GPU's work: fewer frames. */
  if (demo.frames <= 0)
    demo.frames = demo.gpu ? 40 : 150;
  if (demo.size
      && (sscanf (demo.size, "%dx%d", &width, &height) != 2 || width <= 0
          || height <= 0)) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--size takes WIDTHxHEIGHT, for example 1280x720, not '%s'", demo.size);
    return FALSE;
  }
  if (demo.rate <= 0) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--rate takes frames per second, for example 30, not %d", demo.rate);
    return FALSE;
  }

  description = g_strdup_printf (
      "dmabufv4l2src name=camera num-buffers=%d"
      " ! video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=%s,"
      "width=%d,height=%d,framerate=%d/1"
      "%s ! dmabufkmssink name=display",
      demo.frames,
      demo.format    ? demo.format
          : demo.gpu ? "NV12"
                     : "XR24",
      width, height, demo.rate, demo.gpu ? GPU_STAGE : "");
  demo.pipeline = gst_parse_launch (description, error);
  g_free (description);
  if (!demo.pipeline || *error)
    return FALSE;

  demo.source = gst_bin_get_by_name (GST_BIN (demo.pipeline), "camera");
  demo.sink = gst_bin_get_by_name (GST_BIN (demo.pipeline), "display");
  if (demo.gpu)
    demo.gpu_stage = gst_bin_get_by_name (GST_BIN (demo.pipeline), "gpu");
  /* On a slow machine, show late frames instead of dropping them: the first
   * frame in a dma-buf is the one that is imported. If it were dropped, the
   * import would follow after the warm-up. */
  g_object_set (demo.sink, "max-lateness", (gint64) -1, NULL);
  if (demo.camera)
    g_object_set (demo.source, "device", demo.camera, NULL);
  if (demo.display)
    g_object_set (demo.sink, "device", demo.display, NULL);

  pad = gst_element_get_static_pad (demo.sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame, NULL, NULL);
  gst_object_unref (pad);

  return TRUE;
}

/* Runs the pipeline until all frames are shown; the last one stays on the
 * display until the pipeline stops. */
static gboolean
run_pipeline (void)
{
  GstBus *bus = gst_element_get_bus (demo.pipeline);
  guint watch, interrupt;

  demo.loop = g_main_loop_new (NULL, FALSE);
  watch = gst_bus_add_watch (bus, on_message, NULL);
  interrupt = g_unix_signal_add (SIGINT, on_interrupt, NULL);

  if (gst_element_set_state (demo.pipeline, GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE) {
    /* The bus has the message with the reason. */
    GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);

    if (message) {
      on_message (bus, message, NULL);
      gst_message_unref (message);
    }
    demo.failed = TRUE;
  } else {
    g_main_loop_run (demo.loop);
  }

  g_source_remove (interrupt);
  g_source_remove (watch);
  g_main_loop_unref (demo.loop);
  gst_object_unref (bus);

  return !demo.failed;
}

static gboolean
write_png (GstSample *sample, const char *path, GError **error)
{
  GstCaps *caps = gst_caps_new_empty_simple ("image/png");
  GstSample *png;
  GstMapInfo map;
  gboolean ret;

  png = gst_video_convert_sample (sample, caps, 60 * GST_SECOND, error);
  gst_caps_unref (caps);
  if (!png)
    return FALSE;

  gst_buffer_map (gst_sample_get_buffer (png), &map, GST_MAP_READ);
  ret = g_file_set_contents (path, (const char *) map.data, map.size, error);
  gst_buffer_unmap (gst_sample_get_buffer (png), &map);
  gst_sample_unref (png);

  return ret;
}

static void
spoil (GstSample *sample)
{
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  GstMapInfo map;

  if (gst_buffer_map (buffer, &map, GST_MAP_READWRITE)) {
    map.data[map.size / 2] ^= 0xff;
    gst_buffer_unmap (buffer, &map);
  }
}

/* Reads the picture back from the display, writes it to a file, and compares it
 * with the frame that was sent last. */
static gboolean
check_display (void)
{
  const char *path = demo.output ? demo.output : "display.png";
  GstSample *shown = NULL, *sent = NULL;
  FrameComparison result;
  GError *error = NULL;
  gboolean is_yuv, equal = FALSE;
  GstVideoInfoDmaDrm info;

  g_signal_emit_by_name (demo.sink, "capture-frame", &shown);
  g_object_get (demo.sink, "last-sample", &sent, NULL);

  if (!shown) {
    g_print ("picture: not compared, this display cannot be read back\n");
    g_clear_pointer (&sent, gst_sample_unref);
    return TRUE;
  }
  if (demo.wrong_frame)
    spoil (shown);

  if (!write_png (shown, path, &error))
    goto out;

  is_yuv =
      gst_dmabuf_core_video_info_from_caps (&info, gst_sample_get_caps (sent))
      && GST_VIDEO_INFO_IS_YUV (&info.vinfo);

  if (!compare_frames (
          sent, shown, is_yuv ? YUV_TOLERANCE : 0, &result, &error))
    goto out;

  equal = result.n_different == 0;
  if (equal)
    g_print ("picture: %s, %" G_GUINT64_FORMAT
             " pixels as sent, greatest difference %d\n",
        path, result.n_pixels, result.greatest);
  else
    g_print ("picture: %s, %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
             " pixels differ, the first at %u,%u: sent %d,%d,%d, shown "
             "%d,%d,%d\n",
        path, result.n_different, result.n_pixels, result.x, result.y,
        result.expected[0], result.expected[1], result.expected[2],
        result.shown[0], result.shown[1], result.shown[2]);

out:
  if (error)
    g_printerr ("picture: %s\n", error->message);
  g_clear_error (&error);
  gst_sample_unref (shown);
  g_clear_pointer (&sent, gst_sample_unref);
  return equal;
}

typedef struct
{
  guint64 captured, camera_dropped, shown, display_dropped;
  guint64 buffers, imports, imports_reused, copies, cpu_maps;
  guint64 latency_p50, latency_p99, latency_max;
  guint64 gpu_frames, gpu_imports, gpu_waits;
} Report;

static void
get_report (Report *report)
{
  if (demo.gpu) {
    report->gpu_frames = get_stat (demo.gpu_stage, "frames");
    report->gpu_imports = get_stat (demo.gpu_stage, "imports");
    report->gpu_waits = get_stat (demo.gpu_stage, "cpu-waits");
  }
  report->captured = get_stat (demo.source, "frames");
  report->camera_dropped = get_stat (demo.source, "dropped");
  report->shown = get_stat (demo.sink, "shown");
  report->display_dropped = get_stat (demo.sink, "dropped");
  report->buffers = get_stat (demo.source, "buffers");
  report->imports = get_stat (demo.sink, "imports");
  report->imports_reused = get_stat (demo.sink, "imports-reused");
  report->copies = get_stat (demo.source, "copies")
      + get_stat (demo.sink, "copies") + gst_dmabuf_core_memory_get_copies ();
  report->cpu_maps = gst_dmabuf_core_memory_get_cpu_maps ();
  report->latency_p50 = get_stat (demo.sink, "latency-p50");
  report->latency_p99 = get_stat (demo.sink, "latency-p99");
  report->latency_max = get_stat (demo.sink, "latency-max");
}

static void
print_count (const char *label, guint64 count)
{
  g_print ("  %-30s %8" G_GUINT64_FORMAT "\n", label, count);
}

static void
print_latency (const char *label, guint64 latency)
{
  g_print ("  %-30s %8.1f ms\n", label, latency / 1e6);
}

static void
print_report (const Report *report)
{
  print_count ("frames captured", report->captured);
  print_count ("dropped by the camera", report->camera_dropped);
  print_count ("frames shown", report->shown);
  print_count ("dropped by the display", report->display_dropped);
  print_count ("distinct dma-bufs", report->buffers);
  print_count ("imports made", report->imports);
  print_count ("imports reused", report->imports_reused);
  print_count ("copies", report->copies);
  print_count ("CPU maps", report->cpu_maps);
  if (demo.gpu) {
    print_count ("frames of the GPU", report->gpu_frames);
    print_count ("imports into the GPU", report->gpu_imports);
    print_count ("fences waited for by the CPU", report->gpu_waits);
  }
  print_latency ("capture to flip, p50", report->latency_p50);
  print_latency ("capture to flip, p99", report->latency_p99);
  print_latency ("capture to flip, max", report->latency_max);
}

/* Returns why the run does not count as zero-copy, or NULL. */
static char *
find_fault (const Report *report)
{
  if (report->shown == 0)
    return g_strdup ("no frame was shown");
  if (report->copies > 0)
    return g_strdup_printf (
        "%" G_GUINT64_FORMAT " frames were copied", report->copies);
  if (report->cpu_maps > 0)
    return g_strdup_printf (
        "the CPU mapped a frame %" G_GUINT64_FORMAT " times", report->cpu_maps);
  /* A short run may leave some buffers unused. With --gpu the display imports
   * the GPU's buffers instead of the camera's. */
  if (!demo.gpu
      && (report->imports > report->buffers
          || (demo.n_seen >= WARM_UP_FRAMES
              && report->imports < report->buffers)))
    return g_strdup_printf ("%" G_GUINT64_FORMAT
                            " imports were made of %" G_GUINT64_FORMAT
                            " dma-bufs",
        report->imports, report->buffers);
  if (demo.n_seen >= WARM_UP_FRAMES && report->imports != demo.warm_imports)
    return g_strdup_printf ("%" G_GUINT64_FORMAT
                            " imports were made after the first %d frames",
        report->imports - demo.warm_imports, WARM_UP_FRAMES);
  if (demo.gpu && demo.n_seen >= WARM_UP_FRAMES
      && report->gpu_imports != demo.warm_gpu_imports)
    return g_strdup_printf ("%" G_GUINT64_FORMAT
                            " imports into the GPU were made after the first "
                            "%d frames",
        report->gpu_imports - demo.warm_gpu_imports, WARM_UP_FRAMES);
  if (report->gpu_waits > 0)
    return g_strdup_printf (
        "the CPU waited for %" G_GUINT64_FORMAT " fences", report->gpu_waits);
  return NULL;
}

int
main (int argc, char **argv)
{
  GOptionContext *context;
  GError *error = NULL;
  Report report = { 0 };
  char *fault;
  gboolean as_sent;
  int status;

  setlocale (LC_CTYPE, ""); /* For GLib's quotation marks */
  context = g_option_context_new ("- camera to display without a copy");
  g_option_context_add_main_entries (context, options, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, &argc, &argv, &error)
      || !build_pipeline (&error)) {
    g_printerr ("%s\n", error->message);
    return 2;
  }
  g_option_context_free (context);
  if (argc > 1) {
    g_printerr ("unexpected argument '%s'; see --help\n", argv[1]);
    return 2;
  }

  if (!run_pipeline ()) {
    status = 2;
    goto stop;
  }

  /* Before the display is read back, because that maps frames for the CPU. */
  get_report (&report);
  print_report (&report);
  as_sent = check_display ();

  fault = find_fault (&report);
  if (!fault && !as_sent)
    fault = g_strdup ("the display does not show the frame that was sent");
  if (fault)
    g_print ("zero-copy: no, because %s\n", fault);
  else
    g_print ("zero-copy: yes\n");
  status = fault ? 1 : 0;
  g_free (fault);

stop:
  gst_element_set_state (demo.pipeline, GST_STATE_NULL);
  gst_clear_object (&demo.gpu_stage);
  gst_object_unref (demo.source);
  gst_object_unref (demo.sink);
  gst_object_unref (demo.pipeline);

  return status;
}
