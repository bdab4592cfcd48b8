/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufkmssession.h"
#include "gstdmabufkmscaps.h"
#include "kms-device.h"
#include "kms-debug.h"

#include <errno.h>
#include <string.h>

void
gst_dmabuf_kms_post_error (GstElement *element, const GError *error)
{
  int code = error->domain == DMABUF_ERROR ? error->code : 0;

  switch (code) {
  case ENOENT:
  case ENODEV:
    GST_ELEMENT_ERROR (
        element, RESOURCE, NOT_FOUND, ("%s", error->message), (NULL));
    break;
  case EACCES:
    GST_ELEMENT_ERROR (
        element, RESOURCE, OPEN_READ_WRITE, ("%s", error->message), (NULL));
    break;
  case EBUSY:
    GST_ELEMENT_ERROR (element, RESOURCE, BUSY, ("%s", error->message), (NULL));
    break;
  case ETIME:
    GST_ELEMENT_ERROR (
        element, RESOURCE, WRITE, ("%s", error->message), (NULL));
    break;
  default:
    GST_ELEMENT_ERROR (
        element, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
    break;
  }
}

/* --- beginning and end ------------------------------------------------- */

void
gst_dmabuf_kms_session_init (GstDmabufKmsSession *session)
{
  gst_dmabuf_core_stats_init (&session->stats);
  g_mutex_init (&session->counts_lock);
  session->inodes =
      g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
}

void
gst_dmabuf_kms_session_finish (GstDmabufKmsSession *session)
{
  g_hash_table_unref (session->inodes);
  g_mutex_clear (&session->counts_lock);
}

gint64
gst_dmabuf_kms_session_deadline (GstDmabufKmsSession *session)
{
  return g_get_monotonic_time () + session->fence_timeout_us;
}

void
gst_dmabuf_kms_session_begin (GstDmabufKmsSession *session, GstBaseSink *sink,
    KmsOutput *output, gboolean mailbox, GCancellable *cancellable)
{
  session->sink = sink;
  session->cancellable = cancellable;
  session->card = kms_card_ref (output->card);
  session->device = kms_device_new (output->card);
  session->presenter =
      kms_presenter_new (output, session->device, mailbox, cancellable);

  gst_dmabuf_core_stats_reset (&session->stats);
  memset (&session->shown, 0, sizeof (session->shown));
  session->cpu_maps = 0;
  session->prerolled = NULL;
  g_mutex_lock (&session->counts_lock);
  g_hash_table_remove_all (session->inodes);
  g_mutex_unlock (&session->counts_lock);
}

void
gst_dmabuf_kms_session_end (GstDmabufKmsSession *session, gboolean restore)
{
  if (!session->presenter)
    return;

  gst_dmabuf_kms_copier_clear (&session->copier);
  kms_presenter_get_stats (session->presenter, &session->shown);
  kms_presenter_stop (g_steal_pointer (&session->presenter), restore,
      gst_dmabuf_kms_session_deadline (session));
  g_clear_object (&session->device);
  g_clear_pointer (&session->card, kms_card_unref);
  gst_clear_caps (&session->caps);
  session->sink = NULL;
}

/* To be called after a failed wait. If the wait was cancelled, waits until a
 * pause is over: TRUE, with @error cleared, to try again. FALSE with @flow, the
 * sink's result, if a flush cancelled it. */
static gboolean
try_again (GstDmabufKmsSession *session, GstFlowReturn *flow, GError **error)
{
  if (!g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return FALSE;
  *flow = gst_base_sink_wait_preroll (session->sink);
  if (*flow != GST_FLOW_OK)
    return FALSE;
  g_clear_error (error);

  return TRUE;
}

/* --- caps -------------------------------------------------------------- */

static gboolean
begin_change (GstDmabufKmsSession *session, GError **error)
{
  GstFlowReturn flow;
  gboolean ret;

  do {
    ret = kms_presenter_begin_change (
        session->presenter, gst_dmabuf_kms_session_deadline (session), error);
  } while (!ret && try_again (session, &flow, error));

  return ret;
}

gboolean
gst_dmabuf_kms_session_configure (GstDmabufKmsSession *session, GstCaps *caps,
    const GstVideoInfoDmaDrm *info, const KmsModeRequest *mode, GError **error)
{
  KmsOutput *output = kms_presenter_get_output (session->presenter);
  gboolean configured;
  char *chosen;
  KmsVideo video;

  gst_dmabuf_kms_video_from_info (&video, info);
  /* Frames on their way to the screen, and capture-frame, use the current mode
   * and plane: wait until both are done. */
  if (!begin_change (session, error))
    return FALSE;
  configured = kms_output_configure (output, &video, mode, error);
  kms_presenter_end_exclusive (session->presenter);
  if (!configured)
    return FALSE;

  gst_dmabuf_kms_copier_clear (&session->copier);
  gst_caps_replace (&session->caps, caps);
  session->info = *info;
  session->takes_fences =
      output->plane->properties[KMS_PLANE_IN_FENCE_FD].id != 0;

  chosen = kms_mode_to_string (&output->mode);
  GST_INFO_OBJECT (session->sink,
      "mode %s, plane %u, %ux%u at %u,%u for %" GST_PTR_FORMAT, chosen,
      output->plane->id, output->target.width, output->target.height,
      output->target.x, output->target.y, caps);
  g_free (chosen);

  return TRUE;
}

/* --- one frame --------------------------------------------------------- */

static void
count_cpu_map (GstDmabufKmsSession *session)
{
  g_mutex_lock (&session->counts_lock);
  session->cpu_maps++;
  g_mutex_unlock (&session->counts_lock);
}

static void
count_import (GstDmabufKmsSession *session, const DmabufLayout *layout)
{
  guint i;

  g_mutex_lock (&session->counts_lock);
  for (i = 0; i < layout->n_planes; i++) {
    gint64 inode = dmabuf_buffer_get_inode (layout->planes[i].buffer);

    g_hash_table_add (session->inodes, g_memdup2 (&inode, sizeof (inode)));
  }
  g_mutex_unlock (&session->counts_lock);
}

/* Gets the part of @buffer to show: the crop rectangle, if it is valid. */
static KmsRect
get_source (
    GstDmabufKmsSession *session, GstBuffer *buffer, const DmabufLayout *layout)
{
  const GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta (buffer);
  const GstVideoInfo *info = &session->info.vinfo;
  KmsRect all = { 0, 0, GST_VIDEO_INFO_WIDTH (info),
    GST_VIDEO_INFO_HEIGHT (info) };

  if (!crop || crop->width == 0 || crop->height == 0
      || crop->width > layout->width || crop->x > layout->width - crop->width
      || crop->height > layout->height
      || crop->y > layout->height - crop->height)
    return all;

  return (KmsRect) { crop->x, crop->y, crop->width, crop->height };
}

static gboolean
import (GstDmabufKmsSession *session, GstBuffer *buffer, KmsFrame *frame,
    GError **error)
{
  DmabufLayout layout;
  gboolean reused = FALSE;

  if (!gst_dmabuf_core_buffer_is_dmabuf (buffer)) {
    kms_set_error (error, EINVAL,
        "upstream's frames are not in dma-bufs; a producer that uses the "
        "offered buffer pool, or dmabufv4l2src, avoids the copy");
    return FALSE;
  }
  if (!gst_dmabuf_core_buffer_get_layout (
          buffer, &session->info, &layout, error)
      || !kms_frame_import (
          frame, session->device, buffer, &layout, &reused, error))
    return FALSE;

  if (reused) {
    gst_dmabuf_core_stats_add (
        &session->stats, GST_DMABUF_CORE_COUNTER_IMPORTS_REUSED, 1);
  } else {
    gst_dmabuf_core_stats_add (
        &session->stats, GST_DMABUF_CORE_COUNTER_IMPORTS, 1);
    count_import (session, &layout);
  }
  frame->source = get_source (session, buffer, &layout);

  return TRUE;
}

/* The fallback: makes a copy that the display can import. Posts errors. */
static GstBuffer *
copy (GstDmabufKmsSession *session, GstBuffer *buffer, const char *reason)
{
  GstElement *element = GST_ELEMENT (session->sink);
  GError *error = NULL;
  GstBuffer *copied;

  if (!gst_dmabuf_core_stats_count_copy (&session->stats, element, reason))
    return NULL;

  count_cpu_map (session);
  copied = gst_dmabuf_kms_copier_copy (
      &session->copier, session->card, session->caps, buffer, &error);
  if (!copied)
    GST_ELEMENT_ERROR (element, RESOURCE, WRITE,
        ("A frame cannot be imported, and copying failed: %s", error->message),
        ("%s", reason));
  g_clear_error (&error);

  return copied;
}

static gboolean
import_or_copy (
    GstDmabufKmsSession *session, GstBuffer *buffer, KmsFrame *frame)
{
  GError *error = NULL;
  GstBuffer *copied;
  gboolean ret = FALSE;

  if (import (session, buffer, frame, &error))
    return TRUE;

  if (g_error_matches (error, DMABUF_ERROR, ENODEV)) {
    gst_dmabuf_kms_post_error (GST_ELEMENT (session->sink), error);
    g_clear_error (&error);
    return FALSE;
  }

  copied = copy (session, buffer, error->message);
  g_clear_error (&error);
  if (copied) {
    ret = import (session, copied, frame, &error);
    gst_buffer_unref (copied);
  }
  if (error)
    gst_dmabuf_kms_post_error (GST_ELEMENT (session->sink), error);
  g_clear_error (&error);

  return ret;
}

/* Converts the time at which the frame was captured, its PTS, from the
 * pipeline's clock to CLOCK_MONOTONIC. */
static GstClockTime
get_capture_time (GstDmabufKmsSession *session, GstBuffer *buffer)
{
  GstBaseSink *sink = session->sink;
  GstClockTime running, now;
  gint64 captured;
  GstClock *clock;

  if (!GST_BUFFER_PTS_IS_VALID (buffer)
      || sink->segment.format != GST_FORMAT_TIME)
    return GST_CLOCK_TIME_NONE;
  running = gst_segment_to_running_time (
      &sink->segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  clock = gst_element_get_clock (GST_ELEMENT (sink));
  if (!clock)
    return GST_CLOCK_TIME_NONE;
  now = gst_clock_get_time (clock);
  gst_object_unref (clock);
  if (!GST_CLOCK_TIME_IS_VALID (running) || !GST_CLOCK_TIME_IS_VALID (now))
    return GST_CLOCK_TIME_NONE;

  captured = (gint64) (gst_element_get_base_time (GST_ELEMENT (sink)) + running)
      - (gint64) now + g_get_monotonic_time () * 1000;

  return captured > 0 ? (GstClockTime) captured : GST_CLOCK_TIME_NONE;
}

/* Returns the fence to wait for before the frame is shown: (transfer full), or
 * %NULL. It is the producer's fence and the fences of our own reservations that
 * the kernel does not have, merged: a plane takes one fence. */
static DmabufFence *
get_pending_fence (GstBuffer *buffer, const KmsFrame *frame)
{
  DmabufFence *fences[1 + DMABUF_CORE_MAX_PLANES];
  guint i, n = 0, n_pending = 0;

  fences[n++] = gst_buffer_get_dmabuf_core_fence (buffer);
  for (i = 0; i < frame->n_attachments; i++)
    fences[n++] = dmabuf_mapping_get_fence (frame->mappings[i]);

  for (i = 0; i < n; i++) {
    if (fences[i] && !dmabuf_fence_is_signaled (fences[i]))
      fences[n_pending++] = fences[i];
  }

  if (n_pending <= 1)
    return n_pending == 0 ? NULL : dmabuf_fence_ref (fences[0]);

  return dmabuf_fence_merge_many (fences, n_pending);
}

/* Waits for @fence on the CPU. FALSE with @flow as from arm_fence (). */
static gboolean
wait_fence (
    GstDmabufKmsSession *session, DmabufFence *fence, GstFlowReturn *flow)
{
  gint64 deadline = gst_dmabuf_kms_session_deadline (session);
  GError *error = NULL;
  gboolean done;

  gst_dmabuf_core_stats_add (
      &session->stats, GST_DMABUF_CORE_COUNTER_CPU_WAITS, 1);
  do {
    done = dmabuf_fence_wait (fence, deadline, session->cancellable, &error);
  } while (!done && try_again (session, flow, &error));

  if (!done && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    GST_ELEMENT_WARNING (session->sink, RESOURCE, READ,
        ("A frame was dropped: it was not complete within fence-timeout."),
        ("%s", error->message));
    gst_dmabuf_core_stats_add (
        &session->stats, GST_DMABUF_CORE_COUNTER_DROPPED, 1);
    *flow = GST_FLOW_OK;
  }
  g_clear_error (&error);

  return done;
}

/* Hands the fence to the display, or waits for it here if that is impossible.
 * FALSE with @flow: GST_FLOW_OK means that the frame is to be dropped. */
static gboolean
arm_fence (GstDmabufKmsSession *session, GstBuffer *buffer, KmsFrame *frame,
    GstFlowReturn *flow)
{
  DmabufFence *fence = get_pending_fence (buffer, frame);
  gboolean ret = TRUE;

  if (!fence)
    return TRUE;

  if (session->takes_fences)
    frame->fence_fd = dmabuf_fence_export_sync_file (fence, NULL);
  if (frame->fence_fd >= 0)
    gst_dmabuf_core_stats_add (
        &session->stats, GST_DMABUF_CORE_COUNTER_FENCES_ARMED, 1);
  else /* A software fence (IND-1), or a plane without IN_FENCE_FD. */
    ret = wait_fence (session, fence, flow);
  dmabuf_fence_unref (fence);

  return ret;
}

static GstFlowReturn
present (GstDmabufKmsSession *session, KmsFrame *frame)
{
  GstFlowReturn flow = GST_FLOW_OK;
  GError *error = NULL;

  do {
    if (kms_presenter_show (session->presenter, frame,
            gst_dmabuf_kms_session_deadline (session), &error))
      return GST_FLOW_OK;
  } while (try_again (session, &flow, &error));

  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    gst_dmabuf_kms_post_error (GST_ELEMENT (session->sink), error);
    flow = GST_FLOW_ERROR;
  }
  g_clear_error (&error);

  return flow;
}

void
gst_dmabuf_kms_session_begin_preroll (GstDmabufKmsSession *session)
{
  session->prerolled = NULL;
  session->in_preroll = TRUE;
}

void
gst_dmabuf_kms_session_end_preroll (GstDmabufKmsSession *session)
{
  session->in_preroll = FALSE;
}

GstFlowReturn
gst_dmabuf_kms_session_show (GstDmabufKmsSession *session, GstBuffer *buffer)
{
  KmsFrame frame = KMS_FRAME_INIT;
  GstFlowReturn flow = GST_FLOW_OK;
  gconstpointer prerolled = session->prerolled;

  session->prerolled = NULL;
  if (!session->caps)
    return GST_FLOW_NOT_NEGOTIATED;
  /* A prerolled frame is counted when it is rendered: GstBaseSink may drop it
   * before, and counts it then. */
  if (!session->in_preroll)
    gst_dmabuf_core_stats_add (
        &session->stats, GST_DMABUF_CORE_COUNTER_FRAMES, 1);
  if (buffer == prerolled)
    return GST_FLOW_OK;

  if (!import_or_copy (session, buffer, &frame))
    return GST_FLOW_ERROR;
  frame.captured = get_capture_time (session, buffer);
  if (arm_fence (session, buffer, &frame, &flow))
    flow = present (session, &frame);
  kms_frame_clear (&frame);
  if (session->in_preroll && flow == GST_FLOW_OK)
    session->prerolled = buffer;

  return flow;
}

void
gst_dmabuf_kms_session_wait (GstDmabufKmsSession *session)
{
  /* Errors are ignored: a flush ends the wait, and a display that has stopped
   * must not hold up EOS. */
  if (session->presenter)
    kms_presenter_wait (
        session->presenter, gst_dmabuf_kms_session_deadline (session), NULL);
}

void
gst_dmabuf_kms_session_flush (GstDmabufKmsSession *session)
{
  session->prerolled = NULL;
  if (session->presenter)
    kms_presenter_flush (session->presenter);
}

/* --- drain ------------------------------------------------------------- */

/* Waits until the last frame is on screen. FALSE on a flush, or if the display
 * has stopped. */
static gboolean
wait_shown (GstDmabufKmsSession *session, GError **error)
{
  GstFlowReturn flow;
  gboolean ret;

  do {
    ret = kms_presenter_wait (
        session->presenter, gst_dmabuf_kms_session_deadline (session), error);
  } while (!ret && try_again (session, &flow, error));

  return ret;
}

/* Puts a copy of @buffer on screen. */
static gboolean
replace (GstDmabufKmsSession *session, GstBuffer *buffer, GError **error)
{
  KmsFrame frame = KMS_FRAME_INIT;
  GstBuffer *copied;
  gboolean ret;

  copied = gst_dmabuf_kms_copier_copy (
      &session->copier, session->card, session->caps, buffer, error);
  if (!copied)
    return FALSE;
  gst_dmabuf_core_stats_add (
      &session->stats, GST_DMABUF_CORE_COUNTER_COPIES, 1);
  count_cpu_map (session);

  ret = import (session, copied, &frame, error)
      && kms_presenter_show (session->presenter, &frame,
          gst_dmabuf_kms_session_deadline (session), error)
      && wait_shown (session, error);
  kms_frame_clear (&frame);
  gst_buffer_unref (copied);

  return ret;
}

void
gst_dmabuf_kms_session_drain (GstDmabufKmsSession *session)
{
  GstBuffer *buffer;
  GError *error = NULL;
  gboolean ok;

  if (!session->presenter)
    return;

  /* The next buffer may have the address of the prerolled one. */
  session->prerolled = NULL;
  /* A buffer that the display still reads cannot be given back. */
  if (!wait_shown (session, &error)) {
    GST_INFO_OBJECT (session->sink, "not drained: %s", error->message);
    g_clear_error (&error);
    return;
  }
  buffer = kms_presenter_get_newest (session->presenter);
  if (!buffer)
    return;
  if (!gst_dmabuf_kms_buffer_is_dumb (buffer)) {
    ok = gst_dmabuf_core_stats_get_copy_policy (&session->stats)
            != GST_DMABUF_CORE_COPY_POLICY_FORBID
        && replace (session, buffer, &error);
    /* Without a copy the plane is off until the next frame. */
    if (!ok) {
      GST_INFO_OBJECT (session->sink, "no copy of the last frame: %s",
          error ? error->message : "copy-policy forbids it");
      g_clear_error (&error);
      kms_presenter_hide (session->presenter, NULL);
    }
  }
  gst_buffer_unref (buffer);
  dmabuf_device_trim (session->device);
}

/* --- statistics -------------------------------------------------------- */

GstStructure *
gst_dmabuf_kms_session_get_stats (GstDmabufKmsSession *session, guint64 late)
{
  GstStructure *structure = gst_dmabuf_core_stats_to_structure (
      &session->stats, "dmabufkmssink-stats");
  guint64 frames = gst_dmabuf_core_stats_get (
      &session->stats, GST_DMABUF_CORE_COUNTER_FRAMES);
  guint64 dropped = gst_dmabuf_core_stats_get (
      &session->stats, GST_DMABUF_CORE_COUNTER_DROPPED);
  guint64 buffers, cpu_maps;

  if (session->presenter)
    kms_presenter_get_stats (session->presenter, &session->shown);
  g_mutex_lock (&session->counts_lock);
  buffers = g_hash_table_size (session->inodes);
  cpu_maps = session->cpu_maps;
  g_mutex_unlock (&session->counts_lock);

  gst_structure_set (structure, "frames", G_TYPE_UINT64, frames + late,
      "dropped", G_TYPE_UINT64, dropped + session->shown.dropped + late,
      "shown", G_TYPE_UINT64, session->shown.shown, "buffers", G_TYPE_UINT64,
      buffers, "cpu-maps", G_TYPE_UINT64, cpu_maps, NULL);
  gst_dmabuf_core_durations_to_structure (
      &session->shown.latency, structure, "latency");

  return structure;
}
