/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Every field remembers who demanded it, so that a conflict between the first
 * and the fifth device names these two, not "the others".
 */

#include "dmabuf-constraints-private.h"
#include "dmabuf-kernel-private.h"

#include <errno.h>
#include <string.h>

typedef enum
{
  FIELD_SIZE_ALIGNMENT,
  FIELD_OFFSET_ALIGNMENT,
  FIELD_PITCH_ALIGNMENT,
  FIELD_MAX_PITCH,
  FIELD_CONTIGUOUS,
  FIELD_ADDRESS_BITS,
  FIELD_CPU_ACCESS,
  FIELD_MEMORY,
  FIELD_FORMATS,
  N_FIELDS,
} Field;

#define FIELD_FIRST_NUMBER FIELD_SIZE_ALIGNMENT
#define FIELD_N_NUMBERS FIELD_MEMORY

typedef struct
{
  guint32 format;
  guint64 modifier;
} Format;

struct _DmabufConstraints
{
  char *owner;
  char *owners[N_FIELDS]; /* of a field that demands something */
  /* Normal forms: alignments 1, limits G_MAXUINT64, flags 0 demand nothing. */
  guint64 numbers[FIELD_N_NUMBERS];
  GPtrArray *memory; /* sorted names, NULL for any */
  GArray *formats;   /* sorted pairs, NULL for any */
};

G_DEFINE_BOXED_TYPE (DmabufConstraints, dmabuf_constraints,
    dmabuf_constraints_copy, dmabuf_constraints_free)

static const char *const field_names[N_FIELDS] = {
  [FIELD_SIZE_ALIGNMENT] = "alignment of the size",
  [FIELD_OFFSET_ALIGNMENT] = "alignment of the offset",
  [FIELD_PITCH_ALIGNMENT] = "alignment of the pitch",
  [FIELD_MAX_PITCH] = "greatest pitch",
  [FIELD_CONTIGUOUS] = "contiguous memory",
  [FIELD_ADDRESS_BITS] = "address bits",
  [FIELD_CPU_ACCESS] = "CPU access",
  [FIELD_MEMORY] = "memory",
  [FIELD_FORMATS] = "formats",
};

static guint64
nothing (Field field)
{
  switch (field) {
  case FIELD_SIZE_ALIGNMENT:
  case FIELD_OFFSET_ALIGNMENT:
  case FIELD_PITCH_ALIGNMENT:
    return 1;
  case FIELD_MAX_PITCH:
  case FIELD_ADDRESS_BITS:
    return G_MAXUINT64;
  default:
    return 0;
  }
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static int
compare_formats (gconstpointer a, gconstpointer b)
{
  const Format *x = a, *y = b;

  if (x->format != y->format)
    return x->format < y->format ? -1 : 1;
  if (x->modifier != y->modifier)
    return x->modifier < y->modifier ? -1 : 1;
  return 0;
}

/* --- the value ----------------------------------------------------------- */

DmabufConstraints *
dmabuf_constraints_new (const char *owner)
{
  DmabufConstraints *self = g_new0 (DmabufConstraints, 1);
  Field field;

  self->owner = g_strdup (owner ? owner : "somebody");
  for (field = FIELD_FIRST_NUMBER; field < FIELD_N_NUMBERS; field++)
    self->numbers[field] = nothing (field);
  return self;
}

static GPtrArray *
copy_memory (GPtrArray *memory)
{
  GPtrArray *copy;
  guint i;

  if (!memory)
    return NULL;

  copy = g_ptr_array_new_with_free_func (g_free);
  for (i = 0; i < memory->len; i++)
    g_ptr_array_add (copy, g_strdup (g_ptr_array_index (memory, i)));
  return copy;
}

DmabufConstraints *
dmabuf_constraints_copy (const DmabufConstraints *constraints)
{
  DmabufConstraints *copy;
  Field field;

  g_return_val_if_fail (constraints != NULL, NULL);

  copy = g_memdup2 (constraints, sizeof *constraints);
  copy->owner = g_strdup (constraints->owner);
  for (field = 0; field < N_FIELDS; field++)
    copy->owners[field] = g_strdup (constraints->owners[field]);
  copy->memory = copy_memory (constraints->memory);
  copy->formats =
      constraints->formats ? g_array_copy (constraints->formats) : NULL;
  return copy;
}

void
dmabuf_constraints_free (DmabufConstraints *constraints)
{
  Field field;

  if (!constraints)
    return;

  g_free (constraints->owner);
  for (field = 0; field < N_FIELDS; field++)
    g_free (constraints->owners[field]);
  g_clear_pointer (&constraints->memory, g_ptr_array_unref);
  g_clear_pointer (&constraints->formats, g_array_unref);
  g_free (constraints);
}

static void
set_owner (DmabufConstraints *self, Field field, const char *owner)
{
  char *copy = g_strdup (owner);

  g_free (self->owners[field]);
  self->owners[field] = copy;
}

static void
set_number (DmabufConstraints *self, Field field, guint64 value)
{
  self->numbers[field] = value;
  set_owner (self, field, value == nothing (field) ? NULL : self->owner);
}

void
dmabuf_constraints_set_alignment (
    DmabufConstraints *constraints, guint64 size, guint64 offset, guint64 pitch)
{
  g_return_if_fail (constraints != NULL);

  set_number (constraints, FIELD_SIZE_ALIGNMENT, MAX (size, 1));
  set_number (constraints, FIELD_OFFSET_ALIGNMENT, MAX (offset, 1));
  set_number (constraints, FIELD_PITCH_ALIGNMENT, MAX (pitch, 1));
}

void
dmabuf_constraints_get_alignment (const DmabufConstraints *constraints,
    guint64 *size, guint64 *offset, guint64 *pitch)
{
  g_return_if_fail (constraints != NULL);

  if (size)
    *size = constraints->numbers[FIELD_SIZE_ALIGNMENT];
  if (offset)
    *offset = constraints->numbers[FIELD_OFFSET_ALIGNMENT];
  if (pitch)
    *pitch = constraints->numbers[FIELD_PITCH_ALIGNMENT];
}

void
dmabuf_constraints_set_max_pitch (
    DmabufConstraints *constraints, guint64 max_pitch)
{
  g_return_if_fail (constraints != NULL);

  set_number (
      constraints, FIELD_MAX_PITCH, max_pitch ? max_pitch : G_MAXUINT64);
}

guint64
dmabuf_constraints_get_max_pitch (const DmabufConstraints *constraints)
{
  guint64 value;

  g_return_val_if_fail (constraints != NULL, 0);

  value = constraints->numbers[FIELD_MAX_PITCH];
  return value == G_MAXUINT64 ? 0 : value;
}

void
dmabuf_constraints_set_contiguous (
    DmabufConstraints *constraints, gboolean contiguous)
{
  g_return_if_fail (constraints != NULL);

  set_number (constraints, FIELD_CONTIGUOUS, !!contiguous);
}

void
dmabuf_constraints_set_address_bits (DmabufConstraints *constraints, guint bits)
{
  g_return_if_fail (constraints != NULL);

  set_number (constraints, FIELD_ADDRESS_BITS,
      bits == 0 || bits >= 64 ? G_MAXUINT64 : bits);
}

void
dmabuf_constraints_set_cpu_access (
    DmabufConstraints *constraints, gboolean cpu_access)
{
  g_return_if_fail (constraints != NULL);

  set_number (constraints, FIELD_CPU_ACCESS, !!cpu_access);
}

void
dmabuf_constraints_add_memory (
    DmabufConstraints *constraints, const char *exporter)
{
  g_return_if_fail (constraints != NULL);
  g_return_if_fail (exporter != NULL);

  if (!constraints->memory)
    constraints->memory = g_ptr_array_new_with_free_func (g_free);
  if (g_ptr_array_find_with_equal_func (
          constraints->memory, exporter, g_str_equal, NULL))
    return;

  g_ptr_array_add (constraints->memory, g_strdup (exporter));
  g_ptr_array_sort (constraints->memory, compare_names);
  set_owner (constraints, FIELD_MEMORY, constraints->owner);
}

void
dmabuf_constraints_add_format (
    DmabufConstraints *constraints, guint32 format, guint64 modifier)
{
  Format pair = { format, modifier };

  g_return_if_fail (constraints != NULL);

  if (!constraints->formats)
    constraints->formats = g_array_new (FALSE, FALSE, sizeof (Format));
  else if (dmabuf_constraints_has_format (constraints, format, modifier))
    return;

  g_array_append_val (constraints->formats, pair);
  g_array_sort (constraints->formats, compare_formats);
  set_owner (constraints, FIELD_FORMATS, constraints->owner);
}

gboolean
dmabuf_constraints_has_format (
    const DmabufConstraints *constraints, guint32 format, guint64 modifier)
{
  Format pair = { format, modifier };

  g_return_val_if_fail (constraints != NULL, FALSE);

  return !constraints->formats
      || g_array_binary_search (
          constraints->formats, &pair, compare_formats, NULL);
}

/* --- describing ---------------------------------------------------------- */

static void
append_format (GString *text, const Format *pair)
{
  guint i;

  for (i = 0; i < 4; i++) {
    char c = (pair->format >> (8 * i)) & 0xff;

    g_string_append_c (text, g_ascii_isprint (c) ? c : '?');
  }
  g_string_append_printf (text, ":0x%" G_GINT64_MODIFIER "x", pair->modifier);
}

static void
append_value (GString *text, const DmabufConstraints *self, Field field)
{
  guint i;

  switch (field) {
  case FIELD_MEMORY:
    for (i = 0; self->memory && i < self->memory->len; i++)
      g_string_append_printf (text, "%s%s", i ? ", " : "",
          (const char *) g_ptr_array_index (self->memory, i));
    break;
  case FIELD_FORMATS:
    for (i = 0; self->formats && i < self->formats->len; i++) {
      g_string_append (text, i ? ", " : "");
      append_format (text, &g_array_index (self->formats, Format, i));
    }
    break;
  case FIELD_CONTIGUOUS:
  case FIELD_CPU_ACCESS:
    g_string_append (text, self->numbers[field] ? "needed" : "not needed");
    break;
  default:
    g_string_append_printf (text, "%" G_GUINT64_FORMAT, self->numbers[field]);
  }
}

static gboolean
demands (const DmabufConstraints *self, Field field)
{
  return self->owners[field] != NULL;
}

char *
dmabuf_constraints_describe (const DmabufConstraints *constraints)
{
  GString *text;
  Field field;

  g_return_val_if_fail (constraints != NULL, NULL);

  text = g_string_new (NULL);
  for (field = 0; field < N_FIELDS; field++) {
    if (!demands (constraints, field))
      continue;
    g_string_append_printf (
        text, "%s%s: ", text->len ? "; " : "", field_names[field]);
    append_value (text, constraints, field);
    g_string_append_printf (text, " (%s)", constraints->owners[field]);
  }
  if (text->len == 0)
    g_string_append (text, "nothing");
  return g_string_free (text, FALSE);
}

/* --- the algebra --------------------------------------------------------- */

/* FALSE if it does not fit 64 bits. */
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
merge_number (Field field, guint64 a, guint64 b, guint64 *result)
{
  switch (field) {
  case FIELD_MAX_PITCH:
  case FIELD_ADDRESS_BITS:
    *result = MIN (a, b);
    return TRUE;
  case FIELD_CONTIGUOUS:
  case FIELD_CPU_ACCESS:
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
    return copy_memory (a ? a : b);

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

  both = g_array_new (FALSE, FALSE, sizeof (Format));
  for (i = 0; i < a->len; i++) {
    Format pair = g_array_index (a, Format, i);

    if (g_array_binary_search (b, &pair, compare_formats, NULL))
      g_array_append_val (both, pair);
  }
  return both;
}

static void
set_conflict (GError **error, const DmabufConstraints *a, Field field_a,
    const DmabufConstraints *b, Field field_b)
{
  g_autoptr (GString) value_a = g_string_new (NULL);
  g_autoptr (GString) value_b = g_string_new (NULL);

  append_value (value_a, a, field_a);
  append_value (value_b, b, field_b);
  dmabuf_set_error (error, EBUSY,
      "no buffer suits both: %s of %s is %s, %s of %s is %s",
      field_names[field_a], a->owners[field_a], value_a->str,
      field_names[field_b], b->owners[field_b], value_b->str);
}

DmabufConstraints *
dmabuf_constraints_merge (
    const DmabufConstraints *a, const DmabufConstraints *b, GError **error)
{
  g_autoptr (DmabufConstraints) merged = NULL;
  Field field;

  g_return_val_if_fail (a != NULL && b != NULL, NULL);

  merged = dmabuf_constraints_copy (a);

  for (field = FIELD_FIRST_NUMBER; field < FIELD_N_NUMBERS; field++) {
    if (!merge_number (field, a->numbers[field], b->numbers[field],
            &merged->numbers[field])) {
      set_conflict (error, a, field, b, field);
      return NULL;
    }
    /* The stricter side is the one to name. */
    if (merged->numbers[field] != a->numbers[field])
      set_owner (merged, field, b->owners[field]);
  }

  g_clear_pointer (&merged->memory, g_ptr_array_unref);
  merged->memory = intersect_memory (a->memory, b->memory);
  if (merged->memory && merged->memory->len == 0) {
    set_conflict (error, a, FIELD_MEMORY, b, FIELD_MEMORY);
    return NULL;
  }
  if (!a->memory)
    set_owner (merged, FIELD_MEMORY, b->owners[FIELD_MEMORY]);

  g_clear_pointer (&merged->formats, g_array_unref);
  merged->formats = intersect_formats (a->formats, b->formats);
  if (merged->formats && merged->formats->len == 0) {
    set_conflict (error, a, FIELD_FORMATS, b, FIELD_FORMATS);
    return NULL;
  }
  if (!a->formats)
    set_owner (merged, FIELD_FORMATS, b->owners[FIELD_FORMATS]);

  /* A pitch has to be a multiple of the one and no more than the other. */
  if (merged->numbers[FIELD_PITCH_ALIGNMENT]
      > merged->numbers[FIELD_MAX_PITCH]) {
    set_conflict (
        error, merged, FIELD_PITCH_ALIGNMENT, merged, FIELD_MAX_PITCH);
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
      if (compare_formats (&g_array_index (a->formats, Format, i),
              &g_array_index (b->formats, Format, i)))
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

/* --- exporters ----------------------------------------------------------- */

gboolean
dmabuf_constraints_check_exporter (const DmabufConstraints *constraints,
    DmabufExporter *exporter, GError **error)
{
  const char *name = dmabuf_exporter_get_name (exporter);
  DmabufMemory memory;
  g_autoptr (GString) value = NULL;
  const char *has;
  Field field;

  dmabuf_exporter_get_memory (exporter, &memory);

  if (!memory.known)
    return TRUE;

  if (constraints->numbers[FIELD_CONTIGUOUS] && !memory.contiguous) {
    field = FIELD_CONTIGUOUS;
    has = "its memory is in pieces";
  } else if (constraints->numbers[FIELD_ADDRESS_BITS] < memory.address_bits) {
    field = FIELD_ADDRESS_BITS;
    has = "its memory may lie higher";
  } else if (constraints->numbers[FIELD_CPU_ACCESS] && !memory.cpu_access) {
    field = FIELD_CPU_ACCESS;
    has = "the CPU cannot reach its memory";
  } else if (constraints->memory
      && !g_ptr_array_find_with_equal_func (
          constraints->memory, name, g_str_equal, NULL)) {
    field = FIELD_MEMORY;
    has = "it is not one of them";
  } else {
    return TRUE;
  }

  value = g_string_new (NULL);
  append_value (value, constraints, field);
  dmabuf_set_error (error, EBUSY, "%s does not suit %s: %s is %s, but %s", name,
      constraints->owners[field], field_names[field], value->str, has);
  return FALSE;
}

guint64
dmabuf_constraints_align_size (
    const DmabufConstraints *constraints, guint64 size)
{
  guint64 alignment = constraints->numbers[FIELD_SIZE_ALIGNMENT];
  guint64 rest = size % alignment;

  if (rest == 0)
    return size;
  return size > G_MAXUINT64 - alignment ? G_MAXUINT64 : size - rest + alignment;
}
