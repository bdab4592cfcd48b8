/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Timestamps, offsets and lost frames: arithmetic without a device. */

#include "gst/v4l2/v4l2-timeline.h"

#include <gst/check/gstcheck.h>

#define FRAME (GST_SECOND / 30)

static V4l2Frame
frame_at (guint32 sequence, GstClockTime timestamp)
{
  V4l2Frame frame = {
    .sequence = sequence,
    .timestamp = timestamp,
    .flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
  };

  return frame;
}

/* With any clock of the pipeline, the age of the frame is subtracted from now.
 */
GST_START_TEST (test_stamp_is_time_of_capture)
{
  V4l2Frame frame = frame_at (0, 1000 * GST_SECOND);
  V4l2Now now = {
    .clock = 77 * GST_SECOND,
    .base_time = 70 * GST_SECOND,
    .monotonic = 1000 * GST_SECOND + 10 * GST_MSECOND,
  };
  V4l2Timeline timeline;
  GstClockTime pts;
  guint64 offset;

  v4l2_timeline_reset (&timeline);
  fail_unless (
      v4l2_timeline_stamp (&timeline, &frame, &now, FRAME, &pts, &offset));
  fail_unless_equals_uint64 (pts, 7 * GST_SECOND - 10 * GST_MSECOND);
  fail_unless_equals_uint64 (offset, 0);
}
GST_END_TEST;

/* Timestamps in the future, far in the past, or of another clock are ignored.
 */
GST_START_TEST (test_stamp_of_another_clock)
{
  static const struct
  {
    guint32 flags;
    GstClockTime timestamp;
  } useless[] = {
    { V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN, 1000 * GST_SECOND },
    { V4L2_BUF_FLAG_TIMESTAMP_COPY, 1000 * GST_SECOND },
    { V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, 1001 * GST_SECOND },
    { V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, 0 },
  };
  V4l2Now now = {
    .clock = 77 * GST_SECOND,
    .base_time = 70 * GST_SECOND,
    .monotonic = 1000 * GST_SECOND,
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (useless); i++) {
    V4l2Frame frame = frame_at (0, useless[i].timestamp);
    V4l2Timeline timeline;
    GstClockTime pts;
    guint64 offset;

    frame.flags = useless[i].flags;
    v4l2_timeline_reset (&timeline);
    fail_unless (
        v4l2_timeline_stamp (&timeline, &frame, &now, FRAME, &pts, &offset));
    fail_unless_equals_uint64 (pts, 7 * GST_SECOND - FRAME);
  }
}
GST_END_TEST;

/* A timestamp of a device's own clock (USB) may be slightly ahead of ours: it
 * counts as now. */
GST_START_TEST (test_stamp_slightly_ahead)
{
  V4l2Frame frame = frame_at (0, 1000 * GST_SECOND + 3 * GST_MSECOND);
  V4l2Now now = {
    .clock = 77 * GST_SECOND,
    .base_time = 70 * GST_SECOND,
    .monotonic = 1000 * GST_SECOND,
  };
  V4l2Timeline timeline;
  GstClockTime pts;
  guint64 offset;

  v4l2_timeline_reset (&timeline);
  fail_unless (
      v4l2_timeline_stamp (&timeline, &frame, &now, FRAME, &pts, &offset));
  fail_unless_equals_uint64 (pts, 7 * GST_SECOND);
}
GST_END_TEST;

static gboolean
note_age (V4l2Timeline *timeline, guint n, GstClockTime age, gboolean waited)
{
  V4l2Now now = { .monotonic = 1000 * GST_SECOND };
  V4l2Frame frame = frame_at (0, now.monotonic - age);
  gboolean grown = FALSE;

  frame.waited = waited;
  while (n-- > 0)
    grown |= v4l2_timeline_note_latency (timeline, &frame, &now);
  return grown;
}

/* The latency is an age that all frames in a row reach. A single late frame of
 * a busy machine, and frames that waited in the driver, do not count. */
GST_START_TEST (test_latency)
{
  V4l2Timeline timeline;
  guint i;

  v4l2_timeline_reset (&timeline);
  v4l2_timeline_restart (&timeline, FRAME);
  fail_unless_equals_uint64 (timeline.latency, FRAME);
  for (i = 0; i < 10; i++) {
    fail_if (note_age (&timeline, 5, FRAME / 2, TRUE));
    fail_if (note_age (&timeline, 1, 5 * FRAME, TRUE));
  }
  fail_if (note_age (&timeline, 100, 5 * FRAME, FALSE));
  fail_unless_equals_uint64 (timeline.latency, FRAME);

  fail_unless (note_age (&timeline, 32, 2 * FRAME, TRUE));
  fail_unless (timeline.latency >= 2 * FRAME);
  fail_unless (timeline.latency <= 3 * FRAME);
  fail_if (note_age (&timeline, 32, 2 * FRAME, TRUE));

  v4l2_timeline_restart (&timeline, FRAME);
  fail_unless_equals_uint64 (timeline.latency, FRAME);
}
GST_END_TEST;

/* A frame from before PLAYING, and one captured during a pause, are stale. */
GST_START_TEST (test_stale_frames)
{
  V4l2Frame frame = frame_at (0, 10 * GST_SECOND);
  V4l2Now now = {
    .clock = 10 * GST_SECOND,
    .base_time = 11 * GST_SECOND,
    .monotonic = 10 * GST_SECOND,
  };
  V4l2Timeline timeline;
  GstClockTime pts;
  guint64 offset;

  v4l2_timeline_reset (&timeline);
  fail_if (v4l2_timeline_stamp (&timeline, &frame, &now, FRAME, &pts, &offset));

  now.base_time = 8 * GST_SECOND;
  fail_unless (
      v4l2_timeline_stamp (&timeline, &frame, &now, FRAME, &pts, &offset));
  fail_unless_equals_uint64 (pts, 2 * GST_SECOND);
  fail_unless_equals_uint64 (offset, 1);

  /* Paused for 5 s, in which the driver filled its buffers. */
  frame = frame_at (1, 10 * GST_SECOND + FRAME);
  now.clock = now.monotonic = 15 * GST_SECOND;
  now.base_time = 13 * GST_SECOND;
  fail_if (v4l2_timeline_stamp (&timeline, &frame, &now, FRAME, &pts, &offset));
  frame = frame_at (2, 15 * GST_SECOND + FRAME);
  now.clock = now.monotonic = 15 * GST_SECOND + FRAME;
  fail_unless (
      v4l2_timeline_stamp (&timeline, &frame, &now, FRAME, &pts, &offset));
  fail_unless_equals_uint64 (pts, 2 * GST_SECOND + FRAME);
}
GST_END_TEST;

/* After a flush that sets the running time back, only frames captured before it
 * are stale. */
GST_START_TEST (test_running_time_is_set_back)
{
  V4l2Frame frame = frame_at (0, 100 * GST_SECOND);
  V4l2Now now = {
    .clock = 100 * GST_SECOND,
    .base_time = 40 * GST_SECOND,
    .monotonic = 100 * GST_SECOND,
  };
  V4l2Timeline timeline;
  GstClockTime pts;
  guint64 offset;

  v4l2_timeline_reset (&timeline);
  fail_unless (
      v4l2_timeline_stamp (&timeline, &frame, &now, FRAME, &pts, &offset));
  fail_unless_equals_uint64 (pts, 60 * GST_SECOND);

  now.base_time = 101 * GST_SECOND;
  now.clock = now.monotonic = 102 * GST_SECOND;
  frame = frame_at (1, 101 * GST_SECOND - FRAME);
  fail_if (v4l2_timeline_stamp (&timeline, &frame, &now, FRAME, &pts, &offset));
  frame = frame_at (2, 102 * GST_SECOND);
  fail_unless (
      v4l2_timeline_stamp (&timeline, &frame, &now, FRAME, &pts, &offset));
  fail_unless_equals_uint64 (pts, GST_SECOND);
}
GST_END_TEST;

GST_START_TEST (test_no_clock)
{
  V4l2Frame frame = frame_at (0, 10 * GST_SECOND);
  V4l2Now now = { .clock = GST_CLOCK_TIME_NONE };
  V4l2Timeline timeline;
  GstClockTime pts;
  guint64 offset;

  v4l2_timeline_reset (&timeline);
  fail_unless (
      v4l2_timeline_stamp (&timeline, &frame, &now, FRAME, &pts, &offset));
  fail_unless_equals_uint64 (pts, GST_CLOCK_TIME_NONE);
}
GST_END_TEST;

/* Gaps, the wrap of 32 bits, a driver that restarts, one that never counts;
 * offsets go on over all of this. */
GST_START_TEST (test_lost_frames)
{
  static const struct
  {
    guint32 sequence;
    guint lost;
    guint64 offset;
  } steps[] = {
    { 5, 0, 0 }, /* A driver may begin with any number. */
    { 6, 0, 1 },
    { 9, 2, 4 },
    { G_MAXINT32, G_MAXINT32 - 10, 4 + (guint64) G_MAXINT32 - 9 },
    { 0, 0, 5 + (guint64) G_MAXINT32 - 9 },
    { 0, 0, 6 + (guint64) G_MAXINT32 - 9 },
  };
  V4l2Now now = { .clock = GST_CLOCK_TIME_NONE };
  V4l2Timeline timeline;
  GstClockTime pts;
  guint64 offset;
  V4l2Frame frame;
  guint i;

  v4l2_timeline_reset (&timeline);
  for (i = 0; i < G_N_ELEMENTS (steps); i++) {
    frame = frame_at (steps[i].sequence, 0);
    fail_unless_equals_int (
        v4l2_timeline_count_lost (&timeline, &frame), steps[i].lost);
    v4l2_timeline_stamp (&timeline, &frame, &now, FRAME, &pts, &offset);
    fail_unless_equals_uint64 (offset, steps[i].offset);
  }

  v4l2_timeline_restart (&timeline, FRAME);
  frame = frame_at (100, 0);
  fail_unless_equals_int (v4l2_timeline_count_lost (&timeline, &frame), 0);

  /* Over the wrap of 32 bits. */
  v4l2_timeline_reset (&timeline);
  frame = frame_at (G_MAXUINT32, 0);
  v4l2_timeline_count_lost (&timeline, &frame);
  frame = frame_at (1, 0);
  fail_unless_equals_int (v4l2_timeline_count_lost (&timeline, &frame), 1);
}
GST_END_TEST;

static Suite *
timeline_suite (void)
{
  Suite *suite = suite_create ("v4l2-timeline");
  TCase *tc = tcase_create ("general");

  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_stamp_is_time_of_capture);
  tcase_add_test (tc, test_stamp_of_another_clock);
  tcase_add_test (tc, test_stamp_slightly_ahead);
  tcase_add_test (tc, test_latency);
  tcase_add_test (tc, test_stale_frames);
  tcase_add_test (tc, test_running_time_is_set_back);
  tcase_add_test (tc, test_no_clock);
  tcase_add_test (tc, test_lost_frames);

  return suite;
}

GST_CHECK_MAIN (timeline);
