/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The eleven cases of the kernel's st-dma-fence-chain, by their names. */

#include "../lib/sync.h"

#define CHAIN_SZ 4096

typedef struct
{
  guint n;
  DmabufFence *fences[CHAIN_SZ];
  DmabufFence *chains[CHAIN_SZ];
} Chains;

/* Nodes with the seqnos 1 ... n, or those that @seqno returns */
static Chains *
chains_new (guint n, guint64 (*seqno) (guint i))
{
  Chains *c = g_new0 (Chains, 1);
  guint i;

  c->n = n;
  for (i = 0; i < n; i++) {
    c->fences[i] = mock_fence ();
    c->chains[i] =
        dmabuf_fence_chain_new (i ? dmabuf_fence_ref (c->chains[i - 1]) : NULL,
            dmabuf_fence_ref (c->fences[i]), seqno ? seqno (i) : i + 1);
  }
  return c;
}

static void
chains_free (Chains *c)
{
  guint i;

  for (i = 0; i < c->n; i++)
    signal_and_unref (c->fences[i]);
  for (i = 0; i < c->n; i++)
    dmabuf_fence_unref (c->chains[i]);
  g_free (c);
}

static gboolean
find (DmabufFence *head, guint64 seqno, DmabufFence **found)
{
  GError *error = NULL;

  *found = dmabuf_fence_ref (head);
  if (dmabuf_fence_chain_find_seqno (found, seqno, &error))
    return TRUE;
  g_clear_error (&error);
  g_clear_pointer (found, dmabuf_fence_unref);
  return FALSE;
}

static void
assert_finds (DmabufFence *head, guint64 seqno, DmabufFence *expected)
{
  DmabufFence *found;

  fail_unless (find (head, seqno, &found));
  fail_unless (found == expected);
  if (found)
    dmabuf_fence_unref (found);
}

GST_START_TEST (test_sanitycheck)
{
  DmabufFence *fence = mock_fence ();
  DmabufFence *chain =
      dmabuf_fence_chain_new (NULL, dmabuf_fence_ref (fence), 1);

  fail_unless (dmabuf_fence_is_chain (chain));
  fail_if (dmabuf_fence_is_signaled (chain));
  dmabuf_fence_signal (fence);
  fail_unless (dmabuf_fence_is_signaled (chain));
  dmabuf_fence_unref (chain);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* CHN-5: each point is found from the head and from its own node; a point that
 * is not there yet is EINVAL. */
GST_START_TEST (test_find_seqno)
{
  Chains *c = chains_new (64, NULL);
  DmabufFence *found;
  guint i;

  assert_finds (c->chains[63], 0, c->chains[63]);
  for (i = 0; i < c->n; i++) {
    assert_finds (c->chains[63], i + 1, c->chains[i]);
    assert_finds (c->chains[i], i + 1, c->chains[i]);
    fail_if (find (c->chains[i], i + 2, &found));
    if (i > 0)
      assert_finds (c->chains[i], i, c->chains[i - 1]);
  }
  chains_free (c);
}
GST_END_TEST;

GST_START_TEST (test_find_signaled)
{
  Chains *c = chains_new (2, NULL);
  DmabufFence *found;

  dmabuf_fence_signal (c->fences[0]);
  fail_unless (find (c->chains[1], 1, &found));
  fail_unless (found == NULL || found == c->chains[0]);
  if (found)
    dmabuf_fence_unref (found);
  chains_free (c);
}
GST_END_TEST;

/* The node in the middle is collected: an earlier one is found instead. */
GST_START_TEST (test_find_out_of_order)
{
  Chains *c = chains_new (3, NULL);

  dmabuf_fence_signal (c->fences[1]);
  assert_finds (c->chains[2], 2, c->chains[0]);
  chains_free (c);
}
GST_END_TEST;

static guint64
even (guint i)
{
  return 2 * (i + 1);
}

GST_START_TEST (test_find_gap)
{
  Chains *c = chains_new (64, even);
  guint i;

  for (i = 0; i < c->n; i++) {
    assert_finds (c->chains[63], 2 * i + 1, c->chains[i]);
    assert_finds (c->chains[i], 2 * (i + 1), c->chains[i]);
  }
  chains_free (c);
}
GST_END_TEST;

/* CHN-4: many threads walk the chain and signal its fences at the same time. */
typedef struct
{
  Chains *chains;
  guint n_rounds;
  gint errors;
} FindRace;

static gpointer
find_race_thread (gpointer data)
{
  FindRace *race = data;
  Chains *c = race->chains;
  GRand *rand = g_rand_new_with_seed (GPOINTER_TO_UINT (&rand));
  guint round;

  for (round = 0; round < race->n_rounds; round++) {
    guint i = g_rand_int_range (rand, 0, c->n);
    DmabufFence *found;

    if (!find (c->chains[c->n - 1], i + 1, &found))
      g_atomic_int_inc (&race->errors);
    if (found) {
      DmabufFence *again = dmabuf_fence_ref (found);

      /* A node that was found finds itself. */
      if (!dmabuf_fence_chain_find_seqno (
              &again, dmabuf_fence_get_seqno (found), NULL)
          || again != found)
        g_atomic_int_inc (&race->errors);
      if (again)
        dmabuf_fence_unref (again);
      dmabuf_fence_unref (found);
    }

    dmabuf_fence_signal (c->fences[g_rand_int_range (rand, 0, c->n)]);
  }

  g_rand_free (rand);
  return NULL;
}

GST_START_TEST (test_find_race)
{
  guint n = MAX (g_get_num_processors (), 4);
  GThread **threads = g_new (GThread *, n);
  FindRace race = { chains_new (CHAIN_SZ, NULL) };
  guint i;

  /* Enough rounds to signal practically all fences. */
  race.n_rounds = (test_is_long () ? 16 : 4) * CHAIN_SZ;
  for (i = 0; i < n; i++)
    threads[i] = g_thread_new ("find", find_race_thread, &race);
  for (i = 0; i < n; i++)
    g_thread_join (threads[i]);

  fail_unless_equals_int (race.errors, 0);
  chains_free (race.chains);
  g_free (threads);
}
GST_END_TEST;

/* CHN-3: a node signals when its fence and all before have. */
GST_START_TEST (test_signal_forward)
{
  Chains *c = chains_new (64, NULL);
  guint i;

  for (i = 0; i < c->n; i++) {
    dmabuf_fence_signal (c->fences[i]);
    fail_unless (dmabuf_fence_is_signaled (c->chains[i]));
    if (i + 1 < c->n)
      fail_if (dmabuf_fence_is_signaled (c->chains[i + 1]));
  }
  chains_free (c);
}
GST_END_TEST;

GST_START_TEST (test_signal_backward)
{
  Chains *c = chains_new (64, NULL);
  guint i;

  for (i = c->n; i-- > 0;) {
    dmabuf_fence_signal (c->fences[i]);
    if (i > 0)
      fail_if (dmabuf_fence_is_signaled (c->chains[i]));
  }
  for (i = 0; i < c->n; i++)
    fail_unless (dmabuf_fence_is_signaled (c->chains[i]));
  chains_free (c);
}
GST_END_TEST;

static gpointer
wait_thread (gpointer fence)
{
  return GINT_TO_POINTER (dmabuf_fence_wait (fence, FAR_AWAY, NULL, NULL));
}

/* CHN-6: one thread waits for the newest node, and a callback is armed on it,
 * which takes another path in the code. */
static void
wait_in_order (const guint *order, guint n)
{
  Chains *c = chains_new (n, NULL);
  gint calls = 0;
  GThread *thread;
  guint i;

  thread = g_thread_new ("wait", wait_thread, c->chains[n - 1]);
  fail_unless (
      dmabuf_fence_add_callback (c->chains[n - 1], count_call, &calls, NULL));

  for (i = 0; i < n; i++) {
    fail_unless_equals_int (calls, 0);
    dmabuf_fence_signal (c->fences[order[i]]);
  }
  fail_unless_equals_int (calls, 1);
  fail_unless (GPOINTER_TO_INT (g_thread_join (thread)));
  chains_free (c);
}

GST_START_TEST (test_wait_forward)
{
  guint order[CHAIN_SZ];
  guint i;

  for (i = 0; i < CHAIN_SZ; i++)
    order[i] = i;
  wait_in_order (order, CHAIN_SZ);
}
GST_END_TEST;

GST_START_TEST (test_wait_backward)
{
  guint order[CHAIN_SZ];
  guint i;

  for (i = 0; i < CHAIN_SZ; i++)
    order[i] = CHAIN_SZ - 1 - i;
  wait_in_order (order, CHAIN_SZ);
}
GST_END_TEST;

GST_START_TEST (test_wait_random)
{
  GRand *rand = g_rand_new_with_seed (17);
  guint order[CHAIN_SZ];
  guint i;

  for (i = 0; i < CHAIN_SZ; i++) {
    guint j = g_rand_int_range (rand, 0, i + 1);

    order[i] = order[j];
    order[j] = i;
  }
  g_rand_free (rand);
  wait_in_order (order, CHAIN_SZ);
}
GST_END_TEST;

static Suite *
chain_suite (void)
{
  Suite *s = suite_create ("st-dma-fence-chain");
  TCase *tc = backend_add_case (s, "kunit");

  tcase_add_test (tc, test_sanitycheck);
  tcase_add_test (tc, test_find_seqno);
  tcase_add_test (tc, test_find_signaled);
  tcase_add_test (tc, test_find_out_of_order);
  tcase_add_test (tc, test_find_gap);
  tcase_add_test (tc, test_find_race);
  tcase_add_test (tc, test_signal_forward);
  tcase_add_test (tc, test_signal_backward);
  tcase_add_test (tc, test_wait_forward);
  tcase_add_test (tc, test_wait_backward);
  tcase_add_test (tc, test_wait_random);
  return s;
}

GST_CHECK_MAIN (chain);
