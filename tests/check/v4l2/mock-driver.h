/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A capture driver behind V4l2Api, with the behaviour of vb2: buffers that are
 * queued and done in order, sequence numbers that go on when there is no
 * buffer, orphaning, EBUSY while there are buffers. Its dma-bufs are the fake
 * kernel's, so that a test is bracketed by backend_start() and backend_stop()
 * as well.
 *
 * One device, /dev/video0. The test describes it in the fields of MockDriver
 * and makes frames with mock_driver_capture(), or lets a sensor thread do so.
 *
 * A wait for a frame has no end but an event: time-outs pass when the test says
 * so (impatient). The functions mock_driver_wait_…() let a test wait for what
 * the element's threads do.
 */

#include "gst/v4l2/v4l2-device.h"
#include "../lib/backend.h"

G_BEGIN_DECLS

#define MOCK_MAX_BUFFERS 32

typedef struct
{
  guint32 fourcc;
  guint n_planes; /* buffers of a frame, multi-planar */
} MockFormat;

typedef struct
{
  guint width;
  guint height;
  guint rates[4]; /* frames per second, 0 ends */
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
  /* What the device is; may be changed until it is opened. */
  const char *path;
  guint32 capabilities;
  const MockFormat *formats;
  guint n_formats;
  const MockSize *sizes; /* NULL: no ENUM_FRAMESIZES, or stepwise */
  guint n_sizes;
  struct v4l2_frmsize_stepwise stepwise; /* if max_width is not 0 */
  guint alignment;                       /* of bytesperline */
  guint32 field;                         /* what it always delivers */
  v4l2_std_id standard;                  /* 0: no such ioctl */
  guint fixed_rate;                      /* whatever is asked for; 0: none */
  guint32 colorspace;
  guint32 buffer_capabilities; /* V4L2_BUF_CAP_… */
  guint min_buffers;           /* 0: no such control */
  guint max_buffers;           /* that it has memory for; 0: all asked for */
  gboolean is_receiver;        /* of HDMI: sizes are those of the timings */
  MockSignal signal;           /* what it receives */
  guint64 pixelclock;          /* that it measures; 0: of the signal's rate */
  gboolean goes_on;            /* with noise, when that changes */
  MockControl *controls;
  guint n_controls;
  guint sensor_interval; /* microseconds between frames; 0: no sensor thread */
  guint32 timestamp_flags;
  gint64 timestamp; /* of the frames, ns; 0: now */
  gint64 age;       /* ns since the exposure, when a frame is there */

  /* What happens. */
  gboolean unplugged;
  guint fail_nth; /* the n-th call from now fails with ... */
  int fail_code;
  unsigned long fail_request;   /* ... if it is this ioctl, 0: any call */
  gboolean impatient;           /* poll() with a time-out is late at once */
  gboolean interrupts;          /* every call fails with EINTR first */
  gboolean next_frame_is_bad;   /* V4L2_BUF_FLAG_ERROR, no bytes */
  gboolean next_frame_is_empty; /* no bytes, and no flag for it */
  guint32 data_offset;          /* of each plane, multi-planar */
  void (*before_dqbuf) (void);  /* called once, by the next call */
  void (*before_poll) (void);   /* likewise */

  /* What happened. */
  guint n_open;   /* fds */
  guint n_calls;  /* of any sort */
  guint n_queued; /* buffers in the driver that are not done */
  guint n_exports;
  guint n_buffers; /* since REQBUFS */
  gboolean streaming;
  guint order[256]; /* indices in the order of QBUF */
  guint n_order;
  struct v4l2_format format; /* set */
  MockSignal timings;        /* set */
} MockDriver;

extern MockDriver mock_driver;
extern const V4l2Api mock_api;

/* A camera with NV12, YUYV, XR24 at 640x480 and 1280x720, as fixture. The end
 * asserts that nothing is open. */
void mock_driver_start (void);
void mock_driver_stop (void);

/* A test case of @suite with the fake kernel and this driver as fixtures. */
TCase *mock_driver_add_case (Suite *suite, const char *name);

/* Fills the next buffer; FALSE if there is none, or it does not stream. */
gboolean mock_driver_capture (void);

/* What mock_driver.n_queued is, while other threads change it. */
guint mock_driver_get_n_queued (void);

/* Until the streaming thread sleeps in poll() and nothing is there that would
 * wake it. */
void mock_driver_wait_asleep (void);

/* Until the driver has @n buffers that are not done; or one at least. */
void mock_driver_wait_n_queued (guint n);
void mock_driver_wait_some_queued (void);

/* Until no fd is open. */
void mock_driver_wait_closed (void);

/* The source of a receiver changes: no frame more, and an event. */
void mock_driver_change_signal (guint width, guint height, guint rate);

/* The device goes, as when its cable is pulled. */
void mock_driver_unplug (void);

G_END_DECLS
