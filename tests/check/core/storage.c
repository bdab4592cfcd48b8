/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Deferred storage, and the devices that may attach (ATT-1, DEF-1, DEF-5,
 * DEF-6); migration.c has its moves. */

#include "world.h"

#include <errno.h>
#include <string.h>

/* DEF-1, ATT-2: attaching allocates nothing, and the size is known before the
 * storage; the first map allocates storage that suits all attached devices. */
GST_START_TEST (test_def1_first_map_sees_all_attachments)
{
  DmabufAttachment *camera, *codec;
  World w;

  world_init (&w);
  fail_unless_equals_int (dmabuf_buffer_get_size (w.buffer), WORLD_SIZE);
  fail_unless_equals_int (dmabuf_buffer_get_fd (w.buffer), -1);
  fail_unless_equals_int (dmabuf_buffer_get_inode (w.buffer), 0);

  camera = world_attach (w.camera, w.buffer);
  codec = world_attach (w.codec, w.buffer);
  fail_unless_equals_int (w.loose->n_allocated + w.solid->n_allocated, 0);
  fail_unless_equals_int (w.loose->n_attached + w.solid->n_attached, 0);

  world_map_once (camera);
  fail_unless_equals_int (w.loose->n_allocated, 0);
  fail_unless_equals_int (w.solid->n_allocated, 1);
  fail_unless_equals_int (w.solid->n_attached, 2);
  world_map_once (codec);
  fail_unless_equals_int (w.solid->n_allocated, 1);

  dmabuf_attachment_unref (camera);
  dmabuf_attachment_unref (codec);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-1: CPU access allocates as well; if the preferred exporter has no memory
 * left, the next one is used. */
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
  fail_unless_equals_int (world_content (w.buffer), 0);
  fail_unless_equals_int (w.solid->n_allocated, 1);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-3: a device that excludes an attached one is refused, and the message
 * names both. */
GST_START_TEST (test_def3_impossible_names_both_devices)
{
  DmabufAttachment *camera;
  GError *error = NULL;
  World w;

  world_init (&w);
  world_constrain (w.camera, FALSE, "loose");
  camera = world_attach (w.camera, w.buffer);

  fail_unless (
      dmabuf_device_attach (DMABUF_DEVICE (w.codec), w.buffer, &error) == NULL);
  fail_unless (strstr (error->message, "codec"), "%s", error->message);
  fail_unless (strstr (error->message, "camera"), "%s", error->message);
  assert_error (error, EBUSY);

  world_map_once (camera);
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

  /* Only a dynamic importer can pin. */
  camera = world_attach (w.camera, w.buffer);
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

/* ATT-1: a buffer that was allocated at once cannot move. */
GST_START_TEST (test_att1_allocated_buffer_refuses_what_cannot_reach_it)
{
  World w;
  DmabufBuffer *buffer;
  GError *error = NULL;

  world_init (&w);
  buffer =
      dmabuf_exporter_allocate (DMABUF_EXPORTER (w.loose), WORLD_SIZE, NULL);
  fail_unless (
      dmabuf_device_attach (DMABUF_DEVICE (w.codec), buffer, &error) == NULL);
  fail_unless (strstr (error->message, "codec"), "%s", error->message);
  fail_unless (strstr (error->message, "loose"), "%s", error->message);
  assert_error (error, EBUSY);
  dmabuf_buffer_unref (buffer);
  world_clear (&w);
}
GST_END_TEST;

/* DEF-5: after a revocation the device is told once, new mappings fail, and
 * open ones can end. */
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

/* The choice of an exporter comes with a reason for each candidate. */
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
  tcase_add_test (tc, test_def3_impossible_names_both_devices);
  tcase_add_test (tc, test_def6_fd_and_pin_forbid_moving);
  tcase_add_test (tc, test_att1_allocated_buffer_refuses_what_cannot_reach_it);
  tcase_add_test (tc, test_def5_revoke);
  tcase_add_test (tc, test_choose_tells_its_reasons);

  return s;
}

GST_CHECK_MAIN (storage);
