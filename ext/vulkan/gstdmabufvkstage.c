/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufvkstage.h"
#include "gpu-exporter.h"
#include "gpu-image.h"

#include <drm/drm_fourcc.h>

GST_DEBUG_CATEGORY (dmabufvk_debug);
#define GST_CAT_DEFAULT dmabufvk_debug

/* A frame has up to three dma-bufs. */
#define MAX_BUFFERS (2 * GPU_MAX_PLANES)
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
      ("There is no GPU to use: %s", error->message), (NULL));
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

/* @has_tiled: those are images, of memory of the GPU */
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

    /* linear ones need nothing of the driver but buffers of bytes */
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
  /* A driver with many modifiers is asked some thousand times, and caps are
   * wanted often. */
  GST_OBJECT_LOCK (stage->element);
  if (context && stage->context == context)
    gst_caps_replace (&stage->caps[writable], caps);
  GST_OBJECT_UNLOCK (stage->element);
  if (context)
    gpu_context_unref (context);

  return caps;
}

/* --- a frame -------------------------------------------------------------- */

/*
 * What one frame uses of the core. The mappings keep the storage where it is;
 * the submission keeps others from the buffers between the look at what has to
 * be waited for and the word that there is one more to wait for:
 *
 *   use_frame ()        map, import                   for input and output
 *   gpu_queue_prepare ()
 *                       a slot, a pipeline, the commands
 *   use_lock ()         lock, snapshot ──▶ fences
 *                       submit to the GPU ──▶ fence
 *   use_end ()          publish, unlock, unmap
 */
typedef struct
{
  guint n_mappings;
  DmabufMapping *mappings[MAX_BUFFERS];
  DmabufSubmissionBuffer buffers[MAX_BUFFERS]; /* the mappings' */
  DmabufSubmission submission;
  gboolean locked;
  guint n_fences;
  DmabufFence *fences[2]; /* of the input's meta; of all reservations */
  DmabufFence *snapshot;
  DmabufAttachment *in;
  DmabufAttachment *out;
} Use;

static void
use_end (Use *use, DmabufFence *fence)
{
  GError *error = NULL;
  guint i;

  if (use->locked && !dmabuf_submission_end (&use->submission, fence, &error)) {
    /* it was waited for: the frame is right */
    GST_DEBUG ("fence not published: %s", error->message);
    g_clear_error (&error);
  }
  for (i = 0; i < use->n_mappings; i++)
    dmabuf_mapping_unmap (use->mappings[i], NULL, NULL);
  g_clear_pointer (&use->snapshot, dmabuf_fence_unref);
  g_clear_pointer (&use->in, dmabuf_attachment_unref);
  g_clear_pointer (&use->out, dmabuf_attachment_unref);
}

/* Locks the buffers and collects what the GPU has to wait for. What it cannot
 * wait for is waited for here, and without the lock: who ends it may want the
 * buffers first. @fence: (nullable): that came with the input */
static gboolean
use_lock (Use *use, GpuQueue *queue, DmabufFence *fence, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  for (;;) {
    if (!dmabuf_submission_begin (&use->submission, use->buffers,
            use->n_mappings, cancellable, &use->snapshot, error))
      return FALSE;
    use->locked = TRUE;
    use->n_fences = 0;
    if (use->snapshot)
      use->fences[use->n_fences++] = use->snapshot;
    if (fence)
      use->fences[use->n_fences++] = fence;
    if (gpu_queue_takes_fences (queue, use->fences, use->n_fences))
      return TRUE;

    dmabuf_submission_end (&use->submission, NULL, NULL);
    use->locked = FALSE;
    if (!gpu_queue_wait_fences (
            queue, use->fences, use->n_fences, deadline, cancellable, error))
      return FALSE;
    g_clear_pointer (&use->snapshot, dmabuf_fence_unref);
  }
}

/* Begins the access to all dma-bufs of a frame, and imports it. */
static GpuFrame *
use_frame (GstDmabufVkStage *stage, Use *use, const GstDmabufVkFrame *frame,
    DmabufDirection direction, gint64 deadline, GCancellable *cancellable,
    DmabufAttachment **first, GError **error)
{
  DmabufLayout layout;
  gboolean reused;
  gpointer import;
  guint i, j;

  if (!gst_dmabuf_core_buffer_get_layout (
          frame->buffer, frame->info, &layout, error))
    return NULL;

  for (i = 0; i < layout.n_planes; i++) {
    DmabufAttachment *attachment;
    DmabufMapping *mapping;

    for (j = 0; j < i; j++) {
      if (layout.planes[j].buffer == layout.planes[i].buffer)
        break;
    }
    if (j < i)
      continue;

    attachment =
        dmabuf_device_attach (stage->device, layout.planes[i].buffer, error);
    if (!attachment)
      return NULL;
    mapping = dmabuf_attachment_map_full (
        attachment, direction, deadline, cancellable, error);
    if (i == 0 && mapping)
      *first = attachment;
    else
      dmabuf_attachment_unref (attachment);
    if (!mapping)
      return NULL;
    use->buffers[use->n_mappings] = (DmabufSubmissionBuffer) {
      layout.planes[i].buffer,
      direction == DMABUF_DIRECTION_TO_DEVICE ? DMABUF_ACCESS_READ
                                              : DMABUF_ACCESS_WRITE,
    };
    use->mappings[use->n_mappings++] = mapping;
  }

  import = dmabuf_attachment_import (*first, &layout, &reused, error);
  if (import)
    gst_dmabuf_core_stats_add (&stage->stats,
        reused ? GST_DMABUF_CORE_COUNTER_IMPORTS_REUSED
               : GST_DMABUF_CORE_COUNTER_IMPORTS,
        1);

  return import;
}

/* A buffer that the GPU still reads. They are kept for the next one, so that a
 * frame allocates nothing. */
typedef struct _Hold Hold;
struct _Hold
{
  Hold *next;
  GstBuffer *buffer;
  DmabufFence *fence;
};

static GMutex holds_lock;
static Hold *spare_holds;

static void
on_read (DmabufFence *fence, gpointer hold)
{
  /* the notify that follows drops it, as it does when the fence has signalled
   * already */
}

static void
drop_hold (gpointer user_data)
{
  Hold *hold = user_data;

  gst_buffer_unref (hold->buffer);
  dmabuf_fence_unref (hold->fence);
  g_mutex_lock (&holds_lock);
  hold->next = spare_holds;
  spare_holds = hold;
  g_mutex_unlock (&holds_lock);
}

/* Keeps the input until it has been read: a producer that knows fences waits
 * itself, the buffers of others do not go back to them before. */
static void
hold_input (GstBuffer *buffer, DmabufFence *fence)
{
  Hold *hold;

  if (gst_buffer_add_dmabuf_core_release_fence (buffer, fence))
    return;

  g_mutex_lock (&holds_lock);
  hold = spare_holds;
  if (hold)
    spare_holds = hold->next;
  g_mutex_unlock (&holds_lock);
  if (!hold)
    hold = g_new (Hold, 1);
  hold->buffer = gst_buffer_ref (buffer);
  hold->fence = dmabuf_fence_ref (fence);
  dmabuf_fence_add_callback (fence, on_read, hold, drop_hold);
}

/* Sends the output on its way under its fence. */
static gboolean
send_output (GstDmabufVkStage *stage, GstBuffer *buffer, DmabufFence *fence,
    GCancellable *cancellable, GError **error)
{
  if (stage->downstream_syncs) {
    gst_buffer_add_dmabuf_core_sync_meta (buffer, fence);
    if (fence && !dmabuf_fence_is_signaled (fence))
      gst_dmabuf_core_stats_add (
          &stage->stats, GST_DMABUF_CORE_COUNTER_FENCES_ARMED, 1);
    return TRUE;
  }
  if (!fence || dmabuf_fence_is_signaled (fence))
    return TRUE;
  if (stage->implicit_sync)
    return TRUE;

  gst_dmabuf_core_stats_add (
      &stage->stats, GST_DMABUF_CORE_COUNTER_CPU_WAITS, 1);
  /* Work of our own: fence-timeout is for that of others, and has been used up
   * where the driver compiled a shader first. */
  return dmabuf_fence_wait (fence,
      g_get_monotonic_time () + GPU_PATIENCE (stage->context), cancellable,
      error);
}

static gboolean
run_once (GstDmabufVkStage *stage, GpuShader shader, const GstDmabufVkFrame *in,
    const GstDmabufVkFrame *out, const GpuParams *params, gint mode,
    gint64 deadline, GCancellable *cancellable, GError **error)
{
  GpuJob job = {
    .shader = shader,
    .params = params,
    .mode = mode,
  };
  guint64 waits = stage->queue.n_cpu_waits;
  DmabufFence *fence = NULL;
  Use use = { 0 };
  gboolean ret;

  if (in) {
    job.in = use_frame (stage, &use, in, DMABUF_DIRECTION_TO_DEVICE, deadline,
        cancellable, &use.in, error);
    if (!job.in)
      goto failed;
  }
  job.out = use_frame (stage, &use, out, DMABUF_DIRECTION_FROM_DEVICE, deadline,
      cancellable, &use.out, error);
  if (!job.out)
    goto failed;

  if (!gpu_queue_prepare (&stage->queue, &job, cancellable, error)
      || !use_lock (&use, &stage->queue,
          in ? gst_buffer_get_dmabuf_core_fence (in->buffer) : NULL, deadline,
          cancellable, error))
    goto failed;
  job.fences = use.fences;
  job.n_fences = use.n_fences;
  job.holds[0] = use.in;
  job.holds[1] = use.out;

  ret = gpu_queue_submit (
      &stage->queue, &job, deadline, cancellable, &fence, error);
  gst_dmabuf_core_stats_add (&stage->stats, GST_DMABUF_CORE_COUNTER_CPU_WAITS,
      stage->queue.n_cpu_waits - waits);
  __atomic_store_n (
      &stage->gpu_waits, stage->queue.n_full_waits, __ATOMIC_RELAXED);
  __atomic_store_n (&stage->submits, stage->queue.n_submits, __ATOMIC_RELAXED);
  __atomic_store_n (
      &stage->semaphores, stage->queue.n_semaphores, __ATOMIC_RELAXED);
  __atomic_store_n (&stage->validation_messages,
      g_atomic_int_get (&stage->context->validation_messages),
      __ATOMIC_RELAXED);
  if (!ret)
    goto failed;

  use_end (&use, fence);
  if (fence && in)
    hold_input (in->buffer, fence);
  ret = send_output (stage, out->buffer, fence, cancellable, error);
  if (fence)
    dmabuf_fence_unref (fence);

  return ret;

  /* ERRORS */
failed: {
  use_end (&use, NULL);
  return FALSE;
}
}

/* The pool's memory is of the device that was lost. */
static void
renew_pool (GstDmabufVkStage *stage)
{
  GstPad *pad = gst_element_get_static_pad (stage->element, "src");

  gst_pad_mark_reconfigure (pad);
  gst_object_unref (pad);
}

/* A lost device is opened anew once; if the next frame loses it again, the
 * frames are what kills it. */
static gboolean
recover (GstDmabufVkStage *stage, const GError *cause)
{
  GError *error = NULL;

  if (!stage->context || !g_atomic_int_get (&stage->context->lost)
      || stage->n_recovered++ > 0)
    return FALSE;

  GST_ELEMENT_WARNING (stage->element, RESOURCE, FAILED,
      ("The GPU was lost and is opened anew: %s", cause->message), (NULL));
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
    if (run_once (stage, shader, in, out, params, mode, deadline, cancellable,
            &error)) {
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

/* Whether downstream takes dma-bufs as such, or says what a device needs. */
static gboolean
is_for_devices (GstCaps *caps, const GstDmabufCoreConstraints *constraints)
{
  return *constraints->devices
      || (caps
          && gst_caps_features_contains (
              gst_caps_get_features (caps, 0), GST_CAPS_FEATURE_MEMORY_DMABUF));
}

/* Tiled frames only the driver can lay out, in its own memory. */
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

  /* A GPU with memory of its own would read and write the machine's over the
   * bus; displays take its memory. The CPU reads that slowly, or with some
   * drivers not at all, so that it is for devices. */
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
  /* those in flight are more than downstream holds */
  min = MAX (min, 2) + 2;
  gst_buffer_pool_config_set_params (config, caps, 0, min, 0);
  if (video_meta) {
    gst_buffer_pool_config_add_option (
        config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    gst_buffer_pool_config_add_option (
        config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
    gst_buffer_pool_config_set_video_alignment (config, &alignment);
  }
  /* Started here, for the base class would not tell why it does not start. */
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
