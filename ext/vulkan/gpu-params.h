/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-format.h"

G_BEGIN_DECLS

/* What the shaders are told about a frame: params.glsl says what is what. */
typedef struct
{
  float rows[4][4];
  float border[4];
  gint32 crop[4];
  gint32 rect[4];
  gint32 size[4];
  gint32 orient[4];
  gint32 in_cosited[4];
  gint32 out_cosited[4];
  gint32 in_place[4];
  gint32 in_bits[4];
  gint32 out_place[4];
  gint32 out_bits[4];
  guint32 in_planes[3][4];
  guint32 out_planes[3][4];
} GpuParams;

/*
 * A format with what its codes mean.
 *
 * @kr, @kb: weights of red and blue in luma; unused for RGB
 * @limited: 16 … 235 (240 for chroma) instead of 0 … 255, at 8 bits
 * @cosited: whether chroma lies on a pixel, horizontally and vertically, and
 *   not between two
 */
typedef struct
{
  const GpuFormat *format;
  double kr;
  double kb;
  gboolean limited;
  gboolean cosited[2];
} GpuColor;

/* How the input lies in the output: a transposition, then flips, of the place
 * that an output pixel comes from. */
typedef struct
{
  guint8 transpose;
  guint8 flip_x;
  guint8 flip_y;
} GpuOrientation;

typedef struct
{
  gint x;
  gint y;
  gint width;
  gint height;
} GpuRect;

/* A conversion. */
typedef struct
{
  GpuColor in;
  GpuColor out;
  GpuRect crop; /* of the input */
  GpuRect rect; /* of the output; around it is the border */
  guint width;  /* of the output */
  guint height;
  GpuOrientation orientation;
  gboolean bilinear;
  guint32 border; /* 0xAARRGGBB */
} GpuConversion;

/* The greatest width and height: places are 32-bit fractions in the shader. */
#define GPU_MAX_SIZE 16384

/* The affine map of codes (Y, Cb, Cr or R, G, B) of @in to those of @out:
 * Σ rows[i][j] · in[j] + rows[i][3]. Matrix and range; primaries and transfer
 * stay as they are. */
void gpu_color_get_matrix (
    const GpuColor *in, const GpuColor *out, double rows[3][4]);

/* Everything but the planes. */
void gpu_params_init (GpuParams *params, const GpuConversion *conversion);

G_END_DECLS
