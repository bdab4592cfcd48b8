/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the library costs above the kernel: storage-bench [--fake]
 *
 * Times are medians over batches that take turns, so that a machine that
 * becomes slower does so for both sides; calls are counted in the kernel layer.
 * One JSON object per line.
 */

#include "../check/fake-kernel/fake-kernel.h"

#include <fcntl.h>
#include <libdmabufcore/dmabufcore.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE (1 << 20)
#define N_BATCHES 61

/* --- counting ------------------------------------------------------------ */

static const DmabufKernel *below;
static guint n_calls;

#define COUNTED(type, name, parameters, arguments) \
  static type counted_##name parameters \
  { \
    n_calls++; \
    return below->name arguments; \
  }

COUNTED (int, open, (const char *path, int flags), (path, flags))
COUNTED (int, close, (int fd), (fd))
COUNTED (int, dup, (int fd), (fd))
COUNTED (
    int, ioctl, (int fd, unsigned long request, void *arg), (fd, request, arg))
COUNTED (off_t, lseek, (int fd, off_t offset, int whence), (fd, offset, whence))
COUNTED (int, identify, (int fd, guint64 *device, guint64 *inode),
    (fd, device, inode))
COUNTED (
    ssize_t, read_link, (int fd, char *target, size_t size), (fd, target, size))
COUNTED (int, fcntl, (int fd, int command, long arg), (fd, command, arg))
COUNTED (int, ppoll,
    (struct pollfd * fds, nfds_t n, const struct timespec *timeout),
    (fds, n, timeout))
COUNTED (void *, mmap,
    (size_t size, int protection, int flags, int fd, off_t offset),
    (size, protection, flags, fd, offset))
COUNTED (int, munmap, (void *address, size_t size), (address, size))

static DmabufKernel counted;

static void
start_counting (void)
{
  below = dmabuf_kernel;
  counted = *below;
  counted.open = counted_open;
  counted.close = counted_close;
  counted.dup = counted_dup;
  counted.ioctl = counted_ioctl;
  counted.lseek = counted_lseek;
  counted.identify = counted_identify;
  counted.read_link = counted_read_link;
  counted.fcntl = counted_fcntl;
  counted.ppoll = counted_ppoll;
  counted.mmap = counted_mmap;
  counted.munmap = counted_munmap;
  dmabuf_kernel_replace (&counted);
  n_calls = 0;
}

static guint
stop_counting (void)
{
  dmabuf_kernel_replace (below);
  return n_calls;
}

/* --- timing -------------------------------------------------------------- */

typedef void (*Work) (gpointer data);

static int
compare (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Microseconds per unit of @a and @b, medians; the ratio is the median of the
 * batches' ratios. */
static void
measure (Work a, Work b, gpointer data, guint n_units, double result[3])
{
  double times[3][N_BATCHES];
  guint i, side;

  a (data);
  b (data);
  for (i = 0; i < N_BATCHES; i++) {
    for (side = 0; side < 2; side++) {
      gint64 start = g_get_monotonic_time ();
      gboolean first = (side ^ i) & 1;

      (first ? a : b) (data);
      times[first ? 0 : 1][i] =
          MAX (g_get_monotonic_time () - start, 1) / (double) n_units;
    }
    times[2][i] = times[0][i] / times[1][i];
  }
  for (i = 0; i < 3; i++) {
    qsort (times[i], N_BATCHES, sizeof (double), compare);
    result[i] = times[i][N_BATCHES / 2];
  }
}

static void
report (const char *metric, double value, const char *unit, double ratio,
    double limit)
{
  g_print ("{\"bench\": \"storage\", \"metric\": \"%s\", \"value\": %.4f, "
           "\"unit\": \"%s\", \"ratio\": %.4f, \"limit\": %.2f}\n",
      metric, value, unit, ratio, limit);
}

/* --- allocation ---------------------------------------------------------- */

#define N_ALLOCATIONS 20

typedef struct
{
  DmabufExporter *exporter;
  int device;
} Allocation;

static void
allocate (gpointer data)
{
  Allocation *a = data;
  guint i;

  for (i = 0; i < N_ALLOCATIONS; i++)
    dmabuf_buffer_unref (dmabuf_exporter_allocate (a->exporter, SIZE, NULL));
}

static void
allocate_raw_heap (gpointer data)
{
  Allocation *a = data;
  guint i;

  for (i = 0; i < N_ALLOCATIONS; i++) {
    struct dma_heap_allocation_data args = {
      .len = SIZE,
      .fd_flags = O_RDWR | O_CLOEXEC,
    };

    if (dmabuf_kernel->ioctl (a->device, DMA_HEAP_IOCTL_ALLOC, &args) < 0)
      g_error ("DMA_HEAP_IOCTL_ALLOC");
    dmabuf_kernel->close (args.fd);
  }
}

static void
allocate_raw_udmabuf (gpointer data)
{
  Allocation *a = data;
  guint i;

  for (i = 0; i < N_ALLOCATIONS; i++) {
    struct udmabuf_create args = {
      .flags = UDMABUF_FLAGS_CLOEXEC,
      .size = SIZE,
    };
    int fd;

    args.memfd = dmabuf_kernel->memfd_create ("raw", MFD_ALLOW_SEALING);
    dmabuf_kernel->ftruncate (args.memfd, SIZE);
    dmabuf_kernel->fcntl (args.memfd, F_ADD_SEALS, F_SEAL_SHRINK);
    fd = dmabuf_kernel->ioctl (a->device, UDMABUF_CREATE, &args);
    if (fd < 0)
      g_error ("UDMABUF_CREATE");
    dmabuf_kernel->close (args.memfd);
    dmabuf_kernel->close (fd);
  }
}

static void
bench_allocation (void)
{
  Allocation a;
  double result[3];

  a.exporter = dmabuf_heap_exporter_new (NULL, NULL);
  a.device = dmabuf_kernel->open ("/dev/dma_heap/system", O_RDONLY);
  measure (allocate, allocate_raw_heap, &a, N_ALLOCATIONS, result);
  report ("heap: allocate and release 1 MiB", result[0], "us", result[2], 1.05);
  dmabuf_kernel->close (a.device);
  g_object_unref (a.exporter);

  a.exporter = dmabuf_udmabuf_exporter_new (NULL);
  a.device = dmabuf_kernel->open ("/dev/udmabuf", O_RDWR);
  measure (allocate, allocate_raw_udmabuf, &a, N_ALLOCATIONS, result);
  report (
      "udmabuf: allocate and release 1 MiB", result[0], "us", result[2], 1.05);
  dmabuf_kernel->close (a.device);
  g_object_unref (a.exporter);
}

/* --- known buffers ------------------------------------------------------- */

#define N_IMPORTS 4000

typedef struct
{
  DmabufBuffer *buffers[4];
  int fds[4];
} Known;

static void
import_one (gpointer data)
{
  Known *known = data;
  guint i;

  for (i = 0; i < N_IMPORTS; i++)
    dmabuf_buffer_unref (dmabuf_buffer_import (known->fds[0], NULL));
}

static void
import_four (gpointer data)
{
  Known *known = data;
  guint i;

  for (i = 0; i < N_IMPORTS; i++)
    dmabuf_buffer_unref (dmabuf_buffer_import (known->fds[i % 4], NULL));
}

static void
bench_import (Known *known)
{
  double result[3];
  guint calls;

  import_four (known);
  start_counting ();
  import_four (known);
  calls = stop_counting ();
  report ("re-import of a known buffer", calls / (double) N_IMPORTS, "calls",
      calls / (double) N_IMPORTS, 1);

  measure (import_four, import_one, known, N_IMPORTS, result);
  report ("re-import, four in turn to one", result[0], "us", result[2], 1.05);
}

/* --- mappings ------------------------------------------------------------ */

#define TYPE_BENCH_DEVICE (bench_device_get_type ())
G_DECLARE_FINAL_TYPE (BenchDevice, bench_device, BENCH, DEVICE, DmabufDevice)

struct _BenchDevice
{
  DmabufDevice parent_instance;
};

G_DEFINE_FINAL_TYPE (BenchDevice, bench_device, DMABUF_TYPE_DEVICE)

static void
bench_device_class_init (BenchDeviceClass *klass)
{
}

static void
bench_device_init (BenchDevice *self)
{
}

static void
map_frames (DmabufDevice *device, Known *known, guint n)
{
  guint i;

  for (i = 0; i < n; i++) {
    DmabufAttachment *attachment =
        dmabuf_device_attach (device, known->buffers[i % 4], NULL);
    DmabufMapping *mapping =
        dmabuf_attachment_map (attachment, DMABUF_DIRECTION_TO_DEVICE, NULL);

    dmabuf_mapping_unmap (mapping, NULL, NULL);
    dmabuf_attachment_unref (attachment);
  }
}

static void
bench_mapping (Known *known)
{
  DmabufDevice *device = g_object_new (
      TYPE_BENCH_DEVICE, "flags", DMABUF_DEVICE_FLAG_IMPLICIT_SYNC, NULL);
  gint64 start;
  guint calls;

  map_frames (device, known, 8);
  start_counting ();
  map_frames (device, known, 1000);
  calls = stop_counting ();
  report ("attach, map and unmap, no fence", calls / 1000., "calls",
      calls / 1000., 0);

  start = g_get_monotonic_time ();
  map_frames (device, known, 10000);
  g_print ("{\"bench\": \"storage\", \"metric\": \"attach, map and unmap\", "
           "\"value\": %.4f, \"unit\": \"us\"}\n",
      (g_get_monotonic_time () - start) / 10000.);
  g_object_unref (device);
}

int
main (int argc, char **argv)
{
  gboolean fake = argc > 1 && strcmp (argv[1], "--fake") == 0;
  DmabufExporter *exporter;
  Known known;
  guint i;

  if (fake)
    fake_kernel_start ();

  bench_allocation ();

  exporter = dmabuf_heap_exporter_new (NULL, NULL);
  for (i = 0; i < 4; i++) {
    known.buffers[i] = dmabuf_exporter_allocate (exporter, 4096, NULL);
    known.fds[i] = dmabuf_buffer_export (known.buffers[i], NULL);
  }
  bench_import (&known);
  bench_mapping (&known);
  for (i = 0; i < 4; i++) {
    dmabuf_kernel->close (known.fds[i]);
    dmabuf_buffer_unref (known.buffers[i]);
  }
  g_object_unref (exporter);

  return fake ? fake_kernel_stop () > 0 : 0;
}
