/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-frame.h"
#include "gpu-params.h"
#include "gpu-program.h"

G_BEGIN_DECLS

#define GPU_MAX_SLOTS 8
#define GPU_MAX_WAITS 8

/* How long a GPU may take for one frame before it is given up. A CPU that
 * plays one compiles the first frame's shader, beside whatever else it does.
 * Fences of others have the deadline of the caller. */
#define GPU_PATIENCE(context) \
  (((context)->fences_completed ? 600 : 30) * G_TIME_SPAN_SECOND)

/*
 * One frame in flight. What it uses is made once; what belongs to the frame is
 * given back when the slot's value of the timeline has been reached:
 *
 *   submit          slot: value n, holds  ──── GPU ────  timeline reaches n
 *   n_slots later   slot is wanted again: the holds are dropped
 */
typedef struct
{
  VkCommandPool pool;
  VkCommandBuffer commands;
  VkDescriptorSet sets[2][2];
  VkSemaphore waits[GPU_MAX_WAITS]; /* their payload is imported, each once */
  VkSemaphore done;                 /* its payload leaves as a sync_file */
  gboolean exported;                /* it has left */
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
  GpuSlot *prepared; /* recorded and not submitted */
  VkDescriptorPool descriptors;
  VkBuffer params;
  VkDeviceMemory params_memory;
  guint8 *params_data;
  gsize params_stride;

  VkSemaphore timeline;
  guint64 submitted;
  DmabufFenceTrust trust; /* of what is exported */

  guint64 n_submits;
  guint64 n_semaphores; /* that fences were imported into */
  guint64 n_cpu_waits;  /* for a fence, because there is no semaphore */
  guint64 n_full_waits; /* for a free slot, because the GPU is behind */
} GpuQueue;

/*
 * Work on one frame.
 *
 * @in: NULL for a pattern
 * @params: without planes, which the frames have
 * @mode: the shader's constant
 * @fences: what to wait for, of anybody; not needed to prepare
 * @holds: (nullable): kept until the GPU is done
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

/* Waits until the GPU is done with everything, and drops what is held; FALSE if
 * it does not finish. */
gboolean gpu_queue_drain (GpuQueue *queue);

/* Waits for a free slot, makes the pipeline if there is none, records @job. All
 * of that may take long: nobody is to be kept from the buffers meanwhile. */
gboolean gpu_queue_prepare (GpuQueue *queue, const GpuJob *job,
    GCancellable *cancellable, GError **error);

/* Whether all of @fences that are pending can be left to the GPU. */
gboolean gpu_queue_takes_fences (
    GpuQueue *queue, DmabufFence *const *fences, guint n_fences);

/* Waits on the CPU for those that cannot. */
gboolean gpu_queue_wait_fences (GpuQueue *queue, DmabufFence *const *fences,
    guint n_fences, gint64 deadline, GCancellable *cancellable, GError **error);

/* Submits @job, which gpu_queue_prepare() had last. @deadline is for those of
 * its fences that the GPU does not take. @fence: (out) (nullable):
 * kernel-backed, signals when the GPU is done; NULL if it is. */
gboolean gpu_queue_submit (GpuQueue *queue, const GpuJob *job, gint64 deadline,
    GCancellable *cancellable, DmabufFence **fence, GError **error);

G_END_DECLS
