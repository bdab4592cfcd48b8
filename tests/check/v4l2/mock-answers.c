/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The mock driver's answers about its capabilities, formats, rates, inputs and
 * controls. */

#include "mock-driver-private.h"

#include <errno.h>

MockDriver mock_driver;

static guint rate;

static const MockFormat default_formats[] = {
  { V4L2_PIX_FMT_YUYV, 1 }, { V4L2_PIX_FMT_NV12, 1 },
  { V4L2_PIX_FMT_XBGR32, 1 },
  { V4L2_PIX_FMT_MJPEG, 1 }, /* Unknown to the element */
};

static const MockSize default_sizes[] = {
  { 640, 480, { 30, 15 } },
  { 1280, 720, { 60, 30 } },
};

int
mock_refuse (int code)
{
  errno = code;
  return -1;
}

gboolean
mock_is_multi_planar (void)
{
  return mock_driver.capabilities & V4L2_CAP_VIDEO_CAPTURE_MPLANE;
}

guint32
mock_buffer_type (void)
{
  return mock_is_multi_planar () ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
                                 : V4L2_BUF_TYPE_VIDEO_CAPTURE;
}

/* --- formats ------------------------------------------------------------- */

static const MockFormat *
find_format (guint32 fourcc)
{
  guint i;

  for (i = 0; i < mock_driver.n_formats; i++) {
    if (mock_driver.formats[i].fourcc == fourcc)
      return &mock_driver.formats[i];
  }

  return &mock_driver.formats[0];
}

static void
adjust_size (guint *width, guint *height)
{
  const struct v4l2_frmsize_stepwise *step = &mock_driver.stepwise;
  guint i, best = 0;

  if (mock_driver.is_receiver) {
    *width = mock_driver.timings.width;
    *height = mock_driver.timings.height;
    return;
  }

  if (step->max_width > 0) {
    *width = CLAMP (*width, step->min_width, step->max_width);
    *height = CLAMP (*height, step->min_height, step->max_height);
    *width -= *width % step->step_width;
    *height -= *height % step->step_height;
    return;
  }

  for (i = 0; i < mock_driver.n_sizes; i++) {
    if (ABS ((int) mock_driver.sizes[i].width - (int) *width)
        < ABS ((int) mock_driver.sizes[best].width - (int) *width))
      best = i;
  }
  *width = mock_driver.sizes[best].width;
  *height = mock_driver.sizes[best].height;
}

static guint
align_line (guint bytes)
{
  return (bytes + mock_driver.alignment - 1) / mock_driver.alignment
      * mock_driver.alignment;
}

/* Corrects @format as a driver does: lines, sizes, field and colours. */
void
mock_adjust_format (struct v4l2_format *format)
{
  const MockFormat *known = find_format (v4l2_format_get_pixelformat (format));
  const V4l2FormatInfo *info = v4l2_format_info_from_v4l2 (known->fourcc);
  const GstVideoFormatInfo *finfo =
      gst_video_format_get_info (info ? info->format : GST_VIDEO_FORMAT_YUY2);
  guint width, height, line, i;

  v4l2_format_get_size (format, &width, &height);
  adjust_size (&width, &height);
  v4l2_format_set_pixelformat (format, known->fourcc);
  v4l2_format_set_size (format, width, height);
  v4l2_format_set_field (format, mock_driver.field);
  line = align_line (width * GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, 0));

  if (mock_is_multi_planar ()) {
    struct v4l2_pix_format_mplane *pix = &format->fmt.pix_mp;

    pix->colorspace = mock_driver.colorspace;
    pix->ycbcr_enc = pix->quantization = pix->xfer_func = 0;
    pix->num_planes = known->n_planes;
    for (i = 0; i < known->n_planes; i++) {
      pix->plane_fmt[i].bytesperline = line;
      pix->plane_fmt[i].sizeimage = mock_driver.data_offset
          + (i == 0 ? line * height : line * height / 2);
    }
    if (known->n_planes == 1)
      pix->plane_fmt[0].sizeimage = line * height * 2;
  } else {
    format->fmt.pix.colorspace = mock_driver.colorspace;
    format->fmt.pix.ycbcr_enc = format->fmt.pix.quantization = 0;
    format->fmt.pix.xfer_func = 0;
    format->fmt.pix.bytesperline = line;
    format->fmt.pix.sizeimage = GST_VIDEO_FORMAT_INFO_N_PLANES (finfo) == 2
        ? line * height * 3 / 2
        : line * height;
  }
}

guint
mock_plane_size (guint plane)
{
  return mock_is_multi_planar ()
      ? mock_driver.format.fmt.pix_mp.plane_fmt[plane].sizeimage
      : mock_driver.format.fmt.pix.sizeimage;
}

guint
mock_n_planes (void)
{
  return mock_is_multi_planar () ? mock_driver.format.fmt.pix_mp.num_planes : 1;
}

static int
do_format (unsigned long request, struct v4l2_format *format)
{
  if (format->type != mock_buffer_type ())
    return mock_refuse (EINVAL);

  if (request == VIDIOC_G_FMT) {
    *format = mock_driver.format;
    return 0;
  }
  if (request == VIDIOC_S_FMT && mock_driver.n_buffers > 0)
    return mock_refuse (EBUSY);

  mock_adjust_format (format);
  if (request == VIDIOC_S_FMT)
    mock_driver.format = *format;
  return 0;
}

static int
do_enum_fmt (struct v4l2_fmtdesc *description)
{
  if (description->type != mock_buffer_type ()
      || description->index >= mock_driver.n_formats)
    return mock_refuse (EINVAL);
  description->pixelformat = mock_driver.formats[description->index].fourcc;
  if (description->pixelformat == V4L2_PIX_FMT_MJPEG)
    description->flags = V4L2_FMT_FLAG_COMPRESSED;
  return 0;
}

static int
do_enum_sizes (struct v4l2_frmsizeenum *size)
{
  if (mock_driver.is_receiver)
    return mock_refuse (ENODATA);

  if (mock_driver.stepwise.max_width > 0) {
    if (size->index > 0)
      return mock_refuse (EINVAL);
    size->type = V4L2_FRMSIZE_TYPE_STEPWISE;
    size->stepwise = mock_driver.stepwise;
    return 0;
  }

  if (!mock_driver.sizes)
    return mock_refuse (ENOTTY);
  if (size->index >= mock_driver.n_sizes)
    return mock_refuse (EINVAL);
  size->type = V4L2_FRMSIZE_TYPE_DISCRETE;
  size->discrete.width = mock_driver.sizes[size->index].width;
  size->discrete.height = mock_driver.sizes[size->index].height;
  return 0;
}

static int
do_enum_intervals (struct v4l2_frmivalenum *interval)
{
  guint i;

  if (mock_driver.is_receiver)
    return mock_refuse (ENODATA);

  for (i = 0; i < mock_driver.n_sizes; i++) {
    const MockSize *size = &mock_driver.sizes[i];

    if (size->width != interval->width || size->height != interval->height)
      continue;
    if (interval->index >= G_N_ELEMENTS (size->rates)
        || size->rates[interval->index] == 0)
      break;
    interval->type = V4L2_FRMIVAL_TYPE_DISCRETE;
    interval->discrete.numerator = 1;
    interval->discrete.denominator = size->rates[interval->index];
    return 0;
  }

  return mock_refuse (EINVAL);
}

static int
do_parm (unsigned long request, struct v4l2_streamparm *parm)
{
  if (mock_driver.is_receiver)
    return mock_refuse (ENOTTY);
  if (request == VIDIOC_S_PARM)
    rate = parm->parm.capture.timeperframe.denominator
        / MAX (parm->parm.capture.timeperframe.numerator, 1);
  if (mock_driver.fixed_rate > 0)
    rate = mock_driver.fixed_rate;
  parm->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
  parm->parm.capture.timeperframe.numerator = 1;
  parm->parm.capture.timeperframe.denominator = rate;
  return 0;
}

/* --- inputs -------------------------------------------------------------- */

static int
do_enum_input (struct v4l2_input *input)
{
  if (input->index != MOCK_INPUT)
    return mock_refuse (EINVAL);
  g_strlcpy ((char *) input->name, "HDMI 1", sizeof input->name);
  input->capabilities = V4L2_IN_CAP_DV_TIMINGS;
  if (mock_driver.signal.width == 0)
    input->status = V4L2_IN_ST_NO_SIGNAL;
  return 0;
}

static int
do_timings (unsigned long request, struct v4l2_dv_timings *timings)
{
  struct v4l2_bt_timings *bt = &timings->bt;
  const MockSignal *from = &mock_driver.timings;

  if (request == VIDIOC_S_DV_TIMINGS) {
    if (mock_driver.n_buffers > 0)
      return mock_refuse (EBUSY);
    mock_driver.timings = (MockSignal) { bt->width, bt->height,
      bt->pixelclock
          / (V4L2_DV_BT_FRAME_WIDTH (bt) * V4L2_DV_BT_FRAME_HEIGHT (bt)) };
    mock_adjust_format (&mock_driver.format);
    return 0;
  }

  if (request == VIDIOC_QUERY_DV_TIMINGS) {
    from = &mock_driver.signal;
    if (from->width == 0)
      return mock_refuse (ENOLINK);
  }
  *timings = (struct v4l2_dv_timings) { .type = V4L2_DV_BT_656_1120 };
  bt->width = from->width;
  bt->height = from->height;
  bt->hsync = 100;
  bt->vsync = 10;
  bt->pixelclock =
      (guint64) (from->width + 100) * (from->height + 10) * from->rate;
  if (mock_driver.pixelclock)
    bt->pixelclock = mock_driver.pixelclock;
  return 0;
}

/* --- controls ------------------------------------------------------------ */

static int
do_get_control (struct v4l2_control *control)
{
  if (control->id != V4L2_CID_MIN_BUFFERS_FOR_CAPTURE
      || mock_driver.min_buffers == 0)
    return mock_refuse (EINVAL);
  control->value = mock_driver.min_buffers;
  return 0;
}

static int
do_query_control (struct v4l2_query_ext_ctrl *query)
{
  guint32 after = query->id & ~V4L2_CTRL_FLAG_NEXT_CTRL;
  guint i;

  for (i = 0; i < mock_driver.n_controls; i++) {
    const MockControl *control = &mock_driver.controls[i];

    if (control->id <= after)
      continue;
    query->id = control->id;
    query->type = control->type;
    query->minimum = control->minimum;
    query->maximum = control->maximum;
    g_strlcpy (query->name, control->name, sizeof query->name);
    return 0;
  }

  return mock_refuse (EINVAL);
}

static int
do_set_controls (struct v4l2_ext_controls *controls)
{
  guint i;

  for (i = 0; i < mock_driver.n_controls; i++) {
    MockControl *control = &mock_driver.controls[i];
    gint64 value = control->type == V4L2_CTRL_TYPE_INTEGER64
        ? controls->controls[0].value64
        : controls->controls[0].value;

    if (control->id != controls->controls[0].id)
      continue;
    if (control->type == V4L2_CTRL_TYPE_STRING) {
      g_strlcpy (
          control->text, controls->controls[0].string, sizeof control->text);
      return 0;
    }
    if (value < control->minimum || value > control->maximum)
      return mock_refuse (ERANGE);
    control->value = value;
    return 0;
  }

  return mock_refuse (EINVAL);
}

/* --- all requests --------------------------------------------------------- */

int
mock_answer (unsigned long request, void *arg)
{
  switch (request) {
  case VIDIOC_QUERYCAP: {
    struct v4l2_capability *capability = arg;

    g_strlcpy ((char *) capability->card, "mock", sizeof capability->card);
    capability->capabilities =
        V4L2_CAP_DEVICE_CAPS | V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING;
    capability->device_caps = mock_driver.capabilities;
    return mock_driver.capabilities ? 0 : mock_refuse (ENOTTY);
  }
  case VIDIOC_ENUM_FMT:
    return do_enum_fmt (arg);
  case VIDIOC_ENUM_FRAMESIZES:
    return do_enum_sizes (arg);
  case VIDIOC_ENUM_FRAMEINTERVALS:
    return do_enum_intervals (arg);
  case VIDIOC_G_FMT:
  case VIDIOC_TRY_FMT:
  case VIDIOC_S_FMT:
    return do_format (request, arg);
  case VIDIOC_G_PARM:
  case VIDIOC_S_PARM:
    return do_parm (request, arg);
  case VIDIOC_G_INPUT:
    *(int *) arg = MOCK_INPUT;
    return mock_driver.is_receiver ? 0 : mock_refuse (ENOTTY);
  case VIDIOC_ENUMINPUT:
    return do_enum_input (arg);
  case VIDIOC_G_DV_TIMINGS:
  case VIDIOC_S_DV_TIMINGS:
  case VIDIOC_QUERY_DV_TIMINGS:
    return mock_driver.is_receiver ? do_timings (request, arg)
                                   : mock_refuse (ENOTTY);
  case VIDIOC_G_STD:
    *(v4l2_std_id *) arg = mock_driver.standard;
    return mock_driver.standard ? 0 : mock_refuse (ENOTTY);
  case VIDIOC_G_CTRL:
    return do_get_control (arg);
  case VIDIOC_QUERY_EXT_CTRL:
    return do_query_control (arg);
  case VIDIOC_S_EXT_CTRLS:
    return do_set_controls (arg);
  default:
    return mock_refuse (ENOTTY);
  }
}

void
mock_answer_reset (void)
{
  rate = 15;
  mock_driver = (MockDriver) {
    .path = "/dev/video0",
    .capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING,
    .formats = default_formats,
    .n_formats = G_N_ELEMENTS (default_formats),
    .sizes = default_sizes,
    .n_sizes = G_N_ELEMENTS (default_sizes),
    .alignment = 1,
    .field = V4L2_FIELD_NONE,
    .colorspace = V4L2_COLORSPACE_SRGB,
    .buffer_capabilities = V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS,
    .timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
  };
  mock_driver.format.type = mock_buffer_type ();
  v4l2_format_set_pixelformat (&mock_driver.format, V4L2_PIX_FMT_YUYV);
  v4l2_format_set_size (&mock_driver.format, 640, 480);
  mock_adjust_format (&mock_driver.format);
}
