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
 * A buffer whose fd somebody got hold of is in the table of identities, where
 * an import finds it; the table holds no reference (dmabuf-registry.c).
 *
 * Locks: vmap_lock → lock → device's (only dmabuf_attachment_try_ref()) and the
 * registry's. No operation of an exporter or device is called under any of
 * them, but for vmap and vunmap under vmap_lock.
 */
struct _DmabufBuffer
{
  gint ref_count;
  gsize size;

  GMutex lock;
  GCond changed; /* n_uses, moving */

  DmabufExporter *exporter; /* atomic; changes when the storage moves */
  gint fd;                  /* atomic; -1 without storage */
  gint generation;          /* atomic; of the storage: counts its moves */

  /* Atomic flags, set and never cleared. */
  gint seen; /* somebody got the fd: the kernel may hold fences of others */
  gint handed_out; /* and outside of an import: the storage cannot move */
  gint revoked;    /* the memory is gone */

  /* The identity, guarded by the registry's lock. */
  gint registered;      /* atomic */
  gboolean no_identity; /* its inode is others' too; set when it is made */
  guint64 device;
  guint64 inode; /* 0 while not known */

  /* Under lock. */
  guint n_uses;
  guint n_mappings;
  guint n_brackets[4]; /* by DmabufAccess */
  gint64 bracket_began;
  GList *attachments;    /* of DmabufAttachment, not owned */
  gpointer kept_address; /* the default exporter's mmap */
  gint access_mode;      /* O_ACCMODE of the fd, -1 while not known */
  char *name;            /* NULL without one */
  struct _DmabufPlacement *placement; /* of a deferred buffer */

  /* The counted vmap: under a lock of its own, held over the exporter's vmap
   * and vunmap, which must not map the buffer themselves. */
  GMutex vmap_lock;
  gpointer address;
  guint n_vmaps;
  DmabufAccess vmap_access;

  /* The exporter's own. */
  gpointer exporter_data;
  GDestroyNotify exporter_data_free;

  /* dmabuf-bridge.c's. */
  DmabufReservation *reservation;
  gint busy_guesses; /* atomic */
};

/* A buffer of @exporter on @fd, which it takes; -1 for storage that is put off.
 */
DmabufBuffer *dmabuf_buffer_new (DmabufExporter *exporter, int fd, gsize size);

/* The fd, for a call of the core's own: nobody else gets it. */
static inline int
dmabuf_buffer_peek_fd (DmabufBuffer *buffer)
{
  return g_atomic_int_get (&buffer->fd);
}

/* Whether somebody outside of the core got the fd, so that the kernel's fences
 * may not be ours alone. */
static inline gboolean
dmabuf_buffer_is_seen (DmabufBuffer *buffer)
{
  return g_atomic_int_get (&buffer->seen);
}

/* While a device imports, the fds that it asks for are lent, not handed out.
 */
void dmabuf_buffer_lend_begin (void);
void dmabuf_buffer_lend_end (void);

/* A use that keeps the storage where it is. Allocates storage that was put off,
 * and stalls while it is about to move (DEF-1, DEF-3). */
gboolean
dmabuf_buffer_acquire (DmabufBuffer *buffer, DmabufAttachment *attachment,
    gint64 deadline, GCancellable *cancellable, GError **error);
void dmabuf_buffer_release_use (DmabufBuffer *buffer);
/* The use of another thread, for a mapping that was handed over. */
void dmabuf_buffer_release_use_of (DmabufBuffer *buffer, GThread *owner);
/* A use of whatever there is, with or without storage. */
void dmabuf_buffer_acquire_as_is (DmabufBuffer *buffer);
/* The same; FALSE with ETIME if it is still moving at @deadline. */
gboolean dmabuf_buffer_try_acquire_as_is (DmabufBuffer *buffer, gint64 deadline,
    GCancellable *cancellable, GError **error);

/* For as long as the core calls the kernel with the fd of a buffer that nobody
 * uses: moving would close it, and the number would soon be another file's.
 * Only a deferred buffer can. */
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
dmabuf_buffer_let_storage_go (DmabufBuffer *buffer)
{
  if (G_UNLIKELY (buffer->placement != NULL))
    dmabuf_buffer_release_use (buffer);
}

/* dmabuf-cpu-access.c: the default operations on a kernel's dma-buf. */
gpointer dmabuf_buffer_default_vmap (
    DmabufBuffer *buffer, DmabufAccess access, GError **error);
void dmabuf_buffer_drop_kept_map (DmabufBuffer *buffer);

/* dmabuf-storage.c */
void dmabuf_storage_free_placement (DmabufBuffer *buffer);

/* --- the table of identities: dmabuf-registry.c ------------------------- */

/* A new reference to the buffer with this identity, or NULL. Identities that
 * were not needed so far are asked for first; that may fail. */
gboolean dmabuf_registry_find (
    guint64 device, guint64 inode, DmabufBuffer **buffer, GError **error);

/* Enters @buffer, whose identity is known. If another one with this identity
 * came first, that one is returned, with a reference. */
DmabufBuffer *
dmabuf_registry_add (DmabufBuffer *buffer, guint64 device, guint64 inode);

/* Somebody gets the fd of @buffer: from now on an import may meet it. */
void dmabuf_registry_expose (DmabufBuffer *buffer);

/* The inode of a dma-buf, 0 if the kernel refuses or tells the same of all. */
guint64 dmabuf_registry_get_inode (DmabufBuffer *buffer);

/* Takes @buffer out, for its storage moves; expose it again afterwards. Under
 * the buffer's lock, as the change of the fd, so that nobody enters the old
 * identity in between: the kernel may give it to another buffer. */
void dmabuf_registry_forget (DmabufBuffer *buffer);

/* Drops the last reference, unless an import found the buffer meanwhile. TRUE
 * if the caller is to free it. */
gboolean dmabuf_registry_drop_last (DmabufBuffer *buffer);

G_END_DECLS
