/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The exporter of buffers that were imported as fds, from V4L2, from another
 * process or library. Its memory is unknown, and it cannot allocate. */

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
      "the foreign exporter cannot allocate: it stands for the unknown "
      "exporters of imported fds");
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

  /* One for the process: its counters are its only state. */
  if (g_once_init_enter (&once)) {
    DmabufExporter *exporter =
        g_object_new (DMABUF_TYPE_FOREIGN_EXPORTER, "name", "foreign", NULL);

    g_once_init_leave (&once, (gsize) exporter);
  }
  return g_object_ref ((DmabufExporter *) once);
}
