/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Chooses the exporter that suits a set of devices, and says why. */

#include "dmabuf-constraints-private.h"
#include "dmabuf-device-private.h"
#include "dmabuf-kernel-private.h"
#include "dmabuf-storage-private.h"

#include <errno.h>

DmabufExporter *
dmabuf_choose_for (GPtrArray *exporters, const DmabufConstraints *constraints,
    guint first, GString *reason, GError **error)
{
  g_autofree char *demanded = dmabuf_constraints_describe (constraints);
  GError *last_error = NULL;
  guint i;

  for (i = first; i < exporters->len; i++) {
    DmabufExporter *exporter = g_ptr_array_index (exporters, i);

    g_clear_error (&last_error);
    if (dmabuf_constraints_check_exporter (
            constraints, exporter, &last_error)) {
      if (reason)
        g_string_append_printf (reason, "%s: chosen: suits %s\n",
            dmabuf_exporter_get_name (exporter), demanded);
      return exporter;
    }
    if (reason)
      g_string_append_printf (reason, "%s: passed over: %s\n",
          dmabuf_exporter_get_name (exporter), last_error->message);
  }

  if (!last_error)
    dmabuf_set_error (&last_error, EBUSY, "no exporter is left to choose from");
  g_propagate_error (error, last_error);
  return NULL;
}

DmabufConstraints *
dmabuf_merge_devices (DmabufDevice **devices, guint n, GError **error)
{
  DmabufConstraints *merged = dmabuf_constraints_new ("no device");
  guint i;

  for (i = 0; i < n; i++) {
    g_autoptr (DmabufConstraints) one =
        dmabuf_device_get_constraints (devices[i]);
    DmabufConstraints *both;

    if (!one)
      continue;
    both = dmabuf_constraints_merge (merged, one, error);
    dmabuf_constraints_free (merged);
    if (!both)
      return NULL;
    merged = both;
  }
  return merged;
}

DmabufExporter *
dmabuf_exporter_choose (DmabufExporter **exporters, guint n_exporters,
    DmabufDevice **devices, guint n_devices, char **reason, GError **error)
{
  g_autoptr (DmabufConstraints) constraints = NULL;
  g_autoptr (GPtrArray) candidates = g_ptr_array_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  DmabufExporter *chosen = NULL;
  GError *own_error = NULL;
  guint i;

  g_return_val_if_fail (n_exporters == 0 || exporters != NULL, NULL);
  g_return_val_if_fail (n_devices == 0 || devices != NULL, NULL);

  for (i = 0; i < n_exporters; i++)
    g_ptr_array_add (candidates, exporters[i]);

  constraints = dmabuf_merge_devices (devices, n_devices, &own_error);
  if (constraints)
    chosen = dmabuf_choose_for (candidates, constraints, 0, text, &own_error);
  else
    g_string_append_printf (text, "%s\n", own_error->message);

  if (reason)
    *reason = g_string_free (g_steal_pointer (&text), FALSE);
  if (!chosen)
    g_propagate_error (error, own_error);
  return chosen;
}
