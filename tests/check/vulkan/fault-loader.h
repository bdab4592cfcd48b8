/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-api.h"

G_BEGIN_DECLS

/*
 * A loader in front of the real one that makes calls fail: the n-th of those
 * that can, counted over all functions, or each of one function. What leaves
 * the driver is true, so the validation layers see what is left behind.
 */
void fault_loader_install (void);
void fault_loader_remove (void);

/* Nothing fails, nothing is hidden. */
void fault_loader_reset (void);

/* The @nth call from now on returns @result, 1 for the next one. */
void fault_loader_fail_nth (guint nth, VkResult result);

/* Every call of @function ("vkQueueSubmit") returns @result. */
void fault_loader_fail (const char *function, VkResult result);

/* The next call of it only. */
void fault_loader_fail_once (const char *function, VkResult result);

/* The device has no extension with @part in its name. */
void fault_loader_hide_extension (const char *part);

/* There are no devices. */
void fault_loader_hide_devices (void);

/* @callback is told of each call that could fail, before it is made. */
void fault_loader_watch (void (*callback) (const char *function));

/* Calls that could have failed since the reset, and the last that did. */
guint fault_loader_get_calls (void);
const char *fault_loader_get_failed (void);

G_END_DECLS
