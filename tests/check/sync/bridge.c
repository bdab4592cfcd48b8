/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bridge to the kernel's reservations, live polls and kernel-backed fences
 * (SEC-13 … SEC-17). */

#include "../lib/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <libdmabufcore/dmabuf-poller-private.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* --- sync_files ---------------------------------------------------------- */

/* SEC-15: an fd that is not a sync_file is refused, and closed. */
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

  /* SEC-3: the fd is consumed even if its type cannot be read (no /proc). */
  if (backend_is_fake ()) {
    fds[0] = timeline_open ();
    fds[1] = timeline_new_fd (fds[0], 1);
    fake_kernel_fail_nth (1, EACCES);
    fail_unless (
        dmabuf_fence_new_sync_file (fds[1], DMABUF_FENCE_TRUST_FULL, &error)
        == NULL);
    assert_error (error, EACCES);
    fail_unless (fcntl (fds[1], F_GETFD) < 0);
    close_fd (fds[0]);
  }
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* SF-1: the poller calls callbacks. A fence that has signalled costs no further
 * system call. */
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

/* SF-3, SF-4, SF-5: FILE_INFO of a merged file; only a merge gives it a name.
 */
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

  /* SF-6: EINVAL for a pad that is not 0. */
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

/* ARR-5, UNW-3: the error of a leaf is found, though the container's status
 * hides it. */
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

/* IND-1, SEC-16: a composite with a pending software fence cannot be exported
 * to the kernel. */
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

/* --- The bridge ---------------------------------------------------------- */

static guint64
statistic (gsize offset)
{
  DmabufStatistics statistics;

  dmabuf_statistics_get (&statistics);
  return G_STRUCT_MEMBER (guint64, &statistics, offset);
}
#define STATISTIC(field) statistic (G_STRUCT_OFFSET (DmabufStatistics, field))

/* XSF-3, XSF-4: a published fence is seen by implicit consumers; a snapshot has
 * our fences and the kernel's. */
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

/* Makes EXPORT and IMPORT fail; for the real kernel through a table that
 * replaces ioctl () */
static int broken_with;
static gint n_imports;

static int
broken_ioctl (int fd, unsigned long request, void *arg)
{
  if (request == DMA_BUF_IOCTL_IMPORT_SYNC_FILE)
    g_atomic_int_inc (&n_imports);
  if (request == DMA_BUF_IOCTL_IMPORT_SYNC_FILE
      || request == DMA_BUF_IOCTL_EXPORT_SYNC_FILE) {
    errno = broken_with;
    return -1;
  }
  return backend_real_kernel ()->ioctl (fd, request, arg);
}

static void
break_ioctls (int code)
{
  static DmabufKernel broken;

  if (backend_is_fake ()) {
    fake_kernel_break_ioctl (DMA_BUF_IOCTL_EXPORT_SYNC_FILE, code);
    fake_kernel_break_ioctl (DMA_BUF_IOCTL_IMPORT_SYNC_FILE, code);
    return;
  }
  broken_with = code;
  broken = *backend_real_kernel ();
  broken.ioctl = broken_ioctl;
  dmabuf_kernel_replace (&broken);
}

static guint
imports_so_far (void)
{
  return backend_is_fake ()
      ? fake_kernel_get_ioctls (DMA_BUF_IOCTL_IMPORT_SYNC_FILE)
      : (guint) g_atomic_int_get (&n_imports);
}

/* CPU-7: if the kernel lacks the ioctls, or all fds are taken, the CPU waits
 * instead, which is counted; ENOTTY is remembered. */
GST_START_TEST (test_bridge_fallback)
{
  static const int codes[] = { ENOTTY, EMFILE };
  int timeline = timeline_open ();
  DmabufBuffer *buffer = shared_buffer ();
  int fd = dmabuf_buffer_get_fd (buffer);
  DmabufFence *fence = timeline_new_fence (timeline, 1);
  guint64 fallbacks = STATISTIC (fence_fallbacks);
  GError *error = NULL;
  Sleeper *sleeper;
  guint cookie;

  fail_unless (dmabuf_kernel_import_sync_file (
                   fd, DMABUF_ACCESS_WRITE, dmabuf_fence_peek_sync_file (fence))
      == 0);
  break_ioctls (codes[__i__]);

  sleeper = when_i_sleep (step, GINT_TO_POINTER (timeline));
  /* ANN-2: the wait is declared. */
  cookie = dmabuf_fence_begin_signalling ();
  ASSERT_MISUSE (fail_unless (
      dmabuf_buffer_get_fence (buffer, DMABUF_ACCESS_READ) == NULL));
  dmabuf_fence_end_signalling (cookie);
  fail_unless (is_ready (fd, POLLIN), "the fence was not waited for");
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless_equals_uint64 (STATISTIC (fence_fallbacks), fallbacks + 1);
  dmabuf_fence_unref (fence);

  fence = timeline_new_fence (timeline, 2);
  sleeper = when_i_sleep (step, GINT_TO_POINTER (timeline));
  fail_if (
      dmabuf_buffer_add_fence (buffer, DMABUF_ACCESS_WRITE, fence, &error));
  assert_error (error, codes[__i__]);
  fail_unless (dmabuf_fence_is_signaled (fence));
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless_equals_uint64 (STATISTIC (fence_fallbacks), fallbacks + 2);

  if (codes[__i__] == ENOTTY) {
    DmabufFence *more = timeline_new_fence (timeline, 3);
    guint before = imports_so_far ();

    /* The ioctl is not tried again. */
    sleeper = when_i_sleep (step, GINT_TO_POINTER (timeline));
    fail_if (
        dmabuf_buffer_add_fence (buffer, DMABUF_ACCESS_WRITE, more, &error));
    assert_error (error, ENOTTY);
    fail_unless (dmabuf_fence_is_signaled (more));
    fail_unless (sleeper_woke_me (sleeper));
    fail_unless_equals_int (imports_so_far (), before);
    fail_unless_equals_uint64 (STATISTIC (fence_fallbacks), fallbacks + 3);
    dmabuf_fence_unref (more);

    /* For an idle buffer a poll is enough; the count stays the same. */
    fail_unless (dmabuf_buffer_get_fence (buffer, DMABUF_ACCESS_WRITE) == NULL);
    fail_unless_equals_uint64 (STATISTIC (fence_fallbacks), fallbacks + 3);
  }
  dmabuf_fence_unref (fence);
  dmabuf_buffer_unref (buffer);
  if (!backend_is_fake ())
    dmabuf_kernel_replace (backend_real_kernel ());
  close_fd (timeline);
}
GST_END_TEST;

/* A frame of a busy buffer costs an export, an import and a close; only now and
 * then a poll tests whether it is still busy. No fence stays in our
 * reservation. */
GST_START_TEST (test_bridge_frame_of_a_busy_buffer)
{
  DmabufBuffer *buffer = shared_buffer ();
  int timeline = timeline_open ();
  DmabufFence *busy = timeline_new_fence (timeline, 1);
  guint i, n_pending = 0;

  fail_unless (
      dmabuf_buffer_add_fence (buffer, DMABUF_ACCESS_WRITE, busy, NULL));
  if (backend_is_fake ())
    fake_kernel_reset_calls ();
  for (i = 0; i < 80; i++) {
    DmabufFence *next = timeline_new_fence (timeline, 2);
    DmabufFence *snapshot =
        dmabuf_buffer_get_fence (buffer, DMABUF_ACCESS_WRITE);

    fail_unless (snapshot != NULL && !dmabuf_fence_has_settled (snapshot));
    fail_unless (
        dmabuf_buffer_add_fence (buffer, DMABUF_ACCESS_READ, next, NULL));
    dmabuf_fence_unref (snapshot);
    dmabuf_fence_unref (next);
  }
  if (backend_is_fake ())
    fail_unless (fake_kernel_get_calls (FAKE_CALL_PPOLL) <= 10);
  fail_unless (dmabuf_reservation_test_signaled (
      dmabuf_buffer_get_reservation (buffer), DMABUF_USAGE_BOOKKEEP));

  /* When it is idle again this is soon noticed; until then snapshots are fences
   * that have signalled. */
  timeline_inc (timeline, 2);
  for (i = 0; i < 20; i++) {
    DmabufFence *snapshot =
        dmabuf_buffer_get_fence (buffer, DMABUF_ACCESS_WRITE);

    if (snapshot) {
      fail_unless (dmabuf_fence_is_signaled (snapshot));
      dmabuf_fence_unref (snapshot);
      n_pending = i + 1;
    }
  }
  fail_unless (n_pending < 10);

  dmabuf_fence_unref (busy);
  close_fd (timeline);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* XDC-4, XDC-2: a submission's fence can be waited for only after its end; each
 * waiter has its own deadline, which does not shorten the fence. */
GST_START_TEST (test_xdc4_published_when_submitted)
{
  int timeline = timeline_open ();
  DmabufBuffer *buffer = shared_buffer ();
  DmabufSubmissionBuffer use = { buffer, DMABUF_ACCESS_WRITE };
  DmabufFence *work = timeline_new_fence (timeline, 1), *wait;
  DmabufSubmission submission;
  int fd = dmabuf_buffer_get_fd (buffer);

  fail_unless (
      dmabuf_submission_begin (&submission, &use, 1, NULL, &wait, NULL));
  fail_unless (wait == NULL);
  fail_unless (is_ready (fd, POLLIN | POLLOUT));
  fail_unless (dmabuf_submission_end (&submission, work, NULL));
  fail_if (is_ready (fd, POLLIN));
  fail_if (dmabuf_buffer_wait (
      buffer, DMABUF_ACCESS_READ, g_get_monotonic_time () + 1000, NULL, NULL));
  fail_if (dmabuf_fence_is_signaled (work), "a waiter's end is not the work's");
  timeline_inc (timeline, 1);
  fail_unless (
      dmabuf_buffer_wait (buffer, DMABUF_ACCESS_READ, FAR_AWAY, NULL, NULL));
  dmabuf_fence_unref (work);
  dmabuf_buffer_unref (buffer);
  close_fd (timeline);
}
GST_END_TEST;

/* --- Live poll ----------------------------------------------------------- */

static void
on_ready (DmabufBuffer *buffer, DmabufAccess access, gpointer calls)
{
  count_add ((gint *) calls + (access == DMABUF_ACCESS_WRITE), 1);
}

static void
import (int fd, DmabufAccess access, int timeline, guint value)
{
  int sync_file = timeline_new_fd (timeline, value);

  fail_unless (dmabuf_kernel_import_sync_file (fd, access, sync_file) == 0);
  close_fd (sync_file);
}

/* POLL-1, POLL-4, POLL-5: each direction has a callback of its own, which comes
 * after the last of several fences. */
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

  poller_settle ();
  fail_unless_equals_int (calls[0] + calls[1], 0);
  timeline_inc (writers, 1);
  until (&calls[0], 1);
  fail_unless_equals_int (calls[1], 0);
  timeline_inc (readers, 1);
  poller_settle ();
  fail_unless_equals_int (calls[1], 0);
  timeline_inc (more, 1);
  until (&calls[1], 1);

  /* Armed again, and disarmed. */
  import (fd, DMABUF_ACCESS_WRITE, writers, 2);
  fail_unless (dmabuf_buffer_poll_arm (
      poll, DMABUF_ACCESS_READ, on_ready, calls, NULL, NULL));
  fail_unless (dmabuf_buffer_poll_disarm (poll, DMABUF_ACCESS_READ));
  fail_if (dmabuf_buffer_poll_disarm (poll, DMABUF_ACCESS_READ));
  timeline_inc (writers, 1);
  poller_settle ();
  fail_unless_equals_int (calls[0], 1);

  dmabuf_buffer_poll_unref (poll);
  dmabuf_buffer_unref (buffer);
  close_fd (writers);
  close_fd (readers);
  close_fd (more);
}
GST_END_TEST;

/* POLL-5: one direction goes on even if the epoll has no room for the other, or
 * none for a moment. */
GST_START_TEST (test_poll5_other_direction_outlives_a_failure)
{
  DmabufBuffer *buffer = shared_buffer ();
  DmabufBufferPoll *poll = dmabuf_buffer_poll_new (buffer, NULL);
  int timeline = timeline_open ();
  GError *error = NULL;
  gint calls[2] = { 0, 0 };

  if (!backend_is_fake ())
    goto out;

  import (dmabuf_buffer_get_fd (buffer), DMABUF_ACCESS_WRITE, timeline, 1);
  fail_unless (dmabuf_buffer_poll_arm (
      poll, DMABUF_ACCESS_READ, on_ready, calls, NULL, NULL));
  if (__i__) {
    fail_unless (dmabuf_buffer_poll_arm (
        poll, DMABUF_ACCESS_WRITE, on_ready, calls, NULL, NULL));
    /* Disarming takes the source out of the epoll, and adds it again for the
     * direction that stays: the second call fails. */
    fake_kernel_fail_nth (2, ENOSPC);
    fail_unless (dmabuf_buffer_poll_disarm (poll, DMABUF_ACCESS_WRITE));
  } else {
    fake_kernel_fail_nth (2, ENOSPC);
    fail_if (dmabuf_buffer_poll_arm (
        poll, DMABUF_ACCESS_WRITE, on_ready, calls, NULL, &error));
    assert_error (error, ENOSPC);
  }
  fail_unless (fake_kernel_fault_fired ());
  timeline_inc (timeline, 1);
  until (&calls[0], 1);
  poller_settle ();
  fail_unless_equals_int (calls[0], 1);
  fail_unless_equals_int (calls[1], 0);

out:
  dmabuf_buffer_poll_unref (poll);
  dmabuf_buffer_unref (buffer);
  close_fd (timeline);
}
GST_END_TEST;

/* POLL-2: on an idle buffer the poll fires once, and then the thread sleeps.
 * POLL-6: an armed poll keeps the buffer. */
GST_START_TEST (test_poll2_idle_buffer_does_not_spin)
{
  DmabufBuffer *buffer = shared_buffer ();
  DmabufBufferPoll *poll = dmabuf_buffer_poll_new (buffer, NULL);
  int timeline = timeline_open ();
  int fd = dmabuf_buffer_get_fd (buffer);
  gint calls[2] = { 0, 0 };
  guint n_sources;

  fail_unless (dmabuf_buffer_poll_arm (
      poll, DMABUF_ACCESS_WRITE, on_ready, calls, NULL, NULL));
  until (&calls[1], 1);
  fail_unless_equals_int (poller_until_asleep (), -1);
  dmabuf_poller_get_counts (&n_sources, NULL, NULL);
  fail_unless_equals_int (n_sources, 0);

  import (fd, DMABUF_ACCESS_WRITE, timeline, 1);
  fail_unless (dmabuf_buffer_poll_arm (
      poll, DMABUF_ACCESS_READ, on_ready, calls, NULL, NULL));
  dmabuf_buffer_poll_unref (poll);
  dmabuf_buffer_unref (buffer);
  timeline_inc (timeline, 1);
  until (&calls[0], 1);
  close_fd (timeline);
}
GST_END_TEST;

/* POLL-7, POLL-8: a fence with an error counts as signalled; a fence added
 * after a poll makes the buffer busy again. */
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

/* A peer that adds fences until it is stopped, so that some fence is always
 * pending. */
static gint peer_rounds, peer_stop;

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
    count_add (&peer_rounds, 1);
  }
  timeline_inc (timeline, 2);
  close_fd (timeline);
  return NULL;
}

/* SEC-14: such a peer does not prolong a wait beyond its deadline. */
GST_START_TEST (test_sec14_peer_adds_for_ever)
{
  DmabufBuffer *buffer = shared_buffer ();
  GError *error = NULL;
  GThread *thread;

  g_atomic_int_set (&peer_rounds, 0);
  g_atomic_int_set (&peer_stop, 0);
  thread = g_thread_new ("peer", peer_thread, buffer);
  until_at_least (&peer_rounds, 1);
  fail_if (dmabuf_buffer_wait (buffer, DMABUF_ACCESS_READ,
      g_get_monotonic_time () + 20000, NULL, &error));
  assert_error (error, ETIME);
  g_atomic_int_set (&peer_stop, 1);
  g_thread_join (thread);
  dmabuf_buffer_unref (buffer);
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
  tcase_add_loop_test (tc, test_bridge_fallback, 0, 2);
  tcase_add_test (tc, test_bridge_frame_of_a_busy_buffer);
  tcase_add_test (tc, test_xdc4_published_when_submitted);
  tcase_add_test (tc, test_poll4_directions_and_rearm);
  tcase_add_loop_test (tc, test_poll5_other_direction_outlives_a_failure, 0, 2);
  tcase_add_test (tc, test_poll2_idle_buffer_does_not_spin);
  tcase_add_test (tc, test_poll7_poll8);
  tcase_add_test (tc, test_sec14_peer_adds_for_ever);
  return s;
}

GST_CHECK_MAIN (bridge);
