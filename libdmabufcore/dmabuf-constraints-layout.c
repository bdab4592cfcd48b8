/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Constraints on the pitches and offsets of a frame. */

#include "dmabuf-constraints-private.h"
#include "dmabuf-kernel-private.h"
#include <libdmabufcore/dmabuf-buffer.h>
#include <libdmabufcore/dmabuf-layout.h>

#include <drm/drm_fourcc.h>
#include <errno.h>

static gboolean
check_multiple (const DmabufConstraints *constraints, DmabufField field,
    const char *what, guint plane, guint64 value, GError **error)
{
  guint64 alignment = constraints->numbers[field];

  if (value % alignment == 0)
    return TRUE;

  dmabuf_set_error (error, EINVAL,
      "plane %u: %s %" G_GUINT64_FORMAT
      " is not a multiple of %" G_GUINT64_FORMAT ", which %s needs",
      plane, what, value, alignment, constraints->owners[field]);
  return FALSE;
}

static gboolean
check_max_pitch (const DmabufConstraints *constraints, guint plane,
    guint64 pitch, GError **error)
{
  guint64 limit = constraints->numbers[DMABUF_FIELD_MAX_PITCH];

  if (pitch <= limit)
    return TRUE;

  dmabuf_set_error (error, EINVAL,
      "plane %u: pitch %" G_GUINT64_FORMAT " is more than %" G_GUINT64_FORMAT
      ", the greatest that %s takes",
      plane, pitch, limit, constraints->owners[DMABUF_FIELD_MAX_PITCH]);
  return FALSE;
}

gboolean
dmabuf_constraints_check_layout (const DmabufConstraints *constraints,
    const DmabufLayout *layout, GError **error)
{
  guint i;

  g_return_val_if_fail (constraints != NULL, FALSE);
  g_return_val_if_fail (layout != NULL, FALSE);
  g_return_val_if_fail (layout->n_planes <= DMABUF_CORE_MAX_PLANES, FALSE);

  /* With other modifiers only the driver knows the meaning of a pitch. */
  if (layout->modifier != DRM_FORMAT_MOD_LINEAR)
    return TRUE;

  for (i = 0; i < layout->n_planes; i++) {
    const DmabufPlane *plane = &layout->planes[i];

    if (!check_multiple (constraints, DMABUF_FIELD_PITCH_ALIGNMENT, "pitch", i,
            plane->pitch, error)
        || !check_max_pitch (constraints, i, plane->pitch, error)
        || !check_multiple (constraints, DMABUF_FIELD_OFFSET_ALIGNMENT,
            "offset", i, plane->offset, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
round_up (guint64 *value, guint64 alignment)
{
  guint64 rest = *value % alignment;

  return rest == 0 || !__builtin_add_overflow (*value, alignment - rest, value);
}

gboolean
dmabuf_layout_init_linear (DmabufLayout *layout, guint32 format, guint32 width,
    guint32 height, const DmabufConstraints *constraints, gsize *size,
    GError **error)
{
  DmabufLayout made = {
    .format = format,
    .width = width,
    .height = height,
    .modifier = DRM_FORMAT_MOD_LINEAR,
  };
  g_autoptr (DmabufConstraints) none = NULL;
  guint64 end = 0;
  guint i;

  g_return_val_if_fail (layout != NULL, FALSE);
  g_return_val_if_fail (size != NULL, FALSE);

  if (!constraints)
    constraints = none = dmabuf_constraints_new (NULL);

  made.n_planes = dmabuf_format_get_n_planes (format);
  if (made.n_planes == 0 || width == 0 || height == 0)
    goto no_frame;

  for (i = 0; i < made.n_planes; i++) {
    guint32 row_bytes, rows;
    guint64 pitch, offset = end;

    if (!dmabuf_format_get_plane_size (
            format, i, width, height, &row_bytes, &rows))
      goto no_frame;

    pitch = row_bytes;
    if (!round_up (&pitch, constraints->numbers[DMABUF_FIELD_PITCH_ALIGNMENT])
        || !round_up (
            &offset, constraints->numbers[DMABUF_FIELD_OFFSET_ALIGNMENT])
        || pitch > G_MAXUINT32 || offset > G_MAXUINT32)
      goto too_great;
    if (!check_max_pitch (constraints, i, pitch, error))
      return FALSE;

    made.planes[i].pitch = pitch;
    made.planes[i].offset = offset;
    /* Both factors are below 2^32. */
    end = offset + pitch * rows;
  }

  if (!round_up (&end, constraints->numbers[DMABUF_FIELD_SIZE_ALIGNMENT])
      || end > G_MAXSSIZE)
    goto too_great;

  *layout = made;
  *size = end;
  return TRUE;

  /* ERRORS */
no_frame:
  dmabuf_set_error (error, EINVAL,
      "no frame of %u×%u in format 0x%08x can be laid out: pass a format that "
      "the library knows, and sides of 1 or more",
      width, height, format);
  return FALSE;
too_great:
  dmabuf_set_error (error, EINVAL,
      "a frame of %u×%u in format 0x%08x is too large: with the demanded "
      "alignment a pitch, an offset or the size overflows",
      width, height, format);
  return FALSE;
}
