/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Software fences: signalled by dmabuf_fence_signal(), by their timeline, by a
 * word in memory, or by the clock. The timer is in the poller only while there
 * are callbacks; a test reads the clock instead.
 */

#include "dmabuf-fence-software-private.h"
#include "dmabuf-kernel-private.h"
#include "dmabuf-poller-private.h"
#include "dmabuf-thread-private.h"

#include <errno.h>
#include <string.h>

/* Polling period of a word in memory, in microseconds */
#define SEQNO_PERIOD 1000

typedef struct
{
  DmabufFence fence;
  DmabufPollerTimer timer;
  gint64 deadline;
  GRefString *name;
} Software;

typedef struct
{
  Software software;
  const guint32 *word;
  DmabufSeqnoCondition condition;
  gpointer owner;
  GDestroyNotify owner_free;
} Seqno;

static const DmabufFenceOps software_ops;
static const DmabufFenceOps seqno_ops;

/* --- Memory ------------------------------------------------------------ */

/*
 * The same few threads make and release a fence for each frame and buffer. Each
 * thread keeps some released ones, as allocating zeroed memory is a quarter of
 * a fence's cost. None under a sanitizer, which would miss a use after free.
 */
#if defined(DMABUF_TSAN) || defined(__SANITIZE_ADDRESS__)
#define N_SPARE 0
#else
#define N_SPARE 16
#endif

typedef struct
{
  DmabufFence *first; /* Linked by next_deferred */
  guint n;
} Spare;

static void spare_free (gpointer data);

static GPrivate spare_key = G_PRIVATE_INIT (spare_free);
static __thread Spare *spare __attribute__ ((tls_model ("initial-exec")));

/* Called at the end of a thread. */
static void
spare_free (gpointer data)
{
  DmabufFence *fence;

  spare = NULL;
  while ((fence = ((Spare *) data)->first)) {
    ((Spare *) data)->first = fence->next_deferred;
    g_free (fence);
  }
  g_free (data);
}

static inline Software *
spare_get (void)
{
  Spare *mine = spare;
  DmabufFence *fence;

  if (G_UNLIKELY (!mine || !mine->first))
    return g_new0 (Software, 1);

  fence = mine->first;
  mine->first = fence->next_deferred;
  mine->n--;

  /* Other fields are still as in a new one, or are set by software_init (). */
  fence->next_deferred = NULL;
  fence->flags = 0;
  fence->timestamp = 0;
  fence->error = 0;
  fence->trust = DMABUF_FENCE_TRUST_FULL;
  fence->last_id = 0;
  return (Software *) fence;
}

static inline void
spare_put (Software *self)
{
  Spare *mine = spare;

  if (G_UNLIKELY (!mine && N_SPARE > 0)) {
    mine = spare = g_new0 (Spare, 1);
    g_private_set (&spare_key, mine);
  }
  if (G_UNLIKELY (!mine || mine->n >= N_SPARE)) {
    g_free (self);
    return;
  }

  self->name = NULL;
  self->fence.next_deferred = mine->first;
  mine->first = &self->fence;
  mine->n++;
}

/* --- The clock --------------------------------------------------------- */

static Software *
software_of (DmabufPollerTimer *timer)
{
  return (Software *) ((char *) timer - G_STRUCT_OFFSET (Software, timer));
}

static gboolean
timer_ref (DmabufPollerTimer *timer)
{
  return dmabuf_fence_try_ref (&software_of (timer)->fence);
}

static void
software_on_deadline (DmabufPollerTimer *timer)
{
  DmabufFence *fence = &software_of (timer)->fence;

  dmabuf_fence_settle (fence, -ETIME, 0);
  dmabuf_fence_dispatch (fence);
  dmabuf_fence_unref (fence);
}

static int
software_enable (DmabufFence *fence)
{
  Software *self = (Software *) fence;
  int ret = dmabuf_poller_add_timer (&self->timer, self->deadline);

  return ret < 0 ? ret : 1;
}

static void
software_disable (DmabufFence *fence)
{
  dmabuf_poller_remove_timer (&((Software *) fence)->timer);
}

static gboolean
software_signaled (DmabufFence *fence, int *error, gint64 *timestamp)
{
  if (g_get_monotonic_time () < ((Software *) fence)->deadline)
    return FALSE;

  *error = -ETIME;
  return TRUE;
}

static const char *
software_get_driver_name (DmabufFence *fence)
{
  return "software";
}

static const char *
software_get_timeline_name (DmabufFence *fence)
{
  Software *self = (Software *) fence;

  return self->name ? self->name : "unbound";
}

static void
software_clear (Software *self)
{
  if (G_UNLIKELY (
          g_atomic_int_get (&self->fence.flags) & DMABUF_FENCE_FLAG_ENABLED))
    dmabuf_poller_remove_timer (&self->timer);
  if (self->name)
    g_ref_string_release (self->name);
}

static void
software_release (DmabufFence *fence)
{
  software_clear ((Software *) fence);
  spare_put ((Software *) fence);
}

static const DmabufFenceOps software_ops = {
  .kind = DMABUF_FENCE_KIND_SOFTWARE,
  .get_driver_name = software_get_driver_name,
  .get_timeline_name = software_get_timeline_name,
  .enable = software_enable,
  .disable = software_disable,
  .signaled = software_signaled,
  .release = software_release,
};

static gboolean
check_deadline (gint64 deadline, GError **error)
{
  if (deadline != DMABUF_DEADLINE_NEVER)
    return TRUE;

  dmabuf_set_error (error, EINVAL,
      "software fence: needs a deadline, as nothing else guarantees its end"
      " (g_get_monotonic_time () + the longest that the work may take)");
  return FALSE;
}

static inline void
software_init (Software *self, const DmabufFenceOps *ops, guint64 context,
    guint64 seqno, gint64 deadline, void (*on_timer) (DmabufPollerTimer *timer))
{
  dmabuf_fence_init (&self->fence, ops, context, seqno);
  self->deadline = deadline;
  self->timer.ref = timer_ref;
  self->timer.dispatch = on_timer;
}

DmabufFence *
dmabuf_fence_new_software (
    guint64 context, guint64 seqno, gint64 deadline, GError **error)
{
  Software *self;

  if (!check_deadline (deadline, error))
    return NULL;

  self = spare_get ();
  software_init (
      self, &software_ops, context, seqno, deadline, software_on_deadline);
  return &self->fence;
}

void
dmabuf_fence_software_set_name (DmabufFence *fence, GRefString *name)
{
  ((Software *) fence)->name = g_ref_string_acquire (name);
}

/* --- Signalling -------------------------------------------------------- */

static gboolean
check_software (DmabufFence *fence, const char *what)
{
  if (G_LIKELY (fence && fence->ops == &software_ops))
    return TRUE;

  g_critical ("%s: not a fence that this process signals", what);
  return FALSE;
}

gboolean
dmabuf_fence_signal_timestamp (DmabufFence *fence, gint64 timestamp)
{
  if (!check_software (fence, "dmabuf_fence_signal"))
    return FALSE;

  if (!dmabuf_fence_settle (fence, 0, timestamp))
    return FALSE;

  if (g_atomic_int_get (&fence->flags) & DMABUF_FENCE_FLAG_ENABLED) {
    dmabuf_poller_remove_timer (&((Software *) fence)->timer);
    dmabuf_fence_dispatch (fence);
  }
  return TRUE;
}

gboolean
dmabuf_fence_signal (DmabufFence *fence)
{
  return dmabuf_fence_signal_timestamp (fence, 0);
}

gboolean
dmabuf_fence_signal_error (DmabufFence *fence, int error)
{
  if (!dmabuf_fence_settle (fence, error, 0))
    return FALSE;

  dmabuf_poller_remove_timer (&((Software *) fence)->timer);
  dmabuf_fence_dispatch (fence);
  return TRUE;
}

gboolean
dmabuf_fence_set_error (DmabufFence *fence, int error)
{
  gboolean pending;
  gint flags;

  if (!check_software (fence, "dmabuf_fence_set_error"))
    return FALSE;

  if (error >= 0 || error < -4095) {
    g_critical ("dmabuf_fence_set_error: %d is not a negative errno", error);
    return FALSE;
  }

  flags = dmabuf_fence_lock_flags (fence);
  pending = !(flags & DMABUF_FENCE_FLAG_SIGNALED);
  if (pending)
    fence->error = error;
  dmabuf_fence_unlock_flags (fence, flags);

  if (!pending)
    g_critical ("dmabuf_fence_set_error: the fence has signalled already");
  return pending;
}

/* --- A word in memory -------------------------------------------------- */

static gboolean
seqno_signaled (DmabufFence *fence, int *error, gint64 *timestamp)
{
  Seqno *self = (Seqno *) fence;
  guint32 value = __atomic_load_n (self->word, __ATOMIC_ACQUIRE);

  if (self->condition == DMABUF_SEQNO_NONZERO
          ? value != 0
          : (gint32) (value - (guint32) fence->seqno) >= 0)
    return TRUE;

  return software_signaled (fence, error, timestamp);
}

static void
seqno_on_timer (DmabufPollerTimer *timer)
{
  Software *self = software_of (timer);
  DmabufFence *fence = &self->fence;

  if (dmabuf_fence_is_signaled (fence)) {
    dmabuf_fence_dispatch (fence);
  } else {
    g_mutex_lock (&fence->lock);
    if (g_atomic_int_get (&fence->flags) & DMABUF_FENCE_FLAG_ENABLED)
      dmabuf_poller_add_timer (&self->timer,
          MIN (self->deadline, g_get_monotonic_time () + SEQNO_PERIOD));
    g_mutex_unlock (&fence->lock);
  }
  dmabuf_fence_unref (fence);
}

static int
seqno_enable (DmabufFence *fence)
{
  Software *self = (Software *) fence;
  int ret;

  ret = dmabuf_poller_add_timer (&self->timer, g_get_monotonic_time ());
  return ret < 0 ? ret : 1;
}

static const char *
seqno_get_driver_name (DmabufFence *fence)
{
  return "seqno";
}

static void
seqno_release (DmabufFence *fence)
{
  Seqno *self = (Seqno *) fence;

  if (self->owner_free)
    self->owner_free (self->owner);
  software_clear (&self->software);
  g_free (self);
}

static const DmabufFenceOps seqno_ops = {
  .kind = DMABUF_FENCE_KIND_SOFTWARE,
  .get_driver_name = seqno_get_driver_name,
  .get_timeline_name = software_get_timeline_name,
  .enable = seqno_enable,
  .disable = software_disable,
  .signaled = seqno_signaled,
  .release = seqno_release,
};

DmabufFence *
dmabuf_fence_new_seqno (const guint32 *word, gpointer owner,
    GDestroyNotify owner_free, guint32 seqno, DmabufSeqnoCondition condition,
    gint64 deadline, GError **error)
{
  Seqno *self;

  g_return_val_if_fail (word != NULL, NULL);

  if (!check_deadline (deadline, error))
    return NULL;
  if ((guintptr) word % sizeof *word != 0) {
    dmabuf_set_error (error, EINVAL,
        "seqno fence: the word is not aligned to 4 bytes; move it");
    return NULL;
  }

  self = g_new0 (Seqno, 1);
  software_init (&self->software, &seqno_ops, dmabuf_fence_context_alloc (1),
      seqno, deadline, seqno_on_timer);
  self->word = word;
  self->condition = condition;
  self->owner = owner;
  self->owner_free = owner_free;

  return &self->software.fence;
}
