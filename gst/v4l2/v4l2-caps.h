/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "v4l2-device.h"
#include "v4l2-format.h"

#include <gst/gst.h>

G_BEGIN_DECLS

/*
 * The formats of a device, probed once after it was opened, and its current
 * one.
 */
typedef struct
{
  GPtrArray *formats; /* Of const V4l2FormatInfo, preferred first */
  GstCaps *caps;
  char *compressed; /* Names of its compressed formats, or NULL */
  char *others;     /* Names of its other formats outside the table, or NULL */

  /* The device's current setting: the default where the peer leaves a choice.
   */
  const V4l2FormatInfo *current; /* NULL: a format outside the table */
  guint width;
  guint height;
  guint fps_n; /* At least 30 frames per second: see v4l2-probe.c */
  guint fps_d;
} V4l2Caps;

/* FALSE with an error if the device has no format that the element knows. */
gboolean v4l2_caps_probe (V4l2Caps *self, V4l2Device *device, GError **error);
void v4l2_caps_clear (V4l2Caps *self);

/* The caps of the pad template. */
GstCaps *v4l2_caps_get_template (void);

/* Chooses from @caps, which the peer accepts, the first format, and the size
 * and rate nearest to the device's current setting. Fields about colours and
 * interlacing that the peer leaves open are moved to @open (transfer full), for
 * v4l2_setup_complete_caps(). */
GstCaps *
v4l2_caps_fixate (const V4l2Caps *self, GstCaps *caps, GstStructure **open);

/* Fixed caps as the values for a request to the driver. */
typedef struct
{
  const V4l2FormatInfo *info;
  guint width;
  guint height;
  guint fps_n; /* 0: the device chooses */
  guint fps_d;
  gboolean interlaced;
  gboolean has_colorimetry;
  GstVideoColorimetry colorimetry;
} V4l2Request;

gboolean v4l2_caps_parse (
    const V4l2Caps *self, GstCaps *caps, V4l2Request *request, GError **error);

/* Fills in @format for S_FMT or TRY_FMT. With @convert it asks the driver to
 * convert to the request's colorimetry. */
void v4l2_request_to_format (const V4l2Request *request,
    enum v4l2_buf_type type, gboolean convert, struct v4l2_format *format);

G_END_DECLS
