/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-frame.h"

G_BEGIN_DECLS

/*
 * Memory of a Vulkan device as dma-bufs: bytes for linear frames, or images
 * with a modifier that all consumers support. The driver chooses the modifier
 * and the layout of images.
 */
#define GPU_TYPE_EXPORTER (gpu_exporter_get_type ())
G_DECLARE_FINAL_TYPE (GpuExporter, gpu_exporter, GPU, EXPORTER, DmabufExporter)

/* Makes an exporter of bytes. ENOTSUP if the driver cannot export memory. */
DmabufExporter *gpu_exporter_new (GpuContext *context, GError **error);

/* Whether images of @format with @modifier can be made and exported. */
gboolean gpu_exporter_can_make (
    GpuContext *context, const GpuFormat *format, guint64 modifier);

/* Makes an exporter of frames of one format and size. The driver chooses among
 * @modifiers; ENOTSUP if it supports none of them. */
DmabufExporter *
gpu_exporter_new_for_frames (GpuContext *context, guint32 fourcc, guint width,
    guint height, const guint64 *modifiers, guint n_modifiers, GError **error);

/* Bytes of a frame, for dmabuf_exporter_allocate(). */
gsize gpu_exporter_get_frame_size (GpuExporter *exporter);

/* Gets the driver's layout of the frames, with @buffer in all planes. */
void gpu_exporter_get_layout (
    GpuExporter *exporter, DmabufBuffer *buffer, DmabufLayout *layout);

G_END_DECLS
