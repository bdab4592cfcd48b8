/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-card.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAX_CARDS 64
/* More than a pool has buffers. */
#define MAX_REFUSED 64

/* In libdrm since 2.4.117, in the kernel since 6.8. */
#ifndef DRM_IOCTL_MODE_CLOSEFB
struct drm_mode_closefb
{
  __u32 fb_id;
  __u32 pad;
};
#define DRM_IOCTL_MODE_CLOSEFB DRM_IOWR (0xD0, struct drm_mode_closefb)
#endif

/* --- opening ----------------------------------------------------------- */

static gboolean
set_client_cap (int fd, guint64 capability)
{
  struct drm_set_client_cap cap = { .capability = capability, .value = 1 };

  return kms_ioctl (fd, DRM_IOCTL_SET_CLIENT_CAP, &cap) >= 0;
}

static gboolean
get_cap (int fd, guint64 capability)
{
  struct drm_get_cap cap = { .capability = capability };

  return kms_ioctl (fd, DRM_IOCTL_GET_CAP, &cap) >= 0 && cap.value != 0;
}

/* Takes @fd, also on error. */
static KmsCard *
card_new (int fd, const char *path, gboolean nonblocking, GError **error)
{
  KmsCard *card = g_new0 (KmsCard, 1);
  drmVersion *version;

  g_atomic_ref_count_init (&card->ref_count);
  g_mutex_init (&card->handles_lock);
  card->handles = g_hash_table_new (NULL, NULL);
  card->refused =
      g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  card->fd = fd;
  card->nonblocking = nonblocking;

  version = kms_api->get_version (fd);
  if (!version)
    goto not_drm;
  card->driver = g_strdup (version->name);
  card->name = g_strdup_printf ("%s (%s)", path, card->driver);
  drmFreeVersion (version);

  card->resources = kms_api->get_resources (fd);
  if (!card->resources || card->resources->count_crtcs == 0)
    goto not_kms;

  if (!set_client_cap (fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES)
      || !set_client_cap (fd, DRM_CLIENT_CAP_ATOMIC))
    goto not_atomic;
  /* A failure is ignored: such a kernel has no writeback connectors. */
  set_client_cap (fd, DRM_CLIENT_CAP_WRITEBACK_CONNECTORS);
  card->modifiers = get_cap (fd, DRM_CAP_ADDFB2_MODIFIERS);

  /* Read the list again: only now it has the writeback connectors. */
  drmModeFreeResources (card->resources);
  card->resources = kms_api->get_resources (fd);
  if (!card->resources)
    goto not_kms;

  return card;

  /* ERRORS */
not_drm: {
  kms_set_error (error, ENOTTY, "%s is not a KMS device; %s /dev/dri/card*%s",
      path, *path == '/' ? "name one of" : "pass an open",
      *path == '/' ? "" : " or a DRM lease");
  kms_card_unref (card);
  return NULL;
}
not_kms: {
  kms_set_error (error, ENOTTY,
      "%s is not a KMS device: it drives no display; name the card of the "
      "display controller (modetest -c shows them)",
      card->name);
  kms_card_unref (card);
  return NULL;
}
not_atomic: {
  kms_set_error (error, EOPNOTSUPP,
      "%s has no atomic KMS, which dmabufkmssink needs; use kmssink there",
      card->name);
  kms_card_unref (card);
  return NULL;
}
}

static KmsCard *
open_path (const char *path, GError **error)
{
  int fd = kms_api->open (path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

  if (fd >= 0)
    return card_new (fd, path, TRUE, error);

  switch (errno) {
  case ENOENT:
  case ENXIO:
  case ENODEV:
    kms_set_error (
        error, ENOENT, "%s: no such device; ls /dev/dri lists the cards", path);
    break;
  case EACCES:
  case EPERM:
    kms_set_error (error, EACCES,
        "%s: permission denied; join the group that owns it (usually video), "
        "or run in the login session that owns the display",
        path);
    break;
  default:
    kms_set_error (
        error, errno, "%s: cannot open: %s", path, g_strerror (errno));
    break;
  }

  return NULL;
}

static KmsCard *
open_fd (int fd, GError **error)
{
  char *path = g_strdup_printf ("fd %d", fd);
  KmsCard *card = NULL;
  int own;

  /* The duplicate shares O_NONBLOCK with the application's fd: leave it as it
   * is (SEC-6). */
  own = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  if (own < 0)
    kms_set_error (error, errno,
        "fd %d: %s; pass an open /dev/dri/card* or a DRM lease", fd,
        g_strerror (errno));
  else
    card = card_new (own, path, FALSE, error);
  g_free (path);

  return card;
}

static gboolean
has_display (KmsCard *card)
{
  int i;

  for (i = 0; i < card->resources->count_connectors; i++) {
    drmModeConnector *connector =
        kms_api->get_connector (card->fd, card->resources->connectors[i]);
    gboolean found;

    if (!connector)
      continue;
    found = connector->connection == DRM_MODE_CONNECTED
        && connector->count_modes > 0
        && connector->connector_type != DRM_MODE_CONNECTOR_WRITEBACK;
    drmModeFreeConnector (connector);
    if (found)
      return TRUE;
  }

  return FALSE;
}

/* Opens the first card with a display, of @driver unless that is NULL. */
static KmsCard *
find_card (const char *driver, GError **error)
{
  GString *reasons = g_string_new (NULL);
  gboolean denied = FALSE;
  guint i;

  for (i = 0; i < MAX_CARDS; i++) {
    char *path = g_strdup_printf ("/dev/dri/card%u", i);
    GError *reason = NULL;
    KmsCard *card = open_path (path, &reason);

    g_free (path);
    if (card && driver && !g_str_equal (card->driver, driver)) {
      g_string_append_printf (reasons, "; %s is of another driver", card->name);
    } else if (card && !has_display (card)) {
      g_string_append_printf (reasons, "; %s has no display", card->name);
    } else if (card) {
      g_string_free (reasons, TRUE);
      return card;
    } else if (!g_error_matches (reason, DMABUF_ERROR, ENOENT)) {
      denied |= g_error_matches (reason, DMABUF_ERROR, EACCES);
      g_string_append_printf (reasons, "; %s", reason->message);
    }
    g_clear_error (&reason);
    g_clear_pointer (&card, kms_card_unref);
  }

  kms_set_error (error, denied ? EACCES : ENODEV,
      "no KMS card %s%s%swith a display connected%s",
      driver ? "of the driver " : "", driver ? driver : "", driver ? " " : "",
      reasons->len ? reasons->str : "; /dev/dri has no cards");
  g_string_free (reasons, TRUE);

  return NULL;
}

KmsCard *
kms_card_open (const KmsCardRequest *request, GError **error)
{
  KmsCard *card;

  if (request->fd >= 0)
    return open_fd (request->fd, error);
  if (!request->path)
    return find_card (request->driver, error);

  card = open_path (request->path, error);
  if (card && request->driver && !g_str_equal (card->driver, request->driver)) {
    kms_set_error (error, ENODEV, "%s: driver-name asks for %s", card->name,
        request->driver);
    g_clear_pointer (&card, kms_card_unref);
  }

  return card;
}

KmsCard *
kms_card_ref (KmsCard *card)
{
  g_atomic_ref_count_inc (&card->ref_count);

  return card;
}

void
kms_card_unref (KmsCard *card)
{
  if (!g_atomic_ref_count_dec (&card->ref_count))
    return;

  if (g_hash_table_size (card->handles) > 0)
    g_critical ("%s: %u GEM handles leaked", card->name,
        g_hash_table_size (card->handles));
  g_hash_table_unref (card->handles);
  g_hash_table_unref (card->refused);
  g_mutex_clear (&card->handles_lock);
  g_clear_pointer (&card->resources, drmModeFreeResources);
  if (card->fd >= 0)
    kms_api->close (card->fd);
  g_free (card->driver);
  g_free (card->name);
  g_free (card);
}

/* --- master ------------------------------------------------------------ */

gboolean
kms_card_acquire_master (KmsCard *card, GError **error)
{
  if (kms_api->is_master (card->fd)
      || kms_ioctl (card->fd, DRM_IOCTL_SET_MASTER, NULL) >= 0)
    return TRUE;

  kms_set_error (error, EBUSY,
      "%s: another program (a compositor?) or another sink owns "
      "the display; stop it, switch to a free virtual terminal, or pass a "
      "leased file by the property fd",
      card->name);

  return FALSE;
}

void
kms_card_drop_master (KmsCard *card)
{
  if (card->nonblocking)
    kms_ioctl (card->fd, DRM_IOCTL_DROP_MASTER, NULL);
}

void
kms_card_set_commit_error (
    KmsCard *card, int result, const char *what, GError **error)
{
  switch (-result) {
  case EACCES:
  case EPERM:
    kms_set_error (error, EBUSY,
        "%s: %s was refused: another program owns the display (a "
        "compositor?); stop it, or pass a leased file by the property fd",
        card->name, what);
    break;
  case ENODEV:
    kms_set_error (
        error, ENODEV, "%s: %s failed: the device is gone", card->name, what);
    break;
  default:
    kms_set_error (error, -result, "%s: %s failed: %s", card->name, what,
        g_strerror (-result));
    break;
  }
}

/* --- handles ----------------------------------------------------------- */

static void
hold_locked (KmsCard *card, guint32 handle)
{
  gpointer key = GUINT_TO_POINTER (handle);
  guint uses = GPOINTER_TO_UINT (g_hash_table_lookup (card->handles, key));

  g_hash_table_insert (card->handles, key, GUINT_TO_POINTER (uses + 1));
}

/* Drivers without PRIME imports return ENODEV; once the device is gone,
 * drm_ioctl () returns it for every call. */
static gboolean
is_gone (KmsCard *card)
{
  struct drm_get_cap cap = { .capability = DRM_CAP_PRIME };

  return kms_ioctl (card->fd, DRM_IOCTL_GET_CAP, &cap) == -ENODEV;
}

/* Imports @buffer. A refusal is remembered by inode: the kernel would attach
 * and map the dma-buf again for each frame, and refuse it again. Inodes are not
 * reused, so entries are dropped only to keep the table small. */
static int
import_locked (KmsCard *card, DmabufBuffer *buffer, guint32 *handle)
{
  struct drm_prime_handle prime = { .fd = dmabuf_buffer_get_fd (buffer) };
  guint64 inode = dmabuf_buffer_get_inode (buffer);
  int ret = GPOINTER_TO_INT (g_hash_table_lookup (card->refused, &inode));

  if (ret < 0)
    return ret;
  ret = kms_ioctl (card->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
  if (ret >= 0) {
    *handle = prime.handle;
    hold_locked (card, prime.handle);
    return 0;
  }

  if (ret == -ENODEV && !is_gone (card))
    ret = -EOPNOTSUPP;
  if (ret == -EINVAL || ret == -EOPNOTSUPP) {
    if (g_hash_table_size (card->refused) >= MAX_REFUSED)
      g_hash_table_remove_all (card->refused);
    g_hash_table_insert (card->refused, g_memdup2 (&inode, sizeof (inode)),
        GINT_TO_POINTER (ret));
  }

  return ret;
}

int
kms_card_import_handle (KmsCard *card, DmabufBuffer *buffer, guint32 *handle)
{
  int ret;

  /* Under the lock: otherwise another thread might close the returned handle
   * before its use is counted. */
  g_mutex_lock (&card->handles_lock);
  ret = import_locked (card, buffer, handle);
  g_mutex_unlock (&card->handles_lock);

  return ret;
}

void
kms_card_hold_handle (KmsCard *card, guint32 handle)
{
  g_mutex_lock (&card->handles_lock);
  hold_locked (card, handle);
  g_mutex_unlock (&card->handles_lock);
}

void
kms_card_release_handle (KmsCard *card, guint32 handle)
{
  gpointer key = GUINT_TO_POINTER (handle);
  guint uses;

  g_mutex_lock (&card->handles_lock);
  uses = GPOINTER_TO_UINT (g_hash_table_lookup (card->handles, key));
  if (uses > 1) {
    g_hash_table_insert (card->handles, key, GUINT_TO_POINTER (uses - 1));
  } else if (uses == 1) {
    struct drm_gem_close close = { .handle = handle };

    g_hash_table_remove (card->handles, key);
    kms_ioctl (card->fd, DRM_IOCTL_GEM_CLOSE, &close);
  } else {
    g_critical (
        "%s: GEM handle %u released once too often", card->name, handle);
  }
  g_mutex_unlock (&card->handles_lock);
}

/* --- framebuffers and blobs -------------------------------------------- */

void
kms_card_close_framebuffer (KmsCard *card, guint32 fb_id)
{
  struct drm_mode_closefb close = { .fb_id = fb_id };

  /* RMFB, for kernels without CLOSEFB, turns off a plane that shows it. */
  if (kms_ioctl (card->fd, DRM_IOCTL_MODE_CLOSEFB, &close) < 0)
    kms_ioctl (card->fd, DRM_IOCTL_MODE_RMFB, &fb_id);
}

guint32
kms_card_create_blob (KmsCard *card, const void *data, gsize size, int *result)
{
  struct drm_mode_create_blob create = {
    .data = (guintptr) data,
    .length = size,
  };

  *result = kms_ioctl (card->fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &create);

  return *result < 0 ? 0 : create.blob_id;
}

void
kms_card_destroy_blob (KmsCard *card, guint32 blob_id)
{
  struct drm_mode_destroy_blob destroy = { .blob_id = blob_id };

  if (blob_id)
    kms_ioctl (card->fd, DRM_IOCTL_MODE_DESTROYPROPBLOB, &destroy);
}
