/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-mode.h"
#include "kms-picture.h"
#include "kms-plane.h"

/* A frame format that is to be shown. */
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
  /* values of the enum properties COLOR_ENCODING and COLOR_RANGE, %NULL to
   * leave them as they are */
  const char *encoding;
  const char *range;
} KmsVideo;

/*
 * A black picture on the primary plane, under a video on another one: what
 * lights the CRTC where the hardware does not do that for an overlay alone.
 */
typedef struct
{
  /* %NULL: none */
  const KmsPlane *plane;
  const KmsPicture *picture;
} KmsBackground;

/*
 * One way to a display: connector, CRTC and the planes that reach it, with what
 * was chosen to show a video.
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
  /* all of the card, and those that may show our video */
  GPtrArray *planes;
  GPtrArray *candidates;
  GArray *formats;
  /* what the hardware does, asked by TEST_ONLY: place a frame that is smaller
   * than the mode, scale one */
  gboolean can_place;
  gboolean can_scale;
  /* KmsPictures for a background, each as large as a mode. All are kept to the
   * end: one may be on screen still. */
  GPtrArray *black;

  /* the choice, from kms_output_configure () on */
  const KmsPlane *plane;
  drmModeModeInfo mode;
  guint32 mode_blob;
  KmsRect target;
  KmsBackground background;
  guint64 encoding;
  guint64 range;
  gboolean has_encoding;
  gboolean has_range;
  /* the next commit has to set connector, CRTC and mode */
  gboolean needs_modeset;
  /* the next commit has to say where the frame goes; otherwise the plane shows
   * the part @placed of a frame where it should, and a commit is one property
   */
  gboolean needs_placing;
  KmsRect placed;
} KmsOutput;

/*
 * Finds a display. @connector_id and @plane_id 0: choose.
 *
 * Errors: ENODEV no display connected, EINVAL no such connector or plane.
 */
KmsOutput *kms_output_new (
    KmsCard *card, guint32 connector_id, guint32 plane_id, GError **error);
void kms_output_free (KmsOutput *output);

/* Whether the display has the mode that @request names: FALSE with ENOENT and
 * a list of those it has. */
gboolean kms_output_has_mode (
    KmsOutput *output, const KmsModeRequest *request, GError **error);

/*
 * Chooses mode, plane and rectangle for @video and has the driver test it.
 * @mode: what the user insists on, or %NULL.
 *
 * Errors: EINVAL the format or the size cannot be shown, with what can; ENOENT
 * the display has no such mode.
 */
gboolean kms_output_configure (KmsOutput *output, const KmsVideo *video,
    const KmsModeRequest *mode, GError **error);

/* Fills @commit to show @source of @fb_id, with the modeset if it is needed. */
void kms_output_show (
    KmsOutput *output, KmsCommit *commit, guint32 fb_id, const KmsRect *source);

/*
 * Asks the driver (TEST_ONLY) whether it would show @picture on @plane at
 * @target of @mode, alone or, if need be, with a background, which it returns:
 * 0 or -errno.
 */
int kms_output_test (KmsOutput *output, const KmsPlane *plane,
    const drmModeModeInfo *mode, const KmsRect *target,
    const KmsPicture *picture, KmsBackground *background);

/* What is to lie under a video on the plane @video in @mode. FALSE if there is
 * no such plane, or no memory for it. */
gboolean kms_output_find_background (KmsOutput *output, const KmsPlane *video,
    const drmModeModeInfo *mode, KmsBackground *background);

/* The CRTCs that @connector may be on, a bit for each index. */
guint32 kms_connector_get_crtcs (KmsCard *card, drmModeConnector *connector);

/* Writes the display's name, e.g. "/dev/dri/card0 (vkms), Virtual-1". */
char *kms_output_describe (KmsOutput *output);
