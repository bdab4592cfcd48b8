/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcoresyncmeta.h"

G_BEGIN_DECLS

/* gst_buffer_finish_dmabuf_core_sync() for a caller that has the meta already.
 */
DmabufFence *gst_dmabuf_core_sync_meta_finish (GstDmabufCoreSyncMeta *meta);

G_END_DECLS
