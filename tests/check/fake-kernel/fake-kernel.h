/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A fake kernel behind the library's kernel layer: heaps, udmabuf, memfds and
 * dma-bufs (this file and fake-kernel.c, fake-buffer.c), fences, sync_files and
 * poll (fake-sync.c), with the answers and errnos of the contract.
 *
 * Every fake fd is a real fd, so that mmap, dup, fork and SCM_RIGHTS are the
 * real ones: a dma-buf is a memfd, a sync_file an eventfd, a device /dev/null.
 * A table tells what an fd number stands for; numbers that it does not know go
 * to the real kernel. A dma-buf whose number is new (received, inherited) is
 * recognised by its inode.
 *
 * A test brackets itself with fake_kernel_start() and fake_kernel_stop(); the
 * latter reports what is still open.
 */

#include <libdmabufcore/dmabuf-kernel-private.h>

G_BEGIN_DECLS

typedef enum
{
  FAKE_FILE_OTHER, /* eventfd, epoll, whatever the library opens */
  FAKE_FILE_HEAP,
  FAKE_FILE_UDMABUF,
  FAKE_FILE_MEMFD,
  FAKE_FILE_DMABUF,
  FAKE_FILE_SYNC_FILE,
  FAKE_FILE_SW_SYNC, /* a timeline */
  FAKE_FILE_VGEM,
} FakeFileKind;

/* An open file description. Locked by fake_lock(). */
typedef struct
{
  FakeFileKind kind;
  guint refs;       /* fds in the table, mappings, armed polls (EXP-8) */
  int backing;      /* memory of a dma-buf: a real fd; else -1 */
  guint64 device;   /* identity, of a dma-buf */
  guint64 inode;    /* 0 until known */
  guint64 size;     /* of a dma-buf */
  int access_mode;  /* O_RDONLY, O_RDWR */
  gboolean started; /* udmabuf: a START was seen (UDM-3) */
  char name[32];
  const char *exporter;
  GArray *chunks; /* of FakeChunk: the memory of a dma-buf, in order */

  /* What fake-sync.c keeps here: the reservation of a dma-buf, the fence of a
   * sync_file. */
  gpointer sync;
} FakeFile;

typedef struct
{
  int memfd; /* real, owned */
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

/* --- for tests --------------------------------------------------------- */

/* Puts the fake in the kernel's place, everything reset: devices exist, no
 * fault is armed, counters are 0. */
void fake_kernel_start (void);

/* Back to the real kernel. Returns the number of fds, mappings and files that
 * are still open, after printing them. 0 is what a test asserts. */
guint fake_kernel_stop (void);

/* Number of fds, and of mappings, that are open now. */
guint fake_kernel_get_n_fds (void);
guint fake_kernel_get_n_maps (void);
guint fake_kernel_get_n_buffers (void);

/* Calls since fake_kernel_reset_calls(), of one sort or of all (FAKE_N_CALLS).
 */
guint fake_kernel_get_calls (FakeCall call);
void fake_kernel_reset_calls (void);

/* Calls of one ioctl since fake_kernel_reset_calls(). */
guint fake_kernel_get_ioctls (unsigned long request);

/* Makes the @nth call from now (1 is the next one) fail with @code; 0 disarms.
 * Of calls to close and munmap only the answer fails. Returns nothing; whether
 * it fired tells fake_kernel_fault_fired(). EINTR and EAGAIN are delivered
 * once, and the repetition succeeds. */
void fake_kernel_fail_nth (guint nth, int code);
gboolean fake_kernel_fault_fired (void);

/* Makes one ioctl answer @code from now on, 0 ends it: a kernel that has not
 * got it (ENOTTY). */
void fake_kernel_break_ioctl (unsigned long request, int code);

/* Makes opening of @path fail with @code (ENOENT, EACCES), 0 ends it. */
void fake_kernel_break_path (const char *path, int code);

/* As kernels did before their dma-bufs had a file system: one inode for all. */
void fake_kernel_set_shared_inode (gboolean shared);

/* udmabuf's module parameters. */
void fake_kernel_set_udmabuf_limits (guint64 size_limit_mb, guint list_limit);

/* A dma-buf of @size bytes that some driver exported; @access_mode: O_RDWR, or
 * O_RDONLY as an exporter without it makes one. */
int fake_kernel_new_dmabuf (gsize size, int access_mode);

/* --- between the fake's files ------------------------------------------ */

/* The tables, under the lock: int + 1 → FakeFile, address → FakeMap, path →
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

/* Whether this call is to fail: then errno is set and -1 is to be returned.
 * First line of each function of the table. */
gboolean fake_call (FakeCall call, unsigned long request);

/* The buffer side (fake-buffer.c), called without the lock. */
int
fake_buffer_ioctl (int fd, FakeFile *file, unsigned long request, void *arg);
int fake_memfd_create (const char *name, unsigned int flags);
void *fake_buffer_mmap (
    FakeFile *file, size_t size, int protection, int flags, off_t offset);
/* A dma-buf by the inode of a number that the table has not seen; lock held. */
FakeFile *fake_buffer_find (int fd);
/* One of udmabuf's parameters as a file */
int fake_buffer_open_parameter (const char *path);
/* fdinfo and bufinfo (STAT-1, STAT-3) as files */
int fake_info_open (const char *path);
void fake_buffer_foreach (GFunc func, gpointer user_data);
void fake_buffer_free (FakeFile *file);

/* What fake-sync.c implements; called without the lock unless told. */

/* EXPORT_SYNC_FILE and IMPORT_SYNC_FILE of a dma-buf, and every ioctl of a
 * sync_file: 0 or more, or -1 and errno. */
int fake_sync_ioctl (int fd, FakeFile *file, unsigned long request, void *arg);

/* The implicit wait of START (CPU-1): 0, or -1 and errno. */
int fake_sync_begin_cpu_access (FakeFile *file, DmabufAccess access);

/* ppoll and the epoll calls, with dma-bufs and sync_files among the fds. */
int fake_sync_ppoll (
    struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout);
int
fake_sync_epoll_ctl (int epoll_fd, int op, int fd, struct epoll_event *event);
int fake_sync_epoll_wait (
    int epoll_fd, struct epoll_event *events, int n_events, int timeout_ms);

/* The last reference of a dma-buf or sync_file goes: frees file->sync. Lock
 * held. */
void fake_sync_free (FakeFile *file);

/* Start and end of a test. */
void fake_sync_reset (void);

G_END_DECLS
