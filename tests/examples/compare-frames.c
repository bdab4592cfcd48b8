/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "compare-frames.h"

#include <gst/allocators/gstdmabuf.h>
#include <math.h>
#include <stdlib.h>

/* Maps a frame with raw or DMA_DRM caps for reading. */
static gboolean
map_sample (GstSample *sample, GstVideoFrame *frame, GError **error)
{
  GstCaps *caps = gst_sample_get_caps (sample);
  GstVideoInfoDmaDrm drm_info;
  GstVideoInfo info;
  gboolean known;

  if (gst_video_is_dma_drm_caps (caps))
    known = gst_video_info_dma_drm_from_caps (&drm_info, caps)
        && gst_video_info_dma_drm_to_video_info (&drm_info, &info);
  else
    known = gst_video_info_from_caps (&info, caps);

  if (!known) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "a frame of this format cannot be compared: %" GST_PTR_FORMAT, caps);
    return FALSE;
  }

  if (!gst_video_frame_map (
          frame, &info, gst_sample_get_buffer (sample), GST_MAP_READ)) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ,
        "the frame cannot be mapped for reading");
    return FALSE;
  }

  return TRUE;
}

/* A mapped frame and the coefficients that convert its values to R'G'B' */
typedef struct
{
  GstVideoFrame frame;
  gboolean is_rgb;
  gint offset[GST_VIDEO_MAX_COMPONENTS], scale[GST_VIDEO_MAX_COMPONENTS];
  double red_cr, green_cb, green_cr, blue_cb;
} Picture;

/* Y'CbCr to R'G'B' as in ITU-R BT.601 and BT.709: Kr and Kb define every
 * coefficient. */
static void
picture_init_matrix (Picture *picture)
{
  const GstVideoInfo *info = &picture->frame.info;
  double kr, kb, kg;

  picture->is_rgb = GST_VIDEO_INFO_IS_RGB (info);
  if (!gst_video_color_matrix_get_Kr_Kb (info->colorimetry.matrix, &kr, &kb))
    gst_video_color_matrix_get_Kr_Kb (GST_VIDEO_COLOR_MATRIX_BT601, &kr, &kb);
  kg = 1. - kr - kb;

  gst_video_color_range_offsets (
      info->colorimetry.range, info->finfo, picture->offset, picture->scale);
  picture->red_cr = 2. * (1. - kr);
  picture->blue_cb = 2. * (1. - kb);
  picture->green_cb = -picture->blue_cb * kb / kg;
  picture->green_cr = -picture->red_cr * kr / kg;
}

static guint8
to_byte (double value)
{
  return CLAMP (lrint (value * 255.), 0, 255);
}

/* Reads the components by GStreamer's description of the format: each component
 * has a plane, a first byte, a pixel stride and a subsampling. */
static void
get_components (const GstVideoFrame *frame, guint x, guint y, int values[3])
{
  const GstVideoFormatInfo *format = frame->info.finfo;
  guint i;

  for (i = 0; i < 3; i++) {
    const guint8 *data = GST_VIDEO_FRAME_COMP_DATA (frame, i);
    guint cx = x >> GST_VIDEO_FORMAT_INFO_W_SUB (format, i);
    guint cy = y >> GST_VIDEO_FORMAT_INFO_H_SUB (format, i);

    values[i] = data[cy * GST_VIDEO_FRAME_COMP_STRIDE (frame, i)
        + cx * GST_VIDEO_FRAME_COMP_PSTRIDE (frame, i)];
  }
}

static void
get_rgb (const Picture *picture, guint x, guint y, guint8 rgb[3])
{
  double luma, cb, cr;
  int values[3];

  get_components (&picture->frame, x, y, values);

  if (picture->is_rgb) {
    rgb[0] = values[0];
    rgb[1] = values[1];
    rgb[2] = values[2];
    return;
  }

  luma = (values[0] - picture->offset[0]) / (double) picture->scale[0];
  cb = (values[1] - picture->offset[1]) / (double) picture->scale[1];
  cr = (values[2] - picture->offset[2]) / (double) picture->scale[2];

  rgb[0] = to_byte (luma + picture->red_cr * cr);
  rgb[1] = to_byte (luma + picture->green_cb * cb + picture->green_cr * cr);
  rgb[2] = to_byte (luma + picture->blue_cb * cb);
}

static void
compare_pixel (const Picture *sent, const Picture *shown, guint x, guint y,
    int tolerance, FrameComparison *result)
{
  guint8 expected[3], got[3];
  int greatest = 0;
  guint i;

  get_rgb (sent, x, y, expected);
  get_rgb (shown, x, y, got);

  for (i = 0; i < 3; i++)
    greatest = MAX (greatest, abs (expected[i] - got[i]));

  result->n_pixels++;
  result->greatest = MAX (result->greatest, greatest);
  if (greatest > tolerance && result->n_different++ == 0) {
    result->x = x;
    result->y = y;
    memcpy (result->expected, expected, sizeof expected);
    memcpy (result->shown, got, sizeof got);
  }
}

static gboolean
is_comparable (const GstVideoFrame *frame)
{
  return GST_VIDEO_FORMAT_INFO_BITS (frame->info.finfo) == 8
      && frame->info.finfo->n_components >= 3
      && !GST_VIDEO_FORMAT_INFO_IS_TILED (frame->info.finfo);
}

gboolean
compare_frames (GstSample *sent_sample, GstSample *shown_sample, int tolerance,
    FrameComparison *result, GError **error)
{
  Picture sent, shown;
  gboolean ret = FALSE;
  guint x, y, width, height;

  *result = (FrameComparison) { 0 };

  if (!map_sample (sent_sample, &sent.frame, error))
    return FALSE;
  if (!map_sample (shown_sample, &shown.frame, error))
    goto shown_failed;

  width = GST_VIDEO_FRAME_WIDTH (&sent.frame);
  height = GST_VIDEO_FRAME_HEIGHT (&sent.frame);

  if (!is_comparable (&sent.frame) || !is_comparable (&shown.frame)) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "only formats with three components of 8 bits can be compared, not %s "
        "with %s",
        sent.frame.info.finfo->name, shown.frame.info.finfo->name);
    goto out;
  }
  if (GST_VIDEO_FRAME_WIDTH (&shown.frame) < (gint) width
      || GST_VIDEO_FRAME_HEIGHT (&shown.frame) < (gint) height) {
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "the display shows %dx%d, less than the frame's %ux%u",
        GST_VIDEO_FRAME_WIDTH (&shown.frame),
        GST_VIDEO_FRAME_HEIGHT (&shown.frame), width, height);
    goto out;
  }

  picture_init_matrix (&sent);
  picture_init_matrix (&shown);

  for (y = 0; y < height; y++) {
    for (x = 0; x < width; x++)
      compare_pixel (&sent, &shown, x, y, tolerance, result);
  }
  ret = TRUE;

out:
  gst_video_frame_unmap (&shown.frame);
shown_failed:
  gst_video_frame_unmap (&sent.frame);
  return ret;
}
