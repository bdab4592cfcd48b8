/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-frame.h"
#include "reference.h"

G_BEGIN_DECLS

/* A frame in memory of the GPU that the CPU reaches: what tests use where there
 * are no dma-bufs. */
typedef struct
{
  GpuFrame *frame;
  RefFrame ref;
  guint8 *data;
  gsize size;
} HostFrame;

/* In buffers, rows @padding bytes longer than they have to be, planes @offset
 * bytes further on. */
HostFrame *host_frame_new (GpuContext *context, guint32 fourcc, guint width,
    guint height, guint padding, guint offset);

/* In images, whose layout the driver chooses; NULL if it has none. */
HostFrame *host_frame_new_images (
    GpuContext *context, guint32 fourcc, guint width, guint height);

void host_frame_free (GpuContext *context, HostFrame *frame);

/* Every byte, also the padding */
void host_frame_fill (HostFrame *frame, GRand *random);

G_END_DECLS
