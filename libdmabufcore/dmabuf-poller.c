/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-poller-private.h"
#include "dmabuf-kernel-private.h"
#include "dmabuf-thread-private.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

#define N_EVENTS 64

/* data.u64 of the eventfd that interrupts the sleep. Generations begin at 1. */
#define WAKE_ID 0

static struct
{
  GMutex lock;
  gboolean running;
  gboolean forked; /* The parent's was running; its two fds are still open */
  /* The kernel layer at the start: it makes the wake-ups, which a test that
   * replaces the layer later must not count. */
  const DmabufKernel *kernel;
  int epoll_fd;
  int wake_fd;

  /* The source that waits for fd N is in slot N. The epoll's data is
   * (generation, fd): an event that was fetched before its source went away, or
   * before the fd was used again, has an old generation and is dropped. */
  DmabufPollerSource **slots;
  guint n_slots;
  guint n_sources;
  guint32 generation;

  /* Binary heap by deadline, from index 1 */
  DmabufPollerTimer **timers;
  guint n_timers;
  guint timers_size;

  gint64 sleeps_until;
  guint64 n_wakes;
} poller;

/* --- Timers ------------------------------------------------------------ */

static void
heap_put (guint position, DmabufPollerTimer *timer)
{
  poller.timers[position] = timer;
  timer->position = position;
}

static void
heap_sift (guint position, DmabufPollerTimer *timer)
{
  while (
      position > 1 && poller.timers[position / 2]->deadline > timer->deadline) {
    heap_put (position, poller.timers[position / 2]);
    position /= 2;
  }

  for (;;) {
    guint child = position * 2;

    if (child > poller.n_timers)
      break;
    if (child < poller.n_timers
        && poller.timers[child + 1]->deadline < poller.timers[child]->deadline)
      child++;
    if (poller.timers[child]->deadline >= timer->deadline)
      break;
    heap_put (position, poller.timers[child]);
    position = child;
  }

  heap_put (position, timer);
}

static void
heap_add (DmabufPollerTimer *timer)
{
  if (++poller.n_timers >= poller.timers_size) {
    poller.timers_size = MAX (64, poller.timers_size * 2);
    poller.timers =
        g_renew (DmabufPollerTimer *, poller.timers, poller.timers_size);
  }
  heap_sift (poller.n_timers, timer);
}

static void
heap_remove (DmabufPollerTimer *timer)
{
  DmabufPollerTimer *last = poller.timers[poller.n_timers--];

  if (last != timer)
    heap_sift (timer->position, last);
  timer->position = 0;
}

/* --- The thread -------------------------------------------------------- */

/* Under the lock. From now on only the caller knows the source. */
static void
source_take_out (DmabufPollerSource *source)
{
  struct epoll_event unused = { 0 };

  poller.slots[source->fd] = NULL;
  poller.n_sources--;
  source->generation = 0;
  if (poller.running)
    dmabuf_kernel->epoll_ctl (
        poller.epoll_fd, EPOLL_CTL_DEL, source->fd, &unused);
}

static void
dispatch_event (const struct epoll_event *event)
{
  guint fd = event->data.u64 & G_MAXUINT32;
  guint32 generation = event->data.u64 >> 32;
  DmabufPollerSource *source = NULL;

  if (event->data.u64 == WAKE_ID) {
    guint64 count;

    while (poller.kernel->read (poller.wake_fd, &count, sizeof count) > 0)
      ;
    return;
  }

  g_mutex_lock (&poller.lock);
  if (fd < poller.n_slots)
    source = poller.slots[fd];
  if (source && source->generation == generation && source->ref (source))
    source_take_out (source);
  else
    source = NULL;
  g_mutex_unlock (&poller.lock);

  if (source)
    source->dispatch (source, event->events);
}

/* Runs the timers that are due. Returns how long the thread may sleep, in
 * milliseconds; -1 for ever. */
static int
dispatch_timers (void)
{
  gint64 now = g_get_monotonic_time ();
  gint64 left;

  g_mutex_lock (&poller.lock);

  while (poller.n_timers > 0 && poller.timers[1]->deadline <= now) {
    DmabufPollerTimer *timer = poller.timers[1];
    gboolean alive = timer->ref (timer);

    heap_remove (timer);
    g_mutex_unlock (&poller.lock);
    if (alive)
      timer->dispatch (timer);
    g_mutex_lock (&poller.lock);
  }

  if (poller.n_timers == 0) {
    poller.sleeps_until = G_MAXINT64;
    left = -1;
  } else {
    poller.sleeps_until = poller.timers[1]->deadline;
    /* Rounded up: waking before the deadline would only sleep again. */
    left = (poller.sleeps_until - now + 999) / 1000;
    left = CLAMP (left, 0, G_MAXINT);
  }

  g_mutex_unlock (&poller.lock);

  return left;
}

static gpointer
poller_thread (gpointer unused)
{
  struct epoll_event events[N_EVENTS];

  for (;;) {
    int timeout = dispatch_timers ();
    int n, i;

    n = __atomic_load_n (&dmabuf_kernel, __ATOMIC_ACQUIRE)
            ->epoll_wait (poller.epoll_fd, events, N_EVENTS, timeout);
    g_mutex_lock (&poller.lock);
    poller.n_wakes++;
    /* The thread looks at the heap before it sleeps again, so a new timer need
     * not wake it. */
    poller.sleeps_until = 0;
    g_mutex_unlock (&poller.lock);

    for (i = 0; i < n; i++)
      dispatch_event (&events[i]);
  }

  return NULL;
}

/* Blocks all signals, as they are for the program's threads; except those that
 * this thread itself raises, and a profiler's. */
static GThread *
poller_thread_new (void)
{
  static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS,
    SIGABRT, SIGPROF };
  sigset_t blocked, old;
  GThread *thread;
  guint i;

  sigfillset (&blocked);
  for (i = 0; i < G_N_ELEMENTS (own); i++)
    sigdelset (&blocked, own[i]);

  pthread_sigmask (SIG_BLOCK, &blocked, &old);
  thread = g_thread_try_new ("dmabuf-poller", poller_thread, NULL, NULL);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  return thread;
}

static void
before_fork (void)
{
  g_mutex_lock (&poller.lock);
}

static void
after_fork (void)
{
  g_mutex_unlock (&poller.lock);
}

/* The thread stays with the parent. The epoll is the parent's too: sources that
 * the child took out would be missing there. The child starts its own thread
 * and epoll when it first adds something, and then watches the sources that it
 * has inherited as well. */
static void
after_fork_in_child (void)
{
  poller.forked = poller.forked || poller.running;
  poller.running = FALSE;
  g_mutex_unlock (&poller.lock);
}

static int
epoll_add (DmabufPollerSource *source, guint32 generation)
{
  struct epoll_event event = {
    .events = source->events,
    .data.u64 = ((guint64) generation << 32) | (guint32) source->fd,
  };

  return dmabuf_kernel->epoll_ctl (
      poller.epoll_fd, EPOLL_CTL_ADD, source->fd, &event);
}

static int
add_inherited (void)
{
  guint i;

  for (i = 0; i < poller.n_slots; i++) {
    DmabufPollerSource *source = poller.slots[i];

    if (source && epoll_add (source, source->generation) < 0)
      return -1;
  }
  return 0;
}

/* Under the lock. */
static int
poller_start (void)
{
  static gboolean fork_is_known = FALSE;
  struct epoll_event event = { .events = EPOLLIN, .data.u64 = WAKE_ID };
  GThread *thread;
  int ret;

  if (!fork_is_known) {
    ret = pthread_atfork (before_fork, after_fork, after_fork_in_child);
    if (ret)
      return -ret;
    fork_is_known = TRUE;
  }
  if (poller.forked) {
    poller.kernel->close (poller.wake_fd);
    poller.kernel->close (poller.epoll_fd);
    poller.forked = FALSE;
  }

  poller.kernel = dmabuf_kernel;
  poller.epoll_fd = dmabuf_kernel->epoll_create ();
  if (poller.epoll_fd < 0)
    return -errno;

  poller.wake_fd = dmabuf_kernel->eventfd (0, EFD_NONBLOCK);
  if (poller.wake_fd < 0) {
    ret = -errno;
    goto err_wake;
  }

  if (dmabuf_kernel->epoll_ctl (
          poller.epoll_fd, EPOLL_CTL_ADD, poller.wake_fd, &event)
          < 0
      || add_inherited () < 0) {
    ret = -errno;
    goto err_thread;
  }

  thread = poller_thread_new ();
  if (!thread) {
    ret = -EAGAIN;
    goto err_thread;
  }
  g_thread_unref (thread);
  poller.running = TRUE;

  return 0;

  /* ERRORS */
err_thread:
  dmabuf_kernel->close (poller.wake_fd);
err_wake:
  dmabuf_kernel->close (poller.epoll_fd);
  return ret;
}

/* --- For owners -------------------------------------------------------- */

int
dmabuf_poller_add (DmabufPollerSource *source, guint32 events)
{
  int ret = 0;

  g_mutex_lock (&poller.lock);

  if (source->generation != 0)
    goto out;

  if (!poller.running && (ret = poller_start ()) < 0)
    goto out;

  if (source->fd >= (int) poller.n_slots) {
    guint n = MAX (poller.n_slots * 2, 64);

    n = MAX (n, (guint) source->fd + 1);
    poller.slots = g_renew (DmabufPollerSource *, poller.slots, n);
    while (poller.n_slots < n)
      poller.slots[poller.n_slots++] = NULL;
  }

  if (++poller.generation == 0)
    poller.generation = 1;
  source->events = events;
  if (epoll_add (source, poller.generation) < 0) {
    ret = -errno;
    goto out;
  }

  /* An event that comes before this waits for the lock (dispatch_event ()). */
  source->generation = poller.generation;
  poller.slots[source->fd] = source;
  poller.n_sources++;

out:
  g_mutex_unlock (&poller.lock);
  return ret;
}

void
dmabuf_poller_remove (DmabufPollerSource *source)
{
  g_mutex_lock (&poller.lock);
  if (source->generation != 0)
    source_take_out (source);
  g_mutex_unlock (&poller.lock);
}

int
dmabuf_poller_add_timer (DmabufPollerTimer *timer, gint64 deadline)
{
  guint64 one = 1;
  int ret = 0;

  g_mutex_lock (&poller.lock);

  if (!poller.running && (ret = poller_start ()) < 0)
    goto out;

  if (timer->position != 0)
    heap_remove (timer);
  timer->deadline = deadline;
  heap_add (timer);

  if (deadline < poller.sleeps_until) {
    poller.sleeps_until = deadline;
    poller.kernel->write (poller.wake_fd, &one, sizeof one);
  }

out:
  g_mutex_unlock (&poller.lock);
  return ret;
}

void
dmabuf_poller_remove_timer (DmabufPollerTimer *timer)
{
  g_mutex_lock (&poller.lock);
  if (timer->position != 0)
    heap_remove (timer);
  g_mutex_unlock (&poller.lock);
}

int
dmabuf_poller_ensure_started (void)
{
  int ret = 0;

  g_mutex_lock (&poller.lock);
  if (!poller.running)
    ret = poller_start ();
  g_mutex_unlock (&poller.lock);

  return ret;
}

void
dmabuf_poller_get_counts (guint *n_sources, guint *n_timers, guint64 *n_wakes)
{
  g_mutex_lock (&poller.lock);
  if (n_sources)
    *n_sources = poller.n_sources;
  if (n_timers)
    *n_timers = poller.n_timers;
  if (n_wakes)
    *n_wakes = poller.n_wakes;
  g_mutex_unlock (&poller.lock);
}
