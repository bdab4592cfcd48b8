/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A lock of one word for sections of a few instructions that never block, on
 * paths where two calls into GLib would be half of the cost. A thread that does
 * not get it soon sleeps, so that a holder of lower priority can run.
 */

#include <glib.h>

G_BEGIN_DECLS

static inline void
dmabuf_spin_lock (gint *word)
{
  gint expected = 0;
  guint tries = 0;

  while (G_UNLIKELY (!__atomic_compare_exchange_n (
      word, &expected, 1, FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))) {
    expected = 0;
    if (++tries % 64 == 0)
      g_usleep (20);
  }
}

static inline void
dmabuf_spin_unlock (gint *word)
{
  __atomic_store_n (word, 0, __ATOMIC_RELEASE);
}

G_END_DECLS
