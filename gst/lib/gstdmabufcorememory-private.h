/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Helpers for the memories of a buffer. */

#include <gst/gst.h>

G_BEGIN_DECLS

/* The memory of which @memory is a part (gst_memory_share()), or @memory. */
static inline GstMemory *
gst_dmabuf_core_memory_get_root (GstMemory *memory)
{
  while (memory->parent)
    memory = memory->parent;
  return memory;
}

/* Finds the memory in which @plane begins, and the bytes to @skip from the
 * beginning of that memory. NULL with EINVAL if @offset is outside @buffer. */
GstMemory *gst_dmabuf_core_buffer_find_plane (
    GstBuffer *buffer, guint plane, gsize offset, gsize *skip, GError **error);

G_END_DECLS
