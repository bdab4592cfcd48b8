/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A queue of buffers from REQBUFS to REQBUFS(0). */

#include "mock-driver.h"
#include "gst/v4l2/v4l2-queue.h"

#include <errno.h>

#define N_BUFFERS 4

static V4l2Device *
open_mock (V4l2Layout *layout)
{
  GError *error = NULL;
  V4l2Device *device = v4l2_device_open (&mock_api, "/dev/video0", &error);

  assert_no_error (error);
  v4l2_layout_from_format (layout, &mock_driver.format, &error);
  assert_no_error (error);
  return device;
}

static V4l2Queue *
new_queue (gboolean ignore_kernel_fences)
{
  GError *error = NULL;
  V4l2Layout layout;
  V4l2Device *device = open_mock (&layout);
  V4l2Queue *queue =
      v4l2_queue_new (device, &layout, N_BUFFERS, ignore_kernel_fences, &error);

  assert_no_error (error);
  v4l2_device_unref (device);
  return queue;
}

static void
enqueue (V4l2Queue *queue, guint index)
{
  DmabufFence *fence;
  GError *error = NULL;

  fail_unless_equals_int (
      v4l2_queue_enqueue (queue, index, &fence, &error), V4L2_ENQUEUE_DONE);
  assert_no_error (error);
}

static V4l2Frame
dequeue (V4l2Queue *queue)
{
  GError *error = NULL;
  V4l2Frame frame;

  v4l2_queue_dequeue (queue, &frame, &error);
  assert_no_error (error);
  return frame;
}

static void
start (V4l2Queue *queue)
{
  GError *error = NULL;
  guint i;

  for (i = 0; i < v4l2_queue_get_n_buffers (queue); i++)
    enqueue (queue, i);
  v4l2_queue_start (queue, &error);
  assert_no_error (error);
}

static void
stop (V4l2Queue *queue)
{
  GError *error = NULL;

  v4l2_queue_stop (queue);
  fail_unless (v4l2_queue_release (queue, &error));
  assert_no_error (error);
  v4l2_queue_unref (queue);
}

/* Each buffer is exported once, for any number of frames. */
GST_START_TEST (test_exports_once)
{
  V4l2Queue *queue = new_queue (TRUE);
  DmabufBuffer *first = v4l2_queue_get_buffer (queue, 0, 0);
  guint i;

  start (queue);
  for (i = 0; i < 100; i++) {
    mock_driver_capture ();
    enqueue (queue, dequeue (queue).index);
  }
  fail_unless_equals_int (mock_driver.n_exports, N_BUFFERS);
  fail_unless_equals_int (v4l2_queue_get_n_exports (queue), N_BUFFERS);
  fail_unless (v4l2_queue_get_buffer (queue, 0, 0) == first);
  fail_unless (dmabuf_buffer_get_size (first) >= 640 * 480 * 2);
  stop (queue);
}
GST_END_TEST;

/* A frame costs two ioctls on the device, and none on the dma-buf if no
 * consumer leaves fences there. */
GST_START_TEST (test_calls_per_frame)
{
  V4l2Queue *queue = new_queue (TRUE);
  guint calls, i;

  start (queue);
  fake_kernel_reset_calls ();
  calls = mock_driver.n_calls;
  for (i = 0; i < 10; i++) {
    mock_driver_capture ();
    enqueue (queue, dequeue (queue).index);
  }
  fail_unless_equals_int (mock_driver.n_calls - calls, 20);
  fail_unless_equals_int (fake_kernel_get_calls (FAKE_N_CALLS), 0);
  stop (queue);
}
GST_END_TEST;

/* The driver fills buffers in the order of QBUF. */
GST_START_TEST (test_requeue_order)
{
  static const guint order[] = { 2, 0, 3, 1 };
  V4l2Queue *queue = new_queue (TRUE);
  guint i;

  start (queue);
  for (i = 0; i < N_BUFFERS; i++) {
    mock_driver_capture ();
    fail_unless_equals_int (dequeue (queue).index, i);
  }
  for (i = 0; i < N_BUFFERS; i++)
    enqueue (queue, order[i]);
  for (i = 0; i < N_BUFFERS; i++) {
    mock_driver_capture ();
    fail_unless_equals_int (dequeue (queue).index, order[i]);
  }
  stop (queue);
}
GST_END_TEST;

GST_START_TEST (test_frame)
{
  V4l2Queue *queue = new_queue (TRUE);
  GError *error = NULL;
  V4l2Frame frame;

  start (queue);
  fail_if (v4l2_queue_dequeue (queue, &frame, &error));
  assert_error (error, EAGAIN);

  mock_driver.timestamp = 12345678901000;
  mock_driver_capture ();
  frame = dequeue (queue);
  fail_unless_equals_int64 (frame.timestamp, 12345678901000);
  fail_unless_equals_int (frame.sequence, 0);
  fail_unless_equals_int (frame.bytesused, 640 * 480 * 2);
  fail_if (frame.starved);

  mock_driver_capture ();
  mock_driver_capture ();
  mock_driver_capture ();
  fail_if (dequeue (queue).starved);
  fail_if (dequeue (queue).starved);
  fail_unless (dequeue (queue).starved);
  mock_driver_capture (); /* This frame is lost. */
  enqueue (queue, 0);
  mock_driver_capture ();
  fail_unless_equals_int (dequeue (queue).sequence, 5);
  stop (queue);
}
GST_END_TEST;

/* A frame of several dma-bufs. */
GST_START_TEST (test_separate_planes)
{
  static const MockFormat formats[] = { { V4L2_PIX_FMT_NV12M, 2 } };
  V4l2Queue *queue;

  mock_driver.capabilities = V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING;
  mock_driver.formats = formats;
  mock_driver.n_formats = 1;
  mock_driver.format = (struct v4l2_format) {
    .type = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
    .fmt.pix_mp = { .pixelformat = V4L2_PIX_FMT_NV12M,
        .width = 640,
        .height = 480,
        .num_planes = 2,
        .plane_fmt = { { .sizeimage = 307200, .bytesperline = 640 },
            { .sizeimage = 153600, .bytesperline = 640 } } },
  };
  queue = new_queue (TRUE);
  fail_unless_equals_int (v4l2_queue_get_n_exports (queue), 2 * N_BUFFERS);
  fail_unless (v4l2_queue_get_buffer (queue, 1, 0)
      != v4l2_queue_get_buffer (queue, 1, 1));
  start (queue);
  mock_driver_capture ();
  fail_unless_equals_int (dequeue (queue).bytesused, 307200 + 153600);
  stop (queue);
}
GST_END_TEST;

/* If any call fails while a queue is made, the error names the device, and
 * nothing is left (the fixtures check). */
GST_START_TEST (test_nth_call_fails)
{
  GError *error = NULL;
  V4l2Layout layout;
  V4l2Device *device = open_mock (&layout);
  V4l2Queue *queue;
  guint nth;

  for (nth = 1;; nth++) {
    mock_driver.fail_nth = nth;
    mock_driver.fail_code = EIO;
    queue = v4l2_queue_new (device, &layout, N_BUFFERS, TRUE, &error);
    if (queue)
      break;
    fail_unless (strstr (error->message, "/dev/video0 (mock): VIDIOC_"), "%s",
        error->message);
    assert_error (error, EIO);
    fail_unless_equals_int (fake_kernel_get_n_buffers (), 0);
    fail_unless_equals_int (mock_driver.n_buffers, 0);
  }
  /* REQBUFS, and QUERYBUF and EXPBUF for each buffer. */
  fail_unless_equals_int (nth, 2 + 2 * N_BUFFERS);
  mock_driver.fail_nth = 0;
  v4l2_queue_unref (queue);

  /* Likewise for the system calls on the dma-bufs. */
  for (nth = 1;; nth++) {
    fake_kernel_fail_nth (nth, EMFILE);
    queue = v4l2_queue_new (device, &layout, N_BUFFERS, TRUE, &error);
    if (!fake_kernel_fault_fired ())
      break;
    if (!queue)
      g_clear_error (&error);
    g_clear_pointer (&queue, v4l2_queue_unref);
    fail_unless_equals_int (fake_kernel_get_n_buffers (), 0);
  }
  fake_kernel_fail_nth (0, 0);
  v4l2_queue_unref (queue);
  v4l2_device_unref (device);
}
GST_END_TEST;

GST_START_TEST (test_busy_device)
{
  GError *error = NULL;
  V4l2Layout layout;
  V4l2Device *device = open_mock (&layout);

  mock_driver.fail_nth = 1;
  mock_driver.fail_code = EBUSY;
  mock_driver.fail_request = VIDIOC_REQBUFS;
  fail_unless (
      v4l2_queue_new (device, &layout, N_BUFFERS, TRUE, &error) == NULL);
  fail_unless (strstr (error->message, "in use by another program"));
  assert_error (error, EBUSY);
  v4l2_device_unref (device);
}
GST_END_TEST;

/* With orphaning the next format does not wait for the buffers of this one,
 * which stay valid for the consumers that hold them. */
GST_START_TEST (test_orphaning)
{
  V4l2Queue *queue = new_queue (TRUE), *next;
  DmabufBuffer *held = dmabuf_buffer_ref (v4l2_queue_get_buffer (queue, 1, 0));
  DmabufFence *fence;

  start (queue);
  v4l2_queue_stop (queue);
  fail_unless (v4l2_queue_release (queue, NULL));

  next = new_queue (TRUE);
  start (next);
  mock_driver.n_order = 0;

  /* The late buffer is not queued by its index into the new set. */
  fail_unless_equals_int (
      v4l2_queue_enqueue (queue, 1, &fence, NULL), V4L2_ENQUEUE_STOPPED);
  fail_unless_equals_int (mock_driver.n_order, 0);
  fail_unless (dmabuf_buffer_get_size (held) > 0);

  v4l2_queue_unref (queue);
  dmabuf_buffer_unref (held);
  stop (next);
}
GST_END_TEST;

/* Without orphaning the error names the consumers, and releasing works when
 * they have dropped their buffers. */
GST_START_TEST (test_no_orphaning)
{
  V4l2Queue *queue;
  DmabufBuffer *held;
  GError *error = NULL;

  mock_driver.buffer_capabilities = 0;
  queue = new_queue (TRUE);
  held = dmabuf_buffer_ref (v4l2_queue_get_buffer (queue, 1, 0));
  start (queue);
  v4l2_queue_stop (queue);
  fail_if (v4l2_queue_release (queue, &error));
  fail_unless (strstr (error->message, "consumers still hold buffers"));
  assert_error (error, EBUSY);

  dmabuf_buffer_unref (held);
  fail_unless (v4l2_queue_release (queue, &error));
  v4l2_queue_unref (queue);
}
GST_END_TEST;

GST_START_TEST (test_unplugged)
{
  V4l2Queue *queue = new_queue (TRUE);
  DmabufFence *fence;
  GError *error = NULL;
  V4l2Frame frame;

  start (queue);
  mock_driver_capture ();
  dequeue (queue);
  mock_driver_unplug ();
  fail_if (v4l2_queue_dequeue (queue, &frame, &error));
  fail_unless (strstr (error->message, "the device is gone"));
  assert_error (error, ENODEV);
  fail_unless_equals_int (
      v4l2_queue_enqueue (queue, 0, &fence, &error), V4L2_ENQUEUE_FAILED);
  assert_error (error, ENODEV);
  stop (queue);
}
GST_END_TEST;

/* The buffer indices and sizes of a driver are checked. */
GST_START_TEST (test_broken_driver)
{
  GError *error = NULL;
  V4l2Layout layout;
  V4l2Device *device = open_mock (&layout);

  layout.sizes[0] *= 2;
  fail_unless (
      v4l2_queue_new (device, &layout, N_BUFFERS, TRUE, &error) == NULL);
  fail_unless (strstr (error->message, "the format needs"));
  assert_error (error, EINVAL);
  v4l2_device_unref (device);
}
GST_END_TEST;

GST_START_TEST (test_min_buffers)
{
  V4l2Layout layout;
  V4l2Device *device = open_mock (&layout);

  fail_unless_equals_int (v4l2_queue_get_min_buffers (device), 2);
  mock_driver.min_buffers = 5;
  fail_unless_equals_int (v4l2_queue_get_min_buffers (device), 5);
  mock_driver.min_buffers = 1000;
  fail_unless_equals_int (v4l2_queue_get_min_buffers (device), 2);
  v4l2_device_unref (device);
}
GST_END_TEST;

GST_START_TEST (test_interrupts_are_restarted)
{
  V4l2Queue *queue;
  guint i;

  mock_driver.interrupts = TRUE;
  queue = new_queue (TRUE);
  start (queue);
  for (i = 0; i < 10; i++) {
    mock_driver_capture ();
    enqueue (queue, dequeue (queue).index);
  }
  stop (queue);
}
GST_END_TEST;

static Suite *
queue_suite (void)
{
  Suite *suite = suite_create ("v4l2-queue");
  TCase *tc = mock_driver_add_case (suite, "general");

  tcase_add_test (tc, test_exports_once);
  tcase_add_test (tc, test_calls_per_frame);
  tcase_add_test (tc, test_requeue_order);
  tcase_add_test (tc, test_frame);
  tcase_add_test (tc, test_separate_planes);
  tcase_add_test (tc, test_nth_call_fails);
  tcase_add_test (tc, test_busy_device);
  tcase_add_test (tc, test_orphaning);
  tcase_add_test (tc, test_no_orphaning);
  tcase_add_test (tc, test_unplugged);
  tcase_add_test (tc, test_broken_driver);
  tcase_add_test (tc, test_min_buffers);
  tcase_add_test (tc, test_interrupts_are_restarted);

  return suite;
}

GST_CHECK_MAIN (queue);
