/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Hostile input from other processes (SEC-1 … SEC-12). */

#include "../lib/backend.h"

#include <drm/drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

typedef struct
{
  int sockets[2];
  DmabufBuffer *buffer;
} Pair;

static void
pair_init (Pair *pair)
{
  DmabufExporter *exporter = backend_new_exporter (0);

  fail_unless (
      socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair->sockets) == 0);
  pair->buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  g_object_unref (exporter);
}

static void
pair_clear (Pair *pair)
{
  dmabuf_buffer_unref (pair->buffer);
  close (pair->sockets[0]);
  close (pair->sockets[1]);
}

/* SEC-1, SEC-2, EXP-8: received fds are close-on-exec and lead to the same
 * buffer. */
GST_START_TEST (test_sec1_received_fds)
{
  DmabufBuffer *again;
  GError *error = NULL;
  char text[8] = "frame 1";
  int fds[2], fd;
  Pair pair;

  pair_init (&pair);
  fd = dmabuf_buffer_get_fd (pair.buffer);
  fds[0] = fds[1] = fd;
  fail_unless (dmabuf_socket_send (pair.sockets[0], text, 8, fds, 2, &error));
  fail_unless (
      dmabuf_socket_receive (pair.sockets[1], text, 8, fds, 2, &error));
  fail_unless (fcntl (fds[0], F_GETFD) & FD_CLOEXEC);
  fail_unless (fcntl (fds[1], F_GETFD) & FD_CLOEXEC);
  again = dmabuf_buffer_import_take (fds[0], &error);
  fail_unless (again == pair.buffer);
  dmabuf_buffer_unref (again);
  dmabuf_kernel->close (fds[1]);
  pair_clear (&pair);
}
GST_END_TEST;

/* SEC-1: with more or fewer fds or bytes than agreed all fds are closed. */
GST_START_TEST (test_sec1_surplus_and_short_messages)
{
  static const struct
  {
    guint bytes, n_fds;
  } sent[] = { { 8, 3 }, { 8, 1 }, { 8, 0 }, { 4, 2 }, { 8, 16 } };
  GError *error = NULL;
  char text[16] = { 0 };
  int fds[16];
  guint i, j;

  for (i = 0; i < G_N_ELEMENTS (sent); i++) {
    Pair pair;

    pair_init (&pair);
    for (j = 0; j < 16; j++)
      fds[j] = dmabuf_buffer_get_fd (pair.buffer);
    fail_unless (dmabuf_socket_send (
        pair.sockets[0], text, sent[i].bytes, fds, sent[i].n_fds, &error));
    fail_if (dmabuf_socket_receive (pair.sockets[1], text, 8, fds, 2, &error));
    assert_error (error, EBADMSG);
    shutdown (pair.sockets[0], SHUT_RDWR);
    fail_if (dmabuf_socket_receive (pair.sockets[1], text, 8, fds, 2, &error));
    assert_error (error, ECONNRESET);
    pair_clear (&pair);
  }
}
GST_END_TEST;

/* SEC-2, CLO-1: a child that execs sees none of our fds. */
GST_START_TEST (test_sec2_nothing_leaks_into_a_child)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  int fd = dmabuf_buffer_export (buffer, NULL);
  g_autofree char *script =
      g_strdup_printf ("test ! -e /proc/self/fd/%d -a ! -e /proc/self/fd/%d",
          fd, dmabuf_buffer_get_fd (buffer));
  int status;
  pid_t pid;

  pid = fork ();
  if (pid == 0) {
    execl ("/bin/sh", "sh", "-c", script, NULL);
    _exit (2);
  }
  fail_unless (waitpid (pid, &status, 0) == pid);
  fail_unless (WIFEXITED (status) && WEXITSTATUS (status) == 0);

  dmabuf_kernel->close (fd);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* SEC-6: the flags of a peer's file stay unchanged. SEC-3: its fd stays open.
 */
GST_START_TEST (test_sec6_flags_of_a_foreign_fd)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  int fd = dmabuf_buffer_export (buffer, NULL), flags;

  dmabuf_buffer_unref (buffer);
  flags = fcntl (fd, F_GETFL);
  buffer = dmabuf_buffer_import (fd, NULL);
  dmabuf_buffer_vunmap (
      buffer, dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_READ, NULL));
  dmabuf_buffer_wait (buffer, DMABUF_ACCESS_WRITE, 0, NULL, NULL);
  fail_unless_equals_int (fcntl (fd, F_GETFL), flags);
  dmabuf_buffer_unref (buffer);
  fail_unless_equals_int (fcntl (fd, F_GETFL), flags);
  dmabuf_kernel->close (fd);
  g_object_unref (exporter);
}
GST_END_TEST;

/* SEC-9: a dma-buf that does not tell its size is refused. */
GST_START_TEST (test_sec9_unknown_size)
{
  int fd = fake_kernel_new_dmabuf (PAGE, O_RDWR);
  GError *error = NULL;

  /* The 4th call: statx, readlink, dup, lseek */
  fake_kernel_fail_nth (4, ESPIPE);
  fail_unless (dmabuf_buffer_import (fd, &error) == NULL);
  fail_unless (fake_kernel_fault_fired ());
  assert_error (error, EINVAL);
  dmabuf_kernel->close (fd);
}
GST_END_TEST;

static DmabufLayout
nv12_in (DmabufBuffer *buffer)
{
  DmabufLayout layout = {
    .format = DRM_FORMAT_NV12,
    .modifier = DRM_FORMAT_MOD_LINEAR,
    .width = 33,
    .height = 33,
    .n_planes = 2,
    .planes = { { buffer, 0, 64 }, { buffer, 64 * 33, 64 } },
  };

  return layout;
}

#define REFUSED(change) \
  G_STMT_START \
  { \
    layout = nv12_in (buffer); \
    change; \
    fail_if (dmabuf_layout_validate (&layout, &error), "%s", #change); \
    assert_error (error, EINVAL); \
  } \
  G_STMT_END

/* SEC-7, SEC-8: every plane is checked against the buffer's size, with chroma
 * rounded up; CVE-2026-46209 rounded down. */
GST_START_TEST (test_sec7_layouts)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  GError *error = NULL;
  DmabufLayout layout = nv12_in (buffer);
  guint32 row_bytes, rows;

  /* 33 rows of 64 and 17 of 64: 3200 bytes */
  fail_unless (dmabuf_layout_validate (&layout, &error));
  fail_unless (dmabuf_format_get_plane_size (
      DRM_FORMAT_NV12, 1, 33, 33, &row_bytes, &rows));
  fail_unless_equals_int (row_bytes, 34);
  fail_unless_equals_int (rows, 17);

  /* The last byte counts: 16 rows of 64 and one of 34 must fit. */
  layout.planes[1].offset = PAGE - 16 * 64 - 34;
  fail_unless (dmabuf_layout_validate (&layout, &error));
  REFUSED (layout.planes[1].offset = PAGE - 16 * 64 - 33);

  REFUSED (layout.planes[0].pitch = 32);
  REFUSED (layout.planes[1].pitch = 33);
  REFUSED (layout.planes[1].pitch = 0);
  REFUSED (layout.planes[1].offset = PAGE);
  REFUSED (layout.planes[1].offset = G_MAXUINT64 - 8);
  REFUSED (layout.planes[0].pitch = G_MAXUINT32);
  REFUSED (layout.planes[1].buffer = NULL);
  REFUSED (layout.n_planes = 1);
  REFUSED (layout.n_planes = 3);
  REFUSED (layout.n_planes = 0);
  REFUSED (layout.n_planes = G_MAXUINT32);
  REFUSED (layout.width = 0);
  REFUSED (layout.height = 0);
  REFUSED (layout.width = G_MAXUINT32);
  REFUSED (layout.height = G_MAXUINT32);
  REFUSED (layout.format = 0x20202020);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* SEC-8: only the driver knows the size of a tiled frame; its offsets are
 * checked all the same. */
GST_START_TEST (test_sec8_modifiers)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  GError *error = NULL;
  DmabufLayout layout = nv12_in (buffer);

  layout.modifier = I915_FORMAT_MOD_Y_TILED;
  layout.height = 1000;
  fail_unless (dmabuf_layout_validate (&layout, &error));
  layout.planes[1].offset = PAGE;
  fail_if (dmabuf_layout_validate (&layout, &error));
  assert_error (error, EINVAL);

  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

static DmabufLayout *shared_layout;

static void
meddle (DmabufAttachment *attachment, const DmabufLayout *layout)
{
  /* The peer changes the layout right after the check. */
  shared_layout->planes[0].offset = G_MAXUINT32;
  fail_unless_equals_int (layout->planes[0].offset, 0);
}

/* SEC-11: the layout that was checked is used, not the original. */
GST_START_TEST (test_sec11_layout_is_copied_before_the_check)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  TestDevice *device = test_device_new ("test", 0);
  DmabufLayout layout = nv12_in (buffer);
  DmabufAttachment *attachment;

  shared_layout = &layout;
  device->on_import = meddle;
  attachment = dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
  fail_unless (dmabuf_attachment_import (attachment, &layout, NULL, NULL));
  fail_unless_equals_int (device->n_imports, 1);
  dmabuf_attachment_unref (attachment);
  g_object_unref (device);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

static void
look_around (DmabufAttachment *attachment, const DmabufLayout *layout)
{
  DmabufDevice *device = dmabuf_attachment_get_device (attachment);
  DmabufBuffer *buffer = dmabuf_attachment_get_buffer (attachment);
  DmabufReservation *reservation = dmabuf_buffer_get_reservation (buffer);
  DmabufAttachment *again = dmabuf_device_attach (device, buffer, NULL);
  gpointer address;

  fail_unless (again == attachment);
  dmabuf_attachment_unref (again);
  dmabuf_device_trim (device);
  fail_unless (dmabuf_reservation_lock (reservation, NULL, NULL));
  dmabuf_reservation_unlock (reservation);
  fail_unless (dmabuf_buffer_begin_cpu_access (
      buffer, DMABUF_ACCESS_READ, DMABUF_DEADLINE_NEVER, NULL, NULL));
  address = dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_READ, NULL);
  dmabuf_buffer_vunmap (buffer, address);
  fail_unless (dmabuf_buffer_end_cpu_access (buffer, DMABUF_ACCESS_READ, NULL));
}

/* LOCK-1: operations of devices and exporters are called under no lock, so they
 * may call the library. */
GST_START_TEST (test_lock1_callbacks_run_without_locks)
{
  DmabufExporter *exporter = backend_new_exporter (__i__);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  TestDevice *device = test_device_new ("test", 0);
  DmabufLayout layout = nv12_in (buffer);
  DmabufAttachment *attachment;

  device->on_import = look_around;
  attachment = dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
  fail_unless (dmabuf_attachment_import (attachment, &layout, NULL, NULL));
  fail_unless_equals_int (device->n_imports, 1);
  dmabuf_attachment_unref (attachment);
  g_object_unref (device);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* SEC-12: LINEAR and INVALID are two modifiers, and a device takes only those
 * that it offered. */
GST_START_TEST (test_sec12_modifiers_that_were_offered)
{
  DmabufExporter *exporter = backend_new_exporter (0);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, PAGE, NULL);
  TestDevice *device = test_device_new ("display", 0);
  g_autoptr (DmabufConstraints) offered = dmabuf_constraints_new ("display");
  DmabufLayout layout = nv12_in (buffer);
  DmabufAttachment *attachment;
  GError *error = NULL;

  dmabuf_constraints_add_format (
      offered, DRM_FORMAT_NV12, DRM_FORMAT_MOD_LINEAR);
  dmabuf_device_set_constraints (DMABUF_DEVICE (device), offered);
  attachment = dmabuf_device_attach (DMABUF_DEVICE (device), buffer, NULL);
  layout.modifier = DRM_FORMAT_MOD_INVALID;
  fail_unless (
      dmabuf_attachment_import (attachment, &layout, NULL, &error) == NULL);
  assert_error (error, EINVAL);
  fail_unless_equals_int (device->n_imports, 0);
  layout.modifier = DRM_FORMAT_MOD_LINEAR;
  fail_unless (dmabuf_attachment_import (attachment, &layout, NULL, &error));

  dmabuf_attachment_unref (attachment);
  g_object_unref (device);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}
GST_END_TEST;

/* STAT-1: names are hostile text, and numbers may be invalid. */
GST_START_TEST (test_stat1_hostile_fdinfo)
{
  static const char text[] = "pos:\t0\nino:\t12\nsize:\t4096\ncount:\t1\n"
                             "exp_name:\tsystem\nname:\ta\x1b[31m\xff"
                             "b\n";
  static const char *const others[] = { "", "size:\t4096\n",
    "size:\t99999999999999999999999\nexp_name:\tx\n",
    "size:\t-1\nexp_name:\tx\n", "exp_name:\tx\n", "size:\nexp_name:\n" };
  DmabufBufferInfo *info;
  guint i;

  info = dmabuf_buffer_info_parse_fdinfo (text, sizeof text - 1);
  fail_unless (info != NULL);
  fail_unless_equals_int (info->inode, 12);
  fail_unless_equals_int (info->size, 4096);
  fail_unless (g_utf8_validate (info->name, -1, NULL));
  fail_unless (strchr (info->name, '\x1b') == NULL);
  dmabuf_buffer_info_free (info);
  for (i = 0; i < G_N_ELEMENTS (others); i++)
    fail_unless (dmabuf_buffer_info_parse_fdinfo (others[i], strlen (others[i]))
        == NULL);
}
GST_END_TEST;

static Suite *
hostile_suite (void)
{
  Suite *s = suite_create ("hostile");
  TCase *tc = backend_add_case (s, "hostile");

  tcase_add_test (tc, test_sec1_received_fds);
  tcase_add_test (tc, test_sec1_surplus_and_short_messages);
  tcase_add_loop_test (
      tc, test_sec2_nothing_leaks_into_a_child, 0, BACKEND_N_EXPORTERS);
  tcase_add_test (tc, test_sec6_flags_of_a_foreign_fd);
  if (backend_is_fake ())
    tcase_add_test (tc, test_sec9_unknown_size);
  tcase_add_test (tc, test_sec7_layouts);
  tcase_add_test (tc, test_sec8_modifiers);
  tcase_add_test (tc, test_sec11_layout_is_copied_before_the_check);
  tcase_add_loop_test (
      tc, test_lock1_callbacks_run_without_locks, 0, BACKEND_N_EXPORTERS);
  tcase_add_test (tc, test_sec12_modifiers_that_were_offered);
  tcase_add_test (tc, test_stat1_hostile_fdinfo);

  return s;
}

GST_CHECK_MAIN (hostile);
