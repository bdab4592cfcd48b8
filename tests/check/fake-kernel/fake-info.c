/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The fake kernel's fdinfo and debugfs: STAT-1, STAT-3. */

#include "fake-kernel.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int
file_with (const char *text)
{
  int fd = memfd_create ("info", MFD_CLOEXEC);

  if (fd < 0 || write (fd, text, strlen (text)) < 0)
    return fd;
  lseek (fd, 0, SEEK_SET);
  return fd;
}

static int
fdinfo_open (const char *path)
{
  int fd = atoi (strrchr (path, '/') + 1);
  g_autofree char *text = NULL;
  FakeFile *file;

  fake_lock ();
  file = fake_file_lookup (fd);
  if (file && file->kind == FAKE_FILE_DMABUF)
    text = g_strdup_printf ("pos:\t0\nflags:\t02000002\nmnt_id:\t13\n"
                            "ino:\t%" G_GUINT64_FORMAT
                            "\nsize:\t%" G_GUINT64_FORMAT
                            "\ncount:\t%u\nexp_name:\t%s\n%s%s%s",
        file->inode, file->size, file->refs, file->exporter,
        file->name[0] ? "name:\t" : "", file->name, file->name[0] ? "\n" : "");
  fake_unlock ();

  return text ? file_with (text) : open (path, O_RDONLY | O_CLOEXEC);
}

static void
append_buffer (gpointer data, gpointer user_data)
{
  FakeFile *file = data;

  g_string_append_printf (user_data,
      "%08" G_GUINT64_FORMAT "\t%08x\t%08x\t%08u\t%s\t%08" G_GUINT64_FORMAT
      "\t%s\n\tAttached Devices:\nTotal 0 devices attached\n\n",
      file->size, 2, 0x80007, file->refs, file->exporter, file->inode,
      file->name[0] ? file->name : "<none>");
}

static int
bufinfo_open (void)
{
  g_autoptr (GString) text = g_string_new (
      "\nDma-buf Objects:\nsize    \tflags   \tmode    \tcount   \texp_name\t"
      "ino     \tname\n");

  fake_lock ();
  fake_buffer_foreach (append_buffer, text);
  fake_unlock ();
  g_string_append (text, "\nTotal objects\n");

  return file_with (text->str);
}

int
fake_info_open (const char *path)
{
  return strstr (path, "/fdinfo/") ? fdinfo_open (path) : bufinfo_open ();
}
