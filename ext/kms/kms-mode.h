/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-card.h"

/* A mode as the user writes it: "1280x720" or "1280x720@60"; @refresh in Hz, 0
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

/* In Hz; of an interlaced mode the rate of its fields. */
double kms_mode_get_refresh (const drmModeModeInfo *mode);

/* "1280x720@60.00" */
char *kms_mode_to_string (const drmModeModeInfo *mode);

/* A list of all modes, for messages. */
char *kms_modes_to_string (const drmModeModeInfo *modes, int n_modes);

/* The mode that @request names, with the nearest refresh within 0.5 Hz. */
const drmModeModeInfo *kms_mode_find (
    const drmModeModeInfo *modes, int n_modes, const KmsModeRequest *request);

/* The mode of exactly this size whose refresh is most nearly a multiple of the
 * frame rate, among equals the preferred one, then the fastest. @fps_n of 0:
 * no rate is known. */
const drmModeModeInfo *kms_mode_choose (const drmModeModeInfo *modes,
    int n_modes, guint width, guint height, int fps_n, int fps_d);

/* The mode for a frame without a mode of its own size: the preferred one, or
 * the first. With @width and @height only modes of at least that size are
 * taken: the preferred one, or the smallest. */
const drmModeModeInfo *kms_mode_choose_around (
    const drmModeModeInfo *modes, int n_modes, guint width, guint height);
