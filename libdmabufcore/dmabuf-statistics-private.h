/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-statistics.h>

G_BEGIN_DECLS

extern DmabufStatistics dmabuf_process_statistics;

/* Adds @n (which may be negative) to a counter of @own and of the process.
 * Relaxed, as counters do not order other memory accesses. */
#define dmabuf_count(own, field, n) \
  G_STMT_START \
  { \
    __atomic_fetch_add (&(own)->field, (guint64) (n), __ATOMIC_RELAXED); \
    __atomic_fetch_add ( \
        &dmabuf_process_statistics.field, (guint64) (n), __ATOMIC_RELAXED); \
  } \
  G_STMT_END

/* Adds @n to a counter of the process only. */
#define dmabuf_count_process(field, n) \
  __atomic_fetch_add ( \
      &dmabuf_process_statistics.field, (guint64) (n), __ATOMIC_RELAXED)

void
dmabuf_statistics_copy (const DmabufStatistics *from, DmabufStatistics *to);

G_END_DECLS
