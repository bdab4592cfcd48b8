/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sends fds to another process and receives them (SEC-1, SEC-2). */

#include "dmabuf-kernel-private.h"
#include <libdmabufcore/dmabuf-socket.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Room for all fds that the kernel can deliver in one message, so that surplus
 * ones arrive and are closed here (SEC-1). */
#define KERNEL_MAX_FDS 253

typedef union
{
  struct cmsghdr align;
  char bytes[CMSG_SPACE (KERNEL_MAX_FDS * sizeof (int))];
} Control;

gboolean
dmabuf_socket_send (int socket, gconstpointer data, gsize size, const int *fds,
    guint n_fds, GError **error)
{
  struct iovec part = { (void *) data, size };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
  struct cmsghdr *header;
  Control control;
  ssize_t sent;
  int code;

  g_return_val_if_fail (data != NULL && size > 0, FALSE);
  g_return_val_if_fail (n_fds <= DMABUF_SOCKET_MAX_FDS, FALSE);

  if (n_fds > 0) {
    memset (&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
    header = CMSG_FIRSTHDR (&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
    memcpy (CMSG_DATA (header), fds, n_fds * sizeof (int));
  }

  do
    sent = dmabuf_kernel->sendmsg (socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);

  if (sent == (ssize_t) size)
    return TRUE;

  code = sent < 0 ? errno : EMSGSIZE;
  dmabuf_set_error (
      error, code, "cannot send %u fds: %s", n_fds, g_strerror (code));
  return FALSE;
}

/* Every fd of every control message (a peer may split them). */
static guint
collect_fds (struct msghdr *message, int *fds)
{
  struct cmsghdr *header;
  guint n = 0;

  for (header = CMSG_FIRSTHDR (message); header;
      header = CMSG_NXTHDR (message, header)) {
    gsize length;

    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
      continue;
    length = (header->cmsg_len - CMSG_LEN (0)) / sizeof (int);
    length = MIN (length, KERNEL_MAX_FDS - n);
    memcpy (fds + n, CMSG_DATA (header), length * sizeof (int));
    n += length;
  }
  return n;
}

gboolean
dmabuf_socket_receive (int socket, gpointer data, gsize size, int *fds,
    guint n_fds, GError **error)
{
  struct iovec part = { data, size };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
  int received[KERNEL_MAX_FDS];
  Control control;
  guint i, n;
  ssize_t got;
  int code;

  g_return_val_if_fail (data != NULL && size > 0, FALSE);
  g_return_val_if_fail (n_fds <= DMABUF_SOCKET_MAX_FDS, FALSE);

  message.msg_control = &control;
  message.msg_controllen = sizeof control;

  do
    got = dmabuf_kernel->recvmsg (socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);

  if (got < 0) {
    code = errno;
    dmabuf_set_error (error, code, "cannot receive fds: %s", g_strerror (code));
    return FALSE;
  }

  n = collect_fds (&message, received);
  if (got != (ssize_t) size || n != n_fds
      || message.msg_flags & (MSG_CTRUNC | MSG_TRUNC))
    goto refused;

  memcpy (fds, received, n * sizeof (int));
  return TRUE;

  /* ERRORS */
refused:
  for (i = 0; i < n; i++)
    dmabuf_kernel->close (received[i]);
  if (got == 0 && n == 0)
    dmabuf_set_error (error, ECONNRESET, "the peer closed the connection");
  else
    dmabuf_set_error (error, EBADMSG,
        "the peer sent %" G_GSSIZE_FORMAT
        " bytes with %u fds instead of %" G_GSIZE_FORMAT " with %u",
        got, n, size, n_fds);
  return FALSE;
}
