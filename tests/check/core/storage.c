/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Deferred storage, migration, pins (DEF-1 … DEF-6). "loose" is an exporter in
 * pieces, "solid" a contiguous one; camera and display are content with either,
 * codec wants it contiguous. */

#include "../lib/backend.h"

#include <errno.h>
#include <string.h>

#define PAGE 4096
#define SIZE (4 * PAGE)

typedef struct
{
  ThirdExporter *loose, *solid;
  TestDevice *camera, *display, *codec;
  DmabufBuffer *buffer;
} World;

static void
set_constraints (TestDevice *device, gboolean contiguous, const char *memory)
{
  const char *name = dmabuf_device_get_name (DMABUF_DEVICE (device));
  g_autoptr (DmabufConstraints) constraints = dmabuf_constraints_new (name);

  dmabuf_constraints_set_contiguous (constraints, contiguous);
  if (memory)
    dmabuf_constraints_add_memory (constraints, memory);
  dmabuf_device_set_constraints (DMABUF_DEVICE (device), constraints);
}

static void
world_init (World *w)
{
  DmabufExporter *backing = backend_new_exporter (0);
  DmabufExporter *exporters[2];
  GError *error = NULL;

  w->loose = third_exporter_new ("loose", backing, FALSE);
  w->solid = third_exporter_new ("solid", backing, TRUE);
  g_object_unref (backing);
  w->camera = test_device_new ("camera", DMABUF_DEVICE_FLAG_IMPLICIT_SYNC);
  w->display = test_device_new ("display", DMABUF_DEVICE_FLAG_IMPLICIT_SYNC);
  w->codec = test_device_new ("codec", DMABUF_DEVICE_FLAG_IMPLICIT_SYNC);
  set_constraints (w->codec, TRUE, NULL);

  exporters[0] = DMABUF_EXPORTER (w->loose);
  exporters[1] = DMABUF_EXPORTER (w->solid);
  w->buffer = dmabuf_buffer_new_deferred (exporters, 2, SIZE - 1, &error);
  assert_no_error (error);
}

static void
world_clear (World *w)
{
  dmabuf_device_trim (DMABUF_DEVICE (w->camera));
  dmabuf_device_trim (DMABUF_DEVICE (w->display));
  dmabuf_device_trim (DMABUF_DEVICE (w->codec));
  dmabuf_buffer_unref (w->buffer);
  g_object_unref (w->camera);
  g_object_unref (w->display);
  g_object_unref (w->codec);
  fail_unless_equals_int (w->loose->n_allocated, w->loose->n_released);
  fail_unless_equals_int (w->solid->n_allocated, w->solid->n_released);
  fail_unless_equals_int (w->loose->n_attached, 0);
  fail_unless_equals_int (w->solid->n_attached, 0);
  fail_unless_equals_int (w->loose->n_mapped, 0);
  fail_unless_equals_int (w->solid->n_mapped, 0);
  g_object_unref (w->loose);
  g_object_unref (w->solid);
}

static DmabufAttachment *
attach (TestDevice *device, DmabufBuffer *buffer)
{
  GError *error = NULL;
  DmabufAttachment *attachment =
      dmabuf_device_attach (DMABUF_DEVICE (device), buffer, &error);

  assert_no_error (error);
  return attachment;
}

static void
map_once (DmabufAttachment *attachment)
{
  GError *error = NULL;
  DmabufMapping *mapping;

  mapping =
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_TO_DEVICE, &error);
  assert_no_error (error);
  dmabuf_mapping_unmap (mapping, NULL, NULL);
}

static void
fill (DmabufBuffer *buffer, int value)
{
  g_auto (DmabufCpuScope) scope = DMABUF_CPU_SCOPE_INIT;
  GError *error = NULL;
  gpointer data = dmabuf_cpu_scope_begin (
      &scope, buffer, DMABUF_ACCESS_WRITE, DMABUF_DEADLINE_NEVER, NULL, &error);

  assert_no_error (error);
  memset (data, value, SIZE);
  fail_unless (dmabuf_cpu_scope_end (&scope, &error));
}

/* The value of all bytes, -1 if they differ: a torn frame. */
static int
content (DmabufBuffer *buffer)
{
  g_auto (DmabufCpuScope) scope = DMABUF_CPU_SCOPE_INIT;
  GError *error = NULL;
  guint8 *data = dmabuf_cpu_scope_begin (
      &scope, buffer, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, &error);
  guint i;

  assert_no_error (error);
  for (i = 1; i < SIZE; i++) {
    if (data[i] != data[0])
      return -1;
  }
  return data[0];
}

/* DEF-1, ATT-2: nothing is allocated by attaching; the size is known; then one
 * allocation suits all who are attached. */
GST_START_TEST (test_def1_first_map_sees_all_attachments)
{
  DmabufAttachment *camera, *codec;
  World w;

  world_init (&w);
  fail_unless_equals_int (dmabuf_buffer_get_size (w.buffer), SIZE);
  fail_unless_equals_int (dmabuf_buffer_get_fd (w.buffer), -1);
  fail_unless_equals_int (dmabuf_buffer_get_inode (w.buffer), 0);

  camera = attach (w.camera, w.buffer);
  codec = attach (w.codec, w.buffer);
  fail_unless_equals_int (w.loose->n_allocated + w.solid->n_allocated, 0);
  fail_unless_equals_int (w.loose->n_attached + w.solid->n_attached, 0);

  map_once (camera);
  fail_unless_equals_int (w.loose->n_allocated, 0);
  fail_unless_equals_int (w.solid->n_allocated, 1);
  fail_unless_equals_int (w.solid->n_attached, 2);
  map_once (codec);
  fail_unless_equals_int (w.solid->n_allocated, 1);

  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (codec);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-1: CPU access allocates as well; if the preferred exporter has no memory
 * left, the next one gives. */
GST_START_TEST (test_def1_cpu_access_allocates)
{
  GError *error = NULL;
  World w;

  world_init (&w);
  w.loose->fail_allocate = ENOMEM;
  w.solid->fail_allocate = EIO;
  fail_if (dmabuf_buffer_begin_cpu_access (
      w.buffer, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, &error));
  assert_error (error, EIO);
  w.solid->fail_allocate = 0;
  fail_unless_equals_int (content (w.buffer), 0);
  fail_unless_equals_int (w.solid->n_allocated, 1);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-2, DEF-3: a stricter device attaches later; its first map moves the
 * storage, content kept, the old one freed, old imports dropped. */
GST_START_TEST (test_def3_stricter_device_moves_the_storage)
{
  DmabufDevice *dynamic = dynamic_device_new ("gpu");
  DmabufAttachment *camera, *codec, *gpu;
  DmabufStatistics statistics;
  guint64 inode;
  World w;

  world_init (&w);
  camera = attach (w.camera, w.buffer);
  gpu = dmabuf_device_attach (dynamic, w.buffer, NULL);
  map_once (camera);
  fill (w.buffer, 0x5a);
  inode = dmabuf_buffer_get_inode (w.buffer);
  fail_unless_equals_int (w.loose->n_allocated, 1);

  codec = attach (w.codec, w.buffer);
  fail_unless_equals_int (w.solid->n_allocated, 0);
  map_once (codec);
  fail_unless_equals_int (w.solid->n_allocated, 1);
  fail_unless_equals_int (w.loose->n_released, 1);
  fail_unless_equals_int (w.loose->n_data_freed, 1);
  fail_unless_equals_int (w.loose->n_attached, 0);
  fail_unless_equals_int (w.solid->n_attached, 3);
  fail_unless_equals_int (content (w.buffer), 0x5a);
  fail_unless (dmabuf_buffer_get_inode (w.buffer) != inode);
  fail_unless (
      dmabuf_buffer_get_exporter (w.buffer) == DMABUF_EXPORTER (w.solid));
  /* DEF-5 */
  fail_unless_equals_int (dynamic_device_get_n_invalidated (dynamic), 1);
  dmabuf_exporter_get_statistics (DMABUF_EXPORTER (w.solid), &statistics);
  fail_unless_equals_int (statistics.migrations, 1);
  fail_unless_equals_int (statistics.bytes, SIZE);
  dmabuf_exporter_get_statistics (DMABUF_EXPORTER (w.loose), &statistics);
  fail_unless_equals_int (statistics.bytes, 0);

  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (codec);
  dmabuf_attachment_unref (gpu);
  g_object_unref (dynamic);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-3: what cannot be is refused, and both devices are named. */
GST_START_TEST (test_def3_impossible_names_both_devices)
{
  DmabufAttachment *camera;
  GError *error = NULL;
  World w;

  world_init (&w);
  set_constraints (w.camera, FALSE, "loose");
  camera = attach (w.camera, w.buffer);

  fail_unless (
      dmabuf_device_attach (DMABUF_DEVICE (w.codec), w.buffer, &error) == NULL);
  fail_unless (strstr (error->message, "codec"), "%s", error->message);
  fail_unless (strstr (error->message, "camera"), "%s", error->message);
  assert_error (error, EBUSY);

  map_once (camera);
  fail_unless (
      dmabuf_device_attach (DMABUF_DEVICE (w.codec), w.buffer, &error) == NULL);
  fail_unless (strstr (error->message, "codec"), "%s", error->message);
  fail_unless (strstr (error->message, "camera"), "%s", error->message);
  assert_error (error, EBUSY);

  dmabuf_attachment_unref (camera);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-6: a handed-out fd and a pin forbid moving; ATT-1: EBUSY. */
GST_START_TEST (test_def6_fd_and_pin_forbid_moving)
{
  DmabufDevice *dynamic = dynamic_device_new ("overlay");
  DmabufAttachment *overlay, *camera;
  GError *error = NULL;
  World w;

  world_init (&w);
  overlay = dmabuf_device_attach (dynamic, w.buffer, NULL);
  fail_unless (
      dmabuf_attachment_pin (overlay, DMABUF_DEADLINE_NEVER, NULL, &error));
  fail_unless_equals_int (w.loose->n_pinned, 1);
  fail_unless (
      dmabuf_device_attach (DMABUF_DEVICE (w.codec), w.buffer, &error) == NULL);
  fail_unless (strstr (error->message, "overlay"), "%s", error->message);
  assert_error (error, EBUSY);
  dmabuf_attachment_unpin (overlay);
  fail_unless_equals_int (w.loose->n_pinned, 0);
  ASSERT_MISUSE (dmabuf_attachment_unpin (overlay));

  /* only for those who can be told */
  camera = attach (w.camera, w.buffer);
  fail_if (dmabuf_attachment_pin (camera, DMABUF_DEADLINE_NEVER, NULL, &error));
  assert_error (error, EINVAL);

  fail_unless (dmabuf_buffer_get_fd (w.buffer) >= 0);
  fail_unless (
      dmabuf_device_attach (DMABUF_DEVICE (w.codec), w.buffer, &error) == NULL);
  fail_unless (strstr (error->message, "handed out"), "%s", error->message);
  assert_error (error, EBUSY);

  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (overlay);
  g_object_unref (dynamic);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-6: what a device imports with is lent, and does not keep it from moving.
 */
GST_START_TEST (test_def6_import_does_not_forbid_moving)
{
  DmabufAttachment *camera, *codec;
  DmabufLayout layout = { .n_planes = 1 };
  gboolean reused;
  World w;

  world_init (&w);
  camera = attach (w.camera, w.buffer);
  map_once (camera);
  layout.format = 0x34325258; /* XR24 */
  layout.width = layout.height = 32;
  layout.planes[0] = (DmabufPlane) { w.buffer, 0, 128 };
  fail_unless (dmabuf_attachment_import (camera, &layout, &reused, NULL));
  fail_if (reused);

  codec = attach (w.codec, w.buffer);
  map_once (codec);
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
 * would. DEF-4: a map that waits for others' mappings ends at its deadline and
 * when it is cancelled; MAP-2's EINTR. */
GST_START_TEST (test_def4_stalled_map_is_interruptible)
{
  DmabufAttachment *camera, *codec;
  DmabufMapping *held;
  GThread *thread;
  Stalled s = { 0 };
  gint64 start;
  World w;

  world_init (&w);
  camera = attach (w.camera, w.buffer);
  held = dmabuf_attachment_map (camera, DMABUF_DIRECTION_FROM_DEVICE, NULL);
  codec = attach (w.codec, w.buffer);
  s.attachment = codec;
  s.cancellable = g_cancellable_new ();

  start = g_get_monotonic_time ();
  s.deadline = start + 20000;
  thread = g_thread_new ("stalled", map_stalled, &s);
  g_thread_join (thread);
  fail_unless (s.mapping == NULL);
  assert_error (s.error, ETIME);
  fail_unless (g_get_monotonic_time () >= start + 20000);

  s.deadline = DMABUF_DEADLINE_NEVER;
  thread = g_thread_new ("stalled", map_stalled, &s);
  g_usleep (20000);
  g_cancellable_cancel (s.cancellable);
  g_thread_join (thread);
  fail_unless (s.mapping == NULL);
  fail_unless (g_error_matches (s.error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
  g_clear_error (&s.error);

  /* and goes on when the mapping ends */
  g_cancellable_reset (s.cancellable);
  thread = g_thread_new ("stalled", map_stalled, &s);
  g_usleep (20000);
  fail_unless_equals_int (g_atomic_int_get (&w.solid->n_allocated), 0);
  dmabuf_mapping_unmap (held, NULL, NULL);
  g_thread_join (thread);
  assert_no_error (s.error);
  fail_unless_equals_int (w.solid->n_allocated, 1);
  dmabuf_mapping_unmap (s.mapping, NULL, NULL);

  g_object_unref (s.cancellable);
  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (codec);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-4: waiting for one's own mapping is a deadlock, and said so; a CPU access
 * inside of one's own passes. */
GST_START_TEST (test_def4_own_deadlock_is_edeadlk)
{
  DmabufAttachment *camera, *codec;
  GError *error = NULL;
  DmabufMapping *held;
  World w;

  world_init (&w);
  camera = attach (w.camera, w.buffer);
  held = dmabuf_attachment_map (camera, DMABUF_DIRECTION_TO_DEVICE, NULL);
  codec = attach (w.codec, w.buffer);

  fail_unless (dmabuf_attachment_map (codec, DMABUF_DIRECTION_TO_DEVICE, &error)
      == NULL);
  assert_error (error, EDEADLK);
  fail_unless_equals_int (content (w.buffer), 0);

  dmabuf_mapping_unmap (held, NULL, NULL);
  map_once (codec);

  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (codec);
  world_clear (&w);
}
GST_END_TEST;

/* The exporter that was chosen vetoes (ATT-1), and everything is as before. */
GST_START_TEST (test_att1_veto_while_moving_leaves_all_in_place)
{
  DmabufAttachment *camera, *codec;
  GError *error = NULL;
  World w;

  world_init (&w);
  camera = attach (w.camera, w.buffer);
  fill (w.buffer, 7);
  w.solid->veto = DMABUF_DEVICE (w.camera);
  codec = attach (w.codec, w.buffer);
  fail_unless (dmabuf_attachment_map (codec, DMABUF_DIRECTION_TO_DEVICE, &error)
      == NULL);
  assert_error (error, EBUSY);
  fail_unless_equals_int (w.solid->n_attached, 0);
  fail_unless_equals_int (w.solid->n_released, w.solid->n_allocated);
  map_once (camera);
  fail_unless_equals_int (content (w.buffer), 7);

  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (codec);
  world_clear (&w);
}
GST_END_TEST;

/* ATT-1: allocated at once, it cannot move. */
GST_START_TEST (test_att1_allocated_buffer_refuses_what_cannot_reach_it)
{
  World w;
  DmabufBuffer *buffer;
  GError *error = NULL;

  world_init (&w);
  buffer = dmabuf_exporter_allocate (DMABUF_EXPORTER (w.loose), PAGE, NULL);
  fail_unless (
      dmabuf_device_attach (DMABUF_DEVICE (w.codec), buffer, &error) == NULL);
  fail_unless (strstr (error->message, "codec"), "%s", error->message);
  fail_unless (strstr (error->message, "loose"), "%s", error->message);
  assert_error (error, EBUSY);
  dmabuf_buffer_unref (buffer);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-5: revoked for good: told once, no new mapping, old ones end. */
GST_START_TEST (test_def5_revoke)
{
  DmabufDevice *dynamic = dynamic_device_new ("gpu");
  DmabufAttachment *gpu;
  GError *error = NULL;
  DmabufMapping *held;
  World w;

  world_init (&w);
  gpu = dmabuf_device_attach (dynamic, w.buffer, NULL);
  held = dmabuf_attachment_map (gpu, DMABUF_DIRECTION_TO_DEVICE, NULL);
  dmabuf_buffer_revoke (w.buffer);
  dmabuf_buffer_revoke (w.buffer);
  fail_unless_equals_int (dynamic_device_get_n_invalidated (dynamic), 1);
  fail_unless (
      dmabuf_attachment_map (gpu, DMABUF_DIRECTION_TO_DEVICE, &error) == NULL);
  assert_error (error, ENODEV);
  fail_unless (dmabuf_mapping_unmap (held, NULL, NULL));

  dmabuf_attachment_unref (gpu);
  g_object_unref (dynamic);
  world_clear (&w);
}
GST_END_TEST;

typedef struct
{
  World *world;
  gint stop;
} Hammer;

static gpointer
read_frames (gpointer data)
{
  Hammer *h = data;
  int last = 0, value;

  while (!g_atomic_int_get (&h->stop)) {
    value = content (h->world->buffer);
    fail_unless (value >= 0, "a torn frame");
    fail_unless (value >= last, "frame %d after %d", value, last);
    last = value;
  }
  return NULL;
}

static gpointer
map_frames (gpointer data)
{
  Hammer *h = data;
  DmabufAttachment *attachment = attach (h->world->display, h->world->buffer);

  while (!g_atomic_int_get (&h->stop))
    map_once (attachment);
  dmabuf_attachment_unref (attachment);
  return NULL;
}

/* DEF-2, DEF-3, under threads: nobody sees a frame that is half moved. (Writer
 * and readers take turns by their brackets' own lock here: two in one bracket
 * is the users' matter, CPU-3.) */
GST_START_TEST (test_def2_no_reader_sees_a_torn_frame)
{
  GThread *threads[4];
  guint i, round;

  for (round = 0; round < 5; round++) {
    Hammer h = { 0 };
    DmabufAttachment *codec;
    World w;

    world_init (&w);
    h.world = &w;
    fill (w.buffer, round + 1);
    for (i = 0; i < 4; i++)
      threads[i] =
          g_thread_new ("hammer", i % 2 ? read_frames : map_frames, &h);
    g_usleep (2000);
    codec = attach (w.codec, w.buffer);
    map_once (codec);
    g_usleep (2000);
    g_atomic_int_set (&h.stop, TRUE);
    for (i = 0; i < 4; i++)
      g_thread_join (threads[i]);

    fail_unless_equals_int (content (w.buffer), round + 1);
    fail_unless_equals_int (w.solid->n_allocated, 1);
    fail_unless_equals_int (w.loose->n_released, 1);
    dmabuf_attachment_unref (codec);
    world_clear (&w);
  }
}
GST_END_TEST;

/* Which exporter, and why. */
GST_START_TEST (test_choose_tells_its_reasons)
{
  DmabufExporter *exporters[2], *chosen;
  g_autofree char *reason = NULL;
  DmabufDevice *devices[2];
  GError *error = NULL;
  World w;

  world_init (&w);
  exporters[0] = DMABUF_EXPORTER (w.loose);
  exporters[1] = DMABUF_EXPORTER (w.solid);
  devices[0] = DMABUF_DEVICE (w.camera);
  devices[1] = DMABUF_DEVICE (w.codec);

  chosen = dmabuf_exporter_choose (exporters, 2, devices, 1, NULL, NULL);
  fail_unless (chosen == exporters[0]);
  chosen = dmabuf_exporter_choose (exporters, 2, devices, 2, &reason, NULL);
  fail_unless (chosen == exporters[1]);
  fail_unless (strstr (reason, "loose: passed over"), "%s", reason);
  fail_unless (strstr (reason, "codec"), "%s", reason);
  fail_unless (strstr (reason, "solid: chosen"), "%s", reason);

  fail_unless (
      dmabuf_exporter_choose (exporters, 1, devices, 2, NULL, &error) == NULL);
  assert_error (error, EBUSY);
  world_clear (&w);
}
GST_END_TEST;

static Suite *
storage_suite (void)
{
  Suite *s = suite_create ("storage");
  TCase *tc = backend_add_case (s, "storage");

  tcase_add_test (tc, test_def1_first_map_sees_all_attachments);
  tcase_add_test (tc, test_def1_cpu_access_allocates);
  tcase_add_test (tc, test_def3_stricter_device_moves_the_storage);
  tcase_add_test (tc, test_def3_impossible_names_both_devices);
  tcase_add_test (tc, test_def6_fd_and_pin_forbid_moving);
  tcase_add_test (tc, test_def6_import_does_not_forbid_moving);
  tcase_add_test (tc, test_def4_stalled_map_is_interruptible);
  tcase_add_test (tc, test_def4_own_deadlock_is_edeadlk);
  tcase_add_test (tc, test_att1_veto_while_moving_leaves_all_in_place);
  tcase_add_test (tc, test_att1_allocated_buffer_refuses_what_cannot_reach_it);
  tcase_add_test (tc, test_def5_revoke);
  tcase_add_test (tc, test_def2_no_reader_sees_a_torn_frame);
  tcase_add_test (tc, test_choose_tells_its_reasons);

  return s;
}

GST_CHECK_MAIN (storage);
