/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-property.h"

#include <string.h>

const char *const kms_plane_property_names[KMS_N_PLANE_PROPERTIES] = {
  [KMS_PLANE_TYPE] = "type",
  [KMS_PLANE_IN_FORMATS] = "IN_FORMATS",
  [KMS_PLANE_FB_ID] = "FB_ID",
  [KMS_PLANE_CRTC_ID] = "CRTC_ID",
  [KMS_PLANE_SRC_X] = "SRC_X",
  [KMS_PLANE_SRC_Y] = "SRC_Y",
  [KMS_PLANE_SRC_W] = "SRC_W",
  [KMS_PLANE_SRC_H] = "SRC_H",
  [KMS_PLANE_CRTC_X] = "CRTC_X",
  [KMS_PLANE_CRTC_Y] = "CRTC_Y",
  [KMS_PLANE_CRTC_W] = "CRTC_W",
  [KMS_PLANE_CRTC_H] = "CRTC_H",
  [KMS_PLANE_ROTATION] = "rotation",
  [KMS_PLANE_ALPHA] = "alpha",
  [KMS_PLANE_COLOR_ENCODING] = "COLOR_ENCODING",
  [KMS_PLANE_COLOR_RANGE] = "COLOR_RANGE",
  [KMS_PLANE_IN_FENCE_FD] = "IN_FENCE_FD",
};

const char *const kms_crtc_property_names[KMS_N_CRTC_PROPERTIES] = {
  [KMS_CRTC_ACTIVE] = "ACTIVE",
  [KMS_CRTC_MODE_ID] = "MODE_ID",
  [KMS_CRTC_DEGAMMA_LUT] = "DEGAMMA_LUT",
  [KMS_CRTC_CTM] = "CTM",
  [KMS_CRTC_GAMMA_LUT] = "GAMMA_LUT",
};

const char *const kms_connector_property_names[KMS_N_CONNECTOR_PROPERTIES] = {
  [KMS_CONNECTOR_CRTC_ID] = "CRTC_ID",
  [KMS_CONNECTOR_LINK_STATUS] = "link-status",
  [KMS_CONNECTOR_WRITEBACK_FB_ID] = "WRITEBACK_FB_ID",
  [KMS_CONNECTOR_WRITEBACK_OUT_FENCE_PTR] = "WRITEBACK_OUT_FENCE_PTR",
  [KMS_CONNECTOR_WRITEBACK_PIXEL_FORMATS] = "WRITEBACK_PIXEL_FORMATS",
};

gboolean
kms_properties_load (KmsCard *card, guint32 object, guint32 type,
    const char *const *names, guint n_names, KmsProperty *properties)
{
  drmModeObjectProperties *all =
      kms_api->get_properties (card->fd, object, type);
  guint i, j;

  memset (properties, 0, n_names * sizeof (KmsProperty));
  if (!all)
    return FALSE;

  for (i = 0; i < all->count_props; i++) {
    drmModePropertyRes *property =
        kms_api->get_property (card->fd, all->props[i]);

    if (!property)
      continue;
    for (j = 0; j < n_names; j++) {
      if (strcmp (property->name, names[j]) != 0)
        continue;
      properties[j].id = property->prop_id;
      properties[j].value = all->prop_values[i];
    }
    drmModeFreeProperty (property);
  }
  drmModeFreeObjectProperties (all);

  return TRUE;
}

gboolean
kms_property_get_enum (KmsCard *card, const KmsProperty *property,
    const char *name, guint64 *value)
{
  drmModePropertyRes *info;
  gboolean found = FALSE;
  int i;

  if (!property->id)
    return FALSE;
  info = kms_api->get_property (card->fd, property->id);
  if (!info)
    return FALSE;

  for (i = 0; i < info->count_enums && !found; i++) {
    found = strcmp (info->enums[i].name, name) == 0;
    if (found)
      *value = info->enums[i].value;
  }
  drmModeFreeProperty (info);

  return found;
}
