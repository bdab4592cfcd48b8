/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcore-prelude.h"
#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

/**
 * GST_DMABUF_CORE_SYNC_META_API_TYPE:
 *
 * The meta API that an element adds to its answer of an ALLOCATION query when
 * it waits for the acquire fence of a buffer itself.
 */
#define GST_DMABUF_CORE_SYNC_META_API_TYPE \
  (gst_dmabuf_core_sync_meta_api_get_type ())
#define GST_DMABUF_CORE_SYNC_META_INFO (gst_dmabuf_core_sync_meta_get_info ())

/**
 * GstDmabufCoreSyncMeta:
 * @meta: the parent
 * @acquire: (nullable): signals when the content of the buffer is there;
 * whoever reads it waits for this first
 *
 * The fence under which a buffer travels. Only for producers and consumers that
 * name it in their ALLOCATION queries: to everybody else a buffer goes when its
 * content is there.
 */
typedef struct
{
  GstMeta meta;

  DmabufFence *acquire;
} GstDmabufCoreSyncMeta;

GST_DMABUF_CORE_API
GType gst_dmabuf_core_sync_meta_api_get_type (void);
GST_DMABUF_CORE_API
const GstMetaInfo *gst_dmabuf_core_sync_meta_get_info (void);

/**
 * gst_buffer_add_dmabuf_core_sync_meta:
 * @buffer: a writable buffer
 * @acquire: (transfer none): signals when the content is there
 *
 * Returns: (transfer none): the meta of @buffer
 */
GST_DMABUF_CORE_API
GstDmabufCoreSyncMeta *
gst_buffer_add_dmabuf_core_sync_meta (GstBuffer *buffer, DmabufFence *acquire);

/**
 * gst_buffer_get_dmabuf_core_fence:
 * @buffer: a buffer
 *
 * Returns: (transfer none) (nullable): what a reader of @buffer has to wait
 * for, %NULL for nothing
 */
GST_DMABUF_CORE_API
DmabufFence *gst_buffer_get_dmabuf_core_fence (GstBuffer *buffer);

G_END_DECLS
