/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A fake kernel behind the library's kernel layer: heaps, udmabuf, memfds and
 * dma-bufs (this file and fake-kernel.c, fake-buffer.c), fences, sync_files and
 * poll (fake-sync.c), with the answers and errnos of the contract.
 *
 * Every fake fd is a real fd, so that mmap, dup, fork and SCM_RIGHTS are the
 * real ones: a dma-buf is a memfd, a sync_file an eventfd, a device /dev/null.
 * A table says which fake file an fd number stands for; calls on other numbers
 * go to the real kernel. A dma-buf with a new number (received, inherited) is
 * recognised by its inode.
 *
 * A test brackets itself with fake_kernel_start() and fake_kernel_stop(); the
 * latter reports what is still open.
 */

#include <libdmabufcore/dmabuf-kernel-private.h>

G_BEGIN_DECLS

typedef enum
{
  FAKE_FILE_OTHER, /* An eventfd, epoll, any other file of the library's */
  FAKE_FILE_HEAP,
  FAKE_FILE_UDMABUF,
  FAKE_FILE_MEMFD,
  FAKE_FILE_DMABUF,
  FAKE_FILE_SYNC_FILE,
  FAKE_FILE_SW_SYNC, /* A timeline */
  FAKE_FILE_VGEM,
} FakeFileKind;

/* An open file description. Locked by fake_lock(). */
typedef struct
{
  FakeFileKind kind;
  guint refs;       /* Fds in the table, mappings, armed polls (EXP-8) */
  int backing;      /* Memory of a dma-buf: a real fd; else -1 */
  guint64 device;   /* Identity, of a dma-buf */
  guint64 inode;    /* 0 until known */
  guint64 size;     /* Of a dma-buf */
  int access_mode;  /* O_RDONLY, O_RDWR */
  gboolean started; /* For udmabuf: a START was seen (UDM-3) */
  char name[32];
  const char *exporter;
  GArray *chunks; /* Of FakeChunk: the memory of a dma-buf, in order */

  /* For fake-sync.c: the reservation of a dma-buf, the fences of a sync_file,
   * the state of a device. */
  gpointer sync;
} FakeFile;

typedef struct
{
  int memfd; /* Real, owned */
  guint64 offset;
  guint64 size;
} FakeChunk;

/* Calls of the table, for counting and for failing them. */
typedef enum
{
  FAKE_CALL_OPEN,
  FAKE_CALL_CLOSE,
  FAKE_CALL_DUP,
  FAKE_CALL_IOCTL,
  FAKE_CALL_LSEEK,
  FAKE_CALL_IDENTIFY,
  FAKE_CALL_READ_LINK,
  FAKE_CALL_FCNTL,
  FAKE_CALL_PPOLL,
  FAKE_CALL_MMAP,
  FAKE_CALL_MUNMAP,
  FAKE_CALL_MEMFD_CREATE,
  FAKE_CALL_FTRUNCATE,
  FAKE_CALL_READ,
  FAKE_CALL_WRITE,
  FAKE_CALL_EVENTFD,
  FAKE_CALL_EPOLL_CREATE,
  FAKE_CALL_EPOLL_CTL,
  FAKE_CALL_EPOLL_WAIT,
  FAKE_CALL_LIST,
  FAKE_CALL_SENDMSG,
  FAKE_CALL_RECVMSG,
  FAKE_N_CALLS,
} FakeCall;

/* --- For tests --------------------------------------------------------- */

/* Puts the fake in the kernel's place and resets it: devices exist, no fault is
 * armed, counters are 0. */
void fake_kernel_start (void);

/* Back to the real kernel. Returns the number of fds, mappings and files that
 * are still open, after printing them. 0 is what a test asserts. */
guint fake_kernel_stop (void);

/* Number of fds, and of mappings, that are open now. */
guint fake_kernel_get_n_fds (void);
guint fake_kernel_get_n_maps (void);
guint fake_kernel_get_n_buffers (void);

/* Calls since fake_kernel_reset_calls(), of one kind or all (FAKE_N_CALLS). */
guint fake_kernel_get_calls (FakeCall call);
void fake_kernel_reset_calls (void);

/* Calls of one ioctl since fake_kernel_reset_calls(). */
guint fake_kernel_get_ioctls (unsigned long request);

/* Makes the @nth call from now (1 is the next one) fail with @code; 0 disarms.
 * Calls to close and munmap do their work and return the failure.
 * fake_kernel_fault_fired() tells whether it came. EINTR and EAGAIN are
 * returned once, and the repetition succeeds. */
void fake_kernel_fail_nth (guint nth, int code);
gboolean fake_kernel_fault_fired (void);

/* Makes one ioctl fail with @code from now on, 0 ends it: ENOTTY for a kernel
 * without it. */
void fake_kernel_break_ioctl (unsigned long request, int code);

/* Makes opening of @path fail with @code (ENOENT, EACCES), 0 ends it. */
void fake_kernel_break_path (const char *path, int code);

/* Gives all dma-bufs one inode, as kernels before the dma-buf file system. */
void fake_kernel_set_shared_inode (gboolean shared);

/* The module parameters of udmabuf. */
void fake_kernel_set_udmabuf_limits (guint64 size_limit_mb, guint list_limit);

/* A dma-buf of @size bytes that a driver exported; @access_mode: O_RDWR, or
 * O_RDONLY as of a driver that exports without DRM_RDWR. */
int fake_kernel_new_dmabuf (gsize size, int access_mode);

/* --- Between the fake's files ------------------------------------------ */

/* The tables, under the lock: fd + 1 → FakeFile, address → FakeMap, path →
 * errno. */
extern GHashTable *fake_fds;
extern GHashTable *fake_maps;
extern GHashTable *fake_no_path;

typedef struct
{
  void *address;
  gsize size;
  FakeFile *file;
} FakeMap;

/* fake-calls.c */
extern const DmabufKernel fake_kernel_table;

/* One recursive lock for everything. Dropped before anything blocks. */
void fake_lock (void);
void fake_unlock (void);

/* The file of an fd, or NULL for one of the real kernel; lock held. */
FakeFile *fake_file_lookup (int fd);

/* Takes over a real fd and one reference of @file; returns @fd. Lock held. */
int fake_file_install (FakeFile *file, int fd);

FakeFile *fake_file_new (FakeFileKind kind);
FakeFile *fake_file_ref (FakeFile *file);
/* Frees the file with the last reference; lock held. */
void fake_file_unref (FakeFile *file);

/* Counts the call; TRUE if it has to fail: then errno is set and the caller
 * returns -1. First line of each function of the table. */
gboolean fake_call (FakeCall call, unsigned long request);

/* Buffers (fake-buffer.c), called without the lock. */
int
fake_buffer_ioctl (int fd, FakeFile *file, unsigned long request, void *arg);
int fake_memfd_create (const char *name, unsigned int flags);
void *fake_buffer_mmap (
    FakeFile *file, size_t size, int protection, int flags, off_t offset);
/* The dma-buf with the inode of @fd, whose number is not in the table; lock
 * held. */
FakeFile *fake_buffer_find (int fd);
/* One of udmabuf's parameters as a file */
int fake_buffer_open_parameter (const char *path);
/* The files fdinfo and bufinfo (STAT-1, STAT-3) */
int fake_info_open (const char *path);
void fake_buffer_foreach (GFunc func, gpointer user_data);
void fake_buffer_free (FakeFile *file);

/* Synchronisation (fake-sync.c), called without the lock except where noted. */

/* EXPORT_SYNC_FILE and IMPORT_SYNC_FILE of a dma-buf, and every ioctl of a
 * sync_file: 0 or more, or -1 and errno. */
int fake_sync_ioctl (int fd, FakeFile *file, unsigned long request, void *arg);

/* The implicit wait of START (CPU-1): 0, or -1 and errno. */
int fake_sync_begin_cpu_access (FakeFile *file, DmabufAccess access);

/* The ppoll and epoll calls, with dma-bufs and sync_files among the fds. */
int fake_sync_ppoll (
    struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout);
int
fake_sync_epoll_ctl (int epoll_fd, int op, int fd, struct epoll_event *event);
int fake_sync_epoll_wait (
    int epoll_fd, struct epoll_event *events, int n_events, int timeout_ms);

/* Frees file->sync with the last reference of a file. Lock held. */
void fake_sync_free (FakeFile *file);

/* Called at the start and end of a test. */
void fake_sync_reset (void);

G_END_DECLS
