/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The five cases of the kernel's st-dma-resv, by their names, four of them for
 * each usage; then clauses that it does not cover. */

#include "../lib/sync.h"

#include <errno.h>

#define N_USAGES 4

static DmabufReservation *resv;

static void
lock (void)
{
  fail_unless (dmabuf_reservation_lock (resv, NULL, NULL));
}

static void
unlock (void)
{
  dmabuf_reservation_unlock (resv);
}

static void
add (DmabufFence *fence, DmabufUsage usage)
{
  fail_unless (dmabuf_reservation_reserve (resv, 1, NULL));
  fail_unless (dmabuf_reservation_add (resv, fence, usage));
}

static guint
count (DmabufUsage usage)
{
  DmabufReservationIter iter;
  guint n = 0;

  dmabuf_reservation_iter_init (&iter, resv, usage);
  while (dmabuf_reservation_iter_next (&iter))
    n++;
  return n;
}

static void
resv_start (void)
{
  backend_start ();
  resv = dmabuf_reservation_new ();
}

static void
resv_stop (void)
{
  dmabuf_reservation_unref (resv);
  backend_stop ();
}

GST_START_TEST (test_sanitycheck)
{
  lock ();
  fail_unless (dmabuf_reservation_is_locked (resv));
  unlock ();
  fail_if (dmabuf_reservation_is_locked (resv));
}
GST_END_TEST;

GST_START_TEST (test_signaling)
{
  DmabufFence *fence = mock_fence ();

  lock ();
  add (fence, __i__);
  fail_if (dmabuf_reservation_test_signaled (resv, __i__));
  dmabuf_fence_signal (fence);
  fail_unless (dmabuf_reservation_test_signaled (resv, __i__));
  unlock ();
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

GST_START_TEST (test_for_each)
{
  DmabufFence *fence = mock_fence ();
  DmabufReservationIter iter;
  guint n = 0;

  lock ();
  add (fence, __i__);
  dmabuf_reservation_iter_init (&iter, resv, __i__);
  while (dmabuf_reservation_iter_next (&iter)) {
    fail_unless (iter.fence == fence);
    fail_unless_equals_int (iter.usage, __i__);
    n++;
  }
  fail_unless_equals_int (n, 1);
  unlock ();
  signal_and_unref (fence);
}
GST_END_TEST;

/* RSV-5: the iteration restarts when the list was changed, and sets
 * is_restarted. */
GST_START_TEST (test_for_each_unlocked)
{
  DmabufFence *fence = mock_fence ();
  DmabufReservationIter iter;
  guint n = 0;

  lock ();
  add (fence, __i__);
  unlock ();

  dmabuf_reservation_iter_init_unlocked (&iter, resv, __i__);
  while (dmabuf_reservation_iter_next (&iter)) {
    fail_unless (iter.is_restarted);
    fail_unless (iter.fence == fence);
    fail_unless_equals_int (iter.usage, __i__);
    if (n++ == 0) {
      lock ();
      fail_unless (dmabuf_reservation_reserve (resv, 64, NULL));
      unlock ();
    }
  }
  fail_unless_equals_int (n, 2);
  signal_and_unref (fence);
}
GST_END_TEST;

GST_START_TEST (test_get_fences)
{
  DmabufFence *fence = mock_fence ();
  DmabufFence **fences;
  guint n;

  lock ();
  add (fence, __i__);
  unlock ();

  fences = dmabuf_reservation_get_fences (resv, __i__, &n);
  fail_unless_equals_int (n, 1);
  fail_unless (fences[0] == fence);
  dmabuf_fence_unref (fences[0]);
  g_free (fences);
  signal_and_unref (fence);
}
GST_END_TEST;

/* --- Not covered by the kernel's suite ----------------------------------- */

/* RSV-1: a query for each usage, with a fence of each usage. */
GST_START_TEST (test_rsv1_usage_matrix)
{
  guint asked;

  for (asked = 0; asked < N_USAGES; asked++) {
    DmabufFence *fence = mock_fence ();

    lock ();
    add (fence, __i__);
    fail_unless_equals_int (
        dmabuf_reservation_test_signaled (resv, asked), asked < __i__);
    fail_unless_equals_int (count (asked), asked >= __i__ ? 1 : 0);
    dmabuf_fence_signal (fence);
    unlock ();
    dmabuf_fence_unref (fence);
  }
  fail_unless_equals_int (dmabuf_usage_rw (TRUE), DMABUF_USAGE_READ);
  fail_unless_equals_int (dmabuf_usage_rw (FALSE), DMABUF_USAGE_WRITE);
}
GST_END_TEST;

/* RSV-2: 0 slots and an unlocked reservation are refused; adding needs a slot,
 * which the unlock drops. */
GST_START_TEST (test_rsv2_slots_are_reserved_first)
{
  DmabufFence *fence = mock_fence ();
  GError *error = NULL;

  lock ();
  fail_if (dmabuf_reservation_reserve (resv, 0, &error));
  assert_error (error, EINVAL);
  ASSERT_MISUSE (
      fail_if (dmabuf_reservation_add (resv, fence, DMABUF_USAGE_READ)));
  fail_unless (dmabuf_reservation_reserve (resv, 1, NULL));
  unlock ();

  lock ();
  ASSERT_MISUSE (
      fail_if (dmabuf_reservation_add (resv, fence, DMABUF_USAGE_READ)));
  unlock ();

  ASSERT_MISUSE (fail_if (dmabuf_reservation_reserve (resv, 1, &error)));
  assert_error (error, EINVAL);
  signal_and_unref (fence);
}
GST_END_TEST;

/* RSV-2: n reserved slots take n fences of as many contexts, even after growth;
 * growing keeps pending fences and drops those that have signalled. */
GST_START_TEST (test_rsv2_growth_keeps_pending)
{
  DmabufFence *fences[100];
  guint i;

  lock ();
  for (i = 0; i < G_N_ELEMENTS (fences); i++) {
    fences[i] = mock_fence ();
    add (fences[i], DMABUF_USAGE_READ);
  }
  fail_unless_equals_int (count (DMABUF_USAGE_READ), 100);

  for (i = 0; i < 50; i++)
    dmabuf_fence_signal (fences[2 * i]);
  fail_unless (dmabuf_reservation_reserve (resv, 100, NULL));
  fail_unless_equals_int (count (DMABUF_USAGE_READ), 50);
  for (i = 0; i < 100; i++) {
    DmabufFence *more = mock_fence ();

    fail_unless (dmabuf_reservation_add (resv, more, DMABUF_USAGE_READ));
    signal_and_unref (more);
  }
  unlock ();

  for (i = 0; i < G_N_ELEMENTS (fences); i++)
    signal_and_unref (fences[i]);
}
GST_END_TEST;

/* RSV-3, XSF-4: READ is promoted to WRITE in place; WRITE is not degraded. */
GST_START_TEST (test_rsv3_promotion)
{
  guint64 context = dmabuf_fence_context_alloc (1);
  DmabufFence *read = mock_fence_at (context, 1);
  DmabufFence *write = mock_fence_at (context, 2);
  DmabufFence *later = mock_fence_at (context, 3);

  lock ();
  add (read, DMABUF_USAGE_READ);
  add (write, DMABUF_USAGE_WRITE);
  fail_unless_equals_int (count (DMABUF_USAGE_BOOKKEEP), 1);
  fail_unless_equals_int (count (DMABUF_USAGE_WRITE), 1);

  add (later, DMABUF_USAGE_READ);
  fail_unless_equals_int (count (DMABUF_USAGE_BOOKKEEP), 2);
  fail_unless_equals_int (count (DMABUF_USAGE_WRITE), 1);

  /* An earlier fence of the context replaces none of them. */
  add (read, DMABUF_USAGE_READ);
  fail_unless (count (DMABUF_USAGE_BOOKKEEP) >= 2);
  unlock ();

  signal_and_unref (read);
  signal_and_unref (write);
  signal_and_unref (later);
}
GST_END_TEST;

/* RSV-3: a container is refused. */
GST_START_TEST (test_rsv3_container_refused)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *both = dmabuf_fence_merge (a, b);

  lock ();
  fail_unless (dmabuf_reservation_reserve (resv, 2, NULL));
  ASSERT_MISUSE (
      fail_if (dmabuf_reservation_add (resv, both, DMABUF_USAGE_WRITE)));
  unlock ();
  dmabuf_fence_unref (both);
  signal_and_unref (a);
  signal_and_unref (b);
}
GST_END_TEST;

/* RSV-4: replaces the fences of one context, with another usage. */
GST_START_TEST (test_rsv4_replace)
{
  guint64 context = dmabuf_fence_context_alloc (1);
  DmabufFence *old = mock_fence_at (context, 1);
  DmabufFence *other = mock_fence ();
  DmabufFence *replacement = mock_fence ();
  DmabufReservationIter iter;
  gboolean found = FALSE;

  lock ();
  add (old, DMABUF_USAGE_WRITE);
  add (other, DMABUF_USAGE_READ);
  dmabuf_reservation_replace (
      resv, context, replacement, DMABUF_USAGE_BOOKKEEP);

  dmabuf_reservation_iter_init (&iter, resv, DMABUF_USAGE_BOOKKEEP);
  while (dmabuf_reservation_iter_next (&iter)) {
    fail_if (iter.fence == old);
    if (iter.fence == replacement) {
      fail_unless_equals_int (iter.usage, DMABUF_USAGE_BOOKKEEP);
      found = TRUE;
    }
  }
  fail_unless (found);
  unlock ();
  signal_and_unref (old);
  signal_and_unref (other);
  signal_and_unref (replacement);
}
GST_END_TEST;

/* RSV-2: too many slots are refused, without an overflow or an endless loop. */
GST_START_TEST (test_rsv2_too_many)
{
  static const guint many[] = { G_MAXUINT, G_MAXUINT / 2 + 2, G_MAXUINT - 1 };
  DmabufFence *fence = mock_fence ();
  GError *error = NULL;
  guint i;

  lock ();
  add (fence, DMABUF_USAGE_READ);
  for (i = 0; i < G_N_ELEMENTS (many); i++) {
    fail_if (dmabuf_reservation_reserve (resv, many[i], &error));
    assert_error (error, ENOMEM);
  }
  fail_unless_equals_int (count (DMABUF_USAGE_BOOKKEEP), 1);
  unlock ();
  signal_and_unref (fence);
}
GST_END_TEST;

/* RSV-4, RSV-6: replacing by a container is refused, as adding one (RSV-3). */
GST_START_TEST (test_rsv4_container_refused)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *both = dmabuf_fence_merge (a, b), *single;

  lock ();
  add (a, DMABUF_USAGE_WRITE);
  add (b, DMABUF_USAGE_WRITE);
  ASSERT_MISUSE (dmabuf_reservation_replace (
      resv, dmabuf_fence_get_context (a), both, DMABUF_USAGE_WRITE));
  unlock ();
  single = dmabuf_reservation_get_singleton (resv, DMABUF_USAGE_WRITE);
  fail_if (dmabuf_fence_is_signaled (single));
  dmabuf_fence_unref (single);
  dmabuf_fence_unref (both);
  signal_and_unref (a);
  signal_and_unref (b);
}
GST_END_TEST;

/* RSV-6: the singleton is NULL, the only fence, or an array. */
GST_START_TEST (test_rsv6_singleton)
{
  DmabufFence *a = mock_fence (), *b = mock_fence (), *single;

  fail_unless (
      dmabuf_reservation_get_singleton (resv, DMABUF_USAGE_BOOKKEEP) == NULL);

  lock ();
  add (a, DMABUF_USAGE_WRITE);
  single = dmabuf_reservation_get_singleton (resv, DMABUF_USAGE_WRITE);
  fail_unless (single == a);
  dmabuf_fence_unref (single);

  add (b, DMABUF_USAGE_WRITE);
  single = dmabuf_reservation_get_singleton (resv, DMABUF_USAGE_WRITE);
  fail_unless (dmabuf_fence_is_array (single));
  unlock ();

  signal_and_unref (a);
  fail_if (dmabuf_fence_is_signaled (single));
  signal_and_unref (b);
  fail_unless (dmabuf_fence_is_signaled (single));
  dmabuf_fence_unref (single);
}
GST_END_TEST;

/* RSV-6: a copy has the pending fences. */
GST_START_TEST (test_rsv6_copy)
{
  DmabufReservation *copy = dmabuf_reservation_new ();
  DmabufFence *done = mock_fence (), *pending = mock_fence ();

  lock ();
  add (done, DMABUF_USAGE_WRITE);
  add (pending, DMABUF_USAGE_READ);
  unlock ();
  dmabuf_fence_signal (done);

  fail_unless (dmabuf_reservation_lock (copy, NULL, NULL));
  dmabuf_reservation_copy (copy, resv);
  fail_unless (dmabuf_reservation_test_signaled (copy, DMABUF_USAGE_WRITE));
  fail_if (dmabuf_reservation_test_signaled (copy, DMABUF_USAGE_READ));
  fail_unless (dmabuf_reservation_reserve (copy, 1, NULL));
  dmabuf_reservation_unlock (copy);

  dmabuf_fence_unref (done);
  signal_and_unref (pending);
  dmabuf_reservation_unref (copy);
}
GST_END_TEST;

/* RSV-7, SEC-13: a wait can be a test, end at its deadline, be cancelled, or
 * succeed. */
GST_START_TEST (test_rsv7_wait)
{
  GCancellable *cancellable = g_cancellable_new ();
  DmabufFence *fence = mock_fence ();
  GError *error = NULL;
  Sleeper *sleeper;

  fail_unless (
      dmabuf_reservation_wait (resv, DMABUF_USAGE_BOOKKEEP, 0, NULL, NULL));
  lock ();
  add (fence, DMABUF_USAGE_READ);
  unlock ();

  fail_unless (
      dmabuf_reservation_wait (resv, DMABUF_USAGE_WRITE, 0, NULL, NULL));
  fail_if (dmabuf_reservation_wait (resv, DMABUF_USAGE_READ, 0, NULL, &error));
  assert_error (error, ETIME);
  fail_if (dmabuf_reservation_wait (
      resv, DMABUF_USAGE_READ, g_get_monotonic_time () + 1000, NULL, &error));
  assert_error (error, ETIME);

  sleeper = when_i_sleep (cancel, cancellable);
  fail_if (dmabuf_reservation_wait (
      resv, DMABUF_USAGE_READ, FAR_AWAY, cancellable, &error));
  fail_unless (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_clear_error (&error);
  fail_unless (sleeper_woke_me (sleeper));
  g_object_unref (cancellable);

  dmabuf_fence_signal (fence);
  fail_unless (
      dmabuf_reservation_wait (resv, DMABUF_USAGE_READ, 0, NULL, NULL));
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* RSV-7: a deadline is passed to the fences up to a usage; describe prints
 * them. */
GST_START_TEST (test_rsv7_deadline_and_describe)
{
  DmabufFence *write = mock_fence (), *read = mock_fence ();
  char *text;

  lock ();
  add (write, DMABUF_USAGE_WRITE);
  add (read, DMABUF_USAGE_READ);
  unlock ();

  dmabuf_reservation_set_deadline (resv, DMABUF_USAGE_WRITE, 1000);
  fail_unless (write->deadline == 1000);
  fail_unless (read->deadline == DMABUF_DEADLINE_NEVER);

  text = dmabuf_reservation_describe (resv);
  fail_unless (strstr (text, "write: software") != NULL, "%s", text);
  fail_unless (strstr (text, "read: software") != NULL, "%s", text);
  g_free (text);

  signal_and_unref (write);
  signal_and_unref (read);
}
GST_END_TEST;

static gpointer
lock_and_leave (gpointer locked)
{
  return GINT_TO_POINTER (dmabuf_reservation_trylock (locked, NULL));
}

/* RSV-8: the last reference is dropped while a thread that has ended holds the
 * lock. */
GST_START_TEST (test_rsv8_last_reference_while_locked)
{
  DmabufReservation *locked = dmabuf_reservation_new ();

  fail_unless (GPOINTER_TO_INT (
      g_thread_join (g_thread_new ("lock", lock_and_leave, locked))));
  ASSERT_MISUSE (dmabuf_reservation_unref (locked));
}
GST_END_TEST;

/* RSV-5: the unlocked iterator while other threads add and signal fences. A
 * fence that is pending all the time is seen by each iteration, once. */
static gint stop;

static gpointer
adder (gpointer unused)
{
  while (!g_atomic_int_get (&stop)) {
    DmabufFence *fence = mock_fence ();

    lock ();
    add (fence, DMABUF_USAGE_READ);
    unlock ();
    dmabuf_fence_signal (fence);
    dmabuf_fence_unref (fence);
  }
  return NULL;
}

GST_START_TEST (test_rsv5_unlocked_against_changes)
{
  DmabufFence *constant = mock_fence ();
  GThread *threads[2];
  guint round, i;

  lock ();
  add (constant, DMABUF_USAGE_WRITE);
  unlock ();

  g_atomic_int_set (&stop, 0);
  for (i = 0; i < 2; i++)
    threads[i] = g_thread_new ("add", adder, NULL);

  for (round = 0; round < (test_is_long () ? 100000 : 5000); round++) {
    DmabufReservationIter iter;
    guint seen = 0;

    dmabuf_reservation_iter_init_unlocked (&iter, resv, DMABUF_USAGE_READ);
    while (dmabuf_reservation_iter_next (&iter)) {
      if (iter.is_restarted)
        seen = 0;
      seen += iter.fence == constant;
    }
    fail_unless_equals_int (seen, 1);
  }

  g_atomic_int_set (&stop, 1);
  for (i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  signal_and_unref (constant);
}
GST_END_TEST;

static Suite *
resv_suite (void)
{
  Suite *s = suite_create ("st-dma-resv");
  TCase *tc = tcase_create ("kunit");

  suite_add_tcase (s, tc);
  tcase_add_checked_fixture (tc, resv_start, resv_stop);
  tcase_add_test (tc, test_sanitycheck);
  tcase_add_loop_test (tc, test_signaling, 0, N_USAGES);
  tcase_add_loop_test (tc, test_for_each, 0, N_USAGES);
  tcase_add_loop_test (tc, test_for_each_unlocked, 0, N_USAGES);
  tcase_add_loop_test (tc, test_get_fences, 0, N_USAGES);

  tc = tcase_create ("uncovered");
  suite_add_tcase (s, tc);
  tcase_add_checked_fixture (tc, resv_start, resv_stop);
  tcase_add_loop_test (tc, test_rsv1_usage_matrix, 0, N_USAGES);
  tcase_add_test (tc, test_rsv2_slots_are_reserved_first);
  tcase_add_test (tc, test_rsv2_growth_keeps_pending);
  tcase_add_test (tc, test_rsv2_too_many);
  tcase_add_test (tc, test_rsv3_promotion);
  tcase_add_test (tc, test_rsv3_container_refused);
  tcase_add_test (tc, test_rsv4_replace);
  tcase_add_test (tc, test_rsv4_container_refused);
  tcase_add_test (tc, test_rsv6_singleton);
  tcase_add_test (tc, test_rsv6_copy);
  tcase_add_test (tc, test_rsv7_wait);
  tcase_add_test (tc, test_rsv7_deadline_and_describe);
  tcase_add_test (tc, test_rsv8_last_reference_while_locked);
  tcase_add_test (tc, test_rsv5_unlocked_against_changes);
  return s;
}

GST_CHECK_MAIN (resv);
