/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An exporter whose CPU and devices see two copies, which only the begin and
 * the end of a CPU access exchange: what a cache that is not coherent does,
 * made visible on machines whose caches are (SEC: pitfall 34).
 *
 * Who touches the memory outside of a bracket, or writes in one that reads, is
 * reported with the place in the code, and then works on stale data.
 */

#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

#define NON_COHERENT_TYPE_EXPORTER (non_coherent_exporter_get_type ())
G_DECLARE_FINAL_TYPE (NonCoherentExporter, non_coherent_exporter, NON_COHERENT,
    EXPORTER, DmabufExporter)

/* @backing: where the devices' copy comes from */
DmabufExporter *non_coherent_exporter_new (DmabufExporter *backing);

/* Number of accesses outside of their bracket so far, and the address of the
 * code that made the last one. */
guint non_coherent_get_n_reports (gconstpointer *caller);

/* The devices' copy, for a test that plays the device. */
gpointer non_coherent_get_device_copy (DmabufBuffer *buffer);

G_END_DECLS
