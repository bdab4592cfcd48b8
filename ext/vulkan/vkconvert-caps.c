/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Negotiation of the converter: caps without the element. */

#include "vkconvert-caps.h"

/* Fields that a conversion keeps. */
static const char *const kept[] = { "framerate", "interlace-mode",
  "multiview-mode", "multiview-flags", "hdr-format" };

/* Takes @result, and returns it with one more structure. */
static GstCaps *
append (GstCaps *result, const GstStructure *from, GstCaps *formats, guint i)
{
  GstStructure *to = gst_structure_copy (gst_caps_get_structure (formats, i));
  guint k;

  for (k = 0; k < G_N_ELEMENTS (kept); k++) {
    const GValue *value = gst_structure_get_value (from, kept[k]);

    if (value)
      gst_structure_set_value (to, kept[k], value);
  }
  return gst_caps_merge_structure_full (
      result, to, gst_caps_features_copy (gst_caps_get_features (formats, i)));
}

GstCaps *
vkconvert_caps_transform (GstCaps *caps, GstCaps *formats, gboolean same)
{
  GstCaps *result = same ? gst_caps_copy (caps) : gst_caps_new_empty ();
  guint i, j, other;

  for (i = 0; i < gst_caps_get_size (caps); i++) {
    const GstStructure *from = gst_caps_get_structure (caps, i);

    /* Structures with the same caps features come first. */
    for (other = 0; other < 2; other++) {
      for (j = 0; j < gst_caps_get_size (formats); j++) {
        gboolean is_other =
            !gst_caps_features_is_equal (gst_caps_get_features (caps, i),
                gst_caps_get_features (formats, j));

        if (same ? !other : other == is_other)
          result = append (result, from, formats, j);
      }
    }
  }

  /* Simplifying changes the order, which only matters without @same. */
  return same ? gst_caps_simplify (result) : result;
}

/* --- fixating ------------------------------------------------------------- */

/* NULL for an unknown name. */
static const GpuFormat *
get_named (const char *name, gboolean drm, gboolean *is_linear)
{
  guint64 modifier = 0;
  guint32 fourcc = drm ? gst_video_dma_drm_fourcc_from_string (name, &modifier)
                       : gst_video_dma_drm_fourcc_from_format (
                             gst_video_format_from_string (name));

  *is_linear = modifier == 0;

  return gpu_format_get (fourcc);
}

/* Chooses the format of the input, or else the first one of the same kind, YUV
 * or RGB; linear ones are preferred. */
static void
fixate_format (const GstStructure *in, GstStructure *out)
{
  gboolean in_drm = gst_structure_has_field (in, "drm-format");
  gboolean drm = gst_structure_has_field (out, "drm-format");
  const char *in_name =
      gst_structure_get_string (in, in_drm ? "drm-format" : "format");
  const char *field = drm ? "drm-format" : "format";
  const GValue *list = gst_structure_get_value (out, field);
  guint score, best_score = 0, i;
  const GpuFormat *wanted, *format;
  const char *best = NULL;
  gboolean is_linear;

  if (!list || !GST_VALUE_HOLDS_LIST (list) || !in_name)
    return;

  wanted = get_named (in_name, in_drm, &is_linear);
  for (i = 0; wanted && i < gst_value_list_get_size (list); i++) {
    const char *name = g_value_get_string (gst_value_list_get_value (list, i));

    format = get_named (name, drm, &is_linear);
    if (!format)
      continue;
    score = 1 + (format == wanted) * 4 + is_linear
        + (gpu_format_is_rgb (format) == gpu_format_is_rgb (wanted)) * 2;
    if (score > best_score) {
      best_score = score;
      best = name;
    }
  }
  if (best)
    gst_structure_fixate_field_string (out, field, best);
}

void
vkconvert_caps_prefer_linear (GstStructure *structure)
{
  const GValue *list = gst_structure_get_value (structure, "drm-format");
  gboolean is_linear;
  guint i;

  if (!list || !GST_VALUE_HOLDS_LIST (list))
    return;
  for (i = 0; i < gst_value_list_get_size (list); i++) {
    const char *name = g_value_get_string (gst_value_list_get_value (list, i));

    if (get_named (name, TRUE, &is_linear) && is_linear) {
      gst_structure_fixate_field_string (structure, "drm-format", name);
      return;
    }
  }
}

static void
fixate_aspect (const GstStructure *in, GstStructure *out, gboolean transpose)
{
  gint n = 1, d = 1;

  gst_structure_get_fraction (in, "pixel-aspect-ratio", &n, &d);
  if (!gst_structure_has_field (out, "pixel-aspect-ratio"))
    gst_structure_set (out, "pixel-aspect-ratio", GST_TYPE_FRACTION,
        transpose ? d : n, transpose ? n : d, NULL);
  else
    gst_structure_fixate_field_nearest_fraction (
        out, "pixel-aspect-ratio", transpose ? d : n, transpose ? n : d);
}

static gboolean
is_rgb_structure (const GstStructure *structure)
{
  gboolean drm = gst_structure_has_field (structure, "drm-format");
  const char *name =
      gst_structure_get_string (structure, drm ? "drm-format" : "format");
  const GpuFormat *format;
  gboolean is_linear;

  format = name ? get_named (name, drm, &is_linear) : NULL;

  return format && gpu_format_is_rgb (format);
}

/* Keeps the input's colorimetry if downstream leaves it open. */
static void
keep_colorimetry (const GstStructure *in, GstStructure *out)
{
  static const char *const fields[] = { "colorimetry", "chroma-site" };
  guint i;

  if (is_rgb_structure (in) || is_rgb_structure (out))
    return;
  for (i = 0; i < G_N_ELEMENTS (fields); i++) {
    const GValue *value = gst_structure_get_value (in, fields[i]);

    if (value && !gst_structure_has_field (out, fields[i]))
      gst_structure_set_value (out, fields[i], value);
  }
}

GstCaps *
vkconvert_caps_fixate (GstCaps *caps, GstCaps *othercaps, gboolean transpose,
    gint crop_width, gint crop_height)
{
  const GstStructure *in = gst_caps_get_structure (caps, 0);
  gint width = 0, height = 0;
  GstStructure *out;

  othercaps = gst_caps_make_writable (gst_caps_truncate (othercaps));
  out = gst_caps_get_structure (othercaps, 0);

  gst_structure_get_int (in, "width", &width);
  gst_structure_get_int (in, "height", &height);
  width = MAX (width - crop_width, 1);
  height = MAX (height - crop_height, 1);

  fixate_format (in, out);
  gst_structure_fixate_field_nearest_int (
      out, "width", transpose ? height : width);
  gst_structure_fixate_field_nearest_int (
      out, "height", transpose ? width : height);
  fixate_aspect (in, out, transpose);
  keep_colorimetry (in, out);

  return gst_caps_fixate (othercaps);
}

/* --- place ---------------------------------------------------------------- */

GpuRect
vkconvert_place (const GstVideoInfo *in, const GpuRect *crop,
    const GstVideoInfo *out, gboolean transpose, gboolean borders)
{
  gint width = GST_VIDEO_INFO_WIDTH (out);
  gint height = GST_VIDEO_INFO_HEIGHT (out);
  GpuRect rect = { 0, 0, width, height };
  guint64 w, h;

  if (!borders)
    return rect;

  /* w : h is the aspect ratio of the picture in pixels of the output. */
  w = (guint64) crop->width * GST_VIDEO_INFO_PAR_N (in);
  h = (guint64) crop->height * GST_VIDEO_INFO_PAR_D (in);
  if (transpose) {
    guint64 t = w;

    w = h;
    h = t;
  }
  w *= GST_VIDEO_INFO_PAR_D (out);
  h *= GST_VIDEO_INFO_PAR_N (out);
  if (w == 0 || h == 0)
    return rect;

  if (gst_util_uint64_scale (height, w, h) <= (guint64) width)
    rect.width = MAX (gst_util_uint64_scale_round (height, w, h), 1);
  else
    rect.height = MAX (gst_util_uint64_scale_round (width, h, w), 1);
  rect.width = MIN (rect.width, width);
  rect.height = MIN (rect.height, height);
  rect.x = (width - rect.width) / 2;
  rect.y = (height - rect.height) / 2;

  return rect;
}
