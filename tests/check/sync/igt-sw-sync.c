/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Ten cases of IGT's sw_sync, by their names, on the timelines of sw-sync.c.
 * Where an original tests less than its name says, this tests all.
 */

#include "../lib/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static guint
rounds (guint full, guint quick)
{
  return test_is_long () ? full : quick;
}

/* --- IGT ----------------------------------------------------------------- */

/* SWS-1, FEN-9: closing a timeline signals its pending fences with ENOENT. */
GST_START_TEST (timeline_closed)
{
  int timeline = timeline_open ();
  DmabufFence *fence = timeline_new_fence (timeline, 1);

  close_fd (timeline);
  fail_unless (wait_ms (fence, 0));
  fail_unless_equals_int (dmabuf_fence_get_status (fence), -ENOENT);
  fail_unless (dmabuf_fence_get_timestamp (fence) > 0);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

GST_START_TEST (timeline_closed_signaled)
{
  int timeline = timeline_open ();
  DmabufFence *fence = timeline_new_fence (timeline, 1);

  timeline_inc (timeline, 1);
  close_fd (timeline);
  fail_unless_equals_int (dmabuf_fence_get_status (fence), 1);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

GST_START_TEST (alloc_merge_fence)
{
  int timelines[2] = { timeline_open (), timeline_open () };
  int a = timeline_new_fd (timelines[0], 1);
  int b = timeline_new_fd (timelines[1], 1);
  int merged = merge_fds (a, b);

  fail_unless (merged >= 0);
  fail_unless_equals_int (file_n_fences (merged), 2);
  close_fd (a);
  close_fd (b);
  close_fd (merged);
  close_fd (timelines[0]);
  close_fd (timelines[1]);
}
GST_END_TEST;

GST_START_TEST (sync_busy)
{
  static const guint primes[] = { 3, 7, 27, 31, 67, 197, 941, 5987, 17033 };
  guint i, j;

  for (i = 0; i < G_N_ELEMENTS (primes); i++) {
    for (j = 0; j <= i; j++) {
      int timeline = timeline_open ();
      DmabufFence *fence = timeline_new_fence (timeline, primes[i]);
      guint value = 0;

      while (value < primes[i]) {
        fail_if (wait_ms (fence, 0), "signalled at %u of %u", value, primes[i]);
        timeline_inc (timeline, primes[j]);
        value += primes[j];
      }
      fail_unless (wait_ms (fence, 0));
      timeline_inc (timeline, 1);
      fail_unless (wait_ms (fence, 0));
      dmabuf_fence_unref (fence);
      close_fd (timeline);
      if (!test_is_long () && primes[i] / primes[j] > 1000)
        break;
    }
  }
}
GST_END_TEST;

static void
wait_for_parent (int fd)
{
  char byte;

  while (read (fd, &byte, 1) < 0 && errno == EINTR)
    ;
}

static gpointer
tell_child (gpointer fd)
{
  fail_unless (write (GPOINTER_TO_INT (fd), "x", 1) == 1);
  return NULL;
}

/* Another process steps the timeline, which only real timelines allow. */
GST_START_TEST (sync_busy_fork)
{
  int timeline = timeline_open ();
  DmabufFence *fence = timeline_new_fence (timeline, 1);
  Sleeper *sleeper;
  int start[2], status;
  pid_t child;

  fail_unless (pipe2 (start, O_CLOEXEC) == 0);
  child = fork ();
  if (child == 0) {
    guint32 one = 1;

    wait_for_parent (start[0]);
    _exit (ioctl (timeline, SW_SYNC_IOC_INC, &one) == 0 ? 0 : 1);
  }
  fail_if (wait_ms (fence, 0));
  sleeper = when_i_sleep (tell_child, GINT_TO_POINTER (start[1]));
  fail_unless (dmabuf_fence_wait (fence, FAR_AWAY, NULL, NULL));
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless (waitpid (child, &status, 0) == child && status == 0);
  dmabuf_fence_unref (fence);
  close_fd (timeline);
  close (start[0]);
  close (start[1]);
}
GST_END_TEST;

static int
receive_fd (int socket)
{
  char data;
  struct iovec io = { &data, 1 };
  union
  {
    struct cmsghdr header;
    char space[CMSG_SPACE (sizeof (int))];
  } control;
  struct msghdr message = { .msg_iov = &io,
    .msg_iovlen = 1,
    .msg_control = &control,
    .msg_controllen = sizeof control };
  int fd = -1;

  if (recvmsg (socket, &message, MSG_CMSG_CLOEXEC) == 1
      && CMSG_FIRSTHDR (&message))
    memcpy (&fd, CMSG_DATA (CMSG_FIRSTHDR (&message)), sizeof fd);
  return fd;
}

static void
send_fd (int socket, int fd)
{
  char data = 0;
  struct iovec io = { &data, 1 };
  union
  {
    struct cmsghdr header;
    char space[CMSG_SPACE (sizeof (int))];
  } control = { .header = { .cmsg_len = CMSG_LEN (sizeof (int)),
                    .cmsg_level = SOL_SOCKET,
                    .cmsg_type = SCM_RIGHTS } };
  struct msghdr message = { .msg_iov = &io,
    .msg_iovlen = 1,
    .msg_control = &control,
    .msg_controllen = sizeof control };

  memcpy (CMSG_DATA (&control.header), &fd, sizeof fd);
  fail_unless (sendmsg (socket, &message, 0) == 1);
}

GST_START_TEST (sync_busy_fork_unixsocket)
{
  DmabufFence *fence;
  Sleeper *sleeper;
  int sockets[2], timeline, status;
  pid_t child;

  fail_unless (
      socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets) == 0);
  child = fork ();
  if (child == 0) {
    guint32 one = 1;
    int fd = receive_fd (sockets[1]);

    wait_for_parent (sockets[1]);
    _exit (ioctl (fd, SW_SYNC_IOC_INC, &one) == 0 ? 0 : 1);
  }

  timeline = timeline_open ();
  fence = timeline_new_fence (timeline, 1);
  send_fd (sockets[0], timeline);
  fail_if (wait_ms (fence, 0));
  sleeper = when_i_sleep (tell_child, GINT_TO_POINTER (sockets[0]));
  fail_unless (dmabuf_fence_wait (fence, FAR_AWAY, NULL, NULL));
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless (waitpid (child, &status, 0) == child && status == 0);
  dmabuf_fence_unref (fence);
  close_fd (timeline);
  close (sockets[0]);
  close (sockets[1]);
}
GST_END_TEST;

/* SF-2: merging with a bad fd, a timeline or another file is ENOENT. */
GST_START_TEST (sync_merge_invalid)
{
  int timeline = timeline_open ();
  int fd = timeline_new_fd (timeline, 1);
  int file = dmabuf_kernel->memfd_create ("file", 0);
  struct sync_merge_data args = { .fd2 = fd, .fence = -1, .flags = 1 };

  fail_unless_equals_int (merge_fds (fd, -1), -ENOENT);
  fail_unless_equals_int (merge_fds (fd, timeline), -ENOENT);
  fail_unless_equals_int (merge_fds (fd, file), -ENOENT);
  fail_unless_equals_int (
      dmabuf_kernel_ioctl (fd, SYNC_IOC_MERGE, &args), -EINVAL);
  args = (struct sync_merge_data) { .fd2 = fd, .fence = -1, .pad = 1 };
  fail_unless_equals_int (
      dmabuf_kernel_ioctl (fd, SYNC_IOC_MERGE, &args), -EINVAL);

  close_fd (file);
  close_fd (fd);
  close_fd (timeline);
}
GST_END_TEST;

/* Eight threads each wait for points of their own; one advances the timeline.
 */
typedef struct
{
  int timeline;
  guint id;
  guint n;
  gint *counter;
  gint errors;
} Consumer;

#define N_CONSUMERS 8

static gpointer
consume_points (gpointer data)
{
  Consumer *self = data;
  guint i;

  for (i = 0; i < self->n; i++) {
    guint point = i * N_CONSUMERS + self->id + 1;
    DmabufFence *fence = timeline_new_fence (self->timeline, point);

    if (!dmabuf_fence_wait (fence, FAR_AWAY, NULL, NULL)
        || (guint) g_atomic_int_get (self->counter) < point)
      g_atomic_int_inc (&self->errors);
    dmabuf_fence_unref (fence);
  }
  return NULL;
}

GST_START_TEST (sync_multi_consumer)
{
  int timeline = timeline_open ();
  Consumer consumers[N_CONSUMERS];
  GThread *threads[N_CONSUMERS];
  guint n = rounds (4096, 100);
  gint counter = 0;
  guint i;

  for (i = 0; i < N_CONSUMERS; i++) {
    consumers[i] = (Consumer) { timeline, i, n, &counter, 0 };
    threads[i] = g_thread_new ("consume", consume_points, &consumers[i]);
  }
  for (i = 0; i < n * N_CONSUMERS; i++) {
    g_atomic_int_inc (&counter);
    timeline_inc (timeline, 1);
  }
  for (i = 0; i < N_CONSUMERS; i++) {
    g_thread_join (threads[i]);
    fail_unless_equals_int (consumers[i].errors, 0);
  }
  fail_unless_equals_int (counter, n * N_CONSUMERS);
  close_fd (timeline);
}
GST_END_TEST;

/* Eight threads take turns: each waits for its point and steps the timeline. */
static gpointer
take_turns (gpointer data)
{
  Consumer *self = data;
  guint i;

  for (i = 0; i < self->n; i++) {
    guint point = i * N_CONSUMERS + self->id;
    DmabufFence *fence = timeline_new_fence (self->timeline, point);

    if (!dmabuf_fence_wait (fence, FAR_AWAY, NULL, NULL)
        || (guint) *self->counter != point)
      g_atomic_int_inc (&self->errors);
    ++*self->counter;
    timeline_inc (self->timeline, 1);
    dmabuf_fence_unref (fence);
  }
  return NULL;
}

GST_START_TEST (sync_multi_consumer_producer)
{
  int timeline = timeline_open ();
  Consumer consumers[N_CONSUMERS];
  GThread *threads[N_CONSUMERS];
  guint n = rounds (4096, 50);
  gint counter = 0;
  guint i;

  for (i = 0; i < N_CONSUMERS; i++) {
    consumers[i] = (Consumer) { timeline, i, n, &counter, 0 };
    threads[i] = g_thread_new ("turns", take_turns, &consumers[i]);
  }
  for (i = 0; i < N_CONSUMERS; i++) {
    g_thread_join (threads[i]);
    fail_unless_equals_int (consumers[i].errors, 0);
  }
  fail_unless_equals_int (counter, n * N_CONSUMERS);
  close_fd (timeline);
}
GST_END_TEST;

/* Fences that have signalled do not pile up in merges. */
GST_START_TEST (sync_expired_merge)
{
  int timeline = timeline_open ();
  int fd = timeline_new_fd (timeline, 0);
  guint i;

  for (i = 0; i < rounds (65536, 1000); i++) {
    int merged = merge_fds (fd, fd);

    fail_unless (is_ready (merged, POLLIN));
    fail_unless_equals_int (file_n_fences (merged), 1);
    close_fd (fd);
    fd = merged;
  }
  close_fd (fd);
  close_fd (timeline);
}
GST_END_TEST;

static Suite *
igt_sw_sync_suite (void)
{
  Suite *s = suite_create ("igt-sw_sync");
  TCase *tc = backend_add_case (s, "igt-sw_sync");

  tcase_add_test (tc, timeline_closed);
  tcase_add_test (tc, timeline_closed_signaled);
  tcase_add_test (tc, alloc_merge_fence);
  tcase_add_test (tc, sync_busy);
  /* A fake timeline lives in one process. */
  if (!backend_is_fake ()) {
    tcase_add_test (tc, sync_busy_fork);
    tcase_add_test (tc, sync_busy_fork_unixsocket);
  }
  tcase_add_test (tc, sync_merge_invalid);
  tcase_add_test (tc, sync_multi_consumer);
  tcase_add_test (tc, sync_multi_consumer_producer);
  tcase_add_test (tc, sync_expired_merge);
  return s;
}

GST_CHECK_MAIN (igt_sw_sync);
