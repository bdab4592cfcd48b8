/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-writeback.h"
#include "kms-picture.h"

#include <drm_fourcc.h>
#include <errno.h>
#include <gst/video/video.h>
#include <string.h>

#define BYTES_PER_PIXEL 4

typedef struct
{
  guint32 id;
  KmsProperty properties[KMS_N_CONNECTOR_PROPERTIES];
} Writeback;

static gboolean
writes_xr24 (KmsCard *card, const Writeback *writeback)
{
  guint64 id =
      writeback->properties[KMS_CONNECTOR_WRITEBACK_PIXEL_FORMATS].value;
  drmModePropertyBlobRes *blob = kms_api->get_blob (card->fd, id);
  const guint32 *formats;
  gboolean found = FALSE;
  guint i;

  if (!blob)
    return FALSE;
  formats = blob->data;
  for (i = 0; i < blob->length / sizeof (guint32); i++)
    found |= formats[i] == DRM_FORMAT_XRGB8888;
  drmModeFreePropertyBlob (blob);

  return found;
}

static gboolean
find_writeback (KmsOutput *output, Writeback *writeback, GError **error)
{
  KmsCard *card = output->card;
  gboolean found = FALSE;
  int i;

  for (i = 0; i < card->resources->count_connectors && !found; i++) {
    drmModeConnector *connector =
        kms_api->get_connector (card->fd, card->resources->connectors[i]);

    if (!connector)
      continue;
    found = connector->connector_type == DRM_MODE_CONNECTOR_WRITEBACK
        && kms_connector_get_crtcs (card, connector) & 1u << output->crtc_index;
    writeback->id = connector->connector_id;
    drmModeFreeConnector (connector);
  }
  if (!found) {
    kms_set_error (error, ENODEV,
        "%s: has no writeback connector for %s, so the display cannot be read "
        "back",
        card->name, output->connector_name);
    return FALSE;
  }

  kms_properties_load (card, writeback->id, DRM_MODE_OBJECT_CONNECTOR,
      kms_connector_property_names, KMS_N_CONNECTOR_PROPERTIES,
      writeback->properties);
  if (!writes_xr24 (card, writeback)) {
    kms_set_error (error, ENOTSUP,
        "%s: its writeback connector does not write XR24", card->name);
    return FALSE;
  }

  return TRUE;
}

/* Makes the hardware write the screen into @picture, and waits for that. */
static gboolean
commit_writeback (KmsPresenter *presenter, const Writeback *writeback,
    KmsPicture *picture, gint64 deadline, GError **error)
{
  KmsOutput *output = kms_presenter_get_output (presenter);
  const KmsProperty *p = writeback->properties;
  gint32 out_fence = -1;
  DmabufFence *fence;
  KmsCommit commit;
  gboolean ret;
  int result;

  kms_commit_init (&commit);
  kms_commit_set (
      &commit, writeback->id, &p[KMS_CONNECTOR_CRTC_ID], output->crtc_id);
  kms_commit_set (&commit, writeback->id, &p[KMS_CONNECTOR_WRITEBACK_FB_ID],
      picture->framebuffer->fb_id);
  kms_commit_set (&commit, writeback->id,
      &p[KMS_CONNECTOR_WRITEBACK_OUT_FENCE_PTR], (guintptr) &out_fence);

  /* Adding the connector to the CRTC is a modeset. It stays there afterwards,
   * so only the first picture costs one. */
  result = kms_commit_submit (
      &commit, output->card, DRM_MODE_ATOMIC_ALLOW_MODESET, 0);
  if (result < 0) {
    kms_card_set_commit_error (
        output->card, result, "writing the display back", error);
    return FALSE;
  }
  kms_presenter_set_writeback (
      presenter, writeback->id, &p[KMS_CONNECTOR_CRTC_ID]);

  if (out_fence < 0)
    return TRUE;
  fence =
      dmabuf_fence_new_sync_file (out_fence, DMABUF_FENCE_TRUST_FULL, error);
  if (!fence)
    return FALSE;
  ret = dmabuf_fence_wait (fence, deadline, NULL, error);
  dmabuf_fence_unref (fence);

  return ret;
}

/* Copies the pixels of @picture, in rows without padding. */
static GstBuffer *
copy_pixels (KmsPicture *picture, gint64 deadline, GError **error)
{
  const DmabufLayout *layout = &picture->layout;
  gsize row_bytes = (gsize) layout->width * BYTES_PER_PIXEL;
  GstBuffer *buffer = NULL;
  const guint8 *from;
  GstMapInfo map;
  guint y;

  from = dmabuf_buffer_vmap (picture->buffer, DMABUF_ACCESS_READ, error);
  if (!from)
    return NULL;
  if (!dmabuf_buffer_begin_cpu_access (
          picture->buffer, DMABUF_ACCESS_READ, deadline, NULL, error))
    goto out;

  buffer = gst_buffer_new_allocate (NULL, row_bytes * layout->height, NULL);
  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (y = 0; y < layout->height; y++)
    memcpy (map.data + y * row_bytes,
        from + layout->planes[0].offset + (gsize) y * layout->planes[0].pitch,
        row_bytes);
  gst_buffer_unmap (buffer, &map);

  if (!dmabuf_buffer_end_cpu_access (
          picture->buffer, DMABUF_ACCESS_READ, error))
    gst_clear_buffer (&buffer);

out:
  dmabuf_buffer_vunmap (picture->buffer, (gpointer) from);

  return buffer;
}

static GstSample *
make_sample (KmsOutput *output, GstBuffer *pixels, GstBuffer *shown)
{
  GstStructure *info = gst_structure_new_empty ("dmabuf-kms-capture");
  GstCaps *caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING,
      "BGRx", "width", G_TYPE_INT, (gint) output->mode.hdisplay, "height",
      G_TYPE_INT, (gint) output->mode.vdisplay, "framerate", GST_TYPE_FRACTION,
      0, 1, "pixel-aspect-ratio", GST_TYPE_FRACTION, 1, 1, "colorimetry",
      G_TYPE_STRING, GST_VIDEO_COLORIMETRY_SRGB, NULL);
  GstSample *sample;

  if (shown) {
    GST_BUFFER_PTS (pixels) = GST_BUFFER_PTS (shown);
    gst_structure_set (info, "frame", GST_TYPE_BUFFER, shown, NULL);
  }
  sample = gst_sample_new (pixels, caps, NULL, info);
  gst_caps_unref (caps);

  return sample;
}

GstSample *
kms_writeback_capture (KmsPresenter *presenter, gint64 deadline, GError **error)
{
  KmsOutput *output = kms_presenter_get_output (presenter);
  KmsPicture *picture = NULL;
  GstBuffer *shown = NULL;
  GstBuffer *pixels = NULL;
  GstSample *sample = NULL;
  Writeback writeback;

  if (!find_writeback (output, &writeback, error))
    return NULL;
  if (!kms_presenter_begin_exclusive (presenter, deadline, &shown, error))
    return NULL;

  if (!shown) {
    kms_set_error (
        error, ENOENT, "%s: nothing has been shown yet", output->card->name);
    goto out;
  }
  picture = kms_picture_new (output->card, DRM_FORMAT_XRGB8888,
      output->mode.hdisplay, output->mode.vdisplay, error);
  if (picture
      && commit_writeback (presenter, &writeback, picture, deadline, error))
    pixels = copy_pixels (picture, deadline, error);
  if (pixels)
    sample = make_sample (output, pixels, shown);

out:
  kms_presenter_end_exclusive (presenter);
  gst_clear_buffer (&pixels);
  gst_clear_buffer (&shown);
  g_clear_pointer (&picture, kms_picture_free);

  return sample;
}
