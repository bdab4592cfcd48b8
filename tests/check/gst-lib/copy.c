/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Copies of frames: with any layout, and refused for an invalid one. */

#include "../lib/fixture.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WIDTH 30
#define HEIGHT 20
/* Not GStreamer's default for this width. */
#define PITCH 48
#define GAP 64

typedef struct
{
  GstVideoFormat format;
  guint width;
  guint height;
  guint n_planes;
  gsize offset[GST_VIDEO_MAX_PLANES];
  gint stride[GST_VIDEO_MAX_PLANES];
} Meta;

/* NV12: luma, a gap, and chroma that ends with the last pixel of its last row.
 */
static const Meta good = { GST_VIDEO_FORMAT_NV12, WIDTH, HEIGHT, 2,
  { 0, PITCH *HEIGHT + GAP }, { PITCH, PITCH } };

#define SIZE (PITCH * HEIGHT + GAP + PITCH * (HEIGHT / 2 - 1) + WIDTH)

static GstVideoInfo info;

static GstBuffer *
new_picture (gsize size, const Meta *meta)
{
  GstBuffer *buffer = gst_buffer_new ();
  guint8 *data = g_malloc (size);
  gsize i;

  for (i = 0; i < size; i++)
    data[i] = i * 7;
  gst_buffer_append_memory (
      buffer, gst_memory_new_wrapped (0, data, size, 0, size, data, g_free));
  if (meta)
    gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE,
        meta->format, meta->width, meta->height, meta->n_planes,
        (gsize *) meta->offset, (gint *) meta->stride);

  return buffer;
}

static GstBuffer *
new_target (void)
{
  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_NV12, WIDTH, HEIGHT);

  return gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&info), NULL);
}

static void
assert_copied (GstBuffer *target, const Meta *meta)
{
  GstMapInfo map;
  guint plane, x, y;

  gst_buffer_map (target, &map, GST_MAP_READ);
  for (plane = 0; plane < 2; plane++) {
    for (y = 0; y < HEIGHT >> plane; y++) {
      for (x = 0; x < WIDTH; x++) {
        guint8 wanted = (meta->offset[plane] + y * meta->stride[plane] + x) * 7;
        gsize at = GST_VIDEO_INFO_PLANE_OFFSET (&info, plane)
            + y * GST_VIDEO_INFO_PLANE_STRIDE (&info, plane) + x;

        fail_unless_equals_int (map.data[at], wanted);
      }
    }
  }
  gst_buffer_unmap (target, &map);
}

GST_START_TEST (test_a_frame_is_copied_as_its_meta_says)
{
  GstBuffer *target = new_target ();
  GstBuffer *frame = new_picture (SIZE, &good);
  GError *error = NULL;

  fail_unless (gst_dmabuf_core_buffer_copy_frame (target, frame, &info, &error),
      "%s", error ? error->message : "");
  assert_copied (target, &good);
  gst_buffer_unref (frame);
  gst_buffer_unref (target);
}
GST_END_TEST;

GST_START_TEST (test_a_frame_without_a_meta)
{
  GstBuffer *target = new_target ();
  GstBuffer *frame = new_picture (GST_VIDEO_INFO_SIZE (&info), NULL);
  GstBuffer *shorter = new_picture (GST_VIDEO_INFO_SIZE (&info) - 1, NULL);
  Meta plain = good;
  GError *error = NULL;
  guint i;

  for (i = 0; i < 2; i++) {
    plain.offset[i] = GST_VIDEO_INFO_PLANE_OFFSET (&info, i);
    plain.stride[i] = GST_VIDEO_INFO_PLANE_STRIDE (&info, i);
  }
  fail_unless (gst_dmabuf_core_buffer_copy_frame (target, frame, &info, NULL));
  assert_copied (target, &plain);
  fail_if (gst_dmabuf_core_buffer_copy_frame (target, shorter, &info, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
  g_clear_error (&error);

  gst_buffer_unref (frame);
  gst_buffer_unref (shorter);
  gst_buffer_unref (target);
}
GST_END_TEST;

/* If the crop meta has the size of the caps, only the cropped part is copied. A
 * smaller crop is left to the reader of the copy. */
GST_START_TEST (test_what_is_left_of_a_cropped_frame_is_copied)
{
  static const struct
  {
    guint x, y, width, height;
    gboolean is_refused;
  } crops[] = { { 8, 4, WIDTH, HEIGHT }, { 10, 6, WIDTH, HEIGHT },
    { 11, 6, WIDTH, HEIGHT, TRUE }, { 10, 7, WIDTH, HEIGHT, TRUE },
    { G_MAXUINT, 0, WIDTH, HEIGHT, TRUE } };
  Meta whole = { GST_VIDEO_FORMAT_NV12, WIDTH + 10, HEIGHT + 6, 2,
    { 0, PITCH * (HEIGHT + 6) }, { PITCH, PITCH } };
  GstBuffer *target = new_target ();
  guint i, k;

  for (i = 0; i < G_N_ELEMENTS (crops); i++) {
    GstBuffer *frame = new_picture (PITCH * (HEIGHT + 6) * 3 / 2, &whole);
    GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (frame);
    Meta left = whole;
    GError *error = NULL;

    crop->x = crops[i].x;
    crop->y = crops[i].y;
    crop->width = crops[i].width;
    crop->height = crops[i].height;
    fail_unless_equals_int (
        gst_dmabuf_core_buffer_copy_frame (target, frame, &info, &error),
        !crops[i].is_refused);
    for (k = 0; k < 2; k++)
      left.offset[k] += (crops[i].y >> k) * PITCH + crops[i].x;
    if (!crops[i].is_refused)
      assert_copied (target, &left);
    else
      fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
    g_clear_error (&error);

    crop->x = crop->y = 4;
    crop->width = crop->height = 16;
    fail_unless (
        gst_dmabuf_core_buffer_copy_frame (target, frame, &info, NULL));
    assert_copied (target, &whole);
    gst_buffer_unref (frame);
  }
  gst_buffer_unref (target);
}
GST_END_TEST;

/* The last row may end with its pixels, also if both frames have the same
 * pitch: here a read behind it is a fault. */
GST_START_TEST (test_nothing_is_read_behind_the_last_row)
{
  GstBuffer *target = new_target (), *frame = gst_buffer_new ();
  gint pitch = GST_VIDEO_INFO_PLANE_STRIDE (&info, 0);
  Meta tight = good;
  gsize page = sysconf (_SC_PAGESIZE);
  gsize size = pitch * HEIGHT + pitch * (HEIGHT / 2 - 1) + WIDTH, i;
  GError *error = NULL;
  guint8 *pages, *data;

  fail_unless (size <= page);
  pages = mmap (NULL, 2 * page, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fail_unless (pages != MAP_FAILED);
  fail_unless_equals_int (mprotect (pages + page, page, PROT_NONE), 0);
  data = pages + page - size;
  for (i = 0; i < size; i++)
    data[i] = i * 7;

  tight.offset[1] = pitch * HEIGHT;
  tight.stride[0] = tight.stride[1] = pitch;
  fail_unless (tight.stride[0] > WIDTH);
  gst_buffer_append_memory (frame,
      gst_memory_new_wrapped (
          GST_MEMORY_FLAG_READONLY, data, size, 0, size, NULL, NULL));
  gst_buffer_add_video_meta_full (frame, GST_VIDEO_FRAME_FLAG_NONE,
      tight.format, tight.width, tight.height, 2, tight.offset, tight.stride);
  fail_unless (gst_dmabuf_core_buffer_copy_frame (target, frame, &info, &error),
      "%s", error ? error->message : "");
  assert_copied (target, &tight);

  gst_buffer_unref (frame);
  gst_buffer_unref (target);
  munmap (pages, 2 * page);
}
GST_END_TEST;

/* The stride of a tiled plane is its number of tiles in both directions. With
 * too few of them a part of the target would keep its old content. */
GST_START_TEST (test_too_few_tiles_are_refused)
{
  static const struct
  {
    gint x, y;
    gboolean enough;
  } tiles[] = { { 4, 4, TRUE }, { 6, 5, TRUE }, { 3, 4, FALSE },
    { 4, 3, FALSE }, { 16, 1, FALSE } };
  GstVideoInfo tiled;
  GstBuffer *target;
  guint i;

  fail_unless (
      gst_video_info_set_format (&tiled, GST_VIDEO_FORMAT_NV12_4L4, 16, 16));
  target = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&tiled), NULL);
  for (i = 0; i < G_N_ELEMENTS (tiles); i++) {
    Meta meta = { GST_VIDEO_FORMAT_NV12_4L4, 16, 16, 2, { 0, 2048 },
      { GST_VIDEO_TILE_MAKE_STRIDE (tiles[i].x, tiles[i].y),
          GST_VIDEO_TILE_MAKE_STRIDE (4, 2) } };
    GstBuffer *frame = new_picture (4096, &meta);
    GError *error = NULL;

    fail_unless_equals_int (
        gst_dmabuf_core_buffer_copy_frame (target, frame, &tiled, &error),
        tiles[i].enough);
    fail_unless (
        tiles[i].enough || g_error_matches (error, DMABUF_ERROR, EINVAL));
    g_clear_error (&error);
    gst_buffer_unref (frame);
  }
  gst_buffer_unref (target);
}
GST_END_TEST;

/* A plane may begin in another memory than the first. */
GST_START_TEST (test_planes_in_memories_of_their_own)
{
  GstBuffer *target = new_target ();
  GstBuffer *frame = new_picture (PITCH * HEIGHT, NULL);
  Meta apart = good;
  GstBuffer *chroma;
  GError *error = NULL;

  chroma = new_picture (PITCH * HEIGHT / 2, NULL);
  gst_buffer_append_memory (frame, gst_buffer_get_memory (chroma, 0));
  apart.offset[1] = PITCH * HEIGHT;
  gst_buffer_add_video_meta_full (frame, GST_VIDEO_FRAME_FLAG_NONE,
      apart.format, apart.width, apart.height, 2, apart.offset, apart.stride);
  fail_unless (gst_dmabuf_core_buffer_copy_frame (target, frame, &info, NULL));

  /* Half a row before the end of the first memory. */
  gst_buffer_get_video_meta (frame)->offset[1] = PITCH * HEIGHT - PITCH / 2;
  fail_if (gst_dmabuf_core_buffer_copy_frame (target, frame, &info, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
  fail_unless (strstr (error->message, "plane 1") != NULL);
  g_clear_error (&error);

  gst_buffer_unref (chroma);
  gst_buffer_unref (frame);
  gst_buffer_unref (target);
}
GST_END_TEST;

/* SEC-7, SEC-8: all planes are checked, without overflows. */
GST_START_TEST (test_sec7_a_meta_that_lies_is_refused)
{
  enum
  {
    W = WIDTH,
    H = HEIGHT,
    P = PITCH,
    CHROMA = PITCH * HEIGHT + GAP,
  };
  static const Meta liars[] = {
    { GST_VIDEO_FORMAT_NV12, W, H, 2, { 0, CHROMA + 1 }, { P, P } },
    { GST_VIDEO_FORMAT_NV12, W, H, 2, { SIZE, 0 }, { P, P } },
    { GST_VIDEO_FORMAT_NV12, W, H, 2, { 0, G_MAXSIZE - P }, { P, P } },
    { GST_VIDEO_FORMAT_NV12, W, H, 2, { 0, CHROMA }, { P, P + 1 } },
    { GST_VIDEO_FORMAT_NV12, W, H, 2, { 0, CHROMA }, { G_MAXINT, P } },
    { GST_VIDEO_FORMAT_NV12, W, H, 2, { 0, CHROMA }, { W - 1, P } },
    { GST_VIDEO_FORMAT_NV12, W, H, 2, { 0, CHROMA }, { 0, P } },
    { GST_VIDEO_FORMAT_NV12, W, H, 2, { 0, CHROMA }, { -P, P } },
    { GST_VIDEO_FORMAT_NV12, W, H * 2, 2, { 0, CHROMA }, { P, P } },
    { GST_VIDEO_FORMAT_NV12, W, G_MAXUINT, 2, { 0, CHROMA }, { P, P } },
    { GST_VIDEO_FORMAT_NV12, P + 1, H, 2, { 0, CHROMA }, { P, P } },
    { GST_VIDEO_FORMAT_NV12, W - 1, H, 2, { 0, CHROMA }, { P, P } },
    { GST_VIDEO_FORMAT_NV12, W, H - 1, 2, { 0, CHROMA }, { P, P } },
    { GST_VIDEO_FORMAT_NV16, W, H, 2, { 0, CHROMA }, { P, P } },
    { GST_VIDEO_FORMAT_UNKNOWN, W, H, 2, { 0, CHROMA }, { P, P } },
    { GST_VIDEO_FORMAT_NV12, W, H, 1, { 0, CHROMA }, { P, P } },
  };
  GstBuffer *target = new_target ();
  guint i;

  for (i = 0; i < G_N_ELEMENTS (liars); i++) {
    GstBuffer *frame = new_picture (SIZE, &good);
    GstVideoMeta *meta = gst_buffer_get_video_meta (frame);
    GError *error = NULL;

    /* Set directly: GStreamer's functions refuse some of these values. */
    meta->format = liars[i].format;
    meta->width = liars[i].width;
    meta->height = liars[i].height;
    meta->n_planes = liars[i].n_planes;
    memcpy (meta->offset, liars[i].offset, sizeof (meta->offset));
    memcpy (meta->stride, liars[i].stride, sizeof (meta->stride));
    fail_if (gst_dmabuf_core_buffer_copy_frame (target, frame, &info, &error),
        "case %u", i);
    fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL), "case %u", i);
    g_clear_error (&error);
    gst_buffer_unref (frame);
  }
  gst_buffer_unref (target);
}
GST_END_TEST;

GST_START_TEST (test_memory_that_the_cpu_cannot_map)
{
  GstBuffer *target = new_target ();
  GstBuffer *frame = new_frame (GST_VIDEO_INFO_SIZE (&info));
  GError *error = NULL;
  guint i;

  fake_kernel_break_ioctl (DMA_BUF_IOCTL_SYNC, EIO);
  for (i = 0; i < 2; i++) {
    fail_if (gst_dmabuf_core_buffer_copy_frame (
        i ? frame : target, i ? target : frame, &info, &error));
    fail_unless (g_error_matches (error, DMABUF_ERROR, EIO));
    g_clear_error (&error);
  }
  fake_kernel_break_ioctl (DMA_BUF_IOCTL_SYNC, 0);
  fail_unless (gst_dmabuf_core_buffer_copy_frame (frame, target, &info, NULL));

  gst_buffer_unref (frame);
  gst_buffer_unref (target);
}
GST_END_TEST;

static Suite *
gst_lib_copy_suite (void)
{
  Suite *suite = suite_create ("gst-lib-copy");
  TCase *tcase = tcase_create ("copy");

  suite_add_tcase (suite, tcase);
  tcase_add_checked_fixture (tcase, fixture_setup, fixture_teardown);
  tcase_add_test (tcase, test_a_frame_is_copied_as_its_meta_says);
  tcase_add_test (tcase, test_a_frame_without_a_meta);
  tcase_add_test (tcase, test_what_is_left_of_a_cropped_frame_is_copied);
  tcase_add_test (tcase, test_nothing_is_read_behind_the_last_row);
  tcase_add_test (tcase, test_too_few_tiles_are_refused);
  tcase_add_test (tcase, test_planes_in_memories_of_their_own);
  tcase_add_test (tcase, test_sec7_a_meta_that_lies_is_refused);
  tcase_add_test (tcase, test_memory_that_the_cpu_cannot_map);

  return suite;
}

GST_CHECK_MAIN (gst_lib_copy);
