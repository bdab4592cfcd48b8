/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* CPU access and mappings of the CPU. */

#include "../lib/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096

static DmabufFence *
add_pending (DmabufBuffer *buffer, DmabufUsage usage)
{
  DmabufReservation *reservation = dmabuf_buffer_get_reservation (buffer);
  DmabufFence *fence;

  fence = dmabuf_fence_new_software (
      dmabuf_fence_context_alloc (1), 1, FAR_AWAY, NULL);
  fail_unless (dmabuf_reservation_lock (reservation, NULL, NULL));
  fail_unless (dmabuf_reservation_reserve (reservation, 1, NULL));
  fail_unless (dmabuf_reservation_add (reservation, fence, usage));
  dmabuf_reservation_unlock (reservation);
  return fence;
}

/* CPU-1, CPU-6: a reader waits for KERNEL and WRITE, a writer for READ too,
 * neither for BOOKKEEP. The wait has a deadline, after which no bracket is
 * open. */
GST_START_TEST (test_cpu1_wait_matrix)
{
  static const gboolean waits[4][2] = {
    /* For reading, for writing */
    [DMABUF_USAGE_KERNEL] = { TRUE, TRUE },
    [DMABUF_USAGE_WRITE] = { TRUE, TRUE },
    [DMABUF_USAGE_READ] = { FALSE, TRUE },
    [DMABUF_USAGE_BOOKKEEP] = { FALSE, FALSE },
  };
  DmabufExporter *exporter = backend_new_exporter (0);
  guint usage, write;

  for (usage = 0; usage < 4; usage++) {
    for (write = 0; write < 2; write++) {
      DmabufAccess access = write ? DMABUF_ACCESS_WRITE : DMABUF_ACCESS_READ;
      DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
      DmabufFence *fence = add_pending (buffer, usage);
      GError *error = NULL;
      gboolean begun;

      begun = dmabuf_buffer_begin_cpu_access (buffer, access, 0, NULL, &error);
      fail_unless_equals_int (begun, !waits[usage][write]);
      if (begun) {
        fail_unless (dmabuf_buffer_end_cpu_access (buffer, access, NULL));
      } else {
        assert_error (error, ETIME);
        ASSERT_MISUSE (dmabuf_buffer_end_cpu_access (buffer, access, NULL));
      }
      dmabuf_fence_signal (fence);
      dmabuf_fence_unref (fence);
      dmabuf_buffer_unref (buffer);
    }
  }
  g_object_unref (exporter);
}
GST_END_TEST;

/* CPU-1: an error of the exporter's begin opens no bracket. CPU-2: an error of
 * its end is returned, and the bracket is closed. */
GST_START_TEST (test_cpu2_errors_of_the_exporter)
{
  DmabufExporter *exporter = backend_new_exporter (2);
  ThirdExporter *third = THIRD_EXPORTER (exporter);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  GError *error = NULL;

  third->fail_begin = EIO;
  fail_if (dmabuf_buffer_begin_cpu_access (
      buffer, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, &error));
  assert_error (error, EIO);
  third->fail_begin = 0;

  fail_unless (dmabuf_buffer_begin_cpu_access (
      buffer, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, NULL));
  third->fail_end = EIO;
  fail_if (dmabuf_buffer_end_cpu_access (buffer, DMABUF_ACCESS_READ, &error));
  assert_error (error, EIO);
  third->fail_end = 0;
  ASSERT_MISUSE (
      dmabuf_buffer_end_cpu_access (buffer, DMABUF_ACCESS_READ, &error));
  assert_error (error, EINVAL);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* CPU-3, CPU-5: brackets nest, each with a START and an END of its own, and the
 * flags of an END are those of its START. */
GST_START_TEST (test_cpu5_ends_have_the_flags_of_their_begins)
{
  DmabufExporter *exporter = backend_new_exporter (2);
  ThirdExporter *third = THIRD_EXPORTER (exporter);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  GError *error = NULL;
  DmabufAccess access;

  for (access = DMABUF_ACCESS_READ; access <= DMABUF_ACCESS_READ_WRITE;
      access++)
    fail_unless (dmabuf_buffer_begin_cpu_access (
        buffer, access, DMABUF_DEADLINE_NEVER, NULL, NULL));
  fail_unless_equals_int (third->n_begun, 3);
  for (access = DMABUF_ACCESS_READ; access <= DMABUF_ACCESS_READ_WRITE;
      access++) {
    fail_unless (dmabuf_buffer_end_cpu_access (buffer, access, NULL));
    fail_unless_equals_int (third->last_access, access);
  }
  fail_unless_equals_int (third->n_begun, 0);

  /* An END for writing does not end a START for reading. */
  dmabuf_buffer_begin_cpu_access (
      buffer, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, NULL);
  ASSERT_MISUSE (
      dmabuf_buffer_end_cpu_access (buffer, DMABUF_ACCESS_WRITE, &error));
  assert_error (error, EINVAL);
  fail_unless (dmabuf_buffer_end_cpu_access (buffer, DMABUF_ACCESS_READ, NULL));

  /* CPU-4: an access has to read or write. */
  fail_if (dmabuf_buffer_begin_cpu_access (
      buffer, DMABUF_ACCESS_NONE, DMABUF_DEADLINE_NEVER, NULL, &error));
  assert_error (error, EINVAL);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* CPU-5: START and END are repeated on EINTR and EAGAIN. */
GST_START_TEST (test_cpu5_restarted)
{
  static const int codes[] = { EINTR, EAGAIN };
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  guint i, nth;

  for (i = 0; i < G_N_ELEMENTS (codes); i++) {
    for (nth = 1; nth <= 4; nth++) {
      fake_kernel_fail_nth (nth, codes[i]);
      fail_unless (dmabuf_buffer_begin_cpu_access (
          buffer, DMABUF_ACCESS_WRITE, DMABUF_DEADLINE_NEVER, NULL, NULL));
      fail_unless (
          dmabuf_buffer_end_cpu_access (buffer, DMABUF_ACCESS_WRITE, NULL));
      fake_kernel_fail_nth (0, 0);
    }
  }
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* CPU-4, CPU-7: the errnos of the ioctl itself. */
GST_START_TEST (test_cpu4_raw_ioctl)
{
  static const guint64 bad[] = { 0, 4, 8, 3 | 8, ~G_GUINT64_CONSTANT (0) };
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  int fd = dmabuf_buffer_get_fd (buffer);
  struct dma_buf_sync sync;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    sync.flags = bad[i];
    fail_unless (dmabuf_kernel->ioctl (fd, DMA_BUF_IOCTL_SYNC, &sync) < 0);
    fail_unless_equals_int (errno, EINVAL);
  }
  fail_unless (dmabuf_kernel->ioctl (fd, DMA_BUF_IOCTL_SYNC, NULL) < 0);
  fail_unless_equals_int (errno, EFAULT);
  fail_unless (dmabuf_kernel->ioctl (fd, _IO ('b', 99), NULL) < 0);
  fail_unless_equals_int (errno, ENOTTY);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* VMAP-1: the operation is called for the first user, all get the same address,
 * the last one ends it. A wrong address and one vunmap too many are misuse. */
GST_START_TEST (test_vmap1_counted)
{
  DmabufExporter *exporter = backend_new_exporter (2);
  ThirdExporter *third = THIRD_EXPORTER (exporter);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  gpointer first, second;

  first = dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_READ_WRITE, NULL);
  second = dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_READ, NULL);
  fail_unless (first != NULL && first == second);
  fail_unless_equals_int (third->n_vmaps, 1);
  ASSERT_MISUSE (dmabuf_buffer_vunmap (buffer, (char *) first + 1));
  dmabuf_buffer_vunmap (buffer, first);
  fail_unless_equals_int (third->n_vmapped, 1);
  dmabuf_buffer_vunmap (buffer, first);
  fail_unless_equals_int (third->n_vmapped, 0);
  ASSERT_MISUSE (dmabuf_buffer_vunmap (buffer, first));
  /* VMAP-2: a vmap opens no bracket. */
  fail_unless_equals_int (third->n_begun, 0);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* The default mapping is kept for the next one: a frame costs no mmap. */
GST_START_TEST (test_vmap1_mapping_is_kept)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  DmabufStatistics statistics;
  gpointer first = NULL;
  guint i;

  for (i = 0; i < 10; i++) {
    gpointer address = dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_WRITE, NULL);

    fail_unless (first == NULL || address == first);
    first = address;
    dmabuf_buffer_vunmap (buffer, address);
  }
  dmabuf_exporter_get_statistics (exporter, &statistics);
  fail_unless_equals_int (statistics.maps, 1);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* EXP-3, SEC-5, MMAP-2: a read-only fd cannot be mapped for writing. */
GST_START_TEST (test_exp3_read_only_fd)
{
  int fd = fake_kernel_new_dmabuf (PAGE, O_RDONLY);
  DmabufBuffer *buffer = dmabuf_buffer_import_take (fd, NULL);
  GError *error = NULL;
  gpointer address;

  fail_unless (
      dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_WRITE, &error) == NULL);
  assert_error (error, EACCES);
  fail_unless (dmabuf_buffer_mmap (buffer, 0, PAGE, DMABUF_ACCESS_WRITE, &error)
      == NULL);
  assert_error (error, EACCES);
  address = dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_READ, &error);
  assert_no_error (error);
  dmabuf_buffer_vunmap (buffer, address);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* MMAP-1: bounds. MMAP-3: a mapping outlives the fd it was made through. */
GST_START_TEST (test_mmap1_bounds)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, 3 * PAGE, NULL);
  static const struct
  {
    gsize offset, size;
    int code;
  } bad[] = {
    { 0, 0, EINVAL },
    { 0, 3 * PAGE + 1, EINVAL },
    { PAGE, 3 * PAGE, EINVAL },
    { 1, PAGE, EINVAL },
    { 4 * PAGE, PAGE, EINVAL },
    { G_MAXSIZE - PAGE + 1, 2 * PAGE, EOVERFLOW },
  };
  GError *error = NULL;
  guint8 *address;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    fail_unless (dmabuf_buffer_mmap (buffer, bad[i].offset, bad[i].size,
                     DMABUF_ACCESS_READ, &error)
        == NULL);
    fail_unless (g_error_matches (error, DMABUF_ERROR, bad[i].code), "%u: %s",
        i, error->message);
    g_clear_error (&error);
  }

  address = dmabuf_buffer_mmap (
      buffer, PAGE, 2 * PAGE, DMABUF_ACCESS_READ_WRITE, &error);
  assert_no_error (error);
  fail_unless (dmabuf_buffer_begin_cpu_access (
      buffer, DMABUF_ACCESS_READ_WRITE, DMABUF_DEADLINE_NEVER, NULL, NULL));
  address[0] = address[2 * PAGE - 1] = 1;
  fail_unless (
      dmabuf_buffer_end_cpu_access (buffer, DMABUF_ACCESS_READ_WRITE, NULL));
  dmabuf_buffer_munmap (buffer, address, 2 * PAGE);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* MMAP-2: the errnos of the system call for wrong lengths. */
GST_START_TEST (test_mmap2_raw_mmap)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, 2 * PAGE, NULL);
  int fd = dmabuf_buffer_export (buffer, NULL);
  guint8 *address;
  void *bad;

  bad = dmabuf_kernel->mmap (4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
  fail_unless (bad == MAP_FAILED);
  fail_unless_equals_int (errno, EINVAL);
  bad = dmabuf_kernel->mmap (0, PROT_READ, MAP_SHARED, fd, 0);
  fail_unless (bad == MAP_FAILED);
  fail_unless_equals_int (errno, EINVAL);

  address =
      dmabuf_kernel->mmap (2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  fail_unless (address != MAP_FAILED);
  dmabuf_kernel->close (fd);
  dmabuf_buffer_unref (buffer);
  /* MMAP-3, EXP-8 */
  memset (address, 1, 2 * PAGE);
  dmabuf_kernel->munmap (address, 2 * PAGE);

  g_object_unref (exporter);
}
GST_END_TEST;

/* KMAP-1: inside of a bracket any number of pages can be mapped at once. A page
 * outside of a bracket or of the buffer is misuse. */
GST_START_TEST (test_kmap1_pages)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, 3 * PAGE, NULL);
  guint8 *pages[3];
  GError *error = NULL;
  guint i;

  ASSERT_MISUSE (
      dmabuf_buffer_map_page (buffer, 0, DMABUF_ACCESS_WRITE, &error));
  assert_error (error, EINVAL);

  dmabuf_buffer_begin_cpu_access (
      buffer, DMABUF_ACCESS_WRITE, DMABUF_DEADLINE_NEVER, NULL, NULL);
  ASSERT_MISUSE (
      dmabuf_buffer_map_page (buffer, 0, DMABUF_ACCESS_READ, &error));
  assert_error (error, EINVAL);
  ASSERT_MISUSE (
      dmabuf_buffer_map_page (buffer, 3, DMABUF_ACCESS_WRITE, &error));
  assert_error (error, EINVAL);
  for (i = 0; i < 3; i++) {
    pages[i] = dmabuf_buffer_map_page (buffer, i, DMABUF_ACCESS_WRITE, &error);
    assert_no_error (error);
    memset (pages[i], i, PAGE);
  }
  fail_unless (pages[2] == pages[0] + 2 * PAGE);
  for (i = 0; i < 3; i++)
    dmabuf_buffer_unmap_page (buffer, i, pages[i]);
  dmabuf_buffer_end_cpu_access (buffer, DMABUF_ACCESS_WRITE, NULL);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

static gboolean
write_and_return_early (DmabufBuffer *buffer)
{
  g_auto (DmabufCpuScope) scope = DMABUF_CPU_SCOPE_INIT;
  guint8 *data = dmabuf_cpu_scope_begin (
      &scope, buffer, DMABUF_ACCESS_WRITE, DMABUF_DEADLINE_NEVER, NULL, NULL);

  fail_unless (data != NULL);
  data[0] = 1;
  return data[0] == 1;
}

/* CPU-5: a scope ends its bracket and its mapping wherever the block is left.
 */
GST_START_TEST (test_cpu5_scope)
{
  DmabufExporter *exporter = backend_new_exporter (2);
  ThirdExporter *third = THIRD_EXPORTER (exporter);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);

  fail_unless (write_and_return_early (buffer));
  fail_unless_equals_int (third->n_begun, 0);
  fail_unless_equals_int (third->n_vmapped, 0);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* EXP-7: the release reports a bracket or mapping that was not ended. */
GST_START_TEST (test_exp7_release_inside_of_a_bracket)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);

  dmabuf_buffer_begin_cpu_access (
      buffer, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, NULL);
  ASSERT_MISUSE (dmabuf_buffer_unref (buffer));

  buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_READ, NULL);
  ASSERT_MISUSE (dmabuf_buffer_unref (buffer));
  g_object_unref (exporter);
}
GST_END_TEST;

/* The exporter with a non-coherent cache: inside of a bracket the CPU sees the
 * device's data, and after it the device sees the CPU's. */
GST_START_TEST (test_non_coherent_brackets_exchange_the_copies)
{
  DmabufExporter *exporter = backend_new_exporter (3);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  guint8 *device = non_coherent_get_device_copy (buffer);
  guint before = non_coherent_get_n_reports (NULL);

  device[0] = 11;
  {
    g_auto (DmabufCpuScope) scope = DMABUF_CPU_SCOPE_INIT;
    guint8 *cpu = dmabuf_cpu_scope_begin (&scope, buffer,
        DMABUF_ACCESS_READ_WRITE, DMABUF_DEADLINE_NEVER, NULL, NULL);

    fail_unless_equals_int (cpu[0], 11);
    cpu[0] = 12;
    fail_unless_equals_int (device[0], 11);
  }
  fail_unless_equals_int (device[0], 12);
  fail_unless_equals_int (non_coherent_get_n_reports (NULL), before);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* CPU-5: without a bracket, or with one of the wrong direction, the CPU reads
 * stale data, and the access is reported with its place in the code. */
GST_START_TEST (test_cpu5_non_coherent_reports_access_without_bracket)
{
  DmabufExporter *exporter = backend_new_exporter (3);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  volatile guint8 *device = non_coherent_get_device_copy (buffer);
  volatile guint8 *cpu = dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_READ, NULL);
  guint before = non_coherent_get_n_reports (NULL);
  gconstpointer caller;

  device[0] = 21;
  fail_unless_equals_int (cpu[0], 0);
  fail_unless_equals_int (non_coherent_get_n_reports (&caller), before + 1);
  fail_unless (caller != NULL);

  /* Reads in a bracket for writing are stale; they are not reported. */
  dmabuf_buffer_begin_cpu_access (
      buffer, DMABUF_ACCESS_WRITE, DMABUF_DEADLINE_NEVER, NULL, NULL);
  fail_unless_equals_int (cpu[0], 0);
  dmabuf_buffer_end_cpu_access (buffer, DMABUF_ACCESS_WRITE, NULL);

  /* Writes in a bracket for reading are lost, and reported. */
  device[0] = 22;
  dmabuf_buffer_begin_cpu_access (
      buffer, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, NULL);
  cpu[0] = 23;
  dmabuf_buffer_end_cpu_access (buffer, DMABUF_ACCESS_READ, NULL);
  fail_unless_equals_int (non_coherent_get_n_reports (NULL), before + 2);
  fail_unless_equals_int (device[0], 22);

  dmabuf_buffer_vunmap (buffer, (gpointer) cpu);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* A machine without dma-bufs: the memfd exporter has the same API, and an
 * import of its buffers fails. */
GST_START_TEST (test_sec10_memfd)
{
  DmabufExporter *exporter = dmabuf_memfd_exporter_new ();
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  GError *error = NULL;
  int fd, unsealed;

  fail_if (dmabuf_buffer_is_dmabuf (buffer));
  fail_unless (write_and_return_early (buffer));
  fd = dmabuf_buffer_export (buffer, NULL);
  fail_unless (dmabuf_buffer_import (fd, &error) == NULL);
  assert_error (error, EINVAL);
  dmabuf_buffer_unref (buffer);

  /* SEC-10: only sealed memfds are imported. */
  buffer = dmabuf_memfd_exporter_import (exporter, fd, &error);
  assert_no_error (error);
  fail_unless_equals_int (dmabuf_buffer_get_size (buffer), PAGE);
  dmabuf_buffer_unref (buffer);
  dmabuf_kernel->close (fd);

  unsealed = dmabuf_kernel->memfd_create ("unsealed", MFD_ALLOW_SEALING);
  dmabuf_kernel->ftruncate (unsealed, PAGE);
  fail_unless (
      dmabuf_memfd_exporter_import (exporter, unsealed, &error) == NULL);
  assert_error (error, EINVAL);
  dmabuf_kernel->close (unsealed);
  g_object_unref (exporter);
}
GST_END_TEST;

static Suite *
cpu_suite (void)
{
  Suite *s = suite_create ("cpu");
  TCase *tc = backend_add_case (s, "cpu");

  tcase_add_test (tc, test_cpu1_wait_matrix);
  tcase_add_test (tc, test_cpu2_errors_of_the_exporter);
  tcase_add_test (tc, test_cpu5_ends_have_the_flags_of_their_begins);
  if (backend_is_fake ()) {
    tcase_add_loop_test (tc, test_cpu5_restarted, 0, BACKEND_N_EXPORTERS);
    tcase_add_test (tc, test_exp3_read_only_fd);
  }
  tcase_add_loop_test (tc, test_cpu4_raw_ioctl, 0, BACKEND_N_EXPORTERS);
  tcase_add_test (tc, test_vmap1_counted);
  tcase_add_test (tc, test_vmap1_mapping_is_kept);
  tcase_add_loop_test (tc, test_mmap1_bounds, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (tc, test_mmap2_raw_mmap, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (tc, test_kmap1_pages, 0, BACKEND_N_EXPORTERS);
  tcase_add_test (tc, test_cpu5_scope);
  tcase_add_test (tc, test_exp7_release_inside_of_a_bracket);
  tcase_add_test (tc, test_non_coherent_brackets_exchange_the_copies);
  /* Valgrind reports the stale reads that this test makes on purpose. */
  if (!backend_in_valgrind ())
    tcase_add_test (tc, test_cpu5_non_coherent_reports_access_without_bracket);
  tcase_add_test (tc, test_sec10_memfd);

  return s;
}

GST_CHECK_MAIN (cpu);
