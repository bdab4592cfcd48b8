/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads the kernel's tables of dma-bufs: fdinfo of a process (STAT-1) and
 * debugfs (STAT-3). Both hold text that other processes chose, so every length,
 * number and character is checked.
 */

#include "dmabuf-kernel-private.h"
#include <libdmabufcore/dmabuf-info.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BUFINFO "/sys/kernel/debug/dma_buf/bufinfo"

/* A bound for hostile text, far above what the buffers of a machine take. */
#define MAX_FILE (64 << 20)

G_DEFINE_BOXED_TYPE (DmabufBufferInfo, dmabuf_buffer_info,
    dmabuf_buffer_info_copy, dmabuf_buffer_info_free)

DmabufBufferInfo *
dmabuf_buffer_info_copy (const DmabufBufferInfo *info)
{
  DmabufBufferInfo *copy;

  g_return_val_if_fail (info != NULL, NULL);

  copy = g_memdup2 (info, sizeof *info);
  copy->exporter = g_strdup (info->exporter);
  copy->name = g_strdup (info->name);
  return copy;
}

void
dmabuf_buffer_info_free (DmabufBufferInfo *info)
{
  if (!info)
    return;

  g_free (info->exporter);
  g_free (info->name);
  g_free (info);
}

/* --- Parsing ------------------------------------------------------------- */

/* Text of other processes: made valid UTF-8 without control characters. */
static char *
clean (const char *text, gsize length)
{
  char *copy = g_utf8_make_valid (text, length);
  char *c;

  for (c = copy; *c; c++) {
    if (g_ascii_iscntrl (*c))
      *c = '?';
  }
  return copy;
}

/* Parses a number of 64 bits that consists of digits only. */
static gboolean
parse_number (const char *text, gsize length, guint64 *number)
{
  guint64 value = 0;
  gsize i;

  if (length == 0)
    return FALSE;
  for (i = 0; i < length; i++) {
    if (!g_ascii_isdigit (text[i]) || __builtin_mul_overflow (value, 10, &value)
        || __builtin_add_overflow (value, text[i] - '0', &value))
      return FALSE;
  }
  *number = value;
  return TRUE;
}

static void
strip (const char **text, gsize *length)
{
  while (*length > 0 && g_ascii_isspace ((*text)[0])) {
    (*text)++;
    (*length)--;
  }
  while (*length > 0 && g_ascii_isspace ((*text)[*length - 1]))
    (*length)--;
}

/* Splits off the text up to the next @end, or all that is left. */
static gboolean
next_piece (const char **text, gsize *length, char end, const char **piece,
    gsize *piece_length)
{
  const char *found;

  if (*length == 0)
    return FALSE;

  found = memchr (*text, end, *length);
  *piece = *text;
  *piece_length = found ? (gsize) (found - *text) : *length;
  *text += *piece_length + (found ? 1 : 0);
  *length -= *piece_length + (found ? 1 : 0);
  return TRUE;
}

static gboolean
has_key (const char **line, gsize *length, const char *key)
{
  gsize n = strlen (key);

  if (*length < n || memcmp (*line, key, n) != 0)
    return FALSE;

  *line += n;
  *length -= n;
  strip (line, length);
  return TRUE;
}

/* The first line of each key counts. The kernel writes the name last and on one
 * line, so it cannot fake another key. */
DmabufBufferInfo *
dmabuf_buffer_info_parse_fdinfo (const char *text, gsize length)
{
  g_autoptr (DmabufBufferInfo) info = g_new0 (DmabufBufferInfo, 1);
  gboolean have_size = FALSE, have_inode = FALSE;
  const char *line;
  gsize n;

  g_return_val_if_fail (text != NULL || length == 0, NULL);

  while (next_piece (&text, &length, '\n', &line, &n)) {
    if (!have_size && has_key (&line, &n, "size:"))
      have_size = parse_number (line, n, &info->size);
    else if (!have_inode && has_key (&line, &n, "ino:"))
      have_inode = parse_number (line, n, &info->inode);
    else if (!info->exporter && has_key (&line, &n, "exp_name:"))
      info->exporter = clean (line, n);
    else if (info->exporter && !info->name && has_key (&line, &n, "name:"))
      info->name = clean (line, n);
  }

  /* Other files may have a size as well; only a dma-buf has an exporter. */
  if (!have_size || !info->exporter)
    return NULL;
  info->n_references = 1;
  return g_steal_pointer (&info);
}

/* Columns: size, flags, mode, count, exp_name, ino, name. Lines about fences
 * and devices are indented or without tabs. */
static DmabufBufferInfo *
parse_bufinfo_line (const char *line, gsize length)
{
  g_autoptr (DmabufBufferInfo) info = g_new0 (DmabufBufferInfo, 1);
  const char *fields[7];
  gsize lengths[7];
  guint n = 0;

  while (n < 7
      && next_piece (
          &line, &length, n < 6 ? '\t' : '\n', &fields[n], &lengths[n])) {
    strip (&fields[n], &lengths[n]);
    n++;
  }
  if (n < 6 || !parse_number (fields[0], lengths[0], &info->size)
      || !parse_number (fields[3], lengths[3], &info->n_references)
      || lengths[4] == 0 || !parse_number (fields[5], lengths[5], &info->inode))
    return NULL;

  info->exporter = clean (fields[4], lengths[4]);
  if (n == 7 && lengths[6] > 0
      && !(lengths[6] == 6 && memcmp (fields[6], "<none>", 6) == 0))
    info->name = clean (fields[6], lengths[6]);
  return g_steal_pointer (&info);
}

static GPtrArray *
new_list (void)
{
  return g_ptr_array_new_with_free_func (
      (GDestroyNotify) dmabuf_buffer_info_free);
}

GPtrArray *
dmabuf_buffer_info_parse_bufinfo (const char *text, gsize length)
{
  GPtrArray *list = new_list ();
  const char *line;
  gsize n;

  g_return_val_if_fail (text != NULL || length == 0, list);

  while (next_piece (&text, &length, '\n', &line, &n)) {
    DmabufBufferInfo *info = parse_bufinfo_line (line, n);

    if (info)
      g_ptr_array_add (list, info);
  }
  return list;
}

/* --- Reading ------------------------------------------------------------- */

static GByteArray *
read_file (const char *path)
{
  g_autoptr (GByteArray) content = g_byte_array_new ();
  guint8 part[4096];
  ssize_t n;
  int fd, code;

  fd = dmabuf_kernel->open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return NULL;

  for (;;) {
    n = dmabuf_kernel->read (fd, part, sizeof part);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0 || content->len > MAX_FILE)
      break;
    g_byte_array_append (content, part, n);
  }
  code = errno;
  dmabuf_kernel->close (fd);

  if (n < 0) {
    errno = code;
    return NULL;
  }
  return g_steal_pointer (&content);
}

static void
add_once (GPtrArray *list, DmabufBufferInfo *info)
{
  guint i;

  for (i = 0; i < list->len; i++) {
    DmabufBufferInfo *known = g_ptr_array_index (list, i);

    if (known->inode == info->inode) {
      known->n_references++;
      dmabuf_buffer_info_free (info);
      return;
    }
  }
  g_ptr_array_add (list, info);
}

GPtrArray *
dmabuf_buffer_info_list_process (guint pid, GError **error)
{
  g_autofree char *directory =
      g_strdup_printf ("/proc/%u/fdinfo", pid ? pid : (guint) getpid ());
  g_auto (GStrv) names = dmabuf_kernel->list (directory);
  GPtrArray *list;
  guint i;

  if (!names) {
    int code = errno;

    dmabuf_set_error (error, code, "%s: %s%s", directory, g_strerror (code),
        code == EACCES ? "; it needs permission to trace the process" : "");
    return NULL;
  }

  list = new_list ();
  for (i = 0; names[i]; i++) {
    g_autofree char *path = g_strconcat (directory, "/", names[i], NULL);
    g_autoptr (GByteArray) content = read_file (path);
    DmabufBufferInfo *info = NULL;

    /* An fd may have been closed meanwhile. */
    if (content)
      info = dmabuf_buffer_info_parse_fdinfo (
          (const char *) content->data, content->len);
    if (info)
      add_once (list, info);
  }
  return list;
}

GPtrArray *
dmabuf_buffer_info_list_system (GError **error)
{
  g_autoptr (GByteArray) content = read_file (BUFINFO);
  int code = errno;

  if (!content) {
    dmabuf_set_error (error, code, BUFINFO ": %s%s", g_strerror (code),
        code == ENOENT ? "; mount debugfs, as root: mount -t debugfs none "
                         "/sys/kernel/debug"
                       : "; only root may read it");
    return NULL;
  }
  return dmabuf_buffer_info_parse_bufinfo (
      (const char *) content->data, content->len);
}
