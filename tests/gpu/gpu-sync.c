/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Import, export and order on a Vulkan device, without GStreamer: for whatever
 * GPU a machine has (./run test --gpu), and in the lab for lavapipe.
 *
 * GPU_DEVICE chooses the device.
 */

#include <drm/drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "gpu-device.h"
#include "gpu-exporter.h"
#include "gpu-queue.h"

#define WIDTH 67
#define HEIGHT 35

static GpuContext *context;
static DmabufDevice *devices[3];
static GpuQueue queue;
static gint mapped; /* convert () is about to submit */

static gint64
soon (void)
{
  return g_get_monotonic_time () + 30 * G_USEC_PER_SEC;
}

/* --- frames --------------------------------------------------------------- */

/* A linear frame in one dma-buf, or each plane in its own */
typedef struct
{
  DmabufLayout layout;
  guint n_buffers;
  DmabufBuffer *buffers[3];
} Frame;

static void
frame_init (Frame *frame, DmabufExporter *exporter, guint32 fourcc,
    guint pitch_align, gboolean apart)
{
  const GpuFormat *format = gpu_format_get (fourcc);
  guint64 end = 0, sizes[3] = { 0 };
  GError *error = NULL;
  guint i;

  memset (frame, 0, sizeof (*frame));
  frame->layout = (DmabufLayout) {
    .format = fourcc,
    .width = WIDTH,
    .height = HEIGHT,
    .n_planes = format->n_planes,
  };
  for (i = 0; i < format->n_planes; i++) {
    DmabufPlane *plane = &frame->layout.planes[i];
    guint32 columns, rows;
    guint bytes;

    gpu_format_get_texels (format, i, WIDTH, HEIGHT, &columns, &rows, &bytes);
    plane->pitch =
        (columns * bytes + pitch_align - 1) / pitch_align * pitch_align;
    plane->offset = apart ? 0 : (end + 255) / 256 * 256;
    sizes[i] = plane->offset + (guint64) plane->pitch * rows;
    end = sizes[i];
  }
  frame->n_buffers = apart ? format->n_planes : 1;
  for (i = 0; i < frame->n_buffers; i++) {
    /* some drivers ask for a little more than the rows */
    frame->buffers[i] = dmabuf_exporter_allocate (
        exporter, (apart ? sizes[i] : end) + 4096, &error);
    g_assert_no_error (error);
  }
  for (i = 0; i < format->n_planes; i++)
    frame->layout.planes[i].buffer = frame->buffers[apart ? i : 0];
}

static void
frame_clear (Frame *frame)
{
  guint i;

  for (i = 0; i < frame->n_buffers; i++)
    dmabuf_buffer_unref (frame->buffers[i]);
}

/* The bytes of a pixel's row in a plane, with a CPU access around */
static guint8 *
begin (Frame *frame, guint plane, DmabufAccess access)
{
  DmabufBuffer *buffer = frame->layout.planes[plane].buffer;
  GError *error = NULL;
  guint8 *data;

  data = dmabuf_buffer_vmap (buffer, access, &error);
  g_assert_no_error (error);
  dmabuf_buffer_begin_cpu_access (buffer, access, soon (), NULL, &error);
  g_assert_no_error (error);

  return data + frame->layout.planes[plane].offset;
}

static void
end (Frame *frame, guint plane, guint8 *data, DmabufAccess access)
{
  DmabufBuffer *buffer = frame->layout.planes[plane].buffer;
  GError *error = NULL;

  dmabuf_buffer_end_cpu_access (buffer, access, &error);
  g_assert_no_error (error);
  dmabuf_buffer_vunmap (buffer, data - frame->layout.planes[plane].offset);
}

/* Every texel says where it is. */
static guint8
expected (guint plane, guint x, guint y, guint seed)
{
  return plane * 64 + x * 7 + y * 13 + seed;
}

static void
paint (Frame *frame, guint seed)
{
  const GpuFormat *format = gpu_format_get (frame->layout.format);
  guint i, x, y;

  for (i = 0; i < format->n_planes; i++) {
    guint8 *data = begin (frame, i, DMABUF_ACCESS_WRITE);
    guint32 columns, rows;
    guint bytes;

    gpu_format_get_texels (format, i, WIDTH, HEIGHT, &columns, &rows, &bytes);
    for (y = 0; y < rows; y++) {
      for (x = 0; x < columns * bytes; x++)
        data[y * frame->layout.planes[i].pitch + x] = expected (i, x, y, seed);
    }
    end (frame, i, data, DMABUF_ACCESS_WRITE);
  }
}

static void
check (Frame *frame, guint seed)
{
  const GpuFormat *format = gpu_format_get (frame->layout.format);
  guint i, x, y;

  for (i = 0; i < format->n_planes; i++) {
    guint8 *data = begin (frame, i, DMABUF_ACCESS_READ);
    guint32 columns, rows;
    guint bytes;

    gpu_format_get_texels (format, i, WIDTH, HEIGHT, &columns, &rows, &bytes);
    for (y = 0; y < rows; y++) {
      for (x = 0; x < columns * bytes; x++) {
        /* the last luma of an odd width repeats the one before */
        if (format->kind == GPU_KIND_PAIRED && x >= WIDTH * 2)
          continue;
        g_assert_cmpuint (data[y * frame->layout.planes[i].pitch + x], ==,
            expected (i, x, y, seed));
      }
    }
    end (frame, i, data, DMABUF_ACCESS_READ);
  }
}

/* --- work ----------------------------------------------------------------- */

typedef struct
{
  DmabufAttachment *attachment;
  DmabufMapping *mapping;
  GpuFrame *import;
} Access;

static gboolean
access_begin (Access *access, DmabufDevice *device, const DmabufLayout *layout,
    DmabufDirection direction, GError **error)
{
  memset (access, 0, sizeof (*access));
  access->attachment =
      dmabuf_device_attach (device, layout->planes[0].buffer, error);
  if (!access->attachment)
    return FALSE;
  access->mapping =
      dmabuf_attachment_map (access->attachment, direction, error);
  if (access->mapping)
    access->import =
        dmabuf_attachment_import (access->attachment, layout, NULL, error);

  return access->import != NULL;
}

static void
access_end (Access *access, DmabufFence *fence)
{
  if (access->mapping)
    dmabuf_mapping_unmap (access->mapping, fence, NULL);
  if (access->attachment)
    dmabuf_attachment_unref (access->attachment);
}

/* Copies @in to @out, which may be another format of the same kind. */
static gboolean
convert (DmabufDevice *device, const DmabufLayout *in, const DmabufLayout *out,
    DmabufFence **fence, GError **error)
{
  GpuConversion conversion = {
    .in = { .format = gpu_format_get (in->format),
        .kr = 0.299,
        .kb = 0.114,
        .limited = TRUE },
    .out = { .format = gpu_format_get (out->format),
        .kr = 0.299,
        .kb = 0.114,
        .limited = TRUE },
    .crop = { 0, 0, WIDTH, HEIGHT },
    .rect = { 0, 0, WIDTH, HEIGHT },
    .width = WIDTH,
    .height = HEIGHT,
  };
  GpuJob job = { .shader = GPU_SHADER_CONVERT };
  DmabufFence *fences[2], *done = NULL;
  Access from = { 0 }, to = { 0 };
  gboolean ret = FALSE;
  GpuParams params;

  gpu_params_init (&params, &conversion);
  if (access_begin (&from, device, in, DMABUF_DIRECTION_TO_DEVICE, error)
      && access_begin (&to, device, out, DMABUF_DIRECTION_FROM_DEVICE, error)) {
    fences[0] = dmabuf_mapping_get_fence (from.mapping);
    fences[1] = dmabuf_mapping_get_fence (to.mapping);
    job.in = from.import;
    job.out = to.import;
    job.params = &params;
    job.fences = fences;
    job.n_fences = 2;
    job.holds[0] = from.attachment;
    job.holds[1] = to.attachment;
    g_atomic_int_set (&mapped, TRUE);
    ret = gpu_queue_submit (&queue, &job, soon (), NULL, &done, error);
  }
  access_end (&from, done);
  access_end (&to, done);
  if (fence)
    *fence = done;
  else if (done)
    dmabuf_fence_unref (done);

  return ret;
}

/* --- import ----------------------------------------------------------------
 */

/* A CPU takes seconds to compile for each. */
static gboolean
is_tried (const GpuFormat *format)
{
  return !context->fences_completed || format->fourcc == DRM_FORMAT_NV12;
}

static const char *const mode_names[] = { "auto", "buffer", "image" };

static void
try_formats (DmabufExporter *exporter, GpuImportMode mode, gboolean apart)
{
  guint i, n = 0;

  for (i = 0; i < gpu_n_formats; i++) {
    GError *error = NULL;
    Frame in, out;

    /* what has bits that are no one's cannot be told byte by byte */
    if (gpu_formats[i].kind == GPU_KIND_PACKED && !gpu_formats[i].bits[3]
        && gpu_formats[i].bytes == 4)
      continue;
    if (!is_tried (&gpu_formats[i]) || gpu_formats[i].bits[0] == 10
        || (apart && gpu_formats[i].n_planes < 2))
      continue;

    frame_init (&in, exporter, gpu_formats[i].fourcc, 256, apart);
    frame_init (&out, exporter, gpu_formats[i].fourcc, 256, FALSE);
    paint (&in, 3 + i);
    if (!convert (devices[mode], &in.layout, &out.layout, NULL, &error)) {
      g_test_message (
          "%.4s: %s", (const char *) &gpu_formats[i].fourcc, error->message);
      /* a driver need not have images of every format */
      g_assert_cmpint (mode, ==, GPU_IMPORT_IMAGE);
      g_assert_error (error, DMABUF_ERROR, ENOTSUP);
      g_clear_error (&error);
    } else {
      check (&out, 3 + i);
      n++;
    }
    frame_clear (&in);
    frame_clear (&out);
  }
  g_test_message ("%s, as %s%s: %u formats are what they were",
      dmabuf_exporter_get_name (exporter), mode_names[mode],
      apart ? ", planes apart" : "", n);
  g_assert_cmpuint (n, >, 0);
}

static DmabufExporter *
get_exporter (gconstpointer name)
{
  GError *error = NULL;
  DmabufExporter *exporter;

  if (g_str_equal (name, "heap"))
    exporter = dmabuf_heap_exporter_new (NULL, &error);
  else if (g_str_equal (name, "udmabuf"))
    exporter = dmabuf_udmabuf_exporter_new (&error);
  else
    exporter = gpu_exporter_new (context, &error);
  if (!exporter)
    g_test_skip (error->message);
  g_clear_error (&error);

  return exporter;
}

static void
test_import (gconstpointer name)
{
  DmabufExporter *exporter = get_exporter (name);

  if (!exporter)
    return;
  if (context->has_byte_buffers) {
    try_formats (exporter, GPU_IMPORT_BUFFER, FALSE);
    try_formats (exporter, GPU_IMPORT_BUFFER, TRUE);
  }
  if (context->has_modifiers && context->has_raw_images) {
    try_formats (exporter, GPU_IMPORT_IMAGE, FALSE);
    try_formats (exporter, GPU_IMPORT_IMAGE, TRUE);
  }
  try_formats (exporter, GPU_IMPORT_AUTO, FALSE);
  g_object_unref (exporter);
}

static void
test_import_is_made_once (void)
{
  DmabufExporter *exporter = get_exporter ("heap");
  gboolean reused;
  Access access;
  Frame frame;
  guint i;

  if (!exporter)
    return;
  frame_init (&frame, exporter, DRM_FORMAT_NV12, 64, FALSE);
  for (i = 0; i < 3; i++) {
    g_assert_true (access_begin (
        &access, devices[0], &frame.layout, DMABUF_DIRECTION_TO_DEVICE, NULL));
    g_assert_nonnull (dmabuf_attachment_import (
        access.attachment, &frame.layout, &reused, NULL));
    g_assert_true (reused);
    access_end (&access, NULL);
  }
  frame_clear (&frame);
  g_object_unref (exporter);
}

/* A layout that the buffer cannot hold, a format without shaders */
static void
test_import_that_cannot_be (void)
{
  DmabufExporter *exporter = get_exporter ("heap");
  GError *error = NULL;
  GpuFrame *import;
  Frame frame;

  if (!exporter)
    return;
  frame_init (&frame, exporter, DRM_FORMAT_NV12, 64, FALSE);

  frame.layout.format = fourcc_code ('N', 'O', 'N', 'E');
  import = gpu_frame_import (context, &frame.layout, GPU_IMPORT_AUTO, &error);
  g_assert_null (import);
  g_assert_error (error, DMABUF_ERROR, ENOTSUP);
  g_clear_error (&error);

  frame.layout.format = DRM_FORMAT_NV12;
  frame.layout.modifier = DRM_FORMAT_MOD_INVALID - 1;
  import = gpu_frame_import (context, &frame.layout, GPU_IMPORT_AUTO, &error);
  g_assert_null (import);
  g_assert_error (error, DMABUF_ERROR, ENOTSUP);
  g_assert_nonnull (strstr (error->message, "modifier"));
  g_clear_error (&error);

  frame.layout.modifier = 0;
  frame.layout.width = context->max_size + 1;
  import = gpu_frame_import (context, &frame.layout, GPU_IMPORT_AUTO, &error);
  g_assert_null (import);
  g_assert_error (error, DMABUF_ERROR, EINVAL);
  g_clear_error (&error);

  frame_clear (&frame);
  g_object_unref (exporter);
}

/* --- export ----------------------------------------------------------------
 */

static void
test_export_is_zeroed (void)
{
  DmabufExporter *exporter = get_exporter ("gpu");
  const gsize size = 3 * 65536;
  GError *error = NULL;
  DmabufBuffer *buffer;
  guint8 *data;
  gsize i;

  if (!exporter)
    return;
  buffer = dmabuf_exporter_allocate (exporter, size, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (dmabuf_buffer_get_size (buffer), >=, size);
  data = dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_READ, &error);
  if (data) {
    for (i = 0; i < size; i++)
      g_assert_cmpuint (data[i], ==, 0);
    dmabuf_buffer_vunmap (buffer, data);
  }
  g_clear_error (&error);
  dmabuf_buffer_unref (buffer);
  g_object_unref (exporter);
}

/* What the driver lays out, others read: the layout comes back from it. */
static void
test_export_frames (void)
{
  static const guint32 fourccs[] = { DRM_FORMAT_NV12, DRM_FORMAT_ARGB8888,
    DRM_FORMAT_YUV420, DRM_FORMAT_YUYV };
  guint64 modifiers[64];
  guint i, n;

  for (i = 0; i < G_N_ELEMENTS (fourccs); i++) {
    const GpuFormat *format = gpu_format_get (fourccs[i]);
    Frame in = { .n_buffers = 0 }, out = { .n_buffers = 0 };
    DmabufExporter *exporter, *heap;
    GError *error = NULL;

    if (!is_tried (format))
      continue;
    n = gpu_frame_get_modifiers (context, format,
        VK_IMAGE_USAGE_STORAGE_BIT | VK_IMAGE_USAGE_SAMPLED_BIT, modifiers,
        G_N_ELEMENTS (modifiers));
    if (n == 0) {
      g_test_skip ("no images that are read and written");
      return;
    }
    exporter = gpu_exporter_new_for_frames (
        context, fourccs[i], WIDTH, HEIGHT, modifiers, n, &error);
    g_assert_no_error (error);
    in.buffers[0] = dmabuf_exporter_allocate (exporter,
        gpu_exporter_get_frame_size (GPU_EXPORTER (exporter)), &error);
    g_assert_no_error (error);
    in.n_buffers = 1;
    gpu_exporter_get_layout (
        GPU_EXPORTER (exporter), in.buffers[0], &in.layout);
    g_test_message ("%.4s: %u modifiers, the driver took 0x%" G_GINT64_MODIFIER
                    "x, pitch %u",
        (const char *) &fourccs[i], n, in.layout.modifier,
        in.layout.planes[0].pitch);

    heap = get_exporter ("gpu");
    frame_init (&out, heap, fourccs[i], 256, FALSE);
    paint (&out, i);
    /* linear to the driver's layout, and back into emptied memory */
    g_assert_true (convert (devices[0], &out.layout, &in.layout, NULL, &error));
    g_assert_no_error (error);
    frame_clear (&out);
    frame_init (&out, heap, fourccs[i], 256, FALSE);
    g_assert_true (convert (devices[0], &in.layout, &out.layout, NULL, &error));
    g_assert_no_error (error);
    check (&out, i);
    frame_clear (&out);
    frame_clear (&in);
    g_object_unref (heap);
    g_object_unref (exporter);
  }
}

static void
test_export_what_nobody_has (void)
{
  const guint64 modifier = DRM_FORMAT_MOD_INVALID - 1;
  GError *error = NULL;

  g_assert_null (gpu_exporter_new_for_frames (
      context, DRM_FORMAT_NV12, WIDTH, HEIGHT, &modifier, 1, &error));
  g_assert_error (error, DMABUF_ERROR, ENOTSUP);
  g_clear_error (&error);
}

/* --- order -----------------------------------------------------------------
 */

/* sw_sync (drivers/dma-buf/sw_sync.c): a timeline that the test moves */
struct sw_sync_create_fence_data
{
  guint32 value;
  char name[32];
  gint32 fence;
};
#define SW_SYNC_IOC_CREATE_FENCE \
  _IOWR ('W', 0, struct sw_sync_create_fence_data)
#define SW_SYNC_IOC_INC _IOW ('W', 1, guint32)

typedef struct
{
  int timeline;
  Frame *frame;
} Writer;

/* Writes late, and says then that it has. */
static gpointer
write_late (gpointer user_data)
{
  Writer *writer = user_data;
  guint32 one = 1;
  guint8 *data;
  guint i;

  while (!g_atomic_int_get (&mapped))
    g_usleep (1000);
  g_usleep (500 * 1000);
  /* past the fence that stands against it: this is the writer */
  data =
      dmabuf_buffer_vmap (writer->frame->buffers[0], DMABUF_ACCESS_WRITE, NULL);
  for (i = 0; i < WIDTH * 4; i++)
    data[i] = expected (0, i, 0, 99);
  dmabuf_buffer_vunmap (writer->frame->buffers[0], data);
  g_assert_cmpint (ioctl (writer->timeline, SW_SYNC_IOC_INC, &one), ==, 0);

  return NULL;
}

/* A fence that stands on the input, ours and the kernel's, is waited for by the
 * GPU and not on the CPU: what it reads is what was written before. */
static void
test_order_behind_a_pending_fence (void)
{
  struct sw_sync_create_fence_data create = { .value = 1, .name = "late" };
  DmabufExporter *exporter = get_exporter ("heap");
  guint64 semaphores = queue.n_semaphores, waits = queue.n_cpu_waits;
  DmabufAttachment *attachment;
  DmabufFence *held, *done = NULL;
  DmabufMapping *mapping;
  GError *error = NULL;
  Writer writer;
  GThread *thread;
  Frame in, out;
  guint8 *data;
  guint i;

  if (!exporter)
    return;
  writer.timeline = open ("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
  if (writer.timeline < 0) {
    g_test_skip ("no sw_sync");
    g_object_unref (exporter);
    return;
  }

  frame_init (&in, exporter, DRM_FORMAT_ARGB8888, 64, FALSE);
  frame_init (&out, exporter, DRM_FORMAT_ARGB8888, 64, FALSE);
  paint (&in, 5);
  /* compiled before, so that the wait is the fence's */
  g_assert_true (convert (devices[0], &in.layout, &out.layout, NULL, &error));

  g_assert_cmpint (
      ioctl (writer.timeline, SW_SYNC_IOC_CREATE_FENCE, &create), ==, 0);
  held = dmabuf_fence_new_sync_file (
      create.fence, DMABUF_FENCE_TRUST_FULL, &error);
  g_assert_no_error (error);
  attachment = dmabuf_device_attach (devices[1], in.buffers[0], &error);
  g_assert_no_error (error);
  mapping =
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_FROM_DEVICE, &error);
  g_assert_no_error (error);
  g_assert_true (dmabuf_mapping_unmap (mapping, held, &error));
  g_assert_no_error (error);
  dmabuf_attachment_unref (attachment);
  dmabuf_fence_unref (held);

  writer.frame = &in;
  g_atomic_int_set (&mapped, FALSE);
  thread = g_thread_new ("writer", write_late, &writer);
  g_assert_true (convert (devices[0], &in.layout, &out.layout, &done, &error));
  g_assert_no_error (error);
  if (done) {
    g_assert_cmpint (dmabuf_fence_get_trust (done), ==, queue.trust);
    g_assert_true (dmabuf_fence_wait (done, soon (), NULL, &error));
    dmabuf_fence_unref (done);
  }
  if (context->has_sync_fd) {
    g_assert_cmpuint (queue.n_semaphores, ==, semaphores + 1);
    g_assert_cmpuint (queue.n_cpu_waits, ==, waits);
  }
  data = begin (&out, 0, DMABUF_ACCESS_READ);
  for (i = 0; i < WIDTH * 4; i++)
    g_assert_cmpuint (data[i], ==, expected (0, i, 0, 99));
  end (&out, 0, data, DMABUF_ACCESS_READ);

  g_thread_join (thread);
  close (writer.timeline);
  frame_clear (&in);
  frame_clear (&out);
  g_object_unref (exporter);
}

/* A fence that nobody signals ends the wait at the deadline, and the queue goes
 * on. */
static void
test_order_behind_a_fence_that_does_not_come (void)
{
  struct sw_sync_create_fence_data create = { .value = 1, .name = "never" };
  DmabufExporter *exporter = get_exporter ("heap");
  DmabufFence *held, *done = NULL;
  GpuConversion conversion = {
    .in.format = gpu_format_get (DRM_FORMAT_ARGB8888),
    .out.format = gpu_format_get (DRM_FORMAT_ARGB8888),
    .crop = { 0, 0, WIDTH, HEIGHT },
    .rect = { 0, 0, WIDTH, HEIGHT },
    .width = WIDTH,
    .height = HEIGHT,
  };
  GpuJob job = { .shader = GPU_SHADER_CONVERT, .n_fences = 1 };
  GError *error = NULL;
  GpuParams params;
  Access from, to;
  guint32 one = 1;
  Frame in, out;
  int timeline;
  gboolean ret;

  if (!exporter)
    return;
  timeline = open ("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
  if (timeline < 0 || !context->fences_completed) {
    g_test_skip ("needs sw_sync and a driver that completes");
    g_object_unref (exporter);
    return;
  }

  frame_init (&in, exporter, DRM_FORMAT_ARGB8888, 64, FALSE);
  frame_init (&out, exporter, DRM_FORMAT_ARGB8888, 64, FALSE);
  g_assert_cmpint (ioctl (timeline, SW_SYNC_IOC_CREATE_FENCE, &create), ==, 0);
  held = dmabuf_fence_new_sync_file (
      create.fence, DMABUF_FENCE_TRUST_FULL, &error);
  g_assert_no_error (error);

  gpu_params_init (&params, &conversion);
  g_assert_true (access_begin (
      &from, devices[0], &in.layout, DMABUF_DIRECTION_TO_DEVICE, &error));
  g_assert_true (access_begin (
      &to, devices[0], &out.layout, DMABUF_DIRECTION_FROM_DEVICE, &error));
  job.in = from.import;
  job.out = to.import;
  job.params = &params;
  job.fences = &held;
  job.holds[0] = from.attachment;
  job.holds[1] = to.attachment;
  ret = gpu_queue_submit (
      &queue, &job, g_get_monotonic_time () + 100 * 1000, NULL, &done, &error);
  g_assert_false (ret);
  g_assert_null (done);
  g_assert_error (error, DMABUF_ERROR, ETIME);
  g_clear_error (&error);

  g_assert_cmpint (ioctl (timeline, SW_SYNC_IOC_INC, &one), ==, 0);
  g_assert_true (gpu_queue_drain (&queue));
  access_end (&from, NULL);
  access_end (&to, NULL);
  dmabuf_fence_unref (held);
  close (timeline);
  g_assert_true (convert (devices[0], &in.layout, &out.layout, NULL, &error));
  g_assert_no_error (error);
  frame_clear (&in);
  frame_clear (&out);
  g_object_unref (exporter);
}

/* A hundred frames through the same slots: nothing grows. */
static void
test_many_frames (void)
{
  DmabufExporter *exporter = get_exporter ("heap");
  DmabufStatistics before, after;
  GError *error = NULL;
  Frame in, out;
  guint i;

  if (!exporter)
    return;
  frame_init (&in, exporter, DRM_FORMAT_NV12, 64, FALSE);
  frame_init (&out, exporter, DRM_FORMAT_NV12, 64, FALSE);
  paint (&in, 1);
  g_assert_true (convert (devices[0], &in.layout, &out.layout, NULL, &error));
  dmabuf_device_get_statistics (devices[0], &before);
  for (i = 0; i < 100; i++) {
    g_assert_true (convert (devices[0], &in.layout, &out.layout, NULL, &error));
    g_assert_no_error (error);
  }
  dmabuf_device_get_statistics (devices[0], &after);
  g_assert_cmpuint (after.imports_made, ==, before.imports_made);
  g_assert_cmpuint (after.attachments_made, ==, before.attachments_made);
  g_assert_cmpuint (queue.n_cpu_waits, ==, 0);
  check (&out, 1);
  frame_clear (&in);
  frame_clear (&out);
  g_object_unref (exporter);
}

int
main (int argc, char **argv)
{
  DmabufStatistics statistics;
  GError *error = NULL;
  guint messages, i;
  int ret;

  g_test_init (&argc, &argv, NULL);
  context = gpu_context_get (g_getenv ("GPU_DEVICE"), FALSE, &error);
  if (!context) {
    g_print ("1..0 # SKIP %s\n", error->message);
    return 0;
  }
  for (i = 0; i < 3; i++) {
    devices[i] = gpu_device_get (context, i, &error);
    if (!devices[i]) {
      g_print ("1..0 # SKIP %s\n", error->message);
      return 0;
    }
  }
  gpu_queue_init (&queue, context, 4, &error);
  g_assert_no_error (error);

  g_test_add_data_func ("/gpu/import/heap", "heap", test_import);
  g_test_add_data_func ("/gpu/import/udmabuf", "udmabuf", test_import);
  g_test_add_data_func ("/gpu/import/gpu", "gpu", test_import);
  g_test_add_func ("/gpu/import/once", test_import_is_made_once);
  g_test_add_func ("/gpu/import/impossible", test_import_that_cannot_be);
  g_test_add_func ("/gpu/export/zeroed", test_export_is_zeroed);
  g_test_add_func ("/gpu/export/frames", test_export_frames);
  g_test_add_func ("/gpu/export/nobody", test_export_what_nobody_has);
  g_test_add_func ("/gpu/order/pending", test_order_behind_a_pending_fence);
  g_test_add_func (
      "/gpu/order/never", test_order_behind_a_fence_that_does_not_come);
  g_test_add_func ("/gpu/frames", test_many_frames);
  ret = g_test_run ();

  gpu_queue_clear (&queue);
  for (i = 0; i < 3; i++)
    g_object_unref (devices[i]);
  messages = context->validation_messages;
  g_print (
      "# %s, %u messages of the validation layers\n", context->name, messages);
  gpu_context_unref (context);

  /* what was imported and exported is gone */
  dmabuf_statistics_get (&statistics);
  g_assert_cmpuint (statistics.buffers, ==, 0);
  g_assert_cmpuint (statistics.attachments, ==, 0);
  g_assert_cmpuint (messages, ==, 0);

  return ret;
}
