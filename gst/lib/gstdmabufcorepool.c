/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * GstBufferPool counts the buffers; which of them are free is kept here. A slot
 * belongs to each buffer and lives as long; it is in at most one of the queues,
 * linked by itself, so that a frame costs no allocation:
 *
 *   FREE      to be handed out
 *   RETURNED  came back without fences of its own; the kernel is asked when the
 *             buffer is needed, and by then is done more often
 *   PARKED    waits for a fence, by the poller
 *   OUT       with the elements, or on its way between two queues
 *
 * The lock guards queues and states and is held over nothing else. Callbacks of
 * the poller take it, so it is not held where they are removed.
 */

#include "gstdmabufcorepool.h"
#include "gstdmabufcoreallocator.h"
#include "gstdmabufcorelayout.h"
#include "gstdmabufcoresyncmeta-private.h"

#include <string.h>

#include "libdmabufcore/dmabuf-thread-private.h"

GST_DEBUG_CATEGORY_STATIC (dmabufcore_pool_debug);
#define GST_CAT_DEFAULT dmabufcore_pool_debug

/* As long as the kernel lets a GPU job hang before it resets the GPU, doubled.
 */
#define DEFAULT_FENCE_TIMEOUT (20 * GST_SECOND)

typedef enum
{
  SLOT_OUT,
  SLOT_FREE,
  SLOT_RETURNED,
  SLOT_PARKED,
} SlotState;

typedef struct
{
  GstDmabufCorePool *pool;
  GstBuffer *buffer;
  guint n_dmabufs;
  DmabufBuffer *dmabufs[GST_VIDEO_MAX_PLANES]; /* borrowed of the memories */
  GstDmabufCoreSyncMeta *sync; /* which the pool keeps on the buffer */
  gboolean fresh;              /* not been out since it was made */

  /* Under the pool's lock. */
  SlotState state;
  GList link;
  gint64 parked_since;
  gboolean arming;   /* the callback is being added: nobody else takes it */
  gboolean signaled; /* and was called already */
  guint callback;

  DmabufFence *fence; /* what it was parked for; dropped when it goes out */
} Slot;

struct _GstDmabufCorePool
{
  GstBufferPool parent;

  /* Set while the pool is not active. */
  DmabufExporter *exporter;
  gboolean exporter_chosen; /* by the pool itself */
  GstDmabufCoreConstraints constraints;
  GstVideoInfo info;
  GstVideoAlignment alignment;
  GstVideoFormat meta_format;
  gsize plane_sizes[GST_VIDEO_MAX_PLANES];
  gboolean per_plane;
  gboolean zero;
  GstAllocator *allocator;

  GMutex lock;
  GCond changed;
  GstDmabufCoreConstraints wanted; /* from the next configuration on */
  char *name_prefix;
  GQueue free;
  GQueue returned;
  GQueue parked; /* the oldest first */
  guint n_named;
  guint n_waiting; /* threads that wait for something to be free */
  guint epoch;     /* counts buffers that were freed: there is room for one */
  GstClockTime fence_timeout;
  GCancellable *cancellable; /* ends a wait of acquire */
  GError *error;
  guint64 n_allocated, n_discarded, n_parked, n_starved;
};

G_DEFINE_TYPE (GstDmabufCorePool, gst_dmabuf_core_pool, GST_TYPE_BUFFER_POOL)

#define parent_class (GST_BUFFER_POOL_CLASS (gst_dmabuf_core_pool_parent_class))

static GQuark slot_quark;

/* --- slots and queues --------------------------------------------------- */

static Slot *
slot_get (GstBuffer *buffer)
{
  return gst_mini_object_get_qdata (GST_MINI_OBJECT_CAST (buffer), slot_quark);
}

static void
slot_free (Slot *slot)
{
  g_clear_pointer (&slot->fence, dmabuf_fence_unref);
  g_free (slot);
}

static GQueue *
pool_get_queue (GstDmabufCorePool *self, SlotState state)
{
  switch (state) {
  case SLOT_FREE:
    return &self->free;
  case SLOT_RETURNED:
    return &self->returned;
  case SLOT_PARKED:
    return &self->parked;
  case SLOT_OUT:
    break;
  }
  return NULL;
}

/* Lock held. */
static void
slot_move (Slot *slot, SlotState state)
{
  GstDmabufCorePool *self = slot->pool;
  GQueue *queue = pool_get_queue (self, slot->state);

  if (queue)
    g_queue_unlink (queue, &slot->link);
  slot->state = state;
  queue = pool_get_queue (self, state);
  if (queue) {
    g_queue_push_tail_link (queue, &slot->link);
    if (state != SLOT_PARKED && self->n_waiting > 0)
      g_cond_signal (&self->changed);
  }
}

/* Lock held. The longest in the queue, which becomes OUT; NULL for none. */
static Slot *
pool_pop (GstDmabufCorePool *self, SlotState state)
{
  GQueue *queue = pool_get_queue (self, state);
  Slot *slot;

  if (!queue->head)
    return NULL;
  slot = queue->head->data;
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

/* On the poller's thread, or whoever signals. */
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
    slot_move (slot, SLOT_FREE);
  }
  g_mutex_unlock (&self->lock);
}

/* The slot is OUT and stays so: nobody calls back any more. */
static void
slot_disarm (Slot *slot)
{
  if (slot->callback > 0)
    dmabuf_fence_remove_callback (slot->fence, slot->callback);
  slot->callback = 0;
  g_clear_pointer (&slot->fence, dmabuf_fence_unref);
}

/* Frees the buffer of a slot that is OUT, and makes room for another one. What
 * a device may still do to the memory does not matter: the kernel keeps it as
 * long as the device has it. */
static void
pool_discard (GstDmabufCorePool *self, Slot *slot)
{
  GstBuffer *buffer = slot->buffer;

  slot_disarm (slot);
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_TAG_MEMORY);
  parent_class->release_buffer (GST_BUFFER_POOL (self), buffer);

  g_mutex_lock (&self->lock);
  self->epoch++;
  self->n_discarded++;
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

/* Gives up what has waited for too long. */
static void
pool_discard_late (GstDmabufCorePool *self)
{
  gint64 now = g_get_monotonic_time ();

  for (;;) {
    Slot *slot = NULL;

    g_mutex_lock (&self->lock);
    if (self->parked.head && self->fence_timeout != GST_CLOCK_TIME_NONE) {
      Slot *oldest = self->parked.head->data;

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
        " did not signal in time (%s %s); the buffer is given up",
        slot->buffer, dmabuf_fence_get_driver_name (slot->fence),
        dmabuf_fence_get_timeline_name (slot->fence));
    pool_discard (self, slot);
  }
}

/* Parks a slot that is OUT until @fence (transfer full) has signalled. */
static void
pool_park (GstDmabufCorePool *self, Slot *slot, DmabufFence *fence)
{
  guint callback;

  slot_disarm (slot);
  slot->fence = fence;

  g_mutex_lock (&self->lock);
  slot->arming = TRUE;
  slot->signaled = FALSE;
  slot->parked_since = g_get_monotonic_time ();
  self->n_parked++;
  slot_move (slot, SLOT_PARKED);
  g_mutex_unlock (&self->lock);

  callback = dmabuf_fence_add_callback (fence, fence_signaled, slot, NULL);

  g_mutex_lock (&self->lock);
  slot->arming = FALSE;
  if (callback == 0 || slot->signaled)
    slot_move (slot, SLOT_FREE);
  else
    slot->callback = callback;
  g_mutex_unlock (&self->lock);
}

/* --- coming back -------------------------------------------------------- */

static void
pool_release_buffer (GstBufferPool *pool, GstBuffer *buffer)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);
  Slot *slot = slot_get (buffer);
  DmabufFence *fence = gst_dmabuf_core_sync_meta_finish (slot->sync);

  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_TAG_MEMORY)
      || !gst_buffer_is_all_memory_writable (buffer)) {
    GST_DEBUG_OBJECT (
        self, "somebody changed or keeps the memory of %p", buffer);
    g_clear_pointer (&fence, dmabuf_fence_unref);
    pool_discard (self, slot);
  } else if (fence) {
    pool_park (self, slot, fence);
  } else if (slot->fresh) {
    slot->fresh = FALSE;
    pool_set_state (self, slot, SLOT_FREE);
  } else {
    pool_set_state (self, slot, SLOT_RETURNED);
  }
}

/* What the kernel holds against writing into the memory. */
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
    *busy = TRUE;
    fence = dmabuf_buffer_get_fence (slot->dmabufs[i], DMABUF_ACCESS_WRITE);
    if (!fence)
      continue;
    all =
        before ? dmabuf_fence_merge (before, fence) : dmabuf_fence_ref (fence);
    g_clear_pointer (&before, dmabuf_fence_unref);
    dmabuf_fence_unref (fence);
  }

  return all;
}

/* A kernel without EXPORT_SYNC_FILE gives no fence to wait for: then this
 * thread waits, and counts as starved. */
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

/* Makes those of the buffers that came back FREE that are idle: one question to
 * the kernel for all of them. */
static void
pool_test_returned (GstDmabufCorePool *self)
{
  DmabufBuffer *dmabufs[16];
  Slot *slots[16];
  gboolean idle[16];
  guint i, k, n = 0;

  /* Out of the queue, so that nobody frees them: stopping waits until this
   * acquire is over. */
  g_mutex_lock (&self->lock);
  while (self->returned.head && n + GST_VIDEO_MAX_PLANES <= 16) {
    Slot *slot = pool_pop (self, SLOT_RETURNED);

    for (k = 0; k < slot->n_dmabufs; k++, n++) {
      dmabufs[n] = dmabuf_buffer_ref (slot->dmabufs[k]);
      slots[n] = slot;
    }
  }
  g_mutex_unlock (&self->lock);

  dmabuf_buffer_test_many (dmabufs, n, DMABUF_ACCESS_WRITE, idle);

  g_mutex_lock (&self->lock);
  for (i = 0; i < n; i = k) {
    gboolean all = TRUE;

    for (k = i; k < n && slots[k] == slots[i]; k++)
      all = all && idle[k];
    slot_move (slots[i], all ? SLOT_FREE : SLOT_RETURNED);
  }
  g_mutex_unlock (&self->lock);
  for (i = 0; i < n; i++)
    dmabuf_buffer_unref (dmabufs[i]);
}

/* Finds out what became of a buffer that came back and is OUT now. TRUE if it
 * can go out; else it is parked or gone. */
static gboolean
pool_try_returned (GstDmabufCorePool *self, Slot *slot)
{
  DmabufFence *fence;
  gboolean busy;

  fence = slot_get_kernel_fence (slot, &busy);
  if (!busy)
    return TRUE;

  if (fence)
    pool_park (self, slot, fence);
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

/* Waits until something may have become free. */
static void
pool_starve (GstDmabufCorePool *self, guint epoch)
{
  g_mutex_lock (&self->lock);
  self->n_starved++;
  self->n_waiting++;
  while (!GST_BUFFER_POOL_IS_FLUSHING ((&self->parent)) && !self->free.head
      && !self->returned.head && self->epoch == epoch) {
    gint64 until = G_MAXINT64;

    if (self->parked.head && self->fence_timeout != GST_CLOCK_TIME_NONE)
      until = ((Slot *) self->parked.head->data)->parked_since
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
pool_acquire_buffer (
    GstBufferPool *pool, GstBuffer **buffer, GstBufferPoolAcquireParams *params)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);
  GstBufferPoolAcquireParams no_wait = { .format = GST_FORMAT_UNDEFINED };
  gboolean tested = FALSE;
  GstFlowReturn ret;

  if (params)
    no_wait = *params;
  no_wait.flags |= GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT;

  for (;;) {
    gboolean returned = FALSE;
    guint epoch;
    Slot *slot;

    if (GST_BUFFER_POOL_IS_FLUSHING (pool))
      return GST_FLOW_FLUSHING;

    g_mutex_lock (&self->lock);
    slot = pool_pop (self, SLOT_FREE);
    if (!slot && self->returned.length > 1 && !tested) {
      g_mutex_unlock (&self->lock);
      tested = TRUE;
      pool_test_returned (self);
      continue;
    }
    if (!slot) {
      slot = pool_pop (self, SLOT_RETURNED);
      returned = slot != NULL;
    }
    epoch = self->epoch;
    g_mutex_unlock (&self->lock);

    if (slot) {
      if (returned && !pool_try_returned (self, slot))
        continue;
      slot_disarm (slot);
      if (self->zero && !buffer_clear (slot->buffer)) {
        pool_discard (self, slot);
        return GST_FLOW_ERROR;
      }
      *buffer = slot->buffer;
      return GST_FLOW_OK;
    }

    /* One more, if there may be. */
    pool_discard_late (self);
    ret = parent_class->acquire_buffer (pool, buffer, &no_wait);
    if (ret == GST_FLOW_OK)
      slot_get (*buffer)->fresh = FALSE;
    if (ret != GST_FLOW_EOS
        || (params && params->flags & GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT))
      return ret;

    GST_LOG_OBJECT (self, "all buffers are under way");
    pool_starve (self, epoch);
    tested = FALSE;
  }
}

static void
pool_flush_start (GstBufferPool *pool)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);

  g_mutex_lock (&self->lock);
  g_cancellable_cancel (self->cancellable);
  g_cond_broadcast (&self->changed);
  g_mutex_unlock (&self->lock);
}

static void
pool_flush_stop (GstBufferPool *pool)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);

  g_mutex_lock (&self->lock);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  g_mutex_unlock (&self->lock);
}

/* --- making and freeing ------------------------------------------------- */

static void
pool_take_error (GstDmabufCorePool *self, GError *error)
{
  GST_WARNING_OBJECT (self, "%s", error->message);
  g_mutex_lock (&self->lock);
  g_clear_error (&self->error);
  self->error = error;
  g_mutex_unlock (&self->lock);
}

static gboolean
pool_append_dmabuf (GstDmabufCorePool *self, Slot *slot, gsize size)
{
  gsize rounded = (size + self->constraints.size_align - 1)
      / self->constraints.size_align * self->constraints.size_align;
  GError *error = NULL;
  DmabufBuffer *dmabuf;
  GstMemory *memory;
  char *name = NULL;

  dmabuf = dmabuf_exporter_allocate (self->exporter, rounded, &error);
  if (!dmabuf) {
    pool_take_error (self, error);
    return FALSE;
  }

  g_mutex_lock (&self->lock);
  if (self->name_prefix)
    name = g_strdup_printf ("%s-%u", self->name_prefix, self->n_named++);
  g_mutex_unlock (&self->lock);
  if (name && !dmabuf_buffer_set_name (dmabuf, name, &error)) {
    GST_INFO_OBJECT (self, "%s", error->message);
    g_clear_error (&error);
  }
  g_free (name);

  slot->dmabufs[slot->n_dmabufs++] = dmabuf;
  memory = gst_dmabuf_core_allocator_wrap (self->allocator, dmabuf);
  gst_memory_resize (memory, 0, size);
  gst_buffer_append_memory (slot->buffer, memory);
  return TRUE;
}

static GstFlowReturn
pool_alloc_buffer (
    GstBufferPool *pool, GstBuffer **buffer, GstBufferPoolAcquireParams *params)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);
  GstVideoInfo *info = &self->info;
  GstVideoMeta *meta;
  Slot *slot;
  guint i;

  slot = g_new0 (Slot, 1);
  slot->pool = self;
  slot->link.data = slot;
  slot->fresh = TRUE;
  slot->buffer = gst_buffer_new ();
  gst_mini_object_set_qdata (GST_MINI_OBJECT_CAST (slot->buffer), slot_quark,
      slot, (GDestroyNotify) slot_free);

  if (self->per_plane) {
    for (i = 0; i < GST_VIDEO_INFO_N_PLANES (info); i++) {
      if (!pool_append_dmabuf (self, slot, self->plane_sizes[i]))
        goto failed;
    }
  } else if (!pool_append_dmabuf (self, slot, info->size)) {
    goto failed;
  }

  meta = gst_buffer_add_video_meta_full (slot->buffer,
      GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT (info),
      GST_VIDEO_INFO_WIDTH (info), GST_VIDEO_INFO_HEIGHT (info),
      GST_VIDEO_INFO_N_PLANES (info), info->offset, info->stride);
  if (meta)
    gst_video_meta_set_alignment (meta, self->alignment);
  slot->sync = (GstDmabufCoreSyncMeta *) gst_buffer_add_meta (
      slot->buffer, GST_DMABUF_CORE_SYNC_META_INFO, NULL);

  g_mutex_lock (&self->lock);
  self->n_allocated++;
  g_mutex_unlock (&self->lock);
  *buffer = slot->buffer;
  return GST_FLOW_OK;

  /* ERRORS */
failed:
  gst_buffer_unref (slot->buffer);
  return GST_FLOW_ERROR;
}

/* Whether the consumers reach what @exporter makes. */
static gboolean
reaches (const char *exporters, const char *name)
{
  char **list, **walk;
  gboolean found = FALSE;

  if (!*exporters)
    return TRUE;
  list = g_strsplit (exporters, ",", -1);
  for (walk = list; *walk && !found; walk++)
    found = g_str_equal (*walk, name);
  g_strfreev (list);
  return found;
}

/* Contiguous memory comes from the heaps of the contiguous memory allocator
 * only, whose names differ by kernel (HEAP-2). */
static const struct
{
  const char *name;
  const char *heap; /* NULL for udmabuf */
  gboolean contiguous;
} candidates[] = {
  { "heap:system", "system", FALSE },
  { "udmabuf", NULL, FALSE },
  { "heap:default_cma_region", "default_cma_region", TRUE },
  { "heap:linux,cma", "linux,cma", TRUE },
  { "heap:reserved", "reserved", TRUE },
};

static DmabufExporter *
pool_choose_exporter (GstDmabufCorePool *self, GError **error)
{
  GString *reasons = g_string_new (NULL);
  DmabufExporter *exporter = NULL;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (candidates) && !exporter; i++) {
    GError *reason = NULL;

    if (self->constraints.contiguous && !candidates[i].contiguous)
      continue;
    if (!reaches (self->constraints.exporters, candidates[i].name)) {
      g_string_append_printf (reasons, "; %s: %s does not reach it",
          candidates[i].name, self->constraints.devices);
      continue;
    }
    if (candidates[i].heap)
      exporter = dmabuf_heap_exporter_new (candidates[i].heap, &reason);
    else
      exporter = dmabuf_udmabuf_exporter_new (&reason);
    if (!exporter) {
      g_string_append_printf (
          reasons, "; %s: %s", candidates[i].name, reason->message);
      g_clear_error (&reason);
    }
  }

  if (exporter)
    GST_INFO_OBJECT (self, "memory from %s%s",
        dmabuf_exporter_get_name (exporter), reasons->str);
  else
    g_set_error (error, DMABUF_ERROR, ENODEV,
        "there is no memory for dma-bufs%s", reasons->str);
  g_string_free (reasons, TRUE);
  return exporter;
}

static gboolean
pool_start (GstBufferPool *pool)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);
  GError *error = NULL;

  /* The consumers of this time may reach other memory than the last ones. */
  if (!self->exporter || self->exporter_chosen) {
    DmabufExporter *exporter = pool_choose_exporter (self, &error), *old;

    if (!exporter) {
      pool_take_error (self, error);
      return FALSE;
    }
    g_mutex_lock (&self->lock);
    old = self->exporter;
    self->exporter = exporter;
    self->exporter_chosen = TRUE;
    g_mutex_unlock (&self->lock);
    g_clear_object (&old);
  }

  return parent_class->start (pool);
}

/* Called when no buffer is out. Everything goes through the parent's queue,
 * which counts what it frees. */
static gboolean
pool_stop (GstBufferPool *pool)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);
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
      parent_class->release_buffer (pool, slot->buffer);
    }
  }

  return parent_class->stop (pool);
}

/* --- configuration ------------------------------------------------------ */

static const char **
pool_get_options (GstBufferPool *pool)
{
  static const char *options[] = { GST_BUFFER_POOL_OPTION_VIDEO_META,
    GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT,
    GST_BUFFER_POOL_OPTION_DMABUF_CORE_PER_PLANE,
    GST_BUFFER_POOL_OPTION_DMABUF_CORE_ZERO, NULL };

  return options;
}

static gboolean
pool_parse_caps (GstDmabufCorePool *self, GstCaps *caps, GError **error)
{
  GstVideoInfoDmaDrm drm;

  if (!caps)
    goto no_frames;
  if (!gst_video_is_dma_drm_caps (caps)) {
    if (!gst_video_info_from_caps (&self->info, caps))
      goto no_frames;
  } else if (!gst_video_info_dma_drm_from_caps (&drm, caps)) {
    goto no_frames;
  } else if (drm.drm_modifier != 0
      || !gst_video_info_dma_drm_to_video_info (&drm, &self->info)) {
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "only the producer of a tiled format can allocate it: %s",
        gst_structure_get_string (
            gst_caps_get_structure (caps, 0), "drm-format"));
    return FALSE;
  }
  return TRUE;

  /* ERRORS */
no_frames:
  g_set_error (error, DMABUF_ERROR, EINVAL, "the caps describe no raw video");
  return FALSE;
}

static gboolean
pool_layout (GstDmabufCorePool *self, GstStructure *config, GError **error)
{
  gboolean free_layout = gst_buffer_pool_config_has_option (
      config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  GstDmabufCoreConstraints constraints;
  guint i;

  /* Who takes no video meta writes where GstVideoInfo says. */
  gst_dmabuf_core_constraints_init (&constraints, NULL);
  gst_video_alignment_reset (&self->alignment);
  if (free_layout) {
    constraints = self->constraints;
    if (gst_buffer_pool_config_has_option (
            config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT))
      gst_buffer_pool_config_get_video_alignment (config, &self->alignment);
  }

  self->per_plane = gst_buffer_pool_config_has_option (
                        config, GST_BUFFER_POOL_OPTION_DMABUF_CORE_PER_PLANE)
      && free_layout && !constraints.one_buffer;
  if (self->per_plane)
    constraints.offset_align = 1;

  if (!free_layout) {
    gst_video_info_align_full (
        &self->info, &self->alignment, self->plane_sizes);
    return TRUE;
  }
  if (!gst_dmabuf_core_video_info_align (&self->info, &self->alignment,
          &constraints, self->plane_sizes, error))
    return FALSE;

  for (i = 0; i < GST_VIDEO_MAX_PLANES; i++)
    self->alignment.stride_align[i] = 0;
  return TRUE;
}

static gboolean
pool_set_config (GstBufferPool *pool, GstStructure *config)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);
  guint size, min_buffers, max_buffers;
  GError *error = NULL;
  GstCaps *caps;

  if (!gst_buffer_pool_config_get_params (
          config, &caps, &size, &min_buffers, &max_buffers))
    return FALSE;

  g_mutex_lock (&self->lock);
  self->constraints = self->wanted;
  g_mutex_unlock (&self->lock);
  if (!pool_parse_caps (self, caps, &error)
      || !pool_layout (self, config, &error))
    goto failed;
  self->zero = gst_buffer_pool_config_has_option (
      config, GST_BUFFER_POOL_OPTION_DMABUF_CORE_ZERO);

  /* What a producer says about sizes and allocators is about memory that it
   * would have taken otherwise. */
  gst_buffer_pool_config_set_params (
      config, caps, self->info.size, min_buffers, max_buffers);
  gst_buffer_pool_config_set_allocator (config, self->allocator, NULL);

  return parent_class->set_config (pool, config);

  /* ERRORS */
failed:
  pool_take_error (self, error);
  return FALSE;
}

/* --- object ------------------------------------------------------------- */

static void
pool_dispose (GObject *object)
{
  /* While there is still all that stopping needs. */
  gst_buffer_pool_set_active (GST_BUFFER_POOL (object), FALSE);

  G_OBJECT_CLASS (gst_dmabuf_core_pool_parent_class)->dispose (object);
}

static void
pool_finalize (GObject *object)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (object);

  g_clear_object (&self->exporter);
  gst_object_unref (self->allocator);
  g_object_unref (self->cancellable);
  g_clear_error (&self->error);
  g_free (self->name_prefix);
  g_cond_clear (&self->changed);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (gst_dmabuf_core_pool_parent_class)->finalize (object);
}

static void
gst_dmabuf_core_pool_class_init (GstDmabufCorePoolClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstBufferPoolClass *pool_class = GST_BUFFER_POOL_CLASS (klass);

  GST_DEBUG_CATEGORY_INIT (
      dmabufcore_pool_debug, "dmabufcorepool", 0, "pool of dma-bufs");
  slot_quark = g_quark_from_static_string ("GstDmabufCorePoolSlot");

  object_class->dispose = pool_dispose;
  object_class->finalize = pool_finalize;

  pool_class->get_options = pool_get_options;
  pool_class->set_config = pool_set_config;
  pool_class->start = pool_start;
  pool_class->stop = pool_stop;
  pool_class->acquire_buffer = pool_acquire_buffer;
  pool_class->alloc_buffer = pool_alloc_buffer;
  pool_class->release_buffer = pool_release_buffer;
  pool_class->flush_start = pool_flush_start;
  pool_class->flush_stop = pool_flush_stop;
}

static void
gst_dmabuf_core_pool_init (GstDmabufCorePool *self)
{
  g_mutex_init (&self->lock);
  g_cond_init (&self->changed);
  self->allocator = gst_dmabuf_core_allocator_get ();
  self->cancellable = g_cancellable_new ();
  self->fence_timeout = DEFAULT_FENCE_TIMEOUT;
  gst_dmabuf_core_constraints_init (&self->constraints, NULL);
  gst_dmabuf_core_constraints_init (&self->wanted, NULL);
}

GstBufferPool *
gst_dmabuf_core_pool_new (DmabufExporter *exporter)
{
  GstDmabufCorePool *self = g_object_new (GST_TYPE_DMABUF_CORE_POOL, NULL);

  gst_object_ref_sink (self);
  if (exporter)
    self->exporter = g_object_ref (exporter);
  return GST_BUFFER_POOL (self);
}

void
gst_dmabuf_core_pool_set_constraints (
    GstDmabufCorePool *pool, const GstDmabufCoreConstraints *constraints)
{
  g_return_if_fail (GST_IS_DMABUF_CORE_POOL (pool));
  g_return_if_fail (!gst_buffer_pool_is_active (GST_BUFFER_POOL (pool)));

  g_mutex_lock (&pool->lock);
  pool->wanted = *constraints;
  g_mutex_unlock (&pool->lock);
}

void
gst_dmabuf_core_pool_set_name_prefix (
    GstDmabufCorePool *pool, const char *prefix)
{
  g_return_if_fail (GST_IS_DMABUF_CORE_POOL (pool));
  g_return_if_fail (!gst_buffer_pool_is_active (GST_BUFFER_POOL (pool)));

  g_mutex_lock (&pool->lock);
  g_free (pool->name_prefix);
  pool->name_prefix = g_strdup (prefix);
  g_mutex_unlock (&pool->lock);
}

void
gst_dmabuf_core_pool_set_fence_timeout (
    GstDmabufCorePool *pool, GstClockTime timeout)
{
  g_return_if_fail (GST_IS_DMABUF_CORE_POOL (pool));

  g_mutex_lock (&pool->lock);
  pool->fence_timeout = timeout;
  g_cond_broadcast (&pool->changed);
  g_mutex_unlock (&pool->lock);
}

GError *
gst_dmabuf_core_pool_get_error (GstDmabufCorePool *pool)
{
  GError *error;

  g_return_val_if_fail (GST_IS_DMABUF_CORE_POOL (pool), NULL);

  g_mutex_lock (&pool->lock);
  error = pool->error ? g_error_copy (pool->error) : NULL;
  g_mutex_unlock (&pool->lock);
  return error;
}

GstStructure *
gst_dmabuf_core_pool_get_stats (GstDmabufCorePool *pool)
{
  GstStructure *stats;

  g_return_val_if_fail (GST_IS_DMABUF_CORE_POOL (pool), NULL);

  g_mutex_lock (&pool->lock);
  stats = gst_structure_new ("pool-stats", "allocated", G_TYPE_UINT64,
      pool->n_allocated, "discarded", G_TYPE_UINT64, pool->n_discarded,
      "parked", G_TYPE_UINT64, pool->n_parked, "starved", G_TYPE_UINT64,
      pool->n_starved, "n-parked", G_TYPE_UINT, pool->parked.length, NULL);
  if (pool->exporter)
    gst_structure_set (stats, "exporter", G_TYPE_STRING,
        dmabuf_exporter_get_name (pool->exporter), NULL);
  g_mutex_unlock (&pool->lock);
  return stats;
}
