/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-device-private.h"
#include "dmabuf-exporter-private.h"
#include "dmabuf-statistics-private.h"

DmabufStatistics dmabuf_process_statistics;

void
dmabuf_statistics_copy (const DmabufStatistics *from, DmabufStatistics *to)
{
  const guint64 *source = (const guint64 *) from;
  guint64 *target = (guint64 *) to;
  gsize i;

  for (i = 0; i < sizeof *from / sizeof *source; i++)
    target[i] = __atomic_load_n (&source[i], __ATOMIC_RELAXED);
}

void
dmabuf_statistics_get (DmabufStatistics *statistics)
{
  g_return_if_fail (statistics != NULL);

  dmabuf_statistics_copy (&dmabuf_process_statistics, statistics);
}

void
dmabuf_exporter_get_statistics (
    DmabufExporter *exporter, DmabufStatistics *statistics)
{
  g_return_if_fail (DMABUF_IS_EXPORTER (exporter));
  g_return_if_fail (statistics != NULL);

  dmabuf_statistics_copy (dmabuf_exporter_statistics (exporter), statistics);
}

void
dmabuf_device_get_statistics (
    DmabufDevice *device, DmabufStatistics *statistics)
{
  g_return_if_fail (DMABUF_IS_DEVICE (device));
  g_return_if_fail (statistics != NULL);

  dmabuf_statistics_copy (dmabuf_device_statistics (device), statistics);
}
