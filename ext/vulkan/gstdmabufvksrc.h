/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstpushsrc.h>

G_BEGIN_DECLS

#define GST_TYPE_DMABUF_VK_SRC (gst_dmabuf_vk_src_get_type ())
G_DECLARE_FINAL_TYPE (
    GstDmabufVkSrc, gst_dmabuf_vk_src, GST, DMABUF_VK_SRC, GstPushSrc)

GST_ELEMENT_REGISTER_DECLARE (dmabufvksrc)

G_END_DECLS
