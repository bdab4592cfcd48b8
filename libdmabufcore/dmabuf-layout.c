/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Layouts of frames, and their validation (SEC-7, SEC-8). A plane of a format
 * consists of rows of blocks. A block has a number of bytes and a number of
 * samples; a sample stands for hsub × vsub pixels of the frame.
 */

#include "dmabuf-kernel-private.h"
#include <libdmabufcore/dmabuf-buffer.h>
#include <libdmabufcore/dmabuf-layout.h>

#include <drm/drm_fourcc.h>
#include <errno.h>

/* Greatest side of a frame: beyond what displays, codecs and GPUs can take, and
 * small enough that nothing below overflows (SEC-7). */
#define MAX_SIDE 65536

typedef struct
{
  guint8 bytes; /* Of a block */
  guint8 width; /* Of a block, in samples */
  guint8 hsub;
  guint8 vsub;
} PlaneFormat;

typedef struct
{
  guint32 fourcc;
  guint8 n_planes;
  PlaneFormat planes[3];
} Format;

#define RGB(bytes) \
  1, \
  { \
    { \
      bytes, 1, 1, 1 \
    } \
  }
/* Two pixels side by side share their chroma. */
#define PACKED_422(bytes) \
  1, \
  { \
    { \
      bytes, 2, 1, 1 \
    } \
  }
#define SEMI_PLANAR(bytes, hsub, vsub) \
  2, \
  { \
    { bytes, 1, 1, 1 }, \
    { \
      2 * bytes, 1, hsub, vsub \
    } \
  }
#define PLANAR(bytes, hsub, vsub) \
  3, \
  { \
    { bytes, 1, 1, 1 }, { bytes, 1, hsub, vsub }, \
    { \
      bytes, 1, hsub, vsub \
    } \
  }

static const Format formats[] = {
  { DRM_FORMAT_XRGB8888, RGB (4) },
  { DRM_FORMAT_ARGB8888, RGB (4) },
  { DRM_FORMAT_XBGR8888, RGB (4) },
  { DRM_FORMAT_ABGR8888, RGB (4) },
  { DRM_FORMAT_RGBX8888, RGB (4) },
  { DRM_FORMAT_RGBA8888, RGB (4) },
  { DRM_FORMAT_BGRX8888, RGB (4) },
  { DRM_FORMAT_BGRA8888, RGB (4) },
  { DRM_FORMAT_XRGB2101010, RGB (4) },
  { DRM_FORMAT_ARGB2101010, RGB (4) },
  { DRM_FORMAT_XBGR2101010, RGB (4) },
  { DRM_FORMAT_ABGR2101010, RGB (4) },
  { DRM_FORMAT_RGBX1010102, RGB (4) },
  { DRM_FORMAT_RGBA1010102, RGB (4) },
  { DRM_FORMAT_BGRX1010102, RGB (4) },
  { DRM_FORMAT_BGRA1010102, RGB (4) },
  { DRM_FORMAT_XRGB16161616, RGB (8) },
  { DRM_FORMAT_ARGB16161616, RGB (8) },
  { DRM_FORMAT_XBGR16161616, RGB (8) },
  { DRM_FORMAT_ABGR16161616, RGB (8) },
  { DRM_FORMAT_XRGB16161616F, RGB (8) },
  { DRM_FORMAT_ARGB16161616F, RGB (8) },
  { DRM_FORMAT_XBGR16161616F, RGB (8) },
  { DRM_FORMAT_ABGR16161616F, RGB (8) },
  { DRM_FORMAT_RGB888, RGB (3) },
  { DRM_FORMAT_BGR888, RGB (3) },
  { DRM_FORMAT_RGB565, RGB (2) },
  { DRM_FORMAT_BGR565, RGB (2) },
  { DRM_FORMAT_XRGB1555, RGB (2) },
  { DRM_FORMAT_ARGB1555, RGB (2) },
  { DRM_FORMAT_XBGR1555, RGB (2) },
  { DRM_FORMAT_ABGR1555, RGB (2) },
  { DRM_FORMAT_RGBX5551, RGB (2) },
  { DRM_FORMAT_RGBA5551, RGB (2) },
  { DRM_FORMAT_BGRX5551, RGB (2) },
  { DRM_FORMAT_BGRA5551, RGB (2) },
  { DRM_FORMAT_XRGB4444, RGB (2) },
  { DRM_FORMAT_ARGB4444, RGB (2) },
  { DRM_FORMAT_XBGR4444, RGB (2) },
  { DRM_FORMAT_ABGR4444, RGB (2) },
  { DRM_FORMAT_RGBX4444, RGB (2) },
  { DRM_FORMAT_RGBA4444, RGB (2) },
  { DRM_FORMAT_BGRX4444, RGB (2) },
  { DRM_FORMAT_BGRA4444, RGB (2) },
  { DRM_FORMAT_RGB332, RGB (1) },
  { DRM_FORMAT_BGR233, RGB (1) },
  { DRM_FORMAT_C8, RGB (1) },
  { DRM_FORMAT_R8, RGB (1) },
  { DRM_FORMAT_R16, RGB (2) },
  { DRM_FORMAT_RG88, RGB (2) },
  { DRM_FORMAT_GR88, RGB (2) },
  { DRM_FORMAT_RG1616, RGB (4) },
  { DRM_FORMAT_GR1616, RGB (4) },
  { DRM_FORMAT_AYUV, RGB (4) },
  { DRM_FORMAT_XYUV8888, RGB (4) },
  { DRM_FORMAT_VUY888, RGB (3) },
  { DRM_FORMAT_Y410, RGB (4) },
  { DRM_FORMAT_XVYU2101010, RGB (4) },
  { DRM_FORMAT_Y412, RGB (8) },
  { DRM_FORMAT_Y416, RGB (8) },
  { DRM_FORMAT_YUYV, PACKED_422 (4) },
  { DRM_FORMAT_YVYU, PACKED_422 (4) },
  { DRM_FORMAT_UYVY, PACKED_422 (4) },
  { DRM_FORMAT_VYUY, PACKED_422 (4) },
  { DRM_FORMAT_Y210, PACKED_422 (8) },
  { DRM_FORMAT_Y212, PACKED_422 (8) },
  { DRM_FORMAT_Y216, PACKED_422 (8) },
  { DRM_FORMAT_NV12, SEMI_PLANAR (1, 2, 2) },
  { DRM_FORMAT_NV21, SEMI_PLANAR (1, 2, 2) },
  { DRM_FORMAT_NV16, SEMI_PLANAR (1, 2, 1) },
  { DRM_FORMAT_NV61, SEMI_PLANAR (1, 2, 1) },
  { DRM_FORMAT_NV24, SEMI_PLANAR (1, 1, 1) },
  { DRM_FORMAT_NV42, SEMI_PLANAR (1, 1, 1) },
  { DRM_FORMAT_P010, SEMI_PLANAR (2, 2, 2) },
  { DRM_FORMAT_P012, SEMI_PLANAR (2, 2, 2) },
  { DRM_FORMAT_P016, SEMI_PLANAR (2, 2, 2) },
  { DRM_FORMAT_P210, SEMI_PLANAR (2, 2, 1) },
  /* Ten bits a sample, four samples in five bytes */
  { DRM_FORMAT_NV15, 2, { { 5, 4, 1, 1 }, { 5, 2, 2, 2 } } },
  { DRM_FORMAT_YUV410, PLANAR (1, 4, 4) },
  { DRM_FORMAT_YVU410, PLANAR (1, 4, 4) },
  { DRM_FORMAT_YUV411, PLANAR (1, 4, 1) },
  { DRM_FORMAT_YVU411, PLANAR (1, 4, 1) },
  { DRM_FORMAT_YUV420, PLANAR (1, 2, 2) },
  { DRM_FORMAT_YVU420, PLANAR (1, 2, 2) },
  { DRM_FORMAT_YUV422, PLANAR (1, 2, 1) },
  { DRM_FORMAT_YVU422, PLANAR (1, 2, 1) },
  { DRM_FORMAT_YUV444, PLANAR (1, 1, 1) },
  { DRM_FORMAT_YVU444, PLANAR (1, 1, 1) },
};

static const Format *
find_format (guint32 fourcc)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (formats); i++) {
    if (formats[i].fourcc == fourcc)
      return &formats[i];
  }
  return NULL;
}

static guint64
div_round_up (guint64 n, guint64 by)
{
  return (n + by - 1) / by;
}

guint
dmabuf_format_get_n_planes (guint32 format)
{
  const Format *found = find_format (format);

  return found ? found->n_planes : 0;
}

gboolean
dmabuf_format_get_plane_size (guint32 format, guint plane, guint32 width,
    guint32 height, guint32 *row_bytes, guint32 *rows)
{
  const Format *found = find_format (format);
  const PlaneFormat *p;
  guint64 samples, bytes;

  g_return_val_if_fail (row_bytes != NULL, FALSE);
  g_return_val_if_fail (rows != NULL, FALSE);

  if (!found || plane >= found->n_planes)
    return FALSE;

  /* Rounded up at each step (CVE-2026-46209 was a rounding down). */
  p = &found->planes[plane];
  samples = div_round_up (width, p->hsub);
  bytes = div_round_up (samples, p->width) * p->bytes;
  if (bytes > G_MAXUINT32)
    return FALSE;

  *row_bytes = bytes;
  *rows = div_round_up (height, p->vsub);
  return TRUE;
}

static void
describe_format (guint32 format, char text[5])
{
  guint i;

  for (i = 0; i < 4; i++) {
    char c = (format >> (8 * i)) & 0xff;

    text[i] = g_ascii_isprint (c) ? c : '?';
  }
  text[4] = '\0';
}

static gboolean
check_linear_plane (const DmabufLayout *layout, guint i, GError **error)
{
  const DmabufPlane *plane = &layout->planes[i];
  guint64 size = dmabuf_buffer_get_size (plane->buffer);
  guint32 row_bytes, rows;
  guint64 end;

  if (!dmabuf_format_get_plane_size (layout->format, i, layout->width,
          layout->height, &row_bytes, &rows)) {
    dmabuf_set_error (error, EINVAL, "plane %u: its size is unknown", i);
    return FALSE;
  }

  if (plane->pitch < row_bytes) {
    dmabuf_set_error (error, EINVAL,
        "plane %u: a pitch of %u bytes is less than the %u of a row", i,
        plane->pitch, row_bytes);
    return FALSE;
  }

  /* Sides are at most 2^16, pitch and offset below 2^32: no overflow. */
  end = plane->offset + (guint64) plane->pitch * (rows - 1) + row_bytes;
  if (end > size) {
    dmabuf_set_error (error, EINVAL,
        "plane %u: offset %" G_GUINT64_FORMAT " and %u rows of pitch %u end at "
        "%" G_GUINT64_FORMAT ", beyond the %" G_GUINT64_FORMAT
        " bytes of the buffer",
        i, plane->offset, rows, plane->pitch, end, size);
    return FALSE;
  }
  return TRUE;
}

/* The checks that apply to every modifier. */
static gboolean
check_plane (const DmabufLayout *layout, guint i, GError **error)
{
  const DmabufPlane *plane = &layout->planes[i];
  guint64 size;

  if (!plane->buffer) {
    dmabuf_set_error (error, EINVAL, "plane %u: no buffer", i);
    return FALSE;
  }
  size = dmabuf_buffer_get_size (plane->buffer);
  if (plane->offset >= size || plane->offset > G_MAXUINT32) {
    dmabuf_set_error (error, EINVAL,
        "plane %u: offset %" G_GUINT64_FORMAT
        " lies beyond the %" G_GUINT64_FORMAT
        " bytes of the buffer, or beyond 32 bits",
        i, plane->offset, size);
    return FALSE;
  }
  if (plane->pitch == 0) {
    dmabuf_set_error (error, EINVAL, "plane %u: the pitch is 0", i);
    return FALSE;
  }
  return TRUE;
}

gboolean
dmabuf_layout_validate (const DmabufLayout *layout, GError **error)
{
  gboolean linear;
  char fourcc[5];
  guint i, n;

  g_return_val_if_fail (layout != NULL, FALSE);

  describe_format (layout->format, fourcc);
  linear = layout->modifier == DRM_FORMAT_MOD_LINEAR;
  n = dmabuf_format_get_n_planes (layout->format);

  if (layout->width == 0 || layout->height == 0 || layout->width > MAX_SIDE
      || layout->height > MAX_SIDE) {
    dmabuf_set_error (error, EINVAL,
        "a frame of %u×%u: each side must be 1 to %u pixels", layout->width,
        layout->height, MAX_SIDE);
    return FALSE;
  }
  if (layout->n_planes == 0 || layout->n_planes > DMABUF_CORE_MAX_PLANES) {
    dmabuf_set_error (error, EINVAL, "a frame of %u planes: it must be 1 to %u",
        layout->n_planes, DMABUF_CORE_MAX_PLANES);
    return FALSE;
  }
  if (linear && n == 0) {
    dmabuf_set_error (error, EINVAL,
        "format %s (0x%08x) is unknown, so its size cannot be checked", fourcc,
        layout->format);
    return FALSE;
  }
  /* With other modifiers only the driver knows the number: some add planes
   * (compression data), some have a single one. */
  if (linear && layout->n_planes != n) {
    dmabuf_set_error (error, EINVAL,
        "format %s has %u planes, but %u are given", fourcc, n,
        layout->n_planes);
    return FALSE;
  }

  for (i = 0; i < layout->n_planes; i++) {
    if (!check_plane (layout, i, error))
      return FALSE;
    if (linear && !check_linear_plane (layout, i, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
dmabuf_layout_equal (const DmabufLayout *a, const DmabufLayout *b)
{
  guint i;

  g_return_val_if_fail (a != NULL && b != NULL, FALSE);

  if (a->format != b->format || a->modifier != b->modifier
      || a->width != b->width || a->height != b->height
      || a->n_planes != b->n_planes)
    return FALSE;

  for (i = 0; i < MIN (a->n_planes, DMABUF_CORE_MAX_PLANES); i++) {
    if (a->planes[i].buffer != b->planes[i].buffer
        || a->planes[i].offset != b->planes[i].offset
        || a->planes[i].pitch != b->planes[i].pitch)
      return FALSE;
  }
  return TRUE;
}
