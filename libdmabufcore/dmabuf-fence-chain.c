/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A timeline as a list of fences, newest first (struct dma_fence_chain).
 *
 *   head ──previous──▶ node ──previous──▶ node ──▶ NULL or a plain fence
 *    │ fence            │ fence            │ fence
 *    ▼                  ▼                  ▼
 *
 * Nodes that have signalled are unlinked by the next walk (CHN-4).
 */

#include "dmabuf-fence-array-private.h"
#include "dmabuf-kernel-private.h"
#include "dmabuf-thread-private.h"

#include <errno.h>

typedef struct
{
  DmabufFence base;
  DmabufFence *fence;
  guint64 previous_seqno;

  GMutex link; /* Guards previous; held only to read or swap it */
  DmabufFence *previous;

  DmabufFence *armed; /* The fence that the head's callback is on (CHN-6) */
  guint armed_id;
} Chain;

static const DmabufFenceOps chain_ops;

gboolean
dmabuf_fence_is_chain (DmabufFence *fence)
{
  return fence && fence->ops == &chain_ops;
}

DmabufFence *
dmabuf_fence_chain_get_fence (DmabufFence *chain)
{
  return dmabuf_fence_is_chain (chain) ? ((Chain *) chain)->fence : chain;
}

static DmabufFence *
chain_ref_previous (Chain *self)
{
  DmabufFence *previous;

  g_mutex_lock (&self->link);
  previous = self->previous ? dmabuf_fence_ref (self->previous) : NULL;
  g_mutex_unlock (&self->link);
  return previous;
}

/* CHN-4: compare and swap; the loser drops its replacement. */
static void
chain_replace_previous (
    Chain *self, DmabufFence *expected, DmabufFence *replacement)
{
  DmabufFence *dropped = replacement;

  g_mutex_lock (&self->link);
  if (self->previous == expected) {
    dropped = self->previous;
    self->previous = replacement;
  }
  g_mutex_unlock (&self->link);

  if (dropped)
    dmabuf_fence_unref (dropped);
}

DmabufFence *
dmabuf_fence_chain_walk (DmabufFence *chain)
{
  Chain *self = (Chain *) chain;
  DmabufFence *previous;

  g_return_val_if_fail (chain != NULL, NULL);

  if (!dmabuf_fence_is_chain (chain)) {
    dmabuf_fence_unref (chain);
    return NULL;
  }

  while ((previous = chain_ref_previous (self))) {
    DmabufFence *replacement = NULL;

    if (!dmabuf_fence_is_signaled (dmabuf_fence_chain_get_fence (previous)))
      break;
    if (dmabuf_fence_is_chain (previous))
      replacement = chain_ref_previous ((Chain *) previous);
    chain_replace_previous (self, previous, replacement);
    dmabuf_fence_unref (previous);
  }

  dmabuf_fence_unref (chain);
  return previous;
}

gboolean
dmabuf_fence_chain_find_seqno (
    DmabufFence **fence, guint64 seqno, GError **error)
{
  DmabufFence *head;
  DmabufFence *found;

  g_return_val_if_fail (fence != NULL, FALSE);

  head = *fence;
  if (seqno == 0)
    return TRUE;

  if (!dmabuf_fence_is_chain (head) || head->seqno < seqno) {
    dmabuf_set_error (error, EINVAL,
        "timeline has no point %" G_GUINT64_FORMAT
        " yet; wait until it is submitted",
        seqno);
    return FALSE;
  }

  dmabuf_fence_ref (head);
  for (found = head; found; found = dmabuf_fence_chain_walk (found)) {
    if (found->context != head->context
        || ((Chain *) found)->previous_seqno < seqno)
      break;
  }
  *fence = found;
  dmabuf_fence_unref (head);

  return TRUE;
}

/* --- Signalling -------------------------------------------------------- */

static void
on_leaf (DmabufFence *leaf, gpointer chain)
{
  dmabuf_fence_defer (chain);
}

static void
chain_disarm (Chain *self)
{
  if (!self->armed)
    return;
  dmabuf_fence_remove_callback (self->armed, self->armed_id);
  g_clear_pointer (&self->armed, dmabuf_fence_unref);
}

/* CHN-6: one callback per head, on the first fence that is pending. Under the
 * head's lock. */
static int
chain_enable (DmabufFence *fence)
{
  Chain *self = (Chain *) fence;
  DmabufFence *node;

  for (node = dmabuf_fence_ref (fence); node;
      node = dmabuf_fence_chain_walk (node)) {
    DmabufFence *leaf = dmabuf_fence_chain_get_fence (node);
    guint id = dmabuf_fence_add_callback (leaf, on_leaf,
        dmabuf_fence_ref (fence), (GDestroyNotify) dmabuf_fence_unref);

    if (id != 0) {
      g_clear_pointer (&self->armed, dmabuf_fence_unref);
      self->armed = dmabuf_fence_ref (leaf);
      self->armed_id = id;
      dmabuf_fence_unref (node);
      return 1;
    }
  }

  return 0;
}

static void
chain_disable (DmabufFence *fence)
{
  chain_disarm ((Chain *) fence);
}

static void
chain_deferred (DmabufFence *fence)
{
  Chain *self = (Chain *) fence;
  gboolean done = FALSE;

  g_mutex_lock (&fence->lock);
  /* If the head was armed on another pending fence meanwhile, its callback will
   * come. */
  if ((g_atomic_int_get (&fence->flags) & DMABUF_FENCE_FLAG_ENABLED)
      && !(self->armed && !dmabuf_fence_has_settled (self->armed)))
    done = chain_enable (fence) == 0;
  g_mutex_unlock (&fence->lock);

  if (done) {
    dmabuf_fence_settle (fence, 0, 0);
    dmabuf_fence_dispatch (fence);
  }
}

static gboolean
chain_signaled (DmabufFence *fence, int *error, gint64 *timestamp)
{
  DmabufFence *node;

  for (node = dmabuf_fence_ref (fence); node;
      node = dmabuf_fence_chain_walk (node)) {
    if (!dmabuf_fence_is_signaled (dmabuf_fence_chain_get_fence (node))) {
      dmabuf_fence_unref (node);
      return FALSE;
    }
  }

  return TRUE;
}

static int
chain_wait (DmabufFence *fence, gint64 deadline, GCancellable *cancellable)
{
  DmabufFence *node;

  for (node = dmabuf_fence_ref (fence); node;
      node = dmabuf_fence_chain_walk (node)) {
    int ret = dmabuf_fence_wait_status (
        dmabuf_fence_chain_get_fence (node), deadline, cancellable);

    if (ret <= 0) {
      dmabuf_fence_unref (node);
      return ret;
    }
  }

  dmabuf_fence_settle (fence, 0, 0);
  return 1;
}

static void
chain_set_deadline (DmabufFence *fence, gint64 deadline)
{
  DmabufFence *node;

  for (node = dmabuf_fence_ref (fence); node;
      node = dmabuf_fence_chain_walk (node))
    dmabuf_fence_set_deadline (dmabuf_fence_chain_get_fence (node), deadline);
}

static const char *
chain_get_driver_name (DmabufFence *fence)
{
  return "dma_fence_chain";
}

static const char *
chain_get_timeline_name (DmabufFence *fence)
{
  return "unbound";
}

/* CHN-7: releasing a node may release the previous one. Nodes that lose their
 * last reference are queued and freed by the loop of the first, so that the
 * stack stays small for a chain of any length. */
static void
chain_release (DmabufFence *fence)
{
  static __thread DmabufFence *queue;
  static __thread gboolean releasing;

  fence->next_deferred = queue;
  queue = fence;
  if (releasing)
    return;

  releasing = TRUE;
  while (queue) {
    Chain *self = (Chain *) queue;

    queue = self->base.next_deferred;
    g_mutex_clear (&self->link);
    dmabuf_fence_unref (self->fence);
    if (self->armed)
      dmabuf_fence_unref (self->armed);
    if (self->previous)
      dmabuf_fence_unref (self->previous);
    g_free (self);
  }
  releasing = FALSE;
}

static const DmabufFenceOps chain_ops = {
  .kind = DMABUF_FENCE_KIND_COMPOSITE,
  .get_driver_name = chain_get_driver_name,
  .get_timeline_name = chain_get_timeline_name,
  .enable = chain_enable,
  .disable = chain_disable,
  .signaled = chain_signaled,
  .wait = chain_wait,
  .export_sync_file = dmabuf_fence_export_composite,
  .set_deadline = chain_set_deadline,
  .deferred = chain_deferred,
  .release = chain_release,
};

DmabufFence *
dmabuf_fence_chain_new (
    DmabufFence *previous, DmabufFence *fence, guint64 seqno)
{
  guint64 context = 0;
  guint64 previous_seqno = 0;
  Chain *self;

  g_return_val_if_fail (fence != NULL, NULL);

  if (dmabuf_fence_is_chain (fence))
    goto err_nested;

  if (dmabuf_fence_is_chain (previous)) {
    if (seqno > previous->seqno) {
      context = previous->context;
      previous_seqno = previous->seqno;
    } else {
      seqno = previous->seqno;
    }
  }
  if (context == 0)
    context = dmabuf_fence_context_alloc (1);

  self = g_new0 (Chain, 1);
  dmabuf_fence_init (&self->base, &chain_ops, context, seqno);
  self->base.flags = DMABUF_FENCE_FLAG_SEQNO64;
  self->base.trust = fence->trust;
  if (previous)
    self->base.trust = MAX (fence->trust, previous->trust);
  self->fence = fence;
  self->previous = previous;
  self->previous_seqno = previous_seqno;
  g_mutex_init (&self->link);

  return &self->base;

  /* ERRORS */
err_nested:
  g_critical ("a chain node's own fence cannot be a chain (CHN-2); pass it as"
              " the previous one");
  dmabuf_fence_unref (fence);
  if (previous)
    dmabuf_fence_unref (previous);
  return NULL;
}
