/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Initialises the debug category, as the plugin's entry file does. */

#include "gst/v4l2/v4l2-debug.h"

GST_DEBUG_CATEGORY (dmabufv4l2_debug);

static void __attribute__ ((constructor))
debug_init (void)
{
  gst_init (NULL, NULL);
  GST_DEBUG_CATEGORY_INIT (
      dmabufv4l2_debug, "dmabufv4l2", 0, "V4L2 on dma-bufs");
}
