/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sleepers.h"

#include <string.h>

/* Time-outs that tests let pass are shorter, those that must not pass longer.
 */
#define LONG_S 5

#define MAX_SLEEPERS 8
#define MAX_FDS 4

typedef struct
{
  struct pollfd fds[MAX_FDS];
  guint n_fds; /* 0: unused */
} Sleeper;

static GMutex lock;
static GCond changed;
static Sleeper sleepers[MAX_SLEEPERS];

static Sleeper *
lie_down (const struct pollfd *fds, guint n_fds)
{
  guint i;

  g_assert (n_fds > 0 && n_fds <= MAX_FDS);
  g_mutex_lock (&lock);
  for (i = 0; i < MAX_SLEEPERS && sleepers[i].n_fds > 0; i++)
    continue;
  g_assert (i < MAX_SLEEPERS);
  memcpy (sleepers[i].fds, fds, sizeof (*fds) * n_fds);
  sleepers[i].n_fds = n_fds;
  g_cond_broadcast (&changed);
  g_mutex_unlock (&lock);

  return &sleepers[i];
}

int
sleepers_ppoll (
    struct pollfd *fds, nfds_t n_fds, const struct timespec *timeout)
{
  static const struct timespec now = { 0, 0 };
  gboolean looks = timeout && timeout->tv_sec == 0 && timeout->tv_nsec == 0;
  int ret = ppoll (fds, n_fds, &now, NULL);
  Sleeper *sleeper;

  if (ret != 0 || looks)
    return ret;

  if (timeout && timeout->tv_sec >= LONG_S)
    timeout = NULL;
  sleeper = lie_down (fds, n_fds);
  ret = ppoll (fds, n_fds, timeout, NULL);
  g_mutex_lock (&lock);
  sleeper->n_fds = 0;
  g_mutex_unlock (&lock);

  return ret;
}

static guint
count_asleep_locked (void)
{
  guint i, n = 0;

  for (i = 0; i < MAX_SLEEPERS; i++)
    n += sleepers[i].n_fds > 0
        && poll (sleepers[i].fds, sleepers[i].n_fds, 0) == 0;

  return n;
}

void
sleepers_wait (guint n)
{
  g_mutex_lock (&lock);
  while (count_asleep_locked () < n)
    g_cond_wait (&changed, &lock);
  g_mutex_unlock (&lock);
}
