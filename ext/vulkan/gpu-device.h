/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-frame.h"

G_BEGIN_DECLS

/*
 * A Vulkan device as a device of libdmabufcore. Importing a frame makes a
 * GpuFrame, which the attachment caches: one for each buffer and layout.
 */
#define GPU_TYPE_DEVICE (gpu_device_get_type ())
G_DECLARE_FINAL_TYPE (GpuDevice, gpu_device, GPU, DEVICE, DmabufDevice)

/* Returns the device of @context with @mode: all elements of a process share it
 * and its imports. */
DmabufDevice *
gpu_device_get (GpuContext *context, GpuImportMode mode, GError **error);

G_END_DECLS
