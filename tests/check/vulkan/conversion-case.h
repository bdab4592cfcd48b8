/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-queue.h"
#include "host-frame.h"

G_BEGIN_DECLS

/* One conversion that the tests of pixels try. */
typedef struct
{
  guint32 in, out;
  gint in_width, in_height, out_width, out_height;
  GstVideoRectangle crop, rect; /* Empty for the whole frame */
  GstVideoOrientationMethod orientation;
  gboolean bilinear;
  RefColor in_color, out_color;
  guint padding, offset;
  gboolean in_image, out_image;
  guint32 border;
} Case;

/* Before the first test, in place of gst_check_init () */
void case_init (int *argc, char ***argv);

/* The tests of a process share one GPU context: pipelines are compiled once. */
void case_open_gpu (void);
void case_close_gpu (void);

/* Conversions and their greatest difference since case_reset_counts () */
extern guint case_n_tried;
extern double case_greatest_difference;
void case_reset_counts (void);

/* Pipelines made since case_open_gpu () */
guint case_get_n_pipelines (void);

/* DMABUF_TEST_LONG is set. */
gboolean case_is_long (void);

/* For loops over formats: the short lane leaves out the pairs whose shaders
 * differ only in how bytes are fetched. */
gboolean case_is_left_out (guint32 in, guint32 out);

/* 37 x 23 pixels of BT.601 in the limited range, or of RGB in the full one */
Case case_get_usual (guint32 in, guint32 out);

/* How far a conversion may be from the reference, in codes */
double case_get_tolerance (const GstVideoFormatInfo *format);

/* Makes random frames for @c; FALSE where the driver has no such images. */
gboolean case_make_frames (const Case *c, HostFrame **in, HostFrame **out);
void case_free_frames (HostFrame *in, HostFrame *out);

/* The GPU converts @in to @out. */
void case_convert (const Case *c, HostFrame *in, HostFrame *out);

/* Converts random pixels and compares them with the reference. Returns the
 * difference in codes, or -1 where the driver has no such images. */
double case_run (const Case *c, const char *what);

G_END_DECLS
