/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

#include "gpu-params.h"

G_BEGIN_DECLS

/* Transforms @caps to @formats with any size; with @same, @caps themselves come
 * first. */
GstCaps *
vkconvert_caps_transform (GstCaps *caps, GstCaps *formats, gboolean same);

/* Chooses a linear format, which any consumer can read, if one is left. */
void vkconvert_caps_prefer_linear (GstStructure *structure);

/* Fixates @othercaps to the values nearest to @caps: format, size (transposed
 * with @transpose, less the cropped part), pixel aspect ratio. */
GstCaps *vkconvert_caps_fixate (GstCaps *caps, GstCaps *othercaps,
    gboolean transpose, gint crop_width, gint crop_height);

/* Returns the rectangle of the picture in the output, with its aspect ratio;
 * without @borders it is the whole output. */
GpuRect vkconvert_place (const GstVideoInfo *in, const GpuRect *crop,
    const GstVideoInfo *out, gboolean transpose, gboolean borders);

G_END_DECLS
