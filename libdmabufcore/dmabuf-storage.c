/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Uses of a buffer's storage. */

#include "dmabuf-buffer-private.h"

#include <errno.h>

gboolean
dmabuf_buffer_acquire (DmabufBuffer *buffer, DmabufAttachment *attachment,
    gint64 deadline, GCancellable *cancellable, GError **error)
{
  g_mutex_lock (&buffer->lock);
  buffer->n_uses++;
  g_mutex_unlock (&buffer->lock);

  return TRUE;
}

void
dmabuf_buffer_release_use (DmabufBuffer *buffer)
{
  g_mutex_lock (&buffer->lock);
  buffer->n_uses--;
  g_mutex_unlock (&buffer->lock);
}

void
dmabuf_storage_free_placement (DmabufBuffer *buffer)
{
}
