/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/lib/gstdmabufcorecaps.h>

/*
 * The formats of a plane: a GArray of GstDmabufCoreFormat, without duplicates,
 * in the driver's order.
 */
GArray *kms_formats_new (void);

void kms_formats_add (GArray *formats, guint32 fourcc, guint64 modifier);

/* Adds the formats of @other. */
void kms_formats_merge (GArray *formats, const GArray *other);

gboolean
kms_formats_contain (const GArray *formats, guint32 fourcc, guint64 modifier);

/* Adds the formats in a blob of the property IN_FORMATS. FALSE for a malformed
 * blob, of which nothing is added. */
gboolean kms_formats_add_blob (GArray *formats, const void *data, gsize size);
