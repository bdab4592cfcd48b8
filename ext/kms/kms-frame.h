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
 * The reference on the GstBuffer keeps upstream from writing into what the
 * display reads; it goes when the next frame is on screen.
 */
typedef struct
{
  GstBuffer *buffer;
  guint n_attachments;
  DmabufAttachment *attachments[DMABUF_CORE_MAX_PLANES];
  DmabufMapping *mappings[DMABUF_CORE_MAX_PLANES];
  guint32 fb_id;
  KmsRect source;
  /* a sync_file for IN_FENCE_FD, or -1 */
  int fence_fd;
  /* when it was captured, on CLOCK_MONOTONIC; GST_CLOCK_TIME_NONE if unknown */
  GstClockTime captured;
  guint64 serial;
} KmsFrame;

/* Imports what @layout describes of @buffer. @reused: whether it was known. */
gboolean
kms_frame_import (KmsFrame *frame, DmabufDevice *device, GstBuffer *buffer,
    const DmabufLayout *layout, gboolean *reused, GError **error);

/* Gives everything back; may call into upstream, so under no lock. */
void kms_frame_clear (KmsFrame *frame);

/* Moves, leaving @frame empty. */
KmsFrame kms_frame_take (KmsFrame *frame);
