/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fences in event loops, of external backends, and in a child process. */

#include "../lib/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Event loops --------------------------------------------------------- */

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

  dmabuf_fence_wait_async (fence, FAR_AWAY, cancellable, on_waited, &async);
  g_cancellable_cancel (cancellable);
  g_main_loop_run (async.loop);
  fail_if (async.ok);
  fail_unless (g_error_matches (async.error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_clear_error (&async.error);

  dmabuf_fence_wait_async (fence, FAR_AWAY, NULL, on_waited, &async);
  thread = g_thread_new ("signal", signal_fence, fence);
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

/* POLL-2: a source fires once, and then the loop sleeps. */
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

/* The fd of a fence stays readable once it has signalled. */
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

/* --- External backends --------------------------------------------------- */

static int external_fd;
static gint external_closed;

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
  count_add (&external_closed, 1);
}

static const DmabufFenceBackend backend = {
  .driver_name = "syncobj",
  .export_sync_file = external_export,
  .open_poll_fd = external_open,
  .is_signaled = external_is_signaled,
  .free = external_free,
};

/* XDC-4: a fence of a syncobj's point, made when its work has been submitted,
 * as ext/kms does. */
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
  until (&calls, 1);
  fail_unless (is_ready (fd, POLLIN));
  fail_unless (dmabuf_fence_get_timestamp (fence) == 77);
  close_fd (fd);
  dmabuf_fence_unref (fence);
  /* The poller may still be inside of the callback. */
  until (&external_closed, 1);
  close_fd (external_fd);
  close_fd (timeline);
}
GST_END_TEST;

/* FEN-11: the smallest possible deadline has passed. */
GST_START_TEST (test_fen11_earliest_deadline)
{
  int timeline = timeline_open ();
  int fd = timeline_new_fd (timeline, 1);

  fail_unless_equals_int (dmabuf_kernel_poll (fd, POLLIN, G_MININT64, NULL), 0);
  close_fd (fd);
  close_fd (timeline);
}
GST_END_TEST;

/* FEN-14: microseconds become nanoseconds, without an overflow of the latest
 * deadline. */
GST_START_TEST (test_fen14_far_deadline)
{
  int timeline = timeline_open ();
  DmabufFence *fence = timeline_new_fence (timeline, 1);
  struct sw_sync_get_deadline args = {
    .fence_fd = dmabuf_fence_peek_sync_file (fence),
  };

  dmabuf_fence_set_deadline (fence, DMABUF_DEADLINE_NEVER - 1);
  fail_unless (
      dmabuf_kernel_ioctl (timeline, SW_SYNC_GET_DEADLINE, &args) == 0);
  fail_unless (args.deadline_ns / 1000 > (guint64) FAR_AWAY);
  dmabuf_fence_unref (fence);
  close_fd (timeline);
}
GST_END_TEST;

/* --- A driver that is gone ------------------------------------------------ */

static int
gone_open (gpointer data)
{
  return dmabuf_kernel->dup (*(int *) data);
}

static gboolean
gone_is_signaled (gpointer data, int *error, gint64 *timestamp)
{
  return FALSE;
}

static const DmabufFenceBackend gone_backend = {
  .driver_name = "gone",
  .export_sync_file = external_export,
  .open_poll_fd = gone_open,
  .is_signaled = gone_is_signaled,
};

/* XDC-1: when the other end of a backend's fd is closed, the fence signals with
 * an error, and waits do not spin. FEN-11: the error is the fence's; the waits
 * succeed. */
GST_START_TEST (test_external_backend_hangs_up)
{
  gboolean by_callback = __i__;
  DmabufFence *fence;
  GError *error = NULL;
  gint calls = 0;
  int ends[2];
  guint i;

  fail_unless (pipe2 (ends, O_CLOEXEC) == 0);
  fence = dmabuf_fence_new_external (&gone_backend, &ends[0],
      dmabuf_fence_context_alloc (1), 1, DMABUF_FENCE_TRUST_FULL);
  if (by_callback)
    dmabuf_fence_add_callback (fence, count_call, &calls, NULL);
  fail_unless (dmabuf_fence_get_status (fence) == 0);
  close (ends[1]);
  if (by_callback) {
    until (&calls, 1);
  } else {
    /* The second wait ends like the first, as the fence has signalled. */
    for (i = 0; i < 2; i++)
      fail_unless (
          dmabuf_fence_wait (fence, DMABUF_DEADLINE_NEVER, NULL, &error));
  }
  fail_unless_equals_int (dmabuf_fence_get_status (fence), -EIO);

  dmabuf_fence_unref (fence);
  close (ends[0]);
}
GST_END_TEST;

static gint late_asked;

static gboolean
late_is_signaled (gpointer data, int *error, gint64 *timestamp)
{
  *timestamp = -5;
  return g_atomic_int_add (&late_asked, 1) > 0;
}

static const DmabufFenceBackend late_backend = {
  .driver_name = "late",
  .export_sync_file = external_export,
  .open_poll_fd = gone_open,
  .is_signaled = late_is_signaled,
};

/* A hang-up after the signal is no error. An invalid timestamp of a backend is
 * replaced. */
GST_START_TEST (test_external_backend_signals_and_hangs_up)
{
  GError *error = NULL;
  DmabufFence *fence;
  int ends[2];

  fail_unless (pipe2 (ends, O_CLOEXEC) == 0);
  close (ends[1]);
  fence = dmabuf_fence_new_external (&late_backend, &ends[0],
      dmabuf_fence_context_alloc (1), 1, DMABUF_FENCE_TRUST_FULL);
  fail_unless (dmabuf_fence_wait (fence, FAR_AWAY, NULL, &error));
  fail_unless_equals_int (dmabuf_fence_get_status (fence), 1);
  fail_unless (dmabuf_fence_get_timestamp (fence) > 0);
  dmabuf_fence_unref (fence);
  close (ends[0]);
}
GST_END_TEST;

/* --- A child process ------------------------------------------------------ */

/* The child of a fork inherits the fences and can release them; the parent's
 * poller still watches its own. */
GST_START_TEST (test_fork_lets_go_of_a_watched_fence)
{
  int timeline = timeline_open ();
  DmabufFence *fence = timeline_new_fence (timeline, 1);
  DmabufFence *own;
  gint calls = 0;
  int status;
  pid_t pid;
  guint id;

  id = dmabuf_fence_add_callback (fence, count_call, &calls, NULL);
  fail_unless (id != 0);
  pid = fork ();
  if (pid == 0) {
    dmabuf_fence_remove_callback (fence, id);
    dmabuf_fence_unref (fence);
#ifdef DMABUF_TSAN
    _exit (0); /* ThreadSanitizer allows no threads in a child of a fork */
#endif
    /* The child starts a poller of its own. */
    own = mock_fence ();
    dmabuf_fence_add_callback (own, count_call, &calls, NULL);
    clock_skip (2 * G_TIME_SPAN_HOUR);
    until (&calls, 1);
    status = dmabuf_fence_get_status (own);
    dmabuf_fence_unref (own);
    /* In place of _exit (), where a leak checker would report memory that the
     * parent's threads hold, as they are missing here. */
    execlp (status == -ETIME ? "true" : "false", "the child's answer", NULL);
    _exit (2);
  }
  fail_unless (waitpid (pid, &status, 0) == pid);
  fail_unless (WIFEXITED (status) && WEXITSTATUS (status) == 0);

  timeline_inc (timeline, 1);
  until (&calls, 1);
  dmabuf_fence_unref (fence);
  close_fd (timeline);
}
GST_END_TEST;

static int
unsubmitted_export (gpointer data, GError **error)
{
  g_set_error (error, DMABUF_ERROR, EINVAL, "the point has no fence yet");
  return -1;
}

static int
unsubmitted_open (gpointer data)
{
  return -EINVAL;
}

static gboolean
unsubmitted_is_signaled (gpointer data, int *error, gint64 *timestamp)
{
  return FALSE;
}

/* IND-2, XDC-1: a point becomes a fence when its work is submitted. Before that
 * a wait for it fails at once, as nothing guarantees its end; the owner of the
 * syncobj first waits for the submission (WAIT_FOR_SUBMIT). */
GST_START_TEST (test_ind2_point_without_work)
{
  static const DmabufFenceBackend unsubmitted = {
    .driver_name = "syncobj",
    .export_sync_file = unsubmitted_export,
    .open_poll_fd = unsubmitted_open,
    .is_signaled = unsubmitted_is_signaled,
  };
  DmabufFence *fence = dmabuf_fence_new_external (&unsubmitted, NULL,
      dmabuf_fence_context_alloc (1), 1, DMABUF_FENCE_TRUST_FULL);
  GError *error = NULL;

  fail_if (dmabuf_fence_wait (fence, DMABUF_DEADLINE_NEVER, NULL, &error));
  assert_error (error, EINVAL);
  fail_unless (dmabuf_fence_export_sync_file (fence, &error) < 0);
  assert_error (error, EINVAL);
  fail_if (dmabuf_fence_is_signaled (fence));
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

static Suite *
outside_suite (void)
{
  Suite *s = suite_create ("outside");
  TCase *tc = backend_add_case (s, "outside");

  tcase_add_test (tc, test_poll_fd);
  tcase_add_test (tc, test_external_backend);
  tcase_add_test (tc, test_fen11_earliest_deadline);
  tcase_add_test (tc, test_fen14_far_deadline);
  tcase_add_loop_test (tc, test_external_backend_hangs_up, 0, 2);
  tcase_add_test (tc, test_external_backend_signals_and_hangs_up);
  tcase_add_test (tc, test_fork_lets_go_of_a_watched_fence);
  tcase_add_test (tc, test_ind2_point_without_work);

  /* Without the fixture, which would count the fds of GLib's main context. */
  tc = tcase_create ("loops");
  suite_add_tcase (s, tc);
  tcase_add_test (tc, test_wait_async);
  tcase_add_test (tc, test_source);
  return s;
}

GST_CHECK_MAIN (outside);
