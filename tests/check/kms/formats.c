/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The formats of a plane: the blob of IN_FORMATS, whose content is not trusted.
 */

#include "kms-formats.h"

#include <drm_fourcc.h>
#include <drm_mode.h>
#include <gst/check/gstcheck.h>
#include <string.h>

#define OTHER_MODIFIER G_GUINT64_CONSTANT (0x0100000000000001)

typedef struct
{
  struct drm_format_modifier_blob header;
  guint32 formats[70];
  struct drm_format_modifier modifiers[3];
} Blob;

/* 70 formats: LINEAR for the first 64, another modifier for the first one, and
 * for one in the window that begins at 64. */
static Blob
make_blob (void)
{
  Blob blob = {
    .header = {
      .version = FORMAT_BLOB_CURRENT,
      .count_formats = 70,
      .formats_offset = G_STRUCT_OFFSET (Blob, formats),
      .count_modifiers = 3,
      .modifiers_offset = G_STRUCT_OFFSET (Blob, modifiers),
    },
  };
  guint i;

  for (i = 0; i < 70; i++)
    blob.formats[i] = fourcc_code ('A', 'A', 'A', ' ') + i;
  blob.modifiers[0].formats = G_MAXUINT64;
  blob.modifiers[0].modifier = DRM_FORMAT_MOD_LINEAR;
  blob.modifiers[1].formats = 1;
  blob.modifiers[1].modifier = OTHER_MODIFIER;
  blob.modifiers[2].formats = 1 << 3;
  blob.modifiers[2].offset = 64;
  blob.modifiers[2].modifier = OTHER_MODIFIER;

  return blob;
}

GST_START_TEST (test_blob)
{
  GArray *formats = kms_formats_new ();
  Blob blob = make_blob ();

  fail_unless (kms_formats_add_blob (formats, &blob, sizeof (blob)));
  fail_unless_equals_int (formats->len, 64 + 2);
  fail_unless (
      kms_formats_contain (formats, blob.formats[0], DRM_FORMAT_MOD_LINEAR));
  fail_unless (kms_formats_contain (formats, blob.formats[0], OTHER_MODIFIER));
  fail_if (kms_formats_contain (formats, blob.formats[1], OTHER_MODIFIER));
  fail_if (
      kms_formats_contain (formats, blob.formats[64], DRM_FORMAT_MOD_LINEAR));
  fail_unless (kms_formats_contain (formats, blob.formats[67], OTHER_MODIFIER));
  /* In the driver's order. */
  fail_unless_equals_int (
      g_array_index (formats, GstDmabufCoreFormat, 0).fourcc, blob.formats[0]);

  g_array_unref (formats);
}
GST_END_TEST;

GST_START_TEST (test_no_doubles_and_no_invalid)
{
  GArray *formats = kms_formats_new ();
  GArray *others = kms_formats_new ();

  kms_formats_add (formats, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR);
  kms_formats_add (formats, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR);
  /* INVALID is not LINEAR, and cannot be negotiated. */
  kms_formats_add (formats, DRM_FORMAT_NV12, DRM_FORMAT_MOD_INVALID);
  fail_unless_equals_int (formats->len, 1);

  kms_formats_add (others, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR);
  kms_formats_add (others, DRM_FORMAT_NV21, DRM_FORMAT_MOD_LINEAR);
  kms_formats_merge (formats, others);
  fail_unless_equals_int (formats->len, 2);

  g_array_unref (formats);
  g_array_unref (others);
}
GST_END_TEST;

GST_START_TEST (test_contradictory_blobs)
{
  GArray *formats = kms_formats_new ();
  Blob blob;
  gsize size;

  /* Every truncation. */
  blob = make_blob ();
  for (size = 0; size < sizeof (blob); size++) {
    gpointer cut = g_memdup2 (&blob, size ? size : 1);

    fail_if (
        kms_formats_add_blob (formats, cut, size), "%u bytes", (guint) size);
    g_free (cut);
  }
  fail_if (kms_formats_add_blob (formats, NULL, sizeof (blob)));

  blob = make_blob ();
  blob.header.version++;
  fail_if (kms_formats_add_blob (formats, &blob, sizeof (blob)));

  blob = make_blob ();
  blob.header.count_formats = G_MAXUINT32;
  fail_if (kms_formats_add_blob (formats, &blob, sizeof (blob)));

  blob = make_blob ();
  blob.header.formats_offset = G_MAXUINT32 - 3;
  fail_if (kms_formats_add_blob (formats, &blob, sizeof (blob)));

  blob = make_blob ();
  blob.header.count_modifiers = G_MAXUINT32 / 8;
  fail_if (kms_formats_add_blob (formats, &blob, sizeof (blob)));

  blob = make_blob ();
  blob.header.modifiers_offset = sizeof (blob) + 1;
  fail_if (kms_formats_add_blob (formats, &blob, sizeof (blob)));
  fail_unless_equals_int (formats->len, 0);

  /* A window outside the list has no formats. */
  blob = make_blob ();
  blob.modifiers[0].offset = G_MAXUINT32;
  blob.modifiers[1].offset = 70;
  blob.modifiers[2].offset = 69;
  fail_unless (kms_formats_add_blob (formats, &blob, sizeof (blob)));
  fail_unless_equals_int (formats->len, 0);

  g_array_unref (formats);
}
GST_END_TEST;

static Suite *
kms_formats_suite (void)
{
  Suite *suite = suite_create ("kms-formats");
  TCase *tcase = tcase_create ("formats");

  suite_add_tcase (suite, tcase);
  tcase_add_test (tcase, test_blob);
  tcase_add_test (tcase, test_no_doubles_and_no_invalid);
  tcase_add_test (tcase, test_contradictory_blobs);

  return suite;
}

GST_CHECK_MAIN (kms_formats);
