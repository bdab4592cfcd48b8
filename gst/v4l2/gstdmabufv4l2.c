/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufv4l2src.h"
#include "v4l2-debug.h"

GST_DEBUG_CATEGORY (dmabufv4l2_debug);

static gboolean
plugin_init (GstPlugin *plugin)
{
  GST_DEBUG_CATEGORY_INIT (
      dmabufv4l2_debug, "dmabufv4l2", 0, "V4L2 on dma-bufs");

  return GST_ELEMENT_REGISTER (dmabufv4l2src, plugin);
}

#define PACKAGE "gst-dmabuf"

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, dmabufv4l2,
    "V4L2 capture on dma-bufs", plugin_init, PACKAGE_VERSION, "LGPL",
    "gst-dmabuf", GST_PACKAGE_ORIGIN)
