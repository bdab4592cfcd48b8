/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "driver-double.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

DriverDouble driver;

/* --- objects ---------------------------------------------------------------
 */

static guintptr last_handle;

#define MAKE(type) (driver.n_objects++, (type) ++last_handle)

#define DEFINE_DESTROY(type) \
  static VKAPI_ATTR void VKAPI_CALL destroy_##type ( \
      VkDevice device, Vk##type object, const VkAllocationCallbacks *calls) \
  { \
    if (object) \
      driver.n_objects--; \
  }
DEFINE_DESTROY (Buffer)
DEFINE_DESTROY (Image)
DEFINE_DESTROY (ImageView)
DEFINE_DESTROY (DeviceMemory)
DEFINE_DESTROY (Semaphore)
DEFINE_DESTROY (CommandPool)
DEFINE_DESTROY (DescriptorPool)
DEFINE_DESTROY (DescriptorSetLayout)
DEFINE_DESTROY (PipelineLayout)
DEFINE_DESTROY (ShaderModule)
DEFINE_DESTROY (Pipeline)

#define DEFINE_CREATE(type) \
  static VKAPI_ATTR VkResult VKAPI_CALL create_##type (VkDevice device, \
      const Vk##type##CreateInfo *info, const VkAllocationCallbacks *calls, \
      Vk##type *object) \
  { \
    *object = MAKE (Vk##type); \
    return VK_SUCCESS; \
  }
DEFINE_CREATE (ImageView)
DEFINE_CREATE (Semaphore)
DEFINE_CREATE (CommandPool)
DEFINE_CREATE (DescriptorPool)
DEFINE_CREATE (DescriptorSetLayout)
DEFINE_CREATE (PipelineLayout)
DEFINE_CREATE (ShaderModule)

static VKAPI_ATTR VkResult VKAPI_CALL
create_cache (VkDevice device, const VkPipelineCacheCreateInfo *info,
    const VkAllocationCallbacks *calls, VkPipelineCache *cache)
{
  return VK_ERROR_OUT_OF_HOST_MEMORY;
}

static VKAPI_ATTR VkResult VKAPI_CALL
create_pipelines (VkDevice device, VkPipelineCache cache, uint32_t n,
    const VkComputePipelineCreateInfo *infos,
    const VkAllocationCallbacks *calls, VkPipeline *pipelines)
{
  *pipelines = MAKE (VkPipeline);

  return VK_SUCCESS;
}

static const void *
find_next (const void *chain, VkStructureType type)
{
  const VkBaseInStructure *next = chain;

  while (next && next->sType != type)
    next = next->pNext;

  return next;
}

/* --- answers ---------------------------------------------------------------
 */

static VKAPI_ATTR void VKAPI_CALL
get_format_properties (
    VkPhysicalDevice physical, VkFormat format, VkFormatProperties2 *properties)
{
  VkDrmFormatModifierPropertiesListEXT *list = (void *) find_next (
      properties, VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT);
  VkDrmFormatModifierPropertiesList2EXT *list2 = (void *) find_next (
      properties, VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_2_EXT);
  guint n = 0, i;

  for (i = 0; i < G_N_ELEMENTS (driver.modifiers); i++) {
    const DriverModifier *m = &driver.modifiers[i];

    if (m->format != format)
      continue;
    if (list)
      list->pDrmFormatModifierProperties[n] =
          (VkDrmFormatModifierPropertiesEXT) { m->modifier, m->n_memory_planes,
            (VkFormatFeatureFlags) m->features };
    if (list2 && list2->pDrmFormatModifierProperties)
      list2->pDrmFormatModifierProperties[n] =
          (VkDrmFormatModifierProperties2EXT) { m->modifier, m->n_memory_planes,
            m->features };
    n++;
  }
  if (list)
    list->drmFormatModifierCount = n;
  /* A driver ignores structures that it does not know. */
  if (list2 && driver.fills_list2)
    list2->drmFormatModifierCount = n;
}

static VKAPI_ATTR VkResult VKAPI_CALL
get_image_format_properties (VkPhysicalDevice physical,
    const VkPhysicalDeviceImageFormatInfo2 *info,
    VkImageFormatProperties2 *properties)
{
  VkExternalImageFormatProperties *external = (void *) find_next (
      properties->pNext, VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES);

  /* The plugin asks only about dma-bufs with a modifier. */
  g_assert_nonnull (external);
  g_assert_nonnull (find_next (info->pNext,
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT));
  g_assert_cmpint (info->tiling, ==, VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT);
  external->externalMemoryProperties.externalMemoryFeatures =
      driver.image_features;
  properties->imageFormatProperties.maxExtent = driver.max_extent;

  return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
get_external_buffer_properties (VkPhysicalDevice physical,
    const VkPhysicalDeviceExternalBufferInfo *info,
    VkExternalBufferProperties *properties)
{
  properties->externalMemoryProperties.externalMemoryFeatures =
      driver.buffer_features;
}

static VKAPI_ATTR VkResult VKAPI_CALL
get_memory_fd_properties (VkDevice device,
    VkExternalMemoryHandleTypeFlagBits type, int fd,
    VkMemoryFdPropertiesKHR *properties)
{
  properties->memoryTypeBits = driver.memory_bits;

  return VK_SUCCESS;
}

static VkPhysicalDevice
get_device (guint i)
{
  return (VkPhysicalDevice) &driver.devices[i];
}

static VKAPI_ATTR VkResult VKAPI_CALL
enumerate_devices (VkInstance instance, uint32_t *n, VkPhysicalDevice *devices)
{
  for (*n = 0; *n < G_N_ELEMENTS (driver.devices); ++*n) {
    if (!driver.devices[*n].name)
      break;
    devices[*n] = get_device (*n);
  }

  return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
get_device_properties (
    VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *properties)
{
  const DriverDevice *device = (const DriverDevice *) physical;

  properties->properties.apiVersion = device->version;
  properties->properties.deviceType = device->type;
  g_strlcpy (properties->properties.deviceName, device->name,
      sizeof (properties->properties.deviceName));
}

static VKAPI_ATTR VkResult VKAPI_CALL
enumerate_extensions (VkPhysicalDevice physical, const char *layer, uint32_t *n,
    VkExtensionProperties *extensions)
{
  const DriverDevice *device = (const DriverDevice *) physical;

  for (*n = 0; *n < G_N_ELEMENTS (device->extensions); ++*n) {
    if (!device->extensions[*n])
      break;
    if (extensions)
      g_strlcpy (extensions[*n].extensionName, device->extensions[*n],
          sizeof (extensions[*n].extensionName));
  }

  return VK_SUCCESS;
}

/* --- memory ----------------------------------------------------------------
 */

static VKAPI_ATTR VkResult VKAPI_CALL
allocate_memory (VkDevice device, const VkMemoryAllocateInfo *info,
    const VkAllocationCallbacks *calls, VkDeviceMemory *memory)
{
  const VkImportMemoryFdInfoKHR *import =
      find_next (info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR);
  const VkMemoryDedicatedAllocateInfo *dedicated =
      find_next (info->pNext, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO);

  driver.memory = *info;
  driver.is_dedicated = dedicated != NULL;
  if (dedicated)
    driver.dedicated = *dedicated;
  if (driver.allocate_result != VK_SUCCESS)
    return driver.allocate_result;
  if (import)
    close (import->fd);
  *memory = MAKE (VkDeviceMemory);

  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
get_memory_fd (VkDevice device, const VkMemoryGetFdInfoKHR *info, int *fd)
{
  *fd = memfd_create ("exported", MFD_CLOEXEC);
  g_assert_cmpint (ftruncate (*fd, driver.memory.allocationSize), ==, 0);

  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
create_buffer (VkDevice device, const VkBufferCreateInfo *info,
    const VkAllocationCallbacks *calls, VkBuffer *buffer)
{
  driver.buffer = *info;
  *buffer = MAKE (VkBuffer);

  return VK_SUCCESS;
}

static void
set_dedicated (VkMemoryRequirements2 *needs)
{
  VkMemoryDedicatedRequirements *wants = (void *) find_next (
      needs->pNext, VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS);

  g_assert_nonnull (wants);
  wants->requiresDedicatedAllocation = driver.wants_dedicated;
}

static VKAPI_ATTR void VKAPI_CALL
get_buffer_needs1 (VkDevice device, VkBuffer which, VkMemoryRequirements *needs)
{
  *needs = (VkMemoryRequirements) { driver.buffer.size, 64, ~0u };
}

static VKAPI_ATTR VkResult VKAPI_CALL
map_memory (VkDevice device, VkDeviceMemory memory, VkDeviceSize offset,
    VkDeviceSize size, VkMemoryMapFlags flags, void **data)
{
  static guint8 mapped[65536];

  g_assert_cmpuint (driver.memory.allocationSize, <=, sizeof (mapped));
  *data = mapped;

  return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
get_buffer_needs (VkDevice device, const VkBufferMemoryRequirementsInfo2 *info,
    VkMemoryRequirements2 *needs)
{
  needs->memoryRequirements =
      (VkMemoryRequirements) { driver.buffer.size, 64, ~0u };
  set_dedicated (needs);
}

static VKAPI_ATTR VkResult VKAPI_CALL
bind_buffer (VkDevice device, VkBuffer buffer, VkDeviceMemory memory,
    VkDeviceSize offset)
{
  return VK_SUCCESS;
}

/* --- images ----------------------------------------------------------------
 */

static VKAPI_ATTR VkResult VKAPI_CALL
create_image (VkDevice device, const VkImageCreateInfo *info,
    const VkAllocationCallbacks *calls, VkImage *image)
{
  const VkImageDrmFormatModifierExplicitCreateInfoEXT *modifier =
      find_next (info->pNext,
          VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT);
  guint i;

  g_assert_cmpuint (info->usage, !=, 0);
  driver.image = *info;
  for (i = 0; modifier && i < modifier->drmFormatModifierPlaneCount; i++) {
    driver.planes[i] = modifier->pPlaneLayouts[i];
    /* VUID-VkImageDrmFormatModifierExplicitCreateInfoEXT-size-02267,
     * -arrayPitch-02268, -depthPitch-02269 */
    g_assert_cmpuint (driver.planes[i].size, ==, 0);
    g_assert_cmpuint (driver.planes[i].arrayPitch, ==, 0);
    g_assert_cmpuint (driver.planes[i].depthPitch, ==, 0);
  }
  *image = MAKE (VkImage);

  return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
get_image_needs (VkDevice device, const VkImageMemoryRequirementsInfo2 *info,
    VkMemoryRequirements2 *needs)
{
  needs->memoryRequirements = driver.image_needs;
  set_dedicated (needs);
}

static VKAPI_ATTR VkResult VKAPI_CALL
bind_image (
    VkDevice device, VkImage image, VkDeviceMemory memory, VkDeviceSize offset)
{
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
get_modifier (VkDevice device, VkImage image,
    VkImageDrmFormatModifierPropertiesEXT *properties)
{
  properties->drmFormatModifier = driver.modifiers[0].modifier;

  return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
get_plane (VkDevice device, VkImage image,
    const VkImageSubresource *subresource, VkSubresourceLayout *layout)
{
  *layout = (VkSubresourceLayout) { .rowPitch = 256 };
}

/* --- commands --------------------------------------------------------------
 */

static VKAPI_ATTR VkResult VKAPI_CALL
allocate_commands (VkDevice device, const VkCommandBufferAllocateInfo *info,
    VkCommandBuffer *commands)
{
  *commands = (VkCommandBuffer) ++last_handle;

  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
begin_commands (VkCommandBuffer commands, const VkCommandBufferBeginInfo *info)
{
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
end_commands (VkCommandBuffer commands)
{
  return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL
fill_buffer (VkCommandBuffer commands, VkBuffer buffer, VkDeviceSize offset,
    VkDeviceSize size, uint32_t value)
{
  driver.n_fills++;
}

static VKAPI_ATTR void VKAPI_CALL
pipeline_barrier (VkCommandBuffer commands, VkPipelineStageFlags source,
    VkPipelineStageFlags target, VkDependencyFlags flags, uint32_t n_memory,
    const VkMemoryBarrier *memory, uint32_t n_buffers,
    const VkBufferMemoryBarrier *buffers, uint32_t n_images,
    const VkImageMemoryBarrier *images)
{
  guint i;

  for (i = 0; i < n_images; i++) {
    g_assert_cmpuint (driver.n_barriers, <, G_N_ELEMENTS (driver.barriers));
    driver.barriers[driver.n_barriers++] = images[i];
  }
}

static VKAPI_ATTR void VKAPI_CALL
bind_pipeline (
    VkCommandBuffer commands, VkPipelineBindPoint point, VkPipeline pipeline)
{
}

static VKAPI_ATTR void VKAPI_CALL
bind_sets (VkCommandBuffer commands, VkPipelineBindPoint point,
    VkPipelineLayout layout, uint32_t first, uint32_t n_sets,
    const VkDescriptorSet *sets, uint32_t n_offsets, const uint32_t *offsets)
{
}

static VKAPI_ATTR void VKAPI_CALL
dispatch (VkCommandBuffer commands, uint32_t x, uint32_t y, uint32_t z)
{
}

static VKAPI_ATTR void VKAPI_CALL
update_sets (VkDevice device, uint32_t n_writes,
    const VkWriteDescriptorSet *writes, uint32_t n_copies,
    const VkCopyDescriptorSet *copies)
{
}

static VKAPI_ATTR VkResult VKAPI_CALL
allocate_sets (VkDevice device, const VkDescriptorSetAllocateInfo *info,
    VkDescriptorSet *sets)
{
  *sets = (VkDescriptorSet) ++last_handle;

  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
reset_commands (
    VkDevice device, VkCommandPool pool, VkCommandPoolResetFlags flags)
{
  return VK_SUCCESS;
}

/* --- work ------------------------------------------------------------------
 */

static VKAPI_ATTR VkResult VKAPI_CALL
queue_submit (
    VkQueue queue, uint32_t n, const VkSubmitInfo *submits, VkFence fence)
{
  driver.n_submits++;

  return VK_SUCCESS;
}

/* Submitted work completes when it is waited for. */
static VKAPI_ATTR VkResult VKAPI_CALL
wait_semaphores (
    VkDevice device, const VkSemaphoreWaitInfo *info, uint64_t timeout)
{
  driver.n_waits++;
  driver.reached = driver.n_submits;

  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
get_counter (VkDevice device, VkSemaphore semaphore, uint64_t *value)
{
  *value = driver.reached;

  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
get_semaphore_fd (VkDevice device, const VkSemaphoreGetFdInfoKHR *info, int *fd)
{
  *fd = -1;

  return driver.export_result;
}

/* --- the driver ------------------------------------------------------------
 */

void
driver_double_add (VkFormat format, guint64 modifier, guint n_memory_planes,
    VkFormatFeatureFlags2 features)
{
  guint i = 0;

  while (driver.modifiers[i].format)
    i++;
  g_assert_cmpuint (i, <, G_N_ELEMENTS (driver.modifiers));
  if (!features)
    features = VK_FORMAT_FEATURE_2_SAMPLED_IMAGE_BIT
        | VK_FORMAT_FEATURE_2_STORAGE_IMAGE_BIT
        | VK_FORMAT_FEATURE_2_STORAGE_WRITE_WITHOUT_FORMAT_BIT;
  driver.modifiers[i] =
      (DriverModifier) { format, modifier, n_memory_planes, features };
}

void
driver_double_init (void)
{
  const VkExternalMemoryFeatureFlags all =
      VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT
      | VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;

  driver = (DriverDouble) {
    .context = {
      .api = {
        .EnumeratePhysicalDevices = enumerate_devices,
        .GetPhysicalDeviceProperties2 = get_device_properties,
        .EnumerateDeviceExtensionProperties = enumerate_extensions,
        .GetPhysicalDeviceFormatProperties2 = get_format_properties,
        .GetPhysicalDeviceImageFormatProperties2 = get_image_format_properties,
        .GetPhysicalDeviceExternalBufferProperties =
            get_external_buffer_properties,
        .GetMemoryFdPropertiesKHR = get_memory_fd_properties,
        .GetMemoryFdKHR = get_memory_fd,
        .AllocateMemory = allocate_memory,
        .FreeMemory = destroy_DeviceMemory,
        .CreateBuffer = create_buffer,
        .DestroyBuffer = destroy_Buffer,
        .MapMemory = map_memory,
        .GetBufferMemoryRequirements = get_buffer_needs1,
        .GetBufferMemoryRequirements2 = get_buffer_needs,
        .BindBufferMemory = bind_buffer,
        .CreateImage = create_image,
        .DestroyImage = destroy_Image,
        .GetImageMemoryRequirements2 = get_image_needs,
        .BindImageMemory = bind_image,
        .GetImageDrmFormatModifierPropertiesEXT = get_modifier,
        .GetImageSubresourceLayout = get_plane,
        .CreateImageView = create_ImageView,
        .DestroyImageView = destroy_ImageView,
        .CreateSemaphore = create_Semaphore,
        .DestroySemaphore = destroy_Semaphore,
        .CreateCommandPool = create_CommandPool,
        .DestroyCommandPool = destroy_CommandPool,
        .AllocateCommandBuffers = allocate_commands,
        .BeginCommandBuffer = begin_commands,
        .EndCommandBuffer = end_commands,
        .CmdFillBuffer = fill_buffer,
        .CmdPipelineBarrier = pipeline_barrier,
        .CmdBindPipeline = bind_pipeline,
        .CmdBindDescriptorSets = bind_sets,
        .CmdDispatch = dispatch,
        .UpdateDescriptorSets = update_sets,
        .CreateDescriptorPool = create_DescriptorPool,
        .DestroyDescriptorPool = destroy_DescriptorPool,
        .CreateDescriptorSetLayout = create_DescriptorSetLayout,
        .DestroyDescriptorSetLayout = destroy_DescriptorSetLayout,
        .AllocateDescriptorSets = allocate_sets,
        .CreatePipelineLayout = create_PipelineLayout,
        .DestroyPipelineLayout = destroy_PipelineLayout,
        .CreateShaderModule = create_ShaderModule,
        .DestroyShaderModule = destroy_ShaderModule,
        .CreatePipelineCache = create_cache,
        .CreateComputePipelines = create_pipelines,
        .DestroyPipeline = destroy_Pipeline,
        .ResetCommandPool = reset_commands,
        .GetSemaphoreCounterValue = get_counter,
        .GetSemaphoreFdKHR = get_semaphore_fd,
        .QueueSubmit = queue_submit,
        .WaitSemaphores = wait_semaphores,
      },
      /* Static: gpu_context_unref () must never free it. */
      .ref_count = 1000,
      .name = (char *) "the double",
      .foreign = VK_QUEUE_FAMILY_FOREIGN_EXT,
      .max_size = 16384,
      .alignment = 64,
      .max_range = G_MAXUINT32,
      .has_dmabuf = TRUE,
      .has_modifiers = TRUE,
      .has_features2 = TRUE,
      .has_byte_buffers = TRUE,
      .has_raw_images = TRUE,
      .memory = {
        .memoryTypeCount = 1,
        .memoryTypes = { { VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
                               | VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
                               | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
            0 } },
      },
    },
    .fills_list2 = TRUE,
    .image_features = all,
    .buffer_features = all,
    .max_extent = { 16384, 16384, 1 },
    .image_needs = { 4096, 4096, ~0u },
    .memory_bits = ~0u,
  };
  g_mutex_init (&driver.context.queue_lock);
}

void
driver_double_clear (void)
{
  g_assert_cmpint (driver.n_objects, ==, 0);
  g_mutex_clear (&driver.context.queue_lock);
}
