/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dmabuf-buffer-poll.h"
#include "dmabuf-buffer-private.h"
#include "dmabuf-exporter-private.h"
#include "dmabuf-poller-private.h"
#include "dmabuf-thread-private.h"

#include <errno.h>

/* Read, write */
#define N_DIRECTIONS 2

/* Microseconds until a source that the epoll refused is added again */
#define RETRY_PERIOD 1000

typedef struct
{
  DmabufBufferPollFunc func; /* NULL while not armed */
  gpointer user_data;
  GDestroyNotify notify;
  GThread *running;
} Direction;

struct _DmabufBufferPoll
{
  gint ref_count;
  DmabufBuffer *buffer;
  DmabufPollerSource source; /* Its fd is a dup: one epoll entry per poll */
  DmabufPollerTimer retry;

  GMutex lock;
  GCond done;
  gboolean retries; /* The timer may be in the poller */
  Direction directions[N_DIRECTIONS];
};

static const DmabufAccess accesses[N_DIRECTIONS] = { DMABUF_ACCESS_READ,
  DMABUF_ACCESS_WRITE };
static const guint32 events_of[N_DIRECTIONS] = { EPOLLIN, EPOLLOUT };

G_DEFINE_BOXED_TYPE (DmabufBufferPoll, dmabuf_buffer_poll,
    dmabuf_buffer_poll_ref, dmabuf_buffer_poll_unref)

static DmabufBufferPoll *
poll_of (DmabufPollerSource *source)
{
  return (DmabufBufferPoll *) ((char *) source
      - G_STRUCT_OFFSET (DmabufBufferPoll, source));
}

/* Always succeeds: an armed direction holds a reference. */
static gboolean
source_ref (DmabufPollerSource *source)
{
  dmabuf_buffer_poll_ref (poll_of (source));
  return TRUE;
}

/* Under the lock: makes the epoll watch the armed directions only. */
static int
poll_update (DmabufBufferPoll *poll)
{
  guint32 events = 0;
  guint i;

  for (i = 0; i < N_DIRECTIONS; i++) {
    if (poll->directions[i].func)
      events |= events_of[i];
  }

  if (poll->retries)
    dmabuf_poller_remove_timer (&poll->retry);
  poll->retries = FALSE;

  dmabuf_poller_remove (&poll->source);
  return events ? dmabuf_poller_add (&poll->source, events) : 0;
}

/* Under the lock, for directions that were armed before. Their callers have
 * returned, so if the epoll refuses the source now (ENOMEM, ENOSPC) a timer
 * tries again. */
static void
poll_update_or_retry (DmabufBufferPoll *poll)
{
  if (poll_update (poll) == 0)
    return;

  poll->retries = TRUE;
  dmabuf_poller_add_timer (
      &poll->retry, g_get_monotonic_time () + RETRY_PERIOD);
}

static void
direction_fire (DmabufBufferPoll *poll, guint i)
{
  Direction *direction = &poll->directions[i];
  Direction armed;

  g_mutex_lock (&poll->lock);
  armed = *direction;
  direction->func = NULL;
  direction->running = g_thread_self ();
  g_mutex_unlock (&poll->lock);

  if (armed.func) {
    armed.func (poll->buffer, accesses[i], armed.user_data);
    if (armed.notify)
      armed.notify (armed.user_data);
  }

  g_mutex_lock (&poll->lock);
  direction->running = NULL;
  g_cond_broadcast (&poll->done);
  g_mutex_unlock (&poll->lock);

  if (armed.func)
    dmabuf_buffer_poll_unref (poll);
}

static void
source_dispatch (DmabufPollerSource *source, guint32 events)
{
  DmabufBufferPoll *poll = poll_of (source);
  guint i;

  /* POLL-7: an error makes both directions ready. */
  if (events & EPOLLERR)
    events |= EPOLLIN | EPOLLOUT;

  for (i = 0; i < N_DIRECTIONS; i++) {
    if (events & events_of[i])
      direction_fire (poll, i);
  }

  /* POLL-5: the other direction goes on waiting. */
  g_mutex_lock (&poll->lock);
  poll_update_or_retry (poll);
  g_mutex_unlock (&poll->lock);
  dmabuf_buffer_poll_unref (poll);
}

static DmabufBufferPoll *
poll_of_retry (DmabufPollerTimer *timer)
{
  return (DmabufBufferPoll *) ((char *) timer
      - G_STRUCT_OFFSET (DmabufBufferPoll, retry));
}

/* As source_ref() */
static gboolean
retry_ref (DmabufPollerTimer *timer)
{
  dmabuf_buffer_poll_ref (poll_of_retry (timer));
  return TRUE;
}

static void
retry_dispatch (DmabufPollerTimer *timer)
{
  DmabufBufferPoll *poll = poll_of_retry (timer);

  g_mutex_lock (&poll->lock);
  if (poll->retries)
    poll_update_or_retry (poll);
  g_mutex_unlock (&poll->lock);
  dmabuf_buffer_poll_unref (poll);
}

DmabufBufferPoll *
dmabuf_buffer_poll_new (DmabufBuffer *buffer, GError **error)
{
  DmabufBufferPoll *poll;
  int fd, code;

  g_return_val_if_fail (buffer != NULL, NULL);

  dmabuf_buffer_hold_storage (buffer);
  if (dmabuf_buffer_peek_fd (buffer) < 0
      || !dmabuf_exporter_is_dmabuf (buffer->exporter)) {
    dmabuf_buffer_release_storage (buffer);
    dmabuf_set_error (error, EINVAL,
        "buffer: only a dma-buf with storage has fences in the kernel");
    return NULL;
  }

  fd = dmabuf_kernel->dup (dmabuf_buffer_peek_fd (buffer));
  code = errno;
  dmabuf_buffer_release_storage (buffer);
  if (fd < 0) {
    dmabuf_set_error (
        error, code, "buffer: cannot be polled: %s", g_strerror (code));
    return NULL;
  }

  poll = g_new0 (DmabufBufferPoll, 1);
  poll->ref_count = 1;
  poll->buffer = dmabuf_buffer_ref (buffer);
  poll->source.fd = fd;
  poll->source.ref = source_ref;
  poll->source.dispatch = source_dispatch;
  poll->retry.ref = retry_ref;
  poll->retry.dispatch = retry_dispatch;
  g_mutex_init (&poll->lock);
  g_cond_init (&poll->done);

  return poll;
}

DmabufBufferPoll *
dmabuf_buffer_poll_ref (DmabufBufferPoll *poll)
{
  g_return_val_if_fail (poll != NULL, NULL);

  g_atomic_int_inc (&poll->ref_count);
  return poll;
}

void
dmabuf_buffer_poll_unref (DmabufBufferPoll *poll)
{
  g_return_if_fail (poll != NULL);

  if (!g_atomic_int_dec_and_test (&poll->ref_count))
    return;

  dmabuf_poller_remove (&poll->source);
  dmabuf_kernel->close (poll->source.fd);
  g_mutex_clear (&poll->lock);
  g_cond_clear (&poll->done);
  dmabuf_buffer_unref (poll->buffer);
  g_free (poll);
}

static guint
direction_index (DmabufAccess access)
{
  return access & DMABUF_ACCESS_WRITE ? 1 : 0;
}

gboolean
dmabuf_buffer_poll_arm (DmabufBufferPoll *poll, DmabufAccess access,
    DmabufBufferPollFunc func, gpointer user_data, GDestroyNotify notify,
    GError **error)
{
  Direction *direction;
  gboolean armed;
  int ret = 0;

  g_return_val_if_fail (poll != NULL && func != NULL, FALSE);
  g_return_val_if_fail (access != DMABUF_ACCESS_NONE, FALSE);

  direction = &poll->directions[direction_index (access)];

  g_mutex_lock (&poll->lock);
  armed = direction->func != NULL;
  if (!armed) {
    direction->func = func;
    direction->user_data = user_data;
    direction->notify = notify;
    dmabuf_buffer_poll_ref (poll);
    ret = poll_update (poll);
    if (ret < 0) {
      direction->func = NULL;
      poll_update_or_retry (poll);
    }
  }
  g_mutex_unlock (&poll->lock);

  if (armed) {
    dmabuf_set_error (error, EBUSY,
        "buffer poll: armed for this direction already; disarm it first");
    return FALSE;
  }
  if (ret < 0) {
    dmabuf_buffer_poll_unref (poll);
    dmabuf_set_error (
        error, -ret, "buffer poll: cannot be watched: %s", g_strerror (-ret));
    return FALSE;
  }
  return TRUE;
}

gboolean
dmabuf_buffer_poll_disarm (DmabufBufferPoll *poll, DmabufAccess access)
{
  Direction *direction;
  Direction armed;

  g_return_val_if_fail (poll != NULL, FALSE);

  direction = &poll->directions[direction_index (access)];

  g_mutex_lock (&poll->lock);
  armed = *direction;
  direction->func = NULL;
  if (armed.func)
    poll_update_or_retry (poll);
  while (direction->running && direction->running != g_thread_self ())
    g_cond_wait (&poll->done, &poll->lock);
  g_mutex_unlock (&poll->lock);

  if (!armed.func)
    return FALSE;
  if (armed.notify)
    armed.notify (armed.user_data);
  dmabuf_buffer_poll_unref (poll);
  return TRUE;
}
