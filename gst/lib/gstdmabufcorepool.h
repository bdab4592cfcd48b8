/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcoreconstraints.h"
#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

/**
 * GST_BUFFER_POOL_OPTION_DMABUF_CORE_PER_PLANE:
 *
 * Option of the pool's configuration: each plane gets a dma-buf of its own.
 */
#define GST_BUFFER_POOL_OPTION_DMABUF_CORE_PER_PLANE \
  "GstBufferPoolOptionDmabufCorePerPlane"

/**
 * GST_BUFFER_POOL_OPTION_DMABUF_CORE_ZERO:
 *
 * Option of the pool's configuration: a buffer is zeroed each time before it is
 * handed out, so that its user cannot read the last user's data (SEC-19). Costs
 * a write of the whole frame.
 */
#define GST_BUFFER_POOL_OPTION_DMABUF_CORE_ZERO \
  "GstBufferPoolOptionDmabufCoreZero"

/**
 * GstDmabufCorePool:
 *
 * A pool of video frames in dma-bufs: linear frames, or frames in a layout that
 * only their exporter knows (gst_dmabuf_core_pool_set_layout()).
 *
 * The exporter is chosen when the pool is started, after the ALLOCATION query
 * has named the consumers. The minimum number of buffers is made then, before
 * the first frame.
 *
 * A buffer comes back with its last reference, and is handed out again when its
 * fences have signalled: those of its #GstDmabufCoreSyncMeta and those that the
 * kernel keeps with the dma-buf. No thread waits for that, the poller calls
 * back:
 *
 *             acquire                        last reference
 *   ┌─────┐ ------------> with the elements ----------------> ┌──────────┐
 *   │ free│                                        fences done│ returned │
 *   └─────┘ <-------------------------------------------------└──────────┘
 *      ^                                                fences │
 *      │            poller: signalled                  pending v
 *      └---------------------------------------------------- parked
 *
 * gst_buffer_pool_acquire_buffer() blocks while all buffers are in use and
 * their number is at its maximum; flushing and stopping end that. A buffer
 * whose fence does not signal within the fence timeout is freed, and a new one
 * made in its place.
 */
#define GST_TYPE_DMABUF_CORE_POOL (gst_dmabuf_core_pool_get_type ())
GST_DMABUF_CORE_API
G_DECLARE_FINAL_TYPE (GstDmabufCorePool, gst_dmabuf_core_pool, GST,
    DMABUF_CORE_POOL, GstBufferPool)

/**
 * gst_dmabuf_core_pool_new:
 * @exporter: (nullable): where the memory comes from; %NULL for the first of
 *   system heap, udmabuf and the heaps of contiguous memory that this process
 *   may use and all consumers reach
 *
 * Returns: (transfer full): a pool, to be configured
 */
GST_DMABUF_CORE_API
GstBufferPool *gst_dmabuf_core_pool_new (DmabufExporter *exporter);

/**
 * gst_dmabuf_core_pool_set_constraints: (skip)
 * @pool: a pool that is not active
 * @constraints: the demands of the consumers
 *
 * To be called before gst_buffer_pool_set_config(). A configuration without
 * %GST_BUFFER_POOL_OPTION_VIDEO_META comes from a producer that can only write
 * the default layout: then @constraints do not change the layout, and
 * gst_dmabuf_core_buffer_check_constraints() tells whether it suits.
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_pool_set_constraints (
    GstDmabufCorePool *pool, const GstDmabufCoreConstraints *constraints);

/**
 * gst_dmabuf_core_pool_set_layout: (skip)
 * @pool: a pool that is not active, with an exporter of its own
 * @layout: the planes of a frame as the exporter lays them out, all in one
 *   dma-buf; the buffers of the planes are ignored
 * @size: size of such a frame in bytes
 *
 * For frames with a modifier, which only their exporter can lay out: the pool
 * then takes caps of this format, modifier and size, besides linear ones. To be
 * called before gst_buffer_pool_set_config().
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_pool_set_layout (
    GstDmabufCorePool *pool, const DmabufLayout *layout, gsize size);

/**
 * gst_dmabuf_core_pool_set_name_prefix:
 * @pool: a pool that is not active
 * @prefix: (nullable): prefix of the names of its dma-bufs in bufinfo and
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
 * Sets how long the fences of a buffer may be pending before it is freed.
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_pool_set_fence_timeout (
    GstDmabufCorePool *pool, GstClockTime timeout);

/**
 * gst_dmabuf_core_pool_get_error:
 * @pool: a pool
 *
 * Gets the reason why the pool could not be configured or started:
 * gst_buffer_pool_set_config() and gst_buffer_pool_set_active() only return
 * %FALSE.
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
 *   allocated (buffers ever made), discarded (buffers freed because they came
 *   back changed or their fences timed out), parked (how often a buffer came
 *   back with fences pending) and starved (how often acquiring had to wait),
 *   the uint n-parked (buffers parked now), and the string exporter (its name)
 */
GST_DMABUF_CORE_API
GstStructure *gst_dmabuf_core_pool_get_stats (GstDmabufCorePool *pool);

G_END_DECLS
