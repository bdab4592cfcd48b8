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
 * @allocate: makes storage of at least the given size (whole pages), zeroed,
 * and returns its fd (close-on-exec) or -1 with an error. Mandatory.
 * @setup: (nullable): a buffer was made of what @allocate returned, and may be
 *   furnished with dmabuf_buffer_set_exporter_data()
 * @attach: (nullable): a device attaches; %FALSE with EBUSY vetoes (ATT-1)
 * @detach: (nullable): the end of @attach
 * @map: a device access begins; %FALSE without an error means ENOMEM (MAP-2).
 *   Mandatory (EXP-1).
 * @unmap: the end of @map. Mandatory.
 * @pin: (nullable): the storage is to stay, also without a mapping, where this
 *   device reaches it (DEF-6); together with @unpin or not at all
 * @unpin: (nullable): the end of @pin
 * @begin_cpu_access: (nullable): the CPU is going to read or write (CPU-1); the
 *   fences have been waited for
 * @end_cpu_access: (nullable): the CPU is done (CPU-2)
 * @mmap: (nullable): maps a range, whole pages; %NULL with an error
 * @munmap: (nullable): the end of @mmap
 * @vmap: (nullable): maps the whole buffer; called for the first of several
 *   users (VMAP-1), or again if a later one wants more access
 * @vunmap: (nullable): the end of @vmap, with the last user
 * @release: the buffer goes, its fd is closed afterwards. Mandatory.
 *
 * What an exporter implements (struct dma_buf_ops). The parent class has the
 * kernel's own way for everything but @allocate: ioctls and mmap on the fd; a
 * subclass that sets one of them to %NULL has no such operation: a mandatory
 * one that is missing makes allocating fail with EINVAL, without @mmap or @vmap
 * the CPU cannot map (EINVAL), without the others nothing is to do.
 *
 * The operations are called from any thread, several at a time, and under no
 * lock of the library, but for @vmap and @vunmap, which are called one at a
 * time for one buffer.
 */
struct _DmabufExporterClass
{
  GObjectClass parent_class;

  int (*allocate) (DmabufExporter *exporter, gsize size, GError **error);

  void (*setup) (DmabufExporter *exporter, DmabufBuffer *buffer);
  gboolean (*attach) (DmabufExporter *exporter, DmabufBuffer *buffer,
      DmabufDevice *device, GError **error);
  void (*detach) (
      DmabufExporter *exporter, DmabufBuffer *buffer, DmabufDevice *device);
  gboolean (*map) (DmabufExporter *exporter, DmabufAttachment *attachment,
      DmabufDirection direction, GError **error);
  void (*unmap) (DmabufExporter *exporter, DmabufAttachment *attachment,
      DmabufDirection direction);
  gboolean (*pin) (
      DmabufExporter *exporter, DmabufAttachment *attachment, GError **error);
  void (*unpin) (DmabufExporter *exporter, DmabufAttachment *attachment);
  gboolean (*begin_cpu_access) (DmabufExporter *exporter, DmabufBuffer *buffer,
      DmabufAccess access, GError **error);
  gboolean (*end_cpu_access) (DmabufExporter *exporter, DmabufBuffer *buffer,
      DmabufAccess access, GError **error);
  gpointer (*mmap) (DmabufExporter *exporter, DmabufBuffer *buffer,
      gsize offset, gsize size, DmabufAccess access, GError **error);
  void (*munmap) (DmabufExporter *exporter, DmabufBuffer *buffer,
      gpointer address, gsize size);
  gpointer (*vmap) (DmabufExporter *exporter, DmabufBuffer *buffer,
      DmabufAccess access, GError **error);
  void (*vunmap) (
      DmabufExporter *exporter, DmabufBuffer *buffer, gpointer address);
  void (*release) (DmabufExporter *exporter, DmabufBuffer *buffer);

  gpointer padding[16];
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
