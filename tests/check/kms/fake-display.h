/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A display that no machine has, behind the table KmsApi: one card with one
 * connector, a CRTC, a primary and an overlay plane, and a writeback connector,
 * with the answers and errnos of the kernel's atomic KMS. Its dma-bufs are the
 * fake kernel's.
 *
 * A commit is on screen at once, unless it has an in-fence or the test holds
 * it: then fake_display_flip () shows it.
 */

#include "../fake-kernel/fake-kernel.h"
#include "kms-api.h"

#include <glib.h>

G_BEGIN_DECLS

#define FAKE_CARD "/dev/dri/card0"

enum
{
  FAKE_CONNECTOR = 10,
  FAKE_ENCODER = 11,
  FAKE_CRTC = 20,
  FAKE_PRIMARY = 30,
  FAKE_OVERLAY = 31,
  FAKE_WRITEBACK = 40,
  FAKE_WRITEBACK_ENCODER = 41,
};

/* a framebuffer of somebody else that is on screen at first */
#define FAKE_CONSOLE_FB 5
#define FAKE_CONSOLE_WIDTH 1024
#define FAKE_CONSOLE_HEIGHT 768
/* what it left behind besides: a plane half there, and a night's colours */
#define FAKE_CONSOLE_ALPHA 0x8000
#define FAKE_CONSOLE_GAMMA "a gamma table"

typedef struct
{
  /* what there is: set before the card is opened */
  gboolean connected;
  gboolean atomic;
  gboolean kms;
  gboolean modifiers;
  gboolean in_fences;
  gboolean can_place;
  gboolean can_scale;
  /* how many times larger a plane shows a frame at most */
  guint max_scale;
  /* a lit CRTC needs its primary plane, and that from edge to edge, as
   * i.MX6's does */
  gboolean needs_primary;
  gboolean writeback;
  gboolean other_master;
  int open_errno;
  /* of the dumb buffers that there are: 0 for any, else as virtio-gpu and qxl
   * refuse all but their own */
  guint dumb_bpp;
  /* of an import of memory that is not the card's own */
  int import_errno;

  /* commits wait for fake_display_flip () */
  gboolean hold;

  /* what happened */
  guint n_commits;
  guint n_too_early; /* commits that a real one would have blocked in */
  guint n_modesets;
  guint n_tests;
  guint n_writebacks;
  guint n_fences;
  guint n_drops;
  guint n_refused_imports;
  guint n_events_read;
} FakeDisplay;

extern FakeDisplay fake_display;

/* The fake kernel and the fake display in place of the real ones. */
void fake_display_start (void);

/* Back to the real ones. Returns how many files, framebuffers, handles, blobs
 * and dma-bufs are left, after printing them. */
guint fake_display_stop (void);

/* Shows the commit that waits. FALSE if there is none. */
gboolean fake_display_flip (void);

/* The event of the commit that waits, as if @crtc had a part in it. */
void fake_display_send_event (guint32 crtc);

/* Whether a commit waits for fake_display_flip (). */
gboolean fake_display_is_pending (void);

/* Waits until a commit is pending, in a thread that has something to do. */
void fake_display_wait_pending (void);

/* The value of a property now on screen, by its name. */
guint64 fake_display_get (guint32 object, const char *property);

/* The blob that is the value of a property now on screen; %NULL for none. */
GBytes *fake_display_get_blob_of (guint32 object, const char *property);

/* Makes the @nth ioctl @request from now on (1 is the next) fail with @code. */
void fake_display_fail (unsigned long request, guint nth, int code);

guint fake_display_get_n_framebuffers (void);
guint fake_display_get_n_handles (void);

G_END_DECLS
