/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fault-loader.h"

#include <string.h>

#include "loader-shim.h"

static guint n_calls, failing_call;
static VkResult failing_result;
static const char *failing_function, *failed_function, *hidden_extension;
static gboolean devices_hidden, only_once;
static void (*watcher) (const char *function);

static gboolean
fails (const char *function)
{
  n_calls++;
  if (watcher)
    watcher (function);
  if (n_calls == failing_call
      || (failing_function && strcmp (failing_function, function) == 0)) {
    failed_function = function;
    if (only_once)
      failing_function = NULL;
    return TRUE;
  }

  return FALSE;
}

/* X (name, parameters, arguments) */
#define CALLS(X) \
  X (CreateInstance, \
      (const VkInstanceCreateInfo *a, const VkAllocationCallbacks *b, \
          VkInstance *c), \
      (a, b, c)) \
  X (CreateDevice, \
      (VkPhysicalDevice a, const VkDeviceCreateInfo *b, \
          const VkAllocationCallbacks *c, VkDevice *d), \
      (a, b, c, d)) \
  X (QueueSubmit, (VkQueue a, uint32_t b, const VkSubmitInfo *c, VkFence d), \
      (a, b, c, d)) \
  X (AllocateMemory, \
      (VkDevice a, const VkMemoryAllocateInfo *b, \
          const VkAllocationCallbacks *c, VkDeviceMemory *d), \
      (a, b, c, d)) \
  X (MapMemory, \
      (VkDevice a, VkDeviceMemory b, VkDeviceSize c, VkDeviceSize d, \
          VkMemoryMapFlags e, void **f), \
      (a, b, c, d, e, f)) \
  X (CreateBuffer, \
      (VkDevice a, const VkBufferCreateInfo *b, \
          const VkAllocationCallbacks *c, VkBuffer *d), \
      (a, b, c, d)) \
  X (BindBufferMemory, \
      (VkDevice a, VkBuffer b, VkDeviceMemory c, VkDeviceSize d), \
      (a, b, c, d)) \
  X (CreateSemaphore, \
      (VkDevice a, const VkSemaphoreCreateInfo *b, \
          const VkAllocationCallbacks *c, VkSemaphore *d), \
      (a, b, c, d)) \
  X (CreateShaderModule, \
      (VkDevice a, const VkShaderModuleCreateInfo *b, \
          const VkAllocationCallbacks *c, VkShaderModule *d), \
      (a, b, c, d)) \
  X (CreateDescriptorSetLayout, \
      (VkDevice a, const VkDescriptorSetLayoutCreateInfo *b, \
          const VkAllocationCallbacks *c, VkDescriptorSetLayout *d), \
      (a, b, c, d)) \
  X (CreatePipelineLayout, \
      (VkDevice a, const VkPipelineLayoutCreateInfo *b, \
          const VkAllocationCallbacks *c, VkPipelineLayout *d), \
      (a, b, c, d)) \
  X (CreateComputePipelines, \
      (VkDevice a, VkPipelineCache b, uint32_t c, \
          const VkComputePipelineCreateInfo *d, \
          const VkAllocationCallbacks *e, VkPipeline *f), \
      (a, b, c, d, e, f)) \
  X (CreateDescriptorPool, \
      (VkDevice a, const VkDescriptorPoolCreateInfo *b, \
          const VkAllocationCallbacks *c, VkDescriptorPool *d), \
      (a, b, c, d)) \
  X (AllocateDescriptorSets, \
      (VkDevice a, const VkDescriptorSetAllocateInfo *b, VkDescriptorSet *c), \
      (a, b, c)) \
  X (CreateCommandPool, \
      (VkDevice a, const VkCommandPoolCreateInfo *b, \
          const VkAllocationCallbacks *c, VkCommandPool *d), \
      (a, b, c, d)) \
  X (ResetCommandPool, \
      (VkDevice a, VkCommandPool b, VkCommandPoolResetFlags c), (a, b, c)) \
  X (AllocateCommandBuffers, \
      (VkDevice a, const VkCommandBufferAllocateInfo *b, VkCommandBuffer *c), \
      (a, b, c)) \
  X (WaitSemaphores, (VkDevice a, const VkSemaphoreWaitInfo *b, uint64_t c), \
      (a, b, c)) \
  X (BeginCommandBuffer, \
      (VkCommandBuffer a, const VkCommandBufferBeginInfo *b), (a, b))

#define DEFINE(name, parameters, arguments) \
  static PFN_vk##name real_##name; \
  static VKAPI_ATTR VkResult VKAPI_CALL name parameters \
  { \
    if (fails ("vk" #name)) \
      return failing_result; \
    return real_##name arguments; \
  }
CALLS (DEFINE)

static PFN_vkEnumeratePhysicalDevices real_enumerate_devices;

static VKAPI_ATTR VkResult VKAPI_CALL
enumerate_devices (VkInstance instance, uint32_t *n, VkPhysicalDevice *devices)
{
  if (fails ("vkEnumeratePhysicalDevices"))
    return failing_result;
  if (devices_hidden) {
    *n = 0;
    return VK_SUCCESS;
  }
  return real_enumerate_devices (instance, n, devices);
}

static PFN_vkEnumerateDeviceExtensionProperties real_enumerate_extensions;

static VKAPI_ATTR VkResult VKAPI_CALL
enumerate_extensions (VkPhysicalDevice device, const char *layer, uint32_t *n,
    VkExtensionProperties *extensions)
{
  VkResult result = real_enumerate_extensions (device, layer, n, extensions);
  guint i;

  for (i = 0; extensions && hidden_extension && i < *n; i++) {
    if (strstr (extensions[i].extensionName, hidden_extension))
      g_strlcpy (extensions[i].extensionName, "VK_none",
          sizeof (extensions[i].extensionName));
  }

  return result;
}

#define WRAP(fn, parameters, arguments) \
  if (strcmp (name, "vk" #fn) == 0) { \
    real_##fn = (PFN_vk##fn) real; \
    return (PFN_vkVoidFunction) fn; \
  }

static PFN_vkVoidFunction
wrap (const char *name, PFN_vkVoidFunction real)
{
  if (strcmp (name, "vkEnumeratePhysicalDevices") == 0) {
    real_enumerate_devices = (PFN_vkEnumeratePhysicalDevices) real;
    return (PFN_vkVoidFunction) enumerate_devices;
  }
  if (strcmp (name, "vkEnumerateDeviceExtensionProperties") == 0) {
    real_enumerate_extensions = (PFN_vkEnumerateDeviceExtensionProperties) real;
    return (PFN_vkVoidFunction) enumerate_extensions;
  }
  CALLS (WRAP)

  return real;
}

void
fault_loader_install (void)
{
  loader_shim_install (wrap);
  fault_loader_reset ();
}

void
fault_loader_remove (void)
{
  loader_shim_remove ();
}

void
fault_loader_reset (void)
{
  n_calls = failing_call = 0;
  failing_function = failed_function = hidden_extension = NULL;
  devices_hidden = only_once = FALSE;
  watcher = NULL;
}

void
fault_loader_fail_nth (guint nth, VkResult result)
{
  failing_call = n_calls + nth;
  failing_result = result;
}

void
fault_loader_fail (const char *function, VkResult result)
{
  failing_function = function;
  failing_result = result;
  only_once = FALSE;
}

void
fault_loader_fail_once (const char *function, VkResult result)
{
  fault_loader_fail (function, result);
  only_once = TRUE;
}

void
fault_loader_hide_extension (const char *part)
{
  hidden_extension = part;
}

void
fault_loader_hide_devices (void)
{
  devices_hidden = TRUE;
}

void
fault_loader_watch (void (*callback) (const char *function))
{
  watcher = callback;
}

guint
fault_loader_get_calls (void)
{
  return n_calls;
}

const char *
fault_loader_get_failed (void)
{
  return failed_function;
}
