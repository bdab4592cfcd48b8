/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufcorecaps.h"

#include <gst/allocators/gstdmabuf.h>
#include <gst/video/video.h>

/* Appends @text unless it is there: two DRM formats can be one GstVideoFormat
 * (XR24 and the BGRx of another driver's list). */
static void
list_append_string (GValue *list, const char *text)
{
  GValue value = G_VALUE_INIT;
  guint i;

  for (i = 0; i < gst_value_list_get_size (list); i++) {
    const GValue *old = gst_value_list_get_value (list, i);

    if (g_str_equal (g_value_get_string (old), text))
      return;
  }

  g_value_init (&value, G_TYPE_STRING);
  g_value_set_string (&value, text);
  gst_value_list_append_and_take_value (list, &value);
}

static GstStructure *
structure_take_list (const char *field, GValue *list)
{
  GstStructure *structure = gst_structure_new_empty ("video/x-raw");

  if (gst_value_list_get_size (list) == 1) {
    gst_structure_set_value (
        structure, field, gst_value_list_get_value (list, 0));
    g_value_unset (list);
  } else {
    gst_structure_take_value (structure, field, list);
  }

  return structure;
}

GstCaps *
gst_dmabuf_core_caps_from_formats (
    const GstDmabufCoreFormat *formats, guint n_formats)
{
  GstCaps *caps = gst_caps_new_empty ();
  GValue drm_formats = G_VALUE_INIT;
  GValue plain_formats = G_VALUE_INIT;
  GstStructure *structure;
  guint i;

  gst_value_list_init (&drm_formats, n_formats);
  gst_value_list_init (&plain_formats, n_formats);

  for (i = 0; i < n_formats; i++) {
    GstVideoFormat plain =
        gst_video_dma_drm_fourcc_to_format (formats[i].fourcc);
    char *drm;

    if (plain == GST_VIDEO_FORMAT_UNKNOWN)
      continue;

    drm = gst_video_dma_drm_fourcc_to_string (
        formats[i].fourcc, formats[i].modifier);
    if (!drm)
      continue;
    list_append_string (&drm_formats, drm);
    g_free (drm);

    if (formats[i].modifier == 0)
      list_append_string (&plain_formats, gst_video_format_to_string (plain));
  }

  if (gst_value_list_get_size (&drm_formats) == 0) {
    g_value_unset (&drm_formats);
    g_value_unset (&plain_formats);
    return caps;
  }

  structure = structure_take_list ("drm-format", &drm_formats);
  gst_structure_set (structure, "format", G_TYPE_STRING, "DMA_DRM", NULL);
  gst_caps_append_structure_full (caps, structure,
      gst_caps_features_new (GST_CAPS_FEATURE_MEMORY_DMABUF, NULL));

  if (gst_value_list_get_size (&plain_formats) > 0)
    gst_caps_append_structure (
        caps, structure_take_list ("format", &plain_formats));
  else
    g_value_unset (&plain_formats);

  return caps;
}

void
gst_dmabuf_core_caps_set (GstCaps *caps, const char *field, const GValue *value)
{
  guint i;

  for (i = 0; i < gst_caps_get_size (caps); i++)
    gst_structure_set_value (gst_caps_get_structure (caps, i), field, value);
}
