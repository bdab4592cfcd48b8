/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dmabufkmssink on a real kernel's display (vkms), with sw_sync fences for slow
 * producers. */

#include "gstdmabufkmssettings.h"
#include "gstdmabufkmssink.h"
#include "kms-debug.h"
#include "kms-presenter.h"
#include "sleepers.h"
#undef GST_CAT_DEFAULT /* Defined by gstcheck.h as well */

#include <errno.h>
#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <gst/lib/gstdmabufcore.h>
#include <unistd.h>

#include "../lib/stats.h"
#include "../lib/sw-sync.h"

#define WIDTH 640
#define HEIGHT 480
#define PITCH (WIDTH * 4)
#define CAPS \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=XR24," \
  "width=640,height=480,framerate=30/1"

/* Longer than any test may run: a wait that ends with it is a hang. */
#define FOREVER_US (3600 * (gint64) G_USEC_PER_SEC)
#define FOREVER (g_get_monotonic_time () + FOREVER_US)

static GstHarness *harness;
static GstElement *sink;
static int timeline;
static int card_fd = -1;
/* Called once, by the thread that fails to become master. */
static void (*on_refusal) (void);

static int
lab_open (const char *path, int flags)
{
  return card_fd = kms_api_drm.open (path, flags);
}

static int
lab_ioctl (int fd, unsigned long request, void *arg)
{
  int ret = kms_api_drm.ioctl (fd, request, arg);
  int code = errno;

  if (ret < 0 && request == DRM_IOCTL_SET_MASTER && on_refusal) {
    on_refusal ();
    on_refusal = NULL;
  }
  errno = code;

  return ret;
}

static KmsApi lab_api;

static void
start (void)
{
  kms_debug_init ();
  lab_api = kms_api_drm;
  lab_api.open = lab_open;
  lab_api.ioctl = lab_ioctl;
  lab_api.ppoll = sleepers_ppoll;
  kms_api = &lab_api;
  timeline = timeline_open ();
  sink = g_object_new (GST_TYPE_DMABUF_KMS_SINK, "sync", FALSE,
      "enable-last-sample", FALSE, "driver-name", "vkms", "fence-timeout",
      FOREVER_US * GST_USECOND, NULL);
  harness = gst_harness_new_with_element (sink, "sink", NULL);
  gst_harness_set_src_caps_str (harness, CAPS);
}

static void
stop (void)
{
  gst_element_set_state (sink, GST_STATE_NULL);
  gst_harness_teardown (harness);
  gst_object_unref (sink);
  close (timeline);
  fail_unless (kms_presenter_wait_ends (FOREVER));
  kms_api = &kms_api_drm;
}

static guint64
get_stat (const char *name)
{
  return element_get_stat (sink, name);
}

static guint32
pixel_at (guint x, guint y, guint seed)
{
  return (x * 7 + seed) % 256 | ((y * 5) % 256) << 8 | ((x + y) % 256) << 16;
}

static GstBuffer *
new_frame (guint seed)
{
  DmabufExporter *heap = dmabuf_heap_exporter_new (NULL, NULL);
  DmabufBuffer *dmabuf = dmabuf_exporter_allocate (heap, PITCH * HEIGHT, NULL);
  GstAllocator *allocator = gst_dmabuf_core_allocator_get ();
  GstBuffer *buffer = gst_buffer_new ();
  GstMapInfo map;
  guint x, y;

  gst_buffer_append_memory (
      buffer, gst_dmabuf_core_allocator_wrap (allocator, dmabuf));
  gst_object_unref (allocator);
  g_object_unref (heap);

  fail_unless (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
  for (y = 0; y < HEIGHT; y++) {
    for (x = 0; x < WIDTH; x++)
      ((guint32 *) map.data)[y * WIDTH + x] = pixel_at (x, y, seed);
  }
  gst_buffer_unmap (buffer, &map);

  return buffer;
}

static void
signal_fence (void)
{
  timeline_inc (timeline, 1);
}

/* In twelve refreshes of the display no flip event comes for the sink. */
static void
assert_no_flip (void)
{
  struct pollfd event = { .fd = card_fd, .events = POLLIN };
  guint i;

  for (i = 0; i < 12; i++) {
    drmVBlank refresh = { .request = { DRM_VBLANK_RELATIVE, 1, 0 } };

    fail_unless (drmWaitVBlank (card_fd, &refresh) == 0, "no refresh: %s",
        g_strerror (errno));
  }
  fail_unless_equals_int (poll (&event, 1, 0), 0);
}

static GstBuffer *
new_fenced_frame (guint seed)
{
  GstBuffer *frame = new_frame (seed);
  DmabufFence *fence = timeline_new_fence (timeline, 1);

  gst_buffer_add_dmabuf_core_sync_meta (frame, fence);
  dmabuf_fence_unref (fence);

  return frame;
}

GST_START_TEST (test_flip_waits_for_the_fence)
{
  GstBuffer *plain = new_frame (1);
  GstBuffer *fenced = new_fenced_frame (2);

  fail_unless_equals_int (gst_harness_push (harness, plain), GST_FLOW_OK);
  fail_unless_equals_int (gst_harness_push (harness, fenced), GST_FLOW_OK);
  fail_unless_equals_uint64 (get_stat ("fences-armed"), 1);
  fail_unless_equals_uint64 (get_stat ("cpu-waits"), 0);

  assert_no_flip ();
  fail_unless_equals_uint64 (get_stat ("shown"), 1);
  timeline_inc (timeline, 1);
  gst_harness_push_event (harness, gst_event_new_eos ());
  fail_unless_equals_uint64 (get_stat ("shown"), 2);
}
GST_END_TEST;

/* The same with a fence in the dma-buf's reservation only, of a writer: the
 * kernel holds back the flip (POLL-3, RSV-1). */
GST_START_TEST (test_flip_waits_for_the_writer_of_the_buffer)
{
  GstBuffer *busy = new_frame (2);
  DmabufBuffer *dmabuf = gst_dmabuf_core_memory_get_buffer (
      gst_buffer_peek_memory (busy, 0), NULL);
  DmabufFence *fence = timeline_new_fence (timeline, 1);
  GError *error = NULL;

  fail_unless (
      dmabuf_buffer_add_fence (dmabuf, DMABUF_ACCESS_WRITE, fence, &error),
      "%s", error ? error->message : "");
  dmabuf_fence_unref (fence);

  fail_unless_equals_int (
      gst_harness_push (harness, new_frame (1)), GST_FLOW_OK);
  fail_unless_equals_int (gst_harness_push (harness, busy), GST_FLOW_OK);
  fail_unless_equals_uint64 (get_stat ("cpu-waits"), 0);

  assert_no_flip ();
  fail_unless_equals_uint64 (get_stat ("shown"), 1);
  timeline_inc (timeline, 1);
  gst_harness_push_event (harness, gst_event_new_eos ());
  fail_unless_equals_uint64 (get_stat ("shown"), 2);
}
GST_END_TEST;

static gpointer
push_thread (gpointer frame)
{
  return GINT_TO_POINTER (gst_harness_push (harness, frame));
}

GST_START_TEST (test_flush_while_the_fence_is_pending)
{
  GstSegment segment;
  GThread *thread;

  fail_unless_equals_int (
      gst_harness_push (harness, new_fenced_frame (1)), GST_FLOW_OK);
  thread = g_thread_new ("push", push_thread, new_frame (2));
  sleepers_wait (1);

  gst_harness_push_event (harness, gst_event_new_flush_start ());
  fail_unless_equals_int (
      GPOINTER_TO_INT (g_thread_join (thread)), GST_FLOW_FLUSHING);
  gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE));

  timeline_inc (timeline, 1);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (harness, gst_event_new_segment (&segment));
  fail_unless_equals_int (
      gst_harness_push (harness, new_frame (3)), GST_FLOW_OK);
  gst_harness_push_event (harness, gst_event_new_eos ());
  fail_unless_equals_uint64 (get_stat ("shown"), 2);
}
GST_END_TEST;

GST_START_TEST (test_state_change_while_the_fence_is_pending)
{
  fail_unless_equals_int (
      gst_harness_push (harness, new_fenced_frame (1)), GST_FLOW_OK);
  fail_unless_equals_int (
      gst_element_set_state (sink, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);

  /* The display is free again when the fence has signalled. */
  timeline_inc (timeline, 1);
  fail_unless (kms_presenter_wait_ends (FOREVER));
  fail_if (gst_element_set_state (sink, GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE);
}
GST_END_TEST;

/* A sink starts while the last frame of the previous sink still waits. */
GST_START_TEST (test_start_while_the_end_is_pending)
{
  fail_unless_equals_int (
      gst_harness_push (harness, new_fenced_frame (1)), GST_FLOW_OK);
  gst_element_set_state (sink, GST_STATE_NULL);
  on_refusal = signal_fence;
  fail_if (gst_element_set_state (sink, GST_STATE_PLAYING)
      == GST_STATE_CHANGE_FAILURE);
  fail_unless (on_refusal == NULL);
}
GST_END_TEST;

GST_START_TEST (test_capture_frame_is_what_was_sent)
{
  GstSample *sample = NULL;
  gint width, height;
  GstStructure *structure;
  GstMapInfo map;
  guint x, y, left, top, wrong = 0;

  fail_unless_equals_int (
      gst_harness_push (harness, new_frame (3)), GST_FLOW_OK);
  fail_unless_equals_int (
      gst_harness_push (harness, new_frame (7)), GST_FLOW_OK);
  g_signal_emit_by_name (sink, "capture-frame", &sample);
  fail_unless (sample != NULL);
  structure = gst_caps_get_structure (gst_sample_get_caps (sample), 0);
  gst_structure_get_int (structure, "width", &width);
  gst_structure_get_int (structure, "height", &height);
  fail_unless (width >= WIDTH && height >= HEIGHT);
  left = ((width - WIDTH) / 2) & ~1;
  top = ((height - HEIGHT) / 2) & ~1;

  gst_buffer_map (gst_sample_get_buffer (sample), &map, GST_MAP_READ);
  for (y = 0; y < HEIGHT; y++) {
    const guint32 *row = (const guint32 *) map.data + (y + top) * width + left;

    for (x = 0; x < WIDTH; x++)
      wrong += (row[x] & 0xffffff) != pixel_at (x, y, 7);
  }
  gst_buffer_unmap (gst_sample_get_buffer (sample), &map);
  fail_unless_equals_int (wrong, 0);
  gst_sample_unref (sample);

  /* The stream goes on afterwards. */
  fail_unless_equals_int (
      gst_harness_push (harness, new_frame (8)), GST_FLOW_OK);
}
GST_END_TEST;

static Suite *
kms_lab_suite (void)
{
  Suite *suite = suite_create ("kms-lab");
  TCase *tcase = tcase_create ("lab");

  suite_add_tcase (suite, tcase);
  tcase_add_checked_fixture (tcase, start, stop);
  tcase_add_test (tcase, test_flip_waits_for_the_fence);
  tcase_add_test (tcase, test_flip_waits_for_the_writer_of_the_buffer);
  tcase_add_test (tcase, test_flush_while_the_fence_is_pending);
  tcase_add_test (tcase, test_state_change_while_the_fence_is_pending);
  tcase_add_test (tcase, test_start_while_the_end_is_pending);
  tcase_add_test (tcase, test_capture_frame_is_what_was_sent);

  return suite;
}

GST_CHECK_MAIN (kms_lab);
