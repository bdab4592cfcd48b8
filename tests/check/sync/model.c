/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Random programs, run on the library and on a simple model.
 *
 * A program is a list of steps. A step is the number of an operation and two
 * numbers that choose its operands, so every part of a program is a program
 * too: a failing one is shrunk by leaving steps out, and printed.
 *
 * In the model a fence is a set of leaves, and has signalled when all of them
 * have. Two more threads add callbacks to the program's fences and remove them.
 *
 * DMABUF_TEST_STEPS is the number of steps; ./run test --long sets a million.
 */

#include "model.h"

#include <stdlib.h>
#include <string.h>

#define PROGRAM 400

typedef struct
{
  guint8 op;
  guint16 a, b;
} Step;

/* --- The fences that other threads use ----------------------------------- */

static GMutex shared_lock;
static DmabufFence *shared[MAX_FENCES];
static gint others_stop, others_errors;

static void
share (guint i, DmabufFence *fence)
{
  DmabufFence *old;

  g_mutex_lock (&shared_lock);
  old = shared[i];
  shared[i] = fence ? dmabuf_fence_ref (fence) : NULL;
  g_mutex_unlock (&shared_lock);
  if (old)
    dmabuf_fence_unref (old);
}

static gpointer
other_thread (gpointer data)
{
  GRand *rand = g_rand_new_with_seed (GPOINTER_TO_UINT (data));

  while (!g_atomic_int_get (&others_stop)) {
    guint i = g_rand_int_range (rand, 0, MAX_FENCES);
    DmabufFence *fence;
    gint calls = 0;
    guint id;
    gboolean removed;

    g_mutex_lock (&shared_lock);
    fence = shared[i] ? dmabuf_fence_ref (shared[i]) : NULL;
    g_mutex_unlock (&shared_lock);
    if (!fence) {
      g_thread_yield ();
      continue;
    }

    /* An accepted callback is either removed or called once, a refused one is
     * never called. */
    id = dmabuf_fence_add_callback (fence, count_call, &calls, NULL);
    if (g_rand_boolean (rand))
      g_thread_yield ();
    removed = id && dmabuf_fence_remove_callback (fence, id);
    if (g_atomic_int_get (&calls) != (id && !removed ? 1 : 0))
      g_atomic_int_inc (&others_errors);
    dmabuf_fence_unref (fence);
  }

  g_rand_free (rand);
  return NULL;
}

/* --- Steps --------------------------------------------------------------- */

static void
on_object (DmabufFence *fence, gpointer calls)
{
  g_atomic_int_inc ((gint *) calls);
}

static Object *
add_object (World *w, DmabufFence *fence)
{
  Object *object = &w->objects[w->n_objects];

  memset (object, 0, sizeof *object);
  object->fence = fence;
  object->leaf = -1;
  object->calls = -1;
  share (w->n_objects, fence);
  w->n_objects++;
  return object;
}

static void
step_create (World *w, const Step *step)
{
  guint context = step->a % N_CONTEXTS;
  Object *object;

  if (w->n_objects == MAX_FENCES || w->n_leaves == MAX_LEAVES)
    return;

  w->leaves[w->n_leaves] =
      (Leaf) { .context = context, .seqno = ++w->seqnos[context] };
  object =
      add_object (w, mock_fence_at (w->contexts + context, w->seqnos[context]));
  object->leaf = w->n_leaves;
  set_add (&object->leaves, w->n_leaves++);
}

static Object *
choose (World *w, guint number)
{
  return w->n_objects ? &w->objects[number % w->n_objects] : NULL;
}

static void
step_signal (World *w, const Step *step)
{
  Object *object = choose (w, step->a);
  Leaf *leaf;

  if (!object || object->leaf < 0)
    return;
  leaf = &w->leaves[object->leaf];
  if (!leaf->signaled && step->b % 4 == 0) {
    dmabuf_fence_set_error (object->fence, -EIO);
    leaf->error = -EIO;
  }
  if (dmabuf_fence_signal (object->fence) == leaf->signaled)
    FAIL (w, "signal says it was%s pending", leaf->signaled ? "" : " not");
  leaf->signaled = TRUE;
}

static void
step_array (World *w, const Step *step)
{
  Object *a = choose (w, step->a), *b = choose (w, step->b), *object;
  DmabufFence **fences;
  LeafSet leaves;

  if (!a || w->n_objects == MAX_FENCES || a->leaf < 0 || b->leaf < 0)
    return;
  fences = g_new (DmabufFence *, 2);
  fences[0] = dmabuf_fence_ref (a->fence);
  fences[1] = dmabuf_fence_ref (b->fence);
  leaves = a->leaves;
  set_unite (&leaves, &b->leaves);
  object = add_object (
      w, dmabuf_fence_array_new (fences, 2, dmabuf_fence_context_alloc (1), 1));
  object->leaves = leaves;
  object->array = TRUE;
}

static void
step_chain (World *w, const Step *step)
{
  Object *a = choose (w, step->a), *b = choose (w, step->b), *object;
  LeafSet leaves;

  if (!a || w->n_objects == MAX_FENCES || b->chain
      || dmabuf_fence_is_chain (b->fence))
    return;
  leaves = a->leaves;
  set_unite (&leaves, &b->leaves);
  object = add_object (w,
      dmabuf_fence_chain_new (dmabuf_fence_ref (a->fence),
          dmabuf_fence_ref (b->fence), step->a % 8 + 1));
  object->leaves = leaves;
  object->chain = TRUE;
}

static void
check_leaves (World *w, DmabufFence *fence, const LeafSet *set)
{
  DmabufFenceUnwrap cursor;
  DmabufFence *leaf;
  guint n = 0, expected = 0, i;

  for (leaf = dmabuf_fence_unwrap_first (fence, &cursor); leaf;
      leaf = dmabuf_fence_unwrap_next (&cursor)) {
    guint context = dmabuf_fence_get_context (leaf) - w->contexts;

    if (dmabuf_fence_is_signaled (leaf))
      continue;
    n++;
    for (i = 0; i < w->n_leaves; i++) {
      if (set_has (set, i) && w->leaves[i].context == context
          && w->leaves[i].seqno == dmabuf_fence_get_seqno (leaf))
        break;
    }
    if (i == w->n_leaves)
      FAIL (w, "a leaf that should not be there");
  }
  for (i = 0; i < w->n_leaves; i++)
    expected += set_has (set, i) && !w->leaves[i].signaled;
  if (n != expected)
    FAIL (w, "%u leaves, %u expected", n, expected);
}

static void
step_merge (World *w, const Step *step)
{
  Object *a = choose (w, step->a), *b = choose (w, step->b), *object;
  LeafSet leaves;

  if (!a || w->n_objects == MAX_FENCES)
    return;
  leaves = a->leaves;
  set_unite (&leaves, &b->leaves);
  set_reduce (w, &leaves);
  object = add_object (w, dmabuf_fence_merge (a->fence, b->fence));
  object->leaves = leaves;
  object->array = dmabuf_fence_is_array (object->fence);
  /* If the result is a single leaf, "leaf" stays -1 all the same: only the
   * leaf's own object signals it. */
  check_leaves (w, object->fence, &leaves);
}

static void
step_callback (World *w, const Step *step)
{
  Object *object = choose (w, step->a);
  gboolean signaled;

  if (!object || object->calls >= 0)
    return;
  signaled = set_is_signaled (w, &object->leaves);
  g_atomic_int_set (&object->calls, 0);
  if (dmabuf_fence_add_callback (object->fence, on_object, &object->calls, NULL)
      == 0) {
    if (!signaled)
      FAIL (w, "callback refused by a pending fence");
    g_atomic_int_set (&object->calls, -1);
  } else if (signaled) {
    FAIL (w, "callback taken by a signalled fence");
  }
}

static void
step_drop (World *w, const Step *step)
{
  Object *object = choose (w, step->a);
  guint i, last;

  /* An object with a callback cannot move: it has the callback's counter. */
  if (!object)
    return;
  last = w->n_objects - 1;
  if (object->calls >= 0 || w->objects[last].calls >= 0)
    return;
  i = object - w->objects;
  share (i, NULL);
  dmabuf_fence_unref (object->fence);
  *object = w->objects[last];
  if (i != last) {
    share (i, object->fence);
    share (last, NULL);
  }
  w->n_objects--;
}

static void
step_resv_add (World *w, const Step *step)
{
  guint r = step->b % N_RESVS;
  Object *object = choose (w, step->a);
  Slot *slots = w->slots[r];
  DmabufUsage usage;
  guint i, n = 0;
  Leaf *leaf;

  if (!object || object->leaf < 0)
    return;
  leaf = &w->leaves[object->leaf];
  usage = leaf->context % 4;
  for (i = 0; i < w->n_slots[r]; i++) {
    Leaf *old = &w->leaves[slots[i].leaf];

    if (old->context == leaf->context && old->seqno > leaf->seqno)
      return;
  }

  if (!dmabuf_reservation_lock (w->resvs[r], NULL, NULL)
      || !dmabuf_reservation_reserve (w->resvs[r], 1, NULL)
      || !dmabuf_reservation_add (w->resvs[r], object->fence, usage))
    FAIL (w, "add failed");
  dmabuf_reservation_unlock (w->resvs[r]);

  for (i = 0; i < w->n_slots[r]; i++) {
    if (w->leaves[slots[i].leaf].context != leaf->context)
      slots[n++] = slots[i];
  }
  slots[n++] = (Slot) { object->leaf, usage };
  w->n_slots[r] = n;
}

static void
step_resv_replace (World *w, const Step *step)
{
  guint r = step->b % N_RESVS;
  Object *object = choose (w, step->a);
  guint context = step->b % N_CONTEXTS;
  guint i, n = 0;
  gboolean any = FALSE;

  /* Only by a fence of the same context, so that a context keeps its usage. */
  if (!object || object->leaf < 0 || w->leaves[object->leaf].context != context)
    return;
  /* The library may or may not have dropped fences that have signalled. */
  for (i = 0; i < w->n_slots[r]; i++) {
    Leaf *leaf = &w->leaves[w->slots[r][i].leaf];

    if (leaf->context == context && leaf->signaled)
      return;
  }
  if (!dmabuf_reservation_lock (w->resvs[r], NULL, NULL))
    FAIL (w, "lock failed");
  dmabuf_reservation_replace (
      w->resvs[r], w->contexts + context, object->fence, context % 4);
  dmabuf_reservation_unlock (w->resvs[r]);

  for (i = 0; i < w->n_slots[r]; i++) {
    Leaf *leaf = &w->leaves[w->slots[r][i].leaf];

    if (leaf->context == context)
      any = TRUE;
    else
      w->slots[r][n++] = w->slots[r][i];
  }
  if (any)
    w->slots[r][n++] = (Slot) { object->leaf, context % 4 };
  w->n_slots[r] = n;
}

static void
step_resv_check (World *w, const Step *step)
{
  guint r = step->a % N_RESVS;
  DmabufUsage usage = step->b % 4;
  LeafSet set = { { 0 } };
  DmabufFence *single;
  gboolean signaled;
  guint i;

  for (i = 0; i < w->n_slots[r]; i++) {
    if (w->slots[r][i].usage <= usage)
      set_add (&set, w->slots[r][i].leaf);
  }
  signaled = set_is_signaled (w, &set);
  if (dmabuf_reservation_test_signaled (w->resvs[r], usage) != signaled)
    FAIL (
        w, "reservation %u, usage %u: signalled is not %d", r, usage, signaled);
  if (dmabuf_reservation_wait (w->resvs[r], usage, 0, NULL, NULL) != signaled)
    FAIL (w, "reservation %u, usage %u: wait is not %d", r, usage, signaled);
  single = dmabuf_reservation_get_singleton (w->resvs[r], usage);
  check_leaves (w, single, &set);
  if (single)
    dmabuf_fence_unref (single);
}

static void
step_lock_many (World *w, const Step *step)
{
  DmabufReservation *all[3] = { w->resvs[step->a % N_RESVS], w->resvs[0],
    w->resvs[1] };
  DmabufAcquireContext context;

  dmabuf_acquire_context_init (&context);
  if (!dmabuf_reservation_lock_many (all, 3, &context, NULL, NULL))
    FAIL (w, "lock_many failed");
  dmabuf_reservation_unlock_many (all, 3);
  dmabuf_acquire_context_fini (&context);
}

static const struct
{
  const char *name;
  void (*run) (World *w, const Step *step);
} operations[] = {
  { "create", step_create },
  { "create", step_create },
  { "create", step_create },
  { "signal", step_signal },
  { "signal", step_signal },
  { "array", step_array },
  { "chain", step_chain },
  { "merge", step_merge },
  { "callback", step_callback },
  { "drop", step_drop },
  { "drop", step_drop },
  { "resv add", step_resv_add },
  { "resv replace", step_resv_replace },
  { "resv check", step_resv_check },
  { "lock many", step_lock_many },
};

static void
check_world (World *w)
{
  guint i;

  for (i = 0; i < w->n_objects; i++) {
    Object *object = &w->objects[i];
    gboolean expected = set_is_signaled (w, &object->leaves);
    gint calls = g_atomic_int_get (&object->calls);

    if (dmabuf_fence_is_signaled (object->fence) != expected)
      FAIL (w, "fence %u: signalled is not %d", i, expected);
    if (calls >= 0 && calls != expected)
      FAIL (w, "fence %u: %d calls, %d expected", i, calls, expected);
    if (object->leaf >= 0 && expected
        && dmabuf_fence_get_status (object->fence)
            != (w->leaves[object->leaf].error ? w->leaves[object->leaf].error
                                              : 1))
      FAIL (w, "fence %u: status", i);
  }
}

/* Runs a program. Returns NULL, or the failure and its step. */
static char *
run_program (const Step *steps, guint n)
{
  World *w = g_new0 (World, 1);
  char *failure = NULL;
  guint i;

  w->contexts = dmabuf_fence_context_alloc (N_CONTEXTS);
  for (i = 0; i < N_RESVS; i++)
    w->resvs[i] = dmabuf_reservation_new ();

  for (i = 0; i < n && !w->failure[0]; i++) {
    operations[steps[i].op % G_N_ELEMENTS (operations)].run (w, &steps[i]);
    if (!w->failure[0])
      check_world (w);
    if (w->failure[0])
      failure = g_strdup_printf ("step %u: %s", i, w->failure);
  }

  for (i = 0; i < w->n_objects; i++) {
    if (w->objects[i].leaf >= 0)
      dmabuf_fence_signal (w->objects[i].fence);
  }
  /* Leaves whose object was dropped live on in containers. */
  for (i = 0; i < w->n_objects; i++) {
    DmabufFenceUnwrap cursor;
    DmabufFence *leaf;

    for (leaf = dmabuf_fence_unwrap_first (w->objects[i].fence, &cursor); leaf;
        leaf = dmabuf_fence_unwrap_next (&cursor)) {
      if (!dmabuf_fence_is_signaled (leaf))
        dmabuf_fence_signal (leaf);
    }
  }
  for (i = 0; i < w->n_objects; i++) {
    share (i, NULL);
    dmabuf_fence_unref (w->objects[i].fence);
  }
  for (i = 0; i < N_RESVS; i++)
    dmabuf_reservation_unref (w->resvs[i]);
  g_free (w);
  return failure;
}

/* Leaves out halves, quarters ... single steps, as long as the program still
 * fails. */
static void
shrink (Step *steps, guint *n)
{
  guint size = *n / 2;

  while (size > 0) {
    guint at = 0;
    gboolean any = FALSE;

    while (at + size <= *n) {
      Step *fewer = g_new (Step, *n);
      char *failure;

      memcpy (fewer, steps, at * sizeof *steps);
      memcpy (fewer + at, steps + at + size, (*n - at - size) * sizeof *steps);
      failure = run_program (fewer, *n - size);
      if (failure) {
        *n -= size;
        memcpy (steps, fewer, *n * sizeof *steps);
        any = TRUE;
      } else {
        at += size;
      }
      g_free (failure);
      g_free (fewer);
    }
    if (!any || size > 1)
      size /= 2;
  }
}

static void
report (Step *steps, guint n, guint32 seed)
{
  char *failure;
  guint i;

  shrink (steps, &n);
  failure = run_program (steps, n);
  for (i = 0; i < n; i++)
    g_printerr ("  %s %u %u\n",
        operations[steps[i].op % G_N_ELEMENTS (operations)].name, steps[i].a,
        steps[i].b);
  fail ("seed %u: %s; the shortest program is above", seed,
      failure ? failure : "does not fail any more");
}

static guint
n_steps (void)
{
  const char *value = g_getenv ("DMABUF_TEST_STEPS");

  if (value)
    return atoi (value);
  return test_is_long () ? 1000000 : 20000;
}

GST_START_TEST (test_random_programs)
{
  guint left = n_steps ();
  guint32 seed = g_getenv ("DMABUF_TEST_SEED")
      ? (guint32) atoi (g_getenv ("DMABUF_TEST_SEED"))
      : 1;
  GThread *threads[2];
  guint i;

  g_atomic_int_set (&others_stop, 0);
  for (i = 0; i < 2; i++)
    threads[i] = g_thread_new ("other", other_thread, GUINT_TO_POINTER (i));

  for (; left > 0; left -= MIN (left, PROGRAM), seed++) {
    GRand *rand = g_rand_new_with_seed (seed);
    Step steps[PROGRAM];
    char *failure;

    for (i = 0; i < PROGRAM; i++)
      steps[i] =
          (Step) { g_rand_int (rand), g_rand_int (rand), g_rand_int (rand) };
    g_rand_free (rand);
    failure = run_program (steps, MIN (left, PROGRAM));
    if (failure)
      report (steps, MIN (left, PROGRAM), seed);
  }

  g_atomic_int_set (&others_stop, 1);
  for (i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  fail_unless_equals_int (others_errors, 0);
}
GST_END_TEST;

static Suite *
model_suite (void)
{
  Suite *s = suite_create ("model");
  TCase *tc = tcase_create ("random");

  suite_add_tcase (s, tc);
  tcase_set_timeout (tc, 0);
  tcase_add_test (tc, test_random_programs);
  return s;
}

GST_CHECK_MAIN (model);
