/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the shaders make of pixels, against the reference in double precision:
 * every format to every other, matrices, ranges, siting of chroma, scaling,
 * rotation, crop, borders, odd and extreme sizes, any pitch and offset. The
 * table says how far they are apart.
 */

#include <gst/check/gstcheck.h>
#include <drm/drm_fourcc.h>

#include "gpu-queue.h"
#include "host-frame.h"

/* What may be between them: 2 codes of 8 bits, 8 of 10 bits; a code of 5 or 6
 * bits is more than that. */
static double
tolerance (const GstVideoFormatInfo *format)
{
  return format->depth[0] == 10 ? 8 : format->depth[0] < 8 ? 1 : 2;
}

typedef struct
{
  guint32 in, out;
  gint in_width, in_height, out_width, out_height;
  GstVideoRectangle crop, rect; /* empty for everything */
  GstVideoOrientationMethod orientation;
  gboolean bilinear;
  RefColor in_color, out_color;
  guint padding, offset;
  gboolean in_image, out_image;
  guint32 border;
} Case;

static GpuContext *context;
static GpuQueue queue;
static GRand *pixels;
static guint n_cases;
static double worst_of_all;

static void
setup (void)
{
  GError *error = NULL;

  context = gpu_context_get (g_getenv ("GPU_DEVICE"), TRUE, &error);
  g_assert_no_error (error);
  gpu_queue_init (&queue, context, 2, &error);
  g_assert_no_error (error);
  pixels = g_rand_new_with_seed (6);
  n_cases = 0;
  worst_of_all = 0;
}

static void
teardown (void)
{
  gpu_queue_clear (&queue);
  g_assert_cmpuint (context->validation_messages, ==, 0);
  gpu_context_unref (context);
  g_rand_free (pixels);
}

static gboolean
is_rgb (guint32 fourcc)
{
  return gpu_format_is_rgb (gpu_format_get (fourcc));
}

static void
set_color (GpuColor *color, guint32 fourcc, const RefColor *ref)
{
  color->format = gpu_format_get (fourcc);
  gst_video_color_matrix_get_Kr_Kb (ref->matrix, &color->kr, &color->kb);
  color->limited = ref->limited;
  color->cosited[0] = ref->h_cosited;
  color->cosited[1] = ref->v_cosited;
}

static GpuOrientation
get_orientation (GstVideoOrientationMethod method)
{
  switch (method) {
  case GST_VIDEO_ORIENTATION_90R:
    return (GpuOrientation) { 1, 0, 1 };
  case GST_VIDEO_ORIENTATION_180:
    return (GpuOrientation) { 0, 1, 1 };
  case GST_VIDEO_ORIENTATION_90L:
    return (GpuOrientation) { 1, 1, 0 };
  case GST_VIDEO_ORIENTATION_HORIZ:
    return (GpuOrientation) { 0, 1, 0 };
  case GST_VIDEO_ORIENTATION_VERT:
    return (GpuOrientation) { 0, 0, 1 };
  case GST_VIDEO_ORIENTATION_UL_LR:
    return (GpuOrientation) { 1, 0, 0 };
  case GST_VIDEO_ORIENTATION_UR_LL:
    return (GpuOrientation) { 1, 1, 1 };
  default:
    return (GpuOrientation) { 0, 0, 0 };
  }
}

static HostFrame *
new_frame (const Case *c, gboolean image, guint32 fourcc, gint w, gint h)
{
  return image ? host_frame_new_images (context, fourcc, w, h)
               : host_frame_new (context, fourcc, w, h, c->padding, c->offset);
}

/* Bytes that belong to no pixel: nobody may write there. */
static guint
check_padding (HostFrame *frame, const guint8 *before)
{
  guint8 *mask = g_malloc0 (frame->size);
  guint n = 0, i;
  gsize j;

  for (i = 0; i < frame->frame->format->n_planes; i++) {
    guint32 columns, rows, y;
    guint bytes;

    gpu_format_get_texels (frame->frame->format, i, frame->ref.width,
        frame->ref.height, &columns, &rows, &bytes);
    for (y = 0; y < rows; y++)
      memset (
          mask + (frame->ref.data[i] - frame->data) + y * frame->ref.pitch[i],
          1, columns * bytes);
  }
  for (j = 0; j < frame->size; j++)
    n += !mask[j] && frame->data[j] != before[j];
  g_free (mask);

  return n;
}

/* The difference in codes, scaled to 8 bits in the table */
static double
run_case (const Case *c, const char *what)
{
  HostFrame *in, *out;
  GpuConversion conversion = {
    .crop = { c->crop.x, c->crop.y, c->crop.w, c->crop.h },
    .rect = { c->rect.x, c->rect.y, c->rect.w, c->rect.h },
    .width = c->out_width,
    .height = c->out_height,
    .orientation = get_orientation (c->orientation),
    .bilinear = c->bilinear,
    .border = c->border,
  };
  RefConversion ref = {
    .in_color = c->in_color,
    .out_color = c->out_color,
    .crop = c->crop,
    .rect = c->rect,
    .orientation = c->orientation,
    .bilinear = c->bilinear,
    .border = { (c->border >> 16 & 0xff) / 255.0,
        (c->border >> 8 & 0xff) / 255.0, (c->border & 0xff) / 255.0 },
  };
  GpuParams params;
  GpuJob job = { .shader = GPU_SHADER_CONVERT, .params = &params };
  double difference, scaled, worst[5];
  DmabufFence *fence = NULL;
  GError *error = NULL;
  guint8 *before = NULL;

  in = new_frame (c, c->in_image, c->in, c->in_width, c->in_height);
  out = new_frame (c, c->out_image, c->out, c->out_width, c->out_height);
  if (!in || !out) {
    if (in)
      host_frame_free (context, in);
    if (out)
      host_frame_free (context, out);
    return -1;
  }
  host_frame_fill (in, pixels);
  host_frame_fill (out, pixels);
  if (out->data)
    before = g_memdup2 (out->data, out->size);

  if (!c->crop.w) {
    conversion.crop = (GpuRect) { 0, 0, c->in_width, c->in_height };
    ref.crop = (GstVideoRectangle) { 0, 0, c->in_width, c->in_height };
  }
  if (!c->rect.w) {
    conversion.rect = (GpuRect) { 0, 0, c->out_width, c->out_height };
    ref.rect = (GstVideoRectangle) { 0, 0, c->out_width, c->out_height };
  }
  set_color (&conversion.in, c->in, &c->in_color);
  set_color (&conversion.out, c->out, &c->out_color);
  gpu_params_init (&params, &conversion);

  job.in = in->frame;
  job.out = out->frame;
  job.mode = c->bilinear;
  gpu_queue_submit (&queue, &job, 0, NULL, &fence, &error);
  g_assert_no_error (error);
  if (fence)
    dmabuf_fence_unref (fence);
  g_assert_true (gpu_queue_drain (&queue));

  ref.in = in->ref;
  ref.out = out->ref;
  difference = ref_compare (&ref, &scaled, worst);
  if (difference > tolerance (out->ref.format))
    g_print ("%s %s %dx%d -> %s %dx%d orientation %d %s: component %g at "
             "%g,%g is %g, should be %g\n",
        what, in->ref.format->name, c->in_width, c->in_height,
        out->ref.format->name, c->out_width, c->out_height, c->orientation,
        c->bilinear ? "bilinear" : "nearest", worst[0], worst[1], worst[2],
        worst[3], worst[4]);
  g_assert_cmpfloat (difference, <=, tolerance (out->ref.format));
  if (before)
    g_assert_cmpuint (check_padding (out, before), ==, 0);
  g_free (before);

  host_frame_free (context, in);
  host_frame_free (context, out);
  n_cases++;
  worst_of_all = MAX (worst_of_all, difference);

  return difference;
}

static RefColor
usual_color (guint32 fourcc)
{
  RefColor color = { GST_VIDEO_COLOR_MATRIX_BT601, TRUE, TRUE, FALSE };

  if (is_rgb (fourcc))
    color = (RefColor) { GST_VIDEO_COLOR_MATRIX_RGB, FALSE, FALSE, FALSE };
  return color;
}

static Case
usual_case (guint32 in, guint32 out)
{
  return (Case) {
    .in = in,
    .out = out,
    .in_width = 37,
    .in_height = 23,
    .out_width = 37,
    .out_height = 23,
    .in_color = usual_color (in),
    .out_color = usual_color (out),
    .border = 0xff000000,
  };
}

/* --- the table: every format to every other ----------------------------- */

/* A CPU compiles a shader for seconds. The whole table is for the long lane;
 * the short one takes a luma-chroma format and an RGB one, both ways. */
static gboolean
is_long (void)
{
  return g_getenv ("DMABUF_TEST_LONG") != NULL;
}

static gboolean
is_short (guint32 fourcc)
{
  return fourcc == DRM_FORMAT_NV12 || fourcc == DRM_FORMAT_XRGB8888;
}

/* In a table of all formats that a test lists: the short lane leaves out the
 * pairs whose shaders differ only in how bytes are fetched. */
static gboolean
is_left_out (guint32 in, guint32 out)
{
  return !is_long () && !(is_short (in) && is_short (out));
}

static gboolean
is_shown (guint i, guint j)
{
  return !is_left_out (gpu_formats[i].fourcc, gpu_formats[j].fourcc);
}

static void
run_pairs (gboolean in_image, gboolean out_image, gboolean nearest)
{
  guint i, j;

  g_print ("\n%s -> %s, greatest difference in codes, %s\n      ",
      in_image ? "images" : "buffers", out_image ? "images" : "buffers",
      nearest ? "nearest, same size" : "bilinear, scaled");
  for (j = 0; j < gpu_n_formats; j++)
    g_print (" %.4s", (const char *) &gpu_formats[j].fourcc);
  for (i = 0; i < gpu_n_formats; i++) {
    g_print ("\n %.4s ", (const char *) &gpu_formats[i].fourcc);
    for (j = 0; j < gpu_n_formats; j++) {
      Case c = usual_case (gpu_formats[i].fourcc, gpu_formats[j].fourcc);
      double difference;

      if (!is_shown (i, j)) {
        g_print ("     ");
        continue;
      }
      c.in_image = in_image;
      c.out_image = out_image;
      if (i == j) {
        c.padding = 3;
        c.offset = 5;
      }
      c.bilinear = !nearest;
      if (!nearest) {
        c.out_width = 53;
        c.out_height = 19;
      }
      difference = run_case (&c, "pair");
      if (difference < 0)
        g_print ("    -");
      else
        g_print (" %4.2f", difference);
    }
  }
  g_print ("\n%u conversions, greatest difference %.2f codes, %u pipelines\n",
      n_cases, worst_of_all, queue.program.n_made);
}

GST_START_TEST (every_format_to_every_other_nearest)
{
  run_pairs (FALSE, FALSE, TRUE);
}
GST_END_TEST

GST_START_TEST (every_format_to_every_other_bilinear)
{
  run_pairs (FALSE, FALSE, FALSE);
}
GST_END_TEST

GST_START_TEST (every_format_in_images_is_what_it_is_in_buffers)
{
  run_pairs (TRUE, TRUE, FALSE);
}
GST_END_TEST

/* --- colour -------------------------------------------------------------- */

GST_START_TEST (every_matrix_and_range_to_every_other)
{
  static const GstVideoColorMatrix matrices[] = {
    GST_VIDEO_COLOR_MATRIX_BT601,
    GST_VIDEO_COLOR_MATRIX_BT709,
    GST_VIDEO_COLOR_MATRIX_BT2020,
  };
  static const guint32 pairs[][2] = {
    { DRM_FORMAT_NV12, DRM_FORMAT_XRGB8888 },
    { DRM_FORMAT_XRGB8888, DRM_FORMAT_NV12 },
    { DRM_FORMAT_NV12, DRM_FORMAT_YUYV },
    { DRM_FORMAT_P010, DRM_FORMAT_NV12 },
    { DRM_FORMAT_NV12, DRM_FORMAT_P010 },
    { DRM_FORMAT_P010, DRM_FORMAT_ARGB8888 },
  };
  guint i, a, b, r;

  for (i = 0; i < G_N_ELEMENTS (pairs); i++) {
    for (a = 0; a < G_N_ELEMENTS (matrices); a++) {
      for (b = 0; b < G_N_ELEMENTS (matrices); b++) {
        for (r = 0; r < 4; r++) {
          Case c = usual_case (pairs[i][0], pairs[i][1]);

          if (!is_rgb (c.in))
            c.in_color.matrix = matrices[a];
          if (!is_rgb (c.out))
            c.out_color.matrix = matrices[b];
          c.in_color.limited = r & 1;
          c.out_color.limited = r >> 1;
          c.bilinear = TRUE;
          run_case (&c, "colour");
        }
      }
    }
  }
  g_print ("colour: %u conversions, greatest difference %.2f codes\n", n_cases,
      worst_of_all);
}
GST_END_TEST

GST_START_TEST (chroma_lies_where_it_is_said_to_lie)
{
  static const guint32 formats[] = {
    DRM_FORMAT_NV12,
    DRM_FORMAT_YUYV,
    DRM_FORMAT_XRGB8888,
    DRM_FORMAT_YUV420,
  };
  guint i, j, a, b, turn;

  for (i = 0; i < G_N_ELEMENTS (formats); i++) {
    for (j = 0; j < G_N_ELEMENTS (formats); j++) {
      if (is_left_out (formats[i], formats[j]))
        continue;
      for (a = 0; a < 4; a++) {
        for (b = 0; b < 4; b++) {
          for (turn = 0; turn < 2; turn++) {
            Case c = usual_case (formats[i], formats[j]);

            c.in_color.h_cosited = a & 1;
            c.in_color.v_cosited = a >> 1;
            c.out_color.h_cosited = b & 1;
            c.out_color.v_cosited = b >> 1;
            c.orientation = turn ? GST_VIDEO_ORIENTATION_90L
                                 : GST_VIDEO_ORIENTATION_IDENTITY;
            c.bilinear = TRUE;
            run_case (&c, "siting");
          }
        }
      }
    }
  }
  g_print ("siting: %u conversions, greatest difference %.2f codes\n", n_cases,
      worst_of_all);
}
GST_END_TEST

/* --- geometry ------------------------------------------------------------ */

GST_START_TEST (every_orientation_scale_and_crop)
{
  static const guint32 pairs[][2] = {
    { DRM_FORMAT_NV12, DRM_FORMAT_XRGB8888 },
    { DRM_FORMAT_XRGB8888, DRM_FORMAT_NV12 },
    { DRM_FORMAT_YUYV, DRM_FORMAT_P010 },
    { DRM_FORMAT_NV12, DRM_FORMAT_NV12 },
  };
  static const gint sizes[][2] = { { 37, 23 }, { 18, 11 }, { 64, 9 } };
  static const GstVideoRectangle crops[] = { { 0, 0, 0, 0 }, { 5, 3, 20, 11 },
    { 8, 4, 16, 16 }, { 36, 22, 1, 1 } };
  static const GstVideoRectangle rects[] = { { 0, 0, 0, 0 }, { 3, 2, 11, 5 } };
  guint i, s, k, r, o, f;

  for (i = 0; i < G_N_ELEMENTS (pairs); i++) {
    for (s = 0; s < G_N_ELEMENTS (sizes); s++) {
      for (k = 0; k < G_N_ELEMENTS (crops); k++) {
        for (r = 0; r < G_N_ELEMENTS (rects); r++) {
          for (o = 0; o < GST_VIDEO_ORIENTATION_AUTO; o++) {
            for (f = 0; f < 2; f++) {
              Case c = usual_case (pairs[i][0], pairs[i][1]);

              c.out_width = sizes[s][0];
              c.out_height = sizes[s][1];
              c.crop = crops[k];
              c.rect = rects[r];
              c.orientation = o;
              c.bilinear = f;
              c.border = 0xff406080;
              run_case (&c, "geometry");
            }
          }
        }
      }
    }
  }
  g_print ("geometry: %u conversions, greatest difference %.2f codes\n",
      n_cases, worst_of_all);
}
GST_END_TEST

GST_START_TEST (extreme_sizes)
{
  static const gint sizes[][2] = { { 1, 1 }, { 8192, 1 }, { 1, 8192 }, { 2, 2 },
    { 3, 1 }, { 1, 3 } };
  static const guint32 formats[] = { DRM_FORMAT_NV12, DRM_FORMAT_XRGB8888,
    DRM_FORMAT_YUYV, DRM_FORMAT_RGB565, DRM_FORMAT_P010 };
  guint i, j, s, f;

  for (i = 0; i < G_N_ELEMENTS (formats); i++) {
    for (j = 0; j < G_N_ELEMENTS (formats); j++) {
      if (is_left_out (formats[i], formats[j]))
        continue;
      for (s = 0; s < G_N_ELEMENTS (sizes); s++) {
        for (f = 0; f < 2; f++) {
          Case c = usual_case (formats[i], formats[j]);

          c.in_width = c.out_width = sizes[s][0];
          c.in_height = c.out_height = sizes[s][1];
          c.bilinear = f;
          c.padding = 1;
          run_case (&c, "size");
        }
      }
    }
  }
  g_print ("sizes: %u conversions, greatest difference %.2f codes\n", n_cases,
      worst_of_all);
}
GST_END_TEST

static Suite *
pixels_suite (void)
{
  Suite *suite = suite_create ("pixels");
  TCase *tcase = tcase_create ("general");

  tcase_set_timeout (tcase, 600);
  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, every_format_to_every_other_nearest);
  tcase_add_test (tcase, every_format_to_every_other_bilinear);
  tcase_add_test (tcase, every_format_in_images_is_what_it_is_in_buffers);
  tcase_add_test (tcase, every_matrix_and_range_to_every_other);
  tcase_add_test (tcase, chroma_lies_where_it_is_said_to_lie);
  tcase_add_test (tcase, every_orientation_scale_and_crop);
  tcase_add_test (tcase, extreme_sizes);
  suite_add_tcase (suite, tcase);

  return suite;
}

GST_CHECK_MAIN (pixels)
