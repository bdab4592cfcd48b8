/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/lib/gstdmabufcore.h>

#include "gpu-device.h"
#include "gpu-queue.h"

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN (dmabufvk_debug);

/*
 * GstDmabufVkMemory:
 * @GST_DMABUF_VK_MEMORY_AUTO: of the GPU if it has memory of its own and
 *   downstream is a device that takes any, else of the machine
 * @GST_DMABUF_VK_MEMORY_GPU: of the GPU
 * @GST_DMABUF_VK_MEMORY_SYSTEM: of the machine
 *
 * Where the output's buffers lie.
 */
typedef enum
{
  GST_DMABUF_VK_MEMORY_AUTO,
  GST_DMABUF_VK_MEMORY_GPU,
  GST_DMABUF_VK_MEMORY_SYSTEM,
} GstDmabufVkMemory;

/*
 * What the elements have in common: a device, frames in flight on it, and the
 * fences around them. A member of the element; the streaming thread owns it,
 * but for unlock and the counters.
 */
typedef struct
{
  GstElement *element;

  /* protected by the element's object lock */
  char *device_name;
  gboolean validate;
  GpuImportMode import_mode;
  GstDmabufVkMemory memory;
  GstClockTime fence_timeout;
  gboolean implicit_sync;
  GCancellable *cancellable;

  GpuContext *context; /* set under the object lock */
  GstCaps *caps[2];    /* the same: of what it reads, of what it writes */
  DmabufDevice *device;
  GpuQueue queue;
  gboolean downstream_syncs; /* it knows the sync meta */
  guint n_recovered;         /* lost devices in a row */

  GstDmabufCoreStats stats;
  guint64 gpu_waits; /* for a free slot; any thread reads */
  guint64 submits;
  guint64 semaphores;
  guint validation_messages;
} GstDmabufVkStage;

/* A frame and where its pixels lie. */
typedef struct
{
  GstBuffer *buffer;
  const GstVideoInfoDmaDrm *info;
} GstDmabufVkFrame;

/* The properties that the elements share, by these numbers */
enum
{
  GST_DMABUF_VK_PROP_0,
  GST_DMABUF_VK_PROP_DEVICE,
  GST_DMABUF_VK_PROP_VALIDATE,
  GST_DMABUF_VK_PROP_IMPORT_MODE,
  GST_DMABUF_VK_PROP_MEMORY,
  GST_DMABUF_VK_PROP_FENCE_TIMEOUT,
  GST_DMABUF_VK_PROP_IMPLICIT_SYNC,
  GST_DMABUF_VK_PROP_STATS,
  GST_DMABUF_VK_N_PROPS,
};

void gst_dmabuf_vk_stage_install_properties (GObjectClass *klass);
gboolean gst_dmabuf_vk_stage_set_property (
    GstDmabufVkStage *stage, guint property, const GValue *value);
gboolean gst_dmabuf_vk_stage_get_property (
    GstDmabufVkStage *stage, guint property, GValue *value);

/* A src template, and a sink template with @sink */
void gst_dmabuf_vk_add_pad_templates (GstElementClass *klass, gboolean sink);

void gst_dmabuf_vk_stage_init (GstDmabufVkStage *stage, GstElement *element);
void gst_dmabuf_vk_stage_finalize (GstDmabufVkStage *stage);

/* Opens the device; posts an element error where it cannot. */
gboolean gst_dmabuf_vk_stage_open (GstDmabufVkStage *stage);
void gst_dmabuf_vk_stage_close (GstDmabufVkStage *stage);

/* Ends waits, and lets them be again. Any thread. */
void
gst_dmabuf_vk_stage_set_flushing (GstDmabufVkStage *stage, gboolean flushing);

/* Lets go of all buffers: for a caps change and a drain. */
void gst_dmabuf_vk_stage_drain (GstDmabufVkStage *stage);

/* The caps of what the device reads (SAMPLED) or writes (STORAGE); all that the
 * plugin knows as long as no device is open. Any thread. */
GstCaps *
gst_dmabuf_vk_stage_get_caps (GstDmabufVkStage *stage, gboolean writable);

/* Runs @shader. @in NULL for a pattern. The fence of the work goes with the
 * output, or is waited for where downstream knows no fences; the input is held
 * until it has been read. An error is posted, unless flushing ended it. */
GstFlowReturn gst_dmabuf_vk_stage_run (GstDmabufVkStage *stage,
    GpuShader shader, const GstDmabufVkFrame *in, const GstDmabufVkFrame *out,
    const GpuParams *params, gint mode);

/* Decides on the pool for frames of @caps: ours, of memory that downstream and
 * the GPU reach. */
gboolean gst_dmabuf_vk_stage_decide_allocation (
    GstDmabufVkStage *stage, GstQuery *query);

/* Fills a #GpuColor and normalises it: RGB has no matrix and, if unknown, the
 * full range; YUV the matrix of its size and the limited range. */
void gst_dmabuf_vk_color_init (
    GpuColor *color, guint32 fourcc, const GstVideoInfo *info);

GpuOrientation gst_dmabuf_vk_orientation (GstVideoOrientationMethod method);

G_END_DECLS
