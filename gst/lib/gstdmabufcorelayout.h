/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcore-prelude.h"
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
 * gst_dmabuf_core_buffer_get_layout:
 * @buffer: a buffer of dma-bufs
 * @info: its format
 * @layout: (out caller-allocates): borrows the buffers of @buffer
 * @error: return location for an error
 *
 * Where the pixels of @buffer lie: by its #GstVideoMeta, else by @info, each
 * plane found in whichever memory it lies. The result is validated against the
 * sizes of the dma-bufs. Makes no system call for memory that it saw before.
 *
 * Returns: %FALSE with an error of %DMABUF_ERROR
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_buffer_get_layout (GstBuffer *buffer,
    const GstVideoInfoDmaDrm *info, DmabufLayout *layout, GError **error);

G_END_DECLS
