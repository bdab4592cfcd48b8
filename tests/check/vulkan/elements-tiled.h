/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/check/gstcheck.h>

G_BEGIN_DECLS

/* Bring their own loader (tiled-loader.h). */
void elements_add_tiled_tests (TCase *tcase);

G_END_DECLS
