/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <linux/videodev2.h>
#include <poll.h>

G_BEGIN_DECLS

/* Ends an enumeration that a broken driver never does. */
#define V4L2_MAX_ENUMERATED 1024

/*
 * The system calls that this plugin makes on a V4L2 device. They behave as the
 * kernel's: -1 and errno. Tests put a driver of their own in their place.
 */
typedef struct
{
  int (*open) (const char *path, int flags);
  int (*close) (int fd);
  int (*ioctl) (int fd, unsigned long request, void *arg);
  int (*poll) (struct pollfd *fds, nfds_t n_fds, int timeout_ms);
} V4l2Api;

extern const V4l2Api v4l2_api_linux;

/* The one that the element uses. */
extern const V4l2Api *v4l2_api;

/* How long the first frame, or the next one, may take before the user is told
 * that none comes. */
#define V4L2_PATIENCE_MS 5000

/*
 * An open capture device. Reference-counted: the element and each queue hold
 * it, so that a buffer that comes back late finds its file descriptor open.
 */
typedef struct
{
  gint ref_count;

  const V4l2Api *api;
  int fd;
  int wake_fd; /* eventfd that ends v4l2_device_wait() */

  char *path;           /* /dev/video0 */
  char *card;           /* what the driver calls it */
  guint32 capabilities; /* of this node, V4L2_CAP_… */
  enum v4l2_buf_type type;

  /* Of v4l2-input.c. */
  gboolean has_events; /* a change of the signal is told */
  guint fps_n;         /* of the signal; 0: unknown */
  guint fps_d;
} V4l2Device;

typedef enum
{
  V4L2_WAIT_READY,
  V4L2_WAIT_BROKEN, /* like READY, but waiting again would not help */
  V4L2_WAIT_EVENT,  /* VIDIOC_DQEVENT tells which */
  V4L2_WAIT_WOKEN,
  V4L2_WAIT_TIMEOUT,
  V4L2_WAIT_FAILED,
} V4l2WaitResult;

/* Opens @path, or if that is NULL the first capture device with a format that
 * the element knows, and checks that it captures by streaming. */
V4l2Device *
v4l2_device_open (const V4l2Api *api, const char *path, GError **error);

V4l2Device *v4l2_device_ref (V4l2Device *device);
void v4l2_device_unref (V4l2Device *device);

gboolean v4l2_device_is_multi_planar (const V4l2Device *device);

/* An ioctl, restarted on EINTR: 0 or more, or -1 and errno. */
int v4l2_device_ioctl (V4l2Device *device, unsigned long request, void *arg);

/* Waits until a frame or an error can be dequeued, or v4l2_device_wake() was
 * called; -1 for ever. Takes no lock. */
V4l2WaitResult
v4l2_device_wait (V4l2Device *device, int timeout_ms, GError **error);

/* Likewise for an event, without frames: nothing needs to stream. */
V4l2WaitResult v4l2_device_wait_event (V4l2Device *device, GError **error);

/* Makes this and every further wait return, until v4l2_device_clear_wake(). */
void v4l2_device_wake (V4l2Device *device);
void v4l2_device_clear_wake (V4l2Device *device);

/* Sets @error to DMABUF_ERROR with @code, a positive errno. The message begins
 * with the device and ends with what the code means for the user. */
void v4l2_device_set_error (const V4l2Device *device, GError **error, int code,
    const char *format, ...) G_GNUC_PRINTF (4, 5);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (V4l2Device, v4l2_device_unref)

G_END_DECLS
