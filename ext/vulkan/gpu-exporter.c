/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gpu-exporter.h"
#include "gpu-image.h"

#include <drm/drm_fourcc.h>
#include <errno.h>
#include <unistd.h>

struct _GpuExporter
{
  DmabufExporter parent;

  GpuContext *context;

  /* For an exporter of frames; NULL for bytes */
  const GpuFormat *format;
  guint width;
  guint height;
  guint n_modifiers;
  guint64 modifiers[GPU_MAX_MODIFIERS];
  DmabufLayout layout; /* Without buffers */
  gsize size;
};

G_DEFINE_FINAL_TYPE (GpuExporter, gpu_exporter, DMABUF_TYPE_EXPORTER)

/* --- memory -------------------------------------------------------------- */

static VkExternalMemoryFeatureFlags
buffer_features (GpuContext *context)
{
  VkPhysicalDeviceExternalBufferInfo info = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
    .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    .handleType = GPU_DMA_BUF,
  };
  VkExternalBufferProperties properties = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES,
  };

  context->api.GetPhysicalDeviceExternalBufferProperties (
      context->physical, &info, &properties);

  return properties.externalMemoryProperties.externalMemoryFeatures;
}

/* Submits @submit and waits until the GPU is done. */
static VkResult
submit_and_wait (GpuContext *context, VkSubmitInfo *submit)
{
  const GpuApi *api = &context->api;
  const guint64 done = 1;
  VkSemaphoreTypeCreateInfo type = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
    .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
  };
  VkSemaphoreCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
    .pNext = &type,
  };
  VkTimelineSemaphoreSubmitInfo values = {
    .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
    .signalSemaphoreValueCount = 1,
    .pSignalSemaphoreValues = &done,
  };
  VkSemaphore semaphore;
  VkSemaphoreWaitInfo wait = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
    .semaphoreCount = 1,
    .pSemaphores = &semaphore,
    .pValues = &done,
  };
  VkResult result;

  result = api->CreateSemaphore (context->device, &create, NULL, &semaphore);
  if (result != VK_SUCCESS)
    return result;
  submit->pNext = &values;
  submit->signalSemaphoreCount = 1;
  submit->pSignalSemaphores = &semaphore;

  g_mutex_lock (&context->queue_lock);
  result = api->QueueSubmit (context->queue, 1, submit, VK_NULL_HANDLE);
  g_mutex_unlock (&context->queue_lock);
  /* Without the lock: earlier work in the queue may wait for the submit of
   * another element. */
  if (result == VK_SUCCESS)
    result = api->WaitSemaphores (context->device, &wait, G_MAXUINT64);
  api->DestroySemaphore (context->device, semaphore, NULL);

  return result;
}

/* Zeroes exported memory, which may have the data of another process (SEC-19).
 */
static VkResult
clear (GpuContext *context, VkBuffer buffer)
{
  const GpuApi *api = &context->api;
  VkCommandPoolCreateInfo pool_info = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
    .queueFamilyIndex = context->family,
  };
  VkCommandBufferAllocateInfo allocate = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
    .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
    .commandBufferCount = 1,
  };
  VkCommandBufferBeginInfo begin = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
    .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
  };
  VkBufferMemoryBarrier give = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
    .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
    .srcQueueFamilyIndex = context->family,
    .dstQueueFamilyIndex = context->foreign,
    .buffer = buffer,
    .size = VK_WHOLE_SIZE,
  };
  VkCommandBuffer commands;
  VkSubmitInfo submit = {
    .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
    .commandBufferCount = 1,
    .pCommandBuffers = &commands,
  };
  VkCommandPool pool;
  VkResult result;

  result = api->CreateCommandPool (context->device, &pool_info, NULL, &pool);
  if (result != VK_SUCCESS)
    return result;
  allocate.commandPool = pool;
  result = api->AllocateCommandBuffers (context->device, &allocate, &commands);
  if (result == VK_SUCCESS)
    result = api->BeginCommandBuffer (commands, &begin);
  if (result == VK_SUCCESS) {
    api->CmdFillBuffer (commands, buffer, 0, VK_WHOLE_SIZE, 0);
    api->CmdPipelineBarrier (commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
        VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, 0, 0, NULL, 1, &give, 0, NULL);
    result = api->EndCommandBuffer (commands);
  }
  /* Waiting is fine here: buffers are made at the start, not for each frame. */
  if (result == VK_SUCCESS)
    result = submit_and_wait (context, &submit);
  api->DestroyCommandPool (context->device, pool, NULL);

  return gpu_context_note (context, result);
}

/* Allocates memory for @needs and exports its fd. Also makes a @buffer to clear
 * the memory, unless that is dedicated to @image. */
static int
export_memory (GpuContext *context, const VkMemoryRequirements *needs,
    VkImage image, VkDeviceMemory *memory, VkBuffer *buffer, GError **error)
{
  const GpuApi *api = &context->api;
  VkExternalMemoryBufferCreateInfo external = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
    .handleTypes = GPU_DMA_BUF,
  };
  VkBufferCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .pNext = &external,
    .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
  };
  VkMemoryDedicatedRequirements wants = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS,
  };
  VkMemoryRequirements2 own = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2,
    .pNext = &wants,
    .memoryRequirements = *needs,
  };
  VkBufferMemoryRequirementsInfo2 which = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_REQUIREMENTS_INFO_2,
  };
  VkMemoryDedicatedAllocateInfo dedicated = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
    .image = image,
  };
  VkExportMemoryAllocateInfo export = {
    .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
    .handleTypes = GPU_DMA_BUF,
  };
  VkMemoryAllocateInfo allocate = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
    .pNext = &export,
  };
  VkMemoryGetFdInfoKHR get = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
    .handleType = GPU_DMA_BUF,
  };
  VkDeviceSize page = sysconf (_SC_PAGESIZE);
  VkResult result;
  int fd = -1;

  if (!image) {
    /* Whole pages: all of them are exported and have to be cleared. */
    create.size = (needs->size + page - 1) / page * page;
    result = api->CreateBuffer (context->device, &create, NULL, buffer);
    if (result != VK_SUCCESS)
      goto failed;
    which.buffer = *buffer;
    api->GetBufferMemoryRequirements2 (context->device, &which, &own);
    own.memoryRequirements.memoryTypeBits &= needs->memoryTypeBits;
    if (wants.requiresDedicatedAllocation
        || buffer_features (context)
            & VK_EXTERNAL_MEMORY_FEATURE_DEDICATED_ONLY_BIT)
      dedicated.buffer = *buffer;
  }
  if (image || dedicated.buffer)
    export.pNext = &dedicated;
  allocate.allocationSize = own.memoryRequirements.size;
  allocate.memoryTypeIndex =
      gpu_context_find_memory (context, own.memoryRequirements.memoryTypeBits,
          0, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
  result = allocate.memoryTypeIndex == VK_MAX_MEMORY_TYPES
      ? VK_ERROR_FORMAT_NOT_SUPPORTED
      : api->AllocateMemory (context->device, &allocate, NULL, memory);
  if (result == VK_SUCCESS && !image)
    result = api->BindBufferMemory (context->device, *buffer, *memory, 0);
  if (result == VK_SUCCESS && !image)
    result = clear (context, *buffer);
  if (result == VK_SUCCESS) {
    get.memory = *memory;
    result = api->GetMemoryFdKHR (context->device, &get, &fd);
  }
  if (gpu_context_note (context, result) != VK_SUCCESS)
    goto failed;

  return fd;

  /* ERRORS */
failed: {
  gpu_set_error (error, result,
      "%s cannot make a dma-buf of %" G_GUINT64_FORMAT " bytes", context->name,
      (guint64) needs->size);
  return -1;
}
}

/* --- frames -------------------------------------------------------------- */

/* Usage of each plane: written by our shaders, read by any consumer. */
#define USAGE (VK_IMAGE_USAGE_STORAGE_BIT | VK_IMAGE_USAGE_SAMPLED_BIT)

/* Whether all planes can be images of exported memory. */
static gboolean
can_export (GpuContext *context, const GpuFormat *format, guint64 modifier,
    guint width, guint height)
{
  guint i;

  for (i = 0; i < format->n_planes; i++) {
    guint32 columns, rows;
    GpuImages images;
    guint bytes;

    gpu_format_get_texels (format, i, width, height, &columns, &rows, &bytes);
    if (!gpu_image_query (context, format, i, modifier, FALSE, &images)
        || images.usage != USAGE || !images.exportable
        || columns > images.max_width || rows > images.max_height
        || (format->n_planes > 1 && images.n_memory_planes > 1))
      return FALSE;
  }

  return TRUE;
}

gboolean
gpu_exporter_can_make (
    GpuContext *context, const GpuFormat *format, guint64 modifier)
{
  return can_export (context, format, modifier, 1, 1);
}

static VkResult
make_image (GpuExporter *self, guint plane, VkImage *image)
{
  VkImageDrmFormatModifierListCreateInfoEXT list = {
    .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT,
    .drmFormatModifierCount = self->n_modifiers,
    .pDrmFormatModifiers = self->modifiers,
  };
  VkExternalMemoryImageCreateInfo external = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
    .pNext = &list,
    .handleTypes = GPU_DMA_BUF,
  };
  VkImageCreateInfo create = gpu_image_get_create_info (
      self->format, plane, FALSE, self->width, self->height, USAGE);

  create.pNext = &external;

  return self->context->api.CreateImage (
      self->context->device, &create, NULL, image);
}

/* Adds the memory planes of @image to the layout. */
static VkResult
read_layout (GpuExporter *self, VkImage image, guint64 offset)
{
  const GpuApi *api = &self->context->api;
  VkImageDrmFormatModifierPropertiesEXT chosen = {
    .sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_PROPERTIES_EXT,
  };
  GpuImages images;
  VkResult result;
  guint i;

  result = api->GetImageDrmFormatModifierPropertiesEXT (
      self->context->device, image, &chosen);
  if (result != VK_SUCCESS)
    return result;
  gpu_image_query (
      self->context, self->format, 0, chosen.drmFormatModifier, FALSE, &images);
  self->layout.modifier = chosen.drmFormatModifier;
  for (i = 0; i < images.n_memory_planes; i++) {
    VkImageSubresource subresource = {
      .aspectMask = VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT << i,
    };
    VkSubresourceLayout layout;
    DmabufPlane *plane = &self->layout.planes[self->layout.n_planes++];

    api->GetImageSubresourceLayout (
        self->context->device, image, &subresource, &layout);
    plane->offset = offset + layout.offset;
    plane->pitch = layout.rowPitch;
  }

  return VK_SUCCESS;
}

/* Allocates one memory for all planes of a frame, one after the other. */
static int
allocate_frame (GpuExporter *self, GError **error)
{
  const GpuApi *api = &self->context->api;
  VkDevice device = self->context->device;
  VkMemoryRequirements all = { .memoryTypeBits = ~0u };
  VkImage images[GPU_MAX_PLANES] = { VK_NULL_HANDLE };
  VkDeviceMemory memory = VK_NULL_HANDLE;
  VkBuffer buffer = VK_NULL_HANDLE;
  gboolean dedicated = FALSE;
  VkResult result;
  int fd = -1;
  guint i;

  self->layout.n_planes = 0;
  for (i = 0; i < self->format->n_planes; i++) {
    VkMemoryRequirements needs;

    result = make_image (self, i, &images[i]);
    if (result != VK_SUCCESS)
      goto failed;
    dedicated |= gpu_image_get_needs (self->context, images[i], &needs);
    all.size =
        (all.size + needs.alignment - 1) / needs.alignment * needs.alignment;
    result = read_layout (self, images[i], all.size);
    if (result != VK_SUCCESS)
      goto failed;
    all.size += needs.size;
    all.memoryTypeBits &= needs.memoryTypeBits;
  }
  self->size = all.size;

  fd = export_memory (self->context, &all,
      dedicated && self->format->n_planes == 1 ? images[0] : VK_NULL_HANDLE,
      &memory, &buffer, error);

out:
  /* The dma-buf keeps the memory; the Vulkan objects are not needed any more.
   */
  api->DestroyBuffer (device, buffer, NULL);
  for (i = 0; i < G_N_ELEMENTS (images); i++)
    api->DestroyImage (device, images[i], NULL);
  api->FreeMemory (device, memory, NULL);

  return fd;

  /* ERRORS */
failed: {
  gpu_context_note (self->context, result);
  gpu_set_error (error, result, "%s cannot make images of %.4s %ux%u",
      self->context->name, (const char *) &self->format->fourcc, self->width,
      self->height);
  goto out;
}
}

/* --- the exporter -------------------------------------------------------- */

static int
gpu_exporter_allocate (DmabufExporter *exporter, gsize size, GError **error)
{
  GpuExporter *self = GPU_EXPORTER (exporter);
  VkMemoryRequirements needs = { .size = size, .memoryTypeBits = ~0u };
  VkDeviceMemory memory = VK_NULL_HANDLE;
  VkBuffer buffer = VK_NULL_HANDLE;
  int fd;

  if (self->format)
    return allocate_frame (self, error);

  fd = export_memory (
      self->context, &needs, VK_NULL_HANDLE, &memory, &buffer, error);
  self->context->api.DestroyBuffer (self->context->device, buffer, NULL);
  self->context->api.FreeMemory (self->context->device, memory, NULL);

  return fd;
}

static void
gpu_exporter_finalize (GObject *object)
{
  GpuExporter *self = GPU_EXPORTER (object);

  gpu_context_unref (self->context);

  G_OBJECT_CLASS (gpu_exporter_parent_class)->finalize (object);
}

static void
gpu_exporter_class_init (GpuExporterClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gpu_exporter_finalize;
  DMABUF_EXPORTER_CLASS (klass)->allocate = gpu_exporter_allocate;
}

static void
gpu_exporter_init (GpuExporter *exporter)
{
}

static GpuExporter *
exporter_new (GpuContext *context)
{
  GpuExporter *self = g_object_new (GPU_TYPE_EXPORTER, "name", "vulkan", NULL);

  self->context = gpu_context_ref (context);

  return self;
}

DmabufExporter *
gpu_exporter_new (GpuContext *context, GError **error)
{
  if (!gpu_context_check_dmabuf (context, error))
    return NULL;
  if (!(buffer_features (context)
          & VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT)) {
    gpu_set_errno (
        error, ENOTSUP, "%s cannot export its memory", context->name);
    return NULL;
  }

  return DMABUF_EXPORTER (exporter_new (context));
}

DmabufExporter *
gpu_exporter_new_for_frames (GpuContext *context, guint32 fourcc, guint width,
    guint height, const guint64 *modifiers, guint n_modifiers, GError **error)
{
  const GpuFormat *format = gpu_format_get (fourcc);
  guint64 own[GPU_MAX_MODIFIERS];
  GpuExporter *self;
  guint n_own, i, j;
  int fd;

  if (!gpu_context_check_dmabuf (context, error))
    return NULL;
  if (!format)
    goto nothing;

  self = exporter_new (context);
  self->format = format;
  self->width = width;
  self->height = height;
  n_own =
      gpu_image_get_modifiers (context, format, USAGE, own, G_N_ELEMENTS (own));
  for (i = 0; i < n_own; i++) {
    for (j = 0; j < n_modifiers && own[i] != modifiers[j]; j++)
      ;
    if (j < n_modifiers && can_export (context, format, own[i], width, height))
      self->modifiers[self->n_modifiers++] = own[i];
  }
  if (self->n_modifiers == 0) {
    g_object_unref (self);
    goto nothing;
  }
  self->layout.format = fourcc;
  self->layout.width = width;
  self->layout.height = height;

  /* Make a frame to learn its layout and size. */
  fd = allocate_frame (self, error);
  if (fd < 0)
    g_clear_object (&self);
  else
    close (fd);

  return (DmabufExporter *) self;

  /* ERRORS */
nothing: {
  gpu_set_errno (error, ENOTSUP,
      "%s can export no images of %.4s with a modifier that all consumers "
      "support",
      context->name, (const char *) &fourcc);
  return NULL;
}
}

gsize
gpu_exporter_get_frame_size (GpuExporter *exporter)
{
  return exporter->size;
}

void
gpu_exporter_get_layout (
    GpuExporter *exporter, DmabufBuffer *buffer, DmabufLayout *layout)
{
  guint i;

  *layout = exporter->layout;
  for (i = 0; i < layout->n_planes; i++)
    layout->planes[i].buffer = buffer;
}
