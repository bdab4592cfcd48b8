/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What array, chain and merge tell each other. */

#include "dmabuf-fence-composite.h"
#include "dmabuf-fence-private.h"

G_BEGIN_DECLS

/* An array that will signal with @error, 0 for that of its members */
DmabufFence *dmabuf_fence_array_new_with_error (DmabufFence **fences,
    guint n_fences, guint64 context, guint64 seqno, int error);

/* The members, which stay the array's */
guint
dmabuf_fence_array_get_members (DmabufFence *fence, DmabufFence ***fences);

/* What dmabuf_fence_array_new_with_error() was given */
int dmabuf_fence_array_get_base_error (DmabufFence *fence);

/* A sync_file of all leaves that are pending; EINVAL if one of them is none of
 * the kernel's. For DmabufFenceOps. */
int dmabuf_fence_export_composite (DmabufFence *fence, GError **error);

G_END_DECLS
