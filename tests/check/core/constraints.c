/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The algebra of constraints: laws on random values, and conflicts that name
 * field, sides and values. */

#include "../lib/backend.h"

#include <drm/drm_fourcc.h>
#include <errno.h>
#include <string.h>

static const char *const memories[] = { "heap:system", "heap:cma", "udmabuf" };
static const guint32 fourccs[] = { DRM_FORMAT_NV12, DRM_FORMAT_XRGB8888,
  DRM_FORMAT_YUYV };

static DmabufConstraints *
random_constraints (GRand *rand, const char *owner)
{
  DmabufConstraints *c = dmabuf_constraints_new (owner);
  guint i;

  if (g_rand_boolean (rand))
    dmabuf_constraints_set_alignment (c, 1 << g_rand_int_range (rand, 0, 17),
        g_rand_int_range (rand, 0, 300), g_rand_int_range (rand, 0, 300));
  if (g_rand_boolean (rand))
    dmabuf_constraints_set_max_pitch (c, g_rand_int_range (rand, 100, 20000));
  dmabuf_constraints_set_contiguous (c, g_rand_boolean (rand));
  dmabuf_constraints_set_cpu_access (c, g_rand_boolean (rand));
  if (g_rand_boolean (rand))
    dmabuf_constraints_set_address_bits (c, g_rand_int_range (rand, 24, 64));
  for (i = 0; i < 3; i++) {
    if (g_rand_int_range (rand, 0, 3) == 0)
      dmabuf_constraints_add_memory (c, memories[i]);
    if (g_rand_int_range (rand, 0, 3) == 0)
      dmabuf_constraints_add_format (c, fourccs[i],
          g_rand_boolean (rand) ? DRM_FORMAT_MOD_LINEAR
                                : DRM_FORMAT_MOD_INVALID);
  }
  return c;
}

static DmabufConstraints *
merge3 (const DmabufConstraints *a, const DmabufConstraints *b,
    const DmabufConstraints *c)
{
  g_autoptr (DmabufConstraints) ab = dmabuf_constraints_merge (a, b, NULL);

  return ab ? dmabuf_constraints_merge (ab, c, NULL) : NULL;
}

/* Merging is commutative, associative, idempotent, and only makes stricter. */
GST_START_TEST (test_constraints_laws)
{
  GRand *rand = g_rand_new_with_seed (4711);
  guint i, n_merged = 0;

  for (i = 0; i < 3000; i++) {
    g_autoptr (DmabufConstraints) a = random_constraints (rand, "a");
    g_autoptr (DmabufConstraints) b = random_constraints (rand, "b");
    g_autoptr (DmabufConstraints) c = random_constraints (rand, "c");
    g_autoptr (DmabufConstraints) ab = dmabuf_constraints_merge (a, b, NULL);
    g_autoptr (DmabufConstraints) ba = dmabuf_constraints_merge (b, a, NULL);
    g_autoptr (DmabufConstraints) aa = dmabuf_constraints_merge (a, a, NULL);
    g_autoptr (DmabufConstraints) abc = merge3 (a, b, c);
    g_autoptr (DmabufConstraints) bca = merge3 (b, c, a);
    g_autofree char *text = dmabuf_constraints_describe (a);

    fail_unless (text != NULL);
    fail_unless_equals_int (ab != NULL, ba != NULL);
    fail_unless_equals_int (abc != NULL, bca != NULL);
    if (aa)
      fail_unless (dmabuf_constraints_equal (aa, a));
    if (ab) {
      n_merged++;
      fail_unless (dmabuf_constraints_equal (ab, ba));
      fail_unless (dmabuf_constraints_includes (ab, a));
      fail_unless (dmabuf_constraints_includes (ab, b));
    }
    if (abc)
      fail_unless (dmabuf_constraints_equal (abc, bca));
  }
  fail_unless (n_merged > 300 && n_merged < 2900);
  g_rand_free (rand);
}
GST_END_TEST;

GST_START_TEST (test_constraints_conflicts_name_both_sides)
{
  g_autoptr (DmabufConstraints) camera = dmabuf_constraints_new ("camera");
  g_autoptr (DmabufConstraints) codec = dmabuf_constraints_new ("codec");
  g_autoptr (DmabufConstraints) display = dmabuf_constraints_new ("display");
  g_autoptr (DmabufConstraints) two = NULL;
  GError *error = NULL;

  /* The third conflicts with the first, and the first is named */
  dmabuf_constraints_add_format (
      camera, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR);
  dmabuf_constraints_set_max_pitch (codec, 4096);
  dmabuf_constraints_add_format (
      display, DRM_FORMAT_NV12, DRM_FORMAT_MOD_INVALID);
  two = dmabuf_constraints_merge (camera, codec, &error);
  assert_no_error (error);
  fail_unless (dmabuf_constraints_merge (two, display, &error) == NULL);
  fail_unless (strstr (error->message, "camera"), "%s", error->message);
  fail_unless (strstr (error->message, "display"), "%s", error->message);
  fail_unless (strstr (error->message, "NV12:0x0"), "%s", error->message);
  fail_unless (strstr (error->message, "formats"), "%s", error->message);
  assert_error (error, EBUSY);

  dmabuf_constraints_set_alignment (camera, 1, 1, 8192);
  fail_unless (dmabuf_constraints_merge (camera, codec, &error) == NULL);
  fail_unless (strstr (error->message, "8192"), "%s", error->message);
  fail_unless (strstr (error->message, "4096"), "%s", error->message);
  assert_error (error, EBUSY);

  dmabuf_constraints_set_alignment (camera, G_MAXUINT64, 1, 1);
  dmabuf_constraints_set_alignment (codec, G_MAXUINT64 - 1, 1, 1);
  fail_unless (dmabuf_constraints_merge (camera, codec, &error) == NULL);
  assert_error (error, EBUSY);
}
GST_END_TEST;

/* Alignments become their least common multiple, maxima the least. */
GST_START_TEST (test_constraints_values)
{
  g_autoptr (DmabufConstraints) a = dmabuf_constraints_new ("a");
  g_autoptr (DmabufConstraints) b = dmabuf_constraints_new ("b");
  g_autoptr (DmabufConstraints) both = NULL;
  guint64 size, offset, pitch;

  dmabuf_constraints_set_alignment (a, 4096, 12, 64);
  dmabuf_constraints_set_alignment (b, 65536, 18, 48);
  dmabuf_constraints_set_max_pitch (b, 16384);
  both = dmabuf_constraints_merge (a, b, NULL);
  dmabuf_constraints_get_alignment (both, &size, &offset, &pitch);
  fail_unless_equals_uint64 (size, 65536);
  fail_unless_equals_uint64 (offset, 36);
  fail_unless_equals_uint64 (pitch, 192);
  fail_unless_equals_uint64 (dmabuf_constraints_get_max_pitch (both), 16384);
  fail_unless_equals_uint64 (dmabuf_constraints_get_max_pitch (a), 0);
}
GST_END_TEST;

/* Allocator and importer agree: a layout made under constraints passes their
 * check and the validator, with the least pitches that do. */
GST_START_TEST (test_layout_under_constraints)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  GRand *rand = g_rand_new_with_seed (4711);
  guint round, i;

  for (round = 0; round < 400; round++) {
    g_autoptr (DmabufConstraints) c = dmabuf_constraints_new ("display");
    guint32 fourcc = fourccs[round % G_N_ELEMENTS (fourccs)];
    guint64 pitch = g_rand_int_range (rand, 1, 700);
    guint64 offset = 1 << g_rand_int_range (rand, 0, 13);
    guint32 width = g_rand_int_range (rand, 1, 700), row_bytes, rows;
    DmabufBuffer *buffer;
    DmabufLayout layout;
    GError *error = NULL;
    gsize size;

    dmabuf_constraints_set_alignment (c, 8192, offset, pitch);
    fail_unless (dmabuf_layout_init_linear (
        &layout, fourcc, width, 5, c, &size, &error));
    fail_unless_equals_int (size % 8192, 0);
    buffer = dmabuf_exporter_allocate (exporter, size, NULL);
    for (i = 0; i < layout.n_planes; i++) {
      dmabuf_format_get_plane_size (fourcc, i, width, 5, &row_bytes, &rows);
      fail_unless (layout.planes[i].pitch < row_bytes + pitch);
      layout.planes[i].buffer = buffer;
    }
    fail_unless (dmabuf_layout_validate (&layout, &error));
    fail_unless (dmabuf_constraints_check_layout (c, &layout, &error));

    if (pitch > 1) {
      layout.planes[0].pitch++;
      fail_if (dmabuf_constraints_check_layout (c, &layout, &error));
      assert_error (error, EINVAL);
    }
    dmabuf_buffer_unref (buffer);
  }
  g_rand_free (rand);
  g_object_unref (exporter);
}
GST_END_TEST;

/* Messages name the field, the value, the demand and its device. */
GST_START_TEST (test_layout_errors_name_field_value_and_device)
{
  g_autoptr (DmabufConstraints) display =
      dmabuf_constraints_new ("KMS card /dev/dri/card0");
  g_autoptr (DmabufConstraints) codec = dmabuf_constraints_new ("codec");
  g_autoptr (DmabufConstraints) both = NULL;
  DmabufLayout layout = { .format = DRM_FORMAT_NV12,
    .n_planes = 2,
    .planes = { { NULL, 0, 1280 }, { NULL, 1280 * 720, 1440 } } };
  GError *error = NULL;
  gsize size;

  dmabuf_constraints_set_alignment (display, 1, 1, 256);
  dmabuf_constraints_set_alignment (codec, 1, 4096, 1);
  dmabuf_constraints_set_max_pitch (codec, 2048);
  both = dmabuf_constraints_merge (codec, display, NULL);

  fail_if (dmabuf_constraints_check_layout (both, &layout, &error));
  fail_unless (strstr (error->message,
                   "plane 1: pitch 1440 is not a multiple "
                   "of 256, which KMS card "
                   "/dev/dri/card0 needs"),
      "%s", error->message);
  assert_error (error, EINVAL);

  layout.planes[1].pitch = 2304;
  fail_if (dmabuf_constraints_check_layout (both, &layout, &error));
  fail_unless (strstr (error->message, "2304"), "%s", error->message);
  fail_unless (strstr (error->message, "2048"), "%s", error->message);
  fail_unless (strstr (error->message, "codec"), "%s", error->message);
  assert_error (error, EINVAL);

  layout.planes[1].pitch = 1280;
  layout.planes[1].offset = 1280 * 721;
  fail_if (dmabuf_constraints_check_layout (both, &layout, &error));
  fail_unless (strstr (error->message, "offset 922880"), "%s", error->message);
  fail_unless (strstr (error->message, "codec"), "%s", error->message);
  assert_error (error, EINVAL);

  /* With a modifier the meaning of a pitch is the driver's: not checked. */
  layout.modifier = DRM_FORMAT_MOD_INVALID;
  fail_unless (dmabuf_constraints_check_layout (both, &layout, &error));

  /* Frames that cannot be laid out */
  fail_if (dmabuf_layout_init_linear (
      &layout, DRM_FORMAT_NV12, 2049, 2, both, &size, &error));
  fail_unless (strstr (error->message, "codec"), "%s", error->message);
  assert_error (error, EINVAL);
  fail_if (dmabuf_layout_init_linear (
      &layout, 0x20202020, 16, 16, NULL, &size, &error));
  assert_error (error, EINVAL);
  fail_if (dmabuf_layout_init_linear (
      &layout, DRM_FORMAT_NV12, 16, 0, NULL, &size, &error));
  assert_error (error, EINVAL);
  dmabuf_constraints_set_alignment (display, 1, 1, G_MAXUINT64);
  fail_if (dmabuf_layout_init_linear (
      &layout, DRM_FORMAT_NV12, 16, 16, display, &size, &error));
  assert_error (error, EINVAL);
}
GST_END_TEST;

/* The import refuses a layout that violates the device's constraints, before
 * the device is called. */
GST_START_TEST (test_import_compares_the_layout)
{
  g_autoptr (DmabufConstraints) c = dmabuf_constraints_new ("display");
  DmabufExporter *exporter = backend_new_exporter (0);
  TestDevice *device = test_device_new ("display", DMABUF_DEVICE_FLAG_NONE);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, 1 << 20, NULL);
  DmabufAttachment *attachment;
  GError *error = NULL;
  DmabufLayout layout = { .format = DRM_FORMAT_XRGB8888,
    .width = 360,
    .height = 16,
    .n_planes = 1,
    .planes = { { buffer, 0, 1440 } } };

  dmabuf_constraints_set_alignment (c, 1, 1, 256);
  dmabuf_device_set_constraints (DMABUF_DEVICE (device), c);
  attachment = dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
  fail_unless (
      dmabuf_attachment_import (attachment, &layout, NULL, &error) == NULL);
  fail_unless (strstr (error->message,
                   "pitch 1440 is not a multiple of 256, which display needs"),
      "%s", error->message);
  assert_error (error, EINVAL);
  fail_unless_equals_int (device->n_imports, 0);

  layout.planes[0].pitch = 1536;
  fail_unless (dmabuf_attachment_import (attachment, &layout, NULL, &error));

  dmabuf_attachment_unref (attachment);
  dmabuf_device_trim (DMABUF_DEVICE (device));
  dmabuf_buffer_unref (buffer);
  g_object_unref (device);
  g_object_unref (exporter);
}
GST_END_TEST;

static Suite *
constraints_suite (void)
{
  Suite *s = suite_create ("constraints");
  TCase *tc = backend_add_case (s, "constraints");

  tcase_add_test (tc, test_constraints_laws);
  tcase_add_test (tc, test_constraints_conflicts_name_both_sides);
  tcase_add_test (tc, test_constraints_values);
  tcase_add_test (tc, test_layout_under_constraints);
  tcase_add_test (tc, test_layout_errors_name_field_value_and_device);
  tcase_add_test (tc, test_import_compares_the_layout);

  return s;
}

GST_CHECK_MAIN (constraints);
