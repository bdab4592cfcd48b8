/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Between storage and fences: what a mapping or CPU access asks of the fences
 * of a buffer, ours (its reservation) and the kernel's.
 */

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/* Snapshots and publishing are for who holds the storage of @buffer
 * (dmabuf_buffer_hold_storage()), or has a use of it. */

/* The fences that stand against @access: our own merged with a snapshot of the
 * kernel's (XSF-1, XSF-2) where somebody else may have put some there. NULL for
 * none, without a system call for a buffer that nobody else has seen.
 * @implicit: the device waits for the kernel's itself; only ours count. */
DmabufFence *dmabuf_bridge_snapshot (
    DmabufBuffer *buffer, DmabufAccess access, gboolean implicit);

/* Likewise; FALSE where the kernel gives none of a busy buffer, for which the
 * former waits. */
gboolean dmabuf_bridge_try_snapshot (DmabufBuffer *buffer, DmabufAccess access,
    gboolean implicit, DmabufFence **fence);

/* @fence ends an access that began with @access: it enters the reservation, and
 * the kernel's (XSF-3) where others can see the buffer. FALSE with an error if
 * it could not be published; then it was waited for.
 * @implicit: the device put it into the kernel's itself. */
gboolean dmabuf_bridge_publish (DmabufBuffer *buffer, DmabufAccess access,
    DmabufFence *fence, gboolean implicit, GError **error);

/* Waits until nothing stands against @access: our own fences, then poll on the
 * dma-buf (CPU-6). */
gboolean dmabuf_bridge_wait (DmabufBuffer *buffer, DmabufAccess access,
    gint64 deadline, GCancellable *cancellable, GError **error);

/* The buffer is released: its reservation goes. */
void dmabuf_bridge_buffer_free (DmabufBuffer *buffer);

G_END_DECLS
