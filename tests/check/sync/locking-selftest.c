/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The ww part of lib/locking-selftest.c, 36 cases by their names: misuse that
 * has to be reported (WW-3), and correct use that must not. A report is a
 * critical. Where the kernel's cases forge the state of a lock, here a thread
 * holds it.
 */

#include "../lib/sync.h"

#include <errno.h>
#include <libdmabufcore/dmabuf-annotation.h>

static DmabufReservation *o, *o2, *o3;
static DmabufAcquireContext t, t2;

static const DmabufLockClass other_class = { "other" };

#define WWAI(context) dmabuf_acquire_context_init (context)
#define WWAD(context) dmabuf_acquire_context_done (context)
#define WWAF(context) dmabuf_acquire_context_fini (context)
#define WWU(resv) dmabuf_reservation_unlock (resv)
#define WWT(resv) dmabuf_reservation_trylock (resv, NULL)

#define WWL(resv, context) lock_code (resv, context)
#define WWL1(resv) WWL (resv, NULL)

static int
WWLS (DmabufReservation *resv, DmabufAcquireContext *context)
{
  GError *error = NULL;
  int code;

  if (dmabuf_reservation_lock_slow (resv, context, NULL, &error))
    return 0;
  code = error->code;
  g_error_free (error);
  return code;
}

/* --- A thread with an older context -------------------------------------- */

static GMutex holder_lock;
static GCond holder_cond;
static guint holder_state; /* 1: holds the locks, 2: has to release */
static GThread *holder;
static gboolean holder_takes_o3;

static gpointer
holder_thread (gpointer unused)
{
  DmabufAcquireContext context;

  WWAI (&context);
  g_assert (WWL (o2, &context) == 0);
  if (holder_takes_o3)
    g_assert (WWL (o3, &context) == 0);

  g_mutex_lock (&holder_lock);
  holder_state = 1;
  g_cond_broadcast (&holder_cond);
  while (holder_state != 2)
    g_cond_wait (&holder_cond, &holder_lock);
  g_mutex_unlock (&holder_lock);

  WWU (o2);
  if (holder_takes_o3)
    WWU (o3);
  WWAF (&context);
  return NULL;
}

static void
older_takes (gboolean with_o3)
{
  g_mutex_lock (&holder_lock);
  holder_takes_o3 = with_o3;
  holder_state = 0;
  g_mutex_unlock (&holder_lock);
  holder = g_thread_new ("older", holder_thread, NULL);
  g_mutex_lock (&holder_lock);
  while (holder_state != 1)
    g_cond_wait (&holder_cond, &holder_lock);
  g_mutex_unlock (&holder_lock);
}

static void
older_releases (void)
{
  g_mutex_lock (&holder_lock);
  holder_state = 2;
  g_cond_broadcast (&holder_cond);
  g_mutex_unlock (&holder_lock);
  g_thread_join (g_steal_pointer (&holder));
}

/* Context t holds o, and got EDEADLK for o2. */
static void
die (gboolean with_o3)
{
  older_takes (with_o3);
  WWAI (&t);
  g_assert (WWL (o, &t) == 0);
  g_assert (WWL (o2, &t) == EDEADLK);
}

/* --- The cases ----------------------------------------------------------- */

static void
ww_test_fail_acquire (void)
{
  WWAI (&t);
  g_assert (WWL (o, &t) == 0);
  /* WW-1: a second lock in the same context is EALREADY, without a report. */
  g_assert (WWL (o, &t) == EALREADY);
  WWU (o);
  WWAF (&t);
}

static void
ww_test_normal (void)
{
  GCancellable *cancellable = g_cancellable_new ();

  g_assert (WWL1 (o) == 0);
  WWU (o);
  g_assert (dmabuf_reservation_lock_interruptible (o, NULL, cancellable, NULL));
  g_assert (!WWT (o));
  WWU (o);
  g_assert (WWT (o));
  WWU (o);
  g_object_unref (cancellable);
}

static void
ww_test_unneeded_slow (void)
{
  WWAI (&t);
  WWLS (o, &t);
}

static void
ww_test_two_contexts (void)
{
  WWAI (&t);
  WWAI (&t2);
}

static void
ww_test_diff_class (void)
{
  dmabuf_acquire_context_init_class (&t, &other_class);
  g_assert (WWL (o, &t) == EINVAL);
}

static void
ww_test_context_done_twice (void)
{
  WWAI (&t);
  WWAD (&t);
  WWAD (&t);
  WWAF (&t);
}

static void
ww_test_context_unlock_twice (void)
{
  WWAI (&t);
  WWAD (&t);
  WWAF (&t);
  WWAF (&t);
}

static void
ww_test_context_fini_early (void)
{
  WWAI (&t);
  WWL (o, &t);
  WWAD (&t);
  WWAF (&t);
}

static void
ww_test_context_lock_after_done (void)
{
  WWAI (&t);
  WWAD (&t);
  g_assert (WWL (o, &t) == EINVAL);
}

static void
ww_test_object_unlock_twice (void)
{
  WWL1 (o);
  WWU (o);
  WWU (o);
}

static void
ww_test_object_lock_unbalanced (void)
{
  WWAI (&t);
  WWL (o, &t);
  t.n_acquired = 0;
  WWU (o);
  WWAF (&t);
}

static void
ww_test_object_lock_stale_context (void)
{
  WWAI (&t2);
  WWAF (&t2);
  g_assert (WWL (o, &t2) == EINVAL);
}

static void
ww_test_edeadlk_normal (void)
{
  die (FALSE);
  older_releases ();
  WWU (o);
  g_assert (WWL (o2, &t) == 0);
}

static void
ww_test_edeadlk_normal_slow (void)
{
  die (FALSE);
  older_releases ();
  WWU (o);
  g_assert (WWLS (o2, &t) == 0);
}

static void
ww_test_edeadlk_no_unlock (void)
{
  die (FALSE);
  older_releases ();
  WWL (o2, &t);
}

static void
ww_test_edeadlk_no_unlock_slow (void)
{
  die (FALSE);
  older_releases ();
  WWLS (o2, &t);
}

static void
ww_test_edeadlk_acquire_more (void)
{
  die (FALSE);
  WWL (o3, &t);
}

static void
ww_test_edeadlk_acquire_more_slow (void)
{
  die (FALSE);
  WWLS (o3, &t);
}

static void
ww_test_edeadlk_acquire_more_edeadlk (void)
{
  die (TRUE);
  WWL (o3, &t);
}

static void
ww_test_edeadlk_acquire_more_edeadlk_slow (void)
{
  die (TRUE);
  WWLS (o3, &t);
}

static void
ww_test_edeadlk_acquire_wrong (void)
{
  die (FALSE);
  WWU (o);
  WWL (o3, &t);
}

static void
ww_test_edeadlk_acquire_wrong_slow (void)
{
  die (FALSE);
  WWU (o);
  WWLS (o3, &t);
}

/* A lock is declared to nest in a reservation's lock, which is not held. */
static void
ww_test_spin_nest_unlocked (void)
{
  dmabuf_annotation_lock_nested ("A", o, G_STRLOC);
}

/* Several locks of a kind at once are allowed under the reservation's lock. */
static void
ww_test_spin_nest_lock (void)
{
  WWL1 (o);
  dmabuf_annotation_lock_nested ("A", o, G_STRLOC);
  dmabuf_annotation_lock_nested ("A", o, G_STRLOC);
  dmabuf_annotation_unlock ("A");
  dmabuf_annotation_unlock ("A");
  WWU (o);
}

static void
ww_test_context_block (void)
{
  WWAI (&t);
  g_assert (WWL (o, &t) == 0);
  WWL1 (o2);
}

static void
ww_test_context_try (void)
{
  WWAI (&t);
  g_assert (WWL (o, &t) == 0);
  g_assert (WWT (o2));
  WWU (o2);
  WWU (o);
}

static void
ww_test_context_context (void)
{
  WWAI (&t);
  g_assert (WWL (o, &t) == 0);
  g_assert (WWL (o2, &t) == 0);
  WWU (o2);
  WWU (o);
}

static void
ww_test_try_block (void)
{
  g_assert (WWT (o));
  WWL1 (o2);
  WWU (o);
}

static void
ww_test_try_try (void)
{
  g_assert (WWT (o));
  g_assert (WWT (o2));
  WWU (o2);
  WWU (o);
}

static void
ww_test_try_context (void)
{
  g_assert (WWT (o));
  WWAI (&t);
  WWL (o2, &t);
}

static void
ww_test_block_block (void)
{
  WWL1 (o);
  WWL1 (o2);
}

static void
ww_test_block_try (void)
{
  WWL1 (o);
  g_assert (WWT (o2));
}

static void
ww_test_block_context (void)
{
  WWL1 (o);
  WWAI (&t);
  WWL (o2, &t);
}

/* Each case has a kind of lock of its own, as orders are remembered. */
#define L() dmabuf_annotation_lock (G_STRFUNC, G_STRLOC)
#define U() dmabuf_annotation_unlock (G_STRFUNC)

static void
ww_test_spin_block (void)
{
  L ();
  U ();

  WWL1 (o);
  L ();
  U ();
  WWU (o);

  L ();
  WWL1 (o);
  WWU (o);
  U ();
}

static void
ww_test_spin_try (void)
{
  L ();
  U ();

  g_assert (WWT (o));
  L ();
  U ();
  WWU (o);

  L ();
  g_assert (WWT (o));
  WWU (o);
  U ();
}

static void
ww_test_spin_context (void)
{
  L ();
  U ();

  WWAI (&t);
  g_assert (WWL (o, &t) == 0);
  L ();
  U ();
  WWU (o);

  L ();
  g_assert (WWL (o, &t) == 0);
  WWU (o);
  U ();
}

#define CASE(name, complains) { #name, name, complains }

static const struct
{
  const char *name;
  void (*run) (void);
  gboolean complains;
} cases[] = {
  CASE (ww_test_fail_acquire, FALSE),
  CASE (ww_test_normal, FALSE),
  CASE (ww_test_unneeded_slow, TRUE),
  CASE (ww_test_two_contexts, TRUE),
  CASE (ww_test_diff_class, TRUE),
  CASE (ww_test_context_done_twice, TRUE),
  CASE (ww_test_context_unlock_twice, TRUE),
  CASE (ww_test_context_fini_early, TRUE),
  CASE (ww_test_context_lock_after_done, TRUE),
  CASE (ww_test_object_unlock_twice, TRUE),
  CASE (ww_test_object_lock_unbalanced, TRUE),
  CASE (ww_test_object_lock_stale_context, TRUE),
  CASE (ww_test_edeadlk_normal, FALSE),
  CASE (ww_test_edeadlk_normal_slow, FALSE),
  CASE (ww_test_edeadlk_no_unlock, TRUE),
  CASE (ww_test_edeadlk_no_unlock_slow, TRUE),
  CASE (ww_test_edeadlk_acquire_more, TRUE),
  CASE (ww_test_edeadlk_acquire_more_slow, TRUE),
  CASE (ww_test_edeadlk_acquire_more_edeadlk, TRUE),
  CASE (ww_test_edeadlk_acquire_more_edeadlk_slow, TRUE),
  CASE (ww_test_edeadlk_acquire_wrong, TRUE),
  CASE (ww_test_edeadlk_acquire_wrong_slow, TRUE),
  CASE (ww_test_spin_nest_unlocked, TRUE),
  CASE (ww_test_spin_nest_lock, FALSE),
  CASE (ww_test_context_block, TRUE),
  CASE (ww_test_context_try, FALSE),
  CASE (ww_test_context_context, FALSE),
  CASE (ww_test_try_block, TRUE),
  CASE (ww_test_try_try, FALSE),
  CASE (ww_test_try_context, TRUE),
  CASE (ww_test_block_block, TRUE),
  CASE (ww_test_block_try, FALSE),
  CASE (ww_test_block_context, TRUE),
  CASE (ww_test_spin_block, TRUE),
  CASE (ww_test_spin_try, FALSE),
  CASE (ww_test_spin_context, TRUE),
};

static gpointer
case_thread (gpointer run)
{
  ((void (*) (void)) run) ();
  return NULL;
}

/* Locks that a misuse left locked could be freed by another misuse only. Leak
 * checkers find them in this array. */
static DmabufReservation *volatile left_behind[G_N_ELEMENTS (cases)][3];

/* WW-3, LOCK-1: each case runs in a thread of its own, as a misuse leaves locks
 * and contexts with the thread. */
GST_START_TEST (test_locking_selftest)
{
  guint n;

  o = left_behind[__i__][0] = dmabuf_reservation_new ();
  o2 = left_behind[__i__][1] = dmabuf_reservation_new ();
  o3 = left_behind[__i__][2] = dmabuf_reservation_new ();
  dmabuf_annotation_set_checks (TRUE);

  criticals_catch ();
  g_thread_join (g_thread_new ("case", case_thread, cases[__i__].run));
  n = criticals_count ();
  if (holder)
    older_releases ();

  fail_unless (cases[__i__].complains == (n > 0), "%s: %u complaints",
      cases[__i__].name, n);
}
GST_END_TEST;

static Suite *
locking_selftest_suite (void)
{
  Suite *s = suite_create ("locking-selftest");
  TCase *tc = tcase_create ("ww");

  suite_add_tcase (s, tc);
  tcase_add_loop_test (tc, test_locking_selftest, 0, G_N_ELEMENTS (cases));
  return s;
}

GST_CHECK_MAIN (locking_selftest);
