/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fences that have always signalled (FEN-16). */

#include "dmabuf-fence-private.h"

static const char *
stub_get_name (DmabufFence *fence)
{
  return "stub";
}

static void
stub_release (DmabufFence *fence)
{
  g_free (fence);
}

static const DmabufFenceOps stub_ops = {
  .kind = DMABUF_FENCE_KIND_STUB,
  .get_driver_name = stub_get_name,
  .get_timeline_name = stub_get_name,
  .release = stub_release,
};

DmabufFence *
dmabuf_fence_new_signaled (gint64 timestamp, int error)
{
  DmabufFence *fence = g_new0 (DmabufFence, 1);

  /* Context 0 is never handed out (FEN-2). */
  dmabuf_fence_init (fence, &stub_ops, 0, 0);
  dmabuf_fence_settle (fence, error, MAX (timestamp, 0));

  return fence;
}

DmabufFence *
dmabuf_fence_get_stub (void)
{
  static DmabufFence *stub = NULL;

  if (g_once_init_enter (&stub))
    g_once_init_leave (&stub, dmabuf_fence_new_signaled (0, 0));

  return dmabuf_fence_ref (stub);
}
