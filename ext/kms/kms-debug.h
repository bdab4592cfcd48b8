/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/* GST_DEBUG=dmabufkms:LEVEL */
GST_DEBUG_CATEGORY_EXTERN (gst_dmabuf_kms_debug);
#define GST_CAT_DEFAULT gst_dmabuf_kms_debug

void kms_debug_init (void);
