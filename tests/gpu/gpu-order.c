/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Order behind fences, and many frames. */

#include "gpu-rig.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../check/lib/sw-sync.h"

#include <drm/drm_fourcc.h>

/* --- order -----------------------------------------------------------------
 */

#define NO_SW_SYNC \
  "no sw_sync: run as root, with debugfs mounted, on a kernel with " \
  "CONFIG_SW_SYNC"

typedef struct
{
  int timeline;
  RigFrame *frame;
  gboolean has_written;
} Writer;

static Writer *awaited;
static DmabufKernel watching_kernel;
static const DmabufKernel *real_kernel;

/* Writes late, and says then that it has. */
static void
write_late (Writer *writer)
{
  guint8 *data;
  guint i;

  writer->has_written = TRUE;
  /* past the fence that stands against it: this is the writer */
  data =
      dmabuf_buffer_vmap (writer->frame->buffers[0], DMABUF_ACCESS_WRITE, NULL);
  for (i = 0; i < WIDTH * 4; i++)
    data[i] = rig_expected (0, i, 0, 99);
  dmabuf_buffer_vunmap (writer->frame->buffers[0], data);
  timeline_inc (writer->timeline, 1);
}

/* A driver that finishes its work before it exports is not given any before the
 * writer is done: then the CPU waits here. */
static int
write_when_awaited (
    struct pollfd *fds, nfds_t n, const struct timespec *timeout)
{
  gboolean blocks = !timeout || timeout->tv_sec > 0 || timeout->tv_nsec > 0;

  if (blocks && !awaited->has_written)
    write_late (awaited);

  return real_kernel->ppoll (fds, n, timeout);
}

/* A fence that stands on the input, ours and the kernel's, is waited for by the
 * GPU and not on the CPU: what it reads is what was written before. */
static void
test_order_behind_a_pending_fence (void)
{
  DmabufExporter *exporter = rig_get_exporter ("any");
  guint64 semaphores = rig.queue.n_semaphores, waits = rig.queue.n_cpu_waits;
  DmabufAttachment *attachment;
  DmabufFence *held, *done = NULL;
  DmabufMapping *mapping;
  GError *error = NULL;
  Writer writer = { 0 };
  RigFrame in, out;
  guint8 *data;
  guint i;

  if (!exporter)
    return;
  writer.timeline = timeline_find ();
  if (writer.timeline < 0) {
    g_test_skip (NO_SW_SYNC);
    g_object_unref (exporter);
    return;
  }

  rig_frame_init (&in, exporter, DRM_FORMAT_ARGB8888, 64, FALSE);
  rig_frame_init (&out, exporter, DRM_FORMAT_ARGB8888, 64, FALSE);
  rig_paint (&in, 5);
  /* compiled before, so that the wait is the fence's */
  g_assert_true (
      rig_convert (rig.devices[0], &in.layout, &out.layout, NULL, &error));

  held = timeline_new_fence (writer.timeline, 1);
  attachment = dmabuf_device_attach (rig.devices[1], in.buffers[0], &error);
  g_assert_no_error (error);
  mapping =
      dmabuf_attachment_map (attachment, DMABUF_DIRECTION_FROM_DEVICE, &error);
  g_assert_no_error (error);
  g_assert_true (dmabuf_mapping_unmap (mapping, held, &error));
  g_assert_no_error (error);
  dmabuf_attachment_unref (attachment);
  dmabuf_fence_unref (held);

  writer.frame = &in;
  awaited = &writer;
  real_kernel = dmabuf_kernel;
  watching_kernel = *real_kernel;
  watching_kernel.ppoll = write_when_awaited;
  dmabuf_kernel_replace (&watching_kernel);
  g_assert_true (
      rig_convert (rig.devices[0], &in.layout, &out.layout, &done, &error));
  dmabuf_kernel_replace (NULL);
  g_assert_no_error (error);
  if (!writer.has_written) {
    rig_let_gpu_work (exporter);
    write_late (&writer);
  }
  if (done) {
    g_assert_cmpint (dmabuf_fence_get_trust (done), ==, rig.queue.trust);
    g_assert_true (dmabuf_fence_wait (done, rig_far_away (), NULL, &error));
    dmabuf_fence_unref (done);
  }
  if (rig.context->has_sync_fd) {
    g_assert_cmpuint (rig.queue.n_semaphores, ==, semaphores + 1);
    g_assert_cmpuint (rig.queue.n_cpu_waits, ==, waits);
  }
  data = rig_begin (&out, 0, DMABUF_ACCESS_READ);
  for (i = 0; i < WIDTH * 4; i++)
    g_assert_cmpuint (data[i], ==, rig_expected (0, i, 0, 99));
  rig_end (&out, 0, data, DMABUF_ACCESS_READ);

  close (writer.timeline);
  rig_frame_clear (&in);
  rig_frame_clear (&out);
  g_object_unref (exporter);
}

/* A fence that nobody signals ends the wait at the deadline, and the queue goes
 * on. */
static void
test_order_behind_a_fence_that_does_not_come (void)
{
  DmabufExporter *exporter = rig_get_exporter ("any");
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
  RigAccess from, to;
  RigFrame in, out;
  int timeline;
  gboolean ret;

  if (!exporter)
    return;
  timeline = timeline_find ();
  if (timeline < 0 || !rig.context->fences_completed) {
    g_test_skip (timeline < 0 ? NO_SW_SYNC
                              : "a GPU waits by itself; this is for drivers "
                                "that finish their work before they export");
    if (timeline >= 0)
      close (timeline);
    g_object_unref (exporter);
    return;
  }

  rig_frame_init (&in, exporter, DRM_FORMAT_ARGB8888, 64, FALSE);
  rig_frame_init (&out, exporter, DRM_FORMAT_ARGB8888, 64, FALSE);
  held = timeline_new_fence (timeline, 1);

  gpu_params_init (&params, &conversion);
  g_assert_true (rig_access_begin (
      &from, rig.devices[0], &in.layout, DMABUF_DIRECTION_TO_DEVICE, &error));
  g_assert_true (rig_access_begin (
      &to, rig.devices[0], &out.layout, DMABUF_DIRECTION_FROM_DEVICE, &error));
  job.in = from.import;
  job.out = to.import;
  job.params = &params;
  job.fences = &held;
  job.holds[0] = from.attachment;
  job.holds[1] = to.attachment;
  g_assert_true (gpu_queue_prepare (&rig.queue, &job, NULL, &error));
  ret = gpu_queue_submit (&rig.queue, &job,
      g_get_monotonic_time () + 100 * 1000, NULL, &done, &error);
  g_assert_false (ret);
  g_assert_null (done);
  g_assert_error (error, DMABUF_ERROR, ETIME);
  g_clear_error (&error);

  timeline_inc (timeline, 1);
  g_assert_true (gpu_queue_drain (&rig.queue));
  rig_access_end (&from);
  rig_access_end (&to);
  dmabuf_fence_unref (held);
  close (timeline);
  g_assert_true (
      rig_convert (rig.devices[0], &in.layout, &out.layout, NULL, &error));
  g_assert_no_error (error);
  rig_frame_clear (&in);
  rig_frame_clear (&out);
  g_object_unref (exporter);
}

/* Many frames through the same slots: nothing grows. */
static void
test_many_frames (void)
{
  DmabufExporter *exporter = rig_get_exporter ("any");
  DmabufStatistics before, after;
  GError *error = NULL;
  RigFrame in, out;
  guint i;

  if (!exporter)
    return;
  rig_frame_init (&in, exporter, DRM_FORMAT_NV12, 64, FALSE);
  rig_frame_init (&out, exporter, DRM_FORMAT_NV12, 64, FALSE);
  rig_paint (&in, 1);
  g_assert_true (
      rig_convert (rig.devices[0], &in.layout, &out.layout, NULL, &error));
  dmabuf_device_get_statistics (rig.devices[0], &before);
  for (i = 0; i < 40; i++) {
    g_assert_true (
        rig_convert (rig.devices[0], &in.layout, &out.layout, NULL, &error));
    g_assert_no_error (error);
  }
  dmabuf_device_get_statistics (rig.devices[0], &after);
  g_assert_cmpuint (after.imports_made, ==, before.imports_made);
  g_assert_cmpuint (after.attachments_made, ==, before.attachments_made);
  if (rig.context->has_sync_fd)
    g_assert_cmpuint (rig.queue.n_cpu_waits, ==, 0);
  rig_check (&out, 1);
  rig_frame_clear (&in);
  rig_frame_clear (&out);
  g_object_unref (exporter);
}

void
gpu_add_order_tests (void)
{
  g_test_add_func ("/gpu/order/pending", test_order_behind_a_pending_fence);
  g_test_add_func (
      "/gpu/order/never", test_order_behind_a_fence_that_does_not_come);
  g_test_add_func ("/gpu/frames", test_many_frames);
}
