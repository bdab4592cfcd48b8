/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-device.h"
#include "gpu-exporter.h"
#include "gpu-queue.h"

G_BEGIN_DECLS

#define WIDTH 67
#define HEIGHT 35

/* What the tests of a device share. */
typedef struct
{
  GpuContext *context;
  DmabufDevice *devices[3]; /* by GpuImportMode */
  GpuQueue queue;
} Rig;

extern Rig rig;

/* A deadline that ends a hang, and nothing else */
gint64 rig_far_away (void);

/* "heap", "udmabuf" or "gpu", or "any": the first of them. NULL, and the test
 * skipped, where there is none, or none that both the CPU and the GPU reach. */
DmabufExporter *rig_get_exporter (gconstpointer name);

/* A linear frame in one dma-buf, or each plane in its own */
typedef struct
{
  DmabufLayout layout;
  guint n_buffers;
  DmabufBuffer *buffers[3];
} RigFrame;

void rig_frame_init (RigFrame *frame, DmabufExporter *exporter, guint32 fourcc,
    guint pitch_align, gboolean apart);
void rig_frame_clear (RigFrame *frame);

/* The bytes of a plane, with a CPU access around */
guint8 *rig_begin (RigFrame *frame, guint plane, DmabufAccess access);
void rig_end (RigFrame *frame, guint plane, guint8 *data, DmabufAccess access);

/* Every texel says where it is, and of which frame: @seed. */
guint8 rig_expected (guint plane, guint x, guint y, guint seed);
void rig_paint (RigFrame *frame, guint seed);
void rig_check (RigFrame *frame, guint seed);

/* A buffer in use by a device */
typedef struct
{
  DmabufAttachment *attachment;
  DmabufMapping *mapping;
  GpuFrame *import;
} RigAccess;

gboolean rig_access_begin (RigAccess *access, DmabufDevice *device,
    const DmabufLayout *layout, DmabufDirection direction, GError **error);
void rig_access_end (RigAccess *access);

/* Copies @in to @out, which may be another format of the same kind. */
gboolean rig_convert (DmabufDevice *device, const DmabufLayout *in,
    const DmabufLayout *out, DmabufFence **fence, GError **error);

/* Returns when the GPU has converted frames that wait for nothing, apart from
 * rig.queue: it has had the time for what it was given there before, if that
 * does not wait either. */
void rig_let_gpu_work (DmabufExporter *exporter);

/* The files of tests */
void gpu_add_memory_tests (void);
void gpu_add_order_tests (void);

G_END_DECLS
