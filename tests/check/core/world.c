/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "world.h"

#include <string.h>

void
world_constrain (TestDevice *device, gboolean contiguous, const char *memory)
{
  const char *name = dmabuf_device_get_name (DMABUF_DEVICE (device));
  g_autoptr (DmabufConstraints) constraints = dmabuf_constraints_new (name);

  dmabuf_constraints_set_contiguous (constraints, contiguous);
  if (memory)
    dmabuf_constraints_add_memory (constraints, memory);
  dmabuf_device_set_constraints (DMABUF_DEVICE (device), constraints);
}

void
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
  world_constrain (w->codec, TRUE, NULL);

  exporters[0] = DMABUF_EXPORTER (w->loose);
  exporters[1] = DMABUF_EXPORTER (w->solid);
  w->buffer = dmabuf_buffer_new_deferred (exporters, 2, WORLD_SIZE - 1, &error);
  assert_no_error (error);
}

void
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

DmabufAttachment *
world_attach (TestDevice *device, DmabufBuffer *buffer)
{
  GError *error = NULL;
  DmabufAttachment *attachment =
      dmabuf_device_attach (DMABUF_DEVICE (device), buffer, &error);

  assert_no_error (error);
  return attachment;
}

void
world_map_once (DmabufAttachment *attachment)
{
  GError *error = NULL;
  DmabufMapping *mapping;

  mapping =
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_TO_DEVICE, &error);
  assert_no_error (error);
  dmabuf_mapping_unmap (mapping, NULL, NULL);
}

void
world_fill (DmabufBuffer *buffer, int value)
{
  g_auto (DmabufCpuScope) scope = DMABUF_CPU_SCOPE_INIT;
  GError *error = NULL;
  gpointer data = dmabuf_cpu_scope_begin (
      &scope, buffer, DMABUF_ACCESS_WRITE, DMABUF_DEADLINE_NEVER, NULL, &error);

  assert_no_error (error);
  memset (data, value, WORLD_SIZE);
  fail_unless (dmabuf_cpu_scope_end (&scope, &error));
}

int
world_content (DmabufBuffer *buffer)
{
  g_auto (DmabufCpuScope) scope = DMABUF_CPU_SCOPE_INIT;
  GError *error = NULL;
  guint8 *data = dmabuf_cpu_scope_begin (
      &scope, buffer, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, &error);
  guint i;

  assert_no_error (error);
  for (i = 1; i < WORLD_SIZE; i++) {
    if (data[i] != data[0])
      return -1;
  }
  return data[0];
}
