/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "count-mallocs.h"

#include <stddef.h>

extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *data, size_t size);
void *malloc (size_t size);
void *calloc (size_t n, size_t size);
void *realloc (void *data, size_t size);

__thread guint64 n_mallocs;
__thread guint mallocs_not_counted;

void *
malloc (size_t size)
{
  n_mallocs += !mallocs_not_counted;
  return __libc_malloc (size);
}

void *
calloc (size_t n, size_t size)
{
  n_mallocs += !mallocs_not_counted;
  return __libc_calloc (n, size);
}

void *
realloc (void *data, size_t size)
{
  n_mallocs += !mallocs_not_counted;
  return __libc_realloc (data, size);
}
