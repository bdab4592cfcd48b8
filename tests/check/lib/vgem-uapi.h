/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The public interfaces of vgem and PRIME, repeated here for builds without
 * libdrm.
 */

#include <linux/types.h>
#include <sys/ioctl.h>

struct drm_vgem_fence_attach
{
  __u32 handle;
  __u32 flags;
  __u32 out_fence;
  __u32 pad;
};

struct drm_vgem_fence_signal
{
  __u32 fence;
  __u32 flags;
};

struct drm_prime_handle
{
  __u32 handle;
  __u32 flags;
  __s32 fd;
};

#define VGEM_FENCE_WRITE 1
#define DRM_IOCTL_VGEM_FENCE_ATTACH \
  _IOWR ('d', 0x41, struct drm_vgem_fence_attach)
#define DRM_IOCTL_VGEM_FENCE_SIGNAL \
  _IOW ('d', 0x42, struct drm_vgem_fence_signal)
#define DRM_IOCTL_PRIME_FD_TO_HANDLE _IOWR ('d', 0x2e, struct drm_prime_handle)
#define DRM_IOCTL_PRIME_HANDLE_TO_FD _IOWR ('d', 0x2d, struct drm_prime_handle)
