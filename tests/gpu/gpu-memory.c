/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Import and export. */

#include "gpu-image.h"
#include "gpu-rig.h"

#include <drm/drm_fourcc.h>
#include <errno.h>
#include <string.h>

/* --- import ----------------------------------------------------------------
 */

/* A CPU takes seconds to compile for each. */
static gboolean
is_tried (const GpuFormat *format)
{
  return !rig.context->fences_completed || format->fourcc == DRM_FORMAT_NV12;
}

static const char *const mode_names[] = { "auto", "buffer", "image" };

static void
try_formats (DmabufExporter *exporter, GpuImportMode mode, gboolean apart)
{
  guint i, n = 0;

  for (i = 0; i < gpu_n_formats; i++) {
    GError *error = NULL;
    RigFrame in, out;

    /* what has bits that are no one's cannot be told byte by byte */
    if (gpu_formats[i].kind == GPU_KIND_PACKED && !gpu_formats[i].bits[3]
        && gpu_formats[i].bytes == 4)
      continue;
    if (!is_tried (&gpu_formats[i]) || gpu_formats[i].bits[0] == 10
        || (apart && gpu_formats[i].n_planes < 2))
      continue;

    rig_frame_init (&in, exporter, gpu_formats[i].fourcc, 256, apart);
    rig_frame_init (&out, exporter, gpu_formats[i].fourcc, 256, FALSE);
    rig_paint (&in, 3 + i);
    if (!rig_convert (
            rig.devices[mode], &in.layout, &out.layout, NULL, &error)) {
      g_test_message (
          "%.4s: %s", (const char *) &gpu_formats[i].fourcc, error->message);
      /* a driver need not have images of every format, pitch and size */
      g_assert_cmpint (mode, ==, GPU_IMPORT_IMAGE);
      g_assert_true (g_error_matches (error, DMABUF_ERROR, ENOTSUP)
          || g_error_matches (error, DMABUF_ERROR, EINVAL));
      g_clear_error (&error);
    } else {
      rig_check (&out, 3 + i);
      n++;
    }
    rig_frame_clear (&in);
    rig_frame_clear (&out);
  }
  g_test_message ("%s, as %s%s: %u formats are what they were",
      dmabuf_exporter_get_name (exporter), mode_names[mode],
      apart ? ", planes apart" : "", n);
  g_assert_cmpuint (n, >, 0);
}

static void
test_import (gconstpointer name)
{
  DmabufExporter *exporter = rig_get_exporter (name);

  if (!exporter)
    return;
  if (rig.context->has_byte_buffers) {
    try_formats (exporter, GPU_IMPORT_BUFFER, FALSE);
    try_formats (exporter, GPU_IMPORT_BUFFER, TRUE);
  }
  if (rig.context->has_modifiers && rig.context->has_raw_images) {
    try_formats (exporter, GPU_IMPORT_IMAGE, FALSE);
    try_formats (exporter, GPU_IMPORT_IMAGE, TRUE);
  }
  try_formats (exporter, GPU_IMPORT_AUTO, FALSE);
  g_object_unref (exporter);
}

static void
test_import_is_made_once (void)
{
  DmabufExporter *exporter = rig_get_exporter ("any");
  gboolean reused;
  RigAccess access;
  RigFrame frame;
  guint i;

  if (!exporter)
    return;
  rig_frame_init (&frame, exporter, DRM_FORMAT_NV12, 64, FALSE);
  for (i = 0; i < 3; i++) {
    g_assert_true (rig_access_begin (&access, rig.devices[0], &frame.layout,
        DMABUF_DIRECTION_TO_DEVICE, NULL));
    g_assert_nonnull (dmabuf_attachment_import (
        access.attachment, &frame.layout, &reused, NULL));
    g_assert_true (reused);
    rig_access_end (&access);
  }
  rig_frame_clear (&frame);
  g_object_unref (exporter);
}

/* A layout that the buffer cannot hold, a format without shaders */
static void
test_import_that_cannot_be (void)
{
  DmabufExporter *exporter = rig_get_exporter ("any");
  GError *error = NULL;
  GpuFrame *import;
  RigFrame frame;

  if (!exporter)
    return;
  rig_frame_init (&frame, exporter, DRM_FORMAT_NV12, 64, FALSE);

  frame.layout.format = fourcc_code ('N', 'O', 'N', 'E');
  import =
      gpu_frame_import (rig.context, &frame.layout, GPU_IMPORT_AUTO, &error);
  g_assert_null (import);
  g_assert_error (error, DMABUF_ERROR, ENOTSUP);
  g_clear_error (&error);

  frame.layout.format = DRM_FORMAT_NV12;
  frame.layout.modifier = DRM_FORMAT_MOD_INVALID - 1;
  import =
      gpu_frame_import (rig.context, &frame.layout, GPU_IMPORT_AUTO, &error);
  g_assert_null (import);
  g_assert_error (error, DMABUF_ERROR, ENOTSUP);
  g_assert_nonnull (strstr (error->message, "modifier"));
  g_clear_error (&error);

  frame.layout.modifier = 0;
  frame.layout.width = rig.context->max_size + 1;
  import =
      gpu_frame_import (rig.context, &frame.layout, GPU_IMPORT_AUTO, &error);
  g_assert_null (import);
  g_assert_error (error, DMABUF_ERROR, EINVAL);
  g_clear_error (&error);

  rig_frame_clear (&frame);
  g_object_unref (exporter);
}

/* --- export ----------------------------------------------------------------
 */

static void
test_export_is_zeroed (void)
{
  GError *error = NULL;
  DmabufExporter *exporter = gpu_exporter_new (rig.context, &error);
  const gsize size = 3 * 65536 + 4; /* and to the end of the last page */
  DmabufBuffer *buffer;
  guint8 *data;
  gsize i;

  if (!exporter) {
    g_test_skip (error->message);
    g_clear_error (&error);
    return;
  }
  buffer = dmabuf_exporter_allocate (exporter, size, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (dmabuf_buffer_get_size (buffer), >=, size);
  data = dmabuf_buffer_vmap (buffer, DMABUF_ACCESS_READ, &error);
  if (data) {
    for (i = 0; i < dmabuf_buffer_get_size (buffer); i++)
      g_assert_cmpuint (data[i], ==, 0);
    dmabuf_buffer_vunmap (buffer, data);
  } else {
    g_test_skip (error->message);
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
  DmabufExporter *linear = rig_get_exporter ("any");
  guint64 modifiers[GPU_MAX_MODIFIERS];
  guint i, n, n_done = 0;

  if (!linear)
    return;
  for (i = 0; i < G_N_ELEMENTS (fourccs); i++) {
    const GpuFormat *format = gpu_format_get (fourccs[i]);
    RigFrame in = { .n_buffers = 0 }, out = { .n_buffers = 0 };
    DmabufExporter *exporter;
    GError *error = NULL;

    if (!is_tried (format))
      continue;
    n = gpu_image_get_modifiers (rig.context, format,
        VK_IMAGE_USAGE_STORAGE_BIT | VK_IMAGE_USAGE_SAMPLED_BIT, modifiers,
        G_N_ELEMENTS (modifiers));
    exporter = gpu_exporter_new_for_frames (
        rig.context, fourccs[i], WIDTH, HEIGHT, modifiers, n, &error);
    if (!exporter) {
      g_assert_error (error, DMABUF_ERROR, ENOTSUP);
      g_test_message ("%s", error->message);
      g_clear_error (&error);
      continue;
    }
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

    rig_frame_init (&out, linear, fourccs[i], 256, FALSE);
    rig_paint (&out, i);
    /* linear to the driver's layout, and back into emptied memory */
    g_assert_true (
        rig_convert (rig.devices[0], &out.layout, &in.layout, NULL, &error));
    g_assert_no_error (error);
    rig_frame_clear (&out);
    rig_frame_init (&out, linear, fourccs[i], 256, FALSE);
    g_assert_true (
        rig_convert (rig.devices[0], &in.layout, &out.layout, NULL, &error));
    g_assert_no_error (error);
    rig_check (&out, i);
    rig_frame_clear (&out);
    rig_frame_clear (&in);
    g_object_unref (exporter);
    n_done++;
  }
  if (n_done == 0)
    g_test_skip ("the driver has no images of dma-bufs that are read and "
                 "written; a newer one may have");
  g_object_unref (linear);
}

static void
test_export_what_nobody_has (void)
{
  const guint64 modifier = DRM_FORMAT_MOD_INVALID - 1;
  GError *error = NULL;

  g_assert_null (gpu_exporter_new_for_frames (
      rig.context, DRM_FORMAT_NV12, WIDTH, HEIGHT, &modifier, 1, &error));
  g_assert_error (error, DMABUF_ERROR, ENOTSUP);
  g_clear_error (&error);
}

void
gpu_add_memory_tests (void)
{
  g_test_add_data_func ("/gpu/import/heap", "heap", test_import);
  g_test_add_data_func ("/gpu/import/udmabuf", "udmabuf", test_import);
  g_test_add_data_func ("/gpu/import/gpu", "gpu", test_import);
  g_test_add_func ("/gpu/import/once", test_import_is_made_once);
  g_test_add_func ("/gpu/import/impossible", test_import_that_cannot_be);
  g_test_add_func ("/gpu/export/zeroed", test_export_is_zeroed);
  g_test_add_func ("/gpu/export/frames", test_export_frames);
  g_test_add_func ("/gpu/export/nobody", test_export_what_nobody_has);
}
