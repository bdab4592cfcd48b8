/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "v4l2-timeline.h"

/* A timestamp that is further away than this is of another clock. */
#define MAX_AGE (10 * GST_SECOND)
/* One that is less far ahead is of a device's clock that runs ahead of ours. */
#define MAX_AHEAD (100 * GST_MSECOND)

void
v4l2_timeline_reset (V4l2Timeline *self)
{
  *self = (V4l2Timeline) { .last_pts = GST_CLOCK_TIME_NONE };
}

void
v4l2_timeline_restart (V4l2Timeline *self)
{
  self->had_frame = FALSE;
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

/* How long ago the frame was captured. */
static GstClockTimeDiff
frame_age (const V4l2Frame *frame, const V4l2Now *now, GstClockTime duration)
{
  GstClockTimeDiff age = GST_CLOCK_DIFF (frame->timestamp, now->monotonic);

  if ((frame->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK)
          == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC
      && age >= -(GstClockTimeDiff) MAX_AHEAD
      && age <= (GstClockTimeDiff) MAX_AGE)
    return MAX (age, 0);

  /* A driver with a clock of its own: it was exposed for a frame's time. */
  return GST_CLOCK_TIME_IS_VALID (duration) ? (GstClockTimeDiff) duration : 0;
}

gboolean
v4l2_timeline_stamp (V4l2Timeline *self, const V4l2Frame *frame,
    const V4l2Now *now, GstClockTime duration, GstClockTime *pts,
    guint64 *offset)
{
  GstClockTimeDiff time;

  *offset = self->offset++;
  *pts = GST_CLOCK_TIME_NONE;
  if (!GST_CLOCK_TIME_IS_VALID (now->clock))
    return TRUE;

  time = GST_CLOCK_DIFF (now->base_time, now->clock)
      - frame_age (frame, now, duration);
  if (time < 0
      || (GST_CLOCK_TIME_IS_VALID (self->last_pts)
          && (GstClockTime) time <= self->last_pts))
    return FALSE;

  *pts = self->last_pts = time;
  return TRUE;
}
