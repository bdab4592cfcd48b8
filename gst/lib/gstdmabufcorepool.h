/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcoreconstraints.h"
#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

/**
 * GST_BUFFER_POOL_OPTION_DMABUF_CORE_PER_PLANE:
 *
 * An option of the pool's configuration: each plane in a dma-buf of its own.
 */
#define GST_BUFFER_POOL_OPTION_DMABUF_CORE_PER_PLANE \
  "GstBufferPoolOptionDmabufCorePerPlane"

/**
 * GST_BUFFER_POOL_OPTION_DMABUF_CORE_ZERO:
 *
 * An option of the pool's configuration: a buffer is handed out zeroed each
 * time, so that nobody sees what the last owner wrote (SEC-19). Costs a write
 * of the whole frame.
 */
#define GST_BUFFER_POOL_OPTION_DMABUF_CORE_ZERO \
  "GstBufferPoolOptionDmabufCoreZero"

/**
 * GstDmabufCorePool:
 *
 * A pool of video frames in dma-bufs: linear ones, or others of an exporter
 * that lays them out (gst_dmabuf_core_pool_set_layout()).
 *
 * Its storage is chosen late: not when the pool is configured but when it is
 * started, after the ALLOCATION query has told who is going to use it. All
 * minimum buffers are made then, before the first frame.
 *
 * A buffer comes back when nobody holds it any more, but is handed out again
 * only when its fences have signalled: those of its #GstDmabufCoreSyncMeta and
 * those that the kernel keeps with the dma-buf. No thread waits for that, the
 * poller tells:
 *
 *             acquire                        last reference
 *   ┌─────┐ ------------> with the elements ----------------> ┌──────────┐
 *   │ free│                                        fences done│ returned │
 *   └─────┘ <-------------------------------------------------└──────────┘
 *      ^                                                fences │
 *      │            poller: signalled                  pending v
 *      └---------------------------------------------------- parked
 *
 * gst_buffer_pool_acquire_buffer() blocks only when there is nothing free and
 * no more buffer may be made; flushing and stopping end that. A fence that does
 * not signal within the fence timeout costs the pool this buffer, not more: it
 * is freed and a new one made in its place.
 */
#define GST_TYPE_DMABUF_CORE_POOL (gst_dmabuf_core_pool_get_type ())
GST_DMABUF_CORE_API
G_DECLARE_FINAL_TYPE (GstDmabufCorePool, gst_dmabuf_core_pool, GST,
    DMABUF_CORE_POOL, GstBufferPool)

/**
 * gst_dmabuf_core_pool_new:
 * @exporter: (nullable): where the memory comes from; %NULL for the first of
 *   system heap and udmabuf that this process may use and all consumers reach
 *
 * Returns: (transfer full): a pool, to be configured
 */
GST_DMABUF_CORE_API
GstBufferPool *gst_dmabuf_core_pool_new (DmabufExporter *exporter);

/**
 * gst_dmabuf_core_pool_set_constraints: (skip)
 * @pool: a pool that is not active
 * @constraints: what the consumers need
 *
 * To be called before gst_buffer_pool_set_config(). A configuration without
 * %GST_BUFFER_POOL_OPTION_VIDEO_META comes from a producer that can only write
 * the default layout: then they are left aside, see
 * gst_dmabuf_core_buffer_check_constraints().
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_pool_set_constraints (
    GstDmabufCorePool *pool, const GstDmabufCoreConstraints *constraints);

/**
 * gst_dmabuf_core_pool_set_layout: (skip)
 * @pool: a pool that is not active, with an exporter of its own
 * @layout: the planes of a frame as the exporter makes them, all in one
 * dma-buf, without buffers
 * @size: of such a frame in bytes
 *
 * For frames with a modifier that only their producer can lay out: the pool
 * then takes caps of this format, modifier and size, besides linear ones. To be
 * called before gst_buffer_pool_set_config().
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_pool_set_layout (
    GstDmabufCorePool *pool, const DmabufLayout *layout, gsize size);

/**
 * gst_dmabuf_core_pool_set_name_prefix:
 * @pool: a pool that is not active
 * @prefix: (nullable): beginning of the names of its dma-bufs in bufinfo and
 *   fdinfo, at most 31 bytes together with a number (NAME-1)
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_pool_set_name_prefix (
    GstDmabufCorePool *pool, const char *prefix);

/**
 * gst_dmabuf_core_pool_set_fence_timeout:
 * @pool: a pool
 * @timeout: in nanoseconds; %GST_CLOCK_TIME_NONE for never
 *
 * How long the fences of a buffer may be pending before it is given up.
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_pool_set_fence_timeout (
    GstDmabufCorePool *pool, GstClockTime timeout);

/**
 * gst_dmabuf_core_pool_get_error:
 * @pool: a pool
 *
 * Why the pool could not be configured or started: gst_buffer_pool_set_config()
 * and gst_buffer_pool_set_active() only tell that.
 *
 * Returns: (transfer full) (nullable): a copy of the last error
 */
GST_DMABUF_CORE_API
GError *gst_dmabuf_core_pool_get_error (GstDmabufCorePool *pool);

/**
 * gst_dmabuf_core_pool_get_stats:
 * @pool: a pool
 *
 * Returns: (transfer full): a structure "pool-stats" with the uint64 fields
 *   allocated (buffers ever made), discarded (buffers that came back changed or
 *   were given up), parked (times that a buffer came back with fences pending)
 *   and starved (times that acquiring had to wait), the uint n-parked (that are
 *   parked now), and exporter, the name of where the memory comes from
 */
GST_DMABUF_CORE_API
GstStructure *gst_dmabuf_core_pool_get_stats (GstDmabufCorePool *pool);

G_END_DECLS
