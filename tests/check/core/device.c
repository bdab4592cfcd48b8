/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices, attachments, imports and mappings. */

#include "../lib/backend.h"

#include <drm/drm_fourcc.h>
#include <errno.h>

#define PAGE 4096

static DmabufLayout
frame_in (DmabufBuffer *buffer)
{
  DmabufLayout layout = {
    .format = DRM_FORMAT_XRGB8888,
    .modifier = DRM_FORMAT_MOD_LINEAR,
    .width = 32,
    .height = 32,
    .n_planes = 1,
    .planes = { { buffer, 0, 128 } },
  };

  return layout;
}

/* ATT-1: EINVAL without a buffer. */
GST_START_TEST (test_att1_null_is_einval)
{
  TestDevice *device = test_device_new ("test", 0);
  GError *error = NULL;

  ASSERT_MISUSE (dmabuf_device_attach (DMABUF_DEVICE (device), NULL, &error));
  assert_error (error, EINVAL);
  g_object_unref (device);
}
GST_END_TEST;

/* There is one import per frame and device; reusing it costs no system call. */
GST_START_TEST (test_import_is_made_once)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  TestDevice *device = test_device_new ("test", 0);
  DmabufLayout layout = frame_in (buffer);
  DmabufStatistics statistics;
  DmabufAttachment *attachment;
  gboolean reused = TRUE;
  gpointer import;
  guint i;

  attachment = dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
  import = dmabuf_attachment_import (attachment, &layout, &reused, NULL);
  fail_unless (import != NULL);
  fail_if (reused);
  dmabuf_attachment_unref (attachment);

  if (backend_is_fake ())
    fake_kernel_reset_calls ();
  for (i = 0; i < 10; i++) {
    attachment = dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
    fail_unless (dmabuf_attachment_import (attachment, &layout, &reused, NULL)
        == import);
    fail_unless (reused);
    dmabuf_attachment_unref (attachment);
  }
  if (backend_is_fake ())
    fail_unless_equals_int (fake_kernel_get_calls (FAKE_N_CALLS), 0);

  dmabuf_device_get_statistics (DMABUF_DEVICE (device), &statistics);
  fail_unless_equals_int (statistics.imports_made, 1);
  fail_unless_equals_int (statistics.imports_reused, 10);
  fail_unless_equals_int (statistics.attachments, 1);
  fail_unless_equals_int (device->n_imports, 1);

  dmabuf_device_trim (DMABUF_DEVICE (device));
  fail_unless_equals_int (device->n_releases, 1);
  dmabuf_device_get_statistics (DMABUF_DEVICE (device), &statistics);
  fail_unless_equals_int (statistics.attachments, 0);

  dmabuf_buffer_unref (buffer);
  g_object_unref (device);
  g_object_unref (exporter);
}
GST_END_TEST;

/* The layout is a part of an import's key; a refused import leaves no entry. */
GST_START_TEST (test_import_is_keyed_by_layout)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, 4 * PAGE, NULL);
  DmabufBuffer *other = dmabuf_exporter_allocate (exporter, 4 * PAGE, NULL);
  TestDevice *device = test_device_new ("test", 0);
  DmabufLayout layout = frame_in (buffer), second = frame_in (buffer);
  DmabufAttachment *attachment;
  GError *error = NULL;
  gpointer import;

  attachment = dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
  import = dmabuf_attachment_import (attachment, &layout, NULL, NULL);

  second.planes[0].offset = PAGE;
  device->fail_with = EIO;
  fail_unless (
      dmabuf_attachment_import (attachment, &second, NULL, &error) == NULL);
  assert_error (error, EIO);
  device->fail_with = 0;
  fail_unless (
      dmabuf_attachment_import (attachment, &second, NULL, NULL) != import);
  fail_unless (
      dmabuf_attachment_import (attachment, &layout, NULL, NULL) == import);

  /* The frame lies in another buffer than the attachment's. */
  second = frame_in (other);
  fail_unless (
      dmabuf_attachment_import (attachment, &second, NULL, &error) == NULL);
  assert_error (error, EINVAL);

  /* With planes in two buffers the import holds the other one. */
  layout.format = DRM_FORMAT_NV12;
  layout.n_planes = 2;
  layout.planes[1] = (DmabufPlane) { other, 0, 128 };
  fail_unless (
      dmabuf_attachment_import (attachment, &layout, NULL, &error) != NULL);
  dmabuf_buffer_unref (other);

  dmabuf_attachment_unref (attachment);
  dmabuf_buffer_unref (buffer);
  g_object_unref (device);
  g_object_unref (exporter);
}
GST_END_TEST;

/* The least recently used attachment is evicted; held ones stay. */
GST_START_TEST (test_cache_is_bounded_and_lru)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  TestDevice *device = test_device_new ("test", 0);
  DmabufAttachment *attachments[6], *again;
  DmabufBuffer *buffers[6];
  DmabufStatistics statistics;
  guint i;

  g_object_set (device, "max-attachments", 3, NULL);
  for (i = 0; i < 6; i++) {
    buffers[i] = dmabuf_exporter_allocate (exporter, PAGE, NULL);
    attachments[i] =
        dmabuf_device_attach (DMABUF_DEVICE (device), buffers[i], NULL);
    if (i > 0)
      dmabuf_attachment_unref (attachments[i]);
  }

  dmabuf_device_get_statistics (DMABUF_DEVICE (device), &statistics);
  fail_unless_equals_int (statistics.attachments, 3);
  fail_unless_equals_int (statistics.evictions, 3);

  /* Attachment 0 was held; 4 and 5 are the youngest. */
  for (i = 0; i < 6; i++) {
    again = dmabuf_device_attach (DMABUF_DEVICE (device), buffers[i], NULL);
    if (i == 0)
      fail_unless (again == attachments[0]);
    dmabuf_attachment_unref (again);
    if (i == 0)
      dmabuf_attachment_unref (attachments[0]);
    dmabuf_buffer_unref (buffers[i]);
  }
  dmabuf_device_get_statistics (DMABUF_DEVICE (device), &statistics);
  fail_unless_equals_int (statistics.attachments, 3);

  g_object_unref (device);
  g_object_unref (exporter);
}
GST_END_TEST;

/* MAP-1, MAP-6: nested maps of one direction, EBUSY for another. */
GST_START_TEST (test_map6_nesting)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  TestDevice *device = test_device_new ("test", 0);
  DmabufMapping *first, *second;
  DmabufAttachment *attachment;
  GError *error = NULL;

  attachment = dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);

  ASSERT_MISUSE (
      dmabuf_attachment_map (attachment, (DmabufDirection) 3, &error));
  assert_error (error, EINVAL);

  first = dmabuf_attachment_map (attachment, DMABUF_DIRECTION_TO_DEVICE, NULL);
  second = dmabuf_attachment_map (attachment, DMABUF_DIRECTION_TO_DEVICE, NULL);
  fail_unless (first && second && first != second);
  fail_unless (
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_FROM_DEVICE, &error)
      == NULL);
  assert_error (error, EBUSY);
  fail_unless (dmabuf_mapping_unmap (first, NULL, NULL));
  fail_unless (
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_BIDIRECTIONAL, &error)
      == NULL);
  assert_error (error, EBUSY);
  fail_unless (dmabuf_mapping_unmap (second, NULL, NULL));

  first =
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_FROM_DEVICE, NULL);
  fail_unless (first != NULL);
  fail_unless (dmabuf_mapping_unmap (first, NULL, NULL));

  dmabuf_attachment_unref (attachment);
  dmabuf_buffer_unref (buffer);
  g_object_unref (device);
  g_object_unref (exporter);
}
GST_END_TEST;

/* A frame on a known buffer: attach, map and unmap without fences make no
 * system call. */
GST_START_TEST (test_map_of_a_known_buffer_makes_no_call)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  TestDevice *device =
      test_device_new ("test", DMABUF_DEVICE_FLAG_IMPLICIT_SYNC);
  guint i;

  dmabuf_buffer_get_fd (buffer);
  for (i = 0; i < 10; i++) {
    DmabufAttachment *attachment =
        dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
    DmabufMapping *mapping =
        dmabuf_attachment_map (attachment, DMABUF_DIRECTION_TO_DEVICE, NULL);

    fail_unless (dmabuf_mapping_get_fence (mapping) == NULL);
    dmabuf_mapping_unmap (mapping, NULL, NULL);
    dmabuf_attachment_unref (attachment);
    if (i == 0)
      fake_kernel_reset_calls ();
  }
  fail_unless_equals_int (fake_kernel_get_calls (FAKE_N_CALLS), 0);

  dmabuf_buffer_unref (buffer);
  g_object_unref (device);
  g_object_unref (exporter);
}
GST_END_TEST;

/* ATT-7: the number of imports stays bounded while layouts change; imports that
 * the present holder has used are kept. */
GST_START_TEST (test_imports_of_many_layouts_are_bounded)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  TestDevice *device = test_device_new ("test", DMABUF_DEVICE_FLAG_NONE);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, 64 * PAGE, NULL);
  DmabufLayout layout = frame_in (buffer);
  DmabufAttachment *attachment;
  gboolean reused;
  guint i;

  for (i = 0; i < 200; i++) {
    attachment = dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
    layout.planes[0].offset = i * 4;
    fail_unless (dmabuf_attachment_import (attachment, &layout, NULL, NULL));
    dmabuf_attachment_unref (attachment);
    fail_unless (device->n_imports - device->n_releases <= 16);
  }
  fail_unless_equals_int (device->n_imports, 200);

  /* Held: each of them stays valid. */
  attachment = dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
  for (i = 0; i < 40; i++) {
    layout.planes[0].offset = i * 8;
    fail_unless (dmabuf_attachment_import (attachment, &layout, NULL, NULL));
  }
  for (i = 0; i < 40; i++) {
    layout.planes[0].offset = i * 8;
    fail_unless (dmabuf_attachment_import (attachment, &layout, &reused, NULL));
    fail_unless (reused);
  }

  dmabuf_attachment_unref (attachment);
  dmabuf_device_trim (DMABUF_DEVICE (device));
  dmabuf_buffer_unref (buffer);
  fail_unless_equals_int (device->n_imports, device->n_releases);
  g_object_unref (device);
  g_object_unref (exporter);
}
GST_END_TEST;

typedef struct
{
  DmabufDevice *device;
  DmabufBuffer *buffers[8];
} Hammer;

static gpointer
hammer (gpointer data)
{
  Hammer *h = data;
  guint i;

  for (i = 0; i < 1000; i++) {
    DmabufBuffer *buffer = h->buffers[(i * 7) % 8];
    DmabufAttachment *attachment =
        dmabuf_device_attach (h->device, buffer, NULL);
    DmabufLayout layout = frame_in (buffer);
    DmabufMapping *mapping;

    fail_unless (
        dmabuf_attachment_import (attachment, &layout, NULL, NULL) != NULL);
    mapping =
        dmabuf_attachment_map (attachment, DMABUF_DIRECTION_TO_DEVICE, NULL);
    fail_unless (mapping != NULL);
    dmabuf_mapping_unmap (mapping, NULL, NULL);
    dmabuf_attachment_unref (attachment);
  }
  return NULL;
}

/* ATT-7: the cache under threads that evict each other's entries. */
GST_START_TEST (test_cache_under_threads)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  TestDevice *device =
      test_device_new ("test", DMABUF_DEVICE_FLAG_IMPLICIT_SYNC);
  Hammer h = { DMABUF_DEVICE (device) };
  GThread *threads[4];
  guint i;

  g_object_set (device, "max-attachments", 4, NULL);
  for (i = 0; i < 8; i++)
    h.buffers[i] = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("hammer", hammer, &h);
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  for (i = 0; i < 8; i++)
    dmabuf_buffer_unref (h.buffers[i]);

  dmabuf_device_trim (DMABUF_DEVICE (device));
  fail_unless_equals_int (device->n_imports, device->n_releases);
  g_object_unref (device);
  g_object_unref (exporter);
}
GST_END_TEST;

static Suite *
device_suite (void)
{
  Suite *s = suite_create ("device");
  TCase *tc = backend_add_case (s, "device");

  tcase_add_test (tc, test_att1_null_is_einval);
  tcase_add_loop_test (tc, test_import_is_made_once, 0, BACKEND_N_EXPORTERS);
  tcase_add_test (tc, test_import_is_keyed_by_layout);
  tcase_add_test (tc, test_cache_is_bounded_and_lru);
  tcase_add_test (tc, test_imports_of_many_layouts_are_bounded);
  tcase_add_loop_test (tc, test_map6_nesting, 0, BACKEND_N_EXPORTERS);
  if (backend_is_fake ())
    tcase_add_test (tc, test_map_of_a_known_buffer_makes_no_call);
  tcase_add_test (tc, test_cache_under_threads);

  return s;
}

GST_CHECK_MAIN (device);
