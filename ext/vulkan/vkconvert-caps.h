/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

#include "gpu-params.h"

G_BEGIN_DECLS

/* What @caps may become: themselves, or any of @formats with any size. */
GstCaps *vkconvert_caps_transform (GstCaps *caps, GstCaps *formats);

/* Chooses out of @othercaps what is nearest to @caps: the format, the size
 * (turned, if @transpose, and without what is cropped), the aspect. */
GstCaps *vkconvert_caps_fixate (GstCaps *caps, GstCaps *othercaps,
    gboolean transpose, gint crop_width, gint crop_height);

/* Where in the output the picture goes, so that its aspect stays: the whole
 * output without @borders. */
GpuRect vkconvert_place (const GstVideoInfo *in, const GpuRect *crop,
    const GstVideoInfo *out, gboolean transpose, gboolean borders);

G_END_DECLS
