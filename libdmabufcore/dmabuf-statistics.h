/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DmabufStatistics:
 * @buffers: buffers that exist now
 * @bytes: their bytes of storage; a buffer counts once, however many fds lead
 *   to it (STAT-4)
 * @buffers_made: buffers that were ever made
 * @attachments: attachments that exist now
 * @attachments_made: attachments that were ever made
 * @mappings: device accesses that are open now
 * @mappings_made: device accesses that were ever begun
 * @imports_made: imports by a device
 * @imports_reused: imports that were found in an attachment
 * @evictions: attachments that left a full cache
 * @migrations: storage that moved
 * @cpu_sections: brackets of CPU access that were ever opened
 * @cpu_time: microseconds that buffers spent inside of such brackets
 * @maps: mmaps made for the CPU
 * @fences_exported: snapshots taken of the kernel's fences (EXPORT_SYNC_FILE)
 * @fences_imported: fences given to the kernel (IMPORT_SYNC_FILE)
 * @fence_fallbacks: how often either was impossible
 * @fence_waits: waits on the CPU in place of the hardware, for that reason
 *
 * A snapshot of the library's own counters: of the process, of an exporter or
 * of a device. Each counter is exact; together they are not one instant.
 */
struct _DmabufStatistics
{
  guint64 buffers;
  guint64 bytes;
  guint64 buffers_made;
  guint64 attachments;
  guint64 attachments_made;
  guint64 mappings;
  guint64 mappings_made;
  guint64 imports_made;
  guint64 imports_reused;
  guint64 evictions;
  guint64 migrations;
  guint64 cpu_sections;
  guint64 cpu_time;
  guint64 maps;
  guint64 fences_exported;
  guint64 fences_imported;
  guint64 fence_fallbacks;
  guint64 fence_waits;

  /*< private >*/
  guint64 padding[4];
};

/**
 * dmabuf_statistics_get:
 * @statistics: (out caller-allocates): where to put it
 *
 * The counters of this process.
 */
DMABUF_CORE_API
void dmabuf_statistics_get (DmabufStatistics *statistics);

/**
 * dmabuf_exporter_get_statistics:
 * @exporter: an exporter
 * @statistics: (out caller-allocates): where to put it
 *
 * The counters of the buffers of @exporter.
 */
DMABUF_CORE_API
void dmabuf_exporter_get_statistics (
    DmabufExporter *exporter, DmabufStatistics *statistics);

/**
 * dmabuf_device_get_statistics:
 * @device: a device
 * @statistics: (out caller-allocates): where to put it
 *
 * The counters of the attachments of @device.
 */
DMABUF_CORE_API
void dmabuf_device_get_statistics (
    DmabufDevice *device, DmabufStatistics *statistics);

G_END_DECLS
