/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcore-prelude.h"

G_BEGIN_DECLS

/**
 * GstDmabufCoreCopyPolicy:
 * @GST_DMABUF_CORE_COPY_POLICY_FORBID: fail with an element error instead
 * @GST_DMABUF_CORE_COPY_POLICY_WARN: copy, and warn once on the bus
 * @GST_DMABUF_CORE_COPY_POLICY_ALLOW: copy, and only count
 *
 * What an element does with a frame that it can only pass on by copying.
 */
typedef enum
{
  GST_DMABUF_CORE_COPY_POLICY_FORBID,
  GST_DMABUF_CORE_COPY_POLICY_WARN,
  GST_DMABUF_CORE_COPY_POLICY_ALLOW,
} GstDmabufCoreCopyPolicy;

#define GST_TYPE_DMABUF_CORE_COPY_POLICY \
  (gst_dmabuf_core_copy_policy_get_type ())
GST_DMABUF_CORE_API
GType gst_dmabuf_core_copy_policy_get_type (void);

/**
 * GstDmabufCoreCounter:
 * @GST_DMABUF_CORE_COUNTER_FRAMES: frames received, or produced by a source
 * @GST_DMABUF_CORE_COUNTER_DROPPED: frames dropped or lost
 * @GST_DMABUF_CORE_COUNTER_COPIES: frames copied
 * @GST_DMABUF_CORE_COUNTER_IMPORTS: new imports into the device
 * @GST_DMABUF_CORE_COUNTER_IMPORTS_REUSED: imports taken from the cache
 * @GST_DMABUF_CORE_COUNTER_FENCES_ARMED: fences handed to the hardware
 * @GST_DMABUF_CORE_COUNTER_CPU_WAITS: fences waited for on the CPU
 * @GST_DMABUF_CORE_N_COUNTERS: their number
 *
 * The counters that every element has, as fields of its property "stats".
 */
typedef enum
{
  GST_DMABUF_CORE_COUNTER_FRAMES,
  GST_DMABUF_CORE_COUNTER_DROPPED,
  GST_DMABUF_CORE_COUNTER_COPIES,
  GST_DMABUF_CORE_COUNTER_IMPORTS,
  GST_DMABUF_CORE_COUNTER_IMPORTS_REUSED,
  GST_DMABUF_CORE_COUNTER_FENCES_ARMED,
  GST_DMABUF_CORE_COUNTER_CPU_WAITS,
  GST_DMABUF_CORE_N_COUNTERS,
} GstDmabufCoreCounter;

/**
 * GstDmabufCoreStats: (skip)
 * @counters: one for each #GstDmabufCoreCounter
 * @copy_policy: a #GstDmabufCoreCopyPolicy
 * @copy_reported: whether the copy warning has been posted
 *
 * The counters and the copy policy of one element, which back its properties
 * "stats" and "copy-policy": a member of its instance. Any thread may add.
 */
typedef struct
{
  guint64 counters[GST_DMABUF_CORE_N_COUNTERS];
  gint copy_policy;
  gint copy_reported;
} GstDmabufCoreStats;

/**
 * gst_dmabuf_core_stats_init: (skip)
 * @stats: (out caller-allocates): statistics
 *
 * Sets all counters to zero and the copy policy to warn.
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_stats_init (GstDmabufCoreStats *stats);

/**
 * gst_dmabuf_core_stats_add: (skip)
 * @stats: statistics
 * @counter: a counter
 * @n: how much to add
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_stats_add (
    GstDmabufCoreStats *stats, GstDmabufCoreCounter counter, guint64 n);

/**
 * gst_dmabuf_core_stats_get: (skip)
 * @stats: statistics
 * @counter: a counter
 *
 * Returns: the value of @counter
 */
GST_DMABUF_CORE_API
guint64 gst_dmabuf_core_stats_get (
    GstDmabufCoreStats *stats, GstDmabufCoreCounter counter);

/**
 * gst_dmabuf_core_stats_reset: (skip)
 * @stats: statistics
 *
 * Sets the counters back to zero, for a new start of the element.
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_stats_reset (GstDmabufCoreStats *stats);

/**
 * gst_dmabuf_core_stats_to_structure: (skip)
 * @stats: statistics
 * @name: name of the structure
 *
 * Returns: (transfer full): a structure with a uint64 field for each counter
 *   (frames, dropped, copies, imports, imports-reused, fences-armed,
 *   cpu-waits), to which the element adds its own
 */
GST_DMABUF_CORE_API
GstStructure *gst_dmabuf_core_stats_to_structure (
    GstDmabufCoreStats *stats, const char *name);

/**
 * gst_dmabuf_core_stats_count_copy: (skip)
 * @stats: the element's statistics
 * @element: the element
 * @reason: why the frame cannot be passed on as it is
 *
 * To be called before a frame is copied. Counts the copy. Posts @reason as a
 * warning, the first time, if the policy is to warn, as an error if it forbids.
 *
 * Returns: whether the element may copy
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_stats_count_copy (
    GstDmabufCoreStats *stats, GstElement *element, const char *reason);

/**
 * gst_dmabuf_core_stats_get_copy_policy: (skip)
 * @stats: the element's statistics
 *
 * Returns: the value of the property "copy-policy"
 */
GST_DMABUF_CORE_API
GstDmabufCoreCopyPolicy
gst_dmabuf_core_stats_get_copy_policy (GstDmabufCoreStats *stats);

/**
 * gst_dmabuf_core_param_spec_copy_policy: (skip)
 *
 * Returns: (transfer floating): the property "copy-policy", which may be
 *   changed at any time; its value is kept by
 *   gst_dmabuf_core_stats_set_property()
 */
GST_DMABUF_CORE_API
GParamSpec *gst_dmabuf_core_param_spec_copy_policy (void);

/**
 * gst_dmabuf_core_param_spec_stats: (skip)
 * @fields: the fields that this element adds to the common ones
 *
 * Returns: (transfer floating): the property "stats", a #GstStructure
 */
GST_DMABUF_CORE_API
GParamSpec *gst_dmabuf_core_param_spec_stats (const char *fields);

/**
 * gst_dmabuf_core_param_spec_fence_timeout: (skip)
 *
 * Returns: (transfer floating): the property "fence-timeout", a #GstClockTime;
 *   the element stores its value
 */
GST_DMABUF_CORE_API
GParamSpec *gst_dmabuf_core_param_spec_fence_timeout (void);

/**
 * GST_DMABUF_CORE_DEFAULT_FENCE_TIMEOUT: (skip)
 *
 * Default of the property "fence-timeout", in nanoseconds.
 */
#define GST_DMABUF_CORE_DEFAULT_FENCE_TIMEOUT (5 * GST_SECOND)

/**
 * gst_dmabuf_core_stats_set_property: (skip)
 * @stats: the element's statistics
 * @value: the new value
 * @pspec: the property
 *
 * For the set_property function of an element, which may hold its object lock.
 *
 * Returns: %FALSE for a property other than "copy-policy"
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_stats_set_property (
    GstDmabufCoreStats *stats, const GValue *value, GParamSpec *pspec);

/**
 * gst_dmabuf_core_stats_get_property: (skip)
 * @stats: the element's statistics
 * @value: takes the value
 * @pspec: the property
 *
 * For the get_property function of an element, which may hold its object lock.
 *
 * Returns: %FALSE for a property other than "copy-policy"
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_stats_get_property (
    GstDmabufCoreStats *stats, GValue *value, GParamSpec *pspec);

/**
 * GST_DMABUF_CORE_DURATION_BUCKETS: (skip)
 *
 * Number of buckets of #GstDmabufCoreDurations.
 */
#define GST_DMABUF_CORE_DURATION_BUCKETS (64 * 32)

/**
 * GstDmabufCoreDurations: (skip)
 * @count: number of durations
 * @max: greatest one
 * @buckets: 32 for each power of two
 *
 * Durations in nanoseconds, as a histogram that is exact to 3.2 %. Zeroed
 * before use. Has no lock: the element adds and reads under its own.
 */
typedef struct
{
  guint64 count;
  GstClockTime max;
  guint32 buckets[GST_DMABUF_CORE_DURATION_BUCKETS];
} GstDmabufCoreDurations;

/**
 * gst_dmabuf_core_durations_add: (skip)
 * @durations: durations
 * @duration: one more, in nanoseconds
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_durations_add (
    GstDmabufCoreDurations *durations, GstClockTime duration);

/**
 * gst_dmabuf_core_durations_get: (skip)
 * @durations: durations
 * @percentile: 0 to 100
 *
 * Returns: the duration that @percentile per cent do not exceed, in
 *   nanoseconds; %GST_CLOCK_TIME_NONE without durations
 */
GST_DMABUF_CORE_API
GstClockTime gst_dmabuf_core_durations_get (
    const GstDmabufCoreDurations *durations, double percentile);

/**
 * gst_dmabuf_core_durations_to_structure: (skip)
 * @durations: durations
 * @structure: the structure to add to
 * @prefix: prefix of the fields
 *
 * Sets the uint64 fields PREFIX-p50, PREFIX-p99 and PREFIX-max, in nanoseconds.
 * Without durations it sets none.
 */
GST_DMABUF_CORE_API
void
gst_dmabuf_core_durations_to_structure (const GstDmabufCoreDurations *durations,
    GstStructure *structure, const char *prefix);

G_END_DECLS
