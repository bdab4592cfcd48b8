/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Uses of a buffer's storage, and the threads that wait for their end.
 *
 * A buffer that was allocated at once never moves: its uses are only counted. A
 * deferred one has a placement. Its first use allocates the storage (DEF-1). A
 * mapping by a device that does not reach the storage makes its thread a mover,
 * which waits until all uses have ended and moves the storage (DEF-3). While a
 * mover waits new uses stall, or the mover would starve. A thread that would
 * wait for its own uses gets EDEADLK (DEF-4); only a CPU access inside of a use
 * of the same thread passes.
 */

#include "dmabuf-bridge-private.h"
#include "dmabuf-device-private.h"
#include "dmabuf-exporter-private.h"
#include "dmabuf-storage-private.h"

#include <errno.h>

/* --- Uses ---------------------------------------------------------------- */

/* Static functions up to acquire_placed () are called under the buffer's lock,
 * on_cancelled () excepted. */
static guint
count_owned (DmabufPlacement *placement, GThread *thread)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (placement->owners, thread));
}

static void
begin_use (DmabufBuffer *buffer)
{
  DmabufPlacement *placement = buffer->placement;
  GThread *self = g_thread_self ();

  buffer->n_uses++;
  if (placement)
    g_hash_table_insert (placement->owners, self,
        GUINT_TO_POINTER (count_owned (placement, self) + 1));
}

static void
end_use (DmabufBuffer *buffer, GThread *owner)
{
  DmabufPlacement *placement = buffer->placement;
  guint owned;

  buffer->n_uses--;
  if (placement) {
    owned = count_owned (placement, owner);
    if (owned > 1)
      g_hash_table_insert (
          placement->owners, owner, GUINT_TO_POINTER (owned - 1));
    else
      g_hash_table_remove (placement->owners, owner);
    /* A CPU bracket may end on another thread than it began on: then the counts
     * of both are wrong until here. */
    if (buffer->n_uses == 0)
      g_hash_table_remove_all (placement->owners);
    /* A broadcast is a system call even without waiters. */
    if (placement->n_stalled > 0)
      g_cond_broadcast (&buffer->changed);
  }
}

void
dmabuf_buffer_release_use_of (DmabufBuffer *buffer, GThread *owner)
{
  g_mutex_lock (&buffer->lock);
  end_use (buffer, owner);
  g_mutex_unlock (&buffer->lock);
}

void
dmabuf_buffer_release_use (DmabufBuffer *buffer)
{
  dmabuf_buffer_release_use_of (buffer, g_thread_self ());
}

/* --- Waiting ------------------------------------------------------------- */

typedef struct
{
  DmabufBuffer *buffer;
  DmabufAttachment *attachment; /* Of a mapping; NULL for the CPU */
  gint64 deadline;
  GCancellable *cancellable;
  gulong cancel_id;
} Request;

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  DmabufBuffer *buffer = user_data;

  g_mutex_lock (&buffer->lock);
  g_cond_broadcast (&buffer->changed);
  g_mutex_unlock (&buffer->lock);
}

void
dmabuf_set_revoked (GError **error)
{
  dmabuf_set_error (error, ENODEV,
      "the memory of the buffer is gone: its exporter revoked it");
}

/* Waits for a change. The lock is held, and held again afterwards. */
static gboolean
stall (Request *request, GError **error)
{
  DmabufBuffer *buffer = request->buffer;
  gboolean in_time = TRUE;

  /* g_cancellable_connect () holds a lock of its own and may call
   * on_cancelled () at once, so it is called without ours. The caller's loop
   * looks at what has changed meanwhile. */
  if (request->cancellable && !request->cancel_id) {
    g_mutex_unlock (&buffer->lock);
    request->cancel_id = g_cancellable_connect (
        request->cancellable, G_CALLBACK (on_cancelled), buffer, NULL);
    g_mutex_lock (&buffer->lock);
    if (!g_cancellable_is_cancelled (request->cancellable))
      return TRUE;
  }

  if (g_cancellable_set_error_if_cancelled (request->cancellable, error))
    return FALSE;
  if (g_atomic_int_get (&buffer->revoked))
    goto revoked;

  buffer->placement->n_stalled++;
  if (request->deadline == DMABUF_DEADLINE_NEVER)
    g_cond_wait (&buffer->changed, &buffer->lock);
  else
    in_time =
        g_cond_wait_until (&buffer->changed, &buffer->lock, request->deadline);
  buffer->placement->n_stalled--;

  if (g_atomic_int_get (&buffer->revoked))
    goto revoked;
  if (!in_time)
    dmabuf_set_error (error, ETIME,
        "the storage of the buffer has to move first, and its uses did not end "
        "in time");
  return in_time;

  /* ERRORS */
revoked:
  dmabuf_set_revoked (error);
  return FALSE;
}

/* DEF-4: whether this thread would wait for a use of its own. A mapping counts
 * for the thread that began it, wherever it ends. */
static gboolean
would_deadlock (Request *request)
{
  return count_owned (request->buffer->placement, g_thread_self ()) > 0;
}

static void
set_deadlock (Request *request, GError **error)
{
  const char *user = request->attachment
      ? dmabuf_device_get_name (request->attachment->device)
      : "the CPU";

  if (request->buffer->placement->mover)
    dmabuf_set_error (error, EDEADLK,
        "%s cannot use the buffer while this thread is moving its storage",
        user);
  else
    dmabuf_set_error (error, EDEADLK,
        "the storage of the buffer has to move before %s can map it, but this "
        "thread has an access open that would have to end first",
        user);
}

/* --- Acquiring ----------------------------------------------------------- */

static gboolean
place (DmabufBuffer *buffer, GError **error)
{
  gboolean ok;

  buffer->placement->mover = g_thread_self ();
  g_mutex_unlock (&buffer->lock);
  ok = dmabuf_storage_place (buffer, error);
  g_mutex_lock (&buffer->lock);
  buffer->placement->mover = NULL;
  g_cond_broadcast (&buffer->changed);

  return ok;
}

/* Moves the storage to where the attachment reaches it. */
static gboolean
move (Request *request, GError **error)
{
  DmabufBuffer *buffer = request->buffer;
  DmabufPlacement *placement = buffer->placement;
  gboolean ok = TRUE;

  placement->n_movers++;
  while (ok && (buffer->n_uses > 0 || placement->mover)) {
    if (buffer->n_uses > 0 && would_deadlock (request)) {
      set_deadlock (request, error);
      ok = FALSE;
    } else {
      ok = stall (request, error);
    }
  }

  /* All uses have ended and new ones stall, so no new fences come either. */
  if (ok) {
    placement->mover = g_thread_self ();
    g_mutex_unlock (&buffer->lock);
    ok = dmabuf_bridge_wait (buffer, DMABUF_ACCESS_READ_WRITE,
             request->deadline, request->cancellable, error)
        && dmabuf_storage_move (buffer, error);
    g_mutex_lock (&buffer->lock);
    placement->mover = NULL;
  }
  placement->n_movers--;
  g_cond_broadcast (&buffer->changed);

  return ok;
}

static gboolean
reaches (Request *request)
{
  return !request->attachment
      || dmabuf_device_suits (
          request->attachment->device, request->buffer->exporter, NULL);
}

static gboolean
acquire_placed (Request *request, GError **error)
{
  DmabufBuffer *buffer = request->buffer;
  DmabufPlacement *placement = buffer->placement;
  gboolean ok = TRUE;

  while (ok) {
    if (placement->mover == g_thread_self ()) {
      set_deadlock (request, error);
      ok = FALSE;
    } else if (placement->mover) {
      ok = stall (request, error);
    } else if (buffer->fd < 0) {
      /* Uses without storage: a device is attaching. */
      ok = buffer->n_uses > 0 ? stall (request, error) : place (buffer, error);
    } else if (!reaches (request)) {
      ok = move (request, error);
    } else if (placement->n_movers == 0) {
      break;
    } else if (would_deadlock (request)) {
      if (!request->attachment)
        break;
      set_deadlock (request, error);
      ok = FALSE;
    } else {
      ok = stall (request, error);
    }
  }

  return ok;
}

gboolean
dmabuf_buffer_acquire (DmabufBuffer *buffer, DmabufAttachment *attachment,
    gint64 deadline, GCancellable *cancellable, GError **error)
{
  Request request = { buffer, attachment, deadline, cancellable, 0 };
  gboolean ok = TRUE;

  if (g_atomic_int_get (&buffer->revoked)) {
    dmabuf_set_revoked (error);
    return FALSE;
  }

  g_mutex_lock (&buffer->lock);
  if (buffer->placement)
    ok = acquire_placed (&request, error);
  if (ok)
    begin_use (buffer);
  g_mutex_unlock (&buffer->lock);

  if (request.cancel_id)
    g_cancellable_disconnect (cancellable, request.cancel_id);

  return ok;
}

/* Waits for a move in progress only. While a device attaches the storage, or
 * its absence, has to stay as it is. */
void
dmabuf_buffer_acquire_as_is (DmabufBuffer *buffer)
{
  g_mutex_lock (&buffer->lock);
  while (dmabuf_storage_is_away (buffer))
    g_cond_wait (&buffer->changed, &buffer->lock);
  begin_use (buffer);
  g_mutex_unlock (&buffer->lock);
}

gboolean
dmabuf_buffer_try_acquire_as_is (DmabufBuffer *buffer, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  Request request = { buffer, NULL, deadline, cancellable, 0 };
  gboolean ok = TRUE;

  g_mutex_lock (&buffer->lock);
  while (ok && dmabuf_storage_is_away (buffer))
    ok = stall (&request, error);
  if (ok)
    begin_use (buffer);
  g_mutex_unlock (&buffer->lock);

  if (request.cancel_id)
    g_cancellable_disconnect (cancellable, request.cancel_id);

  return ok;
}

/* --- Deferred buffers ---------------------------------------------------- */

DmabufBuffer *
dmabuf_buffer_new_deferred (
    DmabufExporter **exporters, guint n_exporters, gsize size, GError **error)
{
  DmabufPlacement *placement;
  DmabufBuffer *buffer;
  guint i;

  if (n_exporters == 0 || !exporters) {
    dmabuf_set_error (
        error, EINVAL, "a deferred buffer needs at least one exporter");
    return NULL;
  }
  for (i = 0; i < n_exporters; i++) {
    if (!dmabuf_exporter_check_class (exporters[i], error))
      return NULL;
  }
  if (!dmabuf_exporter_round_size (exporters[0], &size, error))
    return NULL;

  placement = g_new0 (DmabufPlacement, 1);
  placement->exporters = g_ptr_array_new_with_free_func (g_object_unref);
  for (i = 0; i < n_exporters; i++)
    g_ptr_array_add (placement->exporters, g_object_ref (exporters[i]));
  placement->owners = g_hash_table_new (NULL, NULL);

  buffer = dmabuf_buffer_new (exporters[0], -1, size);
  buffer->placement = placement;
  return buffer;
}

void
dmabuf_storage_free_placement (DmabufBuffer *buffer)
{
  DmabufPlacement *placement = buffer->placement;

  if (!placement)
    return;

  g_ptr_array_unref (placement->exporters);
  g_hash_table_unref (placement->owners);
  g_free (placement);
  buffer->placement = NULL;
}
