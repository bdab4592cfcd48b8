/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

G_BEGIN_DECLS

/*
 * A table of the Vulkan functions in use. The loader is opened at run time, and
 * every call goes through pointers from vkGetInstanceProcAddr(), so that the
 * plugin loads on a machine without Vulkan, and tests can insert a loader that
 * fails the n-th call of a function.
 */
#define GPU_GLOBAL_FUNCTIONS(X) \
  X (CreateInstance) \
  X (EnumerateInstanceVersion) \
  X (EnumerateInstanceLayerProperties) \
  X (EnumerateInstanceExtensionProperties)

#define GPU_INSTANCE_FUNCTIONS(X) \
  X (DestroyInstance) \
  X (EnumeratePhysicalDevices) \
  X (EnumerateDeviceExtensionProperties) \
  X (GetPhysicalDeviceProperties2) \
  X (GetPhysicalDeviceFeatures2) \
  X (GetPhysicalDeviceMemoryProperties) \
  X (GetPhysicalDeviceQueueFamilyProperties) \
  X (GetPhysicalDeviceFormatProperties2) \
  X (GetPhysicalDeviceImageFormatProperties2) \
  X (GetPhysicalDeviceExternalBufferProperties) \
  X (GetPhysicalDeviceExternalSemaphoreProperties) \
  X (CreateDevice) \
  X (GetDeviceProcAddr)

#define GPU_DEVICE_FUNCTIONS(X) \
  X (DestroyDevice) \
  X (DeviceWaitIdle) \
  X (GetDeviceQueue) \
  X (QueueSubmit) \
  X (AllocateMemory) \
  X (FreeMemory) \
  X (MapMemory) \
  X (UnmapMemory) \
  X (CreateBuffer) \
  X (DestroyBuffer) \
  X (GetBufferMemoryRequirements) \
  X (GetBufferMemoryRequirements2) \
  X (BindBufferMemory) \
  X (CreateImage) \
  X (DestroyImage) \
  X (GetImageMemoryRequirements2) \
  X (GetImageSubresourceLayout) \
  X (BindImageMemory) \
  X (CreateImageView) \
  X (DestroyImageView) \
  X (CreateSemaphore) \
  X (DestroySemaphore) \
  X (WaitSemaphores) \
  X (GetSemaphoreCounterValue) \
  X (CreateShaderModule) \
  X (DestroyShaderModule) \
  X (CreateDescriptorSetLayout) \
  X (DestroyDescriptorSetLayout) \
  X (CreatePipelineLayout) \
  X (DestroyPipelineLayout) \
  X (CreatePipelineCache) \
  X (DestroyPipelineCache) \
  X (GetPipelineCacheData) \
  X (CreateComputePipelines) \
  X (DestroyPipeline) \
  X (CreateDescriptorPool) \
  X (DestroyDescriptorPool) \
  X (AllocateDescriptorSets) \
  X (UpdateDescriptorSets) \
  X (CreateCommandPool) \
  X (DestroyCommandPool) \
  X (ResetCommandPool) \
  X (AllocateCommandBuffers) \
  X (BeginCommandBuffer) \
  X (EndCommandBuffer) \
  X (CmdPipelineBarrier) \
  X (CmdBindPipeline) \
  X (CmdBindDescriptorSets) \
  X (CmdDispatch) \
  X (CmdFillBuffer)

/* Functions of extensions: NULL if the device lacks the extension. */
#define GPU_OPTIONAL_INSTANCE_FUNCTIONS(X) \
  X (CreateDebugUtilsMessengerEXT) \
  X (DestroyDebugUtilsMessengerEXT)

#define GPU_OPTIONAL_DEVICE_FUNCTIONS(X) \
  X (GetMemoryFdKHR) \
  X (GetMemoryFdPropertiesKHR) \
  X (ImportSemaphoreFdKHR) \
  X (GetSemaphoreFdKHR) \
  X (GetImageDrmFormatModifierPropertiesEXT)

#define GPU_API_MEMBER(name) PFN_vk##name name;

typedef struct
{
  PFN_vkGetInstanceProcAddr GetInstanceProcAddr;
  GPU_GLOBAL_FUNCTIONS (GPU_API_MEMBER)
  GPU_INSTANCE_FUNCTIONS (GPU_API_MEMBER)
  GPU_OPTIONAL_INSTANCE_FUNCTIONS (GPU_API_MEMBER)
  GPU_DEVICE_FUNCTIONS (GPU_API_MEMBER)
  GPU_OPTIONAL_DEVICE_FUNCTIONS (GPU_API_MEMBER)
} GpuApi;

/* Returns the loader's entry point; NULL with ENOENT without libvulkan.so.1. */
PFN_vkGetInstanceProcAddr gpu_loader_get (GError **error);

/* Replaces the loader in tests; NULL for the real one. */
void gpu_loader_replace (PFN_vkGetInstanceProcAddr loader);

gboolean gpu_api_load_global (GpuApi *api, GError **error);
gboolean
gpu_api_load_instance (GpuApi *api, VkInstance instance, GError **error);
gboolean gpu_api_load_device (GpuApi *api, VkDevice device, GError **error);

/* The name of a result, for messages: VK_ERROR_DEVICE_LOST … */
const char *gpu_result_name (VkResult result);

/* Sets @error to DMABUF_ERROR with the errno that corresponds to @result. The
 * message ends with the name of the result and the user's remedy. */
void gpu_set_error (GError **error, VkResult result, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* The same with an errno, without a result. */
void gpu_set_errno (GError **error, int code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

G_END_DECLS
