/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Private parts of dmabufalloc:
 *
 *   gstdmabufalloc.c     the element: properties, states, statistics
 *   alloc-negotiation.c  caps, ALLOCATION, and the pools that follow from them
 *   alloc-frames.c       frames pass or are copied
 */

#include "gstdmabufalloc.h"
#include <gst/lib/gstdmabufcore.h>

G_BEGIN_DECLS

struct _GstDmabufAlloc
{
  GstBaseTransform parent;

  /* Properties, under the object lock. */
  char *exporter_name;
  guint min_buffers;
  guint max_buffers;
  char *name_prefix;
  GstClockTime fence_timeout;

  /* From start to stop. */
  DmabufExporter *exporter;  /* NULL for the pool's choice */
  gboolean plain_memfd_caps; /* memfds are no dma-bufs: plain caps only */

  /* For the streaming thread; the pools are under the object lock as well. */
  GstVideoInfo in_info; /* Valid if can_copy */
  GstVideoInfoDmaDrm out_drm;
  gboolean out_has_drm;
  gboolean can_copy; /* Plain input, or linear DMA_DRM in and plain out */
  GstDmabufCoreConstraints constraints;
  GstVideoAlignment alignment;
  gboolean video_meta; /* Downstream takes GstVideoMeta */
  guint downstream_min;
  GstBufferPool *offered; /* To upstream */
  GstBufferPool *own;     /* For copies; made for the first copy */

  GCancellable *cancellable; /* Under the object lock */
  GstDmabufCoreStats stats;
};

/* --- alloc-negotiation.c -------------------------------------------------- */

GstCaps *dmabuf_alloc_transform_caps (GstBaseTransform *base,
    GstPadDirection direction, GstCaps *caps, GstCaps *filter);
GstCaps *dmabuf_alloc_fixate_caps (GstBaseTransform *base,
    GstPadDirection direction, GstCaps *caps, GstCaps *othercaps);
gboolean dmabuf_alloc_set_caps (
    GstBaseTransform *base, GstCaps *in_caps, GstCaps *out_caps);
gboolean
dmabuf_alloc_decide_allocation (GstBaseTransform *base, GstQuery *query);
gboolean dmabuf_alloc_propose_allocation (
    GstBaseTransform *base, GstQuery *decide_query, GstQuery *query);

/* Acquires a buffer of the pool for copies, which the first call makes. */
GstFlowReturn
dmabuf_alloc_acquire_own (GstDmabufAlloc *self, GstBuffer **buffer);

/* Posts the error of the pool offered to upstream, if it failed to start:
 * upstream's own message is only that negotiation failed. */
void dmabuf_alloc_report_offered (GstDmabufAlloc *self);

/* Deactivates the pool for copies and drops both pools. */
void dmabuf_alloc_drop_pools (GstDmabufAlloc *self);

/* --- alloc-frames.c ------------------------------------------------------- */

GstFlowReturn dmabuf_alloc_prepare_output_buffer (
    GstBaseTransform *base, GstBuffer *in, GstBuffer **out);
gboolean dmabuf_alloc_transform_meta (
    GstBaseTransform *base, GstBuffer *out, GstMeta *meta, GstBuffer *in);
GstFlowReturn
dmabuf_alloc_transform (GstBaseTransform *base, GstBuffer *in, GstBuffer *out);

G_END_DECLS
