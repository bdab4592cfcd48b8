/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fake display's ioctls: buffers, framebuffers, blobs and commits. */

#include "fake-display-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
  guint64 inode;
  /* Of a dumb buffer, else -1 */
  int fd;
} Handle;

static GHashTable *handles;
/* Inodes of all dumb buffers */
static GHashTable *own;
static GHashTable *framebuffers;
static GHashTable *blobs;
static guint32 next_id;
static int events;

static FakeState pending;
static gboolean is_pending;
static guint64 pending_data;

static unsigned long fail_request;
static guint fail_nth;
static int fail_code;

static void
handle_free (Handle *handle)
{
  if (handle->fd >= 0)
    dmabuf_kernel->close (handle->fd);
  g_free (handle);
}

void
fake_display_ioctl_start (int event_fd)
{
  fake_display_ioctl_stop ();
  handles =
      g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) handle_free);
  own = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  framebuffers = g_hash_table_new (NULL, NULL);
  blobs =
      g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_bytes_unref);
  next_id = 1000;
  events = event_fd;
  is_pending = FALSE;
}

guint
fake_display_ioctl_stop (void)
{
  guint left = 0;

  if (handles) {
    left = g_hash_table_size (handles) + g_hash_table_size (framebuffers);
    if (left)
      g_printerr ("%u GEM handles and %u framebuffers left\n",
          g_hash_table_size (handles), g_hash_table_size (framebuffers));
  }
  g_clear_pointer (&handles, g_hash_table_unref);
  g_clear_pointer (&own, g_hash_table_unref);
  g_clear_pointer (&framebuffers, g_hash_table_unref);
  g_clear_pointer (&blobs, g_hash_table_unref);
  fail_nth = 0;

  return left;
}

guint32
fake_display_add_blob (const void *data, gsize size)
{
  guint32 id = next_id++;

  g_hash_table_insert (blobs, GUINT_TO_POINTER (id), g_bytes_new (data, size));

  return id;
}

GBytes *
fake_display_get_blob (guint32 id)
{
  GBytes *bytes;

  g_mutex_lock (&fake_display_lock);
  bytes = g_hash_table_lookup (blobs, GUINT_TO_POINTER (id));
  if (bytes)
    g_bytes_ref (bytes);
  g_mutex_unlock (&fake_display_lock);

  return bytes;
}

/* --- buffers ----------------------------------------------------------- */

static guint64
get_inode (int fd)
{
  guint64 device, inode = 0;

  dmabuf_kernel->identify (fd, &device, &inode);

  return inode;
}

/* One handle per buffer and file, as drm_gem_prime_fd_to_handle (). */
static int
import (struct drm_prime_handle *prime)
{
  guint64 inode = get_inode (prime->fd);
  GHashTableIter iter;
  gpointer key, value;
  Handle *handle;

  if (!inode)
    return EBADF;
  if (fake_display.import_errno && !g_hash_table_contains (own, &inode)) {
    fake_display.n_refused_imports++;
    return fake_display.import_errno;
  }
  g_hash_table_iter_init (&iter, handles);
  while (g_hash_table_iter_next (&iter, &key, &value)) {
    if (((Handle *) value)->inode == inode) {
      prime->handle = GPOINTER_TO_UINT (key);
      return 0;
    }
  }

  handle = g_new0 (Handle, 1);
  handle->inode = inode;
  handle->fd = -1;
  prime->handle = next_id++;
  g_hash_table_insert (handles, GUINT_TO_POINTER (prime->handle), handle);

  return 0;
}

static int
create_dumb (struct drm_mode_create_dumb *dumb)
{
  struct dma_heap_allocation_data data = {
    .fd_flags = O_RDWR | O_CLOEXEC,
  };
  Handle *handle;
  int heap, ret;

  if (fake_display.dumb_bpp && dumb->bpp != fake_display.dumb_bpp)
    return EINVAL;
  dumb->pitch = (dumb->width * dumb->bpp / 8 + 63) & ~63u;
  dumb->size = (guint64) dumb->pitch * dumb->height;
  data.len = dumb->size;
  heap = dmabuf_kernel->open ("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
  if (heap < 0)
    return errno;
  ret = dmabuf_kernel->ioctl (heap, DMA_HEAP_IOCTL_ALLOC, &data);
  dmabuf_kernel->close (heap);
  if (ret < 0)
    return errno;

  handle = g_new0 (Handle, 1);
  handle->fd = data.fd;
  handle->inode = get_inode (data.fd);
  g_hash_table_add (own, g_memdup2 (&handle->inode, sizeof (handle->inode)));
  dumb->handle = next_id++;
  g_hash_table_insert (handles, GUINT_TO_POINTER (dumb->handle), handle);

  return 0;
}

static int export (struct drm_prime_handle *prime)
{
  Handle *handle =
      g_hash_table_lookup (handles, GUINT_TO_POINTER (prime->handle));

  if (!handle || handle->fd < 0)
    return ENOENT;
  prime->fd = dmabuf_kernel->dup (handle->fd);

  return prime->fd < 0 ? errno : 0;
}

static int
add_framebuffer (struct drm_mode_fb_cmd2 *add)
{
  guint i;

  if (add->width == 0 || add->width > 4096 || add->height > 4096
      || add->pitches[0] < add->width)
    return EINVAL;
  for (i = 0; i < 4 && add->handles[i]; i++) {
    if (!g_hash_table_contains (handles, GUINT_TO_POINTER (add->handles[i])))
      return ENOENT;
  }
  add->fb_id = next_id++;
  g_hash_table_add (framebuffers, GUINT_TO_POINTER (add->fb_id));

  return 0;
}

/* --- commits ----------------------------------------------------------- */

static gboolean
get_mode (FakeState *state, drmModeModeInfo *mode)
{
  guint32 id = fake_display_find_name (state, FAKE_CRTC, "MODE_ID")->value;
  GBytes *bytes = g_hash_table_lookup (blobs, GUINT_TO_POINTER (id));

  if (!bytes || g_bytes_get_size (bytes) != sizeof (*mode))
    return FALSE;
  memcpy (mode, g_bytes_get_data (bytes, NULL), sizeof (*mode));

  return TRUE;
}

static gint64
value_of (FakeState *state, guint32 object, const char *name)
{
  return fake_display_find_name (state, object, name)->value;
}

static int
check_plane (FakeState *state, guint32 plane)
{
  guint32 fb = value_of (state, plane, "FB_ID");
  guint32 crtc = value_of (state, plane, "CRTC_ID");
  gint64 x = value_of (state, plane, "CRTC_X");
  gint64 y = value_of (state, plane, "CRTC_Y");
  gint64 w = value_of (state, plane, "CRTC_W");
  gint64 h = value_of (state, plane, "CRTC_H");
  gint64 source_w = value_of (state, plane, "SRC_W") >> 16;
  gint64 source_h = value_of (state, plane, "SRC_H") >> 16;
  drmModeModeInfo mode;

  if (!fb != !crtc)
    return EINVAL;
  if (!fb)
    return 0;
  if (fb != FAKE_CONSOLE_FB
      && !g_hash_table_contains (framebuffers, GUINT_TO_POINTER (fb)))
    return ENOENT;
  if (!value_of (state, FAKE_CRTC, "ACTIVE"))
    return 0;
  if (!get_mode (state, &mode))
    return EINVAL;
  if (x < 0 || y < 0 || x + w > mode.hdisplay || y + h > mode.vdisplay)
    return ERANGE;
  if (!fake_display.can_place
      && (x || y || w != mode.hdisplay || h != mode.vdisplay))
    return EINVAL;
  if (!fake_display.can_scale && (w != source_w || h != source_h))
    return ERANGE;
  if (w > source_w * fake_display.max_scale
      || h > source_h * fake_display.max_scale)
    return ERANGE;
  if (fake_display.needs_primary && plane == FAKE_PRIMARY
      && (x || y || w != mode.hdisplay || h != mode.vdisplay))
    return EINVAL;

  return 0;
}

static int
check_planes (FakeState *state)
{
  int ret = check_plane (state, FAKE_PRIMARY);

  if (ret == 0)
    ret = check_plane (state, FAKE_OVERLAY);
  if (ret == 0 && fake_display.needs_primary
      && value_of (state, FAKE_CRTC, "ACTIVE")
      && !value_of (state, FAKE_PRIMARY, "FB_ID"))
    ret = EINVAL;

  return ret;
}

/* Whether @state changes mode, activity or connectors. */
static gboolean
is_modeset (FakeState *state)
{
  drmModeModeInfo old, new;
  guint i;

  for (i = 0; i < state->n; i++) {
    const FakeProperty *property = &state->properties[i];
    gboolean connector = property->object == FAKE_CONNECTOR
        || property->object == FAKE_WRITEBACK;

    if (((connector && g_str_equal (property->name, "CRTC_ID"))
            || g_str_equal (property->name, "ACTIVE"))
        && property->value != fake_display_state.properties[i].value)
      return TRUE;
  }
  if (get_mode (&fake_display_state, &old) != get_mode (state, &new))
    return TRUE;

  return get_mode (state, &new) && memcmp (&old, &new, sizeof (old)) != 0;
}

static void
send_event (guint64 user_data, guint32 crtc)
{
  gint64 now = g_get_monotonic_time ();
  struct drm_event_vblank event = {
    .base = { DRM_EVENT_FLIP_COMPLETE, sizeof (event) },
    .user_data = user_data,
    .tv_sec = now / G_USEC_PER_SEC,
    .tv_usec = now % G_USEC_PER_SEC,
    .crtc_id = crtc,
  };

  g_assert (write (events, &event, sizeof (event)) == sizeof (event));
}

static int
read_state (const struct drm_mode_atomic *atomic, FakeState *state)
{
  const guint32 *objects = (gpointer) (guintptr) atomic->objs_ptr;
  const guint32 *counts = (gpointer) (guintptr) atomic->count_props_ptr;
  const guint32 *ids = (gpointer) (guintptr) atomic->props_ptr;
  const guint64 *values = (gpointer) (guintptr) atomic->prop_values_ptr;
  guint i, j, k = 0;

  for (i = 0; i < atomic->count_objs; i++) {
    for (j = 0; j < counts[i]; j++, k++) {
      FakeProperty *property = fake_display_find (state, objects[i], ids[k]);

      if (!property)
        return ENOENT;
      property->value = values[k];
    }
  }

  return 0;
}

/* Takes the properties that are for one commit only. TRUE if it has a fence. */
static gboolean
consume (FakeState *state)
{
  gboolean fence = FALSE;
  guint i;

  for (i = 0; i < state->n; i++) {
    FakeProperty *property = &state->properties[i];

    if (g_str_equal (property->name, "IN_FENCE_FD")) {
      fence |= (gint64) property->value >= 0;
      property->value = -1;
    } else if (g_str_equal (property->name, "WRITEBACK_FB_ID")) {
      fake_display.n_writebacks += property->value != 0;
      property->value = 0;
    } else if (g_str_equal (property->name, "WRITEBACK_OUT_FENCE_PTR")) {
      if (property->value)
        *(gint32 *) (guintptr) property->value = -1;
      property->value = 0;
    }
  }
  fake_display.n_fences += fence;

  return fence;
}

static int
commit (const struct drm_mode_atomic *atomic)
{
  FakeState state = fake_display_state;
  gboolean modeset, fence;
  int ret;

  if (fake_display.other_master)
    return EACCES;
  ret = read_state (atomic, &state);
  if (ret == 0)
    ret = check_planes (&state);
  if (ret)
    return ret;
  modeset = is_modeset (&state);
  if (modeset && !(atomic->flags & DRM_MODE_ATOMIC_ALLOW_MODESET))
    return EINVAL;
  if (atomic->flags & DRM_MODE_ATOMIC_TEST_ONLY) {
    fake_display.n_tests++;
    return 0;
  }
  /* The kernel would block; here that is an error of the caller. */
  if (is_pending) {
    fake_display.n_too_early++;
    return EBUSY;
  }

  fence = consume (&state);
  fake_display.n_commits++;
  fake_display.n_modesets += modeset;
  pending_data = atomic->user_data;
  if ((fake_display.hold || fence)
      && (atomic->flags & DRM_MODE_ATOMIC_NONBLOCK)) {
    pending = state;
    is_pending = TRUE;
    g_cond_broadcast (&fake_display_committed);
    return 0;
  }
  fake_display_state = state;
  if (atomic->flags & DRM_MODE_PAGE_FLIP_EVENT)
    send_event (pending_data, FAKE_CRTC);

  return 0;
}

/* --- ioctl ------------------------------------------------------------- */

static int
answer (unsigned long request, void *arg)
{
  switch (request) {
  case DRM_IOCTL_SET_CLIENT_CAP: {
    struct drm_set_client_cap *cap = arg;

    if (cap->capability == DRM_CLIENT_CAP_ATOMIC && !fake_display.atomic)
      return EOPNOTSUPP;
    return 0;
  }
  case DRM_IOCTL_GET_CAP: {
    struct drm_get_cap *cap = arg;

    cap->value =
        cap->capability != DRM_CAP_ADDFB2_MODIFIERS || fake_display.modifiers;
    return 0;
  }
  case DRM_IOCTL_SET_MASTER:
    return fake_display.other_master ? EBUSY : 0;
  case DRM_IOCTL_DROP_MASTER:
    fake_display.n_drops++;
    return 0;
  case DRM_IOCTL_PRIME_FD_TO_HANDLE:
    return import (arg);
  case DRM_IOCTL_PRIME_HANDLE_TO_FD:
    return export (arg);
  case DRM_IOCTL_MODE_CREATE_DUMB:
    return create_dumb (arg);
  case DRM_IOCTL_GEM_CLOSE: {
    struct drm_gem_close *close = arg;

    return g_hash_table_remove (handles, GUINT_TO_POINTER (close->handle))
        ? 0
        : EINVAL;
  }
  case DRM_IOCTL_MODE_ADDFB2:
    return add_framebuffer (arg);
  case DRM_IOCTL_MODE_CLOSEFB:
  case DRM_IOCTL_MODE_RMFB:
    return g_hash_table_remove (
               framebuffers, GUINT_TO_POINTER (*(guint32 *) arg))
        ? 0
        : ENOENT;
  case DRM_IOCTL_MODE_CREATEPROPBLOB: {
    struct drm_mode_create_blob *create = arg;

    create->blob_id = fake_display_add_blob (
        (gpointer) (guintptr) create->data, create->length);
    return 0;
  }
  case DRM_IOCTL_MODE_DESTROYPROPBLOB:
    /* A blob that the state uses lives on. */
    return 0;
  case DRM_IOCTL_MODE_ATOMIC:
    return commit (arg);
  default:
    return ENOTTY;
  }
}

int
fake_display_ioctl (int fd, unsigned long request, void *arg)
{
  int ret;

  g_mutex_lock (&fake_display_lock);
  if (fail_nth > 0 && fail_request == request && --fail_nth == 0)
    ret = fail_code;
  else
    ret = answer (request, arg);
  g_mutex_unlock (&fake_display_lock);
  errno = ret;

  return ret ? -1 : 0;
}

void
fake_display_fail (unsigned long request, guint nth, int code)
{
  g_mutex_lock (&fake_display_lock);
  fail_request = request;
  fail_nth = nth;
  fail_code = code;
  g_mutex_unlock (&fake_display_lock);
}

gboolean
fake_display_flip (void)
{
  gboolean ret;

  g_mutex_lock (&fake_display_lock);
  ret = is_pending;
  is_pending = FALSE;
  if (ret) {
    fake_display_state = pending;
    send_event (pending_data, FAKE_CRTC);
  }
  g_mutex_unlock (&fake_display_lock);

  return ret;
}

void
fake_display_send_event (guint32 crtc)
{
  g_mutex_lock (&fake_display_lock);
  send_event (pending_data, crtc);
  g_mutex_unlock (&fake_display_lock);
}

gboolean
fake_display_is_pending (void)
{
  gboolean ret;

  g_mutex_lock (&fake_display_lock);
  ret = is_pending;
  g_mutex_unlock (&fake_display_lock);

  return ret;
}

void
fake_display_wait_pending (void)
{
  g_mutex_lock (&fake_display_lock);
  while (!is_pending)
    g_cond_wait (&fake_display_committed, &fake_display_lock);
  g_mutex_unlock (&fake_display_lock);
}

guint
fake_display_get_n_framebuffers (void)
{
  guint n;

  g_mutex_lock (&fake_display_lock);
  n = g_hash_table_size (framebuffers);
  g_mutex_unlock (&fake_display_lock);

  return n;
}

guint
fake_display_get_n_handles (void)
{
  guint n;

  g_mutex_lock (&fake_display_lock);
  n = g_hash_table_size (handles);
  g_mutex_unlock (&fake_display_lock);

  return n;
}
