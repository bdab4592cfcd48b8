/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-api.h"

G_BEGIN_DECLS

/* The arrangement of a format in memory; the numbers are those of the shaders
 * (params.glsl). */
typedef enum
{
  GPU_KIND_PACKED = 0, /* A little-endian word per pixel */
  GPU_KIND_PAIRED = 1, /* A 32-bit word for two pixels of 4:2:2 */
  GPU_KIND_SEMI = 2,   /* A plane of luma, one of chroma pairs */
  GPU_KIND_PLANAR = 3, /* A plane for each component */
} GpuKind;

/*
 * A format that the shaders read and write.
 *
 * @bytes: bytes of a word or sample
 * @h_shift, @v_shift: log2 of the number of pixels that share a chroma sample
 * @place: PACKED: first bit of R, G, B, A. PAIRED: first bit of Y0, Cb, Cr, Y1.
 *   Else [0] is the number of unused low bits of a sample; [1] and [2] are the
 *   index of Cb and Cr in the pair, or their plane.
 * @bits: bits of each component; 0 for no alpha
 */
typedef struct
{
  guint32 fourcc;
  GpuKind kind;
  guint8 n_planes;
  guint8 bytes;
  guint8 h_shift;
  guint8 v_shift;
  guint8 place[4];
  guint8 bits[4];
} GpuFormat;

extern const GpuFormat gpu_formats[];
extern const guint gpu_n_formats;

/* NULL for a format outside the table. */
const GpuFormat *gpu_format_get (guint32 fourcc);

static inline gboolean
gpu_format_is_rgb (const GpuFormat *format)
{
  return format->kind == GPU_KIND_PACKED;
}

/* Gets the size in texels of @plane of a frame of @width × @height, and the
 * bytes of a texel. */
void gpu_format_get_texels (const GpuFormat *format, guint plane, guint width,
    guint height, guint32 *columns, guint32 *rows, guint *texel_bytes);

/* Returns the Vulkan format with the memory layout of @plane. @blue_first:
 * (out): whether reading and writing swap the first and third byte. @in_order:
 * of two such formats, return the one that does not swap. */
VkFormat gpu_format_get_image (const GpuFormat *format, guint plane,
    gboolean in_order, gboolean *blue_first);

G_END_DECLS
