/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which images of dma-bufs the driver can make: asked, never assumed. */

#include "gpu-frame.h"

#define MAX_MODIFIERS 64
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

static gboolean
query_usage (GpuContext *context, VkFormat format, guint64 modifier,
    VkImageUsageFlags usage, gboolean *dedicated)
{
  VkPhysicalDeviceImageDrmFormatModifierInfoEXT modifier_info = {
    .sType =
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT,
    .drmFormatModifier = modifier,
    .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
  };
  VkPhysicalDeviceExternalImageFormatInfo external_info = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
    .pNext = &modifier_info,
    .handleType = DMA_BUF,
  };
  VkPhysicalDeviceImageFormatInfo2 info = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
    .pNext = &external_info,
    .format = format,
    .type = VK_IMAGE_TYPE_2D,
    .tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT,
    .usage = usage,
  };
  VkExternalImageFormatProperties external = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES,
  };
  VkImageFormatProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
    .pNext = &external,
  };
  VkExternalMemoryFeatureFlags features;

  if (context->api.GetPhysicalDeviceImageFormatProperties2 (
          context->physical, &info, &properties)
      != VK_SUCCESS)
    return FALSE;
  features = external.externalMemoryProperties.externalMemoryFeatures;
  if (dedicated)
    *dedicated |=
        (features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT) != 0;

  return (features & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) != 0;
}

static guint
list_modifiers (GpuContext *context, VkFormat format,
    VkDrmFormatModifierPropertiesEXT modifiers[MAX_MODIFIERS])
{
  VkDrmFormatModifierPropertiesListEXT list = {
    .sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT,
    .drmFormatModifierCount = MAX_MODIFIERS,
    .pDrmFormatModifierProperties = modifiers,
  };
  VkFormatProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
    .pNext = &list,
  };

  if (!context->has_modifiers)
    return 0;
  context->api.GetPhysicalDeviceFormatProperties2 (
      context->physical, format, &properties);

  return list.drmFormatModifierCount;
}

gboolean
gpu_frame_query_images (GpuContext *context, const GpuFormat *format,
    guint plane, guint64 modifier, gboolean in_order, VkImageUsageFlags *usage,
    guint *n_memory_planes, gboolean *dedicated)
{
  VkDrmFormatModifierPropertiesEXT modifiers[MAX_MODIFIERS];
  VkFormatFeatureFlags features = 0;
  gboolean blue_first;
  VkFormat image = gpu_format_get_image (format, plane, in_order, &blue_first);
  guint n = list_modifiers (context, image, modifiers), i;

  for (i = 0; i < n; i++) {
    if (modifiers[i].drmFormatModifier == modifier) {
      features = modifiers[i].drmFormatModifierTilingFeatures;
      if (n_memory_planes)
        *n_memory_planes = modifiers[i].drmFormatModifierPlaneCount;
    }
  }

  *usage = 0;
  if (features & VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT)
    *usage |= VK_IMAGE_USAGE_SAMPLED_BIT;
  if (context->has_raw_images && features & VK_FORMAT_FEATURE_STORAGE_IMAGE_BIT)
    *usage |= VK_IMAGE_USAGE_STORAGE_BIT;
  while (*usage && !query_usage (context, image, modifier, *usage, dedicated)) {
    /* both together cannot be had; reading is what most need */
    *usage &= *usage & VK_IMAGE_USAGE_STORAGE_BIT
            && *usage & VK_IMAGE_USAGE_SAMPLED_BIT
        ? VK_IMAGE_USAGE_SAMPLED_BIT
        : 0;
  }

  return *usage != 0;
}

/* Whether every plane of @format can be an image with @usage. */
static gboolean
can_use_images (GpuContext *context, const GpuFormat *format, guint64 modifier,
    VkImageUsageFlags usage)
{
  guint i;

  for (i = 0; i < format->n_planes; i++) {
    VkImageUsageFlags has;
    guint n_memory_planes = 1;

    if (!gpu_frame_query_images (
            context, format, i, modifier, FALSE, &has, &n_memory_planes, NULL)
        || (has & usage) != usage)
      return FALSE;
    /* the planes of YUV are images of their own, which have no second plane */
    if (format->n_planes > 1 && n_memory_planes > 1)
      return FALSE;
  }

  return TRUE;
}

guint
gpu_frame_get_modifiers (GpuContext *context, const GpuFormat *format,
    VkImageUsageFlags usage, guint64 *modifiers, guint n_modifiers)
{
  VkDrmFormatModifierPropertiesEXT list[MAX_MODIFIERS];
  gboolean blue_first;
  VkFormat image = gpu_format_get_image (format, 0, FALSE, &blue_first);
  guint n_list = list_modifiers (context, image, list), n = 0, i;

  for (i = 0; i < n_list && n < n_modifiers; i++) {
    if (can_use_images (context, format, list[i].drmFormatModifier, usage))
      modifiers[n++] = list[i].drmFormatModifier;
  }

  return n;
}
