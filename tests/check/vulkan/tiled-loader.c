/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tiled-loader.h"

#include <drm/drm_fourcc.h>
#include <string.h>

#include "loader-shim.h"

static GMutex lock;
/* The keys of images, VkImage handles, are 64 bits wide, also on 32-bit
 * machines. */
G_STATIC_ASSERT (sizeof (VkImage) == sizeof (gint64));
static GHashTable *images;
static guint n_images_made;
static gint n_questions;

static PFN_vkGetPhysicalDeviceFormatProperties2 real_format_properties;
static PFN_vkGetPhysicalDeviceImageFormatProperties2 real_image_properties;
static PFN_vkCreateImage real_create_image;
static PFN_vkDestroyImage real_destroy_image;
static PFN_vkGetImageDrmFormatModifierPropertiesEXT real_modifier_properties;

static void *
find_next (const void *chain, VkStructureType type)
{
  const VkBaseInStructure *next = chain;

  while (next && next->sType != type)
    next = next->pNext;

  return (void *) next;
}

static VKAPI_ATTR void VKAPI_CALL
format_properties (
    VkPhysicalDevice physical, VkFormat format, VkFormatProperties2 *properties)
{
  VkDrmFormatModifierPropertiesListEXT *list = find_next (
      properties, VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT);
  guint room = list ? list->drmFormatModifierCount : 0, n, i;

  g_atomic_int_inc (&n_questions);
  real_format_properties (physical, format, properties);
  n = list ? list->drmFormatModifierCount : 0;
  if (!list || !list->pDrmFormatModifierProperties || n >= room)
    return;
  for (i = 0; i < n; i++) {
    if (list->pDrmFormatModifierProperties[i].drmFormatModifier
        == DRM_FORMAT_MOD_LINEAR) {
      list->pDrmFormatModifierProperties[n] =
          list->pDrmFormatModifierProperties[i];
      list->pDrmFormatModifierProperties[n].drmFormatModifier = TILED_MODIFIER;
      list->drmFormatModifierCount++;
      return;
    }
  }
}

static VKAPI_ATTR VkResult VKAPI_CALL
image_properties (VkPhysicalDevice physical,
    const VkPhysicalDeviceImageFormatInfo2 *info,
    VkImageFormatProperties2 *properties)
{
  VkPhysicalDeviceImageDrmFormatModifierInfoEXT *modifier =
      find_next (info->pNext,
          VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT);

  if (modifier && modifier->drmFormatModifier == TILED_MODIFIER)
    modifier->drmFormatModifier = DRM_FORMAT_MOD_LINEAR;

  return real_image_properties (physical, info, properties);
}

static VKAPI_ATTR VkResult VKAPI_CALL
create_image (VkDevice device, const VkImageCreateInfo *info,
    const VkAllocationCallbacks *calls, VkImage *image)
{
  static const guint64 linear = DRM_FORMAT_MOD_LINEAR;
  VkImageDrmFormatModifierExplicitCreateInfoEXT *explicit =
      find_next (info->pNext,
          VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT);
  VkImageDrmFormatModifierListCreateInfoEXT *list = find_next (info->pNext,
      VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT);
  gboolean tiled = FALSE;
  VkResult result;

  if (explicit && explicit->drmFormatModifier == TILED_MODIFIER) {
    explicit->drmFormatModifier = DRM_FORMAT_MOD_LINEAR;
    tiled = TRUE;
  }
  if (list && list->pDrmFormatModifiers[0] == TILED_MODIFIER) {
    list->drmFormatModifierCount = 1;
    list->pDrmFormatModifiers = &linear;
    tiled = TRUE;
  }
  result = real_create_image (device, info, calls, image);
  if (tiled && result == VK_SUCCESS) {
    g_mutex_lock (&lock);
    g_hash_table_add (images, g_memdup2 (image, sizeof *image));
    n_images_made++;
    g_mutex_unlock (&lock);
  }

  return result;
}

static VKAPI_ATTR void VKAPI_CALL
destroy_image (
    VkDevice device, VkImage image, const VkAllocationCallbacks *calls)
{
  g_mutex_lock (&lock);
  g_hash_table_remove (images, &image);
  g_mutex_unlock (&lock);
  real_destroy_image (device, image, calls);
}

static VKAPI_ATTR VkResult VKAPI_CALL
modifier_properties (VkDevice device, VkImage image,
    VkImageDrmFormatModifierPropertiesEXT *properties)
{
  VkResult result = real_modifier_properties (device, image, properties);

  g_mutex_lock (&lock);
  if (g_hash_table_contains (images, &image))
    properties->drmFormatModifier = TILED_MODIFIER;
  g_mutex_unlock (&lock);

  return result;
}

#define WRAP(function, wrapper, real_function) \
  if (strcmp (name, "vk" #function) == 0) { \
    real_function = (PFN_vk##function) real; \
    return (PFN_vkVoidFunction) wrapper; \
  }

static PFN_vkVoidFunction
wrap (const char *name, PFN_vkVoidFunction real)
{
  WRAP (GetPhysicalDeviceFormatProperties2, format_properties,
      real_format_properties)
  WRAP (GetPhysicalDeviceImageFormatProperties2, image_properties,
      real_image_properties)
  WRAP (CreateImage, create_image, real_create_image)
  WRAP (DestroyImage, destroy_image, real_destroy_image)
  WRAP (GetImageDrmFormatModifierPropertiesEXT, modifier_properties,
      real_modifier_properties)
  return real;
}

void
tiled_loader_install (void)
{
  images = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  n_images_made = 0;
  n_questions = 0;
  loader_shim_install (wrap);
}

void
tiled_loader_remove (void)
{
  loader_shim_remove ();
  g_clear_pointer (&images, g_hash_table_unref);
}

guint
tiled_loader_get_images (guint *n_made)
{
  guint n;

  g_mutex_lock (&lock);
  n = g_hash_table_size (images);
  *n_made = n_images_made;
  g_mutex_unlock (&lock);

  return n;
}

guint
tiled_loader_get_questions (void)
{
  return g_atomic_int_get (&n_questions);
}
