/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Import, export and order on a Vulkan device, without GStreamer: for whatever
 * GPU a machine has (./run test --gpu), and in the lab for lavapipe.
 *
 * GPU_DEVICE chooses the device. The exit status is GPU_SKIP_STATUS, if that is
 * set, where there is none (0: TAP says it).
 */

#include "gpu-rig.h"

#include <stdio.h>
#include <stdlib.h>

/* There is nothing to test: no failure, unless this very device was asked for.
 * Past g_print (), of which g_test_init () makes comments. */
static int
skip_all (const GError *error)
{
  const char *status = g_getenv ("GPU_SKIP_STATUS");

  if (g_getenv ("GPU_DEVICE")) {
    printf ("Bail out! %s\n", error->message);
    return 1;
  }
  printf ("1..0 # SKIP %s\n", error->message);

  return status ? atoi (status) : 0;
}

int
main (int argc, char **argv)
{
  DmabufStatistics statistics;
  GError *error = NULL;
  guint messages, i;
  int ret;

  g_test_init (&argc, &argv, NULL);
  rig.context = gpu_context_get (g_getenv ("GPU_DEVICE"), FALSE, &error);
  if (!rig.context)
    return skip_all (error);
  for (i = 0; i < 3; i++) {
    rig.devices[i] = gpu_device_get (rig.context, i, &error);
    if (!rig.devices[i])
      return skip_all (error);
  }
  gpu_queue_init (&rig.queue, rig.context, 4, &error);
  g_assert_no_error (error);

  gpu_add_memory_tests ();
  gpu_add_order_tests ();
  ret = g_test_run ();

  gpu_queue_clear (&rig.queue);
  for (i = 0; i < 3; i++)
    g_object_unref (rig.devices[i]);
  messages = rig.context->validation_messages;
  g_print ("# %s, %u messages of the validation layers\n", rig.context->name,
      messages);
  gpu_context_unref (rig.context);

  /* what was imported and exported is gone */
  dmabuf_statistics_get (&statistics);
  g_assert_cmpuint (statistics.buffers, ==, 0);
  g_assert_cmpuint (statistics.attachments, ==, 0);
  g_assert_cmpuint (messages, ==, 0);

  return ret;
}
