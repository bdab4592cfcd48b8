/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcore-prelude.h"
#include <gst/video/video.h>

G_BEGIN_DECLS

/**
 * gst_dmabuf_core_buffer_copy_frame: (skip)
 * @to: a writable buffer
 * @from: a buffer from upstream
 * @info: the format of both, by their caps
 * @error: return location for an error
 *
 * Copies the pixels of a frame by the CPU, in the layout of its #GstVideoMeta;
 * of a cropped frame (gst_dmabuf_core_buffer_is_cropped()) only the visible
 * part. Unlike gst_video_frame_map() it refuses a meta that reaches out of the
 * memory or contradicts the caps, since a meta may come from another process
 * (SEC-7, SEC-8). An element that falls back to a copy counts it with
 * gst_dmabuf_core_stats_count_copy().
 *
 * Returns: %FALSE with EINVAL for such a meta, EIO for memory that the CPU
 *   cannot map; the content of @to is undefined then
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_buffer_copy_frame (
    GstBuffer *to, GstBuffer *from, const GstVideoInfo *info, GError **error);

G_END_DECLS
