/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-api.h"

G_BEGIN_DECLS

/* Called for each function that is looked up: returns @real or a replacement.
 */
typedef PFN_vkVoidFunction (*LoaderShim) (
    const char *name, PFN_vkVoidFunction real);

/* Puts @shim between the plugin and the Vulkan loader. */
void loader_shim_install (LoaderShim shim);
void loader_shim_remove (void);

G_END_DECLS
