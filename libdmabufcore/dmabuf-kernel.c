/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-kernel-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* --- The real kernel --------------------------------------------------- */

static int
linux_open (const char *path, int flags)
{
  return open (path, flags | O_CLOEXEC);
}

static int
linux_dup (int fd)
{
  return fcntl (fd, F_DUPFD_CLOEXEC, 0);
}

static int
linux_ioctl (int fd, unsigned long request, void *arg)
{
  return ioctl (fd, request, arg);
}

static int
linux_identify (int fd, guint64 *device, guint64 *inode)
{
  struct statx stat;

  if (statx (fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &stat) < 0)
    return -1;

  *device = makedev (stat.stx_dev_major, stat.stx_dev_minor);
  *inode = stat.stx_ino;
  return 0;
}

static ssize_t
linux_read_link (int fd, char *target, size_t size)
{
  char path[32];

  g_snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  return readlink (path, target, size);
}

static int
linux_fcntl (int fd, int command, long arg)
{
  return fcntl (fd, command, arg);
}

static int
linux_ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout)
{
  return ppoll (fds, n_fds, timeout, NULL);
}

static void *
linux_mmap (size_t size, int protection, int flags, int fd, off_t offset)
{
  return mmap (NULL, size, protection, flags, fd, offset);
}

static int
linux_memfd_create (const char *name, unsigned int flags)
{
  return memfd_create (name, flags | MFD_CLOEXEC);
}

static int
linux_eventfd (unsigned int value, int flags)
{
  return eventfd (value, flags | EFD_CLOEXEC);
}

static int
linux_epoll_create (void)
{
  return epoll_create1 (EPOLL_CLOEXEC);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static char **
linux_list (const char *path)
{
  DIR *directory = opendir (path);
  struct dirent *entry;
  GPtrArray *names;

  if (!directory)
    return NULL;

  names = g_ptr_array_new ();
  while ((entry = readdir (directory))) {
    if (entry->d_name[0] != '.')
      g_ptr_array_add (names, g_strdup (entry->d_name));
  }
  closedir (directory);

  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}

const DmabufKernel dmabuf_kernel_linux = {
  .open = linux_open,
  .close = close,
  .dup = linux_dup,
  .ioctl = linux_ioctl,
  .lseek = lseek,
  .identify = linux_identify,
  .read_link = linux_read_link,
  .fcntl = linux_fcntl,
  .ppoll = linux_ppoll,
  .mmap = linux_mmap,
  .munmap = munmap,
  .memfd_create = linux_memfd_create,
  .ftruncate = ftruncate,
  .read = read,
  .write = write,
  .eventfd = linux_eventfd,
  .epoll_create = linux_epoll_create,
  .epoll_ctl = epoll_ctl,
  .epoll_wait = epoll_wait,
  .list = linux_list,
  .sendmsg = sendmsg,
  .recvmsg = recvmsg,
};

const DmabufKernel *dmabuf_kernel = &dmabuf_kernel_linux;
guint dmabuf_kernel_generation = 0;

void
dmabuf_kernel_replace (const DmabufKernel *kernel)
{
  __atomic_store_n (
      &dmabuf_kernel, kernel ? kernel : &dmabuf_kernel_linux, __ATOMIC_RELEASE);
  dmabuf_kernel_generation++;
}

/* --- Errors ------------------------------------------------------------ */

/* clang-format off: the name is no subtraction */
G_DEFINE_QUARK (dmabuf-error-quark, dmabuf_error)
/* clang-format on */

void
dmabuf_set_error (GError **error, int code, const char *format, ...)
{
  va_list args;

  if (!error)
    return;

  va_start (args, format);
  *error = g_error_new_valist (DMABUF_ERROR, code, format, args);
  va_end (args);
}

/* --- Ioctls ------------------------------------------------------------ */

int
dmabuf_kernel_ioctl (int fd, unsigned long request, void *arg)
{
  int ret;

  do
    ret = dmabuf_kernel->ioctl (fd, request, arg);
  while (ret < 0 && (errno == EINTR || errno == EAGAIN));

  return ret < 0 ? -errno : ret;
}

static int
kernel_sync (int fd, guint64 flags)
{
  struct dma_buf_sync sync = { .flags = flags };

  return dmabuf_kernel_ioctl (fd, DMA_BUF_IOCTL_SYNC, &sync);
}

int
dmabuf_kernel_sync_begin (int fd, DmabufAccess access)
{
  return kernel_sync (fd, DMA_BUF_SYNC_START | access);
}

int
dmabuf_kernel_sync_end (int fd, DmabufAccess access)
{
  return kernel_sync (fd, DMA_BUF_SYNC_END | access);
}

int
dmabuf_kernel_export_sync_file (int fd, DmabufAccess access)
{
  struct dma_buf_export_sync_file args = { .flags = access, .fd = -1 };
  int ret;

  ret = dmabuf_kernel_ioctl (fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &args);

  return ret < 0 ? ret : args.fd;
}

int
dmabuf_kernel_import_sync_file (int fd, DmabufAccess access, int sync_file_fd)
{
  struct dma_buf_import_sync_file args = {
    .flags = access,
    .fd = sync_file_fd,
  };

  return dmabuf_kernel_ioctl (fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &args);
}

int
dmabuf_kernel_file_info (int fd, struct sync_file_info *info,
    struct sync_fence_info *fences, guint n_fences)
{
  memset (info, 0, sizeof *info);
  info->num_fences = n_fences;
  info->sync_fence_info = (guintptr) fences;

  return dmabuf_kernel_ioctl (fd, SYNC_IOC_FILE_INFO, info);
}

int
dmabuf_kernel_merge (const char *name, int fd, int other_fd)
{
  struct sync_merge_data args = { .fd2 = other_fd, .fence = -1 };
  int ret;

  g_strlcpy (args.name, name, sizeof args.name);
  ret = dmabuf_kernel_ioctl (fd, SYNC_IOC_MERGE, &args);

  return ret < 0 ? ret : args.fence;
}

int
dmabuf_kernel_set_deadline (int fd, guint64 deadline_ns)
{
  struct sync_set_deadline args = { .deadline_ns = deadline_ns };

  return dmabuf_kernel_ioctl (fd, SYNC_IOC_SET_DEADLINE, &args);
}

int
dmabuf_kernel_set_name (int fd, const char *name)
{
  return dmabuf_kernel_ioctl (fd, DMA_BUF_SET_NAME_B, (void *) name);
}

int
dmabuf_kernel_heap_allocate (int heap_fd, gsize size)
{
  struct dma_heap_allocation_data args = {
    .len = size,
    .fd_flags = O_RDWR | O_CLOEXEC,
  };
  int ret;

  ret = dmabuf_kernel_ioctl (heap_fd, DMA_HEAP_IOCTL_ALLOC, &args);

  return ret < 0 ? ret : (int) args.fd;
}

/* --- Waiting ----------------------------------------------------------- */

int
dmabuf_kernel_poll (
    int fd, short events, gint64 deadline, GCancellable *cancellable)
{
  GPollFD cancel = { .fd = -1 };
  struct pollfd fds[2] = { { .fd = fd, .events = events } };
  gboolean have_cancel;
  int ret;

  if (cancellable && g_cancellable_is_cancelled (cancellable))
    return -ECANCELED;

  /* A mere test, with a deadline that has passed, saves the cancellable's fd.
   */
  have_cancel = cancellable && deadline > g_get_monotonic_time ()
      && g_cancellable_make_pollfd (cancellable, &cancel);
  if (have_cancel)
    fds[1] = (struct pollfd) { .fd = cancel.fd, .events = POLLIN };

  for (;;) {
    struct timespec left = { 0 };
    gboolean never = deadline == DMABUF_DEADLINE_NEVER;

    if (!never) {
      gint64 now = g_get_monotonic_time ();
      /* At most half an hour at once, which fits any time_t. */
      gint64 us = deadline > now ? MIN (deadline - now, G_MAXINT32) : 0;

      left.tv_sec = us / G_USEC_PER_SEC;
      left.tv_nsec = us % G_USEC_PER_SEC * 1000;
    }

    ret = dmabuf_kernel->ppoll (fds, have_cancel ? 2 : 1, never ? NULL : &left);

    if (ret < 0 && errno != EINTR && errno != EAGAIN) {
      ret = -errno;
      break;
    }
    if (ret < 0)
      continue;
    if (fds[1].revents) {
      ret = -ECANCELED;
      break;
    }
    if (fds[0].revents & POLLNVAL) {
      ret = -EBADF;
      break;
    }
    if (fds[0].revents & events) {
      ret = 1;
      break;
    }
    /* POLLERR, POLLHUP: @events will not come any more. */
    if (fds[0].revents) {
      ret = -EIO;
      break;
    }
    if (!never && g_get_monotonic_time () >= deadline) {
      ret = 0;
      break;
    }
  }

  if (have_cancel)
    g_cancellable_release_fd (cancellable);

  return ret;
}
