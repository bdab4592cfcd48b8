/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * GstBufferPool counts the buffers, this file keeps the free ones. Each buffer
 * has a slot of the same lifetime, which is in at most one of these queues:
 *
 *   FREE      ready to be handed out
 *   RETURNED  came back, and no fence of its sync meta is pending. The kernel's
 *             fences are asked for as late as possible, when the buffer is
 *             needed again: by then they have mostly signalled
 *   PARKED    a fence is pending, and the poller calls back. Then the slot is
 *             RETURNED after a fence of the sync meta, FREE after the kernel's
 *   OUT       (not queued) with the elements, or handled by one function here
 *
 * The lock guards queues and states. The callbacks of the poller take it, and
 * dmabuf_fence_remove_callback() waits for them: never call that with the lock
 * held.
 */

#include "gstdmabufcorepool-private.h"
#include "gstdmabufcoresyncmeta-private.h"

#include <string.h>

#include "libdmabufcore/dmabuf-thread-private.h"

GST_DEBUG_CATEGORY_EXTERN (gst_dmabuf_core_pool_debug);
#define GST_CAT_DEFAULT gst_dmabuf_core_pool_debug

/* --- slots and queues --------------------------------------------------- */

static Slot *
slot_get (GstBuffer *buffer)
{
  return gst_buffer_get_dmabuf_core_sync_meta (buffer)->owner;
}

void
pool_slot_free (Slot *slot)
{
  g_clear_pointer (&slot->fence, dmabuf_fence_unref);
  g_free (slot);
}

static inline void
queue_push (SlotQueue *queue, Slot *slot)
{
  slot->previous = queue->tail;
  slot->next = NULL;
  if (queue->tail)
    queue->tail->next = slot;
  else
    queue->head = slot;
  queue->tail = slot;
  queue->length++;
}

static inline void
queue_unlink (SlotQueue *queue, Slot *slot)
{
  if (slot->previous)
    slot->previous->next = slot->next;
  else
    queue->head = slot->next;
  if (slot->next)
    slot->next->previous = slot->previous;
  else
    queue->tail = slot->previous;
  queue->length--;
}

/* Lock held. */
static void
slot_move (Slot *slot, SlotState state)
{
  GstDmabufCorePool *self = slot->pool;

  if (slot->state != SLOT_OUT)
    queue_unlink (&self->queues[slot->state], slot);
  slot->state = state;
  if (state == SLOT_OUT)
    return;
  queue_push (&self->queues[state], slot);
  if (self->n_waiting == 0)
    return;
  /* A parked slot gives pool_starve() a deadline: all waiters recompute it. */
  if (state == SLOT_PARKED)
    g_cond_broadcast (&self->changed);
  else
    g_cond_signal (&self->changed);
}

/* Lock held. Takes the oldest slot of a queue, which becomes OUT, or NULL. */
static Slot *
pool_pop (GstDmabufCorePool *self, SlotState state)
{
  Slot *slot = self->queues[state].head;

  if (slot)
    slot_move (slot, SLOT_OUT);
  return slot;
}

static void
pool_set_state (GstDmabufCorePool *self, Slot *slot, SlotState state)
{
  g_mutex_lock (&self->lock);
  slot_move (slot, state);
  g_mutex_unlock (&self->lock);
}

/* Runs on the poller's thread, or on the thread that signals @fence. */
static void
fence_signaled (DmabufFence *fence, gpointer user_data)
{
  Slot *slot = user_data;
  GstDmabufCorePool *self = slot->pool;

  g_mutex_lock (&self->lock);
  if (slot->arming) {
    slot->signaled = TRUE;
  } else if (slot->state == SLOT_PARKED) {
    slot->callback = 0;
    slot_move (slot, slot->after);
  }
  g_mutex_unlock (&self->lock);
}

/* Removes the callback of a slot that is OUT: afterwards it is not running. */
static void
slot_disarm (Slot *slot)
{
  if (slot->callback > 0)
    dmabuf_fence_remove_callback (slot->fence, slot->callback);
  slot->callback = 0;
  g_clear_pointer (&slot->fence, dmabuf_fence_unref);
}

/* Frees the buffer of a slot that is OUT, so that acquire may make another one.
 * A device may still use the memory: the kernel keeps it until the device is
 * done. */
static void
pool_discard (GstDmabufCorePool *self, Slot *slot)
{
  GstBuffer *buffer = slot->buffer;

  slot_disarm (slot);
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_TAG_MEMORY);
  pool_parent_class->release_buffer (GST_BUFFER_POOL (self), buffer);

  g_mutex_lock (&self->lock);
  self->epoch++;
  self->n_discarded++;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

/* Frees the buffers whose fences are pending for longer than the timeout. */
static void
pool_discard_late (GstDmabufCorePool *self)
{
  gint64 now = g_get_monotonic_time ();

  for (;;) {
    Slot *slot = NULL;

    g_mutex_lock (&self->lock);
    if (self->queues[SLOT_PARKED].head
        && self->fence_timeout != GST_CLOCK_TIME_NONE) {
      Slot *oldest = self->queues[SLOT_PARKED].head;

      if (!oldest->arming
          && now - oldest->parked_since
              >= (gint64) (self->fence_timeout / GST_USECOND))
        slot = pool_pop (self, SLOT_PARKED);
    }
    g_mutex_unlock (&self->lock);

    if (!slot)
      return;
    GST_WARNING_OBJECT (self,
        "the fences of %" GST_PTR_FORMAT
        " did not signal in time (%s %s); the buffer is freed",
        slot->buffer, dmabuf_fence_get_driver_name (slot->fence),
        dmabuf_fence_get_timeline_name (slot->fence));
    pool_discard (self, slot);
  }
}

/* Parks a slot that is OUT until @fence (transfer full) has signalled; then it
 * moves to @after. */
static void
pool_park (
    GstDmabufCorePool *self, Slot *slot, DmabufFence *fence, SlotState after)
{
  guint callback;

  slot_disarm (slot);
  slot->fence = fence;

  g_mutex_lock (&self->lock);
  slot->arming = TRUE;
  slot->signaled = FALSE;
  slot->after = after;
  slot->parked_since = g_get_monotonic_time ();
  self->n_parked++;
  slot_move (slot, SLOT_PARKED);
  g_mutex_unlock (&self->lock);

  callback = dmabuf_fence_add_callback (fence, fence_signaled, slot, NULL);

  g_mutex_lock (&self->lock);
  slot->arming = FALSE;
  if (callback == 0 || slot->signaled)
    slot_move (slot, slot->after);
  else
    slot->callback = callback;
  g_mutex_unlock (&self->lock);
}

/* --- coming back -------------------------------------------------------- */

/* A quick version of GstBufferPool's reset_buffer(), which is called only if an
 * element added a meta or changed the size. */
void
pool_reset_buffer (GstBufferPool *pool, GstBuffer *buffer)
{
  gpointer state = NULL;
  gsize size, offset;
  GstMeta *meta;

  size = gst_buffer_get_sizes (buffer, &offset, NULL);
  if (offset != 0 || size != GST_DMABUF_CORE_POOL (pool)->frame.info.size)
    goto changed;
  while ((meta = gst_buffer_iterate_meta (buffer, &state))) {
    if (!GST_META_FLAG_IS_SET (meta, GST_META_FLAG_POOLED))
      goto changed;
  }

  GST_BUFFER_FLAGS (buffer) &=
      GST_MINI_OBJECT_FLAG_LOCKABLE | GST_BUFFER_FLAG_TAG_MEMORY;
  GST_BUFFER_PTS (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DTS (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_DURATION (buffer) = GST_CLOCK_TIME_NONE;
  GST_BUFFER_OFFSET (buffer) = GST_BUFFER_OFFSET_NONE;
  GST_BUFFER_OFFSET_END (buffer) = GST_BUFFER_OFFSET_NONE;
  return;

changed:
  pool_parent_class->reset_buffer (pool, buffer);
}

void
pool_release_buffer (GstBufferPool *pool, GstBuffer *buffer)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);
  Slot *slot = slot_get (buffer);
  DmabufFence *fence = gst_dmabuf_core_sync_meta_finish (slot->sync);

  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_TAG_MEMORY)
      || !gst_buffer_is_all_memory_writable (buffer)) {
    GST_DEBUG_OBJECT (
        self, "an element changed or keeps the memory of %p", buffer);
    g_clear_pointer (&fence, dmabuf_fence_unref);
    pool_discard (self, slot);
  } else if (fence) {
    pool_park (self, slot, fence, SLOT_RETURNED);
  } else if (slot->fresh) {
    slot->fresh = FALSE;
    pool_set_state (self, slot, SLOT_FREE);
  } else {
    pool_set_state (self, slot, SLOT_RETURNED);
  }
}

/* Returns the kernel's fences that conflict with writing into the memory,
 * merged, or NULL. With NULL and @busy the kernel is too old to export them. */
static DmabufFence *
slot_get_kernel_fence (Slot *slot, gboolean *busy)
{
  DmabufFence *all = NULL;
  guint i;

  *busy = FALSE;
  for (i = 0; i < slot->n_dmabufs; i++) {
    DmabufFence *fence, *before = all;

    if (dmabuf_buffer_wait (
            slot->dmabufs[i], DMABUF_ACCESS_WRITE, 0, NULL, NULL))
      continue;
    if (!dmabuf_buffer_try_get_fence (
            slot->dmabufs[i], DMABUF_ACCESS_WRITE, &fence)) {
      *busy = TRUE;
      g_clear_pointer (&all, dmabuf_fence_unref);
      return NULL;
    }
    if (!fence)
      continue;
    *busy = TRUE;
    all =
        before ? dmabuf_fence_merge (before, fence) : dmabuf_fence_ref (fence);
    g_clear_pointer (&before, dmabuf_fence_unref);
    dmabuf_fence_unref (fence);
  }

  return all;
}

/* A kernel without DMA_BUF_IOCTL_EXPORT_SYNC_FILE has no fence for the poller:
 * this thread waits instead, which counts as starved. */
static gboolean
slot_wait (Slot *slot)
{
  GstDmabufCorePool *self = slot->pool;
  GCancellable *cancellable;
  gint64 deadline = DMABUF_DEADLINE_NEVER;
  gboolean idle = TRUE;
  guint i;

  g_mutex_lock (&self->lock);
  cancellable = g_object_ref (self->cancellable);
  if (self->fence_timeout != GST_CLOCK_TIME_NONE)
    deadline = g_get_monotonic_time () + self->fence_timeout / GST_USECOND;
  self->n_starved++;
  g_mutex_unlock (&self->lock);

  for (i = 0; i < slot->n_dmabufs && idle; i++)
    idle = dmabuf_buffer_wait (
        slot->dmabufs[i], DMABUF_ACCESS_WRITE, deadline, cancellable, NULL);

  g_object_unref (cancellable);
  return idle;
}

#define MAX_TESTED 16 /* Buffers in one call of dmabuf_buffer_test_many() */

/* Lock held. Takes as many RETURNED slots as fit into one call to the kernel.
 * They become OUT, so that no other thread takes them. */
static guint
pool_pop_returned (GstDmabufCorePool *self, Slot *slots[MAX_TESTED])
{
  guint n = 0, n_dmabufs = 0;

  while (self->queues[SLOT_RETURNED].head
      && n_dmabufs + GST_VIDEO_MAX_PLANES <= MAX_TESTED) {
    slots[n] = pool_pop (self, SLOT_RETURNED);
    n_dmabufs += slots[n++]->n_dmabufs;
  }
  return n;
}

/* Asks the kernel which of @slots are idle. The first of them stays OUT and is
 * returned, the other idle ones become FREE, the busy ones RETURNED again. */
static Slot *
pool_test_returned (GstDmabufCorePool *self, Slot *slots[MAX_TESTED], guint n)
{
  DmabufBuffer *dmabufs[MAX_TESTED];
  gboolean idle[MAX_TESTED];
  guint i, k, n_dmabufs = 0;
  Slot *found = NULL;

  for (i = 0; i < n; i++) {
    for (k = 0; k < slots[i]->n_dmabufs; k++)
      dmabufs[n_dmabufs++] = slots[i]->dmabufs[k];
  }
  dmabuf_buffer_test_many (dmabufs, n_dmabufs, DMABUF_ACCESS_WRITE, idle);

  n_dmabufs = 0;
  g_mutex_lock (&self->lock);
  for (i = 0; i < n; i++) {
    gboolean all = TRUE;

    for (k = 0; k < slots[i]->n_dmabufs; k++)
      all = all && idle[n_dmabufs++];
    if (all && !found)
      found = slots[i];
    else
      slot_move (slots[i], all ? SLOT_FREE : SLOT_RETURNED);
  }
  g_mutex_unlock (&self->lock);
  return found;
}

/* Asks the kernel about a slot taken from RETURNED, which is OUT now. TRUE if
 * it can be handed out. Otherwise it is PARKED or freed; or RETURNED again,
 * which sets @is_back, if the caller may not wait and there is no fence to park
 * for.
 */
static gboolean
pool_try_returned (
    GstDmabufCorePool *self, Slot *slot, gboolean may_wait, gboolean *is_back)
{
  DmabufFence *fence;
  gboolean busy;

  fence = slot_get_kernel_fence (slot, &busy);
  if (!busy)
    return TRUE;

  *is_back = !fence && !may_wait;

  if (fence)
    pool_park (self, slot, fence, SLOT_FREE);
  else if (!may_wait)
    pool_set_state (self, slot, SLOT_RETURNED);
  else if (slot_wait (slot))
    return TRUE;
  else if (GST_BUFFER_POOL_IS_FLUSHING ((&self->parent)))
    pool_set_state (self, slot, SLOT_RETURNED);
  else
    pool_discard (self, slot);
  return FALSE;
}

/* --- going out ---------------------------------------------------------- */

static gboolean
buffer_clear (GstBuffer *buffer)
{
  guint i;

  for (i = 0; i < gst_buffer_n_memory (buffer); i++) {
    GstMemory *memory = gst_buffer_peek_memory (buffer, i);
    GstMapInfo map;

    if (!gst_memory_map (memory, &map, GST_MAP_WRITE))
      return FALSE;
    memset (map.data, 0, map.size);
    gst_memory_unmap (memory, &map);
  }

  return TRUE;
}

/* Waits until a buffer may be free, one was freed since @epoch, or the fences
 * of the oldest parked one have timed out. */
static void
pool_starve (GstDmabufCorePool *self, guint epoch)
{
  g_mutex_lock (&self->lock);
  self->n_starved++;
  self->n_waiting++;
  while (!GST_BUFFER_POOL_IS_FLUSHING ((&self->parent))
      && !self->queues[SLOT_FREE].head && !self->queues[SLOT_RETURNED].head
      && self->epoch == epoch) {
    gint64 until = G_MAXINT64;

    if (self->queues[SLOT_PARKED].head
        && self->fence_timeout != GST_CLOCK_TIME_NONE)
      until = self->queues[SLOT_PARKED].head->parked_since
          + self->fence_timeout / GST_USECOND;
    if (until == G_MAXINT64)
      g_cond_wait (&self->changed, &self->lock);
    else if (!g_cond_wait_until (&self->changed, &self->lock, until))
      break;
  }
  self->n_waiting--;
  g_mutex_unlock (&self->lock);
}

static GstFlowReturn
pool_hand_out (GstDmabufCorePool *self, Slot *slot, GstBuffer **buffer)
{
  slot_disarm (slot);
  if (self->frame.zero && !buffer_clear (slot->buffer)) {
    pool_discard (self, slot);
    return GST_FLOW_ERROR;
  }
  *buffer = slot->buffer;
  return GST_FLOW_OK;
}

GstFlowReturn
pool_acquire_buffer (
    GstBufferPool *pool, GstBuffer **buffer, GstBufferPoolAcquireParams *params)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);
  GstBufferPoolAcquireParams no_wait = { .format = GST_FORMAT_UNDEFINED };
  gboolean tested = FALSE, is_back = FALSE, may_wait = TRUE;
  GstFlowReturn ret;

  if (params) {
    no_wait = *params;
    may_wait = !(params->flags & GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT);
  }
  no_wait.flags |= GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT;

  for (;;) {
    Slot *slot, *slots[MAX_TESTED];
    gboolean returned = FALSE;
    guint epoch, n;

    if (GST_BUFFER_POOL_IS_FLUSHING (pool))
      return GST_FLOW_FLUSHING;

    g_mutex_lock (&self->lock);
    slot = pool_pop (self, SLOT_FREE);
    if (!slot && self->queues[SLOT_RETURNED].length > 1 && !tested) {
      n = pool_pop_returned (self, slots);
      g_mutex_unlock (&self->lock);
      tested = TRUE;
      slot = pool_test_returned (self, slots, n);
      if (slot)
        return pool_hand_out (self, slot, buffer);
      continue;
    }
    if (!slot && !is_back) {
      slot = pool_pop (self, SLOT_RETURNED);
      returned = slot != NULL;
    }
    epoch = self->epoch;
    g_mutex_unlock (&self->lock);

    if (slot) {
      if (returned && !pool_try_returned (self, slot, may_wait, &is_back))
        continue;
      return pool_hand_out (self, slot, buffer);
    }

    /* Make one more, if the maximum allows it. */
    pool_discard_late (self);
    ret = pool_parent_class->acquire_buffer (pool, buffer, &no_wait);
    if (ret == GST_FLOW_OK)
      slot_get (*buffer)->fresh = FALSE;
    if (ret != GST_FLOW_EOS || !may_wait)
      return ret;

    GST_LOG_OBJECT (self, "all buffers are under way");
    pool_starve (self, epoch);
    tested = FALSE;
  }
}

void
pool_flush_start (GstBufferPool *pool)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);

  g_mutex_lock (&self->lock);
  g_cancellable_cancel (self->cancellable);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

void
pool_flush_stop (GstBufferPool *pool)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);

  g_mutex_lock (&self->lock);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  g_mutex_unlock (&self->lock);
}

void
pool_drain (GstDmabufCorePool *self)
{
  static const SlotState states[] = { SLOT_PARKED, SLOT_RETURNED, SLOT_FREE };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (states); i++) {
    for (;;) {
      Slot *slot;

      g_mutex_lock (&self->lock);
      slot = pool_pop (self, states[i]);
      g_mutex_unlock (&self->lock);
      if (!slot)
        break;
      slot_disarm (slot);
      pool_parent_class->release_buffer (GST_BUFFER_POOL (self), slot->buffer);
    }
  }
}
