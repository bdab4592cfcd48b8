/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-output.h"

#include <gst/gst.h>
#include <gst/video/video.h>

/* Makes the caps that @output can show: formats and sizes. @mode: the mode that
 * the user set, or %NULL. */
GstCaps *
gst_dmabuf_kms_caps_new (KmsOutput *output, const KmsModeRequest *mode);

/* Converts @info for kms_output_configure (). */
void gst_dmabuf_kms_video_from_info (
    KmsVideo *video, const GstVideoInfoDmaDrm *info);
