/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-bridge-private.h"
#include "dmabuf-buffer-private.h"
#include "dmabuf-exporter-private.h"
#include "dmabuf-statistics-private.h"
#include "dmabuf-storage-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

G_DEFINE_BOXED_TYPE (
    DmabufBuffer, dmabuf_buffer, dmabuf_buffer_ref, dmabuf_buffer_unref)

/* The longest name that the kernel takes, without its NUL (NAME-1). */
#define MAX_NAME 31

/* Depth of device imports on this thread. */
static __thread guint keeping;

/* --- Life ---------------------------------------------------------------- */

DmabufBuffer *
dmabuf_buffer_new (DmabufExporter *exporter, int fd, gsize size)
{
  DmabufBuffer *buffer;

  buffer = g_new0 (DmabufBuffer, 1);
  buffer->ref_count = 1;
  buffer->size = size;
  buffer->fd = fd;
  buffer->access_mode = -1;
  buffer->exporter = g_object_ref (exporter);
  g_mutex_init (&buffer->lock);
  g_mutex_init (&buffer->vmap_lock);
  g_cond_init (&buffer->changed);

  dmabuf_count (dmabuf_exporter_statistics (exporter), buffers, 1);
  dmabuf_count (dmabuf_exporter_statistics (exporter), buffers_made, 1);
  if (fd >= 0)
    dmabuf_count (dmabuf_exporter_statistics (exporter), bytes, size);

  return buffer;
}

DmabufBuffer *
dmabuf_buffer_ref (DmabufBuffer *buffer)
{
  g_return_val_if_fail (buffer != NULL, NULL);

  g_atomic_int_inc (&buffer->ref_count);
  return buffer;
}

static void
buffer_free (DmabufBuffer *buffer)
{
  DmabufExporter *exporter = buffer->exporter;
  int fd = buffer->fd;

  /* EXP-7: no use of the memory may be left. Attachments and mappings hold
   * references; CPU mappings and brackets do not, so they are checked here. */
  if (buffer->n_vmaps)
    g_critical ("buffer %p is released while it is mapped for the CPU %u times",
        buffer, buffer->n_vmaps);
  if (buffer->n_brackets[1] + buffer->n_brackets[2] + buffer->n_brackets[3])
    g_critical (
        "buffer %p is released inside of a bracket of CPU access", buffer);

  dmabuf_bridge_buffer_free (buffer);
  dmabuf_exporter_release_storage (exporter, buffer);
  dmabuf_storage_free_placement (buffer);

  dmabuf_count (dmabuf_exporter_statistics (exporter), buffers, -1);
  if (fd >= 0) {
    dmabuf_count (
        dmabuf_exporter_statistics (exporter), bytes, -(gint64) buffer->size);
    dmabuf_kernel->close (fd);
  }
  g_object_unref (exporter);
  g_free (buffer->name);
  g_mutex_clear (&buffer->lock);
  g_mutex_clear (&buffer->vmap_lock);
  g_cond_clear (&buffer->changed);
  g_free (buffer);
}

void
dmabuf_buffer_unref (DmabufBuffer *buffer)
{
  gint count;

  g_return_if_fail (buffer != NULL);

  /* The last reference of a registered buffer is dropped under the registry's
   * lock, as an import may just find it there. A buffer is registered when its
   * fd leaves the core. */
  count = g_atomic_int_get (&buffer->ref_count);
  while (count > 1) {
    if (g_atomic_int_compare_and_exchange_full (
            &buffer->ref_count, count, count - 1, &count))
      return;
  }

  if (!g_atomic_int_get (&buffer->registered)) {
    if (g_atomic_int_dec_and_test (&buffer->ref_count))
      buffer_free (buffer);
  } else if (dmabuf_registry_drop_last (buffer)) {
    buffer_free (buffer);
  }
}

/* --- Import -------------------------------------------------------------- */

/* Whether @fd is a dma-buf, by its link in /proc alone: a call on the file
 * itself could block for as long as a hostile server likes (SEC-4). 0 or
 * -errno. @unique: whether its inode is its own, as on kernels that have a file
 * system for dma-bufs (SEEK-2). */
static int
check_type (int fd, gboolean *unique)
{
  char target[64];
  ssize_t length;

  length = dmabuf_kernel->read_link (fd, target, sizeof target - 1);
  if (length < 0)
    return -errno;
  target[length] = '\0';

  *unique = g_str_has_prefix (target, "/dmabuf:");
  return *unique || g_str_equal (target, "anon_inode:dmabuf") ? 0 : -EINVAL;
}

static DmabufBuffer *
import_new (
    int fd, guint64 device, guint64 inode, gboolean unique, GError **error)
{
  g_autoptr (DmabufExporter) foreign = dmabuf_exporter_get_foreign ();
  DmabufBuffer *buffer, *other;
  off_t size;

  /* SEC-9: the size is the kernel's answer; for a dma-buf SEEK_END does not
   * block (SEEK-1). */
  size = dmabuf_kernel->lseek (fd, 0, SEEK_END);
  if (size <= 0) {
    int code = size < 0 ? errno : EINVAL;

    dmabuf_set_error (error, code == ESPIPE ? EINVAL : code,
        "fd %d does not tell the size of its dma-buf: %s", fd,
        g_strerror (code));
    return NULL;
  }

  buffer = dmabuf_buffer_new (foreign, fd, size);
  buffer->seen = buffer->handed_out = TRUE;

  /* Old kernels give all dma-bufs one inode: no identity, so two imports are
   * two objects there. */
  buffer->no_identity = !unique;
  if (!unique)
    return buffer;

  other = dmabuf_registry_add (buffer, device, inode);
  if (other) {
    dmabuf_buffer_unref (buffer);
    return other;
  }
  return buffer;
}

static DmabufBuffer *
import (int fd, gboolean take, GError **error)
{
  DmabufBuffer *buffer = NULL;
  guint64 device, inode;
  gboolean unique = FALSE;
  int own = take ? fd : -1;
  int code;

  if (dmabuf_kernel->identify (fd, &device, &inode) < 0) {
    code = errno;
    goto not_open;
  }

  if (!dmabuf_registry_find (device, inode, &buffer, error))
    goto error;

  if (!buffer) {
    code = -check_type (fd, &unique);
    if (code)
      goto not_dmabuf;

    if (!take)
      own = dmabuf_kernel->dup (fd);
    if (own < 0) {
      code = errno;
      goto no_fd;
    }

    buffer = import_new (own, device, inode, unique, error);
    if (!buffer)
      goto error;

    return buffer;
  }

  if (take && fd == dmabuf_buffer_peek_fd (buffer))
    g_critical ("fd %d belongs to the library and may not be given away", fd);
  else if (take)
    dmabuf_kernel->close (fd);
  return buffer;

  /* ERRORS */
not_open:
  dmabuf_set_error (
      error, code, "fd %d cannot be imported: %s", fd, g_strerror (code));
  goto error;
not_dmabuf:
  dmabuf_set_error (error, code,
      code == EINVAL ? "fd %d is not a dma-buf: pass one that a driver exported"
                     : "cannot tell what fd %d is",
      fd);
  goto error;
no_fd:
  dmabuf_set_error (error, code,
      "cannot duplicate fd %d: %s; raise the limit of open files if there are "
      "too many",
      fd, g_strerror (code));
error:
  /* SEC-3: consumed also on error, and closed exactly once. */
  if (own >= 0)
    dmabuf_kernel->close (own);
  return NULL;
}

DmabufBuffer *
dmabuf_buffer_import (int fd, GError **error)
{
  return import (fd, FALSE, error);
}

DmabufBuffer *
dmabuf_buffer_import_take (int fd, GError **error)
{
  return import (fd, TRUE, error);
}

/* --- The fd -------------------------------------------------------------- */

void
dmabuf_buffer_keep_begin (void)
{
  keeping++;
}

void
dmabuf_buffer_keep_end (void)
{
  keeping--;
}

/* @keep: the fd is for an import, so the storage may still move. The flags are
 * set before the fd is returned, and under the lock, as the mover reads them
 * under it. */
static int
hand_out (DmabufBuffer *buffer, gboolean keep)
{
  int fd;

  if (g_atomic_int_get (&buffer->handed_out)
      || (keep && g_atomic_int_get (&buffer->seen)))
    return g_atomic_int_get (&buffer->fd);

  g_mutex_lock (&buffer->lock);
  while (dmabuf_storage_is_away (buffer))
    g_cond_wait (&buffer->changed, &buffer->lock);
  fd = g_atomic_int_get (&buffer->fd);
  if (fd >= 0) {
    g_atomic_int_set (&buffer->seen, TRUE);
    if (!keep)
      g_atomic_int_set (&buffer->handed_out, TRUE);
    if (dmabuf_exporter_is_dmabuf (buffer->exporter))
      dmabuf_registry_expose (buffer);
  }
  g_mutex_unlock (&buffer->lock);

  return fd;
}

int
dmabuf_buffer_get_fd (DmabufBuffer *buffer)
{
  g_return_val_if_fail (buffer != NULL, -1);

  return hand_out (buffer, keeping > 0);
}

int
dmabuf_buffer_export (DmabufBuffer *buffer, GError **error)
{
  int own, fd;

  g_return_val_if_fail (buffer != NULL, -1);

  if (!dmabuf_buffer_acquire (buffer, NULL, DMABUF_DEADLINE_NEVER, NULL, error))
    return -1;

  own = hand_out (buffer, FALSE);
  dmabuf_buffer_release_use (buffer);

  fd = dmabuf_kernel->dup (own);
  if (fd < 0) {
    int code = errno;

    dmabuf_set_error (error, code,
        "cannot make an fd for a buffer: %s; raise the limit of open files if "
        "there are too many",
        g_strerror (code));
  }
  return fd;
}

/* --- Properties ---------------------------------------------------------- */

gsize
dmabuf_buffer_get_size (DmabufBuffer *buffer)
{
  g_return_val_if_fail (buffer != NULL, 0);

  return buffer->size;
}

guint64
dmabuf_buffer_get_inode (DmabufBuffer *buffer)
{
  guint64 device, inode = 0;

  g_return_val_if_fail (buffer != NULL, 0);

  /* Only a dma-buf enters the table: an import takes each entry for one. */
  g_mutex_lock (&buffer->lock);
  if (buffer->fd >= 0 && dmabuf_exporter_is_dmabuf (buffer->exporter))
    inode = dmabuf_registry_get_inode (buffer);
  else if (buffer->fd >= 0
      && dmabuf_kernel->identify (buffer->fd, &device, &inode) < 0)
    inode = 0;
  g_mutex_unlock (&buffer->lock);

  return inode;
}

DmabufExporter *
dmabuf_buffer_get_exporter (DmabufBuffer *buffer)
{
  DmabufExporter *exporter;

  g_return_val_if_fail (buffer != NULL, NULL);

  g_mutex_lock (&buffer->lock);
  exporter = buffer->exporter;
  g_mutex_unlock (&buffer->lock);

  return exporter;
}

gboolean
dmabuf_buffer_is_dmabuf (DmabufBuffer *buffer)
{
  g_return_val_if_fail (buffer != NULL, FALSE);

  return dmabuf_exporter_is_dmabuf (dmabuf_buffer_get_exporter (buffer));
}

gboolean
dmabuf_buffer_set_name (DmabufBuffer *buffer, const char *name, GError **error)
{
  int ret = 0;

  g_return_val_if_fail (buffer != NULL, FALSE);
  g_return_val_if_fail (name != NULL, FALSE);

  if (strlen (name) > MAX_NAME) {
    dmabuf_set_error (error, EINVAL,
        "the name \"%s\" has more than the %d bytes that a dma-buf's may have",
        name, MAX_NAME);
    return FALSE;
  }

  if (g_atomic_int_get (&buffer->revoked)) {
    dmabuf_set_revoked (error);
    return FALSE;
  }

  /* DEF-1: deferred storage gets the name when it is allocated. */
  dmabuf_buffer_acquire_as_is (buffer);
  if (buffer->fd >= 0 && dmabuf_exporter_is_dmabuf (buffer->exporter))
    ret = dmabuf_kernel_set_name (buffer->fd, name);
  if (ret >= 0) {
    g_mutex_lock (&buffer->lock);
    g_free (buffer->name);
    buffer->name = g_strdup (name);
    g_mutex_unlock (&buffer->lock);
  }
  dmabuf_buffer_release_use (buffer);

  if (ret < 0)
    dmabuf_set_error (error, -ret, "cannot name a buffer \"%s\": %s", name,
        g_strerror (-ret));
  return ret >= 0;
}

gpointer
dmabuf_buffer_get_exporter_data (DmabufBuffer *buffer)
{
  g_return_val_if_fail (buffer != NULL, NULL);

  return buffer->exporter_data;
}

void
dmabuf_buffer_set_exporter_data (
    DmabufBuffer *buffer, gpointer data, GDestroyNotify free_func)
{
  g_return_if_fail (buffer != NULL);

  if (buffer->exporter_data && buffer->exporter_data_free)
    buffer->exporter_data_free (buffer->exporter_data);
  buffer->exporter_data = data;
  buffer->exporter_data_free = free_func;
}
