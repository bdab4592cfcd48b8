/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * IGT's dmabuf_sync_file and the fence part of vgem_basic and vgem_slow, by
 * their names, on a dma-buf: udmabuf with sw_sync and vgem in the lab, the fake
 * ones natively. Poll and an exported sync_file have to agree about the buffer.
 */

#include "../lib/sync.h"
#include "../fake-kernel/fake-sync.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <string.h>

static DmabufBuffer *buffer;
static int fd;
static int vgem;

static void
buffer_start (void)
{
  backend_start ();
  buffer = shared_buffer ();
  fd = dmabuf_buffer_get_fd (buffer);
  vgem = vgem_open ();
}

static void
buffer_stop (void)
{
  close_fd (vgem);
  dmabuf_buffer_unref (buffer);
  backend_stop ();
}

static int export (DmabufAccess access)
{
  int sync_file = dmabuf_kernel_export_sync_file (fd, access);

  fail_unless (sync_file >= 0, "EXPORT_SYNC_FILE: %s", g_strerror (-sync_file));
  return sync_file;
}

static gboolean
is_busy_by_file (DmabufAccess access)
{
  int sync_file = export (access);
  gboolean busy = !is_ready (sync_file, POLLIN);

  close_fd (sync_file);
  return busy;
}

/* Whether the buffer is busy for readers, and for writers. */
static void
assert_busy (gboolean readers, gboolean writers)
{
  fail_unless_equals_int (!is_ready (fd, POLLIN), readers);
  fail_unless_equals_int (!is_ready (fd, POLLOUT), writers);
  fail_unless_equals_int (is_busy_by_file (DMABUF_ACCESS_READ), readers);
  fail_unless_equals_int (is_busy_by_file (DMABUF_ACCESS_WRITE), writers);
  fail_unless_equals_int (is_busy_by_file (DMABUF_ACCESS_READ_WRITE), writers);
}

static guint32
attach (guint32 flags)
{
  guint32 fence;
  int code = vgem_attach (vgem, fd, flags, &fence);

  fail_unless (code == 0, "FENCE_ATTACH: %s", g_strerror (code));
  return fence;
}

static void
finish_vgem (guint32 fence)
{
  fail_unless_equals_int (vgem_signal (vgem, fence), 0);
}

/* --- dmabuf_sync_file ---------------------------------------------------- */

/* XSF-1, POLL-1: a reader's fence blocks writers, a writer's blocks both.
 * POLL-3: each direction is polled alone. */
GST_START_TEST (export_basic)
{
  guint32 fence;

  assert_busy (FALSE, FALSE);
  fence = attach (0);
  assert_busy (FALSE, TRUE);
  finish_vgem (fence);
  assert_busy (FALSE, FALSE);
  fence = attach (VGEM_FENCE_WRITE);
  assert_busy (TRUE, TRUE);
  finish_vgem (fence);
  assert_busy (FALSE, FALSE);
}
GST_END_TEST;

/* XSF-2: a snapshot sees a later signal. */
GST_START_TEST (export_before_signal)
{
  guint32 fence = attach (0);
  int read = export (DMABUF_ACCESS_READ);
  int write = export (DMABUF_ACCESS_WRITE);

  fail_unless (is_ready (read, POLLIN));
  fail_if (is_ready (write, POLLIN));
  finish_vgem (fence);
  fail_unless (is_ready (write, POLLIN));
  close_fd (read);
  close_fd (write);

  fence = attach (VGEM_FENCE_WRITE);
  read = export (DMABUF_ACCESS_READ);
  write = export (DMABUF_ACCESS_WRITE);
  fail_if (is_ready (read, POLLIN));
  fail_if (is_ready (write, POLLIN));
  finish_vgem (fence);
  fail_unless (is_ready (read, POLLIN));
  fail_unless (is_ready (write, POLLIN));
  close_fd (read);
  close_fd (write);
}
GST_END_TEST;

/* An imported sw_sync fence with a timeline of its own */
typedef struct
{
  int timeline;
  int fd;
} Imported;

static Imported
import (DmabufAccess access)
{
  Imported imported = { .timeline = timeline_open () };
  int ret;

  imported.fd = timeline_new_fd (imported.timeline, 1);
  ret = dmabuf_kernel_import_sync_file (fd, access, imported.fd);
  fail_unless (ret == 0, "IMPORT_SYNC_FILE: %s", g_strerror (-ret));
  return imported;
}

static void
finish (Imported imported)
{
  timeline_inc (imported.timeline, 1);
  close_fd (imported.fd);
  close_fd (imported.timeline);
}

/* XSF-2: a snapshot of two fences does not include a third, later one. */
GST_START_TEST (export_multiwait)
{
  Imported first = import (DMABUF_ACCESS_READ);
  Imported second = import (DMABUF_ACCESS_READ);
  int snapshot = export (DMABUF_ACCESS_WRITE);
  Imported third = import (DMABUF_ACCESS_READ);

  fail_unless_equals_int (file_n_fences (snapshot), 2);
  fail_if (is_ready (snapshot, POLLIN));
  finish (first);
  fail_if (is_ready (snapshot, POLLIN));
  finish (second);
  fail_unless (is_ready (snapshot, POLLIN));
  /* The live poll sees the third fence as well. */
  fail_if (is_ready (fd, POLLOUT));
  finish (third);
  fail_unless (is_ready (fd, POLLOUT));
  close_fd (snapshot);
}
GST_END_TEST;

GST_START_TEST (export_wait_after_attach)
{
  int before = export (DMABUF_ACCESS_WRITE);
  Imported first = import (DMABUF_ACCESS_WRITE);
  int after = export (DMABUF_ACCESS_WRITE);
  Imported second;
  int fresh;

  fail_unless (is_ready (before, POLLIN));
  fail_if (is_ready (after, POLLIN));
  second = import (DMABUF_ACCESS_WRITE);
  finish (first);
  fail_unless (is_ready (before, POLLIN));
  fail_unless (is_ready (after, POLLIN));
  fresh = export (DMABUF_ACCESS_WRITE);
  fail_if (is_ready (fresh, POLLIN));
  finish (second);
  fail_unless (is_ready (fresh, POLLIN));
  close_fd (before);
  close_fd (after);
  close_fd (fresh);
}
GST_END_TEST;

/* XSF-3, XSF-4: a fence imported as READ blocks writers, as WRITE both. */
GST_START_TEST (import_basic)
{
  Imported imported;

  assert_busy (FALSE, FALSE);
  imported = import (DMABUF_ACCESS_READ);
  assert_busy (FALSE, TRUE);
  finish (imported);
  assert_busy (FALSE, FALSE);
  imported = import (DMABUF_ACCESS_WRITE);
  assert_busy (TRUE, TRUE);
  finish (imported);
  imported = import (DMABUF_ACCESS_READ_WRITE);
  assert_busy (TRUE, TRUE);
  finish (imported);
  assert_busy (FALSE, FALSE);
}
GST_END_TEST;

#define N_READERS 32

GST_START_TEST (import_multiple_read_only)
{
  Imported readers[N_READERS];
  guint i;

  for (i = 0; i < N_READERS; i++)
    readers[i] = import (DMABUF_ACCESS_READ);
  for (i = 0; i < N_READERS; i++) {
    assert_busy (FALSE, TRUE);
    finish (readers[i]);
  }
  assert_busy (FALSE, FALSE);
}
GST_END_TEST;

GST_START_TEST (import_multiple_read_write)
{
  Imported readers[N_READERS];
  Imported writer;
  guint i;

  for (i = 0; i < N_READERS; i++)
    readers[i] = import (DMABUF_ACCESS_READ);
  assert_busy (FALSE, TRUE);
  writer = import (DMABUF_ACCESS_WRITE);
  assert_busy (TRUE, TRUE);
  for (i = 0; i < N_READERS; i++) {
    assert_busy (TRUE, TRUE);
    finish (readers[i]);
  }
  assert_busy (TRUE, TRUE);
  finish (writer);
  assert_busy (FALSE, FALSE);
}
GST_END_TEST;

/* XSF-1, XSF-3: EINVAL for wrong flags and for an fd that is not a sync_file.
 */
GST_START_TEST (xsf_wrong_arguments)
{
  struct dma_buf_export_sync_file args = { .flags = 0 };
  Imported imported;

  fail_unless_equals_int (
      dmabuf_kernel_ioctl (fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &args), -EINVAL);
  args.flags = 8 | DMA_BUF_SYNC_READ;
  fail_unless_equals_int (
      dmabuf_kernel_ioctl (fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &args), -EINVAL);
  fail_unless_equals_int (
      dmabuf_kernel_import_sync_file (fd, DMABUF_ACCESS_READ, fd), -EINVAL);
  imported = import (DMABUF_ACCESS_READ);
  fail_unless_equals_int (
      dmabuf_kernel_import_sync_file (fd, 0, imported.fd), -EINVAL);
  finish (imported);
}
GST_END_TEST;

/* --- vgem_basic, vgem_slow ----------------------------------------------- */

/* The fd is exported before the fence; below, after it. */
GST_START_TEST (dmabuf_fence)
{
  guint32 fence;

  fail_unless (is_ready (fd, POLLIN) && is_ready (fd, POLLOUT));
  fence = attach (0);
  fail_unless (is_ready (fd, POLLIN));
  fail_if (is_ready (fd, POLLOUT));
  finish_vgem (fence);
  fence = attach (VGEM_FENCE_WRITE);
  fail_if (is_ready (fd, POLLIN));
  fail_if (is_ready (fd, POLLOUT));
  finish_vgem (fence);
  fail_unless (is_ready (fd, POLLIN) && is_ready (fd, POLLOUT));
}
GST_END_TEST;

GST_START_TEST (dmabuf_fence_before)
{
  guint32 fence = attach (VGEM_FENCE_WRITE);
  int other = dmabuf_buffer_export (buffer, NULL);

  fail_if (is_ready (other, POLLIN));
  fail_if (is_ready (other, POLLOUT));
  finish_vgem (fence);
  fail_unless (is_ready (other, POLLIN));
  fail_unless (is_ready (other, POLLOUT));
  close_fd (other);
}
GST_END_TEST;

GST_START_TEST (bad_handle)
{
  struct drm_vgem_fence_attach args = { .handle = 0xdead };

  fail_unless_equals_int (
      dmabuf_kernel_ioctl (vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &args), -ENOENT);
}
GST_END_TEST;

GST_START_TEST (bad_fence)
{
  fail_unless_equals_int (vgem_signal (vgem, 0xdead), ENOENT);
}
GST_END_TEST;

GST_START_TEST (bad_flag)
{
  guint32 fence;

  fail_unless_equals_int (vgem_attach (vgem, fd, 0xff, &fence), EINVAL);
}
GST_END_TEST;

GST_START_TEST (busy_fence)
{
  guint32 fence = attach (0), other;

  fail_unless_equals_int (
      vgem_attach (vgem, fd, VGEM_FENCE_WRITE, &other), EBUSY);
  finish_vgem (fence);
}
GST_END_TEST;

static gpointer
expire (gpointer unused)
{
  if (backend_is_fake ())
    fake_vgem_expire ();
  return NULL;
}

/* VGEM-1: a fence that is never signalled expires, and the wait succeeds. The
 * real vgem takes 10 s, so only the long lane waits for it. */
GST_START_TEST (nohang)
{
  GError *error = NULL;
  Sleeper *sleeper;
  guint32 fence;

  fence = attach (VGEM_FENCE_WRITE);
  fail_if (dmabuf_buffer_wait (buffer, DMABUF_ACCESS_READ,
      g_get_monotonic_time () + 1000, NULL, &error));
  assert_error (error, ETIME);
  if (!backend_is_fake () && !test_is_long ()) {
    finish_vgem (fence);
    return;
  }
  sleeper = when_i_sleep (expire, NULL);
  fail_unless (
      dmabuf_buffer_wait (buffer, DMABUF_ACCESS_READ, FAR_AWAY, NULL, NULL));
  fail_unless (sleeper_woke_me (sleeper));
  fail_unless_equals_int (vgem_signal (vgem, fence), ETIMEDOUT);
}
GST_END_TEST;

static Suite *
dmabuf_sync_file_suite (void)
{
  Suite *s = suite_create ("dmabuf-sync-file");
  TCase *tc = tcase_create ("igt-dmabuf_sync_file");

  suite_add_tcase (s, tc);
  tcase_add_checked_fixture (tc, buffer_start, buffer_stop);
  tcase_add_test (tc, export_basic);
  tcase_add_test (tc, export_before_signal);
  tcase_add_test (tc, export_multiwait);
  tcase_add_test (tc, export_wait_after_attach);
  tcase_add_test (tc, import_basic);
  tcase_add_test (tc, import_multiple_read_only);
  tcase_add_test (tc, import_multiple_read_write);

  tc = tcase_create ("igt-vgem");
  suite_add_tcase (s, tc);
  tcase_add_checked_fixture (tc, buffer_start, buffer_stop);
  tcase_add_test (tc, dmabuf_fence);
  tcase_add_test (tc, dmabuf_fence_before);
  tcase_add_test (tc, bad_handle);
  tcase_add_test (tc, bad_fence);
  tcase_add_test (tc, bad_flag);
  tcase_add_test (tc, busy_fence);
  tcase_add_test (tc, nohang);

  tc = tcase_create ("uncovered");
  suite_add_tcase (s, tc);
  tcase_add_checked_fixture (tc, buffer_start, buffer_stop);
  tcase_add_test (tc, xsf_wrong_arguments);
  return s;
}

GST_CHECK_MAIN (dmabuf_sync_file);
