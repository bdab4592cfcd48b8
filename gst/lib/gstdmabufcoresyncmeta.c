/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufcoresyncmeta.h"

GType
gst_dmabuf_core_sync_meta_api_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type)) {
    static const char *tags[] = { NULL };
    GType new = gst_meta_api_type_register ("GstDmabufCoreSyncMetaAPI", tags);

    g_once_init_leave (&type, new);
  }

  return type;
}

static gboolean
sync_meta_init (GstMeta *meta, gpointer params, GstBuffer *buffer)
{
  ((GstDmabufCoreSyncMeta *) meta)->acquire = NULL;
  return TRUE;
}

static void
sync_meta_free (GstMeta *meta, GstBuffer *buffer)
{
  g_clear_pointer (
      &((GstDmabufCoreSyncMeta *) meta)->acquire, dmabuf_fence_unref);
}

/* Whatever becomes of the buffer (a part of it, a second reference to its
 * memory), its content is there when the fence says so. */
static gboolean
sync_meta_transform (
    GstBuffer *to, GstMeta *meta, GstBuffer *from, GQuark type, gpointer data)
{
  GstDmabufCoreSyncMeta *self = (GstDmabufCoreSyncMeta *) meta;

  if (!GST_META_TRANSFORM_IS_COPY (type))
    return FALSE;

  return gst_buffer_add_dmabuf_core_sync_meta (to, self->acquire) != NULL;
}

const GstMetaInfo *
gst_dmabuf_core_sync_meta_get_info (void)
{
  static const GstMetaInfo *info = NULL;

  if (g_once_init_enter ((GstMetaInfo **) &info)) {
    const GstMetaInfo *new =
        gst_meta_register (GST_DMABUF_CORE_SYNC_META_API_TYPE,
            "GstDmabufCoreSyncMeta", sizeof (GstDmabufCoreSyncMeta),
            sync_meta_init, sync_meta_free, sync_meta_transform);

    g_once_init_leave ((GstMetaInfo **) &info, (GstMetaInfo *) new);
  }

  return info;
}

GstDmabufCoreSyncMeta *
gst_buffer_add_dmabuf_core_sync_meta (GstBuffer *buffer, DmabufFence *acquire)
{
  GstDmabufCoreSyncMeta *meta;

  meta = (GstDmabufCoreSyncMeta *) gst_buffer_add_meta (
      buffer, GST_DMABUF_CORE_SYNC_META_INFO, NULL);
  if (acquire)
    meta->acquire = dmabuf_fence_ref (acquire);

  return meta;
}

DmabufFence *
gst_buffer_get_dmabuf_core_fence (GstBuffer *buffer)
{
  GstDmabufCoreSyncMeta *meta = (GstDmabufCoreSyncMeta *) gst_buffer_get_meta (
      buffer, GST_DMABUF_CORE_SYNC_META_API_TYPE);

  return meta ? meta->acquire : NULL;
}
