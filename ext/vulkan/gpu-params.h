/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-format.h"

G_BEGIN_DECLS

/* The parameters of the shaders for a frame, described in params.glsl. */
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
 * A format with the meaning of its codes.
 *
 * @kr, @kb: weights of red and blue in luma; unused for RGB
 * @limited: 16 … 235 (240 for chroma) instead of 0 … 255, at 8 bits
 * @cosited: whether a chroma sample lies on a pixel instead of between two,
 *   horizontally and vertically
 */
typedef struct
{
  const GpuFormat *format;
  double kr;
  double kb;
  gboolean limited;
  gboolean cosited[2];
} GpuColor;

/* The orientation of the input in the output: the place of an output pixel is
 * transposed and then flipped to get its place in the input. */
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
  GpuRect crop; /* Of the input */
  GpuRect rect; /* Of the output; the border is around it */
  guint width;  /* Of the output */
  guint height;
  GpuOrientation orientation;
  gboolean bilinear;
  guint32 border; /* 0xAARRGGBB */
} GpuConversion;

/* The greatest width and height, so that places fit into the 32-bit fractions
 * of the shader. */
#define GPU_MAX_SIZE 16384

/* Gets the affine map of codes (Y, Cb, Cr or R, G, B) of @in to those of @out:
 * Σ rows[i][j] · in[j] + rows[i][3]. It converts matrix and range, and keeps
 * primaries and transfer function. */
void gpu_color_get_matrix (
    const GpuColor *in, const GpuColor *out, double rows[3][4]);

/* Sets all parameters except the planes. */
void gpu_params_init (GpuParams *params, const GpuConversion *conversion);

G_END_DECLS
