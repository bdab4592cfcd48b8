/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames in dmabufalloc: one that suits the consumers passes as it is, any
 * other is copied into a dma-buf if the property copy-policy allows it. */

#include "alloc-private.h"
#include "fencesync-action.h"

GST_DEBUG_CATEGORY_EXTERN (gst_dmabuf_alloc_debug);
#define GST_CAT_DEFAULT gst_dmabuf_alloc_debug

/* Whether all memory of @buffer comes from our allocator, which wraps memfds as
 * well as dma-bufs. */
static gboolean
buffer_is_ours (GstBuffer *buffer)
{
  guint i;

  for (i = 0; i < gst_buffer_n_memory (buffer); i++) {
    if (!gst_dmabuf_core_is_memory (gst_buffer_peek_memory (buffer, i)))
      return FALSE;
  }
  return gst_buffer_n_memory (buffer) > 0;
}

/* Whether strides and offsets are the defaults of the caps, so that a consumer
 * without GstVideoMeta finds the planes. */
static gboolean
has_default_layout (GstDmabufAlloc *self, GstBuffer *buffer)
{
  GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  const GstVideoInfo *info = &self->in_info;
  guint i;

  if (!meta)
    return TRUE;
  for (i = 0; i < meta->n_planes; i++) {
    if (meta->stride[i] != GST_VIDEO_INFO_PLANE_STRIDE (info, i)
        || meta->offset[i] != GST_VIDEO_INFO_PLANE_OFFSET (info, i))
      return FALSE;
  }
  return TRUE;
}

/* Returns the reason to copy @buffer, to be freed, or NULL if it can pass. */
static char *
reason_to_copy (GstDmabufAlloc *self, GstBuffer *buffer)
{
  GError *error = NULL;
  char *reason = NULL;

  if (self->plain_memfd_caps && buffer_is_ours (buffer))
    return NULL;

  if (!gst_dmabuf_core_buffer_is_dmabuf (buffer)) {
    GstMemory *memory = gst_buffer_n_memory (buffer) > 0
        ? gst_buffer_peek_memory (buffer, 0)
        : NULL;

    return g_strdup_printf (
        "the producer writes into memory of type %s instead of the pool that "
        "it is offered",
        memory && memory->allocator ? memory->allocator->mem_type : "unknown");
  }

  /* Rule 11 of tests/check/elements/negotiation.c. */
  if (self->can_copy && !self->video_meta && !has_default_layout (self, buffer))
    return g_strdup (
        "the consumer takes no GstVideoMeta, and the producer's planes do not "
        "lie where the caps say");

  if (self->out_has_drm
      && !gst_dmabuf_core_buffer_check_constraints (
          buffer, &self->out_drm, &self->constraints, &error)) {
    reason = g_strdup (error->message);
    g_clear_error (&error);
  }
  return reason;
}

GstFlowReturn
dmabuf_alloc_prepare_output_buffer (
    GstBaseTransform *base, GstBuffer *in, GstBuffer **out)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);
  char *reason = reason_to_copy (self, in);
  GstFlowReturn ret;
  gboolean may_copy;

  gst_dmabuf_core_stats_add (&self->stats, GST_DMABUF_CORE_COUNTER_FRAMES, 1);
  if (!reason) {
    *out = in;
    return GST_FLOW_OK;
  }

  if (!self->can_copy) {
    GST_ELEMENT_ERROR (self, STREAM, FORMAT,
        ("This frame has to be copied for the consumers, but its format cannot "
         "be copied: %s",
            reason),
        (NULL));
    g_free (reason);
    return GST_FLOW_ERROR;
  }

  may_copy = gst_dmabuf_core_stats_count_copy (
      &self->stats, GST_ELEMENT (self), reason);
  g_free (reason);
  if (!may_copy)
    return GST_FLOW_ERROR;

  ret = dmabuf_alloc_acquire_own (self, out);
  if (ret != GST_FLOW_OK)
    return ret;
  if (!GST_BASE_TRANSFORM_GET_CLASS (self)->copy_metadata (base, in, *out))
    GST_WARNING_OBJECT (self, "some metadata of the frame is lost");
  return GST_FLOW_OK;
}

/* A copy is the same picture, so metas about the picture stay true. Those that
 * describe the memory are left out by GstBaseTransform's copy_metadata(). */
gboolean
dmabuf_alloc_transform_meta (
    GstBaseTransform *base, GstBuffer *out, GstMeta *meta, GstBuffer *in)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);

  /* gst_dmabuf_core_buffer_copy_frame() applies the crop. */
  return meta->info->api != GST_VIDEO_CROP_META_API_TYPE
      || !gst_dmabuf_core_buffer_is_cropped (in, &self->in_info);
}

/* Waits for the writers of @buffer: the acquire fence of its sync meta and the
 * kernel's fences. gst_memory_map() would wait as well, but a flush could not
 * interrupt it. */
static gboolean
wait_for_content (GstDmabufAlloc *self, GstBuffer *buffer)
{
  GCancellable *cancellable;
  GError *error = NULL;
  gint64 deadline;
  gboolean ret;

  if (fence_sync_is_ready (buffer, DMABUF_ACCESS_READ))
    return TRUE;

  GST_OBJECT_LOCK (self);
  cancellable = g_object_ref (self->cancellable);
  deadline = self->fence_timeout == GST_CLOCK_TIME_NONE
      ? DMABUF_DEADLINE_NEVER
      : g_get_monotonic_time () + (gint64) (self->fence_timeout / GST_USECOND);
  GST_OBJECT_UNLOCK (self);

  gst_dmabuf_core_stats_add (
      &self->stats, GST_DMABUF_CORE_COUNTER_CPU_WAITS, 1);
  ret = fence_sync_wait (
      buffer, DMABUF_ACCESS_READ, deadline, cancellable, &error);
  if (!ret && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    GST_ELEMENT_ERROR (self, RESOURCE, READ,
        ("The frame was not ready in time: %s", error->message), (NULL));
  g_clear_error (&error);
  g_object_unref (cancellable);
  return ret;
}

GstFlowReturn
dmabuf_alloc_transform (GstBaseTransform *base, GstBuffer *in, GstBuffer *out)
{
  GstDmabufAlloc *self = GST_DMABUF_ALLOC (base);
  gboolean cancelled;
  GError *error = NULL;

  if (in == out)
    return GST_FLOW_OK;

  if (!wait_for_content (self, in)) {
    GST_OBJECT_LOCK (self);
    cancelled = g_cancellable_is_cancelled (self->cancellable);
    GST_OBJECT_UNLOCK (self);
    return cancelled ? GST_FLOW_FLUSHING : GST_FLOW_ERROR;
  }

  if (!gst_dmabuf_core_buffer_copy_frame (out, in, &self->in_info, &error))
    goto no_copy;

  return GST_FLOW_OK;

  /* ERRORS */
no_copy: {
  GST_ELEMENT_ERROR (self, RESOURCE, READ,
      ("The frame could not be copied into a dma-buf: %s", error->message),
      ("in %" GST_PTR_FORMAT ", out %" GST_PTR_FORMAT, in, out));
  g_clear_error (&error);
  return GST_FLOW_ERROR;
}
}
