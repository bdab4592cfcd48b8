/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-mode.h"

#include <errno.h>
#include <math.h>

#define MAX_SIZE 65535
/* In Hz. Of 59.94 and 60.00, which are different modes, the nearest is taken.
 */
#define REFRESH_TOLERANCE 0.5

gboolean
kms_mode_parse (const char *text, KmsModeRequest *request, GError **error)
{
  const char *at = text;
  guint64 width, height;
  double refresh = 0;
  char *end;

  if (!g_ascii_isdigit (*at))
    goto invalid;
  width = g_ascii_strtoull (at, &end, 10);
  if (*end != 'x' || !g_ascii_isdigit (end[1]))
    goto invalid;
  height = g_ascii_strtoull (end + 1, &end, 10);

  if (*end == '@') {
    at = end + 1;
    if (!g_ascii_isdigit (*at))
      goto invalid;
    refresh = g_ascii_strtod (at, &end);
    if (refresh <= 0 || refresh > 1000)
      goto invalid;
  }
  if (*end || width < 1 || width > MAX_SIZE || height < 1 || height > MAX_SIZE)
    goto invalid;

  request->width = width;
  request->height = height;
  request->refresh = refresh;

  return TRUE;

  /* ERRORS */
invalid: {
  kms_set_error (error, EINVAL,
      "mode \"%s\" is not understood; write WIDTHxHEIGHT or "
      "WIDTHxHEIGHT@HZ, for example 1280x720@60",
      text);
  return FALSE;
}
}

double
kms_mode_get_refresh (const drmModeModeInfo *mode)
{
  double refresh;

  if (!mode->clock || !mode->htotal || !mode->vtotal)
    return mode->vrefresh;

  refresh = mode->clock * 1000.0 / ((double) mode->htotal * mode->vtotal);
  if (mode->flags & DRM_MODE_FLAG_INTERLACE)
    refresh *= 2;
  if (mode->flags & DRM_MODE_FLAG_DBLSCAN)
    refresh /= 2;
  if (mode->vscan > 1)
    refresh /= mode->vscan;

  return refresh;
}

char *
kms_mode_to_string (const drmModeModeInfo *mode)
{
  char refresh[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (
      refresh, sizeof (refresh), "%.2f", kms_mode_get_refresh (mode));

  return g_strdup_printf ("%ux%u@%s", mode->hdisplay, mode->vdisplay, refresh);
}

char *
kms_modes_to_string (const drmModeModeInfo *modes, int n_modes)
{
  GString *string = g_string_new (NULL);
  int i;

  for (i = 0; i < n_modes; i++) {
    char *mode = kms_mode_to_string (&modes[i]);

    g_string_append_printf (string, "%s%s", i ? ", " : "", mode);
    g_free (mode);
  }

  return g_string_free (string, FALSE);
}

const drmModeModeInfo *
kms_mode_find (
    const drmModeModeInfo *modes, int n_modes, const KmsModeRequest *request)
{
  const drmModeModeInfo *best = NULL;
  double best_distance = REFRESH_TOLERANCE;
  int i;

  if (request->refresh == 0)
    return kms_mode_choose (
        modes, n_modes, request->width, request->height, 0, 1);

  for (i = 0; i < n_modes; i++) {
    double distance =
        fabs (kms_mode_get_refresh (&modes[i]) - request->refresh);

    if (modes[i].hdisplay != request->width
        || modes[i].vdisplay != request->height)
      continue;
    if (distance < best_distance) {
      best = &modes[i];
      best_distance = distance;
    }
  }

  return best;
}

/* Returns how far @refresh is from a multiple of @rate, relative to @rate: 24
 * frames/s in 60 Hz are half a frame off, in 24 or 48 Hz none. In steps of
 * 1/1000, which tell 59.94 from 60 for 29.97 frames/s, and hide rounding
 * errors. */
static int
rate_error (double refresh, double rate)
{
  double multiple = MAX (1.0, round (refresh / rate));

  return (int) round (1000.0 * fabs (refresh - multiple * rate) / rate);
}

const drmModeModeInfo *
kms_mode_choose (const drmModeModeInfo *modes, int n_modes, guint width,
    guint height, int fps_n, int fps_d)
{
  const drmModeModeInfo *best = NULL;
  int best_error = 0;
  int i;

  for (i = 0; i < n_modes; i++) {
    const drmModeModeInfo *mode = &modes[i];
    gboolean preferred = mode->type & DRM_MODE_TYPE_PREFERRED;
    int error = 0;

    if (mode->hdisplay != width || mode->vdisplay != height)
      continue;
    if (fps_n > 0 && fps_d > 0)
      error = rate_error (kms_mode_get_refresh (mode), (double) fps_n / fps_d);

    if (best) {
      gboolean best_preferred = best->type & DRM_MODE_TYPE_PREFERRED;

      if (error > best_error)
        continue;
      if (error == best_error && best_preferred && !preferred)
        continue;
      if (error == best_error && best_preferred == preferred
          && kms_mode_get_refresh (mode) <= kms_mode_get_refresh (best))
        continue;
    }
    best = mode;
    best_error = error;
  }

  return best;
}

const drmModeModeInfo *
kms_mode_choose_around (
    const drmModeModeInfo *modes, int n_modes, guint width, guint height)
{
  const drmModeModeInfo *best = NULL;
  int i;

  for (i = 0; i < n_modes; i++) {
    const drmModeModeInfo *mode = &modes[i];

    if (mode->hdisplay < width || mode->vdisplay < height)
      continue;
    if (mode->type & DRM_MODE_TYPE_PREFERRED)
      return mode;
    if (!best
        || ((width || height)
            && (guint) mode->hdisplay * mode->vdisplay
                < (guint) best->hdisplay * best->vdisplay))
      best = mode;
  }

  return best;
}
