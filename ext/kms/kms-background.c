/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The background of the video: kms_output_find_background ().
 *
 * Some hardware lights a CRTC only if its primary plane covers the whole
 * screen: i.MX6's driver refuses any other commit, other drivers do so in some
 * modes. If such a primary plane cannot show or scale the video, that goes to
 * an overlay, and the primary plane gets a black picture.
 */

#include "kms-output.h"

#include <drm_fourcc.h>
#include <drm_mode.h>

/* Formats in which a new picture, all zeroes, is black. */
static const guint32 formats[] = { DRM_FORMAT_XRGB8888, DRM_FORMAT_RGB565 };

static const KmsPlane *
find_primary (KmsOutput *output, const KmsPlane *video, guint32 *format)
{
  guint i;

  for (i = 0; i < output->planes->len; i++) {
    const KmsPlane *plane = g_ptr_array_index (output->planes, i);
    guint32 user = plane->properties[KMS_PLANE_CRTC_ID].value;

    if (plane == video || plane->type != DRM_PLANE_TYPE_PRIMARY
        || !(plane->possible_crtcs & (1u << output->crtc_index))
        || (user && user != output->crtc_id))
      continue;
    *format =
        kms_plane_find_linear_format (plane, formats, G_N_ELEMENTS (formats));
    if (*format)
      return plane;
  }

  return NULL;
}

static const KmsPicture *
get_black (KmsOutput *output, guint32 format, guint width, guint height)
{
  KmsPicture *picture;
  guint i;

  for (i = 0; i < output->black->len; i++) {
    picture = g_ptr_array_index (output->black, i);
    if (picture->layout.width == width && picture->layout.height == height)
      return picture;
  }

  picture = kms_picture_new (output->card, format, width, height, NULL);
  if (picture)
    g_ptr_array_add (output->black, picture);

  return picture;
}

gboolean
kms_output_find_background (KmsOutput *output, const KmsPlane *video,
    const drmModeModeInfo *mode, KmsBackground *background)
{
  guint32 format;
  const KmsPlane *plane = find_primary (output, video, &format);
  const KmsPicture *picture;

  if (!plane)
    return FALSE;
  picture = get_black (output, format, mode->hdisplay, mode->vdisplay);
  if (!picture)
    return FALSE;
  *background = (KmsBackground) { plane, picture };

  return TRUE;
}
