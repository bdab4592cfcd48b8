/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "threads.h"
#include <libdmabufcore/dmabuf-poller-private.h>

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- Numbers ------------------------------------------------------------- */

/* A futex in place of a GCond: a signal handler may change the number too. And
 * the mutex of a GCond would order memory accesses, which would hide races from
 * ThreadSanitizer. */
static void
wake_waiters (gint *value)
{
  syscall (SYS_futex, value, FUTEX_WAKE_PRIVATE, G_MAXINT, NULL, NULL, 0);
}

static void
wait_for_change (gint *value, gint seen)
{
  syscall (SYS_futex, value, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

void
count_add (gint *value, gint n)
{
  int code = errno;

  g_atomic_int_add (value, n);
  wake_waiters (value);
  errno = code;
}

void
count_set (gint *value, gint n)
{
  g_atomic_int_set (value, n);
  wake_waiters (value);
}

void
until (gint *value, gint expected)
{
  gint seen;

  while ((seen = g_atomic_int_get (value)) != expected)
    wait_for_change (value, seen);
}

void
until_at_least (gint *value, gint expected)
{
  gint seen;

  while ((seen = g_atomic_int_get (value)) < expected)
    wait_for_change (value, seen);
}

void
until_at_most (gint *value, gint expected)
{
  gint seen;

  while ((seen = g_atomic_int_get (value)) > expected)
    wait_for_change (value, seen);
}

/* --- Threads that sleep -------------------------------------------------- */

enum
{
  AWAKE,
  ASLEEP,
  OVER,
};

struct _Sleeper
{
  gint state; /* Of the thread that is watched */
  gboolean has_slept;
  GThread *thread;
  GThreadFunc func;
  gpointer data;
};

/* The sleeper that watches this thread */
static __thread Sleeper *watching;

static void
set_state (Sleeper *sleeper, gint state)
{
  g_atomic_int_set (&sleeper->state, state);
  wake_waiters (&sleeper->state);
}

static void
sleeper_begin (void)
{
  if (watching) {
    watching->has_slept = TRUE;
    set_state (watching, ASLEEP);
  }
}

static void
sleeper_end (void)
{
  if (watching)
    set_state (watching, AWAKE);
}

void
sleeper_enter (Sleeper *sleeper)
{
  g_assert (!watching);
  watching = sleeper;
}

void
sleeper_leave (void)
{
  Sleeper *sleeper = watching;

  watching = NULL;
  set_state (sleeper, OVER);
}

static gpointer
watched_thread (gpointer data)
{
  Sleeper *sleeper = data;
  gpointer result;

  sleeper_enter (sleeper);
  result = sleeper->func (sleeper->data);
  sleeper_leave ();
  return result;
}

Sleeper *
sleeper_new (GThreadFunc func, gpointer data)
{
  Sleeper *sleeper = g_new0 (Sleeper, 1);

  sleeper->func = func;
  sleeper->data = data;
  if (func)
    sleeper->thread = g_thread_new ("sleeper", watched_thread, sleeper);
  return sleeper;
}

gboolean
sleeper_wait (Sleeper *sleeper)
{
  gint state;

  while ((state = g_atomic_int_get (&sleeper->state)) == AWAKE)
    wait_for_change (&sleeper->state, AWAKE);
  return state == ASLEEP;
}

gpointer
sleeper_join (Sleeper *sleeper)
{
  gpointer result = NULL;

  if (sleeper->thread)
    result = g_thread_join (sleeper->thread);
  else
    until (&sleeper->state, OVER);
  g_free (sleeper);
  return result;
}

static gpointer
waking_thread (gpointer data)
{
  Sleeper *sleeper = data;

  sleeper_wait (sleeper);
  return sleeper->func (sleeper->data);
}

Sleeper *
when_i_sleep (GThreadFunc func, gpointer data)
{
  Sleeper *sleeper = g_new0 (Sleeper, 1);

  sleeper->func = func;
  sleeper->data = data;
  sleeper_enter (sleeper);
  sleeper->thread = g_thread_new ("waker", waking_thread, sleeper);
  return sleeper;
}

gboolean
sleeper_woke_me (Sleeper *sleeper)
{
  gboolean has_slept = sleeper->has_slept;

  g_assert (watching == sleeper);
  sleeper_leave ();
  sleeper_join (sleeper);
  return has_slept;
}

/* --- In place of GLib's functions ---------------------------------------- */

/* The next function of this name in the order of the dynamic linker: GLib's */
#define GLIBS(name) \
  ({ \
    static gpointer found; \
    gpointer real = g_atomic_pointer_get (&found); \
    if (!real) { \
      real = dlsym (RTLD_NEXT, #name); \
      g_atomic_pointer_set (&found, real); \
    } \
    (__typeof__ (&(name))) real; \
  })

int
sleeper_ppoll (struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout)
{
  static const struct timespec now = { 0, 0 };
  gboolean looks = timeout && timeout->tv_sec == 0 && timeout->tv_nsec == 0;
  int ret = ppoll (fds, n_fds, &now, NULL);

  /* An fd that is ready already does not let the thread sleep. */
  if (ret != 0 || looks)
    return ret;

  sleeper_begin ();
  ret = ppoll (fds, n_fds, timeout, NULL);
  sleeper_end ();
  return ret;
}

static gint64 skipped;

gint64 (g_get_monotonic_time) (void)
{
  return GLIBS (g_get_monotonic_time) ()
      + __atomic_load_n (&skipped, __ATOMIC_RELAXED);
}

void (g_cond_wait) (GCond *cond, GMutex *mutex)
{
  sleeper_begin ();
  GLIBS (g_cond_wait) (cond, mutex);
  sleeper_end ();
}

gboolean (g_cond_wait_until) (GCond *cond, GMutex *mutex, gint64 deadline)
{
  gboolean woken;

  sleeper_begin ();
  woken = GLIBS (g_cond_wait_until) (
      cond, mutex, deadline - __atomic_load_n (&skipped, __ATOMIC_RELAXED));
  sleeper_end ();
  return woken;
}

void (g_usleep) (gulong us)
{
  sleeper_begin ();
  GLIBS (g_usleep) (us);
  sleeper_end ();
}

void
clock_skip (gint64 us)
{
  __atomic_add_fetch (&skipped, us, __ATOMIC_RELAXED);
  poller_settle ();
}

/* --- The poller ---------------------------------------------------------- */

/* How long its thread sleeps at most, -1 for ever; 0 while it is awake */
static gint poller_sleep_ms;

int
sleeper_epoll_wait (
    int epoll_fd, struct epoll_event *events, int n_events, int timeout_ms)
{
  int ret = epoll_wait (epoll_fd, events, n_events, 0);

  if (ret != 0 || timeout_ms == 0)
    return ret;

  count_set (&poller_sleep_ms, timeout_ms);
  ret = epoll_wait (epoll_fd, events, n_events, timeout_ms);
  count_set (&poller_sleep_ms, 0);
  return ret;
}

gint
poller_until_asleep (void)
{
  gint ms;

  /* Wakes the thread, so that a sleep seen below is a new one. */
  poller_settle ();
  while ((ms = g_atomic_int_get (&poller_sleep_ms)) == 0)
    wait_for_change (&poller_sleep_ms, 0);
  return ms;
}

typedef struct
{
  DmabufPollerSource source;
  DmabufPollerTimer timer;
  gint done;
} Turn;

static gboolean
source_ref (DmabufPollerSource *source)
{
  return TRUE;
}

static gboolean
timer_ref (DmabufPollerTimer *timer)
{
  return TRUE;
}

static void
timer_dispatch (DmabufPollerTimer *timer)
{
  Turn *turn = (Turn *) ((char *) timer - G_STRUCT_OFFSET (Turn, timer));

  count_add (&turn->done, 1);
}

static void
source_dispatch (DmabufPollerSource *source, guint32 events)
{
  Turn *turn = (Turn *) ((char *) source - G_STRUCT_OFFSET (Turn, source));

  /* After all timers that were due before: the thread looks at its timers next.
   */
  g_assert (
      dmabuf_poller_add_timer (&turn->timer, g_get_monotonic_time () + 1) == 0);
}

void
poller_settle (void)
{
  /* Readable at once, after sources that were ready before */
  Turn turn = {
    .source = { .fd = eventfd (1, EFD_CLOEXEC),
        .ref = source_ref,
        .dispatch = source_dispatch },
    .timer = { .ref = timer_ref, .dispatch = timer_dispatch },
  };

  g_assert (turn.source.fd >= 0);
  g_assert (dmabuf_poller_add (&turn.source, EPOLLIN) == 0);
  until (&turn.done, 1);
  close (turn.source.fd);
}
