/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-constraints.h>
#include <libdmabufcore/dmabuf-exporter.h>

G_BEGIN_DECLS

/* Whether memory of @exporter satisfies @constraints; EBUSY with the field, who
 * demands it, and what the exporter has. */
gboolean
dmabuf_constraints_check_exporter (const DmabufConstraints *constraints,
    DmabufExporter *exporter, GError **error);

guint64 dmabuf_constraints_align_size (
    const DmabufConstraints *constraints, guint64 size);

G_END_DECLS
