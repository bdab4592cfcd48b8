/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DmabufFence:
 *
 * The end of some work: pending, then signalled for ever (struct dma_fence).
 * Reference-counted, any thread.
 */
#define DMABUF_TYPE_FENCE (dmabuf_fence_get_type ())
DMABUF_CORE_API
GType dmabuf_fence_get_type (void);

/**
 * DmabufFenceTrust:
 * @DMABUF_FENCE_TRUST_FULL: signals when the work is done
 * @DMABUF_FENCE_TRUST_COMPLETED: the work was done before there was a fence
 *   (V4L2's DQBUF, a driver that waits and then makes a signalled one)
 * @DMABUF_FENCE_TRUST_NONE: says nothing about the work (a driver that attaches
 *   no fences)
 *
 * How far the source of a fence can be believed.
 */
typedef enum
{
  DMABUF_FENCE_TRUST_FULL,
  DMABUF_FENCE_TRUST_COMPLETED,
  DMABUF_FENCE_TRUST_NONE,
} DmabufFenceTrust;

/**
 * DmabufFenceKind:
 * @DMABUF_FENCE_KIND_KERNEL: a kernel driver signals it: a sync_file, a point
 *   of a DRM syncobj. May enter a kernel reservation and be handed to KMS.
 * @DMABUF_FENCE_KIND_SOFTWARE: this process signals it, or a word in memory
 *   does. Has a deadline, and is never given to the kernel (IND-1).
 * @DMABUF_FENCE_KIND_COMPOSITE: an array or a chain of others, subject to the
 *   limits of each of them
 * @DMABUF_FENCE_KIND_STUB: always signalled
 *
 * The source of a fence's signal, which decides where the fence may go.
 */
typedef enum
{
  DMABUF_FENCE_KIND_KERNEL,
  DMABUF_FENCE_KIND_SOFTWARE,
  DMABUF_FENCE_KIND_COMPOSITE,
  DMABUF_FENCE_KIND_STUB,
} DmabufFenceKind;

/**
 * dmabuf_fence_context_alloc:
 * @n: how many
 *
 * Allocates numbers of timelines. Fences of one context signal in the order of
 * their sequence numbers. 0 is never handed out (FEN-2).
 *
 * Returns: the first of @n consecutive numbers
 */
DMABUF_CORE_API
guint64 dmabuf_fence_context_alloc (guint n);

/**
 * dmabuf_fence_new_sync_file:
 * @fd: a sync_file; consumed, also on error
 * @trust: how far its source can be believed
 * @error: return location for an error
 *
 * A kernel-backed fence.
 *
 * Returns: (transfer full): the fence, %NULL with EINVAL for another kind of fd
 */
DMABUF_CORE_API
DmabufFence *
dmabuf_fence_new_sync_file (int fd, DmabufFenceTrust trust, GError **error);

/**
 * DmabufFenceBackend:
 * @driver_name: for messages
 * @export_sync_file: returns a new sync_file fd, or -1 with an error
 * @open_poll_fd: returns a new fd that is readable once the fence has
 *   signalled, or -errno: an exported sync_file, or the eventfd of
 *   DRM_IOCTL_SYNCOBJ_EVENTFD, close-on-exec. Called by waits until it has
 *   succeeded once; the library closes the fd. An fd that hangs up before
 *   @is_signaled is %TRUE ends the fence with -EIO.
 * @is_signaled: tests without waiting; sets @error (a negative errno) and
 *   @timestamp (nanoseconds) if it knows them
 * @set_deadline: (nullable): takes a hint, microseconds
 * @free: (nullable): frees the data
 *
 * The operations of a kernel-backed fence without a sync_file: a point of a DRM
 * syncobj, a Vulkan semaphore. The owner of the device implements them. All may
 * be called from any thread; @open_poll_fd is called under the fence's lock, so
 * it can neither add nor remove callbacks.
 */
typedef struct
{
  const char *driver_name;
  int (*export_sync_file) (gpointer data, GError **error);
  int (*open_poll_fd) (gpointer data);
  gboolean (*is_signaled) (gpointer data, int *error, gint64 *timestamp);
  void (*set_deadline) (gpointer data, gint64 deadline);
  void (*free) (gpointer data);

  /*< private >*/
  gpointer padding[4];
} DmabufFenceBackend;

/**
 * dmabuf_fence_new_external: (skip)
 * @backend: its operations; static
 * @data: (transfer full): for @backend
 * @context: its timeline, from dmabuf_fence_context_alloc()
 * @seqno: its point there, in 64 bits
 * @trust: how far its source can be believed
 *
 * A kernel-backed fence that is reached through @backend. Only for work that
 * has been submitted: for "wait before signal", first wait until the point is
 * submitted, then make the fence (IND-2).
 *
 * Returns: (transfer full): the fence
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_new_external (const DmabufFenceBackend *backend,
    gpointer data, guint64 context, guint64 seqno, DmabufFenceTrust trust);

/**
 * dmabuf_fence_get_stub:
 *
 * Returns: (transfer full): the fence that has always signalled (FEN-16)
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_get_stub (void);

/**
 * dmabuf_fence_new_signaled:
 * @timestamp: time of the signal, nanoseconds of CLOCK_MONOTONIC; 0 for now
 * @error: 0, or a negative errno
 *
 * Returns: (transfer full): a new fence that has signalled
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_new_signaled (gint64 timestamp, int error);

/**
 * dmabuf_fence_ref:
 * @fence: a fence
 *
 * Returns: (transfer full): @fence
 */
DMABUF_CORE_API
DmabufFence *dmabuf_fence_ref (DmabufFence *fence);

/**
 * dmabuf_fence_unref:
 * @fence: (transfer full): a fence
 */
DMABUF_CORE_API
void dmabuf_fence_unref (DmabufFence *fence);

/**
 * dmabuf_fence_get_kind:
 * @fence: a fence
 *
 * Returns: the source of its signal
 */
DMABUF_CORE_API
DmabufFenceKind dmabuf_fence_get_kind (DmabufFence *fence);

/**
 * dmabuf_fence_get_context:
 * @fence: a fence
 *
 * Returns: the timeline that it is on, 0 for a stub
 */
DMABUF_CORE_API
guint64 dmabuf_fence_get_context (DmabufFence *fence);

/**
 * dmabuf_fence_get_seqno:
 * @fence: a fence
 *
 * Returns: its point on the timeline
 */
DMABUF_CORE_API
guint64 dmabuf_fence_get_seqno (DmabufFence *fence);

/**
 * dmabuf_fence_is_later:
 * @a: a fence
 * @b: another of the same context
 *
 * Compares 32 bits with wrap, or 64 where the timeline has them (FEN-3).
 *
 * Returns: whether @a signals after @b; %FALSE for fences of two contexts,
 * which have no order
 */
DMABUF_CORE_API
gboolean dmabuf_fence_is_later (DmabufFence *a, DmabufFence *b);

/**
 * dmabuf_fence_is_kernel_backed:
 * @fence: a fence
 *
 * Returns: whether kernel drivers signal all its pending parts, so that
 *   dmabuf_fence_export_sync_file() can work
 */
DMABUF_CORE_API
gboolean dmabuf_fence_is_kernel_backed (DmabufFence *fence);

/**
 * dmabuf_fence_get_trust:
 * @fence: a fence
 *
 * Returns: how far its source can be believed; of a composite, the least of its
 *   members
 */
DMABUF_CORE_API
DmabufFenceTrust dmabuf_fence_get_trust (DmabufFence *fence);

/**
 * dmabuf_fence_get_driver_name:
 * @fence: a fence
 *
 * For messages only, never for decisions (FEN-17).
 *
 * Returns: (transfer none): the driver that signals it; "detached-driver" once
 *   it has signalled
 */
DMABUF_CORE_API
const char *dmabuf_fence_get_driver_name (DmabufFence *fence);

/**
 * dmabuf_fence_get_timeline_name:
 * @fence: a fence
 *
 * Returns: (transfer none): the timeline; "signaled-timeline" once it has
 *   signalled (FEN-17)
 */
DMABUF_CORE_API
const char *dmabuf_fence_get_timeline_name (DmabufFence *fence);

/**
 * dmabuf_fence_is_signaled:
 * @fence: a fence
 *
 * Returns: whether it has signalled, with or without an error
 */
DMABUF_CORE_API
gboolean dmabuf_fence_is_signaled (DmabufFence *fence);

/**
 * dmabuf_fence_get_status:
 * @fence: a fence
 *
 * Returns: 0 pending, 1 signalled, a negative errno signalled with an error
 *   (FEN-9)
 */
DMABUF_CORE_API
int dmabuf_fence_get_status (DmabufFence *fence);

/**
 * dmabuf_fence_wait:
 * @fence: a fence
 * @deadline: absolute, microseconds of CLOCK_MONOTONIC
 * @cancellable: (nullable): ends the wait from another thread
 * @error: return location for an error
 *
 * Waits on the CPU. The wait succeeds also for a fence that signals with an
 * error (FEN-11), which dmabuf_fence_get_status() returns.
 *
 * Returns: %FALSE with ETIME, %G_IO_ERROR_CANCELLED, or the errno of a wait
 *   that is impossible (EMFILE if it takes an fd)
 */
DMABUF_CORE_API
gboolean dmabuf_fence_wait (DmabufFence *fence, gint64 deadline,
    GCancellable *cancellable, GError **error);

/**
 * dmabuf_fence_wait_many:
 * @fences: (array length=n_fences): fences
 * @n_fences: how many, at least 1
 * @any: whether one of them is enough
 * @deadline: absolute, microseconds of CLOCK_MONOTONIC
 * @cancellable: (nullable): ends the wait from another thread
 * @cancel_fd: ends the wait as well when it becomes readable or its other end
 *   is closed, -1 for none; it is not read
 * @first: (out) (optional): with @any, the first of @fences that has signalled
 * @error: return location for an error
 *
 * Waits on the CPU for all of @fences, or for any (FEN-12).
 *
 * Returns: %FALSE with EINVAL for none, or as dmabuf_fence_wait();
 *   %G_IO_ERROR_CANCELLED for @cancel_fd too
 */
DMABUF_CORE_API
gboolean dmabuf_fence_wait_many (DmabufFence **fences, guint n_fences,
    gboolean any, gint64 deadline, GCancellable *cancellable, int cancel_fd,
    guint *first, GError **error);

/**
 * dmabuf_fence_source_new:
 * @fence: a fence
 *
 * A source that is ready when @fence has signalled, for callbacks of type
 * #GSourceFunc. It holds @fence, and fires once: the callback should return
 * %G_SOURCE_REMOVE, as %G_SOURCE_CONTINUE does not make it fire again.
 *
 * Returns: (transfer full): the source
 */
DMABUF_CORE_API
GSource *dmabuf_fence_source_new (DmabufFence *fence);

/**
 * dmabuf_fence_wait_async:
 * @fence: a fence
 * @deadline: absolute, microseconds of CLOCK_MONOTONIC
 * @cancellable: (nullable): ends the wait
 * @callback: (scope async): called in the thread's default main context
 * @user_data: for @callback
 *
 * Like dmabuf_fence_wait(), without blocking.
 */
DMABUF_CORE_API
void dmabuf_fence_wait_async (DmabufFence *fence, gint64 deadline,
    GCancellable *cancellable, GAsyncReadyCallback callback,
    gpointer user_data);

/**
 * dmabuf_fence_wait_finish:
 * @fence: a fence
 * @result: the result that the callback was given
 * @error: return location for an error
 *
 * Returns: as dmabuf_fence_wait()
 */
DMABUF_CORE_API
gboolean dmabuf_fence_wait_finish (
    DmabufFence *fence, GAsyncResult *result, GError **error);

/**
 * dmabuf_fence_open_poll_fd:
 * @fence: a fence
 * @error: return location for an error
 *
 * An fd for another poll loop: readable (POLLIN, level) once @fence has
 * signalled. The caller must not read from it. It is a sync_file only if @fence
 * is kernel-backed.
 *
 * Returns: an fd that the caller owns, or -1
 */
DMABUF_CORE_API
int dmabuf_fence_open_poll_fd (DmabufFence *fence, GError **error);

/**
 * dmabuf_fence_set_deadline:
 * @fence: a fence
 * @deadline: when its signal is needed, microseconds of CLOCK_MONOTONIC
 *
 * A hint for the driver to hurry (FEN-14). The earliest of several counts. The
 * fence may still signal earlier or later.
 */
DMABUF_CORE_API
void dmabuf_fence_set_deadline (DmabufFence *fence, gint64 deadline);

/**
 * dmabuf_fence_export_sync_file:
 * @fence: a kernel-backed fence
 * @error: return location for an error
 *
 * Returns: a sync_file fd that the caller owns, close-on-exec; -1 with EINVAL
 *   for a fence that is not kernel-backed (IND-1)
 */
DMABUF_CORE_API
int dmabuf_fence_export_sync_file (DmabufFence *fence, GError **error);

/**
 * dmabuf_fence_get_timestamp:
 * @fence: a fence
 *
 * Returns: when it signalled, in nanoseconds of CLOCK_MONOTONIC; 0 while
 *   pending (FEN-13)
 */
DMABUF_CORE_API
gint64 dmabuf_fence_get_timestamp (DmabufFence *fence);

/**
 * DmabufFenceFunc:
 * @fence: the fence
 * @user_data: the data given with the function
 *
 * Called once when @fence has signalled, on the signalling or the library's
 * poller thread, under no lock of the library. Must not block.
 */
typedef void (*DmabufFenceFunc) (DmabufFence *fence, gpointer user_data);

/**
 * dmabuf_fence_add_callback:
 * @fence: a fence
 * @func: (scope notified) (closure user_data): the function to call
 * @user_data: for @func
 * @notify: (nullable): frees @user_data, after the call or the removal
 *
 * The caller holds a reference until @func was called or removed (FEN-19); a
 * fence that is released with callbacks left signals -EDEADLK (FEN-15). Where
 * no fd is left to watch @fence this waits for it, with a warning.
 *
 * Returns: an id for dmabuf_fence_remove_callback(), 0 if @fence has signalled
 *   already: then @func is not called, but @notify is (FEN-6)
 */
DMABUF_CORE_API
guint dmabuf_fence_add_callback (DmabufFence *fence, DmabufFenceFunc func,
    gpointer user_data, GDestroyNotify notify);

/**
 * dmabuf_fence_remove_callback:
 * @fence: a fence
 * @id: from dmabuf_fence_add_callback()
 *
 * If the function is running on another thread this waits for its end, so that
 * the caller can always free its data afterwards (FEN-7, SEC-22).
 *
 * Returns: %TRUE if it was still queued: then it never runs
 */
DMABUF_CORE_API
gboolean dmabuf_fence_remove_callback (DmabufFence *fence, guint id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DmabufFence, dmabuf_fence_unref)

G_END_DECLS
