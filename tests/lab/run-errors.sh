#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# ./run after a failure of the machine: it prints one sentence, has an exit
# status, and leaves nothing incomplete.

# shellcheck source=tests/lab/run-stubs.sh
. "$(dirname "$0")/run-stubs.sh"

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
check "fetched packages are kept" kept_packages
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
check "an unknown cause" ends_with \
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

# A stub, because no user namespace can be made in a chroot such as the build
# root (EPERM).
the_machine 9000 done
lab 'as_root () { echo "0 1000 1"; }; prepare_root'
check "a user namespace with one user" ends_with \
  'this user namespace has 1 user IDs.* need 65536'
check "nothing is begun in it" [ ! -e "$work/calls" ]

# A stub of a checkout
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

# the_guest COMMANDS: boots a guest, with COMMANDS as a stub for qemu (). They
# get the kernel's log as $4, write the command's exit status to $1/status, and
# find the number of the boot in $n.
the_guest () {
  rm -f "$work/n"
  lab 'TOP=$STUB/tree LOGS=$STUB/logs OUT=$STUB/out IMAGE=$STUB/image
    mkdir -p "$IMAGE/backports"
    : >"$IMAGE/backports/vmlinuz"
    guest_command () { :; }
    qemu () { echo >>"$STUB/n"; n=$(wc -l <"$STUB/n"); '"$1"'; }
    vm backports 60 1G true'
}
boots () { [ "$(wc -l <"$work/n")" = "$1" ]; }

# shellcheck disable=SC2016
the_guest 'echo Oops >"$4"
  [ $n -lt 3 ] || { echo "lab: command starts" >>"$4"; echo 7 >"$1/status"; }'
check "a guest that dies while it starts is started again" [ $status = 7 ]
# shellcheck disable=SC2016
the_guest 'echo Oops >"$4"'
check "but not for ever" boots 3
check "and its kernel's log is shown" grep -q '^  Oops$' "$work/err"
# shellcheck disable=SC2016
the_guest 'echo "lab: command starts" >"$4"'
check "a guest that dies in its command is not started again" boots 1
check "and the run fails" [ $status = 125 ]

# The disk of build/
stub meson <<'END'
#!/bin/sh
# Only a write reports a full disk.
exec dd if=/dev/zero of="$2/build.ninja" bs=1M count=64
END
unshare --mount sh -c 'mount -t tmpfs -o size=1m small "$1/build" && cd "$1" &&
  tests/lab/native.py build plain' sh "$work/tree" >"$work/out" 2>"$work/err"
status=$?
check "a full disk below build/" says \
  'build/native cannot be written \(No space left on device\): make room'

results
