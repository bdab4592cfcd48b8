/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "v4l2-device.h"
#include "v4l2-format.h"

#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

/*
 * One set of capture buffers, for the life of one format: made by REQBUFS,
 * each dma-buf exported once, given back by REQBUFS(0).
 *
 *   v4l2_queue_new ── enqueue all ── v4l2_queue_start ──┐
 *                                                        ▼
 *        ┌── v4l2_queue_enqueue ◄── consumers ◄── v4l2_queue_dequeue
 *        └──────────────────────────────────────────────▲
 *
 *   v4l2_queue_stop, v4l2_queue_release: whatever is still outside is orphaned.
 *   Its dma-buf lives on as long as somebody holds it, but does not come back.
 *
 * For libdmabufcore the queue is a device, and each stay of a buffer in the
 * driver a mapping of it: QBUF begins one, DQBUF ends it. V4L2 knows no fences,
 * so whatever stands against the mapping is waited for before QBUF.
 *
 * The streaming thread dequeues, starts, stops and releases; any thread
 * enqueues.
 */
typedef struct _V4l2Queue V4l2Queue;

/* A frame that was dequeued. */
typedef struct
{
  guint index;
  guint32 sequence;
  guint32 flags;    /* V4L2_BUF_FLAG_… */
  gint64 timestamp; /* nanoseconds, of the clock that the flags tell */
  gsize bytesused;  /* of all planes; 0: the frame is empty */
  guint32 data_offset[V4L2_MAX_PLANES];
  gboolean starved; /* the driver has no buffer left to fill */
  gboolean waited;  /* it was not there when it was asked for */
} V4l2Frame;

typedef enum
{
  V4L2_ENQUEUE_DONE,
  V4L2_ENQUEUE_PENDING, /* a fence has to signal first */
  V4L2_ENQUEUE_STOPPED, /* the buffer is not wanted any more */
  V4L2_ENQUEUE_FAILED,
} V4l2EnqueueResult;

/* How many buffers the driver needs for itself, so that it can work. */
guint v4l2_queue_get_min_buffers (V4l2Device *device);

/* Allocates and exports about @n_buffers (the driver has the last word) for the
 * format that is set. @ignore_kernel_fences: no consumer leaves fences in the
 * kernel that this process does not know of, so QBUF need not ask for them. */
V4l2Queue *v4l2_queue_new (V4l2Device *device, const V4l2Layout *layout,
    guint n_buffers, gboolean ignore_kernel_fences, GError **error);

V4l2Queue *v4l2_queue_ref (V4l2Queue *queue);
void v4l2_queue_unref (V4l2Queue *queue);

V4l2Device *v4l2_queue_get_device (V4l2Queue *queue);
guint v4l2_queue_get_n_buffers (V4l2Queue *queue);

/* How many the driver has, at this moment. */
guint v4l2_queue_get_n_queued (V4l2Queue *queue);

/* How often EXPBUF was called: n_buffers × dma-bufs of a frame, once. */
guint v4l2_queue_get_n_exports (V4l2Queue *queue);

/* Transfer none; not after the release. */
DmabufBuffer *
v4l2_queue_get_buffer (V4l2Queue *queue, guint index, guint plane);

/* STREAMON; at least the driver's minimum must be enqueued. */
gboolean v4l2_queue_start (V4l2Queue *queue, GError **error);

/* A frame, if there is one: FALSE with EAGAIN if there is none yet, ENODEV if
 * the device is gone. */
gboolean
v4l2_queue_dequeue (V4l2Queue *queue, V4l2Frame *frame, GError **error);

/* Lends the buffer to the driver. With %V4L2_ENQUEUE_PENDING, @pending
 * (transfer full) is what to wait for before the next try. */
V4l2EnqueueResult v4l2_queue_enqueue (
    V4l2Queue *queue, guint index, DmabufFence **pending, GError **error);

/* STREAMOFF, and nothing can be enqueued any more. */
void v4l2_queue_stop (V4l2Queue *queue);

/* REQBUFS(0), after the stop. FALSE with EBUSY if somebody outside holds
 * buffers and the kernel cannot orphan them: to be tried again when they are
 * back. */
gboolean v4l2_queue_release (V4l2Queue *queue, GError **error);

G_END_DECLS
