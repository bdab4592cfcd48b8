/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-attachment.h>
#include <libdmabufcore/dmabuf-device.h>
#include <libdmabufcore/dmabuf-layout.h>
#include <libdmabufcore/dmabuf-statistics.h>
#include "dmabuf-kernel-private.h"

G_BEGIN_DECLS

/* The import of one frame: its key, and what the device made of it. */
typedef struct _DmabufImport DmabufImport;
struct _DmabufImport
{
  DmabufImport *next;
  DmabufLayout layout;
  guint generations[DMABUF_CORE_MAX_PLANES]; /* Of the planes' storage */
  gboolean ready;                            /* Else it is being made */
  gint hold_epoch;                           /* Of its last use */
  gpointer import;
};

/*
 * References:
 *
 *   device ──cache──► attachment ──► buffer
 *     ▲                   │
 *     └─ while n_holders ─┘
 *            is not 0
 *
 * n_holders counts all references to the attachment except the cache's, which
 * is the flag "cached". So an idle attachment lives as long as it is cached,
 * and a device lives as long as it or one of its attachments has a holder.
 */
struct _DmabufAttachment
{
  gint n_holders;  /* 0 ⇄ 1 only under the device's lock */
  gint hold_epoch; /* Atomic; counts the times that n_holders left 0 */
  DmabufDevice *device;
  GWeakRef weak_device; /* For finding the device from the buffer's list */
  DmabufBuffer *buffer;
  gint n_pins; /* Atomic */

  /* The exporter whose attach was called; changes only while the storage is
   * placed or moved, when it has no users. */
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
  DmabufImport *imports; /* Most recently used first */
};

struct _DmabufMapping
{
  DmabufMapping *next; /* In spare_mappings */
  DmabufAttachment *attachment;
  DmabufDirection direction;
  DmabufFence *fence;
  GThread *owner; /* The thread that mapped (DEF-4) */
};

DmabufStatistics *dmabuf_device_statistics (DmabufDevice *device);
DmabufDeviceFlags dmabuf_device_get_flags (DmabufDevice *device);
GMutex *dmabuf_device_lock (DmabufDevice *device);

/* Whether the cache is above its bound; the device's lock is held. */
gboolean dmabuf_device_is_full (DmabufDevice *device);
/* Takes the attachment out of the cache; the device's lock is held. */
void dmabuf_device_uncache (DmabufDevice *device, DmabufAttachment *attachment);

/* A new attachment, held by the caller; the exporter may veto. */
DmabufAttachment *dmabuf_attachment_new (
    DmabufDevice *device, DmabufBuffer *buffer, GError **error);
/* Frees an attachment that has no holders and has left the cache. */
void dmabuf_attachment_free (DmabufAttachment *attachment);

/* Adds a holder, unless the attachment is being freed; its buffer's lock is
 * held. */
gboolean dmabuf_attachment_try_ref (DmabufAttachment *attachment);

/* Whether the device's constraints allow memory of @exporter; EBUSY if not. */
gboolean dmabuf_device_suits (
    DmabufDevice *device, DmabufExporter *exporter, GError **error);

/* Whether the constraints allow a valid layout: format, pitches, offsets and
 * the memory of each plane; EINVAL or EBUSY if not. */
gboolean dmabuf_device_takes_layout (
    DmabufDevice *device, const DmabufLayout *layout, GError **error);

/* dmabuf-import.c */
void
dmabuf_attachment_drop_imports (DmabufAttachment *attachment, gboolean all);

G_END_DECLS
