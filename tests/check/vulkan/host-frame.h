/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-frame.h"
#include "reference.h"

G_BEGIN_DECLS

/* A frame in GPU memory that the CPU can map: the tests need no dma-bufs. */
typedef struct
{
  GpuFrame *frame;
  RefFrame ref;
  guint8 *data;
  gsize size;
} HostFrame;

/* A frame in buffers: each row has @padding bytes behind it, each plane @offset
 * bytes before it. */
HostFrame *host_frame_new (GpuContext *context, guint32 fourcc, guint width,
    guint height, guint padding, guint offset);

/* A frame in images, whose layout the driver chooses; NULL if the driver has no
 * such images. */
HostFrame *host_frame_new_images (
    GpuContext *context, guint32 fourcc, guint width, guint height);

void host_frame_free (GpuContext *context, HostFrame *frame);

/* Fills every byte, the padding included. */
void host_frame_fill (HostFrame *frame, GRand *random);

G_END_DECLS
