/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DmabufExporter:
 *
 * Where buffers come from (the kernel's exporter with its dma_buf_ops). Usable
 * from any thread.
 */
#define DMABUF_TYPE_EXPORTER (dmabuf_exporter_get_type ())
DMABUF_CORE_API
G_DECLARE_DERIVABLE_TYPE (
    DmabufExporter, dmabuf_exporter, DMABUF, EXPORTER, GObject)

/**
 * DmabufExporterClass:
 * @parent_class: the parent
 * @allocate: makes storage of at least the given size, zeroed, and returns its
 *   fd (close-on-exec) or -1 with an error
 *
 * What an exporter implements. (The operations of attach, map, pin, CPU access,
 * mapping and release join this table; a %NULL one means the kernel's default.)
 */
struct _DmabufExporterClass
{
  GObjectClass parent_class;

  int (*allocate) (DmabufExporter *exporter, gsize size, GError **error);

  gpointer padding[24];
};

/**
 * dmabuf_exporter_allocate:
 * @exporter: an exporter
 * @size: in bytes, rounded up to whole pages
 * @error: return location for an error
 *
 * Allocates a buffer, its memory zeroed, at once.
 *
 * Errors: EINVAL for a size of 0 or above the exporter's limit (the message
 * tells the limit and where it is set), ENOMEM, EMFILE.
 *
 * Returns: (transfer full): a new buffer
 */
DMABUF_CORE_API
DmabufBuffer *
dmabuf_exporter_allocate (DmabufExporter *exporter, gsize size, GError **error);

/**
 * dmabuf_exporter_get_name:
 * @exporter: an exporter
 *
 * Returns: a short name for people: heap:system, udmabuf, foreign
 */
DMABUF_CORE_API
const char *dmabuf_exporter_get_name (DmabufExporter *exporter);

/**
 * dmabuf_heap_exporter_new:
 * @name: (nullable): a heap's name in /dev/dma_heap, %NULL for the system heap
 * @error: return location for an error
 *
 * An exporter on a dma-heap, opened read-only (HEAP-1, HEAP-2).
 *
 * Returns: (transfer full): the exporter, %NULL with ENOENT or EACCES and a
 *   message that tells what to do
 */
DMABUF_CORE_API
DmabufExporter *dmabuf_heap_exporter_new (const char *name, GError **error);

/**
 * dmabuf_udmabuf_exporter_new:
 * @error: return location for an error
 *
 * An exporter on /dev/udmabuf: sealed memfds become dma-bufs (UDM-1, UDM-2).
 *
 * Returns: (transfer full): the exporter, %NULL with ENOENT or EACCES and a
 *   message that tells what to do
 */
DMABUF_CORE_API
DmabufExporter *dmabuf_udmabuf_exporter_new (GError **error);

G_END_DECLS
