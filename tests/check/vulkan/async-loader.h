/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-context.h"

G_BEGIN_DECLS

/*
 * A Vulkan driver whose fences are still pending when they are exported, as a
 * GPU's are. lavapipe finishes its work before it exports a sync_file. The
 * wrapper around it returns a sw_sync fence at once, and a thread signals that
 * fence when lavapipe has exported its own.
 */

/* FALSE if the kernel has no sw_sync. */
gboolean async_loader_install (void);

/* @callback is called in another thread before each fence is signalled. Set it
 * while no work is submitted. */
void async_loader_watch (void (*callback) (void));

/* Waits for all exports. */
void async_loader_remove (void);

G_END_DECLS
