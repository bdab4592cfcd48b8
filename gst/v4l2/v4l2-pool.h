/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "v4l2-queue.h"

#include <gst/gst.h>

G_BEGIN_DECLS

/*
 * The frames of a queue as GstBuffers. Acquiring one waits for the driver. The
 * thread that drops the last reference to a frame's memory queues it to the
 * driver again, or leaves that to the callback of a pending fence.
 */
#define V4L2_TYPE_POOL (v4l2_pool_get_type ())
G_DECLARE_FINAL_TYPE (V4l2Pool, v4l2_pool, V4L2, POOL, GstBufferPool)

/* Makes an active pool and enqueues all buffers; streaming begins with
 * v4l2_queue_start(). Takes a reference of @queue. */
V4l2Pool *v4l2_pool_new (
    V4l2Queue *queue, const V4l2Layout *layout, GstCaps *caps, GError **error);

/* The device has an event instead of a frame. */
#define V4L2_POOL_FLOW_EVENT GST_FLOW_CUSTOM_SUCCESS
/* No frame within V4L2_TIMEOUT_MS, although the driver has buffers;
 * returned once for each pool. */
#define V4L2_POOL_FLOW_NO_FRAME GST_FLOW_CUSTOM_SUCCESS_1

/* Waits for the next frame. %GST_FLOW_FLUSHING if v4l2_device_wake() ended the
 * wait, %V4L2_POOL_FLOW_EVENT, %V4L2_POOL_FLOW_NO_FRAME, or %GST_FLOW_ERROR
 * with @error. */
GstFlowReturn v4l2_pool_acquire (
    V4l2Pool *self, GstBuffer **buffer, V4l2Frame *frame, GError **error);

/* Stops the queue and frees all buffers except those that consumers hold, which
 * are freed as they come back. */
void v4l2_pool_shutdown (V4l2Pool *self);

/* Counters since the pool was made: buffers that came back from consumers, and
 * how often one had to wait for a fence. */
guint64 v4l2_pool_get_n_requeued (V4l2Pool *self);
guint64 v4l2_pool_get_n_fences_waited (V4l2Pool *self);

G_END_DECLS
