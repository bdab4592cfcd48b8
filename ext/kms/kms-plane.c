/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-plane.h"

#include <drm_fourcc.h>

/* Source rectangles are 16.16 fixed point. */
#define FIXED(pixels) ((guint64) (pixels) << 16)

static void
load_formats (KmsCard *card, KmsPlane *plane, const drmModePlane *info)
{
  const KmsProperty *in_formats = &plane->properties[KMS_PLANE_IN_FORMATS];
  guint i;

  if (in_formats->id && in_formats->value) {
    drmModePropertyBlobRes *blob =
        kms_api->get_blob (card->fd, in_formats->value);

    if (blob)
      kms_formats_add_blob (plane->formats, blob->data, blob->length);
    g_clear_pointer (&blob, drmModeFreePropertyBlob);
  }
  if (plane->formats->len > 0)
    return;

  /* A driver without modifiers shows linear frames. */
  for (i = 0; i < info->count_formats; i++)
    kms_formats_add (plane->formats, info->formats[i], DRM_FORMAT_MOD_LINEAR);
}

static KmsPlane *
plane_new (KmsCard *card, guint32 id)
{
  drmModePlane *info = kms_api->get_plane (card->fd, id);
  KmsPlane *plane;

  if (!info)
    return NULL;

  plane = g_new0 (KmsPlane, 1);
  plane->id = id;
  plane->possible_crtcs = info->possible_crtcs;
  plane->formats = kms_formats_new ();
  kms_properties_load (card, id, DRM_MODE_OBJECT_PLANE,
      kms_plane_property_names, KMS_N_PLANE_PROPERTIES, plane->properties);
  plane->type = plane->properties[KMS_PLANE_TYPE].value;
  load_formats (card, plane, info);
  drmModeFreePlane (info);

  return plane;
}

void
kms_plane_free (KmsPlane *plane)
{
  g_array_unref (plane->formats);
  g_free (plane);
}

GPtrArray *
kms_planes_new (KmsCard *card)
{
  GPtrArray *planes =
      g_ptr_array_new_with_free_func ((GDestroyNotify) kms_plane_free);
  drmModePlaneRes *all = kms_api->get_plane_resources (card->fd);
  guint i;

  if (!all)
    return planes;
  for (i = 0; i < all->count_planes; i++) {
    KmsPlane *plane = plane_new (card, all->planes[i]);

    if (plane)
      g_ptr_array_add (planes, plane);
  }
  drmModeFreePlaneResources (all);

  return planes;
}

guint32
kms_plane_find_linear_format (
    const KmsPlane *plane, const guint32 *formats, guint n_formats)
{
  guint i;

  for (i = 0; i < n_formats; i++) {
    if (kms_formats_contain (plane->formats, formats[i], DRM_FORMAT_MOD_LINEAR))
      return formats[i];
  }

  return 0;
}

void
kms_plane_show (const KmsPlane *plane, KmsCommit *commit, guint32 crtc_id,
    guint32 fb_id, const KmsRect *source, const KmsRect *target)
{
  const KmsProperty *p = plane->properties;

  kms_commit_set (commit, plane->id, &p[KMS_PLANE_FB_ID], fb_id);
  kms_commit_set (commit, plane->id, &p[KMS_PLANE_CRTC_ID], crtc_id);
  kms_commit_set (commit, plane->id, &p[KMS_PLANE_SRC_X], FIXED (source->x));
  kms_commit_set (commit, plane->id, &p[KMS_PLANE_SRC_Y], FIXED (source->y));
  kms_commit_set (
      commit, plane->id, &p[KMS_PLANE_SRC_W], FIXED (source->width));
  kms_commit_set (
      commit, plane->id, &p[KMS_PLANE_SRC_H], FIXED (source->height));
  kms_commit_set (commit, plane->id, &p[KMS_PLANE_CRTC_X], target->x);
  kms_commit_set (commit, plane->id, &p[KMS_PLANE_CRTC_Y], target->y);
  kms_commit_set (commit, plane->id, &p[KMS_PLANE_CRTC_W], target->width);
  kms_commit_set (commit, plane->id, &p[KMS_PLANE_CRTC_H], target->height);
}

void
kms_plane_hide (const KmsPlane *plane, KmsCommit *commit)
{
  kms_commit_set (commit, plane->id, &plane->properties[KMS_PLANE_FB_ID], 0);
  kms_commit_set (commit, plane->id, &plane->properties[KMS_PLANE_CRTC_ID], 0);
}
