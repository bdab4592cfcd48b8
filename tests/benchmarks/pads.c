/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pads.h"

void
pads_open (Pads *pads, const char *factory, GstPadChainFunction chain,
    GstPadQueryFunction query, GstCaps *caps)
{
  GstPad *element_sink, *element_src;
  GstSegment segment;

  pads->element = gst_element_factory_make (factory, NULL);
  if (!pads->element)
    g_error ("there is no %s", factory);
  pads->src = gst_pad_new ("src", GST_PAD_SRC);
  pads->sink = gst_pad_new ("sink", GST_PAD_SINK);
  element_sink = gst_element_get_static_pad (pads->element, "sink");
  element_src = gst_element_get_static_pad (pads->element, "src");
  gst_pad_set_chain_function (pads->sink, chain);
  gst_pad_set_query_function (pads->sink, query);
  gst_pad_link (pads->src, element_sink);
  gst_pad_link (element_src, pads->sink);
  gst_pad_set_active (pads->sink, TRUE);
  gst_element_set_state (pads->element, GST_STATE_PLAYING);
  gst_pad_set_active (pads->src, TRUE);
  gst_object_unref (element_sink);
  gst_object_unref (element_src);

  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (pads->src, gst_event_new_stream_start ("test"));
  gst_pad_push_event (pads->src, gst_event_new_caps (caps));
  gst_pad_push_event (pads->src, gst_event_new_segment (&segment));
}

void
pads_close (Pads *pads)
{
  gst_pad_set_active (pads->src, FALSE);
  gst_element_set_state (pads->element, GST_STATE_NULL);
  gst_pad_set_active (pads->sink, FALSE);
  gst_object_unref (pads->element);
  gst_object_unref (pads->src);
  gst_object_unref (pads->sink);
}
