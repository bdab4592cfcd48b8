/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufvkstage-private.h"
#include "gpu-exporter.h"
#include "gpu-image.h"

#include <drm/drm_fourcc.h>

GST_DEBUG_CATEGORY (dmabufvk_debug);
#define GST_CAT_DEFAULT dmabufvk_debug

#define N_SLOTS 4

/* --- the device ----------------------------------------------------------- */

static gboolean
open_device (GstDmabufVkStage *stage, GError **error)
{
  GpuContext *context;
  GpuImportMode mode;
  gboolean validate;
  char *name;

  GST_OBJECT_LOCK (stage->element);
  name = g_strdup (stage->device_name);
  validate = stage->validate;
  mode = stage->import_mode;
  GST_OBJECT_UNLOCK (stage->element);

  context = gpu_context_get (name, validate, error);
  g_free (name);
  if (!context)
    return FALSE;
  GST_OBJECT_LOCK (stage->element);
  stage->context = context;
  GST_OBJECT_UNLOCK (stage->element);
  stage->device = gpu_device_get (stage->context, mode, error);
  if (!stage->device
      || !gpu_queue_init (&stage->queue, stage->context, N_SLOTS, error)) {
    gst_dmabuf_vk_stage_close (stage);
    return FALSE;
  }
  GST_INFO_OBJECT (stage->element, "using %s", stage->context->name);

  return TRUE;
}

gboolean
gst_dmabuf_vk_stage_open (GstDmabufVkStage *stage)
{
  GError *error = NULL;

  gst_dmabuf_core_stats_reset (&stage->stats);
  stage->gpu_waits = stage->submits = stage->semaphores = 0;
  stage->n_recovered = 0;
  if (open_device (stage, &error))
    return TRUE;

  GST_ELEMENT_ERROR (stage->element, RESOURCE, OPEN_READ_WRITE,
      ("No GPU can be used: %s", error->message), (NULL));
  g_clear_error (&error);
  return FALSE;
}

void
gst_dmabuf_vk_stage_close (GstDmabufVkStage *stage)
{
  GpuContext *context;

  gpu_queue_clear (&stage->queue);
  if (stage->device)
    dmabuf_device_trim (stage->device);
  g_clear_object (&stage->device);
  GST_OBJECT_LOCK (stage->element);
  context = stage->context;
  stage->context = NULL;
  gst_clear_caps (&stage->caps[FALSE]);
  gst_clear_caps (&stage->caps[TRUE]);
  GST_OBJECT_UNLOCK (stage->element);
  if (context)
    gpu_context_unref (context);
}

void
gst_dmabuf_vk_stage_drain (GstDmabufVkStage *stage)
{
  gpu_queue_drain (&stage->queue);
  if (stage->device)
    dmabuf_device_trim (stage->device);
}

void
gst_dmabuf_vk_stage_set_flushing (GstDmabufVkStage *stage, gboolean flushing)
{
  GST_OBJECT_LOCK (stage->element);
  if (flushing) {
    g_cancellable_cancel (stage->cancellable);
  } else if (g_cancellable_is_cancelled (stage->cancellable)) {
    g_object_unref (stage->cancellable);
    stage->cancellable = g_cancellable_new ();
  }
  GST_OBJECT_UNLOCK (stage->element);
}

/* --- caps ----------------------------------------------------------------- */

/* @has_tiled: include tiled formats, which need images and, for the output, the
 * GPU's memory. */
static GstCaps *
find_caps (GpuContext *context, gboolean writable, gboolean has_tiled)
{
  GArray *formats = g_array_new (FALSE, FALSE, sizeof (GstDmabufCoreFormat));
  GValue range = G_VALUE_INIT;
  guint64 modifiers[GPU_MAX_MODIFIERS];
  guint i, j, n, max;
  GstCaps *caps;

  max = context ? MIN (context->max_size, GPU_MAX_SIZE) : GPU_MAX_SIZE;

  for (i = 0; i < gpu_n_formats; i++) {
    GstDmabufCoreFormat format = { .fourcc = gpu_formats[i].fourcc };

    /* With buffers of bytes, linear frames of any format are possible. */
    if (!context || context->has_byte_buffers)
      g_array_append_val (formats, format);
    if (!context)
      continue;
    n = gpu_image_get_modifiers (context, &gpu_formats[i],
        writable ? VK_IMAGE_USAGE_STORAGE_BIT : VK_IMAGE_USAGE_SAMPLED_BIT,
        modifiers, G_N_ELEMENTS (modifiers));
    for (j = 0; j < n; j++) {
      format.modifier = modifiers[j];
      if (modifiers[j] == DRM_FORMAT_MOD_LINEAR ? !context->has_byte_buffers
                                                : has_tiled
                  && (!writable
                      || gpu_exporter_can_make (
                          context, &gpu_formats[i], modifiers[j])))
        g_array_append_val (formats, format);
    }
  }
  caps = gst_dmabuf_core_caps_from_formats (
      (GstDmabufCoreFormat *) formats->data, formats->len);
  g_array_unref (formats);

  g_value_init (&range, GST_TYPE_INT_RANGE);
  gst_value_set_int_range (&range, 1, max);
  gst_dmabuf_core_caps_set (caps, "width", &range);
  gst_dmabuf_core_caps_set (caps, "height", &range);
  g_value_unset (&range);

  return caps;
}

GstCaps *
gst_dmabuf_vk_stage_get_caps (GstDmabufVkStage *stage, gboolean writable)
{
  gboolean has_tiled;
  GpuContext *context;
  GstCaps *caps;

  if (!stage->element)
    return find_caps (NULL, writable, FALSE);

  writable = !!writable;
  GST_OBJECT_LOCK (stage->element);
  context = stage->context ? gpu_context_ref (stage->context) : NULL;
  caps = stage->caps[writable] ? gst_caps_ref (stage->caps[writable]) : NULL;
  has_tiled = stage->import_mode != GPU_IMPORT_BUFFER
      && (!writable || stage->memory != GST_DMABUF_VK_MEMORY_SYSTEM);
  GST_OBJECT_UNLOCK (stage->element);
  if (caps) {
    gpu_context_unref (context);
    return caps;
  }

  caps = find_caps (context, writable, has_tiled);
  /* Cache the caps: for many modifiers the driver is asked thousands of times.
   */
  GST_OBJECT_LOCK (stage->element);
  if (context && stage->context == context)
    gst_caps_replace (&stage->caps[writable], caps);
  GST_OBJECT_UNLOCK (stage->element);
  if (context)
    gpu_context_unref (context);

  return caps;
}

/* --- a frame -------------------------------------------------------------- */

/* Makes the element negotiate a new pool: the memory of the old one belongs to
 * the lost device. */
static void
renew_pool (GstDmabufVkStage *stage)
{
  GstPad *pad = gst_element_get_static_pad (stage->element, "src");

  gst_pad_mark_reconfigure (pad);
  gst_object_unref (pad);
}

/* Opens a lost device again, once: if the next frame loses it again, the frames
 * are the cause. */
static gboolean
recover (GstDmabufVkStage *stage, const GError *cause)
{
  GError *error = NULL;

  if (!stage->context || !g_atomic_int_get (&stage->context->lost)
      || stage->n_recovered++ > 0)
    return FALSE;

  GST_ELEMENT_WARNING (stage->element, RESOURCE, FAILED,
      ("The GPU was lost and is opened again: %s", cause->message), (NULL));
  gst_dmabuf_vk_stage_close (stage);
  if (open_device (stage, &error)) {
    renew_pool (stage);
    return TRUE;
  }

  GST_WARNING_OBJECT (stage->element, "%s", error->message);
  g_clear_error (&error);
  return FALSE;
}

GstFlowReturn
gst_dmabuf_vk_stage_run (GstDmabufVkStage *stage, GpuShader shader,
    const GstDmabufVkFrame *in, const GstDmabufVkFrame *out,
    const GpuParams *params, gint mode)
{
  GstFlowReturn ret = GST_FLOW_OK;
  GCancellable *cancellable;
  GError *error = NULL;
  gint64 deadline;

  GST_OBJECT_LOCK (stage->element);
  cancellable = g_object_ref (stage->cancellable);
  deadline = stage->fence_timeout == GST_CLOCK_TIME_NONE
      ? DMABUF_DEADLINE_NEVER
      : g_get_monotonic_time () + (gint64) (stage->fence_timeout / GST_USECOND);
  GST_OBJECT_UNLOCK (stage->element);

  gst_dmabuf_core_stats_add (&stage->stats, GST_DMABUF_CORE_COUNTER_FRAMES, 1);
  do {
    g_clear_error (&error);
    if (!stage->context) {
      ret = GST_FLOW_ERROR;
      break;
    }
    if (gst_dmabuf_vk_stage_run_once (stage, shader, in, out, params, mode,
            deadline, cancellable, &error)) {
      stage->n_recovered = 0;
      break;
    }
  } while (recover (stage, error));

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    ret = GST_FLOW_FLUSHING;
  } else if (error) {
    GST_ELEMENT_ERROR (stage->element, RESOURCE, FAILED,
        ("The GPU cannot make this frame: %s", error->message), (NULL));
    ret = GST_FLOW_ERROR;
  }
  g_clear_error (&error);
  g_object_unref (cancellable);

  return ret;
}

/* --- the pool ------------------------------------------------------------- */

/* Whether downstream takes DMA_DRM caps, or has constraints of a device. */
static gboolean
is_for_devices (GstCaps *caps, const GstDmabufCoreConstraints *constraints)
{
  return *constraints->devices
      || (caps
          && gst_caps_features_contains (
              gst_caps_get_features (caps, 0), GST_CAPS_FEATURE_MEMORY_DMABUF));
}

/* Makes a pool of tiled frames, whose layout only the driver knows, in the
 * GPU's memory. */
static GstBufferPool *
new_tiled_pool (GstDmabufVkStage *stage, const GstVideoInfoDmaDrm *info,
    const GstDmabufCoreConstraints *constraints, GError **error)
{
  DmabufConstraints *demanded;
  DmabufExporter *exporter;
  GstBufferPool *pool = NULL;
  DmabufLayout layout;

  exporter = gpu_exporter_new_for_frames (stage->context, info->drm_fourcc,
      GST_VIDEO_INFO_WIDTH (&info->vinfo), GST_VIDEO_INFO_HEIGHT (&info->vinfo),
      &info->drm_modifier, 1, error);
  if (!exporter)
    return NULL;
  demanded = gst_dmabuf_core_constraints_to_core (constraints);
  if (dmabuf_constraints_check_exporter (demanded, exporter, error)) {
    gpu_exporter_get_layout (GPU_EXPORTER (exporter), NULL, &layout);
    pool = gst_dmabuf_core_pool_new (exporter);
    gst_dmabuf_core_pool_set_layout (GST_DMABUF_CORE_POOL (pool), &layout,
        gpu_exporter_get_frame_size (GPU_EXPORTER (exporter)));
  }
  dmabuf_constraints_free (demanded);
  g_object_unref (exporter);

  return pool;
}

static GstBufferPool *
new_pool (GstDmabufVkStage *stage, GstCaps *caps,
    const GstDmabufCoreConstraints *constraints, GError **error)
{
  DmabufExporter *exporter = NULL;
  GstDmabufVkMemory memory;
  GstVideoInfoDmaDrm info;
  GstBufferPool *pool;

  if (caps && gst_dmabuf_core_video_info_from_caps (&info, caps)
      && info.drm_modifier != DRM_FORMAT_MOD_LINEAR)
    return new_tiled_pool (stage, &info, constraints, error);

  /* A discrete GPU accesses system memory over the bus, so its own memory is
   * faster for devices such as displays. The CPU reads the GPU's memory slowly,
   * with some drivers not at all. */
  GST_OBJECT_LOCK (stage->element);
  memory = stage->memory;
  GST_OBJECT_UNLOCK (stage->element);
  if (memory == GST_DMABUF_VK_MEMORY_GPU
      || (memory == GST_DMABUF_VK_MEMORY_AUTO && stage->context->is_discrete
          && is_for_devices (caps, constraints) && !constraints->contiguous
          && !*constraints->exporters))
    exporter = gpu_exporter_new (stage->context, error);
  if (!exporter && memory == GST_DMABUF_VK_MEMORY_GPU)
    return NULL;
  g_clear_error (error);
  pool = gst_dmabuf_core_pool_new (exporter);
  g_clear_object (&exporter);

  return pool;
}

gboolean
gst_dmabuf_vk_stage_decide_allocation (GstDmabufVkStage *stage, GstQuery *query)
{
  GstDmabufCoreConstraints constraints;
  GError *error = NULL;
  GstVideoAlignment alignment;
  gboolean video_meta;
  GstStructure *config;
  GstBufferPool *pool;
  guint size, min = 0;
  GstCaps *caps;

  gst_query_parse_allocation (query, &caps, NULL);
  video_meta =
      gst_query_get_dmabuf_core_constraints (query, &constraints, &alignment);
  stage->downstream_syncs = gst_query_find_allocation_meta (
      query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);
  if (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_parse_nth_allocation_pool (query, 0, NULL, NULL, &min, NULL);

  pool = new_pool (stage, caps, &constraints, &error);
  if (!pool)
    goto no_exporter;
  gst_dmabuf_core_pool_set_constraints (
      GST_DMABUF_CORE_POOL (pool), &constraints);

  config = gst_buffer_pool_get_config (pool);
  /* Two buffers in flight, in addition to those that downstream holds. */
  min = MAX (min, 2) + 2;
  gst_buffer_pool_config_set_params (config, caps, 0, min, 0);
  if (video_meta) {
    gst_buffer_pool_config_add_option (
        config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    gst_buffer_pool_config_add_option (
        config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
    gst_buffer_pool_config_set_video_alignment (config, &alignment);
  }
  /* Start the pool here: an error of the base class would have no reason. */
  if (!gst_buffer_pool_set_config (pool, config)
      || !gst_buffer_pool_set_active (pool, TRUE))
    goto no_pool;

  config = gst_buffer_pool_get_config (pool);
  gst_buffer_pool_config_get_params (config, NULL, &size, NULL, NULL);
  gst_structure_free (config);
  while (gst_query_get_n_allocation_pools (query) > 0)
    gst_query_remove_nth_allocation_pool (query, 0);
  gst_query_add_allocation_pool (query, pool, size, min, 0);
  gst_object_unref (pool);

  return TRUE;

  /* ERRORS */
no_exporter: {
  GST_ELEMENT_ERROR (stage->element, RESOURCE, NO_SPACE_LEFT,
      ("No dma-bufs of the GPU: %s", error->message), (NULL));
  g_clear_error (&error);
  return FALSE;
}
no_pool: {
  error = gst_dmabuf_core_pool_get_error (GST_DMABUF_CORE_POOL (pool));
  GST_ELEMENT_ERROR (stage->element, RESOURCE, NO_SPACE_LEFT,
      ("No dma-bufs could be allocated: %s",
          error ? error->message : "the pool could not be started"),
      (NULL));
  g_clear_error (&error);
  gst_object_unref (pool);
  return FALSE;
}
}
