/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The imports of a device, each made once: a short list with each attachment,
 * keyed by the layout and by the generation of the storage. The import of a
 * frame with planes in several buffers is with the first plane's attachment,
 * and holds the other buffers.
 *
 * A holder may use an import until it drops the attachment. In an attachment
 * without holders imports are only cached. The hold epoch counts how often the
 * attachment went from no holder to one: imports that were last used in an
 * earlier epoch are freed when there are too many.
 */

#include "dmabuf-buffer-private.h"
#include "dmabuf-device-private.h"
#include "dmabuf-statistics-private.h"
#include <libdmabufcore/dmabuf-attachment.h>
#include <libdmabufcore/dmabuf-layout.h>

#include <errno.h>

/* Enough for the layouts of one buffer that alternate: fields, crops, views. */
#define MAX_IMPORTS 8

static guint
generation_of (DmabufBuffer *buffer)
{
  return g_atomic_int_get (&buffer->generation);
}

static gboolean
is_current (const DmabufImport *import)
{
  guint i;

  for (i = 0; i < import->layout.n_planes; i++) {
    if (generation_of (import->layout.planes[i].buffer)
        != import->generations[i])
      return FALSE;
  }
  return TRUE;
}

static DmabufImport *
import_new (DmabufAttachment *attachment, const DmabufLayout *layout)
{
  DmabufImport *import = g_new0 (DmabufImport, 1);
  guint i;

  import->layout = *layout;
  for (i = 0; i < layout->n_planes; i++) {
    DmabufBuffer *buffer = layout->planes[i].buffer;

    import->generations[i] = generation_of (buffer);
    /* The attachment holds its own buffer. */
    if (buffer != attachment->buffer)
      dmabuf_buffer_ref (buffer);
  }
  return import;
}

static void
import_free (DmabufAttachment *attachment, DmabufImport *import)
{
  DmabufDeviceClass *klass = DMABUF_DEVICE_GET_CLASS (attachment->device);
  guint i;

  if (import->ready && klass->release_import)
    klass->release_import (attachment->device, import->import);

  for (i = 0; i < import->layout.n_planes; i++) {
    if (import->layout.planes[i].buffer != attachment->buffer)
      dmabuf_buffer_unref (import->layout.planes[i].buffer);
  }
  g_free (import);
}

/* Frees @all imports; else those of storage that has moved, and those above the
 * bound that were last used in an earlier epoch. */
void
dmabuf_attachment_drop_imports (DmabufAttachment *attachment, gboolean all)
{
  gint hold_epoch = g_atomic_int_get (&attachment->hold_epoch);
  DmabufImport **link, *import, *dropped = NULL;
  guint n = 0;

  g_mutex_lock (&attachment->import_lock);
  link = &attachment->imports;
  while ((import = *link)) {
    gboolean keep = is_current (import)
        && (++n < MAX_IMPORTS || import->hold_epoch == hold_epoch);

    if (!import->ready || (!all && keep)) {
      link = &import->next;
      continue;
    }
    *link = import->next;
    import->next = dropped;
    dropped = import;
  }
  g_mutex_unlock (&attachment->import_lock);

  while ((import = dropped)) {
    dropped = import->next;
    import_free (attachment, import);
  }
}

/* Lock held. */
static DmabufImport *
find (DmabufAttachment *attachment, const DmabufLayout *layout)
{
  DmabufImport **link, *import;

  for (link = &attachment->imports; (import = *link); link = &import->next) {
    if (dmabuf_layout_equal (&import->layout, layout) && is_current (import)) {
      *link = import->next;
      import->next = attachment->imports;
      attachment->imports = import;
      import->hold_epoch = g_atomic_int_get (&attachment->hold_epoch);
      return import;
    }
  }
  return NULL;
}

/* While a device imports, the storage of deferred buffers stays in place: a
 * move would close the fd in use, and the number could become another file's.
 */
static void
hold_storage (const DmabufLayout *layout, gboolean hold)
{
  guint i;

  for (i = 0; i < layout->n_planes; i++) {
    DmabufBuffer *buffer = layout->planes[i].buffer;

    if (hold)
      dmabuf_buffer_hold_storage (buffer);
    else
      dmabuf_buffer_release_storage (buffer);
  }
}

static void
unlink_import (DmabufAttachment *attachment, DmabufImport *import)
{
  DmabufImport **link = &attachment->imports;

  while (*link != import)
    link = &(*link)->next;
  *link = import->next;
}

static gboolean
check_arguments (
    DmabufAttachment *attachment, const DmabufLayout *layout, GError **error)
{
  DmabufDeviceClass *klass = DMABUF_DEVICE_GET_CLASS (attachment->device);

  if (!klass->import) {
    dmabuf_set_error (error, EOPNOTSUPP, "%s does not import frames",
        dmabuf_device_get_name (attachment->device));
    return FALSE;
  }
  if (layout->n_planes == 0 || layout->planes[0].buffer != attachment->buffer) {
    dmabuf_set_error (error, EINVAL,
        "the frame's first plane does not lie in the buffer that is attached "
        "to %s",
        dmabuf_device_get_name (attachment->device));
    return FALSE;
  }
  return dmabuf_layout_validate (layout, error)
      && dmabuf_device_takes_layout (attachment->device, layout, error);
}

static gpointer
call_device (
    DmabufAttachment *attachment, const DmabufLayout *layout, GError **error)
{
  DmabufDevice *device = attachment->device;
  GError *own_error = NULL;
  gpointer result;

  dmabuf_buffer_keep_begin ();
  result = DMABUF_DEVICE_GET_CLASS (device)->import (
      device, attachment, layout, &own_error);
  dmabuf_buffer_keep_end ();

  if (!result) {
    if (!own_error)
      dmabuf_set_error (&own_error, ENOMEM, "%s cannot import the frame",
          dmabuf_device_get_name (device));
    g_propagate_error (error, own_error);
  }
  return result;
}

static gpointer
import_layout (DmabufAttachment *attachment, const DmabufLayout *layout,
    gboolean *reused, GError **error)
{
  DmabufStatistics *statistics;
  DmabufImport *import;
  gpointer result;

  statistics = dmabuf_device_statistics (attachment->device);

  g_mutex_lock (&attachment->import_lock);
  while ((import = find (attachment, layout)) && !import->ready)
    g_cond_wait (&attachment->import_made, &attachment->import_lock);
  result = import ? import->import : NULL;
  g_mutex_unlock (&attachment->import_lock);

  if (reused)
    *reused = import != NULL;
  if (import) {
    dmabuf_count (statistics, imports_reused, 1);
    return result;
  }

  if (!check_arguments (attachment, layout, error))
    return NULL;
  dmabuf_attachment_drop_imports (attachment, FALSE);

  /* The device imports without the lock. Meanwhile an entry that is not ready
   * makes other threads wait for this import. If another thread has just added
   * the entry, start over and wait for that one. */
  hold_storage (layout, TRUE);
  g_mutex_lock (&attachment->import_lock);
  if (find (attachment, layout)) {
    g_mutex_unlock (&attachment->import_lock);
    hold_storage (layout, FALSE);
    return import_layout (attachment, layout, reused, error);
  }
  import = import_new (attachment, layout);
  import->hold_epoch = g_atomic_int_get (&attachment->hold_epoch);
  import->next = attachment->imports;
  attachment->imports = import;
  g_mutex_unlock (&attachment->import_lock);

  result = call_device (attachment, layout, error);
  hold_storage (layout, FALSE);

  g_mutex_lock (&attachment->import_lock);
  if (result) {
    import->import = result;
    import->ready = TRUE;
  } else {
    unlink_import (attachment, import);
  }
  g_cond_broadcast (&attachment->import_made);
  g_mutex_unlock (&attachment->import_lock);

  if (result)
    dmabuf_count (statistics, imports_made, 1);
  else
    import_free (attachment, import);

  return result;
}

gpointer
dmabuf_attachment_import (DmabufAttachment *attachment,
    const DmabufLayout *layout, gboolean *reused, GError **error)
{
  DmabufLayout copy;

  g_return_val_if_fail (attachment != NULL, NULL);
  g_return_val_if_fail (layout != NULL, NULL);

  /* SEC-11: check and use a copy, as the original may change meanwhile. */
  copy = *layout;
  copy.n_planes = MIN (copy.n_planes, DMABUF_CORE_MAX_PLANES + 1);
  return import_layout (attachment, &copy, reused, error);
}
