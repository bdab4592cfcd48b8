/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-buffer.h>

G_BEGIN_DECLS

/**
 * DmabufBufferPoll:
 *
 * The live state of the kernel's implicit fences of a buffer, by the poller:
 * one callback for each direction (POLL-1, POLL-4). Unlike a snapshot it sees
 * fences that are added until it fires. It is no lock: new fences may be added
 * as soon as it has fired (POLL-8). Reference-counted, any thread.
 */
typedef struct _DmabufBufferPoll DmabufBufferPoll;

#define DMABUF_TYPE_BUFFER_POLL (dmabuf_buffer_poll_get_type ())
DMABUF_CORE_API
GType dmabuf_buffer_poll_get_type (void);

/**
 * DmabufBufferPollFunc:
 * @buffer: the buffer
 * @access: %DMABUF_ACCESS_READ: all writers are done; %DMABUF_ACCESS_WRITE:
 *   all readers and writers are
 * @user_data: the data given with the function
 *
 * Called once for each arming, on the library's poller thread, under no lock of
 * the library. May arm again.
 */
typedef void (*DmabufBufferPollFunc) (
    DmabufBuffer *buffer, DmabufAccess access, gpointer user_data);

/**
 * dmabuf_buffer_poll_new:
 * @buffer: a buffer with storage
 * @error: return location for an error
 *
 * Returns: (transfer full): the poll; %NULL with EINVAL for a buffer that is
 * not the kernel's, EMFILE
 */
DMABUF_CORE_API
DmabufBufferPoll *dmabuf_buffer_poll_new (DmabufBuffer *buffer, GError **error);

/**
 * dmabuf_buffer_poll_ref:
 * @poll: a poll
 *
 * Returns: (transfer full): @poll
 */
DMABUF_CORE_API
DmabufBufferPoll *dmabuf_buffer_poll_ref (DmabufBufferPoll *poll);

/**
 * dmabuf_buffer_poll_unref:
 * @poll: (transfer full): a poll
 *
 * An armed poll holds itself and the buffer until it fires (POLL-6).
 */
DMABUF_CORE_API
void dmabuf_buffer_poll_unref (DmabufBufferPoll *poll);

/**
 * dmabuf_buffer_poll_arm:
 * @poll: a poll
 * @access: to be ready for: %DMABUF_ACCESS_READ or %DMABUF_ACCESS_WRITE
 * @func: (scope notified) (closure user_data): the function to call
 * @user_data: for @func
 * @notify: (nullable): frees @user_data, after the call or the disarming
 * @error: return location for an error
 *
 * Calls @func once, as soon as no fence conflicts with @access: on an idle
 * buffer at once. Afterwards the direction has to be armed again (POLL-2).
 *
 * Returns: %FALSE with EBUSY if this direction is armed
 */
DMABUF_CORE_API
gboolean dmabuf_buffer_poll_arm (DmabufBufferPoll *poll, DmabufAccess access,
    DmabufBufferPollFunc func, gpointer user_data, GDestroyNotify notify,
    GError **error);

/**
 * dmabuf_buffer_poll_disarm:
 * @poll: a poll
 * @access: which direction
 *
 * If the function is running on another thread this waits for its end.
 *
 * Returns: %TRUE if it was armed: then the function never runs
 */
DMABUF_CORE_API
gboolean
dmabuf_buffer_poll_disarm (DmabufBufferPoll *poll, DmabufAccess access);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DmabufBufferPoll, dmabuf_buffer_poll_unref)

G_END_DECLS
