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
 * Reads either kind of caps; plain raw video is linear (modifier 0).
 *
 * Returns: %FALSE if @caps are neither, or have no DRM format
 */
GST_DMABUF_CORE_API
gboolean
gst_dmabuf_core_video_info_from_caps (GstVideoInfoDmaDrm *info, GstCaps *caps);

/**
 * gst_dmabuf_core_buffer_is_dmabuf:
 * @buffer: a buffer
 *
 * Returns: whether all memory of @buffer is dma-buf memory, whatever its caps
 *   say
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_buffer_is_dmabuf (GstBuffer *buffer);

/**
 * gst_dmabuf_core_buffer_is_cropped: (skip)
 * @buffer: a buffer from upstream
 * @info: its format, by its caps
 *
 * Elements that crop by a #GstVideoCropMeta leave the frame as it was, and give
 * the caps the size of what is left of it.
 *
 * Returns: whether @buffer comes from such a one: what its caps describe lies
 *   where the meta says
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
 * Where the pixels of @buffer lie: by its #GstVideoMeta, else by @info, each
 * plane found in whichever memory it lies. Of a cropped frame
 * (gst_dmabuf_core_buffer_is_cropped()) it is the layout of the whole. Whether
 * that fits into the dma-bufs is for dmabuf_layout_validate(), which
 * dmabuf_attachment_import() calls for a layout that it has not seen. Makes no
 * system call for memory that it saw before.
 *
 * Returns: %FALSE with an error of %DMABUF_ERROR
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_buffer_get_layout (GstBuffer *buffer,
    const GstVideoInfoDmaDrm *info, DmabufLayout *layout, GError **error);

/**
 * gst_dmabuf_core_video_info_align: (skip)
 * @info: plain raw video; its strides, offsets and size become the result's
 * @alignment: (inout): the padding that is wanted around the picture; becomes
 *   what there is
 * @constraints: what the consumers need
 * @plane_sizes: (out) (array fixed-size=4): bytes of each plane
 *
 * Lays out a linear frame in one dma-buf so that it suits @constraints. Tiled
 * formats are left as #GstVideoInfo has them.
 *
 * Returns: %FALSE with EINVAL for padding that the format cannot have, EBUSY
 *   for a pitch above the greatest; the message names who asks for it
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_video_info_align (GstVideoInfo *info,
    GstVideoAlignment *alignment, const GstDmabufCoreConstraints *constraints,
    gsize plane_sizes[GST_VIDEO_MAX_PLANES], GError **error);

/**
 * gst_dmabuf_core_buffer_check_constraints: (skip)
 * @buffer: a buffer of dma-bufs
 * @info: its format
 * @constraints: what the consumers need
 * @error: return location for an error
 *
 * Returns: %FALSE with EBUSY if @buffer is not as they need it; the message
 *   names the field, the plane and who asks
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_buffer_check_constraints (GstBuffer *buffer,
    const GstVideoInfoDmaDrm *info, const GstDmabufCoreConstraints *constraints,
    GError **error);

G_END_DECLS
