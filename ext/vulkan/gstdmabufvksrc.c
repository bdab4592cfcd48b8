/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-dmabufvksrc
 * @title: dmabufvksrc
 * @short_description: test pictures that the GPU draws into dma-bufs
 *
 * A producer whose frames come with fences, for tests and demos of their
 * consumers.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 dmabufvksrc pattern=moving ! dmabufkmssink
 * ]|
 */

#include "gstdmabufvksrc.h"
#include "gstdmabufvkstage.h"
#include "vkconvert-caps.h"
#include "gst/lib/gstdmabufcoreenum-private.h"
#include "gst/lib/gstdmabufcoreinterrupt-private.h"

#define GST_CAT_DEFAULT dmabufvk_debug

/* The numbers are those of the shader (pattern.comp). */
typedef enum
{
  PATTERN_BARS = 0,
  PATTERN_MOVING = 1,
  PATTERN_SOLID = 2,
} Pattern;

struct _GstDmabufVkSrc
{
  GstPushSrc parent;

  GstDmabufVkStage stage;
  GstDmabufCoreInterrupt interrupt; /* Atomic */

  /* Protected by the object lock. */
  Pattern pattern;
  guint color;

  /* For the streaming thread. */
  GstVideoInfoDmaDrm info;
  GpuColor out_color;
  guint64 n_frames;
};

enum
{
  PROP_PATTERN = GST_DMABUF_VK_N_PROPS,
  PROP_COLOR,
  PROP_IS_LIVE,
};

G_DEFINE_TYPE (GstDmabufVkSrc, gst_dmabuf_vk_src, GST_TYPE_PUSH_SRC)
GST_ELEMENT_REGISTER_DEFINE (
    dmabufvksrc, "dmabufvksrc", GST_RANK_NONE, GST_TYPE_DMABUF_VK_SRC)

#define parent_class (GST_BASE_SRC_CLASS (gst_dmabuf_vk_src_parent_class))

/* --- caps --------------------------------------------------------------------
 */

static GstCaps *
gst_dmabuf_vk_src_get_caps (GstBaseSrc *base, GstCaps *filter)
{
  GstCaps *caps, *filtered;
  GValue rate = G_VALUE_INIT;

  caps = gst_caps_make_writable (
      gst_dmabuf_vk_stage_get_caps (&GST_DMABUF_VK_SRC (base)->stage, TRUE));
  g_value_init (&rate, GST_TYPE_FRACTION_RANGE);
  gst_value_set_fraction_range_full (&rate, 0, 1, G_MAXINT, 1);
  gst_dmabuf_core_caps_set (caps, "framerate", &rate);
  g_value_unset (&rate);
  if (filter) {
    filtered = gst_caps_intersect_full (filter, caps, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref (caps);
    caps = filtered;
  }

  return caps;
}

static GstCaps *
gst_dmabuf_vk_src_fixate (GstBaseSrc *base, GstCaps *caps)
{
  GstStructure *structure;

  caps = gst_caps_make_writable (gst_caps_truncate (caps));
  structure = gst_caps_get_structure (caps, 0);
  vkconvert_caps_prefer_linear (structure);
  gst_structure_fixate_field_nearest_int (structure, "width", 640);
  gst_structure_fixate_field_nearest_int (structure, "height", 480);
  gst_structure_fixate_field_nearest_fraction (structure, "framerate", 30, 1);

  return parent_class->fixate (base, caps);
}

static gboolean
gst_dmabuf_vk_src_set_caps (GstBaseSrc *base, GstCaps *caps)
{
  GstDmabufVkSrc *self = GST_DMABUF_VK_SRC (base);

  if (!gst_dmabuf_core_video_info_from_caps (&self->info, caps)
      || !gpu_format_get (self->info.drm_fourcc))
    return FALSE;
  gst_dmabuf_vk_stage_drain (&self->stage);
  gst_dmabuf_vk_color_init (
      &self->out_color, self->info.drm_fourcc, &self->info.vinfo);

  return TRUE;
}

static gboolean
gst_dmabuf_vk_src_decide_allocation (GstBaseSrc *base, GstQuery *query)
{
  return gst_dmabuf_vk_stage_decide_allocation (
      &GST_DMABUF_VK_SRC (base)->stage, query);
}

/* --- frames ------------------------------------------------------------------
 */

static void
set_times (GstDmabufVkSrc *self, GstBuffer *buffer)
{
  gint n = GST_VIDEO_INFO_FPS_N (&self->info.vinfo);
  gint d = GST_VIDEO_INFO_FPS_D (&self->info.vinfo);

  GST_BUFFER_OFFSET (buffer) = self->n_frames;
  GST_BUFFER_OFFSET_END (buffer) = self->n_frames + 1;
  if (n == 0) {
    GST_BUFFER_PTS (buffer) = self->n_frames == 0 ? 0 : GST_CLOCK_TIME_NONE;
    return;
  }
  GST_BUFFER_PTS (buffer) =
      gst_util_uint64_scale (self->n_frames, GST_SECOND * d, n);
  GST_BUFFER_DURATION (buffer) =
      gst_util_uint64_scale (self->n_frames + 1, GST_SECOND * d, n)
      - GST_BUFFER_PTS (buffer);
}

static GstFlowReturn
gst_dmabuf_vk_src_fill (GstPushSrc *push, GstBuffer *buffer)
{
  static const GpuFormat rgb = {
    .kind = GPU_KIND_PACKED,
    .bits = { 8, 8, 8, 0 },
  };
  GstDmabufVkSrc *self = GST_DMABUF_VK_SRC (push);
  GstDmabufVkFrame frame = { buffer, &self->info };
  GpuConversion conversion = {
    .in.format = &rgb,
    .out = self->out_color,
    .width = GST_VIDEO_INFO_WIDTH (&self->info.vinfo),
    .height = GST_VIDEO_INFO_HEIGHT (&self->info.vinfo),
  };
  GstFlowReturn ret;
  GpuParams params;
  Pattern pattern;

  /* A framerate of 0 means a single frame. */
  if (GST_VIDEO_INFO_FPS_N (&self->info.vinfo) == 0 && self->n_frames > 0)
    return GST_FLOW_EOS;

  /* Reset the cancellable before the check: an unlock() after the check cancels
   * the new one. */
  gst_dmabuf_vk_stage_set_flushing (&self->stage, FALSE);
  if (gst_dmabuf_core_interrupt_is_set (&self->interrupt, GST_BASE_SRC (self)))
    return GST_FLOW_FLUSHING;

  GST_OBJECT_LOCK (self);
  pattern = self->pattern;
  conversion.border = self->color;
  GST_OBJECT_UNLOCK (self);
  gpu_params_init (&params, &conversion);
  params.orient[3] = self->n_frames;

  ret = gst_dmabuf_vk_stage_run (
      &self->stage, GPU_SHADER_PATTERN, NULL, &frame, &params, pattern);
  if (ret == GST_FLOW_OK) {
    set_times (self, buffer);
    self->n_frames++;
  }

  return ret;
}

static void
gst_dmabuf_vk_src_get_times (
    GstBaseSrc *base, GstBuffer *buffer, GstClockTime *start, GstClockTime *end)
{
  *start = *end = GST_CLOCK_TIME_NONE;
  if (gst_base_src_is_live (base) && GST_BUFFER_PTS_IS_VALID (buffer)) {
    *start = GST_BUFFER_PTS (buffer);
    if (GST_BUFFER_DURATION_IS_VALID (buffer))
      *end = *start + GST_BUFFER_DURATION (buffer);
  }
}

/* --- states ------------------------------------------------------------------
 */

static gboolean
gst_dmabuf_vk_src_start (GstBaseSrc *base)
{
  GstDmabufVkSrc *self = GST_DMABUF_VK_SRC (base);

  self->n_frames = 0;

  return gst_dmabuf_vk_stage_open (&self->stage);
}

static gboolean
gst_dmabuf_vk_src_stop (GstBaseSrc *base)
{
  gst_dmabuf_vk_stage_close (&GST_DMABUF_VK_SRC (base)->stage);

  return TRUE;
}

/* For a pause the current frame is finished. There is no unlock_stop(): the
 * next frame resets the cancellable. */
static gboolean
gst_dmabuf_vk_src_unlock (GstBaseSrc *base)
{
  GstDmabufVkSrc *self = GST_DMABUF_VK_SRC (base);

  if (gst_dmabuf_core_interrupt_is_set (&self->interrupt, base))
    gst_dmabuf_vk_stage_set_flushing (&self->stage, TRUE);

  return TRUE;
}

static gboolean
gst_dmabuf_vk_src_send_event (GstElement *element, GstEvent *event)
{
  return gst_dmabuf_core_interrupt_send_event (
      &GST_DMABUF_VK_SRC (element)->interrupt, parent_class, element, event);
}

/* --- properties --------------------------------------------------------------
 */

GST_DMABUF_CORE_DEFINE_STATIC_ENUM (GstDmabufVkSrcPattern, pattern,
    { PATTERN_BARS, "Bars of the eight colours", "bars" },
    { PATTERN_MOVING, "A moving box and the number of the frame", "moving" },
    { PATTERN_SOLID, "One colour", "solid" })

static void
gst_dmabuf_vk_src_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  GstDmabufVkSrc *self = GST_DMABUF_VK_SRC (object);

  if (gst_dmabuf_vk_stage_set_property (&self->stage, id, value))
    return;

  switch (id) {
  case PROP_PATTERN:
    GST_OBJECT_LOCK (self);
    self->pattern = g_value_get_enum (value);
    GST_OBJECT_UNLOCK (self);
    break;
  case PROP_COLOR:
    GST_OBJECT_LOCK (self);
    self->color = g_value_get_uint (value);
    GST_OBJECT_UNLOCK (self);
    break;
  case PROP_IS_LIVE:
    gst_base_src_set_live (GST_BASE_SRC (self), g_value_get_boolean (value));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    break;
  }
}

static void
gst_dmabuf_vk_src_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *spec)
{
  GstDmabufVkSrc *self = GST_DMABUF_VK_SRC (object);

  if (gst_dmabuf_vk_stage_get_property (&self->stage, id, value))
    return;

  switch (id) {
  case PROP_PATTERN:
    GST_OBJECT_LOCK (self);
    g_value_set_enum (value, self->pattern);
    GST_OBJECT_UNLOCK (self);
    break;
  case PROP_COLOR:
    GST_OBJECT_LOCK (self);
    g_value_set_uint (value, self->color);
    GST_OBJECT_UNLOCK (self);
    break;
  case PROP_IS_LIVE:
    g_value_set_boolean (value, gst_base_src_is_live (GST_BASE_SRC (self)));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
    break;
  }
}

static void
gst_dmabuf_vk_src_finalize (GObject *object)
{
  gst_dmabuf_vk_stage_finalize (&GST_DMABUF_VK_SRC (object)->stage);

  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_dmabuf_vk_src_class_init (GstDmabufVkSrcClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseSrcClass *base_class = GST_BASE_SRC_CLASS (klass);
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  gst_element_class_set_static_metadata (element_class,
      "Vulkan test source of dma-bufs", "Source/Video/Hardware",
      "Draws test pictures into dma-bufs on the GPU", "gst-dmabuf");
  gst_dmabuf_vk_add_pad_templates (element_class, FALSE);

  object_class->set_property = gst_dmabuf_vk_src_set_property;
  object_class->get_property = gst_dmabuf_vk_src_get_property;
  object_class->finalize = gst_dmabuf_vk_src_finalize;
  gst_dmabuf_vk_stage_install_properties (object_class);
  g_object_class_install_property (object_class, PROP_PATTERN,
      g_param_spec_enum ("pattern", "Pattern", "What to draw",
          pattern_get_type (), PATTERN_BARS,
          flags | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (object_class, PROP_COLOR,
      g_param_spec_uint ("color", "Color",
          "Colour of the solid pattern, 0xAARRGGBB", 0, G_MAXUINT32, 0xffffffff,
          flags | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (object_class, PROP_IS_LIVE,
      g_param_spec_boolean ("is-live", "Is live",
          "Whether to push each frame at its time", FALSE,
          flags | GST_PARAM_MUTABLE_READY));

  element_class->send_event = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_src_send_event);
  base_class->get_caps = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_src_get_caps);
  base_class->fixate = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_src_fixate);
  base_class->set_caps = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_src_set_caps);
  base_class->decide_allocation =
      GST_DEBUG_FUNCPTR (gst_dmabuf_vk_src_decide_allocation);
  base_class->get_times = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_src_get_times);
  base_class->start = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_src_start);
  base_class->stop = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_src_stop);
  base_class->unlock = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_src_unlock);
  GST_PUSH_SRC_CLASS (klass)->fill = GST_DEBUG_FUNCPTR (gst_dmabuf_vk_src_fill);
}

static void
gst_dmabuf_vk_src_init (GstDmabufVkSrc *self)
{
  gst_dmabuf_vk_stage_init (&self->stage, GST_ELEMENT (self));
  self->color = 0xffffffff;
  gst_base_src_set_format (GST_BASE_SRC (self), GST_FORMAT_TIME);
}
