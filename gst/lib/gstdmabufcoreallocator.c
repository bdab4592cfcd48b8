/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lifetime: the GstMemory holds the DmabufBuffer in its qdata, and the fd of
 * the memory is the buffer's own (GST_FD_MEMORY_FLAG_DONT_CLOSE). A memory's
 * qdata goes just before the memory itself, and nothing uses the fd between.
 */

#include "gstdmabufcoreallocator.h"

GST_DEBUG_CATEGORY_STATIC (dmabufcore_allocator_debug);
GST_DEBUG_CATEGORY_STATIC (performance_debug);
#define GST_CAT_DEFAULT dmabufcore_allocator_debug

/* How long a map waits for somebody else's fences before it fails: as long as
 * the kernel lets a GPU job hang before it resets the GPU, doubled. */
#define MAP_TIMEOUT (20 * G_USEC_PER_SEC)

struct _GstDmabufCoreAllocator
{
  GstDmaBufAllocator parent;
};

G_DEFINE_TYPE (GstDmabufCoreAllocator, gst_dmabuf_core_allocator,
    GST_TYPE_DMABUF_ALLOCATOR)

static GMutex adopt_lock;
static guint64 cpu_maps;
static guint64 copies;

static GQuark
buffer_quark (void)
{
  static GQuark quark = 0;

  if (G_UNLIKELY (quark == 0))
    quark = g_quark_from_static_string ("GstDmabufCoreBuffer");
  return quark;
}

static GstMemory *
memory_get_root (GstMemory *memory)
{
  while (memory->parent)
    memory = memory->parent;
  return memory;
}

static DmabufBuffer *
memory_peek_buffer (GstMemory *memory)
{
  return gst_mini_object_get_qdata (
      GST_MINI_OBJECT_CAST (memory), buffer_quark ());
}

static void
memory_set_buffer (GstMemory *memory, DmabufBuffer *buffer)
{
  gst_mini_object_set_qdata (GST_MINI_OBJECT_CAST (memory), buffer_quark (),
      buffer, (GDestroyNotify) dmabuf_buffer_unref);
}

static DmabufAccess
access_from_map_flags (GstMapFlags flags)
{
  DmabufAccess access = DMABUF_ACCESS_NONE;

  if (flags & GST_MAP_READ)
    access |= DMABUF_ACCESS_READ;
  if (flags & GST_MAP_WRITE)
    access |= DMABUF_ACCESS_WRITE;
  return access;
}

static gpointer
memory_map (GstMemory *memory, GstMapInfo *info, gsize maxsize)
{
  DmabufBuffer *buffer = memory_peek_buffer (memory_get_root (memory));
  DmabufAccess access = access_from_map_flags (info->flags);
  GError *error = NULL;
  gpointer address;

  address = dmabuf_buffer_vmap (buffer, access, &error);
  if (!address)
    goto map_failed;

  if (!dmabuf_buffer_begin_cpu_access (
          buffer, access, g_get_monotonic_time () + MAP_TIMEOUT, NULL, &error))
    goto begin_failed;

  __atomic_add_fetch (&cpu_maps, 1, __ATOMIC_RELAXED);
  return address;

  /* ERRORS */
begin_failed:
  dmabuf_buffer_vunmap (buffer, address);
map_failed:
  GST_ERROR ("no CPU access to dma-buf %" G_GUINT64_FORMAT ": %s",
      dmabuf_buffer_get_inode (buffer), error->message);
  g_clear_error (&error);
  return NULL;
}

static void
memory_unmap (GstMemory *memory, GstMapInfo *info)
{
  DmabufBuffer *buffer = memory_peek_buffer (memory_get_root (memory));
  GError *error = NULL;

  if (!dmabuf_buffer_end_cpu_access (
          buffer, access_from_map_flags (info->flags), &error)) {
    GST_ERROR ("end of CPU access to dma-buf %" G_GUINT64_FORMAT
               ": %s; others may not see what was written",
        dmabuf_buffer_get_inode (buffer), error->message);
    g_clear_error (&error);
  }
  dmabuf_buffer_vunmap (buffer, (guint8 *) info->data - memory->offset);
}

static GstMemory *
memory_copy (GstMemory *memory, gssize offset, gssize size)
{
  GstMapInfo from, to;
  GstMemory *copy;

  if (size == -1)
    size = (gssize) memory->size > offset ? (gssize) memory->size - offset : 0;

  if (!gst_memory_map (memory, &from, GST_MAP_READ))
    return NULL;

  copy = gst_allocator_alloc (NULL, size, NULL);
  if (gst_memory_map (copy, &to, GST_MAP_WRITE)) {
    GST_CAT_INFO (performance_debug,
        "copy of %" G_GSSIZE_FORMAT " bytes out of a dma-buf", size);
    memcpy (to.data, from.data + offset, size);
    __atomic_add_fetch (&copies, 1, __ATOMIC_RELAXED);
    gst_memory_unmap (copy, &to);
  } else {
    g_clear_pointer (&copy, gst_memory_unref);
  }
  gst_memory_unmap (memory, &from);

  return copy;
}

static void
gst_dmabuf_core_allocator_class_init (GstDmabufCoreAllocatorClass *klass)
{
  GST_DEBUG_CATEGORY_INIT (dmabufcore_allocator_debug, "dmabufcoreallocator", 0,
      "allocator of dma-bufs");
  GST_DEBUG_CATEGORY_GET (performance_debug, "GST_PERFORMANCE");
}

static void
gst_dmabuf_core_allocator_init (GstDmabufCoreAllocator *self)
{
  GstAllocator *allocator = GST_ALLOCATOR (self);

  allocator->mem_map_full = memory_map;
  allocator->mem_unmap_full = memory_unmap;
  allocator->mem_copy = memory_copy;
}

GstAllocator *
gst_dmabuf_core_allocator_get (void)
{
  static GstAllocator *allocator = NULL;

  if (g_once_init_enter (&allocator)) {
    GstAllocator *new = g_object_new (GST_TYPE_DMABUF_CORE_ALLOCATOR, NULL);

    gst_object_ref_sink (new);
    GST_OBJECT_FLAG_SET (new, GST_OBJECT_FLAG_MAY_BE_LEAKED);
    g_once_init_leave (&allocator, new);
  }

  return gst_object_ref (allocator);
}

GstMemory *
gst_dmabuf_core_allocator_wrap (GstAllocator *allocator, DmabufBuffer *buffer)
{
  GstMemory *memory;

  g_return_val_if_fail (GST_IS_DMABUF_CORE_ALLOCATOR (allocator), NULL);
  g_return_val_if_fail (dmabuf_buffer_get_fd (buffer) >= 0, NULL);

  memory = gst_dmabuf_allocator_alloc_with_flags (allocator,
      dmabuf_buffer_get_fd (buffer), dmabuf_buffer_get_size (buffer),
      GST_FD_MEMORY_FLAG_DONT_CLOSE);
  memory_set_buffer (memory, buffer);

  return memory;
}

DmabufBuffer *
gst_dmabuf_core_memory_get_buffer (GstMemory *memory, GError **error)
{
  GstMemory *root = memory_get_root (memory);
  DmabufBuffer *buffer = memory_peek_buffer (root);

  if (buffer)
    return buffer;

  if (!gst_is_dmabuf_memory (root)) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "memory of type %s is no dma-buf; put dmabufalloc behind the element "
        "that made it",
        root->allocator ? root->allocator->mem_type : "unknown");
    return NULL;
  }

  /* Two consumers behind a tee may come here at once; who lends the buffer to
   * one must not replace it for the other. */
  g_mutex_lock (&adopt_lock);
  buffer = memory_peek_buffer (root);
  if (!buffer) {
    buffer = dmabuf_buffer_import (gst_dmabuf_memory_get_fd (root), error);
    if (buffer)
      memory_set_buffer (root, buffer);
  }
  g_mutex_unlock (&adopt_lock);

  return buffer;
}

guint64
gst_dmabuf_core_memory_get_cpu_maps (void)
{
  return __atomic_load_n (&cpu_maps, __ATOMIC_RELAXED);
}

guint64
gst_dmabuf_core_memory_get_copies (void)
{
  return __atomic_load_n (&copies, __ATOMIC_RELAXED);
}
