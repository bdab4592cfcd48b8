# SPDX-License-Identifier: LGPL-2.1-or-later
# The guest's files, made once per root: extra kernel modules, the disk image,
# and for each lane a small initramfs. And all the cached things together.
# shellcheck shell=bash

IMAGE_RECIPE=("${ROOT_RECIPE[@]}" "$LAB/image.sh" "$LAB/image-inside.sh"
  "$LAB/modules.sh" "$LAB/initramfs-init")
IMAGE=$CACHE/guest-$(recipe "${IMAGE_RECIPE[@]}")

# make_cached DIR FUNCTION: FUNCTION fills a temporary directory, which gets
# its name only when it is complete. Called under the lock: whatever temporary
# directory is there was left by an interrupted run.
make_cached () {
  [ ! -d "$1" ] || return 0
  local tmp=$CACHE/tmp
  as_root rm -rf "$tmp"
  mkdir "$tmp"
  "$2" "$tmp" || return 1
  mv -T "$tmp" "$1"
}

# build_root DIR, build_image DIR: see make_cached.
build_root () {
  local log=$CACHE/root.log
  progress "building the build root (Debian $SUITE), about 3 minutes," \
    "log in $log"
  as_root bash -c 'TOP=$1; . "$TOP/tests/lab/lib.sh"
    . "$LAB/root.sh"; bootstrap "$2"' bash "$TOP" "$1" 2>&1 |
    tee "$log" | sed -un 's/^I: /run:   /p' >&2
  [ "${PIPESTATUS[0]}" = 0 ] || { tail -n 15 "$log" >&2
    say "the build root could not be made; the whole log is $log"; return 1; }
}

build_image () {
  local log=$CACHE/guest.log
  progress "building kernel modules and the guest's image, about 2 minutes," \
    "log in $log"
  enter "$1" -- "$LAB/image-inside.sh" "$LAB" "$1" 2>&1 |
    tee "$log" | sed -un 's/^I: /run:   /p' >&2
  [ "${PIPESTATUS[0]}" = 0 ] || { tail -n 15 "$log" >&2
    say "the guest's image could not be made; the log is $log"; return 1; }
}
