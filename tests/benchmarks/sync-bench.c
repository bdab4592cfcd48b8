/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What fences and reservations cost, each next to what it is measured against,
 * in turns and in one process: prints one JSON object per line. The least of
 * many rounds counts, as everything else is somebody else's noise; a round is
 * much shorter than a time slice, so that some are undisturbed on a busy
 * machine.
 *
 *   sync-bench          what needs no device
 *   sync-bench ioctl    the kernel's ioctls and the bridge: udmabuf and sw_sync
 */

#include <libdmabufcore/dmabufcore.h>
#include <libdmabufcore/dmabuf-kernel-private.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check/lib/sw-sync.h"

#define ROUNDS 4000
#define WAKE_ROUNDS 50

static gint64
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

typedef void (*Body) (guint n);

static double
once (Body body, guint n)
{
  gint64 start = now_ns ();

  body (n);
  return (double) (now_ns () - start) / n;
}

static void
compare (const char *metric, Body body, const char *base_metric, Body base,
    guint n, double limit)
{
  double least = G_MAXDOUBLE, least_base = G_MAXDOUBLE;
  guint i;

  for (i = 0; i < ROUNDS; i++) {
    least_base = MIN (least_base, once (base, n));
    least = MIN (least, once (body, n));
  }
  printf ("{\"bench\": \"sync\", \"metric\": \"%s\", \"value\": %.2f,"
          " \"unit\": \"ns\"}\n",
      base_metric, least_base);
  printf ("{\"bench\": \"sync\", \"metric\": \"%s\", \"value\": %.2f,"
          " \"unit\": \"ns\", \"ratio\": %.3f, \"limit\": %.2f}\n",
      metric, least, least / least_base, limit);
  fflush (stdout);
}

/* --- bodies -------------------------------------------------------------- */

static GMutex mutex;
static DmabufReservation *resv;
static DmabufAcquireContext context;
static DmabufFence *fence, *other_fence;
static gint word;

static void
mutex_pair (guint n)
{
  while (n--) {
    g_mutex_lock (&mutex);
    g_mutex_unlock (&mutex);
  }
}

static void
resv_pair (guint n)
{
  while (n--) {
    dmabuf_reservation_lock (resv, &context, NULL);
    dmabuf_reservation_unlock (resv);
  }
}

/* Two of one context take each other's place. */
static void
resv_add (guint n)
{
  while (n--)
    dmabuf_reservation_add (
        resv, n % 2 ? fence : other_fence, DMABUF_USAGE_WRITE);
}

/* GLib's function behind its macro: a load through a call into a library */
static void
loads (guint n)
{
  while (n--)
    (void) *(volatile gint *) &(gint) { (g_atomic_int_get) (&word) };
}

static void
is_signaled (guint n)
{
  while (n--)
    (void) *(volatile gboolean *) &(
        gboolean) { dmabuf_fence_is_signaled (fence) };
}

static void
slice (guint n)
{
  while (n--) {
    gpointer block = g_slice_alloc (160);

    *(volatile char *) block = 1;
    g_slice_free1 (160, block);
    g_atomic_int_inc (&word);
  }
}

static gint64 deadline;

static void
software (guint n)
{
  while (n--) {
    DmabufFence *one = dmabuf_fence_new_software (1, 1, deadline, NULL);

    dmabuf_fence_signal (one);
    dmabuf_fence_unref (one);
  }
}

static void
on_signal (DmabufFence *signaled, gpointer unused)
{
}

/* The cost of a callback: added before the clock starts, called after */
static double
wake (guint n)
{
  DmabufFence *one = dmabuf_fence_new_software (1, 1, deadline, NULL);
  gint64 start;
  guint i;

  for (i = 0; i < n; i++)
    dmabuf_fence_add_callback (one, on_signal, NULL, NULL);
  start = now_ns ();
  dmabuf_fence_signal (one);
  start = now_ns () - start;
  dmabuf_fence_unref (one);
  return (double) start / n;
}

static void
bench_wake (void)
{
  double few = G_MAXDOUBLE, many = G_MAXDOUBLE;
  guint i;

  for (i = 0; i < WAKE_ROUNDS; i++) {
    guint j;

    for (j = 0; j < 100; j++)
      few = MIN (few, wake (100));
    many = MIN (many, wake (10000));
  }
  printf ("{\"bench\": \"sync\", \"metric\": \"a callback of 100\","
          " \"value\": %.2f, \"unit\": \"ns\"}\n",
      few);
  printf ("{\"bench\": \"sync\", \"metric\": \"a callback of 10000\","
          " \"value\": %.2f, \"unit\": \"ns\", \"ratio\": %.3f,"
          " \"limit\": 1.3}\n",
      many, many / few);
}

static void
bench_memory (void)
{
  resv = dmabuf_reservation_new ();
  deadline = g_get_monotonic_time () + G_GINT64_CONSTANT (3600000000);
  fence = dmabuf_fence_new_software (
      dmabuf_fence_context_alloc (1), 1, deadline, NULL);
  other_fence = dmabuf_fence_new_software (
      dmabuf_fence_get_context (fence), 1, deadline, NULL);

  dmabuf_acquire_context_init (&context);
  compare ("reservation lock + unlock, context", resv_pair,
      "GMutex lock + unlock", mutex_pair, 1000, 2.0);
  dmabuf_reservation_lock (resv, &context, NULL);
  dmabuf_reservation_reserve (resv, 4, NULL);
  compare ("add to a reserved slot", resv_add, "GMutex lock + unlock",
      mutex_pair, 1000, 2.0);
  dmabuf_reservation_unlock (resv);
  dmabuf_acquire_context_fini (&context);

  dmabuf_fence_signal (fence);
  compare ("is_signaled of a signalled fence", is_signaled,
      "call of an atomic load", loads, 5000, 2.0);
  compare ("create + signal + release", software, "g_slice pair + atomic",
      slice, 1000, 3.0);
  bench_wake ();
}

/* --- the kernel's -------------------------------------------------------- */

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return x < y ? -1 : x > y;
}

static void
report_times (const char *metric, double *times, guint n)
{
  qsort (times, n, sizeof *times, compare_doubles);
  printf ("{\"bench\": \"sync\", \"metric\": \"%s p50\", \"value\": %.0f,"
          " \"unit\": \"ns\"}\n",
      metric, times[n / 2]);
  printf ("{\"bench\": \"sync\", \"metric\": \"%s p99\", \"value\": %.0f,"
          " \"unit\": \"ns\"}\n",
      metric, times[n * 99 / 100]);
}

#define N_IOCTLS 3000

static DmabufFence *
new_sync_file (int timeline, guint32 value, int *fd)
{
  *fd = timeline_new_fd (timeline, value);
  if (*fd < 0)
    g_error ("sw_sync: %s", g_strerror (errno));
  return dmabuf_fence_new_sync_file (
      dmabuf_kernel->dup (*fd), DMABUF_FENCE_TRUST_FULL, NULL);
}

/* One frame of a busy buffer: a snapshot, and a fence put in */
static void
bench_ioctls (void)
{
  static double exports[N_IOCTLS], imports[N_IOCTLS], bare[N_IOCTLS],
      bridge[N_IOCTLS];
  DmabufExporter *exporter = dmabuf_udmabuf_exporter_new (NULL);
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, 4096, NULL);
  int timeline = open ("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
  int dmabuf = dmabuf_buffer_get_fd (buffer);
  DmabufFence *busy;
  int busy_fd;
  guint i;

  busy = new_sync_file (timeline, 1000000, &busy_fd);
  dmabuf_kernel_import_sync_file (dmabuf, DMABUF_ACCESS_WRITE, busy_fd);

  for (i = 0; i < N_IOCTLS; i++) {
    DmabufFence *snapshot;
    gint64 t0, t1, t2;
    int fd;

    t0 = now_ns ();
    fd = dmabuf_kernel_export_sync_file (dmabuf, DMABUF_ACCESS_WRITE);
    t1 = now_ns ();
    dmabuf_kernel_import_sync_file (dmabuf, DMABUF_ACCESS_WRITE, busy_fd);
    t2 = now_ns ();
    dmabuf_kernel->close (fd);
    exports[i] = t1 - t0;
    imports[i] = t2 - t1;
    bare[i] = now_ns () - t0;

    t0 = now_ns ();
    snapshot = dmabuf_buffer_get_fence (buffer, DMABUF_ACCESS_WRITE);
    dmabuf_buffer_add_fence (buffer, DMABUF_ACCESS_WRITE, busy, NULL);
    dmabuf_fence_unref (snapshot);
    bridge[i] = now_ns () - t0;
  }

  report_times ("EXPORT_SYNC_FILE", exports, N_IOCTLS);
  report_times ("IMPORT_SYNC_FILE", imports, N_IOCTLS);
  report_times ("export + import + close", bare, N_IOCTLS);
  printf ("{\"bench\": \"sync\", \"metric\": \"the bridge, busy buffer\","
          " \"value\": %.0f, \"unit\": \"ns\", \"ratio\": %.3f,"
          " \"limit\": 1.1}\n",
      (qsort (bridge, N_IOCTLS, sizeof *bridge, compare_doubles),
          bridge[N_IOCTLS / 2]),
      bridge[N_IOCTLS / 2] / bare[N_IOCTLS / 2]);
}

int
main (int argc, char **argv)
{
  if (argc > 1 && strcmp (argv[1], "ioctl") == 0)
    bench_ioctls ();
  else
    bench_memory ();
  return 0;
}
