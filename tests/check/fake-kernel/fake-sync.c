/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fake kernel's fences, sync_files and reservations. */

#include "fake-sync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct
{
  int event_fd; /* A real fd, dup of the sync_file's */
  char name[32];
  GPtrArray *leaves;
} FakeSyncFile;

typedef struct
{
  FakeFence *fence;
  gboolean write;
} FakeSlot;

static int
fail (int code)
{
  errno = code;
  return -1;
}

static gint64
now_ns (void)
{
  return g_get_monotonic_time () * 1000;
}

/* --- Fences -------------------------------------------------------------- */

guint64
fake_context_alloc (void)
{
  static guint64 last;

  return ++last;
}

FakeFence *
fake_fence_new (guint64 context, guint64 seqno, const char *driver)
{
  FakeFence *fence = g_new0 (FakeFence, 1);

  fence->refs = 1;
  fence->context = context;
  fence->seqno = seqno;
  fence->driver = driver;
  fence->sync_files = g_ptr_array_new ();
  fence->buffers = g_ptr_array_new ();
  return fence;
}

FakeFence *
fake_fence_ref (FakeFence *fence)
{
  fence->refs++;
  return fence;
}

void
fake_fence_unref (FakeFence *fence)
{
  if (--fence->refs > 0)
    return;

  g_ptr_array_free (fence->sync_files, TRUE);
  g_ptr_array_free (fence->buffers, TRUE);
  g_free (fence);
}

static void
sync_file_update (FakeSyncFile *sync)
{
  guint64 one = 1;
  guint i;

  for (i = 0; i < sync->leaves->len; i++) {
    FakeFence *leaf = sync->leaves->pdata[i];

    if (leaf->status == 0)
      return;
  }
  g_assert (write (sync->event_fd, &one, sizeof one) == sizeof one);
}

/* FEN-4: at most once. */
void
fake_fence_signal (FakeFence *fence, int status)
{
  guint i;

  if (fence->status != 0)
    return;

  fence->status = status;
  fence->timestamp = now_ns ();
  for (i = 0; i < fence->sync_files->len; i++)
    sync_file_update (fence->sync_files->pdata[i]);
  for (i = 0; i < fence->buffers->len; i++)
    fake_poll_update (fence->buffers->pdata[i]);
}

/* --- sync_files ---------------------------------------------------------- */

static int
sync_file_install_leaves (GPtrArray *leaves, const char *name)
{
  FakeFile *file;
  FakeSyncFile *sync;
  int fd, own;
  guint i;

  fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  own = fd < 0 ? -1 : fcntl (fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) {
    int code = errno;

    if (fd >= 0)
      close (fd);
    g_ptr_array_unref (leaves);
    return fail (code);
  }

  sync = g_new0 (FakeSyncFile, 1);
  sync->event_fd = own;
  sync->leaves = leaves;
  g_strlcpy (sync->name, name, sizeof sync->name);
  for (i = 0; i < leaves->len; i++) {
    FakeFence *leaf = leaves->pdata[i];

    g_ptr_array_add (leaf->sync_files, sync);
  }
  sync_file_update (sync);

  file = fake_file_new (FAKE_FILE_SYNC_FILE);
  file->sync = sync;
  return fake_file_install (file, fd);
}

static GPtrArray *
leaves_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) fake_fence_unref);
}

/* UNW-2: keeps the latest pending fence of each context. */
static void
leaves_add (GPtrArray *leaves, FakeFence *fence)
{
  guint i;

  if (fence->status != 0)
    return;

  for (i = 0; i < leaves->len; i++) {
    FakeFence *other = leaves->pdata[i];

    if (other->context != fence->context)
      continue;
    if ((gint32) (fence->seqno - other->seqno) > 0) {
      leaves->pdata[i] = fake_fence_ref (fence);
      fake_fence_unref (other);
    }
    return;
  }
  g_ptr_array_add (leaves, fake_fence_ref (fence));
}

/* XSF-1: if nothing is pending, a stub is added. */
static void
leaves_complete (GPtrArray *leaves, gint64 timestamp)
{
  FakeFence *stub;

  if (leaves->len > 0)
    return;

  stub = fake_fence_new (0, 0, "stub");
  strcpy (stub->timeline, "stub");
  stub->status = 1;
  stub->timestamp = timestamp;
  g_ptr_array_add (leaves, stub);
}

int
fake_sync_file_install (FakeFence *fence, const char *name)
{
  GPtrArray *leaves = leaves_new ();

  g_ptr_array_add (leaves, fake_fence_ref (fence));
  return sync_file_install_leaves (leaves, name);
}

FakeFence *
fake_sync_file_get_fence (FakeFile *file)
{
  FakeSyncFile *sync = file->sync;

  return sync && sync->leaves->len == 1 ? sync->leaves->pdata[0] : NULL;
}

static FakeSyncFile *
find_sync_file (int fd)
{
  FakeFile *file = fake_file_lookup (fd);

  return file && file->kind == FAKE_FILE_SYNC_FILE ? file->sync : NULL;
}

static int
sync_file_merge (FakeSyncFile *sync, struct sync_merge_data *args)
{
  FakeSyncFile *other = find_sync_file (args->fd2);
  FakeSyncFile *both[2] = { sync, other };
  GPtrArray *leaves;
  gint64 timestamp = 0;
  guint i, j;
  int fd;

  if (args->flags || args->pad)
    return fail (EINVAL);
  if (!other)
    return fail (ENOENT);

  leaves = leaves_new ();
  for (i = 0; i < 2; i++) {
    for (j = 0; j < both[i]->leaves->len; j++) {
      FakeFence *leaf = both[i]->leaves->pdata[j];

      timestamp = MAX (timestamp, leaf->timestamp);
      leaves_add (leaves, leaf);
    }
  }
  leaves_complete (leaves, timestamp);

  args->name[sizeof args->name - 1] = '\0';
  fd = sync_file_install_leaves (leaves, args->name);
  if (fd < 0)
    return -1;
  args->fence = fd;
  return 0;
}

static int
sync_file_info (FakeSyncFile *sync, struct sync_file_info *args)
{
  struct sync_fence_info *infos = (gpointer) (guintptr) args->sync_fence_info;
  int status = 1;
  gboolean active = FALSE;
  guint i;

  if (args->flags || args->pad)
    return fail (EINVAL);
  if (args->num_fences > 0 && args->num_fences < sync->leaves->len)
    return fail (EINVAL);

  g_strlcpy (args->name, sync->name, sizeof args->name);
  for (i = 0; i < sync->leaves->len; i++) {
    FakeFence *leaf = sync->leaves->pdata[i];

    active |= leaf->status == 0;
    /* SF-3: stays at the first value that is not 1. */
    if (status > 0)
      status = leaf->status;
    if (args->num_fences == 0)
      continue;

    memset (&infos[i], 0, sizeof infos[i]);
    g_strlcpy (infos[i].obj_name, leaf->timeline, sizeof infos[i].obj_name);
    g_strlcpy (infos[i].driver_name, leaf->driver, sizeof infos[i].driver_name);
    infos[i].status = leaf->status;
    infos[i].timestamp_ns = leaf->timestamp;
  }

  /* ARR-5: the status of a container hides the errors of its members. */
  if (args->num_fences == 0 && sync->leaves->len > 1)
    status = !active;
  args->status = status;
  args->num_fences = sync->leaves->len;
  return 0;
}

static int
sync_file_set_deadline (
    FakeSyncFile *sync, const struct sync_set_deadline *args)
{
  guint i;

  if (args->pad)
    return fail (EINVAL);

  for (i = 0; i < sync->leaves->len; i++) {
    FakeFence *leaf = sync->leaves->pdata[i];

    if (leaf->deadline == 0 || args->deadline_ns < leaf->deadline)
      leaf->deadline = args->deadline_ns;
  }
  return 0;
}

/* --- Reservations -------------------------------------------------------- */

static GArray *
resv_of (FakeFile *file)
{
  if (!file->sync)
    file->sync = g_array_new (FALSE, FALSE, sizeof (FakeSlot));
  return file->sync;
}

static void
resv_remove (FakeFile *file, guint i)
{
  FakeSlot slot = g_array_index (resv_of (file), FakeSlot, i);

  g_array_remove_index (resv_of (file), i);
  g_ptr_array_remove_fast (slot.fence->buffers, file);
  fake_fence_unref (slot.fence);
}

/* RSV-3 */
void
fake_resv_add (FakeFile *file, FakeFence *fence, gboolean write)
{
  GArray *slots = resv_of (file);
  FakeSlot slot = { fence, write };
  guint i;

  for (i = slots->len; i > 0; i--) {
    FakeSlot *old = &g_array_index (slots, FakeSlot, i - 1);

    if (old->fence->status != 0
        || (old->fence->context == fence->context && old->write <= write
            && (gint32) (fence->seqno - old->fence->seqno) >= 0))
      resv_remove (file, i - 1);
  }

  g_array_append_val (slots, slot);
  g_ptr_array_add (fake_fence_ref (fence)->buffers, file);
  fake_poll_update (file);
}

gboolean
fake_resv_is_idle (FakeFile *file, gboolean write)
{
  GArray *slots = resv_of (file);
  guint i;

  for (i = 0; i < slots->len; i++) {
    FakeSlot *slot = &g_array_index (slots, FakeSlot, i);

    if ((write || slot->write) && slot->fence->status == 0)
      return FALSE;
  }
  return TRUE;
}

static int
export_sync_file (FakeFile *file, struct dma_buf_export_sync_file *args)
{
  GPtrArray *leaves;
  GArray *slots;
  guint i;
  int fd;

  if (!args->flags || args->flags & ~DMA_BUF_SYNC_RW)
    return fail (EINVAL);

  leaves = leaves_new ();
  slots = resv_of (file);
  for (i = 0; i < slots->len; i++) {
    FakeSlot *slot = &g_array_index (slots, FakeSlot, i);

    if (slot->write || args->flags & DMA_BUF_SYNC_WRITE)
      leaves_add (leaves, slot->fence);
  }
  leaves_complete (leaves, now_ns ());

  fd = sync_file_install_leaves (leaves, "");
  if (fd < 0)
    return -1;
  args->fd = fd;
  return 0;
}

static int
import_sync_file (FakeFile *file, const struct dma_buf_import_sync_file *args)
{
  FakeSyncFile *sync = find_sync_file (args->fd);
  guint i;

  if (!args->flags || args->flags & ~DMA_BUF_SYNC_RW || !sync)
    return fail (EINVAL);

  for (i = 0; i < sync->leaves->len; i++) {
    FakeFence *leaf = sync->leaves->pdata[i];

    if (leaf->status == 0)
      fake_resv_add (file, leaf, (args->flags & DMA_BUF_SYNC_WRITE) != 0);
  }
  return 0;
}

/* --- Called by the table ------------------------------------------------- */

int
fake_sync_ioctl (int fd, FakeFile *file, unsigned long request, void *arg)
{
  int ret;

  if (file->kind == FAKE_FILE_SW_SYNC || file->kind == FAKE_FILE_VGEM)
    return fake_device_ioctl (fd, file, request, arg);
  if (!arg)
    return fail (EFAULT);

  fake_lock ();
  if (file->kind == FAKE_FILE_DMABUF
      && request == DMA_BUF_IOCTL_EXPORT_SYNC_FILE)
    ret = export_sync_file (file, arg);
  else if (file->kind == FAKE_FILE_DMABUF
      && request == DMA_BUF_IOCTL_IMPORT_SYNC_FILE)
    ret = import_sync_file (file, arg);
  else if (file->kind == FAKE_FILE_SYNC_FILE && request == SYNC_IOC_MERGE)
    ret = sync_file_merge (file->sync, arg);
  else if (file->kind == FAKE_FILE_SYNC_FILE && request == SYNC_IOC_FILE_INFO)
    ret = sync_file_info (file->sync, arg);
  else if (file->kind == FAKE_FILE_SYNC_FILE
      && request == SYNC_IOC_SET_DEADLINE)
    ret = sync_file_set_deadline (file->sync, arg);
  else
    ret = fail (ENOTTY);
  fake_unlock ();

  return ret;
}

void
fake_sync_free (FakeFile *file)
{
  guint i;

  if (!file->sync)
    return;

  if (file->kind == FAKE_FILE_SYNC_FILE) {
    FakeSyncFile *sync = file->sync;

    for (i = 0; i < sync->leaves->len; i++) {
      FakeFence *leaf = sync->leaves->pdata[i];

      g_ptr_array_remove_fast (leaf->sync_files, sync);
    }
    g_ptr_array_unref (sync->leaves);
    close (sync->event_fd);
    g_free (sync);
  } else if (file->kind == FAKE_FILE_DMABUF) {
    GArray *slots = file->sync;

    while (slots->len > 0)
      resv_remove (file, slots->len - 1);
    g_array_unref (slots);
  } else {
    fake_device_free (file);
  }
  file->sync = NULL;
}

void
fake_sync_reset (void)
{
  fake_poll_reset ();
}
