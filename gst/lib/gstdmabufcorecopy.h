/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcore-prelude.h"
#include <gst/video/video.h>

G_BEGIN_DECLS

/**
 * gst_dmabuf_core_buffer_copy_frame: (skip)
 * @to: a writable buffer of the caller's own
 * @from: a buffer from upstream
 * @info: the format of both, by their caps
 * @error: return location for an error
 *
 * Copies the pixels of a frame by the CPU, as its #GstVideoMeta says that they
 * lie: of a cropped frame (gst_dmabuf_core_buffer_is_cropped()) what is left.
 * Unlike gst_video_frame_map() it believes no meta that reaches out of the
 * memory or says something else than the caps: metas come from other processes
 * as well (SEC-7, SEC-8). For elements that step down to a copy; counting it is
 * theirs (gst_dmabuf_core_stats_count_copy()).
 *
 * Returns: %FALSE with EINVAL for such a meta, EIO for memory that the CPU
 *   cannot map; what is in @to then is undefined
 */
GST_DMABUF_CORE_API
gboolean gst_dmabuf_core_buffer_copy_frame (
    GstBuffer *to, GstBuffer *from, const GstVideoInfo *info, GError **error);

G_END_DECLS
