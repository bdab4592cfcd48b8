# SPDX-License-Identifier: LGPL-2.1-or-later
# A machine for the tests of ./run: stubs stand for the mirror, mmdebstrap and the
# disk, so that no network is needed. Sourced by them.
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

stub () { # NAME: a program of that name, from standard input
  mkdir -p "$work/bin"
  cat >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}

# apt names a mirror, or none.
stub apt-get <<'END'
#!/bin/sh
[ "$1" = indextargets ] || exit 1
[ -f "$STUB/no-mirror" ] || echo 'Debian|http://mirror.invalid/debian|main'
END
stub apt-config <<'END'
#!/bin/sh
END
# A disk with as many MB left as the file says.
stub df <<'END'
#!/bin/sh
echo 'Filesystem 1M-blocks Used Available Capacity Mounted'
echo "stub 9999 0 $(cat "$STUB/free") 0% /"
END
# Begins a root and fetches a package, then prints what it is told and fails, or
# hangs, or is done.
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

# the machine FREE THEN [LINE…]: how the next run finds it.
the_machine () {
  rm -rf "$work/cache" "$work/calls" "$work/hangs" "$work/no-mirror"
  echo "$1" >"$work/free"
  echo "$2" >"$work/then"
  shift 2
  printf '%s\n' "$@" >"$work/say"
}

# run: as a user does; what it printed is in $work/err.
run () {
  "$top/run" sh --no-build -- true </dev/null >"$work/out" 2>"$work/err"
  status=$?
}

# in_lab COMMANDS: this process becomes a shell with the lab's functions, the
# making of the image replaced.
in_lab () {
  # shellcheck disable=SC2016
  exec env --default-signal=INT,TERM,HUP bash -c 'TOP=$1
    for part in lib root roots inside cached vm boots test; do
      . "$TOP/tests/lab/$part.sh"; done
    enter () { as_root bash -c "echo \"\$1\" >&2; exit 1" bash \
      "mke2fs: No space left on device"; }
    eval "$2"' bash "$top" "$1" </dev/null >"$work/out" 2>"$work/err"
}

lab () { # COMMANDS: the same, waited for
  (in_lab "$1")
  status=$?
}

check () { # NAME COMMAND…
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

# says PATTERN: that, in the one line that tells of no progress.
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


# results: the last lines, and the exit status.
results () {
  echo "1..$number"
  exit $failed
}
