/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * A Vulkan driver that has a tiled modifier. lavapipe has linear images only.
 * The wrapper around it lists a second modifier wherever lavapipe lists the
 * linear one, and lays its images out linearly too. So negotiation, allocation
 * and import run as with a GPU, and a test can read the pixels.
 */
#define TILED_MODIFIER 0x0100000000000001 /* I915_FORMAT_MOD_X_TILED */

void tiled_loader_install (void);
void tiled_loader_remove (void);

/* Returns how many images with the modifier exist; in @n_made, how many were
 * ever made. */
guint tiled_loader_get_images (guint *n_made);

/* How often the driver was asked for the modifiers of a format. */
guint tiled_loader_get_questions (void);

G_END_DECLS
