/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Before and after each test of the GStreamer side: the fake kernel, a timeline
 * for software fences, and the books: nothing is left, and every buffer that
 * went out under a sync meta came back.
 */

#include "backend.h"

#include <gst/lib/gstdmabufcore.h>

static DmabufTimeline *timeline;
static guint32 next_value;
static guint fixture_n_fds;
static guint64 fixture_handed, fixture_returned;

/* Signals with the next dmabuf_timeline_advance (timeline, 1) that is not for
 * an earlier one. */
static inline DmabufFence *
new_fence (void)
{
  GError *error = NULL;
  DmabufFence *fence = dmabuf_timeline_create_fence (timeline, ++next_value,
      g_get_monotonic_time () + 60 * G_USEC_PER_SEC, &error);

  assert_no_error (error);
  return fence;
}

static inline void
fixture_nothing (DmabufFence *fence, gpointer user_data)
{
}

static inline void
fixture_setup (void)
{
  DmabufFence *fence;
  guint id;

  fake_kernel_start ();
  timeline = dmabuf_timeline_new ("test");
  next_value = 0;

  /* The poller lives as long as the process; its fds are no leak. */
  fence = new_fence ();
  id = dmabuf_fence_add_callback (fence, fixture_nothing, NULL, NULL);
  fail_unless (id != 0);
  dmabuf_fence_remove_callback (fence, id);
  dmabuf_timeline_advance (timeline, 1);
  dmabuf_fence_unref (fence);

  fixture_n_fds = fake_kernel_get_n_fds ();
  gst_dmabuf_core_sync_meta_get_counts (&fixture_handed, &fixture_returned);
}

static inline void
fixture_teardown (void)
{
  DmabufStatistics statistics;
  guint64 handed, returned;

  dmabuf_timeline_unref (timeline);

  dmabuf_statistics_get (&statistics);
  fail_unless_equals_uint64 (statistics.buffers, 0);
  fail_unless_equals_uint64 (statistics.bytes, 0);
  fail_unless_equals_int (fake_kernel_get_n_buffers (), 0);
  fail_unless_equals_int (fake_kernel_get_n_maps (), 0);
  fail_unless_equals_int (fake_kernel_get_n_fds (), fixture_n_fds);

  gst_dmabuf_core_sync_meta_get_counts (&handed, &returned);
  fail_unless_equals_uint64 (
      handed - fixture_handed, returned - fixture_returned);
}
