/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcoreconstraints.h"
#include <gst/video/video.h>
#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

/**
 * gst_dmabuf_core_video_info_from_caps:
 * @info: (out caller-allocates): the format
 * @caps: fixed caps, DMA_DRM or plain raw video
 *
 * Reads both kinds of caps; plain raw video is linear (modifier 0).
 *
 * Returns: %FALSE for other caps, and for a format without a DRM fourcc
 */
GST_DMABUF_CORE_API
gboolean
gst_dmabuf_core_video_info_from_caps (GstVideoInfoDmaDrm *info, GstCaps *caps);

/**
 * gst_dmabuf_core_buffer_is_dmabuf:
 * @buffer: a buffer
 *
 * Returns: whether all memory of @buffer is dma-buf memory; its caps do not
 *   matter
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_buffer_is_dmabuf (GstBuffer *buffer);

/**
 * gst_dmabuf_core_buffer_is_cropped: (skip)
 * @buffer: a buffer from upstream
 * @info: its format, by its caps
 *
 * An element that crops by a #GstVideoCropMeta keeps the whole frame in memory,
 * and sets the size of the visible part in the caps.
 *
 * Returns: whether @buffer is such a frame: the picture that its caps describe
 *   lies in the crop rectangle of the meta
 */
GST_DMABUF_CORE_API
gboolean
gst_dmabuf_core_buffer_is_cropped (GstBuffer *buffer, const GstVideoInfo *info);

/**
 * gst_dmabuf_core_buffer_get_layout:
 * @buffer: a buffer of dma-bufs
 * @info: its format
 * @layout: (out caller-allocates): borrows the buffers of @buffer
 * @error: return location for an error
 *
 * Gets the layout of @buffer by its #GstVideoMeta, or by @info without one.
 * Each plane may lie in any memory of @buffer. For a cropped frame
 * (gst_dmabuf_core_buffer_is_cropped()) it is the layout of the whole frame.
 * That the planes fit into the dma-bufs is checked by dmabuf_layout_validate(),
 * which dmabuf_attachment_import() calls for each new layout. Makes a system
 * call only for the first use of a memory.
 *
 * Returns: %FALSE with an error of %DMABUF_ERROR
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_buffer_get_layout (GstBuffer *buffer,
    const GstVideoInfoDmaDrm *info, DmabufLayout *layout, GError **error);

/**
 * gst_dmabuf_core_video_info_align: (skip)
 * @info: (inout): plain raw video; gets the strides, offsets and size
 * @alignment: (inout): the wanted padding around the picture; gets the padding
 *   of the result
 * @constraints: the demands of the consumers
 * @plane_sizes: (out) (array fixed-size=4): bytes of each plane
 *
 * Lays out a linear frame in one dma-buf so that it suits @constraints. Tiled
 * formats are left as #GstVideoInfo has them.
 *
 * Returns: %FALSE with EINVAL for padding that the format cannot have, EBUSY
 *   for a pitch above the maximum; the message names the device with that limit
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_video_info_align (GstVideoInfo *info,
    GstVideoAlignment *alignment, const GstDmabufCoreConstraints *constraints,
    gsize plane_sizes[GST_VIDEO_MAX_PLANES], GError **error);

/**
 * gst_dmabuf_core_buffer_check_constraints: (skip)
 * @buffer: a buffer of dma-bufs
 * @info: its format
 * @constraints: the demands of the consumers
 * @error: return location for an error
 *
 * Returns: %FALSE with EBUSY if @buffer violates @constraints; the message
 *   names the field, the plane and the device that demands it
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_buffer_check_constraints (GstBuffer *buffer,
    const GstVideoInfoDmaDrm *info, const GstDmabufCoreConstraints *constraints,
    GError **error);

G_END_DECLS
