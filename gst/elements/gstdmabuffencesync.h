/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/lib/gstdmabufcore.h>

G_BEGIN_DECLS

#define GST_TYPE_DMABUF_FENCE_SYNC (gst_dmabuf_fence_sync_get_type ())
G_DECLARE_FINAL_TYPE (GstDmabufFenceSync, gst_dmabuf_fence_sync, GST,
    DMABUF_FENCE_SYNC, GstElement)

GST_ELEMENT_REGISTER_DECLARE (dmabuffencesync);

G_END_DECLS
