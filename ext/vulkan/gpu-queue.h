/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-frame.h"
#include "gpu-params.h"
#include "gpu-program.h"

G_BEGIN_DECLS

#define GPU_MAX_SLOTS 8
#define GPU_MAX_WAITS 8

/* How long the device may take for one frame before that is an error. A CPU
 * driver also compiles the shader during the first frame. For fences of other
 * users the caller's deadline counts. */
#define GPU_TIMEOUT(context) \
  (((context)->fences_completed ? 600 : 30) * G_TIME_SPAN_SECOND)

/*
 * The objects of one frame in flight. They are made once and reused when the
 * timeline has reached the slot's value:
 *
 *   submit          slot: value n, holds  ──── GPU ────  timeline reaches n
 *   n_slots later   the slot is used again: the holds are dropped
 */
typedef struct
{
  VkCommandPool pool;
  VkCommandBuffer commands;
  VkDescriptorSet sets[2][2];
  VkSemaphore waits[GPU_MAX_WAITS]; /* For imported fences of the frame */
  VkSemaphore done;                 /* Exported as a sync_file */
  gboolean exported;                /* The export has succeeded */
  guint64 value;
  DmabufAttachment *holds[2];
} GpuSlot;

/*
 * The frames of one element on the GPU. Belongs to the streaming thread.
 */
typedef struct
{
  GpuContext *context;
  GpuProgram program;

  guint n_slots;
  guint next;
  GpuSlot slots[GPU_MAX_SLOTS];
  GpuSlot *prepared; /* Recorded, but not submitted */
  VkDescriptorPool descriptors;
  VkBuffer params;
  VkDeviceMemory params_memory;
  guint8 *params_data;
  gsize params_stride;

  VkSemaphore timeline;
  guint64 submitted;
  DmabufFenceTrust trust; /* Of exported fences */

  guint64 n_submits;
  guint64 n_semaphores; /* Fences imported into semaphores */
  guint64 n_cpu_waits;  /* For fences that cannot be imported or exported */
  guint64 n_full_waits; /* For a free slot, because the GPU is behind */
} GpuQueue;

/*
 * Work on one frame.
 *
 * @in: NULL for a pattern
 * @params: without planes, which are taken from the frames
 * @mode: the shader's constant
 * @fences: fences to wait for, of any kind; not needed for prepare
 * @holds: (nullable): attachments to hold until the GPU is done
 */
typedef struct
{
  GpuShader shader;
  GpuFrame *in;
  GpuFrame *out;
  const GpuParams *params;
  gint mode;
  DmabufFence *const *fences;
  guint n_fences;
  DmabufAttachment *holds[2];
} GpuJob;

gboolean gpu_queue_init (
    GpuQueue *queue, GpuContext *context, guint n_slots, GError **error);

/* Waits for the GPU. A zeroed queue may be cleared. */
void gpu_queue_clear (GpuQueue *queue);

/* Waits until the GPU is done with all frames, and drops their holds; FALSE if
 * it does not finish. */
gboolean gpu_queue_drain (GpuQueue *queue);

/* Waits for a free slot, makes the pipeline if there is none, and records @job.
 * This may take long: to be called before the buffers are locked. */
gboolean gpu_queue_prepare (GpuQueue *queue, const GpuJob *job,
    GCancellable *cancellable, GError **error);

/* Whether the GPU can wait for all pending fences of @fences. */
gboolean gpu_queue_takes_fences (
    GpuQueue *queue, DmabufFence *const *fences, guint n_fences);

/* Waits on the CPU for the fences that the GPU cannot wait for. */
gboolean gpu_queue_wait_fences (GpuQueue *queue, DmabufFence *const *fences,
    guint n_fences, gint64 deadline, GCancellable *cancellable, GError **error);

/* Submits @job, after gpu_queue_prepare() with the same one. @deadline is for
 * fences that the GPU cannot wait for. @fence: (out) (nullable): a
 * kernel-backed fence that signals when the GPU is done; NULL if it is done
 * already. */
gboolean gpu_queue_submit (GpuQueue *queue, const GpuJob *job, gint64 deadline,
    GCancellable *cancellable, DmabufFence **fence, GError **error);

G_END_DECLS
