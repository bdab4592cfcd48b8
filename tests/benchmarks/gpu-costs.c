/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a small frame costs in dmabufvkconvert, waited for: nanoseconds, the
 * best of several runs, calls of malloc on the streaming thread outside of the
 * driver (this program takes the Vulkan loader's place), submits and
 * semaphores. With imports that are kept, and with imports made for each frame.
 *
 * Prints one line: NAME NANOSECONDS MALLOCS SUBMITS SEMAPHORES IMPORTS for
 * each.
 */

#include <gst/lib/gstdmabufcore.h>
#include <gst/video/video.h>
#include <stdio.h>
#include <string.h>

#include "../check/vulkan/loader-shim.h"
#include "count-mallocs.h"
#include "gstdmabufvkconvert.h"
#include "gstdmabufvkstage.h"
#include "pads.h"

#define IN_CAPS "video/x-raw,format=BGRx,width=16,height=16,framerate=30/1"
#define OUT_CAPS "video/x-raw,format=RGBx,width=16,height=16,framerate=30/1"
#define WARM_UP 20
#define N_FRAMES 100
#define N_RUNS 3

/* --- the driver's calls of a frame ------------------------------------------
 */

/* X (name, type of what it returns, parameters, arguments) */
#define CALLS(X) \
  X (QueueSubmit, VkResult, \
      (VkQueue a, uint32_t b, const VkSubmitInfo *c, VkFence d), (a, b, c, d)) \
  X (GetSemaphoreFdKHR, VkResult, \
      (VkDevice a, const VkSemaphoreGetFdInfoKHR *b, int *c), (a, b, c)) \
  X (ImportSemaphoreFdKHR, VkResult, \
      (VkDevice a, const VkImportSemaphoreFdInfoKHR *b), (a, b)) \
  X (WaitSemaphores, VkResult, \
      (VkDevice a, const VkSemaphoreWaitInfo *b, uint64_t c), (a, b, c)) \
  X (GetSemaphoreCounterValue, VkResult, \
      (VkDevice a, VkSemaphore b, uint64_t *c), (a, b, c)) \
  X (CreateSemaphore, VkResult, \
      (VkDevice a, const VkSemaphoreCreateInfo *b, \
          const VkAllocationCallbacks *c, VkSemaphore *d), \
      (a, b, c, d)) \
  X (ResetCommandPool, VkResult, \
      (VkDevice a, VkCommandPool b, VkCommandPoolResetFlags c), (a, b, c)) \
  X (BeginCommandBuffer, VkResult, \
      (VkCommandBuffer a, const VkCommandBufferBeginInfo *b), (a, b)) \
  X (EndCommandBuffer, VkResult, (VkCommandBuffer a), (a))
#define VOID_CALLS(X) \
  X (UpdateDescriptorSets, \
      (VkDevice a, uint32_t b, const VkWriteDescriptorSet *c, uint32_t d, \
          const VkCopyDescriptorSet *e), \
      (a, b, c, d, e)) \
  X (CmdBindPipeline, \
      (VkCommandBuffer a, VkPipelineBindPoint b, VkPipeline c), (a, b, c)) \
  X (CmdBindDescriptorSets, \
      (VkCommandBuffer a, VkPipelineBindPoint b, VkPipelineLayout c, \
          uint32_t d, uint32_t e, const VkDescriptorSet *f, uint32_t g, \
          const uint32_t *h), \
      (a, b, c, d, e, f, g, h)) \
  X (CmdDispatch, (VkCommandBuffer a, uint32_t b, uint32_t c, uint32_t d), \
      (a, b, c, d)) \
  X (CmdPipelineBarrier, \
      (VkCommandBuffer a, VkPipelineStageFlags b, VkPipelineStageFlags c, \
          VkDependencyFlags d, uint32_t e, const VkMemoryBarrier *f, \
          uint32_t g, const VkBufferMemoryBarrier *h, uint32_t i, \
          const VkImageMemoryBarrier *j), \
      (a, b, c, d, e, f, g, h, i, j)) \
  X (DestroySemaphore, \
      (VkDevice a, VkSemaphore b, const VkAllocationCallbacks *c), (a, b, c))

#define DEFINE(name, type, parameters, arguments) \
  static PFN_vk##name real_##name; \
  static VKAPI_ATTR type VKAPI_CALL name parameters \
  { \
    type result; \
    mallocs_not_counted++; \
    result = real_##name arguments; \
    mallocs_not_counted--; \
    return result; \
  }
#define DEFINE_VOID(name, parameters, arguments) \
  static PFN_vk##name real_##name; \
  static VKAPI_ATTR void VKAPI_CALL name parameters \
  { \
    mallocs_not_counted++; \
    real_##name arguments; \
    mallocs_not_counted--; \
  }
CALLS (DEFINE)
VOID_CALLS (DEFINE_VOID)

#define WRAP(fn, ...) \
  if (strcmp (name, "vk" #fn) == 0) { \
    real_##fn = (PFN_vk##fn) real; \
    return (PFN_vkVoidFunction) fn; \
  }

static PFN_vkVoidFunction
wrap (const char *name, PFN_vkVoidFunction real)
{
  CALLS (WRAP)
  VOID_CALLS (WRAP)

  return real;
}

/* --- frames ------------------------------------------------------------------
 */

static gboolean import_anew;

/* A consumer that waits for the frame */
static GstFlowReturn
chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  DmabufFence *fence = gst_buffer_get_dmabuf_core_fence (buffer);

  if (fence)
    dmabuf_fence_wait (fence, DMABUF_DEADLINE_NEVER, NULL, NULL);
  gst_buffer_unref (buffer);

  return GST_FLOW_OK;
}

static gboolean
query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  if (GST_QUERY_TYPE (query) == GST_QUERY_CAPS) {
    GstCaps *caps = gst_caps_from_string (OUT_CAPS);

    gst_query_set_caps_result (query, caps);
    gst_caps_unref (caps);
    return TRUE;
  }
  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return gst_pad_query_default (pad, parent, query);
  gst_query_add_allocation_meta (
      query, GST_DMABUF_CORE_SYNC_META_API_TYPE, NULL);
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  return TRUE;
}

static GstBufferPool *
new_pool (void)
{
  GstBufferPool *pool = gst_dmabuf_core_pool_new (NULL);
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstCaps *caps = gst_caps_from_string (IN_CAPS);

  gst_buffer_pool_config_set_params (config, caps, 0, 4, 4);
  gst_buffer_pool_config_add_option (config, GST_BUFFER_POOL_OPTION_VIDEO_META);
  if (!gst_buffer_pool_set_config (pool, config)
      || !gst_buffer_pool_set_active (pool, TRUE))
    g_error ("no pool");
  gst_caps_unref (caps);

  return pool;
}

static void
push (GstPad *src, GstBufferPool *pool)
{
  GstBuffer *buffer;

  if (gst_buffer_pool_acquire_buffer (pool, &buffer, NULL) != GST_FLOW_OK
      || gst_pad_push (src, buffer) != GST_FLOW_OK)
    g_error ("no frame");
  /* what is drained lets go of its imports */
  if (import_anew) {
    GstQuery *drain = gst_query_new_drain ();

    gst_pad_peer_query (src, drain);
    gst_query_unref (drain);
  }
}

static guint64
get (const GstStructure *stats, const char *name)
{
  guint64 value = 0;

  gst_structure_get_uint64 (stats, name, &value);
  return value;
}

typedef struct
{
  const char *name;
  gboolean import_anew;
  double ns;
  guint64 mallocs, submits, semaphores, imports;
} Cost;

static void
measure (Cost *cost, Pads *pads, GstBufferPool *pool)
{
  GstStructure *before, *after;
  gint64 began;
  guint i;

  import_anew = cost->import_anew;
  for (i = 0; i < WARM_UP; i++)
    push (pads->src, pool);
  g_object_get (pads->element, "stats", &before, NULL);
  cost->mallocs = n_mallocs;
  began = g_get_monotonic_time ();
  for (i = 0; i < N_FRAMES; i++)
    push (pads->src, pool);
  cost->ns =
      MIN (cost->ns, (g_get_monotonic_time () - began) * 1000. / N_FRAMES);
  cost->mallocs = n_mallocs - cost->mallocs;
  g_object_get (pads->element, "stats", &after, NULL);
  cost->submits = get (after, "submits") - get (before, "submits");
  cost->semaphores = get (after, "semaphores") - get (before, "semaphores");
  cost->imports = get (after, "imports") - get (before, "imports");
  gst_structure_free (before);
  gst_structure_free (after);
}

int
main (int argc, char **argv)
{
  GstBufferPool *pool;
  GstCaps *caps;
  Pads pads;
  guint i, j;
  Cost costs[] = {
    { "kept", FALSE, G_MAXDOUBLE },
    { "anew", TRUE, G_MAXDOUBLE },
  };

  loader_shim_install (wrap);

  gst_init (&argc, &argv);
  GST_DEBUG_CATEGORY_INIT (dmabufvk_debug, "dmabufvk", 0, "the plugin's");
  GST_ELEMENT_REGISTER (dmabufvkconvert, NULL);
  caps = gst_caps_from_string (IN_CAPS);
  pads_open (&pads, "dmabufvkconvert", chain, query, caps);
  gst_caps_unref (caps);

  pool = new_pool ();
  for (i = 0; i < N_RUNS; i++) {
    for (j = 0; j < G_N_ELEMENTS (costs); j++)
      measure (&costs[j], &pads, pool);
  }
  for (j = 0; j < G_N_ELEMENTS (costs); j++)
    printf ("%s %.0f %.4f %.4f %.4f %.4f\n", costs[j].name, costs[j].ns,
        (double) costs[j].mallocs / N_FRAMES,
        (double) costs[j].submits / N_FRAMES,
        (double) costs[j].semaphores / N_FRAMES,
        (double) costs[j].imports / N_FRAMES);

  pads_close (&pads);
  return 0;
}
