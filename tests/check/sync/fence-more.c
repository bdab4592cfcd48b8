/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fences beyond the kernel's suites: callbacks, errors, time, waits for many,
 * software fences, the poller. */

#include "../lib/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* --- Callbacks ----------------------------------------------------------- */

static GString *order;

static void
append (DmabufFence *fence, gpointer letter)
{
  g_string_append_c (order, GPOINTER_TO_INT (letter));
}

/* FEN-4: callbacks are called in order of registration. */
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

/* FEN-4, FEN-7: a callback is unlinked before it is called; a later one is
 * still queued. */
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
never (DmabufFence *fence, gpointer unused)
{
  fail ("was removed");
}

static void
nothing (DmabufFence *fence, gpointer unused)
{
}

/* FEN-5, FEN-7: a callback may add and remove callbacks, which the kernel
 * forbids, as it holds the fence's lock there. */
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
  count_add (calls, 1);
}

/* FEN-6: user data is freed once: after the removal, after the call, or when
 * the callback was refused. */
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
  count_set (status, dmabuf_fence_get_status (fence));
}

/* FEN-15, FEN-19: a callback holds no reference to the fence; if the last one
 * is dropped, the callback sees -EDEADLK. */
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

/* --- Errors, time, order ------------------------------------------------- */

/* FEN-10: an error is a negative errno, set before the signal. */
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
  /* FEN-11: the wait itself succeeds. */
  fail_unless (wait_ms (fence, 0));
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* FEN-13: the timestamp is the time of the signal, or the given one. */
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

  /* An invalid time is replaced by the time of the signal. */
  fence = mock_fence ();
  dmabuf_fence_signal_timestamp (fence, -1);
  fail_unless (dmabuf_fence_get_timestamp (fence) >= before);
  fail_unless_equals_int (dmabuf_fence_get_status (fence), 1);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* FEN-3: seqnos wrap in 32 bits, not in 64; fences of two contexts have no
 * order. */
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

/* FEN-2: contexts are consecutive, and never 0. */
GST_START_TEST (test_fen2_contexts)
{
  guint64 start = dmabuf_fence_context_alloc (3);

  fail_unless (start > 0);
  fail_unless_equals_uint64 (dmabuf_fence_context_alloc (1), start + 3);
}
GST_END_TEST;

/* FEN-14, ARR-6, CHN-8: the earliest deadline counts, containers pass it on,
 * and it is ignored after the signal. */
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

/* FEN-17: names change with the signal. */
GST_START_TEST (test_fen17_names)
{
  DmabufTimeline *timeline = dmabuf_timeline_new ("engine");
  DmabufFence *fence =
      dmabuf_timeline_create_fence (timeline, 1, FAR_AWAY, NULL);

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

/* FEN-18: a live fence can be referenced. */
GST_START_TEST (test_fen18_try_ref)
{
  DmabufFence *fence = mock_fence ();

  fail_unless_equals_int (fence->ref_count, 1);
  fail_unless (dmabuf_fence_try_ref (fence));
  dmabuf_fence_unref (fence);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* --- Waits for any and for many ------------------------------------------ */

/* FEN-12: no fences are EINVAL; a wait for any returns the first index. */
GST_START_TEST (test_fen12_wait_any)
{
  DmabufFence *fences[3] = { mock_fence (), mock_fence (), mock_fence () };
  GError *error = NULL;
  Sleeper *sleeper;
  guint which = 99, i;

  fail_if (dmabuf_fence_wait_many (
      fences, 0, TRUE, FAR_AWAY, NULL, -1, &which, &error));
  assert_error (error, EINVAL);
  fail_if (dmabuf_fence_wait_many (fences, 3, TRUE,
      g_get_monotonic_time () + 1000, NULL, -1, &which, &error));
  assert_error (error, ETIME);

  sleeper = when_i_sleep (signal_fence, fences[1]);
  fail_unless (dmabuf_fence_wait_many (
      fences, 3, TRUE, FAR_AWAY, NULL, -1, &which, NULL));
  fail_unless_equals_int (which, 1);
  fail_unless (sleeper_woke_me (sleeper));

  fail_if (dmabuf_fence_wait_many (
      fences, 3, FALSE, g_get_monotonic_time () + 1000, NULL, -1, NULL, NULL));
  dmabuf_fence_signal (fences[0]);
  sleeper = when_i_sleep (signal_fence, fences[2]);
  fail_unless (dmabuf_fence_wait_many (
      fences, 3, FALSE, FAR_AWAY, NULL, -1, NULL, NULL));
  fail_unless (sleeper_woke_me (sleeper));
  for (i = 0; i < 3; i++)
    dmabuf_fence_unref (fences[i]);
}
GST_END_TEST;

/* SEC-13: an fd ends a wait for any or all, and is not read. */
GST_START_TEST (test_sec13_cancel_fd)
{
  DmabufFence *fences[2] = { mock_fence (), mock_fence () };
  GError *error = NULL;
  int pipes[2];

  fail_unless (pipe2 (pipes, O_CLOEXEC) == 0);
  fail_unless (write (pipes[1], "x", 1) == 1);
  fail_if (dmabuf_fence_wait_many (
      fences, 2, __i__, FAR_AWAY, NULL, pipes[0], NULL, &error));
  fail_unless (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_clear_error (&error);
  fail_unless (is_ready (pipes[0], POLLIN));

  dmabuf_fence_signal (fences[0]);
  dmabuf_fence_signal (fences[1]);
  fail_unless (dmabuf_fence_wait_many (
                   fences, 2, __i__, FAR_AWAY, NULL, pipes[0], NULL, &error)
      || !__i__);
  g_clear_error (&error);
  dmabuf_fence_unref (fences[0]);
  dmabuf_fence_unref (fences[1]);
  close (pipes[0]);
  close (pipes[1]);
}
GST_END_TEST;

/* SEC-13: a cancel fd whose other end is closed cancels the wait too. If the
 * fences have signalled, the wait succeeds even when all fds are taken. */
GST_START_TEST (test_sec13_cancel_fd_hangs_up)
{
  DmabufFence *fences[2] = { mock_fence (), mock_fence () };
  GError *error = NULL;
  int pipes[2];

  fail_unless (pipe2 (pipes, O_CLOEXEC) == 0);
  close (pipes[1]);
  fail_if (dmabuf_fence_wait_many (
      fences, 2, __i__, FAR_AWAY, NULL, pipes[0], NULL, &error));
  fail_unless (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_clear_error (&error);

  dmabuf_fence_signal (fences[0]);
  dmabuf_fence_signal (fences[1]);
  if (backend_is_fake ())
    fake_kernel_fail_nth (1, EMFILE);
  fail_unless (dmabuf_fence_wait_many (
      fences, 2, __i__, FAR_AWAY, NULL, pipes[0], NULL, &error));
  if (backend_is_fake ())
    fake_kernel_fail_nth (0, 0);
  dmabuf_fence_unref (fences[0]);
  dmabuf_fence_unref (fences[1]);
  close (pipes[0]);
}
GST_END_TEST;

/* --- Software fences ----------------------------------------------------- */

/* IND-1, XDC-1, SEC-17, FEN-8: a software fence needs a deadline, ends with
 * ETIME by its own timer, and cannot be exported. */
GST_START_TEST (test_ind1_software_fence)
{
  GError *error = NULL;
  DmabufFence *fence;
  int status = 0;

  fail_unless (
      dmabuf_fence_new_software (1, 1, DMABUF_DEADLINE_NEVER, &error) == NULL);
  assert_error (error, EINVAL);

  fence = mock_fence ();
  fail_unless_equals_int (dmabuf_fence_export_sync_file (fence, &error), -1);
  assert_error (error, EINVAL);
  fail_if (dmabuf_fence_is_kernel_backed (fence));
  fail_unless (
      dmabuf_fence_add_callback (fence, keep_status, &status, NULL) != 0);
  clock_skip (2 * G_TIME_SPAN_HOUR);
  fail_unless_equals_int (status, -ETIME);
  fail_if (dmabuf_fence_signal (fence));
  dmabuf_fence_unref (fence);

  /* Without a waiter a test shows it. */
  fence = mock_fence ();
  fail_unless_equals_int (dmabuf_fence_get_status (fence), 0);
  clock_skip (2 * G_TIME_SPAN_HOUR);
  fail_unless_equals_int (dmabuf_fence_get_status (fence), -ETIME);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* SWS-1 for software fences: order, wrap, the end of the timeline. */
GST_START_TEST (test_timeline)
{
  DmabufTimeline *timeline = dmabuf_timeline_new (NULL);
  DmabufFence *fences[4];
  guint i;

  dmabuf_timeline_advance (timeline, 0xfffffffe);
  for (i = 0; i < 4; i++)
    fences[i] =
        dmabuf_timeline_create_fence (timeline, 0xfffffffe + i, FAR_AWAY, NULL);
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

static gpointer
skip_hours (gpointer unused)
{
  clock_skip (2 * G_TIME_SPAN_HOUR);
  return NULL;
}

/* A fence on a word in memory: GEQUAL with wrap and NONZERO, seen by a callback
 * and ended by the deadline. */
GST_START_TEST (test_seqno_in_memory)
{
  static guint32 word;
  GError *error = NULL;
  gint freed = 0;
  int status = 0;
  DmabufFence *fence;
  Sleeper *sleeper;

  word = 0xfffffff0;
  fence = dmabuf_fence_new_seqno (
      &word, &freed, count, 5, DMABUF_SEQNO_GEQUAL, FAR_AWAY, NULL);
  fail_if (dmabuf_fence_is_signaled (fence));
  dmabuf_fence_add_callback (fence, keep_status, &status, NULL);
  __atomic_store_n (&word, 6, __ATOMIC_RELEASE);
  until (&status, 1);
  dmabuf_fence_unref (fence);
  /* The poller's thread may drop the last reference. */
  until (&freed, 1);

  word = 0;
  fence = dmabuf_fence_new_seqno (
      &word, NULL, NULL, 0, DMABUF_SEQNO_NONZERO, FAR_AWAY, NULL);
  fail_if (dmabuf_fence_is_signaled (fence));
  sleeper = when_i_sleep (skip_hours, NULL);
  fail_unless (dmabuf_fence_wait (fence, DMABUF_DEADLINE_NEVER, NULL, NULL));
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless_equals_int (dmabuf_fence_get_status (fence), -ETIME);
  dmabuf_fence_unref (fence);

  fail_unless (dmabuf_fence_new_seqno ((guint32 *) ((char *) &word + 1), NULL,
                   NULL, 0, DMABUF_SEQNO_NONZERO, FAR_AWAY, &error)
      == NULL);
  assert_error (error, EINVAL);
}
GST_END_TEST;

/* --- The poller ---------------------------------------------------------- */

/* If there is no fd for the poller, waiters poll the fences themselves: they
 * keep their deadlines, and see when a fence has signalled. */
GST_START_TEST (test_no_poller)
{
  DmabufFence *fences[2] = { mock_fence (), mock_fence () };
  GError *error = NULL;
  Sleeper *sleeper;
  gint calls = 0;
  int cancel_fd;
  guint which;

  fake_kernel_start ();
  fake_kernel_fail_nth (1, EMFILE);
  fail_if (wait_ms (fences[0], 10));
  fail_unless (fake_kernel_fault_fired ());

  fake_kernel_fail_nth (1, EMFILE);
  fail_if (dmabuf_fence_wait_many (fences, 2, TRUE,
      g_get_monotonic_time () + 10000, NULL, -1, NULL, &error));
  assert_error (error, ETIME);
  fail_unless (fake_kernel_fault_fired ());

  /* A cancel fd still counts: this eventfd is readable. */
  cancel_fd = dmabuf_kernel->eventfd (1, 0);
  fake_kernel_fail_nth (1, EMFILE);
  fail_if (dmabuf_fence_wait_many (
      fences, 2, FALSE, FAR_AWAY, NULL, cancel_fd, NULL, &error));
  fail_unless (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_clear_error (&error);
  fail_unless (fake_kernel_fault_fired ());
  close_fd (cancel_fd);

  fake_kernel_fail_nth (1, EMFILE);
  sleeper = when_i_sleep (signal_fence, fences[1]);
  fail_unless (dmabuf_fence_wait_many (
      fences, 2, TRUE, FAR_AWAY, NULL, -1, &which, NULL));
  fail_unless_equals_int (which, 1);
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless (fake_kernel_fault_fired ());

  /* Adding a callback waits for the fence, and reports it as signalled. */
  fake_kernel_fail_nth (1, EMFILE);
  sleeper = when_i_sleep (signal_fence, fences[0]);
  g_test_expect_message ("dmabufcore", G_LOG_LEVEL_WARNING, "*watched*");
  fail_unless_equals_int (
      dmabuf_fence_add_callback (fences[0], count_call, &calls, NULL), 0);
  g_test_assert_expected_messages ();
  fail_unless (dmabuf_fence_has_settled (fences[0]));
  fail_unless (sleeper_woke_me (sleeper));
  fake_kernel_fail_nth (0, 0);
  fail_unless_equals_int (calls, 0);

  dmabuf_fence_unref (fences[0]);
  dmabuf_fence_unref (fences[1]);
  fail_unless_equals_int (fake_kernel_stop (), 0);
}
GST_END_TEST;

/* The signals that a thread of this process blocks, 0 if there is none */
static guint64
blocked_signals (const char *thread)
{
  g_autoptr (GDir) tasks = g_dir_open ("/proc/self/task", 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (tasks))) {
    g_autofree char *path = g_strdup_printf ("/proc/self/task/%s/status", name);
    g_autofree char *status = NULL;
    const char *blocked;

    if (g_file_get_contents (path, &status, NULL, NULL)
        && strstr (status, thread) && (blocked = strstr (status, "SigBlk:")))
      return g_ascii_strtoull (blocked + 7, NULL, 16);
  }
  return 0;
}

/* The poller's thread blocks signals, so that a program can block one in all of
 * its own threads and read it from a signalfd. */
GST_START_TEST (test_poller_takes_no_signals)
{
  guint64 wanted = 1 << (SIGINT - 1) | 1 << (SIGTERM - 1) | 1 << (SIGCHLD - 1);

  /* A new thread gets its name when it runs. */
  poller_settle ();
  fail_unless ((blocked_signals ("dmabuf-poller") & wanted) == wanted);
}
GST_END_TEST;

/* Whether all tests are one process, with one poller */
static gboolean
no_fork (void)
{
  return g_strcmp0 (g_getenv ("CK_FORK"), "no") == 0;
}

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
  tcase_add_loop_test (tc, test_sec13_cancel_fd_hangs_up, 0, 2);
  tcase_add_test (tc, test_ind1_software_fence);
  tcase_add_test (tc, test_timeline);
  tcase_add_test (tc, test_seqno_in_memory);
  tcase_add_test (tc, test_poller_takes_no_signals);

  /* In a process of its own, before the poller is started */
  if (backend_is_fake () && !no_fork ()) {
    tc = tcase_create ("no-poller");
    suite_add_tcase (s, tc);
    tcase_add_test (tc, test_no_poller);
  }
  return s;
}

GST_CHECK_MAIN (fence_more);
