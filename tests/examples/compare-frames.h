/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

/*
 * Compares what a display shows with the frame that was sent to it.
 */
typedef struct
{
  guint64 n_pixels;             /* compared */
  guint64 n_different;          /* beyond the tolerance in some channel */
  int greatest;                 /* difference in any channel */
  guint x, y;                   /* of the first pixel that differs */
  guint8 expected[3], shown[3]; /* its red, green and blue */
} FrameComparison;

/*
 * compare_frames:
 * @sent: the frame as it was sent: XR24-like RGB, NV12, NV21, I420, YUY2 or
 *   UYVY, with the colorimetry of its caps
 * @shown: what the display showed, BGRx and at least as large
 * @tolerance: greatest difference of a channel that is taken as equal
 *
 * YUV is converted with the matrix and range that its colorimetry names, in
 * double precision, chroma taken from the nearest sample.
 *
 * Returns: %FALSE with an error if the frames cannot be compared (a format
 *   that is not known, @shown smaller than @sent)
 */
gboolean compare_frames (GstSample *sent, GstSample *shown, int tolerance,
    FrameComparison *result, GError **error);
