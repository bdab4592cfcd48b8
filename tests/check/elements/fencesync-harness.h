/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* dmabuffencesync between two pads of a test, and buffers with a number. */

#include "../lib/fixture.h"
#include "../lib/stats.h"
#include "../lib/sync.h"

#include <gst/check/gstharness.h>
#include "gstdmabuffencesync.h"

#define CAPS "video/x-raw,format=GRAY8,width=64,height=64,framerate=100/1"
#define SIZE 4096
#define FRAME (GST_SECOND / 100)

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
  guint64 value = element_get_stat (element, field);

  gst_object_unref (element);
  return value;
}

static inline void
wait_for_stat (GstHarness *harness, const char *field, guint64 value)
{
  GstElement *element = gst_harness_find_element (harness, "dmabuffencesync");

  element_wait_for_stat (element, field, value);
  gst_object_unref (element);
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
