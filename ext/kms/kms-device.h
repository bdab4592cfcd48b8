/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-card.h"

G_BEGIN_DECLS

/*
 * The card as a device of libdmabufcore. Importing a frame makes a framebuffer,
 * which the attachment caches: one for each buffer and layout.
 */
#define KMS_TYPE_DEVICE (kms_device_get_type ())
G_DECLARE_FINAL_TYPE (KmsDevice, kms_device, KMS, DEVICE, DmabufDevice)

/* The result of dmabuf_attachment_import () for a KmsDevice. */
typedef struct
{
  guint32 fb_id;
  guint n_handles;
  guint32 handles[DMABUF_CORE_MAX_PLANES];
} KmsFramebuffer;

DmabufDevice *kms_device_new (KmsCard *card);

/* Makes a framebuffer of @layout without an attachment, for buffers that this
 * plugin allocates itself (KmsPicture). */
KmsFramebuffer *
kms_framebuffer_new (KmsCard *card, const DmabufLayout *layout, GError **error);
void kms_framebuffer_free (KmsCard *card, KmsFramebuffer *framebuffer);

G_END_DECLS
