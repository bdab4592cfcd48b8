/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fencesync-action.h"

FenceSyncAction
fence_sync_choose (GstDmabufFenceSyncMode mode, GstQuery *answer)
{
  GstDmabufCoreConstraints constraints;
  GstVideoAlignment alignment;

  switch (mode) {
  case GST_DMABUF_FENCE_SYNC_MODE_WAIT:
    return FENCE_SYNC_WAIT;
  case GST_DMABUF_FENCE_SYNC_MODE_EXPORT:
    return FENCE_SYNC_EXPORT;
  case GST_DMABUF_FENCE_SYNC_MODE_IMPORT:
    return FENCE_SYNC_IMPORT;
  case GST_DMABUF_FENCE_SYNC_MODE_AUTO:
    break;
  }

  if (!answer)
    return FENCE_SYNC_WAIT;
  if (gst_query_find_allocation_meta (
          answer, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL))
    return FENCE_SYNC_NOTHING;
  gst_query_get_dmabuf_core_constraints (answer, &constraints, &alignment);
  return constraints.implicit_sync ? FENCE_SYNC_IMPORT : FENCE_SYNC_WAIT;
}

/* Lists the distinct dma-bufs of @buffer; planes may share one. Other memory
 * has no fences and is skipped. FALSE if a dma-buf cannot be imported. */
static gboolean
get_dmabufs (
    GstBuffer *buffer, DmabufBuffer *dmabufs[16], guint *n, GError **error)
{
  guint i, k;

  *n = 0;
  for (i = 0; i < gst_buffer_n_memory (buffer) && *n < 16; i++) {
    GstMemory *memory = gst_buffer_peek_memory (buffer, i);
    DmabufBuffer *dmabuf;

    if (!gst_is_dmabuf_memory (memory))
      continue;
    dmabuf = gst_dmabuf_core_memory_get_buffer (memory, error);
    if (!dmabuf)
      return FALSE;
    for (k = 0; k < *n && dmabufs[k] != dmabuf; k++)
      ;
    if (k == *n)
      dmabufs[(*n)++] = dmabuf;
  }

  return TRUE;
}

gboolean
fence_sync_is_ready (GstBuffer *buffer, DmabufAccess access)
{
  return fence_sync_wait (buffer, access, 0, NULL, NULL);
}

gboolean
fence_sync_wait (GstBuffer *buffer, DmabufAccess access, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  DmabufFence *fence = gst_buffer_get_dmabuf_core_fence (buffer);
  DmabufBuffer *dmabufs[16];
  guint i, n;

  if (fence && !dmabuf_fence_is_signaled (fence)) {
    if (deadline == 0)
      return FALSE;
    if (!dmabuf_fence_wait (fence, deadline, cancellable, error))
      return FALSE;
  }

  if (!get_dmabufs (buffer, dmabufs, &n, error))
    return FALSE;
  for (i = 0; i < n; i++) {
    if (!dmabuf_buffer_wait (dmabufs[i], access, deadline, cancellable, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
fence_sync_export (
    GstBuffer **buffer, DmabufAccess access, guint *n_fences, GError **error)
{
  DmabufFence *fence = gst_buffer_get_dmabuf_core_fence (*buffer);
  DmabufBuffer *dmabufs[16];
  guint i, n;

  *n_fences = 0;
  if (!get_dmabufs (*buffer, dmabufs, &n, error))
    return FALSE;
  if (fence)
    dmabuf_fence_ref (fence);
  for (i = 0; i < n; i++) {
    DmabufFence *kernel = dmabuf_buffer_get_fence (dmabufs[i], access);
    DmabufFence *before = fence;

    if (!kernel)
      continue;
    ++*n_fences;
    fence = before ? dmabuf_fence_merge (before, kernel)
                   : dmabuf_fence_ref (kernel);
    g_clear_pointer (&before, dmabuf_fence_unref);
    dmabuf_fence_unref (kernel);
  }

  if (*n_fences > 0) {
    *buffer = gst_buffer_make_writable (*buffer);
    gst_buffer_add_dmabuf_core_sync_meta (*buffer, fence);
  }
  g_clear_pointer (&fence, dmabuf_fence_unref);
  return TRUE;
}

gboolean
fence_sync_import (GstBuffer *buffer, guint *n_fences, GError **error)
{
  DmabufFence *fence = gst_buffer_get_dmabuf_core_fence (buffer);
  DmabufBuffer *dmabufs[16];
  guint i, n;

  *n_fences = 0;
  if (!fence || dmabuf_fence_is_signaled (fence))
    return TRUE;
  if (!dmabuf_fence_is_kernel_backed (fence))
    return FALSE;

  if (!get_dmabufs (buffer, dmabufs, &n, error))
    return FALSE;
  for (i = 0; i < n; i++) {
    if (!dmabuf_buffer_add_fence (
            dmabufs[i], DMABUF_ACCESS_WRITE, fence, error))
      return FALSE;
    ++*n_fences;
  }
  return TRUE;
}
