/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Buffers on memfds, for machines that cannot make dma-bufs: the CPU's part of
 * the API works, and dmabuf_buffer_is_dmabuf () is FALSE. */

#include "dmabuf-buffer-private.h"
#include "dmabuf-exporter-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

#define DMABUF_TYPE_MEMFD_EXPORTER (dmabuf_memfd_exporter_get_type ())
G_DECLARE_FINAL_TYPE (DmabufMemfdExporter, dmabuf_memfd_exporter, DMABUF,
    MEMFD_EXPORTER, DmabufExporter)

struct _DmabufMemfdExporter
{
  DmabufExporter parent_instance;
};

G_DEFINE_FINAL_TYPE (
    DmabufMemfdExporter, dmabuf_memfd_exporter, DMABUF_TYPE_EXPORTER)

static int
dmabuf_memfd_exporter_allocate (
    DmabufExporter *exporter, gsize size, GError **error)
{
  int fd, code;

  fd = dmabuf_kernel->memfd_create ("dmabufcore", MFD_ALLOW_SEALING);
  if (fd < 0) {
    code = errno;
    goto failed;
  }
  if (dmabuf_kernel->ftruncate (fd, size) < 0
      || dmabuf_kernel->fcntl (fd, F_ADD_SEALS, SEALS) < 0) {
    code = errno;
    dmabuf_kernel->close (fd);
    goto failed;
  }
  return fd;

  /* ERRORS */
failed:
  dmabuf_set_error (error, code,
      "a memfd of %" G_GSIZE_FORMAT " bytes cannot be made: %s", size,
      g_strerror (code));
  return -1;
}

static void
dmabuf_memfd_exporter_class_init (DmabufMemfdExporterClass *klass)
{
  DMABUF_EXPORTER_CLASS (klass)->allocate = dmabuf_memfd_exporter_allocate;
}

static void
dmabuf_memfd_exporter_init (DmabufMemfdExporter *self)
{
  dmabuf_exporter_set_traits (DMABUF_EXPORTER (self),
      DMABUF_EXPORTER_EXACT | DMABUF_EXPORTER_NOT_DMABUF);
}

DmabufExporter *
dmabuf_memfd_exporter_new (void)
{
  return g_object_new (DMABUF_TYPE_MEMFD_EXPORTER, "name", "memfd", NULL);
}

DmabufBuffer *
dmabuf_memfd_exporter_import (DmabufExporter *exporter, int fd, GError **error)
{
  int seals, own, code;
  off_t size;

  g_return_val_if_fail (DMABUF_IS_MEMFD_EXPORTER (exporter), NULL);

  /* F_GET_SEALS fails for all files except memfds, and never blocks (SEC-4). */
  seals = dmabuf_kernel->fcntl (fd, F_GET_SEALS, 0);
  if (seals < 0) {
    code = errno;
    dmabuf_set_error (
        error, code, "fd %d is not a memfd: %s", fd, g_strerror (code));
    return NULL;
  }
  if ((seals & SEALS) != SEALS) {
    dmabuf_set_error (error, EINVAL,
        "memfd %d is not sealed against shrinking, growing and further seals: "
        "its owner could take the memory away",
        fd);
    return NULL;
  }

  own = dmabuf_kernel->dup (fd);
  if (own < 0)
    goto failed;
  size = dmabuf_kernel->lseek (own, 0, SEEK_END);
  if (size <= 0) {
    if (size == 0)
      errno = EINVAL;
    goto failed;
  }
  return dmabuf_buffer_new (exporter, own, size);

  /* ERRORS */
failed:
  code = errno;
  if (own >= 0)
    dmabuf_kernel->close (own);
  dmabuf_set_error (
      error, code, "memfd %d cannot be imported: %s", fd, g_strerror (code));
  return NULL;
}
