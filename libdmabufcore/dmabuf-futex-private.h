/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A lock of one word for sections of a few instructions, on paths where two
 * calls into GLib would be half of the cost. 0 free, 1 locked, 2 locked and
 * somebody sleeps (Drepper, "Futexes are tricky", the third mutex).
 */

#include <glib.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

G_BEGIN_DECLS

static inline void
dmabuf_futex_lock (gint *word)
{
  gint expected = 0;

  if (G_LIKELY (__atomic_compare_exchange_n (
          word, &expected, 1, FALSE, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
    return;

  while (__atomic_exchange_n (word, 2, __ATOMIC_ACQUIRE) != 0)
    syscall (SYS_futex, word, FUTEX_WAIT_PRIVATE, 2, NULL);
}

static inline void
dmabuf_futex_unlock (gint *word)
{
  if (G_UNLIKELY (__atomic_exchange_n (word, 0, __ATOMIC_RELEASE) == 2))
    syscall (SYS_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

G_END_DECLS
