/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-fence.h>

G_BEGIN_DECLS

/*
 * Fences made of fences: arrays (all of them), chains (one and all before it),
 * unwrapping and merging.
 */

/**
 * dmabuf_fence_array_new:
 * @fences: (array length=n_fences) (transfer full): the members; the array is
 *   freed with g_free(). Plain fences only: flatten others with
 *   dmabuf_fence_merge_many() first.
 * @n_fences: how many, at least 1
 * @context: of the array, from dmabuf_fence_context_alloc()
 * @seqno: in @context
 *
 * A fence that signals when all of its members have (ARR-1, ARR-2). Its error
 * is that of the member that failed first (ARR-5).
 *
 * Returns: (transfer full) (nullable): the array; %NULL, with @fences consumed,
 *   for no members or a container among them
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_array_new (
    DmabufFence **fences, guint n_fences, guint64 context, guint64 seqno);

/**
 * dmabuf_fence_is_array:
 * @fence: (nullable): a fence
 *
 * Returns: whether it is an array
 */
DMABUF_CORE_API
gboolean dmabuf_fence_is_array (DmabufFence *fence);

/**
 * dmabuf_fence_match_context:
 * @fence: a fence
 * @context: a context
 *
 * Returns: whether @fence, or each member of an array, is of @context (ARR-6)
 */
DMABUF_CORE_API
gboolean dmabuf_fence_match_context (DmabufFence *fence, guint64 context);

/**
 * dmabuf_fence_chain_new:
 * @previous: (nullable) (transfer full): the fence before: a chain, or a plain
 *   fence
 * @fence: (transfer full): the node's own fence, which may not be a chain
 * @seqno: the node's point on the timeline
 *
 * A node of a timeline: it signals when its fence and all before have (CHN-3).
 * A @seqno that is not later than the previous one's begins a new context, at
 * the greater of both (CHN-1).
 *
 * Returns: (transfer full) (nullable): the node; %NULL, with both consumed, if
 *   @fence is a chain
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_chain_new (
    DmabufFence *previous, DmabufFence *fence, guint64 seqno);

/**
 * dmabuf_fence_is_chain:
 * @fence: (nullable): a fence
 *
 * Returns: whether it is a node of a chain
 */
DMABUF_CORE_API
gboolean dmabuf_fence_is_chain (DmabufFence *fence);

/**
 * dmabuf_fence_chain_get_fence:
 * @chain: (nullable): a fence
 *
 * Returns: (transfer none) (nullable): the node's own fence; @chain itself if
 *   it is not a chain
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_chain_get_fence (DmabufFence *chain);

/**
 * dmabuf_fence_chain_walk:
 * @chain: (transfer full): a node
 *
 * Goes to the previous node that is pending, and unlinks those in between,
 * which have signalled (CHN-4). Any number of threads may do so at once.
 *
 * Returns: (transfer full) (nullable): the previous node
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_chain_walk (DmabufFence *chain);

/**
 * dmabuf_fence_chain_find_seqno:
 * @fence: (inout) (nullable) (transfer full): in: the head of a chain; out: the
 *   node that signals when @seqno is reached, %NULL if it is reached already
 * @seqno: a point, 0 for none
 * @error: return location for an error
 *
 * Finds a point of a timeline (CHN-5).
 *
 * Returns: %FALSE with EINVAL if there is no such point yet; @fence is as it
 * was
 */
DMABUF_CORE_API
gboolean dmabuf_fence_chain_find_seqno (
    DmabufFence **fence, guint64 seqno, GError **error);

/**
 * DmabufFenceUnwrap:
 *
 * The state of an iteration over the leaves of a fence.
 */
typedef struct
{
  /*< private >*/
  DmabufFence *chain;
  DmabufFence *array;
  guint index;
} DmabufFenceUnwrap;

/**
 * dmabuf_fence_unwrap_first: (skip)
 * @head: (nullable): a fence
 * @cursor: (out caller-allocates): the iteration
 *
 * Begins to visit the leaves of a chain of arrays, newest node first (UNW-1).
 *
 * Returns: (transfer none) (nullable): the first leaf, valid until the next
 *   step
 */
DMABUF_CORE_API
DmabufFence *
dmabuf_fence_unwrap_first (DmabufFence *head, DmabufFenceUnwrap *cursor);

/**
 * dmabuf_fence_unwrap_next: (skip)
 * @cursor: the iteration
 *
 * Returns: (transfer none) (nullable): the next leaf; after %NULL @cursor needs
 *   no dmabuf_fence_unwrap_end()
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_unwrap_next (DmabufFenceUnwrap *cursor);

/**
 * dmabuf_fence_unwrap_end: (skip)
 * @cursor: the iteration
 *
 * Ends an iteration that is left early.
 */
DMABUF_CORE_API
void dmabuf_fence_unwrap_end (DmabufFenceUnwrap *cursor);

/**
 * dmabuf_fence_merge:
 * @a: (nullable): a fence
 * @b: (nullable): another
 *
 * Makes a fence that signals when both have, in the smallest form (UNW-2): of
 * each context the latest leaf that is pending, ordered by context. A single
 * leaf is returned as it is; without pending leaves the result is a stub with
 * the latest timestamp. References to @a and @b stay the caller's. Errors of
 * leaves that have signalled are lost (UNW-3): see dmabuf_fence_merge_strict().
 *
 * Returns: (transfer full): the fence
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_merge (DmabufFence *a, DmabufFence *b);

/**
 * dmabuf_fence_merge_many:
 * @fences: (array length=n_fences): fences; %NULL among them is skipped
 * @n_fences: how many
 *
 * Like dmabuf_fence_merge() for any number.
 *
 * Returns: (transfer full): the fence
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_merge_many (DmabufFence **fences, guint n_fences);

/**
 * dmabuf_fence_merge_strict:
 * @fences: (array length=n_fences): fences; %NULL among them is skipped
 * @n_fences: how many
 *
 * Like dmabuf_fence_merge_many(), but if leaves have signalled with errors the
 * first of these errors is the result's.
 *
 * Returns: (transfer full): the fence
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_merge_strict (DmabufFence **fences, guint n_fences);

/**
 * dmabuf_fence_dedup_array: (skip)
 * @fences: (array length=n_fences): fences
 * @n_fences: how many
 *
 * Sorts by context, newest first, and keeps the newest of each (UNW-4); drops
 * the references to the others.
 *
 * Returns: the new count
 */
DMABUF_CORE_API
guint dmabuf_fence_dedup_array (DmabufFence **fences, guint n_fences);

G_END_DECLS
