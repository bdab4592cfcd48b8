/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>
#include "dmabuf-thread-private.h"

#include <linux/sync_file.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

G_BEGIN_DECLS

/*
 * The kernel layer: every system call that the core makes goes through one
 * table, so that tests can put a fake kernel in its place, and make the n-th
 * call fail. Nothing else in the project calls the ioctls of dma-buf,
 * sync_file, dma-heap and udmabuf.
 *
 * The functions behave as the system calls: -1 and errno. All fds are born
 * close-on-exec. The dmabuf_kernel_*() helpers below them return 0 or more on
 * success and a negative errno on failure.
 */
typedef struct
{
  int (*open) (const char *path, int flags);
  int (*close) (int fd);
  int (*dup) (int fd);
  int (*ioctl) (int fd, unsigned long request, void *arg);
  off_t (*lseek) (int fd, off_t offset, int whence);
  /* The st_dev and st_ino of a file, by statx with AT_STATX_DONT_SYNC, which a
   * hostile FUSE server cannot block (SEC-4) */
  int (*identify) (int fd, guint64 *device, guint64 *inode);
  /* The target of /proc/self/fd/FD */
  ssize_t (*read_link) (int fd, char *target, size_t size);
  int (*fcntl) (int fd, int command, long arg);
  int (*ppoll) (
      struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout);
  void *(*mmap) (size_t size, int protection, int flags, int fd, off_t offset);
  int (*munmap) (void *address, size_t size);
  int (*memfd_create) (const char *name, unsigned int flags);
  int (*ftruncate) (int fd, off_t size);
  ssize_t (*read) (int fd, void *data, size_t size);
  ssize_t (*write) (int fd, const void *data, size_t size);
  int (*eventfd) (unsigned int value, int flags);
  int (*epoll_create) (void);
  int (*epoll_ctl) (int epoll_fd, int op, int fd, struct epoll_event *event);
  int (*epoll_wait) (
      int epoll_fd, struct epoll_event *events, int n_events, int timeout_ms);
  /* The sorted names in a directory, or NULL and errno */
  char **(*list) (const char *path);
  ssize_t (*sendmsg) (int fd, const struct msghdr *message, int flags);
  ssize_t (*recvmsg) (int fd, struct msghdr *message, int flags);
} DmabufKernel;

/* The table of Linux itself. */
DMABUF_CORE_API
const DmabufKernel dmabuf_kernel_linux;

/* The table in use. */
DMABUF_CORE_API
const DmabufKernel *dmabuf_kernel;

/* Replaces the table; %NULL stands for Linux. For tests, before any other call.
 * The library forgets which ioctls the kernel had. */
DMABUF_CORE_API
void dmabuf_kernel_replace (const DmabufKernel *kernel);

/* Counts dmabuf_kernel_replace(): a cached answer of an older kernel is void */
extern guint dmabuf_kernel_generation;

/* An ioctl, restarted on EINTR and EAGAIN (CPU-5): 0 or more, or -errno */
DMABUF_CORE_API
int dmabuf_kernel_ioctl (int fd, unsigned long request, void *arg);

/* DMA_BUF_IOCTL_SYNC */
int dmabuf_kernel_sync_begin (int fd, DmabufAccess access);
int dmabuf_kernel_sync_end (int fd, DmabufAccess access);

/* DMA_BUF_IOCTL_EXPORT_SYNC_FILE: a new sync_file with the fences that conflict
 * with @access (XSF-1); -ENOTTY where the kernel cannot */
DMABUF_CORE_API
int dmabuf_kernel_export_sync_file (int fd, DmabufAccess access);

/* DMA_BUF_IOCTL_IMPORT_SYNC_FILE (XSF-3) */
DMABUF_CORE_API
int
dmabuf_kernel_import_sync_file (int fd, DmabufAccess access, int sync_file_fd);

/* SYNC_IOC_FILE_INFO (SF-3): fills @info and up to @n_fences of its leaves, 0
 * for none; -ENOTTY or -EINVAL for other files than a sync_file */
DMABUF_CORE_API
int dmabuf_kernel_file_info (int fd, struct sync_file_info *info,
    struct sync_fence_info *fences, guint n_fences);

/* SYNC_IOC_MERGE (SF-2): a new sync_file of both */
DMABUF_CORE_API
int dmabuf_kernel_merge (const char *name, int fd, int other_fd);

/* SYNC_IOC_SET_DEADLINE (SF-6), a hint: -ENOTTY where the kernel has none */
DMABUF_CORE_API
int dmabuf_kernel_set_deadline (int fd, guint64 deadline_ns);

/* DMA_BUF_SET_NAME_B (NAME-1) */
int dmabuf_kernel_set_name (int fd, const char *name);

/* DMA_HEAP_IOCTL_ALLOC: the fd of the buffer (HEAP-1) */
int dmabuf_kernel_heap_allocate (int heap_fd, gsize size);

/* Waits for @events of one fd, or for the cancellable. 1 if ready, 0 at the
 * deadline, -ECANCELED, -EIO if the other end is gone, or -errno. Restarted on
 * EINTR with the time left until the deadline, so that signals do not prolong
 * it. */
DMABUF_CORE_API
int dmabuf_kernel_poll (
    int fd, short events, gint64 deadline, GCancellable *cancellable);

/* Sets @error to DMABUF_ERROR with the positive errno value @code. */
void dmabuf_set_error (GError **error, int code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

G_END_DECLS
