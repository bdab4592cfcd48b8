/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-submission.h"
#include "dmabuf-bridge-private.h"
#include "dmabuf-fence-composite.h"

gboolean
dmabuf_submission_begin (DmabufSubmission *submission,
    const DmabufSubmissionBuffer *buffers, guint n_buffers,
    GCancellable *cancellable, DmabufFence **fence, GError **error)
{
  DmabufReservation **reservations;
  GPtrArray *fences;
  guint i;

  g_return_val_if_fail (submission != NULL && fence != NULL, FALSE);

  *fence = NULL;
  dmabuf_acquire_context_init (&submission->context);
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

  fences = g_ptr_array_new_with_free_func ((GDestroyNotify) dmabuf_fence_unref);
  for (i = 0; i < n_buffers; i++) {
    DmabufFence *one =
        dmabuf_bridge_snapshot (buffers[i].buffer, buffers[i].access, FALSE);

    if (one)
      g_ptr_array_add (fences, one);
  }
  if (fences->len > 0)
    *fence =
        dmabuf_fence_merge_many ((DmabufFence **) fences->pdata, fences->len);
  g_ptr_array_unref (fences);

  return TRUE;

  /* ERRORS */
err_lock:
  dmabuf_acquire_context_fini (&submission->context);
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

    if (!dmabuf_bridge_publish (
            use->buffer, use->access, fence, FALSE, ok ? error : NULL))
      ok = FALSE;
  }

  dmabuf_reservation_unlock_many (
      submission->reservations, submission->n_buffers);
  dmabuf_acquire_context_fini (&submission->context);
  g_clear_pointer (&submission->reservations, g_free);

  return ok;
}
