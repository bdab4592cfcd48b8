/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keeps every library loaded that was opened once. LeakSanitizer searches for
 * leaks when the process ends: a driver that was unloaded by then is missing
 * from the report, another library may be at its addresses, and memory that its
 * globals pointed to counts as leaked. Preloaded in the ASan lane, behind the
 * runtime, whose own dlopen () calls this one.
 */

#define _GNU_SOURCE /* RTLD_NEXT */

#include <dlfcn.h>
#include <stdlib.h>

/* Programs that a test starts run without ASan's runtime, so they must not
 * inherit LD_PRELOAD. */
__attribute__ ((constructor)) static void
forget_preload (void)
{
  unsetenv ("LD_PRELOAD");
}

void *
dlopen (const char *file, int mode)
{
  void *(*real) (const char *, int) =
      (void *(*) (const char *, int) ) dlsym (RTLD_NEXT, "dlopen");

  return real (file, mode | RTLD_NODELETE);
}
