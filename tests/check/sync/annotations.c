/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Misuse that the annotations report. */

#include "../lib/sync.h"

/* --- Annotations (ANN-1 … ANN-3, XDC-3) ---------------------------------- */

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

/* ANN-1, ANN-2: sections nest; a wait, a lock of a reservation or an allocation
 * inside of one is reported. */
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

/* ANN-2: the two halves of a deadlock are reported even if they never met. */
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
  /* Y was taken while signalling, so a wait under it is reported. */
  dmabuf_annotation_lock ("Y", "under Y");
  ASSERT_COMPLAINS (TRUE, dmabuf_fence_wait (stub, 0, NULL, NULL));
  dmabuf_annotation_unlock ("Y");
  dmabuf_annotation_set_checks (FALSE);
  dmabuf_fence_unref (stub);
}
GST_END_TEST;

/* ANN-2: kinds of locks beyond the graph's size are left unchecked, and are not
 * mistaken for signalling. The last test, as it fills the graph for good. */
GST_START_TEST (test_ann2_too_many_kinds_of_locks)
{
  DmabufReservation *resv = dmabuf_reservation_new ();
  const char *last = NULL;
  guint i;

  dmabuf_annotation_set_checks (TRUE);
  g_test_expect_message ("dmabufcore", G_LOG_LEVEL_WARNING, "*kinds of locks*");
  for (i = 0; i < 70; i++) {
    g_autofree char *name = g_strdup_printf ("lock %u", i);

    last = g_intern_string (name);
    dmabuf_annotation_lock (last, "test");
    dmabuf_annotation_unlock (last);
  }
  g_test_assert_expected_messages ();

  dmabuf_annotation_lock (last, "test");
  ASSERT_COMPLAINS (FALSE, dmabuf_reservation_lock (resv, NULL, NULL));
  dmabuf_reservation_unlock (resv);
  dmabuf_annotation_unlock (last);
  dmabuf_annotation_set_checks (FALSE);
  dmabuf_reservation_unref (resv);
}
GST_END_TEST;

static Suite *
annotations_suite (void)
{
  Suite *s = suite_create ("annotations");
  TCase *tc = backend_add_case (s, "annotations");

  tcase_add_test (tc, test_ann2_wait_and_lock_inside);
  tcase_add_test (tc, test_ann3_wait_under_a_reservation);
  tcase_add_test (tc, test_ann2_order_of_lock_and_wait);
  tcase_add_test (tc, test_ann2_too_many_kinds_of_locks);
  return s;
}

GST_CHECK_MAIN (annotations);
