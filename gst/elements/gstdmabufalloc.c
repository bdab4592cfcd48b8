/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-dmabufalloc
 * @title: dmabufalloc
 * @short_description: puts any producer of raw video on dma-bufs
 *
 * Offers upstream a pool of dma-bufs that suits all consumers downstream. A
 * producer that uses the pool writes into the dma-bufs, and this element only
 * passes the frames on. Frames of any other producer are copied once each, if
 * #GstDmabufAlloc:copy-policy allows it.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 videotestsrc ! dmabufalloc ! dmabufkmssink
 * ]| The test picture on the display, drawn where the display reads it.
 */

#include "gstdmabufalloc.h"

#include "alloc-private.h"

#include <errno.h>
#include <string.h>

GST_DEBUG_CATEGORY (gst_dmabuf_alloc_debug);
#define GST_CAT_DEFAULT gst_dmabuf_alloc_debug

#define DEFAULT_EXPORTER "auto"
#define DEFAULT_MIN_BUFFERS 2
#define DEFAULT_MAX_BUFFERS 0

enum
{
  PROP_0,
  PROP_EXPORTER,
  PROP_MIN_BUFFERS,
  PROP_MAX_BUFFERS,
  PROP_NAME_PREFIX,
  PROP_COPY_POLICY,
  PROP_FENCE_TIMEOUT,
  PROP_STATS,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE ("sink", GST_PAD_SINK, GST_PAD_ALWAYS,
        GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE (
            GST_VIDEO_FORMATS_ALL) "; " GST_VIDEO_DMA_DRM_CAPS_MAKE));

static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE ("src", GST_PAD_SRC, GST_PAD_ALWAYS,
        GST_STATIC_CAPS (GST_VIDEO_DMA_DRM_CAPS_MAKE
            "; " GST_VIDEO_CAPS_MAKE (GST_VIDEO_FORMATS_ALL)));

#define gst_dmabuf_alloc_parent_class parent_class
G_DEFINE_FINAL_TYPE_WITH_CODE (GstDmabufAlloc, gst_dmabuf_alloc,
    GST_TYPE_BASE_TRANSFORM,
    GST_DEBUG_CATEGORY_INIT (
        gst_dmabuf_alloc_debug, "dmabufalloc", 0, "dma-bufs for any producer"))
GST_ELEMENT_REGISTER_DEFINE (
    dmabufalloc, "dmabufalloc", GST_RANK_NONE, GST_TYPE_DMABUF_ALLOC);

/* --- states and flushing ------------------------------------------------ */

static void
set_flushing (GstDmabufAlloc *self, gboolean flushing)
{
  GstBufferPool *own;

  GST_OBJECT_LOCK (self);
  if (flushing) {
    g_cancellable_cancel (self->cancellable);
  } else {
    g_object_unref (self->cancellable);
    self->cancellable = g_cancellable_new ();
  }
  own = self->own ? gst_object_ref (self->own) : NULL;
  GST_OBJECT_UNLOCK (self);

  if (own) {
    gst_buffer_pool_set_flushing (own, flushing);
    gst_object_unref (own);
  }
}

static gboolean
gst_dmabuf_alloc_sink_event (GstBaseTransform *base, GstEvent *event)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);

  if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_START)
    set_flushing (self, TRUE);
  else if (GST_EVENT_TYPE (event) == GST_EVENT_FLUSH_STOP)
    set_flushing (self, FALSE);
  else if (GST_EVENT_TYPE (event) == GST_EVENT_EOS
      && gst_dmabuf_core_stats_get (
             &self->stats, GST_DMABUF_CORE_COUNTER_FRAMES)
          == 0)
    dmabuf_alloc_report_offered (self);

  return GST_BASE_TRANSFORM_CLASS (parent_class)->sink_event (base, event);
}

static GstStateChangeReturn
gst_dmabuf_alloc_change_state (GstElement *element, GstStateChange transition)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (element);

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    set_flushing (self, FALSE);
  else if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    set_flushing (self, TRUE);

  return GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
}

static gboolean
gst_dmabuf_alloc_start (GstBaseTransform *base)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);
  GError *error = NULL;
  char *name;

  GST_OBJECT_LOCK (self);
  name = g_strdup (self->exporter_name);
  GST_OBJECT_UNLOCK (self);

  gst_dmabuf_core_stats_reset (&self->stats);
  if (g_str_has_prefix (name, "heap:"))
    self->exporter = dmabuf_heap_exporter_new (name + strlen ("heap:"), &error);
  else if (g_str_equal (name, "udmabuf"))
    self->exporter = dmabuf_udmabuf_exporter_new (&error);
  else if (g_str_equal (name, "memfd"))
    self->exporter = dmabuf_memfd_exporter_new ();
  else if (!g_str_equal (name, "auto"))
    g_set_error (&error, DMABUF_ERROR, EINVAL,
        "\"%s\" is no exporter; use auto, heap:NAME, udmabuf or memfd", name);
  self->plain_memfd_caps = g_str_equal (name, "memfd");
  g_free (name);

  if (error) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
        ("The exporter cannot be used: %s", error->message), (NULL));
    g_error_free (error);
    return FALSE;
  }
  return TRUE;
}

static gboolean
gst_dmabuf_alloc_stop (GstBaseTransform *base)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);

  dmabuf_alloc_drop_pools (self);
  g_clear_object (&self->exporter);
  return TRUE;
}

/* --- properties --------------------------------------------------------- */

static void
add_pool_stats (GstStructure *stats, GstBufferPool *pool, const char *prefix)
{
  static const char *const fields[] = { "allocated", "discarded", "parked",
    "starved" };
  GstStructure *pool_stats =
      gst_dmabuf_core_pool_get_stats (GST_DMABUF_CORE_POOL (pool));
  const char *exporter = gst_structure_get_string (pool_stats, "exporter");
  guint i;

  for (i = 0; i < G_N_ELEMENTS (fields); i++) {
    char *name = g_strdup_printf ("%s-%s", prefix, fields[i]);
    guint64 value = 0;

    gst_structure_get_uint64 (pool_stats, fields[i], &value);
    gst_structure_set (stats, name, G_TYPE_UINT64, value, NULL);
    g_free (name);
  }
  if (exporter)
    gst_structure_set (stats, "exporter", G_TYPE_STRING, exporter, NULL);
  gst_structure_free (pool_stats);
}

static GstStructure *
get_stats (GstDmabufAlloc *self)
{
  GstStructure *stats =
      gst_dmabuf_core_stats_to_structure (&self->stats, "dmabufalloc-stats");
  GstBufferPool *offered, *own;

  GST_OBJECT_LOCK (self);
  offered = self->offered ? gst_object_ref (self->offered) : NULL;
  own = self->own ? gst_object_ref (self->own) : NULL;
  GST_OBJECT_UNLOCK (self);

  if (offered)
    add_pool_stats (stats, offered, "pool");
  if (own)
    add_pool_stats (stats, own, "copy-pool");
  gst_clear_object (&offered);
  gst_clear_object (&own);
  return stats;
}

static void
gst_dmabuf_alloc_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_EXPORTER:
    g_free (self->exporter_name);
    self->exporter_name = g_value_dup_string (value);
    if (!self->exporter_name)
      self->exporter_name = g_strdup (DEFAULT_EXPORTER);
    break;
  case PROP_MIN_BUFFERS:
    self->min_buffers = g_value_get_uint (value);
    break;
  case PROP_MAX_BUFFERS:
    self->max_buffers = g_value_get_uint (value);
    break;
  case PROP_NAME_PREFIX:
    g_free (self->name_prefix);
    self->name_prefix = g_value_dup_string (value);
    break;
  case PROP_FENCE_TIMEOUT:
    self->fence_timeout = g_value_get_uint64 (value);
    break;
  default:
    if (!gst_dmabuf_core_stats_set_property (&self->stats, value, pspec))
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_dmabuf_alloc_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (object);

  if (id == PROP_STATS) {
    g_value_take_boxed (value, get_stats (self));
    return;
  }

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_EXPORTER:
    g_value_set_string (value, self->exporter_name);
    break;
  case PROP_MIN_BUFFERS:
    g_value_set_uint (value, self->min_buffers);
    break;
  case PROP_MAX_BUFFERS:
    g_value_set_uint (value, self->max_buffers);
    break;
  case PROP_NAME_PREFIX:
    g_value_set_string (value, self->name_prefix);
    break;
  case PROP_FENCE_TIMEOUT:
    g_value_set_uint64 (value, self->fence_timeout);
    break;
  default:
    if (!gst_dmabuf_core_stats_get_property (&self->stats, value, pspec))
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_dmabuf_alloc_finalize (GObject *object)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (object);

  g_free (self->exporter_name);
  g_free (self->name_prefix);
  g_object_unref (self->cancellable);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_dmabuf_alloc_class_init (GstDmabufAllocClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *base_class = GST_BASE_TRANSFORM_CLASS (klass);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  gst_element_class_set_static_metadata (element_class, "dma-buf allocator",
      "Filter/Video/Allocator",
      "Lets any producer of raw video write into dma-bufs", "gst-dmabuf");
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);

  object_class->set_property = gst_dmabuf_alloc_set_property;
  object_class->get_property = gst_dmabuf_alloc_get_property;
  object_class->finalize = gst_dmabuf_alloc_finalize;
  element_class->change_state =
      GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_change_state);

  base_class->passthrough_on_same_caps = FALSE;
  base_class->transform_caps = GST_DEBUG_FUNCPTR (dmabuf_alloc_transform_caps);
  base_class->fixate_caps = GST_DEBUG_FUNCPTR (dmabuf_alloc_fixate_caps);
  base_class->set_caps = GST_DEBUG_FUNCPTR (dmabuf_alloc_set_caps);
  base_class->decide_allocation =
      GST_DEBUG_FUNCPTR (dmabuf_alloc_decide_allocation);
  base_class->propose_allocation =
      GST_DEBUG_FUNCPTR (dmabuf_alloc_propose_allocation);
  base_class->prepare_output_buffer =
      GST_DEBUG_FUNCPTR (dmabuf_alloc_prepare_output_buffer);
  base_class->transform_meta = GST_DEBUG_FUNCPTR (dmabuf_alloc_transform_meta);
  base_class->transform = GST_DEBUG_FUNCPTR (dmabuf_alloc_transform);
  base_class->sink_event = GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_sink_event);
  base_class->start = GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_start);
  base_class->stop = GST_DEBUG_FUNCPTR (gst_dmabuf_alloc_stop);

  /**
   * GstDmabufAlloc:exporter:
   *
   * Where the memory comes from: auto, the first exporter that this process may
   * use and all consumers reach (system heap, udmabuf, then the heaps of
   * contiguous memory); heap:NAME, a heap of /dev/dma_heap; udmabuf; or memfd,
   * for a machine that has no exporter: plain shared memory with plain caps.
   */
  properties[PROP_EXPORTER] = g_param_spec_string ("exporter", "Exporter",
      "Where the memory comes from: auto, heap:NAME, udmabuf or memfd",
      DEFAULT_EXPORTER, flags | GST_PARAM_MUTABLE_READY);

  /**
   * GstDmabufAlloc:min-buffers:
   *
   * Buffers that are made before the first frame; more if downstream asks for
   * more.
   */
  properties[PROP_MIN_BUFFERS] = g_param_spec_uint ("min-buffers",
      "Least number of buffers",
      "Buffers that are made before the first frame; more if downstream asks "
      "for more",
      0, G_MAXINT, DEFAULT_MIN_BUFFERS, flags | GST_PARAM_MUTABLE_READY);

  /**
   * GstDmabufAlloc:max-buffers:
   *
   * Greatest number of buffers; while all are in use the producer waits. 0 for
   * no limit.
   */
  properties[PROP_MAX_BUFFERS] =
      g_param_spec_uint ("max-buffers", "Greatest number of buffers",
          "While all buffers are in use the producer waits (0 = no limit)", 0,
          G_MAXINT, DEFAULT_MAX_BUFFERS, flags | GST_PARAM_MUTABLE_READY);

  /**
   * GstDmabufAlloc:name-prefix:
   *
   * Beginning of the names of the dma-bufs, as the kernel's statistics show
   * them.
   */
  properties[PROP_NAME_PREFIX] =
      g_param_spec_string ("name-prefix", "Prefix of the names",
          "Beginning of the names of the dma-bufs in the kernel's statistics "
          "(bufinfo, fdinfo)",
          NULL, flags | GST_PARAM_MUTABLE_READY);

  /**
   * GstDmabufAlloc:copy-policy:
   *
   * What to do with frames of a producer that does not use the offered pool.
   */
  properties[PROP_COPY_POLICY] = gst_dmabuf_core_param_spec_copy_policy ();

  /**
   * GstDmabufAlloc:fence-timeout:
   *
   * How long a fence may be pending, in nanoseconds, -1 for ever. After that a
   * buffer that came back to the pool is freed, and a frame that has to be
   * copied is an error.
   */
  properties[PROP_FENCE_TIMEOUT] = gst_dmabuf_core_param_spec_fence_timeout ();

  /**
   * GstDmabufAlloc:stats:
   *
   * The common fields (frames, dropped, copies, imports, imports-reused,
   * fences-armed, cpu-waits); exporter, its name; the counters of the pool that
   * is offered to upstream, pool-allocated, pool-discarded, pool-parked and
   * pool-starved; and the same counters with the prefix copy-pool of the pool
   * for copies.
   */
  properties[PROP_STATS] = gst_dmabuf_core_param_spec_stats (
      "exporter; pool-allocated, -discarded, -parked, -starved of the offered "
      "pool, and copy-pool- of that for copies");

  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
  gst_type_mark_as_plugin_api (GST_TYPE_DMABUF_CORE_COPY_POLICY, 0);
}

static void
gst_dmabuf_alloc_init (GstDmabufAlloc *self)
{
  self->exporter_name = g_strdup (DEFAULT_EXPORTER);
  self->min_buffers = DEFAULT_MIN_BUFFERS;
  self->max_buffers = DEFAULT_MAX_BUFFERS;
  gst_dmabuf_core_stats_init (&self->stats);
  self->fence_timeout = GST_DMABUF_CORE_DEFAULT_FENCE_TIMEOUT;
  self->cancellable = g_cancellable_new ();
  gst_dmabuf_core_constraints_init (&self->constraints, NULL);
  gst_base_transform_set_in_place (GST_BASE_TRANSFORM (self), FALSE);
}
