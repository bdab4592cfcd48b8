/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * SEC-7, SEC-8: the validator of plane layouts against arithmetic that cannot
 * overflow, as 128 bits hold every product of what a layout can say.
 *
 * The model does not share the validator's table: it knows a few formats by
 * their numbers of bits.
 */

#include "fuzz.h"

#include <drm/drm_fourcc.h>
#include <libdmabufcore/dmabufcore.h>
#include <string.h>

typedef unsigned __int128 Big;

static const struct
{
  guint32 format;
  guint n_planes;
  /* bits of a sample, and log2 of how many pixels share it, per plane */
  guint bits[3], hshift[3], vshift[3];
} models[] = {
  { DRM_FORMAT_XRGB8888, 1, { 32 }, { 0 }, { 0 } },
  { DRM_FORMAT_RGB565, 1, { 16 }, { 0 }, { 0 } },
  { DRM_FORMAT_R8, 1, { 8 }, { 0 }, { 0 } },
  { DRM_FORMAT_YUYV, 1, { 32 }, { 1 }, { 0 } },
  { DRM_FORMAT_NV12, 2, { 8, 16 }, { 0, 1 }, { 0, 1 } },
  { DRM_FORMAT_NV16, 2, { 8, 16 }, { 0, 1 }, { 0, 0 } },
  { DRM_FORMAT_P010, 2, { 16, 32 }, { 0, 1 }, { 0, 1 } },
  { DRM_FORMAT_YUV420, 3, { 8, 8, 8 }, { 0, 1, 1 }, { 0, 1, 1 } },
  { DRM_FORMAT_YUV444, 3, { 8, 8, 8 }, { 0, 0, 0 }, { 0, 0, 0 } },
  { DRM_FORMAT_YUV410, 3, { 8, 8, 8 }, { 0, 2, 2 }, { 0, 2, 2 } },
};

static DmabufBuffer *buffers[3];

static void
make_buffers (void)
{
  static const gsize sizes[] = { 4096, 1 << 20, 3 << 20 };
  DmabufExporter *exporter;
  guint i;

  if (buffers[0])
    return;
  exporter = dmabuf_memfd_exporter_new ();
  for (i = 0; i < 3; i++)
    buffers[i] = dmabuf_exporter_allocate (exporter, sizes[i], NULL);
  g_object_unref (exporter);
}

static Big
round_up (Big n, guint shift)
{
  return (n + ((Big) 1 << shift) - 1) >> shift;
}

static gboolean
model_accepts (const DmabufLayout *layout, guint m)
{
  guint i;

  if (layout->width == 0 || layout->width > 65536 || layout->height == 0
      || layout->height > 65536 || layout->n_planes != models[m].n_planes)
    return FALSE;

  for (i = 0; i < layout->n_planes; i++) {
    const DmabufPlane *plane = &layout->planes[i];
    Big row =
        round_up (layout->width, models[m].hshift[i]) * models[m].bits[i] / 8;
    Big rows = round_up (layout->height, models[m].vshift[i]);
    Big size = dmabuf_buffer_get_size (plane->buffer);

    if (plane->offset > G_MAXUINT32 || plane->pitch < row
        || (Big) plane->offset + (Big) plane->pitch * (rows - 1) + row > size)
      return FALSE;
  }
  return TRUE;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  static const guint32 edges[] = { 0, 1, 2, 3, 63, 64, 65, 4095, 4096, 65535,
    65536, 65537, 0x7fffffff, 0x80000000, 0xffffffff };
  DmabufLayout layout = { 0 };
  guint8 input[64] = { 0 };
  guint64 value;
  guint i, m;
  GError *error = NULL;
  gboolean accepted;

  make_buffers ();
  memcpy (input, data, MIN (size, sizeof input));

  m = input[0] % G_N_ELEMENTS (models);
  layout.format = models[m].format;
  layout.modifier = DRM_FORMAT_MOD_LINEAR;
  layout.n_planes = input[1] % 16 == 15 ? input[2] : models[m].n_planes;
  memcpy (&layout.width, input + 4, 4);
  memcpy (&layout.height, input + 8, 4);
  /* random numbers seldom hit what is interesting */
  if (input[3] & 1)
    layout.width = edges[layout.width % G_N_ELEMENTS (edges)];
  if (input[3] & 2)
    layout.height = edges[layout.height % G_N_ELEMENTS (edges)];
  if (input[3] & 4)
    layout.width %= 2000, layout.height %= 1200;
  for (i = 0; i < DMABUF_CORE_MAX_PLANES; i++) {
    DmabufPlane *plane = &layout.planes[i];

    plane->buffer = buffers[input[12 + i] % 3];
    memcpy (&plane->pitch, input + 16 + 12 * i, 4);
    memcpy (&value, input + 20 + 12 * i, 8);
    plane->offset = input[12 + i] & 64 ? value : value % (4 << 20);
    if (input[12 + i] & 32)
      plane->pitch = layout.width * 4 + plane->pitch % 3;
  }

  accepted = dmabuf_layout_validate (&layout, &error);
  g_assert_true (accepted == (error == NULL));
  g_assert_true (accepted == model_accepts (&layout, m));
  g_clear_error (&error);
  return 0;
}
