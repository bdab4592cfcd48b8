/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The pool: object and public functions. */

#include "gstdmabufcorepool-private.h"
#include "gstdmabufcoreallocator.h"

GST_DEBUG_CATEGORY (gst_dmabuf_core_pool_debug);
#define GST_CAT_DEFAULT gst_dmabuf_core_pool_debug

/* Twice the time after which the kernel's drivers reset a GPU that hangs. */
#define DEFAULT_FENCE_TIMEOUT (20 * GST_SECOND)

G_DEFINE_TYPE (GstDmabufCorePool, gst_dmabuf_core_pool, GST_TYPE_BUFFER_POOL)

GstBufferPoolClass *pool_parent_class;
GQuark pool_slot_quark;

void
pool_take_error (GstDmabufCorePool *self, GError *error)
{
  GST_WARNING_OBJECT (self, "%s", error->message);
  g_mutex_lock (&self->lock);
  g_clear_error (&self->error);
  self->error = error;
  g_mutex_unlock (&self->lock);
}

static const char **
pool_get_options (GstBufferPool *pool)
{
  static const char *options[] = { GST_BUFFER_POOL_OPTION_VIDEO_META,
    GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT,
    GST_BUFFER_POOL_OPTION_DMABUF_CORE_PER_PLANE,
    GST_BUFFER_POOL_OPTION_DMABUF_CORE_ZERO, NULL };

  return options;
}

/* Called when no buffer is out. */
static gboolean
pool_stop (GstBufferPool *pool)
{
  GstDmabufCorePool *self = GST_DMABUF_CORE_POOL (pool);

  pool_drain (self);
  if (!pool_parent_class->stop (pool))
    return FALSE;
  self->started = FALSE;
  return TRUE;
}

static void
pool_dispose (GObject *object)
{
  /* Before finalize frees what pool_stop() needs. */
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
      gst_dmabuf_core_pool_debug, "dmabufcorepool", 0, "pool of dma-bufs");
  pool_parent_class = GST_BUFFER_POOL_CLASS (gst_dmabuf_core_pool_parent_class);
  pool_slot_quark = g_quark_from_static_string ("GstDmabufCorePoolSlot");

  object_class->dispose = pool_dispose;
  object_class->finalize = pool_finalize;

  pool_class->get_options = pool_get_options;
  pool_class->set_config = pool_set_config;
  pool_class->start = pool_start;
  pool_class->stop = pool_stop;
  pool_class->acquire_buffer = pool_acquire_buffer;
  pool_class->alloc_buffer = pool_alloc_buffer;
  pool_class->reset_buffer = pool_reset_buffer;
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
  gst_dmabuf_core_constraints_init (&self->frame.constraints, NULL);
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
gst_dmabuf_core_pool_set_layout (
    GstDmabufCorePool *pool, const DmabufLayout *layout, gsize size)
{
  g_return_if_fail (GST_IS_DMABUF_CORE_POOL (pool));
  g_return_if_fail (!gst_buffer_pool_is_active (GST_BUFFER_POOL (pool)));
  g_return_if_fail (pool->exporter != NULL);
  g_return_if_fail (layout->n_planes > 0);
  g_return_if_fail (layout->n_planes <= GST_VIDEO_MAX_PLANES);

  pool->exporters_layout = *layout;
  pool->exporters_size = size;
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
      pool->n_starved, "n-parked", G_TYPE_UINT,
      pool->queues[SLOT_PARKED].length, NULL);
  if (pool->exporter)
    gst_structure_set (stats, "exporter", G_TYPE_STRING,
        dmabuf_exporter_get_name (pool->exporter), NULL);
  g_mutex_unlock (&pool->lock);
  return stats;
}
