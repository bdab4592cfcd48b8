/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The pool from within. Its parts:
 *
 *   gstdmabufcorepool.c         the object, and what is public
 *   gstdmabufcorepoolqueues.c   which buffers are free: going out, coming back
 *   gstdmabufcorepoolstorage.c  what they are made of: layout and memory
 */

#include "gstdmabufcorepool.h"
#include "gstdmabufcoresyncmeta.h"

G_BEGIN_DECLS

typedef enum
{
  SLOT_OUT,
  SLOT_FREE,
  SLOT_RETURNED,
  SLOT_PARKED,
  SLOT_N_STATES,
} SlotState;

typedef struct _Slot Slot;

struct _Slot
{
  GstDmabufCorePool *pool;
  GstBuffer *buffer;
  guint n_dmabufs;
  DmabufBuffer *dmabufs[GST_VIDEO_MAX_PLANES]; /* borrowed of the memories */
  GstDmabufCoreSyncMeta *sync; /* which the pool keeps on the buffer */
  gboolean fresh;              /* not been out since it was made */

  /* Under the pool's lock. */
  SlotState state;
  Slot *previous, *next; /* in the queue of its state */
  gint64 parked_since;
  SlotState after;   /* parking */
  gboolean arming;   /* the callback is being added: nobody else takes it */
  gboolean signaled; /* and was called already */
  guint callback;

  DmabufFence *fence; /* what it was parked for; dropped when it goes out */
};

/* Like GQueue, but nothing to be called for each frame. */
typedef struct
{
  Slot *head, *tail;
  guint length;
} SlotQueue;

/* What a configuration makes of the buffers: as a whole, or not at all. */
typedef struct
{
  GstDmabufCoreConstraints constraints;
  GstVideoInfo info;
  guint n_planes;
  GstVideoAlignment alignment;
  gsize plane_sizes[GST_VIDEO_MAX_PLANES];
  gboolean per_plane;
  gboolean zero;
} PoolFrame;

struct _GstDmabufCorePool
{
  GstBufferPool parent;

  /* Set while the pool is not active. */
  DmabufExporter *exporter;
  gboolean exporter_chosen; /* by the pool itself */
  gboolean started;
  DmabufLayout exporters_layout; /* no planes: it makes bytes */
  gsize exporters_size;
  PoolFrame frame;
  GstAllocator *allocator;

  GMutex lock;
  GCond changed;
  GstDmabufCoreConstraints wanted; /* from the next configuration on */
  char *name_prefix;
  SlotQueue queues[SLOT_N_STATES]; /* none for OUT; the oldest first */
  guint n_named;
  guint n_waiting; /* threads that wait for something to be free */
  guint epoch;     /* counts buffers that were freed: there is room for one */
  GstClockTime fence_timeout;
  GCancellable *cancellable; /* ends a wait of acquire */
  GError *error;
  guint64 n_allocated, n_discarded, n_parked, n_starved;
};

/* Of GstBufferPool. */
extern GstBufferPoolClass *pool_parent_class;

/* What lets a slot live as long as its buffer. It is found by the sync meta. */
extern GQuark pool_slot_quark;

/* Why configuring or starting failed; takes @error. */
void pool_take_error (GstDmabufCorePool *self, GError *error);

/* --- gstdmabufcorepoolqueues.c ------------------------------------------ */

void pool_slot_free (Slot *slot);

/* Gives all buffers to GstBufferPool, which frees them; none is out. */
void pool_drain (GstDmabufCorePool *self);

GstFlowReturn pool_acquire_buffer (GstBufferPool *pool, GstBuffer **buffer,
    GstBufferPoolAcquireParams *params);
void pool_reset_buffer (GstBufferPool *pool, GstBuffer *buffer);
void pool_release_buffer (GstBufferPool *pool, GstBuffer *buffer);
void pool_flush_start (GstBufferPool *pool);
void pool_flush_stop (GstBufferPool *pool);

/* --- gstdmabufcorepoolstorage.c ----------------------------------------- */

gboolean pool_set_config (GstBufferPool *pool, GstStructure *config);
gboolean pool_start (GstBufferPool *pool);
GstFlowReturn pool_alloc_buffer (GstBufferPool *pool, GstBuffer **buffer,
    GstBufferPoolAcquireParams *params);

G_END_DECLS
