/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_DMABUF_VK_CONVERT (gst_dmabuf_vk_convert_get_type ())
G_DECLARE_FINAL_TYPE (GstDmabufVkConvert, gst_dmabuf_vk_convert, GST,
    DMABUF_VK_CONVERT, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (dmabufvkconvert)

G_END_DECLS
