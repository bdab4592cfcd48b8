/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "third-party.h"

G_DEFINE_FINAL_TYPE (ThirdExporter, third_exporter, DMABUF_TYPE_EXPORTER)

static gboolean
fail (int code, const char *what, GError **error)
{
  if (code > 0)
    g_set_error (error, DMABUF_ERROR, code, "the third party cannot %s", what);
  return FALSE;
}

static int
third_exporter_allocate (DmabufExporter *exporter, gsize size, GError **error)
{
  ThirdExporter *self = THIRD_EXPORTER (exporter);
  DmabufBuffer *buffer;
  int fd;

  if (self->fail_allocate) {
    fail (self->fail_allocate, "allocate", error);
    return -1;
  }

  buffer = dmabuf_exporter_allocate (self->backing, size, error);
  if (!buffer)
    return -1;
  fd = dmabuf_buffer_export (buffer, error);
  dmabuf_buffer_unref (buffer);
  if (fd >= 0)
    g_atomic_int_inc (&self->n_allocated);
  return fd;
}

static void
data_free (gpointer data)
{
  g_atomic_int_inc (&THIRD_EXPORTER (data)->n_data_freed);
}

static void
third_exporter_setup (DmabufExporter *exporter, DmabufBuffer *buffer)
{
  dmabuf_buffer_set_exporter_data (buffer, exporter, data_free);
}

static gboolean
third_exporter_attach (DmabufExporter *exporter, DmabufBuffer *buffer,
    DmabufDevice *device, GError **error)
{
  ThirdExporter *self = THIRD_EXPORTER (exporter);

  if (self->on_attach)
    self->on_attach (buffer, self->on_attach_data);
  if (device == self->veto)
    return FALSE;
  g_atomic_int_inc (&self->n_attached);
  return TRUE;
}

static void
third_exporter_detach (
    DmabufExporter *exporter, DmabufBuffer *buffer, DmabufDevice *device)
{
  g_atomic_int_add (&THIRD_EXPORTER (exporter)->n_attached, -1);
}

static gboolean
third_exporter_map (DmabufExporter *exporter, DmabufAttachment *attachment,
    DmabufDirection direction, GError **error)
{
  ThirdExporter *self = THIRD_EXPORTER (exporter);

  if (self->fail_map)
    return fail (self->fail_map, "map", error);
  g_atomic_int_inc (&self->n_mapped);
  return TRUE;
}

static void
third_exporter_unmap (DmabufExporter *exporter, DmabufAttachment *attachment,
    DmabufDirection direction)
{
  g_atomic_int_add (&THIRD_EXPORTER (exporter)->n_mapped, -1);
}

static gboolean
third_exporter_pin (
    DmabufExporter *exporter, DmabufAttachment *attachment, GError **error)
{
  g_atomic_int_inc (&THIRD_EXPORTER (exporter)->n_pinned);
  return TRUE;
}

static void
third_exporter_unpin (DmabufExporter *exporter, DmabufAttachment *attachment)
{
  g_atomic_int_add (&THIRD_EXPORTER (exporter)->n_pinned, -1);
}

static gboolean
third_exporter_begin_cpu_access (DmabufExporter *exporter, DmabufBuffer *buffer,
    DmabufAccess access, GError **error)
{
  ThirdExporter *self = THIRD_EXPORTER (exporter);

  if (self->fail_begin)
    return fail (self->fail_begin, "begin", error);
  if (!DMABUF_EXPORTER_CLASS (third_exporter_parent_class)
          ->begin_cpu_access (exporter, buffer, access, error))
    return FALSE;
  g_atomic_int_inc (&self->n_begun);
  g_atomic_int_set ((gint *) &self->last_access, access);
  return TRUE;
}

static gboolean
third_exporter_end_cpu_access (DmabufExporter *exporter, DmabufBuffer *buffer,
    DmabufAccess access, GError **error)
{
  ThirdExporter *self = THIRD_EXPORTER (exporter);

  g_atomic_int_add (&self->n_begun, -1);
  g_atomic_int_set ((gint *) &self->last_access, access);
  if (self->fail_end)
    return fail (self->fail_end, "end", error);
  return DMABUF_EXPORTER_CLASS (third_exporter_parent_class)
      ->end_cpu_access (exporter, buffer, access, error);
}

static gpointer
third_exporter_vmap (DmabufExporter *exporter, DmabufBuffer *buffer,
    DmabufAccess access, GError **error)
{
  ThirdExporter *self = THIRD_EXPORTER (exporter);
  gpointer address;

  address = DMABUF_EXPORTER_CLASS (third_exporter_parent_class)
                ->vmap (exporter, buffer, access, error);
  if (address) {
    g_atomic_int_set (&self->n_vmapped, 1);
    g_atomic_int_inc (&self->n_vmaps);
  }
  return address;
}

static void
third_exporter_vunmap (
    DmabufExporter *exporter, DmabufBuffer *buffer, gpointer address)
{
  g_atomic_int_set (&THIRD_EXPORTER (exporter)->n_vmapped, 0);
  DMABUF_EXPORTER_CLASS (third_exporter_parent_class)
      ->vunmap (exporter, buffer, address);
}

static void
third_exporter_release (DmabufExporter *exporter, DmabufBuffer *buffer)
{
  g_atomic_int_inc (&THIRD_EXPORTER (exporter)->n_released);
}

static void
third_exporter_finalize (GObject *object)
{
  g_clear_object (&THIRD_EXPORTER (object)->backing);
  G_OBJECT_CLASS (third_exporter_parent_class)->finalize (object);
}

static void
third_exporter_class_init (ThirdExporterClass *klass)
{
  DmabufExporterClass *exporter_class = DMABUF_EXPORTER_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = third_exporter_finalize;
  exporter_class->allocate = third_exporter_allocate;
  exporter_class->setup = third_exporter_setup;
  exporter_class->attach = third_exporter_attach;
  exporter_class->detach = third_exporter_detach;
  exporter_class->map = third_exporter_map;
  exporter_class->unmap = third_exporter_unmap;
  exporter_class->pin = third_exporter_pin;
  exporter_class->unpin = third_exporter_unpin;
  exporter_class->begin_cpu_access = third_exporter_begin_cpu_access;
  exporter_class->end_cpu_access = third_exporter_end_cpu_access;
  exporter_class->vmap = third_exporter_vmap;
  exporter_class->vunmap = third_exporter_vunmap;
  exporter_class->release = third_exporter_release;
}

static void
third_exporter_init (ThirdExporter *self)
{
}

ThirdExporter *
third_exporter_new (
    const char *name, DmabufExporter *backing, gboolean contiguous)
{
  DmabufMemory memory = {
    .contiguous = contiguous,
    .address_bits = 64,
    .cpu_access = TRUE,
    .known = TRUE,
  };
  ThirdExporter *self = g_object_new (THIRD_TYPE_EXPORTER, "name", name, NULL);

  self->backing = g_object_ref (backing);
  dmabuf_exporter_set_memory (DMABUF_EXPORTER (self), &memory);
  return self;
}
