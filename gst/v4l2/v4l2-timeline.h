/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "v4l2-queue.h"

#include <gst/gst.h>

G_BEGIN_DECLS

/*
 * Converts the driver's sequence numbers and timestamps to the pipeline's
 * offsets and running time. A plain value.
 */
typedef struct
{
  gboolean had_frame; /* Since the driver began to count */
  guint32 last_sequence;
  guint64 offset; /* Of the next frame; goes on over format changes */
  GstClockTime last_pts;

  GstClockTime latency; /* Age of a frame when it comes */
  guint n_ages;         /* Frames in the current series of LATENCY_FRAMES */
  GstClockTime least_age;
  GstClockTime greatest_age;
} V4l2Timeline;

/* The time at which a frame was dequeued. */
typedef struct
{
  GstClockTime clock;     /* The pipeline's, NONE without a clock */
  GstClockTime base_time; /* Of the element */
  GstClockTime monotonic; /* CLOCK_MONOTONIC */
} V4l2Now;

/* To be called when the element starts. */
void v4l2_timeline_reset (V4l2Timeline *self);

/* To be called when the driver starts to stream: it counts from the beginning,
 * offsets go on. Capturing a frame takes @duration, if that is valid. */
void v4l2_timeline_restart (V4l2Timeline *self, GstClockTime duration);

/* TRUE if the latency has grown: all of LATENCY_FRAMES frames in a row came
 * later than the latency so far. */
gboolean v4l2_timeline_note_latency (
    V4l2Timeline *self, const V4l2Frame *frame, const V4l2Now *now);

/* Counts the frames that the driver lost before @frame, whose offset skips
 * them.
 */
guint v4l2_timeline_count_lost (V4l2Timeline *self, const V4l2Frame *frame);

/* Gets the running time at which @frame was captured, NONE without a clock, and
 * its offset. FALSE for a stale frame: it was captured before PLAYING, before
 * the end of a pause, or before a flush set the running time back. */
gboolean v4l2_timeline_stamp (V4l2Timeline *self, const V4l2Frame *frame,
    const V4l2Now *now, GstClockTime duration, GstClockTime *pts,
    guint64 *offset);

G_END_DECLS
