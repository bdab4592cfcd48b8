/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-api.h"

#include <glib-object.h>

G_BEGIN_DECLS

/* That a shader of bytes is given: three planes in and out, and the first of
 * each again as words. Vulkan promises four. */
#define GPU_N_STORAGE_BUFFERS 8

/*
 * One VkDevice with one queue, shared by all elements of the process that chose
 * the same device. Reference-counted, any thread; the queue has a lock.
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
  GMutex queue_lock; /* of submits (Vulkan: external synchronisation) */
  guint32 family;
  guint32 foreign; /* family that stands for users outside of Vulkan */

  GWeakRef devices[3]; /* as a user of dma-bufs, by mode (gpu-device.c) */

  char *name;
  guint8 uuid[VK_UUID_SIZE];
  guint8 cache_uuid[VK_UUID_SIZE];
  guint32 vendor;
  guint32 device_id;
  guint32 max_size;  /* of an image, in pixels */
  guint32 alignment; /* of offsets of storage buffers */
  guint64 max_range; /* of a storage buffer */
  VkPhysicalDeviceMemoryProperties memory;

  gboolean has_dmabuf;       /* dma-bufs as memory */
  gboolean has_modifiers;    /* images with DRM format modifiers */
  gboolean has_features2;    /* features of formats in 64 bits */
  gboolean has_sync_fd;      /* semaphores from and to sync_files */
  gboolean has_byte_buffers; /* storage buffers of bytes */
  gboolean has_raw_images;   /* storage images written without a format */
  gboolean is_discrete;      /* has memory of its own */
  gboolean fences_completed; /* exported sync_files have always signalled,
                              * because the driver waits before */
  gint lost;                 /* a call returned VK_ERROR_DEVICE_LOST */
  gboolean misleads_layers;  /* see on_validation () */
  guint validation_messages; /* that the validation layers had */
} GpuContext;

/* Finds the device that @device names or opens it. @device: NULL for the best
 * one, an index, part of a name, a UUID, drm:/dev/dri/NODE. @validate: with the
 * validation layers, which GST_DMABUF_VK_VALIDATE=1 switches on as well. */
GpuContext *
gpu_context_get (const char *device, gboolean validate, GError **error);

GpuContext *gpu_context_ref (GpuContext *context);
void gpu_context_unref (GpuContext *context);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GpuContext, gpu_context_unref)

/* FALSE with an error that names the missing extension if the device cannot use
 * dma-bufs. */
gboolean gpu_context_check_dmabuf (GpuContext *context, GError **error);

/* Notes that the device is lost if @result says so; @result. */
VkResult gpu_context_note (GpuContext *context, VkResult result);

/* The first memory type of @bits that has @flags, and rather @wanted too;
 * VK_MAX_MEMORY_TYPES for none. None of a kind that has to be asked for. */
guint32 gpu_context_find_memory (GpuContext *context, guint32 bits,
    VkMemoryPropertyFlags flags, VkMemoryPropertyFlags wanted);

/* Chooses among the devices of an instance (gpu-choose.c). */
gboolean gpu_choose_device (const GpuApi *api, VkInstance instance,
    const char *device, VkPhysicalDevice *physical, GError **error);

/* Whether @name is among the extensions of @physical. */
gboolean gpu_has_extension (
    const GpuApi *api, VkPhysicalDevice physical, const char *name);

G_END_DECLS
