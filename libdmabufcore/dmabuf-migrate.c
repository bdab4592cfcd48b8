/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Allocates the storage of a deferred buffer, and moves it. */

#include "dmabuf-constraints-private.h"
#include "dmabuf-device-private.h"
#include "dmabuf-exporter-private.h"
#include "dmabuf-statistics-private.h"
#include "dmabuf-storage-private.h"

#include <errno.h>
#include <string.h>

/* The attachments of @buffer, held. Those that are being freed are left out:
 * their device is gone, or they have left its cache and wait for our lock. */
GPtrArray *
dmabuf_storage_hold_attachments (DmabufBuffer *buffer)
{
  GPtrArray *held =
      g_ptr_array_new_with_free_func ((GDestroyNotify) dmabuf_attachment_unref);
  g_autoptr (GPtrArray) devices =
      g_ptr_array_new_with_free_func (g_object_unref);
  GList *link;

  g_mutex_lock (&buffer->lock);
  for (link = buffer->attachments; link; link = link->next) {
    DmabufAttachment *attachment = link->data;
    DmabufDevice *device = g_weak_ref_get (&attachment->weak_device);

    if (!device)
      continue;
    if (dmabuf_attachment_try_ref (attachment))
      g_ptr_array_add (held, attachment);
    /* Dropped after unlocking, as it may be the last reference. */
    g_ptr_array_add (devices, device);
  }
  g_mutex_unlock (&buffer->lock);

  return held;
}

static DmabufConstraints *
merge_attached (GPtrArray *attachments, GError **error)
{
  g_autoptr (GPtrArray) devices = g_ptr_array_new ();
  guint i;

  for (i = 0; i < attachments->len; i++) {
    DmabufAttachment *attachment = g_ptr_array_index (attachments, i);

    g_ptr_array_add (devices, attachment->device);
  }
  return dmabuf_merge_devices (
      (DmabufDevice **) devices->pdata, devices->len, error);
}

/* --- The exporter's attach and detach ------------------------------------ */

gboolean
dmabuf_storage_attach_one (DmabufBuffer *buffer, DmabufExporter *exporter,
    DmabufDevice *device, GError **error)
{
  DmabufExporterClass *klass = DMABUF_EXPORTER_GET_CLASS (exporter);
  GError *own_error = NULL;

  gboolean agreed;

  if (!klass->attach)
    return TRUE;

  /* An exporter may look at the fd; the storage can still move afterwards. */
  dmabuf_buffer_keep_begin ();
  agreed = klass->attach (exporter, buffer, device, &own_error);
  dmabuf_buffer_keep_end ();
  if (agreed)
    return TRUE;

  if (!own_error)
    dmabuf_set_error (&own_error, EBUSY, "%s refuses to attach %s",
        dmabuf_exporter_get_name (exporter), dmabuf_device_get_name (device));
  g_propagate_error (error, own_error);
  return FALSE;
}

void
dmabuf_storage_detach_one (
    DmabufBuffer *buffer, DmabufExporter *exporter, DmabufDevice *device)
{
  DmabufExporterClass *klass = DMABUF_EXPORTER_GET_CLASS (exporter);

  if (!klass->detach)
    return;

  dmabuf_buffer_keep_begin ();
  klass->detach (exporter, buffer, device);
  dmabuf_buffer_keep_end ();
}

static void
detach_all (DmabufBuffer *buffer, GPtrArray *attachments, guint n)
{
  guint i;

  for (i = 0; i < n; i++) {
    DmabufAttachment *attachment = g_ptr_array_index (attachments, i);
    DmabufExporter *exporter = attachment->attached_by;

    if (exporter)
      dmabuf_storage_detach_one (buffer, exporter, attachment->device);
    attachment->attached_by = NULL;
  }
}

static gboolean
attach_all (DmabufBuffer *buffer, DmabufExporter *exporter,
    GPtrArray *attachments, GError **error)
{
  guint i;

  for (i = 0; i < attachments->len; i++) {
    DmabufAttachment *attachment = g_ptr_array_index (attachments, i);

    if (!dmabuf_storage_attach_one (
            buffer, exporter, attachment->device, error)) {
      detach_all (buffer, attachments, i);
      return FALSE;
    }
    attachment->attached_by = exporter;
  }
  return TRUE;
}

/* --- Exchange of the storage -------------------------------------------- */

#define SWAP(a, b) \
  G_STMT_START \
  { \
    __typeof__ (a) swapped_ = (a); \
    (a) = (b); \
    (b) = swapped_; \
  } \
  G_STMT_END

/* Exchanges the storage of both. Only the caller has a reference to @other. */
static void
swap_storage (DmabufBuffer *buffer, DmabufBuffer *other)
{
  DmabufExporter *exporter;
  int fd;

  g_mutex_lock (&buffer->lock);
  dmabuf_registry_forget (buffer);
  fd = buffer->fd;
  g_atomic_int_set (&buffer->fd, other->fd);
  other->fd = fd;
  exporter = buffer->exporter;
  g_atomic_pointer_set (&buffer->exporter, other->exporter);
  other->exporter = exporter;
  SWAP (buffer->kept_address, other->kept_address);
  SWAP (buffer->access_mode, other->access_mode);
  SWAP (buffer->exporter_data, other->exporter_data);
  SWAP (buffer->exporter_data_free, other->exporter_data_free);
  g_atomic_int_inc (&buffer->generation);
  if (dmabuf_buffer_is_seen (buffer) && buffer->fd >= 0
      && dmabuf_exporter_is_dmabuf (buffer->exporter))
    dmabuf_registry_expose (buffer);
  g_mutex_unlock (&buffer->lock);
}

/* New storage for @buffer, as a buffer of its own. */
static DmabufBuffer *
allocate_for (DmabufBuffer *buffer, DmabufExporter *exporter,
    const DmabufConstraints *constraints, GError **error)
{
  gsize size = dmabuf_constraints_align_size (constraints, buffer->size);
  DmabufExporterClass *klass = DMABUF_EXPORTER_GET_CLASS (exporter);
  DmabufBuffer *fresh;
  int fd;

  fd = dmabuf_exporter_allocate_storage (exporter, &size, error);
  if (fd < 0)
    return NULL;

  /* EXP-2: the buffer keeps its size, even if the devices' alignment made the
   * storage larger. */
  fresh = dmabuf_buffer_new (exporter, fd, buffer->size);
  if (klass->setup)
    klass->setup (exporter, fresh);

  /* The result is ignored: not every kernel has names. */
  g_mutex_lock (&buffer->lock);
  if (buffer->name && dmabuf_exporter_is_dmabuf (exporter))
    dmabuf_kernel_set_name (fd, buffer->name);
  g_mutex_unlock (&buffer->lock);
  return fresh;
}

gboolean
dmabuf_storage_place (DmabufBuffer *buffer, GError **error)
{
  g_autoptr (GPtrArray) attachments = dmabuf_storage_hold_attachments (buffer);
  g_autoptr (DmabufConstraints) constraints = NULL;
  GPtrArray *exporters = buffer->placement->exporters;
  GError *own_error = NULL, *last_error = NULL;
  DmabufExporter *exporter;
  DmabufBuffer *fresh;
  guint first = 0;

  constraints = merge_attached (attachments, error);
  if (!constraints)
    return FALSE;

  /* The first exporter that suits, has memory left and agrees to all devices.
   */
  while ((exporter = dmabuf_choose_for (
              exporters, constraints, first, NULL, &own_error))) {
    g_clear_error (&last_error);
    fresh = allocate_for (buffer, exporter, constraints, &last_error);
    if (fresh) {
      swap_storage (buffer, fresh);
      if (attach_all (buffer, exporter, attachments, &last_error)) {
        dmabuf_buffer_unref (fresh);
        return TRUE;
      }
      swap_storage (buffer, fresh);
      dmabuf_buffer_unref (fresh);
    }
    g_ptr_array_find (exporters, exporter, &first);
    first++;
  }

  /* The failure of the last one that suited says more than "none is left". */
  if (last_error) {
    g_clear_error (&own_error);
    own_error = last_error;
  }
  g_propagate_error (error, own_error);
  return FALSE;
}

/* Maps both ends with the operations of their exporters: a cache may not be
 * coherent, or only the exporter may be able to map its memory. */
static gboolean
copy_content (DmabufBuffer *from, DmabufBuffer *to, GError **error)
{
  DmabufExporterClass *klass = DMABUF_EXPORTER_GET_CLASS (from->exporter);
  g_auto (DmabufCpuScope) scope = DMABUF_CPU_SCOPE_INIT;
  gpointer source, target;
  gboolean ok;

  target = dmabuf_cpu_scope_begin (
      &scope, to, DMABUF_ACCESS_WRITE, DMABUF_DEADLINE_NEVER, NULL, error);
  if (!target)
    return FALSE;

  if (!klass->vmap) {
    dmabuf_set_error (error, EBUSY,
        "the CPU cannot map the memory of %s, so its content cannot move",
        dmabuf_exporter_get_name (from->exporter));
    return FALSE;
  }
  source = klass->vmap (from->exporter, from, DMABUF_ACCESS_READ, error);
  if (!source)
    return FALSE;

  ok = !klass->begin_cpu_access
      || klass->begin_cpu_access (
          from->exporter, from, DMABUF_ACCESS_READ, error);
  if (ok) {
    memcpy (target, source, from->size);
    if (klass->end_cpu_access)
      ok = klass->end_cpu_access (
          from->exporter, from, DMABUF_ACCESS_READ, error);
  }
  if (klass->vunmap)
    klass->vunmap (from->exporter, from, source);

  return ok && dmabuf_cpu_scope_end (&scope, error);
}

static gboolean
check_movable (DmabufBuffer *buffer, GError **error)
{
  if (g_atomic_int_get (&buffer->handed_out)) {
    dmabuf_set_error (error, EBUSY,
        "the storage in %s cannot move: its fd was handed out",
        dmabuf_exporter_get_name (buffer->exporter));
    return FALSE;
  }
  return TRUE;
}

static void
invalidate_all (GPtrArray *attachments)
{
  guint i;

  for (i = 0; i < attachments->len; i++) {
    DmabufAttachment *attachment = g_ptr_array_index (attachments, i);
    DmabufDeviceClass *klass = DMABUF_DEVICE_GET_CLASS (attachment->device);

    if (klass->invalidate)
      klass->invalidate (attachment->device, attachment);
  }
}

gboolean
dmabuf_storage_move (DmabufBuffer *buffer, GError **error)
{
  g_autoptr (GPtrArray) attachments = dmabuf_storage_hold_attachments (buffer);
  g_autoptr (DmabufConstraints) constraints = NULL;
  DmabufExporter *target, *old = buffer->exporter;
  DmabufBuffer *fresh;
  guint i;

  constraints = merge_attached (attachments, error);
  if (!constraints)
    return FALSE;
  target = dmabuf_choose_for (
      buffer->placement->exporters, constraints, 0, NULL, error);
  if (!target)
    return FALSE;
  if (target == old)
    return TRUE;
  if (!check_movable (buffer, error))
    return FALSE;

  fresh = allocate_for (buffer, target, constraints, error);
  if (!fresh)
    return FALSE;
  if (!copy_content (buffer, fresh, error))
    goto discard;

  detach_all (buffer, attachments, attachments->len);
  swap_storage (buffer, fresh);
  if (!attach_all (buffer, target, attachments, error))
    goto veto;

  /* Imports of the old storage still hold it, so they are dropped. */
  invalidate_all (attachments);
  for (i = 0; i < attachments->len; i++)
    dmabuf_attachment_drop_imports (g_ptr_array_index (attachments, i), FALSE);

  dmabuf_count (dmabuf_exporter_statistics (target), migrations, 1);
  dmabuf_buffer_unref (fresh);
  return TRUE;

  /* ERRORS */
veto:
  swap_storage (buffer, fresh);
  attach_all (buffer, old, attachments, NULL);
discard:
  dmabuf_buffer_unref (fresh);
  return FALSE;
}

void
dmabuf_buffer_revoke (DmabufBuffer *buffer)
{
  g_autoptr (GPtrArray) attachments = NULL;

  g_return_if_fail (buffer != NULL);

  if (!g_atomic_int_compare_and_exchange (&buffer->revoked, FALSE, TRUE))
    return;

  /* Threads that wait for a move give up. */
  g_mutex_lock (&buffer->lock);
  g_cond_broadcast (&buffer->changed);
  g_mutex_unlock (&buffer->lock);

  attachments = dmabuf_storage_hold_attachments (buffer);
  invalidate_all (attachments);
}

/* --- New devices --------------------------------------------------------- */

/* The name of an attached device that conflicts with @newcomer: no exporter
 * suits both. */
static const char *
find_conflicting_device (GPtrArray *exporters, GPtrArray *attachments,
    const DmabufConstraints *newcomer)
{
  guint i;

  for (i = 0; i < attachments->len; i++) {
    DmabufAttachment *attachment = g_ptr_array_index (attachments, i);
    g_autoptr (DmabufConstraints) one =
        dmabuf_device_get_constraints (attachment->device);
    g_autoptr (DmabufConstraints) both =
        one ? dmabuf_constraints_merge (one, newcomer, NULL) : NULL;

    if (one && (!both || !dmabuf_choose_for (exporters, both, 0, NULL, NULL)))
      return dmabuf_device_get_name (attachment->device);
  }
  return attachments->len > 0
      ? dmabuf_device_get_name (
            ((DmabufAttachment *) g_ptr_array_index (attachments, 0))->device)
      : NULL;
}

static const char *
find_pinner (GPtrArray *attachments)
{
  guint i;

  for (i = 0; i < attachments->len; i++) {
    DmabufAttachment *attachment = g_ptr_array_index (attachments, i);

    if (g_atomic_int_get (&attachment->n_pins) > 0)
      return dmabuf_device_get_name (attachment->device);
  }
  return NULL;
}

static gboolean
check_placed (DmabufBuffer *buffer, DmabufDevice *device,
    const DmabufConstraints *newcomer, GError **error)
{
  g_autoptr (GPtrArray) attachments = dmabuf_storage_hold_attachments (buffer);
  GPtrArray *exporters = buffer->placement->exporters;
  g_autoptr (DmabufConstraints) others = NULL;
  g_autoptr (DmabufConstraints) all = NULL;
  const char *name = dmabuf_device_get_name (device);
  const char *conflicting, *pinner;
  GError *own_error = NULL;
  gboolean placed;

  others = merge_attached (attachments, error);
  if (!others)
    return FALSE;
  all = dmabuf_constraints_merge (others, newcomer, error);
  if (!all)
    return FALSE;

  if (!dmabuf_choose_for (exporters, all, 0, NULL, &own_error)) {
    conflicting = find_conflicting_device (exporters, attachments, newcomer);
    dmabuf_set_error (error, EBUSY, "%s cannot attach%s%s: %s", name,
        conflicting ? " beside " : "", conflicting ? conflicting : "",
        own_error->message);
    g_clear_error (&own_error);
    return FALSE;
  }

  g_mutex_lock (&buffer->lock);
  placed = buffer->fd >= 0;
  g_mutex_unlock (&buffer->lock);
  if (!placed || dmabuf_device_suits (device, buffer->exporter, &own_error))
    return TRUE;

  /* It would have to move. */
  pinner = find_pinner (attachments);
  conflicting = find_conflicting_device (exporters, attachments, newcomer);
  if (pinner)
    dmabuf_set_error (error, EBUSY,
        "%s cannot attach: %s, and %s has pinned the storage there", name,
        own_error->message, pinner);
  else if (g_atomic_int_get (&buffer->handed_out))
    dmabuf_set_error (error, EBUSY,
        "%s cannot attach%s%s: %s, and the storage cannot move, because its fd "
        "was handed out",
        name, conflicting ? " beside " : "", conflicting ? conflicting : "",
        own_error->message);
  else {
    g_clear_error (&own_error);
    return TRUE;
  }
  g_clear_error (&own_error);
  return FALSE;
}

gboolean
dmabuf_storage_check_device (
    DmabufBuffer *buffer, DmabufDevice *device, GError **error)
{
  g_autoptr (DmabufConstraints) constraints = NULL;

  if (!buffer->placement)
    return dmabuf_device_suits (device, buffer->exporter, error);

  constraints = dmabuf_device_get_constraints (device);
  return !constraints || check_placed (buffer, device, constraints, error);
}
