/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/allocators/gstdmabuf.h>
#include "gstdmabufcore-prelude.h"
#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

/**
 * GstDmabufCoreAllocator:
 *
 * Allocator of memory over a #DmabufBuffer. It derives from
 * #GstDmaBufAllocator, so that every element that takes dma-bufs takes its
 * memory.
 *
 * gst_memory_map() is a CPU access to the buffer: it waits for the fences, and
 * fails if the access cannot begin, instead of returning stale memory.
 */
#define GST_TYPE_DMABUF_CORE_ALLOCATOR (gst_dmabuf_core_allocator_get_type ())
GST_DMABUF_CORE_API
G_DECLARE_FINAL_TYPE (GstDmabufCoreAllocator, gst_dmabuf_core_allocator, GST,
    DMABUF_CORE_ALLOCATOR, GstDmaBufAllocator)

/**
 * gst_dmabuf_core_allocator_get:
 *
 * Returns: (transfer full): the allocator of this process
 */
GST_DMABUF_CORE_API
GstAllocator *gst_dmabuf_core_allocator_get (void);

/**
 * gst_dmabuf_core_allocator_wrap:
 * @allocator: a #GstDmabufCoreAllocator
 * @buffer: (transfer full): a buffer with storage
 *
 * Makes memory over the whole of @buffer, without a system call. For a memfd
 * (dmabuf_memfd_exporter_new()) the memory works the same, but
 * gst_is_dmabuf_memory() is %FALSE.
 *
 * Returns: (transfer full): the memory
 */
GST_DMABUF_CORE_API
GstMemory *
gst_dmabuf_core_allocator_wrap (GstAllocator *allocator, DmabufBuffer *buffer);

/**
 * gst_dmabuf_core_allocator_alloc:
 * @allocator: a #GstDmabufCoreAllocator
 * @exporter: where the memory comes from
 * @size: in bytes
 * @error: return location for an error
 *
 * Allocates a dma-buf, zeroed, and makes memory of @size bytes over it.
 *
 * Returns: (transfer full): the memory; %NULL with the errors of
 *   dmabuf_exporter_allocate()
 */
GST_DMABUF_CORE_API
GstMemory *gst_dmabuf_core_allocator_alloc (GstAllocator *allocator,
    DmabufExporter *exporter, gsize size, GError **error);

/**
 * gst_dmabuf_core_is_memory:
 * @memory: memory of any allocator
 *
 * Returns: whether @memory was made by gst_dmabuf_core_allocator_wrap() or
 *   gst_dmabuf_core_allocator_alloc(), for a dma-buf or a memfd
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_is_memory (GstMemory *memory);

/**
 * gst_dmabuf_core_memory_get_buffer:
 * @memory: dma-buf memory of any allocator
 * @error: return location for an error
 *
 * Gets the buffer under @memory. For memory of another allocator the first call
 * imports the fd with dmabuf_buffer_import(), and @memory keeps the buffer:
 * later calls make no system call.
 *
 * Returns: (transfer none) (nullable): the buffer, valid as long as @memory;
 *   %NULL with EINVAL if @memory is no dma-buf
 */
GST_DMABUF_CORE_API
DmabufBuffer *
gst_dmabuf_core_memory_get_buffer (GstMemory *memory, GError **error);

/**
 * gst_dmabuf_core_memory_get_cpu_maps:
 *
 * Returns: how often memory of the #GstDmabufCoreAllocator was mapped for the
 *   CPU in this process
 */
GST_DMABUF_CORE_API
guint64 gst_dmabuf_core_memory_get_cpu_maps (void);

/**
 * gst_dmabuf_core_memory_get_copies:
 *
 * Returns: how often memory of the #GstDmabufCoreAllocator was copied into
 *   other memory in this process
 */
GST_DMABUF_CORE_API
guint64 gst_dmabuf_core_memory_get_copies (void);

G_END_DECLS
