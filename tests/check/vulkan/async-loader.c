/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "async-loader.h"

#include <string.h>
#include <unistd.h>

#include "../lib/sw-sync.h"
#include "loader-shim.h"

typedef struct
{
  VkDevice device;
  VkSemaphoreGetFdInfoKHR info;
} Export;

static PFN_vkGetSemaphoreFdKHR real_get_semaphore_fd;
static PFN_vkDestroySemaphore real_destroy_semaphore;
static GThreadPool *exports;
static GMutex lock;
static GCond exported;
static GList *pending; /* Of Export: lavapipe has yet to make them */
static guint32 n_exports;
static int timeline = -1;
static void (*before_signal) (void);

static void
finish_export (gpointer data, gpointer user_data)
{
  Export *self = data;
  int fd = -1;

  real_get_semaphore_fd (self->device, &self->info, &fd);
  if (fd >= 0)
    close (fd);
  g_mutex_lock (&lock);
  pending = g_list_remove (pending, self);
  g_cond_broadcast (&exported);
  g_mutex_unlock (&lock);
  g_free (self);
  if (before_signal)
    before_signal ();
  timeline_inc (timeline, 1);
}

static VKAPI_ATTR VkResult VKAPI_CALL
get_semaphore_fd (VkDevice device, const VkSemaphoreGetFdInfoKHR *info, int *fd)
{
  Export *self = g_new (Export, 1);

  *fd = timeline_new_fd (timeline, ++n_exports);
  g_assert_cmpint (*fd, >=, 0);
  *self = (Export) { device, *info };
  g_mutex_lock (&lock);
  pending = g_list_prepend (pending, self);
  g_mutex_unlock (&lock);
  g_thread_pool_push (exports, self, NULL);

  return VK_SUCCESS;
}

static gboolean
is_pending (VkSemaphore semaphore)
{
  GList *l;

  for (l = pending; l; l = l->next) {
    if (((Export *) l->data)->info.semaphore == semaphore)
      return TRUE;
  }
  return FALSE;
}

/* To the caller the export is complete: lavapipe's may still need @semaphore.
 */
static VKAPI_ATTR void VKAPI_CALL
destroy_semaphore (VkDevice device, VkSemaphore semaphore,
    const VkAllocationCallbacks *callbacks)
{
  g_mutex_lock (&lock);
  while (is_pending (semaphore))
    g_cond_wait (&exported, &lock);
  g_mutex_unlock (&lock);
  real_destroy_semaphore (device, semaphore, callbacks);
}

static PFN_vkVoidFunction
wrap (const char *name, PFN_vkVoidFunction real)
{
  if (strcmp (name, "vkGetSemaphoreFdKHR") == 0) {
    real_get_semaphore_fd = (PFN_vkGetSemaphoreFdKHR) real;
    return (PFN_vkVoidFunction) get_semaphore_fd;
  }
  if (strcmp (name, "vkDestroySemaphore") == 0) {
    real_destroy_semaphore = (PFN_vkDestroySemaphore) real;
    return (PFN_vkVoidFunction) destroy_semaphore;
  }
  return real;
}

void
async_loader_watch (void (*callback) (void))
{
  before_signal = callback;
}

gboolean
async_loader_install (void)
{
  timeline = timeline_find ();
  if (timeline < 0)
    return FALSE;
  n_exports = 0;
  exports = g_thread_pool_new (finish_export, NULL, 1, TRUE, NULL);
  loader_shim_install (wrap);

  return TRUE;
}

void
async_loader_remove (void)
{
  g_thread_pool_free (exports, FALSE, TRUE);
  loader_shim_remove ();
  close (timeline);
  timeline = -1;
}
