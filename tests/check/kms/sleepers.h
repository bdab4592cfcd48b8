/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Tells a test when threads of the element wait for the display: a KmsApi with
 * this ppoll () counts them, so that the test itself need not sleep. A time-out
 * of more than some seconds never passes: a wait that only its time-out would
 * end is a hang, and fails as one.
 */

#include "kms-api.h"

#include <glib.h>

G_BEGIN_DECLS

int sleepers_ppoll (
    struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout);

/* Waits until @n threads sleep in sleepers_ppoll () and none of their fds is
 * ready. */
void sleepers_wait (guint n);

G_END_DECLS
