/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A deferred buffer with its exporters and devices: "loose" has memory in
 * pieces, "solid" contiguous memory; camera and display take either, codec
 * needs contiguous memory. */

#include "../lib/backend.h"

#define WORLD_SIZE (4 * 4096)

typedef struct
{
  ThirdExporter *loose, *solid;
  TestDevice *camera, *display, *codec;
  DmabufBuffer *buffer;
} World;

void
world_constrain (TestDevice *device, gboolean contiguous, const char *memory);
void world_init (World *w);
void world_clear (World *w);

DmabufAttachment *world_attach (TestDevice *device, DmabufBuffer *buffer);
void world_map_once (DmabufAttachment *attachment);

void world_fill (DmabufBuffer *buffer, int value);
/* The value of all bytes; -1 if they differ, which is a torn frame. */
int world_content (DmabufBuffer *buffer);
