/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufvkstage.h"

G_BEGIN_DECLS

/* The single attempt of gst_dmabuf_vk_stage_run(): needs an open device, and
 * posts no message. */
gboolean gst_dmabuf_vk_stage_run_once (GstDmabufVkStage *stage,
    GpuShader shader, const GstDmabufVkFrame *in, const GstDmabufVkFrame *out,
    const GpuParams *params, gint mode, gint64 deadline,
    GCancellable *cancellable, GError **error);

G_END_DECLS
