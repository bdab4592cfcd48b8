/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bridge to the kernel's reservations, live polls, kernel-backed fences,
 * and storms: B7-13, B7-20, B7-22, B7-23, B7-26, C1, C4, SEC-13 … SEC-17. */

#include "../lib/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <libdmabufcore/dmabuf-poller-private.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void
count_call (DmabufFence *fence, gpointer calls)
{
  g_atomic_int_inc ((gint *) calls);
}

static void
until (gint *value, gint expected)
{
  gint64 end = SOON;

  while (g_atomic_int_get (value) != expected) {
    fail_unless (g_get_monotonic_time () < end);
    g_usleep (200);
  }
}

/* --- sync_files ---------------------------------------------------------- */

/* SEC-15, B7-26: what is no sync_file is refused, and closed. */
GST_START_TEST (test_sec15_not_a_sync_file)
{
  GError *error = NULL;
  DmabufBuffer *buffer = shared_buffer ();
  int fds[4];
  guint i;

  fds[0] = dmabuf_kernel->memfd_create ("anon_inode:sync_file", 0);
  fds[1] = dmabuf_kernel->eventfd (0, 0);
  fds[2] = dmabuf_buffer_export (buffer, NULL);
  fds[3] = timeline_open ();
  for (i = 0; i < G_N_ELEMENTS (fds); i++) {
    fail_unless (
        dmabuf_fence_new_sync_file (fds[i], DMABUF_FENCE_TRUST_FULL, &error)
        == NULL);
    assert_error (error, EINVAL);
    fail_unless (fcntl (fds[i], F_GETFD) < 0);
  }
  fail_unless (
      dmabuf_fence_new_sync_file (-1, DMABUF_FENCE_TRUST_FULL, &error) == NULL);
  assert_error (error, EBADF);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* SF-1: callbacks by the poller; cached once signalled, no system call then. */
GST_START_TEST (test_sf1_poller_and_cache)
{
  int timeline = timeline_open ();
  DmabufFence *fence = timeline_new_fence (timeline, 1);
  gint calls = 0;

  fail_if (dmabuf_fence_is_signaled (fence));
  dmabuf_fence_add_callback (fence, count_call, &calls, NULL);
  timeline_inc (timeline, 1);
  until (&calls, 1);
  fail_unless_equals_int (dmabuf_fence_get_status (fence), 1);
  fail_unless (dmabuf_fence_get_timestamp (fence) > 0);

  if (backend_is_fake ()) {
    fake_kernel_reset_calls ();
    fail_unless (dmabuf_fence_is_signaled (fence));
    fail_unless_equals_int (dmabuf_fence_get_status (fence), 1);
    fail_unless_equals_int (fake_kernel_get_calls (FAKE_N_CALLS), 0);
  }
  dmabuf_fence_unref (fence);
  close_fd (timeline);
}
GST_END_TEST;

/* SF-3, SF-4, SF-5: a name is given by a merge only; B7-22, C4-12 */
GST_START_TEST (test_sf3_file_info)
{
  int a = timeline_open (), b = timeline_open ();
  int fa = timeline_new_fd (a, 1), fb = timeline_new_fd (b, 1);
  int merged = merge_fds (fa, fb);
  struct sync_fence_info infos[2];
  struct sync_file_info info = { .flags = 1 };
  struct sync_set_deadline deadline = { .pad = 1 };

  fail_unless_equals_int (
      dmabuf_kernel_ioctl (merged, SYNC_IOC_FILE_INFO, &info), -EINVAL);
  info = (struct sync_file_info) { .pad = 1 };
  fail_unless_equals_int (
      dmabuf_kernel_ioctl (merged, SYNC_IOC_FILE_INFO, &info), -EINVAL);
  fail_unless_equals_int (
      dmabuf_kernel_file_info (merged, &info, infos, 1), -EINVAL);
  memset (infos, 0, sizeof infos);
  fail_unless_equals_int (dmabuf_kernel_file_info (merged, &info, infos, 2), 0);
  fail_unless_equals_int (info.num_fences, 2);
  fail_unless_equals_int (info.status, 0);
  fail_unless_equals_uint64 (infos[0].timestamp_ns, 0);
  fail_unless_equals_string (info.name, "merged");

  /* SF-6 */
  fail_unless_equals_int (
      dmabuf_kernel_ioctl (merged, SYNC_IOC_SET_DEADLINE, &deadline), -EINVAL);
  fail_unless_equals_int (dmabuf_kernel_set_deadline (merged, 1), 0);

  close_fd (a);
  close_fd (b);
  close_fd (fa);
  close_fd (fb);
  close_fd (merged);
}
GST_END_TEST;

/* ARR-5, UNW-3: an error that the container's status hides is found. */
GST_START_TEST (test_arr5_error_in_a_merged_file)
{
  int a = timeline_open (), b = timeline_open ();
  DmabufFence *fences[2] = { timeline_new_fence (a, 1),
    timeline_new_fence (b, 1) };
  DmabufFence *merged = dmabuf_fence_merge (fences[0], fences[1]);
  int fd = dmabuf_fence_export_sync_file (merged, NULL);
  DmabufFence *imported =
      dmabuf_fence_new_sync_file (fd, DMABUF_FENCE_TRUST_FULL, NULL);

  fail_unless (dmabuf_fence_is_kernel_backed (merged));
  close_fd (a);
  timeline_inc (b, 1);
  fail_unless_equals_int (dmabuf_fence_get_status (imported), -ENOENT);
  fail_unless_equals_int (dmabuf_fence_get_status (merged), -ENOENT);
  close_fd (b);
  dmabuf_fence_unref (imported);
  dmabuf_fence_unref (merged);
  dmabuf_fence_unref (fences[0]);
  dmabuf_fence_unref (fences[1]);
}
GST_END_TEST;

/* IND-1, SEC-16: a composite is as good as its worst member: what the kernel
 * cannot trust is not handed to it. */
GST_START_TEST (test_ind1_mixed_composite_is_not_exported)
{
  int timeline = timeline_open ();
  DmabufFence *kernel = timeline_new_fence (timeline, 1);
  DmabufFence *software = mock_fence ();
  DmabufFence *mixed = dmabuf_fence_merge (kernel, software);
  GError *error = NULL;
  int fd;

  fail_if (dmabuf_fence_is_kernel_backed (mixed));
  fail_unless_equals_int (dmabuf_fence_export_sync_file (mixed, &error), -1);
  assert_error (error, EINVAL);
  signal_and_unref (software);
  fd = dmabuf_fence_export_sync_file (mixed, NULL);
  fail_unless (fd >= 0);
  close_fd (fd);
  dmabuf_fence_unref (mixed);
  dmabuf_fence_unref (kernel);
  close_fd (timeline);
}
GST_END_TEST;

/* --- the bridge ---------------------------------------------------------- */

static guint64
statistic (gsize offset)
{
  DmabufStatistics statistics;

  dmabuf_statistics_get (&statistics);
  return G_STRUCT_MEMBER (guint64, &statistics, offset);
}
#define STATISTIC(field) statistic (G_STRUCT_OFFSET (DmabufStatistics, field))

/* XSF-3, XSF-4: what is published is seen by implicit consumers; a snapshot has
 * ours and theirs. */
GST_START_TEST (test_bridge_publish_and_snapshot)
{
  int timeline = timeline_open ();
  DmabufBuffer *buffer = shared_buffer ();
  int fd = dmabuf_buffer_get_fd (buffer);
  DmabufFence *kernel = timeline_new_fence (timeline, 1);
  DmabufFence *software = mock_fence ();
  DmabufFence *snapshot;

  fail_unless (dmabuf_buffer_get_fence (buffer, DMABUF_ACCESS_WRITE) == NULL);
  fail_unless (
      dmabuf_buffer_add_fence (buffer, DMABUF_ACCESS_READ, kernel, NULL));
  fail_unless (is_ready (fd, POLLIN));
  fail_if (is_ready (fd, POLLOUT));
  fail_unless (dmabuf_buffer_get_fence (buffer, DMABUF_ACCESS_READ) == NULL);

  fail_unless (
      dmabuf_buffer_add_fence (buffer, DMABUF_ACCESS_WRITE, software, NULL));
  fail_unless (is_ready (fd, POLLIN), "software fences stay here (IND-1)");
  snapshot = dmabuf_buffer_get_fence (buffer, DMABUF_ACCESS_READ);
  fail_unless (snapshot == software);
  dmabuf_fence_unref (snapshot);

  snapshot = dmabuf_buffer_get_fence (buffer, DMABUF_ACCESS_WRITE);
  fail_if (dmabuf_fence_is_signaled (snapshot));
  dmabuf_fence_signal (software);
  fail_if (dmabuf_fence_is_signaled (snapshot));
  timeline_inc (timeline, 1);
  fail_unless (dmabuf_fence_is_signaled (snapshot));
  fail_unless (dmabuf_buffer_wait (buffer, DMABUF_ACCESS_WRITE, 0, NULL, NULL));

  dmabuf_fence_unref (snapshot);
  dmabuf_fence_unref (software);
  dmabuf_fence_unref (kernel);
  dmabuf_buffer_unref (buffer);
  close_fd (timeline);
}
GST_END_TEST;

static gpointer
step_later (gpointer timeline)
{
  g_usleep (30000);
  timeline_inc (GPOINTER_TO_INT (timeline), 1);
  return NULL;
}

/* CPU-7, C4-18, C4-39: a kernel without the ioctls, or without an fd left, is
 * made up for on the CPU, counted; the answer is remembered. */
GST_START_TEST (test_bridge_fallback)
{
  static const int codes[] = { ENOTTY, EMFILE };
  int timeline = timeline_open ();
  DmabufBuffer *buffer = shared_buffer ();
  int fd = dmabuf_buffer_get_fd (buffer);
  DmabufFence *fence = timeline_new_fence (timeline, 1);
  guint64 fallbacks = STATISTIC (fence_fallbacks);
  GError *error = NULL;
  GThread *thread;

  fail_unless (dmabuf_kernel_import_sync_file (
                   fd, DMABUF_ACCESS_WRITE, dmabuf_fence_peek_sync_file (fence))
      == 0);
  fake_kernel_break_ioctl (DMA_BUF_IOCTL_EXPORT_SYNC_FILE, codes[__i__]);
  fake_kernel_break_ioctl (DMA_BUF_IOCTL_IMPORT_SYNC_FILE, codes[__i__]);

  thread = g_thread_new ("step", step_later, GINT_TO_POINTER (timeline));
  fail_unless (dmabuf_buffer_get_fence (buffer, DMABUF_ACCESS_READ) == NULL);
  fail_unless (is_ready (fd, POLLIN), "it was waited for");
  g_thread_join (thread);
  fail_unless_equals_uint64 (STATISTIC (fence_fallbacks), fallbacks + 1);
  dmabuf_fence_unref (fence);

  fence = timeline_new_fence (timeline, 2);
  thread = g_thread_new ("step", step_later, GINT_TO_POINTER (timeline));
  fail_if (
      dmabuf_buffer_add_fence (buffer, DMABUF_ACCESS_WRITE, fence, &error));
  assert_error (error, codes[__i__]);
  fail_unless (dmabuf_fence_is_signaled (fence));
  g_thread_join (thread);
  fail_unless_equals_uint64 (STATISTIC (fence_fallbacks), fallbacks + 2);

  if (codes[__i__] == ENOTTY) {
    DmabufFence *more = timeline_new_fence (timeline, 3);

    /* The kernel is not asked again. */
    fake_kernel_reset_calls ();
    timeline_inc (timeline, 1);
    dmabuf_fence_unref (more);
    fail_unless_equals_int (
        fake_kernel_get_ioctls (DMA_BUF_IOCTL_IMPORT_SYNC_FILE), 0);
  }
  dmabuf_fence_unref (fence);
  dmabuf_buffer_unref (buffer);
  close_fd (timeline);
}
GST_END_TEST;

/* --- live poll (B7-13) --------------------------------------------------- */

static void
on_ready (DmabufBuffer *buffer, DmabufAccess access, gpointer calls)
{
  g_atomic_int_inc ((gint *) calls + (access == DMABUF_ACCESS_WRITE));
}

static void
import (int fd, DmabufAccess access, int timeline, guint value)
{
  int sync_file = timeline_new_fd (timeline, value);

  fail_unless (dmabuf_kernel_import_sync_file (fd, access, sync_file) == 0);
  close_fd (sync_file);
}

/* POLL-1, POLL-4, POLL-5: directions apart, re-armed over several fences. */
GST_START_TEST (test_poll4_directions_and_rearm)
{
  DmabufBuffer *buffer = shared_buffer ();
  DmabufBufferPoll *poll = dmabuf_buffer_poll_new (buffer, NULL);
  int fd = dmabuf_buffer_get_fd (buffer);
  int writers = timeline_open (), readers = timeline_open ();
  int more = timeline_open ();
  GError *error = NULL;
  gint calls[2] = { 0, 0 };

  import (fd, DMABUF_ACCESS_WRITE, writers, 1);
  import (fd, DMABUF_ACCESS_READ, readers, 1);
  import (fd, DMABUF_ACCESS_READ, more, 1);
  fail_unless (dmabuf_buffer_poll_arm (
      poll, DMABUF_ACCESS_READ, on_ready, calls, NULL, NULL));
  fail_unless (dmabuf_buffer_poll_arm (
      poll, DMABUF_ACCESS_WRITE, on_ready, calls, NULL, NULL));
  fail_if (dmabuf_buffer_poll_arm (
      poll, DMABUF_ACCESS_READ, on_ready, calls, NULL, &error));
  assert_error (error, EBUSY);

  g_usleep (20000);
  fail_unless_equals_int (calls[0] + calls[1], 0);
  timeline_inc (writers, 1);
  until (&calls[0], 1);
  fail_unless_equals_int (calls[1], 0);
  timeline_inc (readers, 1);
  g_usleep (20000);
  fail_unless_equals_int (calls[1], 0);
  timeline_inc (more, 1);
  until (&calls[1], 1);

  /* Again, and taken back. */
  import (fd, DMABUF_ACCESS_WRITE, writers, 2);
  fail_unless (dmabuf_buffer_poll_arm (
      poll, DMABUF_ACCESS_READ, on_ready, calls, NULL, NULL));
  fail_unless (dmabuf_buffer_poll_disarm (poll, DMABUF_ACCESS_READ));
  fail_if (dmabuf_buffer_poll_disarm (poll, DMABUF_ACCESS_READ));
  timeline_inc (writers, 1);
  g_usleep (20000);
  fail_unless_equals_int (calls[0], 1);

  dmabuf_buffer_poll_unref (poll);
  dmabuf_buffer_unref (buffer);
  close_fd (writers);
  close_fd (readers);
  close_fd (more);
}
GST_END_TEST;

/* POLL-2: on an idle buffer once, and then the thread sleeps. POLL-6: an armed
 * poll keeps the buffer. */
GST_START_TEST (test_poll2_idle_buffer_does_not_spin)
{
  DmabufBuffer *buffer = shared_buffer ();
  DmabufBufferPoll *poll = dmabuf_buffer_poll_new (buffer, NULL);
  int timeline = timeline_open ();
  int fd = dmabuf_buffer_get_fd (buffer);
  gint calls[2] = { 0, 0 };
  guint64 before, after;
  guint n_sources;

  fail_unless (dmabuf_buffer_poll_arm (
      poll, DMABUF_ACCESS_WRITE, on_ready, calls, NULL, NULL));
  until (&calls[1], 1);
  g_usleep (10000);
  dmabuf_poller_get_counts (&n_sources, NULL, &before);
  fail_unless_equals_int (n_sources, 0);
  g_usleep (200000);
  dmabuf_poller_get_counts (NULL, NULL, &after);
  fail_unless (after - before <= 1);

  import (fd, DMABUF_ACCESS_WRITE, timeline, 1);
  fail_unless (dmabuf_buffer_poll_arm (
      poll, DMABUF_ACCESS_READ, on_ready, calls, NULL, NULL));
  dmabuf_buffer_poll_unref (poll);
  dmabuf_buffer_unref (buffer);
  timeline_inc (timeline, 1);
  until (&calls[0], 1);
  /* The thread drops the buffer after the call. */
  while (STATISTIC (buffers) > 0)
    g_usleep (500);
  g_usleep (5000);
  close_fd (timeline);
}
GST_END_TEST;

/* POLL-7, POLL-8: a fence that failed counts as signalled; one that comes after
 * the answer is not in it. */
GST_START_TEST (test_poll7_poll8)
{
  DmabufBuffer *buffer = shared_buffer ();
  int fd = dmabuf_buffer_get_fd (buffer);
  int timeline = timeline_open (), later = timeline_open ();

  import (fd, DMABUF_ACCESS_WRITE, timeline, 1);
  fail_if (is_ready (fd, POLLIN));
  close_fd (timeline);
  fail_unless (is_ready (fd, POLLIN));
  fail_unless (dmabuf_buffer_wait (buffer, DMABUF_ACCESS_READ, 0, NULL, NULL));
  import (fd, DMABUF_ACCESS_WRITE, later, 1);
  fail_if (is_ready (fd, POLLIN));
  close_fd (later);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* A peer that adds fences until it is told to stop */
static gint peer_stop;

static gpointer
peer_thread (gpointer data)
{
  DmabufBuffer *buffer = data;
  int fd = dmabuf_buffer_get_fd (buffer);
  int timeline = timeline_open ();
  guint32 value = 0;

  while (!g_atomic_int_get (&peer_stop)) {
    import (fd, DMABUF_ACCESS_WRITE, timeline, value + 2);
    timeline_inc (timeline, 1);
    value++;
    g_usleep (100);
  }
  timeline_inc (timeline, 2);
  close_fd (timeline);
  return NULL;
}

/* SEC-14: it does not hold a wait beyond its deadline. */
GST_START_TEST (test_sec14_peer_adds_for_ever)
{
  DmabufBuffer *buffer = shared_buffer ();
  gint64 start = g_get_monotonic_time ();
  GThread *thread;

  g_atomic_int_set (&peer_stop, 0);
  thread = g_thread_new ("peer", peer_thread, buffer);
  g_usleep (5000);
  dmabuf_buffer_wait (buffer, DMABUF_ACCESS_READ, start + 50000, NULL, NULL);
  fail_unless (g_get_monotonic_time () < start + 50000 + 500000);
  g_atomic_int_set (&peer_stop, 1);
  g_thread_join (thread);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* --- acceptance 4: many pending ------------------------------------------ */

/* Twice the fds, as the fake kernel keeps one for each of its own. */
static guint
room_for (guint n)
{
  struct rlimit limit = { 2 * n + 1000, 2 * n + 1000 };

  if (setrlimit (RLIMIT_NOFILE, &limit) == 0)
    return n;
  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  return MIN (n, limit.rlim_cur / 3);
}

GST_START_TEST (test_many_pending)
{
  guint n = room_for (g_getenv ("DMABUF_TEST_SMALL") ? 500 : 10000) / 100 * 100;
  int timeline = timeline_open ();
  DmabufFence **fences = g_new (DmabufFence *, n);
  guint *order = g_new (guint, n);
  GRand *rand = g_rand_new_with_seed (3);
  gint *calls = g_new0 (gint, n);
  guint64 before, after;
  guint i, n_sources;
  gint sum = 0;

  /* One timeline for each would need twice the fds: values in random order,
   * and in steps, do as well. */
  for (i = 0; i < n; i++) {
    guint j = g_rand_int_range (rand, 0, i + 1);

    order[i] = order[j];
    order[j] = i;
  }
  for (i = 0; i < n; i++) {
    int fd = timeline_new_fd (timeline, order[i] + 1);

    fences[i] = dmabuf_fence_new_sync_file (fd, DMABUF_FENCE_TRUST_FULL, NULL);
    fail_unless (fences[i] != NULL);
    dmabuf_fence_add_callback (fences[i], count_call, &calls[i], NULL);
  }
  dmabuf_poller_get_counts (&n_sources, NULL, NULL);
  fail_unless_equals_int (n_sources, n);

  /* Asleep while nothing happens. */
  g_usleep (20000);
  dmabuf_poller_get_counts (NULL, NULL, &before);
  g_usleep (200000);
  dmabuf_poller_get_counts (NULL, NULL, &after);
  fail_unless_equals_uint64 (after, before);

  for (i = 0; i < n; i += 100)
    timeline_inc (timeline, 100);
  for (i = 0; i < n; i++)
    until (&calls[i], 1);
  g_usleep (10000);
  for (i = 0; i < n; i++)
    sum += calls[i];
  fail_unless_equals_int (sum, n);

  for (i = 0; i < n; i++)
    dmabuf_fence_unref (fences[i]);
  g_free (fences);
  g_free (order);
  g_free (calls);
  g_rand_free (rand);
  close_fd (timeline);
}
GST_END_TEST;

/* --- acceptance 7: cancelled and timed out, under a storm of signals ------ */

static gint storm_over;

static void
on_signal (int number)
{
}

static gpointer
storm (gpointer thread)
{
  while (!g_atomic_int_get (&storm_over)) {
    pthread_kill (*(pthread_t *) thread, SIGUSR1);
    g_usleep (200);
  }
  return NULL;
}

static gpointer
cancel_soon (gpointer cancellable)
{
  g_usleep (30000);
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* The bound is ten times what is promised (50 ms), for busy machines. */
#define PROMPT (500 * 1000)

GST_START_TEST (test_sec13_waits_end_in_time)
{
  struct sigaction action = { .sa_handler = on_signal };
  int timeline = timeline_open ();
  DmabufFence *fences[3] = { mock_fence (), timeline_new_fence (timeline, 1) };
  DmabufBuffer *buffer = shared_buffer ();
  pthread_t self = pthread_self ();
  GThread *thread;
  guint i;

  fences[2] = dmabuf_fence_merge (fences[0], fences[1]);
  import (dmabuf_buffer_get_fd (buffer), DMABUF_ACCESS_WRITE, timeline, 1);
  sigaction (SIGUSR1, &action, NULL);
  g_atomic_int_set (&storm_over, 0);
  thread = g_thread_new ("storm", storm, &self);

  for (i = 0; i < 8; i++) {
    GCancellable *cancellable = g_cancellable_new ();
    GThread *canceller = NULL;
    gint64 start = g_get_monotonic_time ();
    gint64 deadline = start + 30000;
    GError *error = NULL;
    gboolean ok;

    if (i % 2) {
      canceller = g_thread_new ("cancel", cancel_soon, cancellable);
      deadline = SOON;
    }
    if (i / 2 < 3)
      ok = dmabuf_fence_wait (fences[i / 2], deadline, cancellable, &error);
    else
      ok = dmabuf_buffer_wait (
          buffer, DMABUF_ACCESS_READ, deadline, cancellable, &error);
    fail_if (ok);
    if (i % 2)
      fail_unless (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
    else
      fail_unless (g_error_matches (error, DMABUF_ERROR, ETIME));
    fail_unless (g_get_monotonic_time () < start + 30000 + PROMPT);
    fail_unless (g_get_monotonic_time () >= start + (i % 2 ? 0 : 30000));
    g_error_free (error);
    if (canceller)
      g_thread_join (canceller);
    g_object_unref (cancellable);
  }

  g_atomic_int_set (&storm_over, 1);
  g_thread_join (thread);
  timeline_inc (timeline, 1);
  dmabuf_fence_signal (fences[0]);
  for (i = 0; i < 3; i++)
    dmabuf_fence_unref (fences[i]);
  dmabuf_buffer_unref (buffer);
  close_fd (timeline);
}
GST_END_TEST;

/* --- acceptance 5: writers and readers ----------------------------------- */

#define N_BUFFERS 32
#define N_THREADS 8

static DmabufBuffer *storm_buffers[N_BUFFERS];
static guint written[N_BUFFERS]; /* by works that are over */
static gint
    promised[N_BUFFERS]; /* by works that are submitted, under the lock */
static gint works_left, storm_errors;
static gint64 storm_end;

typedef struct
{
  DmabufFence *wait;
  int timeline;
  guint n;
  DmabufSubmissionBuffer uses[16];
  guint before[16];
} Work;

/* The "device": runs when what it has to wait for has signalled. */
static void
work_run (Work *work)
{
  guint i;

  for (i = 0; i < work->n; i++) {
    guint index;

    for (index = 0; storm_buffers[index] != work->uses[i].buffer; index++)
      ;
    /* No work runs before the writers that were there at its submission. */
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
  g_atomic_int_add (&works_left, -1);
}

static gpointer
submit_thread (gpointer data)
{
  GRand *rand = g_rand_new_with_seed (GPOINTER_TO_UINT (data));

  while (g_get_monotonic_time () < storm_end) {
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

    /* One that has signalled meanwhile does not call (FEN-6). */
    if (!work->wait
        || dmabuf_fence_add_callback (work->wait, work_run_and_free, work, NULL)
            == 0)
      work_run_and_free (NULL, work);
    while (g_atomic_int_get (&works_left) > 64)
      g_usleep (500);
  }
  g_rand_free (rand);
  return NULL;
}

/* XSF-5, XDC-3: export, submit, import as one, by any number of threads. */
GST_START_TEST (test_storm_of_writers_and_readers)
{
  GThread *threads[N_THREADS];
  guint i;

  for (i = 0; i < N_BUFFERS; i++)
    storm_buffers[i] = shared_buffer ();
  storm_end =
      g_get_monotonic_time () + (test_is_long () ? 60 : 2) * G_USEC_PER_SEC;
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
  g_usleep (10000);
}
GST_END_TEST;

/* --- annotations (B7-24, ANN-1 … ANN-3, XDC-3) --------------------------- */

#define ASSERT_COMPLAINS(n, code) \
  G_STMT_START \
  { \
    guint complaints; \
    criticals_catch (); \
    code; \
    complaints = criticals_count (); \
    fail_unless ((complaints > 0) == (n), "%u complaints", complaints); \
  } \
  G_STMT_END

/* ANN-1, ANN-2: sections nest; in them no wait, no reservation, no allocation.
 */
GST_START_TEST (test_ann2_wait_and_lock_inside)
{
  DmabufReservation *resv = dmabuf_reservation_new ();
  DmabufFence *stub = dmabuf_fence_get_stub ();
  guint outer, inner;

  ASSERT_COMPLAINS (FALSE, dmabuf_fence_wait (stub, 0, NULL, NULL));
  outer = dmabuf_fence_begin_signalling ();
  inner = dmabuf_fence_begin_signalling ();
  dmabuf_fence_end_signalling (inner);
  ASSERT_COMPLAINS (TRUE, dmabuf_fence_wait (stub, 0, NULL, NULL));
  ASSERT_COMPLAINS (TRUE, dmabuf_reservation_lock (resv, NULL, NULL));
  dmabuf_reservation_unlock (resv);
  ASSERT_COMPLAINS (TRUE, dmabuf_annotation_might_allocate ("test"));
  ASSERT_COMPLAINS (TRUE, dmabuf_fence_end_signalling (outer + 1));
  dmabuf_fence_end_signalling (outer);
  ASSERT_COMPLAINS (FALSE, dmabuf_fence_wait (stub, 0, NULL, NULL));
  dmabuf_fence_unref (stub);
  dmabuf_reservation_unref (resv);
}
GST_END_TEST;

/* ANN-3: waiting under a reservation's lock is allowed. */
GST_START_TEST (test_ann3_wait_under_a_reservation)
{
  DmabufReservation *resv = dmabuf_reservation_new ();
  DmabufFence *stub = dmabuf_fence_get_stub ();

  dmabuf_annotation_set_checks (TRUE);
  dmabuf_reservation_lock (resv, NULL, NULL);
  ASSERT_COMPLAINS (FALSE, dmabuf_fence_wait (stub, 0, NULL, NULL));
  dmabuf_reservation_unlock (resv);
  dmabuf_annotation_set_checks (FALSE);
  dmabuf_fence_unref (stub);
  dmabuf_reservation_unref (resv);
}
GST_END_TEST;

/* ANN-2: the two halves of a deadlock that never met. */
GST_START_TEST (test_ann2_order_of_lock_and_wait)
{
  DmabufFence *stub = dmabuf_fence_get_stub ();
  guint cookie;

  dmabuf_annotation_set_checks (TRUE);
  ASSERT_COMPLAINS (FALSE, dmabuf_annotation_lock ("X", "under X");
      dmabuf_fence_wait (stub, 0, NULL, NULL); dmabuf_annotation_unlock ("X"));
  cookie = dmabuf_fence_begin_signalling ();
  ASSERT_COMPLAINS (TRUE, dmabuf_annotation_lock ("X", "signalling"));
  dmabuf_annotation_unlock ("X");
  ASSERT_COMPLAINS (FALSE, dmabuf_annotation_lock ("Y", "signalling"));
  dmabuf_annotation_unlock ("Y");
  dmabuf_fence_end_signalling (cookie);
  /* Y was taken while signalling: nobody may wait under it. */
  dmabuf_annotation_lock ("Y", "under Y");
  ASSERT_COMPLAINS (TRUE, dmabuf_fence_wait (stub, 0, NULL, NULL));
  dmabuf_annotation_unlock ("Y");
  dmabuf_annotation_set_checks (FALSE);
  dmabuf_fence_unref (stub);
}
GST_END_TEST;

static Suite *
bridge_suite (void)
{
  Suite *s = suite_create ("bridge");
  TCase *tc = backend_add_case (s, "bridge");

  tcase_add_test (tc, test_sec15_not_a_sync_file);
  tcase_add_test (tc, test_sf1_poller_and_cache);
  tcase_add_test (tc, test_sf3_file_info);
  tcase_add_test (tc, test_arr5_error_in_a_merged_file);
  tcase_add_test (tc, test_ind1_mixed_composite_is_not_exported);
  tcase_add_test (tc, test_bridge_publish_and_snapshot);
  if (backend_is_fake ())
    tcase_add_loop_test (tc, test_bridge_fallback, 0, 2);
  tcase_add_test (tc, test_poll4_directions_and_rearm);
  tcase_add_test (tc, test_poll2_idle_buffer_does_not_spin);
  tcase_add_test (tc, test_poll7_poll8);
  tcase_add_test (tc, test_sec14_peer_adds_for_ever);
  tcase_add_test (tc, test_many_pending);
  tcase_add_test (tc, test_sec13_waits_end_in_time);
  tcase_add_test (tc, test_storm_of_writers_and_readers);

  tc = backend_add_case (s, "annotations");
  tcase_add_test (tc, test_ann2_wait_and_lock_inside);
  tcase_add_test (tc, test_ann3_wait_under_a_reservation);
  tcase_add_test (tc, test_ann2_order_of_lock_and_wait);
  return s;
}

GST_CHECK_MAIN (bridge);
