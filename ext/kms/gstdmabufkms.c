/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufkmssink.h"
#include "kms-debug.h"

#define PACKAGE "gst-dmabuf"

static gboolean
plugin_init (GstPlugin *plugin)
{
  kms_debug_init ();

  return GST_ELEMENT_REGISTER (dmabufkmssink, plugin);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, dmabufkms,
    "Shows dma-bufs on a display with atomic KMS", plugin_init, PACKAGE_VERSION,
    "LGPL", "gst-dmabuf", GST_PACKAGE_ORIGIN)
