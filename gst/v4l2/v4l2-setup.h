/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "v4l2-caps.h"

G_BEGIN_DECLS

/*
 * The driver's answer to a request: layout and rate (0: unknown).
 */
typedef struct
{
  V4l2Layout layout;
  guint fps_n;
  guint fps_d;
} V4l2Setup;

/* Asks for the answer to @request (TRY_FMT) without changing the device; also
 * allowed while it streams. */
gboolean v4l2_setup_try (V4l2Device *device, const V4l2Request *request,
    V4l2Setup *setup, GError **error);

/* Sets format and rate. FALSE with EINVAL if the driver set another format,
 * which the message describes. */
gboolean v4l2_setup_apply (V4l2Device *device, const V4l2Request *request,
    V4l2Setup *setup, GError **error);

/* Adds the driver's colorimetry and interlacing to @caps, which are writable
 * and fixed. If a value is not among those that the peer left @open, the peer's
 * first one is added, and the driver has to convert to that. */
void v4l2_setup_complete_caps (
    const V4l2Setup *setup, GstCaps *caps, const GstStructure *open);

G_END_DECLS
