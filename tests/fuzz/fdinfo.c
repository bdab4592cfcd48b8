/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* STAT-1, STAT-3: the parsers of fdinfo and bufinfo on text that others wrote.
 * Whatever comes out is clean. */

#include "fuzz.h"

#include <libdmabufcore/dmabufcore.h>

static void
check_text (const char *text)
{
  g_assert_true (g_utf8_validate (text, -1, NULL));
  for (; *text; text++)
    g_assert_false (g_ascii_iscntrl (*text));
}

static void
check_info (DmabufBufferInfo *info)
{
  DmabufBufferInfo *copy = dmabuf_buffer_info_copy (info);

  check_text (copy->exporter);
  if (copy->name)
    check_text (copy->name);
  g_assert_true (copy->size == info->size && copy->inode == info->inode);
  dmabuf_buffer_info_free (copy);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  /* exactly as long as it is, so that a sanitizer sees a byte too far */
  char *text = g_memdup2 (data, size);
  DmabufBufferInfo *info;
  GPtrArray *list;
  guint i;

  info = dmabuf_buffer_info_parse_fdinfo (text, size);
  if (info) {
    check_info (info);
    dmabuf_buffer_info_free (info);
  }

  list = dmabuf_buffer_info_parse_bufinfo (text, size);
  for (i = 0; i < list->len; i++)
    check_info (g_ptr_array_index (list, i));
  g_ptr_array_unref (list);

  g_free (text);
  return 0;
}
