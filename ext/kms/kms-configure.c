/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Chooses mode, plane and rectangle for a video: kms_output_configure (). */

#include "kms-output.h"
#include "kms-debug.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <string.h>

typedef struct
{
  const drmModeModeInfo *mode;
  KmsRect target;
} Choice;

#define MAX_CHOICES 4

/* Places the frame unscaled in the middle. Coordinates are even, as subsampled
 * chroma has half of them. */
static KmsRect
centred (const drmModeModeInfo *mode, const KmsVideo *video)
{
  KmsRect rect = { .width = video->width, .height = video->height };

  rect.x = ((mode->hdisplay - video->width) / 2) & ~1u;
  rect.y = ((mode->vdisplay - video->height) / 2) & ~1u;

  return rect;
}

/* Scales the frame to the screen, with its aspect ratio. */
static KmsRect
scaled (const drmModeModeInfo *mode, const KmsVideo *video)
{
  guint64 shape_w = (guint64) video->width * MAX (video->par_n, 1);
  guint64 shape_h = (guint64) video->height * MAX (video->par_d, 1);
  KmsRect rect = { 0, 0, mode->hdisplay, mode->vdisplay };

  if (shape_w * mode->vdisplay > shape_h * mode->hdisplay)
    rect.height = MAX (1, mode->hdisplay * shape_h / shape_w);
  else
    rect.width = MAX (1, mode->vdisplay * shape_w / shape_h);
  rect.x = ((mode->hdisplay - rect.width) / 2) & ~1u;
  rect.y = ((mode->vdisplay - rect.height) / 2) & ~1u;

  return rect;
}

static void
add_choice (
    Choice *choices, guint *n, const drmModeModeInfo *mode, KmsRect target)
{
  guint i;

  for (i = 0; i < *n; i++) {
    if (choices[i].mode == mode
        && memcmp (&choices[i].target, &target, sizeof (target)) == 0)
      return;
  }
  choices[*n].mode = mode;
  choices[(*n)++].target = target;
}

static void
add_choices_in (Choice *choices, guint *n, const drmModeModeInfo *mode,
    const KmsVideo *video)
{
  if (video->width <= mode->hdisplay && video->height <= mode->vdisplay)
    add_choice (choices, n, mode, centred (mode, video));
  add_choice (choices, n, mode, scaled (mode, video));
}

gboolean
kms_output_has_mode (
    KmsOutput *output, const KmsModeRequest *request, GError **error)
{
  const drmModeModeInfo *modes = output->connector->modes;
  int n_modes = output->connector->count_modes;
  char refresh[32] = "";
  char *list;

  if (kms_mode_find (modes, n_modes, request))
    return TRUE;

  list = kms_modes_to_string (modes, n_modes);
  if (request->refresh > 0)
    g_snprintf (refresh, sizeof (refresh), "@%g", request->refresh);
  kms_set_error (error, ENOENT, "%s: %s has no mode %ux%u%s; it has %s",
      output->card->name, output->connector_name, request->width,
      request->height, refresh, list);
  g_free (list);

  return FALSE;
}

/* Lists the modes and rectangles to try, preferred first. */
static gboolean
list_choices (KmsOutput *output, const KmsVideo *video,
    const KmsModeRequest *request, Choice *choices, guint *n, GError **error)
{
  const drmModeModeInfo *modes = output->connector->modes;
  int n_modes = output->connector->count_modes;
  const drmModeModeInfo *mode;

  *n = 0;
  if (request) {
    if (!kms_output_has_mode (output, request, error))
      return FALSE;
    add_choices_in (choices, n, kms_mode_find (modes, n_modes, request), video);
    return TRUE;
  }

  mode = kms_mode_choose (
      modes, n_modes, video->width, video->height, video->fps_n, video->fps_d);
  if (mode)
    add_choice (choices, n, mode, centred (mode, video));
  mode = kms_mode_choose_around (modes, n_modes, video->width, video->height);
  if (mode)
    add_choice (choices, n, mode, centred (mode, video));
  mode = kms_mode_choose_around (modes, n_modes, 0, 0);
  if (mode)
    add_choice (choices, n, mode, scaled (mode, video));

  return TRUE;
}

/* Chooses the colour properties of the plane for the video, if it has them. */
static void
choose_colours (KmsOutput *output, const KmsPlane *plane, const KmsVideo *video)
{
  const KmsProperty *p = plane->properties;

  output->has_encoding = video->encoding
      && kms_property_get_enum (output->card, &p[KMS_PLANE_COLOR_ENCODING],
          video->encoding, &output->encoding);
  output->has_range = video->range
      && kms_property_get_enum (output->card, &p[KMS_PLANE_COLOR_RANGE],
          video->range, &output->range);
}

/* Makes the choice the output's configuration. The next commit is a modeset
 * only if mode, plane or background differ. */
static int
adopt (KmsOutput *output, const KmsPlane *plane, const Choice *choice,
    const KmsBackground *background)
{
  gboolean same_mode = output->mode_blob
      && memcmp (&output->mode, choice->mode, sizeof (output->mode)) == 0;
  int ret = 0;

  if (!same_mode) {
    guint32 blob = kms_card_create_blob (
        output->card, choice->mode, sizeof (*choice->mode), &ret);

    if (!blob)
      return ret;
    kms_card_destroy_blob (output->card, output->mode_blob);
    output->mode_blob = blob;
    output->mode = *choice->mode;
  }
  if (!same_mode || output->plane != plane
      || output->background.picture != background->picture)
    output->needs_modeset = TRUE;
  output->plane = plane;
  output->target = choice->target;
  output->background = *background;
  output->needs_placing = TRUE;

  return 0;
}

/* Makes a picture for a test commit. TRUE with %NULL in @picture if the driver
 * has no dumb buffers that fit the format. */
static gboolean
make_picture (KmsOutput *output, const KmsVideo *video, KmsPicture **picture,
    GError **error)
{
  GError *reason = NULL;

  *picture = kms_picture_new (
      output->card, video->format, video->width, video->height, &reason);
  if (*picture)
    return TRUE;
  if (g_error_matches (reason, DMABUF_ERROR, EOPNOTSUPP)) {
    GST_INFO ("no picture to test a mode with: %s", reason->message);
    g_error_free (reason);
    return TRUE;
  }
  g_propagate_error (error, reason);

  return FALSE;
}

gboolean
kms_output_configure (KmsOutput *output, const KmsVideo *video,
    const KmsModeRequest *request, GError **error)
{
  const char *fourcc = (const char *) &video->format;
  Choice choices[MAX_CHOICES];
  KmsPicture *picture = NULL;
  guint i, j, n = 0;
  int ret = -EINVAL;
  char *list;

  if (!kms_formats_contain (output->formats, video->format, video->modifier))
    goto wrong_format;
  if (video->width > output->card->resources->max_width
      || video->height > output->card->resources->max_height)
    goto wrong_size;
  if (!list_choices (output, video, request, choices, &n, error))
    return FALSE;

  if (video->modifier == DRM_FORMAT_MOD_LINEAR
      && !make_picture (output, video, &picture, error))
    return FALSE;

  for (i = 0; i < n; i++) {
    for (j = 0; j < output->candidates->len; j++) {
      const KmsPlane *plane = g_ptr_array_index (output->candidates, j);
      KmsBackground background = { NULL, NULL };

      if (!kms_formats_contain (plane->formats, video->format, video->modifier))
        continue;
      choose_colours (output, plane, video);
      /* Without a picture, for a tiled format or a driver without fitting dumb
       * buffers, the plane's formats are trusted; the first commit decides. */
      ret = !picture ? 0
                     : kms_output_test (output, plane, choices[i].mode,
                           &choices[i].target, picture, &background);
      if (ret == 0)
        ret = adopt (output, plane, &choices[i], &background);
      if (ret == 0)
        goto done;
      if (kms_commit_is_refused (ret))
        goto refused;
    }
  }
  goto wrong_size;

done:
  g_clear_pointer (&picture, kms_picture_free);
  return TRUE;

  /* ERRORS */
wrong_format: {
  kms_set_error (error, EINVAL,
      "%s: no plane of %s shows %.4s with modifier 0x%016" G_GINT64_MODIFIER
      "x; put videoconvert in between, or choose another format",
      output->card->name, output->connector_name, fourcc, video->modifier);
  return FALSE;
}
refused: {
  kms_card_set_commit_error (output->card, ret, "setting a mode", error);
  goto failed;
}
wrong_size: {
  list = kms_modes_to_string (
      output->connector->modes, output->connector->count_modes);
  kms_set_error (error, EINVAL,
      "%s: %s has no mode, scaler or plane for %ux%u %.4s (%s); put "
      "videoscale in between, or choose one of %s",
      output->card->name, output->connector_name, video->width, video->height,
      fourcc, g_strerror (-ret), list);
  g_free (list);
  goto failed;
}
failed: {
  g_clear_pointer (&picture, kms_picture_free);
  return FALSE;
}
}
