# SPDX-License-Identifier: LGPL-2.1-or-later
# What is made once and kept: the build root, and the guest's kernels and disk
# image. Each is named after its recipe, the files that describe it.
# shellcheck shell=bash

ROOT_RECIPE=("$LAB/packages" "$LAB/root.sh" "$LAB/kernels.sh")
ROOT=$CACHE/root-$(recipe "${ROOT_RECIPE[@]}")
IMAGE_RECIPE=("${ROOT_RECIPE[@]}" "$LAB/image.sh" "$LAB/modules.sh"
  "$LAB/initramfs-init")
IMAGE=$CACHE/guest-$(recipe "${IMAGE_RECIPE[@]}")

# prepare_root, prepare_guest: make what is not in the cache.
prepare_root () {
  mkdir -p "$CACHE"
  if [ ! -d "$ROOT" ]; then
    need mmdebstrap mmdebstrap xz xz-utils
    can_as_root
    locked "$CACHE/lock" make_cached "$ROOT" build_root || exit 1
  fi
  touch "$ROOT"
}

need_qemu () {
  [ "$(uname -m)" = x86_64 ] ||
    die "the virtual machine is for x86-64, and this is $(uname -m);" \
      "./run demo --here and ./run test --no-vm do without"
  need qemu-system-x86_64 qemu-system-x86
}

prepare_guest () {
  need_qemu
  prepare_root
  [ -d "$IMAGE" ] ||
    locked "$CACHE/lock" make_cached "$IMAGE" build_image || exit 1
  touch "$IMAGE"
}

# forget_old: drop what no checkout has used for two weeks.
forget_old () {
  local dir
  find "$CACHE" -maxdepth 1 \( -name 'root-*' -o -name 'guest-*' \) \
    -mtime +14 -print | while read -r dir; do as_root rm -rf "$dir"; done
}

# make_cached DIR FUNCTION: FUNCTION fills a temporary directory, which gets
# its name only when it is complete. Called under the lock: whatever temporary
# directory is there was left by an interrupted run.
make_cached () {
  [ ! -d "$1" ] || return 0
  local tmp=$CACHE/tmp
  as_root rm -rf "$tmp"
  forget_old
  mkdir "$tmp"
  "$2" "$tmp" || return 1
  mv -T "$tmp" "$1"
}

# steps: of what a long step prints, the lines that say how far it is.
steps () { sed -un '/^I: running --/d; s/^I: /run:   /p' >&2; }

# build_root DIR, build_image DIR: see make_cached.
build_root () {
  local log=$CACHE/root.log
  progress "building the build root (Debian $SUITE), about 3 minutes," \
    "log in $log"
  # shellcheck disable=SC2016
  as_root bash -c 'TOP=$1; . "$TOP/tests/lab/lib.sh"
    . "$LAB/root.sh"; bootstrap "$2"' bash "$TOP" "$1" 2>&1 |
    tee "$log" | steps
  [ "${PIPESTATUS[0]}" = 0 ] || { tail -n 15 "$log" >&2
    say "the build root could not be made; the whole log is $log"; return 1; }
}

build_image () {
  local log=$CACHE/guest.log
  progress "building kernel modules and the guest's image, about 2 minutes," \
    "log in $log"
  enter "$1" -- "$LAB/image.sh" "$LAB" "$1" 2>&1 |
    tee "$log" | steps
  [ "${PIPESTATUS[0]}" = 0 ] || { tail -n 15 "$log" >&2
    say "the guest's image could not be made; the log is $log"; return 1; }
}
