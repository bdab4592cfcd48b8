/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Chooses one of the machine's Vulkan devices. */

#include "gpu-context.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define MAX_DEVICES 16

gboolean
gpu_has_extension (
    const GpuApi *api, VkPhysicalDevice physical, const char *name)
{
  VkExtensionProperties *extensions;
  gboolean found = FALSE;
  guint32 n = 0, i;

  if (api->EnumerateDeviceExtensionProperties (physical, NULL, &n, NULL)
      != VK_SUCCESS)
    return FALSE;
  extensions = g_new0 (VkExtensionProperties, n);
  if (api->EnumerateDeviceExtensionProperties (physical, NULL, &n, extensions)
      == VK_SUCCESS) {
    for (i = 0; i < n && !found; i++)
      found = strcmp (extensions[i].extensionName, name) == 0;
  }
  g_free (extensions);

  return found;
}

/* Gets the DRM nodes of a device; FALSE if it has none. */
static gboolean
get_nodes (const GpuApi *api, VkPhysicalDevice physical,
    VkPhysicalDeviceDrmPropertiesEXT *drm)
{
  VkPhysicalDeviceProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = drm,
  };

  *drm = (VkPhysicalDeviceDrmPropertiesEXT) {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRM_PROPERTIES_EXT,
  };
  if (!gpu_has_extension (
          api, physical, VK_EXT_PHYSICAL_DEVICE_DRM_EXTENSION_NAME))
    return FALSE;
  api->GetPhysicalDeviceProperties2 (physical, &properties);

  return drm->hasPrimary || drm->hasRender;
}

/* Whether a display is connected to the card with this device number. */
static gboolean
drives_a_display (gint64 drm_major, gint64 drm_minor)
{
  char *path = g_strdup_printf (
      "/sys/dev/char/%u:%u", (guint) drm_major, (guint) drm_minor);
  GDir *dir = g_dir_open (path, 0, NULL);
  gboolean connected = FALSE;
  const char *entry;

  while (dir && !connected && (entry = g_dir_read_name (dir))) {
    char *file, *status = NULL;

    if (!g_str_has_prefix (entry, "card"))
      continue;
    file = g_build_filename (path, entry, "status", NULL);
    if (g_file_get_contents (file, &status, NULL, NULL))
      connected = g_str_has_prefix (status, "connected");
    g_free (status);
    g_free (file);
  }
  if (dir)
    g_dir_close (dir);
  g_free (path);

  return connected;
}

/* Whether the device has the version and the extensions that every frame needs.
 * open_device() and gpu_context_check_dmabuf() report those that are missing.
 */
static gboolean
is_usable (const GpuApi *api, VkPhysicalDevice physical,
    const VkPhysicalDeviceProperties *properties)
{
  return properties->apiVersion >= VK_API_VERSION_1_2
      && gpu_has_extension (
          api, physical, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME)
      && gpu_has_extension (
          api, physical, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME);
}

/* Greater is better: usable GPUs first, and of those the one that drives a
 * display, which then reaches the rendered frames. A CPU comes after all GPUs,
 * also unusable ones: a silent fallback from a GPU with an old driver would
 * look like a slow GPU. */
static guint
get_score (const GpuApi *api, VkPhysicalDevice physical,
    const VkPhysicalDeviceProperties *properties)
{
  gboolean is_cpu = properties->deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
  VkPhysicalDeviceDrmPropertiesEXT drm;
  guint score;

  switch (properties->deviceType) {
  case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
    score = 4;
    break;
  case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
    score = 3;
    break;
  case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
    score = 2;
    break;
  default:
    score = 1;
    break;
  }
  if (get_nodes (api, physical, &drm) && drm.hasPrimary
      && drives_a_display (drm.primaryMajor, drm.primaryMinor))
    score += 8;
  if (is_usable (api, physical, properties))
    score += 16;
  if (!is_cpu)
    score += 32;

  return score;
}

static gboolean
has_node (const GpuApi *api, VkPhysicalDevice physical, dev_t number)
{
  VkPhysicalDeviceDrmPropertiesEXT drm;

  if (!get_nodes (api, physical, &drm))
    return FALSE;

  return (drm.hasPrimary
             && makedev (drm.primaryMajor, drm.primaryMinor) == number)
      || (drm.hasRender
          && makedev (drm.renderMajor, drm.renderMinor) == number);
}

/* Compares the hexadecimal digits of UUIDs, which may contain dashes. */
static gboolean
has_uuid (const guint8 *uuid, const char *wanted)
{
  guint n = 0;

  for (; *wanted; wanted++) {
    int nibble = g_ascii_xdigit_value (*wanted);

    if (*wanted == '-')
      continue;
    if (nibble < 0 || n == 2 * VK_UUID_SIZE)
      return FALSE;
    if ((uuid[n / 2] >> (n % 2 ? 0 : 4) & 15) != nibble)
      return FALSE;
    n++;
  }

  return n == 2 * VK_UUID_SIZE;
}

static gboolean
is_wanted (const GpuApi *api, VkPhysicalDevice physical, guint index,
    const char *wanted)
{
  VkPhysicalDeviceIDProperties id = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
  };
  VkPhysicalDeviceProperties2 properties = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    .pNext = &id,
  };
  char *name, *part, *end;
  guint64 number;
  gboolean found;

  number = g_ascii_strtoull (wanted, &end, 10);
  if (end != wanted && !*end)
    return number == index;

  api->GetPhysicalDeviceProperties2 (physical, &properties);
  if (has_uuid (id.deviceUUID, wanted))
    return TRUE;

  name = g_utf8_casefold (properties.properties.deviceName, -1);
  part = g_utf8_casefold (wanted, -1);
  found = strstr (name, part) != NULL;
  g_free (name);
  g_free (part);

  return found;
}

static char *
list_devices (const GpuApi *api, const VkPhysicalDevice *devices, guint n)
{
  GString *list = g_string_new (NULL);
  guint i;

  for (i = 0; i < n; i++) {
    VkPhysicalDeviceProperties2 properties = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    };

    api->GetPhysicalDeviceProperties2 (devices[i], &properties);
    g_string_append_printf (
        list, "%s%u: %s", i ? ", " : "", i, properties.properties.deviceName);
  }

  return g_string_free (list, FALSE);
}

gboolean
gpu_choose_device (const GpuApi *api, VkInstance instance, const char *device,
    VkPhysicalDevice *physical, GError **error)
{
  VkPhysicalDevice devices[MAX_DEVICES];
  guint32 n = MAX_DEVICES, i;
  guint best = 0;
  dev_t node = 0;
  VkResult result;
  char *list;

  result = api->EnumeratePhysicalDevices (instance, &n, devices);
  if (result != VK_SUCCESS && result != VK_INCOMPLETE)
    goto no_list;
  if (n == 0)
    goto no_device;

  if (device && g_str_has_prefix (device, "drm:")) {
    struct stat st;

    if (stat (device + 4, &st) < 0 || !S_ISCHR (st.st_mode))
      goto no_node;
    node = st.st_rdev;
  }

  *physical = VK_NULL_HANDLE;
  for (i = 0; i < n; i++) {
    VkPhysicalDeviceProperties2 properties = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
    };
    guint score;

    api->GetPhysicalDeviceProperties2 (devices[i], &properties);
    if (node && !has_node (api, devices[i], node))
      continue;
    if (!node && device && *device && !is_wanted (api, devices[i], i, device))
      continue;

    score = get_score (api, devices[i], &properties.properties);
    if (score > best) {
      best = score;
      *physical = devices[i];
    }
  }
  if (!*physical)
    goto not_found;

  return TRUE;

  /* ERRORS */
no_list: {
  gpu_set_error (error, result, "cannot list the Vulkan devices");
  return FALSE;
}
no_device: {
  gpu_set_errno (error, ENODEV,
      "no Vulkan device; install a driver (Debian: mesa-vulkan-drivers), or "
      "give this user access to /dev/dri/renderD* (group render)");
  return FALSE;
}
no_node: {
  gpu_set_errno (error, ENOENT, "%s: no such device node", device + 4);
  return FALSE;
}
not_found: {
  list = list_devices (api, devices, n);
  gpu_set_errno (
      error, ENODEV, "no Vulkan device '%s'; there are: %s", device, list);
  g_free (list);
  return FALSE;
}
}
