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
#include <unistd.h>

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
      "CPU access 0x%x is invalid: pass READ, WRITE or both", access);
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

  /* CPU-6: START waits without a limit, so wait here first, with a deadline. */
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

/* --- Mapping ------------------------------------------------------------- */

/* The fd's access mode (SEC-5), read once. Lock held. */
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

/* Maps with all the access that the fd allows, so that one mapping serves every
 * caller. The lock may be held over mmap, which does not wait for fences. */
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
            "or writing only, and its exporter would have to open it O_RDWR"
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

  /* VMAP-1: the operation is called for the first user only. If a later one
   * wants more access it is called again, so that the exporter may refuse. */
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

/* --- Ranges and pages ---------------------------------------------------- */

gpointer
dmabuf_buffer_mmap (DmabufBuffer *buffer, gsize offset, gsize size,
    DmabufAccess access, GError **error)
{
  gsize page = sysconf (_SC_PAGESIZE);
  DmabufExporterClass *klass;
  gpointer address = NULL;
  gsize end;

  g_return_val_if_fail (buffer != NULL, NULL);

  if (!check_access (access, error))
    return NULL;

  /* MMAP-1: EOVERFLOW, or EINVAL outside of the buffer. */
  if (__builtin_add_overflow (offset, size, &end)) {
    dmabuf_set_error (error, EOVERFLOW,
        "the range of %" G_GSIZE_FORMAT " bytes from %" G_GSIZE_FORMAT
        " overflows",
        size, offset);
    return NULL;
  }
  if (size == 0 || offset % page || end > buffer->size) {
    dmabuf_set_error (error, EINVAL,
        "the range from %" G_GSIZE_FORMAT " to %" G_GSIZE_FORMAT
        " cannot be mapped: it must begin at a page and lie within the "
        "%" G_GSIZE_FORMAT " bytes of the buffer",
        offset, end, buffer->size);
    return NULL;
  }

  if (!dmabuf_buffer_acquire (buffer, NULL, DMABUF_DEADLINE_NEVER, NULL, error))
    return NULL;

  klass = DMABUF_EXPORTER_GET_CLASS (buffer->exporter);
  if (klass->mmap)
    address =
        klass->mmap (buffer->exporter, buffer, offset, size, access, error);
  else
    dmabuf_set_error (error, EINVAL,
        "buffers of %s cannot be mapped for the CPU",
        dmabuf_exporter_get_name (buffer->exporter));

  if (!address)
    dmabuf_buffer_release_use (buffer);
  return address;
}

void
dmabuf_buffer_munmap (DmabufBuffer *buffer, gpointer address, gsize size)
{
  DmabufExporterClass *klass;

  g_return_if_fail (buffer != NULL);
  g_return_if_fail (address != NULL);

  klass = DMABUF_EXPORTER_GET_CLASS (buffer->exporter);
  if (klass->munmap)
    klass->munmap (buffer->exporter, buffer, address, size);
  dmabuf_buffer_release_use (buffer);
}

/* KMAP-1: inside of a bracket mapping a page should succeed, so a page is a
 * part of the one mapping of the buffer, which is made at most once. */
gpointer
dmabuf_buffer_map_page (
    DmabufBuffer *buffer, gsize page, DmabufAccess access, GError **error)
{
  gsize page_size = sysconf (_SC_PAGESIZE);
  gboolean covered;
  guint8 *address;

  g_return_val_if_fail (buffer != NULL, NULL);

  if (!check_access (access, error))
    return NULL;
  if (page >= buffer->size / page_size) {
    g_critical ("the buffer has no page %" G_GSIZE_FORMAT, page);
    dmabuf_set_error (
        error, EINVAL, "the buffer has no page %" G_GSIZE_FORMAT, page);
    return NULL;
  }

  g_mutex_lock (&buffer->lock);
  covered = buffer->n_brackets[DMABUF_ACCESS_READ_WRITE] > 0
      || (access != DMABUF_ACCESS_READ_WRITE && buffer->n_brackets[access] > 0);
  g_mutex_unlock (&buffer->lock);
  if (!covered) {
    g_critical (
        "a page is mapped outside of a bracket of CPU access 0x%x", access);
    dmabuf_set_error (error, EINVAL,
        "pages are mapped between the begin and the end of a CPU access that "
        "covers 0x%x",
        access);
    return NULL;
  }

  address = dmabuf_buffer_vmap (buffer, access, error);
  return address ? address + page * page_size : NULL;
}

void
dmabuf_buffer_unmap_page (DmabufBuffer *buffer, gsize page, gpointer address)
{
  gsize page_size = sysconf (_SC_PAGESIZE);

  g_return_if_fail (address != NULL);

  dmabuf_buffer_vunmap (buffer, (guint8 *) address - page * page_size);
}

/* --- Scopes -------------------------------------------------------------- */

gpointer
dmabuf_cpu_scope_begin (DmabufCpuScope *scope, DmabufBuffer *buffer,
    DmabufAccess access, gint64 deadline, GCancellable *cancellable,
    GError **error)
{
  gpointer address;

  g_return_val_if_fail (scope != NULL && scope->buffer == NULL, NULL);
  g_return_val_if_fail (buffer != NULL, NULL);

  if (!dmabuf_buffer_begin_cpu_access (
          buffer, access, deadline, cancellable, error))
    return NULL;

  address = dmabuf_buffer_vmap (buffer, access, error);
  if (!address) {
    dmabuf_buffer_end_cpu_access (buffer, access, NULL);
    return NULL;
  }

  scope->buffer = dmabuf_buffer_ref (buffer);
  scope->access = access;
  scope->address = address;
  return address;
}

gboolean
dmabuf_cpu_scope_end (DmabufCpuScope *scope, GError **error)
{
  DmabufBuffer *buffer;
  gboolean ok;

  g_return_val_if_fail (scope != NULL && scope->buffer != NULL, FALSE);

  buffer = g_steal_pointer (&scope->buffer);
  ok = dmabuf_buffer_end_cpu_access (buffer, scope->access, error);
  dmabuf_buffer_vunmap (buffer, scope->address);
  dmabuf_buffer_unref (buffer);
  return ok;
}

void
dmabuf_cpu_scope_clear (DmabufCpuScope *scope)
{
  GError *error = NULL;

  if (scope->buffer && !dmabuf_cpu_scope_end (scope, &error)) {
    g_warning ("%s", error->message);
    g_error_free (error);
  }
}
