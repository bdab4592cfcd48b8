/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The life of a frame:
 *
 *      driver ──acquire──► GstBuffer with its GstMemory ──► consumers
 *        ▲                        │                  │
 *        │     whole and unshared │                  │ taken apart or shared
 *        │                        ▼                  ▼
 *        │              release_buffer          GstBuffer dies, the GstMemory
 *        │                        │             lives on in copies; the last
 *        │                        │             one ends in memory_dispose
 *        │                        ▼                  │
 *        └──(fence)── slot_home ◄────────────────────┘ a new GstBuffer is made
 *
 * GstBufferPool alone is not enough: it gets the GstBuffer back while copies of
 * it may still read the memory. So the dispose function of the GstMemory tells
 * when the last reference goes. It also keeps the GstMemory alive for the next
 * frame, so that a consumer finds the import that it cached with the memory.
 *
 * A slot holds the pool only while it is outside, so that the pool, which owns
 * slots and buffers, is not in a reference cycle.
 */

#include "v4l2-pool.h"
#include "v4l2-debug.h"

#include "gst/lib/gstdmabufcore.h"
#include <gst/video/video.h>

#include <errno.h>

typedef enum
{
  SLOT_OUTSIDE, /* A consumer has it */
  SLOT_HOME,    /* The driver has it, or gets it when a fence has signalled */
  SLOT_EMPTY,   /* Freed, or lost */
} SlotState;

typedef struct
{
  V4l2Pool *pool; /* A reference while outside */
  guint index;
  gint state;        /* Atomic, SlotState */
  gint n_away;       /* Atomic: memories that consumers have */
  GstBuffer *buffer; /* Atomic; owned at home, only compared while outside */
  GstMemory *memories[V4L2_MAX_PLANES];
} Slot;

struct _V4l2Pool
{
  GstBufferPool parent;

  V4l2Queue *queue;
  V4l2Layout layout;
  Slot *slots;
  guint n_slots;

  /* For the streaming thread. */
  gboolean expect_frame; /* The next frame is probably ready: DQBUF first */
  gboolean was_ready;    /* The last frame was ready before poll() */
  gboolean no_frame_reported;

  /* Under the object lock. */
  guint n_lost;       /* Buffers that the driver did not take back */
  GError *loss_error; /* The error of the last one */

  guint64 n_requeued;      /* Atomic */
  guint64 n_fences_waited; /* Atomic */
};

G_DEFINE_FINAL_TYPE (V4l2Pool, v4l2_pool, GST_TYPE_BUFFER_POOL)

/* A poll() that returns within this time found a frame that was ready. */
#define NO_WAIT_US 500

/* Passes our own arguments through gst_buffer_pool_acquire_buffer(). */
typedef struct
{
  GstBufferPoolAcquireParams parent;
  V4l2Frame *frame;
  GError **error;
} AcquireParams;

static G_DEFINE_QUARK (V4l2PoolSlot, slot)

    /* --- slots ---------------------------------------------------------------
     */

    static void slot_return (Slot *slot);

/* Wraps the slot's memories, which it takes, in a new buffer. */
static void
slot_build_buffer (Slot *slot)
{
  const V4l2Layout *layout = &slot->pool->layout;
  GstBuffer *buffer = gst_buffer_new ();
  GstVideoMeta *meta;
  guint i;

  for (i = 0; i < layout->n_buffers; i++)
    gst_buffer_append_memory (buffer, slot->memories[i]);

  meta = gst_buffer_add_video_meta_full (buffer,
      layout->interlace_mode == GST_VIDEO_INTERLACE_MODE_PROGRESSIVE
          ? GST_VIDEO_FRAME_FLAG_NONE
          : GST_VIDEO_FRAME_FLAG_INTERLACED,
      layout->info->format, layout->width, layout->height, layout->n_planes,
      layout->offsets, layout->strides);
  GST_META_FLAG_SET (meta, GST_META_FLAG_POOLED);
  GST_META_FLAG_SET (meta, GST_META_FLAG_LOCKED);

  /* From here on the flag means that an element changed the memory. */
  GST_BUFFER_FLAG_UNSET (buffer, GST_BUFFER_FLAG_TAG_MEMORY);
  g_atomic_pointer_set (&slot->buffer, buffer);
}

/* To be called by the thread that set the slot to SLOT_EMPTY. */
static void
slot_clear (Slot *slot)
{
  GstBuffer *buffer = g_atomic_pointer_get (&slot->buffer);
  guint i;

  for (i = 0; i < slot->pool->layout.n_buffers; i++) {
    if (slot->memories[i])
      GST_MINI_OBJECT_CAST (slot->memories[i])->dispose = NULL;
    slot->memories[i] = NULL;
  }
  g_atomic_pointer_set (&slot->buffer, NULL);
  gst_clear_buffer (&buffer);
}

/* The data of a fence's callback. It holds the fence (FEN-19). */
typedef struct
{
  V4l2Pool *pool;
  Slot *slot;
  DmabufFence *fence;
} PendingReturn;

static void
pending_return_free (PendingReturn *pending)
{
  gst_object_unref (pending->pool);
  dmabuf_fence_unref (pending->fence);
  g_free (pending);
}

static void
on_fence_signaled (DmabufFence *fence, gpointer user_data)
{
  slot_return (((PendingReturn *) user_data)->slot);
}

/* Takes @fence, and calls slot_return() when it signals. FALSE if it has
 * signalled already. */
static gboolean
slot_return_later (Slot *slot, DmabufFence *fence)
{
  PendingReturn *pending = g_new (PendingReturn, 1);
  guint id;

  pending->pool = gst_object_ref (slot->pool);
  pending->slot = slot;
  pending->fence = dmabuf_fence_ref (fence);
  id = dmabuf_fence_add_callback (
      fence, on_fence_signaled, pending, (GDestroyNotify) pending_return_free);
  dmabuf_fence_unref (fence);

  return id != 0;
}

/* Takes @error. Without buffers the driver sends no frame: wake the thread that
 * waits for one, which then finds pool_is_lost(). */
static void
pool_note_lost (V4l2Pool *self, GError *error)
{
  gboolean last;

  GST_WARNING_OBJECT (self, "lost a buffer: %s", error->message);
  GST_OBJECT_LOCK (self);
  last = ++self->n_lost == self->n_slots;
  g_clear_error (&self->loss_error);
  self->loss_error = error;
  GST_OBJECT_UNLOCK (self);

  if (last)
    v4l2_device_wake (v4l2_queue_get_device (self->queue));
}

/* Whether all buffers are lost. */
static gboolean
pool_is_lost (V4l2Pool *self, GError **error)
{
  gboolean lost;

  GST_OBJECT_LOCK (self);
  lost = self->n_lost == self->n_slots;
  if (lost)
    g_propagate_error (error, g_error_copy (self->loss_error));
  GST_OBJECT_UNLOCK (self);

  return lost;
}

/* Queues a slot that has all its memories, or queues it when its fence has
 * signalled. */
static void
slot_return (Slot *slot)
{
  V4l2Pool *self = slot->pool;
  DmabufFence *fence = NULL;
  GError *error = NULL;
  V4l2EnqueueResult result;

  while (
      (result = v4l2_queue_enqueue (self->queue, slot->index, &fence, &error))
      == V4L2_ENQUEUE_PENDING) {
    __atomic_add_fetch (&self->n_fences_waited, 1, __ATOMIC_RELAXED);
    if (slot_return_later (slot, fence))
      return;
  }

  /* Now the slot belongs to the driver and the streaming thread. */
  if (result == V4L2_ENQUEUE_DONE)
    return;

  if (result == V4L2_ENQUEUE_FAILED)
    pool_note_lost (self, error);
  if (g_atomic_int_compare_and_exchange (&slot->state, SLOT_HOME, SLOT_EMPTY))
    slot_clear (slot);
}

static void
slot_home (Slot *slot)
{
  V4l2Pool *self = slot->pool;
  guint i;

  for (i = 0; i < self->layout.n_buffers; i++) {
    GstMemory *memory = slot->memories[i];

    if (memory->offset != 0 || memory->size != self->layout.sizes[i])
      gst_memory_resize (
          memory, -(gssize) memory->offset, self->layout.sizes[i]);
  }

  __atomic_add_fetch (&self->n_requeued, 1, __ATOMIC_RELAXED);
  g_atomic_int_set (&slot->state, SLOT_HOME);
  slot_return (slot);
  gst_object_unref (self);
}

/* Called when the last reference to a memory goes: revives it, and returns the
 * slot once all its memories are back. */
static gboolean
memory_dispose (GstMiniObject *object)
{
  Slot *slot = gst_mini_object_get_qdata (object, slot_quark ());

  gst_mini_object_ref (object);

  if (g_atomic_int_dec_and_test (&slot->n_away)) {
    slot_build_buffer (slot);
    slot_home (slot);
  }

  return FALSE;
}

/* Whether @buffer is unchanged and has the only references to its memories. */
static gboolean
slot_buffer_is_whole (Slot *slot, GstBuffer *buffer)
{
  guint i, n = slot->pool->layout.n_buffers;

  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_TAG_MEMORY)
      || gst_buffer_n_memory (buffer) != n)
    return FALSE;

  for (i = 0; i < n; i++) {
    GstMemory *memory = gst_buffer_peek_memory (buffer, i);

    /* Any other reference may be used to read the memory. */
    if (memory != slot->memories[i]
        || GST_MINI_OBJECT_REFCOUNT_VALUE (memory) != 1)
      return FALSE;
  }

  return TRUE;
}

/* --- GstBufferPool ------------------------------------------------------- */

static Slot *
pool_find_slot (V4l2Pool *self, GstBuffer *buffer)
{
  guint i;

  for (i = 0; i < self->n_slots; i++) {
    if (g_atomic_pointer_get (&self->slots[i].buffer) == buffer)
      return &self->slots[i];
  }

  return NULL;
}

/* The buffers are made once by v4l2_pool_new(). */
static gboolean
v4l2_pool_start (GstBufferPool *pool)
{
  return TRUE;
}

static gboolean
v4l2_pool_stop (GstBufferPool *pool)
{
  return TRUE;
}

static void
v4l2_pool_release_buffer (GstBufferPool *pool, GstBuffer *buffer)
{
  Slot *slot = pool_find_slot (V4L2_POOL (pool), buffer);

  /* All its memories came home already by memory_dispose(). */
  if (!slot) {
    gst_buffer_unref (buffer);
    return;
  }

  if (slot_buffer_is_whole (slot, buffer)) {
    slot_home (slot);
  } else {
    GST_LOG_OBJECT (pool, "memory of buffer %u is shared", slot->index);
    /* Only compare: memory_dispose() may have given the slot its next buffer by
     * now. */
    g_atomic_pointer_compare_and_exchange (&slot->buffer, buffer, NULL);
    gst_buffer_unref (buffer);
  }
}

/* Queues an empty frame again instead of pushing it. */
static void
pool_recycle (V4l2Pool *self, const V4l2Frame *frame)
{
  GST_DEBUG_OBJECT (self, "frame %u is empty", frame->sequence);
  slot_return (&self->slots[frame->index]);
}

/* Waits for a frame, and notes whether it was ready before. */
static V4l2WaitResult
pool_wait (V4l2Pool *self, V4l2Device *device, GError **error)
{
  gint64 start = g_get_monotonic_time ();
  V4l2WaitResult waited = v4l2_device_wait (
      device, self->no_frame_reported ? -1 : V4L2_TIMEOUT_MS, error);

  self->was_ready =
      waited == V4L2_WAIT_READY && g_get_monotonic_time () - start < NO_WAIT_US;
  /* For events, poll() is needed each time. */
  self->expect_frame = self->was_ready && !device->has_events;

  return waited;
}

/* Whether the driver's data offsets leave room for the planes (SEC-7). */
static gboolean
pool_check_offsets (V4l2Pool *self, const V4l2Frame *frame, GError **error)
{
  guint i;

  for (i = 0; i < self->layout.n_planes; i++) {
    guint32 offset = frame->data_offset[self->layout.n_buffers > 1 ? i : 0];

    if (!v4l2_layout_plane_fits (&self->layout, i, offset)) {
      v4l2_device_set_error (v4l2_queue_get_device (self->queue), error, EIO,
          "plane %u of a frame begins at byte %u, too late for its buffer", i,
          offset);
      return FALSE;
    }
  }

  return TRUE;
}

static GstFlowReturn
v4l2_pool_acquire_buffer (
    GstBufferPool *pool, GstBuffer **buffer, GstBufferPoolAcquireParams *params)
{
  V4l2Pool *self = V4L2_POOL (pool);
  V4l2Frame *frame = ((AcquireParams *) params)->frame;
  GError **error = ((AcquireParams *) params)->error;
  V4l2Device *device = v4l2_queue_get_device (self->queue);
  GError *local_error = NULL;
  gboolean polled, failed = FALSE;
  V4l2WaitResult waited;
  GstVideoMeta *meta;
  Slot *slot;
  guint i;

  for (;;) {
    if (pool_is_lost (self, error))
      return GST_FLOW_ERROR;

    /* A sink that waits for the clock returns when the next frame is ready:
     * DQBUF gets that without a poll(), until it fails with EAGAIN. */
    waited = V4L2_WAIT_READY;
    polled = !self->expect_frame;
    if (polled)
      waited = pool_wait (self, device, error);
    if (waited == V4L2_WAIT_EVENT)
      return V4L2_POOL_FLOW_EVENT;
    if (waited == V4L2_WAIT_TIMEOUT) {
      /* Consumers hold all buffers: the driver cannot capture. */
      if (v4l2_queue_get_n_queued (self->queue) == 0)
        continue;
      self->no_frame_reported = TRUE;
      return V4L2_POOL_FLOW_NO_FRAME;
    }
    if (waited == V4L2_WAIT_WOKEN)
      return GST_FLOW_FLUSHING;
    if (waited == V4L2_WAIT_FAILED)
      return GST_FLOW_ERROR;

    if (v4l2_queue_dequeue (self->queue, frame, &local_error)) {
      if (frame->bytesused > 0)
        break;
      pool_recycle (self, frame);
    } else {
      gboolean empty = g_error_matches (local_error, DMABUF_ERROR, EAGAIN);

      /* An event that came after the poll() may be the reason of the error:
       * poll() once more before the error is returned. */
      if (waited == V4L2_WAIT_BROKEN
          || (polled && !empty && (failed || !device->has_events))) {
        g_propagate_error (error, local_error);
        return GST_FLOW_ERROR;
      }
      failed = polled && !empty;
      self->expect_frame = FALSE;
    }
    g_clear_error (&local_error);
  }

  frame->waited = polled && !self->was_ready;
  slot = &self->slots[frame->index];
  if (!pool_check_offsets (self, frame, error)) {
    slot_return (slot);
    return GST_FLOW_ERROR;
  }
  gst_object_ref (self);
  g_atomic_int_set (&slot->n_away, self->layout.n_buffers);
  g_atomic_int_set (&slot->state, SLOT_OUTSIDE);
  *buffer = slot->buffer;

  meta = gst_buffer_get_video_meta (*buffer);
  for (i = 0; i < self->layout.n_planes; i++)
    meta->offset[i] = self->layout.offsets[i]
        + frame->data_offset[self->layout.n_buffers > 1 ? i : 0];

  return GST_FLOW_OK;
}

/* Stops the queue and frees the slots at home. */
static void
pool_clear (V4l2Pool *self)
{
  guint i;

  v4l2_queue_stop (self->queue);
  for (i = 0; i < self->n_slots; i++) {
    Slot *slot = &self->slots[i];

    if (g_atomic_int_compare_and_exchange (&slot->state, SLOT_HOME, SLOT_EMPTY))
      slot_clear (slot);
  }
}

static void
v4l2_pool_finalize (GObject *object)
{
  V4l2Pool *self = V4L2_POOL (object);

  pool_clear (self);
  g_clear_error (&self->loss_error);
  g_free (self->slots);
  v4l2_queue_unref (self->queue);

  G_OBJECT_CLASS (v4l2_pool_parent_class)->finalize (object);
}

static void
v4l2_pool_class_init (V4l2PoolClass *klass)
{
  GstBufferPoolClass *pool_class = GST_BUFFER_POOL_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = v4l2_pool_finalize;
  pool_class->start = v4l2_pool_start;
  pool_class->stop = v4l2_pool_stop;
  pool_class->acquire_buffer = v4l2_pool_acquire_buffer;
  pool_class->release_buffer = v4l2_pool_release_buffer;
}

static void
v4l2_pool_init (V4l2Pool *self)
{
}

/* --- the element's side -------------------------------------------------- */

static void
slot_init (Slot *slot, V4l2Pool *self, guint index, GstAllocator *allocator)
{
  guint i;

  slot->pool = self;
  slot->index = index;
  slot->state = SLOT_HOME;

  for (i = 0; i < self->layout.n_buffers; i++) {
    DmabufBuffer *buffer = v4l2_queue_get_buffer (self->queue, index, i);
    GstMemory *memory =
        gst_dmabuf_core_allocator_wrap (allocator, dmabuf_buffer_ref (buffer));

    /* Exclude the padding to whole pages. */
    gst_memory_resize (memory, 0, self->layout.sizes[i]);
    gst_mini_object_set_qdata (
        GST_MINI_OBJECT_CAST (memory), slot_quark (), slot, NULL);
    GST_MINI_OBJECT_CAST (memory)->dispose = memory_dispose;
    slot->memories[i] = memory;
  }
  slot_build_buffer (slot);
}

V4l2Pool *
v4l2_pool_new (
    V4l2Queue *queue, const V4l2Layout *layout, GstCaps *caps, GError **error)
{
  V4l2Pool *self = g_object_new (V4L2_TYPE_POOL, NULL);
  GstBufferPool *pool = GST_BUFFER_POOL (self);
  GstAllocator *allocator = gst_dmabuf_core_allocator_get ();
  GstStructure *config = gst_buffer_pool_get_config (pool);
  gsize size = 0;
  guint i;

  gst_object_ref_sink (self);
  self->queue = v4l2_queue_ref (queue);
  self->layout = *layout;
  self->n_slots = v4l2_queue_get_n_buffers (queue);
  self->slots = g_new0 (Slot, self->n_slots);

  for (i = 0; i < layout->n_buffers; i++)
    size += layout->sizes[i];
  gst_buffer_pool_config_set_params (
      config, caps, size, self->n_slots, self->n_slots);
  gst_buffer_pool_config_set_allocator (config, allocator, NULL);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  if (!gst_buffer_pool_set_config (pool, config)
      || !gst_buffer_pool_set_active (pool, TRUE)) {
    g_set_error (error, DMABUF_ERROR, EINVAL, "the buffer pool cannot start");
    goto failed;
  }

  for (i = 0; i < self->n_slots; i++)
    slot_init (&self->slots[i], self, i, allocator);

  for (i = 0; i < self->n_slots; i++) {
    DmabufFence *fence = NULL;

    /* New buffers have no fences. */
    if (v4l2_queue_enqueue (queue, i, &fence, error) != V4L2_ENQUEUE_DONE)
      goto failed;
  }

  gst_object_unref (allocator);
  return self;

  /* ERRORS */
failed:
  gst_object_unref (allocator);
  v4l2_pool_shutdown (self);
  gst_object_unref (self);
  return NULL;
}

GstFlowReturn
v4l2_pool_acquire (
    V4l2Pool *self, GstBuffer **buffer, V4l2Frame *frame, GError **error)
{
  AcquireParams params = { .frame = frame, .error = error };

  return gst_buffer_pool_acquire_buffer (
      GST_BUFFER_POOL (self), buffer, &params.parent);
}

void
v4l2_pool_shutdown (V4l2Pool *self)
{
  pool_clear (self);
  gst_buffer_pool_set_active (GST_BUFFER_POOL (self), FALSE);
}

guint64
v4l2_pool_get_n_requeued (V4l2Pool *self)
{
  return __atomic_load_n (&self->n_requeued, __ATOMIC_RELAXED);
}

guint64
v4l2_pool_get_n_fences_waited (V4l2Pool *self)
{
  return __atomic_load_n (&self->n_fences_waited, __ATOMIC_RELAXED);
}
