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
 * dmabuf_buffer_new_deferred:
 * @exporters: (array length=n_exporters): where the storage may come from, the
 *   preferred one first
 * @n_exporters: how many
 * @size: in bytes, rounded up to whole pages
 * @error: return location for an error
 *
 * Makes a buffer whose storage is allocated at its first mapping or CPU access
 * (DEF-1), by the first of @exporters that suits all attached devices. If a
 * device with stricter constraints attaches later, its first mapping moves the
 * storage with its content, as soon as all uses have ended (DEF-3). Attaching
 * fails with EBUSY where that is impossible: the fd was handed out, the buffer
 * is pinned, or no exporter suits all devices.
 *
 * Errors: EINVAL for a size of 0 or an exporter that is not complete.
 *
 * Returns: (transfer full): a new buffer
 */
DMABUF_CORE_API
DmabufBuffer *dmabuf_buffer_new_deferred (
    DmabufExporter **exporters, guint n_exporters, gsize size, GError **error);

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
 * Called outside of DmabufDeviceClass.import, this fixes the storage: it cannot
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
 * Returns: the inode number by which the kernel's statistics know the buffer;
 *   0 without storage, or where the kernel has one inode for all dma-bufs
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
 * dmabuf_buffer_is_dmabuf:
 * @buffer: a buffer
 *
 * Returns: whether it is, or with deferred storage will be, a dma-buf of the
 *   kernel, which devices can import; %FALSE for one of the memfd exporter
 */
DMABUF_CORE_API
gboolean dmabuf_buffer_is_dmabuf (DmabufBuffer *buffer);

/**
 * dmabuf_buffer_revoke:
 * @buffer: a buffer
 *
 * For exporters: the memory is gone for good. Every device is told
 * (DmabufDeviceClass.invalidate), and new mappings and CPU accesses fail with
 * ENODEV. Open ones end as always.
 */
DMABUF_CORE_API
void dmabuf_buffer_revoke (DmabufBuffer *buffer);

/**
 * dmabuf_buffer_set_name:
 * @buffer: a buffer
 * @name: at most 31 bytes (NAME-1)
 * @error: return location for an error
 *
 * Names the buffer in the kernel's bufinfo (debugfs) and fdinfo. A deferred
 * buffer may be named before it has storage, and keeps its name when the
 * storage moves.
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
 * Waits for the fences that conflict with @access: before reading those of
 * writers, before writing those of readers and writers (POLL-1). These are our
 * own fences and the kernel's.
 *
 * Returns: %FALSE with ETIME at the deadline, %G_IO_ERROR_CANCELLED
 */
DMABUF_CORE_API
gboolean dmabuf_buffer_wait (DmabufBuffer *buffer, DmabufAccess access,
    gint64 deadline, GCancellable *cancellable, GError **error);

/**
 * dmabuf_buffer_get_fence:
 * @buffer: a buffer
 * @access: the access that is to follow
 *
 * A snapshot of the fences that conflict with @access now, our own and the
 * kernel's (XSF-1, XSF-2), for a caller without a device that passes the fence
 * on. If the buffer is busy and the kernel cannot export a snapshot (before
 * Linux 6.0, or with no fd left), this waits instead, 20 seconds at most, and
 * #DmabufStatistics.fence_fallbacks counts it. dmabuf_buffer_try_get_fence()
 * never waits.
 *
 * Returns: (transfer full) (nullable): the fence, which may have signalled
 *   already; %NULL if nothing is pending
 */
DMABUF_CORE_API
DmabufFence *
dmabuf_buffer_get_fence (DmabufBuffer *buffer, DmabufAccess access);

/**
 * dmabuf_buffer_try_get_fence:
 * @buffer: a buffer
 * @access: the access that is to follow
 * @fence: (out) (transfer full) (nullable): as dmabuf_buffer_get_fence()
 *   returns
 *
 * Like dmabuf_buffer_get_fence(), without a wait. On %FALSE the caller may use
 * dmabuf_buffer_wait(), which has a deadline and can be cancelled.
 *
 * Returns: %FALSE if @buffer is busy and the kernel exports no fence for it;
 *   then @fence is %NULL
 */
DMABUF_CORE_API
gboolean dmabuf_buffer_try_get_fence (
    DmabufBuffer *buffer, DmabufAccess access, DmabufFence **fence);

/**
 * dmabuf_buffer_test_many: (skip)
 * @buffers: (array length=n_buffers): buffers
 * @n_buffers: how many, at most 16
 * @access: the access that is to follow
 * @idle: (out) (array length=n_buffers): for each buffer, whether @access may
 *   begin without a wait
 *
 * Tests several buffers at once, with one system call for all of them.
 *
 * Returns: how many are idle
 */
DMABUF_CORE_API
guint dmabuf_buffer_test_many (DmabufBuffer **buffers, guint n_buffers,
    DmabufAccess access, gboolean *idle);

/**
 * dmabuf_buffer_add_fence:
 * @buffer: a buffer
 * @access: the access that lasts until @fence signals
 * @fence: (transfer none): signals when the access is over
 * @error: return location for an error
 *
 * Publishes the fence of an access that was made without a mapping. Later
 * accesses wait for it, including those with implicit synchronisation only
 * (XSF-3, XSF-4).
 *
 * Returns: %FALSE if the kernel cannot take @fence; then this has waited for
 *   it, 20 seconds at most (ETIME)
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
 * Closes a bracket, also on error; an error means that devices may not see
 * what the CPU wrote.
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
 * dmabuf_buffer_mmap:
 * @buffer: a buffer
 * @offset: of the first byte, a multiple of the page size
 * @size: in bytes
 * @access: how the memory will be used
 * @error: return location for an error
 *
 * Maps a range. Opens no CPU access (MMAP-4).
 *
 * Returns: (transfer none) (nullable): the address, for dmabuf_buffer_munmap();
 *   %NULL with EINVAL for a range outside of the buffer (MMAP-1), EOVERFLOW if
 *   @offset + @size overflows, EACCES as dmabuf_buffer_vmap()
 */
DMABUF_CORE_API
gpointer dmabuf_buffer_mmap (DmabufBuffer *buffer, gsize offset, gsize size,
    DmabufAccess access, GError **error);

/**
 * dmabuf_buffer_munmap:
 * @buffer: a buffer
 * @address: what dmabuf_buffer_mmap() returned
 * @size: the size that was given there
 */
DMABUF_CORE_API
void dmabuf_buffer_munmap (DmabufBuffer *buffer, gpointer address, gsize size);

/**
 * dmabuf_buffer_map_page:
 * @buffer: a buffer
 * @page: number of the page
 * @access: how the memory will be used
 * @error: return location for an error
 *
 * One page for the CPU, inside of a bracket of CPU access that covers @access
 * (KMAP-1), as the kernel's kmap gave it. Any number of pages may be mapped at
 * once.
 *
 * Returns: (transfer none) (nullable): the page's address, for
 *   dmabuf_buffer_unmap_page(); %NULL with EINVAL outside of a bracket or of
 * the buffer
 */
DMABUF_CORE_API
gpointer dmabuf_buffer_map_page (
    DmabufBuffer *buffer, gsize page, DmabufAccess access, GError **error);

/**
 * dmabuf_buffer_unmap_page:
 * @buffer: a buffer
 * @page: number of the page
 * @address: what dmabuf_buffer_map_page() returned
 */
DMABUF_CORE_API
void
dmabuf_buffer_unmap_page (DmabufBuffer *buffer, gsize page, gpointer address);

/**
 * DmabufCpuScope:
 *
 * A bracket of CPU access with the mapping that belongs to it, which ends with
 * the block of code it is declared in:
 * |[<!-- language="C" -->
 *   g_auto (DmabufCpuScope) scope = DMABUF_CPU_SCOPE_INIT;
 *   guint8 *data = dmabuf_cpu_scope_begin (&scope, buffer,
 *       DMABUF_ACCESS_WRITE, deadline, NULL, &error);
 *
 *   if (!data)
 *     return FALSE;
 *   memset (data, 0, size);
 *   return dmabuf_cpu_scope_end (&scope, &error);
 * ]|
 */
typedef struct
{
  /*< private >*/
  DmabufBuffer *buffer;
  DmabufAccess access;
  gpointer address;
} DmabufCpuScope;

/**
 * DMABUF_CPU_SCOPE_INIT: (skip)
 *
 * A scope in which nothing has begun.
 */
#define DMABUF_CPU_SCOPE_INIT { NULL, DMABUF_ACCESS_NONE, NULL }

/**
 * dmabuf_cpu_scope_begin: (skip)
 * @scope: a scope in which nothing has begun
 * @buffer: a buffer
 * @access: what the CPU is going to do
 * @deadline: absolute, microseconds of CLOCK_MONOTONIC
 * @cancellable: (nullable): ends the wait from another thread
 * @error: return location for an error
 *
 * dmabuf_buffer_vmap() and dmabuf_buffer_begin_cpu_access().
 *
 * Returns: (nullable): the buffer's address
 */
DMABUF_CORE_API
gpointer dmabuf_cpu_scope_begin (DmabufCpuScope *scope, DmabufBuffer *buffer,
    DmabufAccess access, gint64 deadline, GCancellable *cancellable,
    GError **error);

/**
 * dmabuf_cpu_scope_end: (skip)
 * @scope: a scope
 * @error: return location for an error
 *
 * Ends the bracket before the block ends, for a caller that needs its error.
 *
 * Returns: %FALSE with the error of dmabuf_buffer_end_cpu_access()
 */
DMABUF_CORE_API
gboolean dmabuf_cpu_scope_end (DmabufCpuScope *scope, GError **error);

/**
 * dmabuf_cpu_scope_clear: (skip)
 * @scope: a scope
 *
 * Ends the bracket if there is one; its error becomes a warning.
 */
DMABUF_CORE_API
void dmabuf_cpu_scope_clear (DmabufCpuScope *scope);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DmabufCpuScope, dmabuf_cpu_scope_clear)

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
