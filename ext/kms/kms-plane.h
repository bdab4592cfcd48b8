/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-commit.h"
#include "kms-formats.h"

/* A plane as the card describes it. */
typedef struct
{
  guint32 id;
  guint32 possible_crtcs;
  /* DRM_PLANE_TYPE_… */
  guint32 type;
  KmsProperty properties[KMS_N_PLANE_PROPERTIES];
  GArray *formats;
} KmsPlane;

/* A rectangle in pixels of the frame or of the screen. */
typedef struct
{
  guint x;
  guint y;
  guint width;
  guint height;
} KmsRect;

/* All planes of @card: a GPtrArray of KmsPlane, empty on failure. */
GPtrArray *kms_planes_new (KmsCard *card);

/* The first of @formats that @plane shows in linear frames, 0 for none. */
guint32 kms_plane_find_linear_format (
    const KmsPlane *plane, const guint32 *formats, guint n_formats);

void kms_plane_free (KmsPlane *plane);

/* Adds to @commit: @plane shows @source of the framebuffer at @target of the
 * CRTC. */
void kms_plane_show (const KmsPlane *plane, KmsCommit *commit, guint32 crtc_id,
    guint32 fb_id, const KmsRect *source, const KmsRect *target);

void kms_plane_hide (const KmsPlane *plane, KmsCommit *commit);
