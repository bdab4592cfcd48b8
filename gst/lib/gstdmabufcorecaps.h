/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufcore-prelude.h"

G_BEGIN_DECLS

/**
 * GstDmabufCoreFormat:
 * @fourcc: DRM fourcc
 * @modifier: DRM format modifier, 0 for linear
 *
 * A format that a device can read or write.
 */
typedef struct
{
  guint32 fourcc;
  guint64 modifier;
} GstDmabufCoreFormat;

/**
 * gst_dmabuf_core_caps_from_formats:
 * @formats: (array length=n_formats): the formats of a device, preferred first
 * @n_formats: number of @formats
 *
 * Makes two caps structures without a size: DMA_DRM with @formats, then plain
 * raw video with the linear ones. A format without a #GstVideoFormat is left
 * out of both.
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

/**
 * gst_dmabuf_core_caps_to_dma_drm:
 * @caps: caps of raw video
 *
 * Converts @caps to dma-bufs: plain raw video becomes linear DMA_DRM with the
 * same fields, DMA_DRM stays. Formats without a DRM fourcc are left out.
 *
 * Returns: (transfer full): the caps, empty if no structure is left
 */
GST_DMABUF_CORE_API
GstCaps *gst_dmabuf_core_caps_to_dma_drm (GstCaps *caps);

/**
 * gst_dmabuf_core_caps_to_plain:
 * @caps: caps of raw video
 *
 * Converts @caps to plain raw video: DMA_DRM with a linear format becomes plain
 * raw video with the same fields, plain raw video stays. Tiled formats are left
 * out.
 *
 * Returns: (transfer full): the caps, empty if no structure is left
 */
GST_DMABUF_CORE_API
GstCaps *gst_dmabuf_core_caps_to_plain (GstCaps *caps);

G_END_DECLS
