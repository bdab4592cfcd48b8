/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gpu-context.h"

#include <errno.h>
#include <string.h>

#define VALIDATION_LAYER "VK_LAYER_KHRONOS_validation"
#define N_EXTENSIONS 8

static GMutex contexts_lock;
static GHashTable *contexts; /* Key → GpuContext, without a reference */

/* --- instance ---------------------------------------------------------- */

static VKAPI_ATTR VkBool32 VKAPI_CALL
on_validation (VkDebugUtilsMessageSeverityFlagBitsEXT severity,
    VkDebugUtilsMessageTypeFlagsEXT types,
    const VkDebugUtilsMessengerCallbackDataEXT *data, void *user_data)
{
  /* With VK_KHR_format_feature_flags2 the layers read the modifiers of a format
   * from VkDrmFormatModifierPropertiesList2EXT. A driver that leaves this list
   * empty (lavapipe 25.0) makes them report any use of images with modifiers.
   */
  static const char *const vuids[] = { "VUID-VkImageViewCreateInfo-None-02273",
    "VUID-vkCmdDispatch-OpTypeImage-07027", "VUID-vkCmdDispatch-None-02691" };
  GpuContext *context = user_data;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (vuids); i++) {
    if (context->lacks_list2 && g_strcmp0 (data->pMessageIdName, vuids[i]) == 0)
      return VK_FALSE;
  }
  g_atomic_int_inc (&context->validation_messages);
  g_warning ("Vulkan validation: %s", data->pMessage);

  return VK_FALSE;
}

static gboolean
has_layer (const GpuApi *api, const char *name)
{
  VkLayerProperties *layers;
  gboolean found = FALSE;
  guint32 n = 0, i;

  if (api->EnumerateInstanceLayerProperties (&n, NULL) != VK_SUCCESS)
    return FALSE;
  layers = g_new0 (VkLayerProperties, n);
  if (api->EnumerateInstanceLayerProperties (&n, layers) == VK_SUCCESS) {
    for (i = 0; i < n && !found; i++)
      found = strcmp (layers[i].layerName, name) == 0;
  }
  g_free (layers);

  return found;
}

static gboolean
open_instance (GpuContext *context, gboolean validate, GError **error)
{
  static const VkValidationFeatureEnableEXT enabled[] = {
    VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT,
  };
  VkValidationFeaturesEXT features = {
    .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
    .enabledValidationFeatureCount = G_N_ELEMENTS (enabled),
    .pEnabledValidationFeatures = enabled,
  };
  VkDebugUtilsMessengerCreateInfoEXT messenger = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
    .pNext = &features,
    .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT
        | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
    .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT,
    .pfnUserCallback = on_validation,
    .pUserData = context,
  };
  VkApplicationInfo application = {
    .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
    .pApplicationName = "gst-dmabuf",
    .apiVersion = VK_API_VERSION_1_2,
  };
  const char *layer = VALIDATION_LAYER;
  const char *extension = VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
  VkInstanceCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
    .pApplicationInfo = &application,
  };
  VkResult result;

  if (validate && !has_layer (&context->api, layer))
    goto no_layer;
  if (validate) {
    create.pNext = &messenger;
    create.enabledLayerCount = 1;
    create.ppEnabledLayerNames = &layer;
    create.enabledExtensionCount = 1;
    create.ppEnabledExtensionNames = &extension;
  }
  result = context->api.CreateInstance (&create, NULL, &context->instance);
  if (result != VK_SUCCESS)
    goto no_instance;
  if (!gpu_api_load_instance (&context->api, context->instance, error))
    goto no_functions;

  if (validate && context->api.CreateDebugUtilsMessengerEXT) {
    messenger.pNext = NULL;
    context->api.CreateDebugUtilsMessengerEXT (
        context->instance, &messenger, NULL, &context->messenger);
  }

  return TRUE;

  /* ERRORS */
no_layer: {
  gpu_set_error (error, VK_ERROR_LAYER_NOT_PRESENT,
      "validation is enabled, but the layer " VALIDATION_LAYER " is missing");
  return FALSE;
}
no_instance: {
  context->instance = VK_NULL_HANDLE;
  gpu_set_error (error, result, "cannot create a Vulkan instance");
  return FALSE;
}
no_functions: {
  return FALSE;
}
}

/* --- device ------------------------------------------------------------ */

static gboolean
find_family (GpuContext *context)
{
  VkQueueFamilyProperties families[16];
  guint32 n = G_N_ELEMENTS (families), i;

  context->api.GetPhysicalDeviceQueueFamilyProperties (
      context->physical, &n, families);
  for (i = 0; i < n; i++) {
    if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
      context->family = i;
      return TRUE;
    }
  }

  return FALSE;
}

static void
read_properties (GpuContext *context)
{
  VkPhysicalDeviceIDProperties id = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
  };
  VkPhysicalDeviceProperties2 all = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = &id,
  };
  const VkPhysicalDeviceProperties *properties = &all.properties;

  context->api.GetPhysicalDeviceProperties2 (context->physical, &all);
  context->name = g_strdup (properties->deviceName);
  context->vendor = properties->vendorID;
  context->device_id = properties->deviceID;
  memcpy (context->uuid, id.deviceUUID, VK_UUID_SIZE);
  memcpy (context->cache_uuid, properties->pipelineCacheUUID, VK_UUID_SIZE);
  context->max_size = properties->limits.maxImageDimension2D;
  context->alignment = properties->limits.minStorageBufferOffsetAlignment;
  context->max_range = properties->limits.maxStorageBufferRange;
  context->has_features2 = properties->apiVersion >= VK_API_VERSION_1_3
      || gpu_has_extension (&context->api, context->physical,
          VK_KHR_FORMAT_FEATURE_FLAGS_2_EXTENSION_NAME);
  /* A CPU driver cannot make a sync_file that signals later: it finishes its
   * work before it exports one. */
  context->fences_completed =
      properties->deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
  context->is_discrete =
      properties->deviceType == VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
  context->api.GetPhysicalDeviceMemoryProperties (
      context->physical, &context->memory);
}

static gboolean
can_sync_fd (GpuContext *context)
{
  VkPhysicalDeviceExternalSemaphoreInfo info = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_SEMAPHORE_INFO,
    .handleType = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT,
  };
  VkExternalSemaphoreProperties properties = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_SEMAPHORE_PROPERTIES,
  };
  const VkExternalSemaphoreFeatureFlags both =
      VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT
      | VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT;

  context->api.GetPhysicalDeviceExternalSemaphoreProperties (
      context->physical, &info, &properties);

  return (properties.externalSemaphoreFeatures & both) == both;
}

/* Whether the driver lists modifiers only in
 * VkDrmFormatModifierPropertiesListEXT, see on_validation(). */
static gboolean
lacks_list2 (GpuContext *context)
{
  VkDrmFormatModifierPropertiesListEXT list = {
    .sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT,
  };
  VkDrmFormatModifierPropertiesList2EXT list2 = {
    .sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_2_EXT,
    .pNext = &list,
  };
  VkFormatProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
    .pNext = &list2,
  };

  context->api.GetPhysicalDeviceFormatProperties2 (
      context->physical, VK_FORMAT_R8_UNORM, &properties);

  return list.drmFormatModifierCount > 0 && list2.drmFormatModifierCount == 0;
}

/* Fills @names with the extensions that the device has and we use, and sets the
 * corresponding members of @context. */
static guint
find_extensions (GpuContext *context, const char *names[N_EXTENSIONS])
{
  const GpuApi *api = &context->api;
  guint n = 0;

#define HAS(name) gpu_has_extension (api, context->physical, name)
  if (HAS (VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME)
      && HAS (VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME)) {
    names[n++] = VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME;
    names[n++] = VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME;
    context->has_dmabuf = TRUE;
  }
  if (context->has_dmabuf
      && HAS (VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME)) {
    names[n++] = VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME;
    context->has_modifiers = TRUE;
    context->lacks_list2 = lacks_list2 (context);
  }
  context->foreign = VK_QUEUE_FAMILY_EXTERNAL;
  if (HAS (VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME)) {
    names[n++] = VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME;
    context->foreign = VK_QUEUE_FAMILY_FOREIGN_EXT;
  }
  if (HAS (VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME)
      && can_sync_fd (context)) {
    names[n++] = VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME;
    context->has_sync_fd = TRUE;
  }
#undef HAS

  return n;
}

static gboolean
open_device (GpuContext *context, GError **error)
{
  const float priority = 1.0f;
  VkPhysicalDeviceVulkan12Features has12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
  };
  VkPhysicalDeviceFeatures2 has = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    .pNext = &has12,
  };
  VkPhysicalDeviceVulkan12Features wants12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
  };
  VkPhysicalDeviceFeatures2 wants = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    .pNext = &wants12,
  };
  VkDeviceQueueCreateInfo queue = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
    .queueCount = 1,
    .pQueuePriorities = &priority,
  };
  const char *extensions[N_EXTENSIONS];
  VkDeviceCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
    .pNext = &wants,
    .queueCreateInfoCount = 1,
    .pQueueCreateInfos = &queue,
    .ppEnabledExtensionNames = extensions,
  };
  VkPhysicalDeviceProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
  };
  VkResult result;

  context->api.GetPhysicalDeviceProperties2 (context->physical, &properties);
  if (properties.properties.apiVersion < VK_API_VERSION_1_2)
    goto too_old;
  read_properties (context);
  if (!find_family (context))
    goto no_family;
  queue.queueFamilyIndex = context->family;
  create.enabledExtensionCount = find_extensions (context, extensions);

  context->api.GetPhysicalDeviceFeatures2 (context->physical, &has);
  if (!has12.timelineSemaphore)
    goto no_timeline;
  wants12.timelineSemaphore = VK_TRUE;
  context->has_byte_buffers = has12.storageBuffer8BitAccess
      && properties.properties.limits.maxPerStageDescriptorStorageBuffers
          >= GPU_N_STORAGE_BUFFERS;
  wants12.storageBuffer8BitAccess = context->has_byte_buffers;
  context->has_raw_images = has.features.shaderStorageImageWriteWithoutFormat
      && has.features.shaderStorageImageExtendedFormats;
  if (context->has_raw_images) {
    wants.features.shaderStorageImageWriteWithoutFormat = VK_TRUE;
    wants.features.shaderStorageImageExtendedFormats = VK_TRUE;
  }

  result = context->api.CreateDevice (
      context->physical, &create, NULL, &context->device);
  if (result != VK_SUCCESS)
    goto no_device;
  if (!gpu_api_load_device (&context->api, context->device, error))
    goto no_functions;
  context->api.GetDeviceQueue (
      context->device, context->family, 0, &context->queue);
  context->has_sync_fd &= context->api.ImportSemaphoreFdKHR != NULL;

  return TRUE;

  /* ERRORS */
too_old: {
  gpu_set_errno (error, ENOTSUP,
      "%s has Vulkan %u.%u, and 1.2 is needed; a newer driver may have it",
      properties.properties.deviceName,
      VK_API_VERSION_MAJOR (properties.properties.apiVersion),
      VK_API_VERSION_MINOR (properties.properties.apiVersion));
  return FALSE;
}
no_family: {
  gpu_set_errno (error, ENOTSUP, "%s cannot compute", context->name);
  return FALSE;
}
no_timeline: {
  gpu_set_errno (error, ENOTSUP,
      "%s has no timeline semaphores; a newer driver may have them",
      context->name);
  return FALSE;
}
no_device: {
  context->device = VK_NULL_HANDLE;
  gpu_set_error (error, result, "cannot open %s", context->name);
  return FALSE;
}
no_functions: {
  /* The table is incomplete: only this function is needed to destroy it. */
  PFN_vkDestroyDevice destroy =
      (PFN_vkDestroyDevice) context->api.GetDeviceProcAddr (
          context->device, "vkDestroyDevice");

  if (destroy)
    destroy (context->device, NULL);
  context->device = VK_NULL_HANDLE;
  return FALSE;
}
}

/* --- life -------------------------------------------------------------- */

static void
context_free (GpuContext *context)
{
  const GpuApi *api = &context->api;
  guint i;

  if (context->device) {
    api->DeviceWaitIdle (context->device);
    api->DestroyDevice (context->device, NULL);
  }
  if (context->messenger)
    api->DestroyDebugUtilsMessengerEXT (
        context->instance, context->messenger, NULL);
  if (context->instance && api->DestroyInstance)
    api->DestroyInstance (context->instance, NULL);
  for (i = 0; i < G_N_ELEMENTS (context->devices); i++)
    g_weak_ref_clear (&context->devices[i]);
  g_mutex_clear (&context->queue_lock);
  g_free (context->name);
  g_free (context->key);
  g_free (context);
}

static GpuContext *
context_open (const char *device, gboolean validate, GError **error)
{
  GpuContext *context = g_new0 (GpuContext, 1);
  guint i;

  context->ref_count = 1;
  for (i = 0; i < G_N_ELEMENTS (context->devices); i++)
    g_weak_ref_init (&context->devices[i], NULL);
  g_mutex_init (&context->queue_lock);
  if (!gpu_api_load_global (&context->api, error)
      || !open_instance (context, validate, error)
      || !gpu_choose_device (
          &context->api, context->instance, device, &context->physical, error)
      || !open_device (context, error)) {
    context_free (context);
    return NULL;
  }

  g_debug ("%s: dma-bufs %d, modifiers %d, sync_files %d%s, byte buffers %d, "
           "raw images %d",
      context->name, context->has_dmabuf, context->has_modifiers,
      context->has_sync_fd, context->fences_completed ? " (completed)" : "",
      context->has_byte_buffers, context->has_raw_images);

  return context;
}

GpuContext *
gpu_context_get (const char *device, gboolean validate, GError **error)
{
  const char *variable = g_getenv ("GST_DMABUF_VK_VALIDATE");
  GpuContext *context = NULL;
  char *key;

  validate |= variable && *variable && strcmp (variable, "0") != 0;
  key = g_strdup_printf ("%d %s", validate, device ? device : "");

  g_mutex_lock (&contexts_lock);
  if (!contexts)
    contexts = g_hash_table_new (g_str_hash, g_str_equal);
  context = g_hash_table_lookup (contexts, key);
  if (context && !g_atomic_int_get (&context->lost)) {
    g_atomic_int_inc (&context->ref_count);
    g_free (key);
  } else {
    /* A lost context stays with its current users, new users get another. */
    if (context) {
      g_hash_table_remove (contexts, key);
      context->key[0] = '!';
    }
    context = context_open (device, validate, error);
    if (context) {
      context->key = key;
      g_hash_table_insert (contexts, context->key, context);
    } else {
      g_free (key);
    }
  }
  g_mutex_unlock (&contexts_lock);

  return context;
}

GpuContext *
gpu_context_ref (GpuContext *context)
{
  g_atomic_int_inc (&context->ref_count);
  return context;
}

void
gpu_context_unref (GpuContext *context)
{
  gboolean last;

  /* Under the lock, so that gpu_context_get() finds no context without a
   * reference. */
  g_mutex_lock (&contexts_lock);
  last = g_atomic_int_dec_and_test (&context->ref_count);
  if (last && g_hash_table_lookup (contexts, context->key) == context)
    g_hash_table_remove (contexts, context->key);
  g_mutex_unlock (&contexts_lock);

  if (last)
    context_free (context);
}

/* --- questions --------------------------------------------------------- */

gboolean
gpu_context_check_dmabuf (GpuContext *context, GError **error)
{
  if (!context->has_dmabuf)
    goto no_dmabuf;
  if (!context->has_byte_buffers && !context->has_modifiers)
    goto no_modifiers;

  return TRUE;

  /* ERRORS */
no_dmabuf: {
  gpu_set_errno (error, ENOTSUP,
      "%s cannot use dma-bufs: its driver has no %s with %s; a newer driver "
      "may have them%s",
      context->name, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
      VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
      context->fences_completed
          ? ", and lavapipe needs access to /dev/udmabuf (group kvm)"
          : "");
  return FALSE;
}
no_modifiers: {
  gpu_set_errno (error, ENOTSUP,
      "%s cannot use dma-bufs: its driver has neither %s nor %u storage "
      "buffers of bytes; a newer driver may have them",
      context->name, VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME,
      GPU_N_STORAGE_BUFFERS);
  return FALSE;
}
}

VkResult
gpu_context_note (GpuContext *context, VkResult result)
{
  if (result == VK_ERROR_DEVICE_LOST)
    g_atomic_int_set (&context->lost, TRUE);

  return result;
}

guint32
gpu_context_find_memory (GpuContext *context, guint32 bits,
    VkMemoryPropertyFlags flags, VkMemoryPropertyFlags wanted)
{
  /* Types that need features of the device that are not enabled. */
  const VkMemoryPropertyFlags special = VK_MEMORY_PROPERTY_PROTECTED_BIT
      | VK_MEMORY_PROPERTY_LAZILY_ALLOCATED_BIT
      | VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD
      | VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD
      | VK_MEMORY_PROPERTY_RDMA_CAPABLE_BIT_NV;
  const VkPhysicalDeviceMemoryProperties *memory = &context->memory;
  guint32 found = VK_MAX_MEMORY_TYPES, i;

  for (i = 0; i < memory->memoryTypeCount; i++) {
    VkMemoryPropertyFlags has = memory->memoryTypes[i].propertyFlags;

    if (!(bits & 1u << i) || (has & flags) != flags || has & special)
      continue;
    if ((has & wanted) == wanted)
      return i;
    if (found == VK_MAX_MEMORY_TYPES)
      found = i;
  }

  return found;
}
