/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufcorecaps.h"

#include <gst/allocators/gstdmabuf.h>
#include <gst/video/video.h>

/* Appends @text unless the list has it: several DRM formats can map to one
 * GstVideoFormat. */
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

/* --- between plain raw video and DMA_DRM -------------------------------- */

static char *
format_to_drm (const char *name)
{
  GstVideoFormat format = gst_video_format_from_string (name);
  guint32 fourcc;

  if (format == GST_VIDEO_FORMAT_UNKNOWN || format == GST_VIDEO_FORMAT_ENCODED)
    return NULL;
  fourcc = gst_video_dma_drm_fourcc_from_format (format);
  return fourcc ? gst_video_dma_drm_fourcc_to_string (fourcc, 0) : NULL;
}

static char *
format_from_drm (const char *name)
{
  guint64 modifier = 0;
  guint32 fourcc = gst_video_dma_drm_fourcc_from_string (name, &modifier);
  GstVideoFormat format;

  if (fourcc == 0 || modifier != 0)
    return NULL;
  format = gst_video_dma_drm_fourcc_to_format (fourcc);
  return format != GST_VIDEO_FORMAT_UNKNOWN
      ? g_strdup (gst_video_format_to_string (format))
      : NULL;
}

/* Appends every format that exists as plain raw video and in DRM. */
static void
list_append_all (GValue *list, char *(*convert) (const char *) )
{
  guint i, n;
  const GstVideoFormat *formats = gst_video_formats_raw (&n);

  for (i = 0; i < n; i++) {
    char *drm = format_to_drm (gst_video_format_to_string (formats[i]));
    char *plain = drm ? format_from_drm (drm) : NULL;

    if (plain)
      list_append_string (list, convert == format_to_drm ? drm : plain);
    g_free (drm);
    g_free (plain);
  }
}

static void
list_append_converted (
    GValue *list, const GValue *value, char *(*convert) (const char *) )
{
  char *text;
  guint i;

  if (GST_VALUE_HOLDS_LIST (value)) {
    for (i = 0; i < gst_value_list_get_size (value); i++)
      list_append_converted (
          list, gst_value_list_get_value (value, i), convert);
  } else if (G_VALUE_HOLDS_STRING (value)) {
    text = convert (g_value_get_string (value));
    if (text)
      list_append_string (list, text);
    g_free (text);
  }
}

static gboolean
is_plain (GstCapsFeatures *features)
{
  return !features || gst_caps_features_is_any (features)
      || gst_caps_features_is_equal (
          features, GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY);
}

static gboolean
is_dma_drm (const GstStructure *structure, GstCapsFeatures *features)
{
  const char *format = gst_structure_get_string (structure, "format");

  return features
      && gst_caps_features_contains (features, GST_CAPS_FEATURE_MEMORY_DMABUF)
      && (!gst_structure_has_field (structure, "format")
          || g_strcmp0 (format, "DMA_DRM") == 0);
}

/* @structure with its formats converted, or NULL if none is left. */
static GstStructure *
convert_structure (const GstStructure *structure, gboolean to_drm)
{
  char *(*convert) (const char *) = to_drm ? format_to_drm : format_from_drm;
  const GValue *formats =
      gst_structure_get_value (structure, to_drm ? "format" : "drm-format");
  GstStructure *converted = gst_structure_copy (structure);
  GValue list = G_VALUE_INIT;

  gst_value_list_init (&list, 0);
  if (formats)
    list_append_converted (&list, formats, convert);
  else
    list_append_all (&list, convert);

  gst_structure_remove_fields (converted, "format", "drm-format", NULL);
  if (gst_value_list_get_size (&list) == 0) {
    g_value_unset (&list);
    gst_structure_free (converted);
    return NULL;
  }

  if (gst_value_list_get_size (&list) == 1) {
    gst_structure_set_value (converted, to_drm ? "drm-format" : "format",
        gst_value_list_get_value (&list, 0));
    g_value_unset (&list);
  } else {
    gst_structure_take_value (
        converted, to_drm ? "drm-format" : "format", &list);
  }
  if (to_drm)
    gst_structure_set (converted, "format", G_TYPE_STRING, "DMA_DRM", NULL);
  return converted;
}

static GstCaps *
convert_caps (GstCaps *caps, gboolean to_drm)
{
  GstCaps *converted = gst_caps_new_empty ();
  guint i;

  for (i = 0; i < gst_caps_get_size (caps); i++) {
    const GstStructure *structure = gst_caps_get_structure (caps, i);
    GstCapsFeatures *features = gst_caps_get_features (caps, i);
    gboolean plain = is_plain (features);
    GstStructure *new = NULL;

    if (!gst_structure_has_name (structure, "video/x-raw")
        || (!plain && !is_dma_drm (structure, features)))
      continue;

    if (plain == to_drm)
      new = convert_structure (structure, to_drm);
    else
      new = gst_structure_copy (structure);
    if (!new)
      continue;
    gst_caps_append_structure_full (converted, new,
        to_drm ? gst_caps_features_new (GST_CAPS_FEATURE_MEMORY_DMABUF, NULL)
               : NULL);
  }

  return converted;
}

GstCaps *
gst_dmabuf_core_caps_to_dma_drm (GstCaps *caps)
{
  return convert_caps (caps, TRUE);
}

GstCaps *
gst_dmabuf_core_caps_to_plain (GstCaps *caps)
{
  return convert_caps (caps, FALSE);
}
