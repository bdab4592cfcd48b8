/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fake kernel's fences: here a kernel in which every fence has signalled.
 */

#include "fake-kernel.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <sys/eventfd.h>

static int
export_sync_file (struct dma_buf_export_sync_file *args)
{
  int fd;

  if (!args->flags || args->flags & ~DMA_BUF_SYNC_RW) {
    errno = EINVAL;
    return -1;
  }

  fd = eventfd (1, EFD_CLOEXEC);
  if (fd < 0)
    return -1;

  fake_lock ();
  args->fd = fake_file_install (fake_file_new (FAKE_FILE_SYNC_FILE), fd);
  fake_unlock ();
  return 0;
}

static int
import_sync_file (struct dma_buf_import_sync_file *args)
{
  FakeFile *file;
  gboolean is_sync_file;

  fake_lock ();
  file = fake_file_lookup (args->fd);
  is_sync_file = file && file->kind == FAKE_FILE_SYNC_FILE;
  fake_unlock ();

  if (!is_sync_file || !args->flags || args->flags & ~DMA_BUF_SYNC_RW) {
    errno = EINVAL;
    return -1;
  }
  return 0;
}

int
fake_sync_ioctl (int fd, FakeFile *file, unsigned long request, void *arg)
{
  if (request == DMA_BUF_IOCTL_EXPORT_SYNC_FILE)
    return export_sync_file (arg);
  if (request == DMA_BUF_IOCTL_IMPORT_SYNC_FILE)
    return import_sync_file (arg);

  errno = ENOTTY;
  return -1;
}

int
fake_sync_begin_cpu_access (FakeFile *file, DmabufAccess access)
{
  return 0;
}

int
fake_sync_ppoll (
    struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout)
{
  return ppoll (fds, n_fds, timeout, NULL);
}

int
fake_sync_epoll_ctl (int epoll_fd, int op, int fd, struct epoll_event *event)
{
  return epoll_ctl (epoll_fd, op, fd, event);
}

int
fake_sync_epoll_wait (
    int epoll_fd, struct epoll_event *events, int n_events, int timeout_ms)
{
  return epoll_wait (epoll_fd, events, n_events, timeout_ms);
}

void
fake_sync_free (FakeFile *file)
{
}

void
fake_sync_reset (void)
{
}
