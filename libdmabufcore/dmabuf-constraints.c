/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Constraints: the value, its description, its check on an exporter's memory.
 */

#include "dmabuf-constraints-private.h"
#include "dmabuf-kernel-private.h"

#include <errno.h>
#include <string.h>

G_DEFINE_BOXED_TYPE (DmabufConstraints, dmabuf_constraints,
    dmabuf_constraints_copy, dmabuf_constraints_free)

const char *const dmabuf_field_names[DMABUF_N_FIELDS] = {
  [DMABUF_FIELD_SIZE_ALIGNMENT] = "alignment of the size",
  [DMABUF_FIELD_OFFSET_ALIGNMENT] = "alignment of the offset",
  [DMABUF_FIELD_PITCH_ALIGNMENT] = "alignment of the pitch",
  [DMABUF_FIELD_MAX_PITCH] = "greatest pitch",
  [DMABUF_FIELD_CONTIGUOUS] = "contiguous memory",
  [DMABUF_FIELD_ADDRESS_BITS] = "address bits",
  [DMABUF_FIELD_CPU_ACCESS] = "CPU access",
  [DMABUF_FIELD_MEMORY] = "memory",
  [DMABUF_FIELD_FORMATS] = "formats",
};

static guint64
nothing (DmabufField field)
{
  switch (field) {
  case DMABUF_FIELD_SIZE_ALIGNMENT:
  case DMABUF_FIELD_OFFSET_ALIGNMENT:
  case DMABUF_FIELD_PITCH_ALIGNMENT:
    return 1;
  case DMABUF_FIELD_MAX_PITCH:
  case DMABUF_FIELD_ADDRESS_BITS:
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

int
dmabuf_compare_formats (gconstpointer a, gconstpointer b)
{
  const DmabufFormat *x = a, *y = b;

  if (x->format != y->format)
    return x->format < y->format ? -1 : 1;
  if (x->modifier != y->modifier)
    return x->modifier < y->modifier ? -1 : 1;
  return 0;
}

/* --- The value ----------------------------------------------------------- */

DmabufConstraints *
dmabuf_constraints_new (const char *owner)
{
  DmabufConstraints *self = g_new0 (DmabufConstraints, 1);
  DmabufField field;

  self->owner = g_strdup (owner ? owner : "an unnamed device");
  for (field = DMABUF_FIELD_FIRST_NUMBER; field < DMABUF_FIELD_N_NUMBERS;
      field++)
    self->numbers[field] = nothing (field);
  return self;
}

GPtrArray *
dmabuf_constraints_copy_memory (GPtrArray *memory)
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
  DmabufField field;

  g_return_val_if_fail (constraints != NULL, NULL);

  copy = g_memdup2 (constraints, sizeof *constraints);
  copy->owner = g_strdup (constraints->owner);
  for (field = 0; field < DMABUF_N_FIELDS; field++)
    copy->owners[field] = g_strdup (constraints->owners[field]);
  copy->memory = dmabuf_constraints_copy_memory (constraints->memory);
  copy->formats =
      constraints->formats ? g_array_copy (constraints->formats) : NULL;
  return copy;
}

void
dmabuf_constraints_free (DmabufConstraints *constraints)
{
  DmabufField field;

  if (!constraints)
    return;

  g_free (constraints->owner);
  for (field = 0; field < DMABUF_N_FIELDS; field++)
    g_free (constraints->owners[field]);
  g_clear_pointer (&constraints->memory, g_ptr_array_unref);
  g_clear_pointer (&constraints->formats, g_array_unref);
  g_free (constraints);
}

void
dmabuf_constraints_set_owner (
    DmabufConstraints *self, DmabufField field, const char *owner)
{
  char *copy = g_strdup (owner);

  g_free (self->owners[field]);
  self->owners[field] = copy;
}

static void
set_number (DmabufConstraints *self, DmabufField field, guint64 value)
{
  self->numbers[field] = value;
  dmabuf_constraints_set_owner (
      self, field, value == nothing (field) ? NULL : self->owner);
}

void
dmabuf_constraints_set_alignment (
    DmabufConstraints *constraints, guint64 size, guint64 offset, guint64 pitch)
{
  g_return_if_fail (constraints != NULL);

  set_number (constraints, DMABUF_FIELD_SIZE_ALIGNMENT, MAX (size, 1));
  set_number (constraints, DMABUF_FIELD_OFFSET_ALIGNMENT, MAX (offset, 1));
  set_number (constraints, DMABUF_FIELD_PITCH_ALIGNMENT, MAX (pitch, 1));
}

void
dmabuf_constraints_get_alignment (const DmabufConstraints *constraints,
    guint64 *size, guint64 *offset, guint64 *pitch)
{
  g_return_if_fail (constraints != NULL);

  if (size)
    *size = constraints->numbers[DMABUF_FIELD_SIZE_ALIGNMENT];
  if (offset)
    *offset = constraints->numbers[DMABUF_FIELD_OFFSET_ALIGNMENT];
  if (pitch)
    *pitch = constraints->numbers[DMABUF_FIELD_PITCH_ALIGNMENT];
}

void
dmabuf_constraints_set_max_pitch (
    DmabufConstraints *constraints, guint64 max_pitch)
{
  g_return_if_fail (constraints != NULL);

  set_number (
      constraints, DMABUF_FIELD_MAX_PITCH, max_pitch ? max_pitch : G_MAXUINT64);
}

guint64
dmabuf_constraints_get_max_pitch (const DmabufConstraints *constraints)
{
  guint64 value;

  g_return_val_if_fail (constraints != NULL, 0);

  value = constraints->numbers[DMABUF_FIELD_MAX_PITCH];
  return value == G_MAXUINT64 ? 0 : value;
}

void
dmabuf_constraints_set_contiguous (
    DmabufConstraints *constraints, gboolean contiguous)
{
  g_return_if_fail (constraints != NULL);

  set_number (constraints, DMABUF_FIELD_CONTIGUOUS, !!contiguous);
}

gboolean
dmabuf_constraints_get_contiguous (const DmabufConstraints *constraints)
{
  g_return_val_if_fail (constraints != NULL, FALSE);

  return constraints->numbers[DMABUF_FIELD_CONTIGUOUS] != 0;
}

void
dmabuf_constraints_set_address_bits (DmabufConstraints *constraints, guint bits)
{
  g_return_if_fail (constraints != NULL);

  set_number (constraints, DMABUF_FIELD_ADDRESS_BITS,
      bits == 0 || bits >= 64 ? G_MAXUINT64 : bits);
}

void
dmabuf_constraints_set_cpu_access (
    DmabufConstraints *constraints, gboolean cpu_access)
{
  g_return_if_fail (constraints != NULL);

  set_number (constraints, DMABUF_FIELD_CPU_ACCESS, !!cpu_access);
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
  dmabuf_constraints_set_owner (
      constraints, DMABUF_FIELD_MEMORY, constraints->owner);
}

char **
dmabuf_constraints_get_memory (const DmabufConstraints *constraints)
{
  char **names;
  guint i;

  g_return_val_if_fail (constraints != NULL, NULL);

  if (!constraints->memory)
    return NULL;
  names = g_new0 (char *, constraints->memory->len + 1);
  for (i = 0; i < constraints->memory->len; i++)
    names[i] = g_strdup (g_ptr_array_index (constraints->memory, i));
  return names;
}

void
dmabuf_constraints_add_format (
    DmabufConstraints *constraints, guint32 format, guint64 modifier)
{
  DmabufFormat pair = { format, modifier };

  g_return_if_fail (constraints != NULL);

  if (!constraints->formats)
    constraints->formats = g_array_new (FALSE, FALSE, sizeof (DmabufFormat));
  else if (dmabuf_constraints_has_format (constraints, format, modifier))
    return;

  g_array_append_val (constraints->formats, pair);
  g_array_sort (constraints->formats, dmabuf_compare_formats);
  dmabuf_constraints_set_owner (
      constraints, DMABUF_FIELD_FORMATS, constraints->owner);
}

gboolean
dmabuf_constraints_has_format (
    const DmabufConstraints *constraints, guint32 format, guint64 modifier)
{
  DmabufFormat pair = { format, modifier };

  g_return_val_if_fail (constraints != NULL, FALSE);

  return !constraints->formats
      || g_array_binary_search (
          constraints->formats, &pair, dmabuf_compare_formats, NULL);
}

/* --- Describing ---------------------------------------------------------- */

static void
append_format (GString *text, const DmabufFormat *pair)
{
  guint i;

  for (i = 0; i < 4; i++) {
    char c = (pair->format >> (8 * i)) & 0xff;

    g_string_append_c (text, g_ascii_isprint (c) ? c : '?');
  }
  g_string_append_printf (text, ":0x%" G_GINT64_MODIFIER "x", pair->modifier);
}

void
dmabuf_constraints_append_value (
    GString *text, const DmabufConstraints *self, DmabufField field)
{
  guint i;

  switch (field) {
  case DMABUF_FIELD_MEMORY:
    for (i = 0; self->memory && i < self->memory->len; i++)
      g_string_append_printf (text, "%s%s", i ? ", " : "",
          (const char *) g_ptr_array_index (self->memory, i));
    break;
  case DMABUF_FIELD_FORMATS:
    for (i = 0; self->formats && i < self->formats->len; i++) {
      g_string_append (text, i ? ", " : "");
      append_format (text, &g_array_index (self->formats, DmabufFormat, i));
    }
    break;
  case DMABUF_FIELD_CONTIGUOUS:
  case DMABUF_FIELD_CPU_ACCESS:
    g_string_append (text, self->numbers[field] ? "needed" : "not needed");
    break;
  default:
    g_string_append_printf (text, "%" G_GUINT64_FORMAT, self->numbers[field]);
  }
}

static gboolean
demands (const DmabufConstraints *self, DmabufField field)
{
  return self->owners[field] != NULL;
}

char *
dmabuf_constraints_describe (const DmabufConstraints *constraints)
{
  GString *text;
  DmabufField field;

  g_return_val_if_fail (constraints != NULL, NULL);

  text = g_string_new (NULL);
  for (field = 0; field < DMABUF_N_FIELDS; field++) {
    if (!demands (constraints, field))
      continue;
    g_string_append_printf (
        text, "%s%s: ", text->len ? "; " : "", dmabuf_field_names[field]);
    dmabuf_constraints_append_value (text, constraints, field);
    g_string_append_printf (text, " (%s)", constraints->owners[field]);
  }
  if (text->len == 0)
    g_string_append (text, "nothing");
  return g_string_free (text, FALSE);
}

/* --- Exporters ----------------------------------------------------------- */

gboolean
dmabuf_constraints_check_exporter (const DmabufConstraints *constraints,
    DmabufExporter *exporter, GError **error)
{
  const char *name;
  DmabufMemory memory;
  g_autoptr (GString) value = NULL;
  const char *has;
  DmabufField field;

  g_return_val_if_fail (constraints != NULL, FALSE);
  g_return_val_if_fail (DMABUF_IS_EXPORTER (exporter), FALSE);

  name = dmabuf_exporter_get_name (exporter);
  dmabuf_exporter_get_memory (exporter, &memory);

  if (!memory.known)
    return TRUE;

  if (constraints->numbers[DMABUF_FIELD_CONTIGUOUS] && !memory.contiguous) {
    field = DMABUF_FIELD_CONTIGUOUS;
    has = "its memory is in pieces";
  } else if (constraints->numbers[DMABUF_FIELD_ADDRESS_BITS]
      < memory.address_bits) {
    field = DMABUF_FIELD_ADDRESS_BITS;
    has = "its memory may lie higher";
  } else if (constraints->numbers[DMABUF_FIELD_CPU_ACCESS]
      && !memory.cpu_access) {
    field = DMABUF_FIELD_CPU_ACCESS;
    has = "the CPU cannot reach its memory";
  } else if (constraints->memory
      && !g_ptr_array_find_with_equal_func (
          constraints->memory, name, g_str_equal, NULL)) {
    field = DMABUF_FIELD_MEMORY;
    has = "it is not one of them";
  } else {
    return TRUE;
  }

  value = g_string_new (NULL);
  dmabuf_constraints_append_value (value, constraints, field);
  dmabuf_set_error (error, EBUSY, "%s does not suit %s: %s is %s, but %s", name,
      constraints->owners[field], dmabuf_field_names[field], value->str, has);
  return FALSE;
}

guint64
dmabuf_constraints_align_size (
    const DmabufConstraints *constraints, guint64 size)
{
  guint64 alignment = constraints->numbers[DMABUF_FIELD_SIZE_ALIGNMENT];
  guint64 rest = size % alignment;

  if (rest == 0)
    return size;
  return size > G_MAXUINT64 - alignment ? G_MAXUINT64 : size - rest + alignment;
}
