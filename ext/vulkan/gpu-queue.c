/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gpu-queue.h"
#include "gpu-record.h"
#include "gpu-sync.h"

#include <errno.h>
#include <string.h>

/* --- life -------------------------------------------------------------- */

static VkResult
make_params (GpuQueue *queue)
{
  const GpuApi *api = &queue->context->api;
  VkDevice device = queue->context->device;
  VkBufferCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .usage = VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT,
  };
  VkMemoryAllocateInfo allocate = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
  };
  VkMemoryRequirements requirements;
  VkResult result;
  void *data;

  /* The greatest minUniformBufferOffsetAlignment that Vulkan allows. */
  queue->params_stride = (sizeof (GpuParams) + 255) & ~(gsize) 255;
  create.size = queue->params_stride * queue->n_slots;
  result = api->CreateBuffer (device, &create, NULL, &queue->params);
  if (result != VK_SUCCESS)
    return result;
  api->GetBufferMemoryRequirements (device, queue->params, &requirements);
  allocate.allocationSize = requirements.size;
  allocate.memoryTypeIndex =
      gpu_context_find_memory (queue->context, requirements.memoryTypeBits,
          VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
              | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
          VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
  result = api->AllocateMemory (device, &allocate, NULL, &queue->params_memory);
  if (result != VK_SUCCESS)
    return result;
  result =
      api->BindBufferMemory (device, queue->params, queue->params_memory, 0);
  if (result != VK_SUCCESS)
    return result;
  result =
      api->MapMemory (device, queue->params_memory, 0, VK_WHOLE_SIZE, 0, &data);
  queue->params_data = data;

  return result;
}

static VkResult
make_descriptors (GpuQueue *queue)
{
  VkDescriptorPoolSize sizes[] = {
    { VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, 4 * queue->n_slots },
    { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 4 * 8 * queue->n_slots },
    { VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE, 4 * 3 * queue->n_slots },
    { VK_DESCRIPTOR_TYPE_STORAGE_IMAGE, 4 * 3 * queue->n_slots },
  };
  VkDescriptorPoolCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
    .maxSets = 4 * queue->n_slots,
    .poolSizeCount = G_N_ELEMENTS (sizes),
    .pPoolSizes = sizes,
  };

  return queue->context->api.CreateDescriptorPool (
      queue->context->device, &create, NULL, &queue->descriptors);
}

static VkResult
make_slot (GpuQueue *queue, GpuSlot *slot)
{
  const GpuApi *api = &queue->context->api;
  VkDevice device = queue->context->device;
  VkCommandPoolCreateInfo pool = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
    .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
    .queueFamilyIndex = queue->context->family,
  };
  VkCommandBufferAllocateInfo allocate = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
    .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
    .commandBufferCount = 1,
  };
  VkResult result;

  result = api->CreateCommandPool (device, &pool, NULL, &slot->pool);
  if (result != VK_SUCCESS)
    return result;
  allocate.commandPool = slot->pool;
  result = api->AllocateCommandBuffers (device, &allocate, &slot->commands);
  if (result == VK_SUCCESS && queue->context->has_sync_fd)
    result = gpu_sync_make_semaphore (queue->context, TRUE, &slot->done);

  return result;
}

static VkResult
make_timeline (GpuQueue *queue)
{
  VkSemaphoreTypeCreateInfo type = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
    .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
  };
  VkSemaphoreCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
    .pNext = &type,
  };

  return queue->context->api.CreateSemaphore (
      queue->context->device, &create, NULL, &queue->timeline);
}

gboolean
gpu_queue_init (
    GpuQueue *queue, GpuContext *context, guint n_slots, GError **error)
{
  VkResult result;
  guint i;

  memset (queue, 0, sizeof (*queue));
  queue->context = gpu_context_ref (context);
  queue->n_slots = CLAMP (n_slots, 1, GPU_MAX_SLOTS);
  queue->trust = context->fences_completed ? DMABUF_FENCE_TRUST_COMPLETED
                                           : DMABUF_FENCE_TRUST_FULL;
  gpu_program_init (&queue->program, context);

  result = make_timeline (queue);
  if (result == VK_SUCCESS)
    result = make_params (queue);
  if (result == VK_SUCCESS)
    result = make_descriptors (queue);
  for (i = 0; i < queue->n_slots && result == VK_SUCCESS; i++)
    result = make_slot (queue, &queue->slots[i]);
  if (gpu_context_note (context, result) != VK_SUCCESS)
    goto failed;

  return TRUE;

  /* ERRORS */
failed: {
  gpu_set_error (
      error, result, "%s: cannot allocate frames in flight", context->name);
  gpu_queue_clear (queue);
  return FALSE;
}
}

static void
drop_holds (GpuSlot *slot)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (slot->holds); i++)
    g_clear_pointer (&slot->holds[i], dmabuf_attachment_unref);
}

gboolean
gpu_queue_drain (GpuQueue *queue)
{
  guint i;

  if (!queue->context)
    return TRUE;

  if (queue->submitted > 0 && !g_atomic_int_get (&queue->context->lost)
      && !gpu_sync_wait_timeline (queue->context, queue->timeline,
          queue->submitted,
          g_get_monotonic_time () + GPU_TIMEOUT (queue->context), NULL, NULL)
      && !g_atomic_int_get (&queue->context->lost))
    return FALSE;
  for (i = 0; i < queue->n_slots; i++)
    drop_holds (&queue->slots[i]);

  return TRUE;
}

void
gpu_queue_clear (GpuQueue *queue)
{
  GpuContext *context = queue->context;
  guint i, j;

  if (!context)
    return;

  if (!gpu_queue_drain (queue)) {
    /* Objects that the GPU still uses must not be freed: leak them. */
    g_warning (
        "%s does not finish its work: its memory is leaked", context->name);
    memset (queue, 0, sizeof (*queue));
    return;
  }
  gpu_program_clear (&queue->program);
  for (i = 0; i < queue->n_slots; i++) {
    GpuSlot *slot = &queue->slots[i];

    for (j = 0; j < GPU_MAX_WAITS; j++)
      context->api.DestroySemaphore (context->device, slot->waits[j], NULL);
    context->api.DestroySemaphore (context->device, slot->done, NULL);
    context->api.DestroyCommandPool (context->device, slot->pool, NULL);
  }
  context->api.DestroyDescriptorPool (
      context->device, queue->descriptors, NULL);
  context->api.DestroyBuffer (context->device, queue->params, NULL);
  context->api.FreeMemory (context->device, queue->params_memory, NULL);
  context->api.DestroySemaphore (context->device, queue->timeline, NULL);
  memset (queue, 0, sizeof (*queue));
  gpu_context_unref (context);
}

/* --- a frame ------------------------------------------------------------ */

/* Returns the next slot, after the GPU is done with its last frame. */
static GpuSlot *
take_slot (GpuQueue *queue, GCancellable *cancellable, GError **error)
{
  GpuSlot *slot = &queue->slots[queue->next];
  guint64 reached = 0;
  VkResult result;

  queue->context->api.GetSemaphoreCounterValue (
      queue->context->device, queue->timeline, &reached);
  if (reached < slot->value) {
    queue->n_full_waits++;
    if (!gpu_sync_wait_timeline (queue->context, queue->timeline, slot->value,
            g_get_monotonic_time () + GPU_TIMEOUT (queue->context), cancellable,
            error))
      return NULL;
  }
  drop_holds (slot);

  /* Without an export it is still signalled, and must not be signalled again
   * (VUID-vkQueueSubmit-pSignalSemaphores-00067): make a new one. */
  if (slot->done && !slot->exported && slot->value > 0) {
    queue->context->api.DestroySemaphore (
        queue->context->device, slot->done, NULL);
    slot->done = VK_NULL_HANDLE;
    result = gpu_sync_make_semaphore (queue->context, TRUE, &slot->done);
    if (gpu_context_note (queue->context, result) != VK_SUCCESS) {
      gpu_set_error (error, result, "%s: no semaphore", queue->context->name);
      return NULL;
    }
  }

  return slot;
}

static gboolean
find_set (GpuQueue *queue, GpuSlot *slot, const GpuKey *key,
    VkPipelineLayout *layout, VkDescriptorSet **set, GError **error)
{
  VkDescriptorSetLayout set_layout;
  VkDescriptorSetAllocateInfo allocate = {
    .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
    .descriptorPool = queue->descriptors,
    .descriptorSetCount = 1,
    .pSetLayouts = &set_layout,
  };
  VkResult result;

  if (!gpu_program_get_layouts (
          &queue->program, key, &set_layout, layout, error))
    return FALSE;
  *set = &slot->sets[key->in_image][key->out_image];
  if (**set)
    return TRUE;

  result = queue->context->api.AllocateDescriptorSets (
      queue->context->device, &allocate, *set);
  if (gpu_context_note (queue->context, result) != VK_SUCCESS) {
    **set = VK_NULL_HANDLE;
    gpu_set_error (error, result, "%s: no descriptors", queue->context->name);
    return FALSE;
  }

  return TRUE;
}

static gboolean
check_frames (const GpuJob *job, GError **error)
{
  const GpuFrame *bad;

  if (job->in && !job->in->readable)
    bad = job->in;
  else if (!job->out->writable)
    bad = job->out;
  else
    return TRUE;

  gpu_set_errno (error, ENOTSUP,
      "the GPU cannot %s images of %.4s with this modifier",
      bad == job->in ? "read" : "write", (const char *) &bad->format->fourcc);
  return FALSE;
}

static void
retire (gpointer user_data)
{
  gpu_queue_drain (user_data);
}

static gboolean
record (GpuQueue *queue, GpuSlot *slot, const GpuJob *job, GError **error)
{
  GpuContext *context = queue->context;
  gsize offset = (slot - queue->slots) * queue->params_stride;
  GpuRecord record = {
    .commands = slot->commands,
    .in = job->in,
    .out = job->out,
    .params = { queue->params, offset, sizeof (GpuParams) },
  };
  VkDescriptorSet *set;
  VkResult result;
  GpuKey key;

  gpu_key_init (&key, job->shader, job->in ? job->in->format : NULL,
      job->in && !job->in->is_image && job->in->words, job->out->format,
      job->out->words, job->mode);
  key.in_image = job->in && job->in->is_image;
  key.out_image = job->out->is_image;

  record.pipeline =
      gpu_program_get (&queue->program, &key, retire, queue, error);
  if (!record.pipeline
      || !find_set (queue, slot, &key, &record.layout, &set, error))
    return FALSE;
  record.set = *set;

  gpu_record_params (
      &record, job->params, (GpuParams *) (queue->params_data + offset));
  result = context->api.ResetCommandPool (context->device, slot->pool, 0);
  if (result == VK_SUCCESS)
    result = gpu_record_commands (context, &record);
  if (gpu_context_note (context, result) != VK_SUCCESS) {
    gpu_set_error (error, result, "%s: cannot record", context->name);
    return FALSE;
  }

  return TRUE;
}

static gboolean
submit (GpuQueue *queue, GpuSlot *slot, guint n_waits, GError **error)
{
  GpuContext *context = queue->context;
  VkPipelineStageFlags stages[GPU_MAX_WAITS];
  guint64 wait_values[GPU_MAX_WAITS] = { 0 };
  VkSemaphore signals[] = { queue->timeline, slot->done };
  guint64 signal_values[] = { queue->submitted + 1, 0 };
  VkTimelineSemaphoreSubmitInfo values = {
    .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
    .waitSemaphoreValueCount = n_waits,
    .pWaitSemaphoreValues = wait_values,
    .signalSemaphoreValueCount = slot->done ? 2 : 1,
    .pSignalSemaphoreValues = signal_values,
  };
  VkSubmitInfo info = {
    .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
    .pNext = &values,
    .waitSemaphoreCount = n_waits,
    .pWaitSemaphores = slot->waits,
    .pWaitDstStageMask = stages,
    .commandBufferCount = 1,
    .pCommandBuffers = &slot->commands,
    .signalSemaphoreCount = values.signalSemaphoreValueCount,
    .pSignalSemaphores = signals,
  };
  VkResult result;
  guint i;

  for (i = 0; i < n_waits; i++)
    stages[i] = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;

  g_mutex_lock (&context->queue_lock);
  result = context->api.QueueSubmit (context->queue, 1, &info, VK_NULL_HANDLE);
  g_mutex_unlock (&context->queue_lock);
  if (gpu_context_note (context, result) != VK_SUCCESS) {
    gpu_set_error (error, result, "%s: cannot submit", context->name);
    return FALSE;
  }

  slot->value = ++queue->submitted;
  slot->exported = FALSE;
  queue->n_submits++;
  queue->next = (queue->next + 1) % queue->n_slots;

  return TRUE;
}

gboolean
gpu_queue_prepare (GpuQueue *queue, const GpuJob *job,
    GCancellable *cancellable, GError **error)
{
  GpuSlot *slot;

  queue->prepared = NULL;
  if (!check_frames (job, error))
    return FALSE;
  slot = take_slot (queue, cancellable, error);
  if (!slot || !record (queue, slot, job, error))
    return FALSE;
  queue->prepared = slot;

  return TRUE;
}

/* Whether all fences have to be waited for before the submit. A driver that
 * finishes its work before it exports a sync_file would wait for them in the
 * export, which neither a deadline nor a flush can end. */
static gboolean
waits_first (GpuQueue *queue)
{
  return queue->trust == DMABUF_FENCE_TRUST_COMPLETED;
}

gboolean
gpu_queue_takes_fences (
    GpuQueue *queue, DmabufFence *const *fences, guint n_fences)
{
  guint i;

  for (i = 0; i < n_fences; i++) {
    if (fences[i] && !dmabuf_fence_is_signaled (fences[i])
        && (waits_first (queue)
            || !gpu_sync_takes_fence (queue->context, fences[i])))
      return FALSE;
  }

  return TRUE;
}

gboolean
gpu_queue_wait_fences (GpuQueue *queue, DmabufFence *const *fences,
    guint n_fences, gint64 deadline, GCancellable *cancellable, GError **error)
{
  DmabufFenceUnwrap cursor;
  gboolean ret = TRUE;
  DmabufFence *leaf;
  guint i;

  for (i = 0; i < n_fences && ret; i++) {
    for (leaf = dmabuf_fence_unwrap_first (fences[i], &cursor); leaf && ret;
        leaf = dmabuf_fence_unwrap_next (&cursor)) {
      if (gpu_queue_takes_fences (queue, &leaf, 1))
        continue;
      /* For a driver that waits first, this is the GPU's wait: not counted. */
      if (!waits_first (queue))
        queue->n_cpu_waits++;
      ret = dmabuf_fence_wait (leaf, deadline, cancellable, error);
    }
    dmabuf_fence_unwrap_end (&cursor);
  }

  return ret;
}

gboolean
gpu_queue_submit (GpuQueue *queue, const GpuJob *job, gint64 deadline,
    GCancellable *cancellable, DmabufFence **fence, GError **error)
{
  GpuContext *context = queue->context;
  GpuSlot *slot = queue->prepared;
  GError *own_error = NULL;
  guint n_waits, i;

  *fence = NULL;
  g_return_val_if_fail (slot != NULL, FALSE);
  queue->prepared = NULL;
  if (!gpu_sync_import_fences (context, slot->waits, GPU_MAX_WAITS, job->fences,
          job->n_fences, &n_waits, &queue->n_cpu_waits, deadline, cancellable,
          error))
    return FALSE;
  for (i = 0; waits_first (queue) && i < job->n_fences; i++) {
    if (job->fences[i]
        && !dmabuf_fence_wait (job->fences[i], deadline, cancellable, error)) {
      gpu_sync_drop_fences (context, slot->waits, n_waits);
      return FALSE;
    }
  }
  if (!submit (queue, slot, n_waits, error)) {
    gpu_sync_drop_fences (context, slot->waits, n_waits);
    return FALSE;
  }
  queue->n_semaphores += n_waits;
  for (i = 0; i < G_N_ELEMENTS (job->holds); i++) {
    if (job->holds[i])
      slot->holds[i] = dmabuf_attachment_ref (job->holds[i]);
  }

  if (slot->done) {
    slot->exported = gpu_sync_export_fence (
        context, slot->done, queue->trust, fence, &own_error);
    if (slot->exported)
      return TRUE;
    g_debug ("%s; waiting for the frame", own_error->message);
    g_clear_error (&own_error);
  }

  /* Without a cancellable: the GPU works on the buffers, and without a fence
   * other users could not wait for it. */
  queue->n_cpu_waits++;

  return gpu_sync_wait_timeline (context, queue->timeline, slot->value,
      g_get_monotonic_time () + GPU_TIMEOUT (queue->context), NULL, error);
}
