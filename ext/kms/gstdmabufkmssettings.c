/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufkmssettings.h"

#include "gst/lib/gstdmabufcoreenum-private.h"

#define DEFAULT_ID -1
#define DEFAULT_FD -1
#define DEFAULT_PRESENT_MODE GST_DMABUF_KMS_PRESENT_MODE_FIFO
#define DEFAULT_RESTORE_CRTC TRUE

GST_DMABUF_CORE_DEFINE_ENUM (GstDmabufKmsPresentMode,
    gst_dmabuf_kms_present_mode,
    { GST_DMABUF_KMS_PRESENT_MODE_FIFO,
        "Each frame is shown for one refresh at least", "fifo" },
    { GST_DMABUF_KMS_PRESENT_MODE_MAILBOX,
        "A frame that comes too soon replaces the one before it", "mailbox" })

void
gst_dmabuf_kms_settings_init (GstDmabufKmsSettings *settings)
{
  *settings = (GstDmabufKmsSettings) {
    .fd = DEFAULT_FD,
    .connector_id = DEFAULT_ID,
    .plane_id = DEFAULT_ID,
    .present_mode = DEFAULT_PRESENT_MODE,
    .restore_crtc = DEFAULT_RESTORE_CRTC,
    .fence_timeout = GST_DMABUF_CORE_DEFAULT_FENCE_TIMEOUT,
  };
}

void
gst_dmabuf_kms_settings_clear (GstDmabufKmsSettings *settings)
{
  g_free (settings->device);
  g_free (settings->driver_name);
  g_free (settings->mode);
}

gboolean
gst_dmabuf_kms_settings_set (
    GstDmabufKmsSettings *settings, guint id, const GValue *value)
{
  switch (id) {
  case GST_DMABUF_KMS_PROP_DEVICE:
    g_free (settings->device);
    settings->device = g_value_dup_string (value);
    break;
  case GST_DMABUF_KMS_PROP_DRIVER_NAME:
    g_free (settings->driver_name);
    settings->driver_name = g_value_dup_string (value);
    break;
  case GST_DMABUF_KMS_PROP_FD:
    settings->fd = g_value_get_int (value);
    break;
  case GST_DMABUF_KMS_PROP_CONNECTOR_ID:
    settings->connector_id = g_value_get_int (value);
    break;
  case GST_DMABUF_KMS_PROP_PLANE_ID:
    settings->plane_id = g_value_get_int (value);
    break;
  case GST_DMABUF_KMS_PROP_MODE:
    g_free (settings->mode);
    settings->mode = g_value_dup_string (value);
    break;
  case GST_DMABUF_KMS_PROP_PRESENT_MODE:
    settings->present_mode = g_value_get_enum (value);
    break;
  case GST_DMABUF_KMS_PROP_RESTORE_CRTC:
    settings->restore_crtc = g_value_get_boolean (value);
    break;
  case GST_DMABUF_KMS_PROP_FENCE_TIMEOUT:
    settings->fence_timeout = g_value_get_uint64 (value);
    break;
  default:
    return FALSE;
  }

  return TRUE;
}

gboolean
gst_dmabuf_kms_settings_get (
    const GstDmabufKmsSettings *settings, guint id, GValue *value)
{
  switch (id) {
  case GST_DMABUF_KMS_PROP_DEVICE:
    g_value_set_string (value, settings->device);
    break;
  case GST_DMABUF_KMS_PROP_DRIVER_NAME:
    g_value_set_string (value, settings->driver_name);
    break;
  case GST_DMABUF_KMS_PROP_FD:
    g_value_set_int (value, settings->fd);
    break;
  case GST_DMABUF_KMS_PROP_CONNECTOR_ID:
    g_value_set_int (value, settings->connector_id);
    break;
  case GST_DMABUF_KMS_PROP_PLANE_ID:
    g_value_set_int (value, settings->plane_id);
    break;
  case GST_DMABUF_KMS_PROP_MODE:
    g_value_set_string (value, settings->mode);
    break;
  case GST_DMABUF_KMS_PROP_PRESENT_MODE:
    g_value_set_enum (value, settings->present_mode);
    break;
  case GST_DMABUF_KMS_PROP_RESTORE_CRTC:
    g_value_set_boolean (value, settings->restore_crtc);
    break;
  case GST_DMABUF_KMS_PROP_FENCE_TIMEOUT:
    g_value_set_uint64 (value, settings->fence_timeout);
    break;
  default:
    return FALSE;
  }

  return TRUE;
}

#define PROPERTY_FLAGS \
  (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)

void
gst_dmabuf_kms_settings_install (GObjectClass *klass)
{
  GParamSpec *properties[GST_DMABUF_KMS_N_PROPERTIES] = { NULL };

  properties[GST_DMABUF_KMS_PROP_DEVICE] = g_param_spec_string ("device",
      "Device",
      "The card, for example /dev/dri/card0; unset: the first with a display",
      NULL, PROPERTY_FLAGS);
  properties[GST_DMABUF_KMS_PROP_DRIVER_NAME] =
      g_param_spec_string ("driver-name", "Driver name",
          "Only a card of this kernel driver, for example vkms", NULL,
          PROPERTY_FLAGS);
  properties[GST_DMABUF_KMS_PROP_FD] =
      g_param_spec_int ("fd", "File descriptor",
          "An open card or DRM lease to use instead, duplicated; -1: open one",
          -1, G_MAXINT, DEFAULT_FD, PROPERTY_FLAGS);
  properties[GST_DMABUF_KMS_PROP_CONNECTOR_ID] =
      g_param_spec_int ("connector-id", "Connector",
          "KMS id of the connector; -1: the first with a display", -1, G_MAXINT,
          DEFAULT_ID, PROPERTY_FLAGS);
  properties[GST_DMABUF_KMS_PROP_PLANE_ID] = g_param_spec_int ("plane-id",
      "Plane", "KMS id of the plane; -1: one that shows the format", -1,
      G_MAXINT, DEFAULT_ID, PROPERTY_FLAGS);
  properties[GST_DMABUF_KMS_PROP_MODE] = g_param_spec_string ("mode", "Mode",
      "WIDTHxHEIGHT or WIDTHxHEIGHT@HZ to set, for example 1280x720@60; "
      "unset: by the size and rate of the video",
      NULL, PROPERTY_FLAGS);
  properties[GST_DMABUF_KMS_PROP_PRESENT_MODE] = g_param_spec_enum (
      "present-mode", "Present mode",
      "What to do with frames that come faster than the display shows them",
      GST_TYPE_DMABUF_KMS_PRESENT_MODE, DEFAULT_PRESENT_MODE, PROPERTY_FLAGS);
  properties[GST_DMABUF_KMS_PROP_RESTORE_CRTC] =
      g_param_spec_boolean ("restore-crtc", "Restore CRTC",
          "At the end, restore what the display showed before",
          DEFAULT_RESTORE_CRTC, PROPERTY_FLAGS);
  properties[GST_DMABUF_KMS_PROP_COPY_POLICY] =
      gst_dmabuf_core_param_spec_copy_policy ();
  properties[GST_DMABUF_KMS_PROP_FENCE_TIMEOUT] =
      gst_dmabuf_core_param_spec_fence_timeout ();
  properties[GST_DMABUF_KMS_PROP_STATS] = gst_dmabuf_core_param_spec_stats (
      "shown, buffers, cpu-maps; latency-p50, latency-p99 and latency-max in "
      "nanoseconds");

  g_object_class_install_properties (
      klass, GST_DMABUF_KMS_N_PROPERTIES, properties);
}
