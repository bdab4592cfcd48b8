/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufv4l2src.h"
#include "v4l2-caps.h"
#include "v4l2-input.h"
#include "v4l2-pool.h"
#include "v4l2-queue.h"
#include "v4l2-setup.h"
#include "v4l2-timeline.h"

#include "gst/lib/gstdmabufcore.h"
#include "gst/lib/gstdmabufcoreinterrupt-private.h"

G_BEGIN_DECLS

/*
 * Threads: members belong to the streaming thread, or to the thread that starts
 * and stops the element while the streaming thread does not run; exceptions
 * have a comment. Buffers come back on any thread and then use the V4l2Pool
 * only.
 */
struct _GstDmabufV4l2Src
{
  GstPushSrc parent;

  /* Written under the object lock. The streaming thread reads without the lock
   * the members that only it writes. */
  char *device_path;
  GstStructure *extra_controls;
  V4l2Device *device; /* From start to stop */
  V4l2Caps caps;      /* Likewise */
  V4l2Pool *pool;
  guint n_buffers;         /* Dma-bufs of the pool */
  guint n_frames;          /* Frames for which the pool has dma-bufs */
  guint64 n_exports;       /* Since the start */
  guint64 n_requeued;      /* By pools before this one */
  guint64 n_fences_waited; /* Likewise */
  GstClockTime duration;   /* Of a frame; NONE if the driver has no rate */
  GstClockTime latency;    /* Minimum; 0 before the first frame */
  guint64 cpu_maps_before; /* The process-wide counter at the start */

  GstDmabufCoreStats stats; /* Atomic */
  gint n_starved;           /* Atomic */
  gint paused;              /* Atomic */

  GstDmabufCoreInterrupt interrupt; /* Atomic */

  GstCaps *applied; /* As requested of the device, before its corrections */
  V4l2Setup setup;
  V4l2Queue *queue;
  guint n_wanted; /* Frames requested; the driver may give another number */
  gboolean ignore_kernel_fences;
  gboolean streaming;
  gboolean signal_changed; /* And not negotiated yet */
  gboolean no_signal_reported;
  V4l2Timeline timeline;
};

/* Posts @error, which it takes, as the element's error. */
void gst_dmabuf_v4l2_src_post_error (
    GstDmabufV4l2Src *self, GError *error, GstResourceError fallback);

/* --- gstdmabufv4l2src-negotiation.c --------------------------------------- */

/* Stops capturing and frees the buffers. Those that consumers hold live on; on
 * a kernel that cannot orphan them, a DRAIN query asks for them. */
gboolean gst_dmabuf_v4l2_src_teardown (GstDmabufV4l2Src *self, GError **error);

/* To be called after the signal at the input has changed: waits for a signal,
 * with one warning, and negotiates its format. */
GstFlowReturn gst_dmabuf_v4l2_src_follow_signal (GstDmabufV4l2Src *self);

/* The class's functions. */
GstCaps *gst_dmabuf_v4l2_src_get_caps (GstBaseSrc *base, GstCaps *filter);
gboolean gst_dmabuf_v4l2_src_negotiate (GstBaseSrc *base);
gboolean
gst_dmabuf_v4l2_src_decide_allocation (GstBaseSrc *base, GstQuery *query);

G_END_DECLS
