/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The model of model.c: a fence is a set of leaves, and has signalled when all
 * of them have. */

#include "../lib/sync.h"

#define MAX_FENCES 48
#define MAX_LEAVES 512
#define N_CONTEXTS 6
#define N_RESVS 2

typedef struct
{
  guint context;
  guint seqno;
  gboolean signaled;
  int error;
} Leaf;

typedef struct
{
  guint8 bits[MAX_LEAVES / 8];
} LeafSet;

typedef struct
{
  DmabufFence *fence;
  LeafSet leaves;
  int leaf; /* Of a plain fence, else -1 */
  gboolean chain;
  gboolean array;
  gint calls; /* Of its callback, -1 without one */
} Object;

typedef struct
{
  guint leaf;
  DmabufUsage usage;
} Slot;

typedef struct
{
  Leaf leaves[MAX_LEAVES];
  guint n_leaves;
  Object objects[MAX_FENCES];
  guint n_objects;
  guint seqnos[N_CONTEXTS];
  guint64 contexts;
  DmabufReservation *resvs[N_RESVS];
  Slot slots[N_RESVS][MAX_LEAVES];
  guint n_slots[N_RESVS];
  char failure[256];
} World;

#define FAIL(world, ...) \
  g_snprintf ((world)->failure, sizeof (world)->failure, __VA_ARGS__)

static inline gboolean
set_has (const LeafSet *set, guint leaf)
{
  return set->bits[leaf / 8] >> (leaf % 8) & 1;
}

static inline void
set_add (LeafSet *set, guint leaf)
{
  set->bits[leaf / 8] |= 1 << (leaf % 8);
}

static inline void
set_unite (LeafSet *set, const LeafSet *other)
{
  guint i;

  for (i = 0; i < sizeof set->bits; i++)
    set->bits[i] |= other->bits[i];
}

static inline gboolean
set_is_signaled (World *w, const LeafSet *set)
{
  guint i;

  for (i = 0; i < w->n_leaves; i++) {
    if (set_has (set, i) && !w->leaves[i].signaled)
      return FALSE;
  }
  return TRUE;
}

/* UNW-2: keeps the latest pending leaf of each context. */
static inline void
set_reduce (World *w, LeafSet *set)
{
  LeafSet kept = { { 0 } };
  guint i, j;

  for (i = 0; i < w->n_leaves; i++) {
    if (!set_has (set, i) || w->leaves[i].signaled)
      continue;
    for (j = 0; j < w->n_leaves; j++) {
      if (j != i && set_has (set, j) && !w->leaves[j].signaled
          && w->leaves[j].context == w->leaves[i].context
          && w->leaves[j].seqno > w->leaves[i].seqno)
        break;
    }
    if (j == w->n_leaves)
      set_add (&kept, i);
  }
  *set = kept;
}
