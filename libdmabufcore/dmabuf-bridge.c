/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-bridge-private.h"
#include "dmabuf-buffer-private.h"
#include "dmabuf-exporter-private.h"
#include <libdmabufcore/dmabuf-fence.h>

#include <errno.h>
#include <poll.h>

/* Whether the kernel may hold fences of @buffer that are not ours. */
static gboolean
has_kernel_fences (DmabufBuffer *buffer)
{
  return dmabuf_buffer_is_seen (buffer)
      && dmabuf_exporter_is_dmabuf (buffer->exporter);
}

DmabufFence *
dmabuf_bridge_snapshot (
    DmabufBuffer *buffer, DmabufAccess access, gboolean implicit)
{
  int fd;

  if (implicit || !has_kernel_fences (buffer))
    return NULL;

  fd = dmabuf_kernel_export_sync_file (dmabuf_buffer_peek_fd (buffer), access);
  if (fd < 0)
    return NULL;

  return dmabuf_fence_new_sync_file (fd, DMABUF_FENCE_TRUST_FULL, NULL);
}

gboolean
dmabuf_bridge_publish (DmabufBuffer *buffer, DmabufAccess access,
    DmabufFence *fence, gboolean implicit, GError **error)
{
  GError *own_error = NULL;
  int fd, ret;

  if (implicit || !has_kernel_fences (buffer)
      || dmabuf_fence_is_signaled (fence))
    return TRUE;

  fd = dmabuf_fence_export_sync_file (fence, &own_error);
  if (fd < 0)
    goto failed;

  ret = dmabuf_kernel_import_sync_file (
      dmabuf_buffer_peek_fd (buffer), access, fd);
  dmabuf_kernel->close (fd);
  if (ret < 0) {
    dmabuf_set_error (&own_error, -ret,
        "the fence of a device access cannot be published: %s",
        g_strerror (-ret));
    goto failed;
  }
  return TRUE;

  /* ERRORS */
failed:
  dmabuf_fence_wait (fence, DMABUF_DEADLINE_NEVER, NULL, NULL);
  g_propagate_error (error, own_error);
  return FALSE;
}

gboolean
dmabuf_bridge_wait (DmabufBuffer *buffer, DmabufAccess access, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  int ret;

  if (!has_kernel_fences (buffer))
    return TRUE;

  /* POLL-1: readable when the writers are done, writable when all are; POLLOUT
   * alone, for with both it would return at the first (POLL-3). */
  ret = dmabuf_kernel_poll (dmabuf_buffer_peek_fd (buffer),
      access & DMABUF_ACCESS_WRITE ? POLLOUT : POLLIN, deadline, cancellable);
  if (ret == 1)
    return TRUE;

  if (ret == -ECANCELED)
    g_cancellable_set_error_if_cancelled (cancellable, error);
  else if (ret == 0)
    dmabuf_set_error (error, ETIME,
        "a fence that stands against the access did not signal in time");
  else
    dmabuf_set_error (
        error, -ret, "cannot wait for a buffer: %s", g_strerror (-ret));
  return FALSE;
}

void
dmabuf_bridge_buffer_free (DmabufBuffer *buffer)
{
}

DmabufReservation *
dmabuf_buffer_get_reservation (DmabufBuffer *buffer)
{
  g_return_val_if_fail (buffer != NULL, NULL);

  return buffer->reservation;
}
