/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-types.h>

G_BEGIN_DECLS

/**
 * DmabufPlane:
 * @buffer: (transfer none): the buffer in which the plane lies
 * @offset: of the first byte, in bytes
 * @pitch: from one row to the next, in bytes (V4L2: bytesperline, DRM: pitch)
 *
 * One plane of a frame. Several planes may lie in one buffer.
 */
typedef struct
{
  DmabufBuffer *buffer;
  guint64 offset;
  guint32 pitch;
} DmabufPlane;

/**
 * DmabufLayout:
 * @format: DRM fourcc
 * @modifier: DRM format modifier
 * @width: in pixels
 * @height: in pixels
 * @n_planes: number of valid @planes
 * @planes: the planes
 *
 * The place of a frame's pixels: a plain value, which borrows its buffers.
 */
struct _DmabufLayout
{
  guint32 format;
  guint32 width;
  guint32 height;
  guint32 n_planes;
  guint64 modifier;
  DmabufPlane planes[DMABUF_CORE_MAX_PLANES];
};

/**
 * dmabuf_layout_validate:
 * @layout: a layout
 * @error: return location for an error
 *
 * Checks every plane in 64 bits against the size of its buffer (SEC-7, SEC-8):
 * offset + pitch × (rows - 1) + bytes of a row. With a modifier other than
 * linear the size of a plane is unknown: only its offset and pitch are checked,
 * and the device's import decides.
 *
 * Returns: %FALSE with EINVAL and a message that names plane and field
 */
DMABUF_CORE_API
gboolean dmabuf_layout_validate (const DmabufLayout *layout, GError **error);

/**
 * dmabuf_layout_init_linear:
 * @layout: (out caller-allocates): the layout, its planes without their buffers
 * @format: DRM fourcc
 * @width: in pixels
 * @height: in pixels
 * @constraints: (nullable): of the devices that will use it, %NULL for none
 * @size: (out): bytes of a buffer that holds all planes
 * @error: return location for an error
 *
 * Lays out a linear frame for an allocator: the planes one after another in one
 * buffer, with the least pitches and offsets that @constraints allow. Only
 * alignments and the greatest pitch count here; dmabuf_exporter_choose()
 * chooses the memory.
 *
 * Returns: %FALSE with EINVAL for an unknown format, an empty frame, or one
 *   with too large a pitch, offset or size
 */
DMABUF_CORE_API
gboolean dmabuf_layout_init_linear (DmabufLayout *layout, guint32 format,
    guint32 width, guint32 height, const DmabufConstraints *constraints,
    gsize *size, GError **error);

/**
 * dmabuf_layout_equal:
 * @a: a layout
 * @b: another
 *
 * Returns: whether both have the same planes in the same buffers
 */
DMABUF_CORE_API
gboolean dmabuf_layout_equal (const DmabufLayout *a, const DmabufLayout *b);

/**
 * dmabuf_format_get_n_planes:
 * @format: DRM fourcc
 *
 * Returns: number of planes of a linear frame, 0 for a format that the library
 *   does not know
 */
DMABUF_CORE_API
guint dmabuf_format_get_n_planes (guint32 format);

/**
 * dmabuf_format_get_plane_size:
 * @format: DRM fourcc
 * @plane: index of the plane
 * @width: of the frame in pixels
 * @height: of the frame in pixels
 * @row_bytes: (out): bytes of one row, chroma rounded up
 * @rows: (out): number of rows, chroma rounded up
 *
 * Returns: %FALSE for an unknown format or plane, or on overflow
 */
DMABUF_CORE_API
gboolean dmabuf_format_get_plane_size (guint32 format, guint plane,
    guint32 width, guint32 height, guint32 *row_bytes, guint32 *rows);

G_END_DECLS
