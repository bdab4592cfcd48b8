/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gpu-context.h"
#include "gpu-format.h"

G_BEGIN_DECLS

typedef enum
{
  GPU_SHADER_CONVERT,
  GPU_SHADER_PATTERN,
} GpuShader;

/* The key of a pipeline: the shader, its access to the frames, and its
 * specialization constants (params.glsl). */
typedef struct
{
  GpuShader shader;
  gboolean in_image;
  gboolean out_image;
  gint32 constants[11];
} GpuKey;

/* The bindings of the descriptor sets. */
enum
{
  GPU_BINDING_PARAMS = 0,
  GPU_BINDING_IN = 1,
  GPU_BINDING_OUT = 4,
  GPU_BINDING_IN_WORDS = 7,
  GPU_BINDING_OUT_WORDS = 8,
};

#define GPU_MAX_PIPELINES 64

typedef struct
{
  GpuKey key;
  VkPipeline pipeline;
} GpuPipeline;

/*
 * The pipelines of one element, made at their first use, and their common
 * objects. For one thread.
 */
typedef struct
{
  GpuContext *context;
  VkPipelineCache cache;
  VkDescriptorSetLayout sets[2][2]; /* Input is an image, output is an image */
  VkPipelineLayout layouts[2][2];
  guint n_pipelines;
  GpuPipeline pipelines[GPU_MAX_PIPELINES]; /* The latest first */
  guint n_made;
} GpuProgram;

/* @mode: the shader's own constant. @in: NULL for patterns. */
void gpu_key_init (GpuKey *key, GpuShader shader, const GpuFormat *in,
    gboolean in_words, const GpuFormat *out, gboolean out_words, gint mode);

void gpu_program_init (GpuProgram *program, GpuContext *context);
void gpu_program_clear (GpuProgram *program);

/* Finds or makes the pipeline. If another one has to be destroyed for it,
 * @retire is called before, to wait for the GPU. */
VkPipeline gpu_program_get (GpuProgram *program, const GpuKey *key,
    void (*retire) (gpointer), gpointer user_data, GError **error);

/* Finds or makes the layouts of descriptor sets and pipelines of @key. */
gboolean gpu_program_get_layouts (GpuProgram *program, const GpuKey *key,
    VkDescriptorSetLayout *set, VkPipelineLayout *layout, GError **error);

G_END_DECLS
