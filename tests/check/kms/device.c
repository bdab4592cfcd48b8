/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Handles, framebuffers and dumb buffers of a card. */

#include "fake-display.h"
#include "kms-device.h"
#include "kms-dumb-exporter.h"
#include "kms-picture.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <gst/check/gstcheck.h>

static KmsCard *card;

static void
start (void)
{
  KmsCardRequest request = { FAKE_CARD, NULL, -1 };

  fake_display_start ();
  card = kms_card_open (&request, NULL);
  fail_unless (card != NULL);
}

static void
stop (void)
{
  g_clear_pointer (&card, kms_card_unref);
  fail_unless_equals_int (fake_display_stop (), 0);
}

static DmabufBuffer *
new_buffer (void)
{
  DmabufExporter *heap = dmabuf_heap_exporter_new (NULL, NULL);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (heap, 65536, NULL);

  g_object_unref (heap);
  fail_unless (buffer != NULL);

  return buffer;
}

static DmabufLayout
nv12_in (DmabufBuffer *one, DmabufBuffer *two)
{
  DmabufLayout layout = {
    .format = DRM_FORMAT_NV12,
    .width = 64,
    .height = 64,
    .n_planes = 2,
    .planes = { { one, 0, 64 }, { two, one == two ? 64 * 64 : 0, 64 } },
  };

  return layout;
}

/* PRIME returns one handle per buffer and file: it is closed with its last use.
 */
GST_START_TEST (test_one_handle_for_planes_in_one_buffer)
{
  DmabufBuffer *buffer = new_buffer ();
  DmabufLayout layout = nv12_in (buffer, buffer);
  KmsFramebuffer *one, *two;

  one = kms_framebuffer_new (card, &layout, NULL);
  fail_unless (one != NULL);
  fail_unless_equals_int (one->handles[0], one->handles[1]);
  fail_unless_equals_int (fake_display_get_n_handles (), 1);

  layout.width = 32;
  two = kms_framebuffer_new (card, &layout, NULL);
  fail_unless (two != NULL);
  fail_unless_equals_int (fake_display_get_n_handles (), 1);
  kms_framebuffer_free (card, one);
  fail_unless_equals_int (fake_display_get_n_handles (), 1);
  kms_framebuffer_free (card, two);
  fail_unless_equals_int (fake_display_get_n_handles (), 0);
  fail_unless_equals_int (fake_display_get_n_framebuffers (), 0);

  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

GST_START_TEST (test_handle_per_buffer)
{
  DmabufBuffer *one = new_buffer ();
  DmabufBuffer *two = new_buffer ();
  DmabufLayout layout = nv12_in (one, two);
  KmsFramebuffer *framebuffer = kms_framebuffer_new (card, &layout, NULL);

  fail_unless (framebuffer != NULL);
  fail_if (framebuffer->handles[0] == framebuffer->handles[1]);
  fail_unless_equals_int (fake_display_get_n_handles (), 2);
  kms_framebuffer_free (card, framebuffer);

  dmabuf_buffer_unref (one);
  dmabuf_buffer_unref (two);
}
GST_END_TEST;

/* SEC-3: if any call fails, nothing is left; stop () counts. */
GST_START_TEST (test_failed_imports_leave_nothing)
{
  DmabufBuffer *one = new_buffer ();
  DmabufBuffer *two = new_buffer ();
  DmabufLayout layout = nv12_in (one, two);
  GError *error = NULL;

  fake_display_fail (DRM_IOCTL_PRIME_FD_TO_HANDLE, 1, EINVAL);
  fail_if (kms_framebuffer_new (card, &layout, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
  fail_unless (strstr (error->message, FAKE_CARD) != NULL);
  g_clear_error (&error);
  /* The refused buffer stays refused: take another one. */
  dmabuf_buffer_unref (one);
  one = new_buffer ();
  layout = nv12_in (one, two);

  fake_display_fail (DRM_IOCTL_PRIME_FD_TO_HANDLE, 2, ENOMEM);
  fail_if (kms_framebuffer_new (card, &layout, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, ENOMEM));
  g_clear_error (&error);

  fake_display_fail (DRM_IOCTL_MODE_ADDFB2, 1, ERANGE);
  fail_if (kms_framebuffer_new (card, &layout, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, ERANGE));
  g_clear_error (&error);
  fail_unless_equals_int (fake_display_get_n_handles (), 0);

  layout.planes[1].offset = (guint64) G_MAXUINT32 + 1;
  fail_if (kms_framebuffer_new (card, &layout, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
  g_clear_error (&error);
  fail_unless_equals_int (fake_display_get_n_handles (), 0);

  dmabuf_buffer_unref (one);
  dmabuf_buffer_unref (two);
}
GST_END_TEST;

GST_START_TEST (test_card_without_modifiers)
{
  DmabufBuffer *buffer = new_buffer ();
  DmabufLayout layout = nv12_in (buffer, buffer);
  KmsFramebuffer *framebuffer;
  GError *error = NULL;

  card->modifiers = FALSE;
  framebuffer = kms_framebuffer_new (card, &layout, NULL);
  fail_unless (framebuffer != NULL);
  kms_framebuffer_free (card, framebuffer);

  layout.modifier = 1;
  fail_if (kms_framebuffer_new (card, &layout, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
  g_clear_error (&error);

  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* The attachment caches one framebuffer for each buffer and layout. */
GST_START_TEST (test_import_cache)
{
  DmabufDevice *device = kms_device_new (card);
  DmabufBuffer *buffer = new_buffer ();
  DmabufLayout layout = nv12_in (buffer, buffer);
  gboolean reused = TRUE;
  gpointer one = NULL;
  guint i;

  for (i = 0; i < 3; i++) {
    DmabufAttachment *attachment = dmabuf_device_attach (device, buffer, NULL);
    gpointer import =
        dmabuf_attachment_import (attachment, &layout, &reused, NULL);

    fail_unless (import != NULL);
    fail_unless_equals_int (reused, i > 0);
    fail_unless (i == 0 || import == one);
    one = import;
    dmabuf_attachment_unref (attachment);
  }
  fail_unless_equals_int (fake_display_get_n_framebuffers (), 1);

  dmabuf_device_trim (device);
  fail_unless_equals_int (fake_display_get_n_framebuffers (), 0);
  fail_unless_equals_int (fake_display_get_n_handles (), 0);

  dmabuf_buffer_unref (buffer);
  g_object_unref (device);
}
GST_END_TEST;

GST_START_TEST (test_dumb_buffers)
{
  DmabufExporter *exporter = kms_dumb_exporter_new (card, 100, NULL);
  DmabufBuffer *buffer;
  GError *error = NULL;

  fail_unless (exporter != NULL);
  fail_unless_equals_int (
      kms_dumb_exporter_get_pitch (KMS_DUMB_EXPORTER (exporter)), 128);
  buffer = dmabuf_exporter_allocate (exporter, 1000, NULL);
  fail_unless (buffer != NULL);
  fail_unless (dmabuf_buffer_get_size (buffer) >= 1000);
  fail_unless (dmabuf_buffer_get_exporter (buffer) == exporter);
  /* The fd alone keeps the memory. */
  fail_unless_equals_int (fake_display_get_n_handles (), 0);
  dmabuf_buffer_unref (buffer);

  fake_display_fail (DRM_IOCTL_MODE_CREATE_DUMB, 1, ENOMEM);
  fail_if (dmabuf_exporter_allocate (exporter, 1000, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, ENOMEM));
  g_clear_error (&error);
  fake_display_fail (DRM_IOCTL_PRIME_HANDLE_TO_FD, 1, EMFILE);
  fail_if (dmabuf_exporter_allocate (exporter, 1000, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EMFILE));
  g_clear_error (&error);
  fail_unless_equals_int (fake_display_get_n_handles (), 0);

  g_object_unref (exporter);
}
GST_END_TEST;

/* Drivers accept different bits per pixel, virtio-gpu only 32. The planes of
 * any format fit into any of them. */
GST_START_TEST (test_dumb_buffers_of_one_bpp)
{
  static const guint bpps[] = { 32, 8 };
  static const guint32 formats[] = { DRM_FORMAT_XRGB8888, DRM_FORMAT_RGB565,
    DRM_FORMAT_RGB888, DRM_FORMAT_NV12, DRM_FORMAT_YUV420 };
  GError *error = NULL;
  guint i, j, k;

  for (i = 0; i < G_N_ELEMENTS (bpps); i++) {
    fake_display.dumb_bpp = bpps[i];
    for (j = 0; j < G_N_ELEMENTS (formats); j++) {
      /* A width whose rows are not a multiple of 4 bytes. */
      KmsPicture *picture = kms_picture_new (card, formats[j], 99, 51, &error);
      const DmabufLayout *layout;

      fail_unless (picture != NULL, "bpp %u, format %u: %s", bpps[i], j,
          error ? error->message : "");
      layout = &picture->layout;
      for (k = 0; k < layout->n_planes; k++) {
        guint32 row_bytes, rows;

        fail_unless (dmabuf_format_get_plane_size (
            formats[j], k, 99, 51, &row_bytes, &rows));
        fail_unless (layout->planes[k].pitch >= row_bytes);
        fail_unless (
            layout->planes[k].offset + (gsize) layout->planes[k].pitch * rows
            <= dmabuf_buffer_get_size (picture->buffer));
      }
      kms_picture_free (picture);
    }
  }

  fake_display.dumb_bpp = 1;
  fail_if (kms_dumb_exporter_new (card, 100, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EOPNOTSUPP));
  fail_unless (strstr (error->message, FAKE_CARD) != NULL);
  g_clear_error (&error);
}
GST_END_TEST;

/* A card's refusal of a dma-buf holds while the card is open: the kernel is
 * asked once. */
GST_START_TEST (test_refused_dma_buf_is_remembered)
{
  static const struct
  {
    int answer;
    int code;
    const char *text;
  } cases[] = {
    { EINVAL, EINVAL, "contiguous" },
    /* As virtio-gpu without blob resources; the card itself is not gone. */
    { ENODEV, EOPNOTSUPP, "of other devices" },
  };
  DmabufBuffer *buffer;
  DmabufLayout layout;
  KmsFramebuffer *framebuffer;
  GError *error = NULL;
  guint i, j;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    buffer = new_buffer ();
    layout = nv12_in (buffer, buffer);
    fake_display.n_refused_imports = 0;
    fake_display.import_errno = cases[i].answer;
    for (j = 0; j < 3; j++) {
      fail_if (kms_framebuffer_new (card, &layout, &error));
      fail_unless (g_error_matches (error, DMABUF_ERROR, cases[i].code));
      fail_unless (strstr (error->message, cases[i].text) != NULL);
      g_clear_error (&error);
    }
    fail_unless_equals_int (fake_display.n_refused_imports, 1);
    dmabuf_buffer_unref (buffer);
  }

  /* ENOMEM is not remembered. */
  buffer = new_buffer ();
  layout = nv12_in (buffer, buffer);
  fake_display.import_errno = ENOMEM;
  fail_if (kms_framebuffer_new (card, &layout, NULL));
  fake_display.import_errno = 0;
  framebuffer = kms_framebuffer_new (card, &layout, NULL);
  fail_unless (framebuffer != NULL);
  kms_framebuffer_free (card, framebuffer);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* The number of remembered refusals is limited; above that the kernel is asked
 * again. */
GST_START_TEST (test_refusals_are_bounded)
{
  DmabufBuffer *first = new_buffer ();
  DmabufLayout layout = nv12_in (first, first);
  guint i;

  fake_display.import_errno = EINVAL;
  fail_if (kms_framebuffer_new (card, &layout, NULL));
  for (i = 0; i < 1000; i++) {
    DmabufBuffer *buffer = new_buffer ();
    DmabufLayout other = nv12_in (buffer, buffer);

    fail_if (kms_framebuffer_new (card, &other, NULL));
    dmabuf_buffer_unref (buffer);
    fail_unless (g_hash_table_size (card->refused) <= 100);
  }
  fail_unless_equals_int (fake_display.n_refused_imports, 1001);
  fail_if (kms_framebuffer_new (card, &layout, NULL));
  fail_unless_equals_int (fake_display.n_refused_imports, 1002);
  dmabuf_buffer_unref (first);
}
GST_END_TEST;

GST_START_TEST (test_picture_layout)
{
  DmabufLayout layout;
  gsize size;

  fail_unless (
      kms_picture_layout (DRM_FORMAT_NV12, 99, 51, 128, &layout, &size));
  fail_unless_equals_int (layout.n_planes, 2);
  /* SEC-7: chroma is rounded up, 26 rows of 50 pairs. */
  fail_unless (layout.planes[1].offset == 128 * 51);
  /* Its pitch is the one that the driver aligned. */
  fail_unless_equals_int (layout.planes[1].pitch, 128);
  fail_unless (size == 128 * 51 + (gsize) layout.planes[1].pitch * 26);

  fail_unless (
      kms_picture_layout (DRM_FORMAT_YUV420, 64, 64, 128, &layout, &size));
  fail_unless_equals_int (layout.n_planes, 3);
  fail_unless_equals_int (layout.planes[1].pitch, 64);
  fail_unless (layout.planes[2].offset == 128 * 64 + 64 * 32);
  fail_unless (size == 128 * 64 + 2 * 64 * 32);

  fail_unless (
      kms_picture_layout (DRM_FORMAT_YUV420, 99, 51, 128, &layout, &size));
  fail_unless_equals_int (layout.planes[1].pitch, 64);
  fail_unless_equals_int (layout.planes[2].pitch, 64);
  /* With a driver that does not align pitches. */
  fail_unless (
      kms_picture_layout (DRM_FORMAT_NV12, 99, 51, 99, &layout, &size));
  fail_unless_equals_int (layout.planes[1].pitch, 100);

  fail_if (kms_picture_layout (0x12345678, 64, 64, 128, &layout, &size));
  fail_unless_equals_int (kms_picture_row_bytes (0x12345678, 64), 0);
  fail_unless_equals_int (kms_picture_row_bytes (DRM_FORMAT_XRGB8888, 64), 256);
}
GST_END_TEST;

GST_START_TEST (test_picture)
{
  KmsPicture *picture;
  GError *error = NULL;
  guint nth;

  picture = kms_picture_new (card, DRM_FORMAT_NV12, 64, 64, NULL);
  fail_unless (picture != NULL);
  fail_unless_equals_int (fake_display_get_n_framebuffers (), 1);
  kms_picture_free (picture);

  for (nth = 1; nth <= 2; nth++) {
    fake_display_fail (DRM_IOCTL_MODE_CREATE_DUMB, nth, ENOMEM);
    fail_if (kms_picture_new (card, DRM_FORMAT_NV12, 64, 64, &error));
    fail_unless (g_error_matches (error, DMABUF_ERROR, ENOMEM));
    g_clear_error (&error);
  }
  fail_if (kms_picture_new (card, 0x12345678, 64, 64, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
  g_clear_error (&error);
}
GST_END_TEST;

static Suite *
kms_device_suite (void)
{
  Suite *suite = suite_create ("kms-device");
  TCase *tcase = tcase_create ("device");

  suite_add_tcase (suite, tcase);
  tcase_add_checked_fixture (tcase, start, stop);
  tcase_add_test (tcase, test_one_handle_for_planes_in_one_buffer);
  tcase_add_test (tcase, test_handle_per_buffer);
  tcase_add_test (tcase, test_failed_imports_leave_nothing);
  tcase_add_test (tcase, test_card_without_modifiers);
  tcase_add_test (tcase, test_import_cache);
  tcase_add_test (tcase, test_dumb_buffers);
  tcase_add_test (tcase, test_dumb_buffers_of_one_bpp);
  tcase_add_test (tcase, test_refused_dma_buf_is_remembered);
  tcase_add_test (tcase, test_refusals_are_bounded);
  tcase_add_test (tcase, test_picture_layout);
  tcase_add_test (tcase, test_picture);

  return suite;
}

GST_CHECK_MAIN (kms_device);
