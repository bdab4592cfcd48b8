/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-device.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <string.h>

struct _KmsDevice
{
  DmabufDevice parent;

  KmsCard *card;
};

G_DEFINE_FINAL_TYPE (KmsDevice, kms_device, DMABUF_TYPE_DEVICE)

/* --- framebuffers ------------------------------------------------------ */

KmsFramebuffer *
kms_framebuffer_new (KmsCard *card, const DmabufLayout *layout, GError **error)
{
  KmsFramebuffer *framebuffer = g_new0 (KmsFramebuffer, 1);
  struct drm_mode_fb_cmd2 add = {
    .width = layout->width,
    .height = layout->height,
    .pixel_format = layout->format,
  };
  const char *fourcc = (const char *) &layout->format;
  int ret;
  guint i;

  for (i = 0; i < layout->n_planes; i++) {
    const DmabufPlane *plane = &layout->planes[i];

    if (plane->offset > G_MAXUINT32)
      goto offset_too_large;
    ret =
        kms_card_import_handle (card, plane->buffer, &framebuffer->handles[i]);
    if (ret < 0)
      goto no_handle;
    framebuffer->n_handles = i + 1;

    add.handles[i] = framebuffer->handles[i];
    add.pitches[i] = plane->pitch;
    add.offsets[i] = plane->offset;
    add.modifier[i] = layout->modifier;
  }

  if (card->modifiers)
    add.flags |= DRM_MODE_FB_MODIFIERS;
  else if (layout->modifier != DRM_FORMAT_MOD_LINEAR)
    goto no_modifiers;
  else
    memset (add.modifier, 0, sizeof (add.modifier));

  ret = kms_ioctl (card->fd, DRM_IOCTL_MODE_ADDFB2, &add);
  if (ret < 0)
    goto no_framebuffer;
  framebuffer->fb_id = add.fb_id;

  return framebuffer;

  /* ERRORS */
offset_too_large: {
  kms_set_error (error, EINVAL,
      "%s: plane %u begins at %" G_GUINT64_FORMAT
      ", KMS takes offsets up to 4 GiB",
      card->name, i, layout->planes[i].offset);
  goto failed;
}
no_handle: {
  kms_set_error (error, -ret,
      "%s: cannot import the dma-buf of plane %u: %s; the display "
      "controller %s",
      card->name, i, g_strerror (-ret),
      ret == -EOPNOTSUPP
          ? "takes no dma-bufs of other devices, or their device is gone"
          : "may need contiguous memory");
  goto failed;
}
no_modifiers: {
  kms_set_error (error, EINVAL,
      "%s: only supports linear frames, without modifiers", card->name);
  goto failed;
}
no_framebuffer: {
  kms_set_error (error, -ret,
      "%s: no framebuffer of %ux%u %.4s modifier 0x%016" G_GINT64_MODIFIER
      "x pitch %u offset %u: %s",
      card->name, layout->width, layout->height, fourcc, layout->modifier,
      layout->planes[0].pitch, (guint) layout->planes[0].offset,
      g_strerror (-ret));
  goto failed;
}
failed: {
  kms_framebuffer_free (card, framebuffer);
  return NULL;
}
}

void
kms_framebuffer_free (KmsCard *card, KmsFramebuffer *framebuffer)
{
  guint i;

  if (!framebuffer)
    return;
  if (framebuffer->fb_id)
    kms_card_close_framebuffer (card, framebuffer->fb_id);
  for (i = 0; i < framebuffer->n_handles; i++)
    kms_card_release_handle (card, framebuffer->handles[i]);
  g_free (framebuffer);
}

/* --- the device -------------------------------------------------------- */

static gpointer
kms_device_import (DmabufDevice *device, DmabufAttachment *attachment,
    const DmabufLayout *layout, GError **error)
{
  return kms_framebuffer_new (KMS_DEVICE (device)->card, layout, error);
}

static void
kms_device_release_import (DmabufDevice *device, gpointer import)
{
  kms_framebuffer_free (KMS_DEVICE (device)->card, import);
}

static void
kms_device_finalize (GObject *object)
{
  KmsCard *card = KMS_DEVICE (object)->card;

  /* The parent class releases cached framebuffers, which needs the card. */
  G_OBJECT_CLASS (kms_device_parent_class)->finalize (object);
  kms_card_unref (card);
}

static void
kms_device_class_init (KmsDeviceClass *klass)
{
  DmabufDeviceClass *device_class = DMABUF_DEVICE_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = kms_device_finalize;
  device_class->import = kms_device_import;
  device_class->release_import = kms_device_release_import;
}

static void
kms_device_init (KmsDevice *device)
{
}

DmabufDevice *
kms_device_new (KmsCard *card)
{
  char *name = g_strdup_printf ("KMS card %s", card->name);
  KmsDevice *device = g_object_new (KMS_TYPE_DEVICE, "name", name, "flags",
      DMABUF_DEVICE_FLAG_IMPLICIT_SYNC, NULL);

  device->card = kms_card_ref (card);
  g_free (name);

  return DMABUF_DEVICE (device);
}
