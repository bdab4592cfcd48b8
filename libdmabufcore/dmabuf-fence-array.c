/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signals when all of its members have (struct dma_fence_array). */

#include "dmabuf-fence-array-private.h"
#include "dmabuf-kernel-private.h"

typedef struct
{
  DmabufFence fence;
  guint n_fences;
  DmabufFence **fences;
  guint *callbacks; /* Ids, while enabled */
  gint n_pending;   /* Members that have yet to call back */
  int base_error;   /* Of leaves that a strict merge has dropped */
} Array;

static void
on_member (DmabufFence *member, gpointer user_data)
{
  Array *self = user_data;

  if (g_atomic_int_dec_and_test (&self->n_pending))
    dmabuf_fence_defer (&self->fence);
}

/* ARR-7: each armed member holds a reference to the array. */
static int
array_enable (DmabufFence *fence)
{
  Array *self = (Array *) fence;
  guint i;

  self->callbacks = g_new (guint, self->n_fences);
  /* One more, so that the array cannot complete before all are armed. */
  g_atomic_int_set (&self->n_pending, self->n_fences + 1);

  for (i = 0; i < self->n_fences; i++) {
    self->callbacks[i] = dmabuf_fence_add_callback (self->fences[i], on_member,
        dmabuf_fence_ref (fence), (GDestroyNotify) dmabuf_fence_unref);
    if (self->callbacks[i] == 0)
      g_atomic_int_add (&self->n_pending, -1);
  }

  if (!g_atomic_int_dec_and_test (&self->n_pending))
    return 1;

  g_clear_pointer (&self->callbacks, g_free);
  return 0;
}

static void
array_disable (DmabufFence *fence)
{
  Array *self = (Array *) fence;
  guint i;

  for (i = 0; i < self->n_fences; i++)
    dmabuf_fence_remove_callback (self->fences[i], self->callbacks[i]);
  g_clear_pointer (&self->callbacks, g_free);
}

static void
array_deferred (DmabufFence *fence)
{
  dmabuf_fence_settle (fence, 0, -1);
  dmabuf_fence_dispatch (fence);
}

static gboolean
array_signaled (DmabufFence *fence, int *error, gint64 *timestamp)
{
  Array *self = (Array *) fence;
  guint i;

  for (i = 0; i < self->n_fences; i++) {
    if (!dmabuf_fence_is_signaled (self->fences[i]))
      return FALSE;
  }

  *timestamp = -1;
  return TRUE;
}

/* ARR-5, but the error is found even if no callback was armed: the members
 * remember theirs, and their timestamps tell which came first. */
static void
array_get_info (DmabufFence *fence, int *error, gint64 *timestamp)
{
  Array *self = (Array *) fence;
  gint64 first = G_MAXINT64;
  guint i;

  for (i = 0; i < self->n_fences; i++) {
    int status = dmabuf_fence_get_status (self->fences[i]);
    gint64 time = dmabuf_fence_get_timestamp (self->fences[i]);

    *timestamp = MAX (*timestamp, time);
    if (status < 0 && time < first) {
      first = time;
      *error = status;
    }
  }

  if (self->base_error)
    *error = self->base_error;
}

static int
array_wait (DmabufFence *fence, gint64 deadline, GCancellable *cancellable)
{
  Array *self = (Array *) fence;
  guint i;

  for (i = 0; i < self->n_fences; i++) {
    int ret = dmabuf_fence_wait_status (self->fences[i], deadline, cancellable);

    if (ret <= 0)
      return ret;
  }

  dmabuf_fence_settle (fence, 0, -1);
  return 1;
}

static void
array_set_deadline (DmabufFence *fence, gint64 deadline)
{
  Array *self = (Array *) fence;
  guint i;

  for (i = 0; i < self->n_fences; i++)
    dmabuf_fence_set_deadline (self->fences[i], deadline);
}

static const char *
array_get_driver_name (DmabufFence *fence)
{
  return "dma_fence_array";
}

static const char *
array_get_timeline_name (DmabufFence *fence)
{
  return "unbound";
}

static void
fences_free (DmabufFence **fences, guint n_fences)
{
  guint i;

  for (i = 0; i < n_fences; i++)
    dmabuf_fence_unref (fences[i]);
  g_free (fences);
}

static void
array_release (DmabufFence *fence)
{
  Array *self = (Array *) fence;

  fences_free (self->fences, self->n_fences);
  g_free (self->callbacks);
  g_free (self);
}

static const DmabufFenceOps array_ops = {
  .kind = DMABUF_FENCE_KIND_COMPOSITE,
  .get_driver_name = array_get_driver_name,
  .get_timeline_name = array_get_timeline_name,
  .enable = array_enable,
  .disable = array_disable,
  .signaled = array_signaled,
  .get_info = array_get_info,
  .wait = array_wait,
  .export_sync_file = dmabuf_fence_export_composite,
  .set_deadline = array_set_deadline,
  .deferred = array_deferred,
  .release = array_release,
};

DmabufFence *
dmabuf_fence_array_new_with_error (DmabufFence **fences, guint n_fences,
    guint64 context, guint64 seqno, int error)
{
  DmabufFenceTrust trust = DMABUF_FENCE_TRUST_FULL;
  Array *self;
  guint i;

  for (i = 0; i < n_fences; i++) {
    if (dmabuf_fence_is_array (fences[i]) || dmabuf_fence_is_chain (fences[i]))
      goto err_nested;
    trust = MAX (trust, fences[i]->trust);
  }

  self = g_new0 (Array, 1);
  dmabuf_fence_init (&self->fence, &array_ops, context, seqno);
  self->fence.trust = trust;
  self->fences = fences;
  self->n_fences = n_fences;
  self->base_error = error;

  return &self->fence;

  /* ERRORS */
err_nested:
  g_critical ("a fence array cannot hold another container; flatten it with"
              " dmabuf_fence_merge_many ()");
  fences_free (fences, n_fences);
  return NULL;
}

DmabufFence *
dmabuf_fence_array_new (
    DmabufFence **fences, guint n_fences, guint64 context, guint64 seqno)
{
  if (n_fences == 0) {
    g_critical ("a fence array without fences; use the stub");
    g_free (fences);
    return NULL;
  }

  return dmabuf_fence_array_new_with_error (
      fences, n_fences, context, seqno, 0);
}

gboolean
dmabuf_fence_is_array (DmabufFence *fence)
{
  return fence && fence->ops == &array_ops;
}

guint
dmabuf_fence_array_get_members (DmabufFence *fence, DmabufFence ***fences)
{
  Array *self = (Array *) fence;

  *fences = self->fences;
  return self->n_fences;
}

int
dmabuf_fence_array_get_base_error (DmabufFence *fence)
{
  return ((Array *) fence)->base_error;
}

gboolean
dmabuf_fence_match_context (DmabufFence *fence, guint64 context)
{
  Array *self = (Array *) fence;
  guint i;

  g_return_val_if_fail (fence != NULL, FALSE);

  if (!dmabuf_fence_is_array (fence))
    return fence->context == context;

  for (i = 0; i < self->n_fences; i++) {
    if (self->fences[i]->context != context)
      return FALSE;
  }
  return TRUE;
}
