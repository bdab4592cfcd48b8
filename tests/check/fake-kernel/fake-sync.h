/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The synchronisation half of the fake kernel.
 *
 *   fake-sync.c          fences, sync_files, the reservation of a dma-buf
 *   fake-sync-poll.c     poll and epoll of a dma-buf
 *   fake-sync-devices.c  the sources of fences: sw_sync (SWS-1), vgem (VGEM-1)
 *
 * A sync_file is an eventfd that is written when its last leaf signals and
 * never read. A dma-buf is a memfd, which cannot be polled: each poll of it is
 * a watch with an eventfd of its own.
 */

#include "fake-kernel.h"

G_BEGIN_DECLS

typedef struct
{
  guint refs;
  guint64 context;
  guint64 seqno;
  int status; /* As in FILE_INFO */
  gint64 timestamp;
  guint64 deadline; /* Nanoseconds, 0 for none */
  const char *driver;
  char timeline[32];
  GPtrArray *sync_files; /* FakeSyncFile that contain it and are pending */
  GPtrArray *buffers;    /* FakeFile of dma-bufs that contain it */
} FakeFence;

/* These are called with the lock held. */
FakeFence *fake_fence_new (guint64 context, guint64 seqno, const char *driver);
FakeFence *fake_fence_ref (FakeFence *fence);
void fake_fence_unref (FakeFence *fence);
void fake_fence_signal (FakeFence *fence, int status);
guint64 fake_context_alloc (void);

/* A new sync_file of @fence, or -1 and errno */
int fake_sync_file_install (FakeFence *fence, const char *name);

/* The only fence of a sync_file; NULL if it has none or several */
FakeFence *fake_sync_file_get_fence (FakeFile *file);

/* The reservation of a dma-buf: READ or WRITE */
void fake_resv_add (FakeFile *file, FakeFence *fence, gboolean write);
gboolean fake_resv_is_idle (FakeFile *file, gboolean write);

/* Called when a fence of the dma-buf was added or signalled. */
void fake_poll_update (FakeFile *file);
void fake_poll_reset (void);

/* The ioctls of FAKE_FILE_SW_SYNC and FAKE_FILE_VGEM, called without the lock,
 * and their end */
int
fake_device_ioctl (int fd, FakeFile *file, unsigned long request, void *arg);
void fake_device_free (FakeFile *file);

/* Ends all pending vgem fences with a time-out. The kernel does so after 10 s,
 * the fake when the test says so. */
void fake_vgem_expire (void);

#define FAKE_VGEM_PATH "/dev/dri/vgem"

G_END_DECLS
