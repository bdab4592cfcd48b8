/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One object per kernel buffer and process (EXP-6, SEEK-3): a table from
 * (st_dev, st_ino) to the object, without references.
 *
 * A reference count falls to 0 only under the lock of the table, which removes
 * the entry as well; so a buffer that is found can be referenced (FEN-18's
 * get-unless-zero, with one lock).
 *
 * A buffer that the library allocated enters when its fd leaves the core. The
 * kernel is asked for its identity when an import has to be compared with it.
 * Buffers that are only allocated and released cost neither.
 */

#include "dmabuf-buffer-private.h"

#include <errno.h>

typedef struct
{
  guint64 device;
  guint64 inode;
} Identity;

static GMutex registry_lock;
static GHashTable *registry;  /* Identity (in the buffer) → DmabufBuffer */
static GPtrArray *unresolved; /* Entered, identity not known yet */

static guint
identity_hash (gconstpointer key)
{
  const Identity *identity = key;
  guint64 mixed = identity->inode * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  return (guint) (mixed >> 32) ^ (guint) identity->device;
}

static gboolean
identity_equal (gconstpointer a, gconstpointer b)
{
  const Identity *x = a, *y = b;

  return x->inode == y->inode && x->device == y->device;
}

/* The two fields lie side by side in the buffer. */
static Identity *
identity_of (DmabufBuffer *buffer)
{
  G_STATIC_ASSERT (G_STRUCT_OFFSET (DmabufBuffer, inode)
      == G_STRUCT_OFFSET (DmabufBuffer, device) + sizeof (guint64));

  return (Identity *) &buffer->device;
}

static void
ensure_registry (void)
{
  if (registry)
    return;
  registry = g_hash_table_new (identity_hash, identity_equal);
  unresolved = g_ptr_array_new ();
}

/* Asks for the identity. TRUE also if the fd was closed from outside: that
 * buffer has no identity any more, but others can be imported. */
static gboolean
resolve_locked (DmabufBuffer *buffer, GError **error)
{
  guint64 device, inode;

  if (dmabuf_kernel->identify (dmabuf_buffer_peek_fd (buffer), &device, &inode)
      < 0) {
    int code = errno;

    if (code == EBADF) {
      g_critical ("the fd of a buffer was closed outside of the library");
      g_ptr_array_remove_fast (unresolved, buffer);
      return TRUE;
    }
    dmabuf_set_error (error, code,
        "cannot ask for the identity of a buffer: %s", g_strerror (code));
    return FALSE;
  }

  buffer->device = device;
  buffer->inode = inode;
  g_ptr_array_remove_fast (unresolved, buffer);
  g_hash_table_insert (registry, identity_of (buffer), buffer);
  return TRUE;
}

gboolean
dmabuf_registry_find (
    guint64 device, guint64 inode, DmabufBuffer **buffer, GError **error)
{
  Identity identity = { device, inode };
  gboolean ok = TRUE;

  g_mutex_lock (&registry_lock);
  ensure_registry ();

  while (ok && unresolved->len > 0)
    ok = resolve_locked (g_ptr_array_index (unresolved, 0), error);

  *buffer = ok ? g_hash_table_lookup (registry, &identity) : NULL;
  if (*buffer)
    dmabuf_buffer_ref (*buffer);
  g_mutex_unlock (&registry_lock);

  return ok;
}

DmabufBuffer *
dmabuf_registry_add (DmabufBuffer *buffer, guint64 device, guint64 inode)
{
  Identity identity = { device, inode };
  DmabufBuffer *other;

  g_mutex_lock (&registry_lock);
  ensure_registry ();

  other = g_hash_table_lookup (registry, &identity);
  if (other) {
    dmabuf_buffer_ref (other);
  } else {
    buffer->device = device;
    buffer->inode = inode;
    g_atomic_int_set (&buffer->registered, TRUE);
    g_hash_table_insert (registry, identity_of (buffer), buffer);
  }
  g_mutex_unlock (&registry_lock);

  return other;
}

void
dmabuf_registry_expose (DmabufBuffer *buffer)
{
  if (buffer->no_identity || g_atomic_int_get (&buffer->registered))
    return;

  g_mutex_lock (&registry_lock);
  ensure_registry ();
  if (!buffer->registered) {
    g_ptr_array_add (unresolved, buffer);
    g_atomic_int_set (&buffer->registered, TRUE);
  }
  g_mutex_unlock (&registry_lock);
}

guint64
dmabuf_registry_get_inode (DmabufBuffer *buffer)
{
  guint64 inode;

  if (buffer->no_identity)
    return 0;

  dmabuf_registry_expose (buffer);

  g_mutex_lock (&registry_lock);
  if (buffer->inode == 0)
    resolve_locked (buffer, NULL);
  inode = buffer->inode;
  g_mutex_unlock (&registry_lock);

  return inode;
}

static void
forget_locked (DmabufBuffer *buffer)
{
  if (!buffer->registered)
    return;

  if (buffer->inode)
    g_hash_table_remove (registry, identity_of (buffer));
  else
    g_ptr_array_remove_fast (unresolved, buffer);
  buffer->inode = 0;
  g_atomic_int_set (&buffer->registered, FALSE);
}

void
dmabuf_registry_forget (DmabufBuffer *buffer)
{
  g_mutex_lock (&registry_lock);
  forget_locked (buffer);
  g_mutex_unlock (&registry_lock);
}

gboolean
dmabuf_registry_drop_last (DmabufBuffer *buffer)
{
  gboolean last;

  g_mutex_lock (&registry_lock);
  last = g_atomic_int_dec_and_test (&buffer->ref_count);
  if (last)
    forget_locked (buffer);
  g_mutex_unlock (&registry_lock);

  return last;
}
