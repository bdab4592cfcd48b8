/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Probes the caps of a device: ENUM_FMT × ENUM_FRAMESIZES ×
 * ENUM_FRAMEINTERVALS.
 */

#include "v4l2-caps.h"
#include "v4l2-debug.h"

#include <gst/allocators/gstdmabuf.h>
#include <libdmabufcore/dmabufcore.h>

#include <errno.h>
#include <string.h>

/* --- rates -------------------------------------------------------------- */

/* V4L2 has unsigned fractions, GStreamer signed ones. */
static gboolean
fraction_is_usable (const struct v4l2_fract *fraction)
{
  return fraction->numerator > 0 && fraction->denominator > 0
      && fraction->numerator <= G_MAXINT && fraction->denominator <= G_MAXINT;
}

static void
rate_list_append (GValue *list, const struct v4l2_fract *interval)
{
  GValue rate = G_VALUE_INIT;

  /* The rate is the inverse of the interval. */
  g_value_init (&rate, GST_TYPE_FRACTION);
  gst_value_set_fraction (&rate, interval->denominator, interval->numerator);
  gst_value_list_append_and_take_value (list, &rate);
}

static void
rate_set_range (GValue *rates, const struct v4l2_fract *slowest,
    const struct v4l2_fract *fastest)
{
  g_value_init (rates, GST_TYPE_FRACTION_RANGE);
  gst_value_set_fraction_range_full (rates, slowest->denominator,
      slowest->numerator, fastest->denominator, fastest->numerator);
}

/* The rate of the signal, or any rate if that is unknown. */
static void
rate_set_any (GValue *rates, const V4l2Device *device)
{
  if (device->fps_n > 0) {
    g_value_init (rates, GST_TYPE_FRACTION);
    gst_value_set_fraction (rates, device->fps_n, device->fps_d);
    return;
  }

  g_value_init (rates, GST_TYPE_FRACTION_RANGE);
  gst_value_set_fraction_range_full (rates, 0, 1, G_MAXINT, 1);
}

/* Probes the rates at one size; ENUM_FRAMEINTERVALS is optional for drivers. */
static void
probe_rates (V4l2Device *device, guint32 fourcc, guint width, guint height,
    GValue *rates)
{
  struct v4l2_frmivalenum interval = {
    .pixel_format = fourcc, .width = width, .height = height
  };
  GValue list = G_VALUE_INIT;

  gst_value_list_init (&list, 8);

  for (; interval.index < V4L2_MAX_ENUMERATED; interval.index++) {
    if (v4l2_device_ioctl (device, VIDIOC_ENUM_FRAMEINTERVALS, &interval) < 0)
      break;

    if (interval.type != V4L2_FRMIVAL_TYPE_DISCRETE) {
      const struct v4l2_frmival_stepwise *range = &interval.stepwise;

      if (fraction_is_usable (&range->min) && fraction_is_usable (&range->max)
          && (guint64) range->min.numerator * range->max.denominator
              < (guint64) range->max.numerator * range->min.denominator) {
        rate_set_range (rates, &range->max, &range->min);
        g_value_unset (&list);
        return;
      }
      break;
    }

    if (fraction_is_usable (&interval.discrete))
      rate_list_append (&list, &interval.discrete);
  }

  if (gst_value_list_get_size (&list) == 0)
    rate_set_any (rates, device);
  else if (gst_value_list_get_size (&list) == 1)
    gst_value_init_and_copy (rates, gst_value_list_get_value (&list, 0));
  if (G_IS_VALUE (rates))
    g_value_unset (&list);
  else
    *rates = list;
}

/* --- sizes -------------------------------------------------------------- */

static GstStructure *
structure_new_size (
    const GValue *width, const GValue *height, const GValue *rates)
{
  GstStructure *structure = gst_structure_new_empty ("video/x-raw");

  gst_structure_set_value (structure, "width", width);
  gst_structure_set_value (structure, "height", height);
  gst_structure_set_value (structure, "framerate", rates);

  return structure;
}

static void
value_init_int (GValue *value, gint number)
{
  g_value_init (value, G_TYPE_INT);
  g_value_set_int (value, number);
}

/* GStreamer allows a step only in a range whose ends are multiples of it;
 * otherwise the step is left out, and the driver rounds the size. */
static void
value_init_range (GValue *value, guint32 min, guint32 max, guint32 step)
{
  min = CLAMP (min, 1, G_MAXINT);
  max = CLAMP (max, min, G_MAXINT);

  if (min == max) {
    value_init_int (value, min);
    return;
  }

  g_value_init (value, GST_TYPE_INT_RANGE);
  if (step > 1 && min % step == 0 && max - max % step > min)
    gst_value_set_int_range_step (value, min, max - max % step, step);
  else
    gst_value_set_int_range (value, min, max);
}

static void
append_discrete (V4l2Device *device, guint32 fourcc, GPtrArray *sizes,
    const struct v4l2_frmsize_discrete *size)
{
  GValue width = G_VALUE_INIT, height = G_VALUE_INIT, rates = G_VALUE_INIT;

  if (size->width < 1 || size->width > G_MAXINT || size->height < 1
      || size->height > G_MAXINT)
    return;

  value_init_int (&width, size->width);
  value_init_int (&height, size->height);
  probe_rates (device, fourcc, size->width, size->height, &rates);
  g_ptr_array_add (sizes, structure_new_size (&width, &height, &rates));
  g_value_unset (&rates);
}

static void
append_range (V4l2Device *device, guint32 fourcc, GPtrArray *sizes,
    const struct v4l2_frmsize_stepwise *range)
{
  GValue width = G_VALUE_INIT, height = G_VALUE_INIT;
  GValue slow = G_VALUE_INIT, fast = G_VALUE_INIT, rates = G_VALUE_INIT;

  value_init_range (
      &width, range->min_width, range->max_width, range->step_width);
  value_init_range (
      &height, range->min_height, range->max_height, range->step_height);

  /* The largest size has the slowest rates. The faster rates of the smallest
   * size are offered for all, and the driver corrects them in S_PARM. */
  probe_rates (device, fourcc, range->max_width, range->max_height, &slow);
  probe_rates (device, fourcc, range->min_width, range->min_height, &fast);
  if (gst_value_compare (&slow, &fast) == GST_VALUE_EQUAL)
    gst_value_init_and_copy (&rates, &slow);
  else
    gst_value_list_merge (&rates, &slow, &fast);

  g_ptr_array_add (sizes, structure_new_size (&width, &height, &rates));
  g_value_unset (&slow);
  g_value_unset (&fast);
  g_value_unset (&rates);
}

/* For a driver without ENUM_FRAMESIZES: TRY_FMT corrects impossible sizes to
 * the smallest and the largest one. */
static void
append_tried (V4l2Device *device, guint32 fourcc, GPtrArray *sizes)
{
  struct v4l2_frmsize_stepwise range = { .step_width = 1, .step_height = 1 };
  struct v4l2_format format;

  format = (struct v4l2_format) { .type = device->type };
  v4l2_format_set_pixelformat (&format, fourcc);
  v4l2_format_set_size (&format, 1, 1);
  if (v4l2_device_ioctl (device, VIDIOC_TRY_FMT, &format) < 0)
    return;
  v4l2_format_get_size (&format, &range.min_width, &range.min_height);

  format = (struct v4l2_format) { .type = device->type };
  v4l2_format_set_pixelformat (&format, fourcc);
  v4l2_format_set_size (&format, G_MAXINT16, G_MAXINT16);
  if (v4l2_device_ioctl (device, VIDIOC_TRY_FMT, &format) < 0)
    return;
  v4l2_format_get_size (&format, &range.max_width, &range.max_height);

  append_range (device, fourcc, sizes, &range);
}

/* Returns the sizes of a format as caps structures without the format, to be
 * freed. */
static GPtrArray *
probe_sizes (V4l2Device *device, guint32 fourcc)
{
  GPtrArray *sizes =
      g_ptr_array_new_with_free_func ((GDestroyNotify) gst_structure_free);
  struct v4l2_frmsizeenum size = { .pixel_format = fourcc };

  for (; size.index < V4L2_MAX_ENUMERATED; size.index++) {
    if (v4l2_device_ioctl (device, VIDIOC_ENUM_FRAMESIZES, &size) < 0)
      break;

    if (size.type == V4L2_FRMSIZE_TYPE_DISCRETE) {
      append_discrete (device, fourcc, sizes, &size.discrete);
    } else {
      append_range (device, fourcc, sizes, &size.stepwise);
      break;
    }
  }

  if (sizes->len == 0)
    append_tried (device, fourcc, sizes);

  return sizes;
}

/* --- formats ------------------------------------------------------------ */

static void
append_format (GstCaps *dma_drm, GstCaps *plain, const V4l2FormatInfo *info,
    GPtrArray *sizes)
{
  guint i;

  for (i = 0; i < sizes->len; i++) {
    GstStructure *structure = gst_structure_copy (g_ptr_array_index (sizes, i));

    gst_structure_set (structure, "format", G_TYPE_STRING,
        gst_video_format_to_string (info->format), NULL);
    gst_caps_append_structure (plain, structure);

    if (info->drm != 0) {
      char *drm_format = gst_video_dma_drm_fourcc_to_string (info->drm, 0);

      structure = gst_structure_copy (g_ptr_array_index (sizes, i));
      gst_structure_set (structure, "format", G_TYPE_STRING, "DMA_DRM",
          "drm-format", G_TYPE_STRING, drm_format, NULL);
      gst_caps_append_structure_full (dma_drm, structure,
          gst_caps_features_new (GST_CAPS_FEATURE_MEMORY_DMABUF, NULL));
      g_free (drm_format);
    }
  }
}

/* Notes the name of a format outside the table, for error messages. */
static void
note_other (V4l2Caps *self, const struct v4l2_fmtdesc *description)
{
  char **names = description->flags & V4L2_FMT_FLAG_COMPRESSED
      ? &self->compressed
      : &self->others;
  char *before = *names;

  *names = g_strdup_printf ("%s%s%" GST_FOURCC_FORMAT, before ? before : "",
      before ? ", " : "", GST_FOURCC_ARGS (description->pixelformat));
  g_free (before);
}

/* Lists the formats of @device that are in the table, in the table's order. */
static void
probe_formats (V4l2Caps *self, V4l2Device *device)
{
  struct v4l2_fmtdesc description = { .type = device->type };
  const V4l2FormatInfo *table;
  guint i, n_formats;
  gboolean *found;

  table = v4l2_format_table (&n_formats);
  found = g_new0 (gboolean, n_formats);

  for (; description.index < V4L2_MAX_ENUMERATED; description.index++) {
    const V4l2FormatInfo *info;

    if (v4l2_device_ioctl (device, VIDIOC_ENUM_FMT, &description) < 0)
      break;
    info = v4l2_format_info_from_v4l2 (description.pixelformat);
    if (info)
      found[info - table] = TRUE;
    else
      note_other (self, &description);
  }

  self->formats = g_ptr_array_new ();
  for (i = 0; i < n_formats; i++) {
    if (found[i])
      g_ptr_array_add (self->formats, (gpointer) &table[i]);
  }
  g_free (found);
}

static void
probe_current (V4l2Caps *self, V4l2Device *device)
{
  struct v4l2_format format = { .type = device->type };
  struct v4l2_streamparm parm = { .type = device->type };
  const struct v4l2_fract *interval = &parm.parm.capture.timeperframe;

  if (v4l2_device_ioctl (device, VIDIOC_G_FMT, &format) == 0) {
    self->current =
        v4l2_format_info_from_v4l2 (v4l2_format_get_pixelformat (&format));
    v4l2_format_get_size (&format, &self->width, &self->height);
  }

  /* A rate above 30 was set on purpose, with v4l2-ctl. A lower one may be left
   * from another program, or from automatic exposure in a dark room. */
  self->fps_n = 30;
  self->fps_d = 1;
  if (v4l2_device_ioctl (device, VIDIOC_G_PARM, &parm) == 0
      && parm.parm.capture.capability & V4L2_CAP_TIMEPERFRAME
      && fraction_is_usable (interval)
      && interval->denominator > 30 * (guint64) interval->numerator) {
    self->fps_n = interval->denominator;
    self->fps_d = interval->numerator;
  }
}

gboolean
v4l2_caps_probe (V4l2Caps *self, V4l2Device *device, GError **error)
{
  GstCaps *plain;
  guint i;

  *self = (V4l2Caps) { 0 };
  probe_formats (self, device);
  probe_current (self, device);

  /* The current format first: the default for a peer without a preference. */
  if (self->current
      && g_ptr_array_remove (self->formats, (gpointer) self->current))
    g_ptr_array_insert (self->formats, 0, (gpointer) self->current);

  self->caps = gst_caps_new_empty ();
  plain = gst_caps_new_empty ();
  for (i = 0; i < self->formats->len; i++) {
    const V4l2FormatInfo *info = g_ptr_array_index (self->formats, i);
    GPtrArray *sizes = probe_sizes (device, info->v4l2);

    append_format (self->caps, plain, info, sizes);
    g_ptr_array_unref (sizes);
  }
  /* Formats like NV12 and NV12M have the same caps: gst_caps_merge() keeps one.
   */
  self->caps = gst_caps_merge (self->caps, plain);
  GST_DEBUG ("%s: caps %" GST_PTR_FORMAT, device->path, self->caps);

  if (gst_caps_is_empty (self->caps))
    goto no_formats;

  return TRUE;

  /* ERRORS */
no_formats:
  if (self->compressed || self->others)
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "%s (%s): has no raw video format that the element knows, only %s; %s",
        device->path, device->card,
        self->compressed ? self->compressed : self->others,
        self->compressed
            ? "v4l2src ! decodebin ! dmabufalloc decodes compressed video"
            : "libcamerasrc makes video of the frames of a raw sensor");
  else
    g_set_error (error, DMABUF_ERROR, EINVAL,
        "%s (%s): has no raw video format that the element knows; "
        "v4l2-ctl -d %s --list-formats-ext lists its formats",
        device->path, device->card, device->path);
  v4l2_caps_clear (self);
  return FALSE;
}

void
v4l2_caps_clear (V4l2Caps *self)
{
  g_clear_pointer (&self->formats, g_ptr_array_unref);
  gst_clear_caps (&self->caps);
  g_free (self->compressed);
  g_free (self->others);
  *self = (V4l2Caps) { 0 };
}
