/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "v4l2-device.h"

#include <gst/gst.h>

G_BEGIN_DECLS

/* Sets the controls that the fields of @controls name: "brightness", or
 * "white_balance_automatic" for "White Balance, Automatic". All are tried;
 * FALSE with an error that names each control that failed, and the reason. */
gboolean v4l2_controls_set (
    V4l2Device *device, const GstStructure *controls, GError **error);

G_END_DECLS
