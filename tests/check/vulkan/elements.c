/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The converter on dma-bufs, element by element: what tags and crop metas do,
 * order with work of the GPU that is truly pending, a device that is lost.
 */

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "async-loader.h"
#include "fault-loader.h"
#include "gpu-device.h"
#include "gstdmabufvkconvert.h"
#include "gstdmabufvkstage.h"

#define WIDTH 8
#define HEIGHT 4
#define CAPS(format, width, height) \
  "video/x-raw,format=" format ",width=" G_STRINGIFY ( \
      width) ",height=" G_STRINGIFY (height) ",framerate=30/1"

static gint64
soon (void)
{
  return g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
}

/* --- the GPU that most tests share ------------------------------------------
 */

static GpuContext *context;

static void
open_gpu (void)
{
  GError *error = NULL;

  g_assert_true (async_loader_install ());
  context = gpu_context_get (NULL, FALSE, &error);
  g_assert_no_error (error);
  context->fences_completed = FALSE; /* see async-loader.h */
}

static void
close_gpu (void)
{
  async_loader_remove ();
  g_assert_cmpuint (context->validation_messages, ==, 0);
  gpu_context_unref (context);
}

/* --- frames ----------------------------------------------------------------
 */

static GstBufferPool *
new_pool (guint n_buffers)
{
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstCaps *caps = gst_caps_from_string (CAPS ("BGRx", 8, 4));

  gst_buffer_pool_config_set_params (config, caps, 0, n_buffers, n_buffers);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  g_assert_true (gst_buffer_pool_set_config (pool, config));
  g_assert_true (gst_buffer_pool_set_active (pool, TRUE));
  gst_caps_unref (caps);

  return pool;
}

static DmabufBuffer *
get_dmabuf (GstBuffer *buffer)
{
  DmabufBuffer *dmabuf = gst_dmabuf_core_memory_get_buffer (
      gst_buffer_peek_memory (buffer, 0), NULL);

  g_assert_nonnull (dmabuf);
  return dmabuf;
}

/* Blue of a pixel that says where it is and in which frame */
static guint8
blue (gint x, gint y, guint seed)
{
  return seed * 64 + y * 8 + x;
}

/* As a device writes, past all fences. */
static void
write_raw (GstBuffer *buffer, guint seed)
{
  GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  DmabufBuffer *dmabuf = get_dmabuf (buffer);
  guint8 *data = dmabuf_buffer_vmap (dmabuf, DMABUF_ACCESS_WRITE, NULL);
  gint x, y;

  g_assert_nonnull (data);
  for (y = 0; y < HEIGHT; y++) {
    for (x = 0; x < WIDTH; x++)
      data[meta->offset[0] + y * meta->stride[0] + 4 * x] = blue (x, y, seed);
  }
  dmabuf_buffer_vunmap (dmabuf, data);
}

/* What is where in RGBx, once it is there */
static guint8
read_blue (GstBuffer *buffer, gint x, gint y)
{
  GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  GstMapInfo map;
  guint8 value;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  value = map.data[meta->offset[0] + y * meta->stride[0] + 4 * x + 2];
  gst_buffer_unmap (buffer, &map);

  return value;
}

static GstBuffer *
new_frame (GstBufferPool *pool, guint seed)
{
  GstBuffer *buffer;

  g_assert_cmpint (
      gst_buffer_pool_acquire_buffer (pool, &buffer, NULL), ==, GST_FLOW_OK);
  write_raw (buffer, seed);

  return buffer;
}

static guint64
get_stat (GstHarness *h, const char *name)
{
  GstStructure *stats;
  guint64 value = 0;
  guint number;

  g_object_get (h->element, "stats", &stats, NULL);
  if (!gst_structure_get_uint64 (stats, name, &value)) {
    g_assert_true (gst_structure_get_uint (stats, name, &number));
    value = number;
  }
  gst_structure_free (stats);

  return value;
}

/* From BGRx: nearest pixels, so that a pixel stays what it is. @option:
 * (nullable): PROPERTY=VALUE */
static GstHarness *
new_converter (const char *option, const char *out_caps, gboolean syncs)
{
  GstElement *element = gst_element_factory_make ("dmabufvkconvert", NULL);
  GstHarness *h = gst_harness_new_with_element (element, "sink", "src");
  char **parts = g_strsplit (option ? option : "method=nearest", "=", 2);

  gst_util_set_object_arg (G_OBJECT (element), "method", "nearest");
  gst_util_set_object_arg (G_OBJECT (element), parts[0], parts[1]);
  g_strfreev (parts);
  if (syncs)
    gst_harness_add_propose_allocation_meta (
        h, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);
  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_META_API_TYPE, NULL);
  gst_harness_set_sink_caps_str (h, out_caps);
  gst_harness_set_src_caps_str (h, CAPS ("BGRx", 8, 4));
  gst_object_unref (element);

  return h;
}

static void
free_converter (GstHarness *h)
{
  g_assert_cmpuint (get_stat (h, "validation-messages"), ==, 0);
  g_assert_cmpuint (get_stat (h, "copies"), ==, 0);
  gst_harness_teardown (h);
}

static void
check_nothing_is_left (void)
{
  DmabufStatistics statistics;

  dmabuf_statistics_get (&statistics);
  g_assert_cmpuint (statistics.buffers, ==, 0);
  g_assert_cmpuint (statistics.attachments, ==, 0);
}

/* --- geometry ---------------------------------------------------------------
 */

GST_START_TEST (a_tag_turns_the_frames)
{
  GstHarness *h =
      new_converter ("video-direction=auto", "video/x-raw,format=RGBx", FALSE);
  GstBufferPool *pool = new_pool (2);
  gint width = 0, height = 0, x, y;
  GstBuffer *out;
  GstCaps *caps;

  gst_harness_push_event (h,
      gst_event_new_tag (
          gst_tag_list_new (GST_TAG_IMAGE_ORIENTATION, "rotate-90", NULL)));
  g_assert_cmpint (gst_harness_push (h, new_frame (pool, 1)), ==, GST_FLOW_OK);
  out = gst_harness_pull (h);
  caps = gst_pad_get_current_caps (h->sinkpad);
  gst_structure_get_int (gst_caps_get_structure (caps, 0), "width", &width);
  gst_structure_get_int (gst_caps_get_structure (caps, 0), "height", &height);
  gst_caps_unref (caps);
  g_assert_cmpint (width, ==, HEIGHT);
  g_assert_cmpint (height, ==, WIDTH);
  for (y = 0; y < height; y++) {
    for (x = 0; x < width; x++)
      g_assert_cmpuint (read_blue (out, x, y), ==, blue (y, HEIGHT - 1 - x, 1));
  }
  gst_buffer_unref (out);

  /* and back */
  gst_harness_push_event (h,
      gst_event_new_tag (
          gst_tag_list_new (GST_TAG_IMAGE_ORIENTATION, "rotate-0", NULL)));
  g_assert_cmpint (gst_harness_push (h, new_frame (pool, 2)), ==, GST_FLOW_OK);
  out = gst_harness_pull (h);
  for (y = 0; y < HEIGHT; y++) {
    for (x = 0; x < WIDTH; x++)
      g_assert_cmpuint (read_blue (out, x, y), ==, blue (x, y, 2));
  }
  gst_buffer_unref (out);

  free_converter (h);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
  check_nothing_is_left ();
}
GST_END_TEST

GST_START_TEST (a_crop_meta_crops)
{
  GstHarness *h = new_converter ("crop-left=1", CAPS ("RGBx", 4, 2), FALSE);
  GstBufferPool *pool = new_pool (2);
  GstBuffer *in = new_frame (pool, 1), *out;
  GstVideoCropMeta *meta = gst_buffer_add_video_crop_meta (in);
  gint x, y;

  /* the meta, and of what it leaves the property one column */
  meta->x = 2;
  meta->y = 1;
  meta->width = 5;
  meta->height = 2;
  g_assert_cmpint (gst_harness_push (h, in), ==, GST_FLOW_OK);
  out = gst_harness_pull (h);
  g_assert_null (gst_buffer_get_video_crop_meta (out));
  for (y = 0; y < 2; y++) {
    for (x = 0; x < 4; x++)
      g_assert_cmpuint (read_blue (out, x, y), ==, blue (x + 3, y + 1, 1));
  }
  gst_buffer_unref (out);

  free_converter (h);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
  check_nothing_is_left ();
}
GST_END_TEST

/* --- order ------------------------------------------------------------------
 */

/* sw_sync (drivers/dma-buf/sw_sync.c): a timeline that the test moves */
struct sw_sync_create_fence_data
{
  guint32 value;
  char name[32];
  gint32 fence;
};
#define SW_SYNC_IOC_CREATE_FENCE \
  _IOWR ('W', 0, struct sw_sync_create_fence_data)
#define SW_SYNC_IOC_INC _IOW ('W', 1, guint32)

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
  struct sw_sync_create_fence_data create = { .value = 1, .name = "camera" };
  GError *error = NULL;

  memset (self, 0, sizeof (*self));
  self->timeline = open ("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
  g_assert_cmpint (
      ioctl (self->timeline, SW_SYNC_IOC_CREATE_FENCE, &create), ==, 0);
  self->held = dmabuf_fence_new_sync_file (
      create.fence, DMABUF_FENCE_TRUST_FULL, &error);
  g_assert_no_error (error);
  self->h = new_converter (option, CAPS ("RGBx", 8, 4), syncs);
}

static void
order_release (Order *self)
{
  guint32 one = 1;

  g_assert_cmpint (ioctl (self->timeline, SW_SYNC_IOC_INC, &one), ==, 0);
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

static void
check_content (GstBuffer *buffer, guint seed)
{
  gint x, y;

  for (y = 0; y < HEIGHT; y++) {
    for (x = 0; x < WIDTH; x++)
      g_assert_cmpuint (read_blue (buffer, x, y), ==, blue (x, y, seed));
  }
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

  order_release (&order);
  g_assert_true (dmabuf_fence_wait (fence, soon (), NULL, &error));
  while (!g_atomic_int_get (&order.requeued))
    g_usleep (1000);
  check_content (out, 1);

  gst_buffer_unref (out);
  gst_buffer_unref (order.in);
  order_clear (&order);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
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

  order_release (&order);
  in = new_frame (pool, 2);
  check_content (out, 1);
  gst_buffer_unref (in);
  gst_buffer_unref (out);

  order_clear (&order);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
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
      order_release (&order);
    } else {
      g_usleep (300 * 1000);
      g_assert_false (g_atomic_int_get (&frame.pushed));
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
    gst_buffer_pool_set_active (pool, FALSE);
    gst_object_unref (pool);
    check_nothing_is_left ();
  }
}
GST_END_TEST

/* --- a lost device
 * ------------------------------------------------------------
 */

static GstMessage *
pop (GstBus *bus, GstMessageType type)
{
  return gst_bus_timed_pop_filtered (bus, 0, type);
}

GST_START_TEST (a_lost_device_is_opened_anew)
{
  GstBufferPool *pool = new_pool (2);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GstBuffer *out;
  GstHarness *h;
  guint i;

  fault_loader_install ();
  h = new_converter (NULL, CAPS ("RGBx", 8, 4), FALSE);
  gst_element_set_bus (h->element, bus);
  for (i = 0; i < 3; i++) {
    if (i == 1)
      fault_loader_fail_once ("vkQueueSubmit", VK_ERROR_DEVICE_LOST);
    g_assert_cmpint (
        gst_harness_push (h, new_frame (pool, i)), ==, GST_FLOW_OK);
    out = gst_harness_pull (h);
    check_content (out, i);
    gst_buffer_unref (out);
    message = pop (bus, GST_MESSAGE_WARNING);
    g_assert_true ((message != NULL) == (i == 1));
    if (message) {
      GError *error = NULL;

      gst_message_parse_warning (message, &error, NULL);
      g_assert_nonnull (strstr (error->message, "VK_ERROR_DEVICE_LOST"));
      g_clear_error (&error);
      gst_message_unref (message);
    }
  }
  g_assert_null (pop (bus, GST_MESSAGE_ERROR));

  /* and if that does not help, it is an error */
  fault_loader_fail ("vkQueueSubmit", VK_ERROR_DEVICE_LOST);
  g_assert_cmpint (
      gst_harness_push (h, new_frame (pool, 1)), ==, GST_FLOW_ERROR);
  message = pop (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_unref (message);
  fault_loader_reset ();

  gst_element_set_bus (h->element, NULL);
  free_converter (h);
  fault_loader_remove ();
  gst_object_unref (bus);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
  check_nothing_is_left ();
}
GST_END_TEST

static Suite *
elements_suite (void)
{
  Suite *suite = suite_create ("vulkan-elements");
  TCase *tcase = tcase_create ("asynchronous");

  tcase_set_timeout (tcase, 120);
  tcase_add_unchecked_fixture (tcase, open_gpu, close_gpu);
  tcase_add_test (tcase, a_tag_turns_the_frames);
  tcase_add_test (tcase, a_crop_meta_crops);
  tcase_add_test (tcase, a_camera_gets_its_buffer_back_when_it_has_been_read);
  tcase_add_test (tcase, a_pool_hands_out_a_buffer_when_it_has_been_read);
  tcase_add_test (tcase, others_wait_implicitly_or_get_what_is_there);
  suite_add_tcase (suite, tcase);

  tcase = tcase_create ("lost");
  tcase_set_timeout (tcase, 120);
  tcase_add_test (tcase, a_lost_device_is_opened_anew);
  suite_add_tcase (suite, tcase);

  return suite;
}

int
main (int argc, char **argv)
{
  /* The threads of a driver do not come along into a child. */
  g_setenv ("CK_FORK", "no", TRUE);
  gst_check_init (&argc, &argv);
  GST_DEBUG_CATEGORY_INIT (dmabufvk_debug, "dmabufvk", 0, "the plugin's");
  GST_ELEMENT_REGISTER (dmabufvkconvert, NULL);

  return gst_check_run_suite (elements_suite (), "vulkan-elements", __FILE__);
}
