/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Events that a test waits for instead of letting time pass: another thread
 * sleeps, a number changes, the poller has nothing left to do. And a clock that
 * the test advances.
 *
 * The library calls g_cond_wait (), g_cond_wait_until (), g_usleep () and
 * g_get_monotonic_time () of threads.c: the dynamic linker finds the program's
 * definitions before GLib's. Its ppoll () is sleeper_ppoll (), by way of the
 * kernel layer.
 */

#include <glib.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>

G_BEGIN_DECLS

/* --- The clock ----------------------------------------------------------- */

/* A deadline that no test reaches: the wait ends earlier by its event, by
 * clock_skip(), or by the time-out of the test. So a wait that a flush has to
 * end cannot end by the deadline of its fence. */
#define FAR_AWAY (g_get_monotonic_time () + G_TIME_SPAN_HOUR)

/* Advances the clock by @us. When this returns the poller has run its timers
 * that are due then; other sleeping threads are not woken. */
void clock_skip (gint64 us);

/* --- Threads that sleep -------------------------------------------------- */

typedef struct _Sleeper Sleeper;

/* Runs @func in a thread whose sleep can be waited for. If @func is NULL the
 * thread is one of the library, between sleeper_enter() and sleeper_leave(). */
Sleeper *sleeper_new (GThreadFunc func, gpointer data);

/* Begins and ends the watch of the calling thread. */
void sleeper_enter (Sleeper *sleeper);
void sleeper_leave (void);

/* Waits until the thread sleeps: for a condition, in ppoll () or g_usleep ().
 * FALSE if it has ended instead. */
gboolean sleeper_wait (Sleeper *sleeper);

/* Waits for the thread's end; returns what @func returned. */
gpointer sleeper_join (Sleeper *sleeper);

/* Runs @func in a thread as soon as the calling thread sleeps. */
Sleeper *when_i_sleep (GThreadFunc func, gpointer data);

/* Ends what when_i_sleep() began, after the calling thread was woken. FALSE if
 * it has not slept; then @func runs only now. */
gboolean sleeper_woke_me (Sleeper *sleeper);

/* The ppoll () of a kernel layer that reports sleep */
int sleeper_ppoll (
    struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout);

/* --- Numbers that other threads change ----------------------------------- */

/* Adds @n and wakes the threads in until() and the like. Safe in a signal
 * handler. */
void count_add (gint *value, gint n);

/* Sets the number and wakes them. */
void count_set (gint *value, gint n);

/* Waits until these calls have brought the number to @expected. */
void until (gint *value, gint expected);
void until_at_least (gint *value, gint expected);
void until_at_most (gint *value, gint expected);

/* --- The poller ---------------------------------------------------------- */

/* When this returns the poller's thread has dispatched every event that was
 * ready and every timer that was due at the call, and has dropped the
 * references it held for them. */
void poller_settle (void);

/* Waits until the thread has found no event and sleeps. Returns how long at
 * most, in ms, or -1 if only an event wakes it. Never returns if an fd becomes
 * ready again and again. */
gint poller_until_asleep (void);

/* The epoll_wait () of a kernel layer that reports the poller's sleep */
int sleeper_epoll_wait (
    int epoll_fd, struct epoll_event *events, int n_events, int timeout_ms);

G_END_DECLS
