/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * dmabuffencesync from within. Its parts:
 *
 *   gstdmabuffencesync.c  the element: properties, states, statistics
 *   fencesync-stream.c    its pads: buffers, events, queries
 *   fencesync-waiting.c   where buffers wait, and for how long
 *   fencesync-action.c    what is done to one buffer
 */

#include "fencesync-action.h"
#include "gstdmabuffencesync.h"

G_BEGIN_DECLS

typedef enum
{
  ON_TIMEOUT_ERROR,
  ON_TIMEOUT_DROP,
  ON_TIMEOUT_PASS,
} OnTimeout;

struct _GstDmabufFenceSync
{
  GstElement parent;

  GstPad *sinkpad;
  GstPad *srcpad;

  /* Properties, under the object lock. */
  GstDmabufFenceSyncMode mode;
  DmabufAccess access;
  GstClockTime timeout;
  OnTimeout on_timeout;
  guint max_pending;

  /* The sink pad's streaming thread. */
  gboolean undecided;
  FenceSyncAction action;

  GMutex lock;
  GCond changed;
  GQueue queue;    /* GstBuffer and GstEvent */
  guint n_buffers; /* in the queue and with the task */
  gboolean busy;   /* the task has something in hand */
  gboolean flushing;
  gboolean started; /* the task */
  gboolean discont;
  GstFlowReturn result; /* of the task's last push */
  gboolean told;        /* to upstream, or on the bus, if it is an error */
  GCancellable *cancellable;
  GstClockTime latency; /* that was reported */
  GstClockTime frame_duration;
  GstDmabufCoreDurations waits;
  guint64 n_waited, n_passed;

  GstDmabufCoreStats stats;
};

/* --- fencesync-waiting.c ------------------------------------------------- */

/* Pushes @buffer, which is taken, when nothing stands against it any more. */
GstFlowReturn
fence_sync_wait_and_push (GstDmabufFenceSync *self, GstBuffer *buffer);

/* The same by the task, if @buffer has to wait: at most @max_pending do. */
GstFlowReturn fence_sync_queue_buffer (
    GstDmabufFenceSync *self, GstBuffer *buffer, guint max_pending);

/* Whether @event, which is taken then, has to wait behind buffers. */
gboolean fence_sync_queue_event (
    GstDmabufFenceSync *self, GstEvent *event, gboolean *refused);

/* Downstream may take what it refused for want of a peer. */
void fence_sync_linked_again (GstDmabufFenceSync *self);

/* Until nothing waits, or never will. */
void fence_sync_wait_until_drained (GstDmabufFenceSync *self);

/* Ends all waits and frees what waits, or allows it again. */
void fence_sync_set_flushing (GstDmabufFenceSync *self, gboolean flushing);

/* The task does not run any more. */
void fence_sync_forget_task (GstDmabufFenceSync *self);

/* --- fencesync-stream.c -------------------------------------------------- */

GstFlowReturn
fence_sync_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer);
gboolean
fence_sync_sink_event (GstPad *pad, GstObject *parent, GstEvent *event);
gboolean
fence_sync_sink_query (GstPad *pad, GstObject *parent, GstQuery *query);
gboolean fence_sync_src_event (GstPad *pad, GstObject *parent, GstEvent *event);
gboolean fence_sync_src_query (GstPad *pad, GstObject *parent, GstQuery *query);

G_END_DECLS
