/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <gst/check/gstcheck.h>
#include <gst/lib/gstdmabufcore.h>

GST_START_TEST (test_durations_of_nothing)
{
  GstDmabufCoreDurations *durations = g_new0 (GstDmabufCoreDurations, 1);
  GstStructure *structure = gst_structure_new_empty ("stats");

  fail_unless_equals_uint64 (
      gst_dmabuf_core_durations_get (durations, 50.), GST_CLOCK_TIME_NONE);
  gst_dmabuf_core_durations_to_structure (durations, structure, "latency");
  fail_unless_equals_int (gst_structure_n_fields (structure), 0);

  gst_structure_free (structure);
  g_free (durations);
}

GST_END_TEST;

/* Percentiles against the sorted list, over the whole range of a guint64. */
GST_START_TEST (test_durations_are_exact_to_a_bucket)
{
  static const double percentiles[] = { 0.1, 1., 50., 90., 99., 100. };
  GstDmabufCoreDurations *durations = g_new0 (GstDmabufCoreDurations, 1);
  GRand *random = g_rand_new_with_seed (1);
  guint64 sorted[2000];
  guint i, k;

  for (i = 0; i < G_N_ELEMENTS (sorted); i++) {
    guint64 value = (guint64) g_rand_int (random) << 32 | g_rand_int (random);

    value >>= g_rand_int_range (random, 0, 64);
    gst_dmabuf_core_durations_add (durations, value);
    for (k = i; k > 0 && sorted[k - 1] > value; k--)
      sorted[k] = sorted[k - 1];
    sorted[k] = value;
  }

  for (i = 0; i < G_N_ELEMENTS (percentiles); i++) {
    gsize rank = G_N_ELEMENTS (sorted) * percentiles[i] / 100.;
    guint64 exact = sorted[MAX (rank, 1) - 1];
    guint64 got = gst_dmabuf_core_durations_get (durations, percentiles[i]);

    fail_unless (got >= exact && got - exact <= exact / 32,
        "p%g is %" G_GUINT64_FORMAT ", exactly %" G_GUINT64_FORMAT,
        percentiles[i], got, exact);
  }

  g_rand_free (random);
  g_free (durations);
}

GST_END_TEST;

GST_START_TEST (test_every_counter_has_a_field)
{
  GstDmabufCoreStats stats = { { 0 } };
  GstStructure *structure;
  guint64 value;
  guint i;

  for (i = 0; i < GST_DMABUF_CORE_N_COUNTERS; i++)
    gst_dmabuf_core_stats_add (&stats, i, i + 1);

  structure = gst_dmabuf_core_stats_to_structure (&stats, "application/x-test");
  fail_unless_equals_int (
      gst_structure_n_fields (structure), GST_DMABUF_CORE_N_COUNTERS);
  for (i = 0; i < GST_DMABUF_CORE_N_COUNTERS; i++) {
    const char *name = gst_structure_nth_field_name (structure, i);

    fail_unless (gst_structure_get_uint64 (structure, name, &value));
    fail_unless_equals_uint64 (value, i + 1);
  }
  gst_structure_free (structure);

  gst_dmabuf_core_stats_reset (&stats);
  fail_unless_equals_uint64 (
      gst_dmabuf_core_stats_get (&stats, GST_DMABUF_CORE_COUNTER_COPIES), 0);
}

GST_END_TEST;

/* One warning for many copies, with the reason; an error if copying is
 * forbidden, no message if it is allowed. */
static const struct
{
  GstDmabufCoreCopyPolicy policy;
  gboolean may_copy;
  GstMessageType message;
} policies[] = {
  { GST_DMABUF_CORE_COPY_POLICY_FORBID, FALSE, GST_MESSAGE_ERROR },
  { GST_DMABUF_CORE_COPY_POLICY_WARN, TRUE, GST_MESSAGE_WARNING },
  { GST_DMABUF_CORE_COPY_POLICY_ALLOW, TRUE, GST_MESSAGE_UNKNOWN },
};

GST_START_TEST (test_a_copy_follows_the_policy)
{
  GstElement *element = gst_element_factory_make ("identity", NULL);
  GstDmabufCoreStats stats;
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GError *error = NULL;
  GValue value = G_VALUE_INIT;
  GParamSpec *spec;
  char *debug = NULL;
  guint i;

  spec = g_param_spec_ref_sink (gst_dmabuf_core_param_spec_copy_policy ());
  g_value_init (&value, GST_TYPE_DMABUF_CORE_COPY_POLICY);
  gst_dmabuf_core_stats_init (&stats);
  fail_unless (gst_dmabuf_core_stats_get_property (&stats, &value, spec));
  fail_unless_equals_int (
      g_value_get_enum (&value), GST_DMABUF_CORE_COPY_POLICY_WARN);
  g_value_set_enum (&value, policies[__i__].policy);
  fail_unless (gst_dmabuf_core_stats_set_property (&stats, &value, spec));
  g_param_spec_unref (spec);
  /* A reset clears the counters and keeps the policy. */
  gst_dmabuf_core_stats_reset (&stats);
  gst_element_set_bus (element, bus);
  for (i = 0; i < 3; i++)
    fail_unless_equals_int (
        gst_dmabuf_core_stats_count_copy (&stats, element, "stride 1440"),
        policies[__i__].may_copy);
  fail_unless_equals_uint64 (
      gst_dmabuf_core_stats_get (&stats, GST_DMABUF_CORE_COUNTER_COPIES),
      policies[__i__].may_copy ? 3 : 0);

  message = gst_bus_pop (bus);
  if (policies[__i__].message == GST_MESSAGE_UNKNOWN) {
    fail_unless (message == NULL);
  } else {
    fail_unless_equals_int (
        GST_MESSAGE_TYPE (message), policies[__i__].message);
    if (policies[__i__].message == GST_MESSAGE_WARNING) {
      gst_message_parse_warning (message, &error, &debug);
      fail_unless (strstr (error->message, "stride 1440") != NULL);
      fail_unless (gst_bus_pop (bus) == NULL, "warned more than once");
    } else {
      gst_message_parse_error (message, &error, &debug);
      fail_unless (strstr (error->message, "stride 1440") != NULL);
    }
    g_clear_error (&error);
    g_free (debug);
    gst_message_unref (message);
  }

  gst_bus_set_flushing (bus, TRUE);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

GST_END_TEST;

static Suite *
stats_suite (void)
{
  Suite *suite = suite_create ("stats");
  TCase *tcase = tcase_create ("general");

  suite_add_tcase (suite, tcase);
  tcase_add_test (tcase, test_durations_of_nothing);
  tcase_add_test (tcase, test_durations_are_exact_to_a_bucket);
  tcase_add_test (tcase, test_every_counter_has_a_field);
  tcase_add_loop_test (
      tcase, test_a_copy_follows_the_policy, 0, G_N_ELEMENTS (policies));

  return suite;
}

GST_CHECK_MAIN (stats);
