/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An exporter as another project would write it: this file and third-party.c
 * include installed headers only. */

#include <libdmabufcore/dmabufcore.h>

G_BEGIN_DECLS

#define THIRD_TYPE_EXPORTER (third_exporter_get_type ())
G_DECLARE_FINAL_TYPE (
    ThirdExporter, third_exporter, THIRD, EXPORTER, DmabufExporter)

struct _ThirdExporter
{
  DmabufExporter parent_instance;

  DmabufExporter *backing;

  /* Read by tests */
  gint n_allocated;
  gint n_released;
  gint n_attached;
  gint n_mapped;
  gint n_pinned;
  gint n_vmapped;
  gint n_vmaps;
  gint n_begun;
  gint n_data_freed;
  DmabufAccess last_access;

  /* Set by tests */
  int fail_allocate; /* An errno */
  int fail_map;      /* An errno, -1 for FALSE without an error */
  int fail_begin;
  int fail_end;
  DmabufDevice *veto; /* The device that may not attach */
  void (*on_attach) (DmabufBuffer *buffer, gpointer data);
  gpointer on_attach_data;
};

/* @backing: the exporter that allocates its storage */
ThirdExporter *third_exporter_new (
    const char *name, DmabufExporter *backing, gboolean contiguous);

G_END_DECLS
