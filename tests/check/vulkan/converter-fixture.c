/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "converter-fixture.h"

#include "../lib/stats.h"
#include "async-loader.h"
#include "gstdmabufvksrc.h"

void
converter_tests_init (int *argc, char ***argv)
{
  /* fork() would leave the driver's threads behind. */
  g_setenv ("CK_FORK", "no", TRUE);
  gst_check_init (argc, argv);
  GST_DEBUG_CATEGORY_INIT (dmabufvk_debug, "dmabufvk", 0, "the plugin's");
  GST_ELEMENT_REGISTER (dmabufvkconvert, NULL);
  GST_ELEMENT_REGISTER (dmabufvksrc, NULL);
}

static GpuContext *context;

void
open_async_gpu (void)
{
  GError *error = NULL;

  g_assert_true (async_loader_install ());
  context = gpu_context_get (NULL, FALSE, &error);
  g_assert_no_error (error);
  context->fences_completed = FALSE; /* See async-loader.h */
}

void
close_async_gpu (void)
{
  async_loader_remove ();
  g_assert_cmpuint (context->validation_messages, ==, 0);
  gpu_context_unref (context);
}

GstBufferPool *
new_pool (guint n_buffers)
{
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstCaps *caps = gst_caps_from_string (CAPS ("BGRx", 8, 4));

  gst_buffer_pool_config_set_params (config, caps, 0, n_buffers, n_buffers);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  g_assert_true (gst_buffer_pool_set_config (pool, config));
  g_assert_true (gst_buffer_pool_set_active (pool, TRUE));
  gst_caps_unref (caps);

  return pool;
}

void
free_pool (GstBufferPool *pool)
{
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
}

DmabufBuffer *
get_dmabuf (GstBuffer *buffer)
{
  DmabufBuffer *dmabuf = gst_dmabuf_core_memory_get_buffer (
      gst_buffer_peek_memory (buffer, 0), NULL);

  g_assert_nonnull (dmabuf);
  return dmabuf;
}

guint8
blue (gint x, gint y, guint seed)
{
  return seed * 64 + y * 8 + x;
}

void
write_raw (GstBuffer *buffer, guint seed)
{
  GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  DmabufBuffer *dmabuf = get_dmabuf (buffer);
  guint8 *data = dmabuf_buffer_vmap (dmabuf, DMABUF_ACCESS_WRITE, NULL);
  gint x, y;

  g_assert_nonnull (data);
  for (y = 0; y < HEIGHT; y++) {
    for (x = 0; x < WIDTH; x++)
      data[meta->offset[0] + y * meta->stride[0] + 4 * x] = blue (x, y, seed);
  }
  dmabuf_buffer_vunmap (dmabuf, data);
}

guint8
read_blue (GstBuffer *buffer, gint x, gint y)
{
  GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  GstMapInfo map;
  guint8 value;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  value = map.data[meta->offset[0] + y * meta->stride[0] + 4 * x + 2];
  gst_buffer_unmap (buffer, &map);

  return value;
}

GstBuffer *
new_frame (GstBufferPool *pool, guint seed)
{
  GstBuffer *buffer;

  g_assert_cmpint (
      gst_buffer_pool_acquire_buffer (pool, &buffer, NULL), ==, GST_FLOW_OK);
  write_raw (buffer, seed);

  return buffer;
}

void
check_content (GstBuffer *buffer, guint seed)
{
  gint x, y;

  for (y = 0; y < HEIGHT; y++) {
    for (x = 0; x < WIDTH; x++)
      g_assert_cmpuint (read_blue (buffer, x, y), ==, blue (x, y, seed));
  }
}

guint64
get_stat (GstHarness *h, const char *name)
{
  return element_get_stat (h->element, name);
}

GstHarness *
new_converter (const char *option, const char *out_caps, gboolean syncs)
{
  GstElement *element = gst_element_factory_make ("dmabufvkconvert", NULL);
  char **parts = g_strsplit (option ? option : "method=nearest", "=", 2);
  GstHarness *h;

  gst_util_set_object_arg (G_OBJECT (element), "method", "nearest");
  gst_util_set_object_arg (G_OBJECT (element), parts[0], parts[1]);
  g_strfreev (parts);
  h = gst_harness_new_with_element (element, "sink", "src");
  if (syncs)
    gst_harness_add_propose_allocation_meta (
        h, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);
  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_META_API_TYPE, NULL);
  gst_harness_set_sink_caps_str (h, out_caps);
  gst_harness_set_src_caps_str (h, CAPS ("BGRx", 8, 4));
  gst_object_unref (element);

  return h;
}

void
free_converter (GstHarness *h)
{
  g_assert_cmpuint (get_stat (h, "validation-messages"), ==, 0);
  g_assert_cmpuint (get_stat (h, "copies"), ==, 0);
  gst_harness_teardown (h);
}

void
check_nothing_is_left (void)
{
  DmabufStatistics statistics;

  dmabuf_statistics_get (&statistics);
  g_assert_cmpuint (statistics.buffers, ==, 0);
  g_assert_cmpuint (statistics.attachments, ==, 0);
}
