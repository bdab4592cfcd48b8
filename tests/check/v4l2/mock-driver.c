/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "mock-driver.h"
#include "gst/v4l2/v4l2-format.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef enum
{
  BUFFER_IDLE,
  BUFFER_QUEUED,
  BUFFER_DONE,
} BufferState;

typedef struct
{
  BufferState state;
  guint32 sequence;
  guint32 flags;
  gint64 timestamp;
  guint n_exported;
} Buffer;

MockDriver mock_driver;

static struct
{
  GMutex lock;
  int event_fd; /* the device: readable as often as there are done buffers */
  Buffer buffers[MOCK_MAX_BUFFERS];
  GQueue queued; /* of Buffer */
  GQueue done;
  guint32 sequence;
  guint rate;
  gboolean interrupted;
  guint n_dmabufs; /* of this device, that were there before REQBUFS */
  GThread *sensor;
  guint sensor_interval;
  gint sensor_stop;
} state;

static const MockFormat default_formats[] = {
  { V4L2_PIX_FMT_YUYV, 1 }, { V4L2_PIX_FMT_NV12, 1 },
  { V4L2_PIX_FMT_XBGR32, 1 },
  { V4L2_PIX_FMT_MJPEG, 1 }, /* which we do not know */
};

static const MockSize default_sizes[] = {
  { 640, 480, { 30, 15 } },
  { 1280, 720, { 60, 30 } },
};

static int
refuse (int code)
{
  errno = code;
  return -1;
}

/* Whether this call is to fail. */
static gboolean
call_fails (unsigned long request)
{
  mock_driver.n_calls++;

  if (mock_driver.interrupts) {
    state.interrupted = !state.interrupted;
    if (state.interrupted) {
      errno = EINTR;
      return TRUE;
    }
  }

  if (mock_driver.fail_nth > 0
      && (mock_driver.fail_request == 0 || mock_driver.fail_request == request)
      && --mock_driver.fail_nth == 0) {
    errno = mock_driver.fail_code;
    return TRUE;
  }

  return FALSE;
}

static gboolean
is_multi_planar (void)
{
  return mock_driver.capabilities & V4L2_CAP_VIDEO_CAPTURE_MPLANE;
}

static guint32
buffer_type (void)
{
  return is_multi_planar () ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
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

/* Fills in what a driver does: lines, sizes, field and colours. */
static void
adjust_format (struct v4l2_format *format)
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

  if (is_multi_planar ()) {
    struct v4l2_pix_format_mplane *pix = &format->fmt.pix_mp;

    pix->colorspace = mock_driver.colorspace;
    pix->ycbcr_enc = pix->quantization = pix->xfer_func = 0;
    pix->num_planes = known->n_planes;
    for (i = 0; i < known->n_planes; i++) {
      pix->plane_fmt[i].bytesperline = line;
      pix->plane_fmt[i].sizeimage = i == 0 ? line * height : line * height / 2;
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

static guint
plane_size (guint plane)
{
  return is_multi_planar ()
      ? mock_driver.format.fmt.pix_mp.plane_fmt[plane].sizeimage
      : mock_driver.format.fmt.pix.sizeimage;
}

static guint
n_planes (void)
{
  return is_multi_planar () ? mock_driver.format.fmt.pix_mp.num_planes : 1;
}

static int
do_format (unsigned long request, struct v4l2_format *format)
{
  if (format->type != buffer_type ())
    return refuse (EINVAL);

  if (request == VIDIOC_G_FMT) {
    *format = mock_driver.format;
    return 0;
  }
  if (request == VIDIOC_S_FMT && mock_driver.n_buffers > 0)
    return refuse (EBUSY);

  adjust_format (format);
  if (request == VIDIOC_S_FMT)
    mock_driver.format = *format;
  return 0;
}

static int
do_enum_fmt (struct v4l2_fmtdesc *description)
{
  if (description->type != buffer_type ()
      || description->index >= mock_driver.n_formats)
    return refuse (EINVAL);
  description->pixelformat = mock_driver.formats[description->index].fourcc;
  return 0;
}

static int
do_enum_sizes (struct v4l2_frmsizeenum *size)
{
  if (mock_driver.stepwise.max_width > 0) {
    if (size->index > 0)
      return refuse (EINVAL);
    size->type = V4L2_FRMSIZE_TYPE_STEPWISE;
    size->stepwise = mock_driver.stepwise;
    return 0;
  }

  if (!mock_driver.sizes)
    return refuse (ENOTTY);
  if (size->index >= mock_driver.n_sizes)
    return refuse (EINVAL);
  size->type = V4L2_FRMSIZE_TYPE_DISCRETE;
  size->discrete.width = mock_driver.sizes[size->index].width;
  size->discrete.height = mock_driver.sizes[size->index].height;
  return 0;
}

static int
do_enum_intervals (struct v4l2_frmivalenum *interval)
{
  guint i;

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

  return refuse (EINVAL);
}

static int
do_parm (unsigned long request, struct v4l2_streamparm *parm)
{
  if (request == VIDIOC_S_PARM)
    state.rate = parm->parm.capture.timeperframe.denominator
        / MAX (parm->parm.capture.timeperframe.numerator, 1);
  parm->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
  parm->parm.capture.timeperframe.numerator = 1;
  parm->parm.capture.timeperframe.denominator = state.rate;
  return 0;
}

/* --- controls ------------------------------------------------------------ */

static int
do_get_control (struct v4l2_control *control)
{
  if (control->id != V4L2_CID_MIN_BUFFERS_FOR_CAPTURE
      || mock_driver.min_buffers == 0)
    return refuse (EINVAL);
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

  return refuse (EINVAL);
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
      return refuse (ERANGE);
    control->value = value;
    return 0;
  }

  return refuse (EINVAL);
}

/* --- buffers ------------------------------------------------------------- */

static void
cancel_buffers (void)
{
  guint64 count;
  guint i;

  g_queue_clear (&state.queued);
  g_queue_clear (&state.done);
  for (i = 0; i < MOCK_MAX_BUFFERS; i++)
    state.buffers[i].state = BUFFER_IDLE;
  mock_driver.n_queued = 0;
  mock_driver.streaming = FALSE;
  while (read (state.event_fd, &count, sizeof count) > 0)
    ;
}

static int
do_request_buffers (struct v4l2_requestbuffers *request)
{
  request->capabilities = mock_driver.buffer_capabilities;

  if (request->type != buffer_type () || request->memory != V4L2_MEMORY_MMAP)
    return refuse (EINVAL);

  /* Somebody outside holds a dma-buf of ours. */
  if (mock_driver.n_buffers > 0
      && !(
          mock_driver.buffer_capabilities & V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS)
      && fake_kernel_get_n_buffers () > state.n_dmabufs)
    return refuse (EBUSY);

  cancel_buffers ();
  memset (state.buffers, 0, sizeof state.buffers);
  mock_driver.n_buffers = MIN (request->count, MOCK_MAX_BUFFERS);
  state.n_dmabufs = fake_kernel_get_n_buffers ();
  request->count = mock_driver.n_buffers;
  return 0;
}

static int
do_query_buffer (struct v4l2_buffer *buffer)
{
  guint i;

  if (buffer->index >= mock_driver.n_buffers)
    return refuse (EINVAL);
  if (is_multi_planar ()) {
    for (i = 0; i < buffer->length; i++)
      buffer->m.planes[i].length = plane_size (i);
  } else {
    buffer->length = plane_size (0);
  }
  return 0;
}

static int
do_export_buffer (struct v4l2_exportbuffer *export)
{
  gsize size;

  if (export->index >= mock_driver.n_buffers || export->plane >= n_planes ()
      || export->flags & ~(O_CLOEXEC | O_ACCMODE))
    return refuse (EINVAL);

  fail_unless (export->flags & O_CLOEXEC, "CLO-1: the fd could leak in a fork");
  size = (plane_size (export->plane) + 4095) & ~4095;
  export->fd = fake_kernel_new_dmabuf (size, export->flags & O_ACCMODE);
  state.buffers[export->index].n_exported++;
  mock_driver.n_exports++;
  return 0;
}

static int
do_queue_buffer (struct v4l2_buffer *buffer)
{
  Buffer *mine = &state.buffers[buffer->index];

  if (buffer->index >= mock_driver.n_buffers || mine->state != BUFFER_IDLE)
    return refuse (EINVAL);

  mine->state = BUFFER_QUEUED;
  g_queue_push_tail (&state.queued, mine);
  mock_driver.n_queued++;
  if (mock_driver.n_order < G_N_ELEMENTS (mock_driver.order))
    mock_driver.order[mock_driver.n_order++] = buffer->index;
  return 0;
}

static int
do_dequeue_buffer (struct v4l2_buffer *buffer)
{
  Buffer *mine;
  guint64 count;
  guint i;

  if (!mock_driver.streaming)
    return refuse (EINVAL);
  mine = g_queue_pop_head (&state.done);
  if (!mine)
    return refuse (EAGAIN);
  g_assert (read (state.event_fd, &count, sizeof count) == sizeof count);

  mine->state = BUFFER_IDLE;
  buffer->index = mine - state.buffers;
  buffer->sequence = mine->sequence;
  buffer->flags = mine->flags;
  buffer->timestamp.tv_sec = mine->timestamp / 1000000000;
  buffer->timestamp.tv_usec = mine->timestamp / 1000 % 1000000;
  if (is_multi_planar ()) {
    for (i = 0; i < buffer->length; i++)
      buffer->m.planes[i].bytesused = plane_size (i);
  } else {
    buffer->bytesused = mine->flags & V4L2_BUF_FLAG_ERROR ? 0 : plane_size (0);
  }
  return 0;
}

static void
capture_locked (void)
{
  Buffer *buffer;
  guint64 one = 1;

  if (!mock_driver.streaming)
    return;

  buffer = g_queue_pop_head (&state.queued);
  state.sequence++;
  if (!buffer)
    return;

  mock_driver.n_queued--;
  buffer->state = BUFFER_DONE;
  buffer->sequence = state.sequence - 1;
  buffer->flags = mock_driver.timestamp_flags;
  if (mock_driver.next_frame_is_bad)
    buffer->flags |= V4L2_BUF_FLAG_ERROR;
  mock_driver.next_frame_is_bad = FALSE;
  buffer->timestamp = mock_driver.timestamp ? mock_driver.timestamp
                                            : g_get_monotonic_time () * 1000;
  g_queue_push_tail (&state.done, buffer);
  g_assert (write (state.event_fd, &one, sizeof one) == sizeof one);
}

void
mock_driver_capture (void)
{
  g_mutex_lock (&state.lock);
  capture_locked ();
  g_mutex_unlock (&state.lock);
}

guint
mock_driver_get_n_queued (void)
{
  guint n;

  g_mutex_lock (&state.lock);
  n = mock_driver.n_queued;
  g_mutex_unlock (&state.lock);
  return n;
}

static gpointer
sensor_run (gpointer data)
{
  while (!g_atomic_int_get (&state.sensor_stop)) {
    g_usleep (state.sensor_interval);
    mock_driver_capture ();
  }
  return NULL;
}

static int
do_stream_on (void)
{
  if (mock_driver.n_buffers == 0)
    return refuse (EINVAL);
  mock_driver.streaming = TRUE;
  state.sequence = 0;
  if (mock_driver.sensor_interval > 0 && !state.sensor) {
    g_atomic_int_set (&state.sensor_stop, FALSE);
    state.sensor_interval = mock_driver.sensor_interval;
    state.sensor = g_thread_new ("sensor", sensor_run, NULL);
  }
  return 0;
}

/* --- the api ------------------------------------------------------------- */

static int
mock_open (const char *path, int flags)
{
  int fd = -1;

  g_mutex_lock (&state.lock);
  fail_unless (flags & O_CLOEXEC);
  if (call_fails (0)) {
    g_mutex_unlock (&state.lock);
    return -1;
  }
  if (mock_driver.unplugged) {
    errno = ENODEV;
  } else if (g_strcmp0 (path, mock_driver.path) != 0) {
    errno = ENOENT;
  } else {
    fd = fcntl (state.event_fd, F_DUPFD_CLOEXEC, 0);
    mock_driver.n_open++;
  }
  g_mutex_unlock (&state.lock);
  return fd;
}

static int
mock_close (int fd)
{
  g_mutex_lock (&state.lock);
  mock_driver.n_open--;
  if (mock_driver.n_open == 0) {
    cancel_buffers ();
    mock_driver.n_buffers = 0;
  }
  g_mutex_unlock (&state.lock);
  return close (fd);
}

static int
do_ioctl (unsigned long request, void *arg)
{
  switch (request) {
  case VIDIOC_QUERYCAP: {
    struct v4l2_capability *capability = arg;

    g_strlcpy ((char *) capability->card, "mock", sizeof capability->card);
    capability->capabilities =
        V4L2_CAP_DEVICE_CAPS | V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING;
    capability->device_caps = mock_driver.capabilities;
    return mock_driver.capabilities ? 0 : refuse (ENOTTY);
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
  case VIDIOC_G_CTRL:
    return do_get_control (arg);
  case VIDIOC_QUERY_EXT_CTRL:
    return do_query_control (arg);
  case VIDIOC_S_EXT_CTRLS:
    return do_set_controls (arg);
  case VIDIOC_REQBUFS:
    return do_request_buffers (arg);
  case VIDIOC_QUERYBUF:
    return do_query_buffer (arg);
  case VIDIOC_EXPBUF:
    return do_export_buffer (arg);
  case VIDIOC_QBUF:
    return do_queue_buffer (arg);
  case VIDIOC_DQBUF:
    return do_dequeue_buffer (arg);
  case VIDIOC_STREAMON:
    return do_stream_on ();
  case VIDIOC_STREAMOFF:
    cancel_buffers ();
    return 0;
  default:
    return refuse (ENOTTY);
  }
}

static int
mock_ioctl (int fd, unsigned long request, void *arg)
{
  int ret;

  g_mutex_lock (&state.lock);
  if (call_fails (request))
    ret = -1;
  else if (mock_driver.unplugged)
    ret = refuse (ENODEV);
  else
    ret = do_ioctl (request, arg);
  g_mutex_unlock (&state.lock);
  return ret;
}

static int
mock_poll (struct pollfd *fds, nfds_t n_fds, int timeout_ms)
{
  gboolean fails;
  int ret;

  g_mutex_lock (&state.lock);
  fails = call_fails (0);
  g_mutex_unlock (&state.lock);
  if (fails)
    return -1;

  ret = poll (fds, n_fds, timeout_ms);

  g_mutex_lock (&state.lock);
  if (ret >= 0 && mock_driver.unplugged)
    fds[0].revents = POLLERR | POLLHUP;
  g_mutex_unlock (&state.lock);
  return ret;
}

const V4l2Api mock_api = {
  .open = mock_open,
  .close = mock_close,
  .ioctl = mock_ioctl,
  .poll = mock_poll,
};

void
mock_driver_unplug (void)
{
  guint64 one = 1;

  g_mutex_lock (&state.lock);
  mock_driver.unplugged = TRUE;
  /* vb2 wakes whoever waits. */
  g_assert (write (state.event_fd, &one, sizeof one) == sizeof one);
  g_mutex_unlock (&state.lock);
}

void
mock_driver_start (void)
{
  state.event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
  state.rate = 15;

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
  mock_driver.format.type = buffer_type ();
  v4l2_format_set_pixelformat (&mock_driver.format, V4L2_PIX_FMT_YUYV);
  v4l2_format_set_size (&mock_driver.format, 640, 480);
  adjust_format (&mock_driver.format);

  v4l2_api = &mock_api;
}

void
mock_driver_stop (void)
{
  g_atomic_int_set (&state.sensor_stop, TRUE);
  g_clear_pointer (&state.sensor, g_thread_join);
  g_mutex_lock (&state.lock);
  cancel_buffers ();
  memset (state.buffers, 0, sizeof state.buffers);
  g_mutex_unlock (&state.lock);

  close (state.event_fd);
  fail_unless_equals_int (mock_driver.n_open, 0);
  v4l2_api = &v4l2_api_linux;
}

TCase *
mock_driver_add_case (Suite *suite, const char *name)
{
  TCase *tc = backend_add_case (suite, name);

  /* Inside of the fake kernel, and so ended before it. */
  tcase_add_checked_fixture (tc, mock_driver_start, mock_driver_stop);
  return tc;
}
