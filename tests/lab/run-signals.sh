#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The cache and all processes after ./run got a signal while it made the root or
# the image.

# shellcheck source=tests/lab/run-stubs.sh
. "$(dirname "$0")/run-stubs.sh"

pid=
make_root () {
  exec env --default-signal=INT,TERM,HUP "$top/run" sh --no-build -- true \
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

# The waiting process is in another PID namespace: find it by its argument and
# environment.
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
check "fetched packages are kept after a signal" kept_packages

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
check "and uses the fetched packages" grep -q 'with 1 packages' "$work/err"

results
