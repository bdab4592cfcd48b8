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

/* These drop a reference within libgstreamer, after what has to be said. */
GstMiniObject *
gst_mini_object_make_writable (GstMiniObject *object)
{
  GstMiniObject *copy;

  if (gst_mini_object_is_writable (object))
    return object;
  copy = gst_mini_object_copy (object);
  gst_mini_object_unref (object);
  return copy;
}

gboolean
gst_mini_object_replace (GstMiniObject **where, GstMiniObject *object)
{
  release (*where);
  acquire (*where);
  return REAL (gst_mini_object_replace) (where, object);
}

gboolean
gst_mini_object_take (GstMiniObject **where, GstMiniObject *object)
{
  release (*where);
  acquire (*where);
  return REAL (gst_mini_object_take) (where, object);
}

/* libgstreamer drops references without going through here. What was said of an
 * object by those that did is heard at the latest when its memory is freed: who
 * used it after dropping its reference is still found. (The calls are jumps, so
 * that reports, and tsan.supp, have the caller's name.) */
extern void __interceptor_free (void *memory) __attribute__ ((weak));
extern void __libc_free (void *memory);
void free (void *memory);

static int initialized;

__attribute__ ((constructor)) static void
initialize (void)
{
  initialized = 1;
}

void
free (void *memory)
{
  /* The loader frees before TSan has begun. */
  if (initialized)
    acquire (memory);
  if (__interceptor_free)
    __interceptor_free (memory);
  else
    __libc_free (memory);
}

gpointer (g_weak_ref_get) (GWeakRef *ref)
{
  gpointer object = REAL (g_weak_ref_get) (ref);

  acquire (object);
  return object;
}

/* --- queues --------------------------------------------------------------
 *
 * What was pushed was written before it is popped. That the links of the list
 * are, too, cannot be said from here: see tsan.supp. */

#define PUSH(name) \
  void name (GAsyncQueue *queue, gpointer data) \
  { \
    release (queue); \
    REAL (name) (queue, data); \
  }

PUSH (g_async_queue_push)
PUSH (g_async_queue_push_unlocked)
PUSH (g_async_queue_push_front)
PUSH (g_async_queue_push_front_unlocked)

#define POP(name) \
  gpointer name (GAsyncQueue *queue) \
  { \
    gpointer data = REAL (name) (queue); \
    acquire (queue); \
    return data; \
  }

POP (g_async_queue_pop)
POP (g_async_queue_pop_unlocked)
POP (g_async_queue_try_pop)
POP (g_async_queue_try_pop_unlocked)

#define TIMEOUT_POP(name) \
  gpointer name (GAsyncQueue *queue, guint64 timeout) \
  { \
    gpointer data = REAL (name) (queue, timeout); \
    acquire (queue); \
    return data; \
  }

TIMEOUT_POP (g_async_queue_timeout_pop)
TIMEOUT_POP (g_async_queue_timeout_pop_unlocked)

/* GstAtomicQueue has no lock at all. */
void
gst_atomic_queue_push (GstAtomicQueue *queue, gpointer data)
{
  release (queue);
  REAL (gst_atomic_queue_push) (queue, data);
}

gpointer
gst_atomic_queue_pop (GstAtomicQueue *queue)
{
  gpointer data = REAL (gst_atomic_queue_pop) (queue);

  acquire (queue);
  return data;
}

/* --- thread pools -------------------------------------------------------- */

typedef struct
{
  GFunc function;
  gpointer user_data;
} PoolFunction;

/* Lives as long as the process: so do the pools. */
static void
call_pool_function (gpointer data, gpointer user_data)
{
  PoolFunction *pool_function = user_data;

  acquire (data);
  pool_function->function (data, pool_function->user_data);
}

GThreadPool *
g_thread_pool_new (GFunc function, gpointer user_data, gint max_threads,
    gboolean exclusive, GError **error)
{
  PoolFunction *pool_function = g_new (PoolFunction, 1);
  GThreadPool *pool;

  pool_function->function = function;
  pool_function->user_data = user_data;
  pool = REAL (g_thread_pool_new) (
      call_pool_function, pool_function, max_threads, exclusive, error);
  if (pool) {
    /* Its last thread frees it, and the queue that it points to behind what is
     * public. */
    release (pool);
    release (*(void **) (pool + 1));
  }
  return pool;
}

gboolean
g_thread_pool_push (GThreadPool *pool, gpointer data, GError **error)
{
  release (data);
  return REAL (g_thread_pool_push) (pool, data, error);
}
