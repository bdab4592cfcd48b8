/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-buffer.h>
#include <libdmabufcore/dmabuf-reservation.h>

G_BEGIN_DECLS

/*
 * Taking a snapshot of fences, submitting work that waits for them, and
 * publishing its fence is not atomic in the kernel: between the steps another
 * user may add work (XSF-5). A submission holds the reservations of all its
 * buffers over the three steps, which keeps other users of this library out:
 *
 *   dmabuf_submission_begin ()    lock all, snapshot ──▶ fence to wait for
 *   ...                           submit
 *   dmabuf_submission_end ()      publish ◀── fence of the work, unlock all
 */

/**
 * DmabufSubmissionBuffer:
 * @buffer: a buffer
 * @access: what the work does with it
 *
 * One buffer of a submission.
 */
typedef struct
{
  DmabufBuffer *buffer;
  DmabufAccess access;
} DmabufSubmissionBuffer;

/* Enough for the planes of two frames; more buffers cost an allocation. */
#define DMABUF_SUBMISSION_N_OWN 8

/**
 * DmabufSubmission:
 *
 * On the stack of the thread that submits.
 */
typedef struct
{
  /*< private >*/
  DmabufAcquireContext context;
  const DmabufSubmissionBuffer *buffers;
  DmabufReservation **reservations;
  DmabufReservation *own[DMABUF_SUBMISSION_N_OWN];
  guint n_buffers;
} DmabufSubmission;

/**
 * dmabuf_submission_begin: (skip)
 * @submission: (out caller-allocates): the submission
 * @buffers: (array length=n_buffers): the buffers that the work uses, kept by
 *   the caller until the end; one may be there twice
 * @n_buffers: how many
 * @cancellable: (nullable): ends the wait for the locks
 * @fence: (out) (transfer full) (nullable): the fence that the work has to wait
 *   for, %NULL for none
 * @error: return location for an error
 *
 * Locks the buffers' reservations and collects the fences that conflict with
 * the work.
 *
 * Returns: %FALSE with %G_IO_ERROR_CANCELLED; then nothing has begun
 */
DMABUF_CORE_API
gboolean dmabuf_submission_begin (DmabufSubmission *submission,
    const DmabufSubmissionBuffer *buffers, guint n_buffers,
    GCancellable *cancellable, DmabufFence **fence, GError **error);

/**
 * dmabuf_submission_end: (skip)
 * @submission: the submission
 * @fence: (nullable): of the work; %NULL if it is done, or none was submitted
 * @error: return location for an error
 *
 * Publishes the fence for each buffer, as WRITE where the work writes, and
 * unlocks.
 *
 * Returns: %FALSE if it could not be published for a buffer; then this has
 *   waited for it, 20 seconds at most (ETIME)
 */
DMABUF_CORE_API
gboolean dmabuf_submission_end (
    DmabufSubmission *submission, DmabufFence *fence, GError **error);

G_END_DECLS
