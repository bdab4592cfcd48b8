/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many fences, many threads, many signals. */

#include "../lib/sync.h"

#include <errno.h>
#include <libdmabufcore/dmabuf-poller-private.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void
import (int fd, DmabufAccess access, int timeline, guint value)
{
  int sync_file = timeline_new_fd (timeline, value);

  fail_unless (dmabuf_kernel_import_sync_file (fd, access, sync_file) == 0);
  close_fd (sync_file);
}

/* --- Many pending fences ------------------------------------------------- */

/* Raises the limit of fds for @n fences: each needs a timeline, a sync_file and
 * fds of the fake kernel. Returns for how many there is room. */
static guint
room_for (guint n)
{
  struct rlimit limit = { 5 * n + 1000, 5 * n + 1000 };

  if (setrlimit (RLIMIT_NOFILE, &limit) == 0)
    return n;
  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  return MIN (n, limit.rlim_cur / 6);
}

static guint
count_entries (const char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir))
    n++;
  g_dir_close (dir);
  return n;
}

/* Without the fixture, which starts the poller itself */
GST_START_TEST (test_poller_is_one_thread_and_three_fds)
{
  guint fds = count_entries ("/proc/self/fd");
  guint threads = count_entries ("/proc/self/task");

  fail_unless (dmabuf_poller_ensure_started () >= 0);
  fail_unless (count_entries ("/proc/self/fd") <= fds + 3);
  fail_unless (count_entries ("/proc/self/task") <= threads + 1);
}
GST_END_TEST;

/* Each fence has a timeline of its own, as one timeline signals in the order of
 * its values only. */
GST_START_TEST (test_many_pending)
{
  guint n = room_for (g_getenv ("DMABUF_TEST_SMALL") ? 500 : 10000);
  int *timelines = g_new (int, n);
  DmabufFence **fences = g_new (DmabufFence *, n);
  guint *order = g_new (guint, n);
  GRand *rand = g_rand_new_with_seed (3);
  gint *calls = g_new0 (gint, n);
  guint threads = count_entries ("/proc/self/task");
  guint i, n_sources;

  for (i = 0; i < n; i++) {
    guint j = g_rand_int_range (rand, 0, i + 1);

    order[i] = order[j];
    order[j] = i;
  }
  for (i = 0; i < n; i++) {
    timelines[i] = timeline_open ();
    fences[i] = timeline_new_fence (timelines[i], 1);
    fail_unless (fences[i] != NULL);
    dmabuf_fence_add_callback (fences[i], count_call, &calls[i], NULL);
  }
  dmabuf_poller_get_counts (&n_sources, NULL, NULL);
  fail_unless_equals_int (n_sources, n);
  fail_unless_equals_int (count_entries ("/proc/self/task"), threads);

  /* The poller sleeps, without a timer that would wake it. */
  fail_unless_equals_int (poller_until_asleep (), -1);

  for (i = 0; i < n; i++) {
    fail_unless_equals_int (g_atomic_int_get (&calls[order[i]]), 0);
    timeline_inc (timelines[order[i]], 1);
  }
  for (i = 0; i < n; i++)
    until (&calls[i], 1);
  poller_settle ();
  for (i = 0; i < n; i++)
    fail_unless_equals_int (g_atomic_int_get (&calls[i]), 1);

  for (i = 0; i < n; i++) {
    dmabuf_fence_unref (fences[i]);
    close_fd (timelines[i]);
  }
  g_free (timelines);
  g_free (fences);
  g_free (order);
  g_free (calls);
  g_rand_free (rand);
}
GST_END_TEST;

/* --- Cancelled and timed out under a storm of signals --------------------- */

static gint storm_over, n_signals;
static pthread_t stormed; /* Static, as a failed test returns early */

static void
on_signal (int number)
{
  count_add (&n_signals, 1);
}

static void
send_signal (void)
{
  gint before = g_atomic_int_get (&n_signals);

  pthread_kill (stormed, SIGUSR1);
#ifdef DMABUF_TSAN
  /* ThreadSanitizer delays a signal until the thread calls the C library again,
   * which a sleeping thread does not do. */
  g_thread_yield ();
  (void) before;
#else
  until_at_least (&n_signals, before + 1);
#endif
}

static gpointer
storm (gpointer unused)
{
  while (!g_atomic_int_get (&storm_over))
    send_signal ();
  return NULL;
}

static gpointer
storm_and_cancel (gpointer cancellable)
{
  guint i;

  for (i = 0; i < 100; i++)
    send_signal ();
  return cancel (cancellable);
}

/* Waits for a software fence, a sync_file, both merged, or a buffer. */
static gboolean
wait_for (DmabufFence **fences, DmabufBuffer *buffer, guint which,
    gint64 deadline, GCancellable *cancellable, GError **error)
{
  if (which < 3)
    return dmabuf_fence_wait (fences[which], deadline, cancellable, error);
  return dmabuf_buffer_wait (
      buffer, DMABUF_ACCESS_READ, deadline, cancellable, error);
}

/* SEC-13: signals neither end a wait nor prolong it; only the deadline and the
 * cancellable end it. */
GST_START_TEST (test_sec13_waits_end_under_signals)
{
  struct sigaction action = { .sa_handler = on_signal };
  int timeline = timeline_open ();
  DmabufFence *fences[3] = { mock_fence (), timeline_new_fence (timeline, 1) };
  DmabufBuffer *buffer = shared_buffer ();
  GError *error = NULL;
  guint i;

  fences[2] = dmabuf_fence_merge (fences[0], fences[1]);
  import (dmabuf_buffer_get_fd (buffer), DMABUF_ACCESS_WRITE, timeline, 1);
  sigaction (SIGUSR1, &action, NULL);
  stormed = pthread_self ();

  for (i = 0; i < 4; i++) {
    GCancellable *cancellable = g_cancellable_new ();
    Sleeper *sleeper = when_i_sleep (storm_and_cancel, cancellable);
    GThread *thread;

    fail_if (wait_for (fences, buffer, i, FAR_AWAY, cancellable, &error));
    fail_unless (sleeper_woke_me (sleeper));
    fail_unless (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
    g_clear_error (&error);
    g_object_unref (cancellable);

    g_atomic_int_set (&storm_over, 0);
    thread = g_thread_new ("storm", storm, NULL);
    fail_if (wait_for (
        fences, buffer, i, g_get_monotonic_time () + 30000, NULL, &error));
    assert_error (error, ETIME);
    g_atomic_int_set (&storm_over, 1);
    g_thread_join (thread);
  }

  timeline_inc (timeline, 1);
  dmabuf_fence_signal (fences[0]);
  for (i = 0; i < 3; i++)
    dmabuf_fence_unref (fences[i]);
  dmabuf_buffer_unref (buffer);
  close_fd (timeline);
}
GST_END_TEST;

/* --- Writers and readers ------------------------------------------------- */

#define N_BUFFERS 32
#define N_THREADS 8

static DmabufBuffer *storm_buffers[N_BUFFERS];
static guint written[N_BUFFERS]; /* By works that have ended */
static gint promised[N_BUFFERS]; /* By submitted works; under the lock */
static gint works_left, storm_errors;
static guint n_works; /* Of each thread */

typedef struct
{
  DmabufFence *wait;
  int timeline;
  guint n;
  DmabufSubmissionBuffer uses[16];
  guint before[16];
} Work;

/* The "device": runs when the fence that it has to wait for has signalled. */
static void
work_run (Work *work)
{
  guint i;

  for (i = 0; i < work->n; i++) {
    guint index;

    for (index = 0; storm_buffers[index] != work->uses[i].buffer; index++)
      ;
    /* A work runs after all writers that were submitted before it. */
    if (__atomic_load_n (&written[index], __ATOMIC_ACQUIRE) < work->before[i])
      g_atomic_int_inc (&storm_errors);
    if (work->uses[i].access & DMABUF_ACCESS_WRITE)
      __atomic_fetch_add (&written[index], 1, __ATOMIC_ACQ_REL);
  }
  timeline_inc (work->timeline, 1);
}

static void
work_run_and_free (DmabufFence *fence, gpointer data)
{
  Work *work = data;

  work_run (work);
  close_fd (work->timeline);
  if (work->wait)
    dmabuf_fence_unref (work->wait);
  g_free (work);
  count_add (&works_left, -1);
}

static gpointer
submit_thread (gpointer data)
{
  GRand *rand = g_rand_new_with_seed (GPOINTER_TO_UINT (data));
  guint round;

  for (round = 0; round < n_works; round++) {
    Work *work = g_new0 (Work, 1);
    DmabufSubmission submission;
    DmabufFence *done;
    guint start = g_rand_int_range (rand, 0, N_BUFFERS);
    guint step = 1 + 2 * g_rand_int_range (rand, 0, 4);
    guint i;

    g_atomic_int_inc (&works_left);
    work->n = g_rand_int_range (rand, 2, 17);
    work->timeline = timeline_open ();
    for (i = 0; i < work->n; i++) {
      work->uses[i].buffer = storm_buffers[(start + i * step) % N_BUFFERS];
      work->uses[i].access =
          g_rand_boolean (rand) ? DMABUF_ACCESS_READ : DMABUF_ACCESS_WRITE;
    }

    g_assert (dmabuf_submission_begin (
        &submission, work->uses, work->n, NULL, &work->wait, NULL));
    for (i = 0; i < work->n; i++) {
      guint index = (start + i * step) % N_BUFFERS;

      work->before[i] = g_atomic_int_get (&promised[index]);
      if (work->uses[i].access & DMABUF_ACCESS_WRITE)
        g_atomic_int_inc (&promised[index]);
    }
    done = timeline_new_fence (work->timeline, 1);
    g_assert (dmabuf_submission_end (&submission, done, NULL));
    dmabuf_fence_unref (done);

    /* FEN-6: a fence that has signalled meanwhile refuses the callback. */
    if (!work->wait
        || dmabuf_fence_add_callback (work->wait, work_run_and_free, work, NULL)
            == 0)
      work_run_and_free (NULL, work);
    until_at_most (&works_left, 64);
  }
  g_rand_free (rand);
  return NULL;
}

/* XSF-5, XDC-3: export, submit and import are atomic under a submission, with
 * many threads. */
GST_START_TEST (test_storm_of_writers_and_readers)
{
  GThread *threads[N_THREADS];
  guint i;

  for (i = 0; i < N_BUFFERS; i++)
    storm_buffers[i] = shared_buffer ();
  n_works = test_is_long () ? 20000 : 300;
  for (i = 0; i < N_THREADS; i++)
    threads[i] =
        g_thread_new ("submit", submit_thread, GUINT_TO_POINTER (i + 1));
  for (i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  until (&works_left, 0);

  fail_unless_equals_int (storm_errors, 0);
  for (i = 0; i < N_BUFFERS; i++) {
    fail_unless_equals_int (written[i], promised[i]);
    fail_unless (dmabuf_buffer_wait (
        storm_buffers[i], DMABUF_ACCESS_WRITE, 0, NULL, NULL));
    dmabuf_buffer_unref (storm_buffers[i]);
  }
}
GST_END_TEST;

static Suite *
stress_suite (void)
{
  Suite *s = suite_create ("stress");
  TCase *tc = backend_add_case (s, "stress");

  tcase_add_test (tc, test_many_pending);
  tcase_add_test (tc, test_sec13_waits_end_under_signals);
  tcase_add_test (tc, test_storm_of_writers_and_readers);

  tc = tcase_create ("poller");
  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_poller_is_one_thread_and_three_fds);
  return s;
}

GST_CHECK_MAIN (stress);
