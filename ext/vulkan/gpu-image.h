/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-context.h"
#include "gpu-format.h"

G_BEGIN_DECLS

#define GPU_DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

/* Modifiers of a format that are looked at */
#define GPU_MAX_MODIFIERS 128

/*
 * What can be done with images of a format and modifier.
 *
 * @usage: SAMPLED, STORAGE or both
 * @n_memory_planes: that the modifier has
 * @dedicated: memory is to be of one image
 * @exportable: memory made for it can be a dma-buf
 */
typedef struct
{
  VkImageUsageFlags usage;
  guint n_memory_planes;
  gboolean dedicated;
  gboolean exportable;
  guint32 max_width;
  guint32 max_height;
} GpuImages;

/* Asks what can be done with images of @plane; FALSE for nothing. */
gboolean gpu_image_query (GpuContext *context, const GpuFormat *format,
    guint plane, guint64 modifier, gboolean in_order, GpuImages *images);

/* Fills @modifiers with those whose images can be used for all of @usage, for
 * every plane of @format; their number. */
guint gpu_image_get_modifiers (GpuContext *context, const GpuFormat *format,
    VkImageUsageFlags usage, guint64 *modifiers, guint n_modifiers);

/* What an image of @plane of a frame is made of; the chain with its modifiers
 * is the caller's. */
VkImageCreateInfo
gpu_image_get_create_info (const GpuFormat *format, guint plane,
    gboolean in_order, guint width, guint height, VkImageUsageFlags usage);

/* The memory that @image needs; whether that has to be its alone. */
gboolean gpu_image_get_needs (
    GpuContext *context, VkImage image, VkMemoryRequirements *needs);

G_END_DECLS
