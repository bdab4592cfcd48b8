/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-frame.h"
#include "gpu-params.h"

G_BEGIN_DECLS

/* The objects to record one frame. */
typedef struct
{
  VkCommandBuffer commands;
  VkPipeline pipeline;
  VkPipelineLayout layout;
  VkDescriptorSet set;
  GpuFrame *in; /* NULL for a pattern */
  GpuFrame *out;
  VkDescriptorBufferInfo params;
} GpuRecord;

/* Writes @params and the planes of the frames to @to, which the GPU reads. */
void gpu_record_params (
    const GpuRecord *record, const GpuParams *params, GpuParams *to);

/* Records the commands: acquire the frames from their users outside of Vulkan,
 * run the shader, release the frames. */
VkResult gpu_record_commands (GpuContext *context, const GpuRecord *record);

G_END_DECLS
