/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-mode.h"
#include "kms-picture.h"
#include "kms-plane.h"

/* The format of the frames to show. */
typedef struct
{
  guint32 format;
  guint64 modifier;
  guint width;
  guint height;
  int par_n;
  int par_d;
  /* 0 for an unknown rate */
  int fps_n;
  int fps_d;
  /* Values of the enum properties COLOR_ENCODING and COLOR_RANGE, %NULL to
   * leave them unchanged */
  const char *encoding;
  const char *range;
} KmsVideo;

/*
 * A black picture on the primary plane, under a video on an overlay, for
 * hardware that cannot show an overlay alone (kms-background.c).
 */
typedef struct
{
  /* %NULL: none */
  const KmsPlane *plane;
  const KmsPicture *picture;
} KmsBackground;

/*
 * The path to a display: connector, CRTC and the planes that reach it, and the
 * configuration for the current video.
 */
typedef struct
{
  KmsCard *card;
  drmModeConnector *connector;
  /* "HDMI-A-1" */
  char *connector_name;
  KmsProperty connector_properties[KMS_N_CONNECTOR_PROPERTIES];
  guint32 crtc_id;
  guint crtc_index;
  KmsProperty crtc_properties[KMS_N_CRTC_PROPERTIES];
  /* All planes of the card, and those that may show our video */
  GPtrArray *planes;
  GPtrArray *candidates;
  GArray *formats;
  /* Abilities found by TEST_ONLY commits: to show a frame that is smaller than
   * the mode, to scale a frame */
  gboolean can_place;
  gboolean can_scale;
  /* KmsPictures for a background, one for each size of a mode. Kept to the end,
   * as one may be on screen */
  GPtrArray *black;

  /* The configuration, from kms_output_configure () on */
  const KmsPlane *plane;
  drmModeModeInfo mode;
  guint32 mode_blob;
  KmsRect target;
  KmsBackground background;
  guint64 encoding;
  guint64 range;
  gboolean has_encoding;
  gboolean has_range;
  /* The next commit has to set connector, CRTC and mode */
  gboolean needs_modeset;
  /* The next commit has to set the rectangles; otherwise the plane shows the
   * part @placed of a frame at @target already, and a commit only sets FB_ID */
  gboolean needs_placing;
  KmsRect placed;
} KmsOutput;

/*
 * Finds a display. @connector_id and @plane_id of 0: the first that fits.
 *
 * Errors: ENODEV no display connected, EINVAL no such connector or plane.
 */
KmsOutput *kms_output_new (
    KmsCard *card, guint32 connector_id, guint32 plane_id, GError **error);
void kms_output_free (KmsOutput *output);

/* Whether the display has the mode that @request names: FALSE with ENOENT, and
 * the display's modes in the message. */
gboolean kms_output_has_mode (
    KmsOutput *output, const KmsModeRequest *request, GError **error);

/*
 * Chooses mode, plane and rectangle for @video by test commits. @mode: the mode
 * that the user set, or %NULL.
 *
 * Errors: EINVAL the format or the size cannot be shown; ENOENT the display has
 * no such mode.
 */
gboolean kms_output_configure (KmsOutput *output, const KmsVideo *video,
    const KmsModeRequest *mode, GError **error);

/* Adds to @commit the properties that show @source of @fb_id, and the modeset
 * if it is needed. */
void kms_output_show (
    KmsOutput *output, KmsCommit *commit, guint32 fb_id, const KmsRect *source);

/*
 * Asks the driver by TEST_ONLY commits whether it can show @picture on @plane
 * at @target of @mode: 0 or -errno. It is tried alone and then with a
 * @background, which is returned.
 */
int kms_output_test (KmsOutput *output, const KmsPlane *plane,
    const drmModeModeInfo *mode, const KmsRect *target,
    const KmsPicture *picture, KmsBackground *background);

/* Finds a background for a video on the plane @video in @mode. FALSE without a
 * free primary plane, or without memory for the picture. */
gboolean kms_output_find_background (KmsOutput *output, const KmsPlane *video,
    const drmModeModeInfo *mode, KmsBackground *background);

/* The CRTCs that @connector can use, a bit for each index. */
guint32 kms_connector_get_crtcs (KmsCard *card, drmModeConnector *connector);

/* Returns the display's name, for example "/dev/dri/card0 (vkms), Virtual-1".
 */
char *kms_output_describe (KmsOutput *output);
