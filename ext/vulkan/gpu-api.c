/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gpu-api.h"

#include <dlfcn.h>
#include <errno.h>
#include <libdmabufcore/dmabuf-types.h>

#define LOADER "libvulkan.so.1"

static PFN_vkGetInstanceProcAddr replaced_loader;

/* --- the loader -------------------------------------------------------- */

static gpointer
open_loader (gpointer unused)
{
  /* Never closed: drivers leave threads and exit handlers behind. */
  void *library = dlopen (LOADER, RTLD_NOW | RTLD_LOCAL);

  return library ? dlsym (library, "vkGetInstanceProcAddr") : NULL;
}

PFN_vkGetInstanceProcAddr
gpu_loader_get (GError **error)
{
  static GOnce once = G_ONCE_INIT;
  gpointer loader;

  if (replaced_loader)
    return replaced_loader;

  loader = g_once (&once, open_loader, NULL);
  if (!loader)
    gpu_set_errno (error, ENOENT,
        "no Vulkan loader (" LOADER "); install it (Debian: libvulkan1) and a "
        "driver (mesa-vulkan-drivers)");

  return (PFN_vkGetInstanceProcAddr) loader;
}

void
gpu_loader_replace (PFN_vkGetInstanceProcAddr loader)
{
  replaced_loader = loader;
}

/* --- the table --------------------------------------------------------- */

static gboolean
set_missing (const char *part, const char *function, GError **error)
{
  gpu_set_errno (error, ENOSYS, "the Vulkan %s lacks %s; Vulkan 1.2 is needed",
      part, function);
  return FALSE;
}

#define LOAD(name, get, owner) \
  api->name = (PFN_vk##name) api->get (owner, "vk" #name);
#define LOAD_OR_FAIL(name, get, owner, part) \
  LOAD (name, get, owner) \
  if (!api->name) \
    return set_missing (part, "vk" #name, error);

#define LOAD_GLOBAL(name) \
  LOAD_OR_FAIL (name, GetInstanceProcAddr, NULL, "loader")
#define LOAD_INSTANCE(name) \
  LOAD_OR_FAIL (name, GetInstanceProcAddr, instance, "loader")
#define LOAD_DEVICE(name) \
  LOAD_OR_FAIL (name, GetDeviceProcAddr, device, "driver")
#define LOAD_OPTIONAL_INSTANCE(name) LOAD (name, GetInstanceProcAddr, instance)
#define LOAD_OPTIONAL_DEVICE(name) LOAD (name, GetDeviceProcAddr, device)

gboolean
gpu_api_load_global (GpuApi *api, GError **error)
{
  api->GetInstanceProcAddr = gpu_loader_get (error);
  if (!api->GetInstanceProcAddr)
    return FALSE;
  GPU_GLOBAL_FUNCTIONS (LOAD_GLOBAL)

  return TRUE;
}

gboolean
gpu_api_load_instance (GpuApi *api, VkInstance instance, GError **error)
{
  GPU_INSTANCE_FUNCTIONS (LOAD_INSTANCE)
  GPU_OPTIONAL_INSTANCE_FUNCTIONS (LOAD_OPTIONAL_INSTANCE)

  return TRUE;
}

gboolean
gpu_api_load_device (GpuApi *api, VkDevice device, GError **error)
{
  GPU_DEVICE_FUNCTIONS (LOAD_DEVICE)
  GPU_OPTIONAL_DEVICE_FUNCTIONS (LOAD_OPTIONAL_DEVICE)

  return TRUE;
}

/* --- errors ------------------------------------------------------------ */

static const struct
{
  VkResult result;
  int code;
  const char *name;
  const char *advice;
} results[] = {
  { VK_ERROR_OUT_OF_HOST_MEMORY, ENOMEM, "VK_ERROR_OUT_OF_HOST_MEMORY",
      "the machine is out of memory" },
  { VK_ERROR_OUT_OF_DEVICE_MEMORY, ENOMEM, "VK_ERROR_OUT_OF_DEVICE_MEMORY",
      "the GPU is out of memory: use fewer or smaller buffers" },
  { VK_ERROR_INITIALIZATION_FAILED, EIO, "VK_ERROR_INITIALIZATION_FAILED",
      "the driver does not start; see vulkaninfo" },
  { VK_ERROR_DEVICE_LOST, ENODEV, "VK_ERROR_DEVICE_LOST",
      "the GPU was reset or is gone; see the kernel's log" },
  { VK_ERROR_MEMORY_MAP_FAILED, ENOMEM, "VK_ERROR_MEMORY_MAP_FAILED",
      "the memory cannot be mapped" },
  { VK_ERROR_LAYER_NOT_PRESENT, ENOENT, "VK_ERROR_LAYER_NOT_PRESENT",
      "install the validation layers (Debian: vulkan-validationlayers)" },
  { VK_ERROR_EXTENSION_NOT_PRESENT, ENOTSUP, "VK_ERROR_EXTENSION_NOT_PRESENT",
      "the driver lacks an extension; a newer one may have it" },
  { VK_ERROR_FEATURE_NOT_PRESENT, ENOTSUP, "VK_ERROR_FEATURE_NOT_PRESENT",
      "the driver lacks a feature; a newer one may have it" },
  { VK_ERROR_INCOMPATIBLE_DRIVER, ENODEV, "VK_ERROR_INCOMPATIBLE_DRIVER",
      "there is no Vulkan driver; install one (Debian: mesa-vulkan-drivers)" },
  { VK_ERROR_TOO_MANY_OBJECTS, EMFILE, "VK_ERROR_TOO_MANY_OBJECTS",
      "too many objects of the driver are in use" },
  { VK_ERROR_FORMAT_NOT_SUPPORTED, ENOTSUP, "VK_ERROR_FORMAT_NOT_SUPPORTED",
      "the GPU does not support this format with this modifier" },
  { VK_ERROR_INVALID_EXTERNAL_HANDLE, EINVAL,
      "VK_ERROR_INVALID_EXTERNAL_HANDLE", "the GPU cannot reach this memory" },
  { VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT, EINVAL,
      "VK_ERROR_INVALID_DRM_FORMAT_MODIFIER_PLANE_LAYOUT_EXT",
      "the GPU cannot use this pitch or offset" },
  { VK_TIMEOUT, ETIME, "VK_TIMEOUT", "the GPU takes too long" },
  { VK_INCOMPLETE, EIO, "VK_INCOMPLETE", "the driver's list changed" },
};

const char *
gpu_result_name (VkResult result)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (results); i++) {
    if (results[i].result == result)
      return results[i].name;
  }

  return "VK_ERROR_UNKNOWN";
}

void
gpu_set_error (GError **error, VkResult result, const char *format, ...)
{
  const char *advice = "see G_MESSAGES_DEBUG=all and vulkaninfo";
  int code = EIO;
  char *message;
  va_list args;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (results); i++) {
    if (results[i].result == result) {
      code = results[i].code;
      advice = results[i].advice;
    }
  }

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, DMABUF_ERROR, code, "%s: %s (%d): %s", message,
      gpu_result_name (result), result, advice);
  g_free (message);
}

void
gpu_set_errno (GError **error, int code, const char *format, ...)
{
  va_list args;

  if (!error)
    return;

  va_start (args, format);
  g_propagate_error (
      error, g_error_new_valist (DMABUF_ERROR, code, format, args));
  va_end (args);
}
