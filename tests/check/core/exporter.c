/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract of exporters, for ours and a third party's: export, attach, map,
 * heaps, udmabuf, statistics. */

#include "../lib/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE 4096

/* An exporter without map: an incomplete class. */
#define PARTIAL_TYPE_EXPORTER (partial_exporter_get_type ())
G_DECLARE_FINAL_TYPE (
    PartialExporter, partial_exporter, PARTIAL, EXPORTER, DmabufExporter)

struct _PartialExporter
{
  DmabufExporter parent_instance;
};

G_DEFINE_FINAL_TYPE (PartialExporter, partial_exporter, DMABUF_TYPE_EXPORTER)

static int
partial_exporter_allocate (DmabufExporter *exporter, gsize size, GError **error)
{
  return -1;
}

static void
partial_exporter_class_init (PartialExporterClass *klass)
{
  DMABUF_EXPORTER_CLASS (klass)->allocate = partial_exporter_allocate;
}

static void
partial_exporter_init (PartialExporter *self)
{
}

static gboolean
pin_nothing (
    DmabufExporter *exporter, DmabufAttachment *attachment, GError **error)
{
  return TRUE;
}

/* EXP-1: operations are mandatory; pin and unpin come together or not at all.
 */
GST_START_TEST (test_exp1_mandatory_operations)
{
  DmabufExporter *exporter =
      g_object_new (PARTIAL_TYPE_EXPORTER, "name", "partial", NULL);
  DmabufExporterClass *klass = DMABUF_EXPORTER_GET_CLASS (exporter);
  DmabufExporterClass saved = *klass;
  GError *error = NULL;

  klass->map = NULL;
  fail_unless (dmabuf_exporter_allocate (exporter, 1, &error) == NULL);
  assert_error (error, EINVAL);
  *klass = saved;
  klass->unmap = NULL;
  fail_unless (dmabuf_exporter_allocate (exporter, 1, &error) == NULL);
  assert_error (error, EINVAL);
  *klass = saved;
  klass->release = NULL;
  fail_unless (dmabuf_buffer_new_deferred (&exporter, 1, 1, &error) == NULL);
  assert_error (error, EINVAL);
  *klass = saved;
  klass->pin = pin_nothing;
  fail_unless (dmabuf_exporter_allocate (exporter, 1, &error) == NULL);
  assert_error (error, EINVAL);
  *klass = saved;

  /* Complete, but allocate returns -1 without an error: ENOMEM */
  fail_unless (dmabuf_exporter_allocate (exporter, 1, &error) == NULL);
  assert_error (error, ENOMEM);
  fail_unless (dmabuf_buffer_new_deferred (NULL, 0, 1, &error) == NULL);
  assert_error (error, EINVAL);
  g_object_unref (exporter);
}
GST_END_TEST;

/* EXP-4, EXP-5, SEC-21: the storage is released once, even if making an fd
 * failed before. */
GST_START_TEST (test_exp4_failing_fd_releases_once)
{
  DmabufExporter *exporter = backend_new_exporter (2);
  ThirdExporter *third = THIRD_EXPORTER (exporter);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  struct rlimit limit, none = { 0, 0 };
  int lowest;
  GError *error = NULL;

  /* The lowest free fd number: with this limit all allowed ones are taken. */
  lowest = dup (0);
  close (lowest);
  getrlimit (RLIMIT_NOFILE, &limit);
  none.rlim_cur = lowest;
  none.rlim_max = limit.rlim_max;
  fail_unless (setrlimit (RLIMIT_NOFILE, &none) == 0);
  fail_unless (dmabuf_buffer_export (buffer, &error) == -1);
  setrlimit (RLIMIT_NOFILE, &limit);
  assert_error (error, EMFILE);
  fail_unless_equals_int (third->n_released, 0);
  dmabuf_buffer_unref (buffer);
  fail_unless_equals_int (third->n_released, 1);
  fail_unless_equals_int (third->n_data_freed, 1);
  g_object_unref (exporter);
}
GST_END_TEST;

static gpointer
unref_buffer (gpointer buffer)
{
  dmabuf_buffer_unref (buffer);
  return NULL;
}

/* EXP-7, EXP-9: a buffer is released once, by the thread that drops the last
 * reference, and kept by an attachment until then. EXP-7: unref of NULL is
 * reported. */
GST_START_TEST (test_exp9_release_on_any_thread)
{
  DmabufExporter *exporter = backend_new_exporter (2);
  ThirdExporter *third = THIRD_EXPORTER (exporter);
  TestDevice *device = test_device_new ("test", 0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  DmabufAttachment *attachment =
      dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);

  g_thread_join (g_thread_new ("unref", unref_buffer, buffer));
  fail_unless_equals_int (third->n_released, 0);
  dmabuf_attachment_unref (attachment);
  dmabuf_device_trim (DMABUF_DEVICE (device));
  fail_unless_equals_int (third->n_released, 1);

  ASSERT_MISUSE (dmabuf_buffer_unref (NULL));
  g_object_unref (device);
  g_object_unref (exporter);
}
GST_END_TEST;

/* ATT-1: the exporter can veto. ATT-3: it sees attach and detach once each.
 * ATT-5: a static importer needs no invalidate operation. */
GST_START_TEST (test_att3_exporter_sees_attachments)
{
  DmabufExporter *exporter = backend_new_exporter (2);
  ThirdExporter *third = THIRD_EXPORTER (exporter);
  TestDevice *device = test_device_new ("test", 0);
  TestDevice *other = test_device_new ("other", 0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  DmabufAttachment *first, *second;
  GError *error = NULL;

  third->veto = DMABUF_DEVICE (device);
  fail_unless (
      dmabuf_device_attach (DMABUF_DEVICE (device), buffer, &error) == NULL);
  assert_error (error, EBUSY);
  fail_unless_equals_int (third->n_attached, 0);
  third->veto = NULL;

  /* ATT-7: each device has its own attachment. */
  first = dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
  second = dmabuf_device_attach (DMABUF_DEVICE (other), buffer, NULL);
  fail_unless (first != second);
  fail_unless_equals_int (third->n_attached, 2);
  dmabuf_attachment_unref (first);
  dmabuf_attachment_unref (second);

  /* ATT-3: detaching a buffer that is not attached is misuse. */
  fail_unless (dmabuf_device_detach (DMABUF_DEVICE (other), buffer, &error));
  fail_unless_equals_int (third->n_attached, 1);
  ASSERT_MISUSE (dmabuf_device_detach (DMABUF_DEVICE (other), buffer, &error));
  assert_error (error, EINVAL);

  dmabuf_device_trim (DMABUF_DEVICE (device));
  fail_unless_equals_int (third->n_attached, 0);
  dmabuf_buffer_unref (buffer);
  g_object_unref (device);
  g_object_unref (other);
  g_object_unref (exporter);
}
GST_END_TEST;

/* ATT-4: a mapped buffer cannot be detached. */
GST_START_TEST (test_att4_detach_of_a_mapped_buffer_is_ebusy)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  TestDevice *device = test_device_new ("test", 0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  DmabufAttachment *attachment =
      dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
  DmabufMapping *mapping =
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_TO_DEVICE, NULL);
  GError *error = NULL;

  ASSERT_MISUSE (dmabuf_device_detach (DMABUF_DEVICE (device), buffer, &error));
  assert_error (error, EBUSY);
  dmabuf_device_trim (DMABUF_DEVICE (device));
  dmabuf_mapping_unmap (mapping, NULL, NULL);
  fail_unless (dmabuf_device_detach (DMABUF_DEVICE (device), buffer, &error));

  dmabuf_attachment_unref (attachment);
  dmabuf_buffer_unref (buffer);
  g_object_unref (device);
  g_object_unref (exporter);
}
GST_END_TEST;

/* MAP-2: the exporter's error is passed on; FALSE without an error means
 * ENOMEM; the buffer stays unmapped. MAP-5: each map is unmapped once. */
GST_START_TEST (test_map2_errors_of_the_exporter)
{
  DmabufExporter *exporter = backend_new_exporter (2);
  ThirdExporter *third = THIRD_EXPORTER (exporter);
  TestDevice *device = test_device_new ("test", 0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  DmabufAttachment *attachment =
      dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
  DmabufMapping *mapping;
  GError *error = NULL;

  third->fail_map = EINTR;
  fail_unless (
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_TO_DEVICE, &error)
      == NULL);
  assert_error (error, EINTR);
  third->fail_map = -1;
  fail_unless (
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_TO_DEVICE, &error)
      == NULL);
  assert_error (error, ENOMEM);
  third->fail_map = 0;

  /* Another direction succeeds, so the failures left nothing mapped. */
  mapping =
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_FROM_DEVICE, NULL);
  fail_unless (mapping != NULL);
  fail_unless_equals_int (third->n_mapped, 1);
  fail_unless (dmabuf_mapping_unmap (mapping, NULL, NULL));
  fail_unless_equals_int (third->n_mapped, 0);

  dmabuf_attachment_unref (attachment);
  dmabuf_buffer_unref (buffer);
  g_object_unref (device);
  g_object_unref (exporter);
}
GST_END_TEST;

/* MAP-3, MAP-7: mapping does not wait; the mapping has the fences that conflict
 * with it, and KERNEL fences for every direction. */
GST_START_TEST (test_map3_fences_are_handed_over)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  TestDevice *device =
      test_device_new ("test", DMABUF_DEVICE_FLAG_IMPLICIT_SYNC);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  DmabufReservation *reservation = dmabuf_buffer_get_reservation (buffer);
  DmabufAttachment *attachment =
      dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
  DmabufMapping *mapping;
  DmabufFence *fence;

  mapping =
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_TO_DEVICE, NULL);
  fail_unless (dmabuf_mapping_get_fence (mapping) == NULL);
  dmabuf_mapping_unmap (mapping, NULL, NULL);

  fence = dmabuf_fence_new_software (
      dmabuf_fence_context_alloc (1), 1, FAR_AWAY, NULL);
  dmabuf_reservation_lock (reservation, NULL, NULL);
  dmabuf_reservation_reserve (reservation, 1, NULL);
  dmabuf_reservation_add (reservation, fence, DMABUF_USAGE_KERNEL);
  dmabuf_reservation_unlock (reservation);
  mapping =
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_TO_DEVICE, NULL);
  fail_unless (dmabuf_mapping_get_fence (mapping) != NULL);
  fail_if (dmabuf_fence_is_signaled (dmabuf_mapping_get_fence (mapping)));
  dmabuf_mapping_unmap (mapping, NULL, NULL);
  dmabuf_fence_signal (fence);

  dmabuf_fence_unref (fence);
  dmabuf_attachment_unref (attachment);
  dmabuf_buffer_unref (buffer);
  g_object_unref (device);
  g_object_unref (exporter);
}
GST_END_TEST;

/* HEAP-1, UDM-1: a size of 0 and one beyond the address space. */
GST_START_TEST (test_udm1_impossible_sizes)
{
  DmabufExporter *exporter = dmabuf_udmabuf_exporter_new (NULL);
  GError *error = NULL;

  fail_unless (dmabuf_exporter_allocate (exporter, 0, &error) == NULL);
  assert_error (error, EINVAL);
  fail_unless (dmabuf_exporter_allocate (exporter, G_MAXSIZE, &error) == NULL);
  assert_error (error, EINVAL);
  g_object_unref (exporter);
}
GST_END_TEST;

/* --- Limits of udmabuf --------------------------------------------------- */

#define PARAMETERS "/sys/module/udmabuf/parameters/"

/* The kernel's limits before the tests that set them */
static guint saved_limits[2];

static guint
read_limit (const char *path)
{
  g_autofree char *text = NULL;

  fail_unless (g_file_get_contents (path, &text, NULL, NULL), "%s", path);
  return g_ascii_strtoull (text, NULL, 10);
}

static void
write_limit (const char *path, guint limit)
{
  FILE *file = fopen (path, "we");

  fail_unless (file != NULL, "%s: %s", path, g_strerror (errno));
  fprintf (file, "%u", limit);
  fail_unless (fclose (file) == 0, "%s: %s", path, g_strerror (errno));
}

static void
set_limits (guint size_mb, guint n_chunks)
{
  if (backend_is_fake ()) {
    fake_kernel_set_udmabuf_limits (size_mb, n_chunks);
  } else {
    write_limit (PARAMETERS "size_limit_mb", size_mb);
    write_limit (PARAMETERS "list_limit", n_chunks);
  }
}

/* An unchecked fixture: the limits are restored even after a failed test. */
static void
save_limits (void)
{
  if (!backend_is_fake ()) {
    saved_limits[0] = read_limit (PARAMETERS "size_limit_mb");
    saved_limits[1] = read_limit (PARAMETERS "list_limit");
  }
}

static void
restore_limits (void)
{
  if (!backend_is_fake ())
    set_limits (saved_limits[0], saved_limits[1]);
}

/* UDM-1: the message names the limit and the file that sets it. The limit is
 * not cached: a raised limit applies to the next allocation. */
GST_START_TEST (test_udm1_size_limit_is_explained)
{
  DmabufExporter *exporter = dmabuf_udmabuf_exporter_new (NULL);
  const gsize size = (3 << 20) + PAGE;
  GError *error = NULL;
  DmabufBuffer *buffer;

  set_limits (3, 4);
  fail_unless (dmabuf_exporter_allocate (exporter, size, &error) == NULL);
  fail_unless (strstr (error->message, " 3 MiB"), "%s", error->message);
  fail_unless (strstr (error->message, PARAMETERS "size_limit_mb"), "%s",
      error->message);
  assert_error (error, EINVAL);

  set_limits (4, 4);
  buffer = dmabuf_exporter_allocate (exporter, size, &error);
  assert_no_error (error);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

GST_START_TEST (test_udm1_list_limit_is_explained)
{
  DmabufExporter *exporter = dmabuf_udmabuf_exporter_new (NULL);
  int memfd = dmabuf_kernel->memfd_create ("pieces", MFD_ALLOW_SEALING);
  DmabufMemfdChunk chunks[5];
  GError *error = NULL;
  DmabufBuffer *buffer;
  guint i;

  fail_unless (dmabuf_kernel->ftruncate (memfd, 5 * PAGE) == 0);
  dmabuf_kernel->fcntl (memfd, F_ADD_SEALS, F_SEAL_SHRINK);
  for (i = 0; i < 5; i++)
    chunks[i] = (DmabufMemfdChunk) { memfd, i * PAGE, PAGE };

  set_limits (4, 4);
  fail_unless (dmabuf_udmabuf_exporter_create_list (exporter, chunks, 5, &error)
      == NULL);
  fail_unless (strstr (error->message, "limit is 4;"), "%s", error->message);
  fail_unless (
      strstr (error->message, PARAMETERS "list_limit"), "%s", error->message);
  assert_error (error, EINVAL);

  set_limits (4, 5);
  buffer = dmabuf_udmabuf_exporter_create_list (exporter, chunks, 5, &error);
  assert_no_error (error);

  dmabuf_kernel->close (memfd);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* UDM-1: existing pieces of memory become one buffer, in their order. UDM-2:
 * the memfd cannot shrink afterwards. */
GST_START_TEST (test_udm2_create_list)
{
  DmabufExporter *exporter = dmabuf_udmabuf_exporter_new (NULL);
  int memfd = dmabuf_kernel->memfd_create ("pieces", MFD_ALLOW_SEALING);
  DmabufMemfdChunk chunks[2] = { { memfd, 2 * PAGE, PAGE },
    { memfd, 0, PAGE } };
  GError *error = NULL;
  DmabufBuffer *buffer;
  guint8 *address;

  fail_unless (dmabuf_kernel->ftruncate (memfd, 4 * PAGE) == 0);
  buffer = dmabuf_udmabuf_exporter_create_list (exporter, chunks, 2, &error);
  fail_unless (buffer == NULL);
  assert_error (error, EINVAL);
  dmabuf_kernel->fcntl (memfd, F_ADD_SEALS, F_SEAL_SHRINK);
  chunks[0].size = PAGE / 2;
  fail_unless (dmabuf_udmabuf_exporter_create_list (exporter, chunks, 2, &error)
      == NULL);
  assert_error (error, EINVAL);
  chunks[0].size = PAGE;

  buffer = dmabuf_udmabuf_exporter_create_list (exporter, chunks, 2, &error);
  assert_no_error (error);
  fail_unless_equals_int (dmabuf_buffer_get_size (buffer), 2 * PAGE);
  fail_unless (pwrite (memfd, "third", 5, 2 * PAGE) == 5);
  fail_unless (pwrite (memfd, "first", 5, 0) == 5);
  {
    g_auto (DmabufCpuScope) scope = DMABUF_CPU_SCOPE_INIT;

    address = dmabuf_cpu_scope_begin (
        &scope, buffer, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, NULL);
    fail_unless (memcmp (address, "third", 5) == 0);
    fail_unless (memcmp (address + PAGE, "first", 5) == 0);
  }
  fail_unless (dmabuf_kernel->ftruncate (memfd, PAGE) < 0);

  dmabuf_kernel->close (memfd);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* UDM-3: an END before any START is EINVAL from udmabuf; the library never
 * sends one. */
GST_START_TEST (test_udm3_end_before_start)
{
  DmabufExporter *exporter = dmabuf_udmabuf_exporter_new (NULL);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  GError *error = NULL;

  ASSERT_MISUSE (
      dmabuf_buffer_end_cpu_access (buffer, DMABUF_ACCESS_READ, &error));
  assert_error (error, EINVAL);
  if (backend_is_fake ())
    fail_unless_equals_int (fake_kernel_get_ioctls (_IOW ('b', 0, guint64)), 0);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* HEAP-2: the error for a missing or forbidden device says what to do; the CMA
 * heap is found by its old and new names. */
GST_START_TEST (test_heap2_missing_and_forbidden)
{
  DmabufExporter *exporter;
  GError *error = NULL;

  fail_unless (dmabuf_heap_exporter_new ("no-such-heap", &error) == NULL);
  fail_unless (strstr (error->message, "no-such-heap"));
  assert_error (error, ENOENT);
  fail_unless (dmabuf_heap_exporter_new ("../mem", &error) == NULL);
  assert_error (error, EINVAL);

  fake_kernel_break_path ("/dev/dma_heap/system", EACCES);
  fail_unless (dmabuf_heap_exporter_new (NULL, &error) == NULL);
  fail_unless (strstr (error->message, "udev"), "%s", error->message);
  assert_error (error, EACCES);
  fake_kernel_break_path ("/dev/udmabuf", ENOENT);
  fail_unless (dmabuf_udmabuf_exporter_new (&error) == NULL);
  fail_unless (strstr (error->message, "CONFIG_UDMABUF"));
  assert_error (error, ENOENT);

  exporter = dmabuf_heap_exporter_new ("linux,cma", &error);
  assert_no_error (error);
  g_object_unref (exporter);
}
GST_END_TEST;

/* HEAP-2: the list of heaps has the system heap. */
GST_START_TEST (test_heap2_list)
{
  g_auto (GStrv) names = NULL;
  GError *error = NULL;

  names = dmabuf_heap_exporter_list (&error);
  assert_no_error (error);
  fail_unless (g_strv_contains ((const char *const *) names, "system"));
}
GST_END_TEST;

/* STAT-1, STAT-4: a buffer is counted once, by its inode, even if several fds
 * lead to it. */
GST_START_TEST (test_stat4_a_buffer_counts_once)
{
  DmabufExporter *exporter = backend_new_exporter (__i__ % 2);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, 2 * PAGE, NULL);
  int fd = dmabuf_buffer_export (buffer, NULL);
  DmabufBufferInfo *info = NULL;
  g_autoptr (GPtrArray) list = NULL;
  GError *error = NULL;
  guint i, n = 0;

  fail_unless (dmabuf_buffer_set_name (buffer, "stat4", NULL));
  list = __i__ < 2 ? dmabuf_buffer_info_list_process (0, &error)
                   : dmabuf_buffer_info_list_system (&error);
  assert_no_error (error);
  for (i = 0; i < list->len; i++) {
    DmabufBufferInfo *one = g_ptr_array_index (list, i);

    if (one->inode == dmabuf_buffer_get_inode (buffer)) {
      info = one;
      n++;
    }
  }
  fail_unless_equals_int (n, 1);
  fail_unless_equals_int (info->size, 2 * PAGE);
  fail_unless (info->n_references >= 2);
  fail_unless_equals_string (info->name, "stat4");
  fail_unless (info->exporter[0] != '\0');

  dmabuf_kernel->close (fd);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* STAT-1: ENOENT for a process that does not exist. STAT-3: ENOENT without
 * debugfs, which the message names. */
GST_START_TEST (test_stat3_what_cannot_be_read)
{
  GError *error = NULL;

  fail_unless (dmabuf_buffer_info_list_process (G_MAXINT32, &error) == NULL);
  assert_error (error, ENOENT);
  fake_kernel_break_path ("/sys/kernel/debug/dma_buf/bufinfo", ENOENT);
  fail_unless (dmabuf_buffer_info_list_system (&error) == NULL);
  fail_unless (strstr (error->message, "debugfs"), "%s", error->message);
  assert_error (error, ENOENT);
}
GST_END_TEST;

static Suite *
exporter_suite (void)
{
  Suite *s = suite_create ("exporter");
  TCase *tc = backend_add_case (s, "exporter");

  tcase_add_test (tc, test_exp1_mandatory_operations);
  tcase_add_test (tc, test_exp4_failing_fd_releases_once);
  tcase_add_test (tc, test_exp9_release_on_any_thread);
  tcase_add_test (tc, test_att3_exporter_sees_attachments);
  tcase_add_loop_test (
      tc, test_att4_detach_of_a_mapped_buffer_is_ebusy, 0, BACKEND_N_EXPORTERS);
  tcase_add_test (tc, test_map2_errors_of_the_exporter);
  tcase_add_loop_test (
      tc, test_map3_fences_are_handed_over, 0, BACKEND_N_EXPORTERS);
  tcase_add_test (tc, test_udm1_impossible_sizes);
  tcase_add_test (tc, test_udm2_create_list);
  tcase_add_test (tc, test_udm3_end_before_start);
  if (backend_is_fake ()) {
    tcase_add_test (tc, test_heap2_missing_and_forbidden);
    tcase_add_test (tc, test_stat3_what_cannot_be_read);
  }
  tcase_add_test (tc, test_heap2_list);
  tcase_add_loop_test (tc, test_stat4_a_buffer_counts_once, 0, 4);

  tc = backend_add_case (s, "limits");
  tcase_add_unchecked_fixture (tc, save_limits, restore_limits);
  tcase_add_test (tc, test_udm1_size_limit_is_explained);
  tcase_add_test (tc, test_udm1_list_limit_is_explained);

  return s;
}

GST_CHECK_MAIN (exporter);
