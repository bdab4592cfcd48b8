/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dmabuf-buffer-private.h"
#include <libdmabufcore/dmabuf-constraints.h>

G_BEGIN_DECLS

/* The first of @exporters from @first on that suits; @reason may be NULL. */
DmabufExporter *
dmabuf_choose_for (GPtrArray *exporters, const DmabufConstraints *constraints,
    guint first, GString *reason, GError **error);

/* What all devices demand together; never NULL without an error. */
DmabufConstraints *
dmabuf_merge_devices (DmabufDevice **devices, guint n, GError **error);

/* Where a buffer may lie, and who waits for it to move. Under the buffer's
 * lock. */
typedef struct _DmabufPlacement
{
  GPtrArray *exporters; /* in order of preference; never changes */
  GThread *mover;       /* who allocates or moves, without the lock */
  guint n_movers;       /* who wait to move it; new uses stall behind them */
  guint n_stalled;      /* who wait for a change */
  GHashTable *owners;   /* GThread → count of uses */
} DmabufPlacement;

/* Whether another thread allocates or moves it right now: to be waited for. The
 * mover himself passes, for exporters and devices that he calls look at the
 * buffer, and attachments may end with him. Lock held. */
static inline gboolean
dmabuf_storage_is_away (DmabufBuffer *buffer)
{
  DmabufPlacement *placement = buffer->placement;

  return placement && placement->mover && placement->mover != g_thread_self ();
}

void dmabuf_set_revoked (GError **error);

/* Allocates the storage; moves it to where all attachments reach it. The caller
 * set placement->mover, so that nobody else does anything with it. */
gboolean dmabuf_storage_place (DmabufBuffer *buffer, GError **error);
gboolean dmabuf_storage_move (DmabufBuffer *buffer, GError **error);

/* The attachments that there are, held, in an array that drops them. */
GPtrArray *dmabuf_storage_hold_attachments (DmabufBuffer *buffer);

/* Asks the exporter for one device. */
gboolean dmabuf_storage_attach_one (DmabufBuffer *buffer,
    DmabufExporter *exporter, DmabufDevice *device, GError **error);
void dmabuf_storage_detach_one (
    DmabufBuffer *buffer, DmabufExporter *exporter, DmabufDevice *device);

/* Whether @device may attach: EBUSY naming the field and both sides. */
gboolean dmabuf_storage_check_device (
    DmabufBuffer *buffer, DmabufDevice *device, GError **error);

G_END_DECLS
