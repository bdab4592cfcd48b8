/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "mock-driver-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef enum
{
  BUFFER_IDLE,
  BUFFER_QUEUED,
  BUFFER_DONE,
} BufferState;

typedef struct
{
  BufferState state;
  guint32 sequence;
  guint32 flags;
  gint64 timestamp;
  guint n_exported;
  gboolean empty;
} Buffer;

/* The fds that v4l2-device.c polls: the device, and the eventfd of a wake. */
#define N_POLLED 2

static struct
{
  GMutex lock;
  GCond changed;   /* For all mock_driver_wait_…() */
  int event_fd;    /* The device: a semaphore of the done buffers */
  int kick_fd;     /* Makes the thread in poll() check other changes */
  gboolean asleep; /* A thread is in poll() ... */
  struct pollfd watched[N_POLLED + 1]; /* ... with these fds */
  Buffer buffers[MOCK_MAX_BUFFERS];
  GQueue queued; /* Of Buffer */
  GQueue done;
  guint32 sequence;
  guint n_events;
  guint32 subscribed;
  gboolean broken; /* From a change of the signal until STREAMOFF */
  gboolean interrupted;
  guint n_dmabufs; /* Dma-bufs that existed before REQBUFS */
  GThread *sensor;
  GCond sensor_cond; /* For sensor_stop */
  guint sensor_interval;
  gboolean sensor_stop;
} state;

/* Whether this call is to fail. */
static gboolean
call_fails (unsigned long request)
{
  mock_driver.n_calls++;

  if (mock_driver.interrupts) {
    state.interrupted = !state.interrupted;
    if (state.interrupted) {
      errno = EINTR;
      return TRUE;
    }
  }

  if (mock_driver.fail_nth > 0
      && (mock_driver.fail_request == 0 || mock_driver.fail_request == request)
      && --mock_driver.fail_nth == 0) {
    errno = mock_driver.fail_code;
    return TRUE;
  }

  return FALSE;
}

/* --- buffers ------------------------------------------------------------- */

static void
cancel_buffers (void)
{
  guint64 count;
  guint i;

  g_queue_clear (&state.queued);
  g_queue_clear (&state.done);
  for (i = 0; i < MOCK_MAX_BUFFERS; i++)
    state.buffers[i].state = BUFFER_IDLE;
  mock_driver.n_queued = 0;
  mock_driver.streaming = FALSE;
  state.broken = FALSE;
  while (read (state.event_fd, &count, sizeof count) > 0)
    ;
}

static int
do_request_buffers (struct v4l2_requestbuffers *request)
{
  request->capabilities = mock_driver.buffer_capabilities;

  if (request->type != mock_buffer_type ()
      || request->memory != V4L2_MEMORY_MMAP)
    return mock_refuse (EINVAL);

  /* A consumer holds a dma-buf of this device. */
  if (mock_driver.n_buffers > 0
      && !(
          mock_driver.buffer_capabilities & V4L2_BUF_CAP_SUPPORTS_ORPHANED_BUFS)
      && fake_kernel_get_n_buffers () > state.n_dmabufs)
    return mock_refuse (EBUSY);

  cancel_buffers ();
  memset (state.buffers, 0, sizeof state.buffers);
  mock_driver.n_buffers = MIN (request->count,
      mock_driver.max_buffers ? mock_driver.max_buffers : MOCK_MAX_BUFFERS);
  state.n_dmabufs = fake_kernel_get_n_buffers ();
  request->count = mock_driver.n_buffers;
  return 0;
}

static int
do_query_buffer (struct v4l2_buffer *buffer)
{
  guint i;

  if (buffer->index >= mock_driver.n_buffers)
    return mock_refuse (EINVAL);
  if (mock_is_multi_planar ()) {
    for (i = 0; i < buffer->length; i++)
      buffer->m.planes[i].length = mock_plane_size (i);
  } else {
    buffer->length = mock_plane_size (0);
  }
  return 0;
}

static int
do_export_buffer (struct v4l2_exportbuffer *export)
{
  gsize size;

  if (export->index >= mock_driver.n_buffers
      || export->plane >= mock_n_planes ()
      || export->flags & ~(O_CLOEXEC | O_ACCMODE))
    return mock_refuse (EINVAL);

  fail_unless (export->flags & O_CLOEXEC, "CLO-1: the fd could leak in a fork");
  size = (mock_plane_size (export->plane) + 4095) & ~4095;
  export->fd = fake_kernel_new_dmabuf (size, export->flags & O_ACCMODE);
  state.buffers[export->index].n_exported++;
  mock_driver.n_exports++;
  return 0;
}

static int
do_queue_buffer (struct v4l2_buffer *buffer)
{
  Buffer *mine = &state.buffers[buffer->index];

  if (buffer->index >= mock_driver.n_buffers || mine->state != BUFFER_IDLE)
    return mock_refuse (EINVAL);

  mine->state = BUFFER_QUEUED;
  g_queue_push_tail (&state.queued, mine);
  mock_driver.n_queued++;
  if (mock_driver.n_order < G_N_ELEMENTS (mock_driver.order))
    mock_driver.order[mock_driver.n_order++] = buffer->index;
  g_cond_broadcast (&state.changed);
  return 0;
}

static int
do_dequeue_buffer (struct v4l2_buffer *buffer)
{
  Buffer *mine;
  guint64 count;
  guint i;

  if (!mock_driver.streaming)
    return mock_refuse (EINVAL);
  if (state.broken)
    return mock_refuse (EIO);
  mine = g_queue_pop_head (&state.done);
  if (!mine)
    return mock_refuse (EAGAIN);
  g_assert (read (state.event_fd, &count, sizeof count) == sizeof count);

  mine->state = BUFFER_IDLE;
  buffer->index = mine - state.buffers;
  buffer->sequence = mine->sequence;
  buffer->flags = mine->flags;
  buffer->timestamp.tv_sec = mine->timestamp / 1000000000;
  buffer->timestamp.tv_usec = mine->timestamp / 1000 % 1000000;
  if (mock_is_multi_planar ()) {
    for (i = 0; i < buffer->length; i++) {
      buffer->m.planes[i].bytesused = mine->empty ? 0 : mock_plane_size (i);
      buffer->m.planes[i].data_offset = mock_driver.data_offset;
    }
  } else {
    buffer->bytesused = mine->empty ? 0 : mock_plane_size (0);
  }
  return 0;
}

static gboolean
capture_locked (void)
{
  Buffer *buffer;
  guint64 one = 1;

  if (!mock_driver.streaming || state.broken)
    return FALSE;
  /* No signal, or one that does not fit the buffers. */
  if (mock_driver.is_receiver && !mock_driver.goes_on
      && (mock_driver.signal.width != mock_driver.timings.width
          || mock_driver.signal.height != mock_driver.timings.height))
    return FALSE;

  buffer = g_queue_pop_head (&state.queued);
  state.sequence++;
  if (!buffer)
    return FALSE;

  mock_driver.n_queued--;
  buffer->state = BUFFER_DONE;
  buffer->sequence = state.sequence - 1;
  buffer->flags = mock_driver.timestamp_flags;
  if (mock_driver.next_frame_is_bad)
    buffer->flags |= V4L2_BUF_FLAG_ERROR;
  buffer->empty =
      mock_driver.next_frame_is_bad || mock_driver.next_frame_is_empty;
  mock_driver.next_frame_is_bad = mock_driver.next_frame_is_empty = FALSE;
  buffer->timestamp = mock_driver.timestamp
      ? mock_driver.timestamp
      : g_get_monotonic_time () * 1000 - mock_driver.age;
  g_queue_push_tail (&state.done, buffer);
  g_assert (write (state.event_fd, &one, sizeof one) == sizeof one);
  g_cond_broadcast (&state.changed);
  return TRUE;
}

gboolean
mock_driver_capture (void)
{
  gboolean captured;

  g_mutex_lock (&state.lock);
  captured = capture_locked ();
  g_mutex_unlock (&state.lock);
  return captured;
}

guint
mock_driver_get_n_queued (void)
{
  guint n;

  g_mutex_lock (&state.lock);
  n = mock_driver.n_queued;
  g_mutex_unlock (&state.lock);
  return n;
}

/* Captures a frame at each interval. Tests wait for frames, not for times: a
 * slow sensor only makes them take longer. */
static gpointer
sensor_run (gpointer data)
{
  g_mutex_lock (&state.lock);
  while (!state.sensor_stop) {
    gint64 next = g_get_monotonic_time () + state.sensor_interval;

    while (!state.sensor_stop
        && g_cond_wait_until (&state.sensor_cond, &state.lock, next))
      continue;
    capture_locked ();
  }
  g_mutex_unlock (&state.lock);
  return NULL;
}

static int
do_stream_on (void)
{
  if (mock_driver.n_buffers == 0)
    return mock_refuse (EINVAL);
  mock_driver.streaming = TRUE;
  state.sequence = 0;
  if (mock_driver.sensor_interval > 0 && !state.sensor) {
    state.sensor_stop = FALSE;
    state.sensor_interval = mock_driver.sensor_interval;
    state.sensor = g_thread_new ("sensor", sensor_run, NULL);
  }
  return 0;
}

/* --- the api ------------------------------------------------------------- */

static int
mock_open (const char *path, int flags)
{
  int fd = -1;

  g_mutex_lock (&state.lock);
  fail_unless (flags & O_CLOEXEC);
  if (call_fails (0)) {
    g_mutex_unlock (&state.lock);
    return -1;
  }
  if (mock_driver.unplugged) {
    errno = ENODEV;
  } else if (g_strcmp0 (path, mock_driver.path) != 0) {
    errno = ENOENT;
  } else {
    fd = fcntl (state.event_fd, F_DUPFD_CLOEXEC, 0);
    mock_driver.n_open++;
  }
  g_mutex_unlock (&state.lock);
  return fd;
}

static int
mock_close (int fd)
{
  g_mutex_lock (&state.lock);
  mock_driver.n_open--;
  if (mock_driver.n_open == 0) {
    cancel_buffers ();
    mock_driver.n_buffers = 0;
  }
  g_cond_broadcast (&state.changed);
  g_mutex_unlock (&state.lock);
  return close (fd);
}

static int
do_ioctl (unsigned long request, void *arg)
{
  switch (request) {
  case VIDIOC_REQBUFS:
    return do_request_buffers (arg);
  case VIDIOC_QUERYBUF:
    return do_query_buffer (arg);
  case VIDIOC_EXPBUF:
    return do_export_buffer (arg);
  case VIDIOC_QBUF:
    return do_queue_buffer (arg);
  case VIDIOC_DQBUF:
    return do_dequeue_buffer (arg);
  case VIDIOC_SUBSCRIBE_EVENT:
    if (!mock_driver.is_receiver)
      return mock_refuse (ENOTTY);
    /* Events are subscribed for one input. */
    state.subscribed = ((struct v4l2_event_subscription *) arg)->id;
    return 0;
  case VIDIOC_DQEVENT:
    if (state.n_events == 0)
      return mock_refuse (ENOENT);
    state.n_events--;
    ((struct v4l2_event *) arg)->type = V4L2_EVENT_SOURCE_CHANGE;
    ((struct v4l2_event *) arg)->u.src_change.changes =
        V4L2_EVENT_SRC_CH_RESOLUTION;
    return 0;
  case VIDIOC_STREAMON:
    return do_stream_on ();
  case VIDIOC_STREAMOFF:
    cancel_buffers ();
    return 0;
  default:
    return mock_answer (request, arg);
  }
}

/* Not named call_once(), which C23 defines. */
static void
call_hook (void (**function) (void))
{
  void (*hook) (void) = __atomic_exchange_n (function, NULL, __ATOMIC_ACQ_REL);

  if (hook)
    hook ();
}

static int
mock_ioctl (int fd, unsigned long request, void *arg)
{
  int ret;

  if (request == VIDIOC_DQBUF)
    call_hook (&mock_driver.before_dqbuf);

  g_mutex_lock (&state.lock);
  if (call_fails (request))
    ret = -1;
  else if (mock_driver.unplugged)
    ret = mock_refuse (ENODEV);
  else
    ret = do_ioctl (request, arg);
  g_mutex_unlock (&state.lock);
  return ret;
}

/* Adds the events of the device to @fds, as poll() returned them. */
static void
add_device_events_locked (struct pollfd *fds)
{
  if (state.broken && fds[0].events & POLLIN)
    fds[0].revents |= POLLERR;
  if (state.n_events > 0)
    fds[0].revents |= fds[0].events & POLLPRI;
  if (mock_driver.unplugged)
    fds[0].revents = POLLERR | POLLHUP;
}

static guint
count_ready (const struct pollfd *fds, guint n_fds)
{
  guint i, n = 0;

  for (i = 0; i < n_fds; i++)
    n += fds[i].revents != 0;
  return n;
}

static int
mock_poll (struct pollfd *fds, nfds_t n_fds, int timeout_ms)
{
  struct pollfd all[N_POLLED + 1];
  gboolean fails, times_out;
  guint64 count;
  int ret = 0;

  call_hook (&mock_driver.before_poll);
  g_mutex_lock (&state.lock);
  fails = call_fails (0);
  g_mutex_unlock (&state.lock);
  if (fails)
    return -1;

  g_assert (n_fds == N_POLLED);
  memcpy (all, fds, sizeof *fds * n_fds);
  all[n_fds] = (struct pollfd) { .fd = state.kick_fd, .events = POLLIN };
  for (;;) {
    g_mutex_lock (&state.lock);
    if (read (state.kick_fd, &count, sizeof count) < 0)
      g_assert (errno == EAGAIN);
    ret = poll (all, n_fds, 0);
    add_device_events_locked (all);
    times_out = timeout_ms >= 0 && (timeout_ms == 0 || mock_driver.impatient);
    if (ret < 0 || times_out || count_ready (all, n_fds) > 0)
      break;
    /* Only the streaming thread waits for the device. */
    g_assert (!state.asleep);
    state.asleep = TRUE;
    memcpy (state.watched, all, sizeof all);
    g_cond_broadcast (&state.changed);
    g_mutex_unlock (&state.lock);

    /* Time-outs never pass. */
    ret = poll (all, n_fds + 1, -1);
    g_mutex_lock (&state.lock);
    state.asleep = FALSE;
    g_mutex_unlock (&state.lock);
    if (ret < 0)
      return ret;
  }
  g_mutex_unlock (&state.lock);

  memcpy (fds, all, sizeof *fds * n_fds);
  return ret < 0 ? ret : (int) count_ready (fds, n_fds);
}

/* Makes the thread in poll() check its conditions again. */
static void
kick_locked (void)
{
  guint64 one = 1;

  g_assert (write (state.kick_fd, &one, sizeof one) == sizeof one);
}

const V4l2Api mock_api = {
  .open = mock_open,
  .close = mock_close,
  .ioctl = mock_ioctl,
  .poll = mock_poll,
};

void
mock_driver_change_signal (guint width, guint height, guint rate)
{
  g_mutex_lock (&state.lock);
  mock_driver.signal = (MockSignal) { width, height, rate };
  state.n_events += state.subscribed == MOCK_INPUT;
  state.broken = mock_driver.streaming && !mock_driver.goes_on;
  kick_locked ();
  g_mutex_unlock (&state.lock);
}

void
mock_driver_unplug (void)
{
  g_mutex_lock (&state.lock);
  mock_driver.unplugged = TRUE;
  /* vb2 wakes all waiters. */
  kick_locked ();
  g_mutex_unlock (&state.lock);
}

/* Whether a thread is in poll(), and no fd is ready. */
static gboolean
is_asleep_locked (void)
{
  return state.asleep
      && poll (state.watched, G_N_ELEMENTS (state.watched), 0) == 0;
}

void
mock_driver_wait_asleep (void)
{
  g_mutex_lock (&state.lock);
  while (!is_asleep_locked ())
    g_cond_wait (&state.changed, &state.lock);
  g_mutex_unlock (&state.lock);
}

void
mock_driver_wait_n_queued (guint n)
{
  g_mutex_lock (&state.lock);
  while (mock_driver.n_queued != n)
    g_cond_wait (&state.changed, &state.lock);
  g_mutex_unlock (&state.lock);
}

void
mock_driver_wait_some_queued (void)
{
  g_mutex_lock (&state.lock);
  while (mock_driver.n_queued == 0)
    g_cond_wait (&state.changed, &state.lock);
  g_mutex_unlock (&state.lock);
}

void
mock_driver_wait_closed (void)
{
  g_mutex_lock (&state.lock);
  while (mock_driver.n_open > 0)
    g_cond_wait (&state.changed, &state.lock);
  g_mutex_unlock (&state.lock);
}

void
mock_driver_start (void)
{
  state.event_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
  state.kick_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);

  state.n_events = 0;
  mock_answer_reset ();
  v4l2_api = &mock_api;
}

void
mock_driver_stop (void)
{
  g_mutex_lock (&state.lock);
  state.sensor_stop = TRUE;
  g_cond_signal (&state.sensor_cond);
  g_mutex_unlock (&state.lock);
  g_clear_pointer (&state.sensor, g_thread_join);
  g_mutex_lock (&state.lock);
  cancel_buffers ();
  memset (state.buffers, 0, sizeof state.buffers);
  g_mutex_unlock (&state.lock);

  /* The poller may hold the pool while its callback runs. */
  poller_settle ();

  close (state.event_fd);
  close (state.kick_fd);
  fail_unless_equals_int (mock_driver.n_open, 0);
  v4l2_api = &v4l2_api_linux;
}

TCase *
mock_driver_add_case (Suite *suite, const char *name)
{
  TCase *tc = backend_add_case (suite, name);

  /* Added after the fake kernel, so that it ends before that. */
  tcase_add_checked_fixture (tc, mock_driver_start, mock_driver_stop);
  return tc;
}
