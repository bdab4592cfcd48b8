/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dmabuf-buffer-private.h"
#include <libdmabufcore/dmabuf-constraints.h>

G_BEGIN_DECLS

/* The first of @exporters, from index @first on, that suits @constraints.
 * @reason, which may be NULL, gets a line for each. */
DmabufExporter *
dmabuf_choose_for (GPtrArray *exporters, const DmabufConstraints *constraints,
    guint first, GString *reason, GError **error);

/* The merged demands of all devices; NULL with an error if they exclude each
 * other. */
DmabufConstraints *
dmabuf_merge_devices (DmabufDevice **devices, guint n, GError **error);

/* The exporters that may have a deferred buffer, and the threads that use, move
 * or wait for its storage. Under the buffer's lock. */
typedef struct _DmabufPlacement
{
  GPtrArray *exporters; /* In order of preference; never changes */
  GThread *mover;       /* Thread that allocates or moves, without the lock */
  guint n_movers;       /* Threads that wait to move; they stall new uses */
  guint n_stalled;      /* Threads that wait for a change */
  GHashTable *owners;   /* GThread → count of uses */
} DmabufPlacement;

/* Whether another thread is allocating or moving the storage, so that the
 * caller has to wait. FALSE for the mover itself: exporters and devices that it
 * calls look at the buffer, and it may free attachments. Lock held. */
static inline gboolean
dmabuf_storage_is_away (DmabufBuffer *buffer)
{
  DmabufPlacement *placement = buffer->placement;

  return placement && placement->mover && placement->mover != g_thread_self ();
}

void dmabuf_set_revoked (GError **error);

/* Allocates the storage; moves it to where all attachments reach it. The caller
 * is placement->mover, so other threads leave the buffer alone. */
gboolean dmabuf_storage_place (DmabufBuffer *buffer, GError **error);
gboolean dmabuf_storage_move (DmabufBuffer *buffer, GError **error);

/* The present attachments, held, in an array that drops them. */
GPtrArray *dmabuf_storage_hold_attachments (DmabufBuffer *buffer);

/* Calls the exporter's attach or detach for one device. */
gboolean dmabuf_storage_attach_one (DmabufBuffer *buffer,
    DmabufExporter *exporter, DmabufDevice *device, GError **error);
void dmabuf_storage_detach_one (
    DmabufBuffer *buffer, DmabufExporter *exporter, DmabufDevice *device);

/* Whether @device may attach; if not, EBUSY names the field and both sides. */
gboolean dmabuf_storage_check_device (
    DmabufBuffer *buffer, DmabufDevice *device, GError **error);

G_END_DECLS
