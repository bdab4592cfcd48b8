/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <gst/check/gstcheck.h>

static Suite *
kms_sink_suite (void)
{
  return suite_create ("kms-sink");
}

GST_CHECK_MAIN (kms_sink);
