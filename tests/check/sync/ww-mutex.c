/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The groups of the kernel's test-ww_mutex for wait-die locks, on the lock of
 * reservations (WW-1, WW-2). */

#include "../lib/sync.h"

#include <errno.h>

#define MAX_LOCKS 2046

/* --- test_mutex ---------------------------------------------------------- */

enum
{
  USE_TRY = 1,
  USE_CONTEXT = 2,
  N_FLAGS = 4,
};

static DmabufReservation *shared;
static gint inside;
static guint64 counter;

static gpointer
exclusion_thread (gpointer data)
{
  guint flags = GPOINTER_TO_UINT (data);
  guint i;

  for (i = 0; i < 5000; i++) {
    DmabufAcquireContext context;

    if (flags & USE_CONTEXT)
      dmabuf_acquire_context_init (&context);
    if (flags & USE_TRY) {
      while (!dmabuf_reservation_trylock (
          shared, flags & USE_CONTEXT ? &context : NULL))
        g_thread_yield ();
    } else {
      g_assert (lock_code (shared, flags & USE_CONTEXT ? &context : NULL) == 0);
    }

    g_assert (g_atomic_int_add (&inside, 1) == 0);
    counter++;
    g_atomic_int_add (&inside, -1);

    dmabuf_reservation_unlock (shared);
    if (flags & USE_CONTEXT)
      dmabuf_acquire_context_fini (&context);
  }
  return NULL;
}

/* One thread at a time has the lock: with and without context, by trylock and
 * by waiting. */
GST_START_TEST (test_mutex)
{
  GThread *threads[4];
  guint i;

  shared = dmabuf_reservation_new ();
  counter = 0;
  for (i = 0; i < 4; i++)
    threads[i] =
        g_thread_new ("lock", exclusion_thread, GUINT_TO_POINTER (__i__));
  for (i = 0; i < 4; i++)
    g_thread_join (threads[i]);
  fail_unless_equals_uint64 (counter, 4 * 5000);
  dmabuf_reservation_unref (shared);
}
GST_END_TEST;

/* --- test_aa ------------------------------------------------------------- */

GST_START_TEST (test_aa)
{
  DmabufReservation *resv = dmabuf_reservation_new ();
  DmabufAcquireContext context;

  dmabuf_acquire_context_init (&context);
  if (__i__)
    fail_unless (dmabuf_reservation_trylock (resv, &context));
  else
    fail_unless_equals_int (lock_code (resv, &context), 0);

  fail_if (dmabuf_reservation_trylock (resv, NULL));
  fail_if (dmabuf_reservation_trylock (resv, &context));
  fail_unless_equals_int (lock_code (resv, &context), EALREADY);

  dmabuf_reservation_unlock (resv);
  dmabuf_acquire_context_fini (&context);
  dmabuf_reservation_unref (resv);
}
GST_END_TEST;

/* WW-3: trylock checks its context as lock does. */
GST_START_TEST (test_ww3_trylock_misuse)
{
  DmabufReservation *resv = dmabuf_reservation_new ();
  DmabufAcquireContext context;

  dmabuf_acquire_context_init (&context);
  dmabuf_acquire_context_done (&context);
  ASSERT_MISUSE (fail_if (dmabuf_reservation_trylock (resv, &context)));
  dmabuf_acquire_context_fini (&context);
  ASSERT_MISUSE (fail_if (dmabuf_reservation_trylock (resv, &context)));
  fail_if (dmabuf_reservation_is_locked (resv));
  dmabuf_reservation_unref (resv);
}
GST_END_TEST;

/* WW-3: a thread that holds a lock in one context would wait for itself if it
 * locked it in another. */
GST_START_TEST (test_ww3_own_other_context)
{
  DmabufReservation *resv = dmabuf_reservation_new ();
  DmabufAcquireContext outer, inner;

  dmabuf_acquire_context_init (&outer);
  fail_unless_equals_int (lock_code (resv, &outer), 0);
  ASSERT_MISUSE (dmabuf_acquire_context_init (&inner));
  ASSERT_MISUSE (fail_unless_equals_int (lock_code (resv, &inner), EINVAL));
  dmabuf_acquire_context_fini (&inner);
  dmabuf_reservation_unlock (resv);
  dmabuf_acquire_context_fini (&outer);
  dmabuf_reservation_unref (resv);
}
GST_END_TEST;

/* --- test_abba ----------------------------------------------------------- */

typedef struct
{
  DmabufReservation *a, *b;
  gboolean trylock;
  gboolean resolve;
  GMutex lock;
  GCond cond;
  guint ready;
  int result[2];
} Abba;

/* Waits until both sides have their first lock. */
static void
abba_meet (Abba *abba)
{
  g_mutex_lock (&abba->lock);
  abba->ready++;
  g_cond_broadcast (&abba->cond);
  while (abba->ready < 2)
    g_cond_wait (&abba->cond, &abba->lock);
  g_mutex_unlock (&abba->lock);
}

static void
abba_side (Abba *abba, guint side)
{
  DmabufReservation *first = side ? abba->b : abba->a;
  DmabufReservation *second = side ? abba->a : abba->b;
  DmabufAcquireContext context;
  int code;

  dmabuf_acquire_context_init (&context);
  if (abba->trylock)
    g_assert (dmabuf_reservation_trylock (first, &context));
  else
    g_assert (lock_code (first, &context) == 0);
  abba_meet (abba);

  code = lock_code (second, &context);
  if (code == EDEADLK && abba->resolve) {
    dmabuf_reservation_unlock (first);
    g_assert (dmabuf_reservation_lock_slow (second, &context, NULL, NULL));
    code = lock_code (first, &context);
  }
  if (code == 0)
    dmabuf_reservation_unlock (second);
  if (code != EDEADLK || !abba->resolve)
    dmabuf_reservation_unlock (first);
  dmabuf_acquire_context_fini (&context);
  abba->result[side] = code;
}

static gpointer
abba_thread (gpointer abba)
{
  abba_side (abba, 1);
  return NULL;
}

/* WW-1, WW-2: the younger context gets EDEADLK, backs off, and gets both locks
 * in the end. */
GST_START_TEST (test_abba)
{
  Abba abba = {
    .a = dmabuf_reservation_new (),
    .b = dmabuf_reservation_new (),
    .trylock = __i__ & 1,
    .resolve = (__i__ & 2) != 0,
  };
  GThread *thread = g_thread_new ("abba", abba_thread, &abba);

  abba_side (&abba, 0);
  g_thread_join (thread);

  if (abba.resolve) {
    fail_unless_equals_int (abba.result[0], 0);
    fail_unless_equals_int (abba.result[1], 0);
  } else {
    fail_unless (abba.result[0] == EDEADLK || abba.result[1] == EDEADLK);
    fail_unless (
        abba.result[0] == 0 || abba.result[1] == 0, "the older one never dies");
  }
  dmabuf_reservation_unref (abba.a);
  dmabuf_reservation_unref (abba.b);
}
GST_END_TEST;

/* --- test_cycle ---------------------------------------------------------- */

typedef struct
{
  DmabufReservation *a, *b;
  guint *ready;
  guint n;
  GMutex *lock;
  GCond *cond;
  int result;
} Cycle;

static gpointer
cycle_thread (gpointer data)
{
  Cycle *cycle = data;
  DmabufAcquireContext context;
  int code;

  dmabuf_acquire_context_init (&context);
  g_assert (lock_code (cycle->a, &context) == 0);

  g_mutex_lock (cycle->lock);
  ++*cycle->ready;
  g_cond_broadcast (cycle->cond);
  while (*cycle->ready < cycle->n)
    g_cond_wait (cycle->cond, cycle->lock);
  g_mutex_unlock (cycle->lock);

  code = lock_code (cycle->b, &context);
  if (code == EDEADLK) {
    dmabuf_reservation_unlock (cycle->a);
    g_assert (dmabuf_reservation_lock_slow (cycle->b, &context, NULL, NULL));
    code = 0;
  } else {
    dmabuf_reservation_unlock (cycle->a);
  }
  if (code == 0)
    dmabuf_reservation_unlock (cycle->b);
  dmabuf_acquire_context_fini (&context);
  cycle->result = code;
  return NULL;
}

/* A ring of locks: each thread has one and wants the next. */
static void
run_cycle (guint n)
{
  Cycle *cycles = g_new0 (Cycle, n);
  GThread **threads = g_new (GThread *, n);
  GMutex lock;
  GCond cond;
  guint ready = 0;
  guint i;

  g_mutex_init (&lock);
  g_cond_init (&cond);
  for (i = 0; i < n; i++)
    cycles[i] = (Cycle) { .a = dmabuf_reservation_new (),
      .ready = &ready,
      .n = n,
      .lock = &lock,
      .cond = &cond };
  for (i = 0; i < n; i++)
    cycles[i].b = cycles[(i + 1) % n].a;
  for (i = 0; i < n; i++)
    threads[i] = g_thread_new ("cycle", cycle_thread, &cycles[i]);
  for (i = 0; i < n; i++)
    g_thread_join (threads[i]);
  for (i = 0; i < n; i++) {
    fail_unless_equals_int (cycles[i].result, 0);
    dmabuf_reservation_unref (cycles[i].a);
  }
  g_mutex_clear (&lock);
  g_cond_clear (&cond);
  g_free (cycles);
  g_free (threads);
}

GST_START_TEST (test_cycle)
{
  guint n;

  for (n = 2; n <= g_get_num_processors () + 1; n++)
    run_cycle (n);
  run_cycle (8);
}
GST_END_TEST;

/* --- Stress -------------------------------------------------------------- */

typedef struct
{
  DmabufReservation **locks;
  guint n;
  gboolean reorder;
  guint n_rounds; /* Of each thread */
  gint errors;
  guint64 *counters; /* One per lock, written under it */
  guint64 rounds;
} Stress;

static void
shuffle (guint *order, guint n, GRand *rand)
{
  guint i;

  for (i = 0; i < n; i++) {
    guint j = g_rand_int_range (rand, 0, i + 1);

    order[i] = order[j];
    order[j] = i;
  }
}

/* Locks all in a random order without lock_many (): backs off on EDEADLK, and
 * then locks the contended one first. */
static gpointer
stress_thread (gpointer data)
{
  Stress *stress = data;
  guint n = stress->n;
  guint *order = g_new (guint, n);
  GRand *rand = g_rand_new_with_seed (GPOINTER_TO_UINT (&order));
  guint round;

  shuffle (order, n, rand);
  for (round = 0; round < stress->n_rounds; round++) {
    DmabufAcquireContext context;
    guint contended = n;
    guint i, j;

    if (stress->reorder)
      shuffle (order, n, rand);
    dmabuf_acquire_context_init (&context);
  retry:
    for (i = 0; i < n; i++) {
      int code;

      if (order[i] == contended)
        continue;
      code = lock_code (stress->locks[order[i]], &context);
      if (code == 0)
        continue;

      for (j = 0; j < i; j++) {
        if (order[j] != contended)
          dmabuf_reservation_unlock (stress->locks[order[j]]);
      }
      if (contended != n)
        dmabuf_reservation_unlock (stress->locks[contended]);
      if (code != EDEADLK) {
        g_atomic_int_inc (&stress->errors);
        goto out;
      }
      contended = order[i];
      dmabuf_reservation_lock_slow (
          stress->locks[contended], &context, NULL, NULL);
      goto retry;
    }
    dmabuf_acquire_context_done (&context);

    for (i = 0; i < n; i++)
      stress->counters[i]++;
    __atomic_fetch_add (&stress->rounds, 1, __ATOMIC_RELAXED);
    for (i = 0; i < n; i++)
      dmabuf_reservation_unlock (stress->locks[i]);
    dmabuf_acquire_context_fini (&context);
  }

out:
  g_rand_free (rand);
  g_free (order);
  return NULL;
}

static void
run_stress (guint n_locks, guint n_threads, guint n_rounds, gboolean reorder)
{
  Stress stress = {
    .locks = g_new (DmabufReservation *, n_locks),
    .n = n_locks,
    .reorder = reorder,
    .n_rounds = test_is_long () ? 10 * n_rounds : n_rounds,
    .counters = g_new0 (guint64, n_locks),
  };
  GThread **threads = g_new (GThread *, n_threads);
  guint i;

  for (i = 0; i < n_locks; i++)
    stress.locks[i] = dmabuf_reservation_new ();
  for (i = 0; i < n_threads; i++)
    threads[i] = g_thread_new ("stress", stress_thread, &stress);
  for (i = 0; i < n_threads; i++)
    g_thread_join (threads[i]);

  fail_unless_equals_int (stress.errors, 0);
  fail_unless_equals_uint64 (
      stress.rounds, (guint64) n_threads * stress.n_rounds);
  for (i = 0; i < n_locks; i++) {
    fail_unless_equals_uint64 (stress.counters[i], stress.rounds);
    dmabuf_reservation_unref (stress.locks[i]);
  }
  g_free (stress.locks);
  g_free (stress.counters);
  g_free (threads);
}

GST_START_TEST (test_stress_inorder)
{
  run_stress (16, 2 * MAX (g_get_num_processors (), 2), 20000, FALSE);
}
GST_END_TEST;

GST_START_TEST (test_stress_reorder)
{
  run_stress (16, 2 * MAX (g_get_num_processors (), 2), 20000, TRUE);
}
GST_END_TEST;

GST_START_TEST (test_stress_all)
{
  run_stress (MAX_LOCKS, 3 * MAX (g_get_num_processors (), 2), 300, TRUE);
}
GST_END_TEST;

/* --- Not covered by the kernel's suite ----------------------------------- */

static gpointer
lock_thread (gpointer cancellable)
{
  GError *error = NULL;

  g_assert (!dmabuf_reservation_lock_interruptible (
      shared, NULL, cancellable, &error));
  g_assert (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_error_free (error);
  return NULL;
}

/* WW-1: the wait for a lock can be cancelled. */
GST_START_TEST (test_ww1_interruptible)
{
  GCancellable *cancellable = g_cancellable_new ();
  Sleeper *waiter;

  shared = dmabuf_reservation_new ();
  fail_unless_equals_int (lock_code (shared, NULL), 0);
  waiter = sleeper_new (lock_thread, cancellable);
  fail_unless (sleeper_wait (waiter));
  g_cancellable_cancel (cancellable);
  sleeper_join (waiter);

  /* The cancelled waiter has left the list. */
  dmabuf_reservation_unlock (shared);
  fail_unless (dmabuf_reservation_trylock (shared, NULL));
  dmabuf_reservation_unlock (shared);
  g_object_unref (cancellable);
  dmabuf_reservation_unref (shared);
}
GST_END_TEST;

/* WW-1: lock_many () takes reservations in any order, and one that is there
 * twice. */
GST_START_TEST (test_ww1_lock_many)
{
  DmabufReservation *a = dmabuf_reservation_new ();
  DmabufReservation *b = dmabuf_reservation_new ();
  DmabufReservation *all[] = { b, a, b };
  DmabufAcquireContext context;

  dmabuf_acquire_context_init (&context);
  fail_unless (dmabuf_reservation_lock_many (all, 3, &context, NULL, NULL));
  fail_unless (dmabuf_reservation_is_locked (a));
  fail_unless (dmabuf_reservation_is_locked (b));
  dmabuf_reservation_unlock_many (all, 3);
  fail_if (dmabuf_reservation_is_locked (a));
  dmabuf_acquire_context_fini (&context);
  dmabuf_reservation_unref (a);
  dmabuf_reservation_unref (b);
}
GST_END_TEST;

static Suite *
ww_mutex_suite (void)
{
  Suite *s = suite_create ("test-ww_mutex");
  TCase *tc = backend_add_case (s, "kernel");

  tcase_add_loop_test (tc, test_mutex, 0, N_FLAGS);
  tcase_add_loop_test (tc, test_aa, 0, 2);
  tcase_add_test (tc, test_ww3_trylock_misuse);
  tcase_add_test (tc, test_ww3_own_other_context);
  tcase_add_loop_test (tc, test_abba, 0, 4);
  tcase_add_test (tc, test_cycle);
  tcase_add_test (tc, test_stress_inorder);
  tcase_add_test (tc, test_stress_reorder);
  tcase_add_test (tc, test_stress_all);
  tc = backend_add_case (s, "uncovered");
  tcase_add_test (tc, test_ww1_interruptible);
  tcase_add_test (tc, test_ww1_lock_many);
  return s;
}

GST_CHECK_MAIN (ww_mutex);
