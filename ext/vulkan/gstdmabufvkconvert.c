/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-dmabufvkconvert
 * @title: dmabufvkconvert
 * @short_description: converts, scales, crops and turns frames on the GPU
 *
 * Reads and writes dma-bufs without a wait on the CPU: the GPU waits for the
 * fences of its input, and its own work is a fence of the output.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 dmabufv4l2src ! dmabufvkconvert video-direction=90r !
 * dmabufkmssink
 * ]|
 */

#include "gstdmabufvkconvert-private.h"
#include "gst/lib/gstdmabufcoreenum-private.h"
#include "vkconvert-caps.h"

#define GST_CAT_DEFAULT dmabufvk_debug

enum
{
  PROP_METHOD = GST_DMABUF_VK_N_PROPS,
  PROP_ADD_BORDERS,
  PROP_BORDER_COLOR,
  PROP_CROP_LEFT,
  PROP_CROP_RIGHT,
  PROP_CROP_TOP,
  PROP_CROP_BOTTOM,
  PROP_COPY_POLICY,
  PROP_VIDEO_DIRECTION,
};

static void video_direction_init (GstVideoDirectionInterface *interface);

G_DEFINE_TYPE_WITH_CODE (GstDmabufVkConvert, gst_dmabuf_vk_convert,
    GST_TYPE_BASE_TRANSFORM,
    G_IMPLEMENT_INTERFACE (GST_TYPE_VIDEO_DIRECTION, video_direction_init))
GST_ELEMENT_REGISTER_DEFINE (dmabufvkconvert, "dmabufvkconvert", GST_RANK_NONE,
    GST_TYPE_DMABUF_VK_CONVERT)

#define parent_class \
  (GST_BASE_TRANSFORM_CLASS (gst_dmabuf_vk_convert_parent_class))

static void
video_direction_init (GstVideoDirectionInterface *interface)
{
}

/* --- settings --------------------------------------------------------------
 */

GstDmabufVkSettings
gst_dmabuf_vk_convert_get_settings (GstDmabufVkConvert *self)
{
  GstDmabufVkSettings settings;

  GST_OBJECT_LOCK (self);
  settings = (GstDmabufVkSettings) {
    .direction = self->direction == GST_VIDEO_ORIENTATION_AUTO
        ? self->tag_direction
        : self->direction,
    .bilinear = self->bilinear,
    .borders = self->borders,
    .border = self->border,
  };
  memcpy (settings.crop, self->crop, sizeof (settings.crop));
  GST_OBJECT_UNLOCK (self);

  return settings;
}

gboolean
gst_dmabuf_vk_convert_has_work (const GstDmabufVkSettings *settings)
{
  return settings->direction != GST_VIDEO_ORIENTATION_IDENTITY
      || settings->crop[0] || settings->crop[1] || settings->crop[2]
      || settings->crop[3];
}

void
gst_dmabuf_vk_convert_update_passthrough (GstDmabufVkConvert *self)
{
  GstDmabufVkSettings settings = gst_dmabuf_vk_convert_get_settings (self);

  gst_base_transform_set_passthrough (GST_BASE_TRANSFORM (self),
      self->same_format && !gst_dmabuf_vk_convert_has_work (&settings));
}

/* Gets the part of @buffer to convert: its crop meta, less the crop properties.
 */
static GpuRect
get_crop (GstDmabufVkConvert *self, GstBuffer *buffer,
    const GstDmabufVkSettings *settings)
{
  gint width = GST_VIDEO_INFO_WIDTH (&self->in_info.vinfo);
  gint height = GST_VIDEO_INFO_HEIGHT (&self->in_info.vinfo);
  GstVideoCropMeta *meta = gst_buffer_get_video_crop_meta (buffer);
  GpuRect crop = { 0, 0, width, height };

  if (gst_dmabuf_core_buffer_is_cropped (buffer, &self->in_info.vinfo)) {
    if (gst_dmabuf_core_buffer_is_dmabuf (buffer)) {
      /* The imported layout is that of the whole frame. */
      width = gst_buffer_get_video_meta (buffer)->width;
      height = gst_buffer_get_video_meta (buffer)->height;
    } else {
      meta = NULL; /* The copy only has the visible part. */
    }
  }
  if (meta && meta->x < (guint) width && meta->y < (guint) height) {
    crop.x = meta->x;
    crop.y = meta->y;
    crop.width = MIN (meta->width, width - meta->x);
    crop.height = MIN (meta->height, height - meta->y);
  }
  crop.x += MIN ((gint) settings->crop[0], crop.width - 1);
  crop.y += MIN ((gint) settings->crop[2], crop.height - 1);
  crop.width -=
      MIN ((gint) (settings->crop[0] + settings->crop[1]), crop.width - 1);
  crop.height -=
      MIN ((gint) (settings->crop[2] + settings->crop[3]), crop.height - 1);

  return crop;
}

/* --- frames -----------------------------------------------------------------
 */

static GstFlowReturn
upload (GstDmabufVkConvert *self, GstBuffer *in, GstBuffer **copy)
{
  GError *error = NULL;
  GstFlowReturn ret;
  guint size;

  if (!gst_dmabuf_core_stats_count_copy (&self->stage.stats, GST_ELEMENT (self),
          "the producer writes into memory of its own instead of the offered "
          "pool of dma-bufs"))
    return GST_FLOW_ERROR;

  if (!self->upload) {
    self->upload = gst_dmabuf_core_pool_new (NULL);
    if (!gst_dmabuf_vk_convert_configure_pool (
            self->upload, self->in_caps, &size)
        || !gst_buffer_pool_set_active (self->upload, TRUE))
      goto no_pool;
  }
  ret = gst_buffer_pool_acquire_buffer (self->upload, copy, NULL);
  if (ret != GST_FLOW_OK)
    return ret;
  if (!gst_dmabuf_core_buffer_copy_frame (
          *copy, in, &self->in_info.vinfo, &error))
    goto no_copy;

  return GST_FLOW_OK;

  /* ERRORS */
no_pool: {
  error = gst_dmabuf_core_pool_get_error (GST_DMABUF_CORE_POOL (self->upload));
  GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT,
      ("No dma-bufs could be allocated: %s",
          error ? error->message : "the pool could not be started"),
      (NULL));
  g_clear_error (&error);
  gst_clear_object (&self->upload);
  return GST_FLOW_ERROR;
}
no_copy: {
  GST_ELEMENT_ERROR (self, RESOURCE, READ,
      ("The frame could not be copied into a dma-buf: %s", error->message),
      (NULL));
  g_clear_error (&error);
  gst_clear_buffer (copy);
  return GST_FLOW_ERROR;
}
}

/* Settings have changed for frames in a format that can only pass through: asks
 * upstream for another format. Frames until then are dropped. */
static void
ask_for_another_format (GstDmabufVkConvert *self)
{
  GST_ELEMENT_WARNING (self, STREAM, FORMAT,
      ("%.4s cannot be turned or cropped; frames are dropped until upstream "
       "sends another format.",
          (const char *) &self->in_info.drm_fourcc),
      ("if it never does, put videoconvert in front"));
  gst_base_transform_reconfigure_sink (GST_BASE_TRANSFORM (self));
}

static GstFlowReturn
gst_dmabuf_vk_convert_submit_input_buffer (
    GstBaseTransform *base, gboolean is_discont, GstBuffer *in)
{
  GstDmabufVkConvert *self = GST_DMABUF_VK_CONVERT (base);
  GstDmabufVkSettings settings = gst_dmabuf_vk_convert_get_settings (self);

  if (g_atomic_int_compare_and_exchange (&self->changed, TRUE, FALSE)) {
    self->wants_other_format =
        !self->is_convertible && gst_dmabuf_vk_convert_has_work (&settings);
    if (self->wants_other_format)
      ask_for_another_format (self);
    gst_dmabuf_vk_convert_update_passthrough (self);
    gst_base_transform_reconfigure_src (base);
  }
  if (self->wants_other_format) {
    gst_dmabuf_core_stats_add (
        &self->stage.stats, GST_DMABUF_CORE_COUNTER_DROPPED, 1);
    gst_buffer_unref (in);
    return GST_BASE_TRANSFORM_FLOW_DROPPED;
  }

  return parent_class->submit_input_buffer (base, is_discont, in);
}

static GstFlowReturn
gst_dmabuf_vk_convert_transform (
    GstBaseTransform *base, GstBuffer *in, GstBuffer *out)
{
  GstDmabufVkConvert *self = GST_DMABUF_VK_CONVERT (base);
  GstDmabufVkSettings settings = gst_dmabuf_vk_convert_get_settings (self);
  GpuConversion conversion = {
    .in = self->in_color,
    .out = self->out_color,
    .width = GST_VIDEO_INFO_WIDTH (&self->out_info.vinfo),
    .height = GST_VIDEO_INFO_HEIGHT (&self->out_info.vinfo),
    .orientation = gst_dmabuf_vk_orientation (settings.direction),
    .bilinear = settings.bilinear,
    .border = settings.border,
  };
  GstDmabufVkFrame from = { in, &self->in_info };
  GstDmabufVkFrame to = { out, &self->out_info };
  GstBuffer *copy = NULL;
  GpuParams params;
  GstFlowReturn ret;

  conversion.crop = get_crop (self, in, &settings);
  conversion.rect = vkconvert_place (&self->in_info.vinfo, &conversion.crop,
      &self->out_info.vinfo, conversion.orientation.transpose,
      settings.borders);
  gpu_params_init (&params, &conversion);

  if (!gst_dmabuf_core_buffer_is_dmabuf (in)) {
    ret = upload (self, in, &copy);
    if (ret != GST_FLOW_OK)
      return ret;
    from.buffer = copy;
  }
  ret = gst_dmabuf_vk_stage_run (
      &self->stage, GPU_SHADER_CONVERT, &from, &to, &params, settings.bilinear);
  gst_clear_buffer (&copy);

  return ret;
}

/* Drops metas with positions in the frame, which the conversion changes, and
 * the sync meta, whose fences belong to the input. */
static gboolean
gst_dmabuf_vk_convert_transform_meta (
    GstBaseTransform *base, GstBuffer *out, GstMeta *meta, GstBuffer *in)
{
  const char *const *tags;

  if (meta->info->api == GST_VIDEO_CROP_META_API_TYPE
      || meta->info->api == GST_DMABUF_CORE_SYNC_META_API_TYPE)
    return FALSE;
  tags = (const char *const *) gst_meta_api_type_get_tags (meta->info->api);
  if (tags
      && (g_strv_contains (tags, GST_META_TAG_VIDEO_SIZE_STR)
          || g_strv_contains (tags, GST_META_TAG_VIDEO_ORIENTATION_STR)
          || g_strv_contains (tags, GST_META_TAG_MEMORY_STR)))
    return FALSE;

  return TRUE;
}

/* --- events and states ------------------------------------------------------
 */

static gboolean
gst_dmabuf_vk_convert_sink_event (GstBaseTransform *base, GstEvent *event)
{
  GstDmabufVkConvert *self = GST_DMABUF_VK_CONVERT (base);
  GstVideoOrientationMethod method;
  GstTagList *tags;

  switch (GST_EVENT_TYPE (event)) {
  case GST_EVENT_FLUSH_START:
    gst_dmabuf_vk_stage_set_flushing (&self->stage, TRUE);
    break;
  case GST_EVENT_FLUSH_STOP:
    gst_dmabuf_vk_stage_set_flushing (&self->stage, FALSE);
    break;
  case GST_EVENT_TAG:
    gst_event_parse_tag (event, &tags);
    if (gst_video_orientation_from_tag (tags, &method)) {
      GST_OBJECT_LOCK (self);
      self->tag_direction = method;
      GST_OBJECT_UNLOCK (self);
      g_atomic_int_set (&self->changed, TRUE);
    }
    break;
  default:
    break;
  }

  return parent_class->sink_event (base, event);
}

static gboolean
gst_dmabuf_vk_convert_query (
    GstBaseTransform *base, GstPadDirection direction, GstQuery *query)
{
  if (GST_QUERY_TYPE (query) == GST_QUERY_DRAIN && direction == GST_PAD_SINK)
    gst_dmabuf_vk_stage_drain (&GST_DMABUF_VK_CONVERT (base)->stage);

  return parent_class->query (base, direction, query);
}

static gboolean
gst_dmabuf_vk_convert_start (GstBaseTransform *base)
{
  return gst_dmabuf_vk_stage_open (&GST_DMABUF_VK_CONVERT (base)->stage);
}

static gboolean
gst_dmabuf_vk_convert_stop (GstBaseTransform *base)
{
  GstDmabufVkConvert *self = GST_DMABUF_VK_CONVERT (base);

  gst_dmabuf_vk_stage_close (&self->stage);
  if (self->upload) {
    gst_buffer_pool_set_active (self->upload, FALSE);
    gst_clear_object (&self->upload);
  }
  gst_caps_replace (&self->in_caps, NULL);

  return TRUE;
}

static GstStateChangeReturn
gst_dmabuf_vk_convert_change_state (
    GstElement *element, GstStateChange transition)
{
  GstDmabufVkConvert *self = GST_DMABUF_VK_CONVERT (element);

  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    gst_dmabuf_vk_stage_set_flushing (&self->stage, FALSE);
  else if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    gst_dmabuf_vk_stage_set_flushing (&self->stage, TRUE);

  return GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);
}

/* --- properties -------------------------------------------------------------
 */

GST_DMABUF_CORE_DEFINE_STATIC_ENUM (GstDmabufVkConvertMethod, method,
    { FALSE, "Nearest pixel", "nearest" }, { TRUE, "Bilinear", "bilinear" })

static void
gst_dmabuf_vk_convert_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  GstDmabufVkConvert *self = GST_DMABUF_VK_CONVERT (object);

  if (gst_dmabuf_vk_stage_set_property (&self->stage, id, value))
    return;

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_METHOD:
    self->bilinear = g_value_get_enum (value);
    break;
  case PROP_ADD_BORDERS:
    self->borders = g_value_get_boolean (value);
    break;
  case PROP_BORDER_COLOR:
    self->border = g_value_get_uint (value);
    break;
  case PROP_CROP_LEFT:
  case PROP_CROP_RIGHT:
  case PROP_CROP_TOP:
  case PROP_CROP_BOTTOM:
    self->crop[id - PROP_CROP_LEFT] = g_value_get_uint (value);
    break;
  case PROP_VIDEO_DIRECTION:
    self->direction = g_value_get_enum (value);
    break;
  default:
    if (!gst_dmabuf_core_stats_set_property (&self->stage.stats, value, spec))
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    break;
  }
  GST_OBJECT_UNLOCK (self);

  if (id >= PROP_CROP_LEFT && id != PROP_COPY_POLICY)
    g_atomic_int_set (&self->changed, TRUE);
}

static void
gst_dmabuf_vk_convert_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  GstDmabufVkConvert *self = GST_DMABUF_VK_CONVERT (object);

  if (gst_dmabuf_vk_stage_get_property (&self->stage, id, value))
    return;

  GST_OBJECT_LOCK (self);
  switch (id) {
  case PROP_METHOD:
    g_value_set_enum (value, self->bilinear);
    break;
  case PROP_ADD_BORDERS:
    g_value_set_boolean (value, self->borders);
    break;
  case PROP_BORDER_COLOR:
    g_value_set_uint (value, self->border);
    break;
  case PROP_CROP_LEFT:
  case PROP_CROP_RIGHT:
  case PROP_CROP_TOP:
  case PROP_CROP_BOTTOM:
    g_value_set_uint (value, self->crop[id - PROP_CROP_LEFT]);
    break;
  case PROP_VIDEO_DIRECTION:
    g_value_set_enum (value, self->direction);
    break;
  default:
    if (!gst_dmabuf_core_stats_get_property (&self->stage.stats, value, spec))
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_dmabuf_vk_convert_finalize (GObject *object)
{
  gst_dmabuf_vk_stage_finalize (&GST_DMABUF_VK_CONVERT (object)->stage);

  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
install_properties (GObjectClass *klass)
{
  static const struct
  {
    guint id;
    const char *name, *nick, *blurb;
  } crops[] = {
    { PROP_CROP_LEFT, "crop-left", "Crop left",
        "Pixels to leave out at the left, besides what a crop meta does" },
    { PROP_CROP_RIGHT, "crop-right", "Crop right",
        "Pixels to leave out at the right, besides what a crop meta does" },
    { PROP_CROP_TOP, "crop-top", "Crop top",
        "Pixels to leave out at the top, besides what a crop meta does" },
    { PROP_CROP_BOTTOM, "crop-bottom", "Crop bottom",
        "Pixels to leave out at the bottom, besides what a crop meta does" },
  };
  const GParamFlags flags =
      G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;
  guint i;

  gst_dmabuf_vk_stage_install_properties (klass);
  g_object_class_install_property (klass, PROP_METHOD,
      g_param_spec_enum ("method", "Method", "How pixels are interpolated",
          method_get_type (), TRUE, flags));
  g_object_class_install_property (klass, PROP_ADD_BORDERS,
      g_param_spec_boolean ("add-borders", "Add borders",
          "Keep the aspect ratio of the picture and fill the rest", TRUE,
          flags));
  g_object_class_install_property (klass, PROP_BORDER_COLOR,
      g_param_spec_uint ("border-color", "Border color",
          "Colour of the borders, 0xAARRGGBB", 0, G_MAXUINT32, 0xff000000,
          flags));
  for (i = 0; i < G_N_ELEMENTS (crops); i++)
    g_object_class_install_property (klass, crops[i].id,
        g_param_spec_uint (crops[i].name, crops[i].nick, crops[i].blurb, 0,
            GPU_MAX_SIZE, 0, flags));
  g_object_class_install_property (
      klass, PROP_COPY_POLICY, gst_dmabuf_core_param_spec_copy_policy ());
  g_object_class_override_property (
      klass, PROP_VIDEO_DIRECTION, "video-direction");
}

static void
gst_dmabuf_vk_convert_class_init (GstDmabufVkConvertClass *klass)
{
  GstBaseTransformClass *base_class = GST_BASE_TRANSFORM_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  gst_element_class_set_static_metadata (element_class,
      "Vulkan converter on dma-bufs", "Filter/Converter/Video/Scaler/Hardware",
      "Converts, scales, crops and turns frames in dma-bufs on the GPU",
      "gst-dmabuf");
  gst_dmabuf_vk_add_pad_templates (element_class, TRUE);

  object_class->set_property = gst_dmabuf_vk_convert_set_property;
  object_class->get_property = gst_dmabuf_vk_convert_get_property;
  object_class->finalize = gst_dmabuf_vk_convert_finalize;
  install_properties (object_class);

  element_class->change_state = gst_dmabuf_vk_convert_change_state;

  base_class->start = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_start);
  base_class->stop = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_stop);
  base_class->transform_caps =
      GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_transform_caps);
  base_class->fixate_caps =
      GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_fixate_caps);
  base_class->set_caps = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_set_caps);
  base_class->get_unit_size =
      GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_get_unit_size);
  base_class->propose_allocation =
      GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_propose_allocation);
  base_class->decide_allocation =
      GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_decide_allocation);
  base_class->submit_input_buffer =
      GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_submit_input_buffer);
  base_class->transform = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_transform);
  base_class->transform_meta =
      GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_transform_meta);
  base_class->sink_event = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_sink_event);
  base_class->query = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_convert_query);
  base_class->passthrough_on_same_caps = FALSE;
}

static void
gst_dmabuf_vk_convert_init (GstDmabufVkConvert *self)
{
  gst_dmabuf_vk_stage_init (&self->stage, GST_ELEMENT (self));
  self->bilinear = TRUE;
  self->borders = TRUE;
  self->border = 0xff000000;
}
