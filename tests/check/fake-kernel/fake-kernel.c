/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of the fake kernel: fake_fds, counting, faults. */

#include "fake-kernel.h"
#include "fake-sync.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char *const kind_names[] = {
  [FAKE_FILE_OTHER] = "other",
  [FAKE_FILE_HEAP] = "heap",
  [FAKE_FILE_UDMABUF] = "udmabuf device",
  [FAKE_FILE_MEMFD] = "memfd",
  [FAKE_FILE_DMABUF] = "dma-buf",
  [FAKE_FILE_SYNC_FILE] = "sync_file",
  [FAKE_FILE_SW_SYNC] = "sw_sync",
  [FAKE_FILE_VGEM] = "vgem",
};

static GRecMutex lock;
GHashTable *fake_fds;      /* fd + 1 → FakeFile */
GHashTable *fake_maps;     /* address → FakeMap */
static GHashTable *ioctls; /* request → count */
static GHashTable *broken; /* request → errno */
GHashTable *fake_no_path;  /* path → errno */
static guint n_files, n_dmabufs;
static guint calls[FAKE_N_CALLS + 1];
static guint fault_in;
static int fault_code;
static gboolean fault_fired;

void
fake_lock (void)
{
  g_rec_mutex_lock (&lock);
}

void
fake_unlock (void)
{
  g_rec_mutex_unlock (&lock);
}

/* --- Files --------------------------------------------------------------- */

FakeFile *
fake_file_new (FakeFileKind kind)
{
  FakeFile *file = g_new0 (FakeFile, 1);

  file->kind = kind;
  file->backing = -1;
  file->access_mode = O_RDWR;
  n_files++;
  if (kind == FAKE_FILE_DMABUF)
    n_dmabufs++;
  return file;
}

FakeFile *
fake_file_ref (FakeFile *file)
{
  file->refs++;
  return file;
}

void
fake_file_unref (FakeFile *file)
{
  if (--file->refs > 0)
    return;

  fake_sync_free (file);
  if (file->kind == FAKE_FILE_DMABUF) {
    fake_buffer_free (file);
    n_dmabufs--;
  }
  n_files--;
  g_free (file);
}

FakeFile *
fake_file_lookup (int fd)
{
  FakeFile *file;

  if (!fake_fds)
    return NULL;

  file = g_hash_table_lookup (fake_fds, GINT_TO_POINTER (fd + 1));
  return file ? file : fake_buffer_find (fd);
}

int
fake_file_install (FakeFile *file, int fd)
{
  g_hash_table_insert (
      fake_fds, GINT_TO_POINTER (fd + 1), fake_file_ref (file));
  return fd;
}

/* --- Counting and failing ------------------------------------------------ */

gboolean
fake_call (FakeCall call, unsigned long request)
{
  gpointer key = GSIZE_TO_POINTER (request);
  gboolean fails = FALSE;
  int code;

  fake_lock ();
  calls[call]++;
  calls[FAKE_N_CALLS]++;
  if (request) {
    guint n = GPOINTER_TO_UINT (g_hash_table_lookup (ioctls, key));

    g_hash_table_insert (ioctls, key, GUINT_TO_POINTER (n + 1));
    code = GPOINTER_TO_INT (g_hash_table_lookup (broken, key));
    if (code) {
      errno = code;
      fails = TRUE;
    }
  }
  if (fault_in > 0 && --fault_in == 0) {
    fault_fired = TRUE;
    errno = fault_code;
    fails = TRUE;
  }
  fake_unlock ();

  return fails;
}

guint
fake_kernel_get_calls (FakeCall call)
{
  guint n;

  fake_lock ();
  n = calls[call];
  fake_unlock ();
  return n;
}

guint
fake_kernel_get_ioctls (unsigned long request)
{
  guint n;

  fake_lock ();
  n = GPOINTER_TO_UINT (
      g_hash_table_lookup (ioctls, GSIZE_TO_POINTER (request)));
  fake_unlock ();
  return n;
}

void
fake_kernel_reset_calls (void)
{
  fake_lock ();
  memset (calls, 0, sizeof calls);
  g_hash_table_remove_all (ioctls);
  fake_unlock ();
}

void
fake_kernel_fail_nth (guint nth, int code)
{
  fake_lock ();
  fault_in = nth;
  fault_code = code;
  fault_fired = FALSE;
  fake_unlock ();
}

gboolean
fake_kernel_fault_fired (void)
{
  gboolean fired;

  fake_lock ();
  fired = fault_fired;
  fake_unlock ();
  return fired;
}

void
fake_kernel_break_ioctl (unsigned long request, int code)
{
  fake_lock ();
  g_hash_table_insert (
      broken, GSIZE_TO_POINTER (request), GINT_TO_POINTER (code));
  fake_unlock ();
}

void
fake_kernel_break_path (const char *path, int code)
{
  fake_lock ();
  g_hash_table_insert (fake_no_path, g_strdup (path), GINT_TO_POINTER (code));
  fake_unlock ();
}

/* --- Begin and end of a test --------------------------------------------- */

void
fake_kernel_start (void)
{
  fake_lock ();
  if (!fake_fds) {
    fake_fds = g_hash_table_new (NULL, NULL);
    fake_maps = g_hash_table_new (NULL, NULL);
    ioctls = g_hash_table_new (NULL, NULL);
    broken = g_hash_table_new (NULL, NULL);
    fake_no_path =
        g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  }
  g_hash_table_remove_all (ioctls);
  g_hash_table_remove_all (broken);
  g_hash_table_remove_all (fake_no_path);
  memset (calls, 0, sizeof calls);
  fault_in = 0;
  fake_kernel_set_udmabuf_limits (64, 1024);
  fake_sync_reset ();
  fake_unlock ();

  dmabuf_kernel_replace (&fake_kernel_table);
}

guint
fake_kernel_stop (void)
{
  GHashTableIter iter;
  gpointer key, value;
  guint left;

  fake_lock ();
  fake_sync_reset ();
  g_hash_table_iter_init (&iter, fake_fds);
  while (g_hash_table_iter_next (&iter, &key, &value)) {
    FakeFile *file = value;

    g_printerr ("fake kernel: fd %d (%s) is left open\n",
        GPOINTER_TO_INT (key) - 1, kind_names[file->kind]);
  }
  g_hash_table_iter_init (&iter, fake_maps);
  while (g_hash_table_iter_next (&iter, &key, &value))
    g_printerr ("fake kernel: %p is left mapped\n", key);

  left = g_hash_table_size (fake_fds) + g_hash_table_size (fake_maps);
  if (left == 0 && n_files > 0)
    g_printerr ("fake kernel: %u files are left\n", n_files);
  left += n_files;
  fake_unlock ();

  dmabuf_kernel_replace (NULL);
  return left;
}

guint
fake_kernel_get_n_fds (void)
{
  guint n;

  fake_lock ();
  n = g_hash_table_size (fake_fds);
  fake_unlock ();
  return n;
}

guint
fake_kernel_get_n_maps (void)
{
  guint n;

  fake_lock ();
  n = g_hash_table_size (fake_maps);
  fake_unlock ();
  return n;
}

guint
fake_kernel_get_n_buffers (void)
{
  guint n;

  fake_lock ();
  n = n_dmabufs;
  fake_unlock ();
  return n;
}
