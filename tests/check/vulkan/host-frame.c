/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "host-frame.h"

#define HOST \
  (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)

static HostFrame *
frame_new (guint32 fourcc, guint width, guint height)
{
  HostFrame *self = g_new0 (HostFrame, 1);
  GstVideoFormat format = gst_video_dma_drm_fourcc_to_format (fourcc);

  g_assert_cmpint (format, !=, GST_VIDEO_FORMAT_UNKNOWN);
  self->ref.format = gst_video_format_get_info (format);
  self->ref.width = width;
  self->ref.height = height;
  self->frame = g_new0 (GpuFrame, 1);
  self->frame->format = gpu_format_get (fourcc);
  g_assert_nonnull (self->frame->format);
  self->frame->width = width;
  self->frame->height = height;
  self->frame->readable = self->frame->writable = TRUE;

  return self;
}

static guint8 *
bind_memory (GpuContext *context, HostFrame *self, VkMemoryRequirements *needs)
{
  VkMemoryAllocateInfo allocate = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
    .allocationSize = needs->size,
    .memoryTypeIndex =
        gpu_context_find_memory (context, needs->memoryTypeBits, HOST, 0),
  };
  VkDeviceMemory memory;
  void *data;

  g_assert_cmpint (
      context->api.AllocateMemory (context->device, &allocate, NULL, &memory),
      ==, VK_SUCCESS);
  self->frame->memories[self->frame->n_memories++] = memory;
  g_assert_cmpint (context->api.MapMemory (
                       context->device, memory, 0, VK_WHOLE_SIZE, 0, &data),
      ==, VK_SUCCESS);

  return data;
}

HostFrame *
host_frame_new (GpuContext *context, guint32 fourcc, guint width, guint height,
    guint padding, guint offset)
{
  HostFrame *self = frame_new (fourcc, width, height);
  guint64 offsets[GPU_MAX_PLANES];
  guint32 pitches[GPU_MAX_PLANES];
  VkBufferCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
  };
  VkMemoryRequirements needs;
  guint i;

  for (i = 0; i < self->frame->format->n_planes; i++) {
    guint32 columns, rows;
    guint bytes;

    gpu_format_get_texels (
        self->frame->format, i, width, height, &columns, &rows, &bytes);
    pitches[i] = columns * bytes + padding;
    create.size += offset;
    offsets[i] = create.size;
    create.size += pitches[i] * rows;
  }
  create.size = (create.size + 3) & ~(VkDeviceSize) 3;
  self->size = create.size;

  g_assert_cmpint (context->api.CreateBuffer (context->device, &create, NULL,
                       &self->frame->buffers[0]),
      ==, VK_SUCCESS);
  self->frame->n_buffers = 1;
  context->api.GetBufferMemoryRequirements (
      context->device, self->frame->buffers[0], &needs);
  self->data = bind_memory (context, self, &needs);
  g_assert_cmpint (context->api.BindBufferMemory (context->device,
                       self->frame->buffers[0], self->frame->memories[0], 0),
      ==, VK_SUCCESS);
  for (i = 0; i < self->frame->format->n_planes; i++) {
    gpu_frame_set_buffer (context, self->frame, i, self->frame->buffers[0],
        offsets[i], pitches[i]);
    self->ref.data[i] = self->data + offsets[i];
    self->ref.pitch[i] = pitches[i];
  }

  return self;
}

HostFrame *
host_frame_new_images (
    GpuContext *context, guint32 fourcc, guint width, guint height)
{
  HostFrame *self = frame_new (fourcc, width, height);
  GpuFrame *frame = self->frame;
  GError *error = NULL;
  guint i;

  frame->is_image = TRUE;
  frame->layout = VK_IMAGE_LAYOUT_PREINITIALIZED;
  for (i = 0; i < frame->format->n_planes; i++) {
    gboolean blue_first;
    VkImageCreateInfo create = {
      .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
      .imageType = VK_IMAGE_TYPE_2D,
      .format = gpu_format_get_image (frame->format, i, FALSE, &blue_first),
      .extent = { 0, 0, 1 },
      .mipLevels = 1,
      .arrayLayers = 1,
      .samples = VK_SAMPLE_COUNT_1_BIT,
      .tiling = VK_IMAGE_TILING_LINEAR,
      .usage = VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_STORAGE_BIT,
      .initialLayout = VK_IMAGE_LAYOUT_PREINITIALIZED,
    };
    VkPhysicalDeviceImageFormatInfo2 info = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
      .format = create.format,
      .type = create.imageType,
      .tiling = create.tiling,
      .usage = create.usage,
    };
    VkImageFormatProperties2 properties = {
      .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
    };
    VkImageMemoryRequirementsInfo2 which = {
      .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_REQUIREMENTS_INFO_2,
    };
    VkMemoryRequirements2 needs = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2,
    };
    VkImageSubresource subresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0 };
    VkSubresourceLayout layout;
    guint bytes;

    if (i == 0)
      frame->words = blue_first;
    gpu_format_get_texels (frame->format, i, width, height,
        &create.extent.width, &create.extent.height, &bytes);
    if (context->api.GetPhysicalDeviceImageFormatProperties2 (
            context->physical, &info, &properties)
        != VK_SUCCESS) {
      host_frame_free (context, self);
      return NULL;
    }
    g_assert_cmpint (context->api.CreateImage (context->device, &create, NULL,
                         &frame->planes[i].image),
        ==, VK_SUCCESS);
    which.image = frame->planes[i].image;
    context->api.GetImageMemoryRequirements2 (context->device, &which, &needs);
    context->api.GetImageSubresourceLayout (
        context->device, which.image, &subresource, &layout);
    self->ref.data[i] =
        bind_memory (context, self, &needs.memoryRequirements) + layout.offset;
    self->ref.pitch[i] = layout.rowPitch;
    g_assert_cmpint (context->api.BindImageMemory (
                         context->device, which.image, frame->memories[i], 0),
        ==, VK_SUCCESS);
    g_assert_true (gpu_frame_make_views (context, frame, i, &error));
  }

  return self;
}

void
host_frame_free (GpuContext *context, HostFrame *self)
{
  gpu_frame_free (context, self->frame);
  g_free (self);
}

void
host_frame_fill (HostFrame *self, GRand *random)
{
  guint i;
  gsize j;

  if (self->data) {
    for (j = 0; j < self->size; j++)
      self->data[j] = g_rand_int (random);
    return;
  }

  for (i = 0; i < self->frame->format->n_planes; i++) {
    guint32 columns, rows;
    guint bytes;

    gpu_format_get_texels (self->frame->format, i, self->ref.width,
        self->ref.height, &columns, &rows, &bytes);
    for (j = 0; j < (gsize) self->ref.pitch[i] * (rows - 1) + columns * bytes;
        j++)
      self->ref.data[i][j] = g_rand_int (random);
  }
}
