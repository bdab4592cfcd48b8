/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-card.h"

#include <gst/gst.h>

G_BEGIN_DECLS

/*
 * A pool of the card's dumb buffers, for linear frames. The sink offers one to
 * upstream, and has one for copies of frames that it cannot import.
 */
#define GST_TYPE_DMABUF_KMS_POOL (gst_dmabuf_kms_pool_get_type ())
G_DECLARE_FINAL_TYPE (
    GstDmabufKmsPool, gst_dmabuf_kms_pool, GST, DMABUF_KMS_POOL, GstBufferPool)

GstBufferPool *gst_dmabuf_kms_pool_new (KmsCard *card);

/* Configures @pool for @caps. @size gets the bytes of a frame. */
gboolean gst_dmabuf_kms_pool_configure (GstBufferPool *pool, GstCaps *caps,
    guint min_buffers, guint max_buffers, guint *size);

G_END_DECLS
