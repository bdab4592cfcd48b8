/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

/* Defines type_name_get_type () of an enum for a property. Behind @type_name
 * are its values, { VALUE, "What it means", "nick" }, … What GLib has for that
 * came with 2.74, and people see its names. */
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

/* The same for one file */
#define GST_DMABUF_CORE_DEFINE_STATIC_ENUM(TypeName, type_name, ...) \
  static GType type_name##_get_type (void); \
  GST_DMABUF_CORE_DEFINE_ENUM (TypeName, type_name, __VA_ARGS__)
