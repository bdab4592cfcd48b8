/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "loader-shim.h"

#include <string.h>

static PFN_vkGetInstanceProcAddr real_get_instance_proc_addr;
static PFN_vkGetDeviceProcAddr real_get_device_proc_addr;
static LoaderShim shim;

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL
get_device_proc_addr (VkDevice device, const char *name)
{
  PFN_vkVoidFunction real = real_get_device_proc_addr (device, name);

  return real ? shim (name, real) : NULL;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL
get_instance_proc_addr (VkInstance instance, const char *name)
{
  PFN_vkVoidFunction real = real_get_instance_proc_addr (instance, name);

  if (real && strcmp (name, "vkGetDeviceProcAddr") == 0) {
    real_get_device_proc_addr = (PFN_vkGetDeviceProcAddr) real;
    return (PFN_vkVoidFunction) get_device_proc_addr;
  }

  return real ? shim (name, real) : NULL;
}

void
loader_shim_install (LoaderShim new_shim)
{
  gpu_loader_replace (NULL);
  real_get_instance_proc_addr = gpu_loader_get (NULL);
  g_assert_nonnull (real_get_instance_proc_addr);
  shim = new_shim;
  gpu_loader_replace (get_instance_proc_addr);
}

void
loader_shim_remove (void)
{
  gpu_loader_replace (NULL);
}
