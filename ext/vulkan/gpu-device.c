/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gpu-device.h"

struct _GpuDevice
{
  DmabufDevice parent;

  GpuContext *context;
  GpuImportMode mode;
};

G_DEFINE_FINAL_TYPE (GpuDevice, gpu_device, DMABUF_TYPE_DEVICE)

static GMutex devices_lock;

static gpointer
gpu_device_import (DmabufDevice *device, DmabufAttachment *attachment,
    const DmabufLayout *layout, GError **error)
{
  GpuDevice *self = GPU_DEVICE (device);

  return gpu_frame_import (self->context, layout, self->mode, error);
}

static void
gpu_device_release_import (DmabufDevice *device, gpointer import)
{
  gpu_frame_free (GPU_DEVICE (device)->context, import);
}

static void
gpu_device_finalize (GObject *object)
{
  GpuContext *context = GPU_DEVICE (object)->context;

  /* The parent class releases cached frames, which needs the context. */
  G_OBJECT_CLASS (gpu_device_parent_class)->finalize (object);
  gpu_context_unref (context);
}

static void
gpu_device_class_init (GpuDeviceClass *klass)
{
  DmabufDeviceClass *device_class = DMABUF_DEVICE_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = gpu_device_finalize;
  device_class->import = gpu_device_import;
  device_class->release_import = gpu_device_release_import;
}

static void
gpu_device_init (GpuDevice *device)
{
}

DmabufDevice *
gpu_device_get (GpuContext *context, GpuImportMode mode, GError **error)
{
  GpuDevice *device;
  char *name;

  if (!gpu_context_check_dmabuf (context, error))
    return NULL;

  g_mutex_lock (&devices_lock);
  device = g_weak_ref_get (&context->devices[mode]);
  if (!device) {
    name = g_strdup_printf ("Vulkan device %s", context->name);
    device = g_object_new (GPU_TYPE_DEVICE, "name", name, NULL);
    device->context = gpu_context_ref (context);
    device->mode = mode;
    g_weak_ref_set (&context->devices[mode], device);
    g_free (name);
  }
  g_mutex_unlock (&devices_lock);

  return DMABUF_DEVICE (device);
}
