/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-card.h"

#include <gst/gst.h>
#include <gst/video/video.h>

/*
 * The step down for frames that the display cannot read where they are: dumb
 * buffers that the CPU copies them into.
 */
typedef struct
{
  GstBufferPool *pool;
  GstVideoInfo info;
} GstDmabufKmsCopier;

/* Forgets the pool, for other caps and for the end. */
void gst_dmabuf_kms_copier_clear (GstDmabufKmsCopier *copier);

/* Copies a linear frame. Errors: ENOTSUP for tiled frames, EIO. */
GstBuffer *gst_dmabuf_kms_copier_copy (GstDmabufKmsCopier *copier,
    KmsCard *card, GstCaps *caps, GstBuffer *buffer, GError **error);

/* Whether @buffer lies in dumb buffers, which are nobody's but ours. */
gboolean gst_dmabuf_kms_buffer_is_dumb (GstBuffer *buffer);
