/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define PACKAGE "gst-dmabuf"

#include "gstdmabufalloc.h"
#include "gstdmabuffencesync.h"

static gboolean
plugin_init (GstPlugin *plugin)
{
  gboolean ret = FALSE;

  ret |= GST_ELEMENT_REGISTER (dmabufalloc, plugin);
  ret |= GST_ELEMENT_REGISTER (dmabuffencesync, plugin);

  return ret;
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, dmabufcore,
    "dma-bufs for any producer, and fences between elements", plugin_init,
    PACKAGE_VERSION, "LGPL", "gst-dmabuf", GST_PACKAGE_ORIGIN)
