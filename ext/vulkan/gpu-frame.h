/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-context.h"
#include "gpu-format.h"

#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

#define GPU_MAX_PLANES 3

/*
 * A frame for the shaders: either bytes in storage buffers, for linear frames
 * with any pitch and offset, or an image for each plane, which tiled frames
 * need. It is the result of DmabufDevice.import, hence made once for each
 * buffer and layout.
 */
typedef struct
{
  const GpuFormat *format;
  guint32 width;
  guint32 height;

  gboolean foreign; /* Used outside of Vulkan: ownership is transferred */
  gboolean is_image;
  gboolean readable;
  gboolean writable;
  gboolean words;       /* Buffers: word-aligned; images: blue first */
  VkImageLayout layout; /* Of images that are not foreign */

  struct
  {
    VkImage image;
    VkImageView read;   /* Bytes in order, by the view's swizzle */
    VkImageView write;  /* Without a swizzle; NULL if not writable */
    VkBuffer buffer;    /* One of buffers[] */
    VkDeviceSize start; /* Aligned as storage buffers have to be */
    VkDeviceSize range;
    guint32 offset; /* From start */
    guint32 pitch;
  } planes[GPU_MAX_PLANES];

  guint n_buffers;
  VkBuffer buffers[GPU_MAX_PLANES];
  guint n_memories;
  VkDeviceMemory memories[GPU_MAX_PLANES];
} GpuFrame;

/*
 * GpuImportMode:
 * @GPU_IMPORT_AUTO: buffers for linear frames, images for others; if that fails
 *   for a linear frame, images or buffers instead
 */
typedef enum
{
  GPU_IMPORT_AUTO,
  GPU_IMPORT_BUFFER,
  GPU_IMPORT_IMAGE,
} GpuImportMode;

/* Imports dma-bufs. The error names the plane and the driver's result. */
GpuFrame *gpu_frame_import (GpuContext *context, const DmabufLayout *layout,
    GpuImportMode mode, GError **error);

/* To be called when the GPU is done with @frame. */
void gpu_frame_free (GpuContext *context, GpuFrame *frame);

/* Sets the buffer of a plane, which has all bytes of it. */
void gpu_frame_set_buffer (GpuContext *context, GpuFrame *frame, guint plane,
    VkBuffer buffer, guint64 offset, guint32 pitch);

/* Makes the views of the image of a plane. */
gboolean gpu_frame_make_views (
    GpuContext *context, GpuFrame *frame, guint plane, GError **error);

G_END_DECLS
