/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ten cases of the kernel's st-dma-fence-unwrap, by their names. */

#include "../lib/sync.h"

static DmabufFence *
array_of (DmabufFence *a, DmabufFence *b)
{
  DmabufFence **fences = g_new (DmabufFence *, 2);

  fences[0] = dmabuf_fence_ref (a);
  fences[1] = b ? dmabuf_fence_ref (b) : NULL;
  return dmabuf_fence_array_new (
      fences, b ? 2 : 1, dmabuf_fence_context_alloc (1), 1);
}

static DmabufFence *
chain_of (DmabufFence *previous, DmabufFence *fence)
{
  return dmabuf_fence_chain_new (previous ? dmabuf_fence_ref (previous) : NULL,
      dmabuf_fence_ref (fence), 1);
}

/* The leaves of @head are exactly @a and @b, in this order if @ordered. */
static void
assert_leaves (
    DmabufFence *head, DmabufFence *a, DmabufFence *b, gboolean ordered)
{
  DmabufFenceUnwrap cursor;
  DmabufFence *leaf;
  DmabufFence *seen[3];
  guint n = 0;

  for (leaf = dmabuf_fence_unwrap_first (head, &cursor); leaf;
      leaf = dmabuf_fence_unwrap_next (&cursor)) {
    fail_unless (n < 3);
    seen[n++] = leaf;
  }
  fail_unless_equals_int (n, b ? 2 : 1);
  if (!b)
    fail_unless (seen[0] == a);
  else
    fail_unless ((seen[0] == a && seen[1] == b)
        || (!ordered && seen[0] == b && seen[1] == a));
}

static void
end (DmabufFence *head, DmabufFence *a, DmabufFence *b)
{
  signal_and_unref (a);
  signal_and_unref (b);
  fail_unless (dmabuf_fence_is_signaled (head));
  dmabuf_fence_unref (head);
}

GST_START_TEST (test_sanitycheck)
{
  DmabufFence *fence = mock_fence ();
  DmabufFence *array = array_of (fence, NULL);
  DmabufFence *chain = chain_of (NULL, array);

  fail_unless (chain != NULL);
  dmabuf_fence_unref (array);
  signal_and_unref (fence);
  dmabuf_fence_unref (chain);
}
GST_END_TEST;

GST_START_TEST (test_unwrap_array)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *array = array_of (a, b);

  assert_leaves (array, a, b, TRUE);
  end (array, a, b);
}
GST_END_TEST;

GST_START_TEST (test_unwrap_chain)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *chain = chain_of (a, b);

  /* UNW-1: newest first */
  assert_leaves (chain, b, a, TRUE);
  end (chain, a, b);
}
GST_END_TEST;

GST_START_TEST (test_unwrap_chain_array)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *array = array_of (a, b);
  DmabufFence *chain = chain_of (NULL, array);

  dmabuf_fence_unref (array);
  assert_leaves (chain, a, b, TRUE);
  end (chain, a, b);
}
GST_END_TEST;

GST_START_TEST (test_unwrap_merge)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *merged = dmabuf_fence_merge (a, b);

  assert_leaves (merged, a, b, FALSE);
  end (merged, a, b);
}
GST_END_TEST;

GST_START_TEST (test_unwrap_merge_duplicate)
{
  DmabufFence *a = mock_fence ();
  DmabufFence *merged = dmabuf_fence_merge (a, a);

  assert_leaves (merged, a, NULL, TRUE);
  signal_and_unref (a);
  dmabuf_fence_unref (merged);
}
GST_END_TEST;

/* UNW-2: the latest of each context, sorted by context. */
GST_START_TEST (test_unwrap_merge_seqno)
{
  guint64 context = dmabuf_fence_context_alloc (2);
  DmabufFence *a = mock_fence_at (context + 1, 1);
  DmabufFence *b = mock_fence_at (context + 1, 2);
  DmabufFence *c = mock_fence_at (context, 1);
  DmabufFence *all[] = { a, b, c };
  DmabufFence *merged = dmabuf_fence_merge_many (all, 3);

  assert_leaves (merged, c, b, TRUE);
  signal_and_unref (a);
  end (merged, b, c);
}
GST_END_TEST;

GST_START_TEST (test_unwrap_merge_order)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *array = array_of (a, b);
  DmabufFence *chain = chain_of (a, b);
  DmabufFence *merged = dmabuf_fence_merge (array, chain);

  assert_leaves (merged, a, b, TRUE);
  dmabuf_fence_unref (array);
  dmabuf_fence_unref (chain);
  end (merged, a, b);
}
GST_END_TEST;

GST_START_TEST (test_unwrap_merge_complex)
{
  DmabufFence *a = mock_fence (), *b = mock_fence ();
  DmabufFence *inner = dmabuf_fence_merge (a, b);
  DmabufFence *array = array_of (b, a);
  DmabufFence *stub = dmabuf_fence_get_stub ();
  DmabufFence *all[] = { inner, array, stub };
  DmabufFence *merged = dmabuf_fence_merge_many (all, 3);

  assert_leaves (merged, a, b, FALSE);
  dmabuf_fence_unref (inner);
  dmabuf_fence_unref (array);
  dmabuf_fence_unref (stub);
  end (merged, a, b);
}
GST_END_TEST;

GST_START_TEST (test_unwrap_merge_complex_seqno)
{
  guint64 context = dmabuf_fence_context_alloc (2);
  DmabufFence *a = mock_fence_at (context, 2);
  DmabufFence *b = mock_fence_at (context + 1, 1);
  DmabufFence *c = mock_fence_at (context, 1);
  DmabufFence *d = mock_fence_at (context + 1, 2);
  DmabufFence *first = array_of (a, b);
  DmabufFence *second = array_of (c, d);
  DmabufFence *merged = dmabuf_fence_merge (first, second);

  assert_leaves (merged, a, d, TRUE);
  dmabuf_fence_unref (first);
  dmabuf_fence_unref (second);
  signal_and_unref (b);
  signal_and_unref (c);
  end (merged, a, d);
}
GST_END_TEST;

static Suite *
unwrap_suite (void)
{
  Suite *s = suite_create ("st-dma-fence-unwrap");
  TCase *tc = backend_add_case (s, "kunit");

  tcase_add_test (tc, test_sanitycheck);
  tcase_add_test (tc, test_unwrap_array);
  tcase_add_test (tc, test_unwrap_chain);
  tcase_add_test (tc, test_unwrap_chain_array);
  tcase_add_test (tc, test_unwrap_merge);
  tcase_add_test (tc, test_unwrap_merge_duplicate);
  tcase_add_test (tc, test_unwrap_merge_seqno);
  tcase_add_test (tc, test_unwrap_merge_order);
  tcase_add_test (tc, test_unwrap_merge_complex);
  tcase_add_test (tc, test_unwrap_merge_complex_seqno);
  return s;
}

GST_CHECK_MAIN (unwrap);
