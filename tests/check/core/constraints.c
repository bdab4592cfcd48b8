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

  /* the third conflicts with the first, and the first is named */
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

static Suite *
constraints_suite (void)
{
  Suite *s = suite_create ("constraints");
  TCase *tc = backend_add_case (s, "constraints");

  tcase_add_test (tc, test_constraints_laws);
  tcase_add_test (tc, test_constraints_conflicts_name_both_sides);
  tcase_add_test (tc, test_constraints_values);

  return s;
}

GST_CHECK_MAIN (constraints);
