/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gpu-rig.h"

#include <drm/drm_fourcc.h>
#include <string.h>

Rig rig;

gint64
rig_far_away (void)
{
  return g_get_monotonic_time () + 10 * G_TIME_SPAN_MINUTE;
}

/* --- frames --------------------------------------------------------------- */

void
rig_frame_init (RigFrame *frame, DmabufExporter *exporter, guint32 fourcc,
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

void
rig_frame_clear (RigFrame *frame)
{
  guint i;

  for (i = 0; i < frame->n_buffers; i++)
    dmabuf_buffer_unref (frame->buffers[i]);
}

guint8 *
rig_begin (RigFrame *frame, guint plane, DmabufAccess access)
{
  DmabufBuffer *buffer = frame->layout.planes[plane].buffer;
  GError *error = NULL;
  guint8 *data;

  data = dmabuf_buffer_vmap (buffer, access, &error);
  g_assert_no_error (error);
  dmabuf_buffer_begin_cpu_access (
      buffer, access, rig_far_away (), NULL, &error);
  g_assert_no_error (error);

  return data + frame->layout.planes[plane].offset;
}

void
rig_end (RigFrame *frame, guint plane, guint8 *data, DmabufAccess access)
{
  DmabufBuffer *buffer = frame->layout.planes[plane].buffer;
  GError *error = NULL;

  dmabuf_buffer_end_cpu_access (buffer, access, &error);
  g_assert_no_error (error);
  dmabuf_buffer_vunmap (buffer, data - frame->layout.planes[plane].offset);
}

guint8
rig_expected (guint plane, guint x, guint y, guint seed)
{
  return plane * 64 + x * 7 + y * 13 + seed;
}

void
rig_paint (RigFrame *frame, guint seed)
{
  const GpuFormat *format = gpu_format_get (frame->layout.format);
  guint i, x, y;

  for (i = 0; i < format->n_planes; i++) {
    guint8 *data = rig_begin (frame, i, DMABUF_ACCESS_WRITE);
    guint32 columns, rows;
    guint bytes;

    gpu_format_get_texels (format, i, WIDTH, HEIGHT, &columns, &rows, &bytes);
    for (y = 0; y < rows; y++) {
      for (x = 0; x < columns * bytes; x++)
        data[y * frame->layout.planes[i].pitch + x] =
            rig_expected (i, x, y, seed);
    }
    rig_end (frame, i, data, DMABUF_ACCESS_WRITE);
  }
}

void
rig_check (RigFrame *frame, guint seed)
{
  const GpuFormat *format = gpu_format_get (frame->layout.format);
  guint i, x, y;

  for (i = 0; i < format->n_planes; i++) {
    guint8 *data = rig_begin (frame, i, DMABUF_ACCESS_READ);
    guint32 columns, rows;
    guint bytes;

    gpu_format_get_texels (format, i, WIDTH, HEIGHT, &columns, &rows, &bytes);
    for (y = 0; y < rows; y++) {
      for (x = 0; x < columns * bytes; x++) {
        /* the last luma of an odd width repeats the one before */
        if (format->kind == GPU_KIND_PAIRED && x >= WIDTH * 2)
          continue;
        g_assert_cmpuint (data[y * frame->layout.planes[i].pitch + x], ==,
            rig_expected (i, x, y, seed));
      }
    }
    rig_end (frame, i, data, DMABUF_ACCESS_READ);
  }
}

/* --- work ----------------------------------------------------------------- */

gboolean
rig_access_begin (RigAccess *access, DmabufDevice *device,
    const DmabufLayout *layout, DmabufDirection direction, GError **error)
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

void
rig_access_end (RigAccess *access)
{
  if (access->mapping)
    dmabuf_mapping_unmap (access->mapping, NULL, NULL);
  if (access->attachment)
    dmabuf_attachment_unref (access->attachment);
}

static gboolean
convert (GpuQueue *queue, DmabufDevice *device, const DmabufLayout *in,
    const DmabufLayout *out, DmabufFence **fence, GError **error)
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
  DmabufFence *wait = NULL, *done = NULL;
  DmabufSubmissionBuffer uses[2 * GPU_MAX_PLANES];
  RigAccess from = { 0 }, to = { 0 };
  DmabufSubmission submission;
  gboolean ret = FALSE;
  GpuParams params;
  guint n, i;

  gpu_params_init (&params, &conversion);
  if (rig_access_begin (&from, device, in, DMABUF_DIRECTION_TO_DEVICE, error)
      && rig_access_begin (
          &to, device, out, DMABUF_DIRECTION_FROM_DEVICE, error)) {
    for (i = 0, n = 0; i < in->n_planes; i++)
      uses[n++] =
          (DmabufSubmissionBuffer) { in->planes[i].buffer, DMABUF_ACCESS_READ };
    for (i = 0; i < out->n_planes; i++)
      uses[n++] = (DmabufSubmissionBuffer) { out->planes[i].buffer,
        DMABUF_ACCESS_WRITE };
    job.in = from.import;
    job.out = to.import;
    job.params = &params;
    job.fences = &wait;
    job.n_fences = 1;
    job.holds[0] = from.attachment;
    job.holds[1] = to.attachment;
    if (gpu_queue_prepare (queue, &job, NULL, error)) {
      dmabuf_submission_begin (&submission, uses, n, NULL, &wait, NULL);
      ret = gpu_queue_submit (queue, &job, rig_far_away (), NULL, &done, error);
      dmabuf_submission_end (&submission, done, NULL);
    }
    g_clear_pointer (&wait, dmabuf_fence_unref);
  }
  rig_access_end (&from);
  rig_access_end (&to);
  if (fence)
    *fence = done;
  else if (done)
    dmabuf_fence_unref (done);

  return ret;
}

gboolean
rig_convert (DmabufDevice *device, const DmabufLayout *in,
    const DmabufLayout *out, DmabufFence **fence, GError **error)
{
  return convert (&rig.queue, device, in, out, fence, error);
}

void
rig_let_gpu_work (DmabufExporter *exporter)
{
  GString *uuid = g_string_new (NULL);
  GError *error = NULL;
  DmabufDevice *device;
  GpuContext *context;
  GpuQueue queue;
  RigFrame in, out;
  guint i;

  /* the same GPU by a name that has no Vulkan device yet */
  for (i = 0; i < VK_UUID_SIZE; i++)
    g_string_append_printf (uuid, "%02x-", rig.context->uuid[i]);
  context = gpu_context_get (uuid->str, FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (context != rig.context);
  device = gpu_device_get (context, 0, &error);
  g_assert_no_error (error);
  g_assert_true (gpu_queue_init (&queue, context, 1, &error));
  rig_frame_init (&in, exporter, DRM_FORMAT_ARGB8888, 64, FALSE);
  rig_frame_init (&out, exporter, DRM_FORMAT_ARGB8888, 64, FALSE);
  for (i = 0; i < 4; i++) {
    g_assert_true (
        convert (&queue, device, &in.layout, &out.layout, NULL, &error));
    g_assert_true (gpu_queue_drain (&queue));
  }
  rig_frame_clear (&in);
  rig_frame_clear (&out);
  gpu_queue_clear (&queue);
  g_object_unref (device);
  gpu_context_unref (context);
  g_string_free (uuid, TRUE);
}

/* --- exporters ---------------------------------------------------------------
 */

/* Memory of some drivers the CPU cannot map, and some GPUs do not reach that of
 * the machine. */
static gboolean
is_reached (DmabufExporter *exporter, GError **error)
{
  const GpuImportMode mode =
      rig.context->has_byte_buffers ? GPU_IMPORT_BUFFER : GPU_IMPORT_AUTO;
  DmabufLayout layout = {
    .format = DRM_FORMAT_ARGB8888,
    .width = 16,
    .height = 16,
    .n_planes = 1,
    .planes = { { .pitch = 256 } },
  };
  DmabufBuffer *buffer = dmabuf_exporter_allocate (exporter, 65536, error);
  GpuFrame *frame = NULL;
  gpointer data;

  if (!buffer)
    return FALSE;
  layout.planes[0].buffer = buffer;
  data = dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_READ_WRITE, error);
  if (data) {
    dmabuf_buffer_vunmap (buffer, data);
    frame = gpu_frame_import (rig.context, &layout, mode, error);
  }
  if (frame)
    gpu_frame_free (rig.context, frame);
  dmabuf_buffer_unref (buffer);

  return frame != NULL;
}

DmabufExporter *
rig_get_exporter (gconstpointer name)
{
  static const char *const names[] = { "heap", "udmabuf", "gpu" };
  gboolean any = g_str_equal (name, "any");
  GString *reasons = g_string_new (NULL);
  DmabufExporter *exporter = NULL;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (names) && !exporter; i++) {
    GError *error = NULL;

    if (!any && !g_str_equal (name, names[i]))
      continue;
    if (i == 0)
      exporter = dmabuf_heap_exporter_new (NULL, &error);
    else if (i == 1)
      exporter = dmabuf_udmabuf_exporter_new (&error);
    else
      exporter = gpu_exporter_new (rig.context, &error);
    if (exporter && !is_reached (exporter, &error))
      g_clear_object (&exporter);
    if (error)
      g_string_append_printf (
          reasons, "%s%s", reasons->len ? "; " : "", error->message);
    g_clear_error (&error);
  }
  if (!exporter)
    g_test_skip (reasons->str);
  g_string_free (reasons, TRUE);

  return exporter;
}
