/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Two checks. A breach inside a signalling section is reported when it happens.
 * The order of locks and waits is a graph, as in lockdep: an edge A -> B means
 * "B was taken, or waited for, while A was held"; a cycle is a possible
 * deadlock. Signalling is a node like a lock:
 *
 *   lock X inside a section       signalling -> X
 *   wait for a fence under X      X -> signalling
 */

#include "dmabuf-annotation-private.h"
#include "dmabuf-reservation.h"
#include "dmabuf-thread-private.h"

#include <dlfcn.h>
#include <string.h>

#define MAX_DEPTH 32
#define MAX_CLASSES 64 /* Bits of a word; node 0 is signalling */
#define NO_CLASS MAX_CLASSES

__thread guint dmabuf_annotation_depth
    __attribute__ ((tls_model ("initial-exec")));
static __thread const char *begin_places[MAX_DEPTH];

/* The nodes that this thread holds, in order, and where it took them */
static __thread guint8 held[MAX_DEPTH];
static __thread const char *held_places[MAX_DEPTH];
static __thread guint n_held;

gint dmabuf_annotation_checks;

static struct
{
  GMutex lock;
  const char *names[MAX_CLASSES];
  guint n_classes;
  guint64 edges[MAX_CLASSES];
  const char *places[MAX_CLASSES][MAX_CLASSES];
} graph;

/* --- The graph --------------------------------------------------------- */

/* Under the lock. Whether a path leads from @from to @to; then @first is the
 * first node on it after @from. */
static gboolean
graph_reaches (guint from, guint to, guint *first)
{
  guint64 seen = 0;
  guint step;

  for (step = 0; step < graph.n_classes; step++) {
    guint64 front;

    if (!(graph.edges[from] & (G_GUINT64_CONSTANT (1) << step)))
      continue;

    seen = front = G_GUINT64_CONSTANT (1) << step;
    while (front) {
      guint node = __builtin_ctzll (front);
      guint64 next = graph.edges[node] & ~seen;

      front &= front - 1;
      if (node == to) {
        *first = step;
        return TRUE;
      }
      seen |= next;
      front |= next;
    }
  }

  return FALSE;
}

static void
graph_add (guint from, guint to, const char *from_place, const char *place)
{
  guint64 bit = G_GUINT64_CONSTANT (1) << to;
  guint step = 0;
  gboolean cycle;

  g_mutex_lock (&graph.lock);
  if (graph.edges[from] & bit) {
    g_mutex_unlock (&graph.lock);
    return;
  }
  cycle = from != to && graph_reaches (to, from, &step);
  graph.edges[from] |= bit;
  graph.places[from][to] = place;
  g_mutex_unlock (&graph.lock);

  if (cycle)
    g_critical ("possible deadlock: %s at %s is inside %s (since %s), but the"
                " order %s then %s was seen at %s",
        graph.names[to], place, graph.names[from], from_place, graph.names[to],
        graph.names[step], graph.places[to][step]);
}

/* Under the lock. */
static guint
graph_find_class (const char *name)
{
  guint i;

  if (graph.n_classes == 0) {
    graph.names[0] = "fence signalling";
    graph.names[1] = DMABUF_LOCK_RESERVATION;
    graph.n_classes = 2;
    /* ANN-3: waiting under a reservation lock is allowed, so signalling may
     * never take one. The edge is there before the first such wait. */
    graph.edges[1] = 1;
    graph.places[1][0] = "the contract (ANN-3)";
  }

  for (i = 0; i < graph.n_classes; i++) {
    if (strcmp (graph.names[i], name) == 0)
      return i;
  }
  if (graph.n_classes == MAX_CLASSES)
    return NO_CLASS;
  graph.names[graph.n_classes] = name;
  return graph.n_classes++;
}

static guint
find_class (const char *name)
{
  guint node;

  g_mutex_lock (&graph.lock);
  node = graph_find_class (name);
  g_mutex_unlock (&graph.lock);

  if (node == NO_CLASS)
    g_warning_once ("more than %u kinds of locks: the order of further ones is"
                    " not checked",
        MAX_CLASSES - 2);
  return node;
}

static void
hold (guint node, const char *place, gboolean waits)
{
  guint i;

  if (node == NO_CLASS)
    return;

  for (i = 0; waits && i < n_held; i++)
    graph_add (held[i], node, held_places[i], place);

  if (n_held < MAX_DEPTH) {
    held[n_held] = node;
    held_places[n_held] = place;
    n_held++;
  }
}

static void
release (guint node)
{
  guint i;

  for (i = n_held; i > 0; i--) {
    if (held[i - 1] == node) {
      memmove (&held[i - 1], &held[i], (n_held - i) * sizeof *held);
      memmove (&held_places[i - 1], &held_places[i],
          (n_held - i) * sizeof *held_places);
      n_held--;
      return;
    }
  }
}

/* --- The sections ------------------------------------------------------ */

guint
dmabuf_annotation_begin (const char *place)
{
  if (dmabuf_annotation_depth < MAX_DEPTH)
    begin_places[dmabuf_annotation_depth] = place;
  dmabuf_annotation_depth++;

  if (g_atomic_int_get (&dmabuf_annotation_checks))
    hold (find_class ("fence signalling"), place, FALSE);

  return dmabuf_annotation_depth;
}

void
dmabuf_annotation_end (guint cookie)
{
  if (cookie == 0 || cookie != dmabuf_annotation_depth) {
    g_critical ("end of a signalling section that is not the innermost of this"
                " thread (%u of %u)",
        cookie, dmabuf_annotation_depth);
    return;
  }

  dmabuf_annotation_depth--;
  if (n_held > 0)
    release (find_class ("fence signalling"));
}

static void
report_inside (const char *what, const char *place, gpointer caller)
{
  guint depth = MIN (dmabuf_annotation_depth, MAX_DEPTH);
  Dl_info symbol = { 0 };

  dladdr (caller, &symbol);
  g_critical ("%s in %s, called from %s, inside a fence signalling section that"
              " began at %s: could wait for its own end",
      what, place, symbol.dli_sname ? symbol.dli_sname : "the program",
      begin_places[depth - 1]);
}

void
dmabuf_annotation_might_wait (const char *place)
{
  if (!dmabuf_annotation_active ())
    return;

  if (dmabuf_annotation_depth > 0)
    report_inside ("wait for a fence", place, __builtin_return_address (0));

  if (g_atomic_int_get (&dmabuf_annotation_checks)) {
    guint signalling = find_class ("fence signalling");
    guint i;

    for (i = 0; i < n_held; i++)
      graph_add (held[i], signalling, held_places[i], place);
  }
}

void
dmabuf_annotation_might_allocate (const char *place)
{
  if (G_UNLIKELY (dmabuf_annotation_depth > 0))
    report_inside (
        "allocation that may wait", place, __builtin_return_address (0));
}

void
dmabuf_annotation_lock (const char *name, const char *place)
{
  if (dmabuf_annotation_depth > 0
      && strcmp (name, DMABUF_LOCK_RESERVATION) == 0)
    report_inside (
        "lock of a reservation", place, __builtin_return_address (0));

  if (g_atomic_int_get (&dmabuf_annotation_checks))
    hold (find_class (name), place, TRUE);
}

void
dmabuf_annotation_lock_nested (
    const char *name, DmabufReservation *reservation, const char *place)
{
  if (!dmabuf_reservation_is_locked (reservation))
    g_critical ("%s at %s is to nest in a reservation's lock, which this thread"
                " does not hold",
        name, place);
  dmabuf_annotation_lock (name, place);
}

void
dmabuf_annotation_trylock (const char *name, const char *place)
{
  if (g_atomic_int_get (&dmabuf_annotation_checks))
    hold (find_class (name), place, FALSE);
}

void
dmabuf_annotation_unlock (const char *name)
{
  if (n_held > 0)
    release (find_class (name));
}

void
dmabuf_annotation_set_checks (gboolean enabled)
{
  g_atomic_int_set (&dmabuf_annotation_checks, enabled);
}

/* A constructor, so that checks are on before the first lock is taken. */
__attribute__ ((constructor)) static void
annotation_init (void)
{
  dmabuf_annotation_checks = g_strcmp0 (g_getenv ("DMABUF_CHECKS"), "1") == 0;
}
