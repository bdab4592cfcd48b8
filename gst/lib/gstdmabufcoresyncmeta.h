/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcore-prelude.h"
#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

/**
 * GST_DMABUF_CORE_SYNC_META_API_TYPE:
 *
 * The meta API that an element adds to its answer to an ALLOCATION query if it
 * waits for the acquire fence of a buffer itself.
 */
#define GST_DMABUF_CORE_SYNC_META_API_TYPE \
  (gst_dmabuf_core_sync_meta_api_get_type ())
#define GST_DMABUF_CORE_SYNC_META_INFO (gst_dmabuf_core_sync_meta_get_info ())

typedef struct _GstDmabufCoreRelease GstDmabufCoreRelease;

/**
 * GstDmabufCoreSyncMeta:
 * @meta: the parent
 * @acquire: (nullable): signals when the content of the buffer is written; a
 *   reader waits for it first
 *
 * The fences of a buffer. Producers add it for consumers that name this API in
 * their answer to the ALLOCATION query. For any other consumer the fences are
 * waited for before the buffer is pushed.
 *
 * A buffer has one acquire fence, set by the producer, and any number of
 * release fences, added by readers. Copies of the buffer that share its memory
 * (gst_buffer_copy(), regions, references by tee and queue) have the same
 * fences, and hold the original buffer, so that it comes back to its pool after
 * them:
 *
 *   producer            tee, queue …             readers
 *      |  acquire          |  same acquire          |
 *      |------ buffer -----|------ buffer --------->| wait for acquire
 *      |                   |------ copy ----------->| read
 *      |                   |                        | add release fence
 *      |<--- the last reference goes: merged release fences, once -----|
 *
 * A deep copy has memory of its own, and no sync meta.
 */
typedef struct
{
  GstMeta meta;

  DmabufFence *acquire;

  /*< private >*/
  GstDmabufCoreRelease *release;
  gpointer owner;
} GstDmabufCoreSyncMeta;

GST_DMABUF_CORE_API
GType gst_dmabuf_core_sync_meta_api_get_type (void);
GST_DMABUF_CORE_API
const GstMetaInfo *gst_dmabuf_core_sync_meta_get_info (void);

/**
 * gst_buffer_add_dmabuf_core_sync_meta:
 * @buffer: a writable buffer
 * @acquire: (transfer none) (nullable): signals when the content is written
 *
 * To be called before @buffer is pushed. On a buffer whose pool keeps the meta
 * it sets @acquire without an allocation.
 *
 * Returns: (transfer none): the meta of @buffer
 */
GST_DMABUF_CORE_API
GstDmabufCoreSyncMeta *
gst_buffer_add_dmabuf_core_sync_meta (GstBuffer *buffer, DmabufFence *acquire);

/**
 * gst_buffer_get_dmabuf_core_sync_meta:
 * @buffer: a buffer
 *
 * Returns: (transfer none) (nullable): the meta of @buffer
 */
GST_DMABUF_CORE_API
GstDmabufCoreSyncMeta *gst_buffer_get_dmabuf_core_sync_meta (GstBuffer *buffer);

/**
 * gst_buffer_get_dmabuf_core_fence:
 * @buffer: a buffer
 *
 * Returns: (transfer none) (nullable): the fence that a reader of @buffer has
 * to
 *   wait for
 */
GST_DMABUF_CORE_API
DmabufFence *gst_buffer_get_dmabuf_core_fence (GstBuffer *buffer);

/**
 * gst_buffer_add_dmabuf_core_release_fence:
 * @buffer: a buffer, which need not be writable
 * @fence: (transfer none): signals when the caller's device is done with the
 *   memory
 *
 * Allows the caller to unref @buffer before its device is done. To be called
 * before that, from any thread.
 *
 * Returns: %FALSE if the fence would be lost: @buffer has no sync meta, or
 *   neither a pool that keeps the meta nor a release function. Then the caller
 *   keeps its reference of @buffer until the fence has signalled
 */
GST_DMABUF_CORE_API
gboolean gst_buffer_add_dmabuf_core_release_fence (
    GstBuffer *buffer, DmabufFence *fence);

/**
 * gst_buffer_get_dmabuf_core_release_fence:
 * @buffer: a buffer
 *
 * Returns: (transfer full) (nullable): the release fences that readers added so
 *   far, merged; %NULL if all have signalled
 */
GST_DMABUF_CORE_API
DmabufFence *gst_buffer_get_dmabuf_core_release_fence (GstBuffer *buffer);

/**
 * GstDmabufCoreReleaseFunc:
 * @fence: (transfer none) (nullable): signals when all readers are done; %NULL
 *   if they are already
 * @user_data: the data given with the function
 *
 * Called once for each buffer that was sent, when it and its copies have been
 * released, on the thread that released the last one.
 */
typedef void (*GstDmabufCoreReleaseFunc) (
    DmabufFence *fence, gpointer user_data);

/**
 * gst_buffer_set_dmabuf_core_release_func:
 * @buffer: a writable buffer with the sync meta
 * @func: (scope notified) (closure user_data): the function to call
 * @user_data: for @func
 * @notify: (nullable): frees @user_data, after the call
 *
 * For a producer without a pool that needs the release fences, for example for
 * the other side of an explicit-sync protocol. To be called before @buffer is
 * pushed.
 *
 * Returns: %FALSE if @buffer has no sync meta; then @notify was not called
 */
GST_DMABUF_CORE_API
gboolean gst_buffer_set_dmabuf_core_release_func (GstBuffer *buffer,
    GstDmabufCoreReleaseFunc func, gpointer user_data, GDestroyNotify notify);

/**
 * gst_buffer_finish_dmabuf_core_sync:
 * @buffer: a writable buffer that came back
 *
 * For pools: calls the release function of @buffer, and empties its sync meta
 * for the next use.
 *
 * Returns: (transfer full) (nullable): the fences to wait for before the memory
 *   is written again: acquire and release fences, merged; %NULL if all have
 *   signalled
 */
GST_DMABUF_CORE_API
DmabufFence *gst_buffer_finish_dmabuf_core_sync (GstBuffer *buffer);

/**
 * gst_dmabuf_core_sync_meta_get_counts:
 * @handed: (out) (optional): buffers sent with a sync meta
 * @returned: (out) (optional): those of them that came back or were freed
 *
 * Counts the buffers of this process. The counts are equal when no buffer is
 * under way.
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_sync_meta_get_counts (guint64 *handed, guint64 *returned);

G_END_DECLS
