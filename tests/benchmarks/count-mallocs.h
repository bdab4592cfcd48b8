/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * A program with this file takes malloc's place, calloc's and realloc's, and
 * counts the calls of each thread, apart from those of a thread whose
 * mallocs_not_counted is not 0.
 */
extern __thread guint64 n_mallocs;
extern __thread guint mallocs_not_counted;

G_END_DECLS
