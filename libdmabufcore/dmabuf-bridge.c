/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Between our reservations and the kernel's. Where the kernel cannot export or
 * import a fence (no ioctl, no fd left) the CPU waits instead, and that is
 * counted.
 *
 * A dma-buf is "seen" once its fd has left the core. Then the kernel's
 * reservation holds its kernel-backed fences, and ours the software ones. No
 * fence is in both, as each copy would hold an fd and cost a system call per
 * test. Before a dma-buf is seen our reservation holds all its fences, and the
 * kernel's holds the kernel-backed ones as well, so that they are there when it
 * is seen. In both states the kernel's fences and our software fences together
 * are complete.
 */

#include "dmabuf-annotation-private.h"
#include "dmabuf-bridge-private.h"
#include "dmabuf-buffer-private.h"
#include "dmabuf-exporter-private.h"
#include "dmabuf-fence-composite.h"
#include "dmabuf-fence-private.h"
#include "dmabuf-reservation-private.h"
#include "dmabuf-statistics-private.h"

#include <errno.h>
#include <poll.h>

/* The limit of a CPU wait that replaces a wait of the hardware: ten times the
 * hang detection of a driver (XDC-1, SEC-13). */
#define FALLBACK_TIMEOUT (20 * G_USEC_PER_SEC)

/* After a poll that found a buffer busy, this many further snapshots take it to
 * be busy without a poll: where work overlaps it is busy each time, and the
 * poll is a third of the cost of a snapshot. A wrong guess costs the export of
 * a fence that has signalled. */
#define BUSY_GUESSES 7

#define count(field) dmabuf_count_process (field, 1)

/* --- Ioctls of this kernel --------------------------------------------- */

/* Whether an ioctl is missing: only a call can tell (CPU-7). Set to
 * dmabuf_kernel_generation + 1 when one failed with ENOTTY, so that the answer
 * does not outlive a kernel layer that a test replaced. */
static guint no_export;
static guint no_import;

static gboolean
is_missing (guint *answer)
{
  return g_atomic_int_get (answer) == dmabuf_kernel_generation + 1;
}

static void
remember (guint *answer, int ret)
{
  if (ret == -ENOTTY)
    g_atomic_int_set (answer, dmabuf_kernel_generation + 1);
}

/* Whether the kernel may hold fences of others for @buffer. */
static gboolean
has_kernel_fences (DmabufBuffer *buffer)
{
  return dmabuf_buffer_is_seen (buffer)
      && dmabuf_exporter_is_dmabuf (g_atomic_pointer_get (&buffer->exporter));
}

static short
poll_events (DmabufAccess access)
{
  /* POLL-3: POLLOUT alone; with POLLIN, poll returns when the first is ready.
   */
  return access & DMABUF_ACCESS_WRITE ? POLLOUT : POLLIN;
}

/* --- Reservations of buffers ------------------------------------------- */

DmabufReservation *
dmabuf_buffer_get_reservation (DmabufBuffer *buffer)
{
  DmabufReservation *reservation;

  g_return_val_if_fail (buffer != NULL, NULL);

  /* Made on first use: most buffers never need one. */
  reservation = g_atomic_pointer_get (&buffer->reservation);
  if (G_UNLIKELY (!reservation)) {
    DmabufReservation *fresh = dmabuf_reservation_new ();

    if (g_atomic_pointer_compare_and_exchange (
            &buffer->reservation, NULL, fresh))
      return fresh;
    dmabuf_reservation_unref (fresh);
    reservation = g_atomic_pointer_get (&buffer->reservation);
  }
  return reservation;
}

void
dmabuf_bridge_buffer_free (DmabufBuffer *buffer)
{
  g_clear_pointer (&buffer->reservation, dmabuf_reservation_unref);
}

/* --- Snapshot ---------------------------------------------------------- */

/* Our fences; with @software only the software ones, which the kernel cannot
 * hold. */
static DmabufFence *
own_fences (DmabufBuffer *buffer, DmabufAccess access, gboolean software)
{
  DmabufReservation *reservation = g_atomic_pointer_get (&buffer->reservation);
  DmabufReservationIter iter;
  DmabufFence *merged = NULL;

  if (!reservation)
    return NULL;

  dmabuf_reservation_iter_init_unlocked (&iter, reservation,
      dmabuf_usage_rw ((access & DMABUF_ACCESS_WRITE) != 0));
  /* Skipped before they are tested: a test is a system call for each. */
  iter.without_kernel = software;
  while (dmabuf_reservation_iter_next (&iter)) {
    DmabufFence *both;

    /* RSV-5: a restarted iteration returns all fences again. */
    if (iter.is_restarted)
      g_clear_pointer (&merged, dmabuf_fence_unref);
    both = merged ? dmabuf_fence_merge (merged, iter.fence)
                  : dmabuf_fence_ref (iter.fence);
    if (merged)
      dmabuf_fence_unref (merged);
    merged = both;
  }

  return merged;
}

/* Polled before an export: most buffers are idle, and a poll costs a fraction
 * of an export. */
static gboolean
is_idle (DmabufBuffer *buffer, DmabufAccess access)
{
  gint guesses = g_atomic_int_get (&buffer->busy_guesses);
  struct timespec now = { 0 };
  struct pollfd look = {
    .fd = dmabuf_buffer_peek_fd (buffer),
    .events = poll_events (access),
  };

  /* Two threads may use up the same guess, which is harmless. Without the
   * export ioctl a guess would cost a wait instead of an export. */
  if (guesses > 0 && !is_missing (&no_export)) {
    g_atomic_int_set (&buffer->busy_guesses, guesses - 1);
    return FALSE;
  }

  /* POLL-1; if the call fails the buffer counts as busy. */
  if (dmabuf_kernel->ppoll (&look, 1, &now) > 0 && look.revents & look.events)
    return TRUE;
  g_atomic_int_set (&buffer->busy_guesses, BUSY_GUESSES);
  return FALSE;
}

/* @fence: NULL if the buffer is idle, or after a wait in place of an export.
 * FALSE if only such a wait would do and @may_wait forbids it. */
static gboolean
kernel_fences (DmabufBuffer *buffer, DmabufAccess access, gboolean may_wait,
    DmabufFence **fence)
{
  int fd = dmabuf_buffer_peek_fd (buffer);
  int ret = -ENOTTY;

  *fence = NULL;
  if (is_idle (buffer, access))
    return TRUE;

  if (!is_missing (&no_export)) {
    ret = dmabuf_kernel_export_sync_file (fd, access);
    remember (&no_export, ret);
  }
  if (ret >= 0) {
    count (fences_exported);
    *fence = dmabuf_fence_new_known_sync_file (ret);
    return TRUE;
  }
  if (!may_wait)
    return FALSE;

  dmabuf_annotation_might_wait ("dmabuf_buffer_get_fence");
  count (fence_fallbacks);
  count (fence_waits);
  ret = dmabuf_kernel_poll (fd, poll_events (access),
      g_get_monotonic_time () + FALLBACK_TIMEOUT, NULL);
  if (ret <= 0)
    g_warning ("buffer %" G_GUINT64_FORMAT
               " is still in use by another device after a wait; is it hung?",
        dmabuf_buffer_get_inode (buffer));
  return TRUE;
}

static gboolean
snapshot (DmabufBuffer *buffer, DmabufAccess access, gboolean implicit,
    gboolean may_wait, DmabufFence **fence)
{
  gboolean kernel = has_kernel_fences (buffer);
  DmabufFence *own, *foreign;

  *fence = own = own_fences (buffer, access, kernel);
  if (!kernel || implicit)
    return TRUE;

  if (!kernel_fences (buffer, access, may_wait, &foreign)) {
    g_clear_pointer (fence, dmabuf_fence_unref);
    return FALSE;
  }
  if (!own || !foreign) {
    *fence = own ? own : foreign;
    return TRUE;
  }

  *fence = dmabuf_fence_merge (own, foreign);
  dmabuf_fence_unref (own);
  dmabuf_fence_unref (foreign);
  return TRUE;
}

DmabufFence *
dmabuf_bridge_snapshot (
    DmabufBuffer *buffer, DmabufAccess access, gboolean implicit)
{
  DmabufFence *fence;

  snapshot (buffer, access, implicit, TRUE, &fence);
  return fence;
}

gboolean
dmabuf_bridge_try_snapshot (DmabufBuffer *buffer, DmabufAccess access,
    gboolean implicit, DmabufFence **fence)
{
  return snapshot (buffer, access, implicit, FALSE, fence);
}

/* --- Publish ----------------------------------------------------------- */

/* Adds @leaf to the kernel's reservation (XSF-3): 0 or -errno. */
static int
publish_to_kernel (DmabufBuffer *buffer, DmabufAccess access, DmabufFence *leaf)
{
  int own = dmabuf_fence_peek_sync_file (leaf);
  int fd = own;
  int ret;

  if (is_missing (&no_import))
    return -ENOTTY;

  if (fd < 0)
    fd = dmabuf_fence_export_sync_file (leaf, NULL);
  if (fd < 0)
    return -EMFILE;

  ret = dmabuf_kernel_import_sync_file (
      dmabuf_buffer_peek_fd (buffer), access, fd);
  remember (&no_import, ret);
  if (own < 0)
    dmabuf_kernel->close (fd);
  if (ret == 0)
    count (fences_imported);
  return ret;
}

/* Locks @reservation for a short change, unless this thread holds it already.
 * A thread that holds other reservations may only try: waiting for one more
 * takes an acquire context (WW-1). */
static gboolean
lock_briefly (DmabufReservation *reservation, gboolean *unlock)
{
  *unlock = !dmabuf_reservation_is_locked (reservation);
  if (!*unlock)
    return TRUE;
  if (dmabuf_reservation_thread_holds_any ())
    return dmabuf_reservation_trylock (reservation, NULL);
  return dmabuf_reservation_lock (reservation, NULL, NULL);
}

static int
publish_leaf (DmabufBuffer *buffer, DmabufAccess access, DmabufFence *leaf,
    gboolean implicit)
{
  gboolean kernel = leaf->ops->kind == DMABUF_FENCE_KIND_KERNEL;
  DmabufReservation *reservation;
  gboolean unlock;

  /* A kernel-backed fence costs a system call to test, and the kernel tests it
   * itself when it is added. */
  if (kernel ? dmabuf_fence_has_settled (leaf)
             : dmabuf_fence_is_signaled (leaf))
    return 0;

  if (kernel && !implicit && dmabuf_exporter_is_dmabuf (buffer->exporter)
      && dmabuf_buffer_peek_fd (buffer) >= 0) {
    /* Read before the call: if the buffer is seen meanwhile, the fence is in
     * both reservations, which is safe. */
    gboolean seen = dmabuf_buffer_is_seen (buffer);
    int ret = publish_to_kernel (buffer, access, leaf);

    if (ret < 0 || seen)
      return ret;
  }

  reservation = dmabuf_buffer_get_reservation (buffer);
  if (!lock_briefly (reservation, &unlock))
    return -EDEADLK;
  dmabuf_reservation_reserve (reservation, 1, NULL);
  dmabuf_reservation_add (reservation, leaf,
      access & DMABUF_ACCESS_WRITE ? DMABUF_USAGE_WRITE : DMABUF_USAGE_READ);
  if (unlock)
    dmabuf_reservation_unlock (reservation);
  return 0;
}

/* XSF-3: containers are unwrapped, and each leaf enters by itself. */
static int
publish_leaves (DmabufBuffer *buffer, DmabufAccess access, DmabufFence *fence,
    gboolean implicit)
{
  DmabufFenceUnwrap cursor;
  DmabufFence *leaf;
  int ret = 0;

  for (leaf = dmabuf_fence_unwrap_first (fence, &cursor); leaf && ret == 0;
      leaf = dmabuf_fence_unwrap_next (&cursor))
    ret = publish_leaf (buffer, access, leaf, implicit);
  dmabuf_fence_unwrap_end (&cursor);
  return ret;
}

gboolean
dmabuf_bridge_publish (DmabufBuffer *buffer, DmabufAccess access,
    DmabufFence *fence, gboolean implicit, GError **error)
{
  int ret = fence->ops->kind == DMABUF_FENCE_KIND_COMPOSITE
      ? publish_leaves (buffer, access, fence, implicit)
      : publish_leaf (buffer, access, fence, implicit);

  if (ret == 0)
    return TRUE;

  /* Later users will not wait for an unpublished fence, so this does. */
  count (fence_fallbacks);
  count (fence_waits);
  if (dmabuf_fence_wait (
          fence, g_get_monotonic_time () + FALLBACK_TIMEOUT, NULL, error))
    dmabuf_set_error (error, -ret,
        "buffer %" G_GUINT64_FORMAT
        ": the fence of an access could not be published (%s); waited for it"
        " instead",
        dmabuf_buffer_get_inode (buffer), g_strerror (-ret));
  return FALSE;
}

/* --- Wait -------------------------------------------------------------- */

gboolean
dmabuf_bridge_wait (DmabufBuffer *buffer, DmabufAccess access, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  DmabufReservation *reservation = g_atomic_pointer_get (&buffer->reservation);
  int ret;

  dmabuf_annotation_might_wait ("dmabuf_buffer_wait");

  if (reservation
      && !dmabuf_reservation_wait (reservation,
          dmabuf_usage_rw ((access & DMABUF_ACCESS_WRITE) != 0), deadline,
          cancellable, error))
    return FALSE;

  if (!has_kernel_fences (buffer))
    return TRUE;

  if (!dmabuf_buffer_try_hold_storage (buffer, deadline, cancellable, error))
    return FALSE;
  ret = dmabuf_kernel_poll (dmabuf_buffer_peek_fd (buffer),
      poll_events (access), deadline, cancellable);
  dmabuf_buffer_release_storage (buffer);
  if (ret > 0)
    return TRUE;

  if (ret == -ECANCELED)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
        "the wait for a buffer was cancelled");
  else if (ret == 0)
    dmabuf_set_error (error, ETIME,
        "buffer %" G_GUINT64_FORMAT
        ": still in use by another device or process at the deadline",
        dmabuf_buffer_get_inode (buffer));
  else
    dmabuf_set_error (error, -ret, "buffer %" G_GUINT64_FORMAT ": poll: %s",
        dmabuf_buffer_get_inode (buffer), g_strerror (-ret));
  return FALSE;
}
