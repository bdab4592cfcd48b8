/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>
#include <gst/lib/gstdmabufcorestats.h>

G_BEGIN_DECLS

/**
 * GstDmabufKmsPresentMode:
 * @GST_DMABUF_KMS_PRESENT_MODE_FIFO: each frame is shown for at least one
 *   refresh of the display
 * @GST_DMABUF_KMS_PRESENT_MODE_MAILBOX: a frame that comes before the last one
 *   could be shown replaces that
 *
 * What to do with frames that come faster than the display shows them.
 */
typedef enum
{
  GST_DMABUF_KMS_PRESENT_MODE_FIFO,
  GST_DMABUF_KMS_PRESENT_MODE_MAILBOX,
} GstDmabufKmsPresentMode;

#define GST_TYPE_DMABUF_KMS_PRESENT_MODE \
  (gst_dmabuf_kms_present_mode_get_type ())
GType gst_dmabuf_kms_present_mode_get_type (void);

/* The properties of dmabufkmssink. */
enum
{
  GST_DMABUF_KMS_PROP_0,
  GST_DMABUF_KMS_PROP_DEVICE,
  GST_DMABUF_KMS_PROP_DRIVER_NAME,
  GST_DMABUF_KMS_PROP_FD,
  GST_DMABUF_KMS_PROP_CONNECTOR_ID,
  GST_DMABUF_KMS_PROP_PLANE_ID,
  GST_DMABUF_KMS_PROP_MODE,
  GST_DMABUF_KMS_PROP_PRESENT_MODE,
  GST_DMABUF_KMS_PROP_RESTORE_CRTC,
  GST_DMABUF_KMS_PROP_COPY_POLICY,
  GST_DMABUF_KMS_PROP_FENCE_TIMEOUT,
  GST_DMABUF_KMS_PROP_STATS,
  GST_DMABUF_KMS_N_PROPERTIES,
};

/* The values of the properties. The element locks them. */
typedef struct
{
  char *device;
  char *driver_name;
  int fd;
  int connector_id;
  int plane_id;
  char *mode;
  GstDmabufKmsPresentMode present_mode;
  gboolean restore_crtc;
  guint64 fence_timeout;
} GstDmabufKmsSettings;

void gst_dmabuf_kms_settings_init (GstDmabufKmsSettings *settings);
void gst_dmabuf_kms_settings_clear (GstDmabufKmsSettings *settings);

/* FALSE for an unknown @id. */
gboolean gst_dmabuf_kms_settings_set (
    GstDmabufKmsSettings *settings, guint id, const GValue *value);
gboolean gst_dmabuf_kms_settings_get (
    const GstDmabufKmsSettings *settings, guint id, GValue *value);

void gst_dmabuf_kms_settings_install (GObjectClass *klass);

G_END_DECLS
