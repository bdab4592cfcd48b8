/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "v4l2-input.h"
#include "v4l2-debug.h"

#include <libdmabufcore/dmabufcore.h>

#include <errno.h>
#include <gst/video/video.h>

/* In Hz. A receiver measures the pixel clock: a smaller difference is noise. */
#define MAX_CLOCK_ERROR 250000

static gboolean
timings_match (const struct v4l2_dv_timings *a, const struct v4l2_dv_timings *b)
{
  const struct v4l2_bt_timings *left = &a->bt, *right = &b->bt;

  return a->type == b->type && left->width == right->width
      && left->height == right->height && left->interlaced == right->interlaced
      && ABS ((gint64) left->pixelclock - (gint64) right->pixelclock)
      <= MAX_CLOCK_ERROR;
}

static void
device_set_rate (V4l2Device *device, const struct v4l2_bt_timings *bt)
{
  guint64 pixels =
      (guint64) V4L2_DV_BT_FRAME_WIDTH (bt) * V4L2_DV_BT_FRAME_HEIGHT (bt);
  gint fps_n = 0, fps_d = 0;

  if (bt->pixelclock == 0 || pixels == 0)
    return;
  /* For an impossible clock this sets nothing, or an invalid fraction. */
  gst_video_guess_framerate (
      gst_util_uint64_scale (GST_SECOND, pixels, bt->pixelclock), &fps_n,
      &fps_d);
  if (fps_n <= 0 || fps_d <= 0)
    return;
  device->fps_n = fps_n;
  device->fps_d = fps_d;
}

static const char *
no_timings_to_text (int code)
{
  switch (code) {
  case ENOLINK:
    return "no signal";
  case ENOLCK:
    return "no stable signal";
  case ERANGE:
    return "a signal that the device cannot receive";
  default:
    return NULL;
  }
}

/* Sets the timings of the signal. FALSE with the reason if no signal can be
 * received. */
static gboolean
device_follow_timings (V4l2Device *device, const char **reason)
{
  struct v4l2_dv_timings seen = { 0 }, set = { 0 };

  if (v4l2_device_ioctl (device, VIDIOC_QUERY_DV_TIMINGS, &seen) < 0) {
    *reason = no_timings_to_text (errno);
    return *reason == NULL;
  }
  device_set_rate (device, &seen.bt);

  /* Matching timings stay, for example those set by v4l2-ctl: S_DV_TIMINGS
   * would reset the format. */
  if (v4l2_device_ioctl (device, VIDIOC_G_DV_TIMINGS, &set) == 0
      && timings_match (&seen, &set))
    return TRUE;

  if (v4l2_device_ioctl (device, VIDIOC_S_DV_TIMINGS, &seen) < 0) {
    *reason = g_strerror (errno);
    return FALSE;
  }
  GST_INFO ("%s: set the timings of the signal, %ux%u", device->path,
      seen.bt.width, seen.bt.height);

  return TRUE;
}

gboolean
v4l2_input_prepare (V4l2Device *device, GError **error)
{
  struct v4l2_event_subscription subscription = {
    .type = V4L2_EVENT_SOURCE_CHANGE,
  };
  struct v4l2_input input = { 0 };
  const char *reason = NULL;
  int index;

  device->fps_n = device->fps_d = 0;
  device->has_events = FALSE;

  /* A device of a media controller has no inputs. */
  if (v4l2_device_ioctl (device, VIDIOC_G_INPUT, &index) < 0)
    return TRUE;
  input.index = index;
  if (v4l2_device_ioctl (device, VIDIOC_ENUMINPUT, &input) < 0)
    return TRUE;

  /* Only connectors have a signal that changes, a camera's own sensor has none.
   * Subscribe before the signal is read, so that no change is missed. */
  subscription.id = input.index;
  if (input.capabilities & (V4L2_IN_CAP_DV_TIMINGS | V4L2_IN_CAP_STD))
    device->has_events =
        v4l2_device_ioctl (device, VIDIOC_SUBSCRIBE_EVENT, &subscription) == 0;

  if (input.capabilities & V4L2_IN_CAP_DV_TIMINGS) {
    if (device_follow_timings (device, &reason))
      return TRUE;
  } else if (input.status & (V4L2_IN_ST_NO_POWER | V4L2_IN_ST_NO_SIGNAL)) {
    reason = "no signal";
  } else {
    return TRUE;
  }

  g_set_error (error, DMABUF_ERROR, ENOLINK,
      "%s (%s): %s at the input %.32s; switch its source on, or choose another "
      "input with v4l2-ctl -d %s --set-input",
      device->path, device->card, reason, (const char *) input.name,
      device->path);
  return FALSE;
}

gboolean
v4l2_input_has_changed (V4l2Device *device)
{
  struct v4l2_event event;
  gboolean changed = FALSE;

  for (;;) {
    event = (struct v4l2_event) { 0 };
    if (v4l2_device_ioctl (device, VIDIOC_DQEVENT, &event) < 0)
      break;
    changed |= event.type == V4L2_EVENT_SOURCE_CHANGE
        && event.u.src_change.changes & V4L2_EVENT_SRC_CH_RESOLUTION;
  }

  return changed;
}
