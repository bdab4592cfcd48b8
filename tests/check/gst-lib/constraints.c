/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Constraints of consumers: merging, and passing them through an ALLOCATION
 * query and a tee. */

#include "../lib/backend.h"

#include <errno.h>
#include <gst/check/gstharness.h>
#include <gst/lib/gstdmabufcore.h>
#include <string.h>

static const struct
{
  const char *a, *b;
  const char *both; /* NULL: nothing suits both */
  const char *message;
} merges[] = {
  { "", "", "", NULL },
  { "pitch-align=(uint)64", "", "pitch-align=(uint)64", NULL },
  { "pitch-align=(uint)64", "pitch-align=(uint)48", "pitch-align=(uint)192",
      NULL },
  { "offset-align=(uint)4096,size-align=(uint)6", "size-align=(uint)4",
      "offset-align=(uint)4096,size-align=(uint)12", NULL },
  { "max-pitch=(uint)8192", "max-pitch=(uint)16384", "max-pitch=(uint)8192",
      NULL },
  { "max-pitch=(uint)8192", "", "max-pitch=(uint)8192", NULL },
  { "contiguous=(boolean)true", "", "contiguous=(boolean)true", NULL },
  { "one-buffer=(boolean)true", "contiguous=(boolean)true",
      "contiguous=(boolean)true,one-buffer=(boolean)true", NULL },
  /* One consumer without implicit sync is enough. */
  { "implicit-sync=(boolean)true", "", "", NULL },
  { "implicit-sync=(boolean)true", "implicit-sync=(boolean)true",
      "implicit-sync=(boolean)true", NULL },
  { "exporters=(string)\"heap:system,udmabuf\"", "exporters=(string)udmabuf",
      "exporters=(string)udmabuf", NULL },
  { "exporters=(string)heap:system", "exporters=(string)udmabuf", NULL,
      "memory of A is heap:system, memory of B is udmabuf" },
  { "max-pitch=(uint)100", "pitch-align=(uint)128", NULL,
      "alignment of the pitch of B is 128, greatest pitch of A is 100" },
  { "pitch-align=(uint)2147483647", "pitch-align=(uint)2", NULL,
      "4294967294 for the pitch" },
};

static void
parse (GstDmabufCoreConstraints *constraints, const char *fields,
    const char *device)
{
  char *text =
      g_strdup_printf ("dmabuf-constraints%s%s", *fields ? "," : "", fields);
  GstStructure *structure = gst_structure_new_from_string (text);

  fail_unless (structure != NULL, "%s", text);
  gst_dmabuf_core_constraints_from_structure (constraints, structure);
  g_strlcpy (constraints->devices, device, sizeof (constraints->devices));
  gst_structure_free (structure);
  g_free (text);
}

GST_START_TEST (test_merge)
{
  guint i, swapped;

  for (i = 0; i < G_N_ELEMENTS (merges); i++) {
    for (swapped = 0; swapped < 2; swapped++) {
      GstDmabufCoreConstraints a, b, both, before;
      GError *error = NULL;
      gboolean merged;

      parse (&a, merges[i].a, "A");
      parse (&b, merges[i].b, "B");
      before = swapped ? b : a;
      merged = swapped ? gst_dmabuf_core_constraints_merge (&b, &a, &error)
                       : gst_dmabuf_core_constraints_merge (&a, &b, &error);
      if (merges[i].both) {
        fail_unless (merged, "row %u: %s", i, error ? error->message : "");
        parse (&both, merges[i].both, swapped ? "B,A" : "A,B");
        fail_unless (
            memcmp (swapped ? &b : &a, &both, sizeof (both)) == 0, "row %u", i);
      } else {
        fail_if (merged, "row %u", i);
        fail_unless (g_error_matches (error, DMABUF_ERROR, EBUSY));
        if (!swapped)
          fail_unless (strstr (error->message, merges[i].message) != NULL,
              "row %u: %s", i, error->message);
        fail_unless (memcmp (swapped ? &b : &a, &before, sizeof (before)) == 0);
        g_clear_error (&error);
      }
    }
  }
}
GST_END_TEST;

/* Values of another element are checked. */
GST_START_TEST (test_senseless_values_ask_for_nothing)
{
  GstStructure *structure = gst_structure_new ("dmabuf-constraints",
      "pitch-align", G_TYPE_UINT, 0, "offset-align", G_TYPE_UINT, G_MAXUINT,
      "max-pitch", G_TYPE_STRING, "great", "contiguous", G_TYPE_UINT, 1,
      "devices", G_TYPE_INT, 3, NULL);
  GstDmabufCoreConstraints constraints, nothing;

  gst_dmabuf_core_constraints_init (&nothing, NULL);
  gst_dmabuf_core_constraints_from_structure (&constraints, structure);
  fail_unless (memcmp (&constraints, &nothing, sizeof (nothing)) == 0);
  gst_dmabuf_core_constraints_from_structure (&constraints, NULL);
  fail_unless (memcmp (&constraints, &nothing, sizeof (nothing)) == 0);
  gst_structure_free (structure);
}
GST_END_TEST;

/* Rules 7 and 8: the consumer's answer has the video meta, with the alignment
 * as parameters that other elements know. */
GST_START_TEST (test_answer_is_understood_by_upstream)
{
  GstCaps *caps = gst_caps_from_string ("video/x-raw,format=NV12,width=64,"
                                        "height=64,framerate=30/1");
  GstQuery *query = gst_query_new_allocation (caps, FALSE);
  GstDmabufCoreConstraints asked, read;
  const GstStructure *params;
  GstVideoAlignment alignment;
  guint index;

  fail_if (gst_query_get_dmabuf_core_constraints (query, &read, &alignment));
  fail_unless_equals_int (read.pitch_align, 1);

  gst_dmabuf_core_constraints_init (&asked, "camera");
  asked.pitch_align = 192;
  gst_query_add_dmabuf_core_constraints (query, &asked);

  fail_unless (
      gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, &index));
  gst_query_parse_nth_allocation_meta (query, index, &params);
  fail_unless (params != NULL);
  fail_unless (gst_buffer_pool_config_get_video_alignment (params, &alignment));
  fail_unless_equals_int (alignment.stride_align[0], 63);

  fail_unless (
      gst_query_get_dmabuf_core_constraints (query, &read, &alignment));
  fail_unless (memcmp (&read, &asked, sizeof (read)) == 0);
  fail_unless_equals_int (alignment.stride_align[1], 63);

  gst_query_unref (query);
  gst_caps_unref (caps);
}
GST_END_TEST;

static GstPadProbeReturn
answer (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);

  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return GST_PAD_PROBE_OK;
  gst_query_add_dmabuf_core_constraints (query, user_data);
  return GST_PAD_PROBE_HANDLED;
}

#if GST_CHECK_VERSION(1, 26, 0)
/* Gets the answer of a tee whose branches ask for @asked. */
static gboolean
ask_tee (GstDmabufCoreConstraints asked[2], GstDmabufCoreConstraints *read,
    gboolean *found)
{
  GstElement *bin = gst_parse_launch (
      "tee name=t t. ! fakesink name=a async=false t. ! fakesink name=b "
      "async=false",
      NULL);
  GstCaps *caps = gst_caps_from_string ("video/x-raw,format=NV12,width=64,"
                                        "height=64,framerate=30/1");
  GstQuery *query = gst_query_new_allocation (caps, FALSE);
  const char *names[] = { "a", "b" };
  GstVideoAlignment alignment;
  GstElement *tee;
  gboolean ret;
  GstPad *pad;
  guint i;

  for (i = 0; i < 2; i++) {
    GstElement *sink = gst_bin_get_by_name (GST_BIN (bin), names[i]);

    pad = gst_element_get_static_pad (sink, "sink");
    gst_pad_add_probe (
        pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, answer, &asked[i], NULL);
    gst_object_unref (pad);
    gst_object_unref (sink);
  }

  gst_element_set_state (bin, GST_STATE_PAUSED);
  tee = gst_bin_get_by_name (GST_BIN (bin), "t");
  pad = gst_element_get_static_pad (tee, "sink");
  ret = gst_pad_query (pad, query);
  *found = gst_query_find_allocation_meta (
      query, GST_DMABUF_CORE_CONSTRAINTS_API_TYPE, NULL);
  gst_query_get_dmabuf_core_constraints (query, read, &alignment);

  gst_query_unref (query);
  gst_object_unref (pad);
  gst_object_unref (tee);
  gst_element_set_state (bin, GST_STATE_NULL);
  gst_object_unref (bin);
  gst_caps_unref (caps);
  return ret;
}

/* The branches of a tee get one storage. */
GST_START_TEST (test_tee_merges_its_branches)
{
  GstDmabufCoreConstraints asked[2], read;
  gboolean found;

  gst_dmabuf_core_constraints_init (&asked[0], "a");
  gst_dmabuf_core_constraints_init (&asked[1], "b");
  asked[0].pitch_align = 96;
  asked[0].max_pitch = 16384;
  asked[1].pitch_align = 256;

  fail_unless (ask_tee (asked, &read, &found));
  fail_unless (found);
  fail_unless_equals_int (read.pitch_align, 768);
  fail_unless_equals_int (read.max_pitch, 16384);
  fail_unless (strstr (read.devices, "a") && strstr (read.devices, "b"));
}
GST_END_TEST;

/* If no storage suits all branches, the answer has the conflict, with the
 * demands of each branch. */
GST_START_TEST (test_tee_tells_of_a_conflict)
{
  GstDmabufCoreConstraints asked[2], read;
  gboolean found;

  gst_dmabuf_core_constraints_init (&asked[0], "a");
  gst_dmabuf_core_constraints_init (&asked[1], "b");
  strcpy (asked[0].exporters, "heap:system");
  strcpy (asked[1].exporters, "udmabuf");

  fail_unless (ask_tee (asked, &read, &found));
  fail_unless (found);
  fail_unless (strstr (read.conflict, "memory of a is heap:system") != NULL,
      "%s", read.conflict);
  fail_unless (strstr (read.conflict, "memory of b is udmabuf") != NULL);
}
GST_END_TEST;
#endif

static Suite *
constraints_suite (void)
{
  Suite *suite = suite_create ("constraints");
  TCase *tc = tcase_create ("constraints");

  suite_add_tcase (suite, tc);
  tcase_add_test (tc, test_merge);
  tcase_add_test (tc, test_senseless_values_ask_for_nothing);
  tcase_add_test (tc, test_answer_is_understood_by_upstream);
#if GST_CHECK_VERSION(1, 26, 0)
  tcase_add_test (tc, test_tee_merges_its_branches);
  tcase_add_test (tc, test_tee_tells_of_a_conflict);
#endif

  return suite;
}

GST_CHECK_MAIN (constraints)
