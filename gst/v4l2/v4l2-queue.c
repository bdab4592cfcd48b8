/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "v4l2-queue.h"
#include "v4l2-debug.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The greatest number of buffers that V4L2 allows. */
#define MAX_BUFFERS VIDEO_MAX_FRAME

/* The queue as a device of libdmabufcore. It imports nothing: the memory is the
 * driver's own. */
struct _V4l2QueueDevice
{
  DmabufDevice parent;
};

#define V4L2_TYPE_QUEUE_DEVICE (v4l2_queue_device_get_type ())
G_DECLARE_FINAL_TYPE (
    V4l2QueueDevice, v4l2_queue_device, V4L2, QUEUE_DEVICE, DmabufDevice)
G_DEFINE_FINAL_TYPE (V4l2QueueDevice, v4l2_queue_device, DMABUF_TYPE_DEVICE)

static void
v4l2_queue_device_class_init (V4l2QueueDeviceClass *klass)
{
}

static void
v4l2_queue_device_init (V4l2QueueDevice *self)
{
}

/* The dma-bufs of one frame. Used by the current holder of the buffer: the
 * enqueuing thread, the driver, or the streaming thread after DQBUF. */
typedef struct
{
  DmabufAttachment *attachments[V4L2_MAX_PLANES];
  DmabufMapping *mappings[V4L2_MAX_PLANES]; /* While the driver has them */
} Slot;

struct _V4l2Queue
{
  gint ref_count;

  V4l2Device *device;
  DmabufDevice *dmabuf_device;
  guint n_planes; /* Dma-bufs of a frame */
  guint n_buffers;
  guint n_exports;
  guint32 capabilities; /* V4L2_BUF_CAP_… */
  gboolean allocated;   /* REQBUFS(0) is due */
  gint n_queued;        /* Atomic: buffers in the driver */

  Slot slots[MAX_BUFFERS];

  /* Held over the check of @stopped, mapping and QBUF, so that a late buffer is
   * never queued after REQBUFS has made other buffers with the same indices.
   * Mapping and QBUF return at once. */
  GMutex lock;
  gboolean stopped;
};

/* --- ioctls ------------------------------------------------------------- */

typedef struct
{
  struct v4l2_buffer buffer;
  struct v4l2_plane planes[VIDEO_MAX_PLANES];
} BufferRequest;

static void
buffer_request_init (BufferRequest *request, V4l2Queue *queue, guint index)
{
  memset (request, 0, sizeof (*request));
  request->buffer.type = queue->device->type;
  request->buffer.memory = V4L2_MEMORY_MMAP;
  request->buffer.index = index;
  if (v4l2_device_is_multi_planar (queue->device)) {
    request->buffer.m.planes = request->planes;
    request->buffer.length = queue->n_planes;
  }
}

static gboolean
queue_request_buffers (V4l2Queue *queue, guint count, GError **error)
{
  struct v4l2_requestbuffers request = {
    .count = count,
    .type = queue->device->type,
    .memory = V4L2_MEMORY_MMAP,
  };

  if (v4l2_device_ioctl (queue->device, VIDIOC_REQBUFS, &request) < 0) {
    v4l2_device_set_error (
        queue->device, error, errno, "VIDIOC_REQBUFS of %u buffers", count);
    return FALSE;
  }

  queue->allocated = TRUE;
  queue->n_buffers = MIN (request.count, MAX_BUFFERS);
  queue->capabilities = request.capabilities;

  return TRUE;
}

/* Checks by QUERYBUF that each plane is as large as the format needs: a
 * driver's bug must not make consumers read past the end (SEC-7). */
static gboolean
queue_check_slot (
    V4l2Queue *queue, const V4l2Layout *layout, guint index, GError **error)
{
  BufferRequest request;
  guint i;

  buffer_request_init (&request, queue, index);
  if (v4l2_device_ioctl (queue->device, VIDIOC_QUERYBUF, &request.buffer) < 0) {
    v4l2_device_set_error (
        queue->device, error, errno, "VIDIOC_QUERYBUF of buffer %u", index);
    return FALSE;
  }

  for (i = 0; i < queue->n_planes; i++) {
    guint32 length = v4l2_device_is_multi_planar (queue->device)
        ? request.planes[i].length
        : request.buffer.length;

    if (length < layout->sizes[i]) {
      v4l2_device_set_error (queue->device, error, EINVAL,
          "buffer %u has %u bytes, the format needs %" G_GSIZE_FORMAT, index,
          length, layout->sizes[i]);
      return FALSE;
    }
  }

  return TRUE;
}

static gboolean
queue_export_plane (V4l2Queue *queue, guint index, guint plane, GError **error)
{
  struct v4l2_exportbuffer export = {
    .type = queue->device->type,
    .index = index,
    .plane = plane,
    .flags = O_CLOEXEC | O_RDWR, /* CLO-1; elements may draw into a frame. */
  };
  char *device_name, *name;
  DmabufBuffer *buffer;
  DmabufAttachment *attachment;

  if (v4l2_device_ioctl (queue->device, VIDIOC_EXPBUF, &export) < 0) {
    /* EINVAL by vb2_core_expbuf(), for memory that cannot be exported. */
    if (errno == ENOTTY || errno == EINVAL)
      g_set_error (error, DMABUF_ERROR, errno,
          "%s (%s): the driver cannot export dma-bufs (VIDIOC_EXPBUF); "
          "v4l2src ! dmabufalloc copies its frames into dma-bufs",
          queue->device->path, queue->device->card);
    else
      v4l2_device_set_error (queue->device, error, errno,
          "VIDIOC_EXPBUF of buffer %u, plane %u", index, plane);
    return FALSE;
  }

  buffer = dmabuf_buffer_import_take (export.fd, error);
  if (!buffer)
    goto unusable;
  queue->n_exports++;

  /* Shown in bufinfo and fdinfo. Cut: a name has at most 31 bytes (NAME-1). */
  device_name = g_path_get_basename (queue->device->path);
  name = g_strdup_printf ("%.16s:%u.%u", device_name, index, plane);
  if (!dmabuf_buffer_set_name (buffer, name, NULL))
    GST_DEBUG ("buffer %s stays without a name", name);
  g_free (name);
  g_free (device_name);

  attachment = dmabuf_device_attach (queue->dmabuf_device, buffer, error);
  dmabuf_buffer_unref (buffer);
  if (!attachment)
    goto unusable;
  queue->slots[index].attachments[plane] = attachment;

  return TRUE;

  /* ERRORS */
unusable:
  g_prefix_error (error, "%s (%s): ", queue->device->path, queue->device->card);
  return FALSE;
}

/* --- life --------------------------------------------------------------- */

guint
v4l2_queue_get_min_buffers (V4l2Device *device)
{
  struct v4l2_control control = { .id = V4L2_CID_MIN_BUFFERS_FOR_CAPTURE };

  /* The default: one buffer being filled, and the next one queued. */
  if (v4l2_device_ioctl (device, VIDIOC_G_CTRL, &control) < 0
      || control.value < 1 || control.value > MAX_BUFFERS)
    return 2;

  return control.value;
}

/* Ends the mappings of a slot, without a fence: the driver has finished writing
 * at DQBUF, and writes no more after STREAMOFF. */
static void
slot_unmap (Slot *slot)
{
  guint i;

  for (i = 0; i < V4L2_MAX_PLANES; i++) {
    if (slot->mappings[i])
      dmabuf_mapping_unmap (g_steal_pointer (&slot->mappings[i]), NULL, NULL);
  }
}

static void
queue_drop_buffers (V4l2Queue *queue)
{
  guint i, j;

  g_mutex_lock (&queue->lock);
  for (i = 0; i < MAX_BUFFERS; i++) {
    slot_unmap (&queue->slots[i]);
    for (j = 0; j < V4L2_MAX_PLANES; j++)
      g_clear_pointer (
          &queue->slots[i].attachments[j], dmabuf_attachment_unref);
  }
  g_mutex_unlock (&queue->lock);

  dmabuf_device_trim (queue->dmabuf_device);
}

V4l2Queue *
v4l2_queue_new (V4l2Device *device, const V4l2Layout *layout, guint n_buffers,
    gboolean ignore_kernel_fences, GError **error)
{
  V4l2Queue *queue = g_new0 (V4l2Queue, 1);
  guint i, j;

  queue->ref_count = 1;
  queue->device = v4l2_device_ref (device);
  queue->dmabuf_device =
      g_object_new (V4L2_TYPE_QUEUE_DEVICE, "name", device->path, "flags",
          ignore_kernel_fences ? DMABUF_DEVICE_FLAG_IMPLICIT_SYNC
                               : DMABUF_DEVICE_FLAG_NONE,
          "max-attachments", MAX_BUFFERS * V4L2_MAX_PLANES, NULL);
  queue->n_planes = layout->n_buffers;
  g_mutex_init (&queue->lock);

  if (!queue_request_buffers (queue, n_buffers, error))
    goto failed;
  if (queue->n_buffers < 2)
    goto too_few;

  for (i = 0; i < queue->n_buffers; i++) {
    if (!queue_check_slot (queue, layout, i, error))
      goto failed;
    for (j = 0; j < queue->n_planes; j++) {
      if (!queue_export_plane (queue, i, j, error))
        goto failed;
    }
  }

  GST_DEBUG ("%s: %u buffers of %u dma-bufs, asked for %u, %s", device->path,
      queue->n_buffers, queue->n_planes, n_buffers,
      queue->capabilities & V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS
          ? "orphaned when stopped"
          : "all needed back when stopped");

  return queue;

  /* ERRORS */
too_few:
  v4l2_device_set_error (device, error, ENOMEM,
      "the driver gave %u of %u buffers, streaming needs at least 2",
      queue->n_buffers, n_buffers);
failed:
  v4l2_queue_unref (queue);
  return NULL;
}

V4l2Queue *
v4l2_queue_ref (V4l2Queue *queue)
{
  g_atomic_int_inc (&queue->ref_count);
  return queue;
}

void
v4l2_queue_unref (V4l2Queue *queue)
{
  if (!g_atomic_int_dec_and_test (&queue->ref_count))
    return;

  v4l2_queue_stop (queue);
  v4l2_queue_release (queue, NULL);
  g_object_unref (queue->dmabuf_device);
  g_mutex_clear (&queue->lock);
  v4l2_device_unref (queue->device);
  g_free (queue);
}

V4l2Device *
v4l2_queue_get_device (V4l2Queue *queue)
{
  return queue->device;
}

guint
v4l2_queue_get_n_buffers (V4l2Queue *queue)
{
  return queue->n_buffers;
}

guint
v4l2_queue_get_n_queued (V4l2Queue *queue)
{
  return g_atomic_int_get (&queue->n_queued);
}

guint
v4l2_queue_get_n_exports (V4l2Queue *queue)
{
  return queue->n_exports;
}

DmabufBuffer *
v4l2_queue_get_buffer (V4l2Queue *queue, guint index, guint plane)
{
  g_return_val_if_fail (index < queue->n_buffers, NULL);
  g_return_val_if_fail (plane < queue->n_planes, NULL);

  return dmabuf_attachment_get_buffer (queue->slots[index].attachments[plane]);
}

/* --- streaming ---------------------------------------------------------- */

gboolean
v4l2_queue_start (V4l2Queue *queue, GError **error)
{
  int type = queue->device->type;

  if (v4l2_device_ioctl (queue->device, VIDIOC_STREAMON, &type) < 0) {
    v4l2_device_set_error (queue->device, error, errno, "VIDIOC_STREAMON");
    return FALSE;
  }

  return TRUE;
}

gboolean
v4l2_queue_dequeue (V4l2Queue *queue, V4l2Frame *frame, GError **error)
{
  BufferRequest request;
  const struct v4l2_buffer *buffer = &request.buffer;
  guint i;

  buffer_request_init (&request, queue, 0);
  if (v4l2_device_ioctl (queue->device, VIDIOC_DQBUF, &request.buffer) < 0) {
    v4l2_device_set_error (queue->device, error, errno, "VIDIOC_DQBUF");
    return FALSE;
  }
  if (buffer->index >= queue->n_buffers) {
    v4l2_device_set_error (queue->device, error, EIO,
        "the driver returned buffer %u of %u", buffer->index, queue->n_buffers);
    return FALSE;
  }

  g_mutex_lock (&queue->lock);
  slot_unmap (&queue->slots[buffer->index]);
  g_mutex_unlock (&queue->lock);

  *frame = (V4l2Frame) {
    .index = buffer->index,
    .sequence = buffer->sequence,
    .flags = buffer->flags,
    .timestamp = (gint64) buffer->timestamp.tv_sec * 1000000000
        + (gint64) buffer->timestamp.tv_usec * 1000,
    .starved = g_atomic_int_dec_and_test (&queue->n_queued),
  };

  if (v4l2_device_is_multi_planar (queue->device)) {
    for (i = 0; i < queue->n_planes; i++) {
      frame->bytesused += request.planes[i].bytesused;
      frame->data_offset[i] = request.planes[i].data_offset;
    }
  } else {
    frame->bytesused = buffer->bytesused;
  }

  return TRUE;
}

/* Lock held. Begins the driver's access. @pending gets the first fence that it
 * has to wait for. */
static gboolean
slot_map (Slot *slot, guint n_planes, DmabufFence **pending, GError **error)
{
  guint i;

  for (i = 0; i < n_planes; i++) {
    DmabufFence *fence;

    if (!slot->mappings[i])
      slot->mappings[i] = dmabuf_attachment_map (
          slot->attachments[i], DMABUF_DIRECTION_FROM_DEVICE, error);
    if (!slot->mappings[i])
      return FALSE;

    fence = dmabuf_mapping_get_fence (slot->mappings[i]);
    if (fence && !dmabuf_fence_is_signaled (fence)) {
      *pending = dmabuf_fence_ref (fence);
      break;
    }
  }

  return TRUE;
}

V4l2EnqueueResult
v4l2_queue_enqueue (
    V4l2Queue *queue, guint index, DmabufFence **pending, GError **error)
{
  V4l2EnqueueResult result;
  BufferRequest request;

  g_return_val_if_fail (index < queue->n_buffers, V4L2_ENQUEUE_FAILED);

  *pending = NULL;
  buffer_request_init (&request, queue, index);

  g_mutex_lock (&queue->lock);
  if (queue->stopped) {
    result = V4L2_ENQUEUE_STOPPED;
  } else if (!slot_map (
                 &queue->slots[index], queue->n_planes, pending, error)) {
    result = V4L2_ENQUEUE_FAILED;
  } else if (*pending) {
    result = V4L2_ENQUEUE_PENDING;
  } else {
    result = V4L2_ENQUEUE_DONE;
    /* Counted before: DQBUF on another thread may return the buffer at once. */
    g_atomic_int_inc (&queue->n_queued);
    if (v4l2_device_ioctl (queue->device, VIDIOC_QBUF, &request.buffer) < 0) {
      v4l2_device_set_error (
          queue->device, error, errno, "VIDIOC_QBUF of buffer %u", index);
      g_atomic_int_add (&queue->n_queued, -1);
      result = V4L2_ENQUEUE_FAILED;
    }
  }
  g_mutex_unlock (&queue->lock);

  return result;
}

void
v4l2_queue_stop (V4l2Queue *queue)
{
  int type = queue->device->type;
  gboolean was_stopped;

  g_mutex_lock (&queue->lock);
  was_stopped = queue->stopped;
  queue->stopped = TRUE;
  g_mutex_unlock (&queue->lock);

  if (was_stopped || !queue->allocated)
    return;

  if (v4l2_device_ioctl (queue->device, VIDIOC_STREAMOFF, &type) < 0)
    GST_DEBUG (
        "%s: VIDIOC_STREAMOFF: %s", queue->device->path, g_strerror (errno));
}

gboolean
v4l2_queue_release (V4l2Queue *queue, GError **error)
{
  struct v4l2_requestbuffers request = {
    .type = queue->device->type,
    .memory = V4L2_MEMORY_MMAP,
  };

  g_return_val_if_fail (queue->stopped, FALSE);

  queue_drop_buffers (queue);

  /* With ENODEV the device is gone, and its buffers have been freed. */
  if (queue->allocated
      && v4l2_device_ioctl (queue->device, VIDIOC_REQBUFS, &request) < 0
      && errno != ENODEV) {
    int code = errno;

    if (code == EBUSY)
      g_set_error (error, DMABUF_ERROR, EBUSY,
          "%s (%s): consumers still hold buffers of the previous format, and "
          "this kernel frees all buffers at once; stop the pipeline to change "
          "the format",
          queue->device->path, queue->device->card);
    else
      v4l2_device_set_error (
          queue->device, error, code, "VIDIOC_REQBUFS of 0 buffers");
    return FALSE;
  }
  queue->allocated = FALSE;

  return TRUE;
}
