/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-api.h"

#include <glib-object.h>

G_BEGIN_DECLS

/* Storage buffers of a shader that accesses bytes: three planes each of input
 * and output, and the first of each again as words. Vulkan guarantees four. */
#define GPU_N_STORAGE_BUFFERS 8

/*
 * One VkDevice with one queue, shared by all elements of the process that use
 * the same device. Reference-counted, for any thread; the queue has a lock.
 */
typedef struct
{
  GpuApi api;
  gint ref_count;
  char *key;

  VkInstance instance;
  VkDebugUtilsMessengerEXT messenger;
  VkPhysicalDevice physical;
  VkDevice device;
  VkQueue queue;
  GMutex queue_lock; /* For submits (Vulkan: external synchronisation) */
  guint32 family;
  guint32 foreign; /* The family for users outside of Vulkan */

  GWeakRef devices[3]; /* GpuDevices by import mode (gpu-device.c) */

  char *name;
  guint8 uuid[VK_UUID_SIZE];
  guint8 cache_uuid[VK_UUID_SIZE];
  guint32 vendor;
  guint32 device_id;
  guint32 max_size;  /* Of an image, in pixels */
  guint32 alignment; /* Of offsets of storage buffers */
  guint64 max_range; /* Of a storage buffer */
  VkPhysicalDeviceMemoryProperties memory;

  gboolean has_dmabuf;       /* Dma-bufs as memory */
  gboolean has_modifiers;    /* Images with DRM format modifiers */
  gboolean has_features2;    /* Features of formats in 64 bits */
  gboolean has_sync_fd;      /* Semaphores from and to sync_files */
  gboolean has_byte_buffers; /* Storage buffers of bytes */
  gboolean has_raw_images;   /* Storage images written without a format */
  gboolean is_discrete;      /* Has memory of its own */
  gboolean fences_completed; /* Exported sync_files have always signalled,
                              * because the driver waits before */
  gint lost;                 /* A call returned VK_ERROR_DEVICE_LOST */
  gboolean lacks_list2;      /* See on_validation() */
  guint validation_messages; /* Number of messages of the layers */
} GpuContext;

/* Returns the context of a device, opened if it is not yet. @device: NULL for
 * the best one, an index, part of a name, a UUID, drm:/dev/dri/NODE. @validate:
 * use the validation layers, as with GST_DMABUF_VK_VALIDATE=1. */
GpuContext *
gpu_context_get (const char *device, gboolean validate, GError **error);

GpuContext *gpu_context_ref (GpuContext *context);
void gpu_context_unref (GpuContext *context);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpuContext, gpu_context_unref)

/* FALSE with an error that names the missing extension if the device cannot use
 * dma-bufs. */
gboolean gpu_context_check_dmabuf (GpuContext *context, GError **error);

/* Marks the device as lost if @result is VK_ERROR_DEVICE_LOST. Returns @result.
 */
VkResult gpu_context_note (GpuContext *context, VkResult result);

/* Returns the first memory type of @bits with @flags, preferably with @wanted
 * as well; VK_MAX_MEMORY_TYPES for none. Types that need a feature are left
 * out. */
guint32 gpu_context_find_memory (GpuContext *context, guint32 bits,
    VkMemoryPropertyFlags flags, VkMemoryPropertyFlags wanted);

/* Chooses among the devices of an instance (gpu-choose.c). */
gboolean gpu_choose_device (const GpuApi *api, VkInstance instance,
    const char *device, VkPhysicalDevice *physical, GError **error);

/* Whether @name is among the extensions of @physical. */
gboolean gpu_has_extension (
    const GpuApi *api, VkPhysicalDevice physical, const char *name);

G_END_DECLS
