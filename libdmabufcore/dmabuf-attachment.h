/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DmabufAttachment:
 *
 * A buffer as one device sees it (struct dma_buf_attachment). It keeps what the
 * device made of the buffer, its imports. Reference-counted, any thread.
 */
#define DMABUF_TYPE_ATTACHMENT (dmabuf_attachment_get_type ())
DMABUF_CORE_API
GType dmabuf_attachment_get_type (void);

/**
 * dmabuf_attachment_ref:
 * @attachment: an attachment
 *
 * Returns: (transfer full): @attachment
 */
DMABUF_CORE_API
DmabufAttachment *dmabuf_attachment_ref (DmabufAttachment *attachment);

/**
 * dmabuf_attachment_unref:
 * @attachment: (transfer full): an attachment
 *
 * Drops a reference. The device's cache may keep the attachment.
 */
DMABUF_CORE_API
void dmabuf_attachment_unref (DmabufAttachment *attachment);

/**
 * dmabuf_attachment_get_buffer:
 * @attachment: an attachment
 *
 * Returns: (transfer none): the buffer
 */
DMABUF_CORE_API
DmabufBuffer *dmabuf_attachment_get_buffer (DmabufAttachment *attachment);

/**
 * dmabuf_attachment_get_device:
 * @attachment: an attachment
 *
 * Returns: (transfer none): the device
 */
DMABUF_CORE_API
DmabufDevice *dmabuf_attachment_get_device (DmabufAttachment *attachment);

/**
 * dmabuf_attachment_import:
 * @attachment: the attachment of the first plane's buffer
 * @layout: where the pixels lie; the planes may lie in further buffers, which
 *   the import then holds
 * @reused: (out) (optional): whether an earlier import was found
 * @error: return location for an error
 *
 * Finds the device's import of a frame, or makes it (DmabufDeviceClass.import).
 * It stays with the attachment under the key @layout. Imports that no holder of
 * the attachment has used since it was last idle may be freed; the eight used
 * last are kept.
 *
 * Errors: EINVAL if the layout is not valid or violates the device's
 * constraints on format, pitch or offset, with a message that names it; EBUSY
 * if the device does not reach the memory of a further buffer.
 *
 * Returns: (transfer none): the device's own import, valid while @attachment is
 *   held; for a deferred buffer only while it is mapped too, as its storage may
 *   move between two mappings
 */
DMABUF_CORE_API
gpointer dmabuf_attachment_import (DmabufAttachment *attachment,
    const DmabufLayout *layout, gboolean *reused, GError **error);

/**
 * dmabuf_attachment_pin:
 * @attachment: an attachment to a device that is a dynamic importer
 *   (DmabufDeviceClass.invalidate)
 * @deadline: absolute, microseconds of CLOCK_MONOTONIC
 * @cancellable: (nullable): ends the wait from another thread
 * @error: return location for an error
 *
 * Keeps the storage where this device reaches it, even without a mapping: for
 * scanout and the like (DEF-6). Counted: each pin is ended by one
 * dmabuf_attachment_unpin().
 *
 * Returns: %FALSE with EINVAL for a device that is not dynamic, or as
 *   dmabuf_attachment_map_full()
 */
DMABUF_CORE_API
gboolean dmabuf_attachment_pin (DmabufAttachment *attachment, gint64 deadline,
    GCancellable *cancellable, GError **error);

/**
 * dmabuf_attachment_unpin:
 * @attachment: an attachment
 */
DMABUF_CORE_API
void dmabuf_attachment_unpin (DmabufAttachment *attachment);

/**
 * DmabufMapping:
 *
 * One access of a device to a buffer, from dmabuf_attachment_map() to
 * dmabuf_mapping_unmap(). It holds the attachment. It has one owner at a time
 * and may be handed to another thread.
 */

/**
 * dmabuf_attachment_map: (skip)
 * @attachment: an attachment
 * @direction: what the device is going to do
 * @error: return location for an error
 *
 * Begins a device access (MAP-1). Does not wait: dmabuf_mapping_get_fence()
 * returns the fence that the device has to wait for.
 *
 * Returns: (transfer full): the mapping; %NULL with EBUSY if the attachment is
 *   mapped in another direction (MAP-6)
 */
DMABUF_CORE_API
DmabufMapping *dmabuf_attachment_map (
    DmabufAttachment *attachment, DmabufDirection direction, GError **error);

/**
 * dmabuf_attachment_map_full: (skip)
 * @attachment: an attachment
 * @direction: what the device is going to do
 * @deadline: absolute, microseconds of CLOCK_MONOTONIC
 * @cancellable: (nullable): ends the wait from another thread
 * @error: return location for an error
 *
 * Like dmabuf_attachment_map(), for a buffer whose storage may have to move
 * first: then this waits until the open mappings have ended (DEF-3, DEF-4).
 *
 * Returns: (transfer full): the mapping; %NULL with ETIME, with
 *   %G_IO_ERROR_CANCELLED, with EDEADLK if this thread has a mapping or
 *   CPU access open that would have to end first, or as dmabuf_attachment_map()
 */
DMABUF_CORE_API
DmabufMapping *dmabuf_attachment_map_full (DmabufAttachment *attachment,
    DmabufDirection direction, gint64 deadline, GCancellable *cancellable,
    GError **error);

/**
 * dmabuf_mapping_get_fence: (skip)
 * @mapping: a mapping
 *
 * Returns: (transfer none) (nullable): the fence that the device has to wait
 *   for before it touches the memory, %NULL for none
 */
DMABUF_CORE_API
DmabufFence *dmabuf_mapping_get_fence (DmabufMapping *mapping);

/**
 * dmabuf_mapping_unmap: (skip)
 * @mapping: (transfer full): a mapping
 * @fence: (transfer none) (nullable): signals when the device is done; %NULL if
 *   it is done already (V4L2 after DQBUF)
 * @error: return location for an error
 *
 * Ends a device access (MAP-5, MAP-7). A pending @fence is published in the
 * buffer's reservation, as READ after TO_DEVICE, else as WRITE; a kernel-backed
 * one in the kernel's as well, unless the device published it itself.
 *
 * Returns: %FALSE if the fence could not be published; then this has waited for
 *   it, 20 seconds at most (ETIME)
 */
DMABUF_CORE_API
gboolean dmabuf_mapping_unmap (
    DmabufMapping *mapping, DmabufFence *fence, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DmabufAttachment, dmabuf_attachment_unref)

G_END_DECLS
