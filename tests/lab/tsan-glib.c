/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tells ThreadSanitizer about GLib's locks. They are made of futexes inside
 * libglib, which is not instrumented, so that TSan sees two threads taking
 * turns under a GMutex as racing. Preloaded in the TSan lane; each function
 * here does what its namesake does, and says what happened before what.
 */

#include <dlfcn.h>
#include <glib-object.h>
#include <gst/gst.h>

/* Weak: a process that is not instrumented has neither, and needs neither. */
extern void __tsan_acquire (void *address) __attribute__ ((weak));
extern void __tsan_release (void *address) __attribute__ ((weak));

static inline void
acquire (void *address)
{
  if (__tsan_acquire && address)
    __tsan_acquire (address);
}

static inline void
release (void *address)
{
  if (__tsan_release && address)
    __tsan_release (address);
}

/* The namesake behind us. Looked up twice if two threads come at once. */
#define REAL(name) \
  ({ \
    static void *real; \
    void *found = __atomic_load_n (&real, __ATOMIC_RELAXED); \
    if (!found) { \
      found = dlsym (RTLD_NEXT, #name); \
      __atomic_store_n (&real, found, __ATOMIC_RELAXED); \
    } \
    (__typeof__ (&name)) found; \
  })

#define LOCK(name, Type) \
  void name (Type *lock) \
  { \
    REAL (name) (lock); \
    acquire (lock); \
  }

#define TRYLOCK(name, Type) \
  gboolean name (Type *lock) \
  { \
    gboolean locked = REAL (name) (lock); \
    if (locked) \
      acquire (lock); \
    return locked; \
  }

#define UNLOCK(name, Type) \
  void name (Type *lock) \
  { \
    release (lock); \
    REAL (name) (lock); \
  }

LOCK (g_mutex_lock, GMutex)
TRYLOCK (g_mutex_trylock, GMutex)
UNLOCK (g_mutex_unlock, GMutex)
LOCK (g_rw_lock_writer_lock, GRWLock)
TRYLOCK (g_rw_lock_writer_trylock, GRWLock)
UNLOCK (g_rw_lock_writer_unlock, GRWLock)
LOCK (g_rw_lock_reader_lock, GRWLock)
TRYLOCK (g_rw_lock_reader_trylock, GRWLock)
UNLOCK (g_rw_lock_reader_unlock, GRWLock)

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  release (mutex);
  REAL (g_cond_wait) (cond, mutex);
  acquire (mutex);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean signalled;

  release (mutex);
  signalled = REAL (g_cond_wait_until) (cond, mutex, end_time);
  acquire (mutex);
  return signalled;
}

/* The quick path of g_once_init_enter () is an atomic read in its caller,
 * which TSan matches with this release. */
void (g_once_init_leave) (volatile void *location, gsize result)
{
  release ((void *) location);
  REAL (g_once_init_leave) (location, result);
}

void (g_once_init_leave_pointer) (void *location, gpointer result)
{
  release (location);
  REAL (g_once_init_leave_pointer) (location, result);
}

/* Whoever drops the last reference sees what all others did before. */
#define REF(name, Type) \
  void name (Type object) \
  { \
    release (object); \
    acquire (object); \
    REAL (name) (object); \
  }

REF (g_object_unref, gpointer)
REF (gst_object_unref, gpointer)
REF (gst_mini_object_unref, GstMiniObject *)
REF (g_bytes_unref, GBytes *)
REF (g_variant_unref, GVariant *)
REF (g_hash_table_unref, GHashTable *)
REF (g_ptr_array_unref, GPtrArray *)
REF (g_array_unref, GArray *)
REF (g_source_unref, GSource *)
REF (g_main_context_unref, GMainContext *)
REF (g_main_loop_unref, GMainLoop *)
REF (g_closure_unref, GClosure *)

gpointer (g_weak_ref_get) (GWeakRef *ref)
{
  gpointer object = REAL (g_weak_ref_get) (ref);

  acquire (object);
  return object;
}

/* What was pushed was written before it is popped. */
void
g_async_queue_push (GAsyncQueue *queue, gpointer data)
{
  release (queue);
  REAL (g_async_queue_push) (queue, data);
}

#define POP(name) \
  gpointer name (GAsyncQueue *queue) \
  { \
    gpointer data = REAL (name) (queue); \
    acquire (queue); \
    return data; \
  }

POP (g_async_queue_pop)
POP (g_async_queue_try_pop)

gpointer
g_async_queue_timeout_pop (GAsyncQueue *queue, guint64 timeout)
{
  gpointer data = REAL (g_async_queue_timeout_pop) (queue, timeout);

  acquire (queue);
  return data;
}
