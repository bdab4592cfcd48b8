/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-plane.h"

#include <gst/gst.h>

#define KMS_FRAME_INIT { .fence_fd = -1 }

/*
 * A frame on its way to the screen: a plain value that is moved, never copied.
 *
 *   GstBuffer ──> dma-buf <── DmabufAttachment ──> framebuffer
 *                     ^------ DmabufMapping (from commit to the flip after)
 *
 * The reference on the GstBuffer keeps upstream from writing into memory that
 * the display reads; it is dropped when the next frame is on screen.
 */
typedef struct
{
  GstBuffer *buffer;
  guint n_attachments;
  DmabufAttachment *attachments[DMABUF_CORE_MAX_PLANES];
  DmabufMapping *mappings[DMABUF_CORE_MAX_PLANES];
  guint32 fb_id;
  KmsRect source;
  /* A sync_file for IN_FENCE_FD, or -1 */
  int fence_fd;
  /* Capture time on CLOCK_MONOTONIC; GST_CLOCK_TIME_NONE if unknown */
  GstClockTime captured;
  guint64 serial;
} KmsFrame;

/* Imports @buffer with @layout. @reused: whether the framebuffer was cached. */
gboolean
kms_frame_import (KmsFrame *frame, DmabufDevice *device, GstBuffer *buffer,
    const DmabufLayout *layout, gboolean *reused, GError **error);

/* Releases everything. May call into upstream, so no lock may be held. */
void kms_frame_clear (KmsFrame *frame);

/* Moves the frame out of @frame, which is empty then. */
KmsFrame kms_frame_take (KmsFrame *frame);
