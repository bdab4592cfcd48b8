/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The access of one frame to its dma-bufs. The mappings keep the storage in
 * place. The submission locks the buffers from the snapshot of their fences
 * until the fence of the GPU's work has been published:
 *
 *   use_frame ()        map, import                   for input and output
 *   gpu_queue_prepare ()
 *                       a slot, a pipeline, the commands
 *   use_lock ()         lock, snapshot ──▶ fences
 *                       submit to the GPU ──▶ fence
 *   use_end ()          publish, unlock, unmap
 */

#include "gstdmabufvkstage-private.h"

#define GST_CAT_DEFAULT dmabufvk_debug

/* A frame has up to three dma-bufs. */
#define MAX_BUFFERS (2 * GPU_MAX_PLANES)

/* --- access to dma-bufs --------------------------------------------------- */

typedef struct
{
  guint n_mappings;
  DmabufMapping *mappings[MAX_BUFFERS];
  DmabufSubmissionBuffer buffers[MAX_BUFFERS]; /* Those of the mappings */
  DmabufSubmission submission;
  gboolean locked;
  guint n_fences;
  DmabufFence *fences[2]; /* Of the input's meta, and of all reservations */
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
    /* The submission has waited for the fence instead: the frame is complete.
     */
    GST_DEBUG ("fence not published: %s", error->message);
    g_clear_error (&error);
  }
  for (i = 0; i < use->n_mappings; i++)
    dmabuf_mapping_unmap (use->mappings[i], NULL, NULL);
  g_clear_pointer (&use->snapshot, dmabuf_fence_unref);
  g_clear_pointer (&use->in, dmabuf_attachment_unref);
  g_clear_pointer (&use->out, dmabuf_attachment_unref);
}

/* Locks the buffers and collects the fences to wait for. Fences that the GPU
 * cannot take are waited for here, without the lock: the thread that signals
 * them may need it. @fence: (nullable): the acquire fence of the input */
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

/* --- input and output ------------------------------------------------------
 */

/* An input buffer that the GPU still reads. Unused holds are kept in a list, so
 * that a frame allocates nothing. */
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
  /* drop_hold() follows as the notify function, which is also called if the
   * fence has signalled already. */
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

/* Keeps the input until the GPU has read it: by a release fence if the producer
 * takes one, else by a reference. */
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

/* Gives @fence to downstream, or waits for it if downstream takes no fences. */
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
  /* This is our own work: fence-timeout is for fences of other users, and may
   * have passed while the driver compiled a shader. */
  return dmabuf_fence_wait (fence,
      g_get_monotonic_time () + GPU_TIMEOUT (stage->context), cancellable,
      error);
}

/* --- one frame -------------------------------------------------------------
 */

gboolean
gst_dmabuf_vk_stage_run_once (GstDmabufVkStage *stage, GpuShader shader,
    const GstDmabufVkFrame *in, const GstDmabufVkFrame *out,
    const GpuParams *params, gint mode, gint64 deadline,
    GCancellable *cancellable, GError **error)
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
