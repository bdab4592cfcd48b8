/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-frame.h"

G_BEGIN_DECLS

/*
 * A Vulkan device as a user of dma-bufs. What importing a frame yields is a
 * GpuFrame; it lives in the attachment, made once per buffer and layout.
 */
#define GPU_TYPE_DEVICE (gpu_device_get_type ())
G_DECLARE_FINAL_TYPE (GpuDevice, gpu_device, GPU, DEVICE, DmabufDevice)

/* The one of @context that imports by @mode: all elements of a process share
 * it, and what it has imported. */
DmabufDevice *
gpu_device_get (GpuContext *context, GpuImportMode mode, GError **error);

G_END_DECLS
