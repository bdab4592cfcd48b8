/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-context.h"

G_BEGIN_DECLS

/*
 * A driver that computes nothing: it says of itself what a test wants to hear,
 * as drivers of GPUs do that no test machine has, and remembers what it was
 * told. Memory of dma-bufs is theirs (the fake kernel's).
 */

/* A modifier of a format, and what images can be used for */
typedef struct
{
  VkFormat format;
  guint64 modifier;
  guint n_memory_planes;
  VkFormatFeatureFlags2 features;
} DriverModifier;

/* A device among those that there are */
typedef struct
{
  const char *name;
  VkPhysicalDeviceType type;
  guint32 version;
  const char *extensions[8];
} DriverDevice;

typedef struct
{
  GpuContext context;

  /* what it says */
  DriverModifier modifiers[8];
  gboolean fills_list2;
  VkExternalMemoryFeatureFlags image_features;
  VkExternalMemoryFeatureFlags buffer_features;
  VkExtent3D max_extent;
  gboolean wants_dedicated;
  VkMemoryRequirements image_needs;
  guint32 memory_bits; /* of a dma-buf */
  DriverDevice devices[4];

  /* what it returns instead of success */
  VkResult allocate_result;
  VkResult export_result; /* of semaphores */

  /* what it was told */
  gint n_objects; /* that there are */
  VkImageCreateInfo image;
  VkSubresourceLayout planes[4];
  VkBufferCreateInfo buffer;
  VkMemoryAllocateInfo memory;
  VkMemoryDedicatedAllocateInfo dedicated;
  gboolean is_dedicated;
  guint n_barriers;
  VkImageMemoryBarrier barriers[16];
  guint n_fills;
  guint n_submits;
  guint n_waits;
  guint64 reached; /* of the submits */
} DriverDouble;

extern DriverDouble driver;

/* One that can do everything with any dma-buf, but lists no modifiers. */
void driver_double_init (void);

/* All that was made is gone. */
void driver_double_clear (void);

/* One more modifier; @features the usual ones for 0 */
void driver_double_add (VkFormat format, guint64 modifier,
    guint n_memory_planes, VkFormatFeatureFlags2 features);

G_END_DECLS
