/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/*
 * Annotations of the code between "a fence is published" and "it is signalled"
 * (ANN-1). That code may neither wait for a fence nor do what could depend on
 * such a wait (ANN-2): lock a reservation, allocate memory with waiting, or
 * take a lock under which another thread does one of these. A breach is
 * reported as a critical that names both places.
 */

/**
 * dmabuf_fence_begin_signalling:
 *
 * Begins a section that leads to a fence's signal. Nests.
 *
 * Returns: a cookie for dmabuf_fence_end_signalling()
 */
#define dmabuf_fence_begin_signalling() dmabuf_annotation_begin (G_STRLOC)

/**
 * dmabuf_fence_end_signalling:
 * @cookie: from dmabuf_fence_begin_signalling()
 *
 * Ends the section, in the thread that began it, innermost first.
 */
#define dmabuf_fence_end_signalling(cookie) dmabuf_annotation_end (cookie)

/**
 * dmabuf_annotation_begin:
 * @place: (not nullable): the place in the source, a static string
 *
 * See dmabuf_fence_begin_signalling().
 *
 * Returns: a cookie
 */
DMABUF_CORE_API
guint dmabuf_annotation_begin (const char *place);

/**
 * dmabuf_annotation_end:
 * @cookie: from dmabuf_annotation_begin()
 *
 * See dmabuf_fence_end_signalling().
 */
DMABUF_CORE_API
void dmabuf_annotation_end (guint cookie);

/**
 * dmabuf_annotation_might_wait:
 * @place: the place in the source, a static string
 *
 * Declares that the caller may wait for fences here, even if it need not this
 * time (the kernel's might_sleep()). All waits of the library are declared.
 */
DMABUF_CORE_API
void dmabuf_annotation_might_wait (const char *place);

/**
 * dmabuf_annotation_might_allocate:
 * @place: the place in the source, a static string
 *
 * Declares an allocation that may wait for memory to be reclaimed.
 */
DMABUF_CORE_API
void dmabuf_annotation_might_allocate (const char *place);

/**
 * dmabuf_annotation_lock:
 * @name: the kind of lock, a static string; the same for all locks that are
 *   used alike
 * @place: the place in the source, a static string
 *
 * Declares that a lock of the caller's was taken. The order of locks, waits and
 * signalling sections is remembered for the life of the process: two orders
 * that together could deadlock are reported as soon as both have been seen,
 * even far apart. Only with checks on (dmabuf_annotation_set_checks()).
 */
DMABUF_CORE_API
void dmabuf_annotation_lock (const char *name, const char *place);

/**
 * dmabuf_annotation_trylock:
 * @name: the kind of lock
 * @place: the place in the source, a static string
 *
 * Like dmabuf_annotation_lock(), for a lock that was taken without waiting.
 * Taking it cannot deadlock; locks and waits under it can.
 */
DMABUF_CORE_API
void dmabuf_annotation_trylock (const char *name, const char *place);

/**
 * dmabuf_annotation_lock_nested: (skip)
 * @name: the kind of lock
 * @reservation: the reservation under whose lock they are taken
 * @place: the place in the source, a static string
 *
 * Like dmabuf_annotation_lock(), for a kind of lock of which a thread may hold
 * several, in any order, as long as it holds @reservation's lock (the kernel's
 * mutex_lock_nest_lock()). Reported if this thread does not hold that lock.
 */
DMABUF_CORE_API
void dmabuf_annotation_lock_nested (
    const char *name, DmabufReservation *reservation, const char *place);

/**
 * dmabuf_annotation_unlock:
 * @name: the kind of lock
 *
 * Declares that the lock was released.
 */
DMABUF_CORE_API
void dmabuf_annotation_unlock (const char *name);

/**
 * dmabuf_annotation_set_checks:
 * @enabled: whether the order of locks is checked
 *
 * Turns the order checker on or off; initially on if the environment variable
 * DMABUF_CHECKS is 1. Breaches inside a signalling section are always reported.
 */
DMABUF_CORE_API
void dmabuf_annotation_set_checks (gboolean enabled);

G_END_DECLS
