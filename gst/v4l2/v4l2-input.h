/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "v4l2-device.h"

G_BEGIN_DECLS

/*
 * What a device captures from. A sensor is always there; the signal at a
 * connector comes and goes, and an HDMI receiver has to be told the timings
 * that it sees.
 */

/* Sets @device up for the signal at its input, and asks to be told when that
 * changes. FALSE with an error that names the input if there is none, or none
 * that the device can receive: it can be used all the same, but frames need not
 * come. No buffers may be there. */
gboolean v4l2_input_prepare (V4l2Device *device, GError **error);

/* After %V4L2_WAIT_EVENT: takes all events, TRUE if the signal is among what
 * changed. */
gboolean v4l2_input_has_changed (V4l2Device *device);

G_END_DECLS
