/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstbasesrc.h>

/*
 * For a source whose create() waits: when must it return FLUSHING? GstBaseSrc
 * says so by unlock(), and takes it back by unlock_stop(), but
 *
 * - it calls unlock_stop() before the first create() in PLAYING as well,
 * without a look at whether somebody has called unlock() since;
 * - it calls unlock() for a pause, too, and if that is over by then it takes
 *   FLUSHING for the end: nothing starts its thread again.
 *
 * So unlock() only ends the wait, if that, and what for is looked up here. It
 * is true before unlock() is called, and until create() has returned.
 */
typedef struct
{
  gint n_events; /* atomic: for which the base class waits for create() */
} GstDmabufCoreInterrupt;

static inline gboolean
gst_dmabuf_core_interrupt_is_set (
    GstDmabufCoreInterrupt *self, GstBaseSrc *source)
{
  return GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (source))
      || g_atomic_int_get (&self->n_events) > 0;
}

/* Calls the function send_event() of @parent_class, GstBaseSrcClass. */
static inline gboolean
gst_dmabuf_core_interrupt_send_event (GstDmabufCoreInterrupt *self,
    gpointer parent_class, GstElement *element, GstEvent *event)
{
  gboolean waits = GST_EVENT_TYPE (event) == GST_EVENT_EOS
      || GST_EVENT_TYPE (event) == GST_EVENT_SEEK;
  gboolean ret;

  if (waits)
    g_atomic_int_inc (&self->n_events);
  ret = GST_ELEMENT_CLASS (parent_class)->send_event (element, event);
  if (waits)
    g_atomic_int_add (&self->n_events, -1);

  return ret;
}
