/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "v4l2-controls.h"
#include "v4l2-debug.h"

#include <libdmabufcore/dmabufcore.h>

#include <errno.h>
#include <string.h>

/* The name of a control as v4l2-ctl and v4l2src write it: lower-case letters
 * and digits, with one underscore for any other characters between them. */
static char *
control_name_normalise (const char *name)
{
  GString *result = g_string_new (NULL);
  gboolean gap = FALSE;

  for (; *name; name++) {
    if (!g_ascii_isalnum (*name)) {
      gap = result->len > 0;
      continue;
    }
    if (gap)
      g_string_append_c (result, '_');
    gap = FALSE;
    g_string_append_c (result, g_ascii_tolower (*name));
  }

  return g_string_free (result, FALSE);
}

static gboolean
device_find_control (
    V4l2Device *device, const char *wanted, struct v4l2_query_ext_ctrl *control)
{
  gboolean found = FALSE;

  memset (control, 0, sizeof (*control));
  control->id = V4L2_CTRL_FLAG_NEXT_CTRL;

  while (!found
      && v4l2_device_ioctl (device, VIDIOC_QUERY_EXT_CTRL, control) == 0) {
    char *name = control_name_normalise (control->name);

    found = control->type != V4L2_CTRL_TYPE_CTRL_CLASS
        && g_str_equal (name, wanted);
    g_free (name);
    if (!found)
      control->id |= V4L2_CTRL_FLAG_NEXT_CTRL;
  }

  return found;
}

/* FALSE if @value is no number. */
static gboolean
value_get_number (const GValue *value, gint64 *number)
{
  GValue converted = G_VALUE_INIT;

  if (G_VALUE_HOLDS_STRING (value)
      || !g_value_type_transformable (G_VALUE_TYPE (value), G_TYPE_INT64))
    return FALSE;

  g_value_init (&converted, G_TYPE_INT64);
  g_value_transform (value, &converted);
  *number = g_value_get_int64 (&converted);
  g_value_unset (&converted);

  return TRUE;
}

static gboolean
control_set (V4l2Device *device, const struct v4l2_query_ext_ctrl *control,
    const GValue *value)
{
  struct v4l2_ext_control ext_control = { .id = control->id };
  struct v4l2_ext_controls ext_controls = {
    .which = V4L2_CTRL_WHICH_CUR_VAL,
    .count = 1,
    .controls = &ext_control,
  };
  char *text = NULL;
  gint64 number;
  int ret;

  if (control->type == V4L2_CTRL_TYPE_STRING) {
    if (!G_VALUE_HOLDS_STRING (value) || !g_value_get_string (value)) {
      errno = EINVAL;
      return FALSE;
    }
    text = g_value_dup_string (value);
    ext_control.string = text;
    ext_control.size = strlen (text) + 1;
  } else {
    if (!value_get_number (value, &number)) {
      errno = EINVAL;
      return FALSE;
    }
    if (control->type == V4L2_CTRL_TYPE_INTEGER64)
      ext_control.value64 = number;
    else
      ext_control.value = CLAMP (number, G_MININT32, G_MAXINT32);
  }

  ret = v4l2_device_ioctl (device, VIDIOC_S_EXT_CTRLS, &ext_controls);
  g_free (text);

  return ret == 0;
}

static void
describe_failure (GString *failures, const char *name, const GValue *value,
    const struct v4l2_query_ext_ctrl *control, int code)
{
  char *text = gst_value_serialize (value);

  g_string_append_printf (failures, "%s%s=%s", failures->len > 0 ? "; " : "",
      name, text ? text : "?");
  g_free (text);

  if (!control)
    g_string_append (failures,
        " (there is no such control; v4l2-ctl --list-ctrls-menus "
        "lists the controls)");
  else if (code == ERANGE || code == EINVAL)
    g_string_append_printf (failures,
        " (the control goes from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT ")",
        (gint64) control->minimum, (gint64) control->maximum);
  else
    g_string_append_printf (failures, " (%s)", g_strerror (code));
}

gboolean
v4l2_controls_set (
    V4l2Device *device, const GstStructure *controls, GError **error)
{
  GString *failures = g_string_new (NULL);
  gboolean ok;
  gint i;

  for (i = 0; i < gst_structure_n_fields (controls); i++) {
    const char *field = gst_structure_nth_field_name (controls, i);
    const GValue *value = gst_structure_get_value (controls, field);
    char *name = control_name_normalise (field);
    struct v4l2_query_ext_ctrl control;

    if (!device_find_control (device, name, &control))
      describe_failure (failures, name, value, NULL, ENOENT);
    else if (!control_set (device, &control, value))
      describe_failure (failures, name, value, &control, errno);
    else
      GST_DEBUG ("%s: set control %s", device->path, control.name);
    g_free (name);
  }

  ok = failures->len == 0;
  if (!ok)
    g_set_error (error, DMABUF_ERROR, EINVAL, "%s (%s): cannot set control %s",
        device->path, device->card, failures->str);
  g_string_free (failures, TRUE);

  return ok;
}
