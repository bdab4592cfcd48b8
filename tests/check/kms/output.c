/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The choice of card, connector, mode, plane and rectangle, and the restored
 * state of the screen. */

#include "fake-display.h"
#include "kms-device.h"
#include "kms-output.h"
#include "kms-picture.h"
#include "kms-snapshot.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <gst/check/gstcheck.h>

static KmsCard *card;
static KmsOutput *output;

static void
start (void)
{
  fake_display_start ();
}

static void
stop (void)
{
  g_clear_pointer (&output, kms_output_free);
  g_clear_pointer (&card, kms_card_unref);
  fail_unless_equals_int (fake_display_stop (), 0);
}

static void
open_output (void)
{
  KmsCardRequest request = { NULL, NULL, -1 };
  GError *error = NULL;

  card = kms_card_open (&request, &error);
  fail_unless (card != NULL, "%s", error ? error->message : "");
  output = kms_output_new (card, 0, 0, &error);
  fail_unless (output != NULL, "%s", error ? error->message : "");
}

static void
assert_open_fails (const KmsCardRequest *request, int code, const char *text)
{
  GError *error = NULL;

  fail_if (kms_card_open (request, &error));
  fail_unless (
      g_error_matches (error, DMABUF_ERROR, code), "%s", error->message);
  fail_unless (strstr (error->message, text) != NULL, "%s", error->message);
  g_clear_error (&error);
}

GST_START_TEST (test_open_errors)
{
  KmsCardRequest named = { FAKE_CARD, NULL, -1 };
  KmsCardRequest missing = { "/dev/dri/card9", NULL, -1 };
  KmsCardRequest driver = { NULL, "another", -1 };
  KmsCardRequest both = { FAKE_CARD, "another", -1 };
  KmsCardRequest any = { NULL, NULL, -1 };
  KmsCardRequest bad_fd = { NULL, NULL, 999999 };

  assert_open_fails (&missing, ENOENT, "/dev/dri/card9");
  assert_open_fails (&driver, ENODEV, "another");
  assert_open_fails (&both, ENODEV, "driver-name");
  assert_open_fails (&bad_fd, EBADF, "fd");

  fake_display.open_errno = EACCES;
  assert_open_fails (&named, EACCES, "group");
  assert_open_fails (&any, EACCES, FAKE_CARD);
  fake_display.open_errno = 0;

  fake_display.kms = FALSE;
  assert_open_fails (&named, ENOTTY, "not a KMS device");
  fake_display.kms = TRUE;
  fake_display.atomic = FALSE;
  assert_open_fails (&named, EOPNOTSUPP, "kmssink");
  fake_display.atomic = TRUE;
  fake_display.connected = FALSE;
  assert_open_fails (&any, ENODEV, "has no display");
}
GST_END_TEST;

GST_START_TEST (test_another_master)
{
  KmsCardRequest request = { FAKE_CARD, NULL, -1 };
  GError *error = NULL;

  fake_display.other_master = TRUE;
  card = kms_card_open (&request, NULL);
  fail_if (kms_card_acquire_master (card, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EBUSY));
  fail_unless (strstr (error->message, FAKE_CARD) != NULL);
  g_clear_error (&error);

  fake_display.other_master = FALSE;
  fail_unless (kms_card_acquire_master (card, NULL));
}
GST_END_TEST;

GST_START_TEST (test_no_such_connector_or_plane)
{
  GError *error = NULL;

  open_output ();
  fail_if (kms_output_new (card, 77, 0, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
  g_clear_error (&error);
  fail_if (kms_output_new (card, 0, 77, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
  g_clear_error (&error);
  fail_if (kms_output_new (card, FAKE_WRITEBACK, 0, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, ENODEV));
  g_clear_error (&error);
}
GST_END_TEST;

GST_START_TEST (test_what_it_finds)
{
  open_output ();
  fail_unless_equals_int (output->crtc_id, FAKE_CRTC);
  fail_unless_equals_string (output->connector_name, "Virtual-1");
  /* The primary plane is first. */
  fail_unless_equals_int (output->candidates->len, 2);
  fail_unless_equals_int (
      ((KmsPlane *) g_ptr_array_index (output->candidates, 0))->id,
      FAKE_PRIMARY);
  fail_unless_equals_int (output->formats->len, 4);
  fail_unless (output->can_place);
  fail_if (output->can_scale);
  /* Only test commits were made: the console is still on screen. */
  fail_unless_equals_int (fake_display.n_commits, 0);
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") == FAKE_CONSOLE_FB);
}
GST_END_TEST;

static gboolean
configure (guint32 format, guint width, guint height, int fps, const char *mode,
    GError **error)
{
  KmsVideo video = {
    .format = format,
    .width = width,
    .height = height,
    .par_n = 1,
    .par_d = 1,
    .fps_n = fps,
    .fps_d = 1,
    .encoding = "ITU-R BT.709 YCbCr",
    .range = "YCbCr full range",
  };
  KmsModeRequest request;

  if (mode)
    fail_unless (kms_mode_parse (mode, &request, NULL));

  return kms_output_configure (output, &video, mode ? &request : NULL, error);
}

static void
assert_choice (guint32 plane, guint width, guint height, guint x, guint y,
    guint w, guint h)
{
  fail_unless_equals_int (output->plane->id, plane);
  fail_unless_equals_int (output->mode.hdisplay, width);
  fail_unless_equals_int (output->mode.vdisplay, height);
  fail_unless_equals_int (output->target.x, x);
  fail_unless_equals_int (output->target.y, y);
  fail_unless_equals_int (output->target.width, w);
  fail_unless_equals_int (output->target.height, h);
}

GST_START_TEST (test_mode_of_the_size)
{
  open_output ();
  fail_unless (configure (DRM_FORMAT_XRGB8888, 1200, 700, 30, NULL, NULL));
  assert_choice (FAKE_PRIMARY, 1200, 700, 0, 0, 1200, 700);
  fail_unless_equals_int (output->mode.vrefresh, 60);
  fail_unless (configure (DRM_FORMAT_XRGB8888, 1200, 700, 25, NULL, NULL));
  fail_unless_equals_int (output->mode.vrefresh, 50);
  /* Without a change there is no modeset. */
  output->needs_modeset = FALSE;
  fail_unless (configure (DRM_FORMAT_NV12, 1200, 700, 25, NULL, NULL));
  fail_if (output->needs_modeset);
}
GST_END_TEST;

GST_START_TEST (test_placed_in_the_preferred_mode)
{
  open_output ();
  fail_unless (configure (DRM_FORMAT_NV12, 300, 200, 30, NULL, NULL));
  assert_choice (FAKE_PRIMARY, 1000, 800, 350, 300, 300, 200);
  fail_unless (output->has_encoding && output->encoding == 1);
  fail_unless (output->has_range && output->range == 1);
  /* Larger than the preferred mode. */
  fail_unless (configure (DRM_FORMAT_NV12, 1100, 500, 30, NULL, NULL));
  assert_choice (FAKE_PRIMARY, 1200, 700, 50, 100, 1100, 500);
}
GST_END_TEST;

GST_START_TEST (test_scaled_where_it_cannot_be_placed)
{
  fake_display.can_place = FALSE;
  fake_display.can_scale = TRUE;
  open_output ();
  fail_unless (output->can_scale);
  fail_unless (configure (DRM_FORMAT_NV12, 500, 400, 30, NULL, NULL));
  assert_choice (FAKE_PRIMARY, 1000, 800, 0, 0, 1000, 800);
}
GST_END_TEST;

GST_START_TEST (test_scaled_down_in_its_shape)
{
  fake_display.can_scale = TRUE;
  open_output ();
  fail_unless (configure (DRM_FORMAT_NV12, 4000, 2000, 30, NULL, NULL));
  assert_choice (FAKE_PRIMARY, 1000, 800, 0, 150, 1000, 500);
}
GST_END_TEST;

GST_START_TEST (test_size_without_mode_and_scaling)
{
  GError *error = NULL;

  open_output ();
  fail_if (configure (DRM_FORMAT_XRGB8888, 3000, 2000, 30, NULL, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
  fail_unless (strstr (error->message, "3000x2000") != NULL);
  fail_unless (strstr (error->message, "1200x700@50") != NULL);
  g_clear_error (&error);
  /* Too large for a framebuffer. */
  fail_if (configure (DRM_FORMAT_XRGB8888, 30000, 2000, 30, NULL, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
  g_clear_error (&error);
}
GST_END_TEST;

GST_START_TEST (test_format_that_no_plane_shows)
{
  GError *error = NULL;

  open_output ();
  fail_if (configure (DRM_FORMAT_YUYV, 1200, 700, 30, NULL, &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, EINVAL));
  fail_unless (strstr (error->message, "YUYV") != NULL);
  fail_unless (strstr (error->message, FAKE_CARD) != NULL);
  g_clear_error (&error);
}
GST_END_TEST;

GST_START_TEST (test_plane_by_format)
{
  open_output ();
  fail_unless (configure (DRM_FORMAT_YUV420, 1200, 700, 30, NULL, NULL));
  assert_choice (FAKE_OVERLAY, 1200, 700, 0, 0, 1200, 700);
}
GST_END_TEST;

/* Scalers have a greatest factor: the probe must stay below the usual ones. */
GST_START_TEST (test_scaling_has_a_limit)
{
  fake_display.can_scale = TRUE;
  fake_display.max_scale = 3;
  open_output ();
  fail_unless (output->can_scale);
  fail_unless (configure (DRM_FORMAT_NV12, 500, 400, 30, NULL, NULL));
  assert_choice (FAKE_PRIMARY, 1000, 800, 250, 200, 500, 400);
}
GST_END_TEST;

/* Shows a picture by a commit, and frees it. */
static void
show (guint32 format, guint width, guint height)
{
  KmsRect source = { 0, 0, width, height };
  KmsPicture *picture = kms_picture_new (card, format, width, height, NULL);
  KmsCommit commit;

  kms_commit_init (&commit);
  kms_output_show (output, &commit, picture->framebuffer->fb_id, &source);
  fail_unless_equals_int (
      kms_commit_submit (&commit, card, DRM_MODE_ATOMIC_ALLOW_MODESET, 0), 0);
  output->needs_modeset = output->needs_placing = FALSE;
  kms_picture_free (picture);
}

/* On i.MX6 and others a CRTC needs its primary plane, which cannot show YUV:
 * the frame is on an overlay, above a black picture. */
GST_START_TEST (test_overlay_over_black)
{
  guint64 black;

  fake_display.needs_primary = TRUE;
  open_output ();
  fail_unless (output->can_place);
  fail_unless (configure (DRM_FORMAT_YUV420, 300, 200, 30, NULL, NULL));
  assert_choice (FAKE_OVERLAY, 1000, 800, 350, 300, 300, 200);
  show (DRM_FORMAT_YUV420, 300, 200);
  black = fake_display_get (FAKE_PRIMARY, "FB_ID");
  fail_unless (black != 0 && black != FAKE_CONSOLE_FB);
  fail_unless (fake_display_get (FAKE_PRIMARY, "CRTC_W") == 1000);
  fail_unless (fake_display_get (FAKE_PRIMARY, "CRTC_H") == 800);
  fail_unless (fake_display_get (FAKE_OVERLAY, "CRTC_X") == 350);

  /* The same mode has the same black picture, another mode another one. */
  fail_unless (configure (DRM_FORMAT_YUV420, 200, 200, 30, NULL, NULL));
  fail_if (output->needs_modeset);
  show (DRM_FORMAT_YUV420, 200, 200);
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") == black);
  fail_unless (configure (DRM_FORMAT_YUV420, 1200, 700, 30, NULL, NULL));
  show (DRM_FORMAT_YUV420, 1200, 700);
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") != black);
  fail_unless (fake_display_get (FAKE_PRIMARY, "CRTC_W") == 1200);

  /* A format of the primary plane needs no background. */
  fail_unless (configure (DRM_FORMAT_NV12, 1200, 700, 30, NULL, NULL));
  assert_choice (FAKE_PRIMARY, 1200, 700, 0, 0, 1200, 700);
  fail_unless (output->needs_modeset);
  show (DRM_FORMAT_NV12, 1200, 700);
  fail_unless (fake_display_get (FAKE_OVERLAY, "FB_ID") == 0);
}
GST_END_TEST;

GST_START_TEST (test_overlay_over_black_by_plane_id)
{
  KmsCardRequest request = { NULL, NULL, -1 };

  fake_display.needs_primary = TRUE;
  card = kms_card_open (&request, NULL);
  output = kms_output_new (card, 0, FAKE_OVERLAY, NULL);
  fail_unless (configure (DRM_FORMAT_YUV420, 300, 200, 30, NULL, NULL));
  show (DRM_FORMAT_YUV420, 300, 200);
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") != FAKE_CONSOLE_FB);

  /* Without memory for the background the size is refused. */
  fake_display_fail (DRM_IOCTL_MODE_CREATE_DUMB, 2, ENOMEM);
  fail_if (configure (DRM_FORMAT_YUV420, 1200, 700, 30, "1200x700", NULL));
}
GST_END_TEST;

GST_START_TEST (test_mode_that_the_user_wants)
{
  GError *error = NULL;

  open_output ();
  fail_unless (configure (DRM_FORMAT_NV12, 300, 200, 30, "1200x700@50", NULL));
  assert_choice (FAKE_PRIMARY, 1200, 700, 450, 250, 300, 200);
  fail_unless_equals_int (output->mode.vrefresh, 50);

  fail_if (configure (DRM_FORMAT_NV12, 300, 200, 30, "1200x700@70", &error));
  fail_unless (g_error_matches (error, DMABUF_ERROR, ENOENT));
  fail_unless (strstr (error->message, "600x400@60") != NULL);
  g_clear_error (&error);
}
GST_END_TEST;

/* All changed properties are restored. */
GST_START_TEST (test_snapshot)
{
  static const char *const names[] = { "FB_ID", "CRTC_ID", "SRC_W", "SRC_H",
    "CRTC_X", "CRTC_Y", "CRTC_W", "CRTC_H", "alpha", "COLOR_ENCODING",
    "COLOR_RANGE" };
  guint64 before[G_N_ELEMENTS (names)];
  KmsRect source = { 0, 0, 300, 200 };
  DmabufLayout layout = { DRM_FORMAT_NV12, 300, 200, 2, 0 };
  KmsFramebuffer *framebuffer;
  KmsSnapshot *snapshot;
  KmsCommit commit, none;
  DmabufExporter *heap;
  DmabufBuffer *buffer;
  GBytes *gamma;
  guint i;

  open_output ();
  for (i = 0; i < G_N_ELEMENTS (names); i++)
    before[i] = fake_display_get (FAKE_PRIMARY, names[i]);
  snapshot = kms_snapshot_new (card, output->connector->connector_id,
      output->connector_properties, output->crtc_id, output->crtc_index,
      output->crtc_properties, output->planes);

  heap = dmabuf_heap_exporter_new (NULL, NULL);
  buffer = dmabuf_exporter_allocate (heap, 320 * 400, NULL);
  layout.planes[0] = (DmabufPlane) { buffer, 0, 320 };
  layout.planes[1] = (DmabufPlane) { buffer, 320 * 200, 320 };
  framebuffer = kms_framebuffer_new (card, &layout, NULL);
  fail_unless (configure (DRM_FORMAT_NV12, 300, 200, 30, NULL, NULL));
  kms_commit_init (&commit);
  kms_output_show (output, &commit, framebuffer->fb_id, &source);
  /* Without ALLOW_MODESET another mode is refused. */
  fail_unless_equals_int (kms_commit_submit (&commit, card, 0, 0), -EINVAL);
  fail_unless_equals_int (
      kms_commit_submit (&commit, card, DRM_MODE_ATOMIC_ALLOW_MODESET, 0), 0);
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") == framebuffer->fb_id);
  fail_unless (fake_display_get (FAKE_PRIMARY, "CRTC_X") == 350);
  /* Settings of the previous program have no effect on our picture. */
  fail_unless (fake_display_get (FAKE_PRIMARY, "alpha") == 0xffff);
  fail_unless (fake_display_get (FAKE_CRTC, "GAMMA_LUT") == 0);
  fail_unless (fake_display_get (FAKE_CONNECTOR, "link-status") == 0);

  kms_commit_init (&none);
  fail_unless_equals_int (kms_snapshot_restore (snapshot, &none), 0);
  for (i = 0; i < G_N_ELEMENTS (names); i++)
    fail_unless (
        fake_display_get (FAKE_PRIMARY, names[i]) == before[i], "%s", names[i]);
  gamma = fake_display_get_blob_of (FAKE_CRTC, "GAMMA_LUT");
  fail_unless (gamma != NULL);
  fail_unless_equals_string (
      g_bytes_get_data (gamma, NULL), FAKE_CONSOLE_GAMMA);
  g_bytes_unref (gamma);
  fail_unless (fake_display_get (FAKE_CRTC, "CTM") == 0);
  fail_unless (fake_display_get (FAKE_CRTC, "ACTIVE") == 1);
  fail_unless (fake_display_get (FAKE_OVERLAY, "FB_ID") == 0);

  /* If the saved framebuffer is gone, the screen is off. */
  fail_unless_equals_int (
      kms_commit_submit (&commit, card, DRM_MODE_ATOMIC_ALLOW_MODESET, 0), 0);
  fake_display_fail (DRM_IOCTL_MODE_ATOMIC, 1, ENOENT);
  fail_unless_equals_int (kms_snapshot_restore (snapshot, &none), -ENOENT);
  fail_unless (fake_display_get (FAKE_PRIMARY, "FB_ID") == 0);
  fail_unless (fake_display_get (FAKE_CRTC, "ACTIVE") == 0);

  kms_snapshot_free (snapshot);
  kms_framebuffer_free (card, framebuffer);
  dmabuf_buffer_unref (buffer);
  g_object_unref (heap);
}
GST_END_TEST;

static Suite *
kms_output_suite (void)
{
  Suite *suite = suite_create ("kms-output");
  TCase *tcase = tcase_create ("output");

  suite_add_tcase (suite, tcase);
  tcase_add_checked_fixture (tcase, start, stop);
  tcase_add_test (tcase, test_open_errors);
  tcase_add_test (tcase, test_another_master);
  tcase_add_test (tcase, test_no_such_connector_or_plane);
  tcase_add_test (tcase, test_what_it_finds);
  tcase_add_test (tcase, test_mode_of_the_size);
  tcase_add_test (tcase, test_placed_in_the_preferred_mode);
  tcase_add_test (tcase, test_scaled_where_it_cannot_be_placed);
  tcase_add_test (tcase, test_scaled_down_in_its_shape);
  tcase_add_test (tcase, test_size_without_mode_and_scaling);
  tcase_add_test (tcase, test_format_that_no_plane_shows);
  tcase_add_test (tcase, test_plane_by_format);
  tcase_add_test (tcase, test_scaling_has_a_limit);
  tcase_add_test (tcase, test_overlay_over_black);
  tcase_add_test (tcase, test_overlay_over_black_by_plane_id);
  tcase_add_test (tcase, test_mode_that_the_user_wants);
  tcase_add_test (tcase, test_snapshot);

  return suite;
}

GST_CHECK_MAIN (kms_output);
