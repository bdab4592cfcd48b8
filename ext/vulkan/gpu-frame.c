/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Imports dma-bufs as frames for the shaders. */

#include "gpu-frame.h"
#include "gpu-image.h"

#include <drm/drm_fourcc.h>
#include <errno.h>
#include <unistd.h>

/* --- memory ------------------------------------------------------------- */

/* Imports a dma-buf as memory, to be freed: all of it, or, if it is dedicated
 * to an image or buffer, the size that this needs
 * (VUID-VkMemoryDedicatedAllocateInfo-image-02964, -buffer-02965). */
static VkDeviceMemory
import_memory (GpuContext *context, DmabufBuffer *buffer,
    const VkMemoryRequirements *needs, VkImage dedicated_image,
    VkBuffer dedicated_buffer, GError **error)
{
  gboolean is_dedicated = dedicated_image || dedicated_buffer;
  VkMemoryFdPropertiesKHR properties = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR,
  };
  VkMemoryDedicatedAllocateInfo dedicated = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
    .image = dedicated_image,
    .buffer = dedicated_buffer,
  };
  VkImportMemoryFdInfoKHR import = {
    .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
    .pNext = is_dedicated ? &dedicated : NULL,
    .handleType = GPU_DMA_BUF,
  };
  VkMemoryAllocateInfo allocate = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
    .pNext = &import,
    .allocationSize =
        is_dedicated ? needs->size : dmabuf_buffer_get_size (buffer),
  };
  VkDeviceMemory memory;
  VkResult result;

  /* AllocateMemory takes the fd if it succeeds. */
  import.fd = dmabuf_buffer_export (buffer, error);
  if (import.fd < 0)
    return VK_NULL_HANDLE;

  result = context->api.GetMemoryFdPropertiesKHR (
      context->device, GPU_DMA_BUF, import.fd, &properties);
  if (result != VK_SUCCESS)
    goto failed;
  allocate.memoryTypeIndex = gpu_context_find_memory (
      context, properties.memoryTypeBits & needs->memoryTypeBits, 0, 0);
  if (allocate.memoryTypeIndex == VK_MAX_MEMORY_TYPES)
    goto no_type;
  result =
      context->api.AllocateMemory (context->device, &allocate, NULL, &memory);
  if (gpu_context_note (context, result) != VK_SUCCESS)
    goto failed;

  return memory;

  /* ERRORS */
no_type: {
  close (import.fd);
  gpu_set_errno (error, EINVAL,
      "%s cannot reach the memory of the dma-buf (inode %" G_GUINT64_FORMAT
      "): none of its memory types 0x%x fits 0x%x; allocate it on this GPU "
      "or from a heap that it reaches",
      context->name, dmabuf_buffer_get_inode (buffer),
      properties.memoryTypeBits, needs->memoryTypeBits);
  return VK_NULL_HANDLE;
}
failed: {
  close (import.fd);
  gpu_set_error (error, result,
      "%s cannot import the dma-buf (inode %" G_GUINT64_FORMAT
      ", %" G_GSIZE_FORMAT " bytes)",
      context->name, dmabuf_buffer_get_inode (buffer),
      dmabuf_buffer_get_size (buffer));
  return VK_NULL_HANDLE;
}
}

/* --- as buffers --------------------------------------------------------- */

void
gpu_frame_set_buffer (GpuContext *context, GpuFrame *frame, guint plane,
    VkBuffer buffer, guint64 offset, guint32 pitch)
{
  guint64 alignment = MAX (context->alignment, 4);
  guint32 columns, rows;
  guint texel_bytes;

  gpu_format_get_texels (frame->format, plane, frame->width, frame->height,
      &columns, &rows, &texel_bytes);
  frame->planes[plane].buffer = buffer;
  frame->planes[plane].start = offset / alignment * alignment;
  frame->planes[plane].offset = offset % alignment;
  frame->planes[plane].pitch = pitch;
  frame->planes[plane].range = frame->planes[plane].offset
      + (guint64) pitch * (rows - 1) + (guint64) columns * texel_bytes;
  if (plane == 0)
    frame->words = texel_bytes == 4 && offset % 4 == 0 && pitch % 4 == 0;
}

static VkBuffer
import_buffer (
    GpuContext *context, GpuFrame *frame, DmabufBuffer *dmabuf, GError **error)
{
  VkExternalMemoryBufferCreateInfo external = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
    .handleTypes = GPU_DMA_BUF,
  };
  VkBufferCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .pNext = &external,
    .size = dmabuf_buffer_get_size (dmabuf),
    .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
  };
  VkPhysicalDeviceExternalBufferInfo info = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
    .usage = create.usage,
    .handleType = GPU_DMA_BUF,
  };
  VkExternalBufferProperties properties = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
  };
  VkMemoryDedicatedRequirements wants = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS,
  };
  VkMemoryRequirements2 requirements = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2,
    .pNext = &wants,
  };
  VkBufferMemoryRequirementsInfo2 which = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_REQUIREMENTS_INFO_2,
  };
  const VkMemoryRequirements *needs = &requirements.memoryRequirements;
  VkExternalMemoryFeatureFlags features;
  gboolean is_dedicated;
  VkDeviceMemory memory;
  VkBuffer buffer;
  VkResult result;

  context->api.GetPhysicalDeviceExternalBufferProperties (
      context->physical, &info, &properties);
  features = properties.externalMemoryProperties.externalMemoryFeatures;
  if (!(features & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT))
    goto not_importable;

  result = context->api.CreateBuffer (context->device, &create, NULL, &buffer);
  if (gpu_context_note (context, result) != VK_SUCCESS)
    goto no_buffer;
  frame->buffers[frame->n_buffers++] = buffer;
  which.buffer = buffer;
  context->api.GetBufferMemoryRequirements2 (
      context->device, &which, &requirements);
  if (needs->size > create.size)
    goto too_small;

  is_dedicated = features & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT
      || wants.requiresDedicatedAllocation;
  memory = import_memory (context, dmabuf, needs, VK_NULL_HANDLE,
      is_dedicated ? buffer : VK_NULL_HANDLE, error);
  if (!memory)
    return VK_NULL_HANDLE;
  frame->memories[frame->n_memories++] = memory;
  result = context->api.BindBufferMemory (context->device, buffer, memory, 0);
  if (gpu_context_note (context, result) != VK_SUCCESS)
    goto no_buffer;

  return buffer;

  /* ERRORS */
not_importable: {
  gpu_set_errno (
      error, ENOTSUP, "%s cannot import dma-bufs as buffers", context->name);
  return VK_NULL_HANDLE;
}
no_buffer: {
  gpu_set_error (error, result, "%s: no buffer of %" G_GUINT64_FORMAT " bytes",
      context->name, (guint64) create.size);
  return VK_NULL_HANDLE;
}
too_small: {
  gpu_set_errno (error, EINVAL,
      "%s needs %" G_GUINT64_FORMAT " bytes for a buffer of %" G_GUINT64_FORMAT,
      context->name, (guint64) needs->size, (guint64) create.size);
  return VK_NULL_HANDLE;
}
}

static gboolean
import_as_buffers (GpuContext *context, GpuFrame *frame,
    const DmabufLayout *layout, GError **error)
{
  guint i, j;

  if (layout->modifier != DRM_FORMAT_MOD_LINEAR)
    goto not_linear;
  if (!context->has_byte_buffers)
    goto no_bytes;

  for (i = 0; i < layout->n_planes; i++) {
    const DmabufPlane *plane = &layout->planes[i];
    VkBuffer buffer = VK_NULL_HANDLE;

    for (j = 0; j < i && !buffer; j++) {
      if (layout->planes[j].buffer == plane->buffer)
        buffer = frame->planes[j].buffer;
    }
    if (!buffer)
      buffer = import_buffer (context, frame, plane->buffer, error);
    if (!buffer)
      return FALSE;
    gpu_frame_set_buffer (
        context, frame, i, buffer, plane->offset, plane->pitch);
    if (frame->planes[i].range > context->max_range)
      goto too_large;
  }
  frame->readable = frame->writable = TRUE;

  return TRUE;

  /* ERRORS */
not_linear: {
  gpu_set_errno (error, EINVAL,
      "only linear frames can be used as buffers, and this one has modifier "
      "0x%016" G_GINT64_MODIFIER "x",
      layout->modifier);
  return FALSE;
}
no_bytes: {
  gpu_set_errno (error, ENOTSUP,
      "%s has no storage buffers of bytes (VK_KHR_8bit_storage)",
      context->name);
  return FALSE;
}
too_large: {
  gpu_set_errno (error, EINVAL,
      "plane %u has %" G_GUINT64_FORMAT
      " bytes, and %s takes up to %" G_GUINT64_FORMAT,
      i, (guint64) frame->planes[i].range, context->name, context->max_range);
  return FALSE;
}
}

/* --- as images ---------------------------------------------------------- */

gboolean
gpu_frame_make_views (
    GpuContext *context, GpuFrame *frame, guint plane, GError **error)
{
  gboolean blue_first;
  VkFormat format =
      gpu_format_get_image (frame->format, plane, !frame->words, &blue_first);
  VkImageViewUsageCreateInfo usage = {
    .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_USAGE_CREATE_INFO,
  };
  VkImageViewCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
    .pNext = &usage,
    .image = frame->planes[plane].image,
    .viewType = VK_IMAGE_VIEW_TYPE_2D,
    .format = format,
    .subresourceRange = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1 },
  };
  VkResult result = VK_SUCCESS;

  if (frame->writable) {
    usage.usage = VK_IMAGE_USAGE_STORAGE_BIT;
    result = context->api.CreateImageView (
        context->device, &create, NULL, &frame->planes[plane].write);
  }
  if (result == VK_SUCCESS && frame->readable) {
    usage.usage = VK_IMAGE_USAGE_SAMPLED_BIT;
    if (blue_first) {
      create.components.r = VK_COMPONENT_SWIZZLE_B;
      create.components.b = VK_COMPONENT_SWIZZLE_R;
    }
    result = context->api.CreateImageView (
        context->device, &create, NULL, &frame->planes[plane].read);
  }
  if (gpu_context_note (context, result) != VK_SUCCESS) {
    gpu_set_error (
        error, result, "%s: no view of plane %u", context->name, plane);
    return FALSE;
  }

  return TRUE;
}

/* Imports @n_planes memory planes from @first on as the image of plane @index.
 */
static gboolean
import_image (GpuContext *context, GpuFrame *frame, guint index,
    const DmabufLayout *layout, guint first, guint n_planes,
    const GpuImages *images, GError **error)
{
  VkSubresourceLayout layouts[DMABUF_CORE_MAX_PLANES] = { { 0 } };
  VkImageDrmFormatModifierExplicitCreateInfoEXT modifier = {
    .sType =
        VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT,
    .drmFormatModifier = layout->modifier,
    .drmFormatModifierPlaneCount = n_planes,
    .pPlaneLayouts = layouts,
  };
  VkExternalMemoryImageCreateInfo external = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
    .pNext = &modifier,
    .handleTypes = GPU_DMA_BUF,
  };
  VkImageCreateInfo create = gpu_image_get_create_info (frame->format, index,
      !frame->words, frame->width, frame->height, images->usage);
  DmabufBuffer *buffer = layout->planes[first].buffer;
  VkMemoryRequirements needs;
  gboolean is_dedicated;
  VkDeviceMemory memory;
  VkResult result;
  VkImage image;
  guint i;

  create.pNext = &external;
  if (create.extent.width > images->max_width
      || create.extent.height > images->max_height)
    goto too_large;
  for (i = 0; i < n_planes; i++) {
    if (layout->planes[first + i].buffer != buffer)
      goto scattered;
    layouts[i].offset = layout->planes[first + i].offset;
    layouts[i].rowPitch = layout->planes[first + i].pitch;
  }

  result = context->api.CreateImage (context->device, &create, NULL, &image);
  if (gpu_context_note (context, result) != VK_SUCCESS)
    goto no_image;
  frame->planes[index].image = image;
  is_dedicated =
      gpu_image_get_needs (context, image, &needs) || images->dedicated;
  if (needs.size > dmabuf_buffer_get_size (buffer))
    goto too_small;

  memory = import_memory (context, buffer, &needs,
      is_dedicated ? image : VK_NULL_HANDLE, VK_NULL_HANDLE, error);
  if (!memory)
    return FALSE;
  frame->memories[frame->n_memories++] = memory;
  result = context->api.BindImageMemory (context->device, image, memory, 0);
  if (gpu_context_note (context, result) != VK_SUCCESS)
    goto no_image;

  return gpu_frame_make_views (context, frame, index, error);

  /* ERRORS */
too_large: {
  gpu_set_errno (error, EINVAL,
      "plane %u has %ux%u texels, and %s takes up to %ux%u with modifier "
      "0x%016" G_GINT64_MODIFIER "x",
      index, create.extent.width, create.extent.height, context->name,
      images->max_width, images->max_height, layout->modifier);
  return FALSE;
}
scattered: {
  gpu_set_errno (error, EINVAL,
      "the planes of modifier 0x%016" G_GINT64_MODIFIER
      "x lie in several dma-bufs",
      layout->modifier);
  return FALSE;
}
no_image: {
  gpu_set_error (error, result,
      "%s: no image of plane %u: %.4s %ux%u modifier 0x%016" G_GINT64_MODIFIER
      "x pitch %u offset %" G_GUINT64_FORMAT,
      context->name, index, (const char *) &layout->format, layout->width,
      layout->height, layout->modifier, layout->planes[first].pitch,
      layout->planes[first].offset);
  return FALSE;
}
too_small: {
  gpu_set_errno (error, EINVAL,
      "%s needs %" G_GUINT64_FORMAT " bytes for plane %u, and the dma-buf "
      "has %" G_GSIZE_FORMAT,
      context->name, (guint64) needs.size, index,
      dmabuf_buffer_get_size (buffer));
  return FALSE;
}
}

/* Finds the Vulkan format and the abilities of an image of @plane; FALSE if
 * there is none. */
static gboolean
find_images (GpuContext *context, GpuFrame *frame, guint plane,
    guint64 modifier, GpuImages *images)
{
  gboolean found, blue_first;
  GpuImages in_order;

  found =
      gpu_image_query (context, frame->format, plane, modifier, FALSE, images);
  gpu_format_get_image (frame->format, plane, FALSE, &blue_first);
  frame->words = blue_first;
  if (!blue_first || modifier != DRM_FORMAT_MOD_LINEAR
      || images->usage & VK_IMAGE_USAGE_STORAGE_BIT)
    return found;

  /* Few drivers have storage images of BGRA. In a linear image RGBA is the same
   * memory, with the first and third byte in order. */
  if (gpu_image_query (
          context, frame->format, plane, modifier, TRUE, &in_order)) {
    *images = in_order;
    frame->words = FALSE;
    found = TRUE;
  }

  return found;
}

static gboolean
import_as_images (GpuContext *context, GpuFrame *frame,
    const DmabufLayout *layout, GError **error)
{
  GpuImages images[GPU_MAX_PLANES] = { 0 };
  guint n_memory_planes, i;

  if (!context->has_modifiers)
    goto no_modifiers;

  frame->is_image = TRUE;
  frame->readable = frame->writable = TRUE;
  for (i = 0; i < frame->format->n_planes; i++) {
    if (!find_images (context, frame, i, layout->modifier, &images[i]))
      goto no_format;
    frame->readable &= (images[i].usage & VK_IMAGE_USAGE_SAMPLED_BIT) != 0;
    frame->writable &= (images[i].usage & VK_IMAGE_USAGE_STORAGE_BIT) != 0;
  }

  n_memory_planes = images[0].n_memory_planes;
  if (frame->format->n_planes == 1) {
    if (n_memory_planes != layout->n_planes)
      goto wrong_planes;
    return import_image (
        context, frame, 0, layout, 0, n_memory_planes, &images[0], error);
  }

  if (layout->n_planes != frame->format->n_planes)
    goto wrong_planes;
  for (i = 0; i < layout->n_planes; i++) {
    n_memory_planes = images[i].n_memory_planes;
    if (n_memory_planes != 1)
      goto wrong_planes;
    if (!import_image (context, frame, i, layout, i, 1, &images[i], error))
      return FALSE;
  }

  return TRUE;

  /* ERRORS */
no_modifiers: {
  gpu_set_errno (error, ENOTSUP,
      "%s has no " VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME
      "; a newer driver may have it",
      context->name);
  return FALSE;
}
no_format: {
  gpu_set_errno (error, ENOTSUP,
      "%s has no images for plane %u of %.4s with modifier "
      "0x%016" G_GINT64_MODIFIER "x",
      context->name, i, (const char *) &layout->format, layout->modifier);
  return FALSE;
}
wrong_planes: {
  gpu_set_errno (error, EINVAL,
      "%s has %u planes of %.4s with modifier 0x%016" G_GINT64_MODIFIER
      "x, and the frame has %u",
      context->name, n_memory_planes, (const char *) &layout->format,
      layout->modifier, layout->n_planes);
  return FALSE;
}
}

/* --- frames ------------------------------------------------------------- */

static GpuFrame *
try_import (GpuContext *context, const DmabufLayout *layout, gboolean as_image,
    GError **error)
{
  GpuFrame *frame = g_new0 (GpuFrame, 1);

  frame->format = gpu_format_get (layout->format);
  frame->width = layout->width;
  frame->height = layout->height;
  frame->foreign = TRUE;
  if (as_image ? !import_as_images (context, frame, layout, error)
               : !import_as_buffers (context, frame, layout, error)) {
    gpu_frame_free (context, frame);
    return NULL;
  }

  return frame;
}

GpuFrame *
gpu_frame_import (GpuContext *context, const DmabufLayout *layout,
    GpuImportMode mode, GError **error)
{
  gboolean as_image = mode == GPU_IMPORT_IMAGE
      || (mode == GPU_IMPORT_AUTO
          && (layout->modifier != DRM_FORMAT_MOD_LINEAR
              || !context->has_byte_buffers));
  GError *first = NULL;
  GpuFrame *frame;

  if (!gpu_format_get (layout->format))
    goto no_format;
  if (layout->width > context->max_size || layout->height > context->max_size)
    goto too_large;

  frame = try_import (context, layout, as_image, &first);
  if (!frame && mode == GPU_IMPORT_AUTO
      && layout->modifier == DRM_FORMAT_MOD_LINEAR
      && !g_atomic_int_get (&context->lost)) {
    g_debug ("%s; trying %s", first->message, as_image ? "buffers" : "images");
    frame = try_import (context, layout, !as_image, NULL);
  }
  if (frame)
    g_clear_error (&first);
  else
    g_propagate_error (error, first);

  return frame;

  /* ERRORS */
no_format: {
  gpu_set_errno (error, ENOTSUP, "there are no shaders for %.4s",
      (const char *) &layout->format);
  return NULL;
}
too_large: {
  gpu_set_errno (error, EINVAL,
      "%ux%u pixels are too large for %s, which takes up to %ux%u",
      layout->width, layout->height, context->name, context->max_size,
      context->max_size);
  return NULL;
}
}

void
gpu_frame_free (GpuContext *context, GpuFrame *frame)
{
  const GpuApi *api = &context->api;
  guint i;

  for (i = 0; i < GPU_MAX_PLANES; i++) {
    api->DestroyImageView (context->device, frame->planes[i].read, NULL);
    api->DestroyImageView (context->device, frame->planes[i].write, NULL);
    api->DestroyImage (context->device, frame->planes[i].image, NULL);
  }
  for (i = 0; i < frame->n_buffers; i++)
    api->DestroyBuffer (context->device, frame->buffers[i], NULL);
  for (i = 0; i < frame->n_memories; i++)
    api->FreeMemory (context->device, frame->memories[i], NULL);
  g_free (frame);
}
