/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

G_BEGIN_DECLS

/*
 * A slow converter in double precision that says what a conversion has to
 * yield. It shares nothing with the one that it judges: formats are read by
 * GStreamer's descriptions, places and colours are computed in real numbers
 * from what they mean.
 */

/* A frame in memory. */
typedef struct
{
  const GstVideoFormatInfo *format;
  gint width;
  gint height;
  guint8 *data[3];
  gint pitch[3];
} RefFrame;

/* What its codes mean. */
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
  RefFrame out; /* what is judged */
  RefColor in_color;
  RefColor out_color;
  GstVideoRectangle crop;
  GstVideoRectangle rect;
  GstVideoOrientationMethod orientation;
  gboolean bilinear;
  double border[3]; /* R, G, B from 0 to 1; opaque */
} RefConversion;

/* The code of a component (R, G, B, A or Y, Cb, Cr, A) at a place of its own
 * plane. */
guint ref_frame_get (const RefFrame *frame, guint component, gint x, gint y);
void ref_frame_set (
    const RefFrame *frame, guint component, gint x, gint y, guint code);

/* The size of a component's plane. */
gint ref_frame_get_width (const RefFrame *frame, guint component);
gint ref_frame_get_height (const RefFrame *frame, guint component);

/* The greatest difference between what there is in @conversion's out and what
 * has to be there, in codes, of all components; and in @scaled in parts of
 * full scale times 255. Where: in @worst (component, x, y, is, should be). */
double
ref_compare (const RefConversion *conversion, double *scaled, double worst[5]);

G_END_DECLS
