/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-context.h"

#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

/*
 * Converts fences to semaphores and back. A binary semaphore with sync_files
 * can be used again and again: a wait after a temporary import and an export
 * both reset its payload (Vulkan: copy transference).
 */
VkResult gpu_sync_make_semaphore (
    GpuContext *context, gboolean exportable, VkSemaphore *semaphore);

/* Whether all pending members of @fence can be imported into semaphores. */
gboolean gpu_sync_takes_fence (GpuContext *context, DmabufFence *fence);

/* Imports the pending ones of @fences into @semaphores, which are made at their
 * first use. @n_waits gets the number of semaphores to wait for. A fence that
 * cannot be imported is waited for on the CPU, and counted in @n_cpu_waits. */
gboolean gpu_sync_import_fences (GpuContext *context, VkSemaphore *semaphores,
    guint n_semaphores, DmabufFence *const *fences, guint n_fences,
    guint *n_waits, guint64 *n_cpu_waits, gint64 deadline,
    GCancellable *cancellable, GError **error);

/* Destroys semaphores with imported fences after a failed submit: the next
 * submit would wait for these fences. */
void gpu_sync_drop_fences (
    GpuContext *context, VkSemaphore *semaphores, guint n_semaphores);

/* Exports the fence of a semaphore after the submit that signals it; NULL if it
 * has signalled. */
gboolean gpu_sync_export_fence (GpuContext *context, VkSemaphore semaphore,
    DmabufFenceTrust trust, DmabufFence **fence, GError **error);

/* Waits until @timeline has reached @value. */
gboolean gpu_sync_wait_timeline (GpuContext *context, VkSemaphore timeline,
    guint64 value, gint64 deadline, GCancellable *cancellable, GError **error);

G_END_DECLS
