/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The threads of the element that wait for the display, seen from below: a
 * KmsApi with this ppoll () tells the test when a thread sleeps, so that a test
 * does not have to sleep itself. A time-out of more than some seconds never
 * passes: a wait that only its time-out ends is a hang, and fails as one.
 */

#include "kms-api.h"

#include <glib.h>

G_BEGIN_DECLS

int sleepers_ppoll (
    struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout);

/* Until @n threads sleep in sleepers_ppoll (), and nothing is there that would
 * wake them. */
void sleepers_wait (guint n);

G_END_DECLS
