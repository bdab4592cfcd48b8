/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-card.h"

/* A mode as a user writes it: "1280x720" or "1280x720@60"; @refresh in Hz, 0
 * for any. */
typedef struct
{
  guint width;
  guint height;
  double refresh;
} KmsModeRequest;

/* Reads the property "mode". FALSE with EINVAL. */
gboolean
kms_mode_parse (const char *text, KmsModeRequest *request, GError **error);

/* In Hz, fields of an interlaced mode counted. */
double kms_mode_get_refresh (const drmModeModeInfo *mode);

/* "1280x720@60.00" */
char *kms_mode_to_string (const drmModeModeInfo *mode);

/* All of them, for a message. */
char *kms_modes_to_string (const drmModeModeInfo *modes, int n_modes);

/* The mode that @request names, the nearest refresh within 0.5 Hz of it. */
const drmModeModeInfo *kms_mode_find (
    const drmModeModeInfo *modes, int n_modes, const KmsModeRequest *request);

/* The mode of exactly this size whose refresh is most nearly a multiple of the
 * frame rate, among equals the preferred one, then the fastest. @fps_n of 0:
 * no rate is known. */
const drmModeModeInfo *kms_mode_choose (const drmModeModeInfo *modes,
    int n_modes, guint width, guint height, int fps_n, int fps_d);

/* The mode to show something that has no mode of its own size in: the
 * preferred one, else the first. With @width and @height it contains them: the
 * preferred one if it does, else the smallest. */
const drmModeModeInfo *kms_mode_choose_around (
    const drmModeModeInfo *modes, int n_modes, guint width, guint height);
