/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "backend.h"
#include <libdmabufcore/dmabuf-poller-private.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static guint fds_before;

gboolean
backend_is_fake (void)
{
  return g_strcmp0 (g_getenv ("DMABUF_TEST_BACKEND"), "kernel") != 0;
}

gboolean
backend_in_valgrind (void)
{
  const char *preloaded = g_getenv ("LD_PRELOAD");

  return preloaded && strstr (preloaded, "vgpreload");
}

/* Writes a line of TAP between libcheck's own. Unbuffered, as this is a child
 * and stdio's buffer is the parent's too. */
void
backend_skip (const char *name, const char *reason)
{
  dprintf (STDOUT_FILENO, "\nok 0 %s # SKIP %s\n", name, reason);
}

static guint
count_fds (void)
{
  DIR *dir = opendir ("/proc/self/fd");
  guint n = 0;

  fail_unless (dir != NULL);
  while (readdir (dir))
    n++;
  closedir (dir);
  return n;
}

const DmabufKernel *
backend_real_kernel (void)
{
  static DmabufKernel kernel;

  kernel = dmabuf_kernel_linux;
  kernel.ppoll = sleeper_ppoll;
  kernel.epoll_wait = sleeper_epoll_wait;
  return &kernel;
}

void
backend_start (void)
{
  fail_unless (dmabuf_poller_ensure_started () == 0);
  fds_before = count_fds ();
  if (backend_is_fake ())
    fake_kernel_start ();
  else
    dmabuf_kernel_replace (backend_real_kernel ());
}

void
backend_stop (void)
{
  DmabufStatistics statistics;

  /* The poller may still hold a reference when the callback that a test waits
   * for has run. */
  if (backend_is_fake ())
    fake_kernel_fail_nth (0, 0);
  poller_settle ();

  dmabuf_statistics_get (&statistics);
  fail_unless_equals_int (statistics.buffers, 0);
  fail_unless_equals_int (statistics.bytes, 0);
  fail_unless_equals_int (statistics.attachments, 0);
  fail_unless_equals_int (statistics.mappings, 0);

  if (backend_is_fake ()) {
    fail_unless_equals_int (fake_kernel_stop (), 0);
  } else {
    dmabuf_kernel_replace (NULL);
  }
  fail_unless_equals_int (count_fds (), fds_before);
}

TCase *
backend_add_case (Suite *suite, const char *name)
{
  TCase *tc = tcase_create (name);

  suite_add_tcase (suite, tc);
  tcase_add_checked_fixture (tc, backend_start, backend_stop);
  return tc;
}

DmabufExporter *
backend_new_exporter (guint n)
{
  GError *error = NULL;
  DmabufExporter *exporter = NULL, *backing;

  switch (n) {
  case 0:
    exporter = dmabuf_heap_exporter_new (NULL, &error);
    break;
  case 1:
    exporter = dmabuf_udmabuf_exporter_new (&error);
    break;
  case 2:
    backing = backend_new_exporter (0);
    exporter = DMABUF_EXPORTER (third_exporter_new ("third", backing, FALSE));
    g_object_unref (backing);
    break;
  case 3:
    backing = backend_new_exporter (0);
    exporter = non_coherent_exporter_new (backing);
    g_object_unref (backing);
    break;
  default:
    return NULL;
  }
  assert_no_error (error);
  return exporter;
}

guint8 *
backend_map (int fd, gsize size)
{
  guint8 *address =
      dmabuf_kernel->mmap (size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  fail_unless (address != MAP_FAILED, "mmap: %s", g_strerror (errno));
  return address;
}

/* --- A device ------------------------------------------------------------ */

G_DEFINE_FINAL_TYPE (TestDevice, test_device, DMABUF_TYPE_DEVICE)

static gpointer
test_device_import (DmabufDevice *device, DmabufAttachment *attachment,
    const DmabufLayout *layout, GError **error)
{
  TestDevice *self = TEST_DEVICE (device);
  int code = g_atomic_int_get (&self->fail_with);

  fail_unless (dmabuf_attachment_get_device (attachment) == device);
  fail_unless (dmabuf_buffer_get_fd (layout->planes[0].buffer) >= 0);

  if (self->on_import)
    self->on_import (attachment, layout);
  if (code) {
    g_set_error (error, DMABUF_ERROR, code, "the test device refuses");
    return NULL;
  }
  return GINT_TO_POINTER (g_atomic_int_add (&self->n_imports, 1) + 1);
}

static void
test_device_release_import (DmabufDevice *device, gpointer import)
{
  g_atomic_int_inc (&TEST_DEVICE (device)->n_releases);
}

static void
test_device_class_init (TestDeviceClass *klass)
{
  DMABUF_DEVICE_CLASS (klass)->import = test_device_import;
  DMABUF_DEVICE_CLASS (klass)->release_import = test_device_release_import;
}

static void
test_device_init (TestDevice *self)
{
}

TestDevice *
test_device_new (const char *name, DmabufDeviceFlags flags)
{
  return g_object_new (TEST_TYPE_DEVICE, "name", name, "flags", flags, NULL);
}

/* --- A dynamic importer -------------------------------------------------- */

#define DYNAMIC_TYPE_DEVICE (dynamic_device_get_type ())
G_DECLARE_FINAL_TYPE (
    DynamicDevice, dynamic_device, DYNAMIC, DEVICE, DmabufDevice)

struct _DynamicDevice
{
  DmabufDevice parent_instance;

  gint n_invalidated;
};

G_DEFINE_FINAL_TYPE (DynamicDevice, dynamic_device, DMABUF_TYPE_DEVICE)

static gpointer
dynamic_device_import (DmabufDevice *device, DmabufAttachment *attachment,
    const DmabufLayout *layout, GError **error)
{
  return device;
}

static void
dynamic_device_invalidate (DmabufDevice *device, DmabufAttachment *attachment)
{
  g_atomic_int_inc (&DYNAMIC_DEVICE (device)->n_invalidated);
}

static void
dynamic_device_class_init (DynamicDeviceClass *klass)
{
  DMABUF_DEVICE_CLASS (klass)->import = dynamic_device_import;
  DMABUF_DEVICE_CLASS (klass)->invalidate = dynamic_device_invalidate;
}

static void
dynamic_device_init (DynamicDevice *self)
{
}

DmabufDevice *
dynamic_device_new (const char *name)
{
  return g_object_new (DYNAMIC_TYPE_DEVICE, "name", name, NULL);
}

guint
dynamic_device_get_n_invalidated (DmabufDevice *device)
{
  return g_atomic_int_get (&DYNAMIC_DEVICE (device)->n_invalidated);
}
