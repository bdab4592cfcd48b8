# SPDX-License-Identifier: LGPL-2.1-or-later
# A machine for the tests of ./run, which source this: stubs replace the mirror,
# mmdebstrap and the disk, so that no network is needed.
# shellcheck shell=bash

set -u
[ "$(id -u)" = 0 ] && unshare --mount --pid --fork true 2>/dev/null || {
  echo "needs root that may mount, as in ./run sh"; exit 77; }
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache STUB=$work
cache=$work/cache/gst-dmabuf
number=0
failed=0

# stub NAME: makes a program NAME from standard input.
stub () {
  mkdir -p "$work/bin"
  cat >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}

# apt lists a mirror, unless $STUB/no-mirror exists.
stub apt-get <<'END'
#!/bin/sh
[ "$1" = indextargets ] || exit 1
[ -f "$STUB/no-mirror" ] || echo 'Debian|http://mirror.invalid/debian|main'
END
stub apt-config <<'END'
#!/bin/sh
END
# The disk has as many MB left as $STUB/free says.
stub df <<'END'
#!/bin/sh
echo 'Filesystem 1M-blocks Used Available Capacity Mounted'
echo "stub 9999 0 $(cat "$STUB/free") 0% /"
END
# Begins a root and fetches a package, prints $STUB/say, and then fails, hangs
# or succeeds, as $STUB/then says.
stub mmdebstrap <<'END'
#!/bin/bash
echo called >>"$STUB/calls"
until [ "$1" = "$STUB_SUITE" ]; do shift; done
mkdir "$2/usr"
touch "$DEBS/fetched_1_all.deb"
echo 'I: downloading packages with apt...'
echo 'W: a word that is for the log only' >&2
cat "$STUB/say" >&2
case $(cat "$STUB/then") in
  fail) exit 1 ;;
  hang) echo $$ >"$STUB/hangs"; exec sleep 1000 ;;
esac
END
STUB_SUITE=$(sed -n 's/^SUITE=//p' "$top/tests/lab/root.sh")
export STUB_SUITE PATH=$work/bin:$PATH

# the_machine FREE THEN [LINE…]: sets the stubs for the next run.
the_machine () {
  rm -rf "$work/cache" "$work/calls" "$work/hangs" "$work/no-mirror"
  echo "$1" >"$work/free"
  echo "$2" >"$work/then"
  shift 2
  printf '%s\n' "$@" >"$work/say"
}

# run: calls ./run as a user does; its messages are in $work/err.
run () {
  "$top/run" sh --no-build -- true </dev/null >"$work/out" 2>"$work/err"
  status=$?
}

# in_lab COMMANDS: replaces this process by a shell that runs COMMANDS with the
# lab's functions, of which enter () is a stub that fails.
in_lab () {
  # shellcheck disable=SC2016
  exec env --default-signal=INT,TERM,HUP bash -c 'TOP=$1
    for part in lib root roots inside cached vm boots test; do
      . "$TOP/tests/lab/$part.sh"; done
    enter () { as_root bash -c "echo \"\$1\" >&2; exit 1" bash \
      "mke2fs: No space left on device"; }
    eval "$2"' bash "$top" "$1" </dev/null >"$work/out" 2>"$work/err"
}

# lab COMMANDS: in_lab () in a child.
lab () {
  (in_lab "$1")
  status=$?
}

# check NAME COMMAND…: prints TAP; passes if COMMAND succeeds.
check () {
  local name=$1
  shift
  number=$((number + 1))
  if "$@"; then
    echo "ok $number - $name"
  else
    echo "not ok $number - $name"
    echo "exit status $status; on standard error:"
    cat "$work/err"
    echo "in the cache:"
    find "$cache" -maxdepth 2 2>/dev/null
    failed=1
  fi
}

# says PATTERN: the last run failed with a single line besides those about
# progress, which matches PATTERN.
says () {
  grep -vE '^run: (\[|  )' "$work/err" >"$work/sentence"
  [ "$status" != 0 ] && [ "$(wc -l <"$work/sentence")" = 1 ] &&
    grep -qE -- "$1" "$work/sentence"
}

nothing_half () {
  [ -z "$(find "$cache" -maxdepth 1 \
    \( -name tmp -o -name 'root-*' -o -name 'guest-*' \) 2>/dev/null)" ]
}

kept_packages () { [ -f "$cache/debs-$STUB_SUITE/fetched_1_all.deb" ]; }

ends_with () { says "$1" && nothing_half; }


# results: prints the plan of TAP, and exits.
results () {
  echo "1..$number"
  exit $failed
}
