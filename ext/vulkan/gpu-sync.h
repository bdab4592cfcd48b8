/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-context.h"

#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

/*
 * Between fences and semaphores. A binary semaphore of SYNC_FD kind is used
 * again and again: waiting for it, and exporting from it, both take its payload
 * away (Vulkan: temporary import, copy transference).
 */
VkResult gpu_sync_make_semaphore (
    GpuContext *context, gboolean exportable, VkSemaphore *semaphore);

/* Whether all of @fence that is pending can become semaphores. */
gboolean gpu_sync_takes_fence (GpuContext *context, DmabufFence *fence);

/* Puts each of @fences that is pending into one of @semaphores, which are made
 * when first needed; @n_waits of them are to be waited for. What cannot be a
 * semaphore is waited for on the CPU, and counted in @n_cpu_waits. */
gboolean gpu_sync_import_fences (GpuContext *context, VkSemaphore *semaphores,
    guint n_semaphores, DmabufFence *const *fences, guint n_fences,
    guint *n_waits, guint64 *n_cpu_waits, gint64 deadline,
    GCancellable *cancellable, GError **error);

/* Lets go what was imported, if it is not submitted: the next submit would wait
 * for it. */
void gpu_sync_drop_fences (
    GpuContext *context, VkSemaphore *semaphores, guint n_semaphores);

/* The fence of a semaphore whose signal has been submitted; NULL if it has
 * signalled and there is no fence. */
gboolean gpu_sync_export_fence (GpuContext *context, VkSemaphore semaphore,
    DmabufFenceTrust trust, DmabufFence **fence, GError **error);

/* Waits until @timeline has reached @value. */
gboolean gpu_sync_wait_timeline (GpuContext *context, VkSemaphore timeline,
    guint64 value, gint64 deadline, GCancellable *cancellable, GError **error);

G_END_DECLS
