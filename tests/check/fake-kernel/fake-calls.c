/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fake kernel's table of system calls: each acts on a fake file or is
 * passed on. */

#include "fake-kernel.h"
#include "fake-sync.h"
#include "../lib/sw-sync.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int
install_other (int fd)
{
  if (fd >= 0) {
    fake_lock ();
    fake_file_install (fake_file_new (FAKE_FILE_OTHER), fd);
    fake_unlock ();
  }
  return fd;
}

/* --- The table ----------------------------------------------------------- */

static int
device_open (FakeFileKind kind, const char *exporter)
{
  int fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
  FakeFile *file;

  if (fd >= 0) {
    fake_lock ();
    file = fake_file_new (kind);
    file->exporter = exporter;
    fake_file_install (file, fd);
    fake_unlock ();
  }
  return fd;
}

static int
fake_open (const char *path, int flags)
{
  int code;

  if (fake_call (FAKE_CALL_OPEN, 0))
    return -1;

  fake_lock ();
  code = GPOINTER_TO_INT (g_hash_table_lookup (fake_no_path, path));
  fake_unlock ();
  if (code) {
    errno = code;
    return -1;
  }

  if (g_str_has_prefix (path, "/dev/dma_heap/")) {
    if (g_str_equal (path, "/dev/dma_heap/system"))
      return device_open (FAKE_FILE_HEAP, "system");
    if (g_str_equal (path, "/dev/dma_heap/default_cma_region"))
      return device_open (FAKE_FILE_HEAP, "default_cma_region");
    errno = ENOENT;
    return -1;
  }
  if (g_str_equal (path, SW_SYNC_PATH))
    return device_open (FAKE_FILE_SW_SYNC, "sw_sync");
  if (g_str_equal (path, FAKE_VGEM_PATH))
    return device_open (FAKE_FILE_VGEM, "vgem");
  if (g_str_equal (path, "/dev/udmabuf"))
    return device_open (FAKE_FILE_UDMABUF, "udmabuf");
  if (g_str_has_prefix (path, "/sys/module/udmabuf/parameters/"))
    return install_other (fake_buffer_open_parameter (path));
  if (strstr (path, "/fdinfo/") || g_str_has_suffix (path, "/bufinfo"))
    return install_other (fake_info_open (path));

  return install_other (open (path, flags | O_CLOEXEC));
}

/* Linux closes the fd even if close () fails, and so does this. */
static int
fake_close (int fd)
{
  gboolean fails = fake_call (FAKE_CALL_CLOSE, 0);
  int code = errno;
  FakeFile *file;

  fake_lock ();
  file = g_hash_table_lookup (fake_fds, GINT_TO_POINTER (fd + 1));
  if (!file) {
    fake_unlock ();
    if (close (fd) < 0)
      g_error ("fake kernel: close (%d), which is not open", fd);
  } else {
    g_hash_table_remove (fake_fds, GINT_TO_POINTER (fd + 1));
    close (fd);
    fake_file_unref (file);
    fake_unlock ();
  }

  errno = code;
  return fails ? -1 : 0;
}

static int
fake_dup (int fd)
{
  FakeFile *file;
  int new_fd;

  if (fake_call (FAKE_CALL_DUP, 0))
    return -1;

  fake_lock ();
  file = fake_file_lookup (fd);
  new_fd = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  if (new_fd >= 0)
    fake_file_install (file ? file : fake_file_new (FAKE_FILE_OTHER), new_fd);
  fake_unlock ();

  return new_fd;
}

static int
fake_ioctl (int fd, unsigned long request, void *arg)
{
  FakeFile *file;

  if (fake_call (FAKE_CALL_IOCTL, request))
    return -1;

  fake_lock ();
  file = fake_file_lookup (fd);
  fake_unlock ();

  if (file && file->kind >= FAKE_FILE_SYNC_FILE)
    return fake_sync_ioctl (fd, file, request, arg);
  if (file)
    return fake_buffer_ioctl (fd, file, request, arg);

  errno = fcntl (fd, F_GETFD) < 0 ? EBADF : ENOTTY;
  return -1;
}

static off_t
fake_lseek (int fd, off_t offset, int whence)
{
  FakeFile *file;

  if (fake_call (FAKE_CALL_LSEEK, 0))
    return -1;

  fake_lock ();
  file = fake_file_lookup (fd);
  fake_unlock ();

  if (!file || file->kind != FAKE_FILE_DMABUF)
    return lseek (fd, offset, whence);

  /* SEEK-1 */
  if (offset == 0 && whence == SEEK_END)
    return file->size;
  if (offset == 0 && whence == SEEK_SET)
    return 0;
  errno = EINVAL;
  return -1;
}

static gint shared_inode;

void
fake_kernel_set_shared_inode (gboolean shared)
{
  g_atomic_int_set (&shared_inode, shared);
}

static int
fake_identify (int fd, guint64 *device, guint64 *inode)
{
  struct stat st;

  if (fake_call (FAKE_CALL_IDENTIFY, 0))
    return -1;
  if (fstat (fd, &st) < 0)
    return -1;

  *device = st.st_dev;
  *inode = g_atomic_int_get (&shared_inode) ? 1 : st.st_ino;
  return 0;
}

static ssize_t
fake_read_link (int fd, char *target, size_t size)
{
  FakeFile *file;
  char link[64];

  if (fake_call (FAKE_CALL_READ_LINK, 0))
    return -1;

  fake_lock ();
  file = fake_file_lookup (fd);
  if (file && file->kind == FAKE_FILE_DMABUF
      && g_atomic_int_get (&shared_inode))
    g_snprintf (link, sizeof link, "anon_inode:dmabuf");
  else if (file && file->kind == FAKE_FILE_DMABUF)
    g_snprintf (link, sizeof link, "/dmabuf:%s", file->name);
  else if (file && file->kind == FAKE_FILE_SYNC_FILE)
    g_snprintf (link, sizeof link, "anon_inode:sync_file");
  else
    link[0] = '\0';
  fake_unlock ();

  if (!link[0]) {
    char path[32];

    g_snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
    return readlink (path, target, size);
  }

  size = MIN (size, strlen (link));
  memcpy (target, link, size);
  return size;
}

static int
fake_fcntl (int fd, int command, long arg)
{
  FakeFile *file;
  int ret;

  if (fake_call (FAKE_CALL_FCNTL, 0))
    return -1;

  ret = fcntl (fd, command, arg);

  fake_lock ();
  file = fake_file_lookup (fd);
  if (file && command == F_GETFL && ret >= 0)
    ret = (ret & ~O_ACCMODE) | file->access_mode;
  fake_unlock ();

  return ret;
}

static int
fake_ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout)
{
  if (fake_call (FAKE_CALL_PPOLL, 0))
    return -1;

  return fake_sync_ppoll (fds, n_fds, timeout);
}

static void *
fake_mmap (size_t size, int protection, int flags, int fd, off_t offset)
{
  FakeFile *file;
  void *address;

  if (fake_call (FAKE_CALL_MMAP, 0))
    return MAP_FAILED;

  fake_lock ();
  file = fake_file_lookup (fd);
  if (file && file->kind == FAKE_FILE_DMABUF)
    address = fake_buffer_mmap (file, size, protection, flags, offset);
  else
    address = mmap (NULL, size, protection, flags, fd, offset);
  if (address != MAP_FAILED) {
    FakeMap *map = g_new0 (FakeMap, 1);

    *map = (FakeMap) { address, size, file ? fake_file_ref (file) : NULL };
    g_hash_table_insert (fake_maps, address, map);
  }
  fake_unlock ();

  return address;
}

static int
fake_munmap (void *address, size_t size)
{
  gboolean fails = fake_call (FAKE_CALL_MUNMAP, 0);
  int code = errno;
  FakeMap *map;

  fake_lock ();
  map = g_hash_table_lookup (fake_maps, address);
  if (!map || map->size != size)
    g_error ("fake kernel: munmap of %p, which is not mapped so", address);
  g_hash_table_remove (fake_maps, address);
  munmap (address, (size + 4095) & ~(size_t) 4095);
  if (map->file)
    fake_file_unref (map->file);
  g_free (map);
  fake_unlock ();

  errno = code;
  return fails ? -1 : 0;
}

static int
fake_kernel_memfd_create (const char *name, unsigned int flags)
{
  if (fake_call (FAKE_CALL_MEMFD_CREATE, 0))
    return -1;

  return fake_memfd_create (name, flags);
}

static int
fake_ftruncate (int fd, off_t size)
{
  if (fake_call (FAKE_CALL_FTRUNCATE, 0))
    return -1;

  return ftruncate (fd, size);
}

static ssize_t
fake_read (int fd, void *data, size_t size)
{
  if (fake_call (FAKE_CALL_READ, 0))
    return -1;

  return read (fd, data, size);
}

static ssize_t
fake_write (int fd, const void *data, size_t size)
{
  if (fake_call (FAKE_CALL_WRITE, 0))
    return -1;

  return write (fd, data, size);
}

static int
fake_eventfd (unsigned int value, int flags)
{
  if (fake_call (FAKE_CALL_EVENTFD, 0))
    return -1;

  return install_other (eventfd (value, flags | EFD_CLOEXEC));
}

static int
fake_epoll_create (void)
{
  if (fake_call (FAKE_CALL_EPOLL_CREATE, 0))
    return -1;

  return install_other (epoll_create1 (EPOLL_CLOEXEC));
}

static int
fake_epoll_ctl (int epoll_fd, int op, int fd, struct epoll_event *event)
{
  if (fake_call (FAKE_CALL_EPOLL_CTL, 0))
    return -1;

  return fake_sync_epoll_ctl (epoll_fd, op, fd, event);
}

static int
fake_epoll_wait (
    int epoll_fd, struct epoll_event *events, int n_events, int timeout_ms)
{
  /* Neither counted nor failed: how often the poller's thread comes here
   * depends on timing. */
  return fake_sync_epoll_wait (epoll_fd, events, n_events, timeout_ms);
}

static char **
fake_list (const char *path)
{
  static const char *const heaps[] = { "default_cma_region", "system", NULL };
  int code;

  if (fake_call (FAKE_CALL_LIST, 0))
    return NULL;

  fake_lock ();
  code = GPOINTER_TO_INT (g_hash_table_lookup (fake_no_path, path));
  fake_unlock ();
  if (code) {
    errno = code;
    return NULL;
  }

  if (g_str_equal (path, "/dev/dma_heap/"))
    return g_strdupv ((char **) heaps);
  return dmabuf_kernel_linux.list (path);
}

static ssize_t
fake_sendmsg (int fd, const struct msghdr *message, int flags)
{
  if (fake_call (FAKE_CALL_SENDMSG, 0))
    return -1;

  return sendmsg (fd, message, flags);
}

/* Received fds enter the table, so that they are counted. */
static ssize_t
fake_recvmsg (int fd, struct msghdr *message, int flags)
{
  struct cmsghdr *header;
  ssize_t n;

  if (fake_call (FAKE_CALL_RECVMSG, 0))
    return -1;

  n = recvmsg (fd, message, flags);
  for (header = n < 0 ? NULL : CMSG_FIRSTHDR (message); header;
      header = CMSG_NXTHDR (message, header)) {
    gsize i, n_fds = (header->cmsg_len - CMSG_LEN (0)) / sizeof (int);
    int *received = (int *) CMSG_DATA (header);

    fake_lock ();
    for (i = 0; i < n_fds; i++) {
      FakeFile *file = fake_buffer_find (received[i]);

      fake_file_install (
          file ? file : fake_file_new (FAKE_FILE_OTHER), received[i]);
    }
    fake_unlock ();
  }
  return n;
}

const DmabufKernel fake_kernel_table = {
  .open = fake_open,
  .close = fake_close,
  .dup = fake_dup,
  .ioctl = fake_ioctl,
  .lseek = fake_lseek,
  .identify = fake_identify,
  .read_link = fake_read_link,
  .fcntl = fake_fcntl,
  .ppoll = fake_ppoll,
  .mmap = fake_mmap,
  .munmap = fake_munmap,
  .memfd_create = fake_kernel_memfd_create,
  .ftruncate = fake_ftruncate,
  .read = fake_read,
  .write = fake_write,
  .eventfd = fake_eventfd,
  .epoll_create = fake_epoll_create,
  .epoll_ctl = fake_epoll_ctl,
  .epoll_wait = fake_epoll_wait,
  .list = fake_list,
  .sendmsg = fake_sendmsg,
  .recvmsg = fake_recvmsg,
};
