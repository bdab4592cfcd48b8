/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Buffers: identity, life, names, and fds that are not dma-bufs. */

#include "../lib/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096

/* EXP-6, SEEK-3: every fd of one buffer leads to one object. */
GST_START_TEST (test_exp6_import_finds_the_same_object)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer, *again, *third;
  int fd;

  buffer = dmabuf_exporter_allocate (exporter, 3 * PAGE, NULL);
  fail_unless (buffer != NULL);
  fd = dmabuf_buffer_export (buffer, NULL);
  fail_unless (fd >= 0);
  fail_unless (fd != dmabuf_buffer_get_fd (buffer));

  again = dmabuf_buffer_import (fd, NULL);
  fail_unless (again == buffer);
  third = dmabuf_buffer_import_take (fd, NULL);
  fail_unless (third == buffer);
  fail_unless (dmabuf_buffer_get_exporter (third) == exporter);

  dmabuf_buffer_unref (third);
  dmabuf_buffer_unref (again);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* A buffer that is imported as an fd belongs to the foreign exporter. The last
 * reference frees the object, and the next import makes a new one (EXP-8: the
 * peer's fd keeps the buffer alive, not our object). */
GST_START_TEST (test_exp8_foreign_buffer_lives_as_long_as_its_fds)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  guint64 inode;
  int fd;

  fd = dmabuf_buffer_export (buffer, NULL);
  inode = dmabuf_buffer_get_inode (buffer);
  fail_unless (inode != 0);
  dmabuf_buffer_unref (buffer);

  buffer = dmabuf_buffer_import_take (fd, NULL);
  fail_unless (buffer != NULL);
  fail_unless_equals_int (dmabuf_buffer_get_size (buffer), PAGE);
  fail_unless_equals_uint64 (dmabuf_buffer_get_inode (buffer), inode);
  fail_unless_equals_string (
      dmabuf_exporter_get_name (dmabuf_buffer_get_exporter (buffer)),
      "foreign");

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* SEEK-3: importing a known buffer costs the identity check alone. */
GST_START_TEST (test_seek3_known_buffer_costs_one_call)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  int fd = dmabuf_buffer_get_fd (buffer);

  dmabuf_buffer_unref (dmabuf_buffer_import (fd, NULL));

  fake_kernel_reset_calls ();
  dmabuf_buffer_unref (dmabuf_buffer_import (fd, NULL));
  fail_unless_equals_int (fake_kernel_get_calls (FAKE_CALL_IDENTIFY), 1);
  fail_unless_equals_int (fake_kernel_get_calls (FAKE_N_CALLS), 1);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* SEC-4: hostile fds of other types are recognised by their link, without a
 * read, lseek or ioctl. */
GST_START_TEST (test_sec4_other_fds_are_refused_by_their_link)
{
  GError *error = NULL;
  int fds[6];
  int pipes[2];
  guint i;

  fail_unless (pipe2 (pipes, O_CLOEXEC) == 0);
  fds[0] = pipes[0];
  fds[1] = pipes[1];
  fds[2] = memfd_create ("/dmabuf:", MFD_CLOEXEC);
  fds[3] = open ("/tmp", O_DIRECTORY | O_CLOEXEC);
  fds[4] = open ("/dev/null", O_PATH | O_CLOEXEC);
  fds[5] = dmabuf_kernel_linux.epoll_create ();

  for (i = 0; i < G_N_ELEMENTS (fds); i++) {
    fail_unless (fds[i] >= 0);
    if (backend_is_fake ())
      fake_kernel_reset_calls ();
    fail_unless (dmabuf_buffer_import (fds[i], &error) == NULL);
    assert_error (error, EINVAL);
    if (backend_is_fake ()) {
      fail_unless_equals_int (fake_kernel_get_calls (FAKE_CALL_LSEEK), 0);
      fail_unless_equals_int (fake_kernel_get_calls (FAKE_CALL_READ), 0);
      fail_unless_equals_int (fake_kernel_get_calls (FAKE_CALL_IOCTL), 0);
    }
    close (fds[i]);
  }
}
GST_END_TEST;

/* EXP-6: EBADF. SEC-3: import_take closes its fd even on error. */
GST_START_TEST (test_exp6_bad_fds)
{
  GError *error = NULL;
  int fd;

  fail_unless (dmabuf_buffer_import (-1, &error) == NULL);
  assert_error (error, EBADF);
  fail_unless (dmabuf_buffer_import_take (-1, &error) == NULL);
  assert_error (error, EBADF);

  fd = dmabuf_kernel->memfd_create ("no dma-buf", 0);
  fail_unless (dmabuf_buffer_import_take (fd, &error) == NULL);
  assert_error (error, EINVAL);
  fail_unless (fcntl (fd, F_GETFD) < 0 && errno == EBADF);
}
GST_END_TEST;

/* EXP-2, HEAP-1: whole pages, and the size never changes. */
GST_START_TEST (test_exp2_size_is_whole_pages)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE + 1, NULL);

  fail_unless_equals_int (dmabuf_buffer_get_size (buffer), 2 * PAGE);
  fail_unless_equals_int (
      dmabuf_kernel->lseek (dmabuf_buffer_get_fd (buffer), 0, SEEK_END),
      2 * PAGE);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* NAME-1: 31 bytes fit, 32 are refused rather than cut; a second name is
 * allowed. */
GST_START_TEST (test_name1_length)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  char name[33], target[64];
  GError *error = NULL;
  ssize_t n;

  memset (name, 'n', 32);
  name[32] = '\0';
  fail_if (dmabuf_buffer_set_name (buffer, name, &error));
  assert_error (error, EINVAL);

  name[31] = '\0';
  fail_unless (dmabuf_buffer_set_name (buffer, name, &error));
  fail_unless (dmabuf_buffer_set_name (buffer, "camera", &error));

  n = dmabuf_kernel->read_link (
      dmabuf_buffer_get_fd (buffer), target, sizeof target - 1);
  fail_unless (n > 0);
  target[n] = '\0';
  fail_unless (g_str_has_prefix (target, "/dmabuf:camera"), "%s", target);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* SEEK-2: each buffer has an inode of its own, and a link that names its type.
 */
GST_START_TEST (test_seek2_inode_and_link)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *a = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  DmabufBuffer *b = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  guint64 device, inode;
  char target[64];
  ssize_t n;

  fail_unless (
      dmabuf_kernel->identify (dmabuf_buffer_get_fd (a), &device, &inode) == 0);
  fail_unless_equals_uint64 (dmabuf_buffer_get_inode (a), inode);
  fail_unless (dmabuf_buffer_get_inode (b) != inode);
  n = dmabuf_kernel->read_link (
      dmabuf_buffer_get_fd (b), target, sizeof target);
  fail_unless (n >= 8 && memcmp (target, "/dmabuf:", 8) == 0);

  dmabuf_buffer_unref (a);
  dmabuf_buffer_unref (b);
  g_object_unref (exporter);
}
GST_END_TEST;

/* CLO-1, SEC-2: every fd is close-on-exec from birth. */
GST_START_TEST (test_clo1_fds_are_close_on_exec)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  int fd = dmabuf_buffer_export (buffer, NULL);

  fail_unless (fcntl (fd, F_GETFD) & FD_CLOEXEC);
  fail_unless (fcntl (dmabuf_buffer_get_fd (buffer), F_GETFD) & FD_CLOEXEC);

  dmabuf_kernel->close (fd);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

typedef struct
{
  int fd;
  gint n_same;
  DmabufBuffer *buffer;
} ImportRace;

static gpointer
import_many_times (gpointer data)
{
  ImportRace *race = data;
  guint i;

  for (i = 0; i < (backend_is_fake () ? 2000 : 200); i++) {
    DmabufBuffer *buffer = dmabuf_buffer_import (race->fd, NULL);

    fail_unless (buffer != NULL);
    if (race->buffer && buffer == race->buffer)
      g_atomic_int_inc (&race->n_same);
    dmabuf_buffer_unref (buffer);
  }
  return NULL;
}

/* FEN-18's rule for buffers: an import either finds a live object or makes a
 * new one, even while the last reference is dropped. */
GST_START_TEST (test_sec22_import_races_with_the_last_unref)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  ImportRace race = { .fd = dmabuf_buffer_export (buffer, NULL) };
  GThread *threads[4];
  guint i;

  dmabuf_buffer_unref (buffer);
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("import", import_many_times, &race);
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);

  dmabuf_kernel->close (race.fd);
  g_object_unref (exporter);
}
GST_END_TEST;

/* A buffer whose fd was closed outside of the library does not keep others from
 * being imported. */
GST_START_TEST (test_exp6_a_closed_fd_is_its_buffers_alone)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *robbed = dmabuf_exporter_allocate (exporter, 4096, NULL);
  DmabufBuffer *whole = dmabuf_exporter_allocate (exporter, 4096, NULL);
  DmabufBuffer *found = NULL;
  GError *error = NULL;
  int fd;

  /* The import identifies its own fd first, then that of "robbed". */
  dmabuf_buffer_get_fd (robbed);
  fd = dmabuf_buffer_export (whole, NULL);
  fake_kernel_fail_nth (2, EBADF);
  g_test_expect_message (
      "dmabufcore", G_LOG_LEVEL_CRITICAL, "*closed outside of the library*");
  found = dmabuf_buffer_import (fd, &error);
  g_test_assert_expected_messages ();
  fail_unless (fake_kernel_fault_fired ());
  assert_no_error (error);
  fail_unless (found == whole);
  dmabuf_buffer_unref (found);

  found = dmabuf_buffer_import (fd, &error);
  assert_no_error (error);
  fail_unless (found == whole);
  dmabuf_buffer_unref (found);

  dmabuf_kernel->close (fd);
  dmabuf_buffer_unref (whole);
  dmabuf_buffer_unref (robbed);
  g_object_unref (exporter);
}
GST_END_TEST;

/* EXP-6: a memfd is never found as a dma-buf, even after its inode was read. */
GST_START_TEST (test_sec3_memfd_is_not_found_as_a_dmabuf)
{
  DmabufExporter *exporter = dmabuf_memfd_exporter_new ();
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, 4096, NULL);
  GError *error = NULL;

  fail_unless (dmabuf_buffer_get_inode (buffer) != 0);
  fail_unless (
      dmabuf_buffer_import (dmabuf_buffer_get_fd (buffer), &error) == NULL);
  assert_error (error, EINVAL);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* SEEK-2: where all dma-bufs have one inode, reading it does not make the next
 * import return this buffer. */
GST_START_TEST (test_seek2_shared_inode_is_no_identity)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *a = dmabuf_exporter_allocate (exporter, 4096, NULL);
  DmabufBuffer *b = dmabuf_exporter_allocate (exporter, 8192, NULL);
  int fd_a = dmabuf_buffer_export (a, NULL);
  int fd_b = dmabuf_buffer_export (b, NULL);
  DmabufBuffer *one, *two;

  dmabuf_buffer_unref (a);
  dmabuf_buffer_unref (b);
  fake_kernel_set_shared_inode (TRUE);
  one = dmabuf_buffer_import (fd_a, NULL);
  fail_unless_equals_int (dmabuf_buffer_get_inode (one), 0);
  two = dmabuf_buffer_import (fd_b, NULL);
  fail_unless (one != two);
  fail_unless_equals_int (dmabuf_buffer_get_size (two), 8192);

  dmabuf_buffer_unref (one);
  dmabuf_buffer_unref (two);
  fake_kernel_set_shared_inode (FALSE);
  dmabuf_kernel->close (fd_a);
  dmabuf_kernel->close (fd_b);
  g_object_unref (exporter);
}
GST_END_TEST;

/* dmabuf_buffer_get_fd() returns the library's fd, which import_take may not
 * consume. */
GST_START_TEST (test_import_take_of_a_borrowed_fd)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, 4096, NULL);
  int fd = dmabuf_buffer_get_fd (buffer);
  DmabufBuffer *again;

  ASSERT_MISUSE (again = dmabuf_buffer_import_take (fd, NULL));
  fail_unless (again == buffer);
  dmabuf_buffer_unref (again);
  fail_unless_equals_int (dmabuf_kernel->lseek (fd, 0, SEEK_END), 4096);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

static Suite *
buffer_suite (void)
{
  Suite *s = suite_create ("buffer");
  TCase *tc = backend_add_case (s, "buffer");

  tcase_add_loop_test (
      tc, test_exp6_import_finds_the_same_object, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (tc, test_exp8_foreign_buffer_lives_as_long_as_its_fds, 0,
      BACKEND_N_EXPORTERS);
  if (backend_is_fake ())
    tcase_add_test (tc, test_seek3_known_buffer_costs_one_call);
  tcase_add_test (tc, test_sec4_other_fds_are_refused_by_their_link);
  tcase_add_test (tc, test_exp6_bad_fds);
  if (backend_is_fake ())
    tcase_add_test (tc, test_exp6_a_closed_fd_is_its_buffers_alone);
  tcase_add_loop_test (
      tc, test_exp2_size_is_whole_pages, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (tc, test_name1_length, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (tc, test_seek2_inode_and_link, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (
      tc, test_clo1_fds_are_close_on_exec, 0, BACKEND_N_EXPORTERS);
  tcase_add_test (tc, test_sec22_import_races_with_the_last_unref);
  tcase_add_test (tc, test_sec3_memfd_is_not_found_as_a_dmabuf);
  if (backend_is_fake ())
    tcase_add_test (tc, test_seek2_shared_inode_is_no_identity);
  tcase_add_test (tc, test_import_take_of_a_borrowed_fd);

  return s;
}

GST_CHECK_MAIN (buffer);
