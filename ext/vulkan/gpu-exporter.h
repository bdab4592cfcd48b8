/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-frame.h"

G_BEGIN_DECLS

/*
 * Memory of a Vulkan device as dma-bufs: bytes for linear frames, or images
 * with one of the modifiers that all users of the frame have, where the driver
 * chooses the modifier and the layout.
 */
#define GPU_TYPE_EXPORTER (gpu_exporter_get_type ())
G_DECLARE_FINAL_TYPE (GpuExporter, gpu_exporter, GPU, EXPORTER, DmabufExporter)

/* An exporter of bytes. ENOTSUP if the driver cannot export. */
DmabufExporter *gpu_exporter_new (GpuContext *context, GError **error);

/* Whether images of @format with @modifier can be made, and left to others. */
gboolean gpu_exporter_can_make (
    GpuContext *context, const GpuFormat *format, guint64 modifier);

/* An exporter of frames of one format and size. The driver chooses among
 * @modifiers; ENOTSUP if it can make none of them. */
DmabufExporter *
gpu_exporter_new_for_frames (GpuContext *context, guint32 fourcc, guint width,
    guint height, const guint64 *modifiers, guint n_modifiers, GError **error);

/* Bytes of a frame, for dmabuf_exporter_allocate(). */
gsize gpu_exporter_get_frame_size (GpuExporter *exporter);

/* The layout that the driver gave to the frames, with @buffer under it. */
void gpu_exporter_get_layout (
    GpuExporter *exporter, DmabufBuffer *buffer, DmabufLayout *layout);

G_END_DECLS
