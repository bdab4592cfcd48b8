/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/*
 * Annotations of the code between "a fence is published" and "it is signalled"
 * (ANN-1). In it nothing may be done that could wait for a fence: wait for one,
 * lock a reservation, allocate with waiting, take a lock that somebody holds
 * while he does one of these (ANN-2). A breach is reported as a critical with
 * both places.
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
 * @place: (not nullable): where, a static string
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
 * @place: where, a static string
 *
 * Declares a wait for fences, also one that is not needed this time. All waits
 * of the library declare themselves.
 */
DMABUF_CORE_API
void dmabuf_annotation_might_wait (const char *place);

/**
 * dmabuf_annotation_might_allocate:
 * @place: where, a static string
 *
 * Declares an allocation that may wait for memory to be reclaimed.
 */
DMABUF_CORE_API
void dmabuf_annotation_might_allocate (const char *place);

/**
 * dmabuf_annotation_lock:
 * @name: the kind of lock, a static string; the same for all locks that are
 *   used alike
 * @place: where, a static string
 *
 * Declares that a lock of the caller's was taken. The order of locks, waits and
 * signalling sections is remembered for the life of the process: an order that
 * could deadlock is reported the first time that both halves have been seen,
 * though they never met. Only with checks on (dmabuf_annotation_set_checks()).
 */
DMABUF_CORE_API
void dmabuf_annotation_lock (const char *name, const char *place);

/**
 * dmabuf_annotation_trylock:
 * @name: the kind of lock
 * @place: where, a static string
 *
 * Like dmabuf_annotation_lock() for one that was taken without waiting: that
 * cannot deadlock, but what follows under it can.
 */
DMABUF_CORE_API
void dmabuf_annotation_trylock (const char *name, const char *place);

/**
 * dmabuf_annotation_lock_nested: (skip)
 * @name: the kind of lock
 * @reservation: whose lock orders all locks of this kind
 * @place: where, a static string
 *
 * Like dmabuf_annotation_lock() for a lock of which several are only ever taken
 * under @reservation's. Reported if this thread does not hold that.
 */
DMABUF_CORE_API
void dmabuf_annotation_lock_nested (
    const char *name, DmabufReservation *reservation, const char *place);

/**
 * dmabuf_annotation_unlock:
 * @name: the kind of lock
 *
 * Declares that it was released.
 */
DMABUF_CORE_API
void dmabuf_annotation_unlock (const char *name);

/**
 * dmabuf_annotation_set_checks:
 * @enabled: whether
 *
 * Turns the order checker on or off; initially on if the environment variable
 * DMABUF_CHECKS is 1. What is forbidden inside a signalling section is always
 * reported.
 */
DMABUF_CORE_API
void dmabuf_annotation_set_checks (gboolean enabled);

G_END_DECLS
