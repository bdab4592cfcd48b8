/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by array, chain and merge. */

#include "dmabuf-fence-composite.h"
#include "dmabuf-fence-private.h"

G_BEGIN_DECLS

/* An array that signals with @error; 0 for the error of its members */
DmabufFence *dmabuf_fence_array_new_with_error (DmabufFence **fences,
    guint n_fences, guint64 context, guint64 seqno, int error);

/* The members, without references of their own */
guint
dmabuf_fence_array_get_members (DmabufFence *fence, DmabufFence ***fences);

/* The error that dmabuf_fence_array_new_with_error() was given */
int dmabuf_fence_array_get_base_error (DmabufFence *fence);

/* A sync_file of all leaves that are pending; EINVAL if one of them is not
 * kernel-backed. For DmabufFenceOps. */
int dmabuf_fence_export_composite (DmabufFence *fence, GError **error);

G_END_DECLS
