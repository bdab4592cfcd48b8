/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-context.h"

G_BEGIN_DECLS

/*
 * A driver whose fences are truly pending. lavapipe finishes its work before it
 * exports a sync_file; in front of it, this gives one of sw_sync at once, which
 * a thread signals when lavapipe's has come: as a GPU does.
 */

/* FALSE if the kernel has no sw_sync. */
gboolean async_loader_install (void);

/* @callback is called before each fence is signalled, by another thread. To be
 * set while no work is under way. */
void async_loader_watch (void (*callback) (void));

/* Waits for what has been exported. */
void async_loader_remove (void);

G_END_DECLS
