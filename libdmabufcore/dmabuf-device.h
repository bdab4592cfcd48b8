/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DmabufDevice:
 *
 * An importer, which uses buffers by DMA (its struct device in the kernel): a
 * V4L2 queue, a KMS card, a Vulkan device. It knows how to import a buffer; its
 * imports live in the attachments. Usable from any thread.
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
 * Tasks that a device takes over from the library.
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
 *   the library. %NULL with an error if the device cannot take the frame.
 * @release_import: frees what @import made. May run on any thread.
 * @invalidate: (nullable): the storage moves or was revoked: imports of it are
 *   void and will be released; the next use imports anew (DEF-5). A device that
 *   implements this is a dynamic importer. Called under no lock of the library.
 *   After a revocation mappings of this attachment may be open, else none is.
 *
 * The operations of a kind of device.
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
 * the device's cache when the caller drops it. When there are more than
 * #DmabufDevice:max-attachments, the least recently used one that is neither
 * held nor mapped leaves the cache. A cached attachment holds its buffer.
 *
 * Errors: EBUSY if the memory violates the device's constraints and cannot
 * move, or if the exporter vetoes.
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
 * Applies to buffers that are attached later.
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
 * Detaches every buffer whose attachment is neither held nor mapped: for a caps
 * change, a drain and the end.
 */
DMABUF_CORE_API
void dmabuf_device_trim (DmabufDevice *device);

G_END_DECLS
