/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "v4l2-device.h"

G_BEGIN_DECLS

/*
 * The input of a capture device. A sensor is always there, but the signal at a
 * connector comes and goes, and the driver of an HDMI receiver leaves it to the
 * application to set the timings that it detects.
 */

/* Sets @device up for the signal at its input, and subscribes to its changes.
 * No buffers may be allocated. FALSE, with an error that names the input,
 * without a signal or for one that the device cannot receive: the device is
 * usable, but may send no frames. */
gboolean v4l2_input_prepare (V4l2Device *device, GError **error);

/* To be called after %V4L2_WAIT_EVENT: dequeues all events. TRUE if one of them
 * is a change of the signal. */
gboolean v4l2_input_has_changed (V4l2Device *device);

G_END_DECLS
