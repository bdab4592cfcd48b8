/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-output.h"

#include <gst/gst.h>
#include <gst/video/video.h>

/* What @output can show: formats and sizes. @mode: what the user insists on,
 * or %NULL. */
GstCaps *
gst_dmabuf_kms_caps_new (KmsOutput *output, const KmsModeRequest *mode);

/* What a display has to know of @info. */
void gst_dmabuf_kms_video_from_info (
    KmsVideo *video, const GstVideoInfoDmaDrm *info);
