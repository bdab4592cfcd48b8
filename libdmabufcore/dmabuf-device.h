/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DmabufDevice:
 *
 * Somebody who uses buffers by DMA (the importer's struct device): a V4L2
 * queue, a KMS card, a Vulkan device. It knows how it imports a buffer; what it
 * imported lives in the attachment. Usable from any thread.
 */
#define DMABUF_TYPE_DEVICE (dmabuf_device_get_type ())
DMABUF_CORE_API
G_DECLARE_DERIVABLE_TYPE (DmabufDevice, dmabuf_device, DMABUF, DEVICE, GObject)

/**
 * DmabufDeviceFlags:
 * @DMABUF_DEVICE_FLAG_NONE: none
 * @DMABUF_DEVICE_FLAG_IMPLICIT_SYNC: the device's driver waits for the kernel's
 *   implicit fences itself, so that a mapping takes no snapshot of them (KMS
 *   without IN_FENCE_FD)
 *
 * What a device does by itself.
 */
typedef enum /*< flags >*/
{
  DMABUF_DEVICE_FLAG_NONE = 0,
  DMABUF_DEVICE_FLAG_IMPLICIT_SYNC = 1 << 0,
} DmabufDeviceFlags;

#define DMABUF_TYPE_DEVICE_FLAGS (dmabuf_device_flags_get_type ())
DMABUF_CORE_API
GType dmabuf_device_flags_get_type (void);

/**
 * DmabufDeviceClass:
 * @parent_class: the parent
 * @import: makes what the device needs to use a frame (GEM handles and a
 *   framebuffer, VkImage and memory ...). Called once per attachment and
 *   layout; the result belongs to the attachment. Never called under a lock of
 *   the library. %NULL with an error if the device cannot take it.
 * @release_import: frees what @import made. May run on any thread.
 * @invalidate: (nullable): the storage is about to move, or is revoked: what
 * was imported is void and will be released; the next use imports anew (DEF-5).
 * A device that has it is a dynamic importer. Called under no lock of the
 *   library, with no mapping of this attachment open unless the buffer was
 *   revoked.
 *
 * What a kind of device implements.
 */
struct _DmabufDeviceClass
{
  GObjectClass parent_class;

  gpointer (*import) (DmabufDevice *device, DmabufAttachment *attachment,
      const DmabufLayout *layout, GError **error);
  void (*release_import) (DmabufDevice *device, gpointer import);
  void (*invalidate) (DmabufDevice *device, DmabufAttachment *attachment);

  gpointer padding[11];
};

/**
 * dmabuf_device_get_name:
 * @device: a device
 *
 * Returns: the name that messages use, for example "KMS card /dev/dri/card0"
 */
DMABUF_CORE_API
const char *dmabuf_device_get_name (DmabufDevice *device);

/**
 * dmabuf_device_attach:
 * @device: a device
 * @buffer: a buffer
 * @error: return location for an error
 *
 * Finds the attachment of @buffer to @device or makes one (ATT-1). It stays in
 * the device's cache when the caller drops it: the least recently used of those
 * that nobody holds or maps goes when there are more than
 * #DmabufDevice:max-attachments. A cached attachment holds its buffer.
 *
 * Errors: EBUSY if the memory does not suit the device's constraints and cannot
 * move, or the exporter vetoes.
 *
 * Returns: (transfer full): the attachment
 */
DMABUF_CORE_API
DmabufAttachment *dmabuf_device_attach (
    DmabufDevice *device, DmabufBuffer *buffer, GError **error);

/**
 * dmabuf_device_detach:
 * @device: a device
 * @buffer: a buffer
 * @error: return location for an error
 *
 * Takes the attachment of @buffer out of the cache; it ends when its last
 * holder drops it.
 *
 * Returns: %FALSE with EINVAL if @buffer is not attached (ATT-3), EBUSY if it
 * is mapped (ATT-4)
 */
DMABUF_CORE_API
gboolean dmabuf_device_detach (
    DmabufDevice *device, DmabufBuffer *buffer, GError **error);

/**
 * dmabuf_device_set_constraints:
 * @device: a device
 * @constraints: (nullable): what it demands of buffers, %NULL for nothing
 *
 * Holds for buffers that are attached later.
 */
DMABUF_CORE_API
void dmabuf_device_set_constraints (
    DmabufDevice *device, const DmabufConstraints *constraints);

/**
 * dmabuf_device_get_constraints:
 * @device: a device
 *
 * Returns: (transfer full) (nullable): a copy of what it demands
 */
DMABUF_CORE_API
DmabufConstraints *dmabuf_device_get_constraints (DmabufDevice *device);

/**
 * dmabuf_device_trim:
 * @device: a device
 *
 * Detaches every buffer that nobody else holds an attachment of or maps: for a
 * caps change, a drain and the end.
 */
DMABUF_CORE_API
void dmabuf_device_trim (DmabufDevice *device);

G_END_DECLS
