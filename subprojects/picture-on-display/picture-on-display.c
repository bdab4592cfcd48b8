/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Draws frames into dma-bufs and shows them: what an application that has its
 * own renderer does. The pool gives a buffer out again when the display is done
 * with it, so nothing here counts frames or waits.
 *
 * Usage: picture-on-display [FRAMES] [SINK]
 */

#include <gst/app/gstappsrc.h>
#include <gst/dmabufcore/gstdmabufcore.h>
#include <gst/gst.h>
#include <stdlib.h>

#define WIDTH 640
#define HEIGHT 480
#define CAPS \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=XR24,width=640," \
  "height=480,framerate=30/1"

/* A bar that wanders over the picture. The map is the bracket of CPU access. */
static gboolean
draw (GstBuffer *buffer, guint frame)
{
  GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  GstMapInfo map;
  guint8 *data;
  gint stride;
  guint x, y;

  if (!gst_video_meta_map (
          meta, 0, &map, (gpointer *) &data, &stride, GST_MAP_WRITE))
    return FALSE;
  for (y = 0; y < HEIGHT; y++) {
    guint32 *row = (guint32 *) (data + y * stride);

    for (x = 0; x < WIDTH; x++)
      row[x] = x / 40 == frame % 16 ? 0x00ffffff : 0x00204080;
  }
  gst_video_meta_unmap (meta, 0, &map);
  return TRUE;
}

static GstBufferPool *
new_pool (GstCaps *caps)
{
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GError *error;

  gst_dmabuf_core_pool_set_name_prefix (GST_DMABUF_CORE_POOL (pool), "picture");
  gst_buffer_pool_config_set_params (config, caps, WIDTH * HEIGHT * 4, 3, 3);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  if (gst_buffer_pool_set_config (pool, config)
      && gst_buffer_pool_set_active (pool, TRUE))
    return pool;

  error = gst_dmabuf_core_pool_get_error (GST_DMABUF_CORE_POOL (pool));
  g_printerr ("no dma-bufs: %s\n", error ? error->message : "unknown");
  g_clear_error (&error);
  gst_object_unref (pool);
  return NULL;
}

int
main (int argc, char **argv)
{
  guint i, n_frames = argc > 1 ? atoi (argv[1]) : 100;
  char *launch = g_strdup_printf (
      "appsrc name=src format=time is-live=false block=true max-buffers=2 ! %s",
      argc > 2 ? argv[2] : "dmabufkmssink");
  GstElement *pipeline, *source;
  GstBufferPool *pool;
  GstMessage *message;
  GError *error = NULL;
  GstCaps *caps;
  int status = 1;

  gst_init (&argc, &argv);
  pipeline = gst_parse_launch (launch, &error);
  g_free (launch);
  if (error) { /* also where it made what is left of a pipeline */
    g_printerr ("%s\n", error->message);
    g_error_free (error);
    gst_clear_object (&pipeline);
    return 2;
  }
  source = gst_bin_get_by_name (GST_BIN (pipeline), "src");
  caps = gst_caps_from_string (CAPS);
  g_object_set (source, "caps", caps, NULL);
  pool = new_pool (caps);
  gst_caps_unref (caps);
  if (!pool)
    return 2;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (i = 0; i < n_frames; i++) {
    GstBuffer *buffer;

    if (gst_buffer_pool_acquire_buffer (pool, &buffer, NULL) != GST_FLOW_OK
        || !draw (buffer, i))
      break;
    GST_BUFFER_PTS (buffer) = gst_util_uint64_scale (i, GST_SECOND, 30);
    GST_BUFFER_DURATION (buffer) = GST_SECOND / 30;
    if (gst_app_src_push_buffer (GST_APP_SRC (source), buffer) != GST_FLOW_OK)
      break;
  }
  gst_app_src_end_of_stream (GST_APP_SRC (source));

  message = gst_bus_timed_pop_filtered (GST_ELEMENT_BUS (pipeline),
      GST_CLOCK_TIME_NONE, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
    gst_message_parse_error (message, &error, NULL);
    g_printerr ("%s\n", error->message);
    g_error_free (error);
  } else {
    g_print ("%u frames\n", i);
    status = i == n_frames ? 0 : 1;
  }

  gst_message_unref (message);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
  gst_object_unref (source);
  gst_object_unref (pipeline);
  return status;
}
