/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The poll and epoll of a dma-buf (POLL-1 ... POLL-6). */

#include "fake-sync.h"
#include "../lib/threads.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* One poll of a dma-buf. Its eventfd is readable while one of the requested
 * events is ready. It keeps the buffer (POLL-6). */
typedef struct
{
  FakeFile *file;
  int event_fd;
  guint32 events;

  /* Of an epoll */
  int epoll_fd;
  int fd;
  guint64 id;
  epoll_data_t data;
} FakeWatch;

/* Marks the ids of watches among the epoll data of other sources */
#define WATCH_ID G_GUINT64_CONSTANT (0xfa4e000000000000)

static GList *watches;
static guint64 last_watch;

/* Both directions may be ready at once (POLL-2, POLL-3). Lock held. */
static guint32
watch_ready (FakeWatch *watch)
{
  guint32 ready = 0;

  if (fake_resv_is_idle (watch->file, FALSE))
    ready |= POLLIN;
  if (fake_resv_is_idle (watch->file, TRUE))
    ready |= POLLOUT;
  return ready & watch->events;
}

static void
watch_update (FakeWatch *watch)
{
  guint64 count = 1;

  if (watch_ready (watch))
    g_assert (write (watch->event_fd, &count, sizeof count) > 0);
  else if (read (watch->event_fd, &count, sizeof count) < 0)
    g_assert (errno == EAGAIN);
}

static FakeWatch *
watch_new (FakeFile *file, guint32 events)
{
  FakeWatch *watch = g_new0 (FakeWatch, 1);

  watch->file = fake_file_ref (file);
  watch->event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  g_assert (watch->event_fd >= 0);
  watch->events = events;
  watch->epoll_fd = -1;
  watches = g_list_prepend (watches, watch);
  watch_update (watch);
  return watch;
}

static void
watch_free (FakeWatch *watch)
{
  watches = g_list_remove (watches, watch);
  close (watch->event_fd);
  fake_file_unref (watch->file);
  g_free (watch);
}

void
fake_poll_update (FakeFile *file)
{
  GList *l;

  for (l = watches; l; l = l->next) {
    FakeWatch *watch = l->data;

    if (watch->file == file)
      watch_update (watch);
  }
}

void
fake_poll_reset (void)
{
  while (watches)
    watch_free (watches->data);
}

/* The library polls a whole pool in one call. */
#define MAX_POLLED 32

int
fake_sync_ppoll (
    struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout)
{
  struct pollfd own[MAX_POLLED];
  FakeWatch *of[MAX_POLLED] = { NULL };
  gboolean any = FALSE;
  guint i;
  int ret;

  g_assert (n_fds <= G_N_ELEMENTS (own));

  fake_lock ();
  for (i = 0; i < n_fds; i++) {
    FakeFile *file = fds[i].fd < 0 ? NULL : fake_file_lookup (fds[i].fd);

    own[i] = fds[i];
    own[i].revents = 0;
    if (file && file->kind == FAKE_FILE_DMABUF) {
      of[i] = watch_new (file, fds[i].events);
      own[i] = (struct pollfd) { .fd = of[i]->event_fd, .events = POLLIN };
      any = TRUE;
    } else if (file && file->kind == FAKE_FILE_SYNC_FILE) {
      /* SF-1: never writable, though an eventfd is. */
      own[i].events &= ~POLLOUT;
    }
  }
  fake_unlock ();

  ret = sleeper_ppoll (own, n_fds, timeout);

  fake_lock ();
  if (ret >= 0 && any)
    ret = 0;
  for (i = 0; i < n_fds; i++) {
    fds[i].revents = own[i].revents;
    if (of[i]) {
      fds[i].revents = own[i].revents ? watch_ready (of[i]) : 0;
      watch_free (of[i]);
    }
    if (ret >= 0 && any)
      ret += fds[i].revents != 0;
  }
  fake_unlock ();

  return ret;
}

static FakeWatch *
find_watch (int epoll_fd, int fd)
{
  GList *l;

  for (l = watches; l; l = l->next) {
    FakeWatch *watch = l->data;

    if (watch->epoll_fd == epoll_fd && watch->fd == fd)
      return watch;
  }
  return NULL;
}

static int
epoll_ctl_dmabuf (
    FakeFile *file, int epoll_fd, int op, int fd, struct epoll_event *event)
{
  FakeWatch *watch = find_watch (epoll_fd, fd);
  struct epoll_event own = { .events = EPOLLIN };
  int ret;

  if (op != EPOLL_CTL_ADD && !watch) {
    errno = ENOENT;
    return -1;
  }
  if (op == EPOLL_CTL_ADD && watch) {
    errno = EEXIST;
    return -1;
  }

  if (op == EPOLL_CTL_DEL) {
    ret = epoll_ctl (epoll_fd, op, watch->event_fd, &own);
    watch_free (watch);
    return ret;
  }

  g_assert (op == EPOLL_CTL_ADD);
  watch = watch_new (file, event->events & (EPOLLIN | EPOLLOUT));
  watch->epoll_fd = epoll_fd;
  watch->fd = fd;
  watch->id = WATCH_ID | ++last_watch;
  watch->data = event->data;
  own.data.u64 = watch->id;
  ret = epoll_ctl (epoll_fd, op, watch->event_fd, &own);
  if (ret < 0)
    watch_free (watch);
  return ret;
}

int
fake_sync_epoll_ctl (int epoll_fd, int op, int fd, struct epoll_event *event)
{
  FakeFile *file;
  int ret;

  fake_lock ();
  file = fake_file_lookup (fd);
  if (file && file->kind == FAKE_FILE_DMABUF)
    ret = epoll_ctl_dmabuf (file, epoll_fd, op, fd, event);
  else
    ret = epoll_ctl (epoll_fd, op, fd, event);
  fake_unlock ();

  return ret;
}

/* Restores the caller's data and the real events of a dma-buf. FALSE drops the
 * event of a watch that is gone or no longer ready. */
static gboolean
translate (struct epoll_event *event)
{
  GList *l;

  if ((event->data.u64 & WATCH_ID) != WATCH_ID)
    return TRUE;

  for (l = watches; l; l = l->next) {
    FakeWatch *watch = l->data;

    if (watch->id == event->data.u64) {
      event->data = watch->data;
      event->events = watch_ready (watch);
      return event->events != 0;
    }
  }
  return FALSE;
}

int
fake_sync_epoll_wait (
    int epoll_fd, struct epoll_event *events, int n_events, int timeout_ms)
{
  int n = sleeper_epoll_wait (epoll_fd, events, n_events, timeout_ms);
  int kept = 0;
  int i;

  fake_lock ();
  for (i = 0; i < n; i++) {
    if (translate (&events[i]))
      events[kept++] = events[i];
  }
  fake_unlock ();

  return n < 0 ? n : kept;
}

/* CPU-1: a reader waits for writers, a writer for readers and writers, without
 * a timeout. */
int
fake_sync_begin_cpu_access (FakeFile *file, DmabufAccess access)
{
  FakeWatch *watch;
  struct pollfd fd;
  int ret;

  fake_lock ();
  watch = watch_new (file, access & DMABUF_ACCESS_WRITE ? POLLOUT : POLLIN);
  fake_unlock ();

  fd = (struct pollfd) { .fd = watch->event_fd, .events = POLLIN };
  ret = poll (&fd, 1, -1);

  fake_lock ();
  watch_free (watch);
  fake_unlock ();
  return ret < 0 ? -1 : 0;
}
