/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Arrays, chains and merges, beyond the kernel's KUnit tests. */

#include "../lib/sync.h"

#include <errno.h>

/* --- Containers ---------------------------------------------------------- */

static void
keep_status (DmabufFence *fence, gpointer status)
{
  g_atomic_int_set ((gint *) status, dmabuf_fence_get_status (fence));
}

static DmabufFence *
array_of (DmabufFence *a, DmabufFence *b)
{
  DmabufFence **fences = g_new (DmabufFence *, 2);

  fences[0] = dmabuf_fence_ref (a);
  fences[1] = dmabuf_fence_ref (b);
  return dmabuf_fence_array_new (fences, 2, dmabuf_fence_context_alloc (1), 1);
}

/* ARR-4, ARR-5: the first error wins, whether a callback is armed or the status
 * is only polled. */
GST_START_TEST (test_arr5_first_error)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *array = array_of (a, b);
  int status = 0;

  if (__i__)
    dmabuf_fence_add_callback (array, keep_status, &status, NULL);
  dmabuf_fence_set_error (b, -EIO);
  dmabuf_fence_signal_timestamp (b, 100);
  dmabuf_fence_set_error (a, -ENODATA);
  dmabuf_fence_signal_timestamp (a, 200);
  if (__i__)
    fail_unless_equals_int (status, -EIO);
  fail_unless_equals_int (dmabuf_fence_get_status (array), -EIO);
  fail_unless (dmabuf_fence_get_timestamp (array) == 200);
  dmabuf_fence_unref (a);
  dmabuf_fence_unref (b);
  dmabuf_fence_unref (array);
}
GST_END_TEST;

/* ARR-7: the user drops an armed array before its members signal. */
GST_START_TEST (test_arr7_array_dropped_early)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *array = array_of (a, b);
  gint calls = 0;

  dmabuf_fence_add_callback (array, count_call, &calls, NULL);
  dmabuf_fence_unref (array);
  dmabuf_fence_signal (a);
  fail_unless_equals_int (calls, 0);
  dmabuf_fence_signal (b);
  fail_unless_equals_int (calls, 1);
  dmabuf_fence_unref (a);
  dmabuf_fence_unref (b);
}
GST_END_TEST;

/* ARR-1, CHN-2: arrays without members and nested containers are refused. */
GST_START_TEST (test_arr1_chn2_refused)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *array = array_of (a, b);
  DmabufFence *chain = dmabuf_fence_chain_new (NULL, dmabuf_fence_ref (a), 1);

  ASSERT_MISUSE (fail_unless (
      dmabuf_fence_array_new (g_new (DmabufFence *, 1), 0, 1, 1) == NULL));
  ASSERT_MISUSE (fail_unless (array_of (array, a) == NULL));
  ASSERT_MISUSE (fail_unless (array_of (chain, a) == NULL));
  ASSERT_MISUSE (fail_unless (
      dmabuf_fence_chain_new (NULL, dmabuf_fence_ref (chain), 2) == NULL));
  dmabuf_fence_unref (array);
  dmabuf_fence_unref (chain);
  dmabuf_fence_unref (a);
  dmabuf_fence_unref (b);
}
GST_END_TEST;

/* A member's callback, which runs before the array completes. */
static void
look_at_array (DmabufFence *fence, gpointer calls)
{
  fail_unless_equals_int (g_atomic_int_get ((gint *) calls), 0);
}

/* ARR-2, ARR-3, ARR-6: an array signals when all members have, after the
 * callbacks of the last one. */
GST_START_TEST (test_arr3_completion_is_deferred)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *array = array_of (a, b);
  gint calls = 0;

  dmabuf_fence_add_callback (array, count_call, &calls, NULL);
  dmabuf_fence_add_callback (a, look_at_array, &calls, NULL);
  dmabuf_fence_signal (b);
  dmabuf_fence_signal (a);
  fail_unless_equals_int (calls, 1);
  fail_unless (dmabuf_fence_match_context (a, dmabuf_fence_get_context (a)));
  fail_if (dmabuf_fence_match_context (array, dmabuf_fence_get_context (a)));
  dmabuf_fence_unref (a);
  dmabuf_fence_unref (b);
  dmabuf_fence_unref (array);
}
GST_END_TEST;

typedef struct
{
  DmabufFence *chain;
  DmabufFence *older;
  guint id;
  gint calls;
} Rearm;

static void
rearm (DmabufFence *fence, gpointer user_data)
{
  Rearm *self = user_data;

  fail_unless (dmabuf_fence_remove_callback (self->chain, self->id));
  self->id =
      dmabuf_fence_add_callback (self->chain, count_call, &self->calls, NULL);
  fail_unless (self->id != 0);
  dmabuf_fence_signal (self->older);
}

/* CHN-6, ARR-3: the fence that the head was armed on signals; before the head
 * is looked at, the one it was armed on again signals too. The chain completes
 * once. */
GST_START_TEST (test_chn6_armed_anew_while_deferred)
{
  DmabufFence *newer = mock_fence ();
  Rearm self = { .older = mock_fence () };

  self.chain = dmabuf_fence_chain_new (
      dmabuf_fence_chain_new (NULL, dmabuf_fence_ref (self.older), 1),
      dmabuf_fence_ref (newer), 2);
  self.id =
      dmabuf_fence_add_callback (self.chain, count_call, &self.calls, NULL);
  dmabuf_fence_add_callback (newer, rearm, &self, NULL);
  dmabuf_fence_signal (newer);
  fail_unless_equals_int (self.calls, 1);
  fail_unless_equals_int (dmabuf_fence_get_status (self.chain), 1);
  dmabuf_fence_unref (self.chain);
  dmabuf_fence_unref (self.older);
  dmabuf_fence_unref (newer);
}
GST_END_TEST;

/* CHN-1: a point that goes backwards begins a new context, at the greater
 * seqno. */
GST_START_TEST (test_chn1_backwards)
{
  DmabufFence *oldest = dmabuf_fence_chain_new (NULL, mock_fence (), 10);
  DmabufFence *later =
      dmabuf_fence_chain_new (dmabuf_fence_ref (oldest), mock_fence (), 11);
  DmabufFence *back =
      dmabuf_fence_chain_new (dmabuf_fence_ref (later), mock_fence (), 3);

  fail_unless_equals_uint64 (
      dmabuf_fence_get_context (later), dmabuf_fence_get_context (oldest));
  fail_if (
      dmabuf_fence_get_context (back) == dmabuf_fence_get_context (oldest));
  fail_unless_equals_uint64 (dmabuf_fence_get_seqno (back), 11);
  dmabuf_fence_unref (oldest);
  dmabuf_fence_unref (later);
  dmabuf_fence_unref (back);
}
GST_END_TEST;

/* CHN-4, CHN-6, CHN-7: a long chain is built, searched, collected and
 * released. */
GST_START_TEST (test_chn7_million_nodes)
{
  guint n = g_getenv ("DMABUF_TEST_SMALL") ? 10000 : 1000000;
  DmabufFence *done = dmabuf_fence_get_stub ();
  DmabufFence *pending = mock_fence ();
  DmabufFence *chain = NULL, *node;
  gint calls = 0;
  guint i;

  /* Collected during the walk: all except the oldest have signalled. */
  for (i = 1; i <= n; i++)
    chain = dmabuf_fence_chain_new (
        chain, dmabuf_fence_ref (i == 1 ? pending : done), i);
  node = dmabuf_fence_ref (chain);
  fail_unless (dmabuf_fence_chain_find_seqno (&node, n / 2, NULL));
  fail_unless_equals_uint64 (dmabuf_fence_get_seqno (node), 1);
  dmabuf_fence_unref (node);
  dmabuf_fence_add_callback (chain, count_call, &calls, NULL);
  dmabuf_fence_signal (pending);
  fail_unless_equals_int (calls, 1);
  dmabuf_fence_unref (pending);
  dmabuf_fence_unref (chain);

  /* Released whole: no node has signalled. */
  pending = mock_fence ();
  chain = NULL;
  for (i = 1; i <= n; i++)
    chain = dmabuf_fence_chain_new (chain, dmabuf_fence_ref (pending), i);
  node = dmabuf_fence_ref (chain);
  fail_unless (dmabuf_fence_chain_find_seqno (&node, 2, NULL));
  fail_unless_equals_uint64 (dmabuf_fence_get_seqno (node), 2);
  dmabuf_fence_unref (node);
  dmabuf_fence_unref (chain);
  fail_unless_equals_int (pending->ref_count, 1);
  dmabuf_fence_unref (pending);
  dmabuf_fence_unref (done);
}
GST_END_TEST;

/* UNW-2, UNW-3: a merge loses the errors of leaves that have signalled, a
 * strict merge keeps the first. */
GST_START_TEST (test_unw3_strict_merge_keeps_the_error)
{
  DmabufFence *bad = mock_fence (), *worse = mock_fence ();
  DmabufFence *pending = mock_fence ();
  DmabufFence *all[] = { NULL, bad, worse, pending, NULL };
  DmabufFence *merged, *again;

  dmabuf_fence_set_error (bad, -EIO);
  dmabuf_fence_signal_timestamp (bad, 50);
  dmabuf_fence_set_error (worse, -ENODATA);
  dmabuf_fence_signal_timestamp (worse, 70);

  /* All have signalled: the result has the latest time. */
  merged = dmabuf_fence_merge_many (all, 3);
  fail_unless_equals_int (dmabuf_fence_get_status (merged), 1);
  fail_unless (dmabuf_fence_get_timestamp (merged) == 70);
  dmabuf_fence_unref (merged);
  merged = dmabuf_fence_merge_strict (all, 3);
  fail_unless_equals_int (dmabuf_fence_get_status (merged), -EIO);
  dmabuf_fence_unref (merged);

  merged = dmabuf_fence_merge_many (all, 5);
  fail_unless (merged == pending);
  dmabuf_fence_unref (merged);
  merged = dmabuf_fence_merge_strict (all, 5);
  again = dmabuf_fence_merge_strict (&merged, 1);
  fail_unless_equals_int (dmabuf_fence_get_status (merged), 0);
  dmabuf_fence_signal (pending);
  fail_unless_equals_int (dmabuf_fence_get_status (merged), -EIO);
  fail_unless_equals_int (dmabuf_fence_get_status (again), -EIO);
  dmabuf_fence_unref (again);

  /* The error survives inside of a chain node. */
  again = dmabuf_fence_chain_new (NULL, merged, 1);
  merged = dmabuf_fence_merge_strict (&again, 1);
  fail_unless_equals_int (dmabuf_fence_get_status (merged), -EIO);
  dmabuf_fence_unref (merged);
  dmabuf_fence_unref (again);

  /* The references to the inputs are still the caller's. */
  fail_unless_equals_int (bad->ref_count, 1);
  dmabuf_fence_unref (bad);
  dmabuf_fence_unref (worse);
  dmabuf_fence_unref (pending);

  merged = dmabuf_fence_merge (NULL, NULL);
  fail_unless (dmabuf_fence_is_signaled (merged));
  dmabuf_fence_unref (merged);
}
GST_END_TEST;

/* UNW-4: sorted by context, with the newest of each. */
GST_START_TEST (test_unw4_dedup_array)
{
  guint64 context = dmabuf_fence_context_alloc (2);
  DmabufFence *fences[4] = { mock_fence_at (context + 1, 1),
    mock_fence_at (context, 5), mock_fence_at (context + 1, 9),
    mock_fence_at (context, 0xfffffff0) };

  fail_unless_equals_int (dmabuf_fence_dedup_array (fences, 4), 2);
  fail_unless_equals_uint64 (dmabuf_fence_get_context (fences[0]), context);
  fail_unless_equals_uint64 (dmabuf_fence_get_seqno (fences[0]), 5);
  fail_unless_equals_uint64 (dmabuf_fence_get_seqno (fences[1]), 9);
  fail_unless_equals_int (dmabuf_fence_dedup_array (fences, 0), 0);
  dmabuf_fence_unref (fences[0]);
  dmabuf_fence_unref (fences[1]);
}
GST_END_TEST;

static Suite *
containers_suite (void)
{
  Suite *s = suite_create ("containers");
  TCase *tc = backend_add_case (s, "uncovered");

  tcase_add_loop_test (tc, test_arr5_first_error, 0, 2);
  tcase_add_test (tc, test_arr7_array_dropped_early);
  tcase_add_test (tc, test_arr1_chn2_refused);
  tcase_add_test (tc, test_arr3_completion_is_deferred);
  tcase_add_test (tc, test_chn6_armed_anew_while_deferred);
  tcase_add_test (tc, test_chn1_backwards);
  tcase_add_test (tc, test_chn7_million_nodes);
  tcase_add_test (tc, test_unw3_strict_merge_keeps_the_error);
  tcase_add_test (tc, test_unw4_dedup_array);
  return s;
}

GST_CHECK_MAIN (containers);
