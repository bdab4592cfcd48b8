/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Private parts of the pool:
 *
 *   gstdmabufcorepool.c         the object and its public functions
 *   gstdmabufcorepoolqueues.c   acquire and release: which buffers are free
 *   gstdmabufcorepoolstorage.c  configuration, and allocation of buffers
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
  DmabufBuffer *dmabufs[GST_VIDEO_MAX_PLANES]; /* Borrowed from the memories */
  GstDmabufCoreSyncMeta *sync;                 /* Stays on the buffer */
  gboolean fresh;                              /* Never handed out so far */

  /* Under the pool's lock. */
  SlotState state;
  Slot *previous, *next; /* In the queue of its state */
  gint64 parked_since;
  SlotState after;   /* The state after PARKED */
  gboolean arming;   /* The callback is being added: the slot stays PARKED */
  gboolean signaled; /* The callback ran while arming */
  guint callback;

  DmabufFence *fence; /* Parked for this; dropped when the buffer goes out */
};

/* A list linked through the slots, so that a frame costs no allocation. */
typedef struct
{
  Slot *head, *tail;
  guint length;
} SlotQueue;

/* The result of a configuration; replaced as a whole once it has succeeded. */
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
  gboolean exporter_chosen; /* By the pool itself */
  gboolean started;
  DmabufLayout exporters_layout; /* Without planes: linear frames only */
  gsize exporters_size;
  PoolFrame frame;
  GstAllocator *allocator;

  GMutex lock;
  GCond changed;
  GstDmabufCoreConstraints wanted; /* From the next configuration on */
  char *name_prefix;
  SlotQueue queues[SLOT_N_STATES]; /* Oldest first; that of OUT stays empty */
  guint n_named;
  guint n_waiting; /* Threads in acquire that wait for a free buffer */
  guint epoch;     /* Counts freed buffers, for which new ones may be made */
  GstClockTime fence_timeout;
  GCancellable *cancellable; /* Ends a wait of acquire */
  GError *error;
  guint64 n_allocated, n_discarded, n_parked, n_starved;
};

/* The class of GstBufferPool. */
extern GstBufferPoolClass *pool_parent_class;

/* Key of the qdata by which a buffer owns its slot. Slots are looked up by the
 * sync meta's member owner. */
extern GQuark pool_slot_quark;

/* Takes @error as the reason why configuring or starting failed. */
void pool_take_error (GstDmabufCorePool *self, GError *error);

/* --- gstdmabufcorepoolqueues.c ------------------------------------------ */

void pool_slot_free (Slot *slot);

/* Gives all buffers back to GstBufferPool, which frees them. To be called when
 * no buffer is out. */
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
