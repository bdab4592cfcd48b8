/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/*
 * The poller: one thread and one epoll for everything in the process that is
 * pending, however much it is. Started by the first use, asleep while nothing
 * happens. The child of a fork has its own, from its first use on.
 *
 * Sources and timers are embedded in their owner and fire once: they are taken
 * out before their function is called, which may put them back.
 *
 * The owner's life: it is freed only after dmabuf_poller_remove*(), and those
 * do not wait. A source that fires takes a reference of its owner through
 * @ref, under the poller's lock; an owner whose last reference has gone answers
 * %FALSE and is left alone:
 *
 *   owner    ref 1 ────────────── 0: remove () ── free
 *   poller         lock  ref: 2  unlock  dispatch (), which drops it
 */
typedef struct _DmabufPollerSource DmabufPollerSource;
typedef struct _DmabufPollerTimer DmabufPollerTimer;

struct _DmabufPollerSource
{
  int fd;
  guint32 generation; /* poller: of the slot, 0 while not in the epoll */
  guint32 events;     /* poller: what was waited for last */
  gboolean (*ref) (DmabufPollerSource *source);
  void (*dispatch) (DmabufPollerSource *source, guint32 events);
};

struct _DmabufPollerTimer
{
  gint64 deadline; /* microseconds of CLOCK_MONOTONIC */
  guint position;  /* poller: in the heap, from 1; 0 while not in it */
  gboolean (*ref) (DmabufPollerTimer *timer);
  void (*dispatch) (DmabufPollerTimer *timer);
};

/* Waits for @events (EPOLLIN ...) of the source's fd. A source that waits
 * already is left as it is. 0, or -errno: then nothing is going to fire. */
DMABUF_CORE_API
int dmabuf_poller_add (DmabufPollerSource *source, guint32 events);

/* Takes the source out; one that is not in is left alone. */
void dmabuf_poller_remove (DmabufPollerSource *source);

/* Fires at @deadline, also when the timer is in with another one. 0 or -errno.
 */
DMABUF_CORE_API
int dmabuf_poller_add_timer (DmabufPollerTimer *timer, gint64 deadline);
void dmabuf_poller_remove_timer (DmabufPollerTimer *timer);

/* Starts the thread where it does not run. 0, or -errno: then whoever waits has
 * to look himself. Tests call it to have its fds there before they count. */
DMABUF_CORE_API
int dmabuf_poller_ensure_started (void);

/* For tests: how many sources and timers wait, and how often the thread woke */
DMABUF_CORE_API
void
dmabuf_poller_get_counts (guint *n_sources, guint *n_timers, guint64 *n_wakes);

G_END_DECLS
