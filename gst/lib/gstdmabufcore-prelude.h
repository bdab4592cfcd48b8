/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

/**
 * GST_DMABUF_CORE_API:
 *
 * Marks a symbol that the shared library exports.
 */
#ifndef GST_DMABUF_CORE_API
#define GST_DMABUF_CORE_API __attribute__ ((visibility ("default"))) extern
#endif
