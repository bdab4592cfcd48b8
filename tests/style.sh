#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Checks, or with --fix mends, the format of the C files, and that every source
# file begins with its licence.

cd "$(dirname "$0")/.." || exit 2
status=0

# Another version would have it otherwise, everywhere.
version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
if [ "$version" != 19 ]; then
  echo "style.sh: needs clang-format 19, found ${version:-none};" \
    "./run sh --no-build -- tests/style.sh $* has it"
  [ $# -gt 0 ] && exit 2
  exit 77
fi

sources=$(find libdmabufcore gst ext tests subprojects -name '*.[ch]' -type f |
  sort)

# shellcheck disable=SC2086
if [ "$1" = --fix ]; then
  clang-format --style=file -i $sources || exit 2
elif ! clang-format --style=file --dry-run -Werror $sources; then
  echo "not as .clang-format has it; ./run sh --no-build -- tests/style.sh --fix mends it"
  status=1
fi

unlicensed=$(find run .ci libdmabufcore gst ext tests subprojects meson.build \
  meson.options -type f \( -name '*.[ch]' -o -name 'meson.build' \
  -o -name 'meson.options' -o -name '*.sh' -o -name '*.py' -o -name run \
  -o -name '*.comp' \) -not -path "*/build/*" -print0 |
  xargs -0 awk '
    function told () { if (file && !good) print file }
    FNR == 1 { told(); file = FILENAME; good = 0 }
    /SPDX-License-Identifier: LGPL-2.1-or-later/ { good = 1 }
    FNR == 3 { nextfile }
    END { told() }')
if [ -n "$unlicensed" ]; then
  echo "without an SPDX line among the first three:"
  echo "$unlicensed"
  status=1
fi

# tests/lab/tsan.supp hides what has it in its stack.
# shellcheck disable=SC2086
if grep -n 'g_queue_pop_tail (' $sources; then
  echo "hidden from ThreadSanitizer: pop from the head, or narrow tsan.supp"
  status=1
fi

exit $status
