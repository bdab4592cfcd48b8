/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gpu-record.h"
#include "gpu-program.h"

#include <string.h>

/* Invocations of a work group, in both directions (params.glsl) */
#define GROUP_SIZE 8

#define MAX_WRITES 9
#define MAX_BARRIERS (2 * GPU_MAX_PLANES)

/* --- parameters --------------------------------------------------------- */

static void
set_planes (guint32 planes[GPU_MAX_PLANES][4], const GpuFrame *frame)
{
  guint i;

  for (i = 0; i < GPU_MAX_PLANES; i++) {
    planes[i][0] = frame->planes[i].offset;
    planes[i][1] = frame->planes[i].pitch;
  }
}

void
gpu_record_params (
    const GpuRecord *record, const GpuParams *params, GpuParams *to)
{
  GpuParams own = *params;

  if (record->in)
    set_planes (own.in_planes, record->in);
  set_planes (own.out_planes, record->out);
  /* Write everything at once: the memory may be uncached. */
  *to = own;
}

/* --- descriptors -------------------------------------------------------- */

typedef struct
{
  guint n;
  VkWriteDescriptorSet writes[MAX_WRITES];
  VkDescriptorBufferInfo buffers[MAX_WRITES];
  VkDescriptorImageInfo images[MAX_WRITES];
} Writes;

static void
add_buffer (Writes *writes, VkDescriptorSet set, guint binding,
    VkDescriptorType type, const VkDescriptorBufferInfo *buffer)
{
  writes->buffers[writes->n] = *buffer;
  writes->writes[writes->n] = (VkWriteDescriptorSet) {
    .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
    .dstSet = set,
    .dstBinding = binding,
    .descriptorCount = 1,
    .descriptorType = type,
    .pBufferInfo = &writes->buffers[writes->n],
  };
  writes->n++;
}

static void
add_image (Writes *writes, VkDescriptorSet set, guint binding,
    VkDescriptorType type, VkImageView view)
{
  writes->images[writes->n] = (VkDescriptorImageInfo) {
    .imageView = view,
    .imageLayout = VK_IMAGE_LAYOUT_GENERAL,
  };
  writes->writes[writes->n] = (VkWriteDescriptorSet) {
    .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
    .dstSet = set,
    .dstBinding = binding,
    .descriptorCount = 1,
    .descriptorType = type,
    .pImageInfo = &writes->images[writes->n],
  };
  writes->n++;
}

/* Fills all bindings. Planes that the format does not have get the first plane:
 * the shader refers to their bindings statically, even if it never reads them
 * (VUID-vkCmdDispatch-None-08114). */
static void
add_frame (
    Writes *writes, VkDescriptorSet set, const GpuFrame *frame, gboolean out)
{
  guint first = out ? GPU_BINDING_OUT : GPU_BINDING_IN;
  guint i;

  for (i = 0; i < GPU_MAX_PLANES; i++) {
    guint plane = i < frame->format->n_planes ? i : 0;
    VkDescriptorBufferInfo buffer = {
      frame->planes[plane].buffer,
      frame->planes[plane].start,
      frame->planes[plane].range,
    };

    if (!frame->is_image)
      add_buffer (
          writes, set, first + i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, &buffer);
    else
      add_image (writes, set, first + i,
          out ? VK_DESCRIPTOR_TYPE_STORAGE_IMAGE
              : VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE,
          out ? frame->planes[plane].write : frame->planes[plane].read);
    if (i == 0 && !frame->is_image)
      add_buffer (writes, set,
          out ? GPU_BINDING_OUT_WORDS : GPU_BINDING_IN_WORDS,
          VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, &buffer);
  }
}

/* --- ownership ---------------------------------------------------------- */

typedef struct
{
  guint n_buffers;
  guint n_images;
  VkBufferMemoryBarrier buffers[MAX_BARRIERS];
  VkImageMemoryBarrier images[MAX_BARRIERS];
} Barriers;

/* Returns the layout of an image before it is acquired. An input keeps the
 * content that the foreign user released. An output is written completely:
 * UNDEFINED discards its content, and initialises the metadata of a compressed
 * image. */
static VkImageLayout
get_old_layout (const GpuFrame *frame, VkAccessFlags access)
{
  if (!frame->foreign)
    return frame->layout;

  return access & VK_ACCESS_SHADER_WRITE_BIT ? VK_IMAGE_LAYOUT_UNDEFINED
                                             : VK_IMAGE_LAYOUT_GENERAL;
}

/* Adds the barriers that acquire @frame from its foreign users, or release it
 * to them. */
static void
add_barriers (GpuContext *context, Barriers *barriers, GpuFrame *frame,
    VkAccessFlags access, gboolean acquire)
{
  guint32 other = frame->foreign ? context->foreign : VK_QUEUE_FAMILY_IGNORED;
  guint32 own = frame->foreign ? context->family : VK_QUEUE_FAMILY_IGNORED;
  VkAccessFlags source = acquire ? 0 : access & VK_ACCESS_SHADER_WRITE_BIT;
  /* Frames that are not foreign are read by the CPU afterwards. */
  VkAccessFlags target = acquire ? access
      : frame->foreign           ? 0
                                 : VK_ACCESS_HOST_READ_BIT;
  guint i, j;

  for (i = 0; i < frame->format->n_planes; i++) {
    if (frame->is_image) {
      barriers->images[barriers->n_images++] = (VkImageMemoryBarrier) {
        .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
        .srcAccessMask = source,
        .dstAccessMask = target,
        .oldLayout =
            acquire ? get_old_layout (frame, access) : VK_IMAGE_LAYOUT_GENERAL,
        .newLayout = VK_IMAGE_LAYOUT_GENERAL,
        .srcQueueFamilyIndex = acquire ? other : own,
        .dstQueueFamilyIndex = acquire ? own : other,
        .image = frame->planes[i].image,
        .subresourceRange = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1 },
      };
      continue;
    }

    /* A buffer with several planes needs one barrier. */
    for (j = 0; j < i; j++) {
      if (frame->planes[j].buffer == frame->planes[i].buffer)
        break;
    }
    if (j == i)
      barriers->buffers[barriers->n_buffers++] = (VkBufferMemoryBarrier) {
        .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
        .srcAccessMask = source,
        .dstAccessMask = target,
        .srcQueueFamilyIndex = acquire ? other : own,
        .dstQueueFamilyIndex = acquire ? own : other,
        .buffer = frame->planes[i].buffer,
        .size = VK_WHOLE_SIZE,
      };
  }
  if (acquire)
    frame->layout = VK_IMAGE_LAYOUT_GENERAL;
}

static void
transfer (GpuContext *context, const GpuRecord *record, gboolean acquire)
{
  gboolean foreign = record->out->foreign;
  VkPipelineStageFlags outside = foreign ? VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT
                                         : VK_PIPELINE_STAGE_HOST_BIT;
  Barriers barriers = { 0 };

  if (record->in)
    add_barriers (
        context, &barriers, record->in, VK_ACCESS_SHADER_READ_BIT, acquire);
  add_barriers (
      context, &barriers, record->out, VK_ACCESS_SHADER_WRITE_BIT, acquire);

  /* The submit waits for the semaphores at the stage of the shader, so the
   * barriers have to follow that stage. */
  context->api.CmdPipelineBarrier (record->commands,
      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
      acquire ? VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT : outside, 0, 0, NULL,
      barriers.n_buffers, barriers.buffers, barriers.n_images, barriers.images);
}

/* --- commands ----------------------------------------------------------- */

VkResult
gpu_record_commands (GpuContext *context, const GpuRecord *record)
{
  const GpuApi *api = &context->api;
  const GpuFormat *format = record->out->format;
  guint block_width = 1u << format->h_shift;
  guint block_height = 1u << format->v_shift;
  VkCommandBufferBeginInfo begin = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
    .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
  };
  Writes writes = { 0 };
  VkResult result;

  add_buffer (&writes, record->set, GPU_BINDING_PARAMS,
      VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, &record->params);
  if (record->in)
    add_frame (&writes, record->set, record->in, FALSE);
  add_frame (&writes, record->set, record->out, TRUE);
  api->UpdateDescriptorSets (context->device, writes.n, writes.writes, 0, NULL);

  result = api->BeginCommandBuffer (record->commands, &begin);
  if (result != VK_SUCCESS)
    return result;
  transfer (context, record, TRUE);
  api->CmdBindPipeline (
      record->commands, VK_PIPELINE_BIND_POINT_COMPUTE, record->pipeline);
  api->CmdBindDescriptorSets (record->commands, VK_PIPELINE_BIND_POINT_COMPUTE,
      record->layout, 0, 1, &record->set, 0, NULL);
  api->CmdDispatch (record->commands,
      ((record->out->width + block_width - 1) / block_width + GROUP_SIZE - 1)
          / GROUP_SIZE,
      ((record->out->height + block_height - 1) / block_height + GROUP_SIZE - 1)
          / GROUP_SIZE,
      1);
  transfer (context, record, FALSE);

  return api->EndCommandBuffer (record->commands);
}
