/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Buffers from a dma-heap (HEAP-1, HEAP-2). */

#include "dmabuf-exporter-private.h"
#include "dmabuf-kernel-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define HEAP_DIRECTORY "/dev/dma_heap/"

#define DMABUF_TYPE_HEAP_EXPORTER (dmabuf_heap_exporter_get_type ())
G_DECLARE_FINAL_TYPE (DmabufHeapExporter, dmabuf_heap_exporter, DMABUF,
    HEAP_EXPORTER, DmabufExporter)

struct _DmabufHeapExporter
{
  DmabufExporter parent_instance;

  int fd;
};

G_DEFINE_FINAL_TYPE (
    DmabufHeapExporter, dmabuf_heap_exporter, DMABUF_TYPE_EXPORTER)

static int
dmabuf_heap_exporter_allocate (
    DmabufExporter *exporter, gsize size, GError **error)
{
  DmabufHeapExporter *self = DMABUF_HEAP_EXPORTER (exporter);
  int fd;

  fd = dmabuf_kernel_heap_allocate (self->fd, size);
  if (fd < 0) {
    dmabuf_set_error (error, -fd,
        "%s cannot allocate %" G_GSIZE_FORMAT " bytes: %s",
        dmabuf_exporter_get_name (exporter), size, g_strerror (-fd));
    return -1;
  }
  return fd;
}

static void
dmabuf_heap_exporter_finalize (GObject *object)
{
  DmabufHeapExporter *self = DMABUF_HEAP_EXPORTER (object);

  if (self->fd >= 0)
    dmabuf_kernel->close (self->fd);

  G_OBJECT_CLASS (dmabuf_heap_exporter_parent_class)->finalize (object);
}

static void
dmabuf_heap_exporter_class_init (DmabufHeapExporterClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = dmabuf_heap_exporter_finalize;
  DMABUF_EXPORTER_CLASS (klass)->allocate = dmabuf_heap_exporter_allocate;
}

static void
dmabuf_heap_exporter_init (DmabufHeapExporter *self)
{
  self->fd = -1;
  dmabuf_exporter_set_traits (DMABUF_EXPORTER (self), DMABUF_EXPORTER_EXACT);
}

/* The CMA heap was renamed (HEAP-2): either name finds it. */
static const char *const cma_names[] = {
  "default_cma_region",
  "linux,cma",
  "reserved",
};

static gboolean
is_cma (const char *name)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cma_names); i++) {
    if (g_str_equal (name, cma_names[i]))
      return TRUE;
  }
  return strstr (name, "cma") != NULL;
}

static int
open_heap (const char *name, char **path)
{
  int fd, code;
  guint i;

  *path = g_strconcat (HEAP_DIRECTORY, name, NULL);
  fd = dmabuf_kernel->open (*path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0 || errno != ENOENT || !is_cma (name))
    return fd;

  code = errno;
  for (i = 0; fd < 0 && i < G_N_ELEMENTS (cma_names); i++) {
    g_autofree char *other = g_strconcat (HEAP_DIRECTORY, cma_names[i], NULL);

    fd = dmabuf_kernel->open (other, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT)
      code = errno;
  }
  errno = code;
  return fd;
}

char **
dmabuf_heap_exporter_list (GError **error)
{
  char **names = dmabuf_kernel->list (HEAP_DIRECTORY);

  if (!names) {
    int code = errno;

    dmabuf_set_error (error, code, HEAP_DIRECTORY ": %s%s", g_strerror (code),
        code == ENOENT ? "; the kernel has no heaps (CONFIG_DMABUF_HEAPS)"
                       : "");
  }
  return names;
}

DmabufExporter *
dmabuf_heap_exporter_new (const char *name, GError **error)
{
  g_autofree char *path = NULL;
  DmabufMemory memory = {
    .address_bits = 64,
    .cpu_access = TRUE,
    .known = TRUE,
  };
  DmabufHeapExporter *self;
  const char *what;
  int fd, code;

  if (!name)
    name = "system";
  if (!*name || strchr (name, '/')) {
    dmabuf_set_error (error, EINVAL,
        "\"%s\" is not the name of a heap: pass one of those "
        "in " HEAP_DIRECTORY,
        name);
    return NULL;
  }

  fd = open_heap (name, &path);
  if (fd < 0)
    goto no_heap;

  self = g_object_new (DMABUF_TYPE_HEAP_EXPORTER, NULL);
  self->fd = fd;
  dmabuf_exporter_take_name (
      DMABUF_EXPORTER (self), g_strconcat ("heap:", name, NULL));
  memory.contiguous = is_cma (name);
  dmabuf_exporter_set_memory (DMABUF_EXPORTER (self), &memory);
  return DMABUF_EXPORTER (self);

  /* ERRORS */
no_heap:
  code = errno;
  switch (code) {
  case ENOENT:
    what = "; ls /dev/dma_heap shows the available ones (CONFIG_DMABUF_HEAPS)";
    break;
  case EACCES:
  case EPERM:
    what = "; add a udev rule for the dma_heap subsystem, for example with "
           "group video, and join the group";
    break;
  default:
    what = "";
  }
  dmabuf_set_error (error, code, "%s: %s%s", path, g_strerror (code), what);
  return NULL;
}
