/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Moves of storage, and the threads that wait for them (DEF-2 … DEF-6). */

#include "world.h"
#include "../lib/sw-sync.h"

#include <libdmabufcore/dmabuf-buffer-private.h>

#include <errno.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/stat.h>

/* DEF-2, DEF-3: when a stricter device attaches later, its first map moves the
 * storage with its content; the old storage is freed, its imports are dropped.
 */
GST_START_TEST (test_def3_stricter_device_moves_the_storage)
{
  DmabufDevice *dynamic = dynamic_device_new ("gpu");
  DmabufAttachment *camera, *codec, *gpu;
  DmabufStatistics statistics;
  guint64 inode;
  World w;

  world_init (&w);
  camera = world_attach (w.camera, w.buffer);
  gpu = dmabuf_device_attach (dynamic, w.buffer, NULL);
  world_map_once (camera);
  world_fill (w.buffer, 0x5a);
  inode = dmabuf_buffer_get_inode (w.buffer);
  fail_unless_equals_int (w.loose->n_allocated, 1);

  codec = world_attach (w.codec, w.buffer);
  fail_unless_equals_int (w.solid->n_allocated, 0);
  world_map_once (codec);
  fail_unless_equals_int (w.solid->n_allocated, 1);
  fail_unless_equals_int (w.loose->n_released, 1);
  fail_unless_equals_int (w.loose->n_data_freed, 1);
  fail_unless_equals_int (w.loose->n_attached, 0);
  fail_unless_equals_int (w.solid->n_attached, 3);
  fail_unless_equals_int (world_content (w.buffer), 0x5a);
  fail_unless (dmabuf_buffer_get_inode (w.buffer) != inode);
  fail_unless (
      dmabuf_buffer_get_exporter (w.buffer) == DMABUF_EXPORTER (w.solid));
  /* DEF-5: the dynamic importer is told. */
  fail_unless_equals_int (dynamic_device_get_n_invalidated (dynamic), 1);
  dmabuf_exporter_get_statistics (DMABUF_EXPORTER (w.solid), &statistics);
  fail_unless_equals_int (statistics.migrations, 1);
  fail_unless_equals_int (statistics.bytes, WORLD_SIZE);
  dmabuf_exporter_get_statistics (DMABUF_EXPORTER (w.loose), &statistics);
  fail_unless_equals_int (statistics.bytes, 0);

  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (codec);
  dmabuf_attachment_unref (gpu);
  g_object_unref (dynamic);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-6: the fd that a device gets during its import does not keep the storage
 * from moving. */
GST_START_TEST (test_def6_import_does_not_forbid_moving)
{
  DmabufAttachment *camera, *codec;
  DmabufLayout layout = { .n_planes = 1 };
  gboolean reused;
  World w;

  world_init (&w);
  camera = world_attach (w.camera, w.buffer);
  world_map_once (camera);
  layout.format = 0x34325258; /* XR24 */
  layout.width = layout.height = 32;
  layout.planes[0] = (DmabufPlane) { w.buffer, 0, 128 };
  fail_unless (dmabuf_attachment_import (camera, &layout, &reused, NULL));
  fail_if (reused);

  codec = world_attach (w.codec, w.buffer);
  world_map_once (codec);
  fail_unless_equals_int (w.solid->n_allocated, 1);
  fail_unless_equals_int (w.camera->n_releases, 1);
  fail_unless (dmabuf_attachment_import (camera, &layout, &reused, NULL));
  fail_if (reused);
  fail_unless_equals_int (w.camera->n_imports, 2);

  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (codec);
  world_clear (&w);
}
GST_END_TEST;

/* --- The fd of a buffer without uses ------------------------------------- */

static const DmabufKernel *kernel_below;
static World *interfering;
static DmabufAttachment *interfering_codec;
static Sleeper *interferer;

static gpointer
map_codec (gpointer attachment)
{
  world_map_once (attachment);
  return NULL;
}

/* During a system call with the storage's fd another thread tries to move the
 * storage. */
static void
interfere (int fd)
{
  struct stat before, after;

  if (!interfering || fd != dmabuf_buffer_peek_fd (interfering->buffer))
    return;

  interfering = NULL;
  fail_unless (fstat (fd, &before) == 0);
  interferer = sleeper_new (map_codec, interfering_codec);
  fail_unless (sleeper_wait (interferer), "the storage has moved");
  fail_unless (fstat (fd, &after) == 0 && after.st_ino == before.st_ino,
      "the fd no longer belongs to the storage");
}

static int
interfering_ppoll (
    struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout)
{
  interfere (fds[0].fd);
  return kernel_below->ppoll (fds, n_fds, timeout);
}

static int
interfering_ioctl (int fd, unsigned long request, void *arg)
{
  if (request == DMA_BUF_IOCTL_IMPORT_SYNC_FILE)
    interfere (fd);
  return kernel_below->ioctl (fd, request, arg);
}

static int
interfering_dup (int fd)
{
  interfere (fd);
  return kernel_below->dup (fd);
}

/* DEF-2, SEC-3: the functions for fences have no use of the buffer. While they
 * run its storage stays nevertheless, or they would poll another file. */
GST_START_TEST (test_def2_storage_stays_while_fences_are_asked_for)
{
  DmabufLayout layout = { .n_planes = 1, .width = 32, .height = 32 };
  int timeline = timeline_find ();
  DmabufFence *fence;
  DmabufAttachment *camera;
  DmabufKernel kernel;
  gboolean idle;
  World w;

  if (timeline < 0)
    return;
  fence = timeline_new_fence (timeline, 1);
  world_init (&w);
  camera = world_attach (w.camera, w.buffer);
  world_map_once (camera);
  layout.format = 0x34325258; /* XR24 */
  layout.planes[0] = (DmabufPlane) { w.buffer, 0, 128 };
  fail_unless (dmabuf_attachment_import (camera, &layout, NULL, NULL));
  interfering_codec = world_attach (w.codec, w.buffer);

  kernel_below = dmabuf_kernel;
  kernel = *dmabuf_kernel;
  kernel.ppoll = interfering_ppoll;
  kernel.ioctl = interfering_ioctl;
  kernel.dup = interfering_dup;
  dmabuf_kernel_replace (&kernel);
  interfering = &w;

  switch (__i__) {
  case 0:
    fail_unless (
        dmabuf_buffer_get_fence (w.buffer, DMABUF_ACCESS_WRITE) == NULL);
    break;
  case 1:
    fail_unless (
        dmabuf_buffer_wait (w.buffer, DMABUF_ACCESS_WRITE, 0, NULL, NULL));
    break;
  case 2:
    fail_unless_equals_int (
        dmabuf_buffer_test_many (&w.buffer, 1, DMABUF_ACCESS_WRITE, &idle), 1);
    break;
  case 3:
    fail_unless (
        dmabuf_buffer_add_fence (w.buffer, DMABUF_ACCESS_WRITE, fence, NULL));
    break;
  case 4:
    dmabuf_buffer_poll_unref (dmabuf_buffer_poll_new (w.buffer, NULL));
    break;
  }
  timeline_inc (timeline, 1);
  fail_unless (interferer != NULL);
  sleeper_join (interferer);
  dmabuf_kernel_replace (kernel_below);
  fail_unless_equals_int (w.solid->n_allocated, 1);

  dmabuf_fence_unref (fence);
  dmabuf_attachment_unref (interfering_codec);
  dmabuf_attachment_unref (camera);
  world_clear (&w);
  dmabuf_kernel->close (timeline);
}
GST_END_TEST;

typedef struct
{
  DmabufAttachment *attachment;
  GCancellable *cancellable;
  gint64 deadline;
  GError *error;
  DmabufMapping *mapping;
} Stalled;

static gpointer
map_stalled (gpointer data)
{
  Stalled *s = data;

  s->mapping = dmabuf_attachment_map_full (s->attachment,
      DMABUF_DIRECTION_TO_DEVICE, s->deadline, s->cancellable, &s->error);
  return NULL;
}

/* ATT-6: a static importer's mapping keeps the storage where it is, as a pin
 * would. DEF-4: a map that waits for mappings of other devices ends at its
 * deadline or when cancelled (MAP-2's EINTR). */
GST_START_TEST (test_def4_stalled_map_is_interruptible)
{
  DmabufAttachment *camera, *codec;
  DmabufMapping *held;
  Sleeper *sleeper;
  Stalled s = { 0 };
  World w;

  world_init (&w);
  camera = world_attach (w.camera, w.buffer);
  held = dmabuf_attachment_map (camera, DMABUF_DIRECTION_FROM_DEVICE, NULL);
  codec = world_attach (w.codec, w.buffer);
  s.attachment = codec;
  s.cancellable = g_cancellable_new ();

  s.deadline = g_get_monotonic_time () + 1000;
  sleeper_join (sleeper_new (map_stalled, &s));
  fail_unless (s.mapping == NULL);
  assert_error (s.error, ETIME);

  s.deadline = DMABUF_DEADLINE_NEVER;
  sleeper = sleeper_new (map_stalled, &s);
  fail_unless (sleeper_wait (sleeper));
  g_cancellable_cancel (s.cancellable);
  sleeper_join (sleeper);
  fail_unless (s.mapping == NULL);
  fail_unless (g_error_matches (s.error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_clear_error (&s.error);

  /* It goes on when the mapping ends. */
  g_cancellable_reset (s.cancellable);
  sleeper = sleeper_new (map_stalled, &s);
  fail_unless (sleeper_wait (sleeper));
  fail_unless_equals_int (g_atomic_int_get (&w.solid->n_allocated), 0);
  dmabuf_mapping_unmap (held, NULL, NULL);
  sleeper_join (sleeper);
  assert_no_error (s.error);
  fail_unless_equals_int (w.solid->n_allocated, 1);
  dmabuf_mapping_unmap (s.mapping, NULL, NULL);

  g_object_unref (s.cancellable);
  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (codec);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-4: a thread that would wait for its own mapping gets EDEADLK; a CPU
 * access inside of its own mapping passes. */
GST_START_TEST (test_def4_own_deadlock_is_edeadlk)
{
  DmabufAttachment *camera, *codec;
  GError *error = NULL;
  DmabufMapping *held;
  World w;

  world_init (&w);
  camera = world_attach (w.camera, w.buffer);
  held = dmabuf_attachment_map (camera, DMABUF_DIRECTION_TO_DEVICE, NULL);
  codec = world_attach (w.codec, w.buffer);

  fail_unless (dmabuf_attachment_map (codec, DMABUF_DIRECTION_TO_DEVICE, &error)
      == NULL);
  assert_error (error, EDEADLK);
  fail_unless_equals_int (world_content (w.buffer), 0);

  dmabuf_mapping_unmap (held, NULL, NULL);
  world_map_once (codec);

  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (codec);
  world_clear (&w);
}
GST_END_TEST;

/* ATT-1: if the exporter chosen for a move vetoes, everything stays as before.
 */
GST_START_TEST (test_att1_veto_while_moving_leaves_all_in_place)
{
  DmabufAttachment *camera, *codec;
  GError *error = NULL;
  World w;

  world_init (&w);
  camera = world_attach (w.camera, w.buffer);
  world_fill (w.buffer, 7);
  w.solid->veto = DMABUF_DEVICE (w.camera);
  codec = world_attach (w.codec, w.buffer);
  fail_unless (dmabuf_attachment_map (codec, DMABUF_DIRECTION_TO_DEVICE, &error)
      == NULL);
  assert_error (error, EBUSY);
  fail_unless_equals_int (w.solid->n_attached, 0);
  fail_unless_equals_int (w.solid->n_released, w.solid->n_allocated);
  world_map_once (camera);
  fail_unless_equals_int (world_content (w.buffer), 7);

  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (codec);
  world_clear (&w);
}
GST_END_TEST;

typedef struct
{
  World *world;
  gint stop;
  gint rounds[4]; /* Of each thread */
} Hammer;

typedef struct
{
  Hammer *hammer;
  guint id;
} Hammerer;

static gpointer
read_frames (gpointer data)
{
  Hammerer *self = data;
  Hammer *h = self->hammer;
  int last = 0, value;

  while (!g_atomic_int_get (&h->stop)) {
    value = world_content (h->world->buffer);
    fail_unless (value >= 0, "a torn frame");
    fail_unless (value >= last, "frame %d after %d", value, last);
    last = value;
    count_add (&h->rounds[self->id], 1);
  }
  return NULL;
}

static gpointer
map_frames (gpointer data)
{
  Hammerer *self = data;
  Hammer *h = self->hammer;
  DmabufAttachment *attachment =
      world_attach (h->world->display, h->world->buffer);

  while (!g_atomic_int_get (&h->stop)) {
    world_map_once (attachment);
    count_add (&h->rounds[self->id], 1);
  }
  dmabuf_attachment_unref (attachment);
  return NULL;
}

/* Waits until each thread has begun and ended a round after the call. */
static void
hammer_on (Hammer *h)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (h->rounds); i++)
    until_at_least (&h->rounds[i], g_atomic_int_get (&h->rounds[i]) + 2);
}

/* DEF-2, DEF-3, under threads: readers never see a frame that is half moved.
 * (CPU-3: a writer and readers inside of brackets at the same time would have
 * to synchronise themselves; here the writer is done before they start.) */
GST_START_TEST (test_def2_no_reader_sees_a_torn_frame)
{
  GThread *threads[4];
  guint i, round;

  for (round = 0; round < 5; round++) {
    Hammer h = { 0 };
    Hammerer hammerers[4];
    DmabufAttachment *codec;
    World w;

    world_init (&w);
    h.world = &w;
    world_fill (w.buffer, round + 1);
    for (i = 0; i < 4; i++) {
      hammerers[i] = (Hammerer) { &h, i };
      threads[i] = g_thread_new (
          "hammer", i % 2 ? read_frames : map_frames, &hammerers[i]);
    }
    hammer_on (&h);
    codec = world_attach (w.codec, w.buffer);
    world_map_once (codec);
    hammer_on (&h);
    g_atomic_int_set (&h.stop, TRUE);
    for (i = 0; i < 4; i++)
      g_thread_join (threads[i]);

    fail_unless_equals_int (world_content (w.buffer), round + 1);
    fail_unless_equals_int (w.solid->n_allocated, 1);
    fail_unless_equals_int (w.loose->n_released, 1);
    dmabuf_attachment_unref (codec);
    world_clear (&w);
  }
}
GST_END_TEST;

static void
detach_display (DmabufBuffer *buffer, gpointer data)
{
  World *w = data;

  w->loose->on_attach = NULL;
  fail_unless (dmabuf_device_detach (DMABUF_DEVICE (w->display), buffer, NULL));
}

/* ATT-3: an attachment whose last reference is dropped by the thread that
 * places the storage is freed there, without a deadlock. */
GST_START_TEST (test_att3_detached_while_the_storage_is_placed)
{
  DmabufAttachment *camera;
  World w;

  world_init (&w);
  camera = world_attach (w.camera, w.buffer);
  dmabuf_attachment_unref (world_attach (w.display, w.buffer));
  w.loose->on_attach_data = &w;
  w.loose->on_attach = detach_display;

  world_map_once (camera);
  fail_unless_equals_int (w.loose->n_attached, 1);

  dmabuf_attachment_unref (camera);
  world_clear (&w);
}
GST_END_TEST;

static void
look_at_fd (DmabufBuffer *buffer, gpointer data)
{
  gint *n_fds = data;

  fail_unless (dmabuf_buffer_get_fd (buffer) >= 0);
  (*n_fds)++;
}

/* DEF-6: an exporter can read the fd of its buffer while a device attaches,
 * and the storage can still move afterwards. */
GST_START_TEST (test_def6_exporter_may_look_at_its_fd)
{
  DmabufAttachment *camera, *codec, *display;
  gint n_fds = 0;
  World w;

  world_init (&w);
  w.loose->on_attach_data = w.solid->on_attach_data = &n_fds;
  w.loose->on_attach = w.solid->on_attach = look_at_fd;
  camera = world_attach (w.camera, w.buffer);
  world_map_once (camera);
  display = world_attach (w.display, w.buffer);
  fail_unless_equals_int (n_fds, 2);
  codec = world_attach (w.codec, w.buffer);
  world_map_once (codec);
  fail_unless_equals_int (w.solid->n_allocated, 1);

  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (display);
  dmabuf_attachment_unref (codec);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-5: a map that waits for a move fails when the storage is revoked. */
GST_START_TEST (test_def5_revoked_while_a_map_is_stalled)
{
  DmabufAttachment *camera, *codec;
  DmabufMapping *held;
  Sleeper *sleeper;
  Stalled s = { 0 };
  World w;

  world_init (&w);
  camera = world_attach (w.camera, w.buffer);
  held = dmabuf_attachment_map (camera, DMABUF_DIRECTION_FROM_DEVICE, NULL);
  codec = world_attach (w.codec, w.buffer);
  s.attachment = codec;
  s.deadline = DMABUF_DEADLINE_NEVER;
  sleeper = sleeper_new (map_stalled, &s);
  fail_unless (sleeper_wait (sleeper));
  dmabuf_buffer_revoke (w.buffer);
  sleeper_join (sleeper);
  fail_unless (s.mapping == NULL);
  assert_error (s.error, ENODEV);
  dmabuf_mapping_unmap (held, NULL, NULL);

  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (codec);
  world_clear (&w);
}
GST_END_TEST;

/* NAME-1, DEF-1: naming a buffer allocates nothing, and the name moves with the
 * content. */
GST_START_TEST (test_name1_stays_when_the_storage_moves)
{
  DmabufAttachment *codec;
  GError *error = NULL;
  char link[64] = "";
  World w;

  world_init (&w);
  fail_unless (dmabuf_buffer_set_name (w.buffer, "frame", &error));
  fail_unless_equals_int (w.loose->n_allocated, 0);
  world_fill (w.buffer, 1);
  codec = world_attach (w.codec, w.buffer);
  world_map_once (codec);
  fail_unless_equals_int (w.solid->n_allocated, 1);
  fail_unless (dmabuf_kernel->read_link (
                   dmabuf_buffer_get_fd (w.buffer), link, sizeof link - 1)
      > 0);
  fail_unless (strstr (link, "frame"), "%s", link);

  dmabuf_attachment_unref (codec);
  world_clear (&w);
}
GST_END_TEST;

static Suite *
migration_suite (void)
{
  Suite *s = suite_create ("migration");
  TCase *tc = backend_add_case (s, "migration");

  tcase_add_test (tc, test_def3_stricter_device_moves_the_storage);
  tcase_add_test (tc, test_def6_import_does_not_forbid_moving);
  tcase_add_loop_test (
      tc, test_def2_storage_stays_while_fences_are_asked_for, 0, 5);
  tcase_add_test (tc, test_def4_stalled_map_is_interruptible);
  tcase_add_test (tc, test_def4_own_deadlock_is_edeadlk);
  tcase_add_test (tc, test_att1_veto_while_moving_leaves_all_in_place);
  tcase_add_test (tc, test_def2_no_reader_sees_a_torn_frame);
  tcase_add_test (tc, test_att3_detached_while_the_storage_is_placed);
  tcase_add_test (tc, test_def6_exporter_may_look_at_its_fd);
  tcase_add_test (tc, test_def5_revoked_while_a_map_is_stalled);
  tcase_add_test (tc, test_name1_stays_when_the_storage_moves);

  return s;
}

GST_CHECK_MAIN (migration);
