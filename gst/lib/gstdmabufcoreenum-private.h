/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

/* Defines type_name_get_type () of an enum for a property. The values follow
 * @type_name: { VALUE, "Description", "nick" }, … G_DEFINE_ENUM_TYPE() needs
 * GLib 2.74, and gst-inspect would show the C name of a value instead of a
 * description. */
#define GST_DMABUF_CORE_DEFINE_ENUM(TypeName, type_name, ...) \
  GType type_name##_get_type (void) \
  { \
    static const GEnumValue values[] = { __VA_ARGS__, { 0, NULL, NULL } }; \
    static gsize type; \
\
    if (g_once_init_enter (&type)) \
      g_once_init_leave (&type, g_enum_register_static (#TypeName, values)); \
\
    return type; \
  }

/* The same, static. */
#define GST_DMABUF_CORE_DEFINE_STATIC_ENUM(TypeName, type_name, ...) \
  static GType type_name##_get_type (void); \
  GST_DMABUF_CORE_DEFINE_ENUM (TypeName, type_name, __VA_ARGS__)
