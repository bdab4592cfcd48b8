#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What ./run says where the machine does not do its part: one sentence, an exit
# status, and nothing half made is left. Stubs stand for the mirror, mmdebstrap
# and the disk, so that no network is needed.

set -u
[ "$(id -u)" = 0 ] && unshare --mount --pid --fork true 2>/dev/null || {
  echo "needs root that may mount, as in ./run sh"; exit 77; }
top=$(cd "$(dirname "$0")/../.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work/cache STUB=$work
cache=$work/cache/gst-dmabuf
number=0
failed=0
pid=

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
  exec env --default-signal=INT bash -c 'TOP=$1
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

the_machine 9000 fail \
  'Err:1 http://mirror.invalid/debian trixie InRelease' \
  '  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111)' \
  'E: Some index files failed to download.' 'E: mmdebstrap failed to run'
run
check "a proxy that refuses" ends_with \
  'network does not answer, "Could not connect to 127.*proxy.*run the same again'
check "the log is named and has it all" \
  grep -q 'a word that is for the log only' \
  "$(sed -n 's/.*(log: \(.*\))$/\1/p' "$work/sentence")"
check "packages that were fetched are kept" kept_packages
echo 'done' >"$work/then"
lab prepare_root
check "the next run makes it" [ "$status" = 0 ]
check "from those packages" grep -q 'with 1 packages' "$work/err"
check "which are gone then" [ ! -e "$cache/debs-$STUB_SUITE" ]

lab build_image
check "the disk fills up under the image" says \
  "guest's image could not be made: the disk of $cache is full: make room"
check "the root stays" test -n "$(find "$cache" -name 'root-*')"

the_machine 9000 fail 'E: Unable to locate package no-such-package'
run
check "a mirror without a package" ends_with \
  'the mirror lacks something, "Unable to locate package no-such-package"'

the_machine 9000 fail \
  "E: The repository 'http://mirror.invalid/debian x' does not have a Release file."
run
check "a mirror without a suite" ends_with 'lacks .*does not have a Release file'

the_machine 9000 fail 'E: mmdebstrap failed to run'
run
check "a cause that is not known" ends_with \
  'could not be made: mmdebstrap failed to run; then run the same again'

the_machine 9000 done
touch "$work/no-mirror"
run
check "apt without a mirror" ends_with 'apt on this machine names no Debian mirror'

the_machine 9000 fail 'dpkg: error: cannot write: No space left on device'
run
check "the disk fills up under the root" ends_with \
  "the disk of $cache is full: make room there, or name another folder"
check "and is freed of the packages" [ ! -e "$cache/debs-$STUB_SUITE" ]

the_machine 64 done
run
check "too small a disk" ends_with "has 64 MB left, and the build root needs"
check "nothing is begun on it" [ ! -e "$work/calls" ]

the_machine 9000 done
echo file >"$work/cache"
run
check "a cache that cannot be made" says "$cache cannot be made or written"

# Signals, in the middle: of the root, of the image.
make_root () {
  exec env --default-signal=INT "$top/run" sh --no-build -- true \
    </dev/null >"$work/out" 2>"$work/err"
}
make_image () {
  mkdir -p "$cache"
  # shellcheck disable=SC2016
  in_lab 'trap "exit 130" INT
    room () { :; }
    enter () { as_root bash -c "echo 1 >\$STUB/hangs; exec sleep 1000"; }
    make_cached "$IMAGE" build_image 1 "the guest'"'"'s image"'
}
interrupt () { # SIGNAL WHAT
  the_machine 9000 hang
  "$2" &
  pid=$!
  until [ -s "$work/hangs" ]; do
    kill -0 $pid 2>/dev/null || return
    sleep 0.1
  done
  kill "-$1" $pid
  { wait $pid; } 2>/dev/null
  status=$?
}

# Its process is that of another namespace: find it by what it waits with.
all_ended () {
  until ! grep -qsxz "STUB=$work" $(grep -lsxz 1000 /proc/[0-9]*/cmdline |
      sed 's/cmdline$/environ/') /dev/null; do sleep 0.1; done
}

for signal in INT:130 TERM:143 HUP:129; do
  interrupt "${signal%:*}" make_root
  check "SIG${signal%:*}" ends_with 'stopped before the build root was complete'
  check "SIG${signal%:*}'s exit status" [ $status = "${signal#*:}" ]
  check "SIG${signal%:*} ends all" all_ended
done
check "packages that were fetched outlive a signal" kept_packages

for signal in INT:130 TERM:143; do
  interrupt "${signal%:*}" make_image
  check "SIG${signal%:*} while the image is made" ends_with \
    "stopped before the guest's image was complete"
  check "its exit status" [ $status = "${signal#*:}" ]
  check "it ends all" all_ended
done

interrupt KILL make_root
check "SIGKILL ends all" all_ended
echo fail >"$work/then"
run
check "the next run clears up after SIGKILL" nothing_half
check "and begins with what was fetched" grep -q 'with 1 packages' "$work/err"

# Such a namespace cannot be made in a chroot, which the build root is.
the_machine 9000 done
lab 'as_root () { echo "0 1000 1"; }; prepare_root'
check "a user namespace with one user" ends_with \
  'this user namespace has 1 user IDs.* need 65536'
check "nothing is begun in it" [ ! -e "$work/calls" ]

# A checkout of its own.
mkdir -p "$work/tree/tests" "$work/tree/build"
ln -s "$top/tests/lab" "$work/tree/tests/lab"

# shellcheck disable=SC2016
lab 'TOP=$STUB/tree
  need_qemu () { :; }; prepare_roots () { :; }; build () { :; }
  in_top () { echo 0 backports 1; }
  prepare_guest () { exit 1; }
  lanes=(none) names=() lab=yes cases=plan kernel=
  run_tests'
check "a guest that cannot be made fails the run" [ $status = 1 ]
check "by one failure" grep -q '^0 passed, 1 failed, 0 skipped$' "$work/out"

# The build's own disk.
stub meson <<'END'
#!/bin/sh
# What is full is found out by a write.
exec dd if=/dev/zero of="$2/build.ninja" bs=1M count=64
END
unshare --mount sh -c 'mount -t tmpfs -o size=1m small "$1/build" && cd "$1" &&
  tests/lab/native.py build plain' sh "$work/tree" >"$work/out" 2>"$work/err"
status=$?
check "a full disk below build/" says \
  'build/native cannot be written \(No space left on device\): make room'

echo "1..$number"
exit $failed
