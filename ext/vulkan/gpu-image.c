/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Images of dma-bufs: asks the driver for its abilities, by format and
 * modifier.
 */

#include "gpu-image.h"

#include <drm/drm_fourcc.h>

/* A modifier of a format, as the driver lists it. */
typedef struct
{
  guint64 modifier;
  guint n_memory_planes;
  VkImageUsageFlags usage; /* SAMPLED, STORAGE */
} Listed;

/* --- compression --------------------------------------------------------- */

/* Whether @modifier only changes the order of pixels, without compression. */
static gboolean
is_plain (guint64 modifier)
{
  switch (modifier >> 56) {
  case DRM_FORMAT_MOD_VENDOR_NONE:
    return modifier == DRM_FORMAT_MOD_LINEAR;
  case DRM_FORMAT_MOD_VENDOR_INTEL:
    return modifier == I915_FORMAT_MOD_X_TILED
        || modifier == I915_FORMAT_MOD_Y_TILED
        || modifier == I915_FORMAT_MOD_Yf_TILED
        || modifier == I915_FORMAT_MOD_4_TILED;
  case DRM_FORMAT_MOD_VENDOR_AMD:
    return AMD_FMT_MOD_GET (DCC, modifier) == 0;
  case DRM_FORMAT_MOD_VENDOR_NVIDIA:
    /* The parameter c of DRM_FORMAT_MOD_NVIDIA_BLOCK_LINEAR_2D() */
    return (modifier >> 23 & 7) == 0;
  case DRM_FORMAT_MOD_VENDOR_BROADCOM:
    return TRUE;
  case DRM_FORMAT_MOD_VENDOR_QCOM:
    return modifier != DRM_FORMAT_MOD_QCOM_COMPRESSED;
  default:
    return FALSE;
  }
}

/* Whether the Vulkan format is exactly that of the frame. For other frames it
 * is one with pixels of the same size: that has the same order of pixels, but
 * compression may depend on the format. */
static gboolean
is_exact (const GpuFormat *format)
{
  return format->kind == GPU_KIND_PACKED && format->bytes == 4
      && format->place[1] == 8 && format->place[0] + format->place[2] == 16;
}

/* --- the driver's answers ------------------------------------------------ */

static gboolean
query_usage (GpuContext *context, VkFormat format, guint64 modifier,
    VkImageUsageFlags usage, GpuImages *images)
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
    .handleType = GPU_DMA_BUF,
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
  images->dedicated =
      (features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT) != 0;
  images->exportable =
      (features & VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT) != 0;
  images->max_width = properties.imageFormatProperties.maxExtent.width;
  images->max_height = properties.imageFormatProperties.maxExtent.height;

  return (features & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) != 0;
}

/* Lists the modifiers of @format. Our shaders write storage images without a
 * format: a driver with VK_KHR_format_feature_flags2 tells for each format
 * whether that is possible, for others the device feature is enough. */
static guint
list_modifiers (
    GpuContext *context, VkFormat format, Listed list[GPU_MAX_MODIFIERS])
{
  const VkFormatFeatureFlags2 written = VK_FORMAT_FEATURE_2_STORAGE_IMAGE_BIT
      | VK_FORMAT_FEATURE_2_STORAGE_WRITE_WITHOUT_FORMAT_BIT;
  VkDrmFormatModifierPropertiesEXT first[GPU_MAX_MODIFIERS];
  VkDrmFormatModifierProperties2EXT second[GPU_MAX_MODIFIERS];
  VkDrmFormatModifierPropertiesListEXT list1 = {
    .sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT,
    .drmFormatModifierCount = GPU_MAX_MODIFIERS,
    .pDrmFormatModifierProperties = first,
  };
  VkDrmFormatModifierPropertiesList2EXT list2 = {
    .sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_2_EXT,
  };
  VkFormatProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
    .pNext = &list1,
  };
  guint i;

  if (!context->has_modifiers)
    return 0;

  /* Ask for the length first: some drivers leave the second list untouched
   * (lavapipe 25.0). */
  if (context->has_features2)
    list1.pNext = &list2;
  context->api.GetPhysicalDeviceFormatProperties2 (
      context->physical, format, &properties);
  if (list2.drmFormatModifierCount > 0) {
    list2.drmFormatModifierCount =
        MIN (list2.drmFormatModifierCount, GPU_MAX_MODIFIERS);
    list2.pDrmFormatModifierProperties = second;
    properties.pNext = &list2;
    context->api.GetPhysicalDeviceFormatProperties2 (
        context->physical, format, &properties);
  }

  for (i = 0; i < list2.drmFormatModifierCount; i++) {
    VkFormatFeatureFlags2 features = second[i].drmFormatModifierTilingFeatures;

    list[i] = (Listed) {
      .modifier = second[i].drmFormatModifier,
      .n_memory_planes = second[i].drmFormatModifierPlaneCount,
    };
    if (features & VK_FORMAT_FEATURE_2_SAMPLED_IMAGE_BIT)
      list[i].usage |= VK_IMAGE_USAGE_SAMPLED_BIT;
    if ((features & written) == written)
      list[i].usage |= VK_IMAGE_USAGE_STORAGE_BIT;
  }
  if (i > 0)
    return i;

  for (i = 0; i < list1.drmFormatModifierCount; i++) {
    VkFormatFeatureFlags features = first[i].drmFormatModifierTilingFeatures;

    list[i] = (Listed) {
      .modifier = first[i].drmFormatModifier,
      .n_memory_planes = first[i].drmFormatModifierPlaneCount,
    };
    if (features & VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT)
      list[i].usage |= VK_IMAGE_USAGE_SAMPLED_BIT;
    if (features & VK_FORMAT_FEATURE_STORAGE_IMAGE_BIT)
      list[i].usage |= VK_IMAGE_USAGE_STORAGE_BIT;
  }

  return i;
}

/* --- questions ----------------------------------------------------------- */

static gboolean
query_listed (GpuContext *context, const GpuFormat *format, VkFormat image,
    const Listed *listed, GpuImages *images)
{
  VkImageUsageFlags usage = listed->usage;

  *images = (GpuImages) { .n_memory_planes = listed->n_memory_planes };
  if (!context->has_raw_images)
    usage &= ~VK_IMAGE_USAGE_STORAGE_BIT;
  if (!is_exact (format) && !is_plain (listed->modifier))
    return FALSE;

  while (
      usage && !query_usage (context, image, listed->modifier, usage, images)) {
    /* Without both usages together, take reading: most elements need that. */
    usage = usage == (VK_IMAGE_USAGE_STORAGE_BIT | VK_IMAGE_USAGE_SAMPLED_BIT)
        ? VK_IMAGE_USAGE_SAMPLED_BIT
        : 0;
  }
  images->usage = usage;

  return usage != 0;
}

gboolean
gpu_image_query (GpuContext *context, const GpuFormat *format, guint plane,
    guint64 modifier, gboolean in_order, GpuImages *images)
{
  Listed list[GPU_MAX_MODIFIERS];
  gboolean blue_first;
  VkFormat image = gpu_format_get_image (format, plane, in_order, &blue_first);
  guint n = list_modifiers (context, image, list), i;

  for (i = 0; i < n; i++) {
    if (list[i].modifier == modifier)
      return query_listed (context, format, image, &list[i], images);
  }
  *images = (GpuImages) { 0 };

  return FALSE;
}

/* Whether every plane of @format can be an image with @usage. */
static gboolean
can_use_images (GpuContext *context, const GpuFormat *format, guint64 modifier,
    VkImageUsageFlags usage)
{
  guint i;

  for (i = 0; i < format->n_planes; i++) {
    GpuImages images;

    if (!gpu_image_query (context, format, i, modifier, FALSE, &images)
        || (images.usage & usage) != usage)
      return FALSE;
    /* Each plane of YUV is an image of its own: it has one memory plane. */
    if (format->n_planes > 1 && images.n_memory_planes > 1)
      return FALSE;
  }

  return TRUE;
}

guint
gpu_image_get_modifiers (GpuContext *context, const GpuFormat *format,
    VkImageUsageFlags usage, guint64 *modifiers, guint n_modifiers)
{
  Listed list[GPU_MAX_MODIFIERS];
  gboolean blue_first;
  VkFormat image = gpu_format_get_image (format, 0, FALSE, &blue_first);
  guint n_list = list_modifiers (context, image, list), n = 0, i;

  for (i = 0; i < n_list && n < n_modifiers; i++) {
    if (can_use_images (context, format, list[i].modifier, usage))
      modifiers[n++] = list[i].modifier;
  }

  return n;
}

/* --- making images -------------------------------------------------------- */

VkImageCreateInfo
gpu_image_get_create_info (const GpuFormat *format, guint plane,
    gboolean in_order, guint width, guint height, VkImageUsageFlags usage)
{
  gboolean blue_first;
  VkImageCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
    .imageType = VK_IMAGE_TYPE_2D,
    .format = gpu_format_get_image (format, plane, in_order, &blue_first),
    .extent = { 0, 0, 1 },
    .mipLevels = 1,
    .arrayLayers = 1,
    .samples = VK_SAMPLE_COUNT_1_BIT,
    .tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT,
    .usage = usage,
    .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
    .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
  };
  guint texel_bytes;

  gpu_format_get_texels (format, plane, width, height, &info.extent.width,
      &info.extent.height, &texel_bytes);

  return info;
}

gboolean
gpu_image_get_needs (
    GpuContext *context, VkImage image, VkMemoryRequirements *needs)
{
  VkImageMemoryRequirementsInfo2 which = {
    .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2,
    .image = image,
  };
  VkMemoryDedicatedRequirements dedicated = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS,
  };
  VkMemoryRequirements2 requirements = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2,
    .pNext = &dedicated,
  };

  context->api.GetImageMemoryRequirements2 (
      context->device, &which, &requirements);
  *needs = requirements.memoryRequirements;

  return dedicated.requiresDedicatedAllocation;
}
