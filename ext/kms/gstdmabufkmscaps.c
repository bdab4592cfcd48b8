/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufkmscaps.h"

#define MAX_FRAMERATE 1000

static void
set_sizes (GstCaps *caps, gint min_width, gint max_width, gint min_height,
    gint max_height)
{
  if (min_width == max_width && min_height == max_height)
    gst_caps_set_simple (caps, "width", G_TYPE_INT, max_width, "height",
        G_TYPE_INT, max_height, NULL);
  else
    gst_caps_set_simple (caps, "width", GST_TYPE_INT_RANGE, min_width,
        max_width, "height", GST_TYPE_INT_RANGE, min_height, max_height, NULL);
}

/* Makes a structure for each size of the display's modes. */
static GstCaps *
list_sizes (GstCaps *formats, const drmModeModeInfo *modes, int n_modes)
{
  GstCaps *caps = gst_caps_new_empty ();
  int i, j;

  for (i = 0; i < n_modes; i++) {
    GstCaps *size;

    for (j = 0; j < i; j++) {
      if (modes[j].hdisplay == modes[i].hdisplay
          && modes[j].vdisplay == modes[i].vdisplay)
        break;
    }
    if (j < i)
      continue;
    size = gst_caps_copy (formats);
    set_sizes (size, modes[i].hdisplay, modes[i].hdisplay, modes[i].vdisplay,
        modes[i].vdisplay);
    gst_caps_append (caps, size);
  }
  gst_caps_unref (formats);

  return caps;
}

GstCaps *
gst_dmabuf_kms_caps_new (KmsOutput *output, const KmsModeRequest *request)
{
  const drmModeModeInfo *modes = output->connector->modes;
  int n_modes = output->connector->count_modes;
  const drmModeRes *resources = output->card->resources;
  const drmModeModeInfo *only = NULL;
  gint width = 1, height = 1;
  GstCaps *caps;
  int i;

  caps = gst_dmabuf_core_caps_from_formats (
      (const GstDmabufCoreFormat *) output->formats->data,
      output->formats->len);
  gst_caps_set_simple (
      caps, "framerate", GST_TYPE_FRACTION_RANGE, 0, 1, MAX_FRAMERATE, 1, NULL);

  if (request)
    only = kms_mode_find (modes, n_modes, request);
  if (only) {
    modes = only;
    n_modes = 1;
  }

  for (i = 0; i < n_modes; i++) {
    width = MAX (width, modes[i].hdisplay);
    height = MAX (height, modes[i].vdisplay);
  }
  if (output->can_scale) {
    width = resources->max_width;
    height = resources->max_height;
  }
  if (!output->can_scale && !output->can_place)
    return list_sizes (caps, modes, n_modes);
  set_sizes (caps, MAX (resources->min_width, 1), width,
      MAX (resources->min_height, 1), height);

  return caps;
}

void
gst_dmabuf_kms_video_from_info (KmsVideo *video, const GstVideoInfoDmaDrm *info)
{
  const GstVideoInfo *vinfo = &info->vinfo;
  GstVideoFormat format = gst_video_dma_drm_fourcc_to_format (info->drm_fourcc);
  const GstVideoFormatInfo *format_info;

  *video = (KmsVideo) {
    .format = info->drm_fourcc,
    .modifier = info->drm_modifier,
    .width = GST_VIDEO_INFO_WIDTH (vinfo),
    .height = GST_VIDEO_INFO_HEIGHT (vinfo),
    .par_n = GST_VIDEO_INFO_PAR_N (vinfo),
    .par_d = GST_VIDEO_INFO_PAR_D (vinfo),
    .fps_n = GST_VIDEO_INFO_FPS_N (vinfo),
    .fps_d = GST_VIDEO_INFO_FPS_D (vinfo),
  };
  if (format == GST_VIDEO_FORMAT_UNKNOWN)
    return;
  format_info = gst_video_format_get_info (format);
  if (!GST_VIDEO_FORMAT_INFO_IS_YUV (format_info))
    return;

  switch (vinfo->colorimetry.matrix) {
  case GST_VIDEO_COLOR_MATRIX_BT601:
    video->encoding = "ITU-R BT.601 YCbCr";
    break;
  case GST_VIDEO_COLOR_MATRIX_BT709:
    video->encoding = "ITU-R BT.709 YCbCr";
    break;
  case GST_VIDEO_COLOR_MATRIX_BT2020:
    video->encoding = "ITU-R BT.2020 YCbCr";
    break;
  default:
    break;
  }

  switch (vinfo->colorimetry.range) {
  case GST_VIDEO_COLOR_RANGE_0_255:
    video->range = "YCbCr full range";
    break;
  case GST_VIDEO_COLOR_RANGE_16_235:
    video->range = "YCbCr limited range";
    break;
  default:
    break;
  }
}
