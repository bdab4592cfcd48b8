/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "v4l2-timeline.h"

/* An older timestamp is of another clock. */
#define MAX_AGE (10 * GST_SECOND)
/* A timestamp may be ahead by this much: device clocks drift. One further ahead
 * is of another clock. */
#define MAX_AHEAD (100 * GST_MSECOND)
/* The latency grows if none of this many frames in a row was in time. */
#define LATENCY_FRAMES 16
/* A flush may set the running time back. A smaller step back is no flush, but
 * the time between a pause and its notice here. */
#define MIN_RESET (100 * GST_MSECOND)

void
v4l2_timeline_reset (V4l2Timeline *self)
{
  *self = (V4l2Timeline) { .last_pts = GST_CLOCK_TIME_NONE };
}

void
v4l2_timeline_restart (V4l2Timeline *self, GstClockTime duration)
{
  self->had_frame = FALSE;
  self->latency = GST_CLOCK_TIME_IS_VALID (duration) ? duration : 0;
  self->n_ages = 0;
}

guint
v4l2_timeline_count_lost (V4l2Timeline *self, const V4l2Frame *frame)
{
  guint lost = 0;

  if (self->had_frame)
    lost = frame->sequence - self->last_sequence - 1;
  /* The sequence went back: the driver restarted, or does not count. */
  if (lost > G_MAXINT32)
    lost = 0;

  self->had_frame = TRUE;
  self->last_sequence = frame->sequence;
  self->offset += lost;

  return lost;
}

/* Gets how long ago the frame was captured, if its timestamp is of
 * CLOCK_MONOTONIC. */
static gboolean
frame_measure_age (
    const V4l2Frame *frame, const V4l2Now *now, GstClockTimeDiff *age)
{
  *age = GST_CLOCK_DIFF (frame->timestamp, now->monotonic);
  if ((frame->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK)
          != V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC
      || *age < -(GstClockTimeDiff) MAX_AHEAD
      || *age > (GstClockTimeDiff) MAX_AGE)
    return FALSE;

  *age = MAX (*age, 0);
  return TRUE;
}

static GstClockTimeDiff
frame_age (const V4l2Frame *frame, const V4l2Now *now, GstClockTime duration)
{
  GstClockTimeDiff age;

  if (frame_measure_age (frame, now, &age))
    return age;

  /* Timestamps of another clock: assume an exposure of one frame duration. */
  return GST_CLOCK_TIME_IS_VALID (duration) ? (GstClockTimeDiff) duration : 0;
}

/* If the timestamp is of the start of the exposure, the age includes exposure,
 * readout and transfer. Only frames that the thread waited for count: others
 * are older by the time that they waited in the driver. */
gboolean
v4l2_timeline_note_latency (
    V4l2Timeline *self, const V4l2Frame *frame, const V4l2Now *now)
{
  GstClockTimeDiff age;
  gboolean grown;

  if (!frame->waited || !frame_measure_age (frame, now, &age))
    return FALSE;

  if (self->n_ages == 0) {
    self->least_age = self->greatest_age = age;
  } else {
    self->least_age = MIN (self->least_age, (GstClockTime) age);
    self->greatest_age = MAX (self->greatest_age, (GstClockTime) age);
  }
  if (++self->n_ages < LATENCY_FRAMES)
    return FALSE;

  self->n_ages = 0;
  grown = self->least_age > self->latency;
  if (grown)
    self->latency =
        MIN (self->greatest_age, self->least_age + self->least_age / 4);

  return grown;
}

gboolean
v4l2_timeline_stamp (V4l2Timeline *self, const V4l2Frame *frame,
    const V4l2Now *now, GstClockTime duration, GstClockTime *pts,
    guint64 *offset)
{
  GstClockTimeDiff running, time;

  *offset = self->offset++;
  *pts = GST_CLOCK_TIME_NONE;
  if (!GST_CLOCK_TIME_IS_VALID (now->clock))
    return TRUE;

  running = GST_CLOCK_DIFF (now->base_time, now->clock);
  if (GST_CLOCK_TIME_IS_VALID (self->last_pts)
      && running + (GstClockTimeDiff) MIN_RESET
          < (GstClockTimeDiff) self->last_pts)
    self->last_pts = GST_CLOCK_TIME_NONE;

  time = running - frame_age (frame, now, duration);
  if (time < 0
      || (GST_CLOCK_TIME_IS_VALID (self->last_pts)
          && (GstClockTime) time <= self->last_pts))
    return FALSE;

  *pts = self->last_pts = time;
  return TRUE;
}
