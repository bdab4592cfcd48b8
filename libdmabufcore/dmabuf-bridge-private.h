/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The fences of a buffer, in our reservation and in the kernel's, as mappings
 * and CPU accesses read them, add to them and wait for them.
 */

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/* For snapshots and publishing the caller holds the storage of @buffer
 * (dmabuf_buffer_hold_storage()), or has a use of it. */

/* The fences that @access has to wait for: our own, merged with a snapshot of
 * the kernel's (XSF-1, XSF-2) if the fd has left the core. NULL for none. Makes
 * system calls only if the fd has left the core.
 * @implicit: the device waits for the kernel's itself; only ours count. */
DmabufFence *dmabuf_bridge_snapshot (
    DmabufBuffer *buffer, DmabufAccess access, gboolean implicit);

/* The same without a wait: FALSE if the buffer is busy and the kernel exports
 * no fence for it. */
gboolean dmabuf_bridge_try_snapshot (DmabufBuffer *buffer, DmabufAccess access,
    gboolean implicit, DmabufFence **fence);

/* Publishes @fence, which signals at the end of an access of kind @access. It
 * enters our reservation, the kernel's (XSF-3), or both: see dmabuf-bridge.c.
 * FALSE with an error if that failed; then this has waited for @fence.
 * @implicit: the device has put it into the kernel's reservation itself. */
gboolean dmabuf_bridge_publish (DmabufBuffer *buffer, DmabufAccess access,
    DmabufFence *fence, gboolean implicit, GError **error);

/* Waits for the fences that conflict with @access: for our own, then with poll
 * on the dma-buf (CPU-6). */
gboolean dmabuf_bridge_wait (DmabufBuffer *buffer, DmabufAccess access,
    gint64 deadline, GCancellable *cancellable, GError **error);

/* Drops the reservation of a buffer that is being released. */
void dmabuf_bridge_buffer_free (DmabufBuffer *buffer);

G_END_DECLS
