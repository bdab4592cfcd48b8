/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "v4l2-device.h"
#include "v4l2-debug.h"
#include "v4l2-format.h"

#include <libdmabufcore/dmabufcore.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Nodes are numbered from 0; for a higher number the user names the device. */
#define MAX_PROBED_DEVICES 64

/* --- the real system calls ---------------------------------------------- */

static int
linux_open (const char *path, int flags)
{
  return open (path, flags);
}

static int
linux_ioctl (int fd, unsigned long request, void *arg)
{
  return ioctl (fd, request, arg);
}

const V4l2Api v4l2_api_linux = {
  .open = linux_open,
  .close = close,
  .ioctl = linux_ioctl,
  .poll = poll,
};

const V4l2Api *v4l2_api = &v4l2_api_linux;

/* --- errors ------------------------------------------------------------- */

/* Describes an errno by its usual cause and the user's remedy. */
static const char *
errno_to_hint (int code)
{
  switch (code) {
  case ENOENT:
    return "no such device; v4l2-ctl --list-devices lists the devices";
  case EACCES:
  case EPERM:
    return "permission denied; add your user to the group of the device "
           "(usually video)";
  case EBUSY:
    return "the device is in use by another program or element; fuser -v on it "
           "shows the program";
  case ENODEV:
  case ENXIO:
    return "the device is gone";
  case ENOMEM:
    return "out of memory; ask for a smaller size, or give the driver more "
           "(cma=)";
  case ENOSPC: /* By uvcvideo */
    return "no bandwidth left on the bus; take a smaller size or rate, or "
           "another USB port";
  case EPIPE:
  case ENOLINK:
    return "the parts of the camera are set up with different formats; set "
           "them up with media-ctl, or use libcamerasrc";
  case EIO:
    return "the hardware or its signal failed; dmesg may say why";
  default:
    return g_strerror (code);
  }
}

static void
set_error_valist (GError **error, int code, const char *path, const char *card,
    const char *format, va_list args)
{
  char *what = g_strdup_vprintf (format, args);

  if (card)
    g_set_error (error, DMABUF_ERROR, code, "%s (%s): %s: %s", path, card, what,
        errno_to_hint (code));
  else
    g_set_error (error, DMABUF_ERROR, code, "%s: %s: %s", path, what,
        errno_to_hint (code));
  g_free (what);
}

void
v4l2_device_set_error (
    const V4l2Device *device, GError **error, int code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  set_error_valist (error, code, device->path, device->card, format, args);
  va_end (args);
}

/* --- life --------------------------------------------------------------- */

int
v4l2_device_ioctl (V4l2Device *device, unsigned long request, void *arg)
{
  int ret;

  do
    ret = device->api->ioctl (device->fd, request, arg);
  while (ret < 0 && errno == EINTR);

  return ret;
}

gboolean
v4l2_device_is_multi_planar (const V4l2Device *device)
{
  return device->type == V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
}

V4l2Device *
v4l2_device_ref (V4l2Device *device)
{
  g_atomic_int_inc (&device->ref_count);
  return device;
}

void
v4l2_device_unref (V4l2Device *device)
{
  if (!g_atomic_int_dec_and_test (&device->ref_count))
    return;

  if (device->fd >= 0)
    device->api->close (device->fd);
  if (device->wake_fd >= 0)
    close (device->wake_fd);
  g_free (device->path);
  g_free (device->card);
  g_free (device);
}

/* Checks by QUERYCAP that the device can capture by streaming. */
static gboolean
device_check (V4l2Device *device, GError **error)
{
  struct v4l2_capability capability = { 0 };

  if (v4l2_device_ioctl (device, VIDIOC_QUERYCAP, &capability) < 0) {
    int code = errno;

    if (code == ENOTTY || code == EINVAL)
      g_set_error (error, DMABUF_ERROR, ENOTTY,
          "%s: not a V4L2 device; v4l2-ctl --list-devices lists the devices",
          device->path);
    else
      v4l2_device_set_error (device, error, code, "VIDIOC_QUERYCAP");
    return FALSE;
  }

  device->card =
      g_strndup ((const char *) capability.card, sizeof (capability.card));
  /* The field capabilities is of the whole hardware, device_caps of the node.
   */
  device->capabilities = capability.capabilities & V4L2_CAP_DEVICE_CAPS
      ? capability.device_caps
      : capability.capabilities;

  if (device->capabilities & V4L2_CAP_VIDEO_CAPTURE) {
    device->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  } else if (device->capabilities & V4L2_CAP_VIDEO_CAPTURE_MPLANE) {
    device->type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
  } else {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "%s (%s): not a capture device; v4l2-ctl --list-devices lists its "
        "other nodes",
        device->path, device->card);
    return FALSE;
  }

  if (!(device->capabilities & V4L2_CAP_STREAMING)) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "%s (%s): the driver only supports read(), which excludes dma-bufs",
        device->path, device->card);
    return FALSE;
  }

  return TRUE;
}

static V4l2Device *
device_open_path (const V4l2Api *api, const char *path, GError **error)
{
  V4l2Device *device = g_new0 (V4l2Device, 1);

  device->ref_count = 1;
  device->api = api;
  device->path = g_strdup (path);
  device->wake_fd = -1;

  /* Non-blocking, so that DQBUF never waits: poll() does. */
  do
    device->fd = api->open (path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  while (device->fd < 0 && errno == EINTR);
  if (device->fd < 0)
    goto open_failed;

  device->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (device->wake_fd < 0)
    goto eventfd_failed;

  if (!device_check (device, error))
    goto unusable;

  return device;

  /* ERRORS */
open_failed:
  v4l2_device_set_error (device, error, errno, "cannot open");
  goto unusable;
eventfd_failed:
  v4l2_device_set_error (device, error, errno, "eventfd");
unusable:
  v4l2_device_unref (device);
  return NULL;
}

/* Whether a device can be chosen without being named: a camera also has nodes
 * for metadata, for compressed video or for raw sensor data. */
static gboolean
device_has_raw_video (V4l2Device *device, GError **error)
{
  struct v4l2_fmtdesc description = { .type = device->type };

  while (v4l2_device_ioctl (device, VIDIOC_ENUM_FMT, &description) == 0) {
    if (v4l2_format_info_from_v4l2 (description.pixelformat))
      return TRUE;
    if (++description.index == V4L2_MAX_ENUMERATED)
      break;
  }

  g_set_error (error, DMABUF_ERROR, EINVAL,
      "%s (%s): has no raw video format that the element knows", device->path,
      device->card);
  return FALSE;
}

V4l2Device *
v4l2_device_open (const V4l2Api *api, const char *path, GError **error)
{
  GError *first_error = NULL;
  guint i;

  if (path)
    return device_open_path (api, path, error);

  for (i = 0; i < MAX_PROBED_DEVICES; i++) {
    char *candidate = g_strdup_printf ("/dev/video%u", i);
    GError *local_error = NULL;
    V4l2Device *device = device_open_path (api, candidate, &local_error);

    g_free (candidate);
    if (device && !device_has_raw_video (device, &local_error))
      g_clear_pointer (&device, v4l2_device_unref);
    if (device) {
      GST_INFO ("chose %s (%s), the first capture device", device->path,
          device->card);
      g_clear_error (&first_error);
      return device;
    }

    if (!g_error_matches (local_error, DMABUF_ERROR, ENOENT)) {
      GST_INFO ("passed over %s", local_error->message);
      if (!first_error)
        first_error = g_steal_pointer (&local_error);
    }
    g_clear_error (&local_error);
  }

  /* The error of a device that failed to open says more than that there is
   * none.
   */
  if (first_error)
    g_propagate_prefixed_error (
        error, first_error, "no capture device found, for example ");
  else
    g_set_error (error, DMABUF_ERROR, ENOENT,
        "no capture device found: there is no /dev/video*; plug in a camera or "
        "load its driver");
  return NULL;
}

/* --- waiting ------------------------------------------------------------ */

static V4l2WaitResult
device_poll (V4l2Device *device, short events, int timeout_ms, GError **error)
{
  struct pollfd fds[2] = {
    { .fd = device->fd, .events = events },
    { .fd = device->wake_fd, .events = POLLIN },
  };
  int ret;

  do
    ret = device->api->poll (fds, G_N_ELEMENTS (fds), timeout_ms);
  while (ret < 0 && (errno == EINTR || errno == EAGAIN));

  if (ret < 0) {
    v4l2_device_set_error (device, error, errno, "poll");
    return V4L2_WAIT_FAILED;
  }

  if (ret == 0)
    return V4L2_WAIT_TIMEOUT;
  if (fds[1].revents)
    return V4L2_WAIT_WOKEN;

  /* Before POLLERR: a change of the signal also breaks the queue of buffers. */
  if (fds[0].revents & POLLPRI)
    return V4L2_WAIT_EVENT;

  /* The errno of DQBUF tells the reason. */
  if (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL))
    return V4L2_WAIT_BROKEN;

  return V4L2_WAIT_READY;
}

V4l2WaitResult
v4l2_device_wait (V4l2Device *device, int timeout_ms, GError **error)
{
  return device_poll (device, device->has_events ? POLLIN | POLLPRI : POLLIN,
      timeout_ms, error);
}

V4l2WaitResult
v4l2_device_wait_event (V4l2Device *device, GError **error)
{
  return device_poll (device, POLLPRI, -1, error);
}

void
v4l2_device_wake (V4l2Device *device)
{
  const guint64 one = 1;
  ssize_t written;

  do
    written = write (device->wake_fd, &one, sizeof (one));
  while (written < 0 && errno == EINTR);
}

void
v4l2_device_clear_wake (V4l2Device *device)
{
  guint64 count;
  ssize_t got;

  do
    got = read (device->wake_fd, &count, sizeof (count));
  while (got < 0 && errno == EINTR);
}
