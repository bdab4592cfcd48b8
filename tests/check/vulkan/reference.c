/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "reference.h"

#include <math.h>

/* --- codes in memory ---------------------------------------------------- */

gint
ref_frame_get_width (const RefFrame *frame, guint component)
{
  return GST_VIDEO_FORMAT_INFO_SCALE_WIDTH (
      frame->format, component, frame->width);
}

gint
ref_frame_get_height (const RefFrame *frame, guint component)
{
  return GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT (
      frame->format, component, frame->height);
}

/* GStreamer 1.26 describes BGR16 as RGB16, and swaps red and blue when it
 * unpacks: blue has the high bits. */
static guint
get_shift (const GstVideoFormatInfo *format, guint component)
{
  static const guint bgr16[] = { 0, 5, 11 };

  return format->format == GST_VIDEO_FORMAT_BGR16 ? bgr16[component]
                                                  : format->shift[component];
}

static guint8 *
locate (const RefFrame *frame, guint component, gint x, gint y, guint *bytes)
{
  const GstVideoFormatInfo *format = frame->format;
  guint offset = format->poffset[component];

  /* GStreamer 1.26 describes the second sample of a pair as one byte further
   * on, although P010 samples have two bytes. */
  if (format->format == GST_VIDEO_FORMAT_P010_10LE && component == 2)
    offset = 2;

  *bytes = (get_shift (format, component) + format->depth[component] + 7) / 8;

  return frame->data[format->plane[component]]
      + (gsize) y * frame->pitch[format->plane[component]]
      + x * format->pixel_stride[component] + offset;
}

guint
ref_frame_get (const RefFrame *frame, guint component, gint x, gint y)
{
  guint bytes, word, i;
  guint8 *at = locate (frame, component, x, y, &bytes);

  for (i = 0, word = 0; i < bytes; i++)
    word |= at[i] << 8 * i;

  return word >> get_shift (frame->format, component)
      & ((1u << frame->format->depth[component]) - 1);
}

void
ref_frame_set (
    const RefFrame *frame, guint component, gint x, gint y, guint code)
{
  guint mask = ((1u << frame->format->depth[component]) - 1)
      << get_shift (frame->format, component);
  guint bytes, i;
  guint8 *at = locate (frame, component, x, y, &bytes);

  code <<= get_shift (frame->format, component);
  for (i = 0; i < bytes; i++)
    at[i] = (at[i] & ~(mask >> 8 * i)) | (code >> 8 * i & 0xff);
}

/* --- colour ------------------------------------------------------------- */

static gboolean
is_rgb (const GstVideoFormatInfo *format)
{
  return GST_VIDEO_FORMAT_INFO_IS_RGB (format);
}

/* Codes to R, G, B from 0 to 1, unclamped */
static void
decode (const GstVideoFormatInfo *format, const RefColor *color,
    const double code[3], double rgb[3])
{
  double kr, kb, y, cb, cr;
  gint i;

  if (is_rgb (format)) {
    for (i = 0; i < 3; i++) {
      gint depth = format->depth[i];

      if (color->limited && depth >= 8)
        rgb[i] = (code[i] / (1 << (depth - 8)) - 16) / 219;
      else
        rgb[i] = code[i] / ((1 << depth) - 1);
    }
    return;
  }

  if (color->limited) {
    double unit = 1 << (format->depth[0] - 8);

    y = (code[0] / unit - 16) / 219;
    cb = (code[1] / unit - 128) / 224;
    cr = (code[2] / unit - 128) / 224;
  } else {
    double greatest = (1 << format->depth[0]) - 1;
    double half = 1 << (format->depth[0] - 1);

    y = code[0] / greatest;
    cb = (code[1] - half) / greatest;
    cr = (code[2] - half) / greatest;
  }
  gst_video_color_matrix_get_Kr_Kb (color->matrix, &kr, &kb);
  rgb[0] = y + 2 * (1 - kr) * cr;
  rgb[2] = y + 2 * (1 - kb) * cb;
  rgb[1] = (y - kr * rgb[0] - kb * rgb[2]) / (1 - kr - kb);
}

static void
encode (const GstVideoFormatInfo *format, const RefColor *color,
    const double rgb[3], double code[3])
{
  double kr, kb, y, cb, cr;
  gint i;

  if (is_rgb (format)) {
    for (i = 0; i < 3; i++) {
      gint depth = format->depth[i];

      if (color->limited && depth >= 8)
        code[i] = (rgb[i] * 219 + 16) * (1 << (depth - 8));
      else
        code[i] = rgb[i] * ((1 << depth) - 1);
    }
    return;
  }

  gst_video_color_matrix_get_Kr_Kb (color->matrix, &kr, &kb);
  y = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
  cb = (rgb[2] - y) / (2 * (1 - kb));
  cr = (rgb[0] - y) / (2 * (1 - kr));
  if (color->limited) {
    double unit = 1 << (format->depth[0] - 8);

    code[0] = (y * 219 + 16) * unit;
    code[1] = (cb * 224 + 128) * unit;
    code[2] = (cr * 224 + 128) * unit;
  } else {
    double greatest = (1 << format->depth[0]) - 1;
    double half = 1 << (format->depth[0] - 1);

    code[0] = y * greatest;
    code[1] = cb * greatest + half;
    code[2] = cr * greatest + half;
  }
}

/* --- places ------------------------------------------------------------- */

/* The value of a component at a position in the frame, where pixel i extends
 * from i to i + 1. Pixels outside the crop are ignored. */
static double
sample (const RefConversion *c, guint component, double x, double y)
{
  const GstVideoFormatInfo *format = c->in.format;
  gint h_sub = 1 << format->w_sub[component];
  gint v_sub = 1 << format->h_sub[component];
  gint left = c->crop.x / h_sub, top = c->crop.y / v_sub;
  gint right = (c->crop.x + c->crop.w - 1) / h_sub;
  gint bottom = (c->crop.y + c->crop.h - 1) / v_sub;
  gint x0, y0, x1, y1;
  double fx, fy;

  if (!c->bilinear) {
    /* A position between two pixels belongs to the later one. */
    x0 = CLAMP ((gint) floor (x + 1e-7), c->crop.x, c->crop.x + c->crop.w - 1);
    y0 = CLAMP ((gint) floor (y + 1e-7), c->crop.y, c->crop.y + c->crop.h - 1);
    return ref_frame_get (&c->in, component, x0 / h_sub, y0 / v_sub);
  }

  /* To samples of the plane, where sample i lies at i */
  x = h_sub == 1              ? x - 0.5
      : c->in_color.h_cosited ? (x - 0.5) / 2
                              : (x - 1) / 2;
  y = v_sub == 1              ? y - 0.5
      : c->in_color.v_cosited ? (y - 0.5) / 2
                              : (y - 1) / 2;
  fx = x - floor (x);
  fy = y - floor (y);
  x0 = CLAMP ((gint) floor (x), left, right);
  x1 = CLAMP ((gint) floor (x) + 1, left, right);
  y0 = CLAMP ((gint) floor (y), top, bottom);
  y1 = CLAMP ((gint) floor (y) + 1, top, bottom);

  return (ref_frame_get (&c->in, component, x0, y0) * (1 - fx)
             + ref_frame_get (&c->in, component, x1, y0) * fx)
      * (1 - fy)
      + (ref_frame_get (&c->in, component, x0, y1) * (1 - fx)
            + ref_frame_get (&c->in, component, x1, y1) * fx)
      * fy;
}

/* Maps a position in the output (0 … 1) to its source in the input (0 … 1). */
static void
orient (GstVideoOrientationMethod method, double *u, double *v)
{
  double x = *u, y = *v;

  switch (method) {
  case GST_VIDEO_ORIENTATION_90R: /* The left edge becomes the top */
    *u = y;
    *v = 1 - x;
    break;
  case GST_VIDEO_ORIENTATION_180:
    *u = 1 - x;
    *v = 1 - y;
    break;
  case GST_VIDEO_ORIENTATION_90L:
    *u = 1 - y;
    *v = x;
    break;
  case GST_VIDEO_ORIENTATION_HORIZ:
    *u = 1 - x;
    break;
  case GST_VIDEO_ORIENTATION_VERT:
    *v = 1 - y;
    break;
  case GST_VIDEO_ORIENTATION_UL_LR:
    *u = y;
    *v = x;
    break;
  case GST_VIDEO_ORIENTATION_UR_LL:
    *u = 1 - y;
    *v = 1 - x;
    break;
  default:
    break;
  }
}

/* The codes of the output at @x, @y, from input sampled @dx, @dy beside it */
static void
shade (const RefConversion *c, double x, double y, double dx, double dy,
    double code[4])
{
  const GstVideoFormatInfo *in = c->in.format, *out = c->out.format;
  double u = (x - c->rect.x) / c->rect.w, v = (y - c->rect.y) / c->rect.h;
  double own[4], rgb[3], alpha = 1;
  guint i;

  if (u < 0 || v < 0 || u >= 1 || v >= 1) {
    encode (out, &c->out_color, c->border, code);
  } else {
    u += dx / c->rect.w;
    v += dy / c->rect.h;
    orient (c->orientation, &u, &v);
    for (i = 0; i < in->n_components; i++)
      own[i] =
          sample (c, i, c->crop.x + u * c->crop.w, c->crop.y + v * c->crop.h);
    decode (in, &c->in_color, own, rgb);
    encode (out, &c->out_color, rgb, code);
    if (in->n_components == 4)
      alpha = own[3] / ((1 << in->depth[3]) - 1);
  }
  code[3] = alpha * 255;
}

/* The expected value of component @i of the output at a position in its plane
 */
static double
expected (const RefConversion *c, guint i, gint px, gint py)
{
  const GstVideoFormatInfo *in = c->in.format, *out = c->out.format;
  gboolean turned = c->orientation == GST_VIDEO_ORIENTATION_90R
      || c->orientation == GST_VIDEO_ORIENTATION_90L
      || c->orientation == GST_VIDEO_ORIENTATION_UL_LR
      || c->orientation == GST_VIDEO_ORIENTATION_UR_LL;
  gint in_h = turned ? in->h_sub[1] : in->w_sub[1];
  gint in_v = turned ? in->w_sub[1] : in->h_sub[1];
  gboolean h_sub = out->w_sub[i] > 0, v_sub = out->h_sub[i] > 0;
  double x = !h_sub            ? px + 0.5
      : c->out_color.h_cosited ? 2 * px + 0.5
                               : 2 * px + 1;
  double y = !v_sub            ? py + 0.5
      : c->out_color.v_cosited ? 2 * py + 0.5
                               : 2 * py + 1;
  gboolean filter_h = h_sub && c->bilinear && c->out_color.h_cosited && !in_h;
  gboolean filter_v = v_sub && c->bilinear && c->out_color.v_cosited && !in_v;
  double sum = 0, code[4];
  gint a, b;

  /* The last sample of an odd size covers one pixel, and lies at its centre. */
  x = MIN (x, c->out.width - 0.5);
  y = MIN (y, c->out.height - 0.5);
  for (a = -1; a <= 1; a += 2) {
    for (b = -1; b <= 1; b += 2) {
      shade (c, x, y, filter_h ? 0.5 * a : 0, filter_v ? 0.5 * b : 0, code);
      sum += code[i] / 4;
    }
  }

  return CLAMP (sum, 0, (1 << out->depth[i]) - 1);
}

double
ref_compare (const RefConversion *conversion, double *scaled, double worst[5])
{
  const RefFrame *out = &conversion->out;
  double greatest = -1;
  gint x, y;
  guint i;

  *scaled = 0;
  for (i = 0; i < out->format->n_components; i++) {
    double full = (1 << out->format->depth[i]) - 1;

    for (y = 0; y < ref_frame_get_height (out, i); y++) {
      for (x = 0; x < ref_frame_get_width (out, i); x++) {
        double want = expected (conversion, i, x, y);
        double is = ref_frame_get (out, i, x, y);
        double difference = fabs (want - is);

        *scaled = MAX (*scaled, difference * 255 / full);
        if (difference > greatest) {
          greatest = difference;
          worst[0] = i;
          worst[1] = x;
          worst[2] = y;
          worst[3] = is;
          worst[4] = want;
        }
      }
    }
  }

  return greatest;
}
