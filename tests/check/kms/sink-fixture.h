/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * dmabufkmssink on the fake display. Calls that may block run in a thread, and
 * the test flips the display; sleepers_wait () waits until a thread waits for
 * the display.
 */

#include "fake-display.h"
#include "sleepers.h"

#include <gst/check/gstharness.h>
#include <gst/lib/gstdmabufcore.h>

#define WIDTH 300
#define HEIGHT 200
#define PITCH (WIDTH * 4)
#define CAPS \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=XR24," \
  "width=300,height=200,framerate=30/1"
#define PLAIN_CAPS "video/x-raw,format=BGRx,width=300,height=200,framerate=30/1"
#define NV12_CAPS \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=NV12," \
  "width=300,height=200,framerate=30/1"

/* Longer than any test may run: a wait that ends with it is a hang. */
#define FOREVER_US (3600 * (gint64) G_USEC_PER_SEC)
#define FOREVER (g_get_monotonic_time () + FOREVER_US)

/* Those of the open sink, else NULL. */
extern GstHarness *harness;
extern GstElement *sink;
extern GstBus *bus;

/* To be called around each test; teardown closes a sink that is still open. */
void sink_fixture_setup (void);
void sink_fixture_teardown (void);

/* Opens a sink with these properties. By default it ignores the clock, and
 * waits without a time-out for fences and the display. */
void open_sink (const char *first_property, ...);
void close_sink (void);

guint64 get_stat (const char *name);

/* A fence that the test signals. */
DmabufFence *new_software_fence (void);

/* A frame of CAPS in a dma-buf of its own. */
GstBuffer *new_frame (void);
/* The same with another size, in XR24. */
GstBuffer *new_frame_of (guint width, guint height);

/* The test keeps its reference. */
GstFlowReturn push (GstBuffer *buffer);

/* Whether only the test has a reference, and the memory is not in use. */
gboolean is_free (GstBuffer *buffer);

/* Whether the next message of @type has this error. */
gboolean
get_error (GstMessageType type, GQuark domain, int code, const char *text);
