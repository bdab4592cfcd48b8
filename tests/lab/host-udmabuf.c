/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Preloaded into QEMU on hosts whose kernel lacks CONFIG_UDMABUF. To map the
 * scattered pages of a virtio-gpu blob resource contiguously, QEMU makes a
 * dma-buf of them with /dev/udmabuf and maps that. This library emulates the
 * device: a dma-buf is a list of pieces of the guest's memory, and mmap () maps
 * the pieces one behind the other.
 *
 * It supports the calls that QEMU makes: UDMABUF_CREATE_LIST, mmap () from
 * offset 0, munmap () and close (). It calls the kernel directly: before the
 * loader is done, dlsym () cannot find the functions of libc.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_FDS 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Protected by lock: the fd of /dev/udmabuf, and the pieces of each dma-buf by
 * its fd */
static int control = -1;
static struct udmabuf_create_list *dmabufs[MAX_FDS];

/* --- /dev/udmabuf ------------------------------------------------------ */

static int
open_file (const char *path, int flags, mode_t mode)
{
  if (strcmp (path, "/dev/udmabuf") != 0)
    return syscall (SYS_openat, AT_FDCWD, path, flags, mode);

  pthread_mutex_lock (&lock);
  if (control < 0)
    control = syscall (SYS_memfd_create, "udmabuf", MFD_CLOEXEC);
  pthread_mutex_unlock (&lock);

  return control;
}

#define DEFINE_OPEN(name) \
  int name (const char *path, int flags, ...) \
  { \
    va_list arguments; \
    mode_t mode; \
\
    va_start (arguments, flags); \
    mode = va_arg (arguments, mode_t); \
    va_end (arguments); \
\
    return open_file (path, flags, mode); \
  }

DEFINE_OPEN (open)
DEFINE_OPEN (open64)

/* open () becomes this with _FORTIFY_SOURCE. */
int
__open_2 (const char *path, int flags)
{
  return open_file (path, flags, 0);
}

int
__open64_2 (const char *path, int flags)
{
  return open_file (path, flags, 0);
}

/* Returns an fd that stands for a dma-buf of the pieces. */
static int
create (const struct udmabuf_create_list *list)
{
  size_t size = sizeof (*list) + list->count * sizeof (list->list[0]);
  struct udmabuf_create_list *copy = malloc (size);
  int fd = syscall (SYS_memfd_create, "dma-buf", MFD_CLOEXEC);

  if (!copy || fd < 0 || fd >= MAX_FDS) {
    free (copy);
    if (fd >= 0)
      syscall (SYS_close, fd);
    errno = EMFILE;
    return -1;
  }

  memcpy (copy, list, size);
  pthread_mutex_lock (&lock);
  dmabufs[fd] = copy;
  pthread_mutex_unlock (&lock);

  return fd;
}

int
ioctl (int fd, unsigned long request, ...)
{
  va_list arguments;
  void *argument;
  int is_control;

  va_start (arguments, request);
  argument = va_arg (arguments, void *);
  va_end (arguments);

  pthread_mutex_lock (&lock);
  is_control = control >= 0 && fd == control;
  pthread_mutex_unlock (&lock);
  if (is_control && request == UDMABUF_CREATE_LIST)
    return create (argument);

  return syscall (SYS_ioctl, fd, request, argument);
}

/* --- a dma-buf --------------------------------------------------------- */

/* Maps the pieces one behind the other. Called with the lock held. */
static void *
map_pieces (const struct udmabuf_create_list *list, size_t length, int prot)
{
  char *base, *at;
  unsigned i;

  base = (char *) syscall (
      SYS_mmap, NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  if (base == MAP_FAILED)
    return MAP_FAILED;

  at = base;
  for (i = 0; i < list->count && at < base + length; i++) {
    const struct udmabuf_create_item *item = &list->list[i];
    size_t left = base + length - at;
    size_t size = item->size < left ? item->size : left;

    if ((void *) syscall (SYS_mmap, at, size, prot, MAP_SHARED | MAP_FIXED,
            item->memfd, item->offset)
        == MAP_FAILED) {
      syscall (SYS_munmap, base, length);
      return MAP_FAILED;
    }
    at += size;
  }

  return base;
}

static void *
map (void *address, size_t length, int prot, int flags, int fd, long offset)
{
  void *mapped;

  pthread_mutex_lock (&lock);
  if (fd >= 0 && fd < MAX_FDS && dmabufs[fd])
    mapped = map_pieces (dmabufs[fd], length, prot);
  else
    mapped =
        (void *) syscall (SYS_mmap, address, length, prot, flags, fd, offset);
  pthread_mutex_unlock (&lock);

  return mapped;
}

void *
mmap (void *address, size_t length, int prot, int flags, int fd, off_t offset)
{
  return map (address, length, prot, flags, fd, offset);
}

void *
mmap64 (
    void *address, size_t length, int prot, int flags, int fd, off64_t offset)
{
  return map (address, length, prot, flags, fd, offset);
}

int
close (int fd)
{
  pthread_mutex_lock (&lock);
  if (fd >= 0 && fd < MAX_FDS) {
    free (dmabufs[fd]);
    dmabufs[fd] = NULL;
  }
  pthread_mutex_unlock (&lock);

  return syscall (SYS_close, fd);
}
