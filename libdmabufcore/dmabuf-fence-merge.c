/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Unwraps containers to leaves, and merges leaves to containers. */

#include "dmabuf-fence-array-private.h"
#include "dmabuf-kernel-private.h"

#include <errno.h>
#include <stdlib.h>

/* --- Unwrap ------------------------------------------------------------ */

static DmabufFence *
unwrap_enter_node (DmabufFenceUnwrap *cursor)
{
  DmabufFence *fence = dmabuf_fence_chain_get_fence (cursor->chain);
  DmabufFence **members;

  cursor->index = 0;
  cursor->array = NULL;
  if (!dmabuf_fence_is_array (fence))
    return fence;

  cursor->array = fence;
  dmabuf_fence_array_get_members (fence, &members);
  return members[0];
}

DmabufFence *
dmabuf_fence_unwrap_first (DmabufFence *head, DmabufFenceUnwrap *cursor)
{
  *cursor = (DmabufFenceUnwrap) { NULL };
  if (!head)
    return NULL;

  cursor->chain = dmabuf_fence_ref (head);
  return unwrap_enter_node (cursor);
}

DmabufFence *
dmabuf_fence_unwrap_next (DmabufFenceUnwrap *cursor)
{
  if (!cursor->chain)
    return NULL;

  if (cursor->array) {
    DmabufFence **members;
    guint n = dmabuf_fence_array_get_members (cursor->array, &members);

    if (++cursor->index < n)
      return members[cursor->index];
  }

  cursor->chain = dmabuf_fence_chain_walk (cursor->chain);
  return cursor->chain ? unwrap_enter_node (cursor) : NULL;
}

void
dmabuf_fence_unwrap_end (DmabufFenceUnwrap *cursor)
{
  if (cursor->chain)
    dmabuf_fence_unref (cursor->chain);
  *cursor = (DmabufFenceUnwrap) { NULL };
}

/* --- Merge ------------------------------------------------------------- */

static int
compare_fences (const void *a, const void *b)
{
  DmabufFence *x = *(DmabufFence *const *) a;
  DmabufFence *y = *(DmabufFence *const *) b;

  if (x->context != y->context)
    return x->context < y->context ? -1 : 1;
  if (dmabuf_fence_is_later (x, y))
    return -1;
  return dmabuf_fence_is_later (y, x);
}

guint
dmabuf_fence_dedup_array (DmabufFence **fences, guint n_fences)
{
  guint i, n;

  if (n_fences == 0)
    return 0;

  qsort (fences, n_fences, sizeof *fences, compare_fences);

  for (i = n = 1; i < n_fences; i++) {
    if (fences[i]->context == fences[n - 1]->context)
      dmabuf_fence_unref (fences[i]);
    else
      fences[n++] = fences[i];
  }

  return n;
}

/* Most merges are of two or three fences. */
#define N_INLINE 8

typedef struct
{
  DmabufFence *few[N_INLINE];
  DmabufFence **fences;
  guint n;
  guint size;
  gint64 timestamp; /* The latest of the leaves that have signalled */
  int error;        /* The first of theirs */
} Leaves;

static void
leaves_add (Leaves *leaves, DmabufFence *fence)
{
  if (leaves->n == leaves->size) {
    leaves->size *= 2;
    if (leaves->fences == leaves->few) {
      leaves->fences = g_new (DmabufFence *, leaves->size);
      memcpy (leaves->fences, leaves->few, sizeof leaves->few);
    } else {
      leaves->fences = g_renew (DmabufFence *, leaves->fences, leaves->size);
    }
  }
  leaves->fences[leaves->n++] = dmabuf_fence_ref (fence);
}

static void
leaves_collect (Leaves *leaves, DmabufFence *head, gboolean strict)
{
  DmabufFenceUnwrap cursor;
  DmabufFence *leaf;

  for (leaf = dmabuf_fence_unwrap_first (head, &cursor); leaf;
      leaf = dmabuf_fence_unwrap_next (&cursor)) {
    /* UNW-3: the array of an earlier strict merge has an error of leaves that
     * it dropped. */
    if (strict && leaves->error == 0 && cursor.array)
      leaves->error = dmabuf_fence_array_get_base_error (cursor.array);

    if (!dmabuf_fence_is_signaled (leaf)) {
      leaves_add (leaves, leaf);
      continue;
    }

    leaves->timestamp =
        MAX (leaves->timestamp, dmabuf_fence_get_timestamp (leaf));
    if (strict && leaves->error == 0) {
      int status = dmabuf_fence_get_status (leaf);

      leaves->error = MIN (status, 0);
    }
  }
}

static DmabufFence *
merge (DmabufFence **fences, guint n_fences, gboolean strict)
{
  Leaves leaves = { .fences = leaves.few, .size = N_INLINE };
  DmabufFence *merged;
  guint i;

  for (i = 0; i < n_fences; i++)
    leaves_collect (&leaves, fences[i], strict);

  leaves.n = dmabuf_fence_dedup_array (leaves.fences, leaves.n);

  if (leaves.n == 0) {
    merged = dmabuf_fence_new_signaled (leaves.timestamp, leaves.error);
  } else if (leaves.n == 1 && leaves.error == 0) {
    merged = leaves.fences[0];
  } else {
    merged = dmabuf_fence_array_new_with_error (
        g_memdup2 (leaves.fences, leaves.n * sizeof *leaves.fences), leaves.n,
        dmabuf_fence_context_alloc (1), 1, leaves.error);
  }

  if (leaves.fences != leaves.few)
    g_free (leaves.fences);
  return merged;
}

DmabufFence *
dmabuf_fence_merge_many (DmabufFence **fences, guint n_fences)
{
  return merge (fences, n_fences, FALSE);
}

DmabufFence *
dmabuf_fence_merge_strict (DmabufFence **fences, guint n_fences)
{
  return merge (fences, n_fences, TRUE);
}

DmabufFence *
dmabuf_fence_merge (DmabufFence *a, DmabufFence *b)
{
  DmabufFence *fences[] = { a, b };

  return merge (fences, 2, FALSE);
}

/* --- Export ------------------------------------------------------------ */

static int
merge_into (int fd, DmabufFence *leaf, GError **error)
{
  int other, merged;

  other = dmabuf_fence_export_sync_file (leaf, error);
  if (other < 0 || fd < 0)
    return other;

  merged = dmabuf_kernel_merge ("dmabufcore", fd, other);
  dmabuf_kernel->close (other);
  if (merged < 0)
    dmabuf_set_error (error, -merged, "sync_file: cannot be merged: %s%s",
        g_strerror (-merged), merged == -EMFILE ? "; raise RLIMIT_NOFILE" : "");
  return merged;
}

int
dmabuf_fence_export_composite (DmabufFence *fence, GError **error)
{
  DmabufFenceUnwrap cursor;
  DmabufFence *leaf;
  DmabufFence *signaled = NULL;
  int fd = -1;

  for (leaf = dmabuf_fence_unwrap_first (fence, &cursor); leaf;
      leaf = dmabuf_fence_unwrap_next (&cursor)) {
    int merged;

    if (dmabuf_fence_is_signaled (leaf)) {
      if (!signaled && leaf->ops->export_sync_file)
        signaled = dmabuf_fence_ref (leaf);
      continue;
    }

    merged = merge_into (fd, leaf, error);
    if (fd >= 0)
      dmabuf_kernel->close (fd);
    fd = merged;
    if (fd < 0)
      goto err_leaf;
  }

  if (fd < 0 && signaled)
    fd = dmabuf_fence_export_sync_file (signaled, error);
  else if (fd < 0)
    dmabuf_set_error (error, EINVAL,
        "fence: has signalled, and has no kernel-backed part to export; pass no"
        " fd (-1) instead");
  if (signaled)
    dmabuf_fence_unref (signaled);

  return fd;

  /* ERRORS */
err_leaf:
  dmabuf_fence_unwrap_end (&cursor);
  if (signaled)
    dmabuf_fence_unref (signaled);
  return -1;
}
