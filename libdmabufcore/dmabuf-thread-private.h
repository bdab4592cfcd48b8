/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * GLib builds its locks on futexes, which ThreadSanitizer understands only if
 * GLib was built with it. In a build with ThreadSanitizer the functions below
 * tell it about each lock; in other builds this file is empty.
 *
 * (g_autoptr (GMutexLocker) would bypass them, so it is not used.)
 */

#include <glib.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DMABUF_TSAN 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define DMABUF_TSAN 1
#endif

#ifdef DMABUF_TSAN
#include <sanitizer/tsan_interface.h>

static inline void
dmabuf_tsan_lock (GMutex *mutex)
{
  (g_mutex_lock) (mutex);
  __tsan_acquire (mutex);
}

static inline gboolean
dmabuf_tsan_trylock (GMutex *mutex)
{
  gboolean locked = (g_mutex_trylock) (mutex);

  if (locked)
    __tsan_acquire (mutex);
  return locked;
}

static inline void
dmabuf_tsan_unlock (GMutex *mutex)
{
  __tsan_release (mutex);
  (g_mutex_unlock) (mutex);
}

static inline void
dmabuf_tsan_rec_lock (GRecMutex *mutex)
{
  (g_rec_mutex_lock) (mutex);
  __tsan_acquire (mutex);
}

static inline void
dmabuf_tsan_rec_unlock (GRecMutex *mutex)
{
  __tsan_release (mutex);
  (g_rec_mutex_unlock) (mutex);
}

static inline void
dmabuf_tsan_cond_wait (GCond *cond, GMutex *mutex)
{
  __tsan_release (mutex);
  (g_cond_wait) (cond, mutex);
  __tsan_acquire (mutex);
}

static inline gboolean
dmabuf_tsan_cond_wait_until (GCond *cond, GMutex *mutex, gint64 deadline)
{
  gboolean woken;

  __tsan_release (mutex);
  woken = (g_cond_wait_until) (cond, mutex, deadline);
  __tsan_acquire (mutex);
  return woken;
}

#define g_mutex_lock(mutex) dmabuf_tsan_lock (mutex)
#define g_mutex_trylock(mutex) dmabuf_tsan_trylock (mutex)
#define g_mutex_unlock(mutex) dmabuf_tsan_unlock (mutex)
#define g_rec_mutex_lock(mutex) dmabuf_tsan_rec_lock (mutex)
#define g_rec_mutex_unlock(mutex) dmabuf_tsan_rec_unlock (mutex)
#define g_cond_wait(cond, mutex) dmabuf_tsan_cond_wait (cond, mutex)
#define g_cond_wait_until(cond, mutex, deadline) \
  dmabuf_tsan_cond_wait_until (cond, mutex, deadline)
#endif
