/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Helpers of the tests of fences. Timelines and vgem belong to the kernel in
 * use: the devices of sw_sync and vgem in the lab, the fake ones natively.
 */

#include "backend.h"
#include "sw-sync.h"
#include "vgem-uapi.h"

#include <libdmabufcore/dmabuf-fence-private.h>
#include <libdmabufcore/dmabuf-kernel-private.h>

G_BEGIN_DECLS

/* --- Software fences ----------------------------------------------------- */

/* A pending fence in a context of its own, or in a given one */
DmabufFence *mock_fence (void);
DmabufFence *mock_fence_at (guint64 context, guint64 seqno);

/* Ends a test's use of a fence that would otherwise stay pending */
void signal_and_unref (DmabufFence *fence);

/* Waits at most @ms; TRUE if it signalled, FALSE for ETIME, else fails */
gboolean wait_ms (DmabufFence *fence, guint ms);

/* A callback that counts its calls in a gint */
void count_call (DmabufFence *fence, gpointer calls);

/* For when_i_sleep(): signals the fence, advances the timeline (an fd), cancels
 * the cancellable */
gpointer signal_fence (gpointer fence);
gpointer step (gpointer timeline);
gpointer cancel (gpointer cancellable);

/* Locks a reservation; 0 or an errno */
int lock_code (DmabufReservation *resv, DmabufAcquireContext *context);

/* --- sync_files, for example of timeline_new_fd () ----------------------- */

/* FILE_INFO of an fd: number of leaves, and of those with @status */
guint file_n_fences (int fd);
guint file_n_with_status (int fd, int status);
int file_status (int fd);

/* Polls an fd without waiting, or at most @ms */
gboolean is_ready (int fd, short events);
gboolean is_ready_in (int fd, short events, guint ms);

int merge_fds (int a, int b);
void close_fd (int fd);

/* --- Buffers ------------------------------------------------------------- */

/* A buffer whose fd has left the core */
DmabufBuffer *shared_buffer (void);

int vgem_open (void);
/* The same, but returns -1 if there is no vgem */
int vgem_find (void);
/* 0 or an errno */
int vgem_import (int vgem, int dmabuf_fd, guint32 *handle);
/* 0 or an errno; *@fence for vgem_signal() */
int vgem_attach (int vgem, int dmabuf_fd, guint32 flags, guint32 *fence);
int vgem_signal (int vgem, guint32 fence);

/* --- Misuse -------------------------------------------------------------- */

/* Counts criticals from now on, instead of ending the test. */
void criticals_catch (void);
/* Ends this; returns how many there were. */
guint criticals_count (void);

/* Whether tests run for long: ./run test --long */
gboolean test_is_long (void);

G_END_DECLS
