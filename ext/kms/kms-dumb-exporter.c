/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-dumb-exporter.h"

#include <errno.h>
#include <fcntl.h>

struct _KmsDumbExporter
{
  DmabufExporter parent;

  KmsCard *card;
  guint32 row_bytes;
  guint32 bpp;
  guint32 pitch;
};

/* Drivers accept different bits per pixel: virtio-gpu 32, qxl 16 and 32. A row
 * of bytes can be asked for in any of them, so the most common comes first. */
static const guint32 bpps[] = { 32, 8 };

G_DEFINE_FINAL_TYPE (KmsDumbExporter, kms_dumb_exporter, DMABUF_TYPE_EXPORTER)

/* Returns 0 or -errno: -EINVAL if the driver only accepts other bpps. */
static int
create (
    KmsDumbExporter *exporter, guint32 rows, struct drm_mode_create_dumb *dumb)
{
  KmsCard *card = exporter->card;
  int ret;

  *dumb = (struct drm_mode_create_dumb) {
    .width = (exporter->row_bytes * 8 + exporter->bpp - 1) / exporter->bpp,
    .height = rows,
    .bpp = exporter->bpp,
  };
  ret = kms_ioctl (card->fd, DRM_IOCTL_MODE_CREATE_DUMB, dumb);
  if (ret < 0)
    return ret;
  kms_card_hold_handle (card, dumb->handle);

  return 0;
}

static void
set_error (
    KmsDumbExporter *exporter, guint32 rows, int ret, int code, GError **error)
{
  kms_set_error (error, code, "%s: cannot allocate %u rows of %u bytes: %s",
      exporter->card->name, rows, exporter->row_bytes, g_strerror (-ret));
}

static int
kms_dumb_exporter_allocate (DmabufExporter *base, gsize size, GError **error)
{
  KmsDumbExporter *exporter = KMS_DUMB_EXPORTER (base);
  KmsCard *card = exporter->card;
  struct drm_prime_handle prime = { .flags = DRM_CLOEXEC | DRM_RDWR };
  struct drm_mode_create_dumb dumb;
  gsize rows = (size + exporter->pitch - 1) / exporter->pitch;
  int ret;

  if (rows > G_MAXUINT16) {
    kms_set_error (error, EINVAL,
        "%s: a dumb buffer of %" G_GSIZE_FORMAT " bytes is too large",
        card->name, size);
    return -1;
  }
  ret = create (exporter, rows, &dumb);
  if (ret < 0) {
    set_error (exporter, rows, ret, -ret, error);
    return -1;
  }

  prime.handle = dumb.handle;
  ret = kms_ioctl (card->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
  /* The fd keeps the memory; the next import of it gets the handle again. */
  kms_card_release_handle (card, dumb.handle);
  if (ret < 0) {
    kms_set_error (error, -ret, "%s: cannot export a dumb buffer: %s",
        card->name, g_strerror (-ret));
    return -1;
  }

  return prime.fd;
}

guint32
kms_dumb_exporter_get_pitch (KmsDumbExporter *exporter)
{
  return exporter->pitch;
}

static void
kms_dumb_exporter_finalize (GObject *object)
{
  g_clear_pointer (&KMS_DUMB_EXPORTER (object)->card, kms_card_unref);
  G_OBJECT_CLASS (kms_dumb_exporter_parent_class)->finalize (object);
}

static void
kms_dumb_exporter_class_init (KmsDumbExporterClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = kms_dumb_exporter_finalize;
  DMABUF_EXPORTER_CLASS (klass)->allocate = kms_dumb_exporter_allocate;
}

static void
kms_dumb_exporter_init (KmsDumbExporter *exporter)
{
}

DmabufExporter *
kms_dumb_exporter_new (KmsCard *card, guint32 row_bytes, GError **error)
{
  char *name = g_strdup_printf ("dumb:%s", card->name);
  KmsDumbExporter *exporter =
      g_object_new (KMS_TYPE_DUMB_EXPORTER, "name", name, NULL);
  struct drm_mode_create_dumb dumb;
  int ret = -EINVAL;
  guint i;

  g_free (name);
  exporter->card = kms_card_ref (card);
  exporter->row_bytes = row_bytes;
  for (i = 0; i < G_N_ELEMENTS (bpps) && ret == -EINVAL; i++) {
    exporter->bpp = bpps[i];
    ret = create (exporter, 1, &dumb);
  }
  if (ret < 0) {
    /* ENOSYS: the driver has no dumb buffers at all. */
    set_error (exporter, 1, ret,
        ret == -EINVAL || ret == -ENOSYS ? EOPNOTSUPP : -ret, error);
    g_object_unref (exporter);
    return NULL;
  }
  exporter->pitch = dumb.pitch;
  kms_card_release_handle (card, dumb.handle);

  return DMABUF_EXPORTER (exporter);
}
