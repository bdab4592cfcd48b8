/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs every function that makes system calls, with the n-th call failing, for
 * n = 1, 2, … until it makes fewer calls. It returns an error or succeeds, and
 * leaks nothing in either case (SEC-3, SEC-21). */

#include "../lib/backend.h"

#include <drm/drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE 4096

/* The objects that are set up before the fault is armed. */
typedef struct
{
  DmabufExporter *heap, *udmabuf, *memfd, *third;
  DmabufBuffer *buffer;   /* Of the heap; its fd has not left the core */
  DmabufBuffer *foreign;  /* Imported already */
  DmabufBuffer *deferred; /* To be placed in "third", then moved to the heap */
  TestDevice *device, *strict;
  DmabufAttachment *attachment;
  int unknown_fd; /* A dma-buf that is not imported yet */
  int sealed_fd;
  int sockets[2];
} Stage;

typedef gboolean (*Function) (Stage *stage, GError **error);

static void
stage_init (Stage *stage)
{
  g_autoptr (DmabufConstraints) constraints = dmabuf_constraints_new ("strict");
  DmabufExporter *exporters[2];

  stage->heap = dmabuf_heap_exporter_new (NULL, NULL);
  stage->udmabuf = dmabuf_udmabuf_exporter_new (NULL);
  stage->memfd = dmabuf_memfd_exporter_new ();
  stage->third =
      DMABUF_EXPORTER (third_exporter_new ("third", stage->heap, FALSE));
  stage->buffer = dmabuf_exporter_allocate (stage->heap, 2 * PAGE, NULL);
  stage->foreign = dmabuf_buffer_import_take (
      fake_kernel_new_dmabuf (2 * PAGE, O_RDWR), NULL);
  stage->unknown_fd = fake_kernel_new_dmabuf (PAGE, O_RDWR);
  stage->sealed_fd = dmabuf_kernel->memfd_create ("sealed", MFD_ALLOW_SEALING);
  dmabuf_kernel->ftruncate (stage->sealed_fd, PAGE);
  dmabuf_kernel->fcntl (
      stage->sealed_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  stage->device = test_device_new ("device", 0);
  stage->attachment = dmabuf_device_attach (
      DMABUF_DEVICE (stage->device), stage->foreign, NULL);

  exporters[0] = stage->third;
  exporters[1] = stage->heap;
  stage->deferred = dmabuf_buffer_new_deferred (exporters, 2, PAGE, NULL);
  stage->strict = test_device_new ("strict", 0);
  dmabuf_constraints_add_memory (constraints, "heap:system");
  dmabuf_device_set_constraints (DMABUF_DEVICE (stage->strict), constraints);

  fail_unless (
      socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stage->sockets) == 0);
}

static void
stage_clear (Stage *stage)
{
  close (stage->sockets[0]);
  close (stage->sockets[1]);
  dmabuf_attachment_unref (stage->attachment);
  g_object_unref (stage->device);
  g_object_unref (stage->strict);
  dmabuf_buffer_unref (stage->deferred);
  dmabuf_buffer_unref (stage->buffer);
  dmabuf_buffer_unref (stage->foreign);
  if (stage->unknown_fd >= 0)
    dmabuf_kernel->close (stage->unknown_fd);
  dmabuf_kernel->close (stage->sealed_fd);
  g_object_unref (stage->third);
  g_object_unref (stage->memfd);
  g_object_unref (stage->udmabuf);
  g_object_unref (stage->heap);
}

/* --- The functions ------------------------------------------------------- */

static gboolean
drop (DmabufBuffer *buffer)
{
  if (buffer)
    dmabuf_buffer_unref (buffer);
  return buffer != NULL;
}

static gboolean
drop_exporter (DmabufExporter *exporter)
{
  if (exporter)
    g_object_unref (exporter);
  return exporter != NULL;
}

static gboolean
run_import (Stage *s, GError **error)
{
  return drop (dmabuf_buffer_import (s->unknown_fd, error));
}

static gboolean
run_import_take (Stage *s, GError **error)
{
  int fd = s->unknown_fd;

  s->unknown_fd = -1;
  return drop (dmabuf_buffer_import_take (fd, error));
}

static gboolean
run_import_known (Stage *s, GError **error)
{
  int fd = dmabuf_buffer_get_fd (s->buffer);

  return drop (dmabuf_buffer_import (fd, error));
}

static gboolean
run_export (Stage *s, GError **error)
{
  int fd = dmabuf_buffer_export (s->buffer, error);

  if (fd >= 0)
    dmabuf_kernel->close (fd);
  return fd >= 0;
}

static gboolean
run_export_deferred (Stage *s, GError **error)
{
  int fd = dmabuf_buffer_export (s->deferred, error);

  if (fd >= 0)
    dmabuf_kernel->close (fd);
  return fd >= 0;
}

/* get_inode returns 0 for an error. */
static gboolean
run_get_inode (Stage *s, GError **error)
{
  dmabuf_buffer_get_inode (s->buffer);
  return TRUE;
}

static gboolean
run_set_name (Stage *s, GError **error)
{
  return dmabuf_buffer_set_name (s->foreign, "name", error);
}

static gboolean
run_wait (Stage *s, GError **error)
{
  return dmabuf_buffer_wait (
      s->foreign, DMABUF_ACCESS_WRITE, FAR_AWAY, NULL, error);
}

static gboolean
run_cpu_access (Stage *s, GError **error)
{
  if (!dmabuf_buffer_begin_cpu_access (
          s->foreign, DMABUF_ACCESS_WRITE, FAR_AWAY, NULL, error))
    return FALSE;
  return dmabuf_buffer_end_cpu_access (s->foreign, DMABUF_ACCESS_WRITE, error);
}

static gboolean
run_cpu_scope (Stage *s, GError **error)
{
  g_auto (DmabufCpuScope) scope = DMABUF_CPU_SCOPE_INIT;

  return dmabuf_cpu_scope_begin (&scope, s->foreign, DMABUF_ACCESS_READ,
             DMABUF_DEADLINE_NEVER, NULL, error)
      && dmabuf_cpu_scope_end (&scope, error);
}

static gboolean
run_vmap (Stage *s, GError **error)
{
  gpointer address =
      dmabuf_buffer_vmap (s->foreign, DMABUF_ACCESS_WRITE, error);

  if (address)
    dmabuf_buffer_vunmap (s->foreign, address);
  return address != NULL;
}

static gboolean
run_mmap (Stage *s, GError **error)
{
  gpointer address =
      dmabuf_buffer_mmap (s->foreign, PAGE, PAGE, DMABUF_ACCESS_WRITE, error);

  if (address)
    dmabuf_buffer_munmap (s->foreign, address, PAGE);
  return address != NULL;
}

static gboolean
run_map_page (Stage *s, GError **error)
{
  gpointer address;

  if (!dmabuf_buffer_begin_cpu_access (
          s->foreign, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, error))
    return FALSE;
  address = dmabuf_buffer_map_page (s->foreign, 1, DMABUF_ACCESS_READ, error);
  if (address)
    dmabuf_buffer_unmap_page (s->foreign, 1, address);
  return dmabuf_buffer_end_cpu_access (
             s->foreign, DMABUF_ACCESS_READ, address ? error : NULL)
      && address;
}

static gboolean
run_heap_new (Stage *s, GError **error)
{
  return drop_exporter (dmabuf_heap_exporter_new ("linux,cma", error));
}

static gboolean
run_heap_list (Stage *s, GError **error)
{
  char **names = dmabuf_heap_exporter_list (error);

  g_strfreev (names);
  return names != NULL;
}

static gboolean
run_udmabuf_new (Stage *s, GError **error)
{
  return drop_exporter (dmabuf_udmabuf_exporter_new (error));
}

static gboolean
run_allocate_heap (Stage *s, GError **error)
{
  return drop (dmabuf_exporter_allocate (s->heap, PAGE, error));
}

static gboolean
run_allocate_udmabuf (Stage *s, GError **error)
{
  return drop (dmabuf_exporter_allocate (s->udmabuf, PAGE, error));
}

static gboolean
run_allocate_memfd (Stage *s, GError **error)
{
  return drop (dmabuf_exporter_allocate (s->memfd, PAGE, error));
}

static gboolean
run_allocate_third (Stage *s, GError **error)
{
  return drop (dmabuf_exporter_allocate (s->third, PAGE, error));
}

static gboolean
run_create_list (Stage *s, GError **error)
{
  DmabufMemfdChunk chunk = { s->sealed_fd, 0, PAGE };

  return drop (
      dmabuf_udmabuf_exporter_create_list (s->udmabuf, &chunk, 1, error));
}

static gboolean
run_memfd_import (Stage *s, GError **error)
{
  return drop (dmabuf_memfd_exporter_import (s->memfd, s->sealed_fd, error));
}

static gboolean
run_attach_and_import (Stage *s, GError **error)
{
  DmabufLayout layout = {
    .format = DRM_FORMAT_R8,
    .modifier = DRM_FORMAT_MOD_LINEAR,
    .width = 16,
    .height = 16,
    .n_planes = 1,
    .planes = { { s->buffer, 0, 16 } },
  };
  DmabufAttachment *attachment;
  gpointer import;

  attachment =
      dmabuf_device_attach (DMABUF_DEVICE (s->device), s->buffer, error);
  if (!attachment)
    return FALSE;
  import = dmabuf_attachment_import (attachment, &layout, NULL, error);
  dmabuf_attachment_unref (attachment);
  return import != NULL;
}

static gboolean
map_and_unmap (DmabufAttachment *attachment, GError **error)
{
  DmabufMapping *mapping =
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_FROM_DEVICE, error);

  return mapping && dmabuf_mapping_unmap (mapping, NULL, error);
}

static gboolean
run_map (Stage *s, GError **error)
{
  return map_and_unmap (s->attachment, error);
}

/* The storage is placed in the third party's memory, then moves to the heap. */
static gboolean
run_migrate (Stage *s, GError **error)
{
  DmabufAttachment *first, *second;
  gboolean ok;

  first = dmabuf_device_attach (DMABUF_DEVICE (s->device), s->deferred, error);
  if (!first)
    return FALSE;
  ok = map_and_unmap (first, error);
  if (ok) {
    second =
        dmabuf_device_attach (DMABUF_DEVICE (s->strict), s->deferred, error);
    ok = second && map_and_unmap (second, error);
    if (second)
      dmabuf_attachment_unref (second);
  }
  dmabuf_attachment_unref (first);
  return ok;
}

static gboolean
run_list_process (Stage *s, GError **error)
{
  GPtrArray *list = dmabuf_buffer_info_list_process (0, error);

  if (list)
    g_ptr_array_unref (list);
  return list != NULL;
}

static gboolean
run_list_system (Stage *s, GError **error)
{
  GPtrArray *list = dmabuf_buffer_info_list_system (error);

  if (list)
    g_ptr_array_unref (list);
  return list != NULL;
}

static gboolean
run_socket (Stage *s, GError **error)
{
  int fd = dmabuf_buffer_get_fd (s->foreign), got;
  char byte = 0;

  if (!dmabuf_socket_send (s->sockets[0], &byte, 1, &fd, 1, error)
      || !dmabuf_socket_receive (s->sockets[1], &byte, 1, &got, 1, error))
    return FALSE;
  dmabuf_kernel->close (got);
  return TRUE;
}

static const struct
{
  const char *name;
  Function run;
} functions[] = {
  { "import", run_import },
  { "import_take", run_import_take },
  { "import of a known buffer", run_import_known },
  { "export", run_export },
  { "export of a deferred buffer", run_export_deferred },
  { "get_inode", run_get_inode },
  { "set_name", run_set_name },
  { "wait", run_wait },
  { "CPU access", run_cpu_access },
  { "CPU scope", run_cpu_scope },
  { "vmap", run_vmap },
  { "mmap", run_mmap },
  { "map_page", run_map_page },
  { "heap exporter", run_heap_new },
  { "heap list", run_heap_list },
  { "udmabuf exporter", run_udmabuf_new },
  { "allocate: heap", run_allocate_heap },
  { "allocate: udmabuf", run_allocate_udmabuf },
  { "allocate: memfd", run_allocate_memfd },
  { "allocate: third party", run_allocate_third },
  { "create_list", run_create_list },
  { "memfd import", run_memfd_import },
  { "attach and import", run_attach_and_import },
  { "map", run_map },
  { "migrate", run_migrate },
  { "list_process", run_list_process },
  { "list_system", run_list_system },
  { "socket", run_socket },
};

static const int codes[] = { EINTR, EAGAIN, ENOMEM, EMFILE, ENODEV, EIO,
  ENOTTY };

/* Runs one function whose n-th system call fails with @code. FALSE if it made
 * fewer calls than n. */
static gboolean
inject (guint function, guint n, int code)
{
  GError *error = NULL;
  gboolean fired, ok;
  Stage stage;

  stage_init (&stage);
  fake_kernel_fail_nth (n, code);
  ok = functions[function].run (&stage, &error);
  fired = fake_kernel_fault_fired ();
  fake_kernel_fail_nth (0, 0);

  if (!fired) {
    fail_unless (ok, "%s without a fault: %s", functions[function].name,
        error ? error->message : "no error");
  } else if (ok) {
    fail_unless (error == NULL, "%s succeeds, but: %s",
        functions[function].name, error ? error->message : "");
  } else {
    fail_unless (error != NULL, "%s fails without an error (call %u: %s)",
        functions[function].name, n, g_strerror (code));
    fail_unless (error->domain == DMABUF_ERROR && error->code == code,
        "%s (call %u: %s) fails with: %s", functions[function].name, n,
        g_strerror (code), error->message);
  }
  g_clear_error (&error);
  stage_clear (&stage);

  return fired;
}

/* SEC-3: the fixture counts fds, bytes, mappings and references after each. */
GST_START_TEST (test_sec3_fault_sweep)
{
  guint function = __i__, code, n, total = 0;

  for (code = 0; code < G_N_ELEMENTS (codes); code++) {
    for (n = 1;; n++) {
      backend_stop ();
      backend_start ();
      if (!inject (function, n, codes[code]))
        break;
      total++;
    }
  }
  g_print ("%s: %u faults injected\n", functions[function].name, total);
}
GST_END_TEST;

static Suite *
faults_suite (void)
{
  Suite *s = suite_create ("faults");
  TCase *tc = backend_add_case (s, "faults");

  tcase_add_loop_test (tc, test_sec3_fault_sweep, 0, G_N_ELEMENTS (functions));

  return s;
}

GST_CHECK_MAIN (faults);
