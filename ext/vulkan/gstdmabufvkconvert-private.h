/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufvkconvert.h"
#include "gstdmabufvkstage.h"

G_BEGIN_DECLS

struct _GstDmabufVkConvert
{
  GstBaseTransform parent;

  GstDmabufVkStage stage;

  /* Protected by the object lock. */
  GstVideoOrientationMethod direction;
  GstVideoOrientationMethod tag_direction;
  gboolean bilinear;
  gboolean borders;
  guint border;
  guint crop[4]; /* Left, right, top, bottom */

  /* Atomic: set when a setting that affects passthrough or size has changed,
   * cleared by the streaming thread. */
  gint changed;

  /* For the streaming thread. */
  GstVideoInfoDmaDrm in_info;
  GstVideoInfoDmaDrm out_info;
  GstCaps *in_caps;
  gboolean same_format;
  gboolean is_convertible;     /* Else passthrough only, without colours */
  gboolean wants_other_format; /* Until the next caps */
  GpuColor in_color;
  GpuColor out_color;
  GstBufferPool *upload; /* For frames in other memory than dma-bufs */
};

/* A copy of the settings. */
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

/* Whether the settings change frames that keep their format and size. */
gboolean gst_dmabuf_vk_convert_has_work (const GstDmabufVkSettings *settings);

/* To be called after a change of settings or caps, on the streaming thread
 * only: so passthrough never changes while a frame is handled. */
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

/* Configures @pool for frames of @caps, and gets their @size. */
gboolean gst_dmabuf_vk_convert_configure_pool (
    GstBufferPool *pool, GstCaps *caps, guint *size);

G_END_DECLS
