/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libdmabufcore/dmabuf-constraints.h>
#include <libdmabufcore/dmabuf-exporter.h>

G_BEGIN_DECLS

typedef enum
{
  DMABUF_FIELD_SIZE_ALIGNMENT,
  DMABUF_FIELD_OFFSET_ALIGNMENT,
  DMABUF_FIELD_PITCH_ALIGNMENT,
  DMABUF_FIELD_MAX_PITCH,
  DMABUF_FIELD_CONTIGUOUS,
  DMABUF_FIELD_ADDRESS_BITS,
  DMABUF_FIELD_CPU_ACCESS,
  DMABUF_FIELD_MEMORY,
  DMABUF_FIELD_FORMATS,
  DMABUF_N_FIELDS,
} DmabufField;

#define DMABUF_FIELD_FIRST_NUMBER DMABUF_FIELD_SIZE_ALIGNMENT
#define DMABUF_FIELD_N_NUMBERS DMABUF_FIELD_MEMORY

typedef struct
{
  guint32 format;
  guint64 modifier;
} DmabufFormat;

/*
 * Every field remembers the device that demanded it, so that a conflict between
 * the first and the fifth device names these two, not "the others".
 */
struct _DmabufConstraints
{
  char *owner;
  char *owners[DMABUF_N_FIELDS]; /* NULL for a field that demands nothing */
  /* An alignment of 1, a limit of G_MAXUINT64, a flag of 0 demand nothing. */
  guint64 numbers[DMABUF_FIELD_N_NUMBERS];
  GPtrArray *memory; /* Sorted names, NULL for any */
  GArray *formats;   /* Sorted pairs, NULL for any */
};

extern const char *const dmabuf_field_names[DMABUF_N_FIELDS];

void dmabuf_constraints_set_owner (
    DmabufConstraints *self, DmabufField field, const char *owner);
GPtrArray *dmabuf_constraints_copy_memory (GPtrArray *memory);
int dmabuf_compare_formats (gconstpointer a, gconstpointer b);
void dmabuf_constraints_append_value (
    GString *text, const DmabufConstraints *self, DmabufField field);

guint64 dmabuf_constraints_align_size (
    const DmabufConstraints *constraints, guint64 size);

G_END_DECLS
