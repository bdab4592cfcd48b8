/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufvkstage.h"

G_BEGIN_DECLS

/* gst_dmabuf_vk_stage_run(), once, with a device, and without a message. */
gboolean gst_dmabuf_vk_stage_run_once (GstDmabufVkStage *stage,
    GpuShader shader, const GstDmabufVkFrame *in, const GstDmabufVkFrame *out,
    const GpuParams *params, gint mode, gint64 deadline,
    GCancellable *cancellable, GError **error);

G_END_DECLS
