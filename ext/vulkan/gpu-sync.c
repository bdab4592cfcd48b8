/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gpu-sync.h"

#include <unistd.h>

#define SYNC_FD VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT

/* A cancellable cannot end a wait in the driver: the interval at which the wait
 * returns to check it. */
#define CANCEL_LATENCY_NS (5 * 1000 * 1000)

VkResult
gpu_sync_make_semaphore (
    GpuContext *context, gboolean exportable, VkSemaphore *semaphore)
{
  VkExportSemaphoreCreateInfo export = {
    .sType = VK_STRUCTURE_TYPE_EXPORT_SEMAPHORE_CREATE_INFO,
    .handleTypes = SYNC_FD,
  };
  VkSemaphoreCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
    .pNext = exportable ? &export : NULL,
  };

  return context->api.CreateSemaphore (
      context->device, &create, NULL, semaphore);
}

gboolean
gpu_sync_takes_fence (GpuContext *context, DmabufFence *fence)
{
  DmabufFenceUnwrap cursor;
  gboolean takes = TRUE;
  DmabufFence *leaf;

  for (leaf = dmabuf_fence_unwrap_first (fence, &cursor); leaf && takes;
      leaf = dmabuf_fence_unwrap_next (&cursor))
    takes = dmabuf_fence_is_signaled (leaf)
        || (context->has_sync_fd && dmabuf_fence_is_kernel_backed (leaf));
  dmabuf_fence_unwrap_end (&cursor);

  return takes;
}

/* Imports @fence into @semaphore. FALSE without @error if the device cannot
 * take the fence. */
static gboolean
import_fence (GpuContext *context, VkSemaphore *semaphore, DmabufFence *fence,
    GError **error)
{
  VkImportSemaphoreFdInfoKHR import = {
    .sType = VK_STRUCTURE_TYPE_IMPORT_SEMAPHORE_FD_INFO_KHR,
    .flags = VK_SEMAPHORE_IMPORT_TEMPORARY_BIT,
    .handleType = SYNC_FD,
  };
  VkResult result = VK_SUCCESS;

  if (!context->has_sync_fd)
    return FALSE;
  import.fd = dmabuf_fence_export_sync_file (fence, NULL);
  if (import.fd < 0)
    return FALSE;

  if (!*semaphore)
    result = gpu_sync_make_semaphore (context, FALSE, semaphore);
  import.semaphore = *semaphore;
  /* ImportSemaphoreFdKHR takes the fd if it succeeds. */
  if (result == VK_SUCCESS)
    result = context->api.ImportSemaphoreFdKHR (context->device, &import);
  if (gpu_context_note (context, result) != VK_SUCCESS)
    goto failed;

  return TRUE;

  /* ERRORS */
failed: {
  close (import.fd);
  gpu_set_error (error, result, "%s cannot import a sync_file", context->name);
  return FALSE;
}
}

void
gpu_sync_drop_fences (
    GpuContext *context, VkSemaphore *semaphores, guint n_semaphores)
{
  guint i;

  for (i = 0; i < n_semaphores; i++) {
    context->api.DestroySemaphore (context->device, semaphores[i], NULL);
    semaphores[i] = VK_NULL_HANDLE;
  }
}

gboolean
gpu_sync_import_fences (GpuContext *context, VkSemaphore *semaphores,
    guint n_semaphores, DmabufFence *const *fences, guint n_fences,
    guint *n_waits, guint64 *n_cpu_waits, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  DmabufFenceUnwrap cursor;
  GError *own_error = NULL;
  DmabufFence *leaf;
  guint i;

  *n_waits = 0;
  for (i = 0; i < n_fences; i++) {
    /* Import the members of a merged fence one by one: a software fence among
     * them must not make the CPU wait for all. */
    for (leaf = dmabuf_fence_unwrap_first (fences[i], &cursor);
        leaf && !own_error; leaf = dmabuf_fence_unwrap_next (&cursor)) {
      if (dmabuf_fence_is_signaled (leaf))
        continue;
      if (*n_waits < n_semaphores
          && import_fence (context, &semaphores[*n_waits], leaf, &own_error)) {
        ++*n_waits;
      } else if (!own_error) {
        ++*n_cpu_waits;
        dmabuf_fence_wait (leaf, deadline, cancellable, &own_error);
      }
    }
    dmabuf_fence_unwrap_end (&cursor);
    if (own_error)
      goto failed;
  }

  return TRUE;

  /* ERRORS */
failed: {
  gpu_sync_drop_fences (context, semaphores, *n_waits);
  *n_waits = 0;
  g_propagate_error (error, own_error);
  return FALSE;
}
}

gboolean
gpu_sync_export_fence (GpuContext *context, VkSemaphore semaphore,
    DmabufFenceTrust trust, DmabufFence **fence, GError **error)
{
  VkSemaphoreGetFdInfoKHR get = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_GET_FD_INFO_KHR,
    .semaphore = semaphore,
    .handleType = SYNC_FD,
  };
  VkResult result;
  int fd = -1;

  result = context->api.GetSemaphoreFdKHR (context->device, &get, &fd);
  if (gpu_context_note (context, result) != VK_SUCCESS)
    goto failed;
  /* An fd of -1 stands for a semaphore that has signalled. */
  if (fd < 0)
    return TRUE;
  *fence = dmabuf_fence_new_sync_file (fd, trust, error);

  return *fence != NULL;

  /* ERRORS */
failed: {
  gpu_set_error (error, result, "%s cannot export a sync_file", context->name);
  return FALSE;
}
}

gboolean
gpu_sync_wait_timeline (GpuContext *context, VkSemaphore timeline,
    guint64 value, gint64 deadline, GCancellable *cancellable, GError **error)
{
  VkSemaphoreWaitInfo wait = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
    .semaphoreCount = 1,
    .pSemaphores = &timeline,
    .pValues = &value,
  };
  VkResult result;

  do {
    gint64 left = deadline - g_get_monotonic_time ();

    if (g_cancellable_set_error_if_cancelled (cancellable, error))
      return FALSE;
    result = context->api.WaitSemaphores (context->device, &wait,
        CLAMP (left, 0, CANCEL_LATENCY_NS / 1000) * 1000);
  } while (result == VK_TIMEOUT && g_get_monotonic_time () < deadline);

  if (gpu_context_note (context, result) != VK_SUCCESS) {
    gpu_set_error (error, result, "%s does not finish a frame", context->name);
    return FALSE;
  }

  return TRUE;
}
