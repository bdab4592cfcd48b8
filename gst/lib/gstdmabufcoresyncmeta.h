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

typedef struct _GstDmabufCoreRelease GstDmabufCoreRelease;

/**
 * GstDmabufCoreSyncMeta:
 * @meta: the parent
 * @acquire: (nullable): signals when the content of the buffer is there;
 *   whoever reads it waits for this first
 *
 * The fences under which a buffer travels. Only for producers and consumers
 * that name it in their ALLOCATION queries: to everybody else a buffer goes
 * when its content is there.
 *
 * There is one acquire fence, set by the producer, and any number of release
 * fences, added by readers. Copies of the buffer that share its memory
 * (gst_buffer_copy(), a part of it, what tee and queue make of it) have the
 * same fences, and hold the buffer that they came from, so that it comes back
 * to its pool after them:
 *
 *   producer            tee, queue …             readers
 *      |  acquire          |  same acquire          |
 *      |------ buffer -----|------ buffer --------->| wait for acquire
 *      |                   |------ copy ----------->| read
 *      |                   |                        | add release fence
 *      |<--- the last reference goes: merged release fences, once -----|
 *
 * A deep copy has a memory of its own and gets none of this.
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
 * @acquire: (transfer none) (nullable): signals when the content is there
 *
 * Sends @buffer on its way. A buffer that has the meta already, because its
 * pool keeps it there, gets the fence and allocates nothing.
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
 * Returns: (transfer none) (nullable): what a reader of @buffer has to wait
 * for, %NULL for nothing
 */
GST_DMABUF_CORE_API
DmabufFence *gst_buffer_get_dmabuf_core_fence (GstBuffer *buffer);

/**
 * gst_buffer_add_dmabuf_core_release_fence:
 * @buffer: a buffer, which need not be writable
 * @fence: (transfer none): signals when the caller is done with the memory
 *
 * Lets go of @buffer before the device has. To be called, from any thread,
 * while the caller holds its reference of @buffer.
 *
 * Returns: %FALSE if nobody would look at the fence: @buffer has no sync meta,
 *   or one that neither its pool knows (which would have added it when it made
 *   the buffer) nor a release function waits for. Then the caller keeps @buffer
 *   until the fence has signalled
 */
GST_DMABUF_CORE_API
gboolean gst_buffer_add_dmabuf_core_release_fence (
    GstBuffer *buffer, DmabufFence *fence);

/**
 * gst_buffer_get_dmabuf_core_release_fence:
 * @buffer: a buffer
 *
 * Returns: (transfer full) (nullable): the release fences that readers added so
 *   far, merged, %NULL for none that is pending
 */
GST_DMABUF_CORE_API
DmabufFence *gst_buffer_get_dmabuf_core_release_fence (GstBuffer *buffer);

/**
 * GstDmabufCoreReleaseFunc:
 * @fence: (transfer none) (nullable): when it has signalled all readers are
 *   done; %NULL if they are
 * @user_data: what was given with the function
 *
 * Called once for each buffer that went out, when it and its copies are gone,
 * read or dropped, on the thread that dropped the last one.
 */
typedef void (*GstDmabufCoreReleaseFunc) (
    DmabufFence *fence, gpointer user_data);

/**
 * gst_buffer_set_dmabuf_core_release_func:
 * @buffer: a writable buffer with the sync meta
 * @func: (scope notified) (closure user_data): what to call
 * @user_data: for @func
 * @notify: (nullable): frees @user_data, after the call
 *
 * For a producer that is no pool and wants the release fences: the other side
 * of an explicit-sync protocol. To be called before @buffer goes out.
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
 * For pools: ends the journey of @buffer, calls its release function, and
 * leaves its sync meta empty for the next one.
 *
 * Returns: (transfer full) (nullable): everything that stands against writing
 *   into the memory again: acquire and release fences, merged; %NULL for
 *   nothing that is pending
 */
GST_DMABUF_CORE_API
DmabufFence *gst_buffer_finish_dmabuf_core_sync (GstBuffer *buffer);

/**
 * gst_dmabuf_core_sync_meta_get_counts:
 * @handed: (out) (optional): buffers that went out under a sync meta
 * @returned: (out) (optional): and those that came back or were freed
 *
 * The books of this process. They are equal when no buffer is under way.
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_sync_meta_get_counts (guint64 *handed, guint64 *returned);

G_END_DECLS
