/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "gstdmabufcoreconstraints.h"

#include <string.h>

GST_DEBUG_CATEGORY_STATIC (dmabufcore_constraints_debug);
#define GST_CAT_DEFAULT dmabufcore_constraints_debug

#define STRUCTURE_NAME "dmabuf-constraints"

/* The numbers and switches of GstDmabufCoreConstraints; the texts are apart. */
typedef enum
{
  MERGE_MULTIPLE, /* least common multiple, 1 asks for nothing */
  MERGE_LEAST,    /* the lesser, 0 asks for nothing */
  MERGE_ANY,      /* what one asks for */
  MERGE_ALL,      /* what both offer */
} Merge;

static const struct
{
  const char *name;
  Merge merge;
  gsize member;
} fields[] = {
#define FIELD(name, member, merge) \
  { name, merge, G_STRUCT_OFFSET (GstDmabufCoreConstraints, member) }
  FIELD ("pitch-align", pitch_align, MERGE_MULTIPLE),
  FIELD ("offset-align", offset_align, MERGE_MULTIPLE),
  FIELD ("size-align", size_align, MERGE_MULTIPLE),
  FIELD ("max-pitch", max_pitch, MERGE_LEAST),
  FIELD ("contiguous", contiguous, MERGE_ANY),
  FIELD ("one-buffer", one_buffer, MERGE_ANY),
  FIELD ("implicit-sync", implicit_sync, MERGE_ALL),
#undef FIELD
};

#define VALUE(constraints, i) \
  G_STRUCT_MEMBER (guint, (constraints), fields[i].member)
#define CONST_VALUE(constraints, i) \
  (*(const guint *) ((const guint8 *) (constraints) + fields[i].member))

static guint
nothing (Merge merge)
{
  return merge == MERGE_MULTIPLE ? 1 : 0;
}

/* --- the query's API ---------------------------------------------------- */

#if GST_CHECK_VERSION(1, 26, 0)
/* What tee does with the answers of its branches. */
static gboolean
constraints_aggregate (
    GstStructure **both, const GstStructure *a, const GstStructure *b)
{
  GstDmabufCoreConstraints merged, other;
  GError *error = NULL;

  gst_dmabuf_core_constraints_from_structure (&merged, a);
  gst_dmabuf_core_constraints_from_structure (&other, b);
  if (!gst_dmabuf_core_constraints_merge (&merged, &other, &error)) {
    GST_WARNING ("%s; the branches do not get one storage", error->message);
    g_clear_error (&error);
    return FALSE;
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
    VALUE (constraints, i) = nothing (fields[i].merge);
  g_strlcpy (constraints->devices, device ? device : "",
      sizeof (constraints->devices));
}

static guint
greatest_common_divisor (guint a, guint b)
{
  while (b > 0) {
    guint rest = a % b;

    a = b;
    b = rest;
  }
  return a;
}

static gboolean
list_contains (const char *list, const char *item, gsize length)
{
  const char *walk = list;

  for (;;) {
    const char *end = strchrnul (walk, ',');

    if ((gsize) (end - walk) == length && strncmp (walk, item, length) == 0)
      return TRUE;
    if (!*end)
      return FALSE;
    walk = end + 1;
  }
}

/* What is in both lists, in the order of @a; an empty list is everything. FALSE
 * if they have nothing in common. */
static gboolean
list_intersect (char *both, gsize size, const char *a, const char *b)
{
  const char *walk = a;

  memset (both, 0, size);
  if (!*a || !*b) {
    g_strlcpy (both, *a ? a : b, size);
    return TRUE;
  }

  for (;;) {
    const char *end = strchrnul (walk, ',');

    if (list_contains (b, walk, end - walk)) {
      gsize used = strlen (both);

      g_snprintf (both + used, size - used, "%s%.*s", used ? "," : "",
          (int) (end - walk), walk);
    }
    if (!*end)
      return both[0] != '\0';
    walk = end + 1;
  }
}

static const char *
device_or_someone (const GstDmabufCoreConstraints *constraints)
{
  return constraints->devices[0] ? constraints->devices : "a consumer";
}

gboolean
gst_dmabuf_core_constraints_merge (GstDmabufCoreConstraints *constraints,
    const GstDmabufCoreConstraints *other, GError **error)
{
  GstDmabufCoreConstraints both = *constraints;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (fields); i++) {
    guint a = VALUE (constraints, i), b = CONST_VALUE (other, i);

    switch (fields[i].merge) {
    case MERGE_MULTIPLE: {
      guint64 multiple = (guint64) a / greatest_common_divisor (a, b) * b;

      if (multiple > G_MAXINT32) {
        g_set_error (error, DMABUF_ERROR, EBUSY,
            "no storage suits both: %s is %u for %s and %u for %s",
            fields[i].name, a, device_or_someone (constraints), b,
            device_or_someone (other));
        return FALSE;
      }
      VALUE (&both, i) = multiple;
      break;
    }
    case MERGE_LEAST:
      VALUE (&both, i) = a && b ? MIN (a, b) : MAX (a, b);
      break;
    case MERGE_ANY:
      VALUE (&both, i) = a || b;
      break;
    case MERGE_ALL:
      VALUE (&both, i) = a && b;
      break;
    }
  }

  if (both.max_pitch > 0 && both.pitch_align > both.max_pitch) {
    g_set_error (error, DMABUF_ERROR, EBUSY,
        "no storage suits both: pitch-align is %u for %s and %u for %s, "
        "max-pitch %u",
        constraints->pitch_align, device_or_someone (constraints),
        other->pitch_align, device_or_someone (other), both.max_pitch);
    return FALSE;
  }
  if (!list_intersect (both.exporters, sizeof (both.exporters),
          constraints->exporters, other->exporters)) {
    g_set_error (error, DMABUF_ERROR, EBUSY,
        "no storage suits both: exporters is %s for %s and %s for %s",
        constraints->exporters, device_or_someone (constraints),
        other->exporters, device_or_someone (other));
    return FALSE;
  }
  if (other->devices[0]
      && !list_contains (
          both.devices, other->devices, strlen (other->devices))) {
    gsize used = strlen (both.devices);

    g_snprintf (both.devices + used, sizeof (both.devices) - used, "%s%s",
        used ? "," : "", other->devices);
  }

  *constraints = both;
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

    if (value == nothing (fields[i].merge))
      continue;
    if (fields[i].merge == MERGE_ANY || fields[i].merge == MERGE_ALL)
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

  return structure;
}

static void
read_text (const GstStructure *structure, const char *field, char *text)
{
  const char *value = gst_structure_get_string (structure, field);

  if (value)
    g_strlcpy (text, value, GST_DMABUF_CORE_CONSTRAINTS_NAME);
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

    if (fields[i].merge == MERGE_ANY || fields[i].merge == MERGE_ALL) {
      if (gst_structure_get_boolean (structure, fields[i].name, &flag))
        VALUE (constraints, i) = flag;
    } else if (gst_structure_get_uint (structure, fields[i].name, &value)) {
      if (value > 0 && value <= G_MAXINT32)
        VALUE (constraints, i) = value;
    }
  }
  read_text (structure, "exporters", constraints->exporters);
  read_text (structure, "devices", constraints->devices);
}

/* --- in the query ------------------------------------------------------- */

/* Upstream's parameters of GstVideoMeta know powers of two only. */
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
