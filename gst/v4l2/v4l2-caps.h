/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "v4l2-device.h"
#include "v4l2-format.h"

#include <gst/gst.h>

G_BEGIN_DECLS

/*
 * What a device can do, asked once after it was opened, and what it does now.
 */
typedef struct
{
  GPtrArray *formats; /* of const V4l2FormatInfo, most wanted first */
  GstCaps *caps;
  char *compressed; /* names of the formats not in the table, NULL: none */
  char *others;     /* likewise of those that are not compressed */

  /* Where the device stands: the wish of somebody who wishes nothing. */
  const V4l2FormatInfo *current; /* NULL: a format we do not have */
  guint width;
  guint height;
  guint fps_n; /* at least 30 frames per second: see v4l2-probe.c */
  guint fps_d;
} V4l2Caps;

/* FALSE with an error if the device has no format that the element knows. */
gboolean v4l2_caps_probe (V4l2Caps *self, V4l2Device *device, GError **error);
void v4l2_caps_clear (V4l2Caps *self);

/* What the pad can have without a device. */
GstCaps *v4l2_caps_get_template (void);

/* From caps that the peer accepts, in its order, the ones that are nearest to
 * what the device does now. What the peer leaves open about colours and fields
 * comes as @open (transfer full), for v4l2_setup_complete_caps(). */
GstCaps *
v4l2_caps_fixate (const V4l2Caps *self, GstCaps *caps, GstStructure **open);

/*
 * Fixed caps, read.
 */
typedef struct
{
  const V4l2FormatInfo *info;
  guint width;
  guint height;
  guint fps_n; /* 0: whatever the device likes */
  guint fps_d;
  gboolean interlaced;
  gboolean has_colorimetry;
  GstVideoColorimetry colorimetry;
} V4l2Request;

gboolean v4l2_caps_parse (
    const V4l2Caps *self, GstCaps *caps, V4l2Request *request, GError **error);

/* The request as S_FMT and TRY_FMT want it. With @convert the driver is asked
 * to convert to the request's colorimetry. */
void v4l2_request_to_format (const V4l2Request *request,
    enum v4l2_buf_type type, gboolean convert, struct v4l2_format *format);

G_END_DECLS
