/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcore-prelude.h"

G_BEGIN_DECLS

/**
 * GstDmabufCoreFormat:
 * @fourcc: DRM fourcc
 * @modifier: DRM format modifier, 0 for linear
 *
 * One thing that a device can read or write.
 */
typedef struct
{
  guint32 fourcc;
  guint64 modifier;
} GstDmabufCoreFormat;

/**
 * gst_dmabuf_core_caps_from_formats:
 * @formats: (array length=n_formats): what a device takes, most wanted first
 * @n_formats: number of @formats
 *
 * Two structures without a size: DMA_DRM with all of @formats, then plain raw
 * video with those that are linear and have a #GstVideoFormat. Only formats
 * that the library can lay out are kept.
 *
 * Returns: (transfer full): the caps, empty for no format
 */
GST_DMABUF_CORE_API
GstCaps *gst_dmabuf_core_caps_from_formats (
    const GstDmabufCoreFormat *formats, guint n_formats);

/**
 * gst_dmabuf_core_caps_set:
 * @caps: writable caps
 * @field: name of a field
 * @value: its value
 *
 * Sets a field in every structure of @caps.
 */
GST_DMABUF_CORE_API
void gst_dmabuf_core_caps_set (
    GstCaps *caps, const char *field, const GValue *value);

G_END_DECLS
