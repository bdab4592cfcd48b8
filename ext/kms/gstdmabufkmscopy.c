/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufkmscopy.h"
#include "gstdmabufkmspool.h"
#include "kms-dumb-exporter.h"

#include <errno.h>
#include <gst/lib/gstdmabufcoreallocator.h>
#include <gst/lib/gstdmabufcorecopy.h>
#include <gst/lib/gstdmabufcorelayout.h>

/* One on screen, one pending, one being written. */
#define MIN_BUFFERS 3

void
gst_dmabuf_kms_copier_clear (GstDmabufKmsCopier *copier)
{
  if (copier->pool)
    gst_buffer_pool_set_active (copier->pool, FALSE);
  gst_clear_object (&copier->pool);
}

static gboolean
prepare (
    GstDmabufKmsCopier *copier, KmsCard *card, GstCaps *caps, GError **error)
{
  GstVideoInfoDmaDrm info;
  guint size;

  if (copier->pool)
    return TRUE;

  if (!gst_dmabuf_core_video_info_from_caps (&info, caps)
      || info.drm_modifier != 0) {
    kms_set_error (error, ENOTSUP, "a tiled frame cannot be copied");
    return FALSE;
  }
  copier->info = info.vinfo;
  copier->pool = gst_dmabuf_kms_pool_new (card);
  if (!gst_dmabuf_kms_pool_configure (copier->pool, caps, MIN_BUFFERS, 0, &size)
      || !gst_buffer_pool_set_active (copier->pool, TRUE)) {
    gst_clear_object (&copier->pool);
    kms_set_error (
        error, ENOMEM, "%s: no dumb buffers to copy into", card->name);
    return FALSE;
  }

  return TRUE;
}

GstBuffer *
gst_dmabuf_kms_copier_copy (GstDmabufKmsCopier *copier, KmsCard *card,
    GstCaps *caps, GstBuffer *buffer, GError **error)
{
  GstBuffer *copy = NULL;

  if (!prepare (copier, card, caps, error))
    return NULL;

  if (gst_buffer_pool_acquire_buffer (copier->pool, &copy, NULL)
      != GST_FLOW_OK) {
    kms_set_error (
        error, ENOMEM, "%s: no dumb buffer to copy into", card->name);
    return NULL;
  }
  if (!gst_dmabuf_core_buffer_copy_frame (copy, buffer, &copier->info, error)) {
    gst_buffer_unref (copy);
    return NULL;
  }
  gst_buffer_copy_into (
      copy, buffer, GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS, 0, -1);

  return copy;
}

gboolean
gst_dmabuf_kms_buffer_is_dumb (GstBuffer *buffer)
{
  guint i, n = gst_buffer_n_memory (buffer);

  for (i = 0; i < n; i++) {
    DmabufBuffer *dmabuf = gst_dmabuf_core_memory_get_buffer (
        gst_buffer_peek_memory (buffer, i), NULL);

    if (!dmabuf || !KMS_IS_DUMB_EXPORTER (dmabuf_buffer_get_exporter (dmabuf)))
      return FALSE;
  }

  return n > 0;
}
