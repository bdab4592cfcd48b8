/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DmabufBuffer:
 *
 * One buffer of the kernel's dma-buf framework (struct dma_buf): in one process
 * there is one object per kernel buffer, whatever number of fds lead to it
 * (EXP-6, SEEK-3). Reference-counted, usable from any thread.
 */
#define DMABUF_TYPE_BUFFER (dmabuf_buffer_get_type ())
DMABUF_CORE_API
GType dmabuf_buffer_get_type (void);

/**
 * dmabuf_buffer_import:
 * @fd: a dma-buf; stays the caller's
 * @error: return location for an error
 *
 * Finds the object of the buffer that @fd refers to, or makes one with an fd of
 * its own. A known buffer costs one system call, the identity check; an unknown
 * one is type-checked without a call that a hostile fd could block (SEC-4).
 *
 * Errors: EBADF no such fd, EINVAL not a dma-buf, EMFILE.
 *
 * Returns: (transfer full): the buffer
 */
DMABUF_CORE_API
DmabufBuffer *dmabuf_buffer_import (int fd, GError **error);

/**
 * dmabuf_buffer_import_take:
 * @fd: a dma-buf; consumed, also on error
 * @error: return location for an error
 *
 * Like dmabuf_buffer_import(), for a caller that has no further use for @fd: it
 * becomes the object's own, or is closed if the buffer is known.
 *
 * Returns: (transfer full): the buffer
 */
DMABUF_CORE_API
DmabufBuffer *dmabuf_buffer_import_take (int fd, GError **error);

/**
 * dmabuf_buffer_ref:
 * @buffer: a buffer
 *
 * Returns: (transfer full): @buffer
 */
DMABUF_CORE_API
DmabufBuffer *dmabuf_buffer_ref (DmabufBuffer *buffer);

/**
 * dmabuf_buffer_unref:
 * @buffer: (transfer full): a buffer
 *
 * Drops a reference; with the last one the fd is closed and the exporter's
 * release called, on whichever thread this happens to be (EXP-9).
 */
DMABUF_CORE_API
void dmabuf_buffer_unref (DmabufBuffer *buffer);

/**
 * dmabuf_buffer_get_fd:
 * @buffer: a buffer
 *
 * Outside of DmabufDeviceClass.import this hands out the storage, which cannot
 * move afterwards (DEF-6).
 *
 * Returns: the object's own fd, valid as long as @buffer is; not to be closed.
 *   -1 for a buffer without storage yet.
 */
DMABUF_CORE_API
int dmabuf_buffer_get_fd (DmabufBuffer *buffer);

/**
 * dmabuf_buffer_export:
 * @buffer: a buffer
 * @error: return location for an error
 *
 * Makes a new fd for @buffer, close-on-exec from birth (CLO-1). Allocates
 * deferred storage, which from now on cannot move (DEF-6).
 *
 * Returns: an fd that the caller owns, or -1
 */
DMABUF_CORE_API
int dmabuf_buffer_export (DmabufBuffer *buffer, GError **error);

/**
 * dmabuf_buffer_get_size:
 * @buffer: a buffer
 *
 * Returns: the size in bytes, which never changes (EXP-2, SEEK-1)
 */
DMABUF_CORE_API
gsize dmabuf_buffer_get_size (DmabufBuffer *buffer);

/**
 * dmabuf_buffer_get_inode:
 * @buffer: a buffer
 *
 * Returns: the inode number by which the kernel's statistics know the buffer,
 *   0 while it has no storage
 */
DMABUF_CORE_API
guint64 dmabuf_buffer_get_inode (DmabufBuffer *buffer);

/**
 * dmabuf_buffer_get_exporter:
 * @buffer: a buffer
 *
 * Returns: (transfer none): the exporter; for a buffer that came as an fd, the
 *   foreign exporter
 */
DMABUF_CORE_API
DmabufExporter *dmabuf_buffer_get_exporter (DmabufBuffer *buffer);

/**
 * dmabuf_buffer_set_name:
 * @buffer: a buffer
 * @name: at most 31 bytes (NAME-1)
 * @error: return location for an error
 *
 * Names the buffer for bufinfo and fdinfo, whoever looks there.
 *
 * Returns: %FALSE with EINVAL if @name is too long
 */
DMABUF_CORE_API
gboolean
dmabuf_buffer_set_name (DmabufBuffer *buffer, const char *name, GError **error);

/**
 * dmabuf_buffer_get_reservation:
 * @buffer: a buffer
 *
 * Returns: (transfer none): the buffer's reservation
 */
DMABUF_CORE_API
DmabufReservation *dmabuf_buffer_get_reservation (DmabufBuffer *buffer);

/**
 * dmabuf_buffer_wait:
 * @buffer: a buffer
 * @access: what the caller wants to do next
 * @deadline: absolute, microseconds of CLOCK_MONOTONIC
 * @cancellable: (nullable): ends the wait from another thread
 * @error: return location for an error
 *
 * Waits for the fences that stand against @access: for reading the writers,
 * for writing everybody (POLL-1), our own fences and the kernel's.
 *
 * Returns: %FALSE with ETIME at the deadline, %G_IO_ERROR_CANCELLED
 */
DMABUF_CORE_API
gboolean dmabuf_buffer_wait (DmabufBuffer *buffer, DmabufAccess access,
    gint64 deadline, GCancellable *cancellable, GError **error);

/**
 * dmabuf_buffer_get_fence:
 * @buffer: a buffer
 * @access: what somebody wants to do next
 *
 * A snapshot of what stands against @access now, our own fences and the
 * kernel's (XSF-1, XSF-2), for a caller that has no device and does not want to
 * wait on the CPU. Where the kernel gives no snapshot it may miss something:
 * ask dmabuf_buffer_wait() with a deadline of 0 first.
 *
 * Returns: (transfer full) (nullable): the fence, %NULL for nothing that is
 *   pending
 */
DMABUF_CORE_API
DmabufFence *
dmabuf_buffer_get_fence (DmabufBuffer *buffer, DmabufAccess access);

/**
 * dmabuf_buffer_add_fence:
 * @buffer: a buffer
 * @access: what is being done until @fence signals
 * @fence: (transfer none): signals when it is done
 * @error: return location for an error
 *
 * Publishes the fence of an access that went by without a mapping: others wait
 * for it, also those who know implicit fences only (XSF-3, XSF-4).
 *
 * Returns: %FALSE if the kernel cannot take @fence; then it was waited for
 */
DMABUF_CORE_API
gboolean dmabuf_buffer_add_fence (DmabufBuffer *buffer, DmabufAccess access,
    DmabufFence *fence, GError **error);

/**
 * dmabuf_buffer_begin_cpu_access:
 * @buffer: a buffer
 * @access: what the CPU is going to do
 * @deadline: absolute, microseconds of CLOCK_MONOTONIC
 * @cancellable: (nullable): ends the wait from another thread
 * @error: return location for an error
 *
 * Opens a bracket of CPU access: waits for fences, then DMA_BUF_SYNC_START,
 * restarted on EINTR and EAGAIN (CPU-1, CPU-5, CPU-6). Brackets nest; each is
 * closed by dmabuf_buffer_end_cpu_access() with the same @access.
 *
 * Returns: %FALSE with ETIME, %G_IO_ERROR_CANCELLED or the kernel's errno; then
 *   no bracket is open
 */
DMABUF_CORE_API
gboolean
dmabuf_buffer_begin_cpu_access (DmabufBuffer *buffer, DmabufAccess access,
    gint64 deadline, GCancellable *cancellable, GError **error);

/**
 * dmabuf_buffer_end_cpu_access:
 * @buffer: a buffer
 * @access: the same as at the begin
 * @error: return location for an error
 *
 * Closes a bracket. The bracket is closed on error too; the error tells that
 * others may not see what was written.
 *
 * Returns: %FALSE with the kernel's errno, EINVAL without a begin
 */
DMABUF_CORE_API
gboolean dmabuf_buffer_end_cpu_access (
    DmabufBuffer *buffer, DmabufAccess access, GError **error);

/**
 * dmabuf_buffer_vmap:
 * @buffer: a buffer
 * @access: how the memory will be used
 * @error: return location for an error
 *
 * Maps the whole buffer into the process. Counted: later calls return the same
 * address (VMAP-1); the mapping is kept for the next one after the last
 * dmabuf_buffer_vunmap(), so that a frame costs no mmap. Opens no CPU access.
 *
 * Returns: (transfer none) (nullable): the address, %NULL with EACCES for
 *   writing to a read-only fd, EINVAL where the exporter has no such operation,
 * or the kernel's errno (ENODEV for memory that the CPU cannot reach)
 */
DMABUF_CORE_API
gpointer
dmabuf_buffer_vmap (DmabufBuffer *buffer, DmabufAccess access, GError **error);

/**
 * dmabuf_buffer_vunmap:
 * @buffer: a buffer
 * @address: what dmabuf_buffer_vmap() returned
 *
 * Ends one use of the mapping.
 */
DMABUF_CORE_API
void dmabuf_buffer_vunmap (DmabufBuffer *buffer, gpointer address);

/**
 * dmabuf_buffer_get_exporter_data: (skip)
 * @buffer: a buffer
 *
 * Returns: (nullable): what its exporter keeps with the buffer
 */
DMABUF_CORE_API
gpointer dmabuf_buffer_get_exporter_data (DmabufBuffer *buffer);

/**
 * dmabuf_buffer_set_exporter_data: (skip)
 * @buffer: a buffer
 * @data: (nullable): what its exporter keeps with it (the kernel's priv)
 * @free_func: (nullable): frees @data when the buffer is released or its
 * storage moves
 *
 * For exporters, in DmabufExporterClass.setup.
 */
DMABUF_CORE_API
void dmabuf_buffer_set_exporter_data (
    DmabufBuffer *buffer, gpointer data, GDestroyNotify free_func);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DmabufBuffer, dmabuf_buffer_unref)

G_END_DECLS
