/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The converter on dma-bufs: tags, crop metas, calls under the reservation
 * lock, pauses of a live source. GPU memory and a lost device are in device.c,
 * the order of accesses is in order.c, tiled frames are in tiled.c.
 */

#include <string.h>

#include "async-loader.h"
#include "converter-fixture.h"
#include "fault-loader.h"
#include "gstdmabufvksrc.h"

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

  /* And back */
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
  free_pool (pool);
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

  /* The meta crops first; the property takes one column of the rest. */
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
  free_pool (pool);
  check_nothing_is_left ();
}
GST_END_TEST

/* Upstream's videocrop adds a crop meta and sets the caps to the cropped size.
 */
GST_START_TEST (a_frame_that_was_cropped_by_a_meta)
{
  GstHarness *h = new_converter (NULL, CAPS ("RGBx", 4, 2), FALSE);
  GstBufferPool *pool = new_pool (2);
  GstBuffer *in = new_frame (pool, 1), *out;
  GstVideoCropMeta *meta = gst_buffer_add_video_crop_meta (in);
  gint x, y;

  gst_harness_set_src_caps_str (h, CAPS ("BGRx", 4, 2));
  meta->x = 3;
  meta->y = 2;
  meta->width = 4;
  meta->height = 2;
  g_assert_cmpint (gst_harness_push (h, in), ==, GST_FLOW_OK);
  out = gst_harness_pull (h);
  g_assert_null (gst_buffer_get_video_crop_meta (out));
  for (y = 0; y < 2; y++) {
    for (x = 0; x < 4; x++)
      g_assert_cmpuint (read_blue (out, x, y), ==, blue (x + 3, y + 2, 1));
  }
  gst_buffer_unref (out);

  free_converter (h);
  free_pool (pool);
  check_nothing_is_left ();
}
GST_END_TEST

/* The peer leaves the size open. The input's own format comes first among the
 * output caps, and has to have the resulting size as well. */
GST_START_TEST (turned_or_cropped_frames_have_the_resulting_size)
{
  static const struct
  {
    const char *option;
    gint width, height;
  } cases[] = {
    { "video-direction=90r", HEIGHT, WIDTH },
    { "crop-left=3", WIDTH - 3, HEIGHT },
    { "crop-bottom=1", WIDTH, HEIGHT - 1 },
    { "video-direction=180", WIDTH, HEIGHT },
  };
  guint i;

  /* The caps have the size before the first frame. */
  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstHarness *h =
        new_converter (cases[i].option, "video/x-raw,format=BGRx", FALSE);
    GstVideoInfo info;
    GstCaps *caps;

    caps = gst_pad_get_current_caps (h->sinkpad);
    g_assert_nonnull (caps);
    g_assert_true (gst_video_info_from_caps (&info, caps));
    g_assert_cmpint (GST_VIDEO_INFO_WIDTH (&info), ==, cases[i].width);
    g_assert_cmpint (GST_VIDEO_INFO_HEIGHT (&info), ==, cases[i].height);
    gst_caps_unref (caps);
    free_converter (h);
  }
}
GST_END_TEST

#define RG24_CAPS \
  "video/x-raw(memory:DMABuf),format=DMA_DRM,drm-format=RG24,width=8," \
  "height=4,framerate=30/1"

/* Frames in a format that the GPU cannot read pass through as long as there is
 * nothing to convert. Then the element asks upstream for another format. */
GST_START_TEST (a_format_unknown_to_the_gpu_passes_through)
{
  GstHarness *h = gst_harness_new ("dmabufvkconvert");
  GstBus *bus = gst_bus_new ();
  GstBuffer *in, *out;
  GstMessage *message;
  GstEvent *event;
  GError *error;
  guint i;

  gst_element_set_bus (h->element, bus);
  gst_harness_set_sink_caps_str (h, RG24_CAPS);
  gst_harness_set_src_caps_str (h, RG24_CAPS);
  while ((event = gst_harness_try_pull_upstream_event (h)))
    gst_event_unref (event);
  for (i = 0; i < 3; i++) {
    gst_util_set_object_arg (
        G_OBJECT (h->element), "video-direction", i == 1 ? "180" : "identity");
    in = gst_harness_create_buffer (h, 8 * 4 * 3);
    g_assert_cmpint (
        gst_harness_push (h, gst_buffer_ref (in)), ==, GST_FLOW_OK);
    out = gst_harness_try_pull (h);
    g_assert_true ((out == NULL) == (i == 1));
    if (out)
      g_assert_true (
          gst_buffer_peek_memory (out, 0) == gst_buffer_peek_memory (in, 0));
    gst_clear_buffer (&out);
    gst_buffer_unref (in);
    message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);
    g_assert_true ((message != NULL) == (i == 1));
    if (!message)
      continue;

    gst_message_parse_warning (message, &error, NULL);
    g_assert_nonnull (strstr (error->message, "RG24"));
    g_clear_error (&error);
    gst_message_unref (message);
    event = gst_harness_pull_upstream_event (h);
    g_assert_cmpint (GST_EVENT_TYPE (event), ==, GST_EVENT_RECONFIGURE);
    gst_event_unref (event);
    g_assert_cmpuint (get_stat (h, "dropped"), ==, 1);
  }

  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
  free_converter (h);
  check_nothing_is_left ();
}
GST_END_TEST

/* --- locks ------------------------------------------------------------------
 */

/* Vulkan calls, and those made under the lock of the input, except for
 * vkQueueSubmit() */
static GstBuffer *watched;
static guint n_watched, n_locked;

static void
on_call (const char *function)
{
  n_watched++;
  if (strcmp (function, "vkQueueSubmit") != 0
      && dmabuf_reservation_is_locked (
          dmabuf_buffer_get_reservation (get_dmabuf (watched)))) {
    g_print ("%s is called under the lock\n", function);
    n_locked++;
  }
}

/* Compiling a shader may take seconds, and so may the frame before this one:
 * other users of the buffers must not wait for the lock meanwhile. */
GST_START_TEST (nothing_that_takes_long_is_done_under_the_lock)
{
  GstBufferPool *pool = new_pool (8);
  GstHarness *h;
  guint i;

  fault_loader_install ();
  h = new_converter (NULL, CAPS ("RGBx", 8, 4), FALSE);
  n_watched = n_locked = 0;
  /* More frames than slots, so that the element waits for a slot. */
  for (i = 0; i < 6; i++) {
    watched = new_frame (pool, i & 3);
    fault_loader_watch (on_call);
    g_assert_cmpint (
        gst_harness_push (h, gst_buffer_ref (watched)), ==, GST_FLOW_OK);
    fault_loader_watch (NULL);
    gst_buffer_unref (gst_harness_pull (h));
    gst_buffer_unref (watched);
  }
  g_assert_cmpuint (n_watched, >, 6 * 3);
  g_assert_cmpuint (n_locked, ==, 0);

  free_converter (h);
  fault_loader_remove ();
  free_pool (pool);
  check_nothing_is_left ();
}
GST_END_TEST

/* --- a live source ----------------------------------------------------------
 */

static GstElement *live_pipeline;
static GMutex live_lock;
static GCond live_changed;
static guint n_pauses; /* Still to be made */
static guint n_shown;

/* The source waits for the fence of its frame, or soon will: the pause can be
 * over before the source notices it. */
static void
pause_shortly (void)
{
  gboolean wanted;

  g_mutex_lock (&live_lock);
  wanted = n_pauses > 0;
  g_mutex_unlock (&live_lock);
  if (!wanted)
    return;

  gst_element_set_state (live_pipeline, GST_STATE_PAUSED);
  gst_element_set_state (live_pipeline, GST_STATE_PLAYING);
  g_mutex_lock (&live_lock);
  n_pauses--;
  g_cond_signal (&live_changed);
  g_mutex_unlock (&live_lock);
}

static GstPadProbeReturn
count_shown (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  g_mutex_lock (&live_lock);
  n_shown++;
  g_cond_signal (&live_changed);
  g_mutex_unlock (&live_lock);
  return GST_PAD_PROBE_OK;
}

static void
wait_for_frames (guint n)
{
  guint wanted;

  g_mutex_lock (&live_lock);
  wanted = n_shown + n;
  while (n_shown < wanted)
    g_cond_wait (&live_changed, &live_lock);
  g_mutex_unlock (&live_lock);
}

static void
make_pauses (guint n)
{
  g_mutex_lock (&live_lock);
  n_pauses = n;
  while (n_pauses > 0)
    g_cond_wait (&live_changed, &live_lock);
  g_mutex_unlock (&live_lock);
}

GST_START_TEST (short_pauses_of_a_live_source)
{
  GError *error = NULL;
  GstElement *sink;
  GstPad *pad;

  async_loader_watch (pause_shortly);
  live_pipeline =
      gst_parse_launch ("dmabufvksrc is-live=true implicit-sync=false ! "
                        "video/x-raw,width=64,height=64,framerate=1000/1 ! "
                        "fakesink name=sink sync=false",
          &error);
  g_assert_no_error (error);
  sink = gst_bin_get_by_name (GST_BIN (live_pipeline), "sink");
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, count_shown, NULL, NULL);
  gst_element_set_state (live_pipeline, GST_STATE_PLAYING);
  wait_for_frames (3);
  make_pauses (50);
  wait_for_frames (5);
  gst_element_set_state (live_pipeline, GST_STATE_NULL);
  async_loader_watch (NULL);
  gst_object_unref (pad);
  gst_object_unref (sink);
  gst_object_unref (live_pipeline);
}
GST_END_TEST

int
main (int argc, char **argv)
{
  Suite *suite = suite_create ("vulkan-elements");
  TCase *tcase = tcase_create ("asynchronous");

  converter_tests_init (&argc, &argv);
  tcase_add_unchecked_fixture (tcase, open_async_gpu, close_async_gpu);
  tcase_add_test (tcase, a_tag_turns_the_frames);
  tcase_add_test (tcase, a_crop_meta_crops);
  tcase_add_test (tcase, a_frame_that_was_cropped_by_a_meta);
  tcase_add_test (tcase, a_format_unknown_to_the_gpu_passes_through);
  tcase_add_test (tcase, turned_or_cropped_frames_have_the_resulting_size);
  tcase_add_test (tcase, short_pauses_of_a_live_source);
  suite_add_tcase (suite, tcase);

  tcase = tcase_create ("as the driver is");
  tcase_add_test (tcase, nothing_that_takes_long_is_done_under_the_lock);
  suite_add_tcase (suite, tcase);

  return gst_check_run_suite (suite, "vulkan-elements", __FILE__);
}
