/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A fake display behind the table KmsApi: one card with one connector, a CRTC,
 * a primary and an overlay plane, and a writeback connector, with the answers
 * and errnos of the kernel's atomic KMS. Its dma-bufs are those of the fake
 * kernel.
 *
 * A commit is on screen at once; with an in-fence, or if the test holds
 * commits, fake_display_flip () shows it.
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

/* The framebuffer of another program that is on screen at first. */
#define FAKE_CONSOLE_FB 5
#define FAKE_CONSOLE_WIDTH 1024
#define FAKE_CONSOLE_HEIGHT 768
/* Other state of that program: a half transparent plane, and a gamma table. */
#define FAKE_CONSOLE_ALPHA 0x8000
#define FAKE_CONSOLE_GAMMA "a gamma table"

typedef struct
{
  /* Abilities, set before the card is opened. */
  gboolean connected;
  gboolean atomic;
  gboolean kms;
  gboolean modifiers;
  gboolean in_fences;
  gboolean can_place;
  gboolean can_scale;
  /* The greatest factor of upscaling. */
  guint max_scale;
  /* An active CRTC needs its primary plane on the whole screen, as i.MX6's. */
  gboolean needs_primary;
  gboolean writeback;
  gboolean other_master;
  int open_errno;
  /* Bits per pixel of dumb buffers: 0 for any, else other values are refused,
   * as by virtio-gpu and qxl. */
  guint dumb_bpp;
  /* For imports of memory other than the card's own. */
  int import_errno;

  /* Commits wait for fake_display_flip (). */
  gboolean hold;

  /* Counters */
  guint n_commits;
  guint n_too_early; /* Commits in which the kernel would have blocked */
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

/* Shows the pending commit. FALSE if there is none. */
gboolean fake_display_flip (void);

/* Sends an event of the pending commit for @crtc. */
void fake_display_send_event (guint32 crtc);

/* Whether a commit waits for fake_display_flip (). */
gboolean fake_display_is_pending (void);

/* Waits until a thread has made a commit that is pending. */
void fake_display_wait_pending (void);

/* The current value of a property, by its name. */
guint64 fake_display_get (guint32 object, const char *property);

/* The blob that is the current value of a property; %NULL for none. */
GBytes *fake_display_get_blob_of (guint32 object, const char *property);

/* Makes the @nth ioctl @request from now on (1 is the next) fail with @code. */
void fake_display_fail (unsigned long request, guint nth, int code);

guint fake_display_get_n_framebuffers (void);
guint fake_display_get_n_handles (void);

G_END_DECLS
