/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-api.h"

G_BEGIN_DECLS

/*
 * A wrapper around the Vulkan loader that makes calls fail: the n-th call that
 * can fail, counted over all functions, or each call of one function. A failing
 * call never reaches the driver, so the validation layers see the objects that
 * really exist and report a leak.
 */
void fault_loader_install (void);
void fault_loader_remove (void);

/* From now on nothing fails and nothing is hidden. */
void fault_loader_reset (void);

/* The @nth call from now on returns @result, 1 for the next one. */
void fault_loader_fail_nth (guint nth, VkResult result);

/* Every call of @function ("vkQueueSubmit") returns @result. */
void fault_loader_fail (const char *function, VkResult result);

/* Only the next call of @function returns @result. */
void fault_loader_fail_once (const char *function, VkResult result);

/* The device has no extension with @part in its name. */
void fault_loader_hide_extension (const char *part);

/* The loader lists no devices. */
void fault_loader_hide_devices (void);

/* @callback is called before each call that can fail. */
void fault_loader_watch (void (*callback) (const char *function));

/* The number of calls that can fail since the reset, and the last one that
 * failed. */
guint fault_loader_get_calls (void);
const char *fault_loader_get_failed (void);

G_END_DECLS
