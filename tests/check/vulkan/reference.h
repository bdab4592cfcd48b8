/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

G_BEGIN_DECLS

/*
 * A slow converter in double precision computes the expected result of a
 * conversion. It shares no code with the shaders: it reads formats from
 * GStreamer's descriptions, and computes positions and colours in real numbers
 * from their definitions.
 */

/* A frame in memory */
typedef struct
{
  const GstVideoFormatInfo *format;
  gint width;
  gint height;
  guint8 *data[3];
  gint pitch[3];
} RefFrame;

/* The meaning of a frame's codes */
typedef struct
{
  GstVideoColorMatrix matrix; /* RGB for RGB */
  gboolean limited;
  gboolean h_cosited;
  gboolean v_cosited;
} RefColor;

typedef struct
{
  RefFrame in;
  RefFrame out; /* The result to check */
  RefColor in_color;
  RefColor out_color;
  GstVideoRectangle crop;
  GstVideoRectangle rect;
  GstVideoOrientationMethod orientation;
  gboolean bilinear;
  double border[3]; /* R, G, B from 0 to 1, opaque */
} RefConversion;

/* The code of a component (R, G, B, A or Y, Cb, Cr, A) at a position in its
 * plane */
guint ref_frame_get (const RefFrame *frame, guint component, gint x, gint y);
void ref_frame_set (
    const RefFrame *frame, guint component, gint x, gint y, guint code);

/* The size of a component's plane */
gint ref_frame_get_width (const RefFrame *frame, guint component);
gint ref_frame_get_height (const RefFrame *frame, guint component);

/* Returns the greatest difference between @conversion's out and the expected
 * values, over all components, in codes; in @scaled the same as a part of full
 * scale times 255; in @worst its place (component, x, y, is, should be). */
double
ref_compare (const RefConversion *conversion, double *scaled, double worst[5]);

G_END_DECLS
