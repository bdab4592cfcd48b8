/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/lib/gstdmabufcorecaps.h>

/*
 * What a plane can show: a GArray of GstDmabufCoreFormat, without doubles, in
 * the driver's order.
 */
GArray *kms_formats_new (void);

void kms_formats_add (GArray *formats, guint32 fourcc, guint64 modifier);

/* Adds those of @other. */
void kms_formats_merge (GArray *formats, const GArray *other);

gboolean
kms_formats_contain (const GArray *formats, guint32 fourcc, guint64 modifier);

/* Adds what the blob of the property IN_FORMATS lists. FALSE, and nothing
 * added, if the blob contradicts itself. */
gboolean kms_formats_add_blob (GArray *formats, const void *data, gsize size);
