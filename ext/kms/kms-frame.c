/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-frame.h"
#include "kms-device.h"

gboolean
kms_frame_import (KmsFrame *frame, DmabufDevice *device, GstBuffer *buffer,
    const DmabufLayout *layout, gboolean *reused, GError **error)
{
  KmsFramebuffer *framebuffer;
  guint i, j;

  *frame = (KmsFrame) KMS_FRAME_INIT;
  frame->captured = GST_CLOCK_TIME_NONE;
  frame->source =
      (KmsRect) { .width = layout->width, .height = layout->height };

  /* One attachment for each dma-buf, which may have several planes. */
  for (i = 0; i < layout->n_planes; i++) {
    DmabufBuffer *dmabuf = layout->planes[i].buffer;
    guint n = frame->n_attachments;

    for (j = 0; j < i && layout->planes[j].buffer != dmabuf; j++)
      continue;
    if (j < i)
      continue;
    frame->attachments[n] = dmabuf_device_attach (device, dmabuf, error);
    if (!frame->attachments[n])
      goto failed;
    frame->n_attachments = n + 1;
    frame->mappings[n] = dmabuf_attachment_map (
        frame->attachments[n], DMABUF_DIRECTION_TO_DEVICE, error);
    if (!frame->mappings[n])
      goto failed;
  }

  framebuffer =
      dmabuf_attachment_import (frame->attachments[0], layout, reused, error);
  if (!framebuffer)
    goto failed;
  frame->fb_id = framebuffer->fb_id;
  frame->buffer = gst_buffer_ref (buffer);

  return TRUE;

  /* ERRORS */
failed: {
  kms_frame_clear (frame);
  return FALSE;
}
}

void
kms_frame_clear (KmsFrame *frame)
{
  guint i;

  for (i = 0; i < frame->n_attachments; i++) {
    /* The access ended with the flip: there is no fence to publish, so
     * unmapping cannot fail. */
    if (frame->mappings[i])
      dmabuf_mapping_unmap (frame->mappings[i], NULL, NULL);
    dmabuf_attachment_unref (frame->attachments[i]);
  }
  if (frame->fence_fd >= 0)
    kms_api->close (frame->fence_fd);
  gst_clear_buffer (&frame->buffer);
  *frame = (KmsFrame) KMS_FRAME_INIT;
}

KmsFrame
kms_frame_take (KmsFrame *frame)
{
  KmsFrame taken = *frame;

  *frame = (KmsFrame) KMS_FRAME_INIT;

  return taken;
}
