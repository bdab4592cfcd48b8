/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a buffer costs in dmabuffencesync with nothing to do, beside identity,
 * and in the pool of dma-bufs, beside GstVideoBufferPool: nanoseconds, the best
 * of several runs, and calls of malloc in the steady state.
 *
 * Usage: gst-costs EXPORTER (memfd, udmabuf, system)
 * Prints one line: NAME NANOSECONDS MALLOCS for each.
 */

#include <gst/lib/gstdmabufcore.h>
#include <gst/video/video.h>
#include <stdio.h>
#include <string.h>

#include "count-mallocs.h"
#include "pads.h"

#define CAPS "video/x-raw,format=NV12,width=64,height=64,framerate=30/1"
#define N_RUNS 9
#define N_BUFFERS 50000
#define WARM_UP 1000

typedef void (*Step) (gpointer user_data);

static void
measure (const char *name, Step step, gpointer user_data)
{
  double best = G_MAXDOUBLE;
  guint64 before, mallocs = 0;
  guint run, i;

  for (i = 0; i < WARM_UP; i++)
    step (user_data);
  for (run = 0; run < N_RUNS; run++) {
    gint64 began = g_get_monotonic_time ();
    double ns;

    before = n_mallocs;
    for (i = 0; i < N_BUFFERS; i++)
      step (user_data);
    mallocs = n_mallocs - before;
    ns = (g_get_monotonic_time () - began) * 1000. / N_BUFFERS;
    best = MIN (best, ns);
  }
  printf ("%s %.1f %.4f\n", name, best, (double) mallocs / N_BUFFERS);
  fflush (stdout);
}

/* --- a buffer through an element ------------------------------------------ */

typedef struct
{
  GstPad *src;
  GstBuffer *buffer;
} Push;

static void
push (gpointer user_data)
{
  Push *self = user_data;

  gst_pad_push (self->src, gst_buffer_ref (self->buffer));
}

static GstFlowReturn
chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

/* A consumer that waits for acquire fences itself */
static gboolean
query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return gst_pad_query_default (pad, parent, query);
  gst_query_add_allocation_meta (
      query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);
  return TRUE;
}

static void
measure_element (const char *factory, GstBuffer *buffer, GstCaps *caps)
{
  Pads pads;
  Push step;

  pads_open (&pads, factory, chain, query, caps);
  step = (Push) { pads.src, buffer };
  measure (factory, push, &step);
  pads_close (&pads);
}

/* --- pools -----------------------------------------------------------------
 */

static void
acquire_and_release (gpointer user_data)
{
  GstBuffer *buffer;

  if (gst_buffer_pool_acquire_buffer (user_data, &buffer, NULL) == GST_FLOW_OK)
    gst_buffer_unref (buffer);
}

static void
measure_pool (const char *name, GstBufferPool *pool, GstCaps *caps)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstVideoInfo info;

  gst_video_info_from_caps (&info, caps);
  gst_buffer_pool_config_set_params (config, caps, info.size, 4, 4);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  if (!gst_buffer_pool_set_config (pool, config)
      || !gst_buffer_pool_set_active (pool, TRUE))
    g_error ("%s cannot be started", name);
  measure (name, acquire_and_release, pool);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
}

int
main (int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "memfd";
  GstAllocator *allocator;
  DmabufExporter *exporter;
  GError *error = NULL;
  GstBuffer *buffer;
  GstMemory *memory;
  GstCaps *caps;

  gst_init (NULL, NULL);
  if (strcmp (name, "memfd") == 0)
    exporter = dmabuf_memfd_exporter_new ();
  else if (strcmp (name, "udmabuf") == 0)
    exporter = dmabuf_udmabuf_exporter_new (&error);
  else
    exporter = dmabuf_heap_exporter_new (name, &error);
  if (!exporter)
    g_error ("%s", error->message);

  caps = gst_caps_from_string (CAPS);
  allocator = gst_dmabuf_core_allocator_get ();
  memory = gst_dmabuf_core_allocator_alloc (allocator, exporter, 6144, &error);
  if (!memory)
    g_error ("%s", error->message);
  buffer = gst_buffer_new ();
  gst_buffer_append_memory (buffer, memory);

  measure_element ("identity", buffer, caps);
  measure_element ("dmabuffencesync", buffer, caps);
  measure_pool ("GstVideoBufferPool", gst_video_buffer_pool_new (), caps);
  measure_pool ("GstDmabufCorePool", gst_dmabuf_core_pool_new (exporter), caps);

  gst_buffer_unref (buffer);
  gst_object_unref (allocator);
  gst_caps_unref (caps);
  g_object_unref (exporter);
  return 0;
}
