/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-card.h"

#include <gst/gst.h>
#include <gst/video/video.h>

/*
 * The fallback for frames that the display cannot import: the CPU copies them
 * into dumb buffers.
 */
typedef struct
{
  GstBufferPool *pool;
  GstVideoInfo info;
} GstDmabufKmsCopier;

/* Frees the pool; to be called for new caps and at the end. */
void gst_dmabuf_kms_copier_clear (GstDmabufKmsCopier *copier);

/* Copies a linear frame. Errors: ENOTSUP for tiled frames, EIO. */
GstBuffer *gst_dmabuf_kms_copier_copy (GstDmabufKmsCopier *copier,
    KmsCard *card, GstCaps *caps, GstBuffer *buffer, GError **error);

/* Whether all memory of @buffer is our dumb buffers, hence not upstream's. */
gboolean gst_dmabuf_kms_buffer_is_dumb (GstBuffer *buffer);
