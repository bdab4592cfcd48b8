/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mock-driver.h"
#include "gst/lib/gstdmabufcore.h"

G_BEGIN_DECLS

/* The element in a pipeline, on a camera of 1000 frames per second. */
extern GstElement *pipeline;
extern GstElement *src;

/* What the sink's pad answers to the ALLOCATION query. */
extern gboolean answer_video_meta;
extern gboolean answer_sync_meta;
extern guint answer_min_buffers;

/* @rest stands between the source and a sink called "sink". */
void start_pipeline (const char *rest);
void end_pipeline (void);
void run_to_eos (void);

/*
 * Waits until @condition is true. It is looked at again after each buffer and
 * event that the source pushes, and after note_progress().
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

/* What WAIT_UNTIL() waits for, from any thread. */
void note_progress (void);
guint get_progress (void);
guint wait_progress (guint seen);

/* The next message of one of these types. */
GstMessage *wait_message (GstMessageType types);

/* The next message that is no information is a warning with these words. */
void assert_warning (const char *words);

/* The pipeline fails with an error of the element that has all these words. */
void
assert_fails (GQuark domain, gint code, const char *word, const char *other);

/* Of the element's statistics */
guint64 get_stat (const char *name);

/* Until there have been @n more frames; or @n since the start. */
void wait_for_frames (guint n);
void wait_until_frames (guint64 n);

GstCaps *get_caps (void);
void assert_caps (const char *expected);
void wait_for_caps (const char *expected);

G_END_DECLS
