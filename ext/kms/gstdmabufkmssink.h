/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/video/gstvideosink.h>

G_BEGIN_DECLS

/**
 * GstDmabufKmsPresentMode:
 * @GST_DMABUF_KMS_PRESENT_MODE_FIFO: every frame is shown for a refresh of the
 *   display at least
 * @GST_DMABUF_KMS_PRESENT_MODE_MAILBOX: the newest frame is shown, and one that
 *   comes too soon for the display replaces the one before it
 *
 * What happens to frames that come faster than the display shows them.
 */
typedef enum
{
  GST_DMABUF_KMS_PRESENT_MODE_FIFO,
  GST_DMABUF_KMS_PRESENT_MODE_MAILBOX,
} GstDmabufKmsPresentMode;

#define GST_TYPE_DMABUF_KMS_PRESENT_MODE \
  (gst_dmabuf_kms_present_mode_get_type ())
GType gst_dmabuf_kms_present_mode_get_type (void);

#define GST_TYPE_DMABUF_KMS_SINK (gst_dmabuf_kms_sink_get_type ())
G_DECLARE_FINAL_TYPE (
    GstDmabufKmsSink, gst_dmabuf_kms_sink, GST, DMABUF_KMS_SINK, GstVideoSink)

GST_ELEMENT_REGISTER_DECLARE (dmabufkmssink);

G_END_DECLS
