/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

/*
 * The result of comparing the picture on a display with the frame that was sent
 * to it.
 */
typedef struct
{
  guint64 n_pixels;             /* Compared pixels */
  guint64 n_different;          /* Beyond the tolerance in some channel */
  int greatest;                 /* Greatest difference in any channel */
  guint x, y;                   /* The first pixel that differs */
  guint8 expected[3], shown[3]; /* Its red, green and blue */
} FrameComparison;

/*
 * compare_frames:
 * @sent: the frame as it was sent: XR24-like RGB, NV12, NV21, I420, YUY2 or
 *   UYVY, with the colorimetry of its caps
 * @shown: the picture on the display, BGRx and at least as large
 * @tolerance: greatest difference of a channel that counts as equal
 *
 * YUV is converted with the matrix and range that its colorimetry names, in
 * double precision, chroma taken from the nearest sample.
 *
 * Returns: %FALSE with an error if the frames cannot be compared (an
 *   unsupported format, or @shown smaller than @sent)
 */
gboolean compare_frames (GstSample *sent, GstSample *shown, int tolerance,
    FrameComparison *result, GError **error);
