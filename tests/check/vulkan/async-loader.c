/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "async-loader.h"

#include <string.h>
#include <unistd.h>

#include "../lib/sw-sync.h"

typedef struct
{
  VkDevice device;
  VkSemaphoreGetFdInfoKHR info;
} Export;

static PFN_vkGetInstanceProcAddr real_get_instance_proc_addr;
static PFN_vkGetDeviceProcAddr real_get_device_proc_addr;
static PFN_vkGetSemaphoreFdKHR real_get_semaphore_fd;
static GThreadPool *exports;
static guint32 n_exports;
static int timeline = -1;

static void
finish_export (gpointer data, gpointer user_data)
{
  Export *self = data;
  int fd = -1;

  real_get_semaphore_fd (self->device, &self->info, &fd);
  if (fd >= 0)
    close (fd);
  g_free (self);
  timeline_inc (timeline, 1);
}

static VKAPI_ATTR VkResult VKAPI_CALL
get_semaphore_fd (VkDevice device, const VkSemaphoreGetFdInfoKHR *info, int *fd)
{
  Export *self = g_new (Export, 1);

  *fd = timeline_new_fd (timeline, ++n_exports);
  g_assert_cmpint (*fd, >=, 0);
  *self = (Export) { device, *info };
  g_thread_pool_push (exports, self, NULL);

  return VK_SUCCESS;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL
get_device_proc_addr (VkDevice device, const char *name)
{
  PFN_vkVoidFunction real = real_get_device_proc_addr (device, name);

  if (!real || strcmp (name, "vkGetSemaphoreFdKHR") != 0)
    return real;
  real_get_semaphore_fd = (PFN_vkGetSemaphoreFdKHR) real;
  return (PFN_vkVoidFunction) get_semaphore_fd;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL
get_instance_proc_addr (VkInstance instance, const char *name)
{
  PFN_vkVoidFunction real = real_get_instance_proc_addr (instance, name);

  if (!real || strcmp (name, "vkGetDeviceProcAddr") != 0)
    return real;
  real_get_device_proc_addr = (PFN_vkGetDeviceProcAddr) real;
  return (PFN_vkVoidFunction) get_device_proc_addr;
}

gboolean
async_loader_install (void)
{
  timeline = timeline_find ();
  if (timeline < 0)
    return FALSE;
  n_exports = 0;
  exports = g_thread_pool_new (finish_export, NULL, 1, TRUE, NULL);
  gpu_loader_replace (NULL);
  real_get_instance_proc_addr = gpu_loader_get (NULL);
  g_assert_nonnull (real_get_instance_proc_addr);
  gpu_loader_replace (get_instance_proc_addr);

  return TRUE;
}

void
async_loader_remove (void)
{
  g_thread_pool_free (exports, FALSE, TRUE);
  gpu_loader_replace (NULL);
  close (timeline);
  timeline = -1;
}
