/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "kms-api.h"

#include <libdmabufcore/dmabufcore.h>

/* Errors here are the library's: a positive errno, and a message that names the
 * card and what to do. */
#define kms_set_error(error, code, ...) \
  g_set_error (error, DMABUF_ERROR, code, __VA_ARGS__)

/*
 * A card: one open file of a DRM device with atomic KMS. Reference-counted;
 * whatever lives in the file (framebuffers, handles, blobs) holds it.
 */
typedef struct
{
  gatomicrefcount ref_count;
  int fd;
  /* the file is ours and does not block, so that an event can be read without
   * a poll first */
  gboolean nonblocking;
  /* "/dev/dri/card0 (vkms)", for messages */
  char *name;
  char *driver;
  gboolean modifiers;
  drmModeRes *resources;

  /* GEM handle → number of our uses: the kernel hands out one handle per
   * buffer and file, whatever number of imports lead to it */
  GMutex handles_lock;
  GHashTable *handles;
  /* inode of a dma-buf that PRIME refused → -errno; under handles_lock */
  GHashTable *refused;
} KmsCard;

/* What the user asked for; %NULL and -1 for nothing. */
typedef struct
{
  const char *path;
  const char *driver;
  int fd;
} KmsCardRequest;

/*
 * Opens the card that @request names; without a name the first with a display
 * on it. Becomes DRM master where nobody else is.
 *
 * Errors (DMABUF_ERROR): ENOENT no such device, EACCES no permission, ENOTTY
 * not a KMS device, EOPNOTSUPP no atomic KMS, ENODEV no card with a display.
 */
KmsCard *kms_card_open (const KmsCardRequest *request, GError **error);

KmsCard *kms_card_ref (KmsCard *card);
void kms_card_unref (KmsCard *card);

/* Whether this file may change the display: FALSE with EBUSY and what to do if
 * another program holds it. */
gboolean kms_card_acquire_master (KmsCard *card, GError **error);
/* For others to become it, while buffers of ours keep the file open. Not with a
 * file of the application's, who may be master for more than us. */
void kms_card_drop_master (KmsCard *card);

/* The GEM handle of @buffer: 0 and a use more, or -errno. That is -EOPNOTSUPP
 * for a driver that imports nothing, and -ENODEV for a card that is gone. A
 * refusal is remembered. */
int
kms_card_import_handle (KmsCard *card, DmabufBuffer *buffer, guint32 *handle);

/* Counts a use of a @handle that an ioctl of this file has just made. */
void kms_card_hold_handle (KmsCard *card, guint32 handle);

/* Drops a use; GEM_CLOSE with the last. */
void kms_card_release_handle (KmsCard *card, guint32 handle);

/* Takes a framebuffer from the file. A plane that shows it keeps it. */
void kms_card_close_framebuffer (KmsCard *card, guint32 fb_id);

/* A property blob: its id, or 0 with -errno in @result. */
guint32
kms_card_create_blob (KmsCard *card, const void *data, gsize size, int *result);
void kms_card_destroy_blob (KmsCard *card, guint32 blob_id);

/* Sets @error for what a commit returned, with the card's name and advice. */
void kms_card_set_commit_error (
    KmsCard *card, int result, const char *what, GError **error);
