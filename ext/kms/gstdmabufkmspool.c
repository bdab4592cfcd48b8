/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufkmspool.h"
#include "kms-dumb-exporter.h"
#include "kms-picture.h"
#include "kms-debug.h"

#include <gst/lib/gstdmabufcoreallocator.h>
#include <gst/lib/gstdmabufcorelayout.h>

struct _GstDmabufKmsPool
{
  GstBufferPool parent;

  KmsCard *card;
  GstAllocator *allocator;
  DmabufExporter *exporter;
  GstVideoInfoDmaDrm info;
  DmabufLayout layout;
  gsize size;
};

G_DEFINE_FINAL_TYPE (
    GstDmabufKmsPool, gst_dmabuf_kms_pool, GST_TYPE_BUFFER_POOL)

static const gchar **
gst_dmabuf_kms_pool_get_options (GstBufferPool *pool)
{
  static const gchar *options[] = { GST_BUFFER_POOL_OPTION_VIDEO_META, NULL };

  return options;
}

static gboolean
gst_dmabuf_kms_pool_set_config (GstBufferPool *base, GstStructure *config)
{
  GstDmabufKmsPool *pool = GST_DMABUF_KMS_POOL (base);
  GError *error = NULL;
  guint32 row_bytes;
  guint width, height, min, max;
  GstCaps *caps;

  if (!gst_buffer_pool_config_get_params (config, &caps, NULL, &min, &max)
      || !caps || !gst_dmabuf_core_video_info_from_caps (&pool->info, caps))
    goto wrong_config;
  if (pool->info.drm_modifier != 0)
    goto not_linear;

  width = GST_VIDEO_INFO_WIDTH (&pool->info.vinfo);
  height = GST_VIDEO_INFO_HEIGHT (&pool->info.vinfo);
  row_bytes = kms_picture_row_bytes (pool->info.drm_fourcc, width);
  if (row_bytes == 0)
    goto wrong_config;

  g_clear_object (&pool->exporter);
  pool->exporter = kms_dumb_exporter_new (pool->card, row_bytes, &error);
  if (!pool->exporter)
    goto no_memory;
  if (!kms_picture_layout (pool->info.drm_fourcc, width, height,
          kms_dumb_exporter_get_pitch (KMS_DUMB_EXPORTER (pool->exporter)),
          &pool->layout, &pool->size))
    goto wrong_config;

  gst_buffer_pool_config_set_params (config, caps, pool->size, min, max);

  return GST_BUFFER_POOL_CLASS (gst_dmabuf_kms_pool_parent_class)
      ->set_config (base, config);

  /* ERRORS */
wrong_config: {
  GST_WARNING_OBJECT (pool, "cannot lay out %" GST_PTR_FORMAT, config);
  return FALSE;
}
not_linear: {
  GST_WARNING_OBJECT (pool, "dumb buffers are linear");
  return FALSE;
}
no_memory: {
  GST_WARNING_OBJECT (pool, "%s", error->message);
  g_clear_error (&error);
  return FALSE;
}
}

static GstFlowReturn
gst_dmabuf_kms_pool_alloc_buffer (
    GstBufferPool *base, GstBuffer **buffer, GstBufferPoolAcquireParams *params)
{
  GstDmabufKmsPool *pool = GST_DMABUF_KMS_POOL (base);
  const GstVideoInfo *info = &pool->info.vinfo;
  gsize offsets[GST_VIDEO_MAX_PLANES] = { 0 };
  gint strides[GST_VIDEO_MAX_PLANES] = { 0 };
  GError *error = NULL;
  DmabufBuffer *dmabuf;
  guint i;

  dmabuf = dmabuf_exporter_allocate (pool->exporter, pool->size, &error);
  if (!dmabuf) {
    GST_ERROR_OBJECT (pool, "%s", error->message);
    g_clear_error (&error);
    return GST_FLOW_ERROR;
  }
  /* The name is for bufinfo only: a failure is ignored. */
  dmabuf_buffer_set_name (dmabuf, "dmabufkmssink", NULL);

  for (i = 0; i < pool->layout.n_planes; i++) {
    offsets[i] = pool->layout.planes[i].offset;
    strides[i] = pool->layout.planes[i].pitch;
  }
  *buffer = gst_buffer_new ();
  gst_buffer_append_memory (
      *buffer, gst_dmabuf_core_allocator_wrap (pool->allocator, dmabuf));
  gst_buffer_add_video_meta_full (*buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_INFO_FORMAT (info), GST_VIDEO_INFO_WIDTH (info),
      GST_VIDEO_INFO_HEIGHT (info), pool->layout.n_planes, offsets, strides);

  return GST_FLOW_OK;
}

static void
gst_dmabuf_kms_pool_finalize (GObject *object)
{
  GstDmabufKmsPool *pool = GST_DMABUF_KMS_POOL (object);

  g_clear_object (&pool->exporter);
  gst_clear_object (&pool->allocator);
  g_clear_pointer (&pool->card, kms_card_unref);

  G_OBJECT_CLASS (gst_dmabuf_kms_pool_parent_class)->finalize (object);
}

static void
gst_dmabuf_kms_pool_class_init (GstDmabufKmsPoolClass *klass)
{
  GstBufferPoolClass *pool_class = GST_BUFFER_POOL_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gst_dmabuf_kms_pool_finalize;
  pool_class->get_options = gst_dmabuf_kms_pool_get_options;
  pool_class->set_config = gst_dmabuf_kms_pool_set_config;
  pool_class->alloc_buffer = gst_dmabuf_kms_pool_alloc_buffer;
}

static void
gst_dmabuf_kms_pool_init (GstDmabufKmsPool *pool)
{
  pool->allocator = gst_dmabuf_core_allocator_get ();
}

GstBufferPool *
gst_dmabuf_kms_pool_new (KmsCard *card)
{
  GstDmabufKmsPool *pool = g_object_new (GST_TYPE_DMABUF_KMS_POOL, NULL);

  gst_object_ref_sink (pool);
  pool->card = kms_card_ref (card);

  return GST_BUFFER_POOL (pool);
}

gboolean
gst_dmabuf_kms_pool_configure (GstBufferPool *pool, GstCaps *caps,
    guint min_buffers, guint max_buffers, guint *size)
{
  GstStructure *config = gst_buffer_pool_get_config (pool);

  gst_buffer_pool_config_set_params (config, caps, 0, min_buffers, max_buffers);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  if (!gst_buffer_pool_set_config (pool, config))
    return FALSE;
  *size = GST_DMABUF_KMS_POOL (pool)->size;

  return TRUE;
}
