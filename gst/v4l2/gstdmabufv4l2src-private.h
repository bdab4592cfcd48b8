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
 * Threads: the streaming thread owns everything but what a comment says
 * otherwise, and so does whoever starts and stops the element while there is no
 * streaming thread. Buffers come back on any thread, and then meet only the
 * V4l2Pool.
 */
struct _GstDmabufV4l2Src
{
  GstPushSrc parent;

  /* Under the object lock; what the streaming thread changes, it may read
   * without. */
  char *device_path;
  GstStructure *extra_controls;
  V4l2Device *device; /* from start to stop */
  V4l2Caps caps;      /* likewise */
  V4l2Pool *pool;
  guint n_buffers;         /* dma-bufs of the pool */
  guint n_frames;          /* that the pool has buffers for */
  guint64 n_exports;       /* since the start */
  guint64 n_requeued;      /* of the pools before this one */
  guint64 n_fences_waited; /* likewise */
  GstClockTime duration;   /* of a frame; NONE if the driver does not say */
  GstClockTime latency;    /* least; 0 before the first frame */
  guint64 cpu_maps_before; /* what the process had counted at the start */

  GstDmabufCoreStats stats; /* atomic */
  gint n_starved;           /* atomic */
  gint paused;              /* atomic */

  GstDmabufCoreInterrupt interrupt; /* atomic */

  GstCaps *applied; /* to the device, before it said what it made of them */
  V4l2Setup setup;
  V4l2Queue *queue;
  guint n_wanted; /* frames, before the driver said how many it has */
  gboolean ignore_kernel_fences;
  gboolean streaming;
  gboolean signal_changed; /* and nobody has followed it yet */
  gboolean told_no_signal;
  V4l2Timeline timeline;
};

/* Posts @error, which it takes, as the element's error. */
void gst_dmabuf_v4l2_src_post_error (
    GstDmabufV4l2Src *self, GError *error, GstResourceError fallback);

/* --- gstdmabufv4l2src-negotiation.c --------------------------------------- */

/* Stops capturing and gives the buffers back. Those that consumers hold live
 * on; on a kernel that cannot orphan them they are asked for. */
gboolean gst_dmabuf_v4l2_src_teardown (GstDmabufV4l2Src *self, GError **error);

/* After the signal at the input has changed: waits until there is one, with one
 * warning, and negotiates what it allows. */
GstFlowReturn gst_dmabuf_v4l2_src_follow_signal (GstDmabufV4l2Src *self);

/* The class's functions. */
GstCaps *gst_dmabuf_v4l2_src_get_caps (GstBaseSrc *base, GstCaps *filter);
gboolean gst_dmabuf_v4l2_src_negotiate (GstBaseSrc *base);
gboolean
gst_dmabuf_v4l2_src_decide_allocation (GstBaseSrc *base, GstQuery *query);

G_END_DECLS
