/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Private parts of dmabuffencesync:
 *
 *   gstdmabuffencesync.c  the element: properties, states, statistics
 *   fencesync-stream.c    its pads: buffers, events, queries
 *   fencesync-waiting.c   where buffers wait, and for how long
 *   fencesync-action.c    the actions on one buffer
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

  /* For the sink pad's streaming thread only. */
  gboolean undecided;
  FenceSyncAction action;

  GMutex lock;
  GCond changed;
  GQueue queue;    /* GstBuffer and GstEvent */
  guint n_buffers; /* In the queue and with the task */
  gboolean busy;   /* The task handles an object that it took off the queue */
  gboolean flushing;
  gboolean started; /* The task */
  gboolean discont;
  GstFlowReturn result;     /* Of the task's last push */
  gboolean result_reported; /* Returned upstream, or posted on the bus */
  GCancellable *cancellable;
  GstClockTime latency; /* As reported */
  GstClockTime frame_duration;
  GstDmabufCoreDurations waits;
  guint64 n_waited, n_passed;

  GstDmabufCoreStats stats;
};

/* --- fencesync-waiting.c ------------------------------------------------- */

/* Takes @buffer, waits for its fences and pushes it. */
GstFlowReturn
fence_sync_wait_and_push (GstDmabufFenceSync *self, GstBuffer *buffer);

/* The same, but a buffer with pending fences is left to the task. Blocks while
 * @max_pending buffers wait already. */
GstFlowReturn fence_sync_queue_buffer (
    GstDmabufFenceSync *self, GstBuffer *buffer, guint max_pending);

/* Takes @event and returns TRUE if it has to wait behind buffers. @refused is
 * set if it is to be dropped because of a flush. */
gboolean fence_sync_queue_event (
    GstDmabufFenceSync *self, GstEvent *event, gboolean *refused);

/* The source pad has a peer again: clears the result NOT_LINKED. */
void fence_sync_linked_again (GstDmabufFenceSync *self);

/* Blocks until the queue is empty, a push has failed, or a flush begins. */
void fence_sync_wait_until_drained (GstDmabufFenceSync *self);

/* With @flushing ends all waits and frees the queue; without, allows waiting
 * again. */
void fence_sync_set_flushing (GstDmabufFenceSync *self, gboolean flushing);

/* To be called after the task was paused or stopped from outside. */
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
