/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a test waits for in place of letting time pass: that another thread
 * sleeps, that a number changes, that the poller has nothing left to do; and a
 * clock that the test moves.
 *
 * The library's g_cond_wait (), g_cond_wait_until (), g_usleep () and
 * g_get_monotonic_time () are those of threads.c: the dynamic linker finds what
 * a program defines before what GLib does. Its ppoll () is sleeper_ppoll (), by
 * way of the kernel layer.
 */

#include <glib.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>

G_BEGIN_DECLS

/* --- the clock ----------------------------------------------------------- */

/* A deadline that no test comes to: what it waits for ends it earlier, or the
 * time-out of its lane, or clock_skip(). So a fence that has it never ends a
 * wait by itself that a flush has to end. */
#define FAR_AWAY (g_get_monotonic_time () + G_TIME_SPAN_HOUR)

/* The clock goes on by @us. The poller's timers that are due then have run when
 * this returns; what sleeps elsewhere sleeps on. */
void clock_skip (gint64 us);

/* --- threads that sleep -------------------------------------------------- */

typedef struct _Sleeper Sleeper;

/* Runs @func in a thread whose sleep can be waited for. Without @func it is a
 * thread of the library, between sleeper_enter() and sleeper_leave(). */
Sleeper *sleeper_new (GThreadFunc func, gpointer data);

/* The calling thread is the one to be watched, and no longer. */
void sleeper_enter (Sleeper *sleeper);
void sleeper_leave (void);

/* Waits until it sleeps: for a condition, in ppoll () or g_usleep (). FALSE if
 * it has ended without. */
gboolean sleeper_wait (Sleeper *sleeper);

/* Waits for its end; what @func returned */
gpointer sleeper_join (Sleeper *sleeper);

/* Runs @func in a thread as soon as the calling thread sleeps. */
Sleeper *when_i_sleep (GThreadFunc func, gpointer data);

/* The calling thread is awake again: ends what when_i_sleep() began. FALSE if
 * it has not slept; @func has run only now then. */
gboolean sleeper_woke_me (Sleeper *sleeper);

/* A kernel layer's ppoll () that tells of the sleep */
int sleeper_ppoll (
    struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout);

/* --- numbers that other threads change ----------------------------------- */

/* Adds @n and wakes those that wait below. Safe in a signal handler. */
void count_add (gint *value, gint n);

/* The same for a number that is not counted */
void count_set (gint *value, gint n);

/* Waits for those to bring it there. */
void until (gint *value, gint expected);
void until_at_least (gint *value, gint expected);
void until_at_most (gint *value, gint expected);

/* --- the poller ---------------------------------------------------------- */

/* When this returns the poller's thread has dispatched every event that was
 * there and every timer that was due at the call, and has let go of what it
 * held for them. */
void poller_settle (void);

/* Waits until the thread has found no event and sleeps; how long it does at
 * most, in ms, or -1 if only an event wakes it. With an fd that is ready again
 * and again this does not return. */
gint poller_until_asleep (void);

/* A kernel layer's epoll_wait () that tells of it */
int sleeper_epoll_wait (
    int epoll_fd, struct epoll_event *events, int n_events, int timeout_ms);

G_END_DECLS
