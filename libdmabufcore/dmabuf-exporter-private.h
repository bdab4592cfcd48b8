/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-exporter.h>
#include <libdmabufcore/dmabuf-statistics.h>

G_BEGIN_DECLS

/* What the core's own exporters tell about themselves. */
typedef enum
{
  /* @allocate gives exactly the size that was asked for */
  DMABUF_EXPORTER_EXACT = 1 << 0,
  /* its buffers are no dma-bufs: no ioctl knows them, nobody can import them */
  DMABUF_EXPORTER_NOT_DMABUF = 1 << 1,
} DmabufExporterTraits;

void dmabuf_exporter_set_traits (
    DmabufExporter *exporter, DmabufExporterTraits traits);
void dmabuf_exporter_take_name (DmabufExporter *exporter, char *name);

gboolean dmabuf_exporter_is_dmabuf (DmabufExporter *exporter);

DmabufStatistics *dmabuf_exporter_statistics (DmabufExporter *exporter);

/* A new reference to the one that owns buffers which came as fds. */
DmabufExporter *dmabuf_exporter_get_foreign (void);

/* The class's mandatory operations, EXP-1. */
gboolean dmabuf_exporter_check_class (DmabufExporter *exporter, GError **error);

/* Rounds up to whole pages; EINVAL for what cannot be. */
gboolean dmabuf_exporter_round_size (
    DmabufExporter *exporter, gsize *size, GError **error);

/* Storage for @size bytes, whole pages: its fd, or -1. */
int dmabuf_exporter_allocate_storage (
    DmabufExporter *exporter, gsize *size, GError **error);

/* Everything but the close of the fd that @exporter has to do with @buffer. */
void dmabuf_exporter_release_storage (
    DmabufExporter *exporter, DmabufBuffer *buffer);

G_END_DECLS
