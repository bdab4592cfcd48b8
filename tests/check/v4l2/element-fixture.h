/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mock-driver.h"
#include "gst/lib/gstdmabufcore.h"

G_BEGIN_DECLS

/* The element in a pipeline, on a camera of 1000 frames per second. */
extern GstElement *pipeline;
extern GstElement *src;

/* The answer of the sink's pad to the ALLOCATION query. */
extern gboolean answer_video_meta;
extern gboolean answer_sync_meta;
extern guint answer_min_buffers;

/* @rest is put between the source and a sink named "sink". */
void start_pipeline (const char *rest);
void end_pipeline (void);
void run_to_eos (void);

/*
 * Waits until @condition is true. It is checked after each buffer and event
 * that the source pushes, and after note_progress().
 */
#define WAIT_UNTIL(condition) \
  G_STMT_START \
  { \
    guint seen_ = get_progress (); \
\
    while (!(condition)) \
      seen_ = wait_progress (seen_); \
  } \
  G_STMT_END

/* Makes WAIT_UNTIL() check again, from any thread. */
void note_progress (void);
guint get_progress (void);
guint wait_progress (guint seen);

/* Waits for the next message of one of these types. */
GstMessage *wait_message (GstMessageType types);

/* The next message, info messages skipped, is a warning with these words. */
void assert_warning (const char *words);

/* The pipeline fails with an error of the element that contains both words. */
void
assert_fails (GQuark domain, gint code, const char *word, const char *other);

/* A field of the element's statistics. */
guint64 get_stat (const char *name);

/* Wait for @n more frames, or until there were @n since the start. */
void wait_for_frames (guint n);
void wait_until_frames (guint64 n);

GstCaps *get_caps (void);
void assert_caps (const char *expected);
void wait_for_caps (const char *expected);

G_END_DECLS
