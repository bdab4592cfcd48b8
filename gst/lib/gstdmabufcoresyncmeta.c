/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A release point collects the release fences of one buffer from the time it is
 * sent until it comes back. The metas of all copies share it, and it ends when
 * the last of them is freed:
 *
 *   buffer  meta ──┐
 *   copy    meta ──┼── release point ── the readers' fences, release function
 *   part    meta ──┘        └ ends with the last meta
 *
 * Copies hold the buffer itself by a GstParentBufferMeta, so in a pool the
 * buffer's own meta is always the last.
 */

#include "gstdmabufcorememory-private.h"
#include "gstdmabufcoresyncmeta-private.h"

#include "libdmabufcore/dmabuf-thread-private.h"

struct _GstDmabufCoreRelease
{
  gint ref_count;
  /* Atomic: copies in the branches of a tee share the release point. */
  gint under_way; /* Between release_begin() and release_end() */
  gint has_pool;  /* The buffer has a pool that takes the fence at the end */

  GMutex lock;
  DmabufFence *fence; /* Under lock: those of all readers so far, merged */

  GstDmabufCoreReleaseFunc func;
  gpointer user_data;
  GDestroyNotify notify;
};

static guint64 handed_count;
static guint64 returned_count;

/* --- release point ------------------------------------------------------ */

static GstDmabufCoreRelease *
release_new (void)
{
  GstDmabufCoreRelease *release = g_new0 (GstDmabufCoreRelease, 1);

  release->ref_count = 1;
  g_mutex_init (&release->lock);
  return release;
}

static GstDmabufCoreRelease *
release_ref (GstDmabufCoreRelease *release)
{
  g_atomic_int_inc (&release->ref_count);
  return release;
}

static void
release_begin (GstDmabufCoreRelease *release)
{
  if (g_atomic_int_compare_and_exchange (&release->under_way, FALSE, TRUE))
    __atomic_add_fetch (&handed_count, 1, __ATOMIC_RELAXED);
}

static void
release_add (GstDmabufCoreRelease *release, DmabufFence *fence)
{
  DmabufFence *old;

  if (dmabuf_fence_is_signaled (fence))
    return;

  g_mutex_lock (&release->lock);
  old = release->fence;
  release->fence =
      old ? dmabuf_fence_merge (old, fence) : dmabuf_fence_ref (fence);
  g_mutex_unlock (&release->lock);
  g_clear_pointer (&old, dmabuf_fence_unref);
}

static DmabufFence *
release_peek_pending (GstDmabufCoreRelease *release)
{
  DmabufFence *fence = NULL;

  g_mutex_lock (&release->lock);
  if (release->fence && !dmabuf_fence_is_signaled (release->fence))
    fence = dmabuf_fence_ref (release->fence);
  g_mutex_unlock (&release->lock);
  return fence;
}

/* The caller has the only reference of @release. */
static DmabufFence *
release_end (GstDmabufCoreRelease *release)
{
  GstDmabufCoreReleaseFunc func = release->func;
  GDestroyNotify notify = release->notify;
  DmabufFence *fence;

  g_mutex_lock (&release->lock);
  fence = g_steal_pointer (&release->fence);
  g_mutex_unlock (&release->lock);
  if (fence && dmabuf_fence_is_signaled (fence))
    g_clear_pointer (&fence, dmabuf_fence_unref);

  release->func = NULL;
  release->notify = NULL;
  if (g_atomic_int_compare_and_exchange (&release->under_way, TRUE, FALSE))
    __atomic_add_fetch (&returned_count, 1, __ATOMIC_RELAXED);

  if (func)
    func (fence, release->user_data);
  if (notify)
    notify (release->user_data);

  return fence;
}

static void
release_unref (GstDmabufCoreRelease *release)
{
  DmabufFence *fence;

  if (!g_atomic_int_dec_and_test (&release->ref_count))
    return;

  fence = release_end (release);
  g_clear_pointer (&fence, dmabuf_fence_unref);
  g_mutex_clear (&release->lock);
  g_free (release);
}

/* --- meta --------------------------------------------------------------- */

GType
gst_dmabuf_core_sync_meta_api_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type)) {
    /* This tag keeps the fences from being copied to a buffer with other
     * memory: by elements that make a new frame, and by gst_buffer_copy_deep().
     */
    static const char *tags[] = { GST_META_TAG_MEMORY_REFERENCE_STR, NULL };
    GType new = gst_meta_api_type_register ("GstDmabufCoreSyncMetaAPI", tags);

    g_once_init_leave (&type, new);
  }

  return type;
}

static gboolean
sync_meta_init (GstMeta *meta, gpointer params, GstBuffer *buffer)
{
  GstDmabufCoreSyncMeta *self = (GstDmabufCoreSyncMeta *) meta;

  self->acquire = NULL;
  self->owner = NULL;
  self->release = params ? release_ref (params) : release_new ();
  return TRUE;
}

static void
sync_meta_free (GstMeta *meta, GstBuffer *buffer)
{
  GstDmabufCoreSyncMeta *self = (GstDmabufCoreSyncMeta *) meta;

  g_clear_pointer (&self->acquire, dmabuf_fence_unref);
  g_clear_pointer (&self->release, release_unref);
}

static gboolean
buffers_share_memory (GstBuffer *a, GstBuffer *b)
{
  guint i, j;

  for (i = 0; i < gst_buffer_n_memory (a); i++) {
    GstMemory *memory =
        gst_dmabuf_core_memory_get_root (gst_buffer_peek_memory (a, i));

    for (j = 0; j < gst_buffer_n_memory (b); j++) {
      if (memory
          == gst_dmabuf_core_memory_get_root (gst_buffer_peek_memory (b, j)))
        return TRUE;
    }
  }

  return FALSE;
}

/* A copy that shares memory with the buffer gets the same acquire fence and
 * release point, and holds the buffer, so that its pool does not hand it out
 * before the copy has been freed. */
static gboolean
sync_meta_transform (
    GstBuffer *to, GstMeta *meta, GstBuffer *from, GQuark type, gpointer data)
{
  GstDmabufCoreSyncMeta *self = (GstDmabufCoreSyncMeta *) meta;
  GstDmabufCoreSyncMeta *copy;

  if (!GST_META_TRANSFORM_IS_COPY (type))
    return FALSE;
  if (!buffers_share_memory (to, from))
    return TRUE;

  copy = gst_buffer_get_dmabuf_core_sync_meta (to);
  if (copy)
    return TRUE;

  copy = (GstDmabufCoreSyncMeta *) gst_buffer_add_meta (
      to, GST_DMABUF_CORE_SYNC_META_INFO, self->release);
  if (!copy)
    return FALSE;
  if (self->acquire)
    copy->acquire = dmabuf_fence_ref (self->acquire);
  if (GST_META_FLAG_IS_SET (meta, GST_META_FLAG_POOLED))
    g_atomic_int_set (&self->release->has_pool, TRUE);
  gst_buffer_add_parent_buffer_meta (to, from);

  return TRUE;
}

const GstMetaInfo *
gst_dmabuf_core_sync_meta_get_info (void)
{
  static const GstMetaInfo *info = NULL;

  if (g_once_init_enter ((GstMetaInfo **) &info)) {
    const GstMetaInfo *new =
        gst_meta_register (GST_DMABUF_CORE_SYNC_META_API_TYPE,
            "GstDmabufCoreSyncMeta", sizeof (GstDmabufCoreSyncMeta),
            sync_meta_init, sync_meta_free, sync_meta_transform);

    g_once_init_leave ((GstMetaInfo **) &info, (GstMetaInfo *) new);
  }

  return info;
}

/* --- for producers, readers and pools ----------------------------------- */

GstDmabufCoreSyncMeta *
gst_buffer_get_dmabuf_core_sync_meta (GstBuffer *buffer)
{
  return (GstDmabufCoreSyncMeta *) gst_buffer_get_meta (
      buffer, GST_DMABUF_CORE_SYNC_META_API_TYPE);
}

GstDmabufCoreSyncMeta *
gst_buffer_add_dmabuf_core_sync_meta (GstBuffer *buffer, DmabufFence *acquire)
{
  GstDmabufCoreSyncMeta *meta = gst_buffer_get_dmabuf_core_sync_meta (buffer);
  DmabufFence *old;

  if (!meta)
    meta = (GstDmabufCoreSyncMeta *) gst_buffer_add_meta (
        buffer, GST_DMABUF_CORE_SYNC_META_INFO, NULL);

  old = meta->acquire;
  meta->acquire = acquire ? dmabuf_fence_ref (acquire) : NULL;
  g_clear_pointer (&old, dmabuf_fence_unref);
  release_begin (meta->release);

  return meta;
}

DmabufFence *
gst_buffer_get_dmabuf_core_fence (GstBuffer *buffer)
{
  GstDmabufCoreSyncMeta *meta = gst_buffer_get_dmabuf_core_sync_meta (buffer);

  return meta ? meta->acquire : NULL;
}

/* Whether a pool or a release function takes the release fence. A pool drops a
 * meta that it has not added itself, together with its fences. */
static gboolean
has_release_consumer (GstDmabufCoreSyncMeta *meta)
{
  return GST_META_FLAG_IS_SET (&meta->meta, GST_META_FLAG_POOLED)
      || g_atomic_int_get (&meta->release->has_pool) || meta->release->func;
}

gboolean
gst_buffer_add_dmabuf_core_release_fence (GstBuffer *buffer, DmabufFence *fence)
{
  GstDmabufCoreSyncMeta *meta = gst_buffer_get_dmabuf_core_sync_meta (buffer);

  if (!meta || !has_release_consumer (meta))
    return FALSE;

  release_add (meta->release, fence);
  return TRUE;
}

DmabufFence *
gst_buffer_get_dmabuf_core_release_fence (GstBuffer *buffer)
{
  GstDmabufCoreSyncMeta *meta = gst_buffer_get_dmabuf_core_sync_meta (buffer);

  return meta ? release_peek_pending (meta->release) : NULL;
}

gboolean
gst_buffer_set_dmabuf_core_release_func (GstBuffer *buffer,
    GstDmabufCoreReleaseFunc func, gpointer user_data, GDestroyNotify notify)
{
  GstDmabufCoreSyncMeta *meta = gst_buffer_get_dmabuf_core_sync_meta (buffer);
  GstDmabufCoreRelease *release;

  if (!meta)
    return FALSE;

  release = meta->release;
  if (release->notify)
    release->notify (release->user_data);
  release->func = func;
  release->user_data = user_data;
  release->notify = notify;
  return TRUE;
}

DmabufFence *
gst_dmabuf_core_sync_meta_finish (GstDmabufCoreSyncMeta *meta)
{
  DmabufFence *acquire = g_steal_pointer (&meta->acquire);
  DmabufFence *released, *both;

  /* A copy may outlive the buffer: it keeps this release point, the buffer gets
   * a new one. */
  if (g_atomic_int_get (&meta->release->ref_count) > 1) {
    release_unref (g_steal_pointer (&meta->release));
    meta->release = release_new ();
    released = NULL;
  } else {
    released = release_end (meta->release);
  }

  if (acquire && dmabuf_fence_is_signaled (acquire))
    g_clear_pointer (&acquire, dmabuf_fence_unref);
  if (!acquire || !released)
    return acquire ? acquire : released;

  both = dmabuf_fence_merge (acquire, released);
  dmabuf_fence_unref (acquire);
  dmabuf_fence_unref (released);
  return both;
}

DmabufFence *
gst_buffer_finish_dmabuf_core_sync (GstBuffer *buffer)
{
  GstDmabufCoreSyncMeta *meta = gst_buffer_get_dmabuf_core_sync_meta (buffer);

  return meta ? gst_dmabuf_core_sync_meta_finish (meta) : NULL;
}

void
gst_dmabuf_core_sync_meta_get_counts (guint64 *handed, guint64 *returned)
{
  if (handed)
    *handed = __atomic_load_n (&handed_count, __ATOMIC_RELAXED);
  if (returned)
    *returned = __atomic_load_n (&returned_count, __ATOMIC_RELAXED);
}
