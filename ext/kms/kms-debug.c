/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-debug.h"

GST_DEBUG_CATEGORY (gst_dmabuf_kms_debug);

void
kms_debug_init (void)
{
  GST_DEBUG_CATEGORY_INIT (
      gst_dmabuf_kms_debug, "dmabufkms", 0, "dma-bufs on KMS displays");
}
