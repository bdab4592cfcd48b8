/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/lib/gstdmabufcore.h>

#include "gpu-device.h"
#include "gpu-queue.h"

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN (dmabufvk_debug);

/*
 * GstDmabufVkMemory:
 * @GST_DMABUF_VK_MEMORY_AUTO: the GPU's if it has memory of its own and
 *   downstream is a device that takes any memory, else system memory
 * @GST_DMABUF_VK_MEMORY_GPU: the GPU's
 * @GST_DMABUF_VK_MEMORY_SYSTEM: system memory
 *
 * The memory of output buffers.
 */
typedef enum
{
  GST_DMABUF_VK_MEMORY_AUTO,
  GST_DMABUF_VK_MEMORY_GPU,
  GST_DMABUF_VK_MEMORY_SYSTEM,
} GstDmabufVkMemory;

/*
 * The common part of the elements: a device, its frames in flight, and their
 * fences. A member of the element. For the streaming thread, except for
 * set_flushing() and the counters.
 */
typedef struct
{
  GstElement *element;

  /* Protected by the element's object lock. */
  char *device_name;
  gboolean validate;
  GpuImportMode import_mode;
  GstDmabufVkMemory memory;
  GstClockTime fence_timeout;
  gboolean implicit_sync;
  GCancellable *cancellable;

  GpuContext *context; /* Set under the object lock */
  GstCaps *caps[2];    /* Likewise: for reading, for writing */
  DmabufDevice *device;
  GpuQueue queue;
  gboolean downstream_syncs; /* Downstream takes the sync meta */
  guint n_recovered;         /* Lost devices in a row */

  GstDmabufCoreStats stats;
  guint64 gpu_waits; /* For a free slot; read by any thread */
  guint64 submits;
  guint64 semaphores;
  guint validation_messages;
} GstDmabufVkStage;

/* A frame and its format. */
typedef struct
{
  GstBuffer *buffer;
  const GstVideoInfoDmaDrm *info;
} GstDmabufVkFrame;

/* Ids of the common properties. */
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

/* Adds a src template, and with @sink a sink template. */
void gst_dmabuf_vk_add_pad_templates (GstElementClass *klass, gboolean sink);

void gst_dmabuf_vk_stage_init (GstDmabufVkStage *stage, GstElement *element);
void gst_dmabuf_vk_stage_finalize (GstDmabufVkStage *stage);

/* Opens the device; posts an element error on failure. */
gboolean gst_dmabuf_vk_stage_open (GstDmabufVkStage *stage);
void gst_dmabuf_vk_stage_close (GstDmabufVkStage *stage);

/* With @flushing ends all waits; without, allows them again. Any thread. */
void
gst_dmabuf_vk_stage_set_flushing (GstDmabufVkStage *stage, gboolean flushing);

/* Releases all buffers, for a caps change and a DRAIN query. */
void gst_dmabuf_vk_stage_drain (GstDmabufVkStage *stage);

/* The caps that the device can read, or write with @writable; all formats of
 * the plugin while no device is open. Any thread. */
GstCaps *
gst_dmabuf_vk_stage_get_caps (GstDmabufVkStage *stage, gboolean writable);

/* Runs @shader. @in: NULL for a pattern. The fence of the work is given to
 * downstream with the output, or waited for if downstream takes no fences. The
 * input is held until the GPU has read it. Posts an error, except for a flush.
 */
GstFlowReturn gst_dmabuf_vk_stage_run (GstDmabufVkStage *stage,
    GpuShader shader, const GstDmabufVkFrame *in, const GstDmabufVkFrame *out,
    const GpuParams *params, gint mode);

/* Adds our own pool to @query, of memory that downstream and the GPU reach. */
gboolean gst_dmabuf_vk_stage_decide_allocation (
    GstDmabufVkStage *stage, GstQuery *query);

/* Fills a #GpuColor with defaults for unknown values: full range for RGB;
 * limited range, and a matrix by the height of the frame, for YUV. */
void gst_dmabuf_vk_color_init (
    GpuColor *color, guint32 fourcc, const GstVideoInfo *info);

GpuOrientation gst_dmabuf_vk_orientation (GstVideoOrientationMethod method);

G_END_DECLS
