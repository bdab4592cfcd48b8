/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "v4l2-timeline.h"

/* A timestamp that is further away than this is of another clock. */
#define MAX_AGE (10 * GST_SECOND)
/* One that is less far ahead is of a device's clock that runs ahead of ours. */
#define MAX_AHEAD (100 * GST_MSECOND)
/* One of so many is in time, unless all are late. */
#define LATENCY_FRAMES 16
/* What the running time goes back by is a flush that resets it, if it is not
 * the moment between a pause and its being noticed here. */
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
  /* A driver that begins anew, or does not count at all. */
  if (lost > G_MAXINT32)
    lost = 0;

  self->had_frame = TRUE;
  self->last_sequence = frame->sequence;
  self->offset += lost;

  return lost;
}

/* How long ago the frame was captured, if its clock is ours. */
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

  /* A driver with a clock of its own: it was exposed for a frame's time. */
  return GST_CLOCK_TIME_IS_VALID (duration) ? (GstClockTimeDiff) duration : 0;
}

/* A timestamp may be that of the start of the exposure, which is followed by
 * that, by the readout and by a bus. A frame that was there already tells
 * nothing: it waited for us. */
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
