/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-api.h"

#include <libdmabufcore/dmabufcore.h>

/* Errors are DMABUF_ERROR: a positive errno, and a message that names the card
 * and the user's remedy. */
#define kms_set_error(error, code, ...) \
  g_set_error (error, DMABUF_ERROR, code, __VA_ARGS__)

/*
 * A card: one open file of a DRM device with atomic KMS. Reference-counted: the
 * owners of objects in the file (framebuffers, handles, blobs) hold it.
 */
typedef struct
{
  gatomicrefcount ref_count;
  int fd;
  /* We opened the file, with O_NONBLOCK: events can be read without a poll ()
   */
  gboolean nonblocking;
  /* "/dev/dri/card0 (vkms)", for messages */
  char *name;
  char *driver;
  gboolean modifiers;
  drmModeRes *resources;

  /* GEM handle → number of our uses: the kernel has one handle per buffer and
   * file, and returns it for each import */
  GMutex handles_lock;
  GHashTable *handles;
  /* Inode of a dma-buf that PRIME refused → -errno; under handles_lock */
  GHashTable *refused;
} KmsCard;

/* The user's choice of a card; %NULL and -1 for none. */
typedef struct
{
  const char *path;
  const char *driver;
  int fd;
} KmsCardRequest;

/*
 * Opens the card that @request names, or the first one with a display. The file
 * becomes DRM master if the card has none.
 *
 * Errors (DMABUF_ERROR): ENOENT no such device, EACCES no permission, ENOTTY
 * not a KMS device, EOPNOTSUPP no atomic KMS, ENODEV no card with a display.
 */
KmsCard *kms_card_open (const KmsCardRequest *request, GError **error);

KmsCard *kms_card_ref (KmsCard *card);
void kms_card_unref (KmsCard *card);

/* Makes this file DRM master, so that it may change the display. FALSE with
 * EBUSY if another program is. */
gboolean kms_card_acquire_master (KmsCard *card, GError **error);
/* Lets another program become master while our buffers keep the file open. Does
 * nothing for a file of the application, which may need to stay master. */
void kms_card_drop_master (KmsCard *card);

/* Gets the GEM handle of @buffer and counts a use of it: 0, or -errno. That is
 * -EOPNOTSUPP for a driver without PRIME imports, and -ENODEV for a card that
 * is gone. A refusal is remembered. */
int
kms_card_import_handle (KmsCard *card, DmabufBuffer *buffer, guint32 *handle);

/* Counts a use of a @handle that an ioctl has just returned. */
void kms_card_hold_handle (KmsCard *card, guint32 handle);

/* Drops a use; the last one ends with GEM_CLOSE. */
void kms_card_release_handle (KmsCard *card, guint32 handle);

/* Removes a framebuffer from the file. A plane that shows it goes on, if the
 * kernel has CLOSEFB. */
void kms_card_close_framebuffer (KmsCard *card, guint32 fb_id);

/* Creates a property blob: returns its id, or 0 with -errno in @result. */
guint32
kms_card_create_blob (KmsCard *card, const void *data, gsize size, int *result);
void kms_card_destroy_blob (KmsCard *card, guint32 blob_id);

/* Sets @error for the @result of a commit, with the card's name and the user's
 * remedy. */
void kms_card_set_commit_error (
    KmsCard *card, int result, const char *what, GError **error);
