/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-card.h"

G_BEGIN_DECLS

/*
 * The card as a user of dma-bufs. What importing a frame yields is a
 * framebuffer; it lives in the attachment, made once per buffer and layout.
 */
#define KMS_TYPE_DEVICE (kms_device_get_type ())
G_DECLARE_FINAL_TYPE (KmsDevice, kms_device, KMS, DEVICE, DmabufDevice)

/* What dmabuf_attachment_import () returns for a KmsDevice. */
typedef struct
{
  guint32 fb_id;
  guint n_handles;
  guint32 handles[DMABUF_CORE_MAX_PLANES];
} KmsFramebuffer;

DmabufDevice *kms_device_new (KmsCard *card);

/* Makes a framebuffer of @layout without an attachment: for the frames that the
 * card's own users make (tests, writeback). */
KmsFramebuffer *
kms_framebuffer_new (KmsCard *card, const DmabufLayout *layout, GError **error);
void kms_framebuffer_free (KmsCard *card, KmsFramebuffer *framebuffer);

G_END_DECLS
