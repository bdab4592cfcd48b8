/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fake kernel's buffers: heaps (HEAP-1), udmabuf (UDM-1), and the calls on
 * a dma-buf (CPU-4, NAME-1, MMAP-1, SEEK-1). */

#include "fake-kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/memfd.h>
#include <linux/udmabuf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

static guint64 size_limit_mb = 64;
static guint list_limit = 1024;

/* Inode → FakeFile, for fds whose number is not in the table. */
static GHashTable *by_inode;

static int
fail (int code)
{
  errno = code;
  return -1;
}

/* --- Dma-bufs ------------------------------------------------------------ */

static void
chunk_clear (gpointer chunk)
{
  close (((FakeChunk *) chunk)->memfd);
}

/* A new dma-buf without memory; its fd and inode are those of a memfd. Lock
 * held. */
static int
new_dmabuf (FakeFile **out, const char *exporter, guint64 size, int access_mode)
{
  int fd = memfd_create ("fake-dmabuf", MFD_CLOEXEC);
  FakeFile *file;
  struct stat st;

  if (fd < 0)
    return -1;

  fstat (fd, &st);
  file = fake_file_new (FAKE_FILE_DMABUF);
  file->device = st.st_dev;
  file->inode = st.st_ino;
  file->size = size;
  file->exporter = exporter;
  file->access_mode = access_mode;
  file->chunks = g_array_new (FALSE, FALSE, sizeof (FakeChunk));
  g_array_set_clear_func (file->chunks, chunk_clear);

  if (!by_inode)
    by_inode = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_hash_table_insert (by_inode, &file->inode, file);

  fake_file_install (file, fd);
  *out = file;
  return fd;
}

void
fake_buffer_free (FakeFile *file)
{
  g_hash_table_remove (by_inode, &file->inode);
  g_array_unref (file->chunks);
}

FakeFile *
fake_buffer_find (int fd)
{
  struct stat st;
  FakeFile *file;
  guint64 inode;

  if (!by_inode || fstat (fd, &st) < 0)
    return NULL;

  inode = st.st_ino;
  file = g_hash_table_lookup (by_inode, &inode);
  return file && file->device == st.st_dev ? file : NULL;
}

void
fake_buffer_foreach (GFunc func, gpointer user_data)
{
  GHashTableIter iter;
  gpointer file;

  if (!by_inode)
    return;
  g_hash_table_iter_init (&iter, by_inode);
  while (g_hash_table_iter_next (&iter, NULL, &file))
    func (file, user_data);
}

static void
add_chunk (FakeFile *file, int memfd, guint64 offset, guint64 size)
{
  FakeChunk chunk = { memfd, offset, size };

  g_array_append_val (file->chunks, chunk);
}

/* A dma-buf whose memory is the memfd that its fd is. Lock held. */
static int
new_plain (const char *exporter, guint64 size, int access_mode)
{
  FakeFile *file;
  int fd;

  fd = new_dmabuf (&file, exporter, size, access_mode);
  if (fd < 0)
    return -1;

  /* Allocated at once, as by a heap. */
  if (ftruncate (fd, size) < 0 || fallocate (fd, 0, 0, size) < 0) {
    dmabuf_kernel->close (fd);
    return fail (ENOMEM);
  }
  add_chunk (file, fcntl (fd, F_DUPFD_CLOEXEC, 0), 0, size);
  return fd;
}

int
fake_kernel_new_dmabuf (gsize size, int access_mode)
{
  int fd;

  fake_lock ();
  fd = new_plain ("fake", size, access_mode);
  fake_unlock ();
  return fd;
}

static int
map_chunks (
    FakeFile *file, char *address, guint64 size, int protection, guint64 offset)
{
  guint i;

  for (i = 0; i < file->chunks->len && size > 0; i++) {
    FakeChunk *chunk = &g_array_index (file->chunks, FakeChunk, i);
    guint64 n;

    if (offset >= chunk->size) {
      offset -= chunk->size;
      continue;
    }
    n = MIN (chunk->size - offset, size);
    if (mmap (address, n, protection, MAP_SHARED | MAP_FIXED, chunk->memfd,
            chunk->offset + offset)
        == MAP_FAILED)
      return -1;
    address += n;
    size -= n;
    offset = 0;
  }
  return 0;
}

void *
fake_buffer_mmap (
    FakeFile *file, size_t size, int protection, int flags, off_t offset)
{
  size_t length = (size + PAGE - 1) & ~(size_t) (PAGE - 1);
  void *address;

  /* MMAP-1, MMAP-2 */
  if (size == 0 || offset % PAGE || !(flags & MAP_SHARED)
      || (guint64) offset + length > file->size) {
    errno = EINVAL;
    return MAP_FAILED;
  }
  if (protection & PROT_WRITE && file->access_mode != O_RDWR) {
    errno = EACCES;
    return MAP_FAILED;
  }

  address = mmap (NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED)
    return MAP_FAILED;
  if (map_chunks (file, address, length, protection, offset) < 0) {
    munmap (address, length);
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return address;
}

static int
dmabuf_sync (FakeFile *file, const struct dma_buf_sync *sync)
{
  guint64 access = sync->flags & DMA_BUF_SYNC_RW;

  /* CPU-4 */
  if (sync->flags & ~DMA_BUF_SYNC_VALID_FLAGS_MASK || !access)
    return fail (EINVAL);

  if (sync->flags & DMA_BUF_SYNC_END) {
    gboolean started;

    fake_lock ();
    started = file->started;
    fake_unlock ();
    /* CPU-2 */
    return started || !g_str_equal (file->exporter, "udmabuf") ? 0
                                                               : fail (EINVAL);
  }

  fake_lock ();
  file->started = TRUE;
  fake_unlock ();
  return fake_sync_begin_cpu_access (file, (DmabufAccess) access);
}

static int
dmabuf_set_name (FakeFile *file, const char *name)
{
  if (!name)
    return fail (EFAULT);
  /* NAME-1 */
  if (strnlen (name, sizeof file->name) == sizeof file->name)
    return fail (EINVAL);

  fake_lock ();
  g_strlcpy (file->name, name, sizeof file->name);
  fake_unlock ();
  return 0;
}

static int
dmabuf_ioctl (int fd, FakeFile *file, unsigned long request, void *arg)
{
  switch (request) {
  case DMA_BUF_IOCTL_SYNC:
    return arg ? dmabuf_sync (file, arg) : fail (EFAULT);
  case DMA_BUF_SET_NAME_A:
  case DMA_BUF_SET_NAME_B:
    return dmabuf_set_name (file, arg);
  case DMA_BUF_IOCTL_EXPORT_SYNC_FILE:
  case DMA_BUF_IOCTL_IMPORT_SYNC_FILE:
    return arg ? fake_sync_ioctl (fd, file, request, arg) : fail (EFAULT);
  default:
    /* CPU-7 */
    return fail (ENOTTY);
  }
}

/* --- Heaps --------------------------------------------------------------- */

static int
heap_ioctl (FakeFile *file, unsigned long request, void *arg)
{
  struct dma_heap_allocation_data data = { 0 };
  size_t size = _IOC_SIZE (request);
  guint64 length;
  int fd;

  /* HEAP-1: the ioctl is known by its number; its size may be that of an older
   * or a newer version. */
  if (_IOC_NR (request) != _IOC_NR (DMA_HEAP_IOCTL_ALLOC))
    return fail (EINVAL);
  if (!arg)
    return fail (EFAULT);
  memcpy (&data, arg, MIN (size, sizeof data));

  if (data.fd || data.fd_flags & ~(O_CLOEXEC | O_ACCMODE) || data.heap_flags)
    return fail (EINVAL);
  length = (data.len + PAGE - 1) / PAGE * PAGE;
  if (length == 0)
    return fail (EINVAL);
  if (length > G_GUINT64_CONSTANT (1) << 40)
    return fail (ENOMEM);

  fake_lock ();
  fd = new_plain (file->exporter, length, data.fd_flags & O_ACCMODE);
  fake_unlock ();
  if (fd < 0)
    return -1;

  data.fd = fd;
  memcpy (arg, &data, MIN (size, sizeof data));
  return 0;
}

/* --- udmabuf ------------------------------------------------------------- */

int
fake_memfd_create (const char *name, unsigned int flags)
{
  int fd;

  /* Huge pages are served from small ones, which never run out. */
  flags &= ~(MFD_HUGETLB | (guint) MFD_HUGE_MASK << MFD_HUGE_SHIFT);
  fd = memfd_create (name, flags | MFD_CLOEXEC);
  if (fd >= 0) {
    fake_lock ();
    fake_file_install (fake_file_new (FAKE_FILE_MEMFD), fd);
    fake_unlock ();
  }
  return fd;
}

void
fake_kernel_set_udmabuf_limits (guint64 new_size_limit_mb, guint new_list_limit)
{
  fake_lock ();
  size_limit_mb = new_size_limit_mb;
  list_limit = new_list_limit;
  fake_unlock ();
}

int
fake_buffer_open_parameter (const char *path)
{
  char text[32];
  int fd;

  fake_lock ();
  if (g_str_has_suffix (path, "/size_limit_mb"))
    g_snprintf (text, sizeof text, "%" G_GUINT64_FORMAT "\n", size_limit_mb);
  else
    g_snprintf (text, sizeof text, "%u\n", list_limit);
  fake_unlock ();

  fd = memfd_create ("parameter", MFD_CLOEXEC);
  if (fd < 0 || write (fd, text, strlen (text)) < 0)
    return fd;
  lseek (fd, 0, SEEK_SET);
  return fd;
}

/* UDM-1, for one range: 0 or an errno */
static int
check_range (int memfd, guint64 offset, guint64 size)
{
  struct stat st;
  int seals;

  if (offset % PAGE || size % PAGE)
    return EINVAL;
  if (fstat (memfd, &st) < 0)
    return EBADFD;
  seals = fcntl (memfd, F_GET_SEALS);
  if (seals < 0)
    return EBADFD;
  if (!(seals & F_SEAL_SHRINK) || seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
    return EINVAL;
  if (offset + size < offset || offset + size > (guint64) st.st_size)
    return EINVAL;
  return 0;
}

static int
udmabuf_create (const struct udmabuf_create_item *items, guint n)
{
  guint64 total = 0;
  FakeFile *file;
  guint i;
  int fd, code;

  for (i = 0; i < n; i++) {
    code = items[i].offset % PAGE || items[i].size % PAGE ? EINVAL : 0;
    total += items[i].size;
    if (code || total > size_limit_mb << 20)
      return fail (EINVAL);
  }
  if (total == 0)
    return fail (EINVAL);
  for (i = 0; i < n; i++) {
    code = check_range (items[i].memfd, items[i].offset, items[i].size);
    if (code)
      return fail (code);
  }

  /* UDM-1: all pages are allocated and pinned at creation. */
  for (i = 0; i < n; i++)
    fallocate (items[i].memfd, 0, items[i].offset, items[i].size);

  fd = new_dmabuf (&file, "udmabuf", total, O_RDWR);
  for (i = 0; fd >= 0 && i < n; i++)
    add_chunk (file, fcntl (items[i].memfd, F_DUPFD_CLOEXEC, 0),
        items[i].offset, items[i].size);
  return fd;
}

static int
udmabuf_ioctl (unsigned long request, void *arg)
{
  int ret;

  if (!arg)
    return fail (EFAULT);

  fake_lock ();
  if (request == UDMABUF_CREATE) {
    const struct udmabuf_create *create = arg;
    struct udmabuf_create_item item = {
      .memfd = create->memfd,
      .offset = create->offset,
      .size = create->size,
    };

    ret = udmabuf_create (&item, 1);
  } else if (request == UDMABUF_CREATE_LIST) {
    const struct udmabuf_create_list *list = arg;

    ret = list->count > list_limit ? fail (EINVAL)
                                   : udmabuf_create (list->list, list->count);
  } else {
    ret = fail (ENOTTY);
  }
  fake_unlock ();

  return ret;
}

/* --- Dispatch ------------------------------------------------------------ */

int
fake_buffer_ioctl (int fd, FakeFile *file, unsigned long request, void *arg)
{
  switch (file->kind) {
  case FAKE_FILE_DMABUF:
    return dmabuf_ioctl (fd, file, request, arg);
  case FAKE_FILE_HEAP:
    return heap_ioctl (file, request, arg);
  case FAKE_FILE_UDMABUF:
    return udmabuf_ioctl (request, arg);
  default:
    return fail (ENOTTY);
  }
}
