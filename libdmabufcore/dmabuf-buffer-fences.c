/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The fences of a buffer for those who have no device: pools that wait until
 * everybody is done, and elements that stand between explicit and implicit
 * synchronisation. Devices get theirs from a mapping.
 */

#include <libdmabufcore/dmabuf-buffer.h>
#include <libdmabufcore/dmabuf-fence.h>
#include "dmabuf-bridge-private.h"

DmabufFence *
dmabuf_buffer_get_fence (DmabufBuffer *buffer, DmabufAccess access)
{
  DmabufFence *fence;

  g_return_val_if_fail (buffer != NULL, NULL);
  g_return_val_if_fail (
      access >= DMABUF_ACCESS_READ && access <= DMABUF_ACCESS_READ_WRITE, NULL);

  fence = dmabuf_bridge_snapshot (buffer, access, FALSE);
  if (fence && dmabuf_fence_is_signaled (fence))
    g_clear_pointer (&fence, dmabuf_fence_unref);
  return fence;
}

gboolean
dmabuf_buffer_add_fence (DmabufBuffer *buffer, DmabufAccess access,
    DmabufFence *fence, GError **error)
{
  g_return_val_if_fail (buffer != NULL, FALSE);
  g_return_val_if_fail (fence != NULL, FALSE);
  g_return_val_if_fail (
      access >= DMABUF_ACCESS_READ && access <= DMABUF_ACCESS_READ_WRITE,
      FALSE);

  return dmabuf_bridge_publish (buffer, access, fence, FALSE, error);
}
