/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

#include "gpu-params.h"

G_BEGIN_DECLS

/* What @caps may become: any of @formats with any size, or, rather, with @same,
 * what they are. */
GstCaps *
vkconvert_caps_transform (GstCaps *caps, GstCaps *formats, gboolean same);

/* Chooses, of the formats that are left, a linear one, which everybody reads.
 */
void vkconvert_caps_prefer_linear (GstStructure *structure);

/* Chooses out of @othercaps what is nearest to @caps: the format, the size
 * (turned, if @transpose, and without what is cropped), the aspect. */
GstCaps *vkconvert_caps_fixate (GstCaps *caps, GstCaps *othercaps,
    gboolean transpose, gint crop_width, gint crop_height);

/* Where in the output the picture goes, so that its aspect stays: the whole
 * output without @borders. */
GpuRect vkconvert_place (const GstVideoInfo *in, const GpuRect *crop,
    const GstVideoInfo *out, gboolean transpose, gboolean borders);

G_END_DECLS
