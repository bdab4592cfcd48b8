/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/lib/gstdmabufcore.h>

G_BEGIN_DECLS

#define GST_TYPE_DMABUF_ALLOC (gst_dmabuf_alloc_get_type ())
G_DECLARE_FINAL_TYPE (
    GstDmabufAlloc, gst_dmabuf_alloc, GST, DMABUF_ALLOC, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (dmabufalloc);

G_END_DECLS
