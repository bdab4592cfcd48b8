/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "v4l2-caps.h"

G_BEGIN_DECLS

/*
 * What came of a request: the driver's layout, and its rate (0: unknown).
 */
typedef struct
{
  V4l2Layout layout;
  guint fps_n;
  guint fps_d;
} V4l2Setup;

/* What the device would make of @request (TRY_FMT); changes nothing, also while
 * it streams. */
gboolean v4l2_setup_try (V4l2Device *device, const V4l2Request *request,
    V4l2Setup *setup, GError **error);

/* Sets format and rate. FALSE with EINVAL, and a message that says what the
 * driver did instead, if it is not what was asked for. */
gboolean v4l2_setup_apply (V4l2Device *device, const V4l2Request *request,
    V4l2Setup *setup, GError **error);

/* Adds what only the driver could know: colorimetry and interlacing, if they
 * are among what the peer left @open; else the peer's first, which the driver
 * is to convert to then. @caps is writable and fixed. */
void v4l2_setup_complete_caps (
    const V4l2Setup *setup, GstCaps *caps, const GstStructure *open);

G_END_DECLS
