/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "v4l2-caps.h"
#include "v4l2-colorimetry.h"
#include "v4l2-debug.h"

#include <libdmabufcore/dmabufcore.h>

#include <errno.h>
#include <string.h>

GstCaps *
v4l2_caps_get_template (void)
{
  GstCaps *caps = gst_caps_from_string (GST_VIDEO_DMA_DRM_CAPS_MAKE);
  GstCaps *plain = gst_caps_from_string (GST_VIDEO_CAPS_MAKE ("NONE"));
  GValue list = G_VALUE_INIT;
  const V4l2FormatInfo *table;
  guint i, n_formats;

  table = v4l2_format_table (&n_formats);
  gst_value_list_init (&list, n_formats);
  for (i = 0; i < n_formats; i++) {
    GValue value = G_VALUE_INIT;

    /* NV12 and NV12M are adjacent in the table and one GstVideoFormat. */
    if (i > 0 && table[i].format == table[i - 1].format)
      continue;
    g_value_init (&value, G_TYPE_STRING);
    g_value_set_static_string (
        &value, gst_video_format_to_string (table[i].format));
    gst_value_list_append_and_take_value (&list, &value);
  }
  gst_caps_set_value (plain, "format", &list);
  g_value_unset (&list);
  gst_caps_append (caps, plain);

  return caps;
}

/* --- choosing ----------------------------------------------------------- */

static gboolean
structure_same_format (GstCaps *caps, guint a, guint b)
{
  GstStructure *left = gst_caps_get_structure (caps, a);
  GstStructure *right = gst_caps_get_structure (caps, b);
  static const char *const fields[] = { "format", "drm-format" };
  guint i;

  if (!gst_caps_features_is_equal (
          gst_caps_get_features (caps, a), gst_caps_get_features (caps, b)))
    return FALSE;

  for (i = 0; i < G_N_ELEMENTS (fields); i++) {
    const GValue *left_value = gst_structure_get_value (left, fields[i]);
    const GValue *right_value = gst_structure_get_value (right, fields[i]);

    if (!left_value != !right_value)
      return FALSE;
    if (left_value
        && gst_value_compare (left_value, right_value) != GST_VALUE_EQUAL)
      return FALSE;
  }

  return TRUE;
}

static void
structure_fixate_nearest (GstStructure *structure, const V4l2Caps *self)
{
  if (self->width > 0) {
    gst_structure_fixate_field_nearest_int (structure, "width", self->width);
    gst_structure_fixate_field_nearest_int (structure, "height", self->height);
  }

  if (gst_structure_has_field (structure, "framerate")) {
    gst_structure_fixate_field_nearest_fraction (
        structure, "framerate", self->fps_n, self->fps_d);
  }
}

static guint64
structure_distance (const GstStructure *structure, const V4l2Caps *self)
{
  gint width = 0, height = 0, fps_n = 0, fps_d = 1;
  guint64 distance;

  gst_structure_get_int (structure, "width", &width);
  gst_structure_get_int (structure, "height", &height);
  gst_structure_get_fraction (structure, "framerate", &fps_n, &fps_d);

  distance =
      ABS ((gint64) width - self->width) + ABS ((gint64) height - self->height);
  /* The size has priority over the rate. */
  distance <<= 20;
  if (fps_d > 0)
    distance += MIN (ABS (1000 * (gint64) fps_n / fps_d
                         - 1000 * (gint64) self->fps_n / self->fps_d),
        (1 << 20) - 1);

  return distance;
}

/* Moves the open fields that the driver decides out of @structure. */
static GstStructure *
structure_take_open_fields (GstStructure *structure)
{
  static const char *const fields[] = { "colorimetry", "interlace-mode",
    "field-order" };
  GstStructure *open = gst_structure_new_empty ("open");
  guint i;

  for (i = 0; i < G_N_ELEMENTS (fields); i++) {
    const GValue *value = gst_structure_get_value (structure, fields[i]);

    if (!value || gst_value_is_fixed (value))
      continue;
    gst_structure_set_value (open, fields[i], value);
    gst_structure_remove_field (structure, fields[i]);
  }

  return open;
}

GstCaps *
v4l2_caps_fixate (const V4l2Caps *self, GstCaps *caps, GstStructure **open)
{
  GstStructure *best = NULL;
  GstCapsFeatures *features;
  guint64 best_distance = G_MAXUINT64;
  GstCaps *result;
  guint i;

  g_return_val_if_fail (!gst_caps_is_empty (caps), caps);

  /* Take the peer's first format; all structures with that format have sizes to
   * choose from. */
  for (i = 0; i < gst_caps_get_size (caps); i++) {
    GstStructure *candidate;
    guint64 distance;

    if (!structure_same_format (caps, 0, i))
      continue;

    candidate = gst_structure_copy (gst_caps_get_structure (caps, i));
    structure_fixate_nearest (candidate, self);
    distance = structure_distance (candidate, self);
    if (distance < best_distance) {
      g_clear_pointer (&best, gst_structure_free);
      best = candidate;
      best_distance = distance;
    } else {
      gst_structure_free (candidate);
    }
  }

  features = gst_caps_features_copy (gst_caps_get_features (caps, 0));
  gst_caps_unref (caps);
  *open = structure_take_open_fields (best);
  result = gst_caps_new_empty ();
  gst_caps_append_structure_full (result, best, features);

  return gst_caps_fixate (result);
}

/* --- reading ------------------------------------------------------------ */

static void
set_no_format_error (const V4l2Caps *self, GstCaps *caps, GError **error)
{
  char *wanted = gst_caps_to_string (caps);

  g_set_error (error, DMABUF_ERROR, EINVAL,
      "the device has no format for %s; GST_DEBUG=dmabufv4l2:5 logs its caps",
      wanted);
  g_free (wanted);
}

static const V4l2FormatInfo *
caps_find_info (const V4l2Caps *self, GstVideoFormat format, guint32 drm)
{
  guint i;

  for (i = 0; i < self->formats->len; i++) {
    const V4l2FormatInfo *info = g_ptr_array_index (self->formats, i);

    if (v4l2_format_info_matches (info, format, drm))
      return info;
  }

  return NULL;
}

gboolean
v4l2_caps_parse (
    const V4l2Caps *self, GstCaps *caps, V4l2Request *request, GError **error)
{
  GstStructure *structure = gst_caps_get_structure (caps, 0);
  const char *text;
  GstVideoInfo info;

  *request = (V4l2Request) { 0 };

  if (gst_video_is_dma_drm_caps (caps)) {
    GstVideoInfoDmaDrm drm;

    if (!gst_video_info_dma_drm_from_caps (&drm, caps) || drm.drm_modifier != 0)
      goto no_format;
    request->info =
        caps_find_info (self, GST_VIDEO_FORMAT_UNKNOWN, drm.drm_fourcc);
    info = drm.vinfo;
  } else {
    if (!gst_video_info_from_caps (&info, caps))
      goto no_format;
    request->info = caps_find_info (self, GST_VIDEO_INFO_FORMAT (&info), 0);
  }
  if (!request->info)
    goto no_format;

  request->width = GST_VIDEO_INFO_WIDTH (&info);
  request->height = GST_VIDEO_INFO_HEIGHT (&info);
  request->fps_n = GST_VIDEO_INFO_FPS_N (&info);
  request->fps_d = GST_VIDEO_INFO_FPS_D (&info);
  request->interlaced = GST_VIDEO_INFO_IS_INTERLACED (&info);

  /* Read from the caps: GstVideoInfo fills in defaults of its own. */
  text = gst_structure_get_string (structure, "colorimetry");
  if (text)
    request->has_colorimetry =
        gst_video_colorimetry_from_string (&request->colorimetry, text);

  return TRUE;

  /* ERRORS */
no_format:
  set_no_format_error (self, caps, error);
  return FALSE;
}

void
v4l2_request_to_format (const V4l2Request *request, enum v4l2_buf_type type,
    gboolean convert, struct v4l2_format *format)
{
  *format = (struct v4l2_format) { .type = type };

  v4l2_format_set_pixelformat (format, request->info->v4l2);
  v4l2_format_set_size (format, request->width, request->height);
  v4l2_format_set_field (
      format, request->interlaced ? V4L2_FIELD_INTERLACED : V4L2_FIELD_NONE);
  if (V4L2_TYPE_IS_MULTIPLANAR (type))
    format->fmt.pix_mp.num_planes = request->info->n_buffers;

  if (convert) {
    V4l2Colorimetry colorimetry;

    v4l2_colorimetry_from_gst (&request->colorimetry, &colorimetry);
    v4l2_colorimetry_set (format, &colorimetry);
  }
}
