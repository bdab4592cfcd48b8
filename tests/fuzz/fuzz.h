/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A fuzz target is one function. With clang it is linked to libFuzzer
 * (meson setup -Dfuzzing=enabled, CC=clang); in every build fuzz-main.c drives
 * it with the seeds and a fixed number of mutations, as a test.
 */

#include <glib.h>

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);
