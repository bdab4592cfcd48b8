/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "v4l2-queue.h"

#include <gst/gst.h>

G_BEGIN_DECLS

/*
 * From the driver's counting and clock to those of the pipeline. A plain value.
 */
typedef struct
{
  gboolean had_frame; /* since the driver began to count */
  guint32 last_sequence;
  guint64 offset; /* of the next frame, over all formats */
  GstClockTime last_pts;

  GstClockTime latency; /* how old a frame is when it comes */
  guint n_ages;         /* of the frames that are looked at now */
  GstClockTime least_age;
  GstClockTime greatest_age;
} V4l2Timeline;

/* What the clocks showed when a frame was dequeued. */
typedef struct
{
  GstClockTime clock;     /* the pipeline's, NONE if it has none */
  GstClockTime base_time; /* of the element */
  GstClockTime monotonic; /* CLOCK_MONOTONIC */
} V4l2Now;

/* The first frame of all is next. */
void v4l2_timeline_reset (V4l2Timeline *self);

/* The driver counts from the beginning, offsets go on. A frame takes @duration
 * to be captured, if that is known. */
void v4l2_timeline_restart (V4l2Timeline *self, GstClockTime duration);

/* TRUE if the latency has grown, because all of some frames in a row came later
 * than that. */
gboolean v4l2_timeline_note_latency (
    V4l2Timeline *self, const V4l2Frame *frame, const V4l2Now *now);

/* How many frames the driver lost before @frame; its offset leaves room for
 * them. */
guint v4l2_timeline_count_lost (V4l2Timeline *self, const V4l2Frame *frame);

/* The running time at which @frame was captured, NONE without a clock, and its
 * offset. FALSE if that is in the past of what went downstream: the frame was
 * captured before PLAYING, before the pause that has just ended, or before the
 * running time was set back. */
gboolean v4l2_timeline_stamp (V4l2Timeline *self, const V4l2Frame *frame,
    const V4l2Now *now, GstClockTime duration, GstClockTime *pts,
    guint64 *offset);

G_END_DECLS
