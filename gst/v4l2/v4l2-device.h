/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <linux/videodev2.h>
#include <poll.h>

G_BEGIN_DECLS

/* Limits an enumeration that a broken driver never ends. */
#define V4L2_MAX_ENUMERATED 1024

/*
 * The system calls that this plugin makes on a V4L2 device, with the kernel's
 * results: -1 and errno. Tests replace them by a mock driver.
 */
typedef struct
{
  int (*open) (const char *path, int flags);
  int (*close) (int fd);
  int (*ioctl) (int fd, unsigned long request, void *arg);
  int (*poll) (struct pollfd *fds, nfds_t n_fds, int timeout_ms);
} V4l2Api;

extern const V4l2Api v4l2_api_linux;

/* The calls that the element uses. */
extern const V4l2Api *v4l2_api;

/* How long a frame may take before a warning is posted. */
#define V4L2_TIMEOUT_MS 5000

/*
 * An open capture device. Reference-counted: the element and each queue hold
 * it, so that the file descriptor is still open when a late buffer comes back.
 */
typedef struct
{
  gint ref_count;

  const V4l2Api *api;
  int fd;
  int wake_fd; /* An eventfd that ends v4l2_device_wait() */

  char *path;           /* /dev/video0 */
  char *card;           /* The driver's name of the device */
  guint32 capabilities; /* Of this node, V4L2_CAP_… */
  enum v4l2_buf_type type;

  /* Set by v4l2-input.c. */
  gboolean has_events; /* Subscribed to changes of the signal */
  guint fps_n;         /* Of the signal; 0: unknown */
  guint fps_d;
} V4l2Device;

typedef enum
{
  V4L2_WAIT_READY,
  V4L2_WAIT_BROKEN, /* Like READY, but waiting again would return at once */
  V4L2_WAIT_EVENT,  /* VIDIOC_DQEVENT gets the event */
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

/* Calls an ioctl and restarts it on EINTR: 0 or more, or -1 and errno. */
int v4l2_device_ioctl (V4l2Device *device, unsigned long request, void *arg);

/* Waits until a frame, an event or an error can be dequeued, or
 * v4l2_device_wake() was called. @timeout_ms of -1 waits for ever. Takes no
 * lock. */
V4l2WaitResult
v4l2_device_wait (V4l2Device *device, int timeout_ms, GError **error);

/* Waits for an event only; the device need not stream. */
V4l2WaitResult v4l2_device_wait_event (V4l2Device *device, GError **error);

/* Ends the current wait and all later ones, until v4l2_device_clear_wake(). */
void v4l2_device_wake (V4l2Device *device);
void v4l2_device_clear_wake (V4l2Device *device);

/* Sets @error to DMABUF_ERROR with @code, a positive errno. The message begins
 * with the device and ends with the cause and the user's remedy. */
void v4l2_device_set_error (const V4l2Device *device, GError **error, int code,
    const char *format, ...) G_GNUC_PRINTF (4, 5);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (V4l2Device, v4l2_device_unref)

G_END_DECLS
