/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dmabuf-fence-private.h"
#include "dmabuf-fence-software.h"

G_BEGIN_DECLS

/* The name of its timeline, of which it takes a reference */
void dmabuf_fence_software_set_name (DmabufFence *fence, GRefString *name);

/* Signals with @error, whatever was set; FALSE if it was signalled. */
gboolean dmabuf_fence_signal_error (DmabufFence *fence, int error);

G_END_DECLS
