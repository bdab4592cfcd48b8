/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-context.h"
#include "gpu-format.h"

#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

#define GPU_MAX_PLANES 3

/*
 * A frame as the shaders see it: either its bytes in storage buffers, which
 * works with any pitch and offset of linear frames, or an image per plane,
 * which tiled ones need. What importing dma-bufs yields (DmabufDevice.import),
 * so it is made once per buffer and layout.
 */
typedef struct
{
  const GpuFormat *format;
  guint32 width;
  guint32 height;

  gboolean foreign; /* others use it too: ownership is transferred */
  gboolean is_image;
  gboolean readable;
  gboolean writable;
  gboolean words;       /* buffers: word-aligned; images: blue first */
  VkImageLayout layout; /* images that are not foreign */

  struct
  {
    VkImage image;
    VkImageView read;   /* bytes in order, by the view's swizzle */
    VkImageView write;  /* as it is; NULL if it is not writable */
    VkBuffer buffer;    /* one of buffers[] */
    VkDeviceSize start; /* as aligned as storage buffers have to be */
    VkDeviceSize range;
    guint32 offset; /* from there */
    guint32 pitch;
  } planes[GPU_MAX_PLANES];

  guint n_buffers;
  VkBuffer buffers[GPU_MAX_PLANES];
  guint n_memories;
  VkDeviceMemory memories[GPU_MAX_PLANES];
} GpuFrame;

/*
 * GpuImportMode:
 * @GPU_IMPORT_AUTO: buffers for linear frames, images for others, and the other
 *   way where the driver cannot
 */
typedef enum
{
  GPU_IMPORT_AUTO,
  GPU_IMPORT_BUFFER,
  GPU_IMPORT_IMAGE,
} GpuImportMode;

/* Imports dma-bufs. The error names the plane and what the driver says. */
GpuFrame *gpu_frame_import (GpuContext *context, const DmabufLayout *layout,
    GpuImportMode mode, GError **error);

/* The GPU must be done with it. */
void gpu_frame_free (GpuContext *context, GpuFrame *frame);

/* Puts a buffer that holds all bytes of a plane under it. */
void gpu_frame_set_buffer (GpuContext *context, GpuFrame *frame, guint plane,
    VkBuffer buffer, guint64 offset, guint32 pitch);

/* Makes the views of a plane's image. */
gboolean gpu_frame_make_views (
    GpuContext *context, GpuFrame *frame, guint plane, GError **error);

G_END_DECLS
