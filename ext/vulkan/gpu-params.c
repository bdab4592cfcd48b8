/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Computes the parameters of the shaders for a conversion. */

#include "gpu-params.h"

#include <string.h>

/* --- colour ------------------------------------------------------------ */

/* Code = scale · value + offset, for values 0 … 1, of chroma -0.5 … 0.5. */
static void
get_coding (
    const GpuColor *color, guint component, double *scale, double *offset)
{
  gboolean light = gpu_format_is_rgb (color->format) || component == 0;
  guint bits = color->format->bits[component];

  /* 565 has no limited range. */
  if (color->limited && bits >= 8) {
    *scale = (light ? 219 : 224) << (bits - 8);
    *offset = (light ? 16 : 128) << (bits - 8);
  } else {
    *scale = (1 << bits) - 1;
    *offset = light ? 0 : 1 << (bits - 1);
  }
}

/* The matrix from R, G, B to Y, Cb, Cr; the identity for RGB. */
static void
get_encoder (const GpuColor *color, double m[3][3])
{
  double kr = color->kr, kb = color->kb, kg = 1 - kr - kb;

  memset (m, 0, 9 * sizeof (double));
  if (gpu_format_is_rgb (color->format)) {
    m[0][0] = m[1][1] = m[2][2] = 1;
    return;
  }

  m[0][0] = kr;
  m[0][1] = kg;
  m[0][2] = kb;
  m[1][0] = -kr / (2 * (1 - kb));
  m[1][1] = -kg / (2 * (1 - kb));
  m[1][2] = 0.5;
  m[2][0] = 0.5;
  m[2][1] = -kg / (2 * (1 - kr));
  m[2][2] = -kb / (2 * (1 - kr));
}

static void
invert (double m[3][3], double r[3][3])
{
  double determinant = 0;
  guint i, j;

  for (i = 0; i < 3; i++) {
    for (j = 0; j < 3; j++) {
      guint a = (i + 1) % 3, b = (i + 2) % 3;
      guint c = (j + 1) % 3, d = (j + 2) % 3;

      r[j][i] = m[a][c] * m[b][d] - m[a][d] * m[b][c];
    }
  }
  for (j = 0; j < 3; j++)
    determinant += m[0][j] * r[j][0];
  for (i = 0; i < 3; i++) {
    for (j = 0; j < 3; j++)
      r[i][j] /= determinant;
  }
}

void
gpu_color_get_matrix (
    const GpuColor *in, const GpuColor *out, double rows[3][4])
{
  double encode_in[3][3], decode[3][3], encode[3][3];
  guint i, j, k;

  get_encoder (in, encode_in);
  invert (encode_in, decode);
  get_encoder (out, encode);

  for (i = 0; i < 3; i++) {
    double out_scale, out_offset;

    get_coding (out, i, &out_scale, &out_offset);
    rows[i][3] = out_offset;
    for (j = 0; j < 3; j++) {
      double in_scale, in_offset, sum = 0;

      get_coding (in, j, &in_scale, &in_offset);
      for (k = 0; k < 3; k++)
        sum += encode[i][k] * decode[k][j];
      rows[i][j] = sum * out_scale / in_scale;
      rows[i][3] -= rows[i][j] * in_offset;
    }
  }
}

/* --- geometry ---------------------------------------------------------- */

static void
set_rect (gint32 to[4], const GpuRect *rect)
{
  to[0] = rect->x;
  to[1] = rect->y;
  to[2] = rect->width;
  to[3] = rect->height;
}

/* --- everything -------------------------------------------------------- */

static void
set_format (const GpuFormat *format, gint32 place[4], gint32 bits[4])
{
  guint i;

  for (i = 0; i < 4; i++) {
    place[i] = format->place[i];
    bits[i] = format->bits[i];
  }
}

static void
set_border (GpuParams *params, const GpuConversion *conversion)
{
  static const GpuFormat rgb = {
    .kind = GPU_KIND_PACKED,
    .bits = { 8, 8, 8, 8 },
  };
  GpuColor color = { .format = &rgb };
  double rows[3][4];
  guint i, j;

  gpu_color_get_matrix (&color, &conversion->out, rows);
  for (i = 0; i < 3; i++) {
    double code = rows[i][3];

    for (j = 0; j < 3; j++)
      code += rows[i][j] * (conversion->border >> (16 - 8 * j) & 0xff);
    params->border[i] = code;
  }
  params->border[3] = (conversion->border >> 24)
      * ((1 << conversion->out.format->bits[3]) - 1) / 255.0;
}

void
gpu_params_init (GpuParams *params, const GpuConversion *conversion)
{
  const GpuFormat *in = conversion->in.format;
  const GpuFormat *out = conversion->out.format;
  guint alpha_max = (1u << out->bits[3]) - 1;
  double rows[3][4];
  guint i, j;

  memset (params, 0, sizeof (*params));

  gpu_color_get_matrix (&conversion->in, &conversion->out, rows);
  for (i = 0; i < 3; i++) {
    for (j = 0; j < 4; j++)
      params->rows[i][j] = rows[i][j];
  }
  if (in->bits[3])
    params->rows[3][0] = (double) alpha_max / ((1u << in->bits[3]) - 1);
  else
    params->rows[3][3] = alpha_max;
  set_border (params, conversion);

  set_rect (params->crop, &conversion->crop);
  set_rect (params->rect, &conversion->rect);
  params->size[0] = conversion->width;
  params->size[1] = conversion->height;
  params->orient[0] = conversion->orientation.transpose;
  params->orient[1] = conversion->orientation.flip_x;
  params->orient[2] = conversion->orientation.flip_y;

  for (i = 0; i < 2; i++) {
    params->in_cosited[i] = conversion->in.cosited[i];
    params->out_cosited[i] = conversion->out.cosited[i];
  }
  if (conversion->bilinear) {
    gboolean transpose = params->orient[0];

    params->out_cosited[2] = params->out_cosited[0] && out->h_shift
        && !(transpose ? in->v_shift : in->h_shift);
    params->out_cosited[3] = params->out_cosited[1] && out->v_shift
        && !(transpose ? in->h_shift : in->v_shift);
  }

  set_format (in, params->in_place, params->in_bits);
  set_format (out, params->out_place, params->out_bits);
  /* Set the unused bits: a consumer that reads them as alpha sees an opaque
   * frame. */
  if (out->kind == GPU_KIND_PACKED && !out->bits[3] && out->bytes == 4)
    params->out_planes[0][2] = 0xffu << out->place[3];
}
