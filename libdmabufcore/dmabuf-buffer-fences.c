/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The fences of a buffer for callers without a device: pools that wait until a
 * buffer is idle, and elements between explicit and implicit synchronisation.
 * Devices get theirs from a mapping.
 */

#include <libdmabufcore/dmabuf-buffer.h>
#include <libdmabufcore/dmabuf-fence.h>
#include <libdmabufcore/dmabuf-reservation.h>
#include "dmabuf-bridge-private.h"
#include "dmabuf-buffer-private.h"
#include "dmabuf-exporter-private.h"

/* While the storage moves our own fences suffice: the mover waits for the
 * kernel's, and the next user of the buffer waits for the mover. */
DmabufFence *
dmabuf_buffer_get_fence (DmabufBuffer *buffer, DmabufAccess access)
{
  DmabufFence *fence;

  g_return_val_if_fail (buffer != NULL, NULL);
  g_return_val_if_fail (
      access >= DMABUF_ACCESS_READ && access <= DMABUF_ACCESS_READ_WRITE, NULL);

  if (!dmabuf_buffer_try_hold_storage (buffer, 0, NULL, NULL))
    return dmabuf_bridge_snapshot (buffer, access, TRUE);

  fence = dmabuf_bridge_snapshot (buffer, access, FALSE);
  dmabuf_buffer_release_storage (buffer);
  return fence;
}

gboolean
dmabuf_buffer_try_get_fence (
    DmabufBuffer *buffer, DmabufAccess access, DmabufFence **fence)
{
  gboolean known;

  g_return_val_if_fail (fence != NULL, FALSE);
  *fence = NULL;
  g_return_val_if_fail (buffer != NULL, FALSE);
  g_return_val_if_fail (
      access >= DMABUF_ACCESS_READ && access <= DMABUF_ACCESS_READ_WRITE,
      FALSE);

  if (!dmabuf_buffer_try_hold_storage (buffer, 0, NULL, NULL))
    return dmabuf_bridge_try_snapshot (buffer, access, TRUE, fence);

  known = dmabuf_bridge_try_snapshot (buffer, access, FALSE, fence);
  dmabuf_buffer_release_storage (buffer);
  return known;
}

gboolean
dmabuf_buffer_add_fence (DmabufBuffer *buffer, DmabufAccess access,
    DmabufFence *fence, GError **error)
{
  gboolean ok;

  g_return_val_if_fail (buffer != NULL, FALSE);
  g_return_val_if_fail (fence != NULL, FALSE);
  g_return_val_if_fail (
      access >= DMABUF_ACCESS_READ && access <= DMABUF_ACCESS_READ_WRITE,
      FALSE);

  dmabuf_buffer_hold_storage (buffer);
  ok = dmabuf_bridge_publish (buffer, access, fence, FALSE, error);
  dmabuf_buffer_release_storage (buffer);
  return ok;
}

guint
dmabuf_buffer_test_many (DmabufBuffer **buffers, guint n_buffers,
    DmabufAccess access, gboolean *idle)
{
  struct pollfd fds[16];
  guint index[G_N_ELEMENTS (fds)];
  struct timespec now = { 0, 0 };
  guint i, k, n_fds = 0, n_idle = 0;

  g_return_val_if_fail (n_buffers <= G_N_ELEMENTS (fds), 0);

  for (i = 0; i < n_buffers; i++) {
    DmabufReservation *reservation =
        g_atomic_pointer_get (&buffers[i]->reservation);

    idle[i] = !reservation
        || dmabuf_reservation_test_signaled (
            reservation, dmabuf_usage_rw ((access & DMABUF_ACCESS_WRITE) != 0));
    if (!idle[i] || !dmabuf_buffer_is_seen (buffers[i]))
      continue;
    idle[i] = dmabuf_buffer_try_hold_storage (buffers[i], 0, NULL, NULL);
    if (!idle[i])
      continue;
    if (!dmabuf_exporter_is_dmabuf (buffers[i]->exporter)) {
      dmabuf_buffer_release_storage (buffers[i]);
      continue;
    }
    fds[n_fds].fd = dmabuf_buffer_peek_fd (buffers[i]);
    fds[n_fds].events = access & DMABUF_ACCESS_WRITE ? POLLOUT : POLLIN;
    fds[n_fds].revents = 0;
    index[n_fds++] = i;
  }

  /* POLL-1; if the call fails all of them count as busy. */
  if (n_fds > 0) {
    dmabuf_kernel->ppoll (fds, n_fds, &now);
    for (k = 0; k < n_fds; k++) {
      idle[index[k]] = (fds[k].revents & fds[k].events) != 0;
      dmabuf_buffer_release_storage (buffers[index[k]]);
    }
  }

  for (i = 0; i < n_buffers; i++)
    n_idle += idle[i];
  return n_idle;
}
