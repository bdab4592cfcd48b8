#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# boot: gpu
#
# The bundle that ./run test --gpu makes for other machines runs from its own
# folder, without this build and without GStreamer, and runs all tests. Without
# a GPU it names a remedy.
set -eu

home=$(mktemp -d)
bundle=$home/gpu-test
log=$bundle.log
tests/gpu/bundle.sh "$bundle" \
  "${DMABUF_BUILD:-build/native}/tests/gpu/vulkan-sync"
lib=$bundle/lib
mesa=$(env | grep -E '^(GALLIVM|LP|VK_LOADER)_') || true # From guest-init

fail () { echo "$*"; cat "$log"; exit 1; }

# alone VARIABLE=VALUE… COMMAND…: runs COMMAND in an empty environment; sets
# $status, and leaves the output in $log.
alone () {
  set +e
  # shellcheck disable=SC2086 # The words of $mesa are assignments
  env -i PATH="$PATH" HOME="$home" $mesa G_DEBUG=fatal-criticals "$@" \
    >"$log" 2>&1
  status=$?
  set -e
}

alone "$lib/c/ld.so" --library-path "$lib/project:$lib/glib:$lib/c" \
  --list "$bundle/vulkan-sync"
[ $status = 0 ] || fail "its libraries: exit status $status"
if grep '=>' "$log" | grep -v "=> $bundle/"; then
  fail "not all of its libraries are in the bundle"
fi
! grep -i 'gst' "$log" || fail "it needs GStreamer"
cat "$log"

alone GPU_LIBRARIES=all GST_DMABUF_VK_VALIDATE=1 "$bundle/run"
[ $status = 0 ] || fail "exit status $status"
! grep -E '^not ok|SKIP' "$log" || fail "not all tests ran"
planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log")
[ "${planned:-0}" -ge 11 ] || fail "only ${planned:-no} tests"
[ "$(grep -c '^ok ' "$log")" = "$planned" ] || fail "not all $planned tests ran"
grep '^ok ' "$log"

# With the libraries of this machine
alone "$bundle/run" -p /gpu/import/impossible
[ $status = 0 ] && grep -q '^ok 1' "$log" || fail "exit status $status"

# skipped WHAT WORDS VARIABLE=VALUE…: the bundle has to skip, and print WORDS.
skipped () {
  what=$1 words=$2
  shift 2
  alone "$@" "$bundle/run"
  [ $status = 77 ] || fail "$what: exit status $status, not 77"
  grep "$words" "$log" || fail "$what: it does not say '$words'"
}
skipped 'no driver' '^1\.\.0 # SKIP .*install one (Debian: mesa-vulkan-drivers)' \
  VK_DRIVER_FILES=/nonexistent

# The error for an unknown device lists the devices.
alone GPU_DEVICE=none "$bundle/run"
[ $status = 1 ] || fail "a wrong device: exit status $status, not 1"
grep 'Bail out.*there are: 0: ' "$log" || fail "it does not say which there are"
