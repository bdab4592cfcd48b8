/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufcorestats.h"

#include "gstdmabufcoreenum-private.h"

static const char *const counter_names[GST_DMABUF_CORE_N_COUNTERS] = {
  [GST_DMABUF_CORE_COUNTER_FRAMES] = "frames",
  [GST_DMABUF_CORE_COUNTER_DROPPED] = "dropped",
  [GST_DMABUF_CORE_COUNTER_COPIES] = "copies",
  [GST_DMABUF_CORE_COUNTER_IMPORTS] = "imports",
  [GST_DMABUF_CORE_COUNTER_IMPORTS_REUSED] = "imports-reused",
  [GST_DMABUF_CORE_COUNTER_FENCES_ARMED] = "fences-armed",
  [GST_DMABUF_CORE_COUNTER_CPU_WAITS] = "cpu-waits",
};

GST_DMABUF_CORE_DEFINE_ENUM (GstDmabufCoreCopyPolicy,
    gst_dmabuf_core_copy_policy,
    { GST_DMABUF_CORE_COPY_POLICY_FORBID, "Fail instead of copying", "forbid" },
    { GST_DMABUF_CORE_COPY_POLICY_WARN, "Copy, and warn once on the bus",
        "warn" },
    { GST_DMABUF_CORE_COPY_POLICY_ALLOW, "Copy, and only count", "allow" })

/* --- properties ------------------------------------------------------------
 */

GParamSpec *
gst_dmabuf_core_param_spec_copy_policy (void)
{
  return g_param_spec_enum ("copy-policy", "Copy policy",
      "What to do with a frame that can only be passed on as a copy",
      GST_TYPE_DMABUF_CORE_COPY_POLICY, GST_DMABUF_CORE_COPY_POLICY_WARN,
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING);
}

GParamSpec *
gst_dmabuf_core_param_spec_stats (const char *fields)
{
  char *blurb = g_strdup_printf (
      "Counters: frames, dropped, copies, imports, imports-reused, "
      "fences-armed, cpu-waits%s%s",
      *fields ? "; " : "", fields);
  GParamSpec *spec =
      g_param_spec_boxed ("stats", "Statistics", blurb, GST_TYPE_STRUCTURE,
          G_PARAM_READABLE | G_PARAM_STATIC_NAME | G_PARAM_STATIC_NICK);

  g_free (blurb);
  return spec;
}

GParamSpec *
gst_dmabuf_core_param_spec_fence_timeout (void)
{
  return g_param_spec_uint64 ("fence-timeout", "Fence timeout",
      "How long a fence may be pending before that is an error, in nanoseconds "
      "(-1 = for ever)",
      0, G_MAXUINT64, GST_DMABUF_CORE_DEFAULT_FENCE_TIMEOUT,
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);
}

gboolean
gst_dmabuf_core_stats_set_property (
    GstDmabufCoreStats *stats, const GValue *value, GParamSpec *pspec)
{
  if (pspec->value_type != GST_TYPE_DMABUF_CORE_COPY_POLICY)
    return FALSE;

  g_atomic_int_set (&stats->copy_policy, g_value_get_enum (value));
  return TRUE;
}

gboolean
gst_dmabuf_core_stats_get_property (
    GstDmabufCoreStats *stats, GValue *value, GParamSpec *pspec)
{
  if (pspec->value_type != GST_TYPE_DMABUF_CORE_COPY_POLICY)
    return FALSE;

  g_value_set_enum (value, gst_dmabuf_core_stats_get_copy_policy (stats));
  return TRUE;
}

GstDmabufCoreCopyPolicy
gst_dmabuf_core_stats_get_copy_policy (GstDmabufCoreStats *stats)
{
  return g_atomic_int_get (&stats->copy_policy);
}

/* --- counters ---------------------------------------------------------- */

void
gst_dmabuf_core_stats_init (GstDmabufCoreStats *stats)
{
  *stats = (GstDmabufCoreStats) {
    .copy_policy = GST_DMABUF_CORE_COPY_POLICY_WARN,
  };
}

void
gst_dmabuf_core_stats_add (
    GstDmabufCoreStats *stats, GstDmabufCoreCounter counter, guint64 n)
{
  __atomic_add_fetch (&stats->counters[counter], n, __ATOMIC_RELAXED);
}

guint64
gst_dmabuf_core_stats_get (
    GstDmabufCoreStats *stats, GstDmabufCoreCounter counter)
{
  return __atomic_load_n (&stats->counters[counter], __ATOMIC_RELAXED);
}

void
gst_dmabuf_core_stats_reset (GstDmabufCoreStats *stats)
{
  guint i;

  for (i = 0; i < GST_DMABUF_CORE_N_COUNTERS; i++)
    __atomic_store_n (&stats->counters[i], 0, __ATOMIC_RELAXED);
  g_atomic_int_set (&stats->copy_reported, FALSE);
}

GstStructure *
gst_dmabuf_core_stats_to_structure (GstDmabufCoreStats *stats, const char *name)
{
  GstStructure *structure = gst_structure_new_empty (name);
  guint i;

  for (i = 0; i < GST_DMABUF_CORE_N_COUNTERS; i++)
    gst_structure_set (structure, counter_names[i], G_TYPE_UINT64,
        gst_dmabuf_core_stats_get (stats, i), NULL);

  return structure;
}

gboolean
gst_dmabuf_core_stats_count_copy (
    GstDmabufCoreStats *stats, GstElement *element, const char *reason)
{
  GstDmabufCoreCopyPolicy policy =
      gst_dmabuf_core_stats_get_copy_policy (stats);

  if (policy == GST_DMABUF_CORE_COPY_POLICY_FORBID) {
    GST_ELEMENT_ERROR (element, STREAM, FORMAT,
        ("Frames would have to be copied, which copy-policy forbids: %s",
            reason),
        (NULL));
    return FALSE;
  }

  gst_dmabuf_core_stats_add (stats, GST_DMABUF_CORE_COUNTER_COPIES, 1);

  if (policy == GST_DMABUF_CORE_COPY_POLICY_WARN
      && g_atomic_int_compare_and_exchange (
          &stats->copy_reported, FALSE, TRUE)) {
    GST_ELEMENT_WARNING (element, STREAM, FORMAT,
        ("Frames are copied: %s", reason),
        ("set copy-policy to allow to silence this, or to forbid to make it "
         "an error"));
  }

  return TRUE;
}

/* --- durations --------------------------------------------------------- */

#define SUB_BITS 5
#define SUB_BUCKETS (1 << SUB_BITS)

G_STATIC_ASSERT (GST_DMABUF_CORE_DURATION_BUCKETS == 64 * SUB_BUCKETS);

/* Below 32 ns each duration has a bucket of its own. Above, each power of two
 * has 32 buckets of equal width, chosen by the five bits after the leading one.
 */
static guint
bucket_of (guint64 duration)
{
  guint shift;

  if (duration < SUB_BUCKETS)
    return duration;

  shift = 63 - __builtin_clzll (duration) - SUB_BITS;
  return (shift + 1) * SUB_BUCKETS + ((duration >> shift) - SUB_BUCKETS);
}

static guint64
bucket_end (guint bucket)
{
  guint shift;

  if (bucket < SUB_BUCKETS)
    return bucket;

  shift = bucket / SUB_BUCKETS - 1;
  return (((guint64) (bucket % SUB_BUCKETS + SUB_BUCKETS) + 1) << shift) - 1;
}

void
gst_dmabuf_core_durations_add (
    GstDmabufCoreDurations *durations, GstClockTime duration)
{
  durations->count++;
  durations->max = MAX (durations->max, duration);
  durations->buckets[bucket_of (duration)]++;
}

GstClockTime
gst_dmabuf_core_durations_get (
    const GstDmabufCoreDurations *durations, double percentile)
{
  guint64 seen = 0;
  guint i;

  if (durations->count == 0)
    return GST_CLOCK_TIME_NONE;

  for (i = 0; i < GST_DMABUF_CORE_DURATION_BUCKETS; i++) {
    seen += durations->buckets[i];
    if (seen > 0 && seen >= durations->count * percentile / 100.)
      return MIN (bucket_end (i), durations->max);
  }

  return durations->max;
}

void
gst_dmabuf_core_durations_to_structure (const GstDmabufCoreDurations *durations,
    GstStructure *structure, const char *prefix)
{
  static const struct
  {
    const char *name;
    double percentile;
  } fields[] = { { "p50", 50. }, { "p99", 99. }, { "max", 100. } };
  guint i;

  if (durations->count == 0)
    return;

  for (i = 0; i < G_N_ELEMENTS (fields); i++) {
    char *field = g_strdup_printf ("%s-%s", prefix, fields[i].name);

    gst_structure_set (structure, field, G_TYPE_UINT64,
        gst_dmabuf_core_durations_get (durations, fields[i].percentile), NULL);
    g_free (field);
  }
}
