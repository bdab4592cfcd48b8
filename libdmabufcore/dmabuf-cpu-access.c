/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The CPU's brackets (CPU-1 … CPU-6) and its mapping (VMAP-1).
 *
 * Brackets nest, but each makes its own START and END: a device may have
 * written between an outer and an inner START, and only the inner one makes the
 * CPU see it where caches are not coherent. The flags of an END are those of
 * its START, which is why brackets are counted by direction.
 */

#include "dmabuf-bridge-private.h"
#include "dmabuf-buffer-private.h"
#include "dmabuf-exporter-private.h"
#include "dmabuf-statistics-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

static gboolean
is_access (DmabufAccess access)
{
  return access >= DMABUF_ACCESS_READ && access <= DMABUF_ACCESS_READ_WRITE;
}

static gboolean
check_access (DmabufAccess access, GError **error)
{
  if (is_access (access))
    return TRUE;

  dmabuf_set_error (error, EINVAL,
      "CPU access 0x%x is neither reading nor writing nor both", access);
  return FALSE;
}

gboolean
dmabuf_buffer_wait (DmabufBuffer *buffer, DmabufAccess access, gint64 deadline,
    GCancellable *cancellable, GError **error)
{
  g_return_val_if_fail (buffer != NULL, FALSE);

  if (!check_access (access, error))
    return FALSE;

  return dmabuf_bridge_wait (buffer, access, deadline, cancellable, error);
}

static guint
n_open_brackets (DmabufBuffer *buffer)
{
  return buffer->n_brackets[DMABUF_ACCESS_READ]
      + buffer->n_brackets[DMABUF_ACCESS_WRITE]
      + buffer->n_brackets[DMABUF_ACCESS_READ_WRITE];
}

gboolean
dmabuf_buffer_begin_cpu_access (DmabufBuffer *buffer, DmabufAccess access,
    gint64 deadline, GCancellable *cancellable, GError **error)
{
  DmabufExporterClass *klass;

  g_return_val_if_fail (buffer != NULL, FALSE);

  if (!check_access (access, error))
    return FALSE;

  if (!dmabuf_buffer_acquire (buffer, NULL, deadline, cancellable, error))
    return FALSE;

  /* CPU-6: START waits for as long as it takes; so wait here first, where there
   * is a deadline. */
  if (!dmabuf_bridge_wait (buffer, access, deadline, cancellable, error))
    goto release;

  klass = DMABUF_EXPORTER_GET_CLASS (buffer->exporter);
  if (klass->begin_cpu_access
      && !klass->begin_cpu_access (buffer->exporter, buffer, access, error))
    goto release;

  g_mutex_lock (&buffer->lock);
  if (n_open_brackets (buffer) == 0)
    buffer->bracket_began = g_get_monotonic_time ();
  buffer->n_brackets[access]++;
  g_mutex_unlock (&buffer->lock);
  dmabuf_count (dmabuf_exporter_statistics (buffer->exporter), cpu_sections, 1);

  return TRUE;

  /* ERRORS */
release:
  dmabuf_buffer_release_use (buffer);
  return FALSE;
}

gboolean
dmabuf_buffer_end_cpu_access (
    DmabufBuffer *buffer, DmabufAccess access, GError **error)
{
  DmabufExporterClass *klass;
  gint64 time = 0;
  gboolean ok = TRUE;

  g_return_val_if_fail (buffer != NULL, FALSE);

  if (!check_access (access, error))
    return FALSE;

  g_mutex_lock (&buffer->lock);
  if (buffer->n_brackets[access] == 0) {
    g_mutex_unlock (&buffer->lock);
    goto no_begin;
  }
  buffer->n_brackets[access]--;
  if (n_open_brackets (buffer) == 0)
    time = g_get_monotonic_time () - buffer->bracket_began;
  g_mutex_unlock (&buffer->lock);

  klass = DMABUF_EXPORTER_GET_CLASS (buffer->exporter);
  if (klass->end_cpu_access)
    ok = klass->end_cpu_access (buffer->exporter, buffer, access, error);

  dmabuf_count (dmabuf_exporter_statistics (buffer->exporter), cpu_time, time);
  dmabuf_buffer_release_use (buffer);

  return ok;

  /* ERRORS */
no_begin:
  g_critical (
      "CPU access 0x%x of buffer %p ends, but did not begin", access, buffer);
  dmabuf_set_error (
      error, EINVAL, "CPU access 0x%x ends, but did not begin", access);
  return FALSE;
}

/* --- mapping ------------------------------------------------------------- */

/* The fd's access mode (SEC-5), asked for once. Lock held. */
static int
access_mode (DmabufBuffer *buffer)
{
  int flags;

  if (buffer->access_mode < 0) {
    flags = dmabuf_kernel->fcntl (buffer->fd, F_GETFL, 0);
    if (flags < 0)
      return -errno;
    buffer->access_mode = flags & O_ACCMODE;
  }
  return buffer->access_mode;
}

/* The mapping is as wide as the fd allows, so that there is one for everybody.
 * Lock held: it is only mmap, which waits for no one. */
gpointer
dmabuf_buffer_default_vmap (
    DmabufBuffer *buffer, DmabufAccess access, GError **error)
{
  int mode, code, protection = PROT_READ;
  void *address;

  g_mutex_lock (&buffer->lock);

  mode = access_mode (buffer);
  if (mode < 0) {
    code = -mode;
    goto failed;
  }
  if (mode == O_WRONLY || (mode == O_RDONLY && access & DMABUF_ACCESS_WRITE)) {
    code = EACCES;
    goto failed;
  }
  if (mode == O_RDWR)
    protection |= PROT_WRITE;

  if (!buffer->kept_address) {
    address = dmabuf_kernel->mmap (
        buffer->size, protection, MAP_SHARED, buffer->fd, 0);
    if (address == MAP_FAILED) {
      code = errno;
      goto failed;
    }
    buffer->kept_address = address;
    dmabuf_count (dmabuf_exporter_statistics (buffer->exporter), maps, 1);
  }
  address = buffer->kept_address;
  g_mutex_unlock (&buffer->lock);

  return address;

  /* ERRORS */
failed:
  g_mutex_unlock (&buffer->lock);
  dmabuf_set_error (error, code,
      code == EACCES
          ? "a buffer of %s cannot be mapped: %s; its fd is open for reading "
            "or "
            "writing only, and the exporter would have to make it O_RDWR"
          : "a buffer of %s cannot be mapped: %s",
      dmabuf_exporter_get_name (buffer->exporter), g_strerror (code));
  return NULL;
}

void
dmabuf_buffer_drop_kept_map (DmabufBuffer *buffer)
{
  if (!buffer->kept_address)
    return;

  dmabuf_kernel->munmap (buffer->kept_address, buffer->size);
  buffer->kept_address = NULL;
}

gpointer
dmabuf_buffer_vmap (DmabufBuffer *buffer, DmabufAccess access, GError **error)
{
  DmabufExporterClass *klass;
  gpointer address;

  g_return_val_if_fail (buffer != NULL, NULL);

  if (!check_access (access, error))
    return NULL;

  if (!dmabuf_buffer_acquire (buffer, NULL, DMABUF_DEADLINE_NEVER, NULL, error))
    return NULL;

  klass = DMABUF_EXPORTER_GET_CLASS (buffer->exporter);
  if (!klass->vmap)
    goto no_vmap;

  /* VMAP-1: the operation is called for the first one only. A second mapper
   * that wants to write asks again, whether it may. */
  g_mutex_lock (&buffer->vmap_lock);
  address = buffer->address;
  if (!address || access & ~buffer->vmap_access) {
    address = klass->vmap (buffer->exporter, buffer, access, error);
    if (!address) {
      g_mutex_unlock (&buffer->vmap_lock);
      goto release;
    }
    buffer->vmap_access |= access;
    buffer->address = address;
  }
  buffer->n_vmaps++;
  g_mutex_unlock (&buffer->vmap_lock);

  return address;

  /* ERRORS */
no_vmap:
  dmabuf_set_error (error, EINVAL, "buffers of %s cannot be mapped for the CPU",
      dmabuf_exporter_get_name (buffer->exporter));
release:
  dmabuf_buffer_release_use (buffer);
  return NULL;
}

void
dmabuf_buffer_vunmap (DmabufBuffer *buffer, gpointer address)
{
  DmabufExporterClass *klass;

  g_return_if_fail (buffer != NULL);

  g_mutex_lock (&buffer->vmap_lock);
  if (buffer->n_vmaps == 0 || address != buffer->address) {
    g_mutex_unlock (&buffer->vmap_lock);
    g_critical ("buffer %p is not mapped at %p", buffer, address);
    return;
  }
  if (--buffer->n_vmaps == 0) {
    klass = DMABUF_EXPORTER_GET_CLASS (buffer->exporter);
    if (klass->vunmap)
      klass->vunmap (buffer->exporter, buffer, address);
    buffer->address = NULL;
    buffer->vmap_access = 0;
  }
  g_mutex_unlock (&buffer->vmap_lock);

  dmabuf_buffer_release_use (buffer);
}
