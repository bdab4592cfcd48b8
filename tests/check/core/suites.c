/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The assertions of the kernel's and IGT's own suites, with the errno that they
 * leave out: udmabuf (7), dma-heaps (11), prime (11). Names after theirs. */

#include "../lib/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
#define MIB (1 << 20)

/* --- udmabuf ------------------------------------------------------------- */

static int
sealed_memfd (gsize size)
{
  int fd = dmabuf_kernel->memfd_create ("udmabuf-test", MFD_ALLOW_SEALING);

  fail_unless (fd >= 0);
  fail_unless (dmabuf_kernel->fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  fail_unless (dmabuf_kernel->ftruncate (fd, size) == 0);
  return fd;
}

static int
create (int memfd, guint64 offset, guint64 size)
{
  struct udmabuf_create args = {
    .memfd = memfd,
    .flags = UDMABUF_FLAGS_CLOEXEC,
    .offset = offset,
    .size = size,
  };
  int device = dmabuf_kernel->open ("/dev/udmabuf", O_RDWR | O_CLOEXEC);
  int fd, code;

  fail_unless (device >= 0);
  fd = dmabuf_kernel->ioctl (device, UDMABUF_CREATE, &args);
  code = errno;
  dmabuf_kernel->close (device);
  errno = code;
  return fd;
}

/* UDM-1 */
GST_START_TEST (test_udmabuf_1_2_unaligned)
{
  int memfd = sealed_memfd (4 * PAGE);

  fail_unless (create (memfd, PAGE / 2, PAGE) < 0);
  fail_unless_equals_int (errno, EINVAL);
  fail_unless (create (memfd, 0, PAGE / 2) < 0);
  fail_unless_equals_int (errno, EINVAL);
  dmabuf_kernel->close (memfd);
}
GST_END_TEST;

/* UDM-1 */
GST_START_TEST (test_udmabuf_3_not_a_memfd)
{
  int fd = dmabuf_kernel->open ("/dev/null", O_RDWR | O_CLOEXEC);

  fail_unless (create (fd, 0, PAGE) < 0);
  fail_unless_equals_int (errno, EBADFD);
  dmabuf_kernel->close (fd);
}
GST_END_TEST;

/* UDM-1 */
GST_START_TEST (test_udmabuf_4_aligned)
{
  int memfd = sealed_memfd (4 * PAGE);
  int fd = create (memfd, PAGE, 2 * PAGE);

  fail_unless (fd >= 0);
  fail_unless_equals_int (dmabuf_kernel->lseek (fd, 0, SEEK_END), 2 * PAGE);
  dmabuf_kernel->close (fd);
  dmabuf_kernel->close (memfd);
}
GST_END_TEST;

static guint8 *
map (int fd, gsize size)
{
  guint8 *address =
      dmabuf_kernel->mmap (size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  fail_unless (address != MAP_FAILED, "mmap: %s", g_strerror (errno));
  return address;
}

/* 5, 6: what is written to the memfd afterwards shows in the buffer. */
static void
check_list (int memfd, gsize chunk)
{
  g_autofree struct udmabuf_create_list *list =
      g_malloc0 (sizeof *list + 4 * sizeof list->list[0]);
  int device = dmabuf_kernel->open ("/dev/udmabuf", O_RDWR | O_CLOEXEC);
  guint8 *address, *source;
  guint i;
  int fd;

  list->flags = UDMABUF_FLAGS_CLOEXEC;
  list->count = 4;
  for (i = 0; i < 4; i++) {
    list->list[i].memfd = memfd;
    list->list[i].offset = (3 - i) * chunk;
    list->list[i].size = chunk;
  }
  fd = dmabuf_kernel->ioctl (device, UDMABUF_CREATE_LIST, list);
  fail_unless (fd >= 0, "CREATE_LIST: %s", g_strerror (errno));

  source = map (memfd, 4 * chunk);
  for (i = 0; i < 4; i++)
    memset (source + i * chunk, 'a' + i, chunk);
  address = map (fd, 4 * chunk);
  for (i = 0; i < 4; i++)
    fail_unless_equals_int (address[i * chunk], 'a' + 3 - i);

  dmabuf_kernel->munmap (source, 4 * chunk);
  dmabuf_kernel->munmap (address, 4 * chunk);
  dmabuf_kernel->close (fd);
  dmabuf_kernel->close (device);
}

/* UDM-1 */
GST_START_TEST (test_udmabuf_5_list_of_pages)
{
  int memfd = sealed_memfd (16 * PAGE);

  check_list (memfd, 4 * PAGE);
  dmabuf_kernel->close (memfd);
}
GST_END_TEST;

/* UDM-1: needs huge pages that are set aside; says so where there are none. */
GST_START_TEST (test_udmabuf_6_list_of_huge_pages)
{
  int memfd = dmabuf_kernel->memfd_create (
      "huge", MFD_ALLOW_SEALING | MFD_HUGETLB | (21u << MAP_HUGE_SHIFT));
  void *probe = MAP_FAILED;

  if (memfd >= 0 && dmabuf_kernel->ftruncate (memfd, 8 * MIB) == 0)
    probe = dmabuf_kernel->mmap (
        8 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
  if (probe != MAP_FAILED) {
    dmabuf_kernel->munmap (probe, 8 * MIB);
    dmabuf_kernel->fcntl (memfd, F_ADD_SEALS, F_SEAL_SHRINK);
    check_list (memfd, 2 * MIB);
  } else {
    GST_INFO ("no huge pages are set aside on this machine");
  }
  if (memfd >= 0)
    dmabuf_kernel->close (memfd);
}
GST_END_TEST;

/* UDM-2: pinned first, written later. */
GST_START_TEST (test_udmabuf_7_write_after_pin)
{
  int memfd = sealed_memfd (2 * PAGE);
  int fd = create (memfd, 0, 2 * PAGE);
  guint8 *address = map (fd, 2 * PAGE);

  fail_unless (pwrite (memfd, "later", 5, PAGE) == 5);
  fail_unless (memcmp (address + PAGE, "later", 5) == 0);
  dmabuf_kernel->munmap (address, 2 * PAGE);
  dmabuf_kernel->close (fd);
  dmabuf_kernel->close (memfd);
}
GST_END_TEST;

/* --- dma-heaps ----------------------------------------------------------- */

static int
open_heap (void)
{
  int fd = dmabuf_kernel->open ("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);

  fail_unless (fd >= 0);
  return fd;
}

static int
heap_alloc (int heap, guint64 length, guint fd_flags, guint64 heap_flags)
{
  struct dma_heap_allocation_data data = {
    .len = length,
    .fd_flags = fd_flags,
    .heap_flags = heap_flags,
  };

  return dmabuf_kernel->ioctl (heap, DMA_HEAP_IOCTL_ALLOC, &data) < 0
      ? -1
      : (int) data.fd;
}

static void
sync_buffer (int fd, guint64 flags)
{
  struct dma_buf_sync sync = { .flags = flags };

  fail_unless (dmabuf_kernel->ioctl (fd, DMA_BUF_IOCTL_SYNC, &sync) == 0);
}

/* HEAP-1: (the import into a driver is the lab's; here into our own table) */
GST_START_TEST (test_heaps_1_2_allocate_and_sync)
{
  int heap = open_heap ();
  int fd = heap_alloc (heap, MIB, O_RDWR | O_CLOEXEC, 0);
  DmabufBuffer *buffer;
  guint8 *address;

  fail_unless (fd >= 0);
  address = map (fd, MIB);
  sync_buffer (fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
  memset (address, 0xff, MIB);
  sync_buffer (fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
  buffer = dmabuf_buffer_import (fd, NULL);
  fail_unless (buffer != NULL);
  sync_buffer (fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
  sync_buffer (fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);

  dmabuf_kernel->munmap (address, MIB);
  dmabuf_buffer_unref (buffer);
  dmabuf_kernel->close (fd);
  dmabuf_kernel->close (heap);
}
GST_END_TEST;

/* HEAP-1, SEC-19: new memory is zero, also where others' was. */
GST_START_TEST (test_heaps_3_to_6_zeroed)
{
  gsize size = __i__ ? MIB : PAGE;
  int heap = open_heap ();
  guint round, i;

  for (round = 0; round < 2; round++) {
    for (i = 0; i < 32; i++) {
      int fd = heap_alloc (heap, size, O_RDWR | O_CLOEXEC, 0);
      guint8 *address = map (fd, size);
      gsize j;

      for (j = 0; j < size; j += 64)
        fail_unless_equals_int (address[j], 0);
      memset (address, 0xff, size);
      dmabuf_kernel->munmap (address, size);
      dmabuf_kernel->close (fd);
    }
  }
  dmabuf_kernel->close (heap);
}
GST_END_TEST;

/* HEAP-1: an older and a newer caller's struct. */
GST_START_TEST (test_heaps_7_8_struct_sizes)
{
  struct
  {
    struct dma_heap_allocation_data data;
    guint64 garbage;
  } newer = { { .len = PAGE, .fd_flags = O_RDWR | O_CLOEXEC }, 0xffffffff };
  struct
  {
    guint64 len;
    guint32 fd;
    guint32 fd_flags;
  } older = { PAGE, 0, O_RDWR | O_CLOEXEC };
  int heap = open_heap ();

  fail_unless (
      dmabuf_kernel->ioctl (heap,
          _IOC (_IOC_READ | _IOC_WRITE, DMA_HEAP_IOC_MAGIC, 0, sizeof older),
          &older)
      == 0);
  dmabuf_kernel->close (older.fd);
  fail_unless (
      dmabuf_kernel->ioctl (heap,
          _IOC (_IOC_READ | _IOC_WRITE, DMA_HEAP_IOC_MAGIC, 0, sizeof newer),
          &newer)
      == 0);
  dmabuf_kernel->close (newer.data.fd);
  dmabuf_kernel->close (heap);
}
GST_END_TEST;

/* HEAP-1 */
GST_START_TEST (test_heaps_9_to_11_errors)
{
  struct dma_heap_allocation_data data = { .len = PAGE, .fd = 1 };
  int heap = open_heap ();
  int null = dmabuf_kernel->open ("/dev/null", O_RDWR | O_CLOEXEC);

  fail_unless (heap_alloc (null, PAGE, O_RDWR | O_CLOEXEC, 0) < 0);
  fail_unless_equals_int (errno, ENOTTY);
  fail_unless (heap_alloc (heap, PAGE, O_RDWR | O_CLOEXEC, 0x111111) < 0);
  fail_unless_equals_int (errno, EINVAL);
  fail_unless (heap_alloc (heap, PAGE, ~(O_RDWR | O_CLOEXEC), 0) < 0);
  fail_unless_equals_int (errno, EINVAL);
  /* which theirs leave out */
  fail_unless (heap_alloc (heap, 0, O_RDWR | O_CLOEXEC, 0) < 0);
  fail_unless_equals_int (errno, EINVAL);
  fail_unless (dmabuf_kernel->ioctl (heap, DMA_HEAP_IOCTL_ALLOC, &data) < 0);
  fail_unless_equals_int (errno, EINVAL);
  fail_unless (dmabuf_kernel->ioctl (heap, _IO ('H', 9), &data) < 0);
  fail_unless_equals_int (errno, EINVAL);

  dmabuf_kernel->close (null);
  dmabuf_kernel->close (heap);
}
GST_END_TEST;

/* --- prime --------------------------------------------------------------- */

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
    address = map (fd, 4 * PAGE);
    fail_unless_equals_int (address[PAGE], i);
    address[PAGE] = i + 1;
    dmabuf_kernel->munmap (address, 4 * PAGE);
  }
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* MMAP-3: the map survives its fd; exporting again is the same buffer (EXP-6).
 */
GST_START_TEST (test_prime_reprime)
{
  DmabufBuffer *buffer = allocate (__i__, PAGE), *again;
  int fd = dmabuf_buffer_export (buffer, NULL);
  guint8 *address = map (fd, PAGE), *second;

  dmabuf_kernel->close (fd);
  address[0] = 42;
  fd = dmabuf_buffer_export (buffer, NULL);
  second = map (fd, PAGE);
  fail_unless_equals_int (second[0], 42);
  again = dmabuf_buffer_import_take (fd, NULL);
  fail_unless (again == buffer);

  dmabuf_kernel->munmap (address, PAGE);
  dmabuf_kernel->munmap (second, PAGE);
  dmabuf_buffer_unref (again);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

/* MMAP-3: across fork, both ways. */
GST_START_TEST (test_prime_forked)
{
  DmabufBuffer *buffer = allocate (__i__, PAGE);
  int fd = dmabuf_buffer_get_fd (buffer);
  guint8 *address = map (fd, PAGE);
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

/* EXP-8: fds, maps and objects each keep it. */
GST_START_TEST (test_prime_refcounting)
{
  DmabufBuffer *buffer = allocate (__i__, PAGE);
  int fd = dmabuf_buffer_export (buffer, NULL);
  guint8 *address;

  dmabuf_buffer_unref (buffer);
  address = map (fd, PAGE);
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
  address = map (fd, PAGE);
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
on_alarm (int number)
{
}

/* CPU-5: under a storm of signals SYNC answers only EINTR and EAGAIN, which the
 * library repeats. */
GST_START_TEST (test_prime_ioctl_errors)
{
  struct itimerval storm = { { 0, 200 }, { 0, 200 } }, calm = { { 0 } };
  struct sigaction action = { .sa_handler = on_alarm }, previous;
  DmabufBuffer *buffer = allocate (__i__, PAGE);
  GError *error = NULL;
  guint i;

  sigaction (SIGALRM, &action, &previous);
  setitimer (ITIMER_REAL, &storm, NULL);
  for (i = 0; i < (backend_is_fake () ? 2000 : 200); i++) {
    if (!dmabuf_buffer_begin_cpu_access (buffer, DMABUF_ACCESS_READ_WRITE,
            DMABUF_DEADLINE_NEVER, NULL, &error)
        || !dmabuf_buffer_end_cpu_access (
            buffer, DMABUF_ACCESS_READ_WRITE, &error))
      break;
  }
  setitimer (ITIMER_REAL, &calm, NULL);
  sigaction (SIGALRM, &previous, NULL);
  assert_no_error (error);
  dmabuf_buffer_unref (buffer);
}
GST_END_TEST;

static Suite *
suites_suite (void)
{
  Suite *s = suite_create ("suites");
  TCase *udmabuf = backend_add_case (s, "udmabuf");
  TCase *heaps = backend_add_case (s, "dma-heaps");
  TCase *prime = backend_add_case (s, "prime");

  tcase_add_test (udmabuf, test_udmabuf_1_2_unaligned);
  tcase_add_test (udmabuf, test_udmabuf_3_not_a_memfd);
  tcase_add_test (udmabuf, test_udmabuf_4_aligned);
  tcase_add_test (udmabuf, test_udmabuf_5_list_of_pages);
  tcase_add_test (udmabuf, test_udmabuf_6_list_of_huge_pages);
  tcase_add_test (udmabuf, test_udmabuf_7_write_after_pin);

  tcase_add_test (heaps, test_heaps_1_2_allocate_and_sync);
  tcase_add_loop_test (heaps, test_heaps_3_to_6_zeroed, 0, 2);
  tcase_add_test (heaps, test_heaps_7_8_struct_sizes);
  tcase_add_test (heaps, test_heaps_9_to_11_errors);

  tcase_add_loop_test (prime, test_prime_llseek_size, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (prime, test_prime_llseek_bad, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (prime, test_prime_map_unmap, 0, BACKEND_N_EXPORTERS);
  tcase_add_loop_test (prime, test_prime_reprime, 0, BACKEND_N_EXPORTERS);
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

GST_CHECK_MAIN (suites);
