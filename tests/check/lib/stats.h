/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/check/gstcheck.h>

G_BEGIN_DECLS

/* A counter of the property "stats" of @element */
static inline guint64
element_get_stat (GstElement *element, const char *field)
{
  GstStructure *stats = NULL;
  guint64 value = 0;
  guint number;

  g_object_get (element, "stats", &stats, NULL);
  if (gst_structure_get_uint (stats, field, &number))
    value = number;
  else
    fail_unless (gst_structure_get_uint64 (stats, field, &value), "%s", field);
  gst_structure_free (stats);

  return value;
}

/* Waits until a counter has reached @value. Polls, as counters have no
 * notification. */
static inline void
element_wait_for_stat (GstElement *element, const char *field, guint64 value)
{
  while (element_get_stat (element, field) < value)
    g_usleep (1000);
}

G_END_DECLS
