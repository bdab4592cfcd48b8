/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DmabufAttachment:
 *
 * A buffer as one device sees it (struct dma_buf_attachment), and therefore the
 * place of what importing it yielded. Reference-counted, any thread.
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
 * Drops a reference. The device's cache keeps its own.
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
 * @attachment: of the buffer of the first plane
 * @layout: where the pixels lie; the planes may lie in further buffers, which
 *   the import then holds
 * @reused: (out) (optional): whether an earlier import was found
 * @error: return location for an error
 *
 * What the device made of the frame, made once (DmabufDeviceClass.import) and
 * kept with the attachment under the key @layout; of those that nobody holds
 * any more, the eight that were used last.
 *
 * Errors: EINVAL if the layout is not valid or its format, a pitch or an offset
 * is not what the device's constraints demand, with a message that names it;
 * EBUSY if the device does not reach the memory of a further buffer.
 *
 * Returns: (transfer none): the device's own import, valid while @attachment is
 *   held; of a deferred buffer, while it is mapped as well, for between two
 *   mappings its storage may move
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
 * Keeps the storage where this device reaches it, also without a mapping: for
 * scanout and the like (DEF-6). Counted; each is ended by
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
 * dmabuf_mapping_unmap(). It holds the attachment. Belongs to one owner, who
 * may hand it to another thread.
 */

/**
 * dmabuf_attachment_map: (skip)
 * @attachment: an attachment
 * @direction: what the device is going to do
 * @error: return location for an error
 *
 * Begins a device access (MAP-1). Does not wait: the fences that the device has
 * to wait for are the mapping's.
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
 * first: then this waits for the ends of the mappings that there are (DEF-3,
 * DEF-4).
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
 * Returns: (transfer none) (nullable): what the device has to wait for before
 *   it touches the memory, %NULL for nothing
 */
DMABUF_CORE_API
DmabufFence *dmabuf_mapping_get_fence (DmabufMapping *mapping);

/**
 * dmabuf_mapping_unmap: (skip)
 * @mapping: (transfer full): a mapping
 * @fence: (transfer none) (nullable): signals when the device is done; %NULL if
 *   it is (V4L2's DQBUF)
 * @error: return location for an error
 *
 * Ends a device access (MAP-5, MAP-7). A pending @fence enters the reservation,
 * READ for TO_DEVICE, else WRITE, and, kernel-backed, the kernel's as well
 * unless the device published it itself.
 *
 * Returns: %FALSE if the fence could not be published; then it was waited for,
 *   20 seconds at most (ETIME)
 */
DMABUF_CORE_API
gboolean dmabuf_mapping_unmap (
    DmabufMapping *mapping, DmabufFence *fence, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DmabufAttachment, dmabuf_attachment_unref)

G_END_DECLS
