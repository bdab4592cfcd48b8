/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fake-display.h"

#define FAKE_MAX_PROPERTIES 64

typedef struct
{
  guint32 object;
  guint32 id;
  const char *name;
  const char *const *enums;
  guint64 value;
} FakeProperty;

/* The state of the screen. */
typedef struct
{
  guint n;
  FakeProperty properties[FAKE_MAX_PROPERTIES];
} FakeState;

extern FakeState fake_display_state;
extern GMutex fake_display_lock;
extern GCond fake_display_committed;
extern const drmModeModeInfo fake_display_modes[];
extern const guint fake_display_n_modes;

FakeProperty *fake_display_find (FakeState *state, guint32 object, guint32 id);
FakeProperty *
fake_display_find_name (FakeState *state, guint32 object, const char *name);

/* fake-display-ioctl.c */
int fake_display_ioctl (int fd, unsigned long request, void *arg);
void fake_display_ioctl_start (int event_fd);
guint fake_display_ioctl_stop (void);
/* The data of a blob, or NULL. */
GBytes *fake_display_get_blob (guint32 id);
guint32 fake_display_add_blob (const void *data, gsize size);
