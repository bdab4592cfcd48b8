/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The assertions of IGT's prime and self-import tests that need no GPU, with
 * the errno that they leave out. The tests have IGT's names. */

#include "../lib/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

/* --- Prime --------------------------------------------------------------- */

static DmabufBuffer *
allocate (guint n, gsize size)
{
  DmabufExporter *exporter = backend_new_exporter (n);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, size, NULL);

  fail_unless (buffer != NULL);
  g_object_unref (exporter);
  return buffer;
}

/* SEEK-1 */
GST_START_TEST (test_prime_llseek_size)
{
  guint i;

  for (i = 0; i < 8; i++) {
    DmabufBuffer *buffer = allocate (__i__, (gsize) PAGE << i);
    int fd = dmabuf_buffer_get_fd (buffer);

    fail_unless_equals_int (dmabuf_kernel->lseek (fd, 0, SEEK_END), PAGE << i);
    fail_unless_equals_int (dmabuf_kernel->lseek (fd, 0, SEEK_SET), 0);
    dmabuf_buffer_unref (buffer);
  }
}
GST_END_TEST;

/* SEEK-1 */
GST_START_TEST (test_prime_llseek_bad)
{
  DmabufBuffer *buffer = allocate (__i__, PAGE);
  int fd = dmabuf_buffer_get_fd (buffer);
  static const struct
  {
    off_t offset;
    int whence;
  } bad[] = {
    { 1, SEEK_END },
    { -1, SEEK_END },
    { 1, SEEK_SET },
    { PAGE, SEEK_SET },
    { 0, SEEK_CUR },
    { 1, SEEK_CUR },
    { 0, SEEK_DATA },
    { 0, SEEK_HOLE },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    fail_unless (dmabuf_kernel->lseek (fd, bad[i].offset, bad[i].whence) < 0);
    fail_unless_equals_int (errno, EINVAL);
  }
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* MMAP-1 */
GST_START_TEST (test_prime_map_unmap)
{
  DmabufBuffer *buffer = allocate (__i__, 4 * PAGE);
  int fd = dmabuf_buffer_get_fd (buffer);
  guint8 *address;
  guint i;

  for (i = 0; i < 3; i++) {
    address = backend_map (fd, 4 * PAGE);
    fail_unless_equals_int (address[PAGE], i);
    address[PAGE] = i + 1;
    dmabuf_kernel->munmap (address, 4 * PAGE);
  }
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* MMAP-3: the map survives its fd. EXP-6: a second export is the same buffer.
 */
GST_START_TEST (test_prime_reprime)
{
  DmabufBuffer *buffer = allocate (__i__, PAGE), *again;
  int fd = dmabuf_buffer_export (buffer, NULL);
  guint8 *address = backend_map (fd, PAGE), *second;

  dmabuf_kernel->close (fd);
  address[0] = 42;
  fd = dmabuf_buffer_export (buffer, NULL);
  second = backend_map (fd, PAGE);
  fail_unless_equals_int (second[0], 42);
  again = dmabuf_buffer_import_take (fd, NULL);
  fail_unless (again == buffer);

  dmabuf_kernel->munmap (address, PAGE);
  dmabuf_kernel->munmap (second, PAGE);
  dmabuf_buffer_unref (again);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* MMAP-3: parent and child see each other's writes after a fork. */
GST_START_TEST (test_prime_forked)
{
  DmabufBuffer *buffer = allocate (__i__, PAGE);
  int fd = dmabuf_buffer_get_fd (buffer);
  guint8 *address = backend_map (fd, PAGE);
  int status;
  pid_t pid;

  address[0] = 1;
  pid = fork ();
  if (pid == 0) {
    guint8 *own = mmap (NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (backend_is_fake ())
      own = address;
    if (address[0] != 1 || own == MAP_FAILED || own[0] != 1)
      _exit (1);
    address[1] = 2;
    _exit (0);
  }
  fail_unless (waitpid (pid, &status, 0) == pid);
  fail_unless (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  fail_unless_equals_int (address[1], 2);
  dmabuf_kernel->munmap (address, PAGE);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* EXP-8: an fd, a map and an object each keep the buffer. */
GST_START_TEST (test_prime_refcounting)
{
  DmabufBuffer *buffer = allocate (__i__, PAGE);
  int fd = dmabuf_buffer_export (buffer, NULL);
  guint8 *address;

  dmabuf_buffer_unref (buffer);
  address = backend_map (fd, PAGE);
  address[0] = 5;
  buffer = dmabuf_buffer_import_take (fd, NULL);
  dmabuf_kernel->munmap (address, PAGE);
  address = dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_READ, NULL);
  fail_unless_equals_int (address[0], 5);
  dmabuf_buffer_vunmap (buffer, address);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* SEEK-3 */
GST_START_TEST (test_prime_dup)
{
  DmabufBuffer *buffer = allocate (__i__, PAGE), *again;
  int fd = dmabuf_kernel->dup (dmabuf_buffer_get_fd (buffer));
  guint8 *address;

  again = dmabuf_buffer_import (fd, NULL);
  fail_unless (again == buffer);
  dmabuf_buffer_unref (again);
  address = backend_map (fd, PAGE);
  dmabuf_kernel->close (fd);
  address[0] = 1;
  dmabuf_kernel->munmap (address, PAGE);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* MMAP-1, MMAP-2 */
GST_START_TEST (test_prime_errors)
{
  DmabufBuffer *buffer = allocate (__i__, 2 * PAGE);
  int fd = dmabuf_buffer_get_fd (buffer), closed;
  void *bad;

  closed = dmabuf_kernel->dup (fd);
  dmabuf_kernel->close (closed);
  bad = dmabuf_kernel->mmap (PAGE, PROT_READ, MAP_SHARED, closed, 0);
  fail_unless (bad == MAP_FAILED);
  fail_unless_equals_int (errno, EBADF);
  bad = dmabuf_kernel->mmap (4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
  fail_unless (bad == MAP_FAILED);
  fail_unless_equals_int (errno, EINVAL);
  bad = dmabuf_kernel->mmap (2 * PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
  fail_unless (bad == MAP_FAILED);
  fail_unless_equals_int (errno, EINVAL);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* CPU-4 */
GST_START_TEST (test_prime_invalid_sync_flags)
{
  static const guint64 bad[] = { ~G_GUINT64_CONSTANT (0), 0,
    DMA_BUF_SYNC_RW + 1, DMA_BUF_SYNC_VALID_FLAGS_MASK + 1 };
  DmabufBuffer *buffer = allocate (__i__, PAGE);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    struct dma_buf_sync sync = { .flags = bad[i] };

    fail_unless (dmabuf_kernel->ioctl (
                     dmabuf_buffer_get_fd (buffer), DMA_BUF_IOCTL_SYNC, &sync)
        < 0);
    fail_unless_equals_int (errno, EINVAL);
  }
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* CPU-5 */
GST_START_TEST (test_prime_correct_cpu_write)
{
  DmabufBuffer *buffer = allocate (__i__, PAGE);
  guint8 *address;
  guint i;

  {
    g_auto (DmabufCpuScope) scope = DMABUF_CPU_SCOPE_INIT;

    address = dmabuf_cpu_scope_begin (
        &scope, buffer, DMABUF_ACCESS_WRITE, DMABUF_DEADLINE_NEVER, NULL, NULL);
    for (i = 0; i < PAGE; i++)
      address[i] = i;
    fail_unless (dmabuf_cpu_scope_end (&scope, NULL));
  }
  {
    g_auto (DmabufCpuScope) scope = DMABUF_CPU_SCOPE_INIT;

    address = dmabuf_cpu_scope_begin (
        &scope, buffer, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, NULL);
    for (i = 0; i < PAGE; i++)
      fail_unless_equals_int (address[i], i & 0xff);
  }
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

static void
on_signal (int number)
{
}

/* CPU-5: under a storm of signals SYNC fails with EINTR and EAGAIN only, on
 * which the library repeats it. */
GST_START_TEST (test_prime_ioctl_errors)
{
  /* Instead of SIGALRM, whose handler by libcheck kills its process group: the
   * last signal may come after a handler of ours was removed. This one stays.
   */
  struct sigaction action = { .sa_handler = on_signal };
  struct sigevent event = {
    .sigev_notify = SIGEV_SIGNAL,
    .sigev_signo = SIGUSR1,
  };
  long period = (backend_in_valgrind () ? 50000 : 200) * 1000L;
  struct itimerspec storm = { { 0, period }, { 0, period } };
  timer_t timer;
  DmabufBuffer *buffer = allocate (__i__, PAGE);
  GError *error = NULL;
  guint i;

  fail_unless_equals_int (sigaction (SIGUSR1, &action, NULL), 0);
  fail_unless_equals_int (timer_create (CLOCK_MONOTONIC, &event, &timer), 0);
  fail_unless_equals_int (timer_settime (timer, 0, &storm, NULL), 0);
  for (i = 0; i < (backend_is_fake () ? 2000 : 200); i++) {
    if (!dmabuf_buffer_begin_cpu_access (buffer, DMABUF_ACCESS_READ_WRITE,
            DMABUF_DEADLINE_NEVER, NULL, &error)
        || !dmabuf_buffer_end_cpu_access (
            buffer, DMABUF_ACCESS_READ_WRITE, &error))
      break;
  }
  timer_delete (timer);
  assert_no_error (error);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

static Suite *
prime_suite (void)
{
  Suite *s = suite_create ("prime");
  TCase *prime = backend_add_case (s, "prime");

  tcase_add_loop_test (prime, test_prime_llseek_size, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (prime, test_prime_llseek_bad, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (prime, test_prime_map_unmap, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (prime, test_prime_reprime, 0, BACKEND_N_EXPORTERS);
  /* Valgrind would report the parent's memory, which the child does not free.
   */
  if (!backend_in_valgrind ())
    tcase_add_loop_test (prime, test_prime_forked, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (prime, test_prime_refcounting, 0, 2);
  tcase_add_loop_test (prime, test_prime_dup, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (prime, test_prime_errors, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (
      prime, test_prime_invalid_sync_flags, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (
      prime, test_prime_correct_cpu_write, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (prime, test_prime_ioctl_errors, 0, BACKEND_N_EXPORTERS);

  return s;
}

GST_CHECK_MAIN (prime);
