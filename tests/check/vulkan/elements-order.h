/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/check/gstcheck.h>

/* Need the loader of async-loader.h. */
void elements_add_order_tests (TCase *tcase);

/* Need a driver that finishes its work before it exports a fence. */
void elements_add_completed_tests (TCase *tcase);
