/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/lib/gstdmabufcore.h>

G_BEGIN_DECLS

/*
 * The actions of dmabuffencesync on one buffer; fencesync-waiting.c decides
 * which thread waits. dmabufalloc uses them to wait before it copies a frame.
 */

/**
 * GstDmabufFenceSyncMode:
 * @GST_DMABUF_FENCE_SYNC_MODE_AUTO: ask downstream
 * @GST_DMABUF_FENCE_SYNC_MODE_WAIT: hold a buffer until its fences have
 *   signalled
 * @GST_DMABUF_FENCE_SYNC_MODE_EXPORT: the kernel's fences become the acquire
 *   fence of the sync meta
 * @GST_DMABUF_FENCE_SYNC_MODE_IMPORT: the acquire fence of the sync meta
 *   becomes a fence of the kernel
 */
typedef enum
{
  GST_DMABUF_FENCE_SYNC_MODE_AUTO,
  GST_DMABUF_FENCE_SYNC_MODE_WAIT,
  GST_DMABUF_FENCE_SYNC_MODE_EXPORT,
  GST_DMABUF_FENCE_SYNC_MODE_IMPORT,
} GstDmabufFenceSyncMode;

typedef enum
{
  FENCE_SYNC_NOTHING,
  FENCE_SYNC_WAIT,
  FENCE_SYNC_EXPORT,
  FENCE_SYNC_IMPORT,
} FenceSyncAction;

/* The action of @mode. In mode auto it depends on downstream's @answer to an
 * ALLOCATION query, NULL for no answer:
 *
 *   takes the sync meta             nothing: it waits for the acquire fence and
 *                                   the kernel's fences itself
 *   waits for the kernel's fences   import
 *   neither, or no answer           wait
 */
FenceSyncAction
fence_sync_choose (GstDmabufFenceSyncMode mode, GstQuery *answer);

/* Whether no pending fence of @buffer conflicts with @access; FALSE also if
 * that cannot be determined. One system call for each dma-buf. */
gboolean fence_sync_is_ready (GstBuffer *buffer, DmabufAccess access);

/* Waits for all fences of @buffer that conflict with @access. */
gboolean fence_sync_wait (GstBuffer *buffer, DmabufAccess access,
    gint64 deadline, GCancellable *cancellable, GError **error);

/* Merges the kernel's fences into the acquire fence of @buffer, which is made
 * writable for that. @n_fences gets the number of dma-bufs that had fences. On
 * FALSE the fences could not be asked for: the caller waits instead. */
gboolean fence_sync_export (
    GstBuffer **buffer, DmabufAccess access, guint *n_fences, GError **error);

/* Adds the acquire fence as a writer's to the kernel's reservation of each
 * dma-buf. FALSE without an error for a fence that is not the kernel's. On
 * FALSE the caller waits instead. */
gboolean fence_sync_import (GstBuffer *buffer, guint *n_fences, GError **error);

G_END_DECLS
