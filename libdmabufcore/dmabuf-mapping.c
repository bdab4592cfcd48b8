/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bracket of one device access (MAP-1 … MAP-7). */

#include "dmabuf-bridge-private.h"
#include "dmabuf-buffer-private.h"
#include "dmabuf-device-private.h"
#include "dmabuf-exporter-private.h"
#include "dmabuf-statistics-private.h"
#include <libdmabufcore/dmabuf-attachment.h>
#include <libdmabufcore/dmabuf-fence.h>

#include <errno.h>

static const char *const direction_names[] = {
  [DMABUF_DIRECTION_BIDIRECTIONAL] = "both ways",
  [DMABUF_DIRECTION_TO_DEVICE] = "to the device",
  [DMABUF_DIRECTION_FROM_DEVICE] = "from the device",
};

static DmabufAccess
access_of (DmabufDirection direction)
{
  return direction == DMABUF_DIRECTION_TO_DEVICE ? DMABUF_ACCESS_READ
                                                 : DMABUF_ACCESS_WRITE;
}

static gboolean
is_implicit (DmabufAttachment *attachment)
{
  return dmabuf_device_get_flags (attachment->device)
      & DMABUF_DEVICE_FLAG_IMPLICIT_SYNC;
}

/* Counts the mapping, or refuses a second direction (MAP-6). */
static DmabufMapping *
open_mapping (
    DmabufAttachment *attachment, DmabufDirection direction, GError **error)
{
  DmabufBuffer *buffer = attachment->buffer;
  const char *name = dmabuf_device_get_name (attachment->device);
  DmabufMapping *mapping;

  g_mutex_lock (&buffer->lock);

  if (attachment->n_mapped > 0 && attachment->direction != direction)
    goto other_direction;

  attachment->n_mapped++;
  attachment->direction = direction;
  buffer->n_mappings++;

  /* Kept by close_mapping (), so that a frame costs no allocation. */
  mapping = attachment->spare_mappings;
  if (mapping)
    attachment->spare_mappings = mapping->next;
  g_mutex_unlock (&buffer->lock);

  if (!mapping)
    mapping = g_new (DmabufMapping, 1);
  mapping->next = NULL;
  mapping->attachment = dmabuf_attachment_ref (attachment);
  mapping->direction = direction;
  mapping->fence = NULL;
  mapping->owner = g_thread_self ();
  return mapping;

  /* ERRORS */
other_direction:
  direction = attachment->direction;
  g_mutex_unlock (&buffer->lock);
  dmabuf_set_error (error, EBUSY,
      "%s has the buffer mapped %s, and can map it in another direction when "
      "that has ended",
      name, direction_names[direction]);
  return NULL;
}

static void
close_mapping (DmabufMapping *mapping)
{
  DmabufAttachment *attachment = mapping->attachment;
  DmabufBuffer *buffer = attachment->buffer;
  GThread *owner = mapping->owner;

  if (mapping->fence)
    dmabuf_fence_unref (mapping->fence);

  g_mutex_lock (&buffer->lock);
  attachment->n_mapped--;
  buffer->n_mappings--;
  mapping->next = attachment->spare_mappings;
  attachment->spare_mappings = mapping;
  g_mutex_unlock (&buffer->lock);

  dmabuf_buffer_release_use_of (buffer, owner);
  dmabuf_attachment_unref (attachment);
}

DmabufMapping *
dmabuf_attachment_map_full (DmabufAttachment *attachment,
    DmabufDirection direction, gint64 deadline, GCancellable *cancellable,
    GError **error)
{
  DmabufStatistics *statistics;
  DmabufExporterClass *klass;
  GError *own_error = NULL;
  DmabufMapping *mapping;
  DmabufBuffer *buffer;

  /* MAP-1: EINVAL without an attachment or with another direction. */
  if (!attachment || (guint) direction > DMABUF_DIRECTION_FROM_DEVICE) {
    g_critical ("an attachment and a direction are needed to map");
    dmabuf_set_error (
        error, EINVAL, "an attachment and a direction are needed to map");
    return NULL;
  }

  buffer = attachment->buffer;
  if (!dmabuf_buffer_acquire (buffer, attachment, deadline, cancellable, error))
    return NULL;

  mapping = open_mapping (attachment, direction, error);
  if (!mapping) {
    dmabuf_buffer_release_use (buffer);
    return NULL;
  }

  klass = DMABUF_EXPORTER_GET_CLASS (buffer->exporter);
  if (!klass->map (buffer->exporter, attachment, direction, &own_error))
    goto refused;

  mapping->fence = dmabuf_bridge_snapshot (
      buffer, access_of (direction), is_implicit (attachment));

  statistics = dmabuf_device_statistics (attachment->device);
  dmabuf_count (statistics, mappings, 1);
  dmabuf_count (statistics, mappings_made, 1);

  return mapping;

  /* ERRORS */
refused:
  /* MAP-2: without an error it is ENOMEM. */
  if (!own_error)
    dmabuf_set_error (&own_error, ENOMEM, "%s cannot map a buffer for %s",
        dmabuf_exporter_get_name (buffer->exporter),
        dmabuf_device_get_name (attachment->device));
  g_propagate_error (error, own_error);
  close_mapping (mapping);
  return NULL;
}

DmabufMapping *
dmabuf_attachment_map (
    DmabufAttachment *attachment, DmabufDirection direction, GError **error)
{
  return dmabuf_attachment_map_full (
      attachment, direction, DMABUF_DEADLINE_NEVER, NULL, error);
}

DmabufFence *
dmabuf_mapping_get_fence (DmabufMapping *mapping)
{
  g_return_val_if_fail (mapping != NULL, NULL);

  return mapping->fence;
}

gboolean
dmabuf_mapping_unmap (
    DmabufMapping *mapping, DmabufFence *fence, GError **error)
{
  DmabufAttachment *attachment;
  DmabufBuffer *buffer;
  gboolean ok = TRUE;

  g_return_val_if_fail (mapping != NULL, FALSE);

  attachment = mapping->attachment;
  buffer = attachment->buffer;

  /* Before the mapping ends, so that a mover sees the fence. */
  if (fence)
    ok = dmabuf_bridge_publish (buffer, access_of (mapping->direction), fence,
        is_implicit (attachment), error);

  DMABUF_EXPORTER_GET_CLASS (buffer->exporter)
      ->unmap (buffer->exporter, attachment, mapping->direction);

  dmabuf_count (dmabuf_device_statistics (attachment->device), mappings, -1);
  close_mapping (mapping);

  return ok;
}
