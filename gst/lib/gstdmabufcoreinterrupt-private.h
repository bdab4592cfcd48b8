/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstbasesrc.h>

/*
 * Tells a source whose create() waits when it must return FLUSHING. The calls
 * unlock() and unlock_stop() of GstBaseSrc are not enough for that:
 *
 * - GstBaseSrc calls unlock_stop() also before the first create() in PLAYING,
 *   which takes back an unlock() called just before;
 * - it calls unlock() for a pause as well. If the pause is over when create()
 *   returns FLUSHING, GstBaseSrc pauses its task and never starts it again.
 *
 * So unlock() only wakes up create(), which then asks this function. The
 * conditions below hold before GstBaseSrc calls unlock(), and until create()
 * has returned: the pad is flushing, or an EOS or SEEK is being sent to the
 * source.
 */
typedef struct
{
  gint n_events; /* Atomic: EOS and SEEK events that wait for create() */
} GstDmabufCoreInterrupt;

static inline gboolean
gst_dmabuf_core_interrupt_is_set (
    GstDmabufCoreInterrupt *self, GstBaseSrc *source)
{
  return GST_PAD_IS_FLUSHING (GST_BASE_SRC_PAD (source))
      || g_atomic_int_get (&self->n_events) > 0;
}

/* Calls send_event() of @parent_class, a GstBaseSrcClass, and counts the events
 * for which that waits until create() has returned. */
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
