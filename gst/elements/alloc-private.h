/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * dmabufalloc from within. Its parts:
 *
 *   gstdmabufalloc.c     the element: properties, states, statistics
 *   alloc-negotiation.c  caps, ALLOCATION, and the pools that follow from them
 *   alloc-frames.c       which frames pass, and how the others are copied
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
  DmabufExporter *exporter; /* NULL for the pool's choice */
  gboolean honest_memfd;    /* it makes no dma-bufs, and the caps say so */

  /* The streaming thread's; the pools under the object lock as well. */
  GstVideoInfo in_info; /* of frames that can be copied */
  GstVideoInfoDmaDrm out_drm;
  gboolean out_has_drm;
  gboolean can_copy; /* plain frames, and linear ones that go out plain */
  GstDmabufCoreConstraints constraints;
  GstVideoAlignment alignment;
  gboolean video_meta; /* downstream takes it */
  guint downstream_min;
  GstBufferPool *offered; /* to upstream */
  GstBufferPool *own;     /* for frames that are copied, made for the first */

  GCancellable *cancellable; /* under the object lock */
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

/* A buffer of the pool for copies, which is made for the first one. */
GstFlowReturn
dmabuf_alloc_acquire_own (GstDmabufAlloc *self, GstBuffer **buffer);

/* Posts why upstream could not start the pool that it was offered, if that is
 * so: upstream itself only says that nothing is negotiated. */
void dmabuf_alloc_report_offered (GstDmabufAlloc *self);

/* Neither pool is needed any more. */
void dmabuf_alloc_drop_pools (GstDmabufAlloc *self);

/* --- alloc-frames.c ------------------------------------------------------- */

GstFlowReturn dmabuf_alloc_prepare_output_buffer (
    GstBaseTransform *base, GstBuffer *in, GstBuffer **out);
gboolean dmabuf_alloc_transform_meta (
    GstBaseTransform *base, GstBuffer *out, GstMeta *meta, GstBuffer *in);
GstFlowReturn
dmabuf_alloc_transform (GstBaseTransform *base, GstBuffer *in, GstBuffer *out);

G_END_DECLS
