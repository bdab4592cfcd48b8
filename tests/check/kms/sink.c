/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dmabufkmssink: frames, their release, their fences. */

#include "../lib/sw-sync.h"
#include "../lib/threads.h"
#include "sink-fixture.h"
#include "gstdmabufkmssettings.h"
#include "gstdmabufkmssink.h"
#include "kms-presenter.h"
#undef GST_CAT_DEFAULT /* Defined by gstcheck.h as well */

#include <errno.h>
#include <gst/check/gstcheck.h>
#include <fcntl.h>
#include <sched.h>

/* --- frames ------------------------------------------------------------ */

GST_START_TEST (test_every_frame_is_shown_and_imported_once)
{
  GstBuffer *frames[3] = { new_frame (), new_frame (), new_frame () };
  guint i;

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  for (i = 0; i < 9; i++)
    fail_unless_equals_int (push (frames[i % 3]), GST_FLOW_OK);
  gst_harness_push_event (harness, gst_event_new_eos ());

  fail_unless_equals_int (fake_display.n_commits, 9);
  fail_unless_equals_int (fake_display.n_modesets, 1);
  fail_unless_equals_uint64 (get_stat ("frames"), 9);
  fail_unless_equals_uint64 (get_stat ("shown"), 9);
  fail_unless_equals_uint64 (get_stat ("imports"), 3);
  fail_unless_equals_uint64 (get_stat ("imports-reused"), 6);
  fail_unless_equals_uint64 (get_stat ("buffers"), 3);
  fail_unless_equals_uint64 (get_stat ("copies"), 0);
  fail_unless_equals_uint64 (get_stat ("cpu-maps"), 0);
  fail_unless_equals_uint64 (get_stat ("dropped"), 0);
  fail_unless_equals_int (fake_display_get_n_framebuffers (), 3);
  fail_unless (fake_display_get (FAKE_PRIMARY, "CRTC_X") == 350);

  /* The console is on screen again, and mastership was dropped. */
  close_sink ();
  fail_unless_equals_int (fake_display.n_drops, 1);
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") == FAKE_CONSOLE_FB);
  for (i = 0; i < 3; i++) {
    fail_unless (is_free (frames[i]));
    gst_buffer_unref (frames[i]);
  }
}
GST_END_TEST;

GST_START_TEST (test_buffer_is_released_when_the_next_is_on_screen)
{
  GstBuffer *frames[3] = { new_frame (), new_frame (), new_frame () };
  guint i;

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display.hold = TRUE;
  fail_unless_equals_int (push (frames[0]), GST_FLOW_OK);
  fail_unless (fake_display_flip ());
  fail_unless_equals_int (push (frames[1]), GST_FLOW_OK);
  /* The second one is pending, the display still reads the first one. */
  fail_if (is_free (frames[0]));
  fail_if (is_free (frames[1]));
  fail_unless (fake_display_flip ());
  fail_unless_equals_int (push (frames[2]), GST_FLOW_OK);
  fail_unless (is_free (frames[0]));
  fail_if (is_free (frames[1]));
  fail_unless (fake_display_flip ());

  close_sink ();
  for (i = 0; i < 3; i++)
    gst_buffer_unref (frames[i]);
}
GST_END_TEST;

static gpointer
push_thread (gpointer buffer)
{
  return GINT_TO_POINTER (push (buffer));
}

GST_START_TEST (test_fifo_waits_for_the_frame_before)
{
  GstBuffer *one = new_frame ();
  GstBuffer *two = new_frame ();
  GThread *thread;

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display.hold = TRUE;
  fail_unless_equals_int (push (one), GST_FLOW_OK);
  thread = g_thread_new ("push", push_thread, two);
  sleepers_wait (1);
  fail_unless_equals_int (fake_display.n_commits, 1);
  fail_unless_equals_int (fake_display.n_too_early, 0);
  fail_unless (fake_display_flip ());
  fail_unless_equals_int (
      GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_OK);
  fail_unless_equals_int (fake_display.n_commits, 2);
  fail_unless_equals_uint64 (get_stat ("shown"), 1);
  fail_unless (fake_display_flip ());

  gst_buffer_unref (one);
  gst_buffer_unref (two);
}
GST_END_TEST;

GST_START_TEST (test_mailbox_never_waits)
{
  GstBuffer *frames[4];
  guint i;

  open_sink ("present-mode", GST_DMABUF_KMS_PRESENT_MODE_MAILBOX, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display.hold = TRUE;
  for (i = 0; i < 4; i++) {
    frames[i] = new_frame ();
    fail_unless_equals_int (push (frames[i]), GST_FLOW_OK);
  }
  /* The first one is pending in the kernel, the last one is in the mailbox, the
   * others were dropped. */
  fail_unless_equals_int (fake_display.n_commits, 1);
  fail_unless_equals_uint64 (get_stat ("dropped"), 2);
  fail_unless (is_free (frames[1]) && is_free (frames[2]));
  fail_if (is_free (frames[3]));

  /* The flip commits it without another frame. */
  fail_unless (fake_display_flip ());
  fake_display_wait_pending ();
  fail_unless_equals_int (fake_display.n_commits, 2);
  fail_unless (fake_display_flip ());
  gst_harness_push_event (harness, gst_event_new_eos ());
  fail_unless_equals_uint64 (get_stat ("shown"), 2);

  close_sink ();
  for (i = 0; i < 4; i++)
    gst_buffer_unref (frames[i]);
}
GST_END_TEST;

static gpointer
push_eos (gpointer data)
{
  gst_harness_push_event (harness, gst_event_new_eos ());

  return NULL;
}

/* Two threads wait for the flip, the mailbox's and that of EOS. The one that
 * reads the event wakes the other. On one processor the first one sleeps again
 * before the other one runs. */
GST_START_TEST (test_no_waiter_takes_the_wake_up_of_another)
{
  GstBuffer *frame = new_frame ();
  cpu_set_t one, all;
  guint i;

  fail_unless (sched_getaffinity (0, sizeof (all), &all) == 0);
  CPU_ZERO (&one);
  for (i = 0; !CPU_ISSET (i, &all); i++)
    continue;
  CPU_SET (i, &one);
  fail_unless (sched_setaffinity (0, sizeof (one), &one) == 0);
  for (i = 0; i < 20; i++) {
    GThread *thread;

    open_sink ("present-mode", GST_DMABUF_KMS_PRESENT_MODE_MAILBOX, NULL);
    gst_harness_set_src_caps_str (harness, CAPS);
    fake_display.hold = TRUE;
    fail_unless_equals_int (push (frame), GST_FLOW_OK);
    thread = g_thread_new ("eos", push_eos, NULL);
    sleepers_wait (2);
    fail_unless (fake_display_flip ());
    g_thread_join (thread);
    fake_display.hold = FALSE;
    close_sink ();
  }
  sched_setaffinity (0, sizeof (all), &all);
  gst_buffer_unref (frame);
}
GST_END_TEST;

/* A commit that takes the plane from another CRTC has an event for each CRTC.
 */
GST_START_TEST (test_event_of_another_crtc_shows_nothing)
{
  GstBuffer *frames[2] = { new_frame (), new_frame () };
  guint i;

  open_sink ("fence-timeout", 20 * GST_MSECOND, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fail_unless_equals_int (push (frames[0]), GST_FLOW_OK);
  fake_display.hold = TRUE;
  fail_unless_equals_int (push (frames[1]), GST_FLOW_OK);
  fake_display_send_event (FAKE_CRTC + 1);
  /* The display still reads the first frame; the second one is pending. */
  gst_harness_push_event (harness, gst_event_new_eos ());
  fail_unless_equals_uint64 (get_stat ("shown"), 1);
  fail_if (is_free (frames[0]));
  fail_unless (fake_display_flip ());

  close_sink ();
  for (i = 0; i < 2; i++)
    gst_buffer_unref (frames[i]);
}
GST_END_TEST;

/* While the kernel finishes another program's commit, the sink tries again. */
GST_START_TEST (test_busy_display_is_asked_again)
{
  GstBuffer *frame = new_frame ();

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display_fail (DRM_IOCTL_MODE_ATOMIC, 1, EBUSY);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless_equals_int (fake_display.n_commits, 1);
  gst_buffer_unref (frame);
}
GST_END_TEST;

/* --- flush, end, drain ------------------------------------------------- */

GST_START_TEST (test_flush_ends_the_wait)
{
  GstBuffer *one = new_frame ();
  GstBuffer *two = new_frame ();
  GstSegment segment;
  GThread *thread;

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display.hold = TRUE;
  fail_unless_equals_int (push (one), GST_FLOW_OK);
  thread = g_thread_new ("push", push_thread, two);
  sleepers_wait (1);

  gst_harness_push_event (harness, gst_event_new_flush_start ());
  fail_unless_equals_int (
      GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  fail_unless (is_free (two));

  /* After the flush it goes on. */
  gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (harness, gst_event_new_segment (&segment));
  fail_unless (fake_display_flip ());
  fail_unless_equals_int (push (two), GST_FLOW_OK);
  fail_unless_equals_int (fake_display.n_commits, 2);
  fail_unless (fake_display_flip ());

  gst_buffer_unref (one);
  gst_buffer_unref (two);
}
GST_END_TEST;

static gpointer
push_caps (gpointer description)
{
  GstCaps *caps = gst_caps_from_string (description);
  GstPad *pad = gst_element_get_static_pad (sink, "sink");
  /* Directly to the sink pad: the source pad would send refused caps again with
   * the next frame. */
  gboolean ret = gst_pad_send_event (pad, gst_event_new_caps (caps));

  gst_object_unref (pad);
  gst_caps_unref (caps);

  return GINT_TO_POINTER (ret);
}

/* GstBaseSink calls unlock () for a pause as for a flush. */
GST_START_TEST (test_pause_does_not_refuse_new_caps)
{
  GstBuffer *frame = new_frame ();
  GThread *thread;

  open_sink ("async", FALSE, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display.hold = TRUE;
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  thread = g_thread_new ("caps", push_caps, (gpointer) PLAIN_CAPS);
  sleepers_wait (1);
  fail_unless_equals_int (
      gst_element_set_state (sink, GST_STATE_PAUSED), GST_STATE_CHANGE_SUCCESS);
  fail_unless_equals_int (gst_element_set_state (sink, GST_STATE_PLAYING),
      GST_STATE_CHANGE_SUCCESS);
  fail_unless (fake_display_flip ());
  fail_unless (GPOINTER_TO_INT (g_thread_join (thread)));
  fake_display.hold = FALSE;
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless_equals_int (fake_display.n_commits, 2);
  gst_buffer_unref (frame);
}
GST_END_TEST;

GST_START_TEST (test_end_does_not_wait_for_a_fence)
{
  GstBuffer *frame = new_frame ();

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display.hold = TRUE;
  fail_unless_equals_int (push (frame), GST_FLOW_OK);

  fail_unless_equals_int (
      gst_element_set_state (sink, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  fail_unless (fake_display_is_pending ());
  /* The display may still read the frame. */
  fail_if (is_free (frame));

  /* After the flip the thread finishes the stop. */
  fail_unless (fake_display_flip ());
  fail_unless (kms_presenter_wait_ends (FOREVER));
  fail_unless (is_free (frame));
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") == FAKE_CONSOLE_FB);
  gst_buffer_unref (frame);
}
GST_END_TEST;

GST_START_TEST (test_end_without_restoring)
{
  GstBuffer *frame = new_frame ();
  guint64 shown;

  open_sink ("restore-crtc", FALSE, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  shown = fake_display_get (FAKE_PRIMARY, "FB_ID");
  close_sink ();
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") == shown);
  gst_buffer_unref (frame);
}
GST_END_TEST;

static gpointer
drain (gpointer data)
{
  GstQuery *query = gst_query_new_drain ();
  gboolean ret = gst_pad_peer_query (harness->srcpad, query);

  gst_query_unref (query);

  return GINT_TO_POINTER (ret);
}

/* GstBaseSink calls unlock_stop () as soon as no thread holds the preroll lock.
 */
GST_START_TEST (test_flush_ends_a_drain)
{
  GstBuffer *frame = new_frame ();
  GThread *thread;

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display.hold = TRUE;
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  thread = g_thread_new ("drain", drain, NULL);
  sleepers_wait (1);

  gst_harness_push_event (harness, gst_event_new_flush_start ());
  g_thread_join (thread);
  gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE));
  /* The frame that the display still reads stays. */
  fail_if (is_free (frame));
  fail_unless_equals_uint64 (get_stat ("copies"), 0);
  fail_unless (fake_display_flip ());
  gst_buffer_unref (frame);
}
GST_END_TEST;

/* A pause interrupts a drain, which goes on afterwards. */
GST_START_TEST (test_pause_does_not_end_a_drain)
{
  GstBuffer *frame = new_frame ();
  GThread *thread;

  open_sink ("async", FALSE, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fake_display.hold = TRUE;
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  thread = g_thread_new ("drain", drain, NULL);
  sleepers_wait (1);
  fail_unless_equals_int (
      gst_element_set_state (sink, GST_STATE_PAUSED), GST_STATE_CHANGE_SUCCESS);
  fail_unless_equals_int (gst_element_set_state (sink, GST_STATE_PLAYING),
      GST_STATE_CHANGE_SUCCESS);
  fake_display.hold = FALSE;
  fail_unless (fake_display_flip ());
  g_thread_join (thread);
  fail_unless (is_free (frame));
  fail_unless_equals_uint64 (get_stat ("copies"), 1);
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") != 0);
  gst_buffer_unref (frame);
}
GST_END_TEST;

/* GstBaseSink's last sample holds a buffer as well. */
GST_START_TEST (test_drain_gives_the_last_sample_back)
{
  GstBuffer *frame = new_frame ();
  GstSample *sample = NULL;

  open_sink ("enable-last-sample", TRUE, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless (GPOINTER_TO_INT (drain (NULL)));
  fail_unless (is_free (frame));
  /* The only copy is the one on screen. */
  fail_unless_equals_uint64 (get_stat ("copies"), 1);

  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  g_object_get (sink, "last-sample", &sample, NULL);
  fail_unless (gst_sample_get_buffer (sample) == frame);
  gst_sample_unref (sample);
  close_sink ();
  gst_buffer_unref (frame);
}
GST_END_TEST;

/* Rule 12 of tests/check/elements/negotiation.c. */
GST_START_TEST (test_drain_gives_the_buffer_back)
{
  GstBuffer *frame = new_frame ();
  GstQuery *query = gst_query_new_drain ();
  guint64 shown;

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  shown = fake_display_get (FAKE_PRIMARY, "FB_ID");
  fail_unless (gst_pad_peer_query (harness->srcpad, query));
  fail_unless (is_free (frame));
  /* The screen shows a copy. */
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") != shown);
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") != 0);
  fail_unless_equals_uint64 (get_stat ("copies"), 1);
  fail_unless_equals_int (fake_display_get_n_framebuffers (), 1);
  /* No buffer of upstream is held any more: there is no further copy. */
  fail_unless (gst_pad_peer_query (harness->srcpad, query));
  fail_unless_equals_uint64 (get_stat ("copies"), 1);

  gst_query_unref (query);
  gst_buffer_unref (frame);
}
GST_END_TEST;

GST_START_TEST (test_drain_without_a_copy)
{
  GstBuffer *frame = new_frame ();
  GstQuery *query = gst_query_new_drain ();

  open_sink ("copy-policy", GST_DMABUF_CORE_COPY_POLICY_FORBID, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless (gst_pad_peer_query (harness->srcpad, query));
  fail_unless (is_free (frame));
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") == 0);
  fail_unless_equals_uint64 (get_stat ("copies"), 0);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") != 0);

  gst_query_unref (query);
  gst_buffer_unref (frame);
}
GST_END_TEST;

GST_START_TEST (test_many_starts_and_renegotiations_leave_nothing)
{
  GstBuffer *frame = new_frame ();
  guint i;

  open_sink (NULL, NULL);
  for (i = 0; i < 20; i++) {
    gst_harness_set_src_caps_str (harness, i % 2 ? CAPS : PLAIN_CAPS);
    fail_unless_equals_int (push (frame), GST_FLOW_OK);
  }
  /* Both caps have the same layout: one import. */
  fail_unless_equals_uint64 (get_stat ("imports"), 1);
  close_sink ();

  for (i = 0; i < 20; i++) {
    open_sink (NULL, NULL);
    gst_harness_set_src_caps_str (harness, CAPS);
    fail_unless_equals_int (push (frame), GST_FLOW_OK);
    close_sink ();
    fail_unless (is_free (frame));
  }
  gst_buffer_unref (frame);
}
GST_END_TEST;

/* --- fences ------------------------------------------------------------ */

GST_START_TEST (test_kernel_fence_goes_to_the_display)
{
  GstBuffer *frame = new_frame ();
  int timeline = timeline_open ();
  DmabufFence *fence = timeline_new_fence (timeline, 1);

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  gst_buffer_add_dmabuf_core_sync_meta (frame, fence);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless_equals_int (fake_display.n_fences, 1);
  fail_unless_equals_uint64 (get_stat ("fences-armed"), 1);
  fail_unless_equals_uint64 (get_stat ("cpu-waits"), 0);
  fail_unless_equals_uint64 (get_stat ("shown"), 0);
  fail_unless (fake_display_flip ());

  /* A fence that has signalled is not used. */
  timeline_inc (timeline, 1);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless_equals_int (fake_display.n_fences, 1);
  fail_unless_equals_uint64 (get_stat ("fences-armed"), 1);

  close_sink ();
  dmabuf_fence_unref (fence);
  gst_buffer_unref (frame);
  dmabuf_kernel->close (timeline);
}
GST_END_TEST;

static gpointer
signal_fence (gpointer fence)
{
  dmabuf_fence_signal (fence);
  return NULL;
}

/* IND-1: no driver may wait for a software fence: the sink waits. */
GST_START_TEST (test_software_fence_is_waited_for_here)
{
  GstBuffer *frame = new_frame ();
  DmabufFence *fence = new_software_fence ();
  Sleeper *sleeper;

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  gst_buffer_add_dmabuf_core_sync_meta (frame, fence);
  sleeper = when_i_sleep (signal_fence, fence);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless (dmabuf_fence_is_signaled (fence));
  fail_unless_equals_int (fake_display.n_fences, 0);
  fail_unless_equals_uint64 (get_stat ("cpu-waits"), 1);
  fail_unless_equals_uint64 (get_stat ("fences-armed"), 0);

  close_sink ();
  dmabuf_fence_unref (fence);
  gst_buffer_unref (frame);
}
GST_END_TEST;

static GstMemory *
new_plane (gsize size, DmabufFence *writer)
{
  DmabufExporter *heap = dmabuf_heap_exporter_new (NULL, NULL);
  DmabufBuffer *dmabuf = dmabuf_exporter_allocate (heap, size, NULL);
  GstAllocator *allocator = gst_dmabuf_core_allocator_get ();
  GstMemory *memory;

  fail_unless (
      dmabuf_buffer_add_fence (dmabuf, DMABUF_ACCESS_WRITE, writer, NULL));
  memory = gst_dmabuf_core_allocator_wrap (allocator, dmabuf);
  gst_object_unref (allocator);
  g_object_unref (heap);

  return memory;
}

typedef struct
{
  DmabufFence *fences[2];
  guint pending; /* A bit for each writer */
} Writers;

static gpointer
signal_writers (gpointer user_data)
{
  Writers *writers = user_data;
  guint i;

  for (i = 0; i < 2; i++) {
    if (writers->pending & (1 << i))
      dmabuf_fence_signal (writers->fences[i]);
  }
  return NULL;
}

/* RSV-1: a frame in two dma-bufs has two reservations. The sink waits for the
 * fence of each one, and of both. */
GST_START_TEST (test_every_dma_buf_of_a_frame_is_waited_for)
{
  Writers writers = { .pending = __i__ };
  GstBuffer *frame = gst_buffer_new ();
  gsize offsets[GST_VIDEO_MAX_PLANES] = { 0 };
  gint strides[GST_VIDEO_MAX_PLANES] = { WIDTH, WIDTH };
  Sleeper *sleeper;
  guint i;

  for (i = 0; i < 2; i++) {
    writers.fences[i] = new_software_fence ();
    gst_buffer_append_memory (
        frame, new_plane (WIDTH * HEIGHT / (1 + i), writers.fences[i]));
  }
  offsets[1] = gst_buffer_get_sizes_range (frame, 0, 1, NULL, NULL);
  gst_buffer_add_video_meta_full (frame, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_FORMAT_NV12, WIDTH, HEIGHT, 2, offsets, strides);

  open_sink (NULL, NULL);
  gst_harness_set_src_caps_str (harness, NV12_CAPS);
  for (i = 0; i < 2; i++) {
    if (!(writers.pending & (1 << i)))
      dmabuf_fence_signal (writers.fences[i]);
  }
  sleeper = when_i_sleep (signal_writers, &writers);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  for (i = 0; i < 2; i++)
    fail_unless (dmabuf_fence_is_signaled (writers.fences[i]));
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless_equals_uint64 (get_stat ("cpu-waits"), 1);
  fail_unless_equals_int (fake_display.n_commits, 1);

  for (i = 0; i < 2; i++)
    dmabuf_fence_unref (writers.fences[i]);
  close_sink ();
  gst_buffer_unref (frame);
}
GST_END_TEST;

/* SEC-13: a fence that never signals costs one frame, not the stream. */
GST_START_TEST (test_fence_timeout_drops_the_frame)
{
  GstBuffer *frame = new_frame ();
  GstBuffer *other = new_frame ();
  DmabufFence *fence = new_software_fence ();

  open_sink ("fence-timeout", 20 * GST_MSECOND, NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
  gst_buffer_add_dmabuf_core_sync_meta (frame, fence);
  fail_unless_equals_int (push (frame), GST_FLOW_OK);
  fail_unless_equals_uint64 (get_stat ("dropped"), 1);
  fail_unless_equals_int (fake_display.n_commits, 0);
  fail_unless (get_error (GST_MESSAGE_WARNING, GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_READ, "fence-timeout"));
  fail_unless (is_free (frame));
  fail_unless_equals_int (push (other), GST_FLOW_OK);
  fail_unless_equals_int (fake_display.n_commits, 1);

  close_sink ();
  dmabuf_fence_signal (fence);
  dmabuf_fence_unref (fence);
  gst_buffer_unref (frame);
  gst_buffer_unref (other);
}
GST_END_TEST;

static Suite *
kms_sink_suite (void)
{
  Suite *suite = suite_create ("kms-sink");
  TCase *tcase = tcase_create ("sink");

  suite_add_tcase (suite, tcase);
  tcase_add_checked_fixture (tcase, sink_fixture_setup, sink_fixture_teardown);
  tcase_add_test (tcase, test_every_frame_is_shown_and_imported_once);
  tcase_add_test (tcase, test_buffer_is_released_when_the_next_is_on_screen);
  tcase_add_test (tcase, test_fifo_waits_for_the_frame_before);
  tcase_add_test (tcase, test_mailbox_never_waits);
  tcase_add_test (tcase, test_no_waiter_takes_the_wake_up_of_another);
  tcase_add_test (tcase, test_event_of_another_crtc_shows_nothing);
  tcase_add_test (tcase, test_busy_display_is_asked_again);
  tcase_add_test (tcase, test_flush_ends_the_wait);
  tcase_add_test (tcase, test_pause_does_not_refuse_new_caps);
  tcase_add_test (tcase, test_end_does_not_wait_for_a_fence);
  tcase_add_test (tcase, test_end_without_restoring);
  tcase_add_test (tcase, test_drain_gives_the_buffer_back);
  tcase_add_test (tcase, test_drain_without_a_copy);
  tcase_add_test (tcase, test_flush_ends_a_drain);
  tcase_add_test (tcase, test_pause_does_not_end_a_drain);
  tcase_add_test (tcase, test_drain_gives_the_last_sample_back);
  tcase_add_test (tcase, test_many_starts_and_renegotiations_leave_nothing);
  tcase_add_test (tcase, test_kernel_fence_goes_to_the_display);
  tcase_add_test (tcase, test_software_fence_is_waited_for_here);
  tcase_add_loop_test (
      tcase, test_every_dma_buf_of_a_frame_is_waited_for, 1, 4);
  tcase_add_test (tcase, test_fence_timeout_drops_the_frame);

  return suite;
}

GST_CHECK_MAIN (kms_sink);
