/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Helpers to configure, start and query the pools of the tests. */

#include "../lib/fixture.h"

#include <string.h>

#define CAPS_NV12 "video/x-raw,format=NV12,width=100,height=50,framerate=30/1"
#define CAPS_DRM \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12,width=100," \
  "height=50,framerate=30/1"
#define CAPS_TILED \
  "video/x-raw(memory:DMABuf),format=DMA_DRM," \
  "drm-format=(string)NV12:0x0100000000000002,width=100,height=50," \
  "framerate=30/1"

typedef struct
{
  const char *caps;
  guint min, max;
  gboolean video_meta;
  const char *option;
  guint pitch_align, offset_align, padding;
} Config;

static inline gboolean
configure (GstBufferPool *pool, const Config *wanted)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstCaps *caps = gst_caps_from_string (wanted->caps);
  GstDmabufCoreConstraints constraints;
  GstVideoAlignment alignment;
  gboolean ret;

  gst_dmabuf_core_constraints_init (&constraints, "a test");
  constraints.pitch_align = MAX (wanted->pitch_align, 1);
  constraints.offset_align = MAX (wanted->offset_align, 1);
  gst_dmabuf_core_pool_set_constraints (
      GST_DMABUF_CORE_POOL (pool), &constraints);

  gst_buffer_pool_config_set_params (config, caps, 1, wanted->min, wanted->max);
  if (wanted->video_meta)
    gst_buffer_pool_config_add_option (
        config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  if (wanted->option)
    gst_buffer_pool_config_add_option (config, wanted->option);
  if (wanted->padding) {
    gst_video_alignment_reset (&alignment);
    alignment.padding_left = alignment.padding_top = wanted->padding;
    gst_buffer_pool_config_add_option (
        config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
    gst_buffer_pool_config_set_video_alignment (config, &alignment);
  }
  ret = gst_buffer_pool_set_config (pool, config);
  gst_caps_unref (caps);
  return ret;
}

static inline GstBufferPool *
new_pool (const Config *config)
{
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);

  fail_unless (configure (pool, config));
  fail_unless (gst_buffer_pool_set_active (pool, TRUE));
  return pool;
}

static inline void
free_pool (GstBufferPool *pool)
{
  fail_unless (gst_buffer_pool_set_active (pool, FALSE));
  gst_object_unref (pool);
}

static inline GstBuffer *
acquire (GstBufferPool *pool)
{
  GstBuffer *buffer = NULL;

  fail_unless_equals_int (
      gst_buffer_pool_acquire_buffer (pool, &buffer, NULL), GST_FLOW_OK);
  fail_unless (buffer != NULL);
  return buffer;
}

static inline GstFlowReturn
try_acquire (GstBufferPool *pool, GstBuffer **buffer)
{
  GstBufferPoolAcquireParams params = {
    .flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT
  };

  *buffer = NULL;
  return gst_buffer_pool_acquire_buffer (pool, buffer, &params);
}

static inline guint64
get_stat (GstBufferPool *pool, const char *field)
{
  GstStructure *stats =
      gst_dmabuf_core_pool_get_stats (GST_DMABUF_CORE_POOL (pool));
  guint64 value = 0;

  fail_unless (gst_structure_get_uint64 (stats, field, &value));
  gst_structure_free (stats);
  return value;
}
