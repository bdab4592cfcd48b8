/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Buffers from /dev/udmabuf: a memfd of our own, sealed against shrinking, is
 * pinned by the device and closed. It never leaves this file: growing it or
 * punching holes would separate its content from the buffer's (UDM-1, UDM-2).
 */

#include "dmabuf-buffer-private.h"
#include "dmabuf-exporter-private.h"
#include "dmabuf-kernel-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/mman.h>

#define DEVICE "/dev/udmabuf"
#define PARAMETERS "/sys/module/udmabuf/parameters/"

#define DMABUF_TYPE_UDMABUF_EXPORTER (dmabuf_udmabuf_exporter_get_type ())
G_DECLARE_FINAL_TYPE (DmabufUdmabufExporter, dmabuf_udmabuf_exporter, DMABUF,
    UDMABUF_EXPORTER, DmabufExporter)

struct _DmabufUdmabufExporter
{
  DmabufExporter parent_instance;

  int fd;
};

G_DEFINE_FINAL_TYPE (
    DmabufUdmabufExporter, dmabuf_udmabuf_exporter, DMABUF_TYPE_EXPORTER)

/* A limit of the module, read when it refused a request, as root can change it
 * at any time. 0 if it cannot be read. */
static guint64
read_limit (const char *path)
{
  char text[32];
  guint64 limit = 0;
  ssize_t n;
  int fd;

  fd = dmabuf_kernel->open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return 0;

  n = dmabuf_kernel->read (fd, text, sizeof text - 1);
  if (n > 0) {
    text[n] = '\0';
    limit = g_ascii_strtoull (text, NULL, 10);
  }
  dmabuf_kernel->close (fd);
  return limit;
}

static void
set_create_error (GError **error, gsize size, int code)
{
  guint64 limit = code == EINVAL ? read_limit (PARAMETERS "size_limit_mb") : 0;

  if (limit && size > limit << 20)
    dmabuf_set_error (error, code,
        "udmabuf cannot allocate %" G_GSIZE_FORMAT
        " bytes: its limit is %" G_GUINT64_FORMAT
        " MiB; write a greater one to " PARAMETERS "size_limit_mb",
        size, limit);
  else
    dmabuf_set_error (error, code,
        "udmabuf cannot allocate %" G_GSIZE_FORMAT " bytes: %s", size,
        g_strerror (code));
}

static int
dmabuf_udmabuf_exporter_allocate (
    DmabufExporter *exporter, gsize size, GError **error)
{
  DmabufUdmabufExporter *self = DMABUF_UDMABUF_EXPORTER (exporter);
  struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC };
  int memfd, fd, code;

  memfd = dmabuf_kernel->memfd_create ("dmabufcore", MFD_ALLOW_SEALING);
  if (memfd < 0) {
    code = errno;
    goto no_memfd;
  }

  if (dmabuf_kernel->ftruncate (memfd, size) < 0
      || dmabuf_kernel->fcntl (memfd, F_ADD_SEALS, F_SEAL_SHRINK) < 0) {
    code = errno;
    goto no_memory;
  }

  create.memfd = memfd;
  create.size = size;
  fd = dmabuf_kernel_ioctl (self->fd, UDMABUF_CREATE, &create);
  if (fd < 0) {
    code = -fd;
    goto no_memory;
  }

  dmabuf_kernel->close (memfd);
  return fd;

  /* ERRORS */
no_memory:
  dmabuf_kernel->close (memfd);
no_memfd:
  set_create_error (error, size, code);
  return -1;
}

DmabufBuffer *
dmabuf_udmabuf_exporter_create_list (DmabufExporter *exporter,
    const DmabufMemfdChunk *chunks, guint n_chunks, GError **error)
{
  g_autofree struct udmabuf_create_list *list = NULL;
  guint64 total = 0, limit;
  guint i;
  int fd;

  g_return_val_if_fail (DMABUF_IS_UDMABUF_EXPORTER (exporter), NULL);
  g_return_val_if_fail (n_chunks == 0 || chunks != NULL, NULL);

  /* The caller chooses the size of the array, so g_malloc0 () must not abort on
   * it (CVE-2024-56544). */
  list = g_try_malloc0 (sizeof *list + n_chunks * sizeof list->list[0]);
  if (!list) {
    dmabuf_set_error (error, ENOMEM, "no memory for %u chunks", n_chunks);
    return NULL;
  }

  list->flags = UDMABUF_FLAGS_CLOEXEC;
  list->count = n_chunks;
  for (i = 0; i < n_chunks; i++) {
    list->list[i].memfd = chunks[i].memfd;
    list->list[i].offset = chunks[i].offset;
    list->list[i].size = chunks[i].size;
    if (__builtin_add_overflow (total, chunks[i].size, &total)) {
      set_create_error (error, G_MAXSIZE, EINVAL);
      return NULL;
    }
  }

  fd = dmabuf_kernel_ioctl (
      DMABUF_UDMABUF_EXPORTER (exporter)->fd, UDMABUF_CREATE_LIST, list);
  if (fd < 0) {
    limit = fd == -EINVAL ? read_limit (PARAMETERS "list_limit") : 0;
    if (limit && n_chunks > limit)
      dmabuf_set_error (error, -fd,
          "udmabuf cannot make a buffer of %u chunks: its limit is "
          "%" G_GUINT64_FORMAT "; write a greater one to " PARAMETERS
          "list_limit",
          n_chunks, limit);
    else
      set_create_error (error, total, -fd);
    return NULL;
  }
  return dmabuf_buffer_new (exporter, fd, total);
}

static void
dmabuf_udmabuf_exporter_finalize (GObject *object)
{
  DmabufUdmabufExporter *self = DMABUF_UDMABUF_EXPORTER (object);

  if (self->fd >= 0)
    dmabuf_kernel->close (self->fd);

  G_OBJECT_CLASS (dmabuf_udmabuf_exporter_parent_class)->finalize (object);
}

static void
dmabuf_udmabuf_exporter_class_init (DmabufUdmabufExporterClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = dmabuf_udmabuf_exporter_finalize;
  DMABUF_EXPORTER_CLASS (klass)->allocate = dmabuf_udmabuf_exporter_allocate;
}

static void
dmabuf_udmabuf_exporter_init (DmabufUdmabufExporter *self)
{
  self->fd = -1;
  dmabuf_exporter_set_traits (DMABUF_EXPORTER (self), DMABUF_EXPORTER_EXACT);
}

DmabufExporter *
dmabuf_udmabuf_exporter_new (GError **error)
{
  DmabufUdmabufExporter *self;
  const char *what;
  int fd, code;

  fd = dmabuf_kernel->open (DEVICE, O_RDWR | O_CLOEXEC);
  if (fd < 0)
    goto no_device;

  self = g_object_new (DMABUF_TYPE_UDMABUF_EXPORTER, "name", "udmabuf", NULL);
  self->fd = fd;
  return DMABUF_EXPORTER (self);

  /* ERRORS */
no_device:
  code = errno;
  switch (code) {
  case ENOENT:
    what = "; load the module udmabuf, or use a kernel with CONFIG_UDMABUF";
    break;
  case EACCES:
  case EPERM:
    what = "; log in at the machine's seat, or join the group that owns it "
           "(often kvm)";
    break;
  default:
    what = "";
  }
  dmabuf_set_error (error, code, DEVICE ": %s%s", g_strerror (code), what);
  return NULL;
}
