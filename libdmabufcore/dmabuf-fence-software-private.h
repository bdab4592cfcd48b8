/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dmabuf-fence-private.h"
#include "dmabuf-fence-software.h"

G_BEGIN_DECLS

/* Sets the name of the fence's timeline; takes a reference to it. */
void dmabuf_fence_software_set_name (DmabufFence *fence, GRefString *name);

/* Signals with @error in place of one that was set before. FALSE if the fence
 * had signalled. */
gboolean dmabuf_fence_signal_error (DmabufFence *fence, int error);

G_END_DECLS
