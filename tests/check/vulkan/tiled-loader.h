/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * A driver that has a tiled modifier. lavapipe has linear images only; in front
 * of it, this adds a second modifier wherever there is the linear one, and lays
 * its images out in the same way. So what is agreed on, made and imported is as
 * with a GPU, and a test can look at the pixels.
 */
#define TILED_MODIFIER 0x0100000000000001 /* I915_FORMAT_MOD_X_TILED */

void tiled_loader_install (void);
void tiled_loader_remove (void);

/* Images with the modifier that there are, and how many were ever made. */
guint tiled_loader_get_images (guint *n_made);

/* How often the driver was asked for the modifiers of a format. */
guint tiled_loader_get_questions (void);

G_END_DECLS
