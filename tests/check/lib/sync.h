/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the tests of fences share. Timelines and vgem are those of the kernel in
 * force: sw_sync's and vgem's devices in the lab, the fake ones natively.
 */

#include "backend.h"
#include "sw-sync.h"
#include "vgem-uapi.h"

#include <libdmabufcore/dmabuf-fence-private.h>
#include <libdmabufcore/dmabuf-kernel-private.h>

G_BEGIN_DECLS

/* --- software fences ----------------------------------------------------- */

/* A pending fence of a context of its own, or of a given one */
DmabufFence *mock_fence (void);
DmabufFence *mock_fence_at (guint64 context, guint64 seqno);

/* A test that is done with a fence that must not wait for ever */
void signal_and_unref (DmabufFence *fence);

/* Waits at most @ms; TRUE if it signalled, FALSE for ETIME, else fails */
gboolean wait_ms (DmabufFence *fence, guint ms);

/* A callback that counts its calls in a gint */
void count_call (DmabufFence *fence, gpointer calls);

/* For when_i_sleep(): signals the fence, lets the timeline (an fd) go on,
 * cancels the cancellable */
gpointer signal_fence (gpointer fence);
gpointer step (gpointer timeline);
gpointer cancel (gpointer cancellable);

/* Locks a reservation; 0 or an errno */
int lock_code (DmabufReservation *resv, DmabufAcquireContext *context);

/* --- sync_files, such as those of timeline_new_fd () -----------------------
 */

/* FILE_INFO of an fd: number of leaves, and of those with @status */
guint file_n_fences (int fd);
guint file_n_with_status (int fd, int status);
int file_status (int fd);

/* Polls an fd without waiting, or at most @ms */
gboolean is_ready (int fd, short events);
gboolean is_ready_in (int fd, short events, guint ms);

int merge_fds (int a, int b);
void close_fd (int fd);

/* --- buffers ------------------------------------------------------------- */

/* A buffer of an exporter of this kernel, whose fd is known outside */
DmabufBuffer *shared_buffer (void);

int vgem_open (void);
/* Without a failure: -1 if there is none */
int vgem_find (void);
/* 0 or an errno */
int vgem_import (int vgem, int dmabuf_fd, guint32 *handle);
/* 0 or an errno; *@fence for vgem_signal() */
int vgem_attach (int vgem, int dmabuf_fd, guint32 flags, guint32 *fence);
int vgem_signal (int vgem, guint32 fence);

/* --- misuse -------------------------------------------------------------- */

/* Begins to collect criticals of the library in place of ending the test. */
void criticals_catch (void);
/* Ends it; returns how many there were. */
guint criticals_count (void);

/* Tests of this run are to be long: ./run test --long */
gboolean test_is_long (void);

G_END_DECLS
