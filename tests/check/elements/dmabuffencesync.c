/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dmabuffencesync and fences: the choice of mode auto, waiting in order, export
 * and import, timeouts. */

#include "fencesync-harness.h"

#include "fencesync-action.h"

/* --- auto ------------------------------------------------------------------
 */

static const struct
{
  GstDmabufFenceSyncMode mode;
  gboolean answers, sync_meta, implicit;
  FenceSyncAction action;
} choices[] = {
  { GST_DMABUF_FENCE_SYNC_MODE_AUTO, FALSE, FALSE, FALSE, FENCE_SYNC_WAIT },
  { GST_DMABUF_FENCE_SYNC_MODE_AUTO, TRUE, FALSE, FALSE, FENCE_SYNC_WAIT },
  { GST_DMABUF_FENCE_SYNC_MODE_AUTO, TRUE, TRUE, FALSE, FENCE_SYNC_NOTHING },
  { GST_DMABUF_FENCE_SYNC_MODE_AUTO, TRUE, FALSE, TRUE, FENCE_SYNC_IMPORT },
  { GST_DMABUF_FENCE_SYNC_MODE_AUTO, TRUE, TRUE, TRUE, FENCE_SYNC_NOTHING },
  { GST_DMABUF_FENCE_SYNC_MODE_WAIT, TRUE, TRUE, TRUE, FENCE_SYNC_WAIT },
  { GST_DMABUF_FENCE_SYNC_MODE_EXPORT, TRUE, TRUE, TRUE, FENCE_SYNC_EXPORT },
  { GST_DMABUF_FENCE_SYNC_MODE_IMPORT, FALSE, FALSE, FALSE, FENCE_SYNC_IMPORT },
};

GST_START_TEST (test_choice_by_mode_and_peer)
{
  GstCaps *caps = gst_caps_from_string (CAPS);
  GstQuery *query = gst_query_new_allocation (caps, FALSE);
  GstDmabufCoreConstraints constraints;

  gst_dmabuf_core_constraints_init (&constraints, "peer");
  constraints.implicit_sync = choices[__i__].implicit;
  if (choices[__i__].implicit)
    gst_query_add_dmabuf_core_constraints (query, &constraints);
  if (choices[__i__].sync_meta)
    gst_query_add_allocation_meta (
        query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);
  fail_unless_equals_int (fence_sync_choose (choices[__i__].mode,
                              choices[__i__].answers ? query : NULL),
      choices[__i__].action);
  gst_query_unref (query);
  gst_caps_unref (caps);
}
GST_END_TEST;

/* Before a peer that takes fences the same buffer passes at once, without a
 * system call. */
GST_START_TEST (test_auto_does_nothing_where_both_understand_each_other)
{
  GstHarness *harness = new_harness ("mode=auto");
  DmabufFence *fence = new_fence ();
  GstBuffer *buffer, *out;

  gst_harness_add_propose_allocation_meta (
      harness, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);
  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (0)), GST_FLOW_OK);
  gst_buffer_unref (gst_harness_pull (harness));

  buffer = new_numbered (1);
  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  if (backend_is_fake ())
    fake_kernel_reset_calls ();
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  if (backend_is_fake ())
    fail_unless_equals_int (fake_kernel_get_calls (FAKE_N_CALLS), 0);
  out = gst_harness_pull (harness);
  fail_unless (out == buffer);
  fail_unless (gst_buffer_get_dmabuf_core_fence (out) == fence);
  fail_unless_equals_uint64 (get_stat (harness, "cpu-waits"), 0);

  gst_buffer_unref (out);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* Memory that is no dma-buf has no fences and passes. */
GST_START_TEST (test_other_memory_passes)
{
  GstHarness *harness = new_harness ("mode=wait");
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, SIZE, NULL);

  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless (gst_harness_pull (harness) == buffer);
  gst_buffer_unref (buffer);
  gst_harness_teardown (harness);
}
GST_END_TEST;

/* --- wait ------------------------------------------------------------------
 */

typedef struct
{
  GstHarness *harness;
  DmabufFence **fences;
  guint n;
  guint n_early;
} Pushing;

static gpointer
push_thread (gpointer user_data)
{
  Pushing *pushing = user_data;
  guint i;

  for (i = 0; i < pushing->n; i++) {
    GstBuffer *buffer = new_numbered (i);

    gst_buffer_add_dmabuf_core_sync_meta (buffer, pushing->fences[i]);
    fail_unless_equals_int (
        gst_harness_push (pushing->harness, buffer), GST_FLOW_OK);
  }
  return NULL;
}

/* Counts buffers that come before their fence has signalled. */
static GstPadProbeReturn
check_signal (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Pushing *pushing = user_data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);

  pushing->n_early +=
      !dmabuf_fence_is_signaled (pushing->fences[GST_BUFFER_OFFSET (buffer)]);
  return GST_PAD_PROBE_OK;
}

static const guint pendings[] = { 1, 8 };

/* A buffer is pushed after its fence has signalled, in order for any order of
 * the signals, and at most max-pending buffers wait inside. */
GST_START_TEST (test_wait_releases_in_order_after_the_signal)
{
  guint max_pending = pendings[__i__], i;
  char *properties = g_strdup_printf ("mode=wait max-pending=%u", max_pending);
  GstHarness *harness = new_harness (properties);
  DmabufFence *fences[12];
  Pushing pushing = { harness, fences, G_N_ELEMENTS (fences) };
  GThread *thread;

  /* Each has a timeline of its own, so that they can signal in any order. */
  for (i = 0; i < G_N_ELEMENTS (fences); i++)
    fences[i] = dmabuf_fence_new_software (
        dmabuf_fence_context_alloc (1), 1, FAR_AWAY, NULL);
  gst_pad_add_probe (harness->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, check_signal,
      &pushing, NULL);

  thread = g_thread_new ("push", push_thread, &pushing);
  wait_for_stat (harness, "frames", max_pending > 1 ? max_pending + 1 : 1);
  wait_for_stat (harness, "cpu-waits", 1);
  fail_unless_equals_int (gst_harness_buffers_received (harness), 0);

  /* While the first one is pending, no other passes. */
  for (i = G_N_ELEMENTS (fences) - 1; i > 0; i--)
    dmabuf_fence_signal (fences[i]);
  poller_settle ();
  fail_unless_equals_int (gst_harness_buffers_received (harness), 0);
  dmabuf_fence_signal (fences[0]);

  for (i = 0; i < G_N_ELEMENTS (fences); i++) {
    GstBuffer *buffer = gst_harness_pull (harness);

    fail_unless (buffer != NULL);
    fail_unless_equals_uint64 (GST_BUFFER_OFFSET (buffer), i);
    gst_buffer_unref (buffer);
  }
  g_thread_join (thread);
  fail_unless_equals_int (pushing.n_early, 0);
  fail_unless (get_stat (harness, "waited") >= 1);
  fail_unless (get_stat (harness, "wait-max") > 0);

  gst_harness_teardown (harness);
  for (i = 0; i < G_N_ELEMENTS (fences); i++)
    dmabuf_fence_unref (fences[i]);
  g_free (properties);
}
GST_END_TEST;

/* POLL-1: the kernel's fences count as well: a reader waits for writers, a
 * writer for readers too. */
static const struct
{
  const char *access;
  DmabufAccess fence;
  gboolean waits;
} accesses[] = {
  { "read", DMABUF_ACCESS_WRITE, TRUE },
  { "read", DMABUF_ACCESS_READ, FALSE },
  { "write", DMABUF_ACCESS_READ, TRUE },
  { "write", DMABUF_ACCESS_WRITE, TRUE },
};

GST_START_TEST (test_poll1_wait_for_the_kernels_fences)
{
  char *properties =
      g_strdup_printf ("mode=wait access=%s", accesses[__i__].access);
  GstHarness *harness = new_harness (properties);
  int sw = timeline_open ();
  DmabufFence *fence = timeline_new_fence (sw, 1);
  GstBuffer *buffer = new_numbered (0);
  GError *error = NULL;
  Sleeper *sleeper = NULL;

  fail_unless (dmabuf_buffer_add_fence (
      frame_get_dmabuf (buffer), accesses[__i__].fence, fence, &error));
  assert_no_error (error);
  if (accesses[__i__].waits)
    sleeper = when_i_sleep (step, GINT_TO_POINTER (sw));
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  if (sleeper)
    fail_unless (sleeper_woke_me (sleeper));
  fail_unless_equals_int (
      dmabuf_fence_is_signaled (fence), accesses[__i__].waits);
  fail_unless_equals_uint64 (
      get_stat (harness, "waited"), accesses[__i__].waits);

  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
  dmabuf_kernel->close (sw);
  g_free (properties);
}
GST_END_TEST;

/* A dma-buf of another allocator whose import fails, for lack of an fd, counts
 * as pending. */
GST_START_TEST (test_what_cannot_be_asked_is_not_ready)
{
  GstHarness *harness = new_harness ("mode=wait");
  GstAllocator *upstream = gst_dmabuf_allocator_new ();
  GstBuffer *ours = new_numbered (0), *buffer = gst_buffer_new ();
  DmabufBuffer *dmabuf = frame_get_dmabuf (ours);
  int fd = dmabuf_buffer_export (dmabuf, NULL);
  DmabufFence *fence = new_fence ();
  GError *error = NULL;

  gst_buffer_append_memory (buffer,
      gst_dmabuf_allocator_alloc_with_flags (
          upstream, fd, SIZE, GST_FD_MEMORY_FLAG_DONT_CLOSE));
  fail_unless (
      dmabuf_buffer_add_fence (dmabuf, DMABUF_ACCESS_WRITE, fence, &error));

  fake_kernel_fail_nth (1, EMFILE);
  fail_if (fence_sync_is_ready (buffer, DMABUF_ACCESS_READ));
  fake_kernel_fail_nth (1, EMFILE);
  fail_if (fence_sync_wait (
      buffer, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, &error));
  assert_error (error, EMFILE);
  fake_kernel_fail_nth (0, 0);

  /* Likewise in the element, which asks again. */
  dmabuf_fence_signal (fence);
  fake_kernel_fail_nth (1, EMFILE);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fake_kernel_fail_nth (0, 0);

  gst_harness_teardown (harness);
  gst_buffer_unref (ours);
  gst_object_unref (upstream);
  dmabuf_fence_unref (fence);
  dmabuf_kernel->close (fd);
}
GST_END_TEST;

static gpointer
signal_vgem (gpointer user_data)
{
  const guint32 *vgem_fence = user_data;

  fail_unless_equals_int (vgem_signal (vgem_fence[0], vgem_fence[1]), 0);
  return NULL;
}

/* VGEM-1: a fence that another driver put into the reservation. */
GST_START_TEST (test_vgem1_wait_for_another_drivers_fence)
{
  GstHarness *harness = new_harness ("mode=wait");
  GstBuffer *buffer = new_numbered (0);
  guint32 vgem_fence[2] = { vgem_open () };
  Sleeper *sleeper;

  fail_unless_equals_int (vgem_attach (vgem_fence[0],
                              dmabuf_buffer_get_fd (frame_get_dmabuf (buffer)),
                              VGEM_FENCE_WRITE, &vgem_fence[1]),
      0);
  sleeper = when_i_sleep (signal_vgem, vgem_fence);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless_equals_uint64 (get_stat (harness, "waited"), 1);
  gst_harness_teardown (harness);
  close_fd (vgem_fence[0]);
}
GST_END_TEST;

/* --- export, import --------------------------------------------------------
 */

/* XSF-1: the new acquire fence has exactly the leaves of the kernel's snapshot
 * and of the old acquire fence. */
GST_START_TEST (test_xsf1_export_has_the_right_leaves)
{
  GstHarness *harness = new_harness ("mode=export");
  int sw = timeline_open ();
  DmabufFence *kernel = timeline_new_fence (sw, 1), *software = new_fence ();
  GstBuffer *buffer = new_numbered (0), *out;
  DmabufFence *acquire, *leaf;
  DmabufFenceUnwrap cursor;
  guint n_kernel = 0, n_software = 0;

  fail_unless (dmabuf_buffer_add_fence (
      frame_get_dmabuf (buffer), DMABUF_ACCESS_WRITE, kernel, NULL));
  gst_buffer_add_dmabuf_core_sync_meta (buffer, software);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  out = gst_harness_pull (harness);
  acquire = gst_buffer_get_dmabuf_core_fence (out);
  fail_unless (acquire != NULL);

  for (leaf = dmabuf_fence_unwrap_first (acquire, &cursor); leaf;
      leaf = dmabuf_fence_unwrap_next (&cursor)) {
    if (leaf == software)
      n_software++;
    else
      n_kernel += dmabuf_fence_get_kind (leaf) == DMABUF_FENCE_KIND_KERNEL;
  }
  fail_unless_equals_int (n_software, 1);
  fail_unless_equals_int (n_kernel, 1);

  dmabuf_timeline_advance (timeline, 1);
  fail_if (dmabuf_fence_is_signaled (acquire));
  timeline_inc (sw, 1);
  fail_unless (dmabuf_fence_wait (acquire, DMABUF_DEADLINE_NEVER, NULL, NULL));
  gst_buffer_unref (out);

  /* Without pending fences no sync meta is added. */
  fail_unless_equals_int (
      gst_harness_push (harness, new_numbered (1)), GST_FLOW_OK);
  out = gst_harness_pull (harness);
  fail_unless (gst_buffer_get_dmabuf_core_sync_meta (out) == NULL);
  gst_buffer_unref (out);

  gst_harness_teardown (harness);
  dmabuf_fence_unref (kernel);
  dmabuf_fence_unref (software);
  dmabuf_kernel->close (sw);
}
GST_END_TEST;

/* XSF-3, XSF-4: after import an implicit consumer, reader or writer, waits. */
GST_START_TEST (test_xsf3_import_makes_implicit_consumers_wait)
{
  GstHarness *harness = new_harness ("mode=import");
  int sw = timeline_open ();
  DmabufFence *fence = timeline_new_fence (sw, 1);
  GstBuffer *buffer = new_numbered (0), *out;
  struct pollfd poll_fd = { .events = POLLIN };
  struct timespec now = { 0, 0 };

  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  out = gst_harness_pull (harness);
  fail_if (dmabuf_fence_is_signaled (fence));
  fail_unless_equals_uint64 (get_stat (harness, "cpu-waits"), 0);
  fail_unless_equals_uint64 (get_stat (harness, "fences-armed"), 1);

  poll_fd.fd = dmabuf_buffer_get_fd (frame_get_dmabuf (out));
  fail_unless_equals_int (dmabuf_kernel->ppoll (&poll_fd, 1, &now), 0);
  timeline_inc (sw, 1);
  fail_unless_equals_int (dmabuf_kernel->ppoll (&poll_fd, 1, &now), 1);

  gst_buffer_unref (out);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
  dmabuf_kernel->close (sw);
}
GST_END_TEST;

/* IND-1: a fence that this process signals never goes into the kernel; it is
 * waited for instead. */
GST_START_TEST (test_ind1_import_waits_for_a_software_fence)
{
  GstHarness *harness = new_harness ("mode=import");
  DmabufFence *fence = new_fence ();
  GstBuffer *buffer = new_numbered (0);
  Sleeper *sleeper;

  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  sleeper = when_i_sleep (signal_fence, fence);
  fail_unless_equals_int (gst_harness_push (harness, buffer), GST_FLOW_OK);
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless (dmabuf_fence_is_signaled (fence));
  fail_unless_equals_uint64 (get_stat (harness, "cpu-waits"), 1);
  fail_unless_equals_uint64 (get_stat (harness, "fences-armed"), 0);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
}
GST_END_TEST;

/* --- timeout ---------------------------------------------------------------
 */

static const struct
{
  const char *policy;
  GstFlowReturn flow;
  guint received;
  GstMessageType message;
  const char *field; /* The statistics field that counts it */
} timeouts[] = {
  { "error", GST_FLOW_ERROR, 0, GST_MESSAGE_ERROR, NULL },
  { "drop", GST_FLOW_OK, 0, 0, "dropped" },
  { "pass", GST_FLOW_OK, 1, GST_MESSAGE_WARNING, "passed" },
};

GST_START_TEST (test_timeout)
{
  char *properties = g_strdup_printf (
      "mode=wait timeout=5000000 on-timeout=%s", timeouts[__i__].policy);
  GstHarness *harness = new_harness (properties);
  GstElement *element = gst_harness_find_element (harness, "dmabuffencesync");
  GstBus *bus = gst_bus_new ();
  DmabufFence *fence = new_fence ();
  GstBuffer *buffer = new_numbered (0);
  GstMessage *message;

  gst_element_set_bus (element, bus);
  gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
  fail_unless_equals_int (
      gst_harness_push (harness, buffer), timeouts[__i__].flow);
  fail_unless_equals_int (
      gst_harness_buffers_received (harness), timeouts[__i__].received);
  if (timeouts[__i__].field)
    fail_unless_equals_uint64 (get_stat (harness, timeouts[__i__].field), 1);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
  fail_unless_equals_int (
      message ? GST_MESSAGE_TYPE (message) : 0, timeouts[__i__].message);
  g_clear_pointer (&message, gst_message_unref);

  /* The frame after a dropped one has DISCONT. */
  if (g_str_equal (timeouts[__i__].policy, "drop")) {
    fail_unless_equals_int (
        gst_harness_push (harness, new_numbered (1)), GST_FLOW_OK);
    buffer = gst_harness_pull (harness);
    fail_unless (GST_BUFFER_IS_DISCONT (buffer));
    gst_buffer_unref (buffer);
  }

  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
  gst_harness_teardown (harness);
  dmabuf_fence_unref (fence);
  g_free (properties);
}
GST_END_TEST;

static Suite *
dmabuffencesync_suite (void)
{
  Suite *suite = suite_create ("dmabuffencesync");
  TCase *tc = tcase_create ("dmabuffencesync");

  GST_ELEMENT_REGISTER (dmabuffencesync, NULL);
  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, fixture_setup, fixture_teardown);
  tcase_add_loop_test (
      tc, test_choice_by_mode_and_peer, 0, G_N_ELEMENTS (choices));
  tcase_add_test (tc, test_auto_does_nothing_where_both_understand_each_other);
  tcase_add_test (tc, test_other_memory_passes);
  tcase_add_loop_test (tc, test_wait_releases_in_order_after_the_signal, 0,
      G_N_ELEMENTS (pendings));
  tcase_add_loop_test (
      tc, test_poll1_wait_for_the_kernels_fences, 0, G_N_ELEMENTS (accesses));
  if (backend_is_fake ())
    tcase_add_test (tc, test_what_cannot_be_asked_is_not_ready);
  tcase_add_test (tc, test_vgem1_wait_for_another_drivers_fence);
  tcase_add_test (tc, test_xsf1_export_has_the_right_leaves);
  tcase_add_test (tc, test_xsf3_import_makes_implicit_consumers_wait);
  tcase_add_test (tc, test_ind1_import_waits_for_a_software_fence);
  tcase_add_loop_test (tc, test_timeout, 0, G_N_ELEMENTS (timeouts));

  return suite;
}

/* The elements are linked in: hide the plugin that also has them. */
int
main (int argc, char **argv)
{
  g_unsetenv ("GST_PLUGIN_PATH");
  gst_check_init (&argc, &argv);
  return gst_check_run_suite (
      dmabuffencesync_suite (), "dmabuffencesync", __FILE__);
}
