/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An exporter whose buffers have one copy for the CPU and one for devices. Only
 * the begin and the end of a CPU access copy between them. So a machine with
 * coherent caches behaves like one without, and missing brackets are found
 * (CPU-5).
 *
 * An access outside of a bracket, or a write in a bracket for reading, is
 * reported with its place in the code, and then works on stale data.
 */

#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

#define NON_COHERENT_TYPE_EXPORTER (non_coherent_exporter_get_type ())
G_DECLARE_FINAL_TYPE (NonCoherentExporter, non_coherent_exporter, NON_COHERENT,
    EXPORTER, DmabufExporter)

/* @backing: the exporter that allocates the devices' copy */
DmabufExporter *non_coherent_exporter_new (DmabufExporter *backing);

/* Number of accesses outside of their bracket so far, and the address of the
 * code that made the last one. */
guint non_coherent_get_n_reports (gconstpointer *caller);

/* The devices' copy, for a test that acts as the device. */
gpointer non_coherent_get_device_copy (DmabufBuffer *buffer);

G_END_DECLS
