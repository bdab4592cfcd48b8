/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "kms-formats.h"

#include <drm_fourcc.h>
#include <drm_mode.h>
#include <string.h>

GArray *
kms_formats_new (void)
{
  return g_array_new (FALSE, FALSE, sizeof (GstDmabufCoreFormat));
}

gboolean
kms_formats_contain (const GArray *formats, guint32 fourcc, guint64 modifier)
{
  guint i;

  for (i = 0; i < formats->len; i++) {
    const GstDmabufCoreFormat *format =
        &g_array_index (formats, GstDmabufCoreFormat, i);

    if (format->fourcc == fourcc && format->modifier == modifier)
      return TRUE;
  }

  return FALSE;
}

void
kms_formats_add (GArray *formats, guint32 fourcc, guint64 modifier)
{
  GstDmabufCoreFormat format = { fourcc, modifier };

  /* INVALID leaves the layout to the driver: devices cannot negotiate that. */
  if (modifier == DRM_FORMAT_MOD_INVALID)
    return;
  if (!kms_formats_contain (formats, fourcc, modifier))
    g_array_append_val (formats, format);
}

void
kms_formats_merge (GArray *formats, const GArray *other)
{
  guint i;

  for (i = 0; i < other->len; i++) {
    const GstDmabufCoreFormat *format =
        &g_array_index (other, GstDmabufCoreFormat, i);

    kms_formats_add (formats, format->fourcc, format->modifier);
  }
}

/* Whether @count elements of @element bytes from @offset lie in @size bytes. */
static gboolean
inside (gsize size, guint32 offset, guint32 count, gsize element)
{
  return offset <= size && count <= (size - offset) / element;
}

gboolean
kms_formats_add_blob (GArray *formats, const void *data, gsize size)
{
  const guint8 *bytes = data;
  struct drm_format_modifier_blob header;
  guint32 i, j;

  if (!data || size < sizeof (header))
    return FALSE;
  memcpy (&header, data, sizeof (header));

  if (header.version != FORMAT_BLOB_CURRENT
      || !inside (size, header.formats_offset, header.count_formats, 4)
      || !inside (size, header.modifiers_offset, header.count_modifiers,
          sizeof (struct drm_format_modifier)))
    return FALSE;

  /* Formats are in the outer loop, which keeps the driver's order of formats.
   */
  for (i = 0; i < header.count_formats; i++) {
    guint32 fourcc;

    memcpy (&fourcc, bytes + header.formats_offset + i * 4, 4);
    for (j = 0; j < header.count_modifiers; j++) {
      struct drm_format_modifier modifier;

      memcpy (&modifier,
          bytes + header.modifiers_offset + j * sizeof (modifier),
          sizeof (modifier));
      /* The mask is for 64 formats from modifier.offset on. */
      if (i < modifier.offset || i - modifier.offset >= 64)
        continue;
      if (modifier.formats & (G_GUINT64_CONSTANT (1) << (i - modifier.offset)))
        kms_formats_add (formats, fourcc, modifier.modifier);
    }
  }

  return TRUE;
}
