/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-device.h"

/* Lays out the planes of a frame in a dumb buffer of @pitch. Sets @layout,
 * without buffers, and @size. FALSE for an unknown format. */
gboolean kms_picture_layout (guint32 format, guint32 width, guint32 height,
    guint32 pitch, DmabufLayout *layout, gsize *size);

/* The bytes of a row of the first plane, 0 for an unknown format. */
guint32 kms_picture_row_bytes (guint32 format, guint32 width);

/*
 * A linear picture in a dumb buffer, with its framebuffer: for test commits, as
 * a background, and as the target of a writeback connector. Zeroed at first.
 */
typedef struct
{
  KmsCard *card;
  DmabufBuffer *buffer;
  DmabufLayout layout;
  KmsFramebuffer *framebuffer;
} KmsPicture;

KmsPicture *kms_picture_new (KmsCard *card, guint32 format, guint32 width,
    guint32 height, GError **error);
void kms_picture_free (KmsPicture *picture);
