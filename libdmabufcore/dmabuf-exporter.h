/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DmabufExporter:
 *
 * A source of buffers (an exporter of the kernel with its dma_buf_ops). Usable
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
 *   and returns its fd (close-on-exec) or -1 with an error. Mandatory.
 * @setup: (nullable): a buffer was made on the fd that @allocate returned; may
 *   call dmabuf_buffer_set_exporter_data()
 * @attach: (nullable): a device attaches; %FALSE with EBUSY vetoes (ATT-1)
 * @detach: (nullable): the end of @attach
 * @map: a device access begins; %FALSE without an error means ENOMEM (MAP-2).
 *   Mandatory (EXP-1).
 * @unmap: the end of @map. Mandatory.
 * @pin: (nullable): the storage is to stay where this device reaches it, even
 *   without a mapping (DEF-6); both @pin and @unpin are there, or neither
 * @unpin: (nullable): the end of @pin
 * @begin_cpu_access: (nullable): the CPU is going to read or write (CPU-1); the
 *   fences have been waited for
 * @end_cpu_access: (nullable): the CPU is done (CPU-2)
 * @mmap: (nullable): maps a range, whole pages; %NULL with an error
 * @munmap: (nullable): the end of @mmap
 * @vmap: (nullable): maps the whole buffer; called for the first of several
 *   users (VMAP-1), or again if a later one wants more access: then it returns
 *   the same address or refuses
 * @vunmap: (nullable): the end of @vmap, with the last user
 * @release: the storage is released; its fd is closed afterwards. Mandatory.
 *
 * The operations of an exporter (struct dma_buf_ops). The parent class
 * implements the mandatory ones except @allocate, and those for the CPU, with
 * ioctls and mmap on the fd. A subclass may set one to %NULL: without a
 * mandatory one allocating fails with EINVAL; without @mmap or @vmap mapping
 * for the CPU fails with EINVAL; others that are missing are skipped.
 *
 * The operations are called from any thread, several at a time, and under no
 * lock of the library. Only @vmap and @vunmap are called one at a time for each
 * buffer. @attach and @detach may call dmabuf_buffer_get_fd(), which leaves the
 * storage free to move. They may be called during a move: using the buffer
 * inside of them fails with EDEADLK.
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
 * DmabufMemory:
 * @contiguous: whether a buffer is one piece of memory
 * @address_bits: how many bits its addresses may have; 64 if nothing is known
 * @cpu_access: whether the CPU can reach it
 * @known: whether the other fields are known; %FALSE for foreign buffers, where
 *   the device's import decides
 *
 * The memory in which the buffers of an exporter lie.
 */
typedef struct
{
  gboolean contiguous;
  guint address_bits;
  gboolean cpu_access;
  gboolean known;
} DmabufMemory;

/**
 * dmabuf_exporter_get_memory:
 * @exporter: an exporter
 * @memory: (out caller-allocates): the memory of its buffers
 */
DMABUF_CORE_API
void
dmabuf_exporter_get_memory (DmabufExporter *exporter, DmabufMemory *memory);

/**
 * dmabuf_exporter_set_memory:
 * @exporter: an exporter
 * @memory: the memory of its buffers
 *
 * For exporters, when they are made. The default is memory in pieces, at any
 * address, that the CPU can reach.
 */
DMABUF_CORE_API
void dmabuf_exporter_set_memory (
    DmabufExporter *exporter, const DmabufMemory *memory);

/**
 * dmabuf_exporter_choose:
 * @exporters: (array length=n_exporters): candidates, the preferred one first
 * @n_exporters: how many
 * @devices: (array length=n_devices) (nullable): the users of the buffers
 * @n_devices: how many
 * @reason: (out) (optional) (transfer full): a line for each exporter: why it
 *   was chosen or passed over; also on error
 * @error: return location for an error
 *
 * Chooses the first exporter whose memory suits all devices.
 *
 * Returns: (transfer none): the exporter; %NULL with EBUSY if none suits. If
 *   the demands of two devices exclude each other, the message names the field,
 *   both devices and their values
 */
DMABUF_CORE_API
DmabufExporter *
dmabuf_exporter_choose (DmabufExporter **exporters, guint n_exporters,
    DmabufDevice **devices, guint n_devices, char **reason, GError **error);

/**
 * dmabuf_exporter_allocate:
 * @exporter: an exporter
 * @size: in bytes, rounded up to whole pages
 * @error: return location for an error
 *
 * Allocates a buffer at once; its memory is zeroed.
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
 * Returns: a short name for messages: heap:system, udmabuf, foreign
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

/**
 * DmabufMemfdChunk:
 * @memfd: a memfd that is sealed against shrinking
 * @offset: where the chunk begins, whole pages
 * @size: in bytes, whole pages
 *
 * A piece of memory for dmabuf_udmabuf_exporter_create_list().
 */
typedef struct
{
  int memfd;
  guint64 offset;
  guint64 size;
} DmabufMemfdChunk;

/**
 * dmabuf_udmabuf_exporter_create_list: (skip)
 * @exporter: a udmabuf exporter
 * @chunks: (array length=n_chunks): memory, in order; the memfds stay the
 *   caller's, which must neither punch holes into them nor grow them (UDM-2)
 * @n_chunks: how many
 * @error: return location for an error
 *
 * Makes one buffer of existing pieces of memory, without a copy. The kernel's
 * size_limit_mb applies to their sum.
 *
 * Errors: EINVAL for chunks that are not whole pages, unsealed or beyond the
 * end of their memfd, or above a limit, which the message then tells; EBADFD
 * for an fd of another kind.
 *
 * Returns: (transfer full): a new buffer
 */
DMABUF_CORE_API
DmabufBuffer *dmabuf_udmabuf_exporter_create_list (DmabufExporter *exporter,
    const DmabufMemfdChunk *chunks, guint n_chunks, GError **error);

/**
 * dmabuf_heap_exporter_list:
 * @error: return location for an error
 *
 * Returns: (transfer full) (array zero-terminated=1): the names of the heaps in
 *   /dev/dma_heap, sorted; %NULL with ENOENT where there is no such directory
 */
DMABUF_CORE_API
char **dmabuf_heap_exporter_list (GError **error);

/**
 * dmabuf_memfd_exporter_new:
 *
 * An exporter for a machine without any of the above: the same API on sealed
 * memfds. Its buffers are not dma-bufs (dmabuf_buffer_is_dmabuf()): devices
 * cannot import them.
 *
 * Returns: (transfer full): the exporter
 */
DMABUF_CORE_API
DmabufExporter *dmabuf_memfd_exporter_new (void);

/**
 * dmabuf_memfd_exporter_import:
 * @exporter: a memfd exporter
 * @fd: a memfd, sealed against shrinking, growing and further seals; stays the
 *   caller's
 * @error: return location for an error
 *
 * Makes a buffer on an existing memfd. Unsealed ones are refused, because their
 * owner could take the memory away (SEC-10).
 *
 * Returns: (transfer full): a new buffer; %NULL with EINVAL
 */
DMABUF_CORE_API
DmabufBuffer *
dmabuf_memfd_exporter_import (DmabufExporter *exporter, int fd, GError **error);

G_END_DECLS
