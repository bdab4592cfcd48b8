/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-submission.h"
#include "dmabuf-bridge-private.h"
#include "dmabuf-buffer-private.h"
#include "dmabuf-fence-composite.h"

gboolean
dmabuf_submission_begin (DmabufSubmission *submission,
    const DmabufSubmissionBuffer *buffers, guint n_buffers,
    GCancellable *cancellable, DmabufFence **fence, GError **error)
{
  DmabufReservation **reservations;
  guint i;

  g_return_val_if_fail (submission != NULL && fence != NULL, FALSE);

  *fence = NULL;
  reservations = submission->own;
  dmabuf_acquire_context_init (&submission->context);
  if (n_buffers > G_N_ELEMENTS (submission->own))
    reservations = g_new (DmabufReservation *, n_buffers);
  for (i = 0; i < n_buffers; i++)
    reservations[i] = dmabuf_buffer_get_reservation (buffers[i].buffer);

  if (!dmabuf_reservation_lock_many (
          reservations, n_buffers, &submission->context, cancellable, error))
    goto err_lock;
  dmabuf_acquire_context_done (&submission->context);

  submission->buffers = buffers;
  submission->n_buffers = n_buffers;
  submission->reservations = reservations;

  for (i = 0; i < n_buffers; i++) {
    DmabufFence *one, *both;

    dmabuf_buffer_hold_storage (buffers[i].buffer);
    one = dmabuf_bridge_snapshot (buffers[i].buffer, buffers[i].access, FALSE);
    dmabuf_buffer_release_storage (buffers[i].buffer);
    if (!one || !*fence) {
      *fence = one ? one : *fence;
      continue;
    }
    both = dmabuf_fence_merge (*fence, one);
    dmabuf_fence_unref (*fence);
    dmabuf_fence_unref (one);
    *fence = both;
  }

  return TRUE;

  /* ERRORS */
err_lock:
  dmabuf_acquire_context_fini (&submission->context);
  if (reservations != submission->own)
    g_free (reservations);
  return FALSE;
}

gboolean
dmabuf_submission_end (
    DmabufSubmission *submission, DmabufFence *fence, GError **error)
{
  gboolean ok = TRUE;
  guint i;

  g_return_val_if_fail (submission != NULL, FALSE);

  for (i = 0; fence && i < submission->n_buffers; i++) {
    const DmabufSubmissionBuffer *use = &submission->buffers[i];

    dmabuf_buffer_hold_storage (use->buffer);
    if (!dmabuf_bridge_publish (
            use->buffer, use->access, fence, FALSE, ok ? error : NULL))
      ok = FALSE;
    dmabuf_buffer_release_storage (use->buffer);
  }

  dmabuf_reservation_unlock_many (
      submission->reservations, submission->n_buffers);
  dmabuf_acquire_context_fini (&submission->context);
  if (submission->reservations != submission->own)
    g_free (submission->reservations);
  submission->reservations = NULL;

  return ok;
}
