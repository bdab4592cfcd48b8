/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The assertions of the kernel's selftests of udmabuf and dma-heaps, with the
 * errno that they leave out; prime.c has IGT's. Names and numbers are theirs.
 */

#include "../lib/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
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

/* For 5 and 6: data written to the memfd afterwards shows in the buffer. */
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

  /* Mapped before the pinning, as in the selftest: on 6.12 a later mapping
   * finds no huge page left (ENOMEM); on 7.2 either order works. */
  source = backend_map (memfd, 4 * chunk);
  fd = dmabuf_kernel->ioctl (device, UDMABUF_CREATE_LIST, list);
  fail_unless (fd >= 0, "CREATE_LIST: %s", g_strerror (errno));

  for (i = 0; i < 4; i++)
    memset (source + i * chunk, 'a' + i, chunk);
  address = backend_map (fd, 4 * chunk);
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

#define HUGE_PAGES "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

static gint64
read_huge_pages (void)
{
  g_autofree char *text = NULL;

  return g_file_get_contents (HUGE_PAGES, &text, NULL, NULL)
      ? g_ascii_strtoll (text, NULL, 10)
      : -1;
}

/* Sets the number of huge pages, -1 to leave it; TRUE if there are as many. The
 * kernel reserves what it has, without an error. */
static gboolean
set_huge_pages (gint64 n)
{
  FILE *file;

  if (n < 0 || backend_is_fake ())
    return TRUE;

  file = fopen (HUGE_PAGES, "we");
  if (!file)
    return FALSE;
  fprintf (file, "%" G_GINT64_FORMAT, n);
  return fclose (file) == 0 && read_huge_pages () >= n;
}

/* UDM-1: reserves the huge pages that it needs. */
GST_START_TEST (test_udmabuf_6_list_of_huge_pages)
{
  gint64 before = backend_is_fake () ? -1 : read_huge_pages ();
  int memfd;

  if (!set_huge_pages (MAX (before, 0) + 4)) {
    backend_skip ("udmabuf 6", "four huge pages of 2 MiB cannot be reserved");
  } else {
    memfd = dmabuf_kernel->memfd_create (
        "huge", MFD_ALLOW_SEALING | MFD_HUGETLB | (21u << MAP_HUGE_SHIFT));
    fail_unless (memfd >= 0, "memfd_create: %s", g_strerror (errno));
    fail_unless (dmabuf_kernel->ftruncate (memfd, 8 * MIB) == 0);
    fail_unless (dmabuf_kernel->fcntl (memfd, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    check_list (memfd, 2 * MIB);
    dmabuf_kernel->close (memfd);
  }
  set_huge_pages (before);
}
GST_END_TEST;

/* UDM-2: data written after the pinning shows in the buffer. */
GST_START_TEST (test_udmabuf_7_write_after_pin)
{
  int memfd = sealed_memfd (2 * PAGE);
  int fd = create (memfd, 0, 2 * PAGE);
  guint8 *address = backend_map (fd, 2 * PAGE);

  fail_unless (pwrite (memfd, "later", 5, PAGE) == 5);
  fail_unless (memcmp (address + PAGE, "later", 5) == 0);
  dmabuf_kernel->munmap (address, 2 * PAGE);
  dmabuf_kernel->close (fd);
  dmabuf_kernel->close (memfd);
}
GST_END_TEST;

/* --- Dma-heaps ----------------------------------------------------------- */

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

/* HEAP-1: between two CPU accesses the buffer is imported by a driver (vgem)
 * and by the library. */
GST_START_TEST (test_heaps_1_2_allocate_and_sync)
{
  int heap = open_heap ();
  int fd = heap_alloc (heap, MIB, O_RDWR | O_CLOEXEC, 0);
  int vgem = vgem_find ();
  guint32 handle = 0, again = 0;
  DmabufBuffer *buffer;
  guint8 *address;
  gsize i;

  fail_unless (fd >= 0);
  address = backend_map (fd, MIB);
  sync_buffer (fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
  memset (address, 0xff, MIB);
  sync_buffer (fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);

  if (vgem >= 0) {
    fail_unless_equals_int (vgem_import (vgem, fd, &handle), 0);
    fail_unless (handle != 0);
    fail_unless_equals_int (vgem_import (vgem, fd, &again), 0);
    fail_unless_equals_int (again, handle);
  } else {
    backend_skip ("dma-heaps 1, 2", "no vgem to import the buffer");
  }
  buffer = dmabuf_buffer_import (fd, NULL);
  fail_unless (buffer != NULL);

  sync_buffer (fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
  sync_buffer (fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);

  for (i = 0; i < MIB; i += PAGE)
    fail_unless_equals_int (address[i], 0xff);

  dmabuf_kernel->munmap (address, MIB);
  dmabuf_buffer_unref (buffer);
  if (vgem >= 0)
    dmabuf_kernel->close (vgem);
  dmabuf_kernel->close (fd);
  dmabuf_kernel->close (heap);
}
GST_END_TEST;

/* HEAP-1, SEC-19: new memory is zero, even if other buffers used it before. */
GST_START_TEST (test_heaps_3_to_6_zeroed)
{
  gsize size = __i__ ? MIB : PAGE;
  int heap = open_heap ();
  guint round, i;

  for (round = 0; round < 2; round++) {
    for (i = 0; i < 32; i++) {
      int fd = heap_alloc (heap, size, O_RDWR | O_CLOEXEC, 0);
      guint8 *address = backend_map (fd, size);
      guint8 any = 0;
      gsize j;

      for (j = 0; j < size; j++)
        any |= address[j];
      fail_unless_equals_int (any, 0);
      memset (address, 0xff, size);
      dmabuf_kernel->munmap (address, size);
      dmabuf_kernel->close (fd);
    }
  }
  dmabuf_kernel->close (heap);
}
GST_END_TEST;

/* HEAP-1: the ioctl takes the struct of an older and of a newer caller. */
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
  /* Left out by the selftests */
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

static Suite *
suites_suite (void)
{
  Suite *s = suite_create ("suites");
  TCase *udmabuf = backend_add_case (s, "udmabuf");
  TCase *heaps = backend_add_case (s, "dma-heaps");

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

  return s;
}

GST_CHECK_MAIN (suites);
