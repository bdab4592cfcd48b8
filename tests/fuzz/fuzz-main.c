/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* fuzz-main [SECONDS] [SEED-FILE...]: mutates seeds and random bytes for so
 * many seconds (0: 50000 inputs, the same in every run). Without coverage to
 * guide it: libFuzzer finds more. */

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SIZE 1024

static gsize
mutate (GRand *rand, guint8 *data, gsize size)
{
  guint n = g_rand_int_range (rand, 1, 8);

  while (n-- > 0) {
    guint at = g_rand_int_range (rand, 0, MAX (size, 1));

    switch (g_rand_int_range (rand, 0, 4)) {
    case 0:
      data[at] = g_rand_int (rand);
      break;
    case 1:
      data[at] ^= 1 << g_rand_int_range (rand, 0, 8);
      break;
    case 2:
      if (size < MAX_SIZE) {
        memmove (data + at + 1, data + at, size - at);
        data[at] = g_rand_int (rand);
        size++;
      }
      break;
    default:
      if (size > 1) {
        memmove (data + at, data + at + 1, size - at - 1);
        size--;
      }
    }
  }
  return size;
}

int
main (int argc, char **argv)
{
  gint64 seconds = argc > 1 ? atoi (argv[1]) : 0, end;
  GRand *rand = g_rand_new_with_seed (seconds ? g_random_int () : 20261120);
  guint8 data[MAX_SIZE + 1];
  guint64 n = 0;

  end = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  while (seconds ? g_get_monotonic_time () < end : n < 50000) {
    gsize size = 0, i;
    char *content;

    if (argc > 2
        && g_file_get_contents (
            argv[2 + n % (argc - 2)], &content, &size, NULL)) {
      size = MIN (size, MAX_SIZE);
      memcpy (data, content, size);
      g_free (content);
      size = mutate (rand, data, size);
    } else {
      size = g_rand_int_range (rand, 0, 80);
      for (i = 0; i < size; i++)
        data[i] = g_rand_int (rand);
    }
    LLVMFuzzerTestOneInput (data, size);
    n++;
  }
  g_rand_free (rand);
  g_print ("%" G_GUINT64_FORMAT " inputs\n", n);
  return 0;
}
