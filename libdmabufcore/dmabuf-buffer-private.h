/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-buffer.h>
#include <libdmabufcore/dmabuf-exporter.h>
#include "dmabuf-kernel-private.h"

G_BEGIN_DECLS

/*
 * The life of a buffer:
 *
 *   allocate ──────────────► storage ──► … uses … ──► last unref: release
 *   import ── table lookup ──► the object that is there
 *
 * "Uses" are mappings, CPU brackets, vmaps and pins; while there is one the
 * storage stays where it is (DEF-2). They are counted under the buffer's lock.
 * A buffer whose fd has left the core is in the table of identities, where an
 * import finds it; the table holds no reference (dmabuf-registry.c).
 *
 * Locks: vmap_lock → lock → device's (only dmabuf_attachment_try_ref()) and the
 * registry's. Operations of exporters and devices are called without them; only
 * vmap and vunmap are called under vmap_lock.
 */
struct _DmabufBuffer
{
  gint ref_count;
  gsize size;

  GMutex lock;
  GCond changed; /* Uses, movers, revocation */

  DmabufExporter *exporter; /* Atomic; changes when the storage moves */
  gint fd;                  /* Atomic; -1 without storage */
  gint generation;          /* Atomic; of the storage: counts its moves */

  /* Atomic flags, set and never cleared. */
  gint seen;       /* The fd left the core: the kernel may have more fences */
  gint handed_out; /* It left outside of an import: the storage cannot move */
  gint revoked;    /* The memory is gone */

  /* The identity, guarded by the registry's lock. */
  gint registered;      /* Atomic */
  gboolean no_identity; /* Other buffers have its inode too; set at creation */
  guint64 device;
  guint64 inode; /* 0 while not known */

  /* Under lock. */
  guint n_uses;
  guint n_mappings;
  guint n_brackets[4]; /* By DmabufAccess */
  gint64 bracket_began;
  GList *attachments;    /* Of DmabufAttachment, not owned */
  gpointer kept_address; /* The default exporter's mmap */
  gint access_mode;      /* O_ACCMODE of the fd, -1 while not known */
  char *name;            /* NULL without one */
  struct _DmabufPlacement *placement; /* Of a deferred buffer */

  /* The counted vmap: under a lock of its own, held over the exporter's vmap
   * and vunmap, which must not map the buffer themselves. */
  GMutex vmap_lock;
  gpointer address;
  guint n_vmaps;
  DmabufAccess vmap_access;

  /* The exporter's own. */
  gpointer exporter_data;
  GDestroyNotify exporter_data_free;

  /* For dmabuf-bridge.c. */
  DmabufReservation *reservation;
  gint busy_guesses; /* Atomic */
};

/* A buffer of @exporter, which takes @fd; -1 for deferred storage. */
DmabufBuffer *dmabuf_buffer_new (DmabufExporter *exporter, int fd, gsize size);

/* The fd for a system call of the core itself; it does not leave the core. */
static inline int
dmabuf_buffer_peek_fd (DmabufBuffer *buffer)
{
  return g_atomic_int_get (&buffer->fd);
}

/* Whether the fd has left the core, so that the kernel may hold fences of
 * others. */
static inline gboolean
dmabuf_buffer_is_seen (DmabufBuffer *buffer)
{
  return g_atomic_int_get (&buffer->seen);
}

/* Between these, during a device's import, dmabuf_buffer_get_fd() on this
 * thread leaves the fd with the core: the storage may still move later. */
void dmabuf_buffer_keep_begin (void);
void dmabuf_buffer_keep_end (void);

/* A use that keeps the storage where it is. Allocates deferred storage, and
 * stalls while the storage is about to move (DEF-1, DEF-3). */
gboolean
dmabuf_buffer_acquire (DmabufBuffer *buffer, DmabufAttachment *attachment,
    gint64 deadline, GCancellable *cancellable, GError **error);
void dmabuf_buffer_release_use (DmabufBuffer *buffer);
/* Ends a use that thread @owner began, for a mapping that was handed over. */
void dmabuf_buffer_release_use_of (DmabufBuffer *buffer, GThread *owner);
/* A use of the buffer as it is, with or without storage. */
void dmabuf_buffer_acquire_as_is (DmabufBuffer *buffer);
/* The same; FALSE with ETIME if it is still moving at @deadline. */
gboolean dmabuf_buffer_try_acquire_as_is (DmabufBuffer *buffer, gint64 deadline,
    GCancellable *cancellable, GError **error);

/* Held while the core calls the kernel with the fd of a buffer that may have no
 * uses: a move would close the fd, and the number could become another file's.
 * Only the storage of a deferred buffer can move. */
static inline void
dmabuf_buffer_hold_storage (DmabufBuffer *buffer)
{
  if (G_UNLIKELY (buffer->placement != NULL))
    dmabuf_buffer_acquire_as_is (buffer);
}

static inline gboolean
dmabuf_buffer_try_hold_storage (DmabufBuffer *buffer, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  return G_LIKELY (buffer->placement == NULL)
      || dmabuf_buffer_try_acquire_as_is (buffer, deadline, cancellable, error);
}

static inline void
dmabuf_buffer_release_storage (DmabufBuffer *buffer)
{
  if (G_UNLIKELY (buffer->placement != NULL))
    dmabuf_buffer_release_use (buffer);
}

/* dmabuf-cpu-access.c: the default operations, on a dma-buf of the kernel. */
gpointer dmabuf_buffer_default_vmap (
    DmabufBuffer *buffer, DmabufAccess access, GError **error);
void dmabuf_buffer_drop_kept_map (DmabufBuffer *buffer);

/* dmabuf-storage.c */
void dmabuf_storage_free_placement (DmabufBuffer *buffer);

/* --- The table of identities: dmabuf-registry.c ------------------------- */

/* @buffer: a new reference to the buffer with this identity, or NULL. Asks for
 * the identities that were not needed so far first; that may fail. */
gboolean dmabuf_registry_find (
    guint64 device, guint64 inode, DmabufBuffer **buffer, GError **error);

/* Enters @buffer with its identity. If another buffer with this identity came
 * first, that one is returned, with a reference. */
DmabufBuffer *
dmabuf_registry_add (DmabufBuffer *buffer, guint64 device, guint64 inode);

/* Enters @buffer before its fd leaves the core: then an import may find it. */
void dmabuf_registry_expose (DmabufBuffer *buffer);

/* The inode of a dma-buf, 0 if the kernel refuses or has one inode for all. */
guint64 dmabuf_registry_get_inode (DmabufBuffer *buffer);

/* Takes @buffer out because its storage moves; it is exposed again afterwards.
 * Called under the buffer's lock, as the fd is changed, so that the old
 * identity is not entered again in between: the kernel may reuse it. */
void dmabuf_registry_forget (DmabufBuffer *buffer);

/* Drops the last reference, unless an import found the buffer meanwhile. TRUE
 * if the caller is to free it. */
gboolean dmabuf_registry_drop_last (DmabufBuffer *buffer);

G_END_DECLS
