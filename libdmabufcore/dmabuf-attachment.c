/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-buffer-private.h"
#include "dmabuf-device-private.h"
#include "dmabuf-exporter-private.h"
#include "dmabuf-statistics-private.h"

#include <errno.h>

G_DEFINE_BOXED_TYPE (DmabufAttachment, dmabuf_attachment, dmabuf_attachment_ref,
    dmabuf_attachment_unref)

DmabufAttachment *
dmabuf_attachment_new (
    DmabufDevice *device, DmabufBuffer *buffer, GError **error)
{
  DmabufExporter *exporter = buffer->exporter;
  DmabufExporterClass *klass = DMABUF_EXPORTER_GET_CLASS (exporter);
  DmabufAttachment *attachment;
  GError *own_error = NULL;

  if (klass->attach && !klass->attach (exporter, buffer, device, &own_error)) {
    if (!own_error)
      dmabuf_set_error (&own_error, EBUSY, "%s refuses to attach %s",
          dmabuf_exporter_get_name (exporter), dmabuf_device_get_name (device));
    g_propagate_error (error, own_error);
    return NULL;
  }

  attachment = g_new0 (DmabufAttachment, 1);
  attachment->n_holders = 1;
  attachment->device = g_object_ref (device);
  attachment->buffer = dmabuf_buffer_ref (buffer);
  attachment->lru.data = attachment;
  g_mutex_init (&attachment->import_lock);
  g_cond_init (&attachment->import_made);

  /* ATT-3: in the list after the exporter agreed. */
  g_mutex_lock (&buffer->lock);
  buffer->attachments = g_list_prepend (buffer->attachments, attachment);
  g_mutex_unlock (&buffer->lock);

  dmabuf_count (dmabuf_device_statistics (device), attachments, 1);
  dmabuf_count (dmabuf_device_statistics (device), attachments_made, 1);

  return attachment;
}

void
dmabuf_attachment_free (DmabufAttachment *attachment)
{
  DmabufBuffer *buffer = attachment->buffer;
  DmabufExporterClass *klass;
  DmabufMapping *mapping;

  dmabuf_attachment_drop_imports (attachment, TRUE);

  /* ATT-3: off the list before the exporter is told. */
  g_mutex_lock (&buffer->lock);
  buffer->attachments = g_list_remove (buffer->attachments, attachment);
  g_mutex_unlock (&buffer->lock);

  klass = DMABUF_EXPORTER_GET_CLASS (buffer->exporter);
  if (klass->detach)
    klass->detach (buffer->exporter, buffer, attachment->device);

  dmabuf_count (dmabuf_device_statistics (attachment->device), attachments, -1);

  while ((mapping = attachment->spare_mappings)) {
    attachment->spare_mappings = mapping->next;
    g_free (mapping);
  }
  g_mutex_clear (&attachment->import_lock);
  g_cond_clear (&attachment->import_made);
  dmabuf_buffer_unref (buffer);
  g_free (attachment);
}

DmabufAttachment *
dmabuf_attachment_ref (DmabufAttachment *attachment)
{
  g_return_val_if_fail (attachment != NULL, NULL);

  g_atomic_int_inc (&attachment->n_holders);
  return attachment;
}

void
dmabuf_attachment_unref (DmabufAttachment *attachment)
{
  DmabufDevice *device;
  gboolean idle, drop = FALSE;
  gint count;

  g_return_if_fail (attachment != NULL);

  count = g_atomic_int_get (&attachment->n_holders);
  while (count > 1) {
    if (g_atomic_int_compare_and_exchange_full (
            &attachment->n_holders, count, count - 1, &count))
      return;
  }

  device = attachment->device;
  g_mutex_lock (dmabuf_device_lock (device));
  idle = g_atomic_int_dec_and_test (&attachment->n_holders);
  if (idle && attachment->cached && dmabuf_device_is_full (device)) {
    dmabuf_device_uncache (device, attachment);
    dmabuf_count (dmabuf_device_statistics (device), evictions, 1);
  }
  if (idle)
    drop = !attachment->cached;
  g_mutex_unlock (dmabuf_device_lock (device));

  if (drop)
    dmabuf_attachment_free (attachment);
  if (idle)
    g_object_unref (device);
}

DmabufBuffer *
dmabuf_attachment_get_buffer (DmabufAttachment *attachment)
{
  g_return_val_if_fail (attachment != NULL, NULL);

  return attachment->buffer;
}

DmabufDevice *
dmabuf_attachment_get_device (DmabufAttachment *attachment)
{
  g_return_val_if_fail (attachment != NULL, NULL);

  return attachment->device;
}
