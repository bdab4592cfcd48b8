/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-attachment.h>
#include <libdmabufcore/dmabuf-device.h>
#include <libdmabufcore/dmabuf-layout.h>
#include <libdmabufcore/dmabuf-statistics.h>
#include "dmabuf-kernel-private.h"

G_BEGIN_DECLS

/* One frame as the device imported it: the key, and what it holds. */
typedef struct _DmabufImport DmabufImport;
struct _DmabufImport
{
  DmabufImport *next;
  DmabufLayout layout;
  guint generations[DMABUF_CORE_MAX_PLANES]; /* of the planes' storage */
  gboolean ready;                            /* else being made */
  gint tenure;                               /* that used it last */
  gpointer import;
};

/*
 * Who holds whom:
 *
 *   device ──cache──► attachment ──► buffer
 *     ▲                   │
 *     └── while somebody ─┘ but the cache holds the attachment
 *
 * The references of others are counted; the cache's own place is a flag. So an
 * idle attachment lives as long as its device, and a device goes when nobody
 * holds it or one of its attachments.
 */
struct _DmabufAttachment
{
  gint n_holders; /* 0 ⇄ 1 only under the device's lock */
  gint tenure;    /* atomic; counts the times that n_holders left 0 */
  DmabufDevice *device;
  GWeakRef weak_device; /* for who finds the attachment with its buffer */
  DmabufBuffer *buffer;
  gint n_pins; /* atomic */

  /* Whose attach operation was called; changes only while the storage is about
   * to be placed or to move, and has no other users. */
  DmabufExporter *attached_by;

  /* Under the device's lock. */
  gboolean cached;
  GList lru;

  /* Under the buffer's lock. */
  guint n_mapped;
  DmabufDirection direction;
  DmabufMapping *spare_mappings;

  /* Under the import lock. */
  GMutex import_lock;
  GCond import_made;
  DmabufImport *imports; /* most recently used first */
};

struct _DmabufMapping
{
  DmabufMapping *next; /* spare */
  DmabufAttachment *attachment;
  DmabufDirection direction;
  DmabufFence *fence;
  GThread *owner; /* who mapped: DEF-4 */
};

DmabufStatistics *dmabuf_device_statistics (DmabufDevice *device);
DmabufDeviceFlags dmabuf_device_get_flags (DmabufDevice *device);
GMutex *dmabuf_device_lock (DmabufDevice *device);

/* Whether the cache is above its bound; its lock is held. */
gboolean dmabuf_device_is_full (DmabufDevice *device);
/* Takes an attachment that nobody holds out of the cache; its lock is held. */
void dmabuf_device_uncache (DmabufDevice *device, DmabufAttachment *attachment);

/* A new attachment that its caller holds; the exporter may veto. */
DmabufAttachment *dmabuf_attachment_new (
    DmabufDevice *device, DmabufBuffer *buffer, GError **error);
/* Nobody holds it, and it is in no cache. */
void dmabuf_attachment_free (DmabufAttachment *attachment);

/* A holder more, unless the attachment is about to end; its buffer's lock is
 * held. */
gboolean dmabuf_attachment_try_ref (DmabufAttachment *attachment);

/* Whether the device's constraints allow memory of @exporter; EBUSY if not. */
gboolean dmabuf_device_suits (
    DmabufDevice *device, DmabufExporter *exporter, GError **error);

/* Whether they allow the layout, which is valid: formats, pitches, offsets and
 * the memory of each plane; EINVAL or EBUSY if not. */
gboolean dmabuf_device_takes_layout (
    DmabufDevice *device, const DmabufLayout *layout, GError **error);

/* dmabuf-import.c */
void
dmabuf_attachment_drop_imports (DmabufAttachment *attachment, gboolean all);

G_END_DECLS
