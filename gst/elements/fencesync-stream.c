/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The pads of dmabuffencesync: buffers get the chosen action, serialized events
 * and queries keep their place among them. */

#include "fencesync-private.h"

GST_DEBUG_CATEGORY_EXTERN (gst_dmabuf_fence_sync_debug);
#define GST_CAT_DEFAULT gst_dmabuf_fence_sync_debug

static void
decide (GstDmabufFenceSync *self)
{
  GstDmabufFenceSyncMode mode;
  GstQuery *query = NULL;
  GstCaps *caps;

  GST_OBJECT_LOCK (self);
  mode = self->mode;
  GST_OBJECT_UNLOCK (self);

  self->undecided = FALSE;
  if (mode == GST_DMABUF_FENCE_SYNC_MODE_AUTO) {
    fence_sync_wait_until_drained (self);
    caps = gst_pad_get_current_caps (self->sinkpad);
    if (caps) {
      query = gst_query_new_allocation (caps, FALSE);
      if (!gst_pad_peer_query (self->srcpad, query))
        g_clear_pointer (&query, gst_query_unref);
      gst_caps_unref (caps);
    }
  }

  self->action = fence_sync_choose (mode, query);
  GST_INFO_OBJECT (self, "%s",
      self->action == FENCE_SYNC_NOTHING      ? "nothing to do"
          : self->action == FENCE_SYNC_WAIT   ? "waiting for fences"
          : self->action == FENCE_SYNC_EXPORT ? "exporting fences"
                                              : "importing fences");
  g_clear_pointer (&query, gst_query_unref);
}

static GstFlowReturn
chain_import (GstDmabufFenceSync *self, GstBuffer *buffer)
{
  GError *error = NULL;
  guint n_fences;

  if (!fence_sync_import (buffer, &n_fences, &error)) {
    GST_INFO_OBJECT (self, "the kernel does not take the fence: %s",
        error ? error->message : "this process signals it");
    g_clear_error (&error);
    return fence_sync_wait_and_push (self, buffer);
  }
  gst_dmabuf_core_stats_add (
      &self->stats, GST_DMABUF_CORE_COUNTER_FENCES_ARMED, n_fences);
  return gst_pad_push (self->srcpad, buffer);
}

static GstFlowReturn
chain_export (GstDmabufFenceSync *self, GstBuffer *buffer)
{
  GError *error = NULL;
  DmabufAccess access;
  guint n_fences;

  GST_OBJECT_LOCK (self);
  access = self->access;
  GST_OBJECT_UNLOCK (self);

  if (!fence_sync_export (&buffer, access, &n_fences, &error)) {
    GST_INFO_OBJECT (self, "no fence to export: %s", error->message);
    g_clear_error (&error);
    return fence_sync_wait_and_push (self, buffer);
  }
  gst_dmabuf_core_stats_add (
      &self->stats, GST_DMABUF_CORE_COUNTER_FENCES_ARMED, n_fences);
  return gst_pad_push (self->srcpad, buffer);
}

GstFlowReturn
fence_sync_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (parent);
  guint max_pending;

  if (G_UNLIKELY (gst_pad_check_reconfigure (self->srcpad)))
    self->undecided = TRUE;
  if (G_UNLIKELY (self->undecided))
    decide (self);

  gst_dmabuf_core_stats_add (&self->stats, GST_DMABUF_CORE_COUNTER_FRAMES, 1);

  switch (self->action) {
  case FENCE_SYNC_NOTHING:
    break;
  case FENCE_SYNC_EXPORT:
    return chain_export (self, buffer);
  case FENCE_SYNC_IMPORT:
    return chain_import (self, buffer);
  case FENCE_SYNC_WAIT:
    GST_OBJECT_LOCK (self);
    max_pending = self->max_pending;
    GST_OBJECT_UNLOCK (self);
    return max_pending > 1 ? fence_sync_queue_buffer (self, buffer, max_pending)
                           : fence_sync_wait_and_push (self, buffer);
  }
  return gst_pad_push (self->srcpad, buffer);
}

static void
set_caps (GstDmabufFenceSync *self, GstCaps *caps)
{
  GstStructure *structure = gst_caps_get_structure (caps, 0);
  gint n, d;

  self->undecided = TRUE;
  g_mutex_lock (&self->lock);
  self->frame_duration = 0;
  if (gst_structure_get_fraction (structure, "framerate", &n, &d) && n > 0)
    self->frame_duration = gst_util_uint64_scale_int (GST_SECOND, d, n);
  g_mutex_unlock (&self->lock);
}

gboolean
fence_sync_sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (parent);
  GstCaps *caps;
  gboolean refused, ret;

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START:
    /* Downstream first, so that a push of the task returns. */
    ret = gst_pad_push_event (self->srcpad, event);
    fence_sync_set_flushing (self, TRUE);
    gst_pad_pause_task (self->srcpad);
    fence_sync_forget_task (self);
    return ret;
  case GST_EVENT_FLUSH_STOP:
    ret = gst_pad_push_event (self->srcpad, event);
    fence_sync_set_flushing (self, FALSE);
    return ret;
  case GST_EVENT_CAPS:
    gst_event_parse_caps (event, &caps);
    set_caps (self, caps);
    break;
  default:
    break;
  }

  if (!GST_EVENT_IS_SERIALIZED (event))
    return gst_pad_event_default (pad, parent, event);

  if (fence_sync_queue_event (self, event, &refused))
    return TRUE;
  if (refused) {
    /* A sticky event stays on the sink pad and is sent again. */
    gst_event_unref (event);
    return FALSE;
  }
  return gst_pad_event_default (pad, parent, event);
}

gboolean
fence_sync_src_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  if (GST_EVENT_TYPE (event) == GST_EVENT_RECONFIGURE)
    fence_sync_linked_again (GST_DMABUF_FENCE_SYNC (parent));
  return gst_pad_event_default (pad, parent, event);
}

gboolean
fence_sync_sink_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (parent);
  GstDmabufFenceSyncMode mode;
  gboolean ret;

  if (GST_QUERY_IS_SERIALIZED (query))
    fence_sync_wait_until_drained (self);
  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return gst_pad_query_default (pad, parent, query);

  ret = gst_pad_peer_query (self->srcpad, query);

  /* Upstream may send buffers before their fences have signalled: this element
   * handles the acquire fence for downstream. */
  GST_OBJECT_LOCK (self);
  mode = self->mode;
  GST_OBJECT_UNLOCK (self);
  if (mode != GST_DMABUF_FENCE_SYNC_MODE_EXPORT
      && !gst_query_find_allocation_meta (
          query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL)) {
    gst_query_add_allocation_meta (
        query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);
    ret = TRUE;
  }
  return ret;
}

gboolean
fence_sync_src_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstDmabufFenceSync *self = GST_DMABUF_FENCE_SYNC (parent);
  GstClockTime min, max, own, frame;
  gboolean live;
  guint n;

  if (GST_QUERY_TYPE (query) != GST_QUERY_LATENCY)
    return gst_pad_query_default (pad, parent, query);
  if (!gst_pad_peer_query (self->sinkpad, query))
    return FALSE;

  GST_OBJECT_LOCK (self);
  n = self->max_pending;
  GST_OBJECT_UNLOCK (self);
  g_mutex_lock (&self->lock);
  own = self->latency;
  frame = self->frame_duration;
  g_mutex_unlock (&self->lock);

  /* The reported wait adds to the minimum. The queue holds max-pending frames,
   * which adds to the maximum. */
  gst_query_parse_latency (query, &live, &min, &max);
  min += own;
  if (max != GST_CLOCK_TIME_NONE)
    max += MAX (own, n > 1 ? n * frame : 0);
  gst_query_set_latency (query, live, min, max);
  return TRUE;
}
