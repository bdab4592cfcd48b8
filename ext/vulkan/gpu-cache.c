/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gpu-cache.h"

#include <string.h>

/* A file begins with a checksum of the driver's data: drivers only check the
 * header of the data and trust the rest. */
#define DIGEST_SIZE 32

char *
gpu_cache_get_path (GpuContext *context)
{
  char name[2 * VK_UUID_SIZE + 1];
  char *file, *path;
  guint i;

  for (i = 0; i < VK_UUID_SIZE; i++)
    g_snprintf (name + 2 * i, 3, "%02x", context->cache_uuid[i]);
  file = g_strdup_printf (
      "pipelines-%08x-%08x-%s", context->vendor, context->device_id, name);
  path = g_build_filename (g_get_user_cache_dir (), "gst-dmabuf", file, NULL);
  g_free (file);

  return path;
}

static void
get_digest (const guint8 *data, gsize size, guint8 digest[DIGEST_SIZE])
{
  GChecksum *checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize n = DIGEST_SIZE;

  g_checksum_update (checksum, data, size);
  g_checksum_get_digest (checksum, digest, &n);
  g_checksum_free (checksum);
}

/* Whether the header of the data names this device and driver version. */
static gboolean
is_ours (GpuContext *context, const guint8 *data, gsize size)
{
  VkPipelineCacheHeaderVersionOne header;

  if (size < sizeof (header))
    return FALSE;
  memcpy (&header, data, sizeof (header));

  return header.headerVersion == VK_PIPELINE_CACHE_HEADER_VERSION_ONE
      && header.vendorID == context->vendor
      && header.deviceID == context->device_id
      && memcmp (header.pipelineCacheUUID, context->cache_uuid, VK_UUID_SIZE)
      == 0;
}

VkPipelineCache
gpu_cache_load (GpuContext *context)
{
  VkPipelineCacheCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
  };
  char *path = gpu_cache_get_path (context), *data = NULL;
  VkPipelineCache cache = VK_NULL_HANDLE;
  guint8 digest[DIGEST_SIZE];
  gsize size = 0;

  if (g_file_get_contents (path, &data, &size, NULL) && size > DIGEST_SIZE) {
    const guint8 *content = (const guint8 *) data + DIGEST_SIZE;

    size -= DIGEST_SIZE;
    get_digest (content, size, digest);
    if (memcmp (digest, data, DIGEST_SIZE) == 0
        && is_ours (context, content, size)) {
      create.initialDataSize = size;
      create.pInitialData = content;
    } else {
      g_debug ("%s: damaged or of another driver; ignored", path);
    }
  }

  /* A failure only makes the start slower. */
  if (context->api.CreatePipelineCache (context->device, &create, NULL, &cache)
      != VK_SUCCESS)
    cache = VK_NULL_HANDLE;
  g_free (data);
  g_free (path);

  return cache;
}

void
gpu_cache_save (GpuContext *context, VkPipelineCache cache)
{
  const GpuApi *api = &context->api;
  char *path, *directory, *old = NULL;
  gsize old_size = 0;
  guint8 *data;
  size_t size = 0;

  if (!cache)
    return;

  path = gpu_cache_get_path (context);
  directory = g_path_get_dirname (path);
  if (api->GetPipelineCacheData (context->device, cache, &size, NULL)
          != VK_SUCCESS
      || size == 0)
    goto out;
  data = g_malloc (DIGEST_SIZE + size);
  if (api->GetPipelineCacheData (
          context->device, cache, &size, data + DIGEST_SIZE)
      == VK_SUCCESS) {
    get_digest (data + DIGEST_SIZE, size, data);
    g_file_get_contents (path, &old, &old_size, NULL);
    /* A directory that cannot be written is ignored: the file is a cache. */
    if ((old_size != DIGEST_SIZE + size || memcmp (old, data, old_size) != 0)
        && g_mkdir_with_parents (directory, 0700) == 0)
      g_file_set_contents (path, (const char *) data, DIGEST_SIZE + size, NULL);
  }
  g_free (old);
  g_free (data);

out:
  api->DestroyPipelineCache (context->device, cache, NULL);
  g_free (directory);
  g_free (path);
}
