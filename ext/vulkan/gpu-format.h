/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-api.h"

G_BEGIN_DECLS

/* How a format lies in memory; the numbers are the shaders' (params.glsl). */
typedef enum
{
  GPU_KIND_PACKED = 0, /* a little-endian word per pixel */
  GPU_KIND_PAIRED = 1, /* a 32-bit word for two pixels of 4:2:2 */
  GPU_KIND_SEMI = 2,   /* a plane of luma, one of chroma pairs */
  GPU_KIND_PLANAR = 3, /* a plane for each component */
} GpuKind;

/*
 * One format that is read and written.
 *
 * @bytes: of a word or sample
 * @h_shift, @v_shift: log2 of how many pixels share chroma
 * @place: PACKED: bit at which R, G, B, A begin. PAIRED: bit of Y0, Cb, Cr, Y1.
 *   Else: unused low bits of a sample; which of the pair, or which plane, is
 *   Cb; and Cr.
 * @bits: of each component; 0 for no alpha
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

/* NULL for a format that is not known */
const GpuFormat *gpu_format_get (guint32 fourcc);

static inline gboolean
gpu_format_is_rgb (const GpuFormat *format)
{
  return format->kind == GPU_KIND_PACKED;
}

/* Of @plane of a frame of @width × @height: its size in texels, and the bytes
 * of a texel. */
void gpu_format_get_texels (const GpuFormat *format, guint plane, guint width,
    guint height, guint32 *columns, guint32 *rows, guint *texel_bytes);

/* The image format that holds @plane as it lies in memory. @blue_first: (out):
 * whether reading and writing it swap the first and third byte. With
 * @in_order the one that does not, where there are two. */
VkFormat gpu_format_get_image (const GpuFormat *format, guint plane,
    gboolean in_order, gboolean *blue_first);

G_END_DECLS
