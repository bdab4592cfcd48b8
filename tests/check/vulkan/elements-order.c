/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The order of frames and of work of the GPU that is truly pending. */

#include "elements-order.h"

#include <string.h>
#include <unistd.h>

#include "../lib/sw-sync.h"
#include "converter-fixture.h"

static gint64
soon (void)
{
  return g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
}

/* A GPU that has been given its work and cannot begin */
typedef struct
{
  GstHarness *h;
  int timeline;
  DmabufFence *held; /* what the input waits for */
  GstBuffer *in;
  gint requeued;
} Order;

static void
order_init (Order *self, const char *option, gboolean syncs)
{
  memset (self, 0, sizeof (*self));
  self->timeline = timeline_open ();
  self->held = timeline_new_fence (self->timeline, 1);
  self->h = new_converter (option, CAPS ("RGBx", 8, 4), syncs);
}

static void
order_clear (Order *self)
{
  free_converter (self->h);
  dmabuf_fence_unref (self->held);
  close (self->timeline);
}

static gboolean
is_ready (GstBuffer *buffer, DmabufAccess access)
{
  return dmabuf_buffer_wait (
      get_dmabuf (buffer), access, g_get_monotonic_time (), NULL, NULL);
}

/* A camera: what comes back is filled anew, at once, by a device that knows no
 * fences. */
static void
on_requeued (gpointer user_data)
{
  Order *self = user_data;

  write_raw (self->in, 2);
  g_atomic_int_set (&self->requeued, TRUE);
}

/* What the camera hands out of its memory, which it keeps */
static GstBuffer *
dequeue (Order *self, GstBufferPool *pool)
{
  GstBuffer *sent = gst_buffer_new ();
  GstVideoMeta *meta;

  self->in = new_frame (pool, 1);
  meta = gst_buffer_get_video_meta (self->in);
  gst_buffer_append_memory (
      sent, gst_memory_ref (gst_buffer_peek_memory (self->in, 0)));
  gst_buffer_add_video_meta_full (sent, GST_VIDEO_FRAME_FLAG_NONE, meta->format,
      WIDTH, HEIGHT, meta->n_planes, meta->offset, meta->stride);
  gst_mini_object_set_qdata (GST_MINI_OBJECT (sent),
      g_quark_from_static_string ("camera"), self, on_requeued);

  return sent;
}

/* The output comes at once, and who reads it waits for the GPU; the input goes
 * back when the GPU has read it, and what it holds then does not show. */
GST_START_TEST (a_camera_gets_its_buffer_back_when_it_has_been_read)
{
  GstBufferPool *pool;
  GError *error = NULL;
  DmabufFence *fence;
  GstBuffer *out;
  Order order;

  order_init (&order, NULL, TRUE);
  pool = new_pool (1);
  g_assert_cmpint (
      gst_harness_push (order.h, dequeue (&order, pool)), ==, GST_FLOW_OK);
  /* the first frame, for which there was nothing to wait, is the compiler's */
  out = gst_harness_pull (order.h);
  check_content (out, 1);
  gst_buffer_unref (out);
  while (!g_atomic_int_get (&order.requeued))
    g_usleep (1000);
  gst_buffer_unref (order.in);

  g_atomic_int_set (&order.requeued, FALSE);
  out = dequeue (&order, pool);
  g_assert_true (dmabuf_buffer_add_fence (
      get_dmabuf (out), DMABUF_ACCESS_WRITE, order.held, &error));
  g_assert_no_error (error);
  g_assert_cmpint (gst_harness_push (order.h, out), ==, GST_FLOW_OK);
  out = gst_harness_pull (order.h);

  fence = gst_buffer_get_dmabuf_core_fence (out);
  g_assert_nonnull (fence);
  /* time for what should not happen */
  g_usleep (300 * 1000);
  g_assert_false (dmabuf_fence_is_signaled (fence));
  g_assert_false (g_atomic_int_get (&order.requeued));
  /* for others in the kernel as well: the output is being written, the input
   * is being read */
  g_assert_false (is_ready (out, DMABUF_ACCESS_READ));
  g_assert_false (is_ready (order.in, DMABUF_ACCESS_WRITE));
  g_assert_cmpuint (get_stat (order.h, "semaphores"), ==, 1);
  g_assert_cmpuint (get_stat (order.h, "cpu-waits"), ==, 0);

  timeline_inc (order.timeline, 1);
  g_assert_true (dmabuf_fence_wait (fence, soon (), NULL, &error));
  while (!g_atomic_int_get (&order.requeued))
    g_usleep (1000);
  check_content (out, 1);

  gst_buffer_unref (out);
  gst_buffer_unref (order.in);
  order_clear (&order);
  free_pool (pool);
  check_nothing_is_left ();
}
GST_END_TEST

/* The same with a producer that knows fences: a pool of one buffer. */
GST_START_TEST (a_pool_hands_out_a_buffer_when_it_has_been_read)
{
  GstBufferPoolAcquireParams at_once = {
    .flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT
  };
  GstBuffer *in, *out;
  GstBufferPool *pool;
  Order order;

  order_init (&order, NULL, TRUE);
  pool = new_pool (1);
  in = new_frame (pool, 1);
  gst_buffer_add_dmabuf_core_sync_meta (in, order.held);
  g_assert_cmpint (gst_harness_push (order.h, in), ==, GST_FLOW_OK);
  out = gst_harness_pull (order.h);
  g_usleep (300 * 1000);
  g_assert_cmpint (
      gst_buffer_pool_acquire_buffer (pool, &in, &at_once), ==, GST_FLOW_EOS);
  g_assert_false (is_ready (out, DMABUF_ACCESS_READ));

  timeline_inc (order.timeline, 1);
  in = new_frame (pool, 2);
  check_content (out, 1);
  gst_buffer_unref (in);
  gst_buffer_unref (out);

  order_clear (&order);
  free_pool (pool);
  check_nothing_is_left ();
}
GST_END_TEST

typedef struct
{
  GstHarness *h;
  GstBuffer *in;
  gint pushed;
} Push;

static gpointer
push (gpointer user_data)
{
  Push *self = user_data;

  g_assert_cmpint (gst_harness_push (self->h, self->in), ==, GST_FLOW_OK);
  g_atomic_int_set (&self->pushed, TRUE);

  return NULL;
}

/* Who knows no fences gets the frame when it is there, or, where it is said to
 * know implicit ones, at once. */
GST_START_TEST (others_wait_implicitly_or_get_what_is_there)
{
  guint implicit;

  for (implicit = 0; implicit < 2; implicit++) {
    GstBufferPool *pool;
    GThread *thread;
    GstBuffer *out;
    Order order;
    Push frame = { NULL };

    order_init (&order, implicit ? "implicit-sync=true" : NULL, FALSE);
    pool = new_pool (2);
    frame.h = order.h;
    frame.in = new_frame (pool, 1);
    gst_buffer_add_dmabuf_core_sync_meta (frame.in, order.held);
    thread = g_thread_new ("push", push, &frame);
    if (implicit) {
      out = gst_harness_pull (order.h);
      g_assert_false (is_ready (out, DMABUF_ACCESS_READ));
      timeline_inc (order.timeline, 1);
    } else {
      g_usleep (300 * 1000);
      g_assert_false (g_atomic_int_get (&frame.pushed));
      timeline_inc (order.timeline, 1);
      out = gst_harness_pull (order.h);
      g_assert_true (is_ready (out, DMABUF_ACCESS_READ));
    }
    g_assert_null (gst_buffer_get_dmabuf_core_fence (out));
    check_content (out, 1);
    g_thread_join (thread);
    g_assert_cmpuint (get_stat (order.h, "cpu-waits"), ==, !implicit);
    gst_buffer_unref (out);

    order_clear (&order);
    free_pool (pool);
    check_nothing_is_left ();
  }
}
GST_END_TEST

/* A fence that this driver cannot wait for itself (it would in the export,
 * where no deadline reaches it) is waited for without the lock. */
GST_START_TEST (a_fence_is_not_waited_for_under_the_lock)
{
  DmabufReservation *reservation;
  Push frame = { NULL };
  GstBufferPool *pool;
  guint n_free = 0, i;
  GThread *thread;
  GstBuffer *out;
  Order order;

  order_init (&order, NULL, TRUE);
  pool = new_pool (2);
  /* compiled before, so that the wait is the fence's */
  g_assert_cmpint (
      gst_harness_push (order.h, new_frame (pool, 2)), ==, GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (order.h));
  frame.h = order.h;
  frame.in = new_frame (pool, 1);
  reservation = dmabuf_buffer_get_reservation (get_dmabuf (frame.in));
  gst_buffer_add_dmabuf_core_sync_meta (frame.in, order.held);
  thread = g_thread_new ("push", push, &frame);
  g_usleep (300 * 1000);
  for (i = 0; i < 50; i++) {
    g_usleep (10 * 1000);
    n_free += !dmabuf_reservation_is_locked (reservation);
  }
  g_assert_false (g_atomic_int_get (&frame.pushed));
  /* it was taken for a moment, to look */
  g_assert_cmpuint (n_free, >, 25);
  timeline_inc (order.timeline, 1);
  out = gst_harness_pull (order.h);
  check_content (out, 1);
  g_thread_join (thread);
  gst_buffer_unref (out);

  order_clear (&order);
  free_pool (pool);
  check_nothing_is_left ();
}
GST_END_TEST

void
elements_add_completed_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_fence_is_not_waited_for_under_the_lock);
}

void
elements_add_order_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_camera_gets_its_buffer_back_when_it_has_been_read);
  tcase_add_test (tcase, a_pool_hands_out_a_buffer_when_it_has_been_read);
  tcase_add_test (tcase, others_wait_implicitly_or_get_what_is_there);
}
