/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the tests of dmabufvkconvert on dma-bufs share: small frames of BGRx, in
 * which each pixel says where it is, and the element in a harness.
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

/* Around a test case: the GPU that its tests share is asynchronous, see
 * async-loader.h, and the validation layers found nothing. */
void open_async_gpu (void);
void close_async_gpu (void);

/* --- frames -------------------------------------------------------------- */

GstBufferPool *new_pool (guint n_buffers);
void free_pool (GstBufferPool *pool);

/* A frame of @pool with the pixels of write_raw () */
GstBuffer *new_frame (GstBufferPool *pool, guint seed);
DmabufBuffer *get_dmabuf (GstBuffer *buffer);

/* Blue of a pixel that says where it is and in which frame */
guint8 blue (gint x, gint y, guint seed);

/* As a device writes, past all fences. */
void write_raw (GstBuffer *buffer, guint seed);

/* What is where in RGBx, once it is there */
guint8 read_blue (GstBuffer *buffer, gint x, gint y);
void check_content (GstBuffer *buffer, guint seed);

/* Buffers and attachments are gone. */
void check_nothing_is_left (void);

/* --- the converter ------------------------------------------------------- */

/* From BGRx: nearest pixels, so that a pixel stays what it is. @option:
 * (nullable): PROPERTY=VALUE */
GstHarness *
new_converter (const char *option, const char *out_caps, gboolean syncs);
void free_converter (GstHarness *h);
guint64 get_stat (GstHarness *h, const char *name);

G_END_DECLS
