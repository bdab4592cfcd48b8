/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The algebra of constraints: merging and comparing. */

#include "dmabuf-constraints-private.h"
#include "dmabuf-kernel-private.h"

#include <errno.h>
#include <string.h>

/* FALSE if the result needs more than 64 bits. */
static gboolean
least_common_multiple (guint64 a, guint64 b, guint64 *result)
{
  guint64 x = a, y = b;

  while (y) {
    guint64 rest = x % y;

    x = y;
    y = rest;
  }
  return !__builtin_mul_overflow (a / x, b, result);
}

static gboolean
merge_number (DmabufField field, guint64 a, guint64 b, guint64 *result)
{
  switch (field) {
  case DMABUF_FIELD_MAX_PITCH:
  case DMABUF_FIELD_ADDRESS_BITS:
    *result = MIN (a, b);
    return TRUE;
  case DMABUF_FIELD_CONTIGUOUS:
  case DMABUF_FIELD_CPU_ACCESS:
    *result = a | b;
    return TRUE;
  default:
    return least_common_multiple (a, b, result);
  }
}

static GPtrArray *
intersect_memory (GPtrArray *a, GPtrArray *b)
{
  GPtrArray *both;
  guint i;

  if (!a || !b)
    return dmabuf_constraints_copy_memory (a ? a : b);

  both = g_ptr_array_new_with_free_func (g_free);
  for (i = 0; i < a->len; i++) {
    const char *name = g_ptr_array_index (a, i);

    if (g_ptr_array_find_with_equal_func (b, name, g_str_equal, NULL))
      g_ptr_array_add (both, g_strdup (name));
  }
  return both;
}

static GArray *
intersect_formats (GArray *a, GArray *b)
{
  GArray *both;
  guint i;

  if (!a || !b)
    return a || b ? g_array_copy (a ? a : b) : NULL;

  both = g_array_new (FALSE, FALSE, sizeof (DmabufFormat));
  for (i = 0; i < a->len; i++) {
    DmabufFormat pair = g_array_index (a, DmabufFormat, i);

    if (g_array_binary_search (b, &pair, dmabuf_compare_formats, NULL))
      g_array_append_val (both, pair);
  }
  return both;
}

static void
set_conflict (GError **error, const DmabufConstraints *a, DmabufField field_a,
    const DmabufConstraints *b, DmabufField field_b)
{
  g_autoptr (GString) value_a = g_string_new (NULL);
  g_autoptr (GString) value_b = g_string_new (NULL);

  dmabuf_constraints_append_value (value_a, a, field_a);
  dmabuf_constraints_append_value (value_b, b, field_b);
  dmabuf_set_error (error, EBUSY,
      "no buffer suits both: %s of %s is %s, %s of %s is %s",
      dmabuf_field_names[field_a], a->owners[field_a], value_a->str,
      dmabuf_field_names[field_b], b->owners[field_b], value_b->str);
}

DmabufConstraints *
dmabuf_constraints_merge (
    const DmabufConstraints *a, const DmabufConstraints *b, GError **error)
{
  g_autoptr (DmabufConstraints) merged = NULL;
  DmabufField field;

  g_return_val_if_fail (a != NULL && b != NULL, NULL);

  merged = dmabuf_constraints_copy (a);

  for (field = DMABUF_FIELD_FIRST_NUMBER; field < DMABUF_FIELD_N_NUMBERS;
      field++) {
    if (!merge_number (field, a->numbers[field], b->numbers[field],
            &merged->numbers[field])) {
      set_conflict (error, a, field, b, field);
      return NULL;
    }
    /* Messages name the stricter side. */
    if (merged->numbers[field] != a->numbers[field])
      dmabuf_constraints_set_owner (merged, field, b->owners[field]);
  }

  g_clear_pointer (&merged->memory, g_ptr_array_unref);
  merged->memory = intersect_memory (a->memory, b->memory);
  if (merged->memory && merged->memory->len == 0) {
    set_conflict (error, a, DMABUF_FIELD_MEMORY, b, DMABUF_FIELD_MEMORY);
    return NULL;
  }
  if (!a->memory)
    dmabuf_constraints_set_owner (
        merged, DMABUF_FIELD_MEMORY, b->owners[DMABUF_FIELD_MEMORY]);

  g_clear_pointer (&merged->formats, g_array_unref);
  merged->formats = intersect_formats (a->formats, b->formats);
  if (merged->formats && merged->formats->len == 0) {
    set_conflict (error, a, DMABUF_FIELD_FORMATS, b, DMABUF_FIELD_FORMATS);
    return NULL;
  }
  if (!a->formats)
    dmabuf_constraints_set_owner (
        merged, DMABUF_FIELD_FORMATS, b->owners[DMABUF_FIELD_FORMATS]);

  /* Every pitch that is a multiple of the alignment would be above the limit.
   */
  if (merged->numbers[DMABUF_FIELD_PITCH_ALIGNMENT]
      > merged->numbers[DMABUF_FIELD_MAX_PITCH]) {
    set_conflict (error, merged, DMABUF_FIELD_PITCH_ALIGNMENT, merged,
        DMABUF_FIELD_MAX_PITCH);
    return NULL;
  }

  return g_steal_pointer (&merged);
}

gboolean
dmabuf_constraints_equal (
    const DmabufConstraints *a, const DmabufConstraints *b)
{
  guint i;

  g_return_val_if_fail (a != NULL && b != NULL, FALSE);

  if (memcmp (a->numbers, b->numbers, sizeof a->numbers) != 0
      || !a->memory != !b->memory || !a->formats != !b->formats)
    return FALSE;
  if (a->memory) {
    if (a->memory->len != b->memory->len)
      return FALSE;
    for (i = 0; i < a->memory->len; i++) {
      if (!g_str_equal (g_ptr_array_index (a->memory, i),
              g_ptr_array_index (b->memory, i)))
        return FALSE;
    }
  }
  if (a->formats) {
    if (a->formats->len != b->formats->len)
      return FALSE;
    for (i = 0; i < a->formats->len; i++) {
      if (dmabuf_compare_formats (&g_array_index (a->formats, DmabufFormat, i),
              &g_array_index (b->formats, DmabufFormat, i)))
        return FALSE;
    }
  }
  return TRUE;
}

gboolean
dmabuf_constraints_includes (
    const DmabufConstraints *strict, const DmabufConstraints *lax)
{
  g_autoptr (DmabufConstraints) merged = NULL;

  g_return_val_if_fail (strict != NULL && lax != NULL, FALSE);

  merged = dmabuf_constraints_merge (strict, lax, NULL);
  return merged && dmabuf_constraints_equal (merged, strict);
}
