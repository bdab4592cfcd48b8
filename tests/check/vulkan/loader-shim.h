/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-api.h"

G_BEGIN_DECLS

/* A function that is asked for: @real, or what is to be called in its place. */
typedef PFN_vkVoidFunction (*LoaderShim) (
    const char *name, PFN_vkVoidFunction real);

/* Puts @shim between the plugin and the Vulkan loader. */
void loader_shim_install (LoaderShim shim);
void loader_shim_remove (void);

G_END_DECLS
