/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Common properties of the elements, pad templates, and conversions from
 * GStreamer's types. */

#include "gstdmabufvkstage.h"
#include "gst/lib/gstdmabufcoreenum-private.h"

#define TYPE_IMPORT_MODE (import_mode_get_type ())
#define TYPE_MEMORY (memory_get_type ())

GST_DMABUF_CORE_DEFINE_STATIC_ENUM (GstDmabufVkImportMode, import_mode,
    { GPU_IMPORT_AUTO,
        "Buffers for linear frames, images for others; the other kind if that "
        "fails",
        "auto" },
    { GPU_IMPORT_BUFFER, "Buffers", "buffer" },
    { GPU_IMPORT_IMAGE, "Images", "image" })

GST_DMABUF_CORE_DEFINE_STATIC_ENUM (GstDmabufVkMemory, memory,
    { GST_DMABUF_VK_MEMORY_AUTO,
        "The GPU's if it has memory of its own and downstream is a device that "
        "takes any memory",
        "auto" },
    { GST_DMABUF_VK_MEMORY_GPU, "The GPU's", "gpu" },
    { GST_DMABUF_VK_MEMORY_SYSTEM, "The machine's", "system" })

void
gst_dmabuf_vk_stage_install_properties (GObjectClass *klass)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;

  g_object_class_install_property (klass, GST_DMABUF_VK_PROP_DEVICE,
      g_param_spec_string ("device", "Device",
          "Vulkan device: an index, part of a name, a UUID, or "
          "drm:/dev/dri/NODE; NULL for the best one, preferably one that "
          "drives a display",
          NULL, flags | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (klass, GST_DMABUF_VK_PROP_VALIDATE,
      g_param_spec_boolean ("validate", "Validate",
          "Run under the Vulkan validation layers, which warn of misuse; the "
          "environment variable GST_DMABUF_VK_VALIDATE=1 does the same",
          FALSE, flags | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (klass, GST_DMABUF_VK_PROP_IMPORT_MODE,
      g_param_spec_enum ("import-mode", "Import mode",
          "How dma-bufs are imported", TYPE_IMPORT_MODE, GPU_IMPORT_AUTO,
          flags | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (klass, GST_DMABUF_VK_PROP_MEMORY,
      g_param_spec_enum ("memory", "Memory", "Where output buffers lie",
          TYPE_MEMORY, GST_DMABUF_VK_MEMORY_AUTO,
          flags | GST_PARAM_MUTABLE_READY));
  g_object_class_install_property (klass, GST_DMABUF_VK_PROP_FENCE_TIMEOUT,
      gst_dmabuf_core_param_spec_fence_timeout ());
  g_object_class_install_property (klass, GST_DMABUF_VK_PROP_IMPLICIT_SYNC,
      g_param_spec_boolean ("implicit-sync", "Implicit sync",
          "Whether downstream waits for the kernel's fences of a dma-buf "
          "without announcing it (kmssink, waylandsink, GL of Mesa)",
          FALSE, flags | GST_PARAM_MUTABLE_PLAYING));
  g_object_class_install_property (klass, GST_DMABUF_VK_PROP_STATS,
      gst_dmabuf_core_param_spec_stats (
          "submits, semaphores, gpu-waits (for a frame in flight to end), "
          "validation-messages"));
}

static GstStructure *
get_stats (GstDmabufVkStage *stage)
{
  GstStructure *stats =
      gst_dmabuf_core_stats_to_structure (&stage->stats, "stats");

  gst_structure_set (stats, "submits", G_TYPE_UINT64,
      __atomic_load_n (&stage->submits, __ATOMIC_RELAXED), "semaphores",
      G_TYPE_UINT64, __atomic_load_n (&stage->semaphores, __ATOMIC_RELAXED),
      "gpu-waits", G_TYPE_UINT64,
      __atomic_load_n (&stage->gpu_waits, __ATOMIC_RELAXED),
      "validation-messages", G_TYPE_UINT,
      __atomic_load_n (&stage->validation_messages, __ATOMIC_RELAXED), NULL);

  return stats;
}

gboolean
gst_dmabuf_vk_stage_set_property (
    GstDmabufVkStage *stage, guint property, const GValue *value)
{
  gboolean found = TRUE;

  GST_OBJECT_LOCK (stage->element);
  switch (property) {
  case GST_DMABUF_VK_PROP_DEVICE:
    g_free (stage->device_name);
    stage->device_name = g_value_dup_string (value);
    break;
  case GST_DMABUF_VK_PROP_VALIDATE:
    stage->validate = g_value_get_boolean (value);
    break;
  case GST_DMABUF_VK_PROP_IMPORT_MODE:
    stage->import_mode = g_value_get_enum (value);
    break;
  case GST_DMABUF_VK_PROP_MEMORY:
    stage->memory = g_value_get_enum (value);
    break;
  case GST_DMABUF_VK_PROP_FENCE_TIMEOUT:
    stage->fence_timeout = g_value_get_uint64 (value);
    break;
  case GST_DMABUF_VK_PROP_IMPLICIT_SYNC:
    stage->implicit_sync = g_value_get_boolean (value);
    break;
  default:
    found = FALSE;
    break;
  }
  GST_OBJECT_UNLOCK (stage->element);

  return found;
}

gboolean
gst_dmabuf_vk_stage_get_property (
    GstDmabufVkStage *stage, guint property, GValue *value)
{
  gboolean found = TRUE;

  if (property == GST_DMABUF_VK_PROP_STATS) {
    g_value_take_boxed (value, get_stats (stage));
    return TRUE;
  }

  GST_OBJECT_LOCK (stage->element);
  switch (property) {
  case GST_DMABUF_VK_PROP_DEVICE:
    g_value_set_string (value, stage->device_name);
    break;
  case GST_DMABUF_VK_PROP_VALIDATE:
    g_value_set_boolean (value, stage->validate);
    break;
  case GST_DMABUF_VK_PROP_IMPORT_MODE:
    g_value_set_enum (value, stage->import_mode);
    break;
  case GST_DMABUF_VK_PROP_MEMORY:
    g_value_set_enum (value, stage->memory);
    break;
  case GST_DMABUF_VK_PROP_FENCE_TIMEOUT:
    g_value_set_uint64 (value, stage->fence_timeout);
    break;
  case GST_DMABUF_VK_PROP_IMPLICIT_SYNC:
    g_value_set_boolean (value, stage->implicit_sync);
    break;
  default:
    found = FALSE;
    break;
  }
  GST_OBJECT_UNLOCK (stage->element);

  return found;
}

void
gst_dmabuf_vk_stage_init (GstDmabufVkStage *stage, GstElement *element)
{
  stage->element = element;
  gst_dmabuf_core_stats_init (&stage->stats);
  stage->fence_timeout = GST_DMABUF_CORE_DEFAULT_FENCE_TIMEOUT;
  stage->cancellable = g_cancellable_new ();
}

void
gst_dmabuf_vk_stage_finalize (GstDmabufVkStage *stage)
{
  g_free (stage->device_name);
  g_object_unref (stage->cancellable);
}

/* --- pads ------------------------------------------------------------------
 */

void
gst_dmabuf_vk_add_pad_templates (GstElementClass *klass, gboolean sink)
{
  GstDmabufVkStage none = { 0 };
  GstCaps *caps, *plain;

  /* The modifiers are only known when a device is open. */
  caps = gst_caps_from_string (
      "video/x-raw(" GST_CAPS_FEATURE_MEMORY_DMABUF
      "), format=(string)DMA_DRM, width=(int)[1,max], height=(int)[1,max]");
  plain = gst_dmabuf_vk_stage_get_caps (&none, TRUE);
  gst_caps_append (caps, gst_caps_copy_nth (plain, 1));
  gst_caps_unref (plain);

  if (sink)
    gst_element_class_add_pad_template (klass,
        gst_pad_template_new ("sink", GST_PAD_SINK, GST_PAD_ALWAYS, caps));
  gst_element_class_add_pad_template (
      klass, gst_pad_template_new ("src", GST_PAD_SRC, GST_PAD_ALWAYS, caps));
  gst_caps_unref (caps);
}

/* --- conversions from GStreamer's types ----------------------------------- */

void
gst_dmabuf_vk_color_init (
    GpuColor *color, guint32 fourcc, const GstVideoInfo *info)
{
  GstVideoColorimetry colorimetry = GST_VIDEO_INFO_COLORIMETRY (info);
  GstVideoChromaSite site = GST_VIDEO_INFO_CHROMA_SITE (info);

  *color = (GpuColor) { .format = gpu_format_get (fourcc) };
  if (gpu_format_is_rgb (color->format)) {
    color->limited = colorimetry.range == GST_VIDEO_COLOR_RANGE_16_235;
    return;
  }

  if (!gst_video_color_matrix_get_Kr_Kb (
          colorimetry.matrix, &color->kr, &color->kb))
    gst_video_color_matrix_get_Kr_Kb (GST_VIDEO_INFO_HEIGHT (info) > 576
            ? GST_VIDEO_COLOR_MATRIX_BT709
            : GST_VIDEO_COLOR_MATRIX_BT601,
        &color->kr, &color->kb);
  color->limited = colorimetry.range != GST_VIDEO_COLOR_RANGE_0_255;
  color->cosited[0] = (site & GST_VIDEO_CHROMA_SITE_H_COSITED) != 0;
  color->cosited[1] = (site & GST_VIDEO_CHROMA_SITE_V_COSITED) != 0;
}

GpuOrientation
gst_dmabuf_vk_orientation (GstVideoOrientationMethod method)
{
  switch (method) {
  case GST_VIDEO_ORIENTATION_90R:
    return (GpuOrientation) { 1, 0, 1 };
  case GST_VIDEO_ORIENTATION_180:
    return (GpuOrientation) { 0, 1, 1 };
  case GST_VIDEO_ORIENTATION_90L:
    return (GpuOrientation) { 1, 1, 0 };
  case GST_VIDEO_ORIENTATION_HORIZ:
    return (GpuOrientation) { 0, 1, 0 };
  case GST_VIDEO_ORIENTATION_VERT:
    return (GpuOrientation) { 0, 0, 1 };
  case GST_VIDEO_ORIENTATION_UL_LR:
    return (GpuOrientation) { 1, 0, 0 };
  case GST_VIDEO_ORIENTATION_UR_LL:
    return (GpuOrientation) { 1, 1, 1 };
  default:
    return (GpuOrientation) { 0, 0, 0 };
  }
}
