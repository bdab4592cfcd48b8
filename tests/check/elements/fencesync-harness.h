/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* dmabuffencesync between two pads of a test, and buffers with a number. */

#include "../lib/fixture.h"
#include "../lib/sync.h"

#include <gst/check/gstharness.h>
#include <string.h>
#include "gstdmabuffencesync.h"

#define CAPS "video/x-raw,format=GRAY8,width=64,height=64,framerate=100/1"
#define SIZE 4096
#define FRAME (GST_SECOND / 100)

/* Ten times what a loaded machine needs. */
#define LIMIT (10 * G_USEC_PER_SEC)

static inline GstHarness *
new_harness (const char *properties)
{
  char *launch = g_strdup_printf ("dmabuffencesync name=sync %s", properties);
  GstHarness *harness = gst_harness_new_parse (launch);

  gst_harness_set_src_caps_str (harness, CAPS);
  g_free (launch);
  return harness;
}

static inline guint64
get_stat (GstHarness *harness, const char *field)
{
  GstElement *element = gst_harness_find_element (harness, "dmabuffencesync");
  GstStructure *stats;
  guint64 value = 0;

  g_object_get (element, "stats", &stats, NULL);
  fail_unless (gst_structure_get_uint64 (stats, field, &value), "%s", field);
  gst_structure_free (stats);
  gst_object_unref (element);
  return value;
}

static inline GstBuffer *
new_numbered (guint n)
{
  GstBuffer *buffer = new_frame (SIZE);

  GST_BUFFER_PTS (buffer) = n * FRAME;
  GST_BUFFER_DURATION (buffer) = FRAME;
  GST_BUFFER_OFFSET (buffer) = n;
  return buffer;
}

/* Signals the next fence of the timeline when the test waits for it. */
static inline gpointer
signal_soon (gpointer user_data)
{
  g_usleep (20000);
  dmabuf_timeline_advance (timeline, 1);
  return NULL;
}
