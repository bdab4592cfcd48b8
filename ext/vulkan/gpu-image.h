/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-context.h"
#include "gpu-format.h"

G_BEGIN_DECLS

#define GPU_DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

/* Greatest number of modifiers of a format. */
#define GPU_MAX_MODIFIERS 128

/*
 * The abilities of images of a format and modifier.
 *
 * @usage: SAMPLED, STORAGE or both
 * @n_memory_planes: memory planes of the modifier
 * @dedicated: an image needs dedicated memory
 * @exportable: the memory of an image can be exported as a dma-buf
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

/* Gets the abilities of images of @plane; FALSE if there are no such images. */
gboolean gpu_image_query (GpuContext *context, const GpuFormat *format,
    guint plane, guint64 modifier, gboolean in_order, GpuImages *images);

/* Fills @modifiers with those that allow all of @usage for every plane of
 * @format. Returns their number. */
guint gpu_image_get_modifiers (GpuContext *context, const GpuFormat *format,
    VkImageUsageFlags usage, guint64 *modifiers, guint n_modifiers);

/* Returns the parameters of an image of @plane; the caller adds the pNext chain
 * with the modifiers. */
VkImageCreateInfo
gpu_image_get_create_info (const GpuFormat *format, guint plane,
    gboolean in_order, guint width, guint height, VkImageUsageFlags usage);

/* Gets the memory requirements of @image. TRUE if it needs dedicated memory. */
gboolean gpu_image_get_needs (
    GpuContext *context, VkImage image, VkMemoryRequirements *needs);

G_END_DECLS
