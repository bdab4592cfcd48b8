/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-card.h"

/* A property of a KMS object. An @id of 0: the object has no such property. */
typedef struct
{
  guint32 id;
  guint64 value;
} KmsProperty;

typedef enum
{
  KMS_PLANE_TYPE,
  KMS_PLANE_IN_FORMATS,
  KMS_PLANE_FB_ID,
  KMS_PLANE_CRTC_ID,
  KMS_PLANE_SRC_X,
  KMS_PLANE_SRC_Y,
  KMS_PLANE_SRC_W,
  KMS_PLANE_SRC_H,
  KMS_PLANE_CRTC_X,
  KMS_PLANE_CRTC_Y,
  KMS_PLANE_CRTC_W,
  KMS_PLANE_CRTC_H,
  KMS_PLANE_ROTATION,
  KMS_PLANE_ALPHA,
  KMS_PLANE_COLOR_ENCODING,
  KMS_PLANE_COLOR_RANGE,
  KMS_PLANE_IN_FENCE_FD,
  KMS_N_PLANE_PROPERTIES,
} KmsPlaneProperty;

typedef enum
{
  KMS_CRTC_ACTIVE,
  KMS_CRTC_MODE_ID,
  KMS_CRTC_DEGAMMA_LUT,
  KMS_CRTC_CTM,
  KMS_CRTC_GAMMA_LUT,
  KMS_N_CRTC_PROPERTIES,
} KmsCrtcProperty;

typedef enum
{
  KMS_CONNECTOR_CRTC_ID,
  KMS_CONNECTOR_LINK_STATUS,
  KMS_CONNECTOR_WRITEBACK_FB_ID,
  KMS_CONNECTOR_WRITEBACK_OUT_FENCE_PTR,
  KMS_CONNECTOR_WRITEBACK_PIXEL_FORMATS,
  KMS_N_CONNECTOR_PROPERTIES,
} KmsConnectorProperty;

extern const char *const kms_plane_property_names[KMS_N_PLANE_PROPERTIES];
extern const char *const kms_crtc_property_names[KMS_N_CRTC_PROPERTIES];
extern const char
    *const kms_connector_property_names[KMS_N_CONNECTOR_PROPERTIES];

/* Loads the ids and current values of the properties @names of an object. FALSE
 * if the object is gone. */
gboolean kms_properties_load (KmsCard *card, guint32 object, guint32 type,
    const char *const *names, guint n_names, KmsProperty *properties);

/* Looks up the enum value @name of a property: FALSE if it has none. */
gboolean kms_property_get_enum (KmsCard *card, const KmsProperty *property,
    const char *name, guint64 *value);
