/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A timeline of software fences: a counter, and fences at points ahead of it.
 */

#include "dmabuf-fence-software-private.h"
#include "dmabuf-thread-private.h"

#include <errno.h>

struct _DmabufTimeline
{
  gint ref_count;
  GMutex lock;
  guint64 context;
  guint32 value;
  GRefString *name;
  /* DmabufFence, soonest first; the list holds a reference of each */
  GSequence *pending;
};

G_DEFINE_BOXED_TYPE (
    DmabufTimeline, dmabuf_timeline, dmabuf_timeline_ref, dmabuf_timeline_unref)

DmabufTimeline *
dmabuf_timeline_new (const char *name)
{
  DmabufTimeline *timeline = g_new0 (DmabufTimeline, 1);

  timeline->ref_count = 1;
  g_mutex_init (&timeline->lock);
  timeline->context = dmabuf_fence_context_alloc (1);
  timeline->name = g_ref_string_new (name ? name : "timeline");
  timeline->pending = g_sequence_new ((GDestroyNotify) dmabuf_fence_unref);

  return timeline;
}

DmabufTimeline *
dmabuf_timeline_ref (DmabufTimeline *timeline)
{
  g_return_val_if_fail (timeline != NULL, NULL);

  g_atomic_int_inc (&timeline->ref_count);
  return timeline;
}

/* Takes out the soonest fence if the timeline has reached it; @any takes it out
 * in any case. */
static DmabufFence *
timeline_pop (DmabufTimeline *timeline, gboolean any)
{
  GSequenceIter *first;
  DmabufFence *fence = NULL;

  g_mutex_lock (&timeline->lock);
  first = g_sequence_get_begin_iter (timeline->pending);
  if (!g_sequence_iter_is_end (first)) {
    DmabufFence *soonest = g_sequence_get (first);

    if (any || (gint32) (timeline->value - (guint32) soonest->seqno) >= 0) {
      fence = dmabuf_fence_ref (soonest);
      g_sequence_remove (first);
    }
  }
  g_mutex_unlock (&timeline->lock);

  return fence;
}

void
dmabuf_timeline_unref (DmabufTimeline *timeline)
{
  DmabufFence *fence;

  g_return_if_fail (timeline != NULL);

  if (!g_atomic_int_dec_and_test (&timeline->ref_count))
    return;

  while ((fence = timeline_pop (timeline, TRUE))) {
    dmabuf_fence_signal_error (fence, -ENOENT);
    dmabuf_fence_unref (fence);
  }

  g_sequence_free (timeline->pending);
  g_ref_string_release (timeline->name);
  g_mutex_clear (&timeline->lock);
  g_free (timeline);
}

static int
compare_points (gconstpointer a, gconstpointer b, gpointer unused)
{
  const DmabufFence *x = a;
  const DmabufFence *y = b;
  gint32 difference = (guint32) x->seqno - (guint32) y->seqno;

  return difference < 0 ? -1 : difference > 0;
}

DmabufFence *
dmabuf_timeline_create_fence (
    DmabufTimeline *timeline, guint32 value, gint64 deadline, GError **error)
{
  DmabufFence *fence;
  gboolean reached;

  g_return_val_if_fail (timeline != NULL, NULL);

  fence = dmabuf_fence_new_software (timeline->context, value, deadline, error);
  if (!fence)
    return NULL;
  dmabuf_fence_software_set_name (fence, timeline->name);

  g_mutex_lock (&timeline->lock);
  reached = (gint32) (timeline->value - value) >= 0;
  if (!reached)
    g_sequence_insert_sorted (
        timeline->pending, dmabuf_fence_ref (fence), compare_points, NULL);
  g_mutex_unlock (&timeline->lock);

  if (reached)
    dmabuf_fence_signal (fence);
  return fence;
}

void
dmabuf_timeline_advance (DmabufTimeline *timeline, guint32 n)
{
  DmabufFence *fence;

  g_return_if_fail (timeline != NULL);

  g_mutex_lock (&timeline->lock);
  timeline->value += n;
  g_mutex_unlock (&timeline->lock);

  while ((fence = timeline_pop (timeline, FALSE))) {
    dmabuf_fence_signal (fence);
    dmabuf_fence_unref (fence);
  }
}

guint32
dmabuf_timeline_get_value (DmabufTimeline *timeline)
{
  guint32 value;

  g_return_val_if_fail (timeline != NULL, 0);

  g_mutex_lock (&timeline->lock);
  value = timeline->value;
  g_mutex_unlock (&timeline->lock);

  return value;
}

guint64
dmabuf_timeline_get_context (DmabufTimeline *timeline)
{
  g_return_val_if_fail (timeline != NULL, 0);

  return timeline->context;
}
