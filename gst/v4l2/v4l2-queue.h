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
 *   v4l2_queue_stop, v4l2_queue_release: buffers that consumers hold are
 *   orphaned. Their dma-bufs live until the last reference goes, but are not
 *   queued again.
 *
 * For libdmabufcore the queue is a device, and QBUF begins a mapping of the
 * buffer that DQBUF ends. V4L2 has no fences, so the fences of the mapping have
 * to signal before QBUF.
 *
 * The streaming thread dequeues, starts, stops and releases; any thread
 * enqueues.
 */
typedef struct _V4l2Queue V4l2Queue;

/* A dequeued frame. */
typedef struct
{
  guint index;
  guint32 sequence;
  guint32 flags;    /* V4L2_BUF_FLAG_… */
  gint64 timestamp; /* Nanoseconds, of the clock that the flags name */
  gsize bytesused;  /* Of all planes; 0: the frame is empty */
  guint32 data_offset[V4L2_MAX_PLANES];
  gboolean starved; /* The driver has no buffer left to fill */
  gboolean waited;  /* The streaming thread had to wait for it */
} V4l2Frame;

typedef enum
{
  V4L2_ENQUEUE_DONE,
  V4L2_ENQUEUE_PENDING, /* A fence has to signal first */
  V4L2_ENQUEUE_STOPPED, /* The queue is stopped: the buffer is not needed */
  V4L2_ENQUEUE_FAILED,
} V4l2EnqueueResult;

/* The number of buffers that the driver needs in its queue. */
guint v4l2_queue_get_min_buffers (V4l2Device *device);

/* Allocates and exports @n_buffers, or as many as the driver chooses, for the
 * current format. With @ignore_kernel_fences this process knows all fences of
 * the consumers, so that the kernel is not asked for them before QBUF. */
V4l2Queue *v4l2_queue_new (V4l2Device *device, const V4l2Layout *layout,
    guint n_buffers, gboolean ignore_kernel_fences, GError **error);

V4l2Queue *v4l2_queue_ref (V4l2Queue *queue);
void v4l2_queue_unref (V4l2Queue *queue);

V4l2Device *v4l2_queue_get_device (V4l2Queue *queue);
guint v4l2_queue_get_n_buffers (V4l2Queue *queue);

/* The number of buffers in the driver at this moment. */
guint v4l2_queue_get_n_queued (V4l2Queue *queue);

/* The number of exported dma-bufs: n_buffers × dma-bufs of a frame. */
guint v4l2_queue_get_n_exports (V4l2Queue *queue);

/* Transfer none. To be called before v4l2_queue_release(). */
DmabufBuffer *
v4l2_queue_get_buffer (V4l2Queue *queue, guint index, guint plane);

/* STREAMON; the driver's minimum of buffers must be enqueued before. */
gboolean v4l2_queue_start (V4l2Queue *queue, GError **error);

/* Dequeues a frame without waiting. FALSE with EAGAIN if none is ready, ENODEV
 * if the device is gone. */
gboolean
v4l2_queue_dequeue (V4l2Queue *queue, V4l2Frame *frame, GError **error);

/* QBUF. With %V4L2_ENQUEUE_PENDING, @pending (transfer full) is the fence to
 * wait for before the next try. */
V4l2EnqueueResult v4l2_queue_enqueue (
    V4l2Queue *queue, guint index, DmabufFence **pending, GError **error);

/* STREAMOFF; afterwards enqueuing returns %V4L2_ENQUEUE_STOPPED. */
void v4l2_queue_stop (V4l2Queue *queue);

/* REQBUFS(0), after the stop. FALSE with EBUSY if consumers hold buffers and
 * the kernel cannot orphan them: to be tried again when they are back. */
gboolean v4l2_queue_release (V4l2Queue *queue, GError **error);

G_END_DECLS
