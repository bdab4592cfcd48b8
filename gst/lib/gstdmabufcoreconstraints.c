/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufcoreconstraints.h"

#include <errno.h>
#include <string.h>

GST_DEBUG_CATEGORY_STATIC (dmabufcore_constraints_debug);
#define GST_CAT_DEFAULT dmabufcore_constraints_debug

#define STRUCTURE_NAME "dmabuf-constraints"

/* The numbers and switches of GstDmabufCoreConstraints; its strings are read
 * and written apart. */
typedef enum
{
  KIND_ALIGNMENT, /* 1 asks for nothing */
  KIND_LIMIT,     /* 0 asks for nothing */
  KIND_SWITCH,    /* FALSE asks for nothing */
} Kind;

static const struct
{
  const char *name;
  Kind kind;
  gsize member;
} fields[] = {
#define FIELD(name, member, kind) \
  { name, kind, G_STRUCT_OFFSET (GstDmabufCoreConstraints, member) }
  FIELD ("pitch-align", pitch_align, KIND_ALIGNMENT),
  FIELD ("offset-align", offset_align, KIND_ALIGNMENT),
  FIELD ("size-align", size_align, KIND_ALIGNMENT),
  FIELD ("max-pitch", max_pitch, KIND_LIMIT),
  FIELD ("contiguous", contiguous, KIND_SWITCH),
  FIELD ("one-buffer", one_buffer, KIND_SWITCH),
  FIELD ("implicit-sync", implicit_sync, KIND_SWITCH),
#undef FIELD
};

#define VALUE(constraints, i) \
  G_STRUCT_MEMBER (guint, (constraints), fields[i].member)
#define CONST_VALUE(constraints, i) \
  (*(const guint *) ((const guint8 *) (constraints) + fields[i].member))

static guint
neutral_value (Kind kind)
{
  return kind == KIND_ALIGNMENT ? 1 : 0;
}

/* --- the query's API ---------------------------------------------------- */

#if GST_CHECK_VERSION(1, 26, 0)
/* A tee merges the answers of its branches by this function. */
static gboolean
constraints_aggregate (
    GstStructure **both, const GstStructure *a, const GstStructure *b)
{
  GstDmabufCoreConstraints merged, other;
  GError *error = NULL;

  gst_dmabuf_core_constraints_from_structure (&merged, a);
  gst_dmabuf_core_constraints_from_structure (&other, b);
  if (!gst_dmabuf_core_constraints_merge (&merged, &other, &error)) {
    /* Answer all the same, with the conflict: the allocating element posts it.
     */
    GST_WARNING ("%s; the branches do not get one storage", error->message);
    if (!merged.conflict[0])
      g_strlcpy (merged.conflict, error->message, sizeof (merged.conflict));
    g_clear_error (&error);
  }

  *both = gst_dmabuf_core_constraints_to_structure (&merged);
  return TRUE;
}
#endif

GType
gst_dmabuf_core_constraints_api_get_type (void)
{
  static gsize type = 0;

  if (g_once_init_enter (&type)) {
    static const char *tags[] = { NULL };
    GType new =
        gst_meta_api_type_register ("GstDmabufCoreConstraintsAPI", tags);

    GST_DEBUG_CATEGORY_INIT (dmabufcore_constraints_debug,
        "dmabufcoreconstraints", 0, "what consumers need of dma-bufs");
#if GST_CHECK_VERSION(1, 26, 0)
    gst_meta_api_type_set_params_aggregator (new, constraints_aggregate);
#endif
    g_once_init_leave (&type, new);
  }

  return type;
}

/* --- merging ------------------------------------------------------------ */

void
gst_dmabuf_core_constraints_init (
    GstDmabufCoreConstraints *constraints, const char *device)
{
  guint i;

  memset (constraints, 0, sizeof (*constraints));
  for (i = 0; i < G_N_ELEMENTS (fields); i++)
    VALUE (constraints, i) = neutral_value (fields[i].kind);
  g_strlcpy (constraints->devices, device ? device : "",
      sizeof (constraints->devices));
}

static const char *
device_or_consumer (const GstDmabufCoreConstraints *constraints)
{
  return constraints->devices[0] ? constraints->devices : "a consumer";
}

DmabufConstraints *
gst_dmabuf_core_constraints_to_core (
    const GstDmabufCoreConstraints *constraints)
{
  DmabufConstraints *core =
      dmabuf_constraints_new (device_or_consumer (constraints));
  char **names, **walk;

  dmabuf_constraints_set_alignment (core, constraints->size_align,
      constraints->offset_align, constraints->pitch_align);
  dmabuf_constraints_set_max_pitch (core, constraints->max_pitch);
  dmabuf_constraints_set_contiguous (core, constraints->contiguous);
  names = g_strsplit (constraints->exporters, ",", -1);
  for (walk = names; *walk; walk++)
    dmabuf_constraints_add_memory (core, *walk);
  g_strfreev (names);

  return core;
}

gboolean
gst_dmabuf_core_constraints_set_core (GstDmabufCoreConstraints *constraints,
    const DmabufConstraints *core, GError **error)
{
  guint64 size, offset, pitch;
  char **names;

  dmabuf_constraints_get_alignment (core, &size, &offset, &pitch);
  if (MAX (MAX (size, offset), pitch) > G_MAXINT32) {
    g_set_error (error, DMABUF_ERROR, EBUSY,
        "the alignment is greater than any frame: %" G_GUINT64_FORMAT
        " bytes for the size, %" G_GUINT64_FORMAT
        " for the offset, %" G_GUINT64_FORMAT " for the pitch",
        size, offset, pitch);
    return FALSE;
  }

  constraints->size_align = size;
  constraints->offset_align = offset;
  constraints->pitch_align = pitch;
  constraints->max_pitch =
      MIN (dmabuf_constraints_get_max_pitch (core), G_MAXINT32);
  constraints->contiguous = dmabuf_constraints_get_contiguous (core);
  memset (constraints->exporters, 0, sizeof (constraints->exporters));
  names = dmabuf_constraints_get_memory (core);
  if (names) {
    char *list = g_strjoinv (",", names);

    g_strlcpy (constraints->exporters, list, sizeof (constraints->exporters));
    g_free (list);
    g_strfreev (names);
  }

  return TRUE;
}

static void
add_devices (GstDmabufCoreConstraints *constraints, const char *devices)
{
  gsize used = strlen (constraints->devices);
  char **names, **walk, **known;

  names = g_strsplit (devices, ",", -1);
  known = g_strsplit (constraints->devices, ",", -1);
  for (walk = names; *walk; walk++) {
    if (g_strv_contains ((const char *const *) known, *walk))
      continue;
    g_snprintf (constraints->devices + used,
        sizeof (constraints->devices) - used, "%s%s", used ? "," : "", *walk);
    used = strlen (constraints->devices);
  }
  g_strfreev (names);
  g_strfreev (known);
}

gboolean
gst_dmabuf_core_constraints_merge (GstDmabufCoreConstraints *constraints,
    const GstDmabufCoreConstraints *other, GError **error)
{
  DmabufConstraints *a = gst_dmabuf_core_constraints_to_core (constraints);
  DmabufConstraints *b = gst_dmabuf_core_constraints_to_core (other);
  DmabufConstraints *both = dmabuf_constraints_merge (a, b, error);
  gboolean merged =
      both && gst_dmabuf_core_constraints_set_core (constraints, both, error);

  dmabuf_constraints_free (a);
  dmabuf_constraints_free (b);
  dmabuf_constraints_free (both);
  if (!merged)
    return FALSE;

  constraints->one_buffer = constraints->one_buffer || other->one_buffer;
  constraints->implicit_sync =
      constraints->implicit_sync && other->implicit_sync;
  add_devices (constraints, other->devices);
  if (!constraints->conflict[0])
    g_strlcpy (
        constraints->conflict, other->conflict, sizeof (constraints->conflict));
  return TRUE;
}

/* --- as a structure ----------------------------------------------------- */

GstStructure *
gst_dmabuf_core_constraints_to_structure (
    const GstDmabufCoreConstraints *constraints)
{
  GstStructure *structure = gst_structure_new_empty (STRUCTURE_NAME);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (fields); i++) {
    guint value = CONST_VALUE (constraints, i);

    if (value == neutral_value (fields[i].kind))
      continue;
    if (fields[i].kind == KIND_SWITCH)
      gst_structure_set (structure, fields[i].name, G_TYPE_BOOLEAN, TRUE, NULL);
    else
      gst_structure_set (structure, fields[i].name, G_TYPE_UINT, value, NULL);
  }
  if (constraints->exporters[0])
    gst_structure_set (
        structure, "exporters", G_TYPE_STRING, constraints->exporters, NULL);
  if (constraints->devices[0])
    gst_structure_set (
        structure, "devices", G_TYPE_STRING, constraints->devices, NULL);
  if (constraints->conflict[0])
    gst_structure_set (
        structure, "conflict", G_TYPE_STRING, constraints->conflict, NULL);

  return structure;
}

static void
read_text (
    const GstStructure *structure, const char *field, char *text, gsize size)
{
  const char *value = gst_structure_get_string (structure, field);

  if (value)
    g_strlcpy (text, value, size);
}

void
gst_dmabuf_core_constraints_from_structure (
    GstDmabufCoreConstraints *constraints, const GstStructure *structure)
{
  guint i;

  gst_dmabuf_core_constraints_init (constraints, NULL);
  if (!structure || !gst_structure_has_name (structure, STRUCTURE_NAME))
    return;

  for (i = 0; i < G_N_ELEMENTS (fields); i++) {
    gboolean flag;
    guint value;

    if (fields[i].kind == KIND_SWITCH) {
      if (gst_structure_get_boolean (structure, fields[i].name, &flag))
        VALUE (constraints, i) = flag;
    } else if (gst_structure_get_uint (structure, fields[i].name, &value)) {
      if (value > 0 && value <= G_MAXINT32)
        VALUE (constraints, i) = value;
    }
  }
#define READ(field) \
  read_text (structure, #field, constraints->field, sizeof (constraints->field))
  READ (exporters);
  READ (devices);
  READ (conflict);
#undef READ
}

/* --- in the query ------------------------------------------------------- */

/* GstVideoAlignment has bit masks, hence powers of two only: the greatest one
 * that divides @pitch_align, as a mask. */
static guint
stride_mask (guint pitch_align)
{
  return (pitch_align & -pitch_align) - 1;
}

static void
query_add_video_meta (
    GstQuery *query, const GstDmabufCoreConstraints *constraints)
{
  const GstStructure *old = NULL;
  GstVideoAlignment alignment;
  GstStructure *params;
  guint i, index;

  gst_video_alignment_reset (&alignment);
  if (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, &index)) {
    gst_query_parse_nth_allocation_meta (query, index, &old);
    if (old)
      gst_buffer_pool_config_get_video_alignment (old, &alignment);
  } else {
    index = G_MAXUINT;
  }

  for (i = 0; i < GST_VIDEO_MAX_PLANES; i++)
    alignment.stride_align[i] |= stride_mask (constraints->pitch_align);

  params =
      old ? gst_structure_copy (old) : gst_structure_new_empty ("video-meta");
  gst_buffer_pool_config_set_video_alignment (params, &alignment);
  if (index != G_MAXUINT)
    gst_query_remove_nth_allocation_meta (query, index);
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, params);
  gst_structure_free (params);
}

void
gst_query_add_dmabuf_core_constraints (
    GstQuery *query, const GstDmabufCoreConstraints *constraints)
{
  GstStructure *structure =
      gst_dmabuf_core_constraints_to_structure (constraints);

  if (stride_mask (constraints->pitch_align) > 0)
    query_add_video_meta (query, constraints);
  else if (!gst_query_find_allocation_meta (
               query, GST_VIDEO_META_API_TYPE, NULL))
    gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);

  gst_query_add_allocation_meta (
      query, GST_DMABUF_CORE_CONSTRAINTS_API_TYPE, structure);
  gst_structure_free (structure);
}

void
gst_query_add_dmabuf_core_device (
    GstQuery *query, DmabufDevice *device, gboolean implicit_sync)
{
  DmabufConstraints *core = dmabuf_device_get_constraints (device);
  GstDmabufCoreConstraints constraints;
  GError *error = NULL;

  gst_dmabuf_core_constraints_init (
      &constraints, dmabuf_device_get_name (device));
  constraints.implicit_sync = implicit_sync;
  if (core
      && !gst_dmabuf_core_constraints_set_core (&constraints, core, &error)) {
    GST_WARNING ("%s: %s", constraints.devices, error->message);
    g_clear_error (&error);
  }
  dmabuf_constraints_free (core);
  gst_query_add_dmabuf_core_constraints (query, &constraints);
}

gboolean
gst_query_get_dmabuf_core_constraints (GstQuery *query,
    GstDmabufCoreConstraints *constraints, GstVideoAlignment *alignment)
{
  const GstStructure *structure;
  gboolean has_video_meta;
  guint i, index;

  gst_dmabuf_core_constraints_init (constraints, NULL);
  gst_video_alignment_reset (alignment);

  if (gst_query_find_allocation_meta (
          query, GST_DMABUF_CORE_CONSTRAINTS_API_TYPE, &index)) {
    gst_query_parse_nth_allocation_meta (query, index, &structure);
    gst_dmabuf_core_constraints_from_structure (constraints, structure);
  }

  has_video_meta =
      gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, &index);
  if (has_video_meta) {
    gst_query_parse_nth_allocation_meta (query, index, &structure);
    if (structure)
      gst_buffer_pool_config_get_video_alignment (structure, alignment);
  }

  for (i = 0; i < GST_VIDEO_MAX_PLANES; i++)
    alignment->stride_align[i] |= stride_mask (constraints->pitch_align);

  return has_video_meta;
}
