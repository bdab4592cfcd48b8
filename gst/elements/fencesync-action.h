/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/lib/gstdmabufcore.h>

G_BEGIN_DECLS

/*
 * What dmabuffencesync does to one buffer, apart from where the buffer waits;
 * dmabufalloc waits for what it copies.
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

/* The action of @mode; for auto by what downstream answered to an ALLOCATION
 * query, NULL for no answer:
 *
 *   takes the sync meta             nothing: it waits itself, and for the
 *                                   kernel's fences as well
 *   waits for the kernel's fences   import
 *   neither, or no answer           wait
 */
FenceSyncAction
fence_sync_choose (GstDmabufFenceSyncMode mode, GstQuery *answer);

/* Whether it is known that nothing of @buffer is pending against @access: one
 * system call for a dma-buf, none for other memory. */
gboolean fence_sync_is_ready (GstBuffer *buffer, DmabufAccess access);

/* Waits for everything of @buffer that stands against @access. */
gboolean fence_sync_wait (GstBuffer *buffer, DmabufAccess access,
    gint64 deadline, GCancellable *cancellable, GError **error);

/* The kernel's fences and the acquire fence that there is become the acquire
 * fence of @buffer, which is replaced by one that can be written to; @n_fences
 * counts. FALSE if the kernel cannot be asked: then it has to be waited for. */
gboolean fence_sync_export (
    GstBuffer **buffer, DmabufAccess access, guint *n_fences, GError **error);

/* The acquire fence, which is that of a writer, goes into the kernel's
 * reservation of each dma-buf. FALSE without an error if the kernel cannot take
 * it: then it has to be waited for. */
gboolean fence_sync_import (GstBuffer *buffer, guint *n_fences, GError **error);

G_END_DECLS
