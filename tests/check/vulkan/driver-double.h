/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-context.h"

G_BEGIN_DECLS

/*
 * A Vulkan driver that computes nothing. It reports what the test sets, as the
 * drivers of GPUs do that no test machine has, and records the calls it gets.
 * A memfd stands for its exported memory.
 */

/* A modifier of a format, and the features of its images */
typedef struct
{
  VkFormat format;
  guint64 modifier;
  guint n_memory_planes;
  VkFormatFeatureFlags2 features;
} DriverModifier;

/* A device that vkEnumeratePhysicalDevices() lists */
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

  /* Answers of the driver */
  DriverModifier modifiers[8];
  gboolean fills_list2;
  VkExternalMemoryFeatureFlags image_features;
  VkExternalMemoryFeatureFlags buffer_features;
  VkExtent3D max_extent;
  gboolean wants_dedicated;
  VkMemoryRequirements image_needs;
  guint32 memory_bits; /* Of a dma-buf */
  DriverDevice devices[4];

  /* Results of the calls that are to fail */
  VkResult allocate_result;
  VkResult export_result; /* Of semaphores */

  /* Recorded calls */
  gint n_objects; /* Created and not destroyed */
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
  guint64 reached; /* The submits that are complete */
} DriverDouble;

extern DriverDouble driver;

/* It imports and exports any dma-buf, and lists no modifiers yet. */
void driver_double_init (void);

/* Checks that every object has been destroyed. */
void driver_double_clear (void);

/* Lists one more modifier; @features of 0 stands for the usual ones. */
void driver_double_add (VkFormat format, guint64 modifier,
    guint n_memory_planes, VkFormatFeatureFlags2 features);

G_END_DECLS
