/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A capture driver behind V4l2Api, with the behaviour of vb2: buffers are
 * queued and done in order, sequence numbers go on without buffers, buffers are
 * orphaned, calls get EBUSY while there are buffers. Its dma-bufs are those of
 * the fake kernel, so tests also need backend_start() and backend_stop().
 *
 * It has one device, /dev/video0. The test describes it in the fields of
 * MockDriver, and makes frames with mock_driver_capture() or by a sensor
 * thread.
 *
 * Only an event ends a wait for a frame: time-outs pass at once if the test
 * sets impatient, else never. With mock_driver_wait_…() a test waits for the
 * element's threads.
 */

#include "gst/v4l2/v4l2-device.h"
#include "../lib/backend.h"

G_BEGIN_DECLS

#define MOCK_MAX_BUFFERS 32

typedef struct
{
  guint32 fourcc;
  guint n_planes; /* Buffers of a frame, multi-planar */
} MockFormat;

typedef struct
{
  guint width;
  guint height;
  guint rates[4]; /* Frames per second, 0 ends */
} MockSize;

/* A video signal; width 0: none. */
typedef struct
{
  guint width;
  guint height;
  guint rate;
} MockSignal;

typedef struct
{
  guint32 id;
  guint32 type; /* V4L2_CTRL_TYPE_… */
  const char *name;
  gint64 minimum;
  gint64 maximum;
  gint64 value;
  char text[32];
} MockControl;

typedef struct
{
  /* The device; may be changed until it is opened. */
  const char *path;
  guint32 capabilities;
  const MockFormat *formats;
  guint n_formats;
  const MockSize *sizes; /* NULL: no ENUM_FRAMESIZES, or stepwise */
  guint n_sizes;
  struct v4l2_frmsize_stepwise stepwise; /* If max_width is not 0 */
  guint alignment;                       /* Of bytesperline */
  guint32 field;                         /* The field order of all formats */
  v4l2_std_id standard;                  /* 0: no such ioctl */
  guint fixed_rate;                      /* The only rate; 0: any */
  guint32 colorspace;
  guint32 buffer_capabilities; /* V4L2_BUF_CAP_… */
  guint min_buffers;           /* 0: no such control */
  guint max_buffers;           /* Greatest number of buffers; 0: any */
  gboolean is_receiver;        /* HDMI: sizes are those of the timings */
  MockSignal signal;           /* The received signal */
  guint64 pixelclock;          /* As measured; 0: computed from the signal */
  gboolean goes_on;            /* Sends noise after the signal has changed */
  MockControl *controls;
  guint n_controls;
  guint sensor_interval; /* Microseconds between frames; 0: no sensor thread */
  guint32 timestamp_flags;
  gint64 timestamp; /* Of the frames, ns; 0: now */
  gint64 age;       /* Age of a frame when it is done, ns */

  /* Set by tests to make something happen. */
  gboolean unplugged;
  guint fail_nth; /* The n-th call from now fails with ... */
  int fail_code;
  unsigned long fail_request;   /* ... if it is this ioctl, 0: any call */
  gboolean impatient;           /* poll() with a time-out returns 0 at once */
  gboolean interrupts;          /* Every call fails with EINTR first */
  gboolean next_frame_is_bad;   /* V4L2_BUF_FLAG_ERROR, no bytes */
  gboolean next_frame_is_empty; /* No bytes, without the flag */
  guint32 data_offset;          /* Of each plane, multi-planar */
  void (*before_dqbuf) (void);  /* Called once, by the next call */
  void (*before_poll) (void);   /* Likewise */

  /* Counters and state. */
  guint n_open;   /* Open fds */
  guint n_calls;  /* Of all kinds */
  guint n_queued; /* Buffers in the driver that are not done */
  guint n_exports;
  guint n_buffers; /* Since REQBUFS */
  gboolean streaming;
  guint order[256]; /* Indices in the order of QBUF */
  guint n_order;
  struct v4l2_format format; /* As set */
  MockSignal timings;        /* As set */
} MockDriver;

extern MockDriver mock_driver;
extern const V4l2Api mock_api;

/* A fixture: a camera with NV12, YUYV, XR24 at 640x480 and 1280x720. Stopping
 * asserts that no fd is open. */
void mock_driver_start (void);
void mock_driver_stop (void);

/* A test case of @suite with the fake kernel and this driver as fixtures. */
TCase *mock_driver_add_case (Suite *suite, const char *name);

/* Fills the next buffer; FALSE without a buffer, or if it does not stream. */
gboolean mock_driver_capture (void);

/* Returns mock_driver.n_queued while other threads may change it. */
guint mock_driver_get_n_queued (void);

/* Waits until the streaming thread sleeps in poll(), and no fd is ready. */
void mock_driver_wait_asleep (void);

/* Wait until the driver has @n buffers that are not done, or at least one. */
void mock_driver_wait_n_queued (guint n);
void mock_driver_wait_some_queued (void);

/* Waits until no fd is open. */
void mock_driver_wait_closed (void);

/* Changes the signal of a receiver: frames end, and an event comes. */
void mock_driver_change_signal (guint width, guint height, guint rate);

/* Removes the device, as when its cable is unplugged. */
void mock_driver_unplug (void);

G_END_DECLS
