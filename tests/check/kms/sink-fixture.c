/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sink-fixture.h"
#include "gstdmabufkmssink.h"
#include "kms-debug.h"
#include "kms-presenter.h"
#undef GST_CAT_DEFAULT /* Defined by gstcheck.h as well */

#include <gst/check/gstcheck.h>

#include "../lib/stats.h"

GstHarness *harness;
GstElement *sink;
GstBus *bus;

void
sink_fixture_setup (void)
{
  kms_debug_init ();
  fake_display_start ();
}

void
open_sink (const char *first_property, ...)
{
  va_list arguments;

  sink = g_object_new (GST_TYPE_DMABUF_KMS_SINK, "sync", FALSE,
      "enable-last-sample", FALSE, "fence-timeout", FOREVER_US * GST_USECOND,
      NULL);
  va_start (arguments, first_property);
  if (first_property)
    g_object_set_valist (G_OBJECT (sink), first_property, arguments);
  va_end (arguments);
  bus = gst_bus_new ();
  gst_element_set_bus (sink, bus);
  harness = gst_harness_new_with_element (sink, "sink", NULL);
}

void
close_sink (void)
{
  if (!harness)
    return;
  gst_element_set_state (sink, GST_STATE_NULL);
  fail_unless (kms_presenter_wait_ends (FOREVER));
  gst_element_set_bus (sink, NULL);
  g_clear_pointer (&harness, gst_harness_teardown);
  gst_clear_object (&sink);
  gst_clear_object (&bus);
}

void
sink_fixture_teardown (void)
{
  close_sink ();
  fail_unless_equals_int (fake_display_stop (), 0);
}

guint64
get_stat (const char *name)
{
  return element_get_stat (sink, name);
}

DmabufFence *
new_software_fence (void)
{
  GError *error = NULL;
  DmabufFence *fence = dmabuf_fence_new_software (
      dmabuf_fence_context_alloc (1), 1, FOREVER, &error);

  g_assert_no_error (error);

  return fence;
}

GstBuffer *
new_frame (void)
{
  return new_frame_of (WIDTH, HEIGHT);
}

GstBuffer *
new_frame_of (guint width, guint height)
{
  DmabufExporter *heap = dmabuf_heap_exporter_new (NULL, NULL);
  DmabufBuffer *dmabuf =
      dmabuf_exporter_allocate (heap, (gsize) width * 4 * height, NULL);
  GstAllocator *allocator = gst_dmabuf_core_allocator_get ();
  GstBuffer *buffer = gst_buffer_new ();

  gst_buffer_append_memory (
      buffer, gst_dmabuf_core_allocator_wrap (allocator, dmabuf));
  gst_object_unref (allocator);
  g_object_unref (heap);

  return buffer;
}

GstFlowReturn
push (GstBuffer *buffer)
{
  return gst_harness_push (harness, gst_buffer_ref (buffer));
}

gboolean
is_free (GstBuffer *buffer)
{
  return GST_MINI_OBJECT_REFCOUNT_VALUE (buffer) == 1;
}

gboolean
get_error (GstMessageType type, GQuark domain, int code, const char *text)
{
  GstMessage *message = gst_bus_pop_filtered (bus, type);
  GError *error = NULL;
  gboolean ret;

  if (!message)
    return FALSE;
  if (type == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  else
    gst_message_parse_warning (message, &error, NULL);
  ret = g_error_matches (error, domain, code)
      && strstr (error->message, text) != NULL;
  if (!ret)
    g_printerr ("%s\n", error->message);
  g_clear_error (&error);
  gst_message_unref (message);

  return ret;
}
