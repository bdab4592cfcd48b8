/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gpu-format.h"

#include <drm/drm_fourcc.h>

#define PACKED(drm, n, r, g, b, a, ...) \
  { \
    DRM_FORMAT_##drm, GPU_KIND_PACKED, 1, n, 0, 0, { r, g, b, a }, \
    { \
      __VA_ARGS__ \
    } \
  }
#define PAIRED(drm, y0, cb, cr, y1) \
  { DRM_FORMAT_##drm, GPU_KIND_PAIRED, 1, 4, 1, 0, { y0, cb, cr, y1 }, \
    { 8, 8, 8, 0 } }
#define SEMI(drm, n, h, v, low, cb, depth) \
  { DRM_FORMAT_##drm, GPU_KIND_SEMI, 2, n, h, v, { low, cb, 1 - cb, 0 }, \
    { depth, depth, depth, 0 } }
#define PLANAR(drm, h, v, cb) \
  { DRM_FORMAT_##drm, GPU_KIND_PLANAR, 3, 1, h, v, { 0, cb, 3 - cb, 0 }, \
    { 8, 8, 8, 0 } }

/* In the order of preference in caps. */
const GpuFormat gpu_formats[] = {
  SEMI (NV12, 1, 1, 1, 0, 0, 8),
  PACKED (XRGB8888, 4, 16, 8, 0, 24, 8, 8, 8, 0),
  PACKED (XBGR8888, 4, 0, 8, 16, 24, 8, 8, 8, 0),
  PACKED (ARGB8888, 4, 16, 8, 0, 24, 8, 8, 8, 8),
  PACKED (ABGR8888, 4, 0, 8, 16, 24, 8, 8, 8, 8),
  SEMI (P010, 2, 1, 1, 6, 0, 10),
  SEMI (NV16, 1, 1, 0, 0, 0, 8),
  PAIRED (YUYV, 0, 8, 24, 16),
  PLANAR (YUV420, 1, 1, 1),
  PAIRED (UYVY, 8, 0, 16, 24),
  PLANAR (YVU420, 1, 1, 2),
  SEMI (NV21, 1, 1, 1, 0, 1, 8),
  SEMI (NV61, 1, 1, 0, 0, 1, 8),
  PACKED (RGBX8888, 4, 24, 16, 8, 0, 8, 8, 8, 0),
  PACKED (BGRX8888, 4, 8, 16, 24, 0, 8, 8, 8, 0),
  PACKED (RGBA8888, 4, 24, 16, 8, 0, 8, 8, 8, 8),
  PACKED (BGRA8888, 4, 8, 16, 24, 0, 8, 8, 8, 8),
  PACKED (RGB565, 2, 11, 5, 0, 0, 5, 6, 5, 0),
  PACKED (BGR565, 2, 0, 5, 11, 0, 5, 6, 5, 0),
};
const guint gpu_n_formats = G_N_ELEMENTS (gpu_formats);

const GpuFormat *
gpu_format_get (guint32 fourcc)
{
  guint i;

  for (i = 0; i < gpu_n_formats; i++) {
    if (gpu_formats[i].fourcc == fourcc)
      return &gpu_formats[i];
  }

  return NULL;
}

void
gpu_format_get_texels (const GpuFormat *format, guint plane, guint width,
    guint height, guint32 *columns, guint32 *rows, guint *texel_bytes)
{
  guint h_shift =
      plane || format->kind == GPU_KIND_PAIRED ? format->h_shift : 0;
  guint v_shift = plane ? format->v_shift : 0;

  *columns = (width + (1u << h_shift) - 1) >> h_shift;
  *rows = (height + (1u << v_shift) - 1) >> v_shift;
  *texel_bytes = format->bytes;
  if (plane && format->kind == GPU_KIND_SEMI)
    *texel_bytes *= 2;
}

VkFormat
gpu_format_get_image (const GpuFormat *format, guint plane, gboolean in_order,
    gboolean *blue_first)
{
  gboolean wide = format->bytes == 2;

  *blue_first = FALSE;
  switch (format->kind) {
  case GPU_KIND_PACKED:
    if (wide)
      return VK_FORMAT_R16_UNORM;
    /* The exact format of these bytes, which compressed modifiers need, see
     * is_exact() in gpu-image.c. */
    *blue_first = !in_order && format->place[0] == 16;
    return *blue_first ? VK_FORMAT_B8G8R8A8_UNORM : VK_FORMAT_R8G8B8A8_UNORM;
  case GPU_KIND_PAIRED:
    return VK_FORMAT_R8G8B8A8_UNORM;
  case GPU_KIND_SEMI:
    if (plane)
      return wide ? VK_FORMAT_R16G16_UNORM : VK_FORMAT_R8G8_UNORM;
    return wide ? VK_FORMAT_R16_UNORM : VK_FORMAT_R8_UNORM;
  case GPU_KIND_PLANAR:
    return VK_FORMAT_R8_UNORM;
  }

  return VK_FORMAT_UNDEFINED;
}
