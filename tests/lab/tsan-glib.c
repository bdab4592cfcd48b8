/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tells ThreadSanitizer about GLib's locks. libglib implements them with
 * futexes, and is not instrumented, so TSan would report a race between two
 * threads that take turns under a GMutex. Preloaded in the TSan lane: each
 * function here calls GLib's function of the same name, and tells TSan which
 * accesses happened before.
 */

#include <dlfcn.h>
#include <glib-object.h>
#include <gst/gst.h>

/* Weak: a process without TSan lacks them. */
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

/* GLib's function. Two threads may look it up at the same time, which is
 * harmless. */
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

/* The fast path of g_once_init_enter () is an atomic read in its caller, which
 * TSan matches with this release. */
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

/* The thread that drops the last reference sees all writes that other threads
 * made before they dropped theirs. */
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

/* These drop a reference inside libgstreamer: they have to go through the
 * functions above, or tell TSan before the call. */
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

/* libgstreamer also drops references by calls of its own, which bypass this
 * library. So free () acquires what the other droppers released. TSan still
 * finds a thread that uses the object after dropping its reference. (The calls
 * below are jumps, so reports, and tsan.supp, have the caller's name.) */
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
  /* The loader frees memory before TSan is initialised. */
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
 * An item is written before it is pushed, and read after it is popped. The same
 * holds for the links of the list, which are out of reach: see tsan.supp. */

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

/* GstAtomicQueue is lock-free: its atomics are in libgstreamer, which is not
 * instrumented. */
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

/* @user_data is never freed: the pools live as long as the process. */
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
    /* The pool's last thread frees it, and its queue: the first private member,
     * behind the public ones. */
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
