/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The twelve cases of the kernel's st-dma-fence, by their names; fence-more.c
 * has further ones. */

#include "../lib/sync.h"

/* FEN-1: make, enable, signal, release; the fixture finds leaks. */
GST_START_TEST (test_sanitycheck)
{
  DmabufFence *fence = mock_fence ();
  gint calls = 0;

  fail_unless (dmabuf_fence_add_callback (fence, count_call, &calls, NULL));
  signal_and_unref (fence);
}
GST_END_TEST;

/* FEN-4: a fence signals at most once. */
GST_START_TEST (test_signaling)
{
  DmabufFence *fence = mock_fence ();

  fail_if (dmabuf_fence_is_signaled (fence));
  fail_unless (dmabuf_fence_signal (fence));
  fail_unless (dmabuf_fence_is_signaled (fence));
  fail_if (dmabuf_fence_signal (fence));
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

GST_START_TEST (test_add_callback)
{
  DmabufFence *fence = mock_fence ();
  gint calls = 0;

  fail_unless (dmabuf_fence_add_callback (fence, count_call, &calls, NULL));
  fail_unless_equals_int (calls, 0);
  dmabuf_fence_signal (fence);
  fail_unless_equals_int (calls, 1);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* FEN-6: a callback is refused after the signal. */
GST_START_TEST (test_late_add_callback)
{
  DmabufFence *fence = mock_fence ();
  gint calls = 0;

  dmabuf_fence_signal (fence);
  fail_unless_equals_int (
      dmabuf_fence_add_callback (fence, count_call, &calls, NULL), 0);
  dmabuf_fence_signal (fence);
  fail_unless_equals_int (calls, 0);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* FEN-7: a removed callback is never called. */
GST_START_TEST (test_rm_callback)
{
  DmabufFence *fence = mock_fence ();
  gint calls = 0;
  guint id = dmabuf_fence_add_callback (fence, count_call, &calls, NULL);

  fail_unless (dmabuf_fence_remove_callback (fence, id));
  dmabuf_fence_signal (fence);
  fail_unless_equals_int (calls, 0);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* FEN-7: a callback that was called cannot be removed. */
GST_START_TEST (test_late_rm_callback)
{
  DmabufFence *fence = mock_fence ();
  gint calls = 0;
  guint id = dmabuf_fence_add_callback (fence, count_call, &calls, NULL);

  dmabuf_fence_signal (fence);
  fail_if (dmabuf_fence_remove_callback (fence, id));
  fail_unless_equals_int (calls, 1);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* FEN-9: the status is 0, then 1. */
GST_START_TEST (test_status)
{
  DmabufFence *fence = mock_fence ();

  fail_unless_equals_int (dmabuf_fence_get_status (fence), 0);
  dmabuf_fence_signal (fence);
  fail_unless_equals_int (dmabuf_fence_get_status (fence), 1);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* FEN-9, FEN-10: an error shows after the signal only. */
GST_START_TEST (test_error)
{
  DmabufFence *fence = mock_fence ();

  fail_unless (dmabuf_fence_set_error (fence, -EIO));
  fail_unless_equals_int (dmabuf_fence_get_status (fence), 0);
  dmabuf_fence_signal (fence);
  fail_unless_equals_int (dmabuf_fence_get_status (fence), -EIO);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* FEN-11: with a deadline that has passed a wait is a test. */
GST_START_TEST (test_wait)
{
  DmabufFence *fence = mock_fence ();

  fail_if (dmabuf_fence_wait (fence, 0, NULL, NULL));
  dmabuf_fence_signal (fence);
  fail_unless (dmabuf_fence_wait (fence, 0, NULL, NULL));
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

GST_START_TEST (test_wait_timeout)
{
  DmabufFence *fence = mock_fence ();
  Sleeper *sleeper;

  fail_if (wait_ms (fence, 1));
  sleeper = when_i_sleep (signal_fence, fence);
  fail_unless (dmabuf_fence_wait (fence, FAR_AWAY, NULL, NULL));
  fail_unless (sleeper_woke_me (sleeper));
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* FEN-16: the stub has always signalled, with context and seqno 0. */
GST_START_TEST (test_stub)
{
  guint i;

  for (i = 0; i < 64; i++) {
    DmabufFence *stub = dmabuf_fence_get_stub ();

    fail_unless (dmabuf_fence_is_signaled (stub));
    fail_unless_equals_uint64 (dmabuf_fence_get_context (stub), 0);
    fail_unless_equals_uint64 (dmabuf_fence_get_seqno (stub), 0);
    fail_unless_equals_string (dmabuf_fence_get_driver_name (stub), "stub");
    fail_unless (dmabuf_fence_get_timestamp (stub) > 0);
    dmabuf_fence_unref (stub);
  }
}
GST_END_TEST;

/* Two threads: each puts a fence into the slot that the other reads, and adds a
 * callback to the other's fence. A callback that was accepted has either run or
 * been removed when the other fence has signalled and remove has returned
 * (FEN-7, FEN-18). */
static GMutex race_lock;

static DmabufFence *
race_swap (DmabufFence **slot, DmabufFence *fence)
{
  DmabufFence *old;

  g_mutex_lock (&race_lock);
  old = *slot;
  *slot = fence;
  g_mutex_unlock (&race_lock);
  return old;
}

static DmabufFence *
race_get (DmabufFence **slot)
{
  DmabufFence *fence;

  g_mutex_lock (&race_lock);
  fence = *slot ? dmabuf_fence_ref (*slot) : NULL;
  g_mutex_unlock (&race_lock);
  return fence;
}

static DmabufFence *race_slots[2];
static gboolean race_before;
static gint race_misses;

static gpointer
race_thread (gpointer data)
{
  guint own = GPOINTER_TO_UINT (data);

  guint round, n = test_is_long () ? 20000 : 2000;

  for (round = 0; round < n; round++) {
    DmabufFence *mine = mock_fence ();
    DmabufFence *other;
    gint seen = 0;
    guint id;

    dmabuf_fence_ref (mine);
    other = race_swap (&race_slots[own], mine);
    if (other)
      dmabuf_fence_unref (other);

    if (race_before)
      dmabuf_fence_signal (mine);

    other = race_get (&race_slots[!own]);
    if (other) {
      id = dmabuf_fence_add_callback (other, count_call, &seen, NULL);
      if (!race_before)
        dmabuf_fence_signal (mine);

      if (id) {
        dmabuf_fence_wait (other, FAR_AWAY, NULL, NULL);
        /* After this the callback is not running on any thread. */
        if (dmabuf_fence_remove_callback (other, id)) {
          if (seen != 0)
            g_atomic_int_inc (&race_misses);
        } else if (seen != 1) {
          g_atomic_int_inc (&race_misses);
        }
      }
      dmabuf_fence_unref (other);
    }
    dmabuf_fence_signal (mine);
    dmabuf_fence_unref (mine);
  }

  return NULL;
}

GST_START_TEST (test_race_signal_callback)
{
  guint pass;

  for (pass = 0; pass < 2; pass++) {
    GThread *threads[2];
    guint i;

    race_before = pass;
    for (i = 0; i < 2; i++)
      threads[i] = g_thread_new ("race", race_thread, GUINT_TO_POINTER (i));
    for (i = 0; i < 2; i++)
      g_thread_join (threads[i]);
    for (i = 0; i < 2; i++) {
      DmabufFence *left = race_swap (&race_slots[i], NULL);

      if (left)
        dmabuf_fence_unref (left);
    }
    fail_unless_equals_int (race_misses, 0);
  }
}
GST_END_TEST;

static Suite *
fence_suite (void)
{
  Suite *s = suite_create ("st-dma-fence");
  TCase *tc = backend_add_case (s, "kunit");

  tcase_add_test (tc, test_sanitycheck);
  tcase_add_test (tc, test_signaling);
  tcase_add_test (tc, test_add_callback);
  tcase_add_test (tc, test_late_add_callback);
  tcase_add_test (tc, test_rm_callback);
  tcase_add_test (tc, test_late_rm_callback);
  tcase_add_test (tc, test_status);
  tcase_add_test (tc, test_error);
  tcase_add_test (tc, test_wait);
  tcase_add_test (tc, test_wait_timeout);
  tcase_add_test (tc, test_stub);
  tcase_add_test (tc, test_race_signal_callback);
  return s;
}

GST_CHECK_MAIN (fence);
