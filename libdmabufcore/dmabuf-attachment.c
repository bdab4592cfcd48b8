/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-buffer-private.h"
#include "dmabuf-device-private.h"
#include "dmabuf-exporter-private.h"
#include "dmabuf-statistics-private.h"
#include "dmabuf-storage-private.h"

#include <errno.h>

G_DEFINE_BOXED_TYPE (DmabufAttachment, dmabuf_attachment, dmabuf_attachment_ref,
    dmabuf_attachment_unref)

DmabufAttachment *
dmabuf_attachment_new (
    DmabufDevice *device, DmabufBuffer *buffer, GError **error)
{
  DmabufAttachment *attachment = NULL;
  DmabufExporter *exporter = NULL;

  if (!dmabuf_storage_check_device (buffer, device, error))
    return NULL;

  /* The use keeps the storage with this exporter while its attach is called. If
   * the storage is deferred, the exporter is asked when it is chosen (DEF-1).
   */
  dmabuf_buffer_acquire_as_is (buffer);
  if (dmabuf_buffer_peek_fd (buffer) >= 0)
    exporter = buffer->exporter;
  if (exporter && !dmabuf_storage_attach_one (buffer, exporter, device, error))
    goto out;

  attachment = g_new0 (DmabufAttachment, 1);
  attachment->n_holders = 1;
  attachment->device = g_object_ref (device);
  attachment->buffer = dmabuf_buffer_ref (buffer);
  attachment->lru.data = attachment;
  attachment->attached_by = exporter;
  g_weak_ref_init (&attachment->weak_device, device);
  g_mutex_init (&attachment->import_lock);
  g_cond_init (&attachment->import_made);

  /* ATT-3: enters the list after the exporter agreed. */
  g_mutex_lock (&buffer->lock);
  buffer->attachments = g_list_prepend (buffer->attachments, attachment);
  g_mutex_unlock (&buffer->lock);

  dmabuf_count (dmabuf_device_statistics (device), attachments, 1);
  dmabuf_count (dmabuf_device_statistics (device), attachments_made, 1);

out:
  dmabuf_buffer_release_use (buffer);
  return attachment;
}

void
dmabuf_attachment_free (DmabufAttachment *attachment)
{
  DmabufBuffer *buffer = attachment->buffer;
  DmabufExporter *exporter;
  DmabufMapping *mapping;

  dmabuf_attachment_drop_imports (attachment, TRUE);

  /* ATT-3: leaves the list before the exporter's detach is called. Meanwhile
   * the use keeps the storage with that exporter. */
  dmabuf_buffer_acquire_as_is (buffer);
  g_mutex_lock (&buffer->lock);
  buffer->attachments = g_list_remove (buffer->attachments, attachment);
  g_mutex_unlock (&buffer->lock);

  exporter = attachment->attached_by;
  if (exporter)
    dmabuf_storage_detach_one (buffer, exporter, attachment->device);
  dmabuf_buffer_release_use (buffer);

  dmabuf_count (dmabuf_device_statistics (attachment->device), attachments, -1);

  while ((mapping = attachment->spare_mappings)) {
    attachment->spare_mappings = mapping->next;
    g_free (mapping);
  }
  g_weak_ref_clear (&attachment->weak_device);
  g_mutex_clear (&attachment->import_lock);
  g_cond_clear (&attachment->import_made);
  dmabuf_buffer_unref (buffer);
  g_free (attachment);
}

gboolean
dmabuf_attachment_try_ref (DmabufAttachment *attachment)
{
  DmabufDevice *device = attachment->device;
  gboolean lives;

  g_mutex_lock (dmabuf_device_lock (device));
  lives = attachment->cached || g_atomic_int_get (&attachment->n_holders) > 0;
  if (lives && g_atomic_int_add (&attachment->n_holders, 1) == 0) {
    g_atomic_int_inc (&attachment->hold_epoch);
    g_object_ref (device);
  }
  g_mutex_unlock (dmabuf_device_lock (device));

  return lives;
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

/* --- Pins ---------------------------------------------------------------- */

gboolean
dmabuf_attachment_pin (DmabufAttachment *attachment, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  DmabufExporterClass *klass;
  DmabufBuffer *buffer;

  g_return_val_if_fail (attachment != NULL, FALSE);

  /* DEF-6: only a dynamic importer pins. */
  if (!DMABUF_DEVICE_GET_CLASS (attachment->device)->invalidate) {
    dmabuf_set_error (error, EINVAL,
        "%s cannot pin: only a device that implements invalidate may forbid "
        "moves",
        dmabuf_device_get_name (attachment->device));
    return FALSE;
  }

  buffer = attachment->buffer;
  if (!dmabuf_buffer_acquire (buffer, attachment, deadline, cancellable, error))
    return FALSE;

  klass = DMABUF_EXPORTER_GET_CLASS (buffer->exporter);
  if (klass->pin && !klass->pin (buffer->exporter, attachment, error)) {
    dmabuf_buffer_release_use (buffer);
    return FALSE;
  }

  g_atomic_int_inc (&attachment->n_pins);
  dmabuf_attachment_ref (attachment);
  return TRUE;
}

void
dmabuf_attachment_unpin (DmabufAttachment *attachment)
{
  DmabufExporterClass *klass;
  gint pins;

  g_return_if_fail (attachment != NULL);

  pins = g_atomic_int_get (&attachment->n_pins);
  do {
    if (pins == 0) {
      g_critical ("%s has not pinned the buffer",
          dmabuf_device_get_name (attachment->device));
      return;
    }
  } while (!g_atomic_int_compare_and_exchange_full (
      &attachment->n_pins, pins, pins - 1, &pins));

  klass = DMABUF_EXPORTER_GET_CLASS (attachment->buffer->exporter);
  if (klass->unpin)
    klass->unpin (attachment->buffer->exporter, attachment);
  dmabuf_buffer_release_use (attachment->buffer);
  dmabuf_attachment_unref (attachment);
}
