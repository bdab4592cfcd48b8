/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames as GstBuffers, and their way back to the driver. */

#include "mock-driver-private.h"
#include "gst/lib/gstdmabufcore.h"
#include "gst/v4l2/v4l2-pool.h"
#include "../fake-kernel/fake-sync.h"
#include "../lib/sw-sync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>

#define N_BUFFERS 3

static V4l2Queue *queue;
static V4l2Pool *pool;

/* To be called within the fixtures that check for leaks. */
static void
pool_start_full (gboolean ignore_kernel_fences)
{
  GError *error = NULL;
  GstCaps *caps = gst_caps_new_empty_simple ("video/x-raw");
  V4l2Layout layout;
  V4l2Device *device = v4l2_device_open (&mock_api, "/dev/video0", &error);

  assert_no_error (error);
  v4l2_layout_from_format (&layout, &mock_driver.format, &error);
  assert_no_error (error);
  queue =
      v4l2_queue_new (device, &layout, N_BUFFERS, ignore_kernel_fences, &error);
  assert_no_error (error);
  pool = v4l2_pool_new (queue, &layout, caps, &error);
  assert_no_error (error);
  v4l2_queue_start (queue, &error);
  assert_no_error (error);
  fail_unless_equals_int (mock_driver.n_queued, N_BUFFERS);

  v4l2_device_unref (device);
  gst_caps_unref (caps);
}

static void
pool_start (void)
{
  pool_start_full (TRUE);
}

static void
pool_end (void)
{
  v4l2_pool_shutdown (pool);
  v4l2_queue_release (queue, NULL);
  v4l2_queue_unref (queue);
  gst_object_unref (pool);
}

static GstBuffer *
acquire (void)
{
  GstBuffer *buffer = NULL;
  GError *error = NULL;
  V4l2Frame frame;

  mock_driver_capture ();
  fail_unless_equals_int (
      v4l2_pool_acquire (pool, &buffer, &frame, &error), GST_FLOW_OK);
  assert_no_error (error);
  return buffer;
}

static void
capture (void)
{
  fail_unless (mock_driver_capture ());
}

/* The buffer, meta and memory that consumers get. */
GST_START_TEST (test_buffer)
{
  GstBuffer *buffer;
  GstVideoMeta *meta;
  GstMemory *memory;

  pool_start ();
  buffer = acquire ();
  fail_unless_equals_int (gst_buffer_n_memory (buffer), 1);
  memory = gst_buffer_peek_memory (buffer, 0);
  fail_unless (gst_is_dmabuf_memory (memory));
  fail_unless (gst_dmabuf_core_memory_get_buffer (memory, NULL)
      == v4l2_queue_get_buffer (queue, 0, 0));
  /* As large as its pixels, without the padding to whole pages. */
  fail_unless_equals_int (gst_buffer_get_size (buffer), 640 * 480 * 2);
  meta = gst_buffer_get_video_meta (buffer);
  fail_unless_equals_int (meta->stride[0], 640 * 2);
  fail_unless_equals_int (meta->width, 640);
  gst_buffer_unref (buffer);
  pool_end ();
}
GST_END_TEST;

/* A frame that is ready costs only DQBUF, from the second such frame on.
 * Without one, poll() waits, and DQBUF is not repeated. */
GST_START_TEST (test_frames_that_wait_are_not_polled_for)
{
  GstBuffer *buffers[2];
  guint i, calls;

  pool_start ();
  /* On a busy machine poll() may take long, which looks like a wait: try again
   * with the next frames. */
  i = 0;
  do {
    gst_buffer_unref (acquire ());
    calls = mock_driver.n_calls;
    buffers[0] = acquire ();
    calls = mock_driver.n_calls - calls;
    if (calls != 1)
      gst_buffer_unref (buffers[0]);
  } while (calls != 1 && i++ < 100);
  fail_unless_equals_int (calls, 1);

  calls = mock_driver.n_calls;
  mock_driver.before_poll = capture;
  fail_unless_equals_int (
      v4l2_pool_acquire (pool, &buffers[1], &(V4l2Frame) { 0 }, NULL),
      GST_FLOW_OK);
  /* DQBUF with EAGAIN, poll, DQBUF. */
  fail_unless_equals_int (mock_driver.n_calls - calls, 3);

  for (i = 0; i < G_N_ELEMENTS (buffers); i++)
    gst_buffer_unref (buffers[i]);
  pool_end ();
}
GST_END_TEST;

/* The thread that drops a buffer queues it at once; the same GstBuffer and
 * GstMemory come again, without the consumer's flags and metas. */
GST_START_TEST (test_release_requeues)
{
  GstBuffer *buffer, *again;
  GstMemory *memory;
  guint i;

  pool_start ();
  buffer = acquire ();
  memory = gst_buffer_peek_memory (buffer, 0);
  GST_BUFFER_PTS (buffer) = 5;
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);
  gst_buffer_add_video_crop_meta (buffer);
  gst_buffer_resize (buffer, 10, 100);
  fail_unless_equals_int (mock_driver.n_queued, N_BUFFERS - 1);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (mock_driver.n_queued, N_BUFFERS);
  fail_unless_equals_uint64 (v4l2_pool_get_n_requeued (pool), 1);

  for (i = 0; i < N_BUFFERS; i++) {
    again = acquire ();
    fail_unless (i < N_BUFFERS - 1 || again == buffer);
    if (again == buffer) {
      fail_unless (gst_buffer_peek_memory (again, 0) == memory);
      fail_unless_equals_uint64 (GST_BUFFER_PTS (again), GST_CLOCK_TIME_NONE);
      fail_if (GST_BUFFER_FLAG_IS_SET (again, GST_BUFFER_FLAG_CORRUPTED));
      fail_unless (gst_buffer_get_video_crop_meta (again) == NULL);
      fail_unless (gst_buffer_get_video_meta (again) != NULL);
      fail_unless_equals_int (gst_buffer_get_size (again), 640 * 480 * 2);
    }
    gst_buffer_unref (again);
  }
  pool_end ();
}
GST_END_TEST;

/* A copy of the buffer (tee, make_writable) shares the memory: the driver gets
 * it back with the last copy, and the same GstMemory comes again. */
GST_START_TEST (test_shared_memory_comes_home_last)
{
  GstBuffer *buffer, *copy, *part;
  GstMemory *memory, *held;
  guint i;

  pool_start ();
  buffer = acquire ();
  memory = gst_buffer_peek_memory (buffer, 0);
  copy = gst_buffer_copy (buffer);
  part = gst_buffer_copy_region (copy, GST_BUFFER_COPY_MEMORY, 16, 32);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (mock_driver.n_queued, N_BUFFERS - 1);
  gst_buffer_unref (copy);
  fail_unless_equals_int (mock_driver.n_queued, N_BUFFERS - 1);
  gst_buffer_unref (part);
  fail_unless_equals_int (mock_driver.n_queued, N_BUFFERS);

  /* A plain reference to the memory counts as well. */
  for (i = 0; i < N_BUFFERS; i++) {
    buffer = acquire ();
    if (gst_buffer_peek_memory (buffer, 0) == memory)
      break;
    gst_buffer_unref (buffer);
  }
  fail_unless (i < N_BUFFERS);
  held = gst_buffer_get_memory (buffer, 0);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (mock_driver.n_queued, N_BUFFERS - 1);
  gst_memory_unref (held);
  fail_unless_equals_int (mock_driver.n_queued, N_BUFFERS);
  pool_end ();
}
GST_END_TEST;

/* An element replaces the memory of the buffer. */
GST_START_TEST (test_replaced_memory)
{
  GstBuffer *buffer;

  pool_start ();
  buffer = acquire ();
  gst_buffer_replace_all_memory (buffer, gst_allocator_alloc (NULL, 10, NULL));
  fail_unless_equals_int (mock_driver.n_queued, N_BUFFERS);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (mock_driver.n_queued, N_BUFFERS);
  fail_unless_equals_uint64 (v4l2_pool_get_n_requeued (pool), 1);
  pool_end ();
}
GST_END_TEST;

static GstMemory *taken;

static void
drop_taken (GstDebugCategory *category, GstDebugLevel level, const gchar *file,
    const gchar *function, gint line, GObject *object, GstDebugMessage *message,
    gpointer data)
{
  if (taken && g_str_has_suffix (gst_debug_message_get (message), "is shared"))
    gst_memory_unref (g_steal_pointer (&taken));
}

/* The memory that an element has taken out of a buffer comes home while the
 * buffer is released: a log function runs between the pool's check of the
 * buffer and its unref. */
GST_START_TEST (test_memory_overtakes_its_buffer)
{
  GstBuffer *buffer;
  guint i;

  pool_start ();
  gst_debug_set_threshold_for_name ("dmabufv4l2", GST_LEVEL_LOG);
  gst_debug_add_log_function (drop_taken, NULL, NULL);
  buffer = acquire ();
  taken = gst_buffer_get_memory (buffer, 0);
  gst_buffer_remove_all_memory (buffer);
  gst_buffer_unref (buffer);
  gst_debug_remove_log_function (drop_taken);
  gst_debug_unset_threshold_for_name ("dmabufv4l2");
  fail_unless (taken == NULL);
  fail_unless_equals_int (mock_driver.n_queued, N_BUFFERS);

  for (i = 0; i < N_BUFFERS; i++) {
    buffer = acquire ();
    fail_unless_equals_int (gst_buffer_get_size (buffer), 640 * 480 * 2);
    gst_buffer_unref (buffer);
  }
  pool_end ();
}
GST_END_TEST;

/* While consumers hold all buffers the driver drops frames, and the element
 * does not copy. */
GST_START_TEST (test_starved)
{
  GstBuffer *buffers[N_BUFFERS];
  V4l2Frame frame;
  GError *error = NULL;
  GstBuffer *late;
  guint i;

  pool_start ();
  for (i = 0; i < N_BUFFERS; i++)
    buffers[i] = acquire ();
  mock_driver_capture ();
  mock_driver_capture ();
  gst_buffer_unref (buffers[1]);
  mock_driver_capture ();
  fail_unless_equals_int (
      v4l2_pool_acquire (pool, &late, &frame, &error), GST_FLOW_OK);
  fail_unless (late == buffers[1]);
  fail_unless_equals_int (frame.sequence, N_BUFFERS + 2);
  fail_unless (frame.starved);
  gst_buffer_unref (late);
  gst_buffer_unref (buffers[0]);
  gst_buffer_unref (buffers[2]);
  pool_end ();
}
GST_END_TEST;

/* Shutting down the pool does not wait for its buffers; each one is freed when
 * it comes back. */
GST_START_TEST (test_shutdown_with_buffers_outside)
{
  GstBuffer *buffer, *copy, *shared;

  pool_start ();
  buffer = acquire ();
  shared = acquire ();
  copy = gst_buffer_copy (shared);
  pool_end ();
  fail_unless_equals_int (fake_kernel_get_n_buffers (), 2);
  fail_unless_equals_int (mock_driver.n_buffers, 0);

  gst_buffer_unref (buffer);
  fail_unless_equals_int (fake_kernel_get_n_buffers (), 1);
  gst_buffer_unref (shared);
  fail_unless_equals_int (fake_kernel_get_n_buffers (), 1);
  gst_buffer_unref (copy);
  fail_unless_equals_int (fake_kernel_get_n_buffers (), 0);
}
GST_END_TEST;

/* A frame that the driver marks as empty is skipped. */
GST_START_TEST (test_empty_frame)
{
  GstBuffer *buffer;
  V4l2Frame frame;
  GError *error = NULL;

  pool_start ();
  mock_driver.next_frame_is_bad = TRUE;
  mock_driver_capture ();
  mock_driver_capture ();
  fail_unless_equals_int (
      v4l2_pool_acquire (pool, &buffer, &frame, &error), GST_FLOW_OK);
  fail_unless_equals_int (frame.sequence, 1);
  fail_unless_equals_int (mock_driver.n_queued, N_BUFFERS - 1);
  gst_buffer_unref (buffer);
  pool_end ();
}
GST_END_TEST;

/* So is a frame without bytes and without the mark. */
GST_START_TEST (test_frame_without_bytes)
{
  GstBuffer *buffer;
  V4l2Frame frame;
  GError *error = NULL;

  pool_start ();
  mock_driver.next_frame_is_empty = TRUE;
  mock_driver_capture ();
  mock_driver_capture ();
  fail_unless_equals_int (
      v4l2_pool_acquire (pool, &buffer, &frame, &error), GST_FLOW_OK);
  fail_unless_equals_int (frame.sequence, 1);
  gst_buffer_unref (buffer);
  pool_end ();
}
GST_END_TEST;

static const MockFormat separate_planes[] = { { V4L2_PIX_FMT_NV12M, 2 } };

static void
use_separate_planes (guint32 data_offset)
{
  mock_driver.capabilities = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING;
  mock_driver.formats = separate_planes;
  mock_driver.n_formats = 1;
  mock_driver.data_offset = data_offset;
  mock_driver.format =
      (struct v4l2_format) { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE };
  v4l2_format_set_size (&mock_driver.format, 640, 480);
  mock_adjust_format (&mock_driver.format);
}

/* The offset of the pixels in a plane is in the meta. */
GST_START_TEST (test_data_offset)
{
  GstBuffer *buffer;
  GstVideoMeta *meta;

  use_separate_planes (64);
  pool_start ();
  buffer = acquire ();
  meta = gst_buffer_get_video_meta (buffer);
  fail_unless_equals_int (meta->offset[0], 64);
  fail_unless_equals_int (
      meta->offset[1], gst_buffer_peek_memory (buffer, 0)->size + 64);
  gst_buffer_unref (buffer);
  pool_end ();
}
GST_END_TEST;

/* SEC-7: an offset that moves the picture out of its buffer is an error. */
GST_START_TEST (test_data_offset_outside)
{
  GstBuffer *buffer = NULL;
  GError *error = NULL;
  V4l2Frame frame;

  use_separate_planes (64);
  pool_start ();
  mock_driver.data_offset = 65;
  mock_driver_capture ();
  fail_unless_equals_int (
      v4l2_pool_acquire (pool, &buffer, &frame, &error), GST_FLOW_ERROR);
  fail_unless (strstr (error->message, "byte 65"), "%s", error->message);
  assert_error (error, EIO);
  pool_end ();
}
GST_END_TEST;

/* If the driver takes no buffer back, the stream ends with an error instead of
 * waiting for frames. */
GST_START_TEST (test_no_buffer_is_taken_back)
{
  GstBuffer *buffers[N_BUFFERS], *buffer = NULL;
  GError *error = NULL;
  V4l2Frame frame;
  guint i;

  pool_start ();
  for (i = 0; i < N_BUFFERS; i++)
    buffers[i] = acquire ();
  for (i = 0; i < N_BUFFERS; i++) {
    mock_driver.fail_nth = 1;
    mock_driver.fail_code = EINVAL;
    mock_driver.fail_request = VIDIOC_QBUF;
    gst_buffer_unref (buffers[i]);
  }
  v4l2_device_clear_wake (v4l2_queue_get_device (queue));
  fail_unless_equals_int (
      v4l2_pool_acquire (pool, &buffer, &frame, &error), GST_FLOW_ERROR);
  fail_unless (strstr (error->message, "VIDIOC_QBUF"), "%s", error->message);
  assert_error (error, EINVAL);
  pool_end ();
}
GST_END_TEST;

GST_START_TEST (test_acquire_ends)
{
  V4l2Device *device;
  GstBuffer *buffer = NULL;
  GError *error = NULL;
  V4l2Frame frame;

  pool_start ();
  device = v4l2_queue_get_device (queue);
  v4l2_device_wake (device);
  fail_unless_equals_int (
      v4l2_pool_acquire (pool, &buffer, &frame, &error), GST_FLOW_FLUSHING);
  assert_no_error (error);
  v4l2_device_clear_wake (device);

  mock_driver_unplug ();
  fail_unless_equals_int (
      v4l2_pool_acquire (pool, &buffer, &frame, &error), GST_FLOW_ERROR);
  assert_error (error, ENODEV);
  pool_end ();
}
GST_END_TEST;

/* Adds a reader to the kernel's reservation of @buffer, as another process
 * would, until the timeline's next step. */
static void
add_kernel_reader (GstBuffer *buffer, int timeline)
{
  struct dma_buf_import_sync_file import = { .flags = DMA_BUF_SYNC_READ };
  int fd = gst_dmabuf_memory_get_fd (gst_buffer_peek_memory (buffer, 0));

  import.fd = timeline_new_fd (timeline, 1);
  fail_unless (import.fd >= 0);
  fail_unless (
      dmabuf_kernel->ioctl (fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import) == 0);
  dmabuf_kernel->close (import.fd);
}

/* V4L2 does not wait for fences, so the pool does: a buffer is queued after its
 * readers are done, and the stream goes on with the others. */
GST_START_TEST (test_reader_is_waited_for)
{
  int timeline = timeline_open ();
  GstBuffer *buffer;

  pool_start_full (FALSE);
  buffer = acquire ();
  add_kernel_reader (buffer, timeline);
  gst_buffer_unref (buffer);
  fail_unless_equals_int (mock_driver_get_n_queued (), N_BUFFERS - 1);
  fail_unless_equals_uint64 (v4l2_pool_get_n_fences_waited (pool), 1);

  gst_buffer_unref (acquire ());
  fail_unless_equals_int (mock_driver_get_n_queued (), N_BUFFERS - 1);

  timeline_inc (timeline, 1);
  mock_driver_wait_n_queued (N_BUFFERS);
  pool_end ();
  dmabuf_kernel->close (timeline);
}
GST_END_TEST;

static struct
{
  GMutex lock;
  GCond cond;
  gboolean gone;
} last_pool; /* For test_shutdown_with_fence_pending */

static void
on_pool_gone (gpointer data, GObject *object)
{
  g_mutex_lock (&last_pool.lock);
  last_pool.gone = TRUE;
  g_cond_signal (&last_pool.cond);
  g_mutex_unlock (&last_pool.lock);
}

static void
wait_pool_gone (void)
{
  g_mutex_lock (&last_pool.lock);
  while (!last_pool.gone)
    g_cond_wait (&last_pool.cond, &last_pool.lock);
  g_mutex_unlock (&last_pool.lock);
}

/* Shutting down does not wait for a reader, and frees the buffer; the kernel
 * keeps the memory until the reader is done. */
GST_START_TEST (test_shutdown_with_fence_pending)
{
  int timeline = timeline_open ();
  GstBuffer *buffer;

  pool_start_full (FALSE);
  buffer = acquire ();
  add_kernel_reader (buffer, timeline);
  gst_buffer_unref (buffer);
  g_object_weak_ref (G_OBJECT (pool), on_pool_gone, NULL);
  pool_end ();
  fail_unless_equals_int (fake_kernel_get_n_buffers (), 0);

  /* The fence's callback holds the pool until it signals. */
  fail_if (last_pool.gone);
  timeline_inc (timeline, 1);
  wait_pool_gone ();
  mock_driver_wait_closed ();
  dmabuf_kernel->close (timeline);
}
GST_END_TEST;

typedef struct
{
  GAsyncQueue *buffers;
  guint seed;
} Consumer;

static gpointer
consume (gpointer data)
{
  Consumer *consumer = data;
  GRand *random = g_rand_new_with_seed (consumer->seed);
  GstBuffer *buffer;

  while ((buffer = g_async_queue_pop (consumer->buffers)) != data) {
    if (g_rand_boolean (random)) {
      GstBuffer *copy = gst_buffer_copy (buffer);

      gst_buffer_unref (buffer);
      buffer = copy;
    }
    if (g_rand_int_range (random, 0, 8) == 0)
      g_thread_yield ();
    gst_buffer_unref (buffer);
  }
  g_rand_free (random);
  return NULL;
}

/* Buffers come back on many threads, whole and shared, while frames come and
 * until the pool is freed. */
GST_START_TEST (test_many_threads)
{
  Consumer consumers[3];
  GThread *threads[G_N_ELEMENTS (consumers)];
  guint i, k;

  pool_start ();
  for (i = 0; i < G_N_ELEMENTS (consumers); i++) {
    consumers[i].buffers = g_async_queue_new ();
    consumers[i].seed = i;
    threads[i] = g_thread_new ("consumer", consume, &consumers[i]);
  }

  for (k = 0; k < 2000; k++) {
    GstBuffer *buffer;
    V4l2Frame frame;
    GError *error = NULL;

    mock_driver_wait_some_queued ();
    mock_driver_capture ();
    fail_unless_equals_int (
        v4l2_pool_acquire (pool, &buffer, &frame, &error), GST_FLOW_OK);
    for (i = 0; i < G_N_ELEMENTS (consumers); i++)
      g_async_queue_push (consumers[i].buffers, gst_buffer_ref (buffer));
    gst_buffer_unref (buffer);
  }
  pool_end ();

  for (i = 0; i < G_N_ELEMENTS (consumers); i++) {
    g_async_queue_push (consumers[i].buffers, &consumers[i]);
    g_thread_join (threads[i]);
    g_async_queue_unref (consumers[i].buffers);
  }
}
GST_END_TEST;

static Suite *
pool_suite (void)
{
  Suite *suite = suite_create ("v4l2-pool");
  TCase *tc = mock_driver_add_case (suite, "general");

  tcase_add_test (tc, test_buffer);
  tcase_add_test (tc, test_frames_that_wait_are_not_polled_for);
  tcase_add_test (tc, test_release_requeues);
  tcase_add_test (tc, test_shared_memory_comes_home_last);
  tcase_add_test (tc, test_replaced_memory);
  tcase_add_test (tc, test_memory_overtakes_its_buffer);
  tcase_add_test (tc, test_starved);
  tcase_add_test (tc, test_shutdown_with_buffers_outside);
  tcase_add_test (tc, test_empty_frame);
  tcase_add_test (tc, test_frame_without_bytes);
  tcase_add_test (tc, test_data_offset);
  tcase_add_test (tc, test_data_offset_outside);
  tcase_add_test (tc, test_no_buffer_is_taken_back);
  tcase_add_test (tc, test_acquire_ends);
  tcase_add_test (tc, test_reader_is_waited_for);
  tcase_add_test (tc, test_shutdown_with_fence_pending);
  tcase_add_test (tc, test_many_threads);

  return suite;
}

GST_CHECK_MAIN (pool);
