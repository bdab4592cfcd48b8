/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-fence.h>

G_BEGIN_DECLS

/*
 * Fences that this process or a word in memory signals, not a kernel driver.
 * The kernel's memory management waits for its fences, so one that depends on
 * user space could stop the machine (IND-1). Therefore these are another kind:
 * they have a deadline, at which they signal -ETIME, and can neither be
 * exported nor put into a kernel reservation. Work of unbounded length
 * (page-faulting, compute) may use these only.
 */

/**
 * dmabuf_fence_new_software:
 * @context: a timeline, from dmabuf_fence_context_alloc()
 * @seqno: its point there, compared in 32 bits with wrap (FEN-3)
 * @deadline: absolute, microseconds of CLOCK_MONOTONIC, at which it ends with
 *   -ETIME if it is still pending (SEC-17). %DMABUF_DEADLINE_NEVER is refused.
 * @error: return location for an error
 *
 * A fence for dmabuf_fence_signal().
 *
 * Returns: (transfer full): the fence; %NULL with EINVAL without a deadline
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_new_software (
    guint64 context, guint64 seqno, gint64 deadline, GError **error);

/**
 * dmabuf_fence_signal:
 * @fence: a software fence
 *
 * Signals the fence, and calls its callbacks before it returns. May not be
 * called under a lock that a callback takes.
 *
 * Returns: %TRUE if it was pending until now (FEN-4)
 */
DMABUF_CORE_API
gboolean dmabuf_fence_signal (DmabufFence *fence);

/**
 * dmabuf_fence_signal_timestamp:
 * @fence: a software fence
 * @timestamp: when the work ended, nanoseconds of CLOCK_MONOTONIC (FEN-13); 0
 *   for now
 *
 * Like dmabuf_fence_signal(), for a caller that knows the exact time, for
 * example from hardware.
 *
 * Returns: %TRUE if it was pending until now
 */
DMABUF_CORE_API
gboolean dmabuf_fence_signal_timestamp (DmabufFence *fence, gint64 timestamp);

/**
 * dmabuf_fence_set_error:
 * @fence: a software fence that is pending
 * @error: a negative errno: -ENODATA no data, -ECANCELED the work was
 *   cancelled, -ETIME timeout or reset (FEN-10)
 *
 * Sets what dmabuf_fence_get_status() returns after the signal.
 *
 * Returns: %FALSE, with a critical, for another value or after the signal
 */
DMABUF_CORE_API
gboolean dmabuf_fence_set_error (DmabufFence *fence, int error);

/**
 * DmabufTimeline:
 *
 * A counter that only grows, and fences for its values, for one queue of work:
 * the kernel's sw_sync for software fences (SWS-1). Reference-counted, any
 * thread.
 */
typedef struct _DmabufTimeline DmabufTimeline;

#define DMABUF_TYPE_TIMELINE (dmabuf_timeline_get_type ())
DMABUF_CORE_API
GType dmabuf_timeline_get_type (void);

/**
 * dmabuf_timeline_new:
 * @name: (nullable): for messages (dmabuf_fence_get_timeline_name())
 *
 * Returns: (transfer full): a timeline of its own context at 0
 */
DMABUF_CORE_API
DmabufTimeline *dmabuf_timeline_new (const char *name);

/**
 * dmabuf_timeline_ref:
 * @timeline: a timeline
 *
 * Returns: (transfer full): @timeline
 */
DMABUF_CORE_API
DmabufTimeline *dmabuf_timeline_ref (DmabufTimeline *timeline);

/**
 * dmabuf_timeline_unref:
 * @timeline: (transfer full): a timeline
 *
 * With the last reference pending fences signal -ENOENT, as nothing else can
 * signal them. Fences do not hold their timeline.
 */
DMABUF_CORE_API
void dmabuf_timeline_unref (DmabufTimeline *timeline);

/**
 * dmabuf_timeline_create_fence:
 * @timeline: a timeline
 * @value: the value at which it signals; at once if that is reached already
 * @deadline: as for dmabuf_fence_new_software()
 * @error: return location for an error
 *
 * Returns: (transfer full): the fence; %NULL with EINVAL without a deadline
 */
DMABUF_CORE_API
DmabufFence *dmabuf_timeline_create_fence (
    DmabufTimeline *timeline, guint32 value, gint64 deadline, GError **error);

/**
 * dmabuf_timeline_advance:
 * @timeline: a timeline
 * @n: by how much
 *
 * Advances the timeline, and signals the fences that it reaches, in order.
 */
DMABUF_CORE_API
void dmabuf_timeline_advance (DmabufTimeline *timeline, guint32 n);

/**
 * dmabuf_timeline_get_value:
 * @timeline: a timeline
 *
 * Returns: its present value
 */
DMABUF_CORE_API
guint32 dmabuf_timeline_get_value (DmabufTimeline *timeline);

/**
 * dmabuf_timeline_get_context:
 * @timeline: a timeline
 *
 * Returns: the context of its fences
 */
DMABUF_CORE_API
guint64 dmabuf_timeline_get_context (DmabufTimeline *timeline);

/**
 * DmabufSeqnoCondition:
 * @DMABUF_SEQNO_GEQUAL: the word has reached the number, with wrap
 * @DMABUF_SEQNO_NONZERO: the word is not 0
 *
 * How the word in memory is compared.
 */
typedef enum
{
  DMABUF_SEQNO_GEQUAL,
  DMABUF_SEQNO_NONZERO,
} DmabufSeqnoCondition;

/**
 * dmabuf_fence_new_seqno: (skip)
 * @word: 32 bits that a device writes, in memory that the CPU sees without
 *   cache maintenance
 * @owner: (nullable): the object that keeps @word mapped
 * @owner_free: (nullable): drops @owner, with the fence
 * @seqno: the number to reach
 * @condition: how it is compared
 * @deadline: as for dmabuf_fence_new_software()
 * @error: return location for an error
 *
 * A fence that signals when a word in memory meets @condition. As that comes
 * without a notification, the word is polled once a millisecond while there is
 * a waiter.
 *
 * Returns: (transfer full): the fence; %NULL with EINVAL without a deadline or
 *   for a word that is not aligned, and @owner still the caller's
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_new_seqno (const guint32 *word, gpointer owner,
    GDestroyNotify owner_free, guint32 seqno, DmabufSeqnoCondition condition,
    gint64 deadline, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DmabufTimeline, dmabuf_timeline_unref)

G_END_DECLS
