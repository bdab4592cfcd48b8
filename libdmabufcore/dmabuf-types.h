/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * DMABUF_CORE_API:
 *
 * Marks a symbol that the shared library exports.
 */
#ifndef DMABUF_CORE_API
#define DMABUF_CORE_API __attribute__ ((visibility ("default"))) extern
#endif

/**
 * DMABUF_CORE_MAX_PLANES:
 *
 * Greatest number of planes that a frame can have, as in DRM's ADDFB2.
 */
#define DMABUF_CORE_MAX_PLANES 4

/**
 * DMABUF_DEADLINE_NEVER:
 *
 * A deadline that is never reached. Deadlines are absolute times of
 * CLOCK_MONOTONIC in microseconds, as g_get_monotonic_time() returns them. With
 * one that has passed (0, for example) a wait only tests.
 */
#define DMABUF_DEADLINE_NEVER G_MAXINT64

/**
 * DMABUF_ERROR:
 *
 * The error domain of libdmabufcore. The code of such an error is the positive
 * errno value of the kernel's contract (EBUSY, EINVAL, ETIME ...), so that
 * g_error_matches (error, DMABUF_ERROR, EBUSY) tests for it. A wait that a
 * #GCancellable ended has %G_IO_ERROR and %G_IO_ERROR_CANCELLED instead.
 */
#define DMABUF_ERROR (dmabuf_error_quark ())
DMABUF_CORE_API
GQuark dmabuf_error_quark (void);

/**
 * DmabufAccess:
 * @DMABUF_ACCESS_NONE: no access
 * @DMABUF_ACCESS_READ: content is read
 * @DMABUF_ACCESS_WRITE: content is written
 * @DMABUF_ACCESS_READ_WRITE: both
 *
 * The access to a buffer that the CPU or a waiter is about to begin. The values
 * are those of DMA_BUF_SYNC_READ and DMA_BUF_SYNC_WRITE (CPU-4).
 */
typedef enum /*< flags >*/
{
  DMABUF_ACCESS_NONE = 0,
  DMABUF_ACCESS_READ = 1 << 0,
  DMABUF_ACCESS_WRITE = 1 << 1,
  DMABUF_ACCESS_READ_WRITE = DMABUF_ACCESS_READ | DMABUF_ACCESS_WRITE,
} DmabufAccess;

/**
 * DmabufDirection:
 * @DMABUF_DIRECTION_BIDIRECTIONAL: the device reads and writes
 * @DMABUF_DIRECTION_TO_DEVICE: the device reads
 * @DMABUF_DIRECTION_FROM_DEVICE: the device writes
 *
 * Direction of a device access, with the values of the kernel's
 * enum dma_data_direction (MAP-1).
 */
typedef enum
{
  DMABUF_DIRECTION_BIDIRECTIONAL = 0,
  DMABUF_DIRECTION_TO_DEVICE = 1,
  DMABUF_DIRECTION_FROM_DEVICE = 2,
} DmabufDirection;

/**
 * DmabufUsage:
 * @DMABUF_USAGE_KERNEL: memory management: moves, clears. All accesses wait.
 * @DMABUF_USAGE_WRITE: implicit writer
 * @DMABUF_USAGE_READ: implicit reader
 * @DMABUF_USAGE_BOOKKEEP: no access waits for it implicitly
 *
 * Usage of a fence in a reservation; a query for a usage returns the fences of
 * that usage and of lower ones (RSV-1).
 */
typedef enum
{
  DMABUF_USAGE_KERNEL = 0,
  DMABUF_USAGE_WRITE = 1,
  DMABUF_USAGE_READ = 2,
  DMABUF_USAGE_BOOKKEEP = 3,
} DmabufUsage;

typedef struct _DmabufBuffer DmabufBuffer;
typedef struct _DmabufExporter DmabufExporter;
typedef struct _DmabufDevice DmabufDevice;
typedef struct _DmabufConstraints DmabufConstraints;
typedef struct _DmabufAttachment DmabufAttachment;
typedef struct _DmabufMapping DmabufMapping;
typedef struct _DmabufLayout DmabufLayout;
typedef struct _DmabufFence DmabufFence;
typedef struct _DmabufReservation DmabufReservation;
typedef struct _DmabufStatistics DmabufStatistics;

G_END_DECLS
