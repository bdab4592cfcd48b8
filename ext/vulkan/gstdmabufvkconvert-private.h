/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufvkconvert.h"
#include "gstdmabufvkstage.h"

G_BEGIN_DECLS

struct _GstDmabufVkConvert
{
  GstBaseTransform parent;

  GstDmabufVkStage stage;

  /* protected by the object lock */
  GstVideoOrientationMethod direction;
  GstVideoOrientationMethod tag_direction;
  gboolean bilinear;
  gboolean borders;
  guint border;
  guint crop[4]; /* left, right, top, bottom */

  /* What of this decides about passthrough and size was changed, and the
   * streaming thread has not looked yet. Atomic. */
  gint changed;

  /* the streaming thread's */
  GstVideoInfoDmaDrm in_info;
  GstVideoInfoDmaDrm out_info;
  GstCaps *in_caps;
  gboolean same_format;
  /* else it can only pass through, and the colours are not set */
  gboolean is_convertible;
  gboolean wants_other_format; /* until the next caps */
  GpuColor in_color;
  GpuColor out_color;
  GstBufferPool *upload; /* for frames that are no dma-bufs */
};

/* What the properties say now */
typedef struct
{
  GstVideoOrientationMethod direction;
  gboolean bilinear;
  gboolean borders;
  guint border;
  guint crop[4];
} GstDmabufVkSettings;

GstDmabufVkSettings
gst_dmabuf_vk_convert_get_settings (GstDmabufVkConvert *self);

/* Whether there is something to do to frames that keep their format and size */
gboolean gst_dmabuf_vk_convert_has_work (const GstDmabufVkSettings *settings);

/* After a change of the settings or of the caps. The streaming thread's: a
 * frame is either passed or negotiated for, whoever changes what meanwhile. */
void gst_dmabuf_vk_convert_update_passthrough (GstDmabufVkConvert *self);

/* --- negotiation ------------------------------------------------------------
 */

GstCaps *gst_dmabuf_vk_convert_transform_caps (GstBaseTransform *base,
    GstPadDirection direction, GstCaps *caps, GstCaps *filter);
GstCaps *gst_dmabuf_vk_convert_fixate_caps (GstBaseTransform *base,
    GstPadDirection direction, GstCaps *caps, GstCaps *othercaps);
gboolean gst_dmabuf_vk_convert_set_caps (
    GstBaseTransform *base, GstCaps *in_caps, GstCaps *out_caps);
gboolean gst_dmabuf_vk_convert_get_unit_size (
    GstBaseTransform *base, GstCaps *caps, gsize *size);
gboolean gst_dmabuf_vk_convert_propose_allocation (
    GstBaseTransform *base, GstQuery *decide_query, GstQuery *query);
gboolean gst_dmabuf_vk_convert_decide_allocation (
    GstBaseTransform *base, GstQuery *query);

/* Sets @pool up for frames of @caps; their @size. */
gboolean gst_dmabuf_vk_convert_configure_pool (
    GstBufferPool *pool, GstCaps *caps, guint *size);

G_END_DECLS
