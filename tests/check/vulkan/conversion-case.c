/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "conversion-case.h"

#include <gst/check/gstcheck.h>
#include <drm/drm_fourcc.h>

#include "gstdmabufvkstage.h"

static GpuContext *context;
static GpuQueue queue;
static GRand *pixels;

guint case_n_tried;
double case_greatest_difference;

void
case_init (int *argc, char ***argv)
{
  /* The tests share a GPU, and fork() would leave its threads behind. */
  g_setenv ("CK_FORK", "no", TRUE);
  gst_check_init (argc, argv);
}

void
case_open_gpu (void)
{
  GError *error = NULL;

  context = gpu_context_get (g_getenv ("GPU_DEVICE"), TRUE, &error);
  g_assert_no_error (error);
  gpu_queue_init (&queue, context, 2, &error);
  g_assert_no_error (error);
  pixels = g_rand_new_with_seed (6);
}

void
case_close_gpu (void)
{
  gpu_queue_clear (&queue);
  g_assert_cmpuint (context->validation_messages, ==, 0);
  gpu_context_unref (context);
  g_rand_free (pixels);
}

void
case_reset_counts (void)
{
  case_n_tried = 0;
  case_greatest_difference = 0;
}

guint
case_get_n_pipelines (void)
{
  return queue.program.n_made;
}

gboolean
case_is_long (void)
{
  return g_getenv ("DMABUF_TEST_LONG") != NULL;
}

static gboolean
is_short (guint32 fourcc)
{
  return fourcc == DRM_FORMAT_NV12 || fourcc == DRM_FORMAT_XRGB8888;
}

gboolean
case_is_left_out (guint32 in, guint32 out)
{
  return !case_is_long () && !(is_short (in) && is_short (out));
}

static RefColor
usual_color (guint32 fourcc)
{
  RefColor color = { GST_VIDEO_COLOR_MATRIX_BT601, TRUE, TRUE, FALSE };

  if (gpu_format_is_rgb (gpu_format_get (fourcc)))
    color = (RefColor) { GST_VIDEO_COLOR_MATRIX_RGB, FALSE, FALSE, FALSE };
  return color;
}

Case
case_get_usual (guint32 in, guint32 out)
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

/* 2 codes of 8 bits, 8 of 10 bits; one code of 5 or 6 bits is more than 2 of
 * 8 bits. */
double
case_get_tolerance (const GstVideoFormatInfo *format)
{
  return format->depth[0] == 10 ? 8 : format->depth[0] < 8 ? 1 : 2;
}

/* --- a conversion --------------------------------------------------------- */

static void
set_color (GpuColor *color, guint32 fourcc, const RefColor *ref)
{
  color->format = gpu_format_get (fourcc);
  gst_video_color_matrix_get_Kr_Kb (ref->matrix, &color->kr, &color->kb);
  color->limited = ref->limited;
  color->cosited[0] = ref->h_cosited;
  color->cosited[1] = ref->v_cosited;
}

static HostFrame *
new_frame (const Case *c, gboolean image, guint32 fourcc, gint w, gint h)
{
  return image ? host_frame_new_images (context, fourcc, w, h)
               : host_frame_new (context, fourcc, w, h, c->padding, c->offset);
}

void
case_free_frames (HostFrame *in, HostFrame *out)
{
  if (in)
    host_frame_free (context, in);
  if (out)
    host_frame_free (context, out);
}

gboolean
case_make_frames (const Case *c, HostFrame **in, HostFrame **out)
{
  *in = new_frame (c, c->in_image, c->in, c->in_width, c->in_height);
  *out = new_frame (c, c->out_image, c->out, c->out_width, c->out_height);
  if (!*in || !*out) {
    case_free_frames (*in, *out);
    return FALSE;
  }
  host_frame_fill (*in, pixels);
  host_frame_fill (*out, pixels);

  return TRUE;
}

static GstVideoRectangle
get_crop (const Case *c)
{
  return c->crop.w ? c->crop
                   : (GstVideoRectangle) { 0, 0, c->in_width, c->in_height };
}

static GstVideoRectangle
get_rect (const Case *c)
{
  return c->rect.w ? c->rect
                   : (GstVideoRectangle) { 0, 0, c->out_width, c->out_height };
}

void
case_convert (const Case *c, HostFrame *in, HostFrame *out)
{
  GstVideoRectangle crop = get_crop (c), rect = get_rect (c);
  GpuConversion conversion = {
    .crop = { crop.x, crop.y, crop.w, crop.h },
    .rect = { rect.x, rect.y, rect.w, rect.h },
    .width = c->out_width,
    .height = c->out_height,
    .orientation = gst_dmabuf_vk_orientation (c->orientation),
    .bilinear = c->bilinear,
    .border = c->border,
  };
  GpuParams params;
  GpuJob job = {
    .shader = GPU_SHADER_CONVERT,
    .params = &params,
    .in = in->frame,
    .out = out->frame,
    .mode = c->bilinear,
  };
  DmabufFence *fence = NULL;
  GError *error = NULL;

  set_color (&conversion.in, c->in, &c->in_color);
  set_color (&conversion.out, c->out, &c->out_color);
  gpu_params_init (&params, &conversion);
  g_assert_true (gpu_queue_prepare (&queue, &job, NULL, &error));
  gpu_queue_submit (&queue, &job, 0, NULL, &fence, &error);
  g_assert_no_error (error);
  if (fence)
    dmabuf_fence_unref (fence);
  g_assert_true (gpu_queue_drain (&queue));
}

/* Counts changed bytes outside the pixels: the shader must leave them alone. */
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

double
case_run (const Case *c, const char *what)
{
  RefConversion ref = {
    .in_color = c->in_color,
    .out_color = c->out_color,
    .crop = get_crop (c),
    .rect = get_rect (c),
    .orientation = c->orientation,
    .bilinear = c->bilinear,
    .border = { (c->border >> 16 & 0xff) / 255.0,
        (c->border >> 8 & 0xff) / 255.0, (c->border & 0xff) / 255.0 },
  };
  double difference, scaled, worst[5], tolerance;
  guint8 *before = NULL;
  HostFrame *in, *out;

  if (!case_make_frames (c, &in, &out))
    return -1;
  if (out->data)
    before = g_memdup2 (out->data, out->size);
  case_convert (c, in, out);

  ref.in = in->ref;
  ref.out = out->ref;
  difference = ref_compare (&ref, &scaled, worst);
  tolerance = case_get_tolerance (out->ref.format);
  if (difference > tolerance)
    g_print ("%s %s %dx%d -> %s %dx%d orientation %d %s: component %g at "
             "%g,%g is %g, should be %g\n",
        what, in->ref.format->name, c->in_width, c->in_height,
        out->ref.format->name, c->out_width, c->out_height, c->orientation,
        c->bilinear ? "bilinear" : "nearest", worst[0], worst[1], worst[2],
        worst[3], worst[4]);
  g_assert_cmpfloat (difference, <=, tolerance);
  if (before)
    g_assert_cmpuint (check_padding (out, before), ==, 0);
  g_free (before);
  case_free_frames (in, out);

  case_n_tried++;
  case_greatest_difference = MAX (case_greatest_difference, difference);

  return difference;
}
