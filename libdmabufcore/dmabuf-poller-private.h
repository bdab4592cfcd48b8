/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/*
 * The poller: one thread and one epoll for all pending sources and timers of
 * the process. Started by the first use, asleep while nothing happens. The
 * child of a fork starts its own by its first use.
 *
 * Sources and timers are embedded in their owner and fire once: they are taken
 * out before their function is called, which may put them back.
 *
 * The owner's life: it is freed only after dmabuf_poller_remove*(), which do
 * not wait for a dispatch. A source that fires first takes a reference to its
 * owner with @ref, under the poller's lock. If the last reference is gone @ref
 * returns %FALSE and the dispatch is left out:
 *
 *   owner    ref 1 ────────────── 0: remove () ── free
 *   poller         lock  ref: 2  unlock  dispatch (), which drops it
 */
typedef struct _DmabufPollerSource DmabufPollerSource;
typedef struct _DmabufPollerTimer DmabufPollerTimer;

struct _DmabufPollerSource
{
  int fd;
  guint32 generation; /* Poller: of the slot, 0 while not in the epoll */
  guint32 events;     /* Poller: the events of the last wait */
  gboolean (*ref) (DmabufPollerSource *source);
  void (*dispatch) (DmabufPollerSource *source, guint32 events);
};

struct _DmabufPollerTimer
{
  gint64 deadline; /* Microseconds of CLOCK_MONOTONIC */
  guint position;  /* Poller: in the heap, from 1; 0 while not in it */
  gboolean (*ref) (DmabufPollerTimer *timer);
  void (*dispatch) (DmabufPollerTimer *timer);
};

/* Waits for @events (EPOLLIN ...) of the source's fd. A source that waits
 * already is left as it is. 0, or -errno: then the source will not fire. */
DMABUF_CORE_API
int dmabuf_poller_add (DmabufPollerSource *source, guint32 events);

/* Takes the source out, if it is in. */
void dmabuf_poller_remove (DmabufPollerSource *source);

/* Fires at @deadline, which replaces an earlier deadline. 0 or -errno. */
DMABUF_CORE_API
int dmabuf_poller_add_timer (DmabufPollerTimer *timer, gint64 deadline);
void dmabuf_poller_remove_timer (DmabufPollerTimer *timer);

/* Starts the thread if it is not running. 0, or -errno: then waiters have to
 * poll by themselves. Tests call it so that its fds are there before they
 * count. */
DMABUF_CORE_API
int dmabuf_poller_ensure_started (void);

/* For tests: how many sources and timers wait, and how often the thread woke */
DMABUF_CORE_API
void
dmabuf_poller_get_counts (guint *n_sources, guint *n_timers, guint64 *n_wakes);

G_END_DECLS
