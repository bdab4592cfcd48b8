/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-picture.h"
#include "kms-dumb-exporter.h"

#include <drm_fourcc.h>
#include <errno.h>

guint32
kms_picture_row_bytes (guint32 format, guint32 width)
{
  guint32 row_bytes, rows;

  if (!dmabuf_format_get_plane_size (format, 0, width, 1, &row_bytes, &rows))
    return 0;

  return row_bytes;
}

gboolean
kms_picture_layout (guint32 format, guint32 width, guint32 height,
    guint32 pitch, DmabufLayout *layout, gsize *size)
{
  guint64 offset = 0;
  /* A multiple of any subsampling factor */
  guint32 even_width = (width + 15) & ~15u;
  guint32 first_even_row = 0;
  guint i;

  *layout = (DmabufLayout) {
    .format = format,
    .modifier = DRM_FORMAT_MOD_LINEAR,
    .width = width,
    .height = height,
    .n_planes = dmabuf_format_get_n_planes (format),
  };
  if (layout->n_planes == 0)
    return FALSE;

  for (i = 0; i < layout->n_planes; i++) {
    guint32 row_bytes, even_row, rows;
    guint64 plane_pitch;

    if (!dmabuf_format_get_plane_size (
            format, i, even_width, height, &even_row, &rows)
        || !dmabuf_format_get_plane_size (
            format, i, width, height, &row_bytes, &rows))
      return FALSE;
    if (i == 0)
      first_even_row = even_row;

    /* Scale the pitch with the plane, so that it stays aligned. */
    plane_pitch = (guint64) pitch * even_row / first_even_row;
    plane_pitch = MAX (plane_pitch, row_bytes);
    if (plane_pitch > G_MAXUINT32)
      return FALSE;
    layout->planes[i].offset = offset;
    layout->planes[i].pitch = plane_pitch;
    offset += plane_pitch * rows;
  }
  *size = offset;

  return TRUE;
}

KmsPicture *
kms_picture_new (KmsCard *card, guint32 format, guint32 width, guint32 height,
    GError **error)
{
  KmsPicture *picture = NULL;
  DmabufExporter *exporter = NULL;
  guint32 row_bytes = kms_picture_row_bytes (format, width);
  guint32 pitch;
  gsize size;
  guint i;

  if (row_bytes == 0)
    goto unknown;
  exporter = kms_dumb_exporter_new (card, row_bytes, error);
  if (!exporter)
    return NULL;
  pitch = kms_dumb_exporter_get_pitch (KMS_DUMB_EXPORTER (exporter));

  picture = g_new0 (KmsPicture, 1);
  picture->card = kms_card_ref (card);
  if (!kms_picture_layout (
          format, width, height, pitch, &picture->layout, &size))
    goto unknown;
  picture->buffer = dmabuf_exporter_allocate (exporter, size, error);
  if (!picture->buffer)
    goto failed;
  for (i = 0; i < picture->layout.n_planes; i++)
    picture->layout.planes[i].buffer = picture->buffer;
  picture->framebuffer = kms_framebuffer_new (card, &picture->layout, error);
  if (!picture->framebuffer)
    goto failed;

  g_object_unref (exporter);
  return picture;

  /* ERRORS */
unknown: {
  kms_set_error (error, EINVAL, "%s: no layout for %ux%u %.4s", card->name,
      width, height, (const char *) &format);
  goto failed;
}
failed: {
  g_clear_object (&exporter);
  g_clear_pointer (&picture, kms_picture_free);
  return NULL;
}
}

void
kms_picture_free (KmsPicture *picture)
{
  kms_framebuffer_free (picture->card, picture->framebuffer);
  g_clear_pointer (&picture->buffer, dmabuf_buffer_unref);
  kms_card_unref (picture->card);
  g_free (picture);
}
