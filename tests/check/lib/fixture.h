/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The fixture of tests of the GStreamer side: the fake kernel (or, with
 * DMABUF_TEST_BACKEND=kernel, the real one), a timeline for software fences,
 * and checks at the end: nothing is left, and every buffer that was handed out
 * with a sync meta has been returned.
 */

#include "backend.h"
#include "sw-sync.h"

#include <fcntl.h>
#include <gst/lib/gstdmabufcore.h>

static DmabufTimeline *timeline;
static guint32 next_value;
static guint fixture_n_fds;
static guint64 fixture_handed, fixture_returned;

/* A fence at the next point of the timeline: each
 * dmabuf_timeline_advance (timeline, 1) signals one, in order. */
static inline DmabufFence *
new_fence (void)
{
  GError *error = NULL;
  DmabufFence *fence =
      dmabuf_timeline_create_fence (timeline, ++next_value, FAR_AWAY, &error);

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

  if (backend_is_fake ())
    fake_kernel_start ();
  else
    dmabuf_kernel_replace (backend_real_kernel ());
  timeline = dmabuf_timeline_new ("test");
  next_value = 0;

  /* Starts the poller, which lives as long as the process, before the fds are
   * counted. */
  fence = new_fence ();
  id = dmabuf_fence_add_callback (fence, fixture_nothing, NULL, NULL);
  fail_unless (id != 0);
  dmabuf_fence_remove_callback (fence, id);
  dmabuf_timeline_advance (timeline, 1);
  dmabuf_fence_unref (fence);

  if (backend_is_fake ())
    fixture_n_fds = fake_kernel_get_n_fds ();
  gst_dmabuf_core_sync_meta_get_counts (&fixture_handed, &fixture_returned);
}

static inline void
fixture_teardown (void)
{
  DmabufStatistics statistics;
  guint64 handed, returned;

  dmabuf_timeline_unref (timeline);
  /* The poller may still hold a fence when the callback that a test waits for
   * has run. */
  poller_settle ();

  dmabuf_statistics_get (&statistics);
  fail_unless_equals_uint64 (statistics.buffers, 0);
  fail_unless_equals_uint64 (statistics.bytes, 0);
  if (backend_is_fake ()) {
    fail_unless_equals_int (fake_kernel_get_n_buffers (), 0);
    fail_unless_equals_int (fake_kernel_get_n_maps (), 0);
    fail_unless_equals_int (fake_kernel_get_n_fds (), fixture_n_fds);
  } else {
    dmabuf_kernel_replace (NULL);
  }

  gst_dmabuf_core_sync_meta_get_counts (&handed, &returned);
  fail_unless_equals_uint64 (
      handed - fixture_handed, returned - fixture_returned);
}

/* A frame in a dma-buf that was imported as an fd, like a driver's. */
static inline GstBuffer *
new_frame (gsize size)
{
  GstAllocator *allocator = gst_dmabuf_core_allocator_get ();
  GstBuffer *buffer = gst_buffer_new ();
  DmabufExporter *exporter;
  GError *error = NULL;
  DmabufBuffer *dmabuf;

  if (backend_is_fake ()) {
    dmabuf = dmabuf_buffer_import_take (
        fake_kernel_new_dmabuf ((size + 4095) / 4096 * 4096, O_RDWR), &error);
  } else {
    exporter = dmabuf_udmabuf_exporter_new (&error);
    assert_no_error (error);
    dmabuf = dmabuf_exporter_allocate (exporter, size, &error);
    g_object_unref (exporter);
  }
  assert_no_error (error);

  gst_buffer_append_memory (
      buffer, gst_dmabuf_core_allocator_wrap (allocator, dmabuf));
  gst_buffer_set_size (buffer, size);
  gst_object_unref (allocator);
  return buffer;
}

static inline DmabufBuffer *
frame_get_dmabuf (GstBuffer *buffer)
{
  return gst_dmabuf_core_memory_get_buffer (
      gst_buffer_peek_memory (buffer, 0), NULL);
}
