/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gpu-program.h"
#include "gpu-cache.h"

#include <string.h>

#include "convert-bb.spv.h"
#include "convert-bi.spv.h"
#include "convert-ib.spv.h"
#include "convert-ii.spv.h"
#include "pattern-b.spv.h"
#include "pattern-i.spv.h"

/* The variants of the shaders: reading and writing buffers (b) or images (i).
 */
#define CODE(array) { array, sizeof (array) }
static const struct
{
  const guint32 *words;
  gsize size;
} codes[2][2][2] = {
  [GPU_SHADER_CONVERT] = { { CODE (convert_bb), CODE (convert_bi) },
      { CODE (convert_ib), CODE (convert_ii) } },
  [GPU_SHADER_PATTERN] = { { CODE (pattern_b), CODE (pattern_i) },
      { CODE (pattern_b), CODE (pattern_i) } },
};

void
gpu_key_init (GpuKey *key, GpuShader shader, const GpuFormat *in,
    gboolean in_words, const GpuFormat *out, gboolean out_words, gint mode)
{
  memset (key, 0, sizeof (*key));
  key->shader = shader;
  if (in) {
    key->constants[0] = in->kind;
    key->constants[1] = in->bytes;
    key->constants[2] = in->h_shift;
    key->constants[3] = in->v_shift;
    key->constants[4] = in_words;
  }
  key->constants[5] = out->kind;
  key->constants[6] = out->bytes;
  key->constants[7] = out->h_shift;
  key->constants[8] = out->v_shift;
  key->constants[9] = out_words;
  key->constants[10] = mode;
}

void
gpu_program_init (GpuProgram *program, GpuContext *context)
{
  memset (program, 0, sizeof (*program));
  program->context = context;
  program->cache = gpu_cache_load (context);
}

void
gpu_program_clear (GpuProgram *program)
{
  GpuContext *context = program->context;
  guint i;

  if (!context)
    return;

  for (i = 0; i < program->n_pipelines; i++)
    context->api.DestroyPipeline (
        context->device, program->pipelines[i].pipeline, NULL);
  for (i = 0; i < 4; i++) {
    context->api.DestroyPipelineLayout (
        context->device, program->layouts[i / 2][i % 2], NULL);
    context->api.DestroyDescriptorSetLayout (
        context->device, program->sets[i / 2][i % 2], NULL);
  }
  gpu_cache_save (context, program->cache);
  memset (program, 0, sizeof (*program));
}

static guint
add_bindings (VkDescriptorSetLayoutBinding *bindings, guint first, guint n,
    VkDescriptorType type)
{
  guint i;

  for (i = 0; i < n; i++) {
    bindings[i] = (VkDescriptorSetLayoutBinding) {
      .binding = first + i,
      .descriptorType = type,
      .descriptorCount = 1,
      .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
    };
  }

  return n;
}

gboolean
gpu_program_get_layouts (GpuProgram *program, const GpuKey *key,
    VkDescriptorSetLayout *set, VkPipelineLayout *layout, GError **error)
{
  const GpuApi *api = &program->context->api;
  VkDevice device = program->context->device;
  VkDescriptorSetLayout *own_set =
      &program->sets[key->in_image][key->out_image];
  VkPipelineLayout *own_layout =
      &program->layouts[key->in_image][key->out_image];
  VkDescriptorSetLayoutBinding bindings[9];
  VkDescriptorSetLayoutCreateInfo set_info = {
    .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
    .pBindings = bindings,
  };
  VkPipelineLayoutCreateInfo layout_info = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
    .setLayoutCount = 1,
    .pSetLayouts = own_set,
  };
  VkResult result = VK_SUCCESS;
  guint n;

  n = add_bindings (
      bindings, GPU_BINDING_PARAMS, 1, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER);
  n += add_bindings (bindings + n, GPU_BINDING_IN, 3,
      key->in_image ? VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE
                    : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER);
  n += add_bindings (bindings + n, GPU_BINDING_OUT, 3,
      key->out_image ? VK_DESCRIPTOR_TYPE_STORAGE_IMAGE
                     : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER);
  n += add_bindings (
      bindings + n, GPU_BINDING_IN_WORDS, 2, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER);
  set_info.bindingCount = n;

  if (!*own_set)
    result = api->CreateDescriptorSetLayout (device, &set_info, NULL, own_set);
  if (result == VK_SUCCESS && !*own_layout)
    result = api->CreatePipelineLayout (device, &layout_info, NULL, own_layout);
  if (gpu_context_note (program->context, result) != VK_SUCCESS)
    goto failed;
  *set = *own_set;
  *layout = *own_layout;

  return TRUE;

  /* ERRORS */
failed: {
  gpu_set_error (
      error, result, "%s: no pipeline layout", program->context->name);
  return FALSE;
}
}

static VkPipeline
make_pipeline (GpuProgram *program, const GpuKey *key, GError **error)
{
  const GpuApi *api = &program->context->api;
  VkDevice device = program->context->device;
  VkSpecializationMapEntry entries[G_N_ELEMENTS (key->constants)];
  VkSpecializationInfo constants = {
    .mapEntryCount = G_N_ELEMENTS (entries),
    .pMapEntries = entries,
    .dataSize = sizeof (key->constants),
    .pData = key->constants,
  };
  VkShaderModuleCreateInfo module_info = {
    .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
    .codeSize = codes[key->shader][key->in_image][key->out_image].size,
    .pCode = codes[key->shader][key->in_image][key->out_image].words,
  };
  VkComputePipelineCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
    .stage = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
      .stage = VK_SHADER_STAGE_COMPUTE_BIT,
      .pName = "main",
      .pSpecializationInfo = &constants,
    },
  };
  VkDescriptorSetLayout set;
  VkPipeline pipeline;
  VkResult result;
  guint i;

  if (!gpu_program_get_layouts (program, key, &set, &create.layout, error))
    return VK_NULL_HANDLE;
  for (i = 0; i < G_N_ELEMENTS (entries); i++)
    entries[i] =
        (VkSpecializationMapEntry) { i, i * sizeof (gint32), sizeof (gint32) };

  result = api->CreateShaderModule (
      device, &module_info, NULL, &create.stage.module);
  if (gpu_context_note (program->context, result) != VK_SUCCESS)
    goto failed;
  result = api->CreateComputePipelines (
      device, program->cache, 1, &create, NULL, &pipeline);
  api->DestroyShaderModule (device, create.stage.module, NULL);
  if (gpu_context_note (program->context, result) != VK_SUCCESS)
    goto failed;
  program->n_made++;

  return pipeline;

  /* ERRORS */
failed: {
  gpu_set_error (
      error, result, "%s: no compute pipeline", program->context->name);
  return VK_NULL_HANDLE;
}
}

VkPipeline
gpu_program_get (GpuProgram *program, const GpuKey *key,
    void (*retire) (gpointer), gpointer user_data, GError **error)
{
  GpuPipeline found;
  guint i;

  for (i = 0; i < program->n_pipelines; i++) {
    if (memcmp (&program->pipelines[i].key, key, sizeof (*key)) == 0)
      break;
  }

  if (i < program->n_pipelines) {
    found = program->pipelines[i];
  } else {
    found.key = *key;
    found.pipeline = make_pipeline (program, key, error);
    if (!found.pipeline)
      return VK_NULL_HANDLE;
    if (i == GPU_MAX_PIPELINES) {
      retire (user_data);
      program->context->api.DestroyPipeline (
          program->context->device, program->pipelines[--i].pipeline, NULL);
    } else {
      program->n_pipelines++;
    }
  }
  memmove (program->pipelines + 1, program->pipelines,
      i * sizeof (program->pipelines[0]));
  program->pipelines[0] = found;

  return found.pipeline;
}
