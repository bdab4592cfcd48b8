/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <gst/gst.h>

#include "gstdmabufvkconvert.h"
#include "gstdmabufvksrc.h"

#define PACKAGE "gst-dmabuf"

GST_DEBUG_CATEGORY_EXTERN (dmabufvk_debug);

static gboolean
plugin_init (GstPlugin *plugin)
{
  gboolean ret = FALSE;

  GST_DEBUG_CATEGORY_INIT (dmabufvk_debug, "dmabufvk", 0, "Vulkan on dma-bufs");
  ret |= GST_ELEMENT_REGISTER (dmabufvkconvert, plugin);
  ret |= GST_ELEMENT_REGISTER (dmabufvksrc, plugin);

  return ret;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, dmabufvulkan,
    "Vulkan on dma-bufs", plugin_init, PACKAGE_VERSION, "LGPL", "gst-dmabuf",
    GST_PACKAGE_ORIGIN)
