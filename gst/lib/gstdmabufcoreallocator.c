/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lifetime: the GstMemory holds the DmabufBuffer in its qdata, and the fd of
 * the memory is the buffer's own (GST_FD_MEMORY_FLAG_DONT_CLOSE). GStreamer
 * frees the qdata just before the memory; the fd is not used in between.
 */

#include "gstdmabufcoreallocator.h"
#include "gstdmabufcorememory-private.h"

GST_DEBUG_CATEGORY_STATIC (dmabufcore_allocator_debug);
GST_DEBUG_CATEGORY_STATIC (performance_debug);
#define GST_CAT_DEFAULT dmabufcore_allocator_debug

/* How long a map waits for fences before it fails: twice the time after which
 * the kernel's drivers reset a GPU that hangs. */
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
  DmabufBuffer *buffer =
      memory_peek_buffer (gst_dmabuf_core_memory_get_root (memory));
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
  /* Kept for the unmap: the memory may be resized meanwhile. */
  info->user_data[0] = address;
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
  DmabufBuffer *buffer =
      memory_peek_buffer (gst_dmabuf_core_memory_get_root (memory));
  GError *error = NULL;

  if (!dmabuf_buffer_end_cpu_access (
          buffer, access_from_map_flags (info->flags), &error)) {
    GST_ERROR ("end of CPU access to dma-buf %" G_GUINT64_FORMAT
               ": %s; devices may not see what was written",
        dmabuf_buffer_get_inode (buffer), error->message);
    g_clear_error (&error);
  }
  dmabuf_buffer_vunmap (buffer, info->user_data[0]);
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

/* Two adjacent parts of one dma-buf can be merged into one memory. */
static gboolean
memory_is_span (GstMemory *first, GstMemory *second, gsize *offset)
{
  GstMemory *root = gst_dmabuf_core_memory_get_root (first);

  if (root != gst_dmabuf_core_memory_get_root (second)
      || first->offset + first->size != second->offset)
    return FALSE;

  if (offset)
    *offset = first->offset - root->offset;
  return TRUE;
}

static void
set_memory_functions (GstAllocator *allocator)
{
  allocator->mem_map_full = memory_map;
  allocator->mem_unmap_full = memory_unmap;
  allocator->mem_copy = memory_copy;
  allocator->mem_is_span = memory_is_span;
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
  set_memory_functions (GST_ALLOCATOR (self));
}

/* --- memory that is no dma-buf ------------------------------------------ */

/* The same for a memfd. It does not derive from GstDmaBufAllocator, so that
 * gst_is_dmabuf_memory() is FALSE for its memory. */
#define TYPE_MEMFD_ALLOCATOR (memfd_allocator_get_type ())
G_DECLARE_FINAL_TYPE (
    MemfdAllocator, memfd_allocator, MEMFD, ALLOCATOR, GstFdAllocator)

struct _MemfdAllocator
{
  GstFdAllocator parent;
};

G_DEFINE_FINAL_TYPE (MemfdAllocator, memfd_allocator, GST_TYPE_FD_ALLOCATOR)

static void
memfd_allocator_class_init (MemfdAllocatorClass *klass)
{
}

static void
memfd_allocator_init (MemfdAllocator *self)
{
  set_memory_functions (GST_ALLOCATOR (self));
}

static GstAllocator *
new_immortal (GType type)
{
  GstAllocator *allocator = g_object_new (type, NULL);

  gst_object_ref_sink (allocator);
  GST_OBJECT_FLAG_SET (allocator, GST_OBJECT_FLAG_MAY_BE_LEAKED);
  return allocator;
}

static GstAllocator *
get_memfd_allocator (void)
{
  static GstAllocator *allocator = NULL;

  if (g_once_init_enter (&allocator))
    g_once_init_leave (&allocator, new_immortal (TYPE_MEMFD_ALLOCATOR));
  return allocator;
}

/* --- public functions --------------------------------------------------- */

GstAllocator *
gst_dmabuf_core_allocator_get (void)
{
  static GstAllocator *allocator = NULL;

  if (g_once_init_enter (&allocator))
    g_once_init_leave (
        &allocator, new_immortal (GST_TYPE_DMABUF_CORE_ALLOCATOR));

  return gst_object_ref (allocator);
}

GstMemory *
gst_dmabuf_core_allocator_wrap (GstAllocator *allocator, DmabufBuffer *buffer)
{
  GstMemory *memory;

  g_return_val_if_fail (GST_IS_DMABUF_CORE_ALLOCATOR (allocator), NULL);
  g_return_val_if_fail (dmabuf_buffer_get_fd (buffer) >= 0, NULL);

  if (dmabuf_buffer_is_dmabuf (buffer))
    memory = gst_dmabuf_allocator_alloc_with_flags (allocator,
        dmabuf_buffer_get_fd (buffer), dmabuf_buffer_get_size (buffer),
        GST_FD_MEMORY_FLAG_DONT_CLOSE);
  else
    memory = gst_fd_allocator_alloc (get_memfd_allocator (),
        dmabuf_buffer_get_fd (buffer), dmabuf_buffer_get_size (buffer),
        GST_FD_MEMORY_FLAG_DONT_CLOSE);
  memory_set_buffer (memory, buffer);

  return memory;
}

GstMemory *
gst_dmabuf_core_allocator_alloc (GstAllocator *allocator,
    DmabufExporter *exporter, gsize size, GError **error)
{
  DmabufBuffer *buffer;
  GstMemory *memory;

  g_return_val_if_fail (GST_IS_DMABUF_CORE_ALLOCATOR (allocator), NULL);

  buffer = dmabuf_exporter_allocate (exporter, size, error);
  if (!buffer)
    return NULL;

  memory = gst_dmabuf_core_allocator_wrap (allocator, buffer);
  gst_memory_resize (memory, 0, size);
  return memory;
}

gboolean
gst_dmabuf_core_is_memory (GstMemory *memory)
{
  g_return_val_if_fail (memory != NULL, FALSE);

  return memory->allocator && memory->allocator->mem_map_full == memory_map;
}

DmabufBuffer *
gst_dmabuf_core_memory_get_buffer (GstMemory *memory, GError **error)
{
  GstMemory *root = gst_dmabuf_core_memory_get_root (memory);
  DmabufBuffer *buffer = memory_peek_buffer (root);

  if (buffer)
    return buffer;

  if (!gst_is_dmabuf_memory (root)) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "memory of type %s is no dma-buf; put dmabufalloc after the element "
        "that allocates it",
        root->allocator ? root->allocator->mem_type : "unknown");
    return NULL;
  }

  /* Two consumers after a tee may call this at once: the second must find the
   * buffer of the first, which is only borrowed, instead of replacing it. */
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
