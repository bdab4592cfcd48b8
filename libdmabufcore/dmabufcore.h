/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The whole API of libdmabufcore. */

#include <libdmabufcore/dmabuf-annotation.h>
#include <libdmabufcore/dmabuf-attachment.h>
#include <libdmabufcore/dmabuf-buffer-poll.h>
#include <libdmabufcore/dmabuf-buffer.h>
#include <libdmabufcore/dmabuf-constraints.h>
#include <libdmabufcore/dmabuf-device.h>
#include <libdmabufcore/dmabuf-exporter.h>
#include <libdmabufcore/dmabuf-fence-composite.h>
#include <libdmabufcore/dmabuf-fence-software.h>
#include <libdmabufcore/dmabuf-fence.h>
#include <libdmabufcore/dmabuf-info.h>
#include <libdmabufcore/dmabuf-layout.h>
#include <libdmabufcore/dmabuf-reservation.h>
#include <libdmabufcore/dmabuf-socket.h>
#include <libdmabufcore/dmabuf-statistics.h>
#include <libdmabufcore/dmabuf-submission.h>
#include <libdmabufcore/dmabuf-types.h>
