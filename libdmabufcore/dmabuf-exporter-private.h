/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-exporter.h>
#include <libdmabufcore/dmabuf-statistics.h>

G_BEGIN_DECLS

/* Traits of the core's own exporters. */
typedef enum
{
  /* The allocate operation returns exactly the requested size */
  DMABUF_EXPORTER_EXACT = 1 << 0,
  /* Its buffers are not dma-bufs: their ioctls and device imports fail */
  DMABUF_EXPORTER_NOT_DMABUF = 1 << 1,
} DmabufExporterTraits;

void dmabuf_exporter_set_traits (
    DmabufExporter *exporter, DmabufExporterTraits traits);
void dmabuf_exporter_take_name (DmabufExporter *exporter, char *name);

gboolean dmabuf_exporter_is_dmabuf (DmabufExporter *exporter);

DmabufStatistics *dmabuf_exporter_statistics (DmabufExporter *exporter);

/* A new reference to the exporter of buffers that were imported as fds. */
DmabufExporter *dmabuf_exporter_get_foreign (void);

/* EXP-1: EINVAL if a mandatory operation is missing. */
gboolean dmabuf_exporter_check_class (DmabufExporter *exporter, GError **error);

/* Rounds up to whole pages; EINVAL for 0 and beyond the address space. */
gboolean dmabuf_exporter_round_size (
    DmabufExporter *exporter, gsize *size, GError **error);

/* Allocates storage for @size bytes; @size becomes its real size, in whole
 * pages. Returns its fd, or -1. */
int dmabuf_exporter_allocate_storage (
    DmabufExporter *exporter, gsize *size, GError **error);

/* Releases what @exporter keeps for @buffer; the caller closes the fd. */
void dmabuf_exporter_release_storage (
    DmabufExporter *exporter, DmabufBuffer *buffer);

G_END_DECLS
