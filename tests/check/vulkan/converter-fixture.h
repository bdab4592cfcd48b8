/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * For the tests of dmabufvkconvert on dma-bufs: small BGRx frames, in which
 * each pixel encodes its position, and the element in a harness.
 */

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>

#include "gstdmabufvkconvert.h"
#include "gstdmabufvkstage.h"

G_BEGIN_DECLS

#define WIDTH 8
#define HEIGHT 4
#define CAPS(format, width, height) \
  "video/x-raw,format=" format ",width=" G_STRINGIFY ( \
      width) ",height=" G_STRINGIFY (height) ",framerate=30/1"

/* --- the program ---------------------------------------------------------- */

/* Before the first test, in place of gst_check_init () */
void converter_tests_init (int *argc, char ***argv);

/* Around a test case: its tests share an asynchronous GPU (see async-loader.h),
 * and the validation layers must have found nothing. */
void open_async_gpu (void);
void close_async_gpu (void);

/* --- frames -------------------------------------------------------------- */

GstBufferPool *new_pool (guint n_buffers);
void free_pool (GstBufferPool *pool);

/* A frame of @pool with the pixels of write_raw () */
GstBuffer *new_frame (GstBufferPool *pool, guint seed);
DmabufBuffer *get_dmabuf (GstBuffer *buffer);

/* Blue encodes the position of a pixel and the frame it belongs to. */
guint8 blue (gint x, gint y, guint seed);

/* Writes as a device does that ignores fences. */
void write_raw (GstBuffer *buffer, guint seed);

/* Blue of a pixel in RGBx; waits for the GPU to write it. */
guint8 read_blue (GstBuffer *buffer, gint x, gint y);
void check_content (GstBuffer *buffer, guint seed);

/* Buffers and attachments are gone. */
void check_nothing_is_left (void);

/* --- the converter ------------------------------------------------------- */

/* Converts from BGRx with method=nearest, which keeps pixel values. @option:
 * (nullable): PROPERTY=VALUE */
GstHarness *
new_converter (const char *option, const char *out_caps, gboolean syncs);
void free_converter (GstHarness *h);
guint64 get_stat (GstHarness *h, const char *name);

G_END_DECLS
