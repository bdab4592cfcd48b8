/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * dmabufkmssink on the fake display. What may block runs in a thread, and the
 * display moves when the test says so; that a thread waits for it tells
 * sleepers_wait ().
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

/* longer than any test may run: a wait that needs it is a hang */
#define FOREVER_US (3600 * (gint64) G_USEC_PER_SEC)
#define FOREVER (g_get_monotonic_time () + FOREVER_US)

/* Of the open sink, else NULL */
extern GstHarness *harness;
extern GstElement *sink;
extern GstBus *bus;

/* Around each test; the end of one that left a sink open closes it */
void sink_fixture_setup (void);
void sink_fixture_teardown (void);

/* A sink with these properties, which does not wait for a clock, and for fences
 * and the display until they come, if its properties do not say otherwise */
void open_sink (const char *first_property, ...);
void close_sink (void);

guint64 get_stat (const char *name);

/* A fence that the test signals */
DmabufFence *new_software_fence (void);

/* A frame of CAPS in a dma-buf of its own */
GstBuffer *new_frame (void);
/* One of that size in XR24 */
GstBuffer *new_frame_of (guint width, guint height);

/* The test keeps its reference. */
GstFlowReturn push (GstBuffer *buffer);

/* The only references left are the test's and the memory is free again. */
gboolean is_free (GstBuffer *buffer);

/* Whether the next message of @type is this one */
gboolean
get_error (GstMessageType type, GQuark domain, int code, const char *text);
