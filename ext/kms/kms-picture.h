/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-device.h"

/* Where the planes of a frame lie in rows of a dumb buffer whose pitch is
 * @pitch. Fills @layout (no buffers) and @size. FALSE for a format that the
 * library cannot lay out. */
gboolean kms_picture_layout (guint32 format, guint32 width, guint32 height,
    guint32 pitch, DmabufLayout *layout, gsize *size);

/* The bytes of a row of the first plane, 0 for an unknown format. */
guint32 kms_picture_row_bytes (guint32 format, guint32 width);

/*
 * A picture of our own in a dumb buffer, with its framebuffer: to ask the
 * driver what it would show, and for a writeback connector to write into.
 * Linear, black at first (zeroes).
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
