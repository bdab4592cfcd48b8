/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-context.h"

G_BEGIN_DECLS

/*
 * Compiled pipelines on disk, one file per device and driver version in
 * $XDG_CACHE_HOME/gst-dmabuf, so that a start does not compile. A file that is
 * damaged or of another driver is ignored and replaced.
 */
VkPipelineCache gpu_cache_load (GpuContext *context);

/* Writes @cache to its file if it has changed, and destroys it. */
void gpu_cache_save (GpuContext *context, VkPipelineCache cache);

/* The file of @context. */
char *gpu_cache_get_path (GpuContext *context);

G_END_DECLS
