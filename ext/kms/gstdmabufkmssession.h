/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstdmabufkmscopy.h"
#include "kms-presenter.h"

#include <gst/lib/gstdmabufcore.h>
#include <gst/video/gstvideosink.h>

/*
 * The sink from start to stop: frames come in as GstBuffers and go to the
 * presenter as framebuffers. All functions except get_stats () are for the
 * streaming thread. Those that may wait are called with GstBaseSink's preroll
 * lock held: unlock_stop (), which resets the cancellable, then cannot come
 * before the wait has seen that it was cancelled.
 */
typedef struct
{
  /* From begin () to end (), else %NULL */
  GstBaseSink *sink;
  KmsCard *card;
  KmsPresenter *presenter;
  DmabufDevice *device;
  GCancellable *cancellable;

  gint64 fence_timeout_us;

  GstCaps *caps;
  GstVideoInfoDmaDrm info;
  gboolean takes_fences;
  GstDmabufKmsCopier copier;
  gboolean in_preroll;
  /* Address of the buffer that was shown in preroll: compared, never used */
  gconstpointer prerolled;

  /* Statistics outlive the end, so that they can be read in NULL. */
  GstDmabufCoreStats stats;
  KmsPresenterStats shown;
  GMutex counts_lock;
  /* Below: protected by counts_lock */
  guint64 cpu_maps;
  /* Inodes of the imported dma-bufs */
  GHashTable *inodes;
} GstDmabufKmsSession;

void gst_dmabuf_kms_session_init (GstDmabufKmsSession *session);
void gst_dmabuf_kms_session_finish (GstDmabufKmsSession *session);

/* @output: (transfer full) */
void
gst_dmabuf_kms_session_begin (GstDmabufKmsSession *session, GstBaseSink *sink,
    KmsOutput *output, gboolean mailbox, GCancellable *cancellable);
void
gst_dmabuf_kms_session_end (GstDmabufKmsSession *session, gboolean restore);

/* The time now plus the fence timeout. */
gint64 gst_dmabuf_kms_session_deadline (GstDmabufKmsSession *session);

/* Configures the output for new caps. */
gboolean
gst_dmabuf_kms_session_configure (GstDmabufKmsSession *session, GstCaps *caps,
    const GstVideoInfoDmaDrm *info, const KmsModeRequest *mode, GError **error);

/* To be called around the show () of a preroll: GstBaseSink renders the same
 * buffer again at its time, and show () then does nothing. */
void gst_dmabuf_kms_session_begin_preroll (GstDmabufKmsSession *session);
void gst_dmabuf_kms_session_end_preroll (GstDmabufKmsSession *session);

GstFlowReturn
gst_dmabuf_kms_session_show (GstDmabufKmsSession *session, GstBuffer *buffer);

/* Waits until the last frame is on screen. */
void gst_dmabuf_kms_session_wait (GstDmabufKmsSession *session);

void gst_dmabuf_kms_session_flush (GstDmabufKmsSession *session);

/* Gives back all buffers of upstream, and shows a copy of the last one. */
void gst_dmabuf_kms_session_drain (GstDmabufKmsSession *session);

/* @late: frames that GstBaseSink dropped */
GstStructure *
gst_dmabuf_kms_session_get_stats (GstDmabufKmsSession *session, guint64 late);

/* Posts @error of this plugin as an element error. */
void gst_dmabuf_kms_post_error (GstElement *element, const GError *error);
