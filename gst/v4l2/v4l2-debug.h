/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/* One category for the whole plugin, initialised by plugin_init(). */
GST_DEBUG_CATEGORY_EXTERN (dmabufv4l2_debug);
#define GST_CAT_DEFAULT dmabufv4l2_debug
