/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DMABUF_SOCKET_MAX_FDS:
 *
 * Greatest number of fds in one message: more than any frame has, far less than
 * what a peer could send to exhaust this process.
 */
#define DMABUF_SOCKET_MAX_FDS 16

/**
 * dmabuf_socket_send: (skip)
 * @socket: a connected Unix socket
 * @data: a message that describes the fds
 * @size: its size in bytes, at least 1
 * @fds: (array length=n_fds): dma-bufs; stay the caller's
 * @n_fds: how many, up to %DMABUF_SOCKET_MAX_FDS
 * @error: return location for an error
 *
 * Sends one message with fds.
 *
 * Returns: %FALSE with the kernel's errno (EPIPE, EAGAIN ...), EMSGSIZE if only
 *   a part of @data was sent
 */
DMABUF_CORE_API
gboolean dmabuf_socket_send (int socket, gconstpointer data, gsize size,
    const int *fds, guint n_fds, GError **error);

/**
 * dmabuf_socket_receive: (skip)
 * @socket: a connected Unix socket
 * @data: where to put a message
 * @size: the size that it must have, in bytes
 * @fds: (array length=n_fds): where to put fds; the caller's, close-on-exec
 * @n_fds: the number that there must be, up to %DMABUF_SOCKET_MAX_FDS
 * @error: return location for an error
 *
 * Receives one message of an exact size with an exact number of fds (SEC-1). If
 * it is short, truncated or has surplus fds, all its fds are closed. That the
 * fds are dma-bufs is checked by dmabuf_buffer_import_take().
 *
 * Returns: %FALSE with EBADMSG, ECONNRESET if the peer is gone, or the kernel's
 *   errno (EAGAIN ...)
 */
DMABUF_CORE_API
gboolean dmabuf_socket_receive (int socket, gpointer data, gsize size, int *fds,
    guint n_fds, GError **error);

G_END_DECLS
