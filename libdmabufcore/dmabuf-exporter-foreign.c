/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The exporter of buffers that came as fds: V4L2's, another process's, another
 * library's. Nothing is known about it, and it can make none. */

#include "dmabuf-exporter-private.h"
#include "dmabuf-kernel-private.h"

#include <errno.h>

#define DMABUF_TYPE_FOREIGN_EXPORTER (dmabuf_foreign_exporter_get_type ())
G_DECLARE_FINAL_TYPE (DmabufForeignExporter, dmabuf_foreign_exporter, DMABUF,
    FOREIGN_EXPORTER, DmabufExporter)

struct _DmabufForeignExporter
{
  DmabufExporter parent_instance;
};

G_DEFINE_FINAL_TYPE (
    DmabufForeignExporter, dmabuf_foreign_exporter, DMABUF_TYPE_EXPORTER)

static int
dmabuf_foreign_exporter_allocate (
    DmabufExporter *exporter, gsize size, GError **error)
{
  dmabuf_set_error (error, EOPNOTSUPP,
      "the foreign exporter makes no buffers: it stands for those that came as "
      "fds");
  return -1;
}

static void
dmabuf_foreign_exporter_class_init (DmabufForeignExporterClass *klass)
{
  DMABUF_EXPORTER_CLASS (klass)->allocate = dmabuf_foreign_exporter_allocate;
}

static void
dmabuf_foreign_exporter_init (DmabufForeignExporter *self)
{
  DmabufMemory unknown = { .address_bits = 64 };

  dmabuf_exporter_set_memory (DMABUF_EXPORTER (self), &unknown);
}

DmabufExporter *
dmabuf_exporter_get_foreign (void)
{
  static gsize once = 0;

  /* One for the process: it has no state but its counters. */
  if (g_once_init_enter (&once)) {
    DmabufExporter *exporter =
        g_object_new (DMABUF_TYPE_FOREIGN_EXPORTER, "name", "foreign", NULL);

    g_once_init_leave (&once, (gsize) exporter);
  }
  return g_object_ref ((DmabufExporter *) once);
}
