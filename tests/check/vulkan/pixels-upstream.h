/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/check/gstcheck.h>

G_BEGIN_DECLS

/* Comparisons with upstream's GstVideoConverter */
void pixels_add_upstream_tests (TCase *tcase);

G_END_DECLS
