/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dmabuf-annotation.h"

G_BEGIN_DECLS

/* The lock of any reservation: all are of one class (WW-1). */
#define DMABUF_LOCK_RESERVATION "dmabuf_reservation"

/* Depth of signalling sections of this thread, and whether the order of locks
 * is checked. A fast path reads both and mostly saves the call. */
extern __thread guint dmabuf_annotation_depth
    __attribute__ ((tls_model ("initial-exec")));
extern gint dmabuf_annotation_checks;

static inline gboolean
dmabuf_annotation_active (void)
{
  return G_UNLIKELY (dmabuf_annotation_depth != 0
      || g_atomic_int_get (&dmabuf_annotation_checks));
}

G_END_DECLS
