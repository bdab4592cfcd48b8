/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fences: what no suite of the kernel covers (B7-1 … B7-10, B7-20, B7-22 …
 * B7-24, B7-26) and the clauses of A10 … A16. */

#include "../lib/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

/* --- callbacks (B7-1) ---------------------------------------------------- */

static GString *order;

static void
append (DmabufFence *fence, gpointer letter)
{
  g_string_append_c (order, GPOINTER_TO_INT (letter));
}

/* FEN-4: in order of registration. */
GST_START_TEST (test_fen4_callbacks_in_order)
{
  DmabufFence *fence = mock_fence ();
  guint i;

  order = g_string_new (NULL);
  for (i = 0; i < 5; i++)
    dmabuf_fence_add_callback (fence, append, GINT_TO_POINTER ('a' + i), NULL);
  signal_and_unref (fence);
  fail_unless_equals_string (order->str, "abcde");
  g_string_free (order, TRUE);
}
GST_END_TEST;

static guint ids[3];
static gint results[3];

/* FEN-4, FEN-7: its node is out before it is called, a later one is not. */
static void
remove_all (DmabufFence *fence, gpointer unused)
{
  guint i;

  for (i = 0; i < 3; i++)
    results[i] = dmabuf_fence_remove_callback (fence, ids[i]);
  fail_unless (dmabuf_fence_is_signaled (fence));
  fail_unless_equals_int (
      dmabuf_fence_add_callback (fence, append, NULL, NULL), 0);
}

static void
count_call (DmabufFence *fence, gpointer calls)
{
  g_atomic_int_inc ((gint *) calls);
}

static void
never (DmabufFence *fence, gpointer unused)
{
  fail ("was removed");
}

static void
nothing (DmabufFence *fence, gpointer unused)
{
}

/* FEN-5, FEN-7: what the kernel forbids inside a callback, as it holds the
 * fence's lock there, is allowed here. */
GST_START_TEST (test_fen7_remove_inside_a_callback)
{
  DmabufFence *fence = mock_fence ();

  ids[0] = dmabuf_fence_add_callback (fence, nothing, NULL, NULL);
  ids[1] = dmabuf_fence_add_callback (fence, remove_all, NULL, NULL);
  ids[2] = dmabuf_fence_add_callback (fence, never, NULL, NULL);
  signal_and_unref (fence);
  fail_unless_equals_int (results[0], FALSE);
  fail_unless_equals_int (results[1], FALSE);
  fail_unless_equals_int (results[2], TRUE);
}
GST_END_TEST;

static void
count (gpointer calls)
{
  g_atomic_int_inc ((gint *) calls);
}

/* FEN-6: user data is freed once, whatever happens. */
GST_START_TEST (test_fen6_notify_in_every_case)
{
  DmabufFence *fence = mock_fence ();
  gint freed = 0;
  guint id;

  id = dmabuf_fence_add_callback (fence, never, &freed, count);
  dmabuf_fence_remove_callback (fence, id);
  fail_unless_equals_int (freed, 1);
  dmabuf_fence_add_callback (fence, nothing, &freed, count);
  dmabuf_fence_signal (fence);
  fail_unless_equals_int (freed, 2);
  dmabuf_fence_add_callback (fence, never, &freed, count);
  fail_unless_equals_int (freed, 3);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

static void
keep_status (DmabufFence *fence, gpointer status)
{
  *(int *) status = dmabuf_fence_get_status (fence);
}

/* FEN-15, FEN-19, B7-4: a callback holds no reference of the fence; -EDEADLK is
 * seen by who waited. */
GST_START_TEST (test_fen15_release_with_callbacks)
{
  DmabufFence *fence = mock_fence ();
  int status = 0;

  dmabuf_fence_add_callback (fence, keep_status, &status, NULL);
  ASSERT_MISUSE (dmabuf_fence_unref (fence));
  fail_unless_equals_int (status, -EDEADLK);

  /* Without callbacks it is silent. */
  dmabuf_fence_unref (mock_fence ());
}
GST_END_TEST;

/* --- errors, time, order (B7-3, -5, -6, -7) ------------------------------ */

/* FEN-10 */
GST_START_TEST (test_fen10_set_error)
{
  DmabufFence *fence = mock_fence ();

  ASSERT_MISUSE (fail_if (dmabuf_fence_set_error (fence, 0)));
  ASSERT_MISUSE (fail_if (dmabuf_fence_set_error (fence, 5)));
  ASSERT_MISUSE (fail_if (dmabuf_fence_set_error (fence, -5000)));
  fail_unless (dmabuf_fence_set_error (fence, -ENODATA));
  dmabuf_fence_signal (fence);
  ASSERT_MISUSE (fail_if (dmabuf_fence_set_error (fence, -EIO)));
  fail_unless_equals_int (dmabuf_fence_get_status (fence), -ENODATA);
  /* The wait itself goes well (FEN-11). */
  fail_unless (wait_ms (fence, 0));
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* FEN-13 */
GST_START_TEST (test_fen13_timestamp)
{
  DmabufFence *fence = mock_fence (), *given = mock_fence ();
  gint64 before = dmabuf_fence_now ();

  fail_unless (dmabuf_fence_get_timestamp (fence) == 0);
  dmabuf_fence_signal (fence);
  fail_unless (dmabuf_fence_get_timestamp (fence) >= before);
  fail_unless (dmabuf_fence_get_timestamp (fence) <= dmabuf_fence_now ());
  dmabuf_fence_signal_timestamp (given, 12345);
  fail_unless (dmabuf_fence_get_timestamp (given) == 12345);
  dmabuf_fence_unref (fence);
  dmabuf_fence_unref (given);
}
GST_END_TEST;

/* FEN-3: with wrap in 32 bits, without in 64; never between contexts. */
GST_START_TEST (test_fen3_is_later)
{
  guint64 context = dmabuf_fence_context_alloc (1);
  DmabufFence *a = mock_fence_at (context, 0xfffffffe);
  DmabufFence *b = mock_fence_at (context, 1);
  DmabufFence *other = mock_fence ();
  DmabufFence *c, *d;

  fail_unless (dmabuf_fence_is_later (b, a));
  fail_if (dmabuf_fence_is_later (a, b));
  fail_if (dmabuf_fence_is_later (a, a));
  fail_if (dmabuf_fence_is_later (a, other));
  fail_if (dmabuf_fence_is_later (other, a));

  c = dmabuf_fence_chain_new (NULL, mock_fence (), 0xfffffffe);
  d = dmabuf_fence_chain_new (
      dmabuf_fence_ref (c), mock_fence (), G_GUINT64_CONSTANT (0x100000001));
  fail_unless (dmabuf_fence_is_later (d, c));
  fail_if (dmabuf_fence_is_later (c, d));
  dmabuf_fence_unref (c);
  dmabuf_fence_unref (d);
  dmabuf_fence_unref (a);
  dmabuf_fence_unref (b);
  dmabuf_fence_unref (other);
}
GST_END_TEST;

/* FEN-2 */
GST_START_TEST (test_fen2_contexts)
{
  guint64 start = dmabuf_fence_context_alloc (3);

  fail_unless (start > 0);
  fail_unless_equals_uint64 (dmabuf_fence_context_alloc (1), start + 3);
}
GST_END_TEST;

/* FEN-14, ARR-6, CHN-8: the earliest counts, containers pass it on, and it ends
 * with the signal. */
GST_START_TEST (test_fen14_deadline)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *both = dmabuf_fence_merge (a, b);
  DmabufFence *chain = dmabuf_fence_chain_new (NULL, both, 1);

  dmabuf_fence_set_deadline (a, 500);
  dmabuf_fence_set_deadline (chain, 1000);
  fail_unless (a->deadline == 500);
  fail_unless (b->deadline == 1000);
  dmabuf_fence_signal (b);
  dmabuf_fence_set_deadline (b, 100);
  fail_unless (b->deadline == 1000);
  fail_if (dmabuf_fence_is_signaled (a));
  signal_and_unref (a);
  dmabuf_fence_unref (b);
  dmabuf_fence_unref (chain);
}
GST_END_TEST;

/* FEN-17 */
GST_START_TEST (test_fen17_names)
{
  DmabufTimeline *timeline = dmabuf_timeline_new ("engine");
  DmabufFence *fence = dmabuf_timeline_create_fence (timeline, 1, SOON, NULL);

  fail_unless_equals_string (dmabuf_fence_get_driver_name (fence), "software");
  fail_unless_equals_string (dmabuf_fence_get_timeline_name (fence), "engine");
  dmabuf_timeline_advance (timeline, 1);
  fail_unless_equals_string (
      dmabuf_fence_get_driver_name (fence), "detached-driver");
  fail_unless_equals_string (
      dmabuf_fence_get_timeline_name (fence), "signaled-timeline");
  dmabuf_fence_unref (fence);
  dmabuf_timeline_unref (timeline);
}
GST_END_TEST;

/* FEN-18 */
GST_START_TEST (test_fen18_try_ref)
{
  DmabufFence *fence = mock_fence ();

  fail_unless_equals_int (fence->ref_count, 1);
  fail_unless (dmabuf_fence_try_ref (fence));
  dmabuf_fence_unref (fence);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* --- wait_any, many (B7-2) ----------------------------------------------- */

static gpointer
signal_later (gpointer fence)
{
  g_usleep (5000);
  dmabuf_fence_signal (fence);
  return NULL;
}

/* FEN-12 */
GST_START_TEST (test_fen12_wait_any)
{
  DmabufFence *fences[3] = { mock_fence (), mock_fence (), mock_fence () };
  GError *error = NULL;
  GThread *thread;
  guint which = 99, i;

  fail_if (
      dmabuf_fence_wait_many (fences, 0, TRUE, SOON, NULL, -1, &which, &error));
  assert_error (error, EINVAL);
  fail_if (dmabuf_fence_wait_many (fences, 3, TRUE,
      g_get_monotonic_time () + 1000, NULL, -1, &which, &error));
  assert_error (error, ETIME);

  thread = g_thread_new ("signal", signal_later, fences[1]);
  fail_unless (
      dmabuf_fence_wait_many (fences, 3, TRUE, SOON, NULL, -1, &which, NULL));
  fail_unless_equals_int (which, 1);
  g_thread_join (thread);

  fail_if (dmabuf_fence_wait_many (
      fences, 3, FALSE, g_get_monotonic_time () + 1000, NULL, -1, NULL, NULL));
  dmabuf_fence_signal (fences[0]);
  thread = g_thread_new ("signal", signal_later, fences[2]);
  fail_unless (
      dmabuf_fence_wait_many (fences, 3, FALSE, SOON, NULL, -1, NULL, NULL));
  g_thread_join (thread);
  for (i = 0; i < 3; i++)
    dmabuf_fence_unref (fences[i]);
}
GST_END_TEST;

/* SEC-13, C4-30: an fd ends the wait, any or all, and is not read. */
GST_START_TEST (test_sec13_cancel_fd)
{
  DmabufFence *fences[2] = { mock_fence (), mock_fence () };
  GError *error = NULL;
  int pipes[2];

  fail_unless (pipe2 (pipes, O_CLOEXEC) == 0);
  fail_unless (write (pipes[1], "x", 1) == 1);
  fail_if (dmabuf_fence_wait_many (
      fences, 2, __i__, SOON, NULL, pipes[0], NULL, &error));
  fail_unless (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_clear_error (&error);
  fail_unless (is_ready (pipes[0], POLLIN));

  dmabuf_fence_signal (fences[0]);
  dmabuf_fence_signal (fences[1]);
  fail_unless (dmabuf_fence_wait_many (
                   fences, 2, __i__, SOON, NULL, pipes[0], NULL, &error)
      || !__i__);
  g_clear_error (&error);
  dmabuf_fence_unref (fences[0]);
  dmabuf_fence_unref (fences[1]);
  close (pipes[0]);
  close (pipes[1]);
}
GST_END_TEST;

/* --- software fences ----------------------------------------------------- */

/* IND-1, XDC-1, SEC-17, FEN-8: no deadline, no fence; ETIME by its own timer;
 * not exported.
 */
GST_START_TEST (test_ind1_software_fence)
{
  GError *error = NULL;
  DmabufFence *fence;
  int status = 0;

  fail_unless (
      dmabuf_fence_new_software (1, 1, DMABUF_DEADLINE_NEVER, &error) == NULL);
  assert_error (error, EINVAL);

  fence =
      dmabuf_fence_new_software (1, 1, g_get_monotonic_time () + 20000, NULL);
  fail_unless_equals_int (dmabuf_fence_export_sync_file (fence, &error), -1);
  assert_error (error, EINVAL);
  fail_if (dmabuf_fence_is_kernel_backed (fence));
  dmabuf_fence_add_callback (fence, keep_status, &status, NULL);
  while (g_atomic_int_get (&status) == 0)
    g_usleep (1000);
  fail_unless_equals_int (status, -ETIME);
  fail_if (dmabuf_fence_signal (fence));
  dmabuf_fence_unref (fence);

  /* And where nobody waits: whoever asks sees it. */
  fence = dmabuf_fence_new_software (1, 1, g_get_monotonic_time () + 1, NULL);
  g_usleep (1000);
  fail_unless_equals_int (dmabuf_fence_get_status (fence), -ETIME);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* SWS-1 for software: order, wrap, the end of the timeline. */
GST_START_TEST (test_timeline)
{
  DmabufTimeline *timeline = dmabuf_timeline_new (NULL);
  DmabufFence *fences[4];
  guint i;

  dmabuf_timeline_advance (timeline, 0xfffffffe);
  for (i = 0; i < 4; i++)
    fences[i] =
        dmabuf_timeline_create_fence (timeline, 0xfffffffe + i, SOON, NULL);
  fail_unless (dmabuf_fence_is_signaled (fences[0]));
  fail_if (dmabuf_fence_is_signaled (fences[1]));
  dmabuf_timeline_advance (timeline, 2);
  fail_unless (dmabuf_fence_is_signaled (fences[2]));
  fail_if (dmabuf_fence_is_signaled (fences[3]));
  fail_unless_equals_int (dmabuf_timeline_get_value (timeline), 0);
  dmabuf_timeline_unref (timeline);
  fail_unless_equals_int (dmabuf_fence_get_status (fences[3]), -ENOENT);
  for (i = 0; i < 4; i++)
    dmabuf_fence_unref (fences[i]);
}
GST_END_TEST;

/* A20: GEQUAL with wrap, NONZERO; seen by callbacks, and ended by the clock. */
GST_START_TEST (test_seqno_in_memory)
{
  static guint32 word;
  GError *error = NULL;
  gint freed = 0;
  int status = 0;
  DmabufFence *fence;

  word = 0xfffffff0;
  fence = dmabuf_fence_new_seqno (
      &word, &freed, count, 5, DMABUF_SEQNO_GEQUAL, SOON, NULL);
  fail_if (dmabuf_fence_is_signaled (fence));
  dmabuf_fence_add_callback (fence, keep_status, &status, NULL);
  __atomic_store_n (&word, 6, __ATOMIC_RELEASE);
  while (g_atomic_int_get (&status) == 0)
    g_usleep (100);
  fail_unless_equals_int (status, 1);
  dmabuf_fence_unref (fence);
  /* The poller's thread may drop the last reference. */
  while (g_atomic_int_get (&freed) == 0)
    g_usleep (100);

  word = 0;
  fence = dmabuf_fence_new_seqno (&word, NULL, NULL, 0, DMABUF_SEQNO_NONZERO,
      g_get_monotonic_time () + 5000, NULL);
  fail_if (dmabuf_fence_is_signaled (fence));
  fail_unless (wait_ms (fence, 10000));
  fail_unless_equals_int (dmabuf_fence_get_status (fence), -ETIME);
  dmabuf_fence_unref (fence);

  fail_unless (dmabuf_fence_new_seqno ((guint32 *) ((char *) &word + 1), NULL,
                   NULL, 0, DMABUF_SEQNO_NONZERO, SOON, &error)
      == NULL);
  assert_error (error, EINVAL);
}
GST_END_TEST;

/* --- containers (B7-8, -9, -10) ------------------------------------------ */

static DmabufFence *
array_of (DmabufFence *a, DmabufFence *b)
{
  DmabufFence **fences = g_new (DmabufFence *, 2);

  fences[0] = dmabuf_fence_ref (a);
  fences[1] = dmabuf_fence_ref (b);
  return dmabuf_fence_array_new (fences, 2, dmabuf_fence_context_alloc (1), 1);
}

/* ARR-4, ARR-5: the first error, armed or only asked. */
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

/* ARR-1, CHN-2: what cannot be nested. */
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

/* An array completes after the member's
 * callbacks, not among them. */
static void
look_at_array (DmabufFence *fence, gpointer calls)
{
  fail_unless_equals_int (g_atomic_int_get ((gint *) calls), 0);
}

/* ARR-2, ARR-3, ARR-6: when all have, after the callbacks of the last. */
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

/* CHN-1: a point that goes backwards begins a context, at the greater. */
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

/* CHN-4, CHN-6, CHN-7: built, found in, collected, released. */
GST_START_TEST (test_chn7_million_nodes)
{
  guint n = g_getenv ("DMABUF_TEST_SMALL") ? 10000 : 1000000;
  DmabufFence *done = dmabuf_fence_get_stub ();
  DmabufFence *pending = mock_fence ();
  DmabufFence *chain = NULL, *node;
  gint calls = 0;
  guint i;

  /* Collected while walked: all but the oldest have signalled. */
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

  /* Released whole: nothing has signalled. */
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

/* UNW-2, UNW-3 */
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

  /* All signalled: the latest time; the error is lost, or is not. */
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
  dmabuf_fence_unref (merged);
  dmabuf_fence_unref (again);

  /* What was passed is still ours. */
  fail_unless_equals_int (bad->ref_count, 1);
  dmabuf_fence_unref (bad);
  dmabuf_fence_unref (worse);
  dmabuf_fence_unref (pending);

  merged = dmabuf_fence_merge (NULL, NULL);
  fail_unless (dmabuf_fence_is_signaled (merged));
  dmabuf_fence_unref (merged);
}
GST_END_TEST;

/* UNW-4: by context, the newest of each. */
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

/* --- in other people's loops --------------------------------------------- */

typedef struct
{
  GMainLoop *loop;
  gboolean ok;
  GError *error;
} Async;

static void
on_waited (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Async *async = user_data;

  async->ok = dmabuf_fence_wait_finish (NULL, result, &async->error);
  g_main_loop_quit (async->loop);
}

GST_START_TEST (test_wait_async)
{
  Async async = { g_main_loop_new (NULL, FALSE) };
  GCancellable *cancellable = g_cancellable_new ();
  DmabufFence *fence = mock_fence ();
  GThread *thread;

  dmabuf_fence_wait_async (
      fence, g_get_monotonic_time () + 5000, NULL, on_waited, &async);
  g_main_loop_run (async.loop);
  fail_if (async.ok);
  assert_error (async.error, ETIME);

  dmabuf_fence_wait_async (fence, SOON, cancellable, on_waited, &async);
  g_cancellable_cancel (cancellable);
  g_main_loop_run (async.loop);
  fail_if (async.ok);
  fail_unless (g_error_matches (async.error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_clear_error (&async.error);

  dmabuf_fence_wait_async (fence, SOON, NULL, on_waited, &async);
  thread = g_thread_new ("signal", signal_later, fence);
  g_main_loop_run (async.loop);
  fail_unless (async.ok);
  g_thread_join (thread);

  dmabuf_fence_wait_async (fence, 0, NULL, on_waited, &async);
  g_main_loop_run (async.loop);
  fail_unless (async.ok);

  g_main_loop_unref (async.loop);
  g_object_unref (cancellable);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

static gboolean
on_source (gpointer calls)
{
  ++*(gint *) calls;
  return G_SOURCE_REMOVE;
}

/* POLL-2: fires once, and the loop then sleeps. */
GST_START_TEST (test_source)
{
  DmabufFence *fence = mock_fence ();
  GSource *source = dmabuf_fence_source_new (fence);
  gint calls = 0;

  g_source_set_callback (source, on_source, &calls, NULL);
  g_source_attach (source, NULL);
  fail_if (g_main_context_iteration (NULL, FALSE));
  dmabuf_fence_signal (fence);
  fail_unless (g_main_context_iteration (NULL, FALSE));
  fail_unless_equals_int (calls, 1);
  fail_if (g_main_context_iteration (NULL, FALSE));
  g_source_unref (source);

  source = dmabuf_fence_source_new (fence);
  g_source_set_callback (source, on_source, &calls, NULL);
  g_source_attach (source, NULL);
  fail_unless (g_main_context_iteration (NULL, FALSE));
  fail_unless_equals_int (calls, 2);
  g_source_unref (source);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* C1: an fd that stays readable. */
GST_START_TEST (test_poll_fd)
{
  DmabufFence *fence = mock_fence ();
  int fd = dmabuf_fence_open_poll_fd (fence, NULL);

  fail_if (is_ready (fd, POLLIN));
  signal_and_unref (fence);
  fail_unless (is_ready (fd, POLLIN));
  fail_unless (is_ready (fd, POLLIN));
  fail_unless (fcntl (fd, F_GETFD) & FD_CLOEXEC);
  close_fd (fd);
}
GST_END_TEST;

/* --- external backends --------------------------------------------------- */

static int external_fd, external_closed;

static int
external_export (gpointer data, GError **error)
{
  return dmabuf_kernel->dup (external_fd);
}

static int
external_open (gpointer data)
{
  return dmabuf_kernel->dup (external_fd);
}

static gboolean
external_is_signaled (gpointer data, int *error, gint64 *timestamp)
{
  *timestamp = 77;
  return is_ready (external_fd, POLLIN);
}

static void
external_free (gpointer data)
{
  external_closed++;
}

static const DmabufFenceBackend backend = {
  .driver_name = "syncobj",
  .export_sync_file = external_export,
  .open_poll_fd = external_open,
  .is_signaled = external_is_signaled,
  .free = external_free,
};

/* XDC-4, IND-2: a point of a syncobj, as ext/kms makes one, when it has been
 * submitted. */
GST_START_TEST (test_external_backend)
{
  int timeline = timeline_open ();
  DmabufFence *fence;
  gint calls = 0;
  int fd;

  external_fd = timeline_new_fd (timeline, 1);
  fence = dmabuf_fence_new_external (&backend, NULL,
      dmabuf_fence_context_alloc (1), 1, DMABUF_FENCE_TRUST_FULL);
  fail_unless (dmabuf_fence_is_kernel_backed (fence));
  fail_unless_equals_string (dmabuf_fence_get_driver_name (fence), "syncobj");
  fd = dmabuf_fence_export_sync_file (fence, NULL);
  fail_unless (fd >= 0);
  fail_if (wait_ms (fence, 1));
  dmabuf_fence_add_callback (fence, count_call, &calls, NULL);
  timeline_inc (timeline, 1);
  while (g_atomic_int_get (&calls) == 0)
    g_usleep (100);
  fail_unless (is_ready (fd, POLLIN));
  fail_unless (dmabuf_fence_get_timestamp (fence) == 77);
  close_fd (fd);
  dmabuf_fence_unref (fence);
  fail_unless_equals_int (external_closed, 1);
  close_fd (external_fd);
  close_fd (timeline);
}
GST_END_TEST;

static Suite *
fence_more_suite (void)
{
  Suite *s = suite_create ("fence-more");
  TCase *tc = backend_add_case (s, "uncovered");

  tcase_add_test (tc, test_fen4_callbacks_in_order);
  tcase_add_test (tc, test_fen7_remove_inside_a_callback);
  tcase_add_test (tc, test_fen6_notify_in_every_case);
  tcase_add_test (tc, test_fen15_release_with_callbacks);
  tcase_add_test (tc, test_fen10_set_error);
  tcase_add_test (tc, test_fen13_timestamp);
  tcase_add_test (tc, test_fen3_is_later);
  tcase_add_test (tc, test_fen2_contexts);
  tcase_add_test (tc, test_fen14_deadline);
  tcase_add_test (tc, test_fen17_names);
  tcase_add_test (tc, test_fen18_try_ref);
  tcase_add_test (tc, test_fen12_wait_any);
  tcase_add_loop_test (tc, test_sec13_cancel_fd, 0, 2);
  tcase_add_test (tc, test_ind1_software_fence);
  tcase_add_test (tc, test_timeline);
  tcase_add_test (tc, test_seqno_in_memory);
  tcase_add_loop_test (tc, test_arr5_first_error, 0, 2);
  tcase_add_test (tc, test_arr7_array_dropped_early);
  tcase_add_test (tc, test_arr1_chn2_refused);
  tcase_add_test (tc, test_arr3_completion_is_deferred);
  tcase_add_test (tc, test_chn1_backwards);
  tcase_add_test (tc, test_chn7_million_nodes);
  tcase_add_test (tc, test_unw4_dedup_array);
  tcase_add_test (tc, test_unw3_strict_merge_keeps_the_error);
  tcase_add_test (tc, test_poll_fd);
  tcase_add_test (tc, test_external_backend);

  /* GLib's main context opens fds of its own, which the fixture would miss. */
  tc = tcase_create ("loops");
  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_wait_async);
  tcase_add_test (tc, test_source);
  return s;
}

GST_CHECK_MAIN (fence_more);
