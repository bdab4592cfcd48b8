/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the parts of the library ask of the memories of a buffer */

#include <gst/gst.h>

G_BEGIN_DECLS

/* What @memory is a part of, or @memory itself */
static inline GstMemory *
gst_dmabuf_core_memory_get_root (GstMemory *memory)
{
  while (memory->parent)
    memory = memory->parent;
  return memory;
}

/* The memory in which @plane begins, @skip bytes behind the memory's own
 * beginning; NULL with EINVAL if @offset is not in @buffer. */
GstMemory *gst_dmabuf_core_buffer_find_plane (
    GstBuffer *buffer, guint plane, gsize offset, gsize *skip, GError **error);

G_END_DECLS
