/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-buffer-private.h"
#include "dmabuf-exporter-private.h"
#include "dmabuf-statistics-private.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct
{
  char *name;
  DmabufExporterTraits traits;
  DmabufMemory memory;
  DmabufStatistics statistics;
} DmabufExporterPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (
    DmabufExporter, dmabuf_exporter, G_TYPE_OBJECT)

enum
{
  PROP_0,
  PROP_NAME,
};

static DmabufExporterPrivate *
get_private (DmabufExporter *exporter)
{
  return dmabuf_exporter_get_instance_private (exporter);
}

/* --- Default operations -------------------------------------------------- */

/* The device maps the fd when it imports it, so this does nothing. */
static gboolean
default_map (DmabufExporter *exporter, DmabufAttachment *attachment,
    DmabufDirection direction, GError **error)
{
  return TRUE;
}

static void
default_unmap (DmabufExporter *exporter, DmabufAttachment *attachment,
    DmabufDirection direction)
{
}

static void
default_release (DmabufExporter *exporter, DmabufBuffer *buffer)
{
}

static gboolean
default_begin_cpu_access (DmabufExporter *exporter, DmabufBuffer *buffer,
    DmabufAccess access, GError **error)
{
  int ret;

  if (!dmabuf_exporter_is_dmabuf (exporter))
    return TRUE;

  ret = dmabuf_kernel_sync_begin (dmabuf_buffer_peek_fd (buffer), access);
  if (ret < 0)
    dmabuf_set_error (error, -ret,
        "CPU access to a buffer of %s cannot begin: %s",
        dmabuf_exporter_get_name (exporter), g_strerror (-ret));
  return ret >= 0;
}

static gboolean
default_end_cpu_access (DmabufExporter *exporter, DmabufBuffer *buffer,
    DmabufAccess access, GError **error)
{
  int ret;

  if (!dmabuf_exporter_is_dmabuf (exporter))
    return TRUE;

  ret = dmabuf_kernel_sync_end (dmabuf_buffer_peek_fd (buffer), access);
  if (ret < 0)
    dmabuf_set_error (error, -ret,
        "the end of CPU access to a buffer of %s failed: %s; devices may not "
        "see what was written",
        dmabuf_exporter_get_name (exporter), g_strerror (-ret));
  return ret >= 0;
}

static gpointer
default_mmap (DmabufExporter *exporter, DmabufBuffer *buffer, gsize offset,
    gsize size, DmabufAccess access, GError **error)
{
  int protection = 0;
  void *address;

  if (access & DMABUF_ACCESS_READ)
    protection |= PROT_READ;
  if (access & DMABUF_ACCESS_WRITE)
    protection |= PROT_WRITE;

  address = dmabuf_kernel->mmap (
      size, protection, MAP_SHARED, dmabuf_buffer_peek_fd (buffer), offset);
  if (address == MAP_FAILED) {
    int code = errno;

    dmabuf_set_error (error, code, "a buffer of %s cannot be mapped: %s",
        dmabuf_exporter_get_name (exporter), g_strerror (code));
    return NULL;
  }

  dmabuf_count (dmabuf_exporter_statistics (exporter), maps, 1);
  return address;
}

static void
default_munmap (DmabufExporter *exporter, DmabufBuffer *buffer,
    gpointer address, gsize size)
{
  dmabuf_kernel->munmap (address, size);
}

static gpointer
default_vmap (DmabufExporter *exporter, DmabufBuffer *buffer,
    DmabufAccess access, GError **error)
{
  return dmabuf_buffer_default_vmap (buffer, access, error);
}

/* The mapping is kept for the next vmap, until the storage is released. */
static void
default_vunmap (
    DmabufExporter *exporter, DmabufBuffer *buffer, gpointer address)
{
}

/* --- The object ---------------------------------------------------------- */

static void
dmabuf_exporter_finalize (GObject *object)
{
  g_free (get_private (DMABUF_EXPORTER (object))->name);

  G_OBJECT_CLASS (dmabuf_exporter_parent_class)->finalize (object);
}

static void
dmabuf_exporter_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  DmabufExporter *exporter = DMABUF_EXPORTER (object);

  if (id == PROP_NAME)
    dmabuf_exporter_take_name (exporter, g_value_dup_string (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

static void
dmabuf_exporter_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  DmabufExporter *exporter = DMABUF_EXPORTER (object);

  if (id == PROP_NAME)
    g_value_set_string (value, dmabuf_exporter_get_name (exporter));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

static void
dmabuf_exporter_class_init (DmabufExporterClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = dmabuf_exporter_finalize;
  object_class->set_property = dmabuf_exporter_set_property;
  object_class->get_property = dmabuf_exporter_get_property;

  klass->map = default_map;
  klass->unmap = default_unmap;
  klass->release = default_release;
  klass->begin_cpu_access = default_begin_cpu_access;
  klass->end_cpu_access = default_end_cpu_access;
  klass->mmap = default_mmap;
  klass->munmap = default_munmap;
  klass->vmap = default_vmap;
  klass->vunmap = default_vunmap;

  /**
   * DmabufExporter:name:
   *
   * A short name for messages: heap:system, udmabuf, foreign. Stable (EXP-2).
   */
  g_object_class_install_property (object_class, PROP_NAME,
      g_param_spec_string ("name", "Name", "A short name for messages", NULL,
          G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS));
}

static void
dmabuf_exporter_init (DmabufExporter *exporter)
{
  get_private (exporter)->memory = (DmabufMemory) {
    .address_bits = 64,
    .cpu_access = TRUE,
    .known = TRUE,
  };
}

void
dmabuf_exporter_get_memory (DmabufExporter *exporter, DmabufMemory *memory)
{
  g_return_if_fail (DMABUF_IS_EXPORTER (exporter));
  g_return_if_fail (memory != NULL);

  *memory = get_private (exporter)->memory;
}

void
dmabuf_exporter_set_memory (
    DmabufExporter *exporter, const DmabufMemory *memory)
{
  g_return_if_fail (DMABUF_IS_EXPORTER (exporter));
  g_return_if_fail (memory != NULL);

  get_private (exporter)->memory = *memory;
}

void
dmabuf_exporter_take_name (DmabufExporter *exporter, char *name)
{
  DmabufExporterPrivate *priv = get_private (exporter);

  g_free (priv->name);
  priv->name = name;
}

void
dmabuf_exporter_set_traits (
    DmabufExporter *exporter, DmabufExporterTraits traits)
{
  get_private (exporter)->traits = traits;
}

gboolean
dmabuf_exporter_is_dmabuf (DmabufExporter *exporter)
{
  return !(get_private (exporter)->traits & DMABUF_EXPORTER_NOT_DMABUF);
}

DmabufStatistics *
dmabuf_exporter_statistics (DmabufExporter *exporter)
{
  return &get_private (exporter)->statistics;
}

const char *
dmabuf_exporter_get_name (DmabufExporter *exporter)
{
  DmabufExporterPrivate *priv;

  g_return_val_if_fail (DMABUF_IS_EXPORTER (exporter), NULL);

  priv = get_private (exporter);
  return priv->name ? priv->name : G_OBJECT_TYPE_NAME (exporter);
}

/* --- Allocation ---------------------------------------------------------- */

gboolean
dmabuf_exporter_check_class (DmabufExporter *exporter, GError **error)
{
  DmabufExporterClass *klass = DMABUF_EXPORTER_GET_CLASS (exporter);
  const char *missing = NULL;

  if (!klass->allocate)
    missing = "allocate";
  else if (!klass->map)
    missing = "map";
  else if (!klass->unmap)
    missing = "unmap";
  else if (!klass->release)
    missing = "release";
  else if (klass->pin && !klass->unpin)
    missing = "unpin (it has pin)";
  else if (!klass->pin && klass->unpin)
    missing = "pin (it has unpin)";

  if (missing)
    dmabuf_set_error (error, EINVAL,
        "exporter %s does not implement %s, which is mandatory",
        dmabuf_exporter_get_name (exporter), missing);
  return !missing;
}

gboolean
dmabuf_exporter_round_size (
    DmabufExporter *exporter, gsize *size, GError **error)
{
  gsize page = sysconf (_SC_PAGESIZE);

  if (*size == 0 || *size > G_MAXSSIZE - page) {
    dmabuf_set_error (error, EINVAL,
        "%s cannot allocate %" G_GSIZE_FORMAT " bytes: pass 1 or more, below "
        "the address space",
        dmabuf_exporter_get_name (exporter), *size);
    return FALSE;
  }
  *size = (*size + page - 1) / page * page;
  return TRUE;
}

int
dmabuf_exporter_allocate_storage (
    DmabufExporter *exporter, gsize *size, GError **error)
{
  DmabufExporterPrivate *priv = get_private (exporter);
  GError *own_error = NULL;
  gsize rounded;
  off_t real;
  int fd;

  if (!dmabuf_exporter_check_class (exporter, error))
    return -1;

  if (!dmabuf_exporter_round_size (exporter, size, error))
    return -1;
  rounded = *size;

  fd = DMABUF_EXPORTER_GET_CLASS (exporter)->allocate (
      exporter, rounded, &own_error);
  if (fd < 0) {
    if (!own_error)
      dmabuf_set_error (&own_error, ENOMEM,
          "%s cannot allocate %" G_GSIZE_FORMAT " bytes",
          dmabuf_exporter_get_name (exporter), rounded);
    g_propagate_error (error, own_error);
    return -1;
  }

  /* Other exporters may allocate more: the kernel tells the size (SEEK-1). */
  if (!(priv->traits & DMABUF_EXPORTER_EXACT)) {
    real = dmabuf_kernel->lseek (fd, 0, SEEK_END);
    if (real < 0 || (gsize) real < rounded) {
      int code = real < 0 ? errno : EINVAL;

      dmabuf_kernel->close (fd);
      dmabuf_set_error (error, code,
          "%s allocated a buffer of less than the %" G_GSIZE_FORMAT
          " bytes that were requested",
          dmabuf_exporter_get_name (exporter), rounded);
      return -1;
    }
    rounded = real;
  }

  *size = rounded;
  return fd;
}

DmabufBuffer *
dmabuf_exporter_allocate (DmabufExporter *exporter, gsize size, GError **error)
{
  DmabufExporterClass *klass;
  DmabufBuffer *buffer;
  int fd;

  g_return_val_if_fail (DMABUF_IS_EXPORTER (exporter), NULL);

  fd = dmabuf_exporter_allocate_storage (exporter, &size, error);
  if (fd < 0)
    return NULL;

  buffer = dmabuf_buffer_new (exporter, fd, size);
  klass = DMABUF_EXPORTER_GET_CLASS (exporter);
  if (klass->setup)
    klass->setup (exporter, buffer);

  return buffer;
}

void
dmabuf_exporter_release_storage (DmabufExporter *exporter, DmabufBuffer *buffer)
{
  if (dmabuf_buffer_peek_fd (buffer) < 0)
    return;

  dmabuf_buffer_drop_kept_map (buffer);
  DMABUF_EXPORTER_GET_CLASS (exporter)->release (exporter, buffer);
  dmabuf_buffer_set_exporter_data (buffer, NULL, NULL);
}
