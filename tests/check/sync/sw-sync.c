/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The ten cases of kselftest's sync suite, by their names: on fake timelines
 * natively, on sw_sync in the lab. Where an original tests less than its name
 * says, this tests all.
 */

#include "../lib/sync.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Checks that a fence is pending, by the fence and by its fd. */
static void
assert_pending (DmabufFence *fence, guint n_leaves)
{
  int fd = dmabuf_fence_peek_sync_file (fence);

  fail_if (dmabuf_fence_is_signaled (fence));
  fail_if (is_ready (fd, POLLIN));
  fail_unless_equals_int (file_n_fences (fd), n_leaves);
}

static guint
rounds (guint full, guint quick)
{
  return test_is_long () ? full : quick;
}

/* --- Kselftest ----------------------------------------------------------- */

GST_START_TEST (test_alloc_timeline)
{
  int timeline = timeline_open ();

  fail_unless (timeline >= 0);
  close_fd (timeline);
}
GST_END_TEST;

GST_START_TEST (test_alloc_fence)
{
  int timeline = timeline_open ();
  DmabufFence *fence = timeline_new_fence (timeline, 1);

  assert_pending (fence, 1);
  dmabuf_fence_unref (fence);
  close_fd (timeline);
}
GST_END_TEST;

GST_START_TEST (test_alloc_fence_negative)
{
  fail_unless (timeline_new_fd (-1, 1) < 0);
}
GST_END_TEST;

/* SF-7: a wait that times out fails with ETIME. */
GST_START_TEST (test_fence_one_timeline_wait)
{
  int timeline = timeline_open ();
  DmabufFence *fence = timeline_new_fence (timeline, 5);

  fail_if (wait_ms (fence, 0));
  timeline_inc (timeline, 1);
  fail_if (wait_ms (fence, 0));
  timeline_inc (timeline, 4);
  fail_unless (wait_ms (fence, 0));
  fail_unless_equals_int (dmabuf_fence_get_status (fence), 1);
  timeline_inc (timeline, 10);
  fail_unless (wait_ms (fence, 0));
  dmabuf_fence_unref (fence);
  close_fd (timeline);
}
GST_END_TEST;

GST_START_TEST (test_fence_one_timeline_merge)
{
  int timeline = timeline_open ();
  int a = timeline_new_fd (timeline, 1);
  int b = timeline_new_fd (timeline, 2);
  int c = timeline_new_fd (timeline, 3);
  int ab = merge_fds (b, a);
  int d = merge_fds (c, ab);
  guint i;

  fail_unless_equals_int (file_n_fences (d), 1);
  for (i = 0; i < 3; i++) {
    /* Every fence is checked; the original checks only a. */
    fail_unless_equals_int (file_status (a), i >= 1);
    fail_unless_equals_int (file_status (b), i >= 2);
    fail_unless_equals_int (file_status (c), 0);
    fail_unless_equals_int (file_status (d), 0);
    fail_if (is_ready (d, POLLIN));
    timeline_inc (timeline, 1);
  }
  fail_unless_equals_int (file_status (c), 1);
  fail_unless_equals_int (file_status (d), 1);
  fail_unless (is_ready (d, POLLIN));
  fail_if (is_ready (d, POLLOUT));

  close_fd (a);
  close_fd (b);
  close_fd (c);
  close_fd (ab);
  close_fd (d);
  close_fd (timeline);
}
GST_END_TEST;

GST_START_TEST (test_fence_merge_same_fence)
{
  int timeline = timeline_open ();
  int fd = timeline_new_fd (timeline, 5);
  int merged = merge_fds (fd, fd);

  fail_unless_equals_int (file_n_fences (merged), 1);
  timeline_inc (timeline, 1);
  fail_unless_equals_int (file_n_with_status (merged, 1), 0);
  fail_if (is_ready (merged, POLLIN));
  timeline_inc (timeline, 4);
  fail_unless (is_ready (merged, POLLIN));
  close_fd (fd);
  close_fd (merged);
  close_fd (timeline);
}
GST_END_TEST;

GST_START_TEST (test_fence_multi_timeline_wait)
{
  int timelines[3], fds[3];
  DmabufFence *fences[3], *merged;
  int all, some;
  guint i;

  for (i = 0; i < 3; i++) {
    timelines[i] = timeline_open ();
    fds[i] = timeline_new_fd (timelines[i], 5);
    fences[i] = dmabuf_fence_new_sync_file (
        dmabuf_kernel->dup (fds[i]), DMABUF_FENCE_TRUST_FULL, NULL);
  }
  some = merge_fds (fds[0], fds[1]);
  all = merge_fds (some, fds[2]);
  merged = dmabuf_fence_merge_many (fences, 3);
  fail_unless_equals_int (file_n_fences (all), 3);

  for (i = 0; i < 3; i++) {
    fail_unless_equals_int (file_n_with_status (all, 0), 3 - i);
    fail_if (is_ready (all, POLLIN));
    fail_if (wait_ms (merged, 0));
    timeline_inc (timelines[i], 5);
    fail_unless_equals_int (file_n_with_status (all, 1), i + 1);
  }
  fail_unless (is_ready (all, POLLIN));
  fail_unless (wait_ms (merged, 1000));

  for (i = 0; i < 3; i++) {
    dmabuf_fence_unref (fences[i]);
    close_fd (fds[i]);
    close_fd (timelines[i]);
  }
  dmabuf_fence_unref (merged);
  close_fd (some);
  close_fd (all);
}
GST_END_TEST;

/* Two threads wait for each other's steps on one timeline; the plain counter
 * stays exact, so a signal orders memory. */
typedef struct
{
  int timeline;
  guint id;
  guint rounds;
  guint *counter;
  gint errors;
} PingPong;

static gpointer
ping_pong (gpointer data)
{
  PingPong *self = data;
  guint i;

  for (i = 0; i < self->rounds; i++) {
    DmabufFence *fence = timeline_new_fence (self->timeline, i * 2 + self->id);

    if (!dmabuf_fence_wait (fence, FAR_AWAY, NULL, NULL)
        || *self->counter != i * 2 + self->id)
      g_atomic_int_inc (&self->errors);
    ++*self->counter;
    timeline_inc (self->timeline, 1);
    dmabuf_fence_unref (fence);
  }
  return NULL;
}

GST_START_TEST (test_stress_two_threads_shared_timeline)
{
  int timeline = timeline_open ();
  guint counter = 0;
  PingPong sides[2];
  GThread *threads[2];
  guint n = rounds (65536, 500);
  guint i;

  for (i = 0; i < 2; i++) {
    sides[i] = (PingPong) { timeline, i, n, &counter, 0 };
    threads[i] = g_thread_new ("ping", ping_pong, &sides[i]);
  }
  for (i = 0; i < 2; i++) {
    g_thread_join (threads[i]);
    fail_unless_equals_int (sides[i].errors, 0);
  }
  fail_unless_equals_int (counter, 2 * n);
  close_fd (timeline);
}
GST_END_TEST;

/* Each producer steps its timeline after the consumer has stepped its own. The
 * consumer waits for the merged fences of all producers, in two ways. */
#define N_PRODUCERS 5

typedef struct
{
  int producers[N_PRODUCERS];
  int consumer;
  guint n;
  gint counter;
  gint errors;
} Market;

typedef struct
{
  Market *market;
  guint id;
} Producer;

static gpointer
produce (gpointer data)
{
  Producer *self = data;
  Market *market = self->market;
  guint i;

  for (i = 0; i < market->n; i++) {
    DmabufFence *fence = timeline_new_fence (market->consumer, i);

    if (!dmabuf_fence_wait (fence, FAR_AWAY, NULL, NULL))
      g_atomic_int_inc (&market->errors);
    dmabuf_fence_unref (fence);
    g_atomic_int_inc (&market->counter);
    timeline_inc (market->producers[self->id], 1);
  }
  return NULL;
}

static void
consume (Market *market)
{
  guint i, j;

  for (i = 1; i <= market->n; i++) {
    DmabufFence *merged = NULL;

    for (j = 0; j < N_PRODUCERS; j++) {
      DmabufFence *one = timeline_new_fence (market->producers[j], i);
      DmabufFence *both = dmabuf_fence_merge (merged, one);

      dmabuf_fence_unref (one);
      if (merged)
        dmabuf_fence_unref (merged);
      merged = both;
    }

    if (i % 2) {
      fail_unless (dmabuf_fence_wait (merged, FAR_AWAY, NULL, NULL));
    } else {
      while (dmabuf_fence_get_status (merged) != 1)
        g_thread_yield ();
    }
    fail_unless_equals_int (
        g_atomic_int_get (&market->counter), N_PRODUCERS * i);
    dmabuf_fence_unref (merged);
    timeline_inc (market->consumer, 1);
  }
}

static void
run_market (guint n)
{
  Market market = { .n = n };
  Producer producers[N_PRODUCERS];
  GThread *threads[N_PRODUCERS];
  guint i;

  market.consumer = timeline_open ();
  for (i = 0; i < N_PRODUCERS; i++) {
    market.producers[i] = timeline_open ();
    producers[i] = (Producer) { &market, i };
  }
  for (i = 0; i < N_PRODUCERS; i++)
    threads[i] = g_thread_new ("produce", produce, &producers[i]);
  consume (&market);
  for (i = 0; i < N_PRODUCERS; i++) {
    g_thread_join (threads[i]);
    close_fd (market.producers[i]);
  }
  fail_unless_equals_int (market.errors, 0);
  close_fd (market.consumer);
}

GST_START_TEST (test_consumer_stress_multi_producer_single_consumer)
{
  run_market (rounds (4096, 100));
}
GST_END_TEST;

/* Random merges of many timelines: the result has as many leaves as timelines
 * were used, and signals exactly with the last one. */
#define N_TIMELINES 32

static void
random_merge (guint n)
{
  int timelines[N_TIMELINES];
  guint points[N_TIMELINES] = { 0 };
  GRand *rand = g_rand_new_with_seed (5);
  guint i, used = 0;
  int fd = -1;

  for (i = 0; i < N_TIMELINES; i++)
    timelines[i] = timeline_open ();

  for (i = 0; i < n; i++) {
    guint which = g_rand_int_range (rand, 0, N_TIMELINES);
    guint point = g_rand_int_range (rand, 1, 1000);
    int one = timeline_new_fd (timelines[which], point);
    int merged = fd < 0 ? dmabuf_kernel->dup (one) : merge_fds (fd, one);

    fail_unless (merged >= 0);
    if (fd >= 0)
      close_fd (fd);
    close_fd (one);
    fd = merged;
    used += points[which] == 0;
    points[which] = MAX (points[which], point);
  }
  fail_unless_equals_int (file_n_fences (fd), used);

  for (i = 0; i < N_TIMELINES; i++) {
    if (!points[i])
      continue;
    fail_if (is_ready (fd, POLLIN));
    timeline_inc (timelines[i], points[i] - 1);
    fail_if (is_ready (fd, POLLIN));
    timeline_inc (timelines[i], 1);
  }
  fail_unless (is_ready (fd, POLLIN));

  for (i = 0; i < N_TIMELINES; i++)
    close_fd (timelines[i]);
  close_fd (fd);
  g_rand_free (rand);
}

GST_START_TEST (test_merge_stress_random_merge)
{
  random_merge (rounds (32768, 1000));
}
GST_END_TEST;

static Suite *
sw_sync_suite (void)
{
  Suite *s = suite_create ("sync");
  TCase *tc = backend_add_case (s, "kselftest-sync");

  tcase_add_test (tc, test_alloc_timeline);
  tcase_add_test (tc, test_alloc_fence);
  tcase_add_test (tc, test_alloc_fence_negative);
  tcase_add_test (tc, test_fence_one_timeline_wait);
  tcase_add_test (tc, test_fence_one_timeline_merge);
  tcase_add_test (tc, test_fence_merge_same_fence);
  tcase_add_test (tc, test_fence_multi_timeline_wait);
  tcase_add_test (tc, test_stress_two_threads_shared_timeline);
  tcase_add_test (tc, test_consumer_stress_multi_producer_single_consumer);
  tcase_add_test (tc, test_merge_stress_random_merge);
  return s;
}

GST_CHECK_MAIN (sw_sync);
