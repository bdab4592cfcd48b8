/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "v4l2-setup.h"
#include "v4l2-debug.h"

#include <libdmabufcore/dmabufcore.h>

#include <errno.h>

/* V4L2_FIELD_INTERLACED leaves the order to the video standard: bottom field
 * first with 525 lines, top field first in all others (V4L2 specification,
 * "Field Order"). */
static void
setup_field_order (V4l2Device *device, V4l2Layout *layout)
{
  v4l2_std_id standard;

  if (layout->interlace_mode == GST_VIDEO_INTERLACE_MODE_PROGRESSIVE
      || layout->field_order != GST_VIDEO_FIELD_ORDER_UNKNOWN)
    return;

  layout->field_order = GST_VIDEO_FIELD_ORDER_TOP_FIELD_FIRST;
  if (v4l2_device_ioctl (device, VIDIOC_G_STD, &standard) == 0
      && standard & V4L2_STD_525_60)
    layout->field_order = GST_VIDEO_FIELD_ORDER_BOTTOM_FIELD_FIRST;
}

static gboolean
setup_call (V4l2Device *device, unsigned long request_code, const char *name,
    const V4l2Request *request, gboolean convert, V4l2Setup *setup,
    GError **error)
{
  struct v4l2_format format;

  *setup = (V4l2Setup) { .fps_n = request->fps_n, .fps_d = request->fps_d };
  v4l2_request_to_format (request, device->type, convert, &format);

  if (v4l2_device_ioctl (device, request_code, &format) < 0) {
    v4l2_device_set_error (device, error, errno,
        "%s of %" GST_FOURCC_FORMAT " %ux%u", name,
        GST_FOURCC_ARGS (request->info->v4l2), request->width, request->height);
    return FALSE;
  }

  if (!v4l2_layout_from_format (&setup->layout, &format, error)) {
    g_prefix_error (error, "%s (%s): ", device->path, device->card);
    return FALSE;
  }
  setup_field_order (device, &setup->layout);

  return TRUE;
}

gboolean
v4l2_setup_try (V4l2Device *device, const V4l2Request *request,
    V4l2Setup *setup, GError **error)
{
  return setup_call (
      device, VIDIOC_TRY_FMT, "VIDIOC_TRY_FMT", request, FALSE, setup, error);
}

static gboolean
setup_has_colorimetry (const V4l2Setup *setup, const V4l2Request *request)
{
  return !request->has_colorimetry
      || gst_video_colorimetry_is_equal (
          &request->colorimetry, &setup->layout.colorimetry);
}

/* For an unsupported request S_FMT succeeds with a near format instead of
 * failing, but the caps promise the exact one. */
static gboolean
setup_check (V4l2Device *device, const V4l2Request *request,
    const V4l2Setup *setup, GError **error)
{
  const V4l2Layout *layout = &setup->layout;
  gboolean interlaced =
      layout->interlace_mode != GST_VIDEO_INTERLACE_MODE_PROGRESSIVE;

  if (layout->info != request->info || layout->width != request->width
      || layout->height != request->height) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "%s (%s): asked for %" GST_FOURCC_FORMAT " %ux%u, the driver gives "
        "%" GST_FOURCC_FORMAT " %ux%u; v4l2-ctl -d %s --list-formats-ext lists "
        "its formats",
        device->path, device->card, GST_FOURCC_ARGS (request->info->v4l2),
        request->width, request->height, GST_FOURCC_ARGS (layout->info->v4l2),
        layout->width, layout->height, device->path);
    return FALSE;
  }

  if (interlaced != request->interlaced) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "%s (%s): asked for %s video, the driver gives %s; choose another "
        "input or mode of the device",
        device->path, device->card,
        request->interlaced ? "interlaced" : "progressive",
        interlaced ? "interlaced" : "progressive");
    return FALSE;
  }

  if (!setup_has_colorimetry (setup, request)) {
    char *wanted = gst_video_colorimetry_to_string (&request->colorimetry);
    char *given = gst_video_colorimetry_to_string (&layout->colorimetry);

    g_set_error (error, DMABUF_ERROR, EINVAL,
        "%s (%s): asked for colorimetry %s, the driver gives %s; leave it out "
        "of the caps",
        device->path, device->card, wanted, given ? given : "none");
    g_free (wanted);
    g_free (given);
    return FALSE;
  }

  return TRUE;
}

/* The driver sets the nearest rate that it supports, and returns that. */
static void
setup_rate (V4l2Device *device, V4l2Setup *setup)
{
  struct v4l2_streamparm parm = { .type = device->type };
  struct v4l2_fract *interval = &parm.parm.capture.timeperframe;

  if (v4l2_device_ioctl (device, VIDIOC_G_PARM, &parm) < 0
      || !(parm.parm.capture.capability & V4L2_CAP_TIMEPERFRAME)) {
    GST_INFO ("%s: the driver decides the rate", device->path);
    return;
  }

  if (setup->fps_n > 0) {
    interval->numerator = setup->fps_d;
    interval->denominator = setup->fps_n;
    if (v4l2_device_ioctl (device, VIDIOC_S_PARM, &parm) < 0) {
      GST_WARNING ("%s: cannot set %u/%u frames per second: %s", device->path,
          setup->fps_n, setup->fps_d, g_strerror (errno));
      return;
    }
  }
  if (interval->numerator == 0 || interval->numerator > G_MAXINT
      || interval->denominator == 0 || interval->denominator > G_MAXINT)
    return;

  setup->fps_n = interval->denominator;
  setup->fps_d = interval->numerator;
}

gboolean
v4l2_setup_apply (V4l2Device *device, const V4l2Request *request,
    V4l2Setup *setup, GError **error)
{
  if (!setup_call (
          device, VIDIOC_S_FMT, "VIDIOC_S_FMT", request, FALSE, setup, error))
    return FALSE;

  /* Ask for a conversion only if the colorimetry differs: some colorimetries
   * that drivers deliver have no V4L2 values to ask for. */
  if (!setup_has_colorimetry (setup, request)
      && !setup_call (
          device, VIDIOC_S_FMT, "VIDIOC_S_FMT", request, TRUE, setup, error))
    return FALSE;

  if (!setup_check (device, request, setup, error))
    return FALSE;

  setup_rate (device, setup);

  return TRUE;
}

static void
structure_complete (GstStructure *structure, const GstStructure *open,
    const char *field, const char *given)
{
  const GValue *wishes = gst_structure_get_value (open, field);
  GValue value = G_VALUE_INIT, first = G_VALUE_INIT;

  if (!given || gst_structure_has_field (structure, field))
    return;

  g_value_init (&value, G_TYPE_STRING);
  g_value_set_string (&value, given);
  if (wishes && !gst_value_intersect (NULL, &value, wishes)
      && gst_value_fixate (&first, wishes)) {
    gst_structure_set_value (structure, field, &first);
    g_value_unset (&first);
  } else {
    gst_structure_set_value (structure, field, &value);
  }
  g_value_unset (&value);
}

void
v4l2_setup_complete_caps (
    const V4l2Setup *setup, GstCaps *caps, const GstStructure *open)
{
  const V4l2Layout *layout = &setup->layout;
  GstStructure *structure = gst_caps_get_structure (caps, 0);
  char *colorimetry = gst_video_colorimetry_to_string (&layout->colorimetry);

  structure_complete (structure, open, "colorimetry", colorimetry);
  g_free (colorimetry);

  structure_complete (structure, open, "interlace-mode",
      gst_video_interlace_mode_to_string (layout->interlace_mode));
  if (layout->field_order != GST_VIDEO_FIELD_ORDER_UNKNOWN)
    structure_complete (structure, open, "field-order",
        gst_video_field_order_to_string (layout->field_order));
}
