/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The order of accesses to a frame while the GPU's work on it is pending. */

#include <string.h>
#include <unistd.h>

#include "../lib/stats.h"
#include "../lib/sw-sync.h"
#include "async-loader.h"
#include "converter-fixture.h"

/* A GPU with submitted work that cannot begin, because the input's fence is
 * pending */
typedef struct
{
  GstHarness *h;
  int timeline;
  DmabufFence *held; /* The input's fence: it is signalled by order_release() */
  GstBuffer *in;
  gint released; /* Atomic: the input may be read */
  gint n_early;  /* Atomic: events that came before, and had to wait */

  GMutex lock;
  GCond changed;
  gboolean requeued;
} Order;

static Order *watched;

/* Called when the driver has finished a frame. */
static void
on_gpu_done (void)
{
  if (!g_atomic_int_get (&watched->released))
    g_atomic_int_inc (&watched->n_early);
}

static void
order_init (Order *self, const char *option, gboolean syncs)
{
  memset (self, 0, sizeof (*self));
  self->timeline = timeline_open ();
  self->held = timeline_new_fence (self->timeline, 1);
  self->h = new_converter (option, CAPS ("RGBx", 8, 4), syncs);
}

static void
order_release (Order *self)
{
  g_atomic_int_set (&self->released, TRUE);
  timeline_inc (self->timeline, 1);
}

static void
order_clear (Order *self)
{
  g_assert_cmpint (g_atomic_int_get (&self->n_early), ==, 0);
  async_loader_watch (NULL);
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

/* A camera writes into a returned buffer at once, and ignores fences. */
static void
on_requeued (gpointer user_data)
{
  Order *self = user_data;

  write_raw (self->in, 2);
  g_mutex_lock (&self->lock);
  self->requeued = TRUE;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->lock);
}

static gboolean
order_is_requeued (Order *self)
{
  gboolean requeued;

  g_mutex_lock (&self->lock);
  requeued = self->requeued;
  g_mutex_unlock (&self->lock);
  return requeued;
}

static void
order_wait_requeued (Order *self)
{
  g_mutex_lock (&self->lock);
  while (!self->requeued)
    g_cond_wait (&self->changed, &self->lock);
  self->requeued = FALSE;
  g_mutex_unlock (&self->lock);
}

/* Gives an access that comes too early the time to happen: the same driver
 * converts several frames on another Vulkan device meanwhile. */
static void
let_gpu_work (void)
{
  GError *error = NULL;
  GpuContext *shared = gpu_context_get (NULL, FALSE, &error), *other;
  GstBufferPool *pool;
  GstHarness *h;
  GstBuffer *out;
  char *option;
  guint i;

  g_assert_no_error (error);
  /* The same GPU by a name for which no GpuContext exists yet */
  option = g_strdup_printf ("device=%s", shared->name);
  other = gpu_context_get (strchr (option, '=') + 1, FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (other != shared);
  /* A sync_file of async-loader.c would signal only after that of the pending
   * frame. Without sync_files the converter waits for the driver itself. */
  other->has_sync_fd = FALSE;

  h = new_converter (option, CAPS ("RGBx", 8, 4), FALSE);
  pool = new_pool (1);
  for (i = 0; i < 4; i++) {
    g_assert_cmpint (
        gst_harness_push (h, new_frame (pool, i)), ==, GST_FLOW_OK);
    out = gst_harness_pull (h);
    check_content (out, i);
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (get_stat (h, "cpu-waits"), ==, 4);

  free_converter (h);
  free_pool (pool);
  g_free (option);
  gpu_context_unref (other);
  gpu_context_unref (shared);
}

/* A camera sends a new buffer with its memory, and keeps its own buffer. */
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

/* The output comes at once, and its readers wait for the GPU. The input goes
 * back when the GPU has read it, so what the camera writes then must not appear
 * in the output. */
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
  /* The first frame has no fence to wait for: it compiles the shader. */
  out = gst_harness_pull (order.h);
  check_content (out, 1);
  gst_buffer_unref (out);
  order_wait_requeued (&order);
  gst_buffer_unref (order.in);

  watched = &order;
  async_loader_watch (on_gpu_done);
  out = dequeue (&order, pool);
  g_assert_true (dmabuf_buffer_add_fence (
      get_dmabuf (out), DMABUF_ACCESS_WRITE, order.held, &error));
  g_assert_no_error (error);
  g_assert_cmpint (gst_harness_push (order.h, out), ==, GST_FLOW_OK);
  out = gst_harness_pull (order.h);

  fence = gst_buffer_get_dmabuf_core_fence (out);
  g_assert_nonnull (fence);
  let_gpu_work ();
  g_assert_false (dmabuf_fence_is_signaled (fence));
  g_assert_false (order_is_requeued (&order));
  /* Implicit fences say the same: the output is being written, the input is
   * being read. */
  g_assert_false (is_ready (out, DMABUF_ACCESS_READ));
  g_assert_false (is_ready (order.in, DMABUF_ACCESS_WRITE));
  g_assert_cmpuint (get_stat (order.h, "semaphores"), ==, 1);
  g_assert_cmpuint (get_stat (order.h, "cpu-waits"), ==, 0);

  order_release (&order);
  g_assert_true (
      dmabuf_fence_wait (fence, DMABUF_DEADLINE_NEVER, NULL, &error));
  order_wait_requeued (&order);
  check_content (out, 1);

  gst_buffer_unref (out);
  gst_buffer_unref (order.in);
  order_clear (&order);
  free_pool (pool);
  check_nothing_is_left ();
}
GST_END_TEST

/* The same with a producer that waits for fences: a pool of one buffer. */
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
  watched = &order;
  async_loader_watch (on_gpu_done);
  in = new_frame (pool, 1);
  gst_buffer_add_dmabuf_core_sync_meta (in, order.held);
  g_assert_cmpint (gst_harness_push (order.h, in), ==, GST_FLOW_OK);
  out = gst_harness_pull (order.h);
  let_gpu_work ();
  g_assert_cmpint (
      gst_buffer_pool_acquire_buffer (pool, &in, &at_once), ==, GST_FLOW_EOS);
  g_assert_false (is_ready (out, DMABUF_ACCESS_READ));

  order_release (&order);
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
} Push;

static gpointer
push (gpointer user_data)
{
  Push *self = user_data;

  g_assert_cmpint (gst_harness_push (self->h, self->in), ==, GST_FLOW_OK);

  return NULL;
}

static GstPadProbeReturn
on_output (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Order *self = user_data;

  if (!g_atomic_int_get (&self->released))
    g_atomic_int_inc (&self->n_early);
  return GST_PAD_PROBE_OK;
}

/* A peer without the sync meta gets the frame when it is complete, or at once
 * if implicit-sync=true says that it waits for implicit fences. */
GST_START_TEST (other_peers_wait_implicitly_or_get_complete_frames)
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
    watched = &order;
    async_loader_watch (on_gpu_done);
    if (!implicit)
      gst_pad_add_probe (
          order.h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, on_output, &order, NULL);
    thread = g_thread_new ("push", push, &frame);
    if (implicit) {
      out = gst_harness_pull (order.h);
      g_assert_false (is_ready (out, DMABUF_ACCESS_READ));
      order_release (&order);
    } else {
      element_wait_for_stat (order.h->element, "cpu-waits", 1);
      order_release (&order);
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

static DmabufKernel watching_kernel;
static const DmabufKernel *real_kernel;
static Order *waiting;
static DmabufReservation *reservation; /* Of the waiting frame */
static gint n_polls, n_locked;         /* Atomic */

/* A call that would block waits for the held fence: signal it. */
static int
watch_ppoll (struct pollfd *fds, nfds_t n, const struct timespec *timeout)
{
  gboolean blocks = !timeout || timeout->tv_sec > 0 || timeout->tv_nsec > 0;

  if (blocks && !g_atomic_int_get (&waiting->released)) {
    g_atomic_int_inc (&n_polls);
    if (dmabuf_reservation_is_locked (reservation))
      g_atomic_int_inc (&n_locked);
    order_release (waiting);
  }

  return real_kernel->ppoll (fds, n, timeout);
}

/* The CPU waits for a fence that this driver cannot wait for: lavapipe would
 * block in the export, without a deadline. The reservation lock is free
 * meanwhile. */
GST_START_TEST (a_fence_is_not_waited_for_under_the_lock)
{
  GstBufferPool *pool;
  GstBuffer *in, *out;
  Order order;

  real_kernel = dmabuf_kernel;
  watching_kernel = *real_kernel;
  watching_kernel.ppoll = watch_ppoll;
  waiting = &order;
  order_init (&order, NULL, TRUE);
  pool = new_pool (2);
  /* Compile the shader first, so that only the fence is waited for below. */
  g_assert_cmpint (
      gst_harness_push (order.h, new_frame (pool, 2)), ==, GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (order.h));
  in = new_frame (pool, 1);
  reservation = dmabuf_buffer_get_reservation (get_dmabuf (in));
  gst_buffer_add_dmabuf_core_sync_meta (in, order.held);
  n_polls = n_locked = 0;
  dmabuf_kernel_replace (&watching_kernel);
  g_assert_cmpint (gst_harness_push (order.h, in), ==, GST_FLOW_OK);
  dmabuf_kernel_replace (NULL);
  g_assert_cmpint (n_polls, ==, 1);
  g_assert_cmpint (n_locked, ==, 0);
  out = gst_harness_pull (order.h);
  check_content (out, 1);
  gst_buffer_unref (out);

  order_clear (&order);
  free_pool (pool);
  check_nothing_is_left ();
}
GST_END_TEST

int
main (int argc, char **argv)
{
  Suite *suite = suite_create ("vulkan-order");
  TCase *tcase = tcase_create ("asynchronous");

  converter_tests_init (&argc, &argv);
  tcase_add_unchecked_fixture (tcase, open_async_gpu, close_async_gpu);
  tcase_add_test (tcase, a_camera_gets_its_buffer_back_when_it_has_been_read);
  tcase_add_test (tcase, a_pool_hands_out_a_buffer_when_it_has_been_read);
  tcase_add_test (tcase, other_peers_wait_implicitly_or_get_complete_frames);
  suite_add_tcase (suite, tcase);

  tcase = tcase_create ("as the driver is");
  tcase_add_test (tcase, a_fence_is_not_waited_for_under_the_lock);
  suite_add_tcase (suite, tcase);

  return gst_check_run_suite (suite, "vulkan-order", __FILE__);
}
